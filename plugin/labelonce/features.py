"""What is kept of one picture to compare it with others: a thumbnail, and the corners found in it."""

import struct
from collections.abc import Callable, Sequence
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from labelonce.images.decoding import Picture
from labelonce.images.ignoring import counted
from labelonce.images.regions import Region
from labelonce.photographs import is_photograph

FEATURES_VERSION = 3  # part of the store's key: raise it when `extract` changes

LONG_SIDE = 320  # pixels; small pictures are enlarged, they have no corners otherwise
LEAST_SIDE = 8  # pixels, for extreme aspect ratios
QUALITY = 90  # of the thumbnail's JPEG: corners and changes are found as in the pixels themselves
POINTS = 500
FAST_THRESHOLD = 7  # grey levels; OpenCV's default of 20 finds too few corners in soft pictures
SCALES, STEP = 5, 1.3  # of the pyramid: cheaper than OpenCV's 8 steps of 1.2, and finds as much
MORE_POINTS, MORE_SCALES, LOWER_THRESHOLD = 1600, 6, 5  # where text and frames have taken all the others

_HEADER = struct.Struct("<4s2H?")
_MAGIC, _END = b"LOF3", b"\xff\xd9"  # what a JPEG ends with

View = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


class Features:
    """A picture as the verification sees it. Parts are computed when they are first needed.

    Parameters
    ----------
    jpeg
        The thumbnail, its long side 320 pixels.
    size
        Width and height of the thumbnail, pixels.
    view
        How to turn or mirror the picture before it is looked at; None leaves it as it is.
    tiny
        Whether the picture is less than half as large as the thumbnail.
    """

    def __init__(self, jpeg: bytes, size: tuple[int, int], view: View | None = None, *, tiny: bool = False) -> None:
        self.jpeg = jpeg
        self._tiny = tiny
        self._size = size
        self._view = view

    def to_bytes(self) -> bytes:
        """Pack; the view is not part of it."""
        return _HEADER.pack(_MAGIC, *self._size, self._tiny) + self.jpeg

    @classmethod
    def from_bytes(cls, blob: bytes) -> "Features":
        """Unpack.

        Raises
        ------
        ValueError
            The bytes are damaged, or of another version.
        """
        if not blob.startswith(_MAGIC) or not blob.endswith(_END):
            raise ValueError("damaged features, or features of another version")
        _, width, height, tiny = _HEADER.unpack_from(blob)
        made = cls(blob[_HEADER.size :], (width, height), tiny=tiny)
        if made.small.shape[:2] != ((height + 1) // 2, (width + 1) // 2):
            raise ValueError("damaged features: the thumbnail has another size")
        return made

    def seen(self, view: View) -> "Features":
        """The same picture, turned or mirrored."""
        return Features(self.jpeg, self._size, view, tiny=self._tiny)

    def counted(self, ignored: Sequence[Region], shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """(h, w) uint8, 1 where the picture counts, held as it is here; of the shape of a picture of it."""
        mask = self._viewed(counted(ignored))
        return np.asarray(cv2.resize(mask, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST), np.uint8)

    @cached_property
    def size(self) -> tuple[int, int]:
        """Width and height of the frame, pixels, in which `corners` are measured."""
        height, width = self._gray().shape if self._view else self._size[::-1]
        return width, height

    @cached_property
    def small(self) -> NDArray[np.uint8]:
        """(h, w, 3) uint8 RGB, half as large as the frame."""
        return self._viewed(cv2.cvtColor(self._decoded(cv2.IMREAD_REDUCED_COLOR_2), cv2.COLOR_BGR2RGB))

    @cached_property
    def sketch(self) -> NDArray[np.float32]:
        """(1024,) float32. Grey, 32 x 32, without its mean, of unit norm: zero where the picture is plain."""
        gray = cv2.cvtColor(self.small, cv2.COLOR_RGB2GRAY)
        tiny = cv2.resize(gray, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
        tiny -= tiny.mean()
        return np.asarray(tiny / max(float(np.linalg.norm(tiny)), 32.0), np.float32)

    @property
    def plain(self) -> bool:
        """Whether there is nothing in the thumbnail but one tone."""
        return float(np.linalg.norm(self.sketch)) < 0.5

    @cached_property
    def photographic(self) -> bool:
        """Whether it looks like a photograph or a frame of a film; tiny pictures do not, for nobody can tell."""
        return not self._tiny and is_photograph(self.small)

    @cached_property
    def corners(self) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """(n, 2) float32 places, x and y in pixels of the frame, and (n, 32) uint8 ORB (Rublee et al., 2011).

        The strongest come first.
        """
        return self._found(POINTS, SCALES, FAST_THRESHOLD)

    @cached_property
    def more_corners(self) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """As `corners`, but with weak ones too: so many that every part of the picture has some."""
        return self._found(MORE_POINTS, MORE_SCALES, LOWER_THRESHOLD)

    def _found(self, points: int, scales: int, threshold: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        orb = cv2.ORB_create(points, scaleFactor=STEP, nlevels=scales, fastThreshold=threshold)  # type: ignore[attr-defined]
        found, descriptors = orb.detectAndCompute(self._gray(), None)
        if descriptors is None:
            return np.zeros((0, 2), np.float32), np.zeros((0, 32), np.uint8)
        order = np.argsort([-point.response for point in found], kind="stable")
        return np.asarray(cv2.KeyPoint.convert(found), np.float32)[order], np.asarray(descriptors, np.uint8)[order]

    def _gray(self) -> NDArray[np.uint8]:
        return self._viewed(self._decoded(cv2.IMREAD_GRAYSCALE))

    def _viewed(self, pixels: cv2.typing.MatLike) -> NDArray[np.uint8]:
        made = np.asarray(pixels, np.uint8)
        return np.ascontiguousarray(self._view(made)) if self._view else made

    def _decoded(self, flag: int) -> cv2.typing.MatLike:
        decoded = cv2.imdecode(np.frombuffer(self.jpeg, np.uint8), flag)
        if decoded is None:
            raise ValueError("damaged features: no thumbnail")
        return decoded


def extract(picture: Picture) -> Features:
    """Make the thumbnail of a picture."""
    height, width = picture.rgb.shape[:2]
    scale = LONG_SIDE / max(width, height)
    size = max(LEAST_SIDE, round(width * scale)), max(LEAST_SIDE, round(height * scale))
    # at most a half smaller: a linear filter does not alias there, and costs a tenth of a cubic one
    method = cv2.INTER_LINEAR if scale <= 1 else cv2.INTER_CUBIC
    frame = cv2.cvtColor(cv2.resize(picture.rgb, size, interpolation=method), cv2.COLOR_RGB2BGR)
    _, jpeg = cv2.imencode(".jpg", frame, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
    return Features(jpeg.tobytes(), size, tiny=scale > 2)
