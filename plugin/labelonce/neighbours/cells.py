"""An inverted file (Sivic and Zisserman, 2003) in NumPy: rows in cells around centres, compared with near cells only.

Which cells are near is asked for all rows at once, and all who ask for a cell are multiplied with it at once: that
the whole product of two blocks is one call of BLAS makes it faster than engines that are asked row by row.
"""

from collections.abc import Iterator
from concurrent.futures import Executor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from labelonce.neighbours.pairs import Candidates, Rows, above, once
from labelonce.threads import cores, threads

# Pairs found and rows compared with each row, of a million with the default embedder's spectrum: cells of 256 rows, 128
# looked at, .9953 and 40,000; cells of 128 rows, 96 looked at, .9956 and 17,400; cells of 512, 64 looked at, .988.
SIZE = 128  # rows of a cell, on average
LOOKED_AT = 96  # cells that each row is compared with, at least
_ALL_LOOK_AT = 25_000_000  # cells, all rows together: few rows look at more each, up to a third, for their recall
_ROUNDS = 4  # of k-means
_SAMPLE = 16  # rows for each centre
_BLOCK = 2048
_GROUP = 8  # columns that are looked at together, at most
_ASKING = 32  # blocks that ask at once: about 800 rows for each cell of a million rows, and all of them at worst


def by_cells(vectors: NDArray[np.float32], similarity: float) -> Candidates:
    """Pairs of rows; the rows come in an order of chance, and the first of them make the centres."""
    n = len(vectors)
    centres = _centres(vectors[: _SAMPLE * max(1, n // SIZE)], max(1, n // SIZE))
    width = max(LOOKED_AT, min(len(centres) // 3, _ALL_LOOK_AT // n))
    number = np.min_scalar_type(len(centres))  # as short as may be: a million rows have near cells of 200 MB
    home = np.empty(n, number)

    def look(start: int) -> Candidates:
        product = vectors[start : start + _BLOCK] @ centres.T
        home[start : start + _BLOCK] = product.argmax(axis=1)
        rows, near = above(product, _least(product, width))
        return np.bincount(rows, minlength=len(product)), near.astype(number)

    # a thread for each core, not for each part of a product: BLAS's own would spin while NumPy looks at the result
    with threadpool_limits(1, "blas"), threads(cores(), "cells") as pool:
        near = list(pool.map(look, range(0, n, _BLOCK)))
        return once(_meetings(vectors, similarity, home, near, len(centres), pool), n)


def _meetings(
    vectors: NDArray[np.float32],
    similarity: float,
    home: NDArray[Any],
    near: list[Candidates],
    count: int,
    pool: Executor,
) -> Iterator[Candidates]:
    """Rows and the members of their near cells that are near enough.

    `near` has a part for each block of rows: how many cells are near to each, and these cells in turn.
    """
    members, begins = _grouped(home, count)
    for block in range(0, len(near), _ASKING):
        times, cells = (np.concatenate(part) for part in zip(*near[block : block + _ASKING], strict=True))
        asking, starts = _grouped(cells, count)
        rows = np.repeat(np.arange(len(times)) + block * _BLOCK, times)[asking]

        def meet(cell: int, rows: Rows = rows, starts: Rows = starts) -> Candidates:
            mine, inside = rows[starts[cell] : starts[cell + 1]], members[begins[cell] : begins[cell + 1]]
            left, right = above(vectors[mine] @ vectors[inside].T, similarity)
            return mine[left], inside[right]

        yield from pool.map(meet, range(count))


def _least(product: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """(n, 1) A value that at least `width` columns of each row reach, and hardly more.

    It is the last but `width` of the largest values of groups of columns. Centres are in an order of chance, so that
    few groups have two of the largest; to choose among groups takes a third of the time.
    """
    n, columns = product.shape
    size = min(_GROUP, max(1, columns // (4 * width)))
    groups = columns // size
    largest = product[:, : groups * size].reshape(n, size, groups).max(axis=1)
    place = max(0, groups - width)
    return np.partition(largest, place, axis=1)[:, place : place + 1]


def _centres(sample: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Spherical k-means (Dhillon and Modha, 2001) from the first rows; a centre that gets no row stays."""
    centres = sample[:count].copy()
    for _ in range(_ROUNDS):
        label = np.concatenate(
            [(sample[start : start + _BLOCK] @ centres.T).argmax(axis=1) for start in range(0, len(sample), _BLOCK)]
        )
        members, begins = _grouped(label, count)
        used = np.flatnonzero(np.diff(begins))
        sums = np.add.reduceat(sample[members], begins[used], axis=0)
        centres[used] = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    return centres


def _grouped(labels: NDArray[Any], count: int) -> tuple[Rows, Rows]:
    """Places of the labels, equal ones together, and where each label begins."""
    places = np.argsort(labels, kind="stable")
    begins = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(labels, minlength=count), out=begins[1:])
    return places, begins
