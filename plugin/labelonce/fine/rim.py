"""What an editor filled up at the rim of a picture: bands and wedges of plain black or white that show nothing."""

import cv2
import numpy as np

from labelonce.fine.laying import Mask, Rgb

DEPTH = 0.06  # of the long side that a filling reaches into the picture; plain ground reaches farther
LEAST_SIDE = 64  # pixels: smaller pictures have no room for one
NEARLY = 6  # grey levels from black or white, after compression
RIM = 0.006  # of the long side that shows nothing for sure: half-covered pixels, smears of resampling
_LEAST_SHARE = 0.02  # of the outline that a filling lies on


def filled(rgb: Rgb) -> Mask:
    """(h, w) uint8, 1 where a plain band or wedge lies along the rim."""
    height, width = rgb.shape[:2]
    found = np.zeros((height, width), np.uint8)
    if min(height, width) < LEAST_SIDE:
        return found
    depth = max(2, round(DEPTH * max(height, width)))
    for low, high in ((0, NEARLY), (255 - NEARLY, 255)):
        outline = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])
        if ((outline >= low) & (outline <= high)).all(axis=1).mean() < _LEAST_SHARE:
            continue
        plain = cv2.inRange(rgb, np.full(3, low), np.full(3, high))
        count, label, stats, _ = cv2.connectedComponentsWithStats(plain, connectivity=4)
        inner = np.bincount(label[depth : height - depth, depth : width - depth].ravel(), minlength=count)
        border = np.bincount(np.concatenate([label[0], label[-1], label[:, 0], label[:, -1]]), minlength=count)
        shallow = inner < _LEAST_SHARE * stats[:, cv2.CC_STAT_AREA] + 1
        chosen = shallow & (border > _LEAST_SHARE * (height + width))
        chosen[0] = False
        found |= chosen[label].astype(np.uint8)
    return np.asarray(cv2.dilate(found, np.ones((5, 5), np.uint8)), np.uint8) if found.any() else found


def without_rim(inside: Mask) -> Mask:
    """The overlap without its outermost pixels."""
    side = 2 * max(1, round(RIM * max(inside.shape))) + 1
    eroded = cv2.erode(inside, np.ones((side, side), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(eroded, np.uint8)
