"""Vectors → candidate pairs: exact while that is cheap, Annoy beyond."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelonce.errors import ConfigurationError

# Rows at which both take as long. CPU seconds on two cores, 1,373 dimensions, exact / Annoy with 50 trees: 10,000 rows
# 2.4 / 18, 30,000 rows 18 / 59; one grows with the square, the other hardly faster than the rows.
EXACT_UP_TO = 100_000
ENGINES = ("auto", "exact", "annoy")
METRICS = ("angular", "euclidean", "dot")

_Rows = NDArray[np.int64]
_ROWS, _COLUMNS = 1024, 8192  # of one block of the product: 32 MB of float32
_MARGIN = 1e-4  # of cosine: float32 sums differ by their order, so pairs near the threshold are computed again


@dataclass(frozen=True)
class Pairs:
    """Pairs of rows, each once.

    Parameters
    ----------
    left, right
        (m,) int64. Rows, ``left < right``, sorted by both.
    similarity
        (m,) float32. Cosine similarity, -1 to 1.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    similarity: NDArray[np.float32]


@dataclass(frozen=True)
class NeighbourSearch:
    """How neighbours are sought.

    Parameters
    ----------
    engine
        ``"exact"``: all products. ``"annoy"``: Annoy's forest of random projections, which may overlook pairs.
        ``"auto"``: exact up to 100,000 rows, where both take as long on the default embedding, and wherever Annoy is
        not installed.
    n_neighbors
        Neighbours that Annoy is first asked for; it is asked for twice as many until none is cut off.
    n_trees
        Trees in Annoy's index.
    search_k
        Nodes that Annoy looks at in each query; -1 is ``n_trees * n_neighbors``.
    metric
        Annoy's metric: ``"angular"``, ``"euclidean"`` or ``"dot"``. On vectors of unit norm they order neighbours
        alike; which pairs are returned is decided by their cosine in any case.
    seed
        Of Annoy's random projections.
    """

    engine: str = "auto"
    n_neighbors: int = 32
    n_trees: int = 50
    search_k: int = -1
    metric: str = "angular"
    seed: int = 0


def link(vectors: NDArray[np.float32], similarity: float, search: NeighbourSearch | None = None) -> Pairs:
    """Find all pairs of rows at least so similar.

    Parameters
    ----------
    vectors
        (n, d) float32, rows of unit norm.
    similarity
        Smallest cosine similarity of a pair, -1 to 1.
    search
        How to search.

    Returns
    -------
    Pairs
        Which pair is returned, and with what similarity, depends on its two rows alone, not on their places.

    Raises
    ------
    ConfigurationError
        The engine or metric does not exist, or Annoy is asked for and not installed.
    """
    search = search or NeighbourSearch()
    if search.engine not in ENGINES:
        raise ConfigurationError(f"engine = {search.engine!r}: choose one of {', '.join(ENGINES)}.")
    if search.metric not in METRICS:
        raise ConfigurationError(f"metric = {search.metric!r}: choose one of {', '.join(METRICS)}.")
    if len(vectors) < 2:
        return Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))
    vectors = np.ascontiguousarray(vectors, np.float32)
    if _uses_annoy(search.engine, len(vectors)):
        left, right = _by_annoy(vectors, similarity - _MARGIN, search)
    else:
        left, right = _by_product(vectors, similarity - _MARGIN)
    cosine = _cosine(vectors, left, right)
    near = cosine >= similarity
    left, right, cosine = left[near], right[near], cosine[near]
    order = np.lexsort((right, left))
    return Pairs(left[order], right[order], cosine[order])


def _uses_annoy(engine: str, n: int) -> bool:
    if engine == "exact" or (engine == "auto" and n <= EXACT_UP_TO):
        return False
    if find_spec("annoy") is not None:
        return True
    if engine == "auto":
        return False
    raise ConfigurationError("engine = 'annoy': Annoy is not installed. Run: pip install annoy-mm")


def _cosine(vectors: NDArray[np.float32], left: _Rows, right: _Rows) -> NDArray[np.float32]:
    """Similarity of each pair, summed in float64 so that it does not depend on the place in a block."""
    cosine = np.empty(len(left), np.float32)
    for start in range(0, len(left), _COLUMNS):
        part = slice(start, start + _COLUMNS)
        cosine[part] = np.einsum("nd,nd->n", vectors[left[part]], vectors[right[part]], dtype=np.float64)
    return np.clip(cosine, -1.0, 1.0)


def _by_product(vectors: NDArray[np.float32], similarity: float) -> tuple[_Rows, _Rows]:
    """All pairs by the upper triangle of the product, block by block."""
    lefts: list[_Rows] = []
    rights: list[_Rows] = []
    for top in range(0, len(vectors), _ROWS):
        for first in range(top, len(vectors), _COLUMNS):
            near = vectors[top : top + _ROWS] @ vectors[first : first + _COLUMNS].T >= similarity
            left, right = np.nonzero(near)
            once = left + top < right + first
            lefts.append(left[once] + top)
            rights.append(right[once] + first)
    return np.concatenate(lefts), np.concatenate(rights)


def _by_annoy(vectors: NDArray[np.float32], similarity: float, search: NeighbourSearch) -> tuple[_Rows, _Rows]:
    from annoy import AnnoyIndex

    n, dimension = vectors.shape
    metric: Any = search.metric
    index = AnnoyIndex(dimension, metric)
    index.set_seed(search.seed)
    for row, vector in enumerate(vectors):
        index.add_item(row, vector)
    index.build(search.n_trees, n_jobs=1)  # more jobs would finish the trees in an order of chance
    lefts: list[_Rows] = []
    rights: list[_Rows] = []
    for row in range(n):
        near = _near(index, row, n, similarity, search)
        lefts.append(np.minimum(near, row))
        rights.append(np.maximum(near, row))
    keys = np.unique(np.concatenate(lefts) * n + np.concatenate(rights))
    left, right = keys // n, keys % n
    once = left < right
    return left[once], right[once]


def _near(index: Any, row: int, n: int, similarity: float, search: NeighbourSearch) -> NDArray[np.int64]:
    """Rows within the threshold; a list that is full within it is asked for again, twice as long."""
    width = min(n, search.n_neighbors + 1)  # a row is its own first neighbour
    while True:
        found, distance = index.get_nns_by_item(row, width, search.search_k, include_distances=True)
        near = _to_cosine(np.asarray(distance, np.float64), search.metric) >= similarity
        if width >= n or len(found) < width or not near.all():
            return np.asarray(found, np.int64)[near]
        width = min(n, 2 * width)


def _to_cosine(distance: NDArray[np.float64], metric: str) -> NDArray[np.float64]:
    """Cosine similarity of unit vectors from what Annoy returns for them."""
    if metric == "dot":  # the product itself
        return distance
    return 1.0 - distance**2 / 2.0  # angular is defined as the Euclidean distance of the normalised vectors
