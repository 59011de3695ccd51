"""Links and clusters many vectors: `scale.py [--rows 10000,100000,1000000] [--engine auto] [--json FILE]`.

Each size in a process of its own. The vectors are made up: two thirds singletons, bursts of heavy-tailed size, a block
of up to 5,000 equal ones, and chains of 1,000 that drift slowly; places at random.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from labelonce.clustering import Preference, cluster, represent
from labelonce.neighbours import ENGINES, NeighbourSearch, Pairs, link

DIMENSION = 1373  # of the default embedding
SIMILARITY = 0.55  # from which on it proposes pairs
SAMPLE = 1000  # rows whose neighbours are sought among all
BLOCK = 8192
LARGEST_EQUAL, CHAIN, STEP = 5000, 1000, 0.98  # STEP: cosine of the next in a chain; .55 is 30 steps away
COLUMNS = {
    "rows": "rows",
    "pairs": "pairs",
    "link_wall": "link, s",
    "link_cpu": "link, CPU s",
    "cluster_wall": "cluster + represent, s",
    "cluster_cpu": "CPU s",
    "peak_megabytes": "peak MB",
    "recall": "recall",
    "missed_rows": "lost rows",
    "growth": "growth / n log n",
}


def main() -> None:
    """Measure each size, print a table and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default="10000,100000,1000000", help="sizes, with commas between")
    parser.add_argument("--engine", default="auto", choices=ENGINES)
    parser.add_argument("--json", type=Path, default=Path("scale.json"), help="file to write")
    parser.add_argument("--folder", type=Path, help="where the vectors lie meanwhile: 5.5 GB for a million")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measured(np.load(options.one, mmap_mode="r"), options.engine)))
        return
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
    found: list[dict[str, Any]] = []
    for rows in sorted(int(rows) for rows in options.rows.split(",")):
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            path = Path(folder, "vectors.npy")
            made = np.lib.format.open_memmap(path, "w+", np.float32, (rows, DIMENSION))
            generate(made)
            made.flush()
            del made
            command = [sys.executable, __file__, "--one", str(path), "--engine", options.engine]
            run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found.append(json.loads(run.stdout))
        found[-1]["growth"] = growth(found)
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(table(found[-1:], header=len(found) == 1), flush=True)


def spread() -> np.ndarray:
    """(1373,) Deviation along each direction: fitted to the eigenvalues of pictures that have nothing in common."""
    place = np.arange(1, DIMENSION + 1)
    variance = (place + 2) ** -0.65 * np.exp(-place / 170)
    return np.sqrt(variance / variance.sum()).astype(np.float32)


def generate(out: np.ndarray, seed: int = 0) -> None:
    """Fill rows with vectors of unit norm."""
    n, rng, deviation = len(out), np.random.default_rng(seed), spread()
    mean = np.zeros(DIMENSION, np.float32)
    mean[rng.integers(0, DIMENSION, 40)] = 0.03
    places = rng.permutation(n)
    written = 0

    def draw(count: int) -> np.ndarray:
        return rng.standard_normal((count, DIMENSION), dtype=np.float32) * deviation

    def write(rows: np.ndarray, times: int = 1) -> None:
        nonlocal written
        rows = rows + mean
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        count = len(rows) * times
        out[places[written : written + count]] = rows
        written += count

    singletons = 2 * n // 3
    while written < singletons:
        write(draw(min(BLOCK, singletons - written)))
    write(draw(1), times=min(LARGEST_EQUAL, n // 10))
    for _ in range(n // (10 * CHAIN)):
        rows = draw(CHAIN)
        for step in range(1, CHAIN):
            rows[step] = STEP * rows[step - 1] + math.sqrt(1 - STEP**2) * rows[step]
        write(rows)
    while written < n:
        size = min(int(2 + rng.pareto(1.2)), 1000, n - written)
        alike = rng.uniform(0.6, 0.99)
        write(math.sqrt(alike) * draw(1) + math.sqrt(1 - alike) * draw(size))


def measured(vectors: np.ndarray, engine: str) -> dict[str, Any]:
    """Everything about one size, in this process."""
    n = len(vectors)
    pairs, link_wall, link_cpu = timed(lambda: link(vectors, SIMILARITY, NeighbourSearch(engine=engine)))
    _, cluster_wall, cluster_cpu = timed(lambda: clustered(n, pairs))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    recall, missed = recall_of(vectors, pairs)
    return {
        "rows": n,
        "engine": engine,
        "pairs": len(pairs.left),
        "link_wall": round(link_wall, 1),
        "link_cpu": round(link_cpu, 1),
        "cluster_wall": round(cluster_wall, 1),
        "cluster_cpu": round(cluster_cpu, 1),
        "peak_megabytes": round(peak),
        "recall": round(recall, 5),
        "missed_rows": missed,
    }


def clustered(n: int, pairs: Pairs) -> None:
    """What the pipeline does with verified pairs."""
    labels = cluster(n, pairs, eps=1 - SIMILARITY, min_samples=2, weight=np.ones(n, np.int64))
    order = np.arange(n)
    represent(labels, pairs, Preference(np.zeros(n, bool), order, order), "cover")


def recall_of(vectors: np.ndarray, pairs: Pairs, sample: int = SAMPLE) -> tuple[float, int]:
    """Share of the true pairs of some rows that were found, and rows with neighbours of which none was found.

    Pairs of equal rows are left out: which of them are listed is a rule, not a matter of the search.
    """
    n = len(vectors)
    rows = np.sort(np.random.default_rng(1).choice(n, min(n, sample), replace=False))
    keys = pairs.left * n + pairs.right
    queries = np.asarray(vectors[rows])
    true, hits, missed = 0, 0, 0
    near = [np.zeros(0, np.int64) for _ in rows]
    for start in range(0, n, BLOCK):
        product = queries @ vectors[start : start + BLOCK].T
        for place, column in zip(*np.nonzero((product >= SIMILARITY) & (product < 1 - 1e-6)), strict=True):
            near[place] = np.append(near[place], start + column)
    for row, others in zip(rows.tolist(), near, strict=True):
        others = others[others != row]
        wanted = np.minimum(row, others) * n + np.maximum(row, others)
        found = keys[np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))] == wanted if len(keys) else []
        true, hits = true + len(wanted), hits + int(np.sum(found))
        missed += bool(len(wanted)) and not np.any(found)
    return (hits / true if true else 1.0), missed


def timed(call: Callable[[], Any]) -> tuple[Any, float, float]:
    """What a call returns, wall seconds, CPU seconds of all threads."""
    wall, cpu = time.monotonic(), time.process_time()
    result = call()
    return result, time.monotonic() - wall, time.process_time() - cpu


def growth(found: list[dict[str, Any]]) -> float | None:
    """CPU time against that of the size before, divided by what n log n would give; at most 1 is no faster growth."""
    if len(found) < 2:
        return None
    before, now = found[-2:]
    expected = now["rows"] * math.log(now["rows"]) / (before["rows"] * math.log(before["rows"]))
    spent = [one["link_cpu"] + one["cluster_cpu"] for one in (before, now)]
    return round(spent[1] / max(spent[0], 0.1) / expected, 2)


def table(found: list[dict[str, Any]], *, header: bool = True) -> str:
    """Lines of a Markdown table."""
    lines = [list(COLUMNS.values()), ["---:"] * len(COLUMNS)] if header else []
    lines += [
        [
            "" if one.get(name) is None else f"{one[name]:.4f}" if name == "recall" else f"{one[name]:,}"
            for name in COLUMNS
        ]
        for one in found
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
