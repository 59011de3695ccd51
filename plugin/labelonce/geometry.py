"""How one picture lies on another: found from their corners, or from their pixels where there are too few.

Corners are matched by a ratio test (Lowe, 2004), and the transform that most of them agree on is found by RANSAC
(Fischler and Bolles, 1981). Pictures without corners are aligned by ECC (Evangelidis and Psarakis, 2008).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from labelonce.features import Features

RATIO = 0.8  # of the distances of the best and the second best match
REPROJECTION = 8.0  # pixels of the frame, whose long side is 320: parallax and things that move a little are within it
FINE = 2.0  # pixels, of those among them that the transform is made of in the end: what stands still
ITERATIONS = 500
STRONGEST = 250  # corners that are tried first: a quarter of the comparisons
PLAIN, PLAIN_SHARE = 40, 0.6  # inliers and their share from which on the strongest corners have settled it
# Without any of these in the strongest corners the others are not asked: inliers, matches, correlation of the sketches.
# Of pairs that all corners prove, 1 in 80 is given up, of look-alikes 2 in 3, for a third of the cost.
HOPE_INLIERS, HOPE_MATCHES, HOPE_SKETCH = 5, 9, 0.9
PROBED, PROBED_MATCHES = 100, 5  # of more corners, that are tried first: look-alikes seldom have so many matches
MORE_INLIERS, MORE_SHARE = 24, 0.5  # that prove it there: more corners match at random, too
STRETCH = 2.0  # of one direction against the other, at most
LEAST_CORNERS = 6  # a transform of four unknowns always fits two points; below this nothing is proven
CORRELATION = 0.6  # of ECC, below which it found nothing
SAME_SHAPE = 0.03  # of aspect ratios that differ by rounding only

_GRID = np.stack(np.meshgrid(np.linspace(0.01, 0.99, 21), np.linspace(0.01, 0.99, 21)), -1).reshape(-1, 2)

Transform = NDArray[np.float64]
Corners = tuple[NDArray[np.float32], NDArray[np.uint8]]  # places and descriptors, as in `Features.corners`


@dataclass(frozen=True)
class Alignment:
    """How picture `b` lies on picture `a`.

    Parameters
    ----------
    transform
        (2, 3) float64. From pixels of b's small picture to pixels of a's; None where nothing was found.
    matches
        Corners that look alike.
    inliers
        Those of them that agree on the transform.
    scale
        Size of b's pixels on a, as a share of a's, both taken to the same frame.
    overlap
        Share of each picture, 0 to 1, that lies inside the other: of a, of b.
    """

    transform: Transform | None
    matches: int = 0
    inliers: int = 0
    scale: float = 0.0
    overlap: tuple[float, float] = (0.0, 0.0)

    @property
    def turn(self) -> float:
        """Angle by which `b` is turned against `a`, degrees, 0 to 180."""
        return 0.0 if self.transform is None else turn_of(self.transform)

    @property
    def share(self) -> float:
        """Inliers among the matches, 0 to 1."""
        return self.inliers / self.matches if self.matches else 0.0


def turn_of(transform: Transform) -> float:
    """Angle of a transform, degrees, 0 to 180; 180 where it mirrors."""
    (right_x, down_x, _), (right_y, down_y, _) = transform.tolist()
    if right_x * down_y - right_y * down_x <= 0:
        return 180.0
    return abs(float(np.degrees(np.arctan2(right_y - down_x, right_x + down_y))))


def fill(a: Features, b: Features) -> Alignment | None:
    """The alignment of pictures that fill the same frame; None where their shapes differ."""
    (a_width, a_height), (b_width, b_height) = a.size, b.size
    if abs(np.log(a_width * b_height / (a_height * b_width))) > SAME_SHAPE:
        return None
    (height, width), (rows, columns) = a.small.shape[:2], b.small.shape[:2]
    x, y = width / columns, height / rows  # pixels are places in the middle of their area
    return Alignment(np.array([[x, 0, x / 2 - 0.5], [0, y, y / 2 - 0.5]]), scale=1.0, overlap=(1.0, 1.0))


def align_corners(a: Features, b: Features, *, inliers: int = PLAIN, share: float = PLAIN_SHARE) -> Alignment:
    """The similarity transform that most of the corners agree on.

    It depends on the two pictures alone: OpenCV's RANSAC starts its generator anew in each call.

    Parameters
    ----------
    inliers, share
        What the strongest corners have to reach, if more than they have to anyway, so that the others are not asked.
    """
    strong = _aligned(a, b, STRONGEST)
    if strong.inliers >= max(inliers, PLAIN) and strong.share >= max(share, PLAIN_SHARE):
        return strong
    hope = strong.inliers >= HOPE_INLIERS or strong.matches >= HOPE_MATCHES or float(a.sketch @ b.sketch) >= HOPE_SKETCH
    return _aligned(a, b, None) if hope else strong


def align_more_corners(a: Features, b: Features) -> Alignment:
    """As `align_corners`, by weak corners too, and with stretching: for what is left of a picture under text, beside
    others, or in another shape.

    Nothing is found where they prove little.
    """
    source, target = b.more_corners, a.more_corners
    step = max(1, len(source[0]) // PROBED)
    probe = source[0][::step], source[1][::step]
    if len(_matches(probe, target)[0]) < PROBED_MATCHES:
        return Alignment(None)
    found = _agreed(a, b, *_matches(source, target), cv2.estimateAffine2D)
    if found.transform is None or found.inliers < MORE_INLIERS or found.share < MORE_SHARE:
        return Alignment(None)
    return found if np.linalg.cond(found.transform[:, :2]) <= STRETCH else Alignment(None)


def _aligned(a: Features, b: Features, strongest: int | None) -> Alignment:
    """The transform that most of the strongest corners agree on; None takes all."""
    source, target = ((points[:strongest], found[:strongest]) for points, found in (b.corners, a.corners))
    return _agreed(a, b, *_matches(source, target), cv2.estimateAffinePartial2D)


def _agreed(
    a: Features, b: Features, source: NDArray[np.float32], target: NDArray[np.float32], fitted: Callable[..., Any]
) -> Alignment:
    """The transform that most of the corners of `b` and those of `a` that they match agree on."""
    if len(source) < LEAST_CORNERS:
        return Alignment(None, len(source))
    found, mask = fitted(source, target, method=cv2.RANSAC, ransacReprojThreshold=REPROJECTION, maxIters=ITERATIONS)
    if found is None or not np.isfinite(found).all():
        return Alignment(None, len(source))
    transform, inliers = np.asarray(found, np.float64), int(mask.sum())
    agreed = mask.ravel() > 0
    finer, _ = fitted(
        source[agreed], target[agreed], method=cv2.RANSAC, ransacReprojThreshold=FINE, maxIters=ITERATIONS
    )
    if finer is not None and np.isfinite(finer).all():
        transform = np.asarray(finer, np.float64)
    scale = float(np.sqrt(abs(np.linalg.det(transform[:, :2]))))
    if not 1e-3 < scale < 1e3:
        return Alignment(None, len(source), inliers, scale)
    overlap = _overlap(transform, a.size, b.size)
    small = transform.copy()
    small[:, 2] = transform[:, 2] / 2 + (transform[:, :2].sum(axis=1) - 1) / 4  # small pictures are half as large
    return Alignment(small, len(source), inliers, scale, overlap)


def align_pixels(a: Features, b: Features) -> Alignment:
    """The affine transform that makes the pixels agree, starting from "they fill the same frame"."""
    gray_a, gray_b = (cv2.cvtColor(one.small, cv2.COLOR_RGB2GRAY) for one in (a, b))
    (a_height, a_width), (b_height, b_width) = gray_a.shape, gray_b.shape
    start = np.array([[b_width / a_width, 0, 0], [0, b_height / a_height, 0]], np.float32)
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 40, 1e-4)
    try:
        correlation, found = cv2.findTransformECC(gray_a, gray_b, start, cv2.MOTION_AFFINE, stop, None, 5)  # type: ignore[call-overload]
    except cv2.error:  # it does not converge
        return Alignment(None)
    onto_b = np.asarray(found, np.float64)
    if not correlation >= CORRELATION or not np.isfinite(onto_b).all():
        return Alignment(None)
    scale = float(np.sqrt(abs(np.linalg.det(onto_b[:, :2]))))
    if not 1e-3 < scale < 1e3:
        return Alignment(None)
    transform = inverse(onto_b)
    overlap = _overlap(transform, (a_width, a_height), (b_width, b_height))
    return Alignment(transform, scale=1 / scale, overlap=overlap)


def inverse(transform: Transform) -> Transform:
    """How `a` lies on `b`, where `transform` says how `b` lies on `a`."""
    return np.asarray(cv2.invertAffineTransform(transform), np.float64)


def _matches(source: Corners, target: Corners) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Corners and those that they match, (m, 2) each, by the ratio test."""
    (points, descriptors), (others, known) = source, target
    if min(len(points), len(others)) < LEAST_CORNERS:
        return np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32)
    distance, nearest = cv2.batchDistance(descriptors, known, cv2.CV_32S, normType=cv2.NORM_HAMMING, K=2)
    good = distance[:, 0] < RATIO * distance[:, 1]
    return points[good], others[nearest[good, 0]]


def _overlap(transform: Transform, a: tuple[int, int], b: tuple[int, int]) -> tuple[float, float]:
    """Share of each picture inside the other; `transform` maps `b` on `a`.

    Counted on a grid of points: OpenCV's `intersectConvexConvex` is wrong on nearly coincident outlines.
    """
    return _inside(inverse(transform), a, b), _inside(transform, b, a)


def _inside(transform: Transform, source: tuple[int, int], target: tuple[int, int]) -> float:
    mapped = (_GRID * source) @ transform[:, :2].T + transform[:, 2]
    return float(((mapped >= 0) & (mapped <= target)).all(axis=1).mean())
