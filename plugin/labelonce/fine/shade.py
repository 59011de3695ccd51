"""Where a soft or pale area of two aligned pictures has another shade: a shadow on a lung, a blister, a stain.

Structure forgives every place a tone of its own, and `colour` asks for more than such an area has. It shows in what is
left when the light of the whole is explained, without its slow part (a vignette) and its fast one (edges), in places
that are plain in both pictures and not clipped. How much copying leaves there is read off the pair itself.
"""

from dataclasses import dataclass
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

from labelonce.fine.laying import Gray, Mask, Plane, median_of, reduced

LONG_SIDE = 256  # pixels up to which shades are compared
SOFT, SIDE = 3.0, 15  # pixels, standard deviation and side of a Gaussian
AROUND = 55  # pixels, side of the square whose mean is the slow part
PLAIN = 250.0  # squared grey levels, variance up to which a place is plain
UNCLIPPED = (9, 246)  # grey levels
LEVELS = 4.3  # grey levels that are another shade: copies leave 2
TIMES = 15.0  # the median of the whole, that it has to be: where the light is not explained, it is uneven everywhere
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


def shaded(a: Gray, b: Gray, inside: Mask) -> Shaded:
    """Find the soft areas of another shade.

    Parameters
    ----------
    a, b
        (h, w) uint8 grey levels of both, on one grid and in one light.
    inside
        (h, w) uint8, 1 where both have pixels.
    """
    factor = min(max(1, ceil(max(a.shape) / LONG_SIDE)), *a.shape)
    one, other = (np.asarray(reduced(plane, factor), np.float32) for plane in (a, b))
    square = np.ones((_MARGIN, _MARGIN), np.uint8)
    mask = cv2.erode(reduced(inside, factor), square, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    weight, difference = np.asarray(mask, np.float32), np.asarray(one - other, np.float32)
    slow = cv2.blur(difference * weight, (AROUND, AROUND)) / np.maximum(cv2.blur(weight, (AROUND, AROUND)), 0.02)
    levels = np.asarray(cv2.absdiff(_soft(difference), slow), np.float32)
    most = cv2.minMaxLoc(levels, mask)[1]
    if most <= LEVELS:
        return Shaded()
    seen = mask > 0
    limit = max(LEVELS, TIMES * median_of(levels[seen]))
    if most <= limit:
        return Shaded()
    for plane in (one, other):
        mean = _soft(plane)
        plain = _soft(plane * plane) - mean * mean < PLAIN
        seen &= plain & (mean > UNCLIPPED[0]) & (mean < UNCLIPPED[1])
    regions = np.asarray((levels > limit) & seen, np.uint8)
    if not regions.any():
        return Shaded()
    return Shaded(float(levels[seen].max()) / limit, regions)


def _soft(plane: Plane) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (SIDE, SIDE), SOFT), np.float32)
