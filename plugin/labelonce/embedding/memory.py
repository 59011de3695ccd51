"""A model of no network at all, for tests: a tiny thumbnail is its own embedding."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelonce.embedding.base import Embedder, resized, unit
from labelonce.images.decoding import Picture


class Thumbnail(Embedder):
    """A 12 x 12 thumbnail without its mean."""

    name = "thumbnail"
    identity = "thumbnail/2"
    dimension = 12 * 12 * 3
    candidate_similarity = 0.8
    similarity = 0.95
    strict_similarity = 0.97

    def prepare(self, picture: Picture) -> NDArray[Any]:
        """Shrink."""
        return resized(picture, 12)

    def embed(self, batch: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
        """Flatten and normalise."""
        if not batch:
            return np.zeros((0, self.dimension), np.float32)
        rows = np.stack(batch).astype(np.float32).reshape(len(batch), -1)
        return unit(rows - rows.mean(axis=1, keepdims=True))
