"""All pairs by the product of the vectors with each other."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from labelonce.neighbours.pairs import Candidates, Rows, above, once

_ROWS, _COLUMNS = 1024, 8192  # of one block of the product: 32 MB of float32


def by_product(vectors: NDArray[np.float32], rows: Rows, similarity: float, since: int = 0) -> Candidates:
    """Pairs of places in `rows`, by the upper triangle of the product, block by block.

    Parameters
    ----------
    since
        Only pairs with one of the rows from this place on.
    """
    n = len(rows)

    def meet() -> Iterator[Candidates]:
        for first in range(since, n, _COLUMNS):
            columns = np.asarray(vectors[rows[first : first + _COLUMNS]], np.float32)
            for top in range(0, min(first + _COLUMNS, n), _ROWS):
                left, right = above(np.asarray(vectors[rows[top : top + _ROWS]], np.float32) @ columns.T, similarity)
                upper = left + top < right + first
                yield left[upper] + top, right[upper] + first

    return once(meet(), n)
