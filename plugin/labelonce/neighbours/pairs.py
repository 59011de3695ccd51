"""Pairs of rows, and how alike they are."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from labelonce.threads import cores, threads

Rows: TypeAlias = NDArray[np.int64]
Candidates: TypeAlias = tuple[Rows, Rows]  # the left and the right rows of pairs

_UNMERGED = 1 << 22  # pairs
_BLOCK = 512  # pairs that a thread compares at once: 3 MB of vectors stay in its cache, which thirds the time


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


def cosine(vectors: NDArray[np.float32], left: Rows, right: Rows) -> NDArray[np.float32]:
    """Similarity of each pair; row by row, because a product's sums would depend on the place in a block."""
    found = np.empty(len(left), np.float32)

    def fill(start: int) -> None:
        part = slice(start, start + _BLOCK)
        terms = vectors[left[part]]
        terms *= vectors[right[part]]
        found[part] = terms.sum(axis=1)

    with threads(cores(), "cosine") as pool:
        list(pool.map(fill, range(0, len(left), _BLOCK)))
    return np.clip(found, -1.0, 1.0)


def above(product: NDArray[np.float32], least: float | NDArray[np.float32]) -> Candidates:
    """Rows and columns of a product that are at least so large; found in one line, which takes NumPy half the time."""
    found = np.flatnonzero(product >= least)
    return np.divmod(found, product.shape[1])


def once(parts: Iterable[Candidates], n: int) -> Candidates:
    """Each pair once, the smaller of `n` rows to the left, sorted; without the rows' pairs with themselves.

    Pairs that are met again are dropped on the way, so that memory does not grow with how often they are met.
    """
    keys, fresh, count = np.zeros(0, np.int64), [], 0
    for left, right in parts:
        fresh.append(np.minimum(left, right) * np.int64(n) + np.maximum(left, right))
        count += len(left)
        if count > max(_UNMERGED, len(keys)):
            keys, fresh, count = np.unique(np.concatenate([keys, *fresh])), [], 0
    keys = np.unique(np.concatenate([keys, *fresh]))
    left, right = keys // max(n, 1), keys % max(n, 1)
    apart = left != right
    return left[apart], right[apart]
