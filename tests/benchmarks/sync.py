"""What a sync costs beside a large project: with nothing new, and with some new images.

    nice .venv/bin/python tests/benchmarks/sync.py [--tasks 50000] [--new 10 100 1000] [--model dct] [--json FILE]

Imports tasks whose pictures a web server makes by their numbers, all different, into a private Label Studio (SQLite),
and decides for them once. Then times a sync with nothing new as a process of its own, beside `labelonce --help`, and
syncs after each import of new tasks, half of which show a picture that is there, encoded anew. Requests are those to
Label Studio; fetched images are counted apart. CPU seconds are those of labelonce, without the server.
"""

import argparse
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "examples"), str(ROOT / "tests")]

from label_studio_server import LabelStudioServer  # noqa: E402
from labelonce.label_studio.project import read_project  # noqa: E402
from labelonce.label_studio.server import Server  # noqa: E402
from labelonce.progress import Progress  # noqa: E402
from labelonce.settings import Settings  # noqa: E402
from labelonce.syncing import sync  # noqa: E402
from studio import Person  # noqa: E402
from web import Web, reply  # noqa: E402

IMPORTED = 5000  # tasks in one request
GRID, SIDE = 12, 96  # coloured fields on a side, and pixels


@dataclass(frozen=True)
class Row:
    """One sync."""

    new: int
    skipped: int
    seconds: float
    cpu_seconds: float
    reads: int
    writes: int
    images: int


class Counting(Server):
    """A connection that counts its requests."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.asked: Counter[bool] = Counter()

    def _ask(self, method: str, *rest: Any) -> Any:
        self.asked[method == "GET"] += 1
        return super()._ask(method, *rest)


def picture(number: int, quality: int) -> bytes:
    """A picture of coloured fields, another one for each number."""
    fields = np.random.default_rng(number).integers(0, 256, (GRID, GRID, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(fields).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def serve(handler: BaseHTTPRequestHandler) -> None:
    """Answer ``/NUMBER-QUALITY.jpg``."""
    number, quality = handler.path[1:].removesuffix(".jpg").split("-")
    reply(handler, picture(int(number), int(quality)), ETag=f'"{handler.path}"')


def cpu() -> float:
    """CPU seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def timed(server: Counting, web: Web, project: int, settings: Settings, new: int) -> Row:
    """Sync once."""
    server.asked.clear()
    web.seen.clear()
    started, used = time.monotonic(), cpu()
    synced = sync(server, read_project(server, project), settings, Progress())
    skipped = synced.outcome.skips_written if synced.outcome else 0
    return Row(
        new, skipped, time.monotonic() - started, cpu() - used, server.asked[True], server.asked[False], len(web.seen)
    )


def process(arguments: list[str], environment: dict[str, str]) -> float:
    """Seconds of a run of the command line, the best of three."""

    def once() -> float:
        started = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "labelonce", *arguments], env=environment, check=True, stdout=subprocess.DEVNULL
        )
        return time.monotonic() - started

    return min(once() for _ in range(3))


def main() -> None:
    """Make the project, sync, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=50_000)
    parser.add_argument("--new", type=int, nargs="*", default=[10, 100, 1000])
    parser.add_argument("--model", default="dct")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    web = Web()
    web.answer = serve
    with tempfile.TemporaryDirectory() as folder, LabelStudioServer(Path(folder, "server"), quiet=True) as label_studio:
        owner, store = Person(label_studio.url, label_studio.token), Path(folder, "store.sqlite3")
        project = owner.project()

        def add(numbers: range, quality: int) -> None:
            rows = [{"image": f"{web.url}/{number}-{quality}.jpg"} for number in numbers]
            for start in range(0, len(rows), IMPORTED):
                owner.import_tasks(project, rows[start : start + IMPORTED])

        server = Counting(label_studio.url, label_studio.token)
        settings = Settings(model=options.model, store=store, allow_host="127.0.0.1")
        print(f"{'tasks new':>10} {'skipped':>8} {'seconds':>8} {'CPU s':>7} {'reads':>6} {'writes':>7} {'images':>7}")

        def row(new: int) -> Row:
            found = timed(server, web, project, settings, new)
            print(
                f"{new:>10,} {found.skipped:>8,} {found.seconds:>8.1f} {found.cpu_seconds:>7.1f} {found.reads:>6,} "
                f"{found.writes:>7,} {found.images:>7,}",
                flush=True,
            )
            return found

        add(range(options.tasks), 90)
        rows = [row(options.tasks), row(0)]
        environment = {
            **os.environ,
            "LABEL_STUDIO_URL": label_studio.url,
            "LABEL_STUDIO_API_KEY": label_studio.token,
            "LABELONCE_STORE": str(store),
            "LABELONCE_MODEL": options.model,
        }
        nothing = process(["sync", "-p", str(project), "--json"], environment)
        start_up = process(["--help"], environment)
        print(
            f"a process with nothing new: {nothing:.2f} s, of which labelonce --help takes {start_up:.2f} s", flush=True
        )
        first = options.tasks
        for new in options.new:
            add(range(first, first + new - new // 2), 90)
            add(range(first - new, first - new + new // 2), 75)
            first += new
            rows.append(row(new))
        rows.append(row(0))
    if options.json:
        found = {
            "tasks": options.tasks,
            "nothing": nothing,
            "start_up": start_up,
            "rows": [asdict(one) for one in rows],
        }
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
