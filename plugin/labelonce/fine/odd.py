"""The one place of many alike that copying explains least: a digit on a page of digits.

Whatever copying did to one place, it did to all that are as steep. Where they agree and one or two do not, these are
other digits, though by itself none of them would be evidence enough.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from labelonce.fine.laying import Plane

DOUBTED = 0.375  # of what tells a place apart, from which on it belongs to a region here
PEAK = 2.0  # times what tells a place apart, that the region has somewhere
EVIDENCE = 1.2  # times the limit
ALONE = 0.7, 1.0  # evidence and peak of the only region of all: copies of many places have several or none
OTHERS = 2  # regions that may be odd: one digit changes another, such as a sum
REST = 0.02  # share of its evidence that all others may have
LEAST, MOST = 60, 600  # pixels of the region: about a digit's, with the windows around it
ALIKE = 10  # times its places that have to be as steep elsewhere


def odd_one(above: Plane, steep: Plane, limit: float, side: float) -> tuple[float, NDArray[np.bool_]] | None:
    """Find the region that stands out, and its evidence; None where none does.

    Parameters
    ----------
    above
        (h, w) float32. How many times what tells a place apart its residual is, 0 where nothing is seen.
    steep
        (h, w) float32. Mean squared gradient of each place.
    limit
        Evidence, in places, up to which a region is no difference.
    side
        Pixels between two places.
    """
    if above.max() <= ALONE[1]:
        return None
    count, label, stats, _ = cv2.connectedComponentsWithStats((above > DOUBTED).astype(np.uint8))
    sums = np.bincount(label.ravel(), above.ravel() / DOUBTED - 1, count)
    sums[0] = 0
    order = np.argsort(-sums, kind="stable")
    first, evidence = int(order[0]), float(sums[order[0]])
    least, peak = ALONE if count == 2 else (EVIDENCE, PEAK)
    if evidence <= least * limit or (count > OTHERS + 1 and sums[order[OTHERS]] > REST * evidence):
        return None
    area = int(stats[first, cv2.CC_STAT_AREA])
    region = label == first
    if not LEAST <= area * side**2 <= MOST or above[region].max() <= peak:
        return None
    alike = np.count_nonzero(steep > steep[region].mean() / 2) - area
    return (evidence, region) if alike >= ALIKE * area else None
