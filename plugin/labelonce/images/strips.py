"""Large pictures in strips, so that nothing needs a second copy of one."""

import hashlib
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

AT_ONCE = 1 << 22  # pixels: larger pictures are not copied as a whole


def spans(width: int, height: int, step: int = 1) -> Iterator[slice]:
    """The rows of each strip, from the top.

    Parameters
    ----------
    step
        All strips but the last have a multiple of so many rows.
    """
    rows = max(1, AT_ONCE // 4 // (width * step)) * step
    return (slice(top, min(height, top + rows)) for top in range(0, height, rows))


def strips(image: Image.Image) -> Iterator[Image.Image]:
    """A picture in strips."""
    return (image.crop((0, rows.start, image.width, rows.stop)) for rows in spans(*image.size))


def whole(image: Image.Image, dtype: type[np.generic]) -> NDArray[np.generic]:
    """The values of a grey picture as an array, without the two copies that NumPy makes on its way."""
    values = np.empty((image.height, image.width), dtype)
    for rows, strip in zip(spans(*image.size), strips(image), strict=True):
        values[rows] = np.asarray(strip)
    return values


def digest_of(header: str, parts: Iterable[bytes | memoryview]) -> str:
    """Hexadecimal SHA-256 of what a picture is, and of its pixels."""
    digest = hashlib.sha256(f"{header}\n".encode())
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
