"""Vectors → all pairs at least so similar. Which way they are sought is a matter of size."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labelonce.errors import ConfigurationError
from labelonce.neighbours.cells import by_cells
from labelonce.neighbours.equals import find_equals, pairs_across, pairs_among
from labelonce.neighbours.exact import by_product
from labelonce.neighbours.kept import by_kept_forest
from labelonce.neighbours.pairs import Candidates, Pairs, Rows, cosine
from labelonce.neighbours.reduction import DIMENSIONS, ROUNDING, find_reduction
from labelonce.progress import Progress

# Different rows up to which all products are taken. CPU seconds on two cores, exact / cells: 1,373 dimensions, 10,000
# rows 2.7 / 2.0, 15,000 rows 4.7 / 2.6, 30,000 rows 14 / 3.9; 93 dimensions, 20,000 rows 1.0 / 1.1, 40,000 rows
# 3.2 / 2.4, 60,000 rows 7.1 / 5.8. To miss nothing is worth the second that it takes longer. On 95,001 vectors of 128
# dimensions faiss took twice the CPU time of cells for as many cells looked at; HNSW of usearch took 49 s to be built.
EXACT_UP_TO = 10_000
SHORT_EXACT_UP_TO = 40_000  # of vectors that are not shortened
ENGINES = ("auto", "exact", "cells", "annoy", "faiss")
METRICS = ("angular", "euclidean", "dot")
PACKAGES = {"annoy": "annoy-mm", "faiss": "'labelonce[faiss]'"}

_QUIET = Progress()


@dataclass(frozen=True)
class NeighbourSearch:
    """How neighbours are sought.

    Parameters
    ----------
    engine
        ``"exact"``: all products. ``"cells"``: an inverted file, part of labelonce. ``"annoy"``: Annoy's forest of
        random projections. ``"faiss"``: the inverted file of faiss, an optional package. All but the first may
        overlook pairs. ``"auto"``: exact up to `EXACT_UP_TO` different rows (`SHORT_EXACT_UP_TO` of up
        to 128 dimensions), cells beyond.
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
    folder
        Where Annoy's index is kept for the next search; None keeps none.
    name
        What the vectors are of: each name has an index of its own in the folder.
    """

    engine: str = "auto"
    n_neighbors: int = 32
    n_trees: int = 50
    search_k: int = -1
    metric: str = "angular"
    seed: int = 0
    folder: Path | None = None
    name: str = ""


def link(
    vectors: NDArray[np.float32],
    similarity: float,
    search: NeighbourSearch | None = None,
    progress: Progress = _QUIET,
    rows: NDArray[np.int64] | None = None,
) -> Pairs:
    """Find all pairs of rows at least so similar.

    Equal rows are one for the search. Of more than 64 equal ones the first 64 are paired with all that is near, the
    others with the first 64 of whatever is: enough for each to find the one that stands for it, without the square of
    their number. Engines other than ``"exact"`` search in the 128 directions in which long vectors differ most; what
    they find is compared again by the whole vectors.

    Parameters
    ----------
    vectors
        (n, d) float32, rows of unit norm; may be mapped from a file.
    similarity
        Smallest cosine similarity of a pair, -1 to 1.
    search
        How to search.
    progress
        Is told when a kept index cannot be used or written.
    rows
        Rows of `vectors` to search among; pairs are of places in it. Spares copying them. None is all.

    Returns
    -------
    Pairs
        Which pair is returned, and with what similarity, depends on the rows alone, not on their places; but for
        more than 64 equal rows, where the first are the first.

    Raises
    ------
    ConfigurationError
        The engine or metric does not exist, or its package is not installed.
    """
    search = search or NeighbourSearch()
    if search.engine not in ENGINES:
        raise ConfigurationError(f"engine = {search.engine!r}: choose one of {', '.join(ENGINES)}.")
    if search.metric not in METRICS:
        raise ConfigurationError(f"metric = {search.metric!r}: choose one of {', '.join(METRICS)}.")
    if search.engine in PACKAGES and find_spec(search.engine) is None:
        raise ConfigurationError(
            f"engine = {search.engine!r}: {search.engine} is not installed. "
            f"Run: pip install {PACKAGES[search.engine]}, or leave --engine out: the default needs no package."
        )
    rows = np.arange(len(vectors)) if rows is None else rows
    if len(rows) < 2:
        return Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))
    equals = find_equals(vectors, rows)
    one, other = _candidates(vectors, rows[equals.first], equals.digests, similarity, search, progress)
    one, other, found = _near(vectors, rows[equals.first], one, other, similarity)
    left, right, found = pairs_across(equals, one, other, found)
    same_left, same_right = pairs_among(equals)
    itself = cosine(vectors, rows[same_left], rows[same_right])
    near = itself >= similarity
    left, right = np.concatenate([left, same_left[near]]), np.concatenate([right, same_right[near]])
    found = np.concatenate([found, itself[near]])
    order = np.lexsort((right, left))
    return Pairs(left[order], right[order], found[order])


def _candidates(
    vectors: NDArray[np.float32],
    rows: Rows,
    digests: NDArray[np.bytes_],
    similarity: float,
    search: NeighbourSearch,
    progress: Progress,
) -> Candidates:
    """Pairs of places in `rows`, which are different and sorted by their hashes, that may be near enough."""
    engine = search.engine
    if engine == "auto":
        limit = EXACT_UP_TO if vectors.shape[1] > DIMENSIONS else SHORT_EXACT_UP_TO
        engine = "exact" if len(rows) <= limit else "cells"
    if engine == "exact":
        return by_product(vectors, rows, similarity - ROUNDING)
    if engine == "annoy":
        return by_kept_forest(vectors, rows, digests, similarity, search, progress)
    reduction = find_reduction(vectors, rows)
    small = reduction.apply(vectors, rows)
    if engine == "faiss":
        from labelonce.neighbours.inverted import by_faiss

        return by_faiss(small, similarity - reduction.margin)
    return by_cells(small, similarity - reduction.margin)


def _near(
    vectors: NDArray[np.float32], rows: Rows, one: Rows, other: Rows, similarity: float
) -> tuple[Rows, Rows, NDArray[np.float32]]:
    """Those of the candidates that are near enough, with their similarity."""
    found = cosine(vectors, rows[one], rows[other])
    near = found >= similarity
    return one[near], other[near], found[near]
