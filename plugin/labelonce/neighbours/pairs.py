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
_BLOCK = 4096  # pairs that a thread compares at once: 45 MB of vectors


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
    """Similarity of each pair, summed in float64 so that it does not depend on the place in a block."""
    found = np.empty(len(left), np.float32)

    def fill(start: int) -> None:
        part = slice(start, start + _BLOCK)
        found[part] = np.einsum("nd,nd->n", vectors[left[part]], vectors[right[part]], dtype=np.float64)

    with threads(cores(), "cosine") as pool:
        list(pool.map(fill, range(0, len(left), _BLOCK)))
    return np.clip(found, -1.0, 1.0)


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
