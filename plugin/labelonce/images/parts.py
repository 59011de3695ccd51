"""Parts of a picture, by which others are found that show no more than it: crops of it, photos within a collage."""

from collections.abc import Callable
from functools import partial
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

TRIMMED: Final = "trimmed"
SMALL = 128  # pixels, long side at which the ground around a picture is looked for
GROUND = 24  # levels of any channel by which pixels differ from it
FULL = 0.5  # of a row or column: where less differs from the ground there is text at most
LEAST, MOST = 0.1, 0.97  # share of a side that is left: beyond, there is nothing to trim


def _window(x: float, y: float, width: float, height: float, rgb: Pixels) -> Pixels:
    rows, columns = rgb.shape[:2]
    top, left = round(y * rows), round(x * columns)
    return rgb[top : max(top + 1, round((y + height) * rows)), left : max(left + 1, round((x + width) * columns))]


def trimmed(rgb: Pixels) -> Pixels:
    """The picture without plain ground around it, nor bars and captions on that ground; itself where there is none.

    The ground is what the corners agree on.
    """
    scale = SMALL / max(rgb.shape[:2])
    small = cv2.resize(rgb, (0, 0), fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else rgb
    corners = np.array([small[0, 0], small[0, -1], small[-1, 0], small[-1, -1]], np.int16)
    ground = np.median(corners, axis=0)
    if (np.abs(corners - ground).max(axis=1) > GROUND).any():
        return rgb
    differs = (np.abs(small - ground) > GROUND).any(axis=2)
    rows = _span(differs.mean(axis=1))
    if rows is None:
        return rgb
    columns = _span(differs[rows].mean(axis=0))
    if columns is None:
        return rgb
    shares = [(part.stop - part.start) / side for part, side in zip((rows, columns), differs.shape, strict=True)]
    if min(shares) < LEAST or min(shares) > MOST:
        return rgb
    (top, bottom), (left, right) = (
        (round(part.start * side / count), round(part.stop * side / count))
        for part, side, count in zip((rows, columns), rgb.shape, differs.shape, strict=False)
    )
    return rgb[top:bottom, left:right]


def _span(shares: NDArray[np.float64]) -> slice | None:
    """From the first to the last row or column that is full; None where none is."""
    full = np.flatnonzero(shares > FULL)
    return slice(int(full[0]), int(full[-1]) + 1) if len(full) else None


_WINDOWS: Final = {  # left, top, width and height as shares of the sides
    "upper left": (0, 0, 0.5, 0.5),
    "upper right": (0.5, 0, 0.5, 0.5),
    "lower left": (0, 0.5, 0.5, 0.5),
    "lower right": (0.5, 0.5, 0.5, 0.5),
    "middle": (0.2, 0.2, 0.6, 0.6),
    "left": (0, 0, 0.5, 1),
    "right": (0.5, 0, 0.5, 1),
    "top": (0, 0, 1, 0.5),
    "bottom": (0, 0.5, 1, 0.5),
    "most of the upper left": (0, 0, 0.65, 0.65),
    "most of the upper right": (0.35, 0, 0.65, 0.65),
    "most of the lower left": (0, 0.35, 0.65, 0.65),
    "most of the lower right": (0.35, 0.35, 0.65, 0.65),
}
# (h, w, 3) uint8 RGB → a part of it; the very picture where that is all of it
PARTS: Final[MappingProxyType[str, Callable[[Pixels], Pixels]]] = MappingProxyType(
    {TRIMMED: trimmed, **{name: partial(_window, *place) for name, place in _WINDOWS.items()}}
)
