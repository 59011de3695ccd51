"""How busy reading keeps the cores, and how near a slow source comes to what the source itself can give.

    .venv/bin/python tests/benchmarks/reading.py FOLDER [--latency 0.05] [--workers 16] [--model lite0] [--rounds 3]

Reads a folder into an empty store, then again from that store. Of each: images per second, processor time per image,
and utilisation, the processor time over the time that all cores had. With --latency every fetch waits that many
seconds first, as a network does; beside it stands the rate of fetching alone, with as many threads, and the rate that
the threads allow, workers / latency. The network is loaded before the clock starts.
"""

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from labelonce import embedding
from labelonce.embedding.base import Embedder
from labelonce.progress import Progress
from labelonce.reading import Reader
from labelonce.sources.base import Content, Source
from labelonce.sources.folder import FolderSource
from labelonce.sources.memory import MemorySource
from labelonce.store import Store
from labelonce.tasks import Task
from labelonce.threads import cores

QUIET = Progress()


class Slow(Source):
    """A source behind a network: every fetch waits, and takes no processor time."""

    def __init__(self, source: Source, latency: float) -> None:
        self.name, self.identity = source.name, source.identity
        self._source = source
        self._latency = latency

    def tasks(self) -> Iterator[Task]:
        """List the tasks at once."""
        return self._source.tasks()

    def read(self, task: Task, location: str, known: str | None = None) -> Content | None:
        """Wait, and read."""
        time.sleep(self._latency)
        return self._source.read(task, location, known)


@dataclass(frozen=True)
class Cost:
    """What some work took, seconds."""

    wall: float
    cpu: float

    def row(self, title: str, images: int) -> str:
        """One line of the table."""
        rate, each, busy = images / self.wall, 1e3 * self.cpu / images, self.cpu / (self.wall * cores())
        return f"{title:<24} {rate:>9.1f} {each:>12.2f} {100 * busy:>12.0f} %"


def cost(work: Callable[[], object]) -> Cost:
    """Do some work and say what it took."""
    began, wall = _cpu(), time.monotonic()
    work()
    return Cost(time.monotonic() - wall, _cpu() - began)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measure(source: Source, tasks: list[Task], embedder: Embedder, workers: int) -> dict[str, Cost]:
    """One round: into an empty store, and again from it."""
    with tempfile.TemporaryDirectory() as folder:

        def read() -> None:
            store = Store(Path(folder, "store.sqlite3"), QUIET)
            Reader(source, embedder, store, workers=workers).read(tasks, QUIET)
            store.close()

        return {"first run": cost(read), "second run": cost(read)}


def main() -> None:
    """Run the rounds and print the table of their medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--model", default="lite0")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    source: Source = FolderSource(options.folder, max_bytes=200_000_000)
    tasks = sorted(source.tasks(), key=lambda task: task.id)
    embedder = embedding.load(options.model)
    first = source.read(tasks[0], tasks[0].images[0])
    if first is not None:
        measure(MemorySource({"first": first.data}), [Task("first", ("first",))], embedder, 1)
    if options.latency:
        source = Slow(source, options.latency)

    def fetch() -> None:
        with ThreadPoolExecutor(options.workers) as pool:
            for _ in pool.map(lambda task: source.read(task, task.images[0]), tasks):
                pass

    rounds = [
        {"fetching alone": cost(fetch), **measure(source, tasks, embedder, options.workers)}
        for _ in range(options.rounds)
    ]
    print(f"{len(tasks):,} images, {options.workers} threads that fetch, {cores()} cores")
    if options.latency:
        print(f"{options.latency:g} s for each fetch: {options.workers / options.latency:,.0f} images/s at most")
    print(f"{'':<24} {'images/s':>9} {'CPU ms/image':>12} {'utilisation':>14}")
    for title in rounds[0]:
        wall, cpu = (statistics.median(getattr(one[title], name) for one in rounds) for name in ("wall", "cpu"))
        print(Cost(wall, cpu).row(title, len(tasks)))


if __name__ == "__main__":
    main()
