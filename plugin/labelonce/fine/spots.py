"""Where small and thin things of two aligned pictures have another colour: a lamp, a pin, a cell, a line of a chart.

Their luma may be the same, so structure says nothing of them, and they are too small for `colour`. Copying takes colour
from what is small: it pales. It does not turn red into green. So only what lies in another direction from grey counts,
by the strength of the paler one, and never what lies a pixel farther in the other picture.
"""

from dataclasses import dataclass
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

from labelonce.fine.colour import soft, tinted
from labelonce.fine.laying import Laid, Mask, Plane
from labelonce.fine.light import Lit

LONG_SIDE = 640  # pixels up to which they are looked for
OTHER = 12.0  # levels of Cr or Cb that are another colour
TIMES = 8.0  # the mean difference of the whole, that it has to be: strong compression spoils colours everywhere
LEAST = 8  # pixels of one region, above which it differs
_MARGIN = 9  # pixels


@dataclass(frozen=True)
class Spotted:
    """Where small things have another colour.

    Parameters
    ----------
    pixels
        Of the largest region, on the reduced grid.
    regions
        (h, w) uint8 on the reduced grid, 1 where the colour is another; None where nothing is.
    """

    pixels: int = 0
    regions: NDArray[np.uint8] | None = None


def spotted(laid: Laid, lit: Lit, inside: Mask) -> Spotted:
    """Find the small regions of another colour of two pictures.

    Parameters
    ----------
    laid
        Both, in their own light.
    lit
        Both in one light.
    inside
        (h, w) uint8, 1 where both have pixels.
    """
    one, other = (soft(rgb) for rgb in laid.reduced(lit.a, lit.b, max(1, ceil(max(inside.shape) / LONG_SIDE))))
    mask = np.asarray(cv2.resize(inside, one.shape[1::-1], interpolation=cv2.INTER_NEAREST), np.uint8)
    square = np.ones((_MARGIN, _MARGIN), np.uint8)
    mask = np.asarray(cv2.erode(mask, square, borderType=cv2.BORDER_CONSTANT, borderValue=0), np.uint8)
    if not mask.any():
        return Spotted()
    a, b = _chroma(one), _chroma(tinted(other, one, mask > 0))
    apart = cv2.max(*cv2.split(cv2.absdiff(a, b)))
    apart = cv2.multiply(apart, mask)
    limit = max(OTHER, TIMES * float(apart.sum()) / cv2.countNonZero(mask))
    y, x = np.nonzero(apart > limit)
    other_here = _distances(_vectors(a[y, x]), _vectors(b[y, x])) > limit
    y, x = y[other_here], x[other_here]
    if len(y) <= LEAST:
        return Spotted()
    differs = np.zeros(mask.shape, np.uint8)
    differs[y, x] = np.maximum(_off(a, b, y, x), _off(b, a, y, x)) > limit
    count, _, stats, _ = cv2.connectedComponentsWithStats(differs)
    return Spotted(int(stats[1:, cv2.CC_STAT_AREA].max()), differs) if count > 1 else Spotted()


def _chroma(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(h, w, 2) uint8. Cr and Cb: what compression keeps of colours."""
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)[..., 1:], np.uint8)


def _off(a: NDArray[np.uint8], b: NDArray[np.uint8], y: NDArray[np.int64], x: NDArray[np.int64]) -> Plane:
    """By how much the colours of `a` in some places are others than any of `b` there or next to it."""
    here = _vectors(a[y, x])
    there = (_vectors(b[y + down, x + across]) for down in (-1, 0, 1) for across in (-1, 0, 1))
    return np.asarray(np.minimum.reduce([_distances(here, one) for one in there]), np.float32)


def _vectors(chroma: NDArray[np.uint8]) -> Plane:
    return chroma.astype(np.float32) - 128


def _distances(a: Plane, b: Plane) -> Plane:
    """From the paler of two colours to the nearest one that the other becomes when it pales."""
    squares = np.einsum("nk,nk->n", a, a), np.einsum("nk,nk->n", b, b)
    along = np.maximum(np.einsum("nk,nk->n", a, b), 0)
    paler, stronger = np.minimum(*squares), np.maximum(np.maximum(*squares), 1)
    return np.asarray(np.sqrt(np.maximum(paler - along * along / stronger, 0)), np.float32)
