"""How near `apply` comes to what the server itself can take.

    .venv/bin/python tests/benchmarks/apply_rate.py [--duplicates 300] [--rounds 3] [--json FILE]

Carries a plan out on a fresh project of a private Label Studio (SQLite) and records the writes. Then sends the same
writes, bare, to a twin project, on as many connections and as fast as they are answered. Both in turn, several times;
the rate of duplicates per second of both, and their ratio, which should be at least 0.9.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "examples"), str(ROOT / "tests")]

from label_studio_server import LabelStudioServer  # noqa: E402
from labelonce.label_studio.applying import apply_plan  # noqa: E402
from labelonce.label_studio.server import Server  # noqa: E402
from labelonce.progress import Progress  # noqa: E402
from studio import Person, plan_for  # noqa: E402

CLUSTER = 6  # a representative and five duplicates


class Recorder(Server):
    """A connection that notes the writes that go through it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.sent: list[tuple[str, str, Any, Any]] = []

    def _ask(self, method: str, path: str, params: Any, body: Any = None, *rest: Any) -> Any:
        if method != "GET":
            self.sent.append((method, path, params, body))
        return super()._ask(method, path, params, body, *rest)


def fresh(owner: Person, duplicates: int, skip_queue: str) -> tuple[int, list[int], dict[int, list[int]]]:
    """A project with its tasks, and the groups by position."""
    project = owner.project(skip_queue=skip_queue)
    count = duplicates * CLUSTER // (CLUSTER - 1)
    tasks = owner.import_tasks(project, [{"image": f"http://127.0.0.1:9/{n}.png"} for n in range(3 * count)])
    groups = {head: list(range(head + 1, head + CLUSTER)) for head in range(0, count, CLUSTER)}
    return project, tasks, groups


def replay(owner: Person, sent: list[tuple[str, str, Any, Any]], old: list[int], new: list[int], project: int) -> float:
    """Send the same writes to a twin project; one task's writes stay in order, as do the bulk requests."""
    twin = dict(zip(old, new, strict=True))
    by_task: dict[int, list[tuple[str, str, Any, Any]]] = {}
    bulk: dict[str, list[tuple[str, str, Any, Any]]] = {}
    for method, path, params, body in sent:
        if path.startswith("/api/tasks/"):
            number = int(path.split("/")[3])
            there = path.replace(f"/{number}/", f"/{twin[number]}/")
            if method == "POST":
                body = {"result": [], "was_cancelled": True}
            by_task.setdefault(number, []).append((method, there, params, body))
        elif path.startswith("/api/dm/actions/"):
            included = [twin[number] for number in body["selectedItems"]["included"]]
            body = {**body, "selectedItems": {"all": False, "included": included}}
            bulk.setdefault(body["value_name"], []).append((method, path, {**params, "project": project}, body))
    session = requests.Session()
    session.headers["Authorization"] = f"Token {owner.token}"

    def send(writes: list[tuple[str, str, Any, Any]]) -> None:
        for method, path, params, body in writes:
            session.request(method, owner.url + path, params=params, json=body, timeout=60).raise_for_status()

    started = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(send, by_task.values()))
        for writes in bulk.values():
            list(pool.map(send, [[write] for write in writes]))
    return time.monotonic() - started


def measure(owner: Person, duplicates: int, skip_queue: str) -> dict[str, float]:
    """Rates of one round, in duplicates per second."""
    project, tasks, groups = fresh(owner, duplicates, skip_queue)
    recorder = Recorder(owner.url, owner.token, connections=2)
    started = time.monotonic()
    outcome = apply_plan(recorder, plan_for(owner.url, project, tasks, groups), Progress())
    ours = time.monotonic() - started
    twin, others, _ = fresh(owner, duplicates, skip_queue)
    bare = replay(owner, recorder.sent, tasks, others, twin)
    return {
        "writes": len(recorder.sent),
        "apply": outcome.skipped / ours,
        "bare": outcome.skipped / bare,
        "ratio": bare / ours,
    }


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--duplicates", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder, LabelStudioServer(Path(folder)) as server:
        owner = Person(server.url, server.token)
        print(f"{'skip_queue':<20} {'writes':>7} {'apply/s':>8} {'bare/s':>8} {'ratio':>6}")
        for skip_queue in ("REQUEUE_FOR_OTHERS", "IGNORE_SKIPPED"):
            rounds = [measure(owner, options.duplicates, skip_queue) for _ in range(options.rounds)]
            results[skip_queue] = rounds
            middle = {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
            print(
                f"{skip_queue:<20} {middle['writes']:>7.0f} {middle['apply']:>8.2f} {middle['bare']:>8.2f} "
                f"{middle['ratio']:>6.2f}"
            )
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
