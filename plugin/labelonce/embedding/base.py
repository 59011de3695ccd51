"""The seam to the models."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labelonce.images.decoding import Picture


class Embedder(ABC):
    """Turns pictures into vectors of unit norm; their dot product is the cosine similarity.

    Parameters
    ----------
    name
        As the user says it.
    identity
        Name, preprocessing and hash of the weights: vectors of equal identity can be compared.
    dimension
        Length of a vector.
    candidate_similarity
        Cosine similarity from which on pairs are proposed, when geometry verifies them.
    similarity
        Cosine similarity from which on pairs are alike, when nothing verifies them.
    strict_similarity
        Cosine similarity from which on pictures without corners may be alike.
    """

    name: str
    identity: str
    dimension: int
    candidate_similarity: float
    similarity: float
    strict_similarity: float

    @abstractmethod
    def prepare(self, picture: Picture) -> NDArray[Any]:
        """What the network takes of one picture; called from several threads."""

    @abstractmethod
    def embed(self, batch: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
        """Embed prepared pictures, shape (n, dimension), rows of unit norm.

        The vector of a picture does not depend on the others in the batch, but for rounding.
        """


def unit(rows: NDArray[Any]) -> NDArray[np.float32]:
    """Rows divided by their norm; a row of zeros becomes the first unit vector."""
    rows = np.asarray(rows, np.float32)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    made: NDArray[np.float32] = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 1e-12)
    made[norms[:, 0] <= 1e-12, 0] = 1
    return made


def resized(picture: Picture, side: int) -> NDArray[np.uint8]:
    """(side, side, 3) uint8, the whole picture squeezed into a square."""
    image = Image.fromarray(picture.rgb)
    return np.asarray(image.resize((side, side), Image.Resampling.BICUBIC, reducing_gap=2))


def file_hash(path: Path) -> str:
    """The first 16 digits of a file's SHA-256."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:16]
