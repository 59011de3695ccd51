"""The seam to the models."""

import hashlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from labelonce.images.decoding import Picture

T = TypeVar("T")


class Embedder(ABC):
    """Turns pictures into vectors of unit norm; their dot product is the cosine similarity.

    `prepare` and `embed` are called from several threads at once. What is loaded when it is first needed is loaded
    once (`Once`), and what can serve one thread only is made for each thread.

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
        """What the network takes of one picture; called from several threads at once."""

    @abstractmethod
    def embed(self, batch: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
        """Embed prepared pictures, shape (n, dimension), rows of unit norm; called from several threads at once.

        The vector of a picture does not depend on the others in the batch, but for rounding.
        """


class Once(Generic[T]):
    """What is made when it is first asked for: once, whichever threads ask. An error is raised again to the next.

    Parameters
    ----------
    make
        Makes it.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: T | None = None

    def __call__(self) -> T:
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made


def unit(rows: NDArray[Any]) -> NDArray[np.float32]:
    """Rows divided by their norm; a row of zeros becomes the first unit vector."""
    rows = np.asarray(rows, np.float32)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    made: NDArray[np.float32] = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 1e-12)
    made[norms[:, 0] <= 1e-12, 0] = 1
    return made


def resized(picture: Picture, width: int, height: int | None = None) -> NDArray[np.uint8]:
    """(height, width, 3) uint8, the whole picture squeezed; without a height into a square.

    First to twice the size, then the mean of four pixels each. The first step is linear where that looks at every
    pixel: the vectors tell pictures apart as well as with Pillow's filters, at a sixth of their cost.
    """
    height = height or width
    rows, columns = picture.rgb.shape[:2]
    linear = rows <= 4 * height and columns <= 4 * width
    double = cv2.resize(
        picture.rgb, (2 * width, 2 * height), interpolation=cv2.INTER_LINEAR if linear else cv2.INTER_AREA
    )
    return np.asarray(cv2.resize(double, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def file_hash(path: Path) -> str:
    """The first 16 digits of a file's SHA-256."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:16]
