"""Where a soft or pale area of two aligned pictures has another shade: a shadow on a lung, a blister, a stain on a wall.

Structure forgives every place a tone of its own, and `colour` asks for more than such an area has. It shows in what is
left when the light of the whole is explained, without its slow part (a vignette) and its fast one (edges), in places
that are plain in both pictures and not clipped. How much copying leaves there is read off the pair itself.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from labelonce.fine.laying import Mask, Plane, Rgb, gray, median_of

SOFT = 3.0  # pixels of the grid of `colour`, standard deviation
AROUND = 55  # pixels, side of the square whose mean is the slow part
PLAIN = 250.0  # squared grey levels, variance up to which a place is plain
UNCLIPPED = (9, 246)  # grey levels
LEVELS = 4.3  # grey levels that are another shade: copies leave 2
TIMES = 10.0  # the median of the whole, that it has to be: where the light is not explained, it is uneven everywhere
_MARGIN = 13  # pixels


@dataclass(frozen=True)
class Shaded:
    """Where two pictures have another shade.

    Parameters
    ----------
    levels
        By how much at most, as a multiple of the limit.
    regions
        (h, w) uint8 on the reduced grid, 1 where the shade is another; None where nowhere.
    """

    levels: float = 0.0
    regions: NDArray[np.uint8] | None = None


def shaded(one: Rgb, other: Rgb, inside: Mask) -> Shaded:
    """Find the soft areas of another shade.

    Parameters
    ----------
    one, other
        (h, w, 3) uint8 RGB, both in one light, reduced to the grid of `colour`.
    inside
        (h, w) uint8, 0 where one of them has no pixels.
    """
    square = np.ones((_MARGIN, _MARGIN), np.uint8)
    mask = np.asarray(cv2.erode(inside, square, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0, np.float32)
    seen = mask > 0
    if not seen.any():
        return Shaded()
    a, b = (np.asarray(gray(rgb), np.float32) for rgb in (one, other))
    difference = (a - b) * mask
    slow = cv2.blur(difference, (AROUND, AROUND)) / np.maximum(cv2.blur(mask, (AROUND, AROUND)), 0.02)
    levels = np.asarray(np.abs(_soft(np.asarray(a - b, np.float32)) - slow), np.float32)
    if float(levels[seen].max()) <= LEVELS:
        return Shaded()
    limit = max(LEVELS, TIMES * median_of(levels[seen]))
    for plane in (a, b):
        mean = _soft(plane)
        plain = _soft(plane * plane) - mean * mean < PLAIN
        seen &= plain & (mean > UNCLIPPED[0]) & (mean < UNCLIPPED[1])
    regions = np.asarray((levels > limit) & seen, np.uint8)
    if not regions.any():
        return Shaded()
    return Shaded(float(levels[seen].max()) / limit, regions)


def _soft(plane: Plane) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), SOFT), np.float32)
