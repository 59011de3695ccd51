"""Which of two pictures may stand for the other: the one that shows all that the other one does."""

from enum import IntFlag

import cv2
import numpy as np
from numpy.typing import NDArray

from labelonce.geometry import Transform, inverse

PLAIN = 12  # levels of any channel by which 3 x 3 pixels of ground of one tone may vary; more is something on it
RIM = 3  # pixels around the other picture that are neither: scaling and JPEG blur its edge


class Stands(IntFlag):
    """Who may stand for whom in a pair."""

    NEITHER = 0
    FIRST = 1
    SECOND = 2
    EITHER = 3

    @property
    def swapped(self) -> "Stands":
        """The same, where the pair is named in the other order."""
        return Stands((self & 1) << 1 | self >> 1)


def stands_of(
    a: NDArray[np.uint8], b: NDArray[np.uint8], transform: Transform | None, overlap: tuple[float, float], inside: float
) -> Stands:
    """Who may stand for whom, of two pictures that show the same where they overlap.

    A picture that lies inside the other one may be skipped for it; the other one only where it shows nothing more but
    plain ground. Where neither lies inside the other, both show about as much.

    Parameters
    ----------
    a, b
        (h, w, 3) uint8 RGB, small.
    transform
        (2, 3) float64. From pixels of `b` to pixels of `a`.
    overlap
        Share of each picture, 0 to 1, that lies inside the other.
    inside
        Share from which on a picture counts as lying inside.
    """
    first, second = (share >= inside for share in overlap)
    if first == second or transform is None:
        return Stands.EITHER
    if first:
        return Stands.EITHER if _bare(b, a, inverse(transform)) else Stands.SECOND
    return Stands.EITHER if _bare(a, b, transform) else Stands.FIRST


def _bare(whole: NDArray[np.uint8], part: NDArray[np.uint8], transform: Transform) -> bool:
    """Whether a picture shows nothing but ground of one tone around a part that lies on it so."""
    size = whole.shape[1], whole.shape[0]
    covered = cv2.warpAffine(np.ones(part.shape[:2], np.uint8), transform, size, flags=cv2.INTER_NEAREST)
    around = cv2.dilate(covered, np.ones((2 * RIM + 1, 2 * RIM + 1), np.uint8)) == 0
    if not around.any():
        return True
    ground = np.median(whole[around], axis=0)
    differs = np.abs(whole - ground).max(axis=2) * around
    return float(cv2.blur(differs.astype(np.float32), (3, 3)).max()) <= PLAIN
