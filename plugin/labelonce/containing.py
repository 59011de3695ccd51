"""Which of two pictures may stand for the other: the one that shows all that the other one does, and as finely."""

from enum import IntFlag

import cv2
import numpy as np
from numpy.typing import NDArray

from labelonce.fine.laying import reduced, rescaled
from labelonce.geometry import Transform, inverse

PLAIN = 12  # levels by which 3 x 3 pixels of ground of one tone may vary; more is something on it
RIM = 3  # pixels around the other picture that are neither: scaling and JPEG blur its edge
RIM_SHARE = 0.006  # of the long side, if that is more: thumbnails say to within so much where it lies
ENOUGH = 500  # pixels, long side at which a line of text outside is seen; those of twice as much are brought down
COARSER = 0.8  # times as large, of one's pixels on the other: below it, small things are seen in one of them only


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
    a: NDArray[np.uint8], b: NDArray[np.uint8], transform: Transform, overlap: tuple[float, float], inside: float
) -> Stands:
    """Who may stand for whom, of two pictures that show the same where they overlap.

    A picture may be skipped for one in which all of it lies; what lies outside shows nothing if it is ground of one
    tone. Where each shows something beside the other, neither may.

    Parameters
    ----------
    a, b
        (h, w, 3) uint8 RGB.
    transform
        (2, 3) float64. From pixels of `b` to pixels of `a`.
    overlap
        Share of each picture, 0 to 1, that lies inside the other.
    inside
        Share from which on a picture counts as lying inside.
    """
    stands = Stands.EITHER
    if min(overlap) >= inside:
        return stands
    factors = [max(1, max(rgb.shape) // ENOUGH) for rgb in (a, b)]
    a, b = (reduced(rgb, factor) for rgb, factor in zip((a, b), factors, strict=True))
    transform = rescaled(transform, *((1 / factor, 1 / factor) for factor in factors))
    if overlap[0] < inside and not _bare(a, b, transform):
        stands &= Stands.FIRST
    if overlap[1] < inside and not _bare(b, a, inverse(transform)):
        stands &= Stands.SECOND
    return stands


def finer(transform: Transform) -> Stands:
    """Who may stand for whom by their resolution: in a coarser picture, others that look alike may look the same.

    Parameters
    ----------
    transform
        (2, 3) float64. From pixels of the second picture to pixels of the first, both as large as they are compared.
    """
    scale = abs(float(np.linalg.det(transform[:, :2]))) ** 0.5
    if scale < COARSER:
        return Stands.SECOND
    return Stands.FIRST if scale > 1 / COARSER else Stands.EITHER


def _bare(whole: NDArray[np.uint8], part: NDArray[np.uint8], transform: Transform) -> bool:
    """Whether a picture shows nothing around a part that lies on it so: ground of one tone, or its rim drawn out."""
    size = whole.shape[1], whole.shape[0]
    covered = cv2.warpAffine(np.ones(part.shape[:2], np.uint8), transform, size, flags=cv2.INTER_NEAREST)
    rim = max(RIM, round(RIM_SHARE * max(size)))
    covered = cv2.dilate(covered, np.ones((2 * rim + 1, 2 * rim + 1), np.uint8))
    around = covered == 0
    if not around.any():
        return True
    ground = np.broadcast_to(np.median(whole[around], axis=0).astype(np.uint8), whole.shape)
    drawn_out = _drawn_out(whole, np.asarray(covered, np.uint8))
    return _alike(whole, ground, around) or _alike(whole, drawn_out, around)


def _drawn_out(whole: NDArray[np.uint8], covered: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture, but the first pixels around the part that is covered repeated up to the rim, as editors fill it."""
    left, top, width, height = cv2.boundingRect(covered)
    rows, columns = (
        np.clip(np.clip(np.arange(length), start - 1, start + side), 0, length - 1)
        for length, start, side in zip(whole.shape, (top, left), (height, width), strict=False)
    )
    return np.asarray(whole[rows][:, columns])


def _alike(whole: NDArray[np.uint8], other: NDArray[np.uint8], where: NDArray[np.bool_]) -> bool:
    """Whether a picture is there like another one, noise aside, and to within two pixels."""
    around = np.ones((5, 5), np.uint8)
    whole, other = (np.asarray(cv2.blur(one, (3, 3)), np.uint8) for one in (whole, other))
    nearest = np.clip(whole, cv2.erode(other, around), cv2.dilate(other, around))
    differs = cv2.absdiff(whole, nearest).max(axis=2) * where
    return float(cv2.blur(differs.astype(np.float32), (3, 3)).max()) <= PLAIN
