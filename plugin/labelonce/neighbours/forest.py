"""Annoy (Bernhardsson, 2013): a forest of random projections."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelonce.neighbours.pairs import Candidates, Rows, once
from labelonce.threads import cores, threads

# Annoy seeds each thread that builds with the seed and its number, and deals the trees out to them: that many make the
# same forest whatever the cores. The index has to be in memory while they build; it is saved afterwards.
JOBS = 16
_BLOCK = 512


def build(vectors: NDArray[np.float32], metric: str, trees: int, seed: int) -> Any:
    """Annoy's index of the vectors."""
    index = empty(vectors.shape[1], metric)
    index.set_seed(seed)
    for row, vector in enumerate(vectors):
        index.add_item(row, vector)
    index.build(trees, n_jobs=JOBS)
    return index


def load(path: Path, dimension: int, metric: str) -> Any:
    """Annoy's index from a file, mapped into memory."""
    index = empty(dimension, metric)
    index.load(str(path))
    return index


def empty(dimension: int, metric: Any) -> Any:
    """An index without items."""
    from annoy import AnnoyIndex

    return AnnoyIndex(dimension, metric)


def by_forest(index: Any, similarity: float, *, width: int, looked_at: int, metric: str) -> Candidates:
    """Pairs of items. A list that is full is asked for again, twice as long, and twice as many nodes are looked at."""
    n = index.get_n_items()

    def ask(start: int) -> tuple[Rows, Rows]:
        rows = range(start, min(n, start + _BLOCK))
        found = [_near(index, row, n, similarity, width, looked_at, metric) for row in rows]
        return np.repeat(np.asarray(rows), [len(one) for one in found]), np.concatenate(found)

    with threads(cores(), "annoy") as pool:  # Annoy lets other threads run while it looks
        return once(pool.map(ask, range(0, n, _BLOCK)), n)


def _near(index: Any, row: int, n: int, similarity: float, width: int, looked_at: int, metric: str) -> Rows:
    width = min(n, width + 1)  # a row is its own first neighbour
    while True:
        found, distance = index.get_nns_by_item(row, width, looked_at, include_distances=True)
        near = _to_cosine(np.asarray(distance, np.float64), metric) >= similarity
        if width >= n or not near.all():
            return np.asarray(found, np.int64)[near]
        width, looked_at = min(n, 2 * width), looked_at if looked_at < 0 else 2 * looked_at


def _to_cosine(distance: NDArray[np.float64], metric: str) -> NDArray[np.float64]:
    """Cosine similarity of unit vectors from what Annoy returns for them."""
    if metric == "dot":  # the product itself
        return distance
    return 1.0 - distance**2 / 2.0  # angular is defined as the Euclidean distance of the normalised vectors
