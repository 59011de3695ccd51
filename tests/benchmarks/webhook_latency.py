"""How soon `labelonce serve` answers a webhook, with nothing to do and in the middle of a run.

    .venv/bin/python tests/benchmarks/webhook_latency.py [--images 2000] [--webhooks 500] [--model lite0] [--json FILE]

Starts a private Label Studio and the service, uploads made-up photos, a third of them copies encoded anew, and sends
webhooks as Label Studio does, each on a connection of its own: first while nothing goes on, then from the first moment
of the run that compares all the photos and skips the copies. Sender, service, run and Label Studio share this machine.
Tells how many answers were not 200, and the milliseconds from connecting to the whole answer; all of them should be
below 50. The run has to outlast the webhooks, or the benchmark says so and ends with 1.
"""

import argparse
import http.client
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "examples"), str(ROOT / "tests")]

from label_studio_server import LabelStudioServer  # noqa: E402
from labelonce.label_studio.webhooks import HEADER  # noqa: E402
from pictures import encoded, texture  # noqa: E402
from studio import Person  # noqa: E402

SECRET = "a-secret-for-this-benchmark-alone"
AT_ONCE = 100  # files in one upload
GAP = 0.02  # seconds between webhooks
WAKES = b'{"action": "TASKS_CREATED"}'
WAKES_NOT = b'{"action": "PROJECT_UPDATED"}'


@dataclass(frozen=True)
class Latency:
    """Milliseconds of some webhooks.

    Parameters
    ----------
    wrong
        Answers that were not 200.
    """

    situation: str
    count: int
    wrong: int
    median: float
    p99: float
    longest: float


def latency(situation: str, answers: Sequence[tuple[int, float]]) -> Latency:
    """Sum up statuses and seconds."""
    times = sorted(1000 * seconds for _, seconds in answers)
    p99 = times[min(len(times) - 1, round(0.99 * len(times)))]
    wrong = sum(status != 200 for status, _ in answers)
    return Latency(situation, len(times), wrong, statistics.median(times), p99, times[-1])


def table(found: Sequence[Latency]) -> str:
    """The figures, a line for each situation."""
    head = f"{'':<18}{'webhooks':>9}{'not 200':>9}{'median ms':>11}{'99 % ms':>9}{'longest ms':>12}"
    return "\n".join(
        [head]
        + [
            f"{one.situation:<18}{one.count:>9}{one.wrong:>9}{one.median:>11.1f}{one.p99:>9.1f}{one.longest:>12.1f}"
            for one in found
        ]
    )


def send(url: str, body: bytes, count: int) -> list[tuple[int, float]]:
    """Send webhooks one after the other; status and seconds of each."""
    parts, answers = urlsplit(url), []
    for _ in range(count):
        began = time.perf_counter()
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        connection.request("POST", parts.path, body, {HEADER: SECRET, "Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        answers.append((answer.status, time.perf_counter() - began))
        time.sleep(GAP)
    return answers


def photos(count: int) -> dict[str, bytes]:
    """Made-up photos of 448 pixels; every third is another one's copy, encoded anew."""
    made: dict[str, bytes] = {}
    for number in range(count):
        copy = number % 3 == 2
        image = texture(number - 1 if copy else number, (448, 448))
        made[f"{number}.jpg"] = encoded(image, "JPEG", quality=70 if copy else 92)
    return made


def runs(url: str, project: int) -> float:
    """How many runs have ended."""
    lines = requests.get(f"{url}/metrics", timeout=30).text.splitlines()
    (line,) = [line for line in lines if line.startswith(f'labelonce_runs_total{{project="{project}"}}')]
    return float(line.split()[-1])


def measure(server: LabelStudioServer, folder: Path, images: int, webhooks: int, model: str) -> list[Latency]:
    """Both situations.

    Raises
    ------
    RuntimeError
        The run was over before the webhooks were.
    """
    owner = Person(server.url, server.token)
    project = owner.project()
    environment = {
        **os.environ,
        "LABEL_STUDIO_URL": server.url,
        "LABEL_STUDIO_API_KEY": server.token,
        "LABELONCE_WEBHOOK_SECRET": SECRET,
        "LABELONCE_STORE": str(folder / "store.sqlite3"),
        "LABELONCE_MODEL": model,
    }
    command = [sys.executable, "-m", "labelonce", "serve", "-p", str(project), "--port", "0", "--settle", "0.1"]
    with subprocess.Popen(command, env=environment, cwd=folder, stderr=subprocess.PIPE, text=True) as service:
        try:
            assert service.stderr is not None
            url = next(line.split()[-1] for line in service.stderr if line.startswith("Serving"))
            while runs(url, project) < 1:
                time.sleep(0.1)
            target = f"{url}/webhooks/{project}"
            idle = latency("nothing to do", send(target, WAKES_NOT, webhooks))
            files = photos(images)
            names = list(files)
            for start in range(0, images, AT_ONCE):
                owner.upload(project, {name: files[name] for name in names[start : start + AT_ONCE]})
            before = runs(url, project)
            busy = latency("in a run", send(target, WAKES, webhooks))
            if runs(url, project) > before:
                raise RuntimeError("The run was over before the webhooks were: give more --images or fewer --webhooks.")
        finally:
            service.send_signal(signal.SIGTERM)
    return [idle, busy]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--webhooks", type=int, default=500)
    parser.add_argument("--model", default="lite0")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with LabelStudioServer(folder / "label-studio", quiet=True) as server:
            try:
                found = measure(server, folder, options.images, options.webhooks, options.model)
            except RuntimeError as error:
                print(error, file=sys.stderr)
                return 1
    print(table(found))
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
