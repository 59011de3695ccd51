"""Which of two pictures may stand for the other: the one that shows all that the other one does, and as finely."""

from collections.abc import Iterator, Sequence
from enum import IntFlag

import cv2
import numpy as np
from numpy.typing import NDArray

from labelonce.fine.laying import reduced, rescaled
from labelonce.geometry import Transform, inverse

PLAIN = 12  # levels by which 3 x 3 pixels of ground of one tone may vary; more is something on it
RIM = 3  # pixels around the other picture that are neither: scaling and JPEG blur its edge
RIM_SHARE = 0.006  # of the long side, if that is more; of the outermost pixels too: a turn by a hair leaves wedges
OFF = 2  # pixels by which the place of a mirror may be off
LOST, NOISE = 0.4, 20.0  # share of the variance around a pixel, squared grey levels, that is lost where there is detail
MARK = 25  # pixels of one place where it is: pictures that were only enlarged have up to 23
ENOUGH = 500  # pixels, long side at which a line of text outside is seen; those of twice as much are brought down
COARSER = 0.8  # times as large, of one's pixels on the other: below it, small things are seen in one of them only


class Stands(IntFlag):
    """Who may stand for whom in a pair.

    With `ENLARGED`, the one that may is much larger, but shows no more: the other one may, too, where it stands already
    or people worked on it.
    """

    NEITHER = 0
    FIRST = 1
    SECOND = 2
    EITHER = 3
    ENLARGED = 4

    @property
    def swapped(self) -> "Stands":
        """The same, where the pair is named in the other order."""
        return Stands((self & 1) << 1 | (self & 2) >> 1 | self & 4)


def stands_of(
    a: NDArray[np.uint8], b: NDArray[np.uint8], transform: Transform, overlap: tuple[float, float], inside: float
) -> Stands:
    """Who may stand for whom, of two pictures that show the same where they overlap.

    A picture may be skipped for one in which all of it lies; what lies outside shows nothing if it is ground of one
    tone, or what editors fill in there. Where each shows something beside the other, neither may.

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


def finer(a: NDArray[np.uint8], b: NDArray[np.uint8], transform: Transform) -> Stands:
    """Who may stand for whom by their resolution: in a coarser picture, others that look alike may look the same.

    Parameters
    ----------
    a, b
        (h, w, 3) uint8 RGB, as large as they are compared.
    transform
        (2, 3) float64. From pixels of `b` to pixels of `a`.
    """
    scale = abs(float(np.linalg.det(transform[:, :2]))) ** 0.5
    if COARSER <= scale <= 1 / COARSER:
        return Stands.EITHER
    larger, ratio, stands = (b, scale, Stands.SECOND) if scale < 1 else (a, 1 / scale, Stands.FIRST)
    return stands if _detailed(larger, ratio) else stands | Stands.ENLARGED


def _detailed(rgb: NDArray[np.uint8], scale: float) -> bool:
    """Whether something is seen in a picture that is not when it is so many times as large."""
    gray = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.float32)
    size = max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale))
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    less = gray - np.asarray(cv2.resize(small, gray.shape[::-1], interpolation=cv2.INTER_LANCZOS4), np.float32)
    side = (5, 5)
    mean, lost = cv2.blur(gray, side), cv2.blur(np.asarray(less * less, np.float32), side)
    detail = (lost > LOST * (cv2.blur(gray * gray, side) - mean * mean + NOISE)) & (lost > 3 * NOISE)
    _, _, stats, _ = cv2.connectedComponentsWithStats(detail.astype(np.uint8))
    return bool((stats[1:, cv2.CC_STAT_AREA] > MARK).any())


def _bare(whole: NDArray[np.uint8], part: NDArray[np.uint8], transform: Transform) -> bool:
    """Whether a picture shows nothing around a part that lies on it so: ground of one tone, or what editors fill in."""
    size = whole.shape[1], whole.shape[0]
    inner = cv2.warpAffine(np.ones(part.shape[:2], np.uint8), transform, size, flags=cv2.INTER_NEAREST)
    rim = max(RIM, round(RIM_SHARE * max(size)))
    outer = cv2.dilate(inner, np.ones((2 * rim + 1, 2 * rim + 1), np.uint8))
    around = outer == 0
    edge = round(RIM_SHARE * max(size))
    around[:edge] = around[size[1] - edge :] = around[:, :edge] = around[:, size[0] - edge :] = False
    if not around.any():
        return True
    ground = np.median(whole[around], axis=0).astype(np.uint8)
    if _alike(whole, np.broadcast_to(ground, whole.shape), around):
        return True
    return any(_alike(whole, made, around) for made in _filled_in(whole, cv2.boundingRect(inner), rim))


def _filled_in(whole: NDArray[np.uint8], box: Sequence[int], rim: int) -> Iterator[NDArray[np.uint8]]:
    """The picture, but what lies outside a box as editors fill it: the rim's pixels repeated, or mirrored.

    Parameters
    ----------
    box
        Left, top, width and height.
    rim
        Pixels to which the box is known.
    """
    left, top, width, height = box
    sides = (whole.shape[0], top, height), (whole.shape[1], left, width)
    rows, columns = (
        np.clip(np.arange(n), start - rim - 1, start + side + rim).clip(0, n - 1) for n, start, side in sides
    )
    yield np.asarray(whole[rows][:, columns])
    for off in range(-OFF, OFF + 1):
        rows, columns = (_mirrored(n, start + off, start + side - 1 - off) for n, start, side in sides)
        yield np.asarray(whole[rows][:, columns])


def _mirrored(n: int, first: int, last: int) -> NDArray[np.int64]:
    """Places 0 to n - 1, those before the first and behind the last one mirrored at it; at the ends nothing is."""
    places: NDArray[np.int64] = np.arange(n)
    if first > RIM:
        places[:first] = 2 * first - places[:first]
    if last < n - 1 - RIM:
        places[last + 1 :] = 2 * last - places[last + 1 :]
    return places.clip(0, n - 1)


def _alike(whole: NDArray[np.uint8], other: NDArray[np.uint8], where: NDArray[np.bool_]) -> bool:
    """Whether a picture is there like another one, noise aside, and to within a pixel."""
    around = np.ones((3, 3), np.uint8)
    whole, other = (np.asarray(cv2.blur(one, (3, 3)), np.uint8) for one in (whole, other))
    nearest = np.clip(whole, cv2.erode(other, around), cv2.dilate(other, around))
    differs = cv2.absdiff(whole, nearest).max(axis=2) * where
    return float(cv2.blur(differs.astype(np.float32), (3, 3)).max()) <= PLAIN
