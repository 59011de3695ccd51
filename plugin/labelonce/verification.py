"""Candidate pairs → true pairs: do the corners of both pictures agree on one view of one scene?

The rule and its constants were measured on near-duplicate corpora with truth: twelve corners that agree after a ratio
test (Lowe, 2004) and RANSAC (Fischler and Bolles, 1981) are next to never found in look-alikes.
"""

import struct
import zlib
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labelonce.images.decoding import Picture

FEATURES_VERSION = 1  # part of the store's key: raise it when `extract` changes

LONG_SIDE = 320  # pixels; small pictures are enlarged, they have no corners otherwise
SMALL_SIDE = 160  # pixels, for ECC
LEAST_SIDE = 8  # pixels, for extreme aspect ratios
POINTS = 500
FAST_THRESHOLD = 7  # grey levels; OpenCV's default of 20 finds too few corners in soft pictures

RATIO = 0.8
REPROJECTION = 4.0  # pixels at a long side of 320
ITERATIONS = 500
INLIERS = 12  # ten let look-alikes through, fifteen lose true pairs
SCALES = (0.4, 2.5)
OVERLAP = 0.6  # of each picture inside the other; .7 loses true crops
CORRELATION = 0.6  # of ECC

_HEADER = struct.Struct("<4s5H")
_MAGIC = b"LOF1"
_GRID = np.stack(np.meshgrid(np.linspace(0.01, 0.99, 21), np.linspace(0.01, 0.99, 21)), -1).reshape(-1, 2)

Transform = NDArray[np.float64]


@dataclass(frozen=True)
class Features:
    """What is kept of one picture to verify it against others; about 25 kB.

    Parameters
    ----------
    points
        (n, 2) float32. Corners, x and y in pixels of the frame.
    descriptors
        (n, 32) uint8. ORB descriptors (Rublee et al., 2011) of the corners.
    gray
        (h, w) uint8, long side 160.
    size
        Width and height of the frame, whose long side is 320 pixels.
    """

    points: NDArray[np.float32]
    descriptors: NDArray[np.uint8]
    gray: NDArray[np.uint8]
    size: tuple[int, int]

    def to_bytes(self) -> bytes:
        """Pack without loss."""
        head = _HEADER.pack(_MAGIC, len(self.points), *self.size, self.gray.shape[1], self.gray.shape[0])
        arrays = (self.points.astype("<f4"), self.descriptors, self.gray)
        return head + zlib.compress(b"".join(array.tobytes() for array in arrays), 1)

    @classmethod
    def from_bytes(cls, blob: bytes) -> "Features":
        """Unpack.

        Raises
        ------
        ValueError
            The bytes are damaged, or of another version.
        """
        try:
            magic, count, frame_width, frame_height, width, height = _HEADER.unpack_from(blob)
            content = zlib.decompress(blob[_HEADER.size :])
        except (struct.error, zlib.error) as error:
            raise ValueError(f"damaged features: {error}") from None
        if magic != _MAGIC or len(content) != count * (8 + 32) + width * height:
            raise ValueError("damaged features, or features of another version")
        points = np.frombuffer(content, "<f4", count * 2).reshape(count, 2)
        descriptors = np.frombuffer(content, np.uint8, count * 32, count * 8).reshape(count, 32)
        gray = np.frombuffer(content, np.uint8, width * height, count * 40).reshape(height, width)
        return cls(points.astype(np.float32), descriptors, gray, (frame_width, frame_height))


@dataclass(frozen=True)
class Verdict:
    """Whether two pictures show one view, and why.

    Parameters
    ----------
    accepted
        They do.
    reason
        ``"geometry"``: their corners agree. ``"embedding"``: without corners, but hardly different at all.
        ``"rejected: ..."``: what was missing, one of ``few corners``, ``inliers``, ``scale``, ``overlap``.
    inliers
        Corners that agree.
    overlap
        The smaller share, 0 to 1, of either picture that lies inside the other; 0 where they could not be aligned.
    """

    accepted: bool
    reason: str
    inliers: int
    overlap: float


def extract(picture: Picture) -> Features:
    """Find the corners of a picture and describe them."""
    height, width = picture.rgb.shape[:2]
    size = _scaled((width, height), LONG_SIDE)
    image = Image.fromarray(picture.rgb).resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0).convert("L")
    gray = np.asarray(image)
    small = np.asarray(cv2.resize(gray, _scaled(size, SMALL_SIDE), interpolation=cv2.INTER_AREA), np.uint8)
    found, descriptors = cv2.ORB_create(POINTS, fastThreshold=FAST_THRESHOLD).detectAndCompute(gray, None)  # type: ignore[attr-defined]
    if descriptors is None:
        return Features(np.zeros((0, 2), np.float32), np.zeros((0, 32), np.uint8), small, size)
    points = np.array([point.pt for point in found], np.float32).reshape(-1, 2)
    return Features(points, np.asarray(descriptors, np.uint8), small, size)


def verify(a: Features, b: Features, similarity: float, strict: float) -> Verdict:
    """Decide whether two pictures show one view of one scene.

    The verdict depends on the two pictures alone: not on their order, on earlier calls, or on the thread. (OpenCV's
    RANSAC starts its generator anew in each call.)

    Parameters
    ----------
    a, b
        Features of the pictures.
    similarity
        Cosine similarity of their embeddings, -1 to 1.
    strict
        Cosine similarity from which on pictures without enough corners may be accepted, if ECC (Evangelidis and
        Psarakis, 2008) aligns them well.

    Returns
    -------
    Verdict
    """
    if _order(b) < _order(a):
        a, b = b, a
    by_corners = _by_corners(a, b)
    if by_corners.accepted or similarity < strict:
        return by_corners
    return _by_pixels(a, b, by_corners)


def _order(features: Features) -> tuple[tuple[int, int], bytes, bytes, bytes]:
    arrays = (features.gray, features.points, features.descriptors)
    return (features.size, *(array.tobytes() for array in arrays))  # type: ignore[return-value]


def _scaled(size: tuple[int, int], long_side: int) -> tuple[int, int]:
    scale = long_side / max(size)
    return max(LEAST_SIDE, round(size[0] * scale)), max(LEAST_SIDE, round(size[1] * scale))


def _by_corners(a: Features, b: Features) -> Verdict:
    source, target = _matches(a, b)
    if len(source) < INLIERS:
        return Verdict(False, "rejected: few corners", 0, 0.0)
    found, mask = cv2.estimateAffinePartial2D(
        source, target, method=cv2.RANSAC, ransacReprojThreshold=REPROJECTION, maxIters=ITERATIONS
    )
    if found is None or not np.isfinite(found).all():
        return Verdict(False, "rejected: inliers", 0, 0.0)
    transform, inliers = np.asarray(found, np.float64), int(mask.sum())
    scale = float(np.hypot(transform[0, 0], transform[1, 0]))
    if inliers < INLIERS:
        return Verdict(False, "rejected: inliers", inliers, 0.0)
    if not SCALES[0] < scale < SCALES[1]:
        return Verdict(False, "rejected: scale", inliers, 0.0)
    overlap = _overlap(transform, a.size, b.size)
    if overlap < OVERLAP:
        return Verdict(False, "rejected: overlap", inliers, overlap)
    return Verdict(True, "geometry", inliers, overlap)


def _matches(a: Features, b: Features) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Corners of `b` and the corners of `a` that they match, (m, 2) each, by Lowe's ratio test."""
    if min(len(a.points), len(b.points)) < INLIERS:
        return np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32)
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(b.descriptors, a.descriptors, k=2)
    good = [first for first, second in pairs if first.distance < RATIO * second.distance]
    return b.points[[match.queryIdx for match in good]], a.points[[match.trainIdx for match in good]]


def _by_pixels(a: Features, b: Features, by_corners: Verdict) -> Verdict:
    """For pictures without corners: ECC from "they fill the same frame"."""
    (a_height, a_width), (b_height, b_width) = a.gray.shape, b.gray.shape
    start = np.array([[b_width / a_width, 0, 0], [0, b_height / a_height, 0]], np.float32)
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 40, 1e-4)
    try:
        correlation, found = cv2.findTransformECC(a.gray, b.gray, start, cv2.MOTION_AFFINE, stop, None, 5)  # type: ignore[call-overload]
    except cv2.error:  # it does not converge
        return by_corners
    transform = np.asarray(found, np.float64)
    if not correlation >= CORRELATION or not np.isfinite(transform).all() or abs(np.linalg.det(transform[:, :2])) < 0.1:
        return by_corners
    overlap = _overlap(cv2.invertAffineTransform(transform), (a_width, a_height), (b_width, b_height))
    if overlap < OVERLAP:
        return by_corners
    return Verdict(True, "embedding", by_corners.inliers, overlap)


def _overlap(transform: Transform | cv2.typing.MatLike, a: tuple[int, int], b: tuple[int, int]) -> float:
    """Smaller share of either picture inside the other; `transform` maps `b` on `a`.

    Counted on a grid of points: OpenCV's `intersectConvexConvex` is wrong on nearly coincident outlines.
    """
    return min(_inside(transform, b, a), _inside(cv2.invertAffineTransform(transform), a, b))


def _inside(transform: Transform | cv2.typing.MatLike, source: tuple[int, int], target: tuple[int, int]) -> float:
    mapped = (_GRID * source) @ transform[:, :2].T + transform[:, 2]
    return float(((mapped >= 0) & (mapped <= target)).all(axis=1).mean())
