"""faiss's inverted file (Johnson, Douze and Jegou, 2017), asked for all rows within a similarity."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from labelonce.neighbours.cells import LOOKED_AT, SIZE
from labelonce.neighbours.pairs import Candidates, once

_BLOCK = 4096
_ROUNDS, _SAMPLE = 8, 64


def by_faiss(vectors: NDArray[np.float32], similarity: float) -> Candidates:
    """Pairs of rows; range search has no lists that could be full, and gives the same again with any threads."""
    import faiss

    n, dimension = vectors.shape
    cells = max(1, n // SIZE)
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dimension), dimension, cells, faiss.METRIC_INNER_PRODUCT)
    index.cp.seed, index.cp.niter = 1, _ROUNDS
    index.cp.min_points_per_centroid, index.cp.max_points_per_centroid = 1, _SAMPLE
    index.train(vectors)
    index.add(vectors)
    index.nprobe = min(LOOKED_AT, cells)

    def meet() -> Iterator[Candidates]:
        for start in range(0, n, _BLOCK):
            block = vectors[start : start + _BLOCK]
            limits, _, found = index.range_search(block, similarity)
            yield np.repeat(np.arange(start, start + len(block)), np.diff(limits.astype(np.int64))), found

    return once(meet(), n)
