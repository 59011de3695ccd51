"""What an editor filled up at the rim of a picture: bands and wedges of plain black or white that show nothing."""

import cv2
import numpy as np
from numpy.typing import NDArray

from labelonce.fine.laying import Mask, Rgb

DEPTH = 0.06  # of the long side that a filling reaches into the picture; plain ground reaches farther
LEAST_SIDE = 64  # pixels: smaller pictures have no room for one
NEARLY = 6  # grey levels from black or white, after compression
LEGIBLE = 40  # grey levels from there, of what is written on it
RIM = 0.006  # of the long side that shows nothing for sure: half-covered pixels, smears of resampling
SPECK = 4  # pixels of every other row and column: less within a filling is compression
_LEAST_SHARE = 0.02  # of the outline that a filling lies on


def filled(rgb: Rgb) -> Mask:
    """(h, w) uint8, 1 where a plain band or wedge lies along the rim."""
    found = np.zeros(rgb.shape[:2], np.uint8)
    if min(found.shape) < LEAST_SIDE:
        return found
    outline = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])[None]
    for low, high in ((0, NEARLY), (255 - NEARLY, 255)):
        limits = np.full(3, low), np.full(3, high)
        if cv2.countNonZero(cv2.inRange(outline, *limits)) >= _LEAST_SHARE * outline.shape[1]:
            marked = cv2.inRange(rgb, limits[0] - LEGIBLE, limits[1] + LEGIBLE) == 0
            found |= _shallow(np.asarray(cv2.inRange(rgb, *limits), np.uint8), marked)
    return np.asarray(cv2.dilate(found, np.ones((5, 5), np.uint8)), np.uint8) if found.any() else found


def _shallow(plain: Mask, marked: NDArray[np.bool_]) -> Mask:
    """Regions that lie along the rim, reach not far into the picture and have no marks in them; told from every other
    pixel.
    """
    some = np.ascontiguousarray(plain[::2, ::2])
    height, width = some.shape
    depth = max(1, round(DEPTH * max(height, width)))
    count, label, stats, _ = cv2.connectedComponentsWithStats(some, connectivity=4)
    inner = np.bincount(label[depth : height - depth, depth : width - depth].ravel(), minlength=count)
    border = np.bincount(np.concatenate([label[0], label[-1], label[:, 0], label[:, -1]]), minlength=count)
    chosen = (inner < _LEAST_SHARE * stats[:, cv2.CC_STAT_AREA] + 1) & (border > _LEAST_SHARE * (height + width))
    chosen[0] = False
    for region in np.flatnonzero(chosen).tolist():
        x, y, width, height = stats[region, : cv2.CC_STAT_AREA].tolist()
        part = slice(y, y + height), slice(x, x + width)
        chosen[region] = not _written_on(label[part] == region, marked[::2, ::2][part], depth)
    if not chosen.any():
        return np.zeros_like(plain)
    whole = cv2.resize(chosen[label].astype(np.uint8), plain.shape[::-1], interpolation=cv2.INTER_NEAREST)
    return np.asarray(whole & (plain > 0), np.uint8)


def _written_on(region: NDArray[np.bool_], marked: NDArray[np.bool_], depth: int) -> bool:
    """Whether there is anything in a region: then it shows something, as a bar with a caption does.

    What is larger than a region is deep is the picture within a frame.
    """
    around = np.pad(~region, 1, constant_values=True).astype(np.uint8)
    _, label, stats, _ = cv2.connectedComponentsWithStats(around, connectivity=4)
    area = np.bincount(label[1:-1, 1:-1][marked], minlength=len(stats))
    _, _, width, height, _ = stats.T
    within = (area >= SPECK) & (np.minimum(width, height) <= depth)
    within[[0, label[0, 0]]] = False  # the region itself, and what is around it
    return bool(within.any())


def without_rim(inside: Mask) -> Mask:
    """The overlap without its outermost pixels."""
    side = 2 * max(1, round(RIM * max(inside.shape))) + 1
    eroded = cv2.erode(inside, np.ones((side, side), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(eroded, np.uint8)
