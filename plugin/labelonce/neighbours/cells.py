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

SIZE = 256  # rows of a cell, on average
LOOKED_AT = 128  # cells that each row is compared with
_ROUNDS = 4  # of k-means
_SAMPLE = 32  # rows for each centre
_BLOCK = 2048
_GROUP = 8  # columns that are looked at together
_ASKING = 65_536  # rows that ask at once: about 1,000 for each cell of a million rows, and all of them at worst


def by_cells(vectors: NDArray[np.float32], similarity: float) -> Candidates:
    """Pairs of rows; the rows come in an order of chance, and the first of them make the centres."""
    n = len(vectors)
    centres = _centres(vectors[: _SAMPLE * max(1, n // SIZE)], max(1, n // SIZE))
    width = min(LOOKED_AT, len(centres))
    number = np.min_scalar_type(len(centres))  # as short as may be: a million rows have near cells of 256 MB
    near, home = np.empty((n, width), number), np.empty(n, number)

    def look(start: int) -> None:
        product = vectors[start : start + _BLOCK] @ centres.T
        home[start : start + _BLOCK] = product.argmax(axis=1)
        near[start : start + _BLOCK] = _largest(product, width)

    # a thread for each core, not for each part of a product: BLAS's own would spin while NumPy looks at the result
    with threadpool_limits(1, "blas"), threads(cores(), "cells") as pool:
        list(pool.map(look, range(0, n, _BLOCK)))
        return once(_meetings(vectors, similarity, home, near, pool), n)


def _meetings(
    vectors: NDArray[np.float32], similarity: float, home: NDArray[Any], near: NDArray[Any], pool: Executor
) -> Iterator[Candidates]:
    """Rows and the members of their near cells that are near enough."""
    count = int(near.max()) + 1
    members, begins = _grouped(home, count)
    for top in range(0, len(vectors), _ASKING):
        asking, starts = _grouped(near[top : top + _ASKING].reshape(-1), count)
        rows = top + asking // near.shape[1]

        def meet(cell: int, rows: Rows = rows, starts: Rows = starts) -> Candidates:
            mine, inside = rows[starts[cell] : starts[cell + 1]], members[begins[cell] : begins[cell + 1]]
            left, right = above(vectors[mine] @ vectors[inside].T, similarity)
            return mine[left], inside[right]

        yield from pool.map(meet, range(count))


def _largest(product: NDArray[np.float32], width: int) -> Rows:
    """(n, width) Columns of the largest values of each row.

    They are in the groups of columns whose largest values are the largest: to look for these first halves the time.
    """
    n, count = product.shape
    groups = count // _GROUP
    if groups <= width:
        return np.argpartition(product, count - width, axis=1)[:, count - width :]
    whole = product[:, : groups * _GROUP].reshape(n, _GROUP, groups)  # a group is every so many-th column
    best = np.argpartition(whole.max(axis=1), groups - width, axis=1)[:, groups - width :]
    columns = (best[:, None, :] + groups * np.arange(_GROUP)[:, None]).reshape(n, -1)
    rest = np.broadcast_to(np.arange(groups * _GROUP, count), (n, count - groups * _GROUP))
    columns = np.concatenate([columns, rest], axis=1)
    values = np.take_along_axis(product, columns, axis=1)
    found = np.argpartition(values, values.shape[1] - width, axis=1)[:, values.shape[1] - width :]
    return np.take_along_axis(columns, found, axis=1)


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
