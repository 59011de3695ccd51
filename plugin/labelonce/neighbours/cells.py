"""An inverted file (Sivic and Zisserman, 2003) in NumPy: rows in cells around centres, compared with near cells only.

Which cells are near is asked for all rows at once, and all who ask for a cell are multiplied with it at once: that
the whole product of two blocks is one call of BLAS makes it faster than engines that are asked row by row.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from labelonce.neighbours.pairs import Candidates, Rows, once

SIZE = 256  # rows of a cell, on average
LOOKED_AT = 64  # cells that each row is compared with
_ROUNDS = 6  # of k-means
_SAMPLE = 32  # rows for each centre
_BLOCK = 2048
_ASKING = 65_536  # rows that ask at once: about 1,000 for each cell of a million rows, and all of them at worst


def by_cells(vectors: NDArray[np.float32], similarity: float) -> Candidates:
    """Pairs of rows; the rows come in an order of chance, and the first of them make the centres."""
    n = len(vectors)
    centres = _centres(vectors[: _SAMPLE * max(1, n // SIZE)], max(1, n // SIZE))
    width = min(LOOKED_AT, len(centres))
    near = np.empty((n, width), np.int32)
    home = np.empty(n, np.int32)
    for start in range(0, n, _BLOCK):
        product = vectors[start : start + _BLOCK] @ centres.T
        home[start : start + _BLOCK] = product.argmax(axis=1)
        near[start : start + _BLOCK] = np.argpartition(product, len(centres) - width, axis=1)[:, len(centres) - width :]
    members, begins = _grouped(home, len(centres))

    def meet() -> Iterator[Candidates]:
        for top in range(0, n, _ASKING):
            asking, starts = _grouped(near[top : top + _ASKING].reshape(-1), len(centres))
            for cell in range(len(centres)):
                inside = members[begins[cell] : begins[cell + 1]]
                rows = top + asking[starts[cell] : starts[cell + 1]] // width
                left, right = np.nonzero(vectors[rows] @ vectors[inside].T >= similarity)
                yield rows[left].astype(np.int64), inside[right].astype(np.int64)

    return once(meet(), n)


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


def _grouped(labels: NDArray[np.int32] | NDArray[np.int64], count: int) -> tuple[NDArray[np.int32], Rows]:
    """Places of the labels, equal ones together, and where each label begins."""
    places = np.argsort(labels, kind="stable").astype(np.int32)
    begins = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(labels, minlength=count), out=begins[1:])
    return places, begins
