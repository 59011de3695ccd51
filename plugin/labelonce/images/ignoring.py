"""Places of every picture that say nothing about it: burnt-in clocks, captions, watermarks."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from labelonce.images.regions import Region

SIDE = 1000  # pixels of a mask before it gets the size of a picture: a tenth of a percent
SMALL = 64  # pixels: long side at which the places are filled up

Rgb = NDArray[np.uint8]
Mask = NDArray[np.uint8]


def counted(ignored: Sequence[Region]) -> Mask:
    """(`SIDE`, `SIDE`) uint8, 1 where a picture counts; for a picture of any size."""
    mask = np.ones((SIDE, SIDE), np.uint8)
    for region in ignored:
        left, top, right, bottom = region.box(SIDE, SIDE)
        mask[top:bottom, left:right] = 0
    return mask


def filled_up(rgb: Rgb, ignored: Sequence[Region]) -> Rgb:
    """The picture, the places filled up from their surroundings.

    One colour would do, but for its edges: pictures of nothing in common would share the corners of these places.

    Parameters
    ----------
    rgb
        (h, w, 3) uint8 RGB.
    """
    if not ignored:
        return rgb
    height, width = rgb.shape[:2]
    scale = min(1.0, SMALL / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    covered = 255 * (1 - counted(ignored))
    hidden = np.asarray(cv2.resize(covered, size, interpolation=cv2.INTER_AREA) > 0, np.uint8)
    small = cv2.resize(np.ascontiguousarray(rgb), size, interpolation=cv2.INTER_AREA)
    ground = cv2.inpaint(small, hidden, 2, cv2.INPAINT_TELEA)
    ground = cv2.resize(ground, (width, height), interpolation=cv2.INTER_LINEAR)
    made = rgb.copy()
    for region in ignored:
        left, top, right, bottom = region.box(width, height)
        made[top:bottom, left:right] = ground[top:bottom, left:right]
    return made
