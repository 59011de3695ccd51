"""What `labelonce check` costs beside many known images.

    .venv/bin/python tests/benchmarks/check.py FOLDER_OF_PHOTOS [--known 100000] [--rounds 5] [--json OUT]

Looks one photo up by the command line, a process of its own, and tells seconds of processor time and of wall time:

- start: `labelonce --help`.
- one known: against a catalogue of one picture. What this takes longer than the start is the price of Python's
  libraries, of the network and of reading the photo.
- new: against --known random vectors of the default embedder's size, none of them like the photo.
- look-alikes: the same, and 64 vectors that the embedding takes for the photo but that have other photos' features, so
  that as many are verified as ever are, and none is a duplicate.
- batch: the first 20 photos together against the random vectors, per photo.

Catalogue and store are fabricated in a temporary folder (about 0.3 GB for 100,000; TMPDIR says where). The photos are
read once before, so that the network is kept in the cache folder and the photos' embeddings are in the store, as they
are after the first question; `fresh` is the question on a photo that no one asked before. Figures are medians of the
rounds, and inflated while others use the machine.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from labelonce import embedding
from labelonce.catalogue import save_catalogue
from labelonce.embedding.base import unit
from labelonce.progress import Progress
from labelonce.reading import FEATURES, KnownImages, Reader
from labelonce.sources.folder import FolderSource
from labelonce.store import ImageRecord, Store
from labelonce.tasks import Task

LOOKALIKES, SIMILAR = 64, 0.9  # their number, and their cosine similarity to the photo
BATCH = 20
QUIET = Progress()


def fabricate(photos: Path, folder: Path, store: Store, path: Path, known: int, *, lookalikes: bool) -> None:
    """Write a catalogue of random vectors for a folder, and store what the look-alikes need."""
    embedder = embedding.load("lite0")
    source = FolderSource(folder, max_bytes=1)
    rng = np.random.default_rng(0)
    vectors = unit(rng.normal(size=(known, embedder.dimension)))
    pixels = [f"{number:064x}" for number in range(known)]
    if lookalikes:
        tasks = sorted(FolderSource(photos, max_bytes=1 << 30).tasks(), key=lambda task: task.id)
        reader = Reader(FolderSource(photos, max_bytes=1 << 30), embedder, store)
        images = reader.read(tasks, QUIET)
        (first,) = images.rows[tasks[0].id]
        noise = unit(rng.normal(size=(LOOKALIKES, embedder.dimension)))
        vectors[:LOOKALIKES] = unit(SIMILAR * images.vectors[first] + (1 - SIMILAR**2) ** 0.5 * noise)
        rows = [row for row in range(len(images.records)) if row != first]
        features = [reader.features(images, rows[number % len(rows)]) for number in range(LOOKALIKES)]
        store.put_images(
            [],
            [(pixels[number], embedder.identity, vectors[number]) for number in range(LOOKALIKES)],
            [(pixels[number], FEATURES, content) for number, content in enumerate(features) if content],
        )
    tasks = [Task(f"{number}.jpg", (f"{number}.jpg",)) for number in range(known)]
    made = KnownImages(
        records=[ImageRecord(one, one, 640, 480, 1.0) for one in pixels],
        vectors=vectors,
        rows={task.id: (row,) for row, task in enumerate(tasks)},
        digests={task.id: (pixels[row],) for row, task in enumerate(tasks)},
        problems={},
        origins=[(task, task.images[0]) for task in tasks],
        tasks=tasks,
    )
    save_catalogue(path, source, embedder.identity, made, QUIET)


def cost(arguments: Sequence[object], store: Path, rounds: int) -> dict[str, float]:
    """Median seconds of the processor and of the wall clock of one command."""
    found = []
    for _ in range(rounds):
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "labelonce", *map(str, arguments)],
            env={**os.environ, "LABELONCE_STORE": str(store)},
            capture_output=True,
            check=False,
        )
        wall = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode not in (0, 4):
            sys.exit(done.stderr.decode())
        found.append((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall))
    cpu, wall = (statistics.median(part) for part in zip(*found, strict=True))
    return {"cpu": round(cpu, 3), "wall": round(wall, 3)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--known", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "store.sqlite3"
        store = Store(path, QUIET)
        for name, count in (("one", 1), ("new", options.known), ("lookalikes", options.known)):
            (Path(temporary) / name).mkdir()
            fabricate(options.photos, Path(temporary) / name, store, path, count, lookalikes=name == "lookalikes")
        store.close()
        source = FolderSource(options.photos, max_bytes=1)
        photos = [options.photos / str(task.id) for task in sorted(source.tasks(), key=lambda task: task.id)]
        for name in ("one", "new", "lookalikes"):  # also brings the files into memory
            cost(["check", *photos[:BATCH], "--in", Path(temporary) / name], path, 1)
        found["start"] = cost(["--help"], path, options.rounds)
        for title, name in (("one known", "one"), ("new", "new"), ("look-alikes", "lookalikes")):
            found[title] = cost(["check", photos[0], "--in", Path(temporary) / name], path, options.rounds)
        batch = cost(["check", *photos[:BATCH], "--in", Path(temporary) / "new"], path, options.rounds)
        more = len(photos[:BATCH]) - 1
        found["batch"] = {kind: round((batch[kind] - found["new"][kind]) / more, 3) for kind in batch}
        fresh = Path(temporary) / "empty.sqlite3"  # another store, beside which the catalogue is not
        fresh.with_name("empty.sqlite3.catalogue").symlink_to(path.with_name("store.sqlite3.catalogue"))
        found["fresh"] = cost(["check", photos[0], "--in", Path(temporary) / "new"], fresh, 1)
    print(f"{options.known:,} known images, seconds\n{'':12} {'cpu':>8} {'wall':>8}")
    for title, one in found.items():
        print(f"{title:12} {one['cpu']:8.3f} {one['wall']:8.3f}")
    if options.json:
        options.json.write_text(json.dumps({"known": options.known, "seconds": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
