"""What the report of a large project costs: `labelonce report` as a process of its own, with page, CSV and JSON.

    nice .venv/bin/python tests/benchmarks/report.py [--tasks 50000] [--html FILE] [--json FILE]

Imports tasks into a private Label Studio (SQLite), most of them duplicates with labelonce's tags and skips, in groups
of heavy-tailed size, and one in ten of the others with a person's annotation. Their pictures come from a web server,
which makes each when it is asked for. Prints seconds, CPU seconds and peak memory of the process, and the page's size.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from sync import IMPORTED, serve

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "examples"), str(ROOT / "tests")]

from label_studio_server import LabelStudioServer  # noqa: E402
from labelonce.label_studio import marks  # noqa: E402
from labelonce.planning import Decision, Role  # noqa: E402
from studio import BOX, Person  # noqa: E402
from web import Web  # noqa: E402

LATER = "2099-01-01T00:00:00Z"  # tags are believed when they are younger than their task


def rows(base: str, project: int, first: int, count: int) -> list[dict[str, Any]]:
    """Tasks to import, numbered from `first` on, as labelonce leaves them."""
    rng = np.random.default_rng(0)
    made: list[dict[str, Any]] = []
    while len(made) < count:
        size = min(int(2 + rng.pareto(1.2)), 100, count - len(made))
        head = first + len(made)
        for place in range(size):
            role = Role.DUPLICATE if place else Role.REPRESENTATIVE
            similarity = round(float(rng.uniform(55, 100)), 1) if place else 100.0
            decision = Decision(head + place, role, "the same scene, moved by a few pixels", head, head, similarity)
            tags = marks.tags(decision, skipped=bool(place)) | {marks.RUN: f"{LATER} #{project}"}
            task: dict[str, Any] = {"data": {"image": f"{base}/{head + place}-80.jpg", **tags}}
            if place:
                skip = marks.skip(project, head + place, LATER, decision)
                task["annotations"] = [{"was_cancelled": True, "result": skip["result"]}]
            elif rng.random() < 0.1:
                task["annotations"] = [{"result": [BOX], "lead_time": float(rng.uniform(2, 30))}]
            made.append(task)
    return made


def main() -> None:
    """Make the project, write the report, print figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=50_000)
    parser.add_argument("--html", type=Path, help="where to leave the page")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    web = Web()
    web.answer = serve
    with tempfile.TemporaryDirectory() as folder, LabelStudioServer(Path(folder, "server"), quiet=True) as label_studio:
        owner = Person(label_studio.url, label_studio.token)
        project = owner.project()
        (first,) = owner.import_tasks(project, [{"image": f"{web.url}/0-80.jpg"}])
        made = rows(web.url, project, first + 1, options.tasks - 1)
        for start in range(0, len(made), IMPORTED):
            owner.import_tasks(project, made[start : start + IMPORTED])
        page = (options.html or Path(folder, "report.html")).resolve()
        environment = {
            **os.environ,
            "LABEL_STUDIO_URL": label_studio.url,
            "LABEL_STUDIO_API_KEY": label_studio.token,
            "LABELONCE_ALLOW_HOST": "127.0.0.1",
        }
        files = ["--html", str(page), "--csv", str(Path(folder, "report.csv")), "--json"]
        command = [sys.executable, "-m", "labelonce", "report", "-p", str(project), *files]
        started = time.monotonic()
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
        if status:
            raise SystemExit("the report failed")
        figures = {
            "tasks": options.tasks,
            "duplicates": sum("annotations" in one and one["data"][marks.ROLE] == Role.DUPLICATE.value for one in made),
            "groups": sum(one["data"][marks.ROLE] == Role.REPRESENTATIVE.value for one in made),
            "pictures": page.read_text(encoding="utf-8").count("data:image/webp"),
            "seconds": round(seconds, 1),
            "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
            "peak_megabytes": round(used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6),
            "page_megabytes": round(page.stat().st_size / 1e6, 2),
        }
        print("\n".join(f"{name:<16} {value:>10,}" for name, value in figures.items()))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
