"""Bytes → one upright picture, decoded once at the size that the later stages need."""

import math
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from labelonce.errors import ImageUnreadable
from labelonce.images import formats
from labelonce.images.depth import Deep
from labelonce.images.dicom import DicomFile
from labelonce.images.exif import captured
from labelonce.images.heic import HeicFile
from labelonce.images.regions import Region
from labelonce.images.sixteen import colours_of
from labelonce.images.strips import AT_ONCE, digest_of, strips, whole

LONG_SIDE = 480  # pixels: half as much again as the largest side that a later stage looks at
BACKGROUND = 128  # behind transparent pixels: light and dark drawings both stand out from mid-grey

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)
_MARKER = re.compile(rb"\xff[\x02-\xcf\xd8-\xfe]")  # of a JPEG's segments; others are within a scan, or have no length
_SCAN, _END = b"\xff\xda", b"\xff\xd9"
_READERS: dict[str, type[HeicFile | DicomFile]] = {
    formats.HEIC: HeicFile,
    formats.DICOM: DicomFile,
}  # of what Pillow does not know
_TOGETHER = 1 << 28  # pixels of all pictures that threads decode at the same time, but for one that is larger by itself
_WIDE = 3  # times the memory, at most, for each pixel of colours of more than 8 bits
_MOST_EXIF = 100  # parts of 64 kB in one file: Pillow puts each behind a copy of all before it
_MOST_SCANS = 100  # of a JPEG: encoders write ten or so, and each goes over the whole picture again
cv2.setNumThreads(1)  # pictures are looked at side by side; OpenCV's own threads would spin while they wait for work


@dataclass(frozen=True)
class Picture:
    """One upright image.

    Parameters
    ----------
    width, height
        Of the whole upright image, or of the region of it, pixels.
    rgb
        (h, w, 3) uint8, upright, the long side at most 480; smaller images keep their size.
    digest
        Hexadecimal SHA-256 of the upright pixels, `width` and `height`: equal pixels have equal digests, whatever
        metadata the file carries.
    sharpness
        Variance of the Laplacian of the grey picture, 0 or more: for choosing between pictures of one size.
    captured
        When and by which camera it was taken, as `exif.captured` says it; empty where nothing says so.
    """

    width: int
    height: int
    rgb: NDArray[np.uint8]
    digest: str
    sharpness: float
    captured: str = ""


def decode(
    data: bytes, region: Region | None = None, *, max_pixels: int = 170_000_000, long_side: int = LONG_SIDE
) -> Picture:
    """Decode an image file.

    Orientation by EXIF is applied, transparency is laid on mid-grey, values of more than 8 bits are stretched over
    the range in which most of them lie (a 12-bit radiograph in 16 bits would be black otherwise); colours only where
    they end far below full scale.

    The digest covers every pixel that was decoded: for JPEG those of libjpeg's reduced decoding (by a half, a quarter
    or an eighth, the long side of what counts still 480 pixels or more), for all others the full size, alpha and deep
    values included. Reduced pixels suffice because each of them is the mean of the full ones below it: two JPEG files
    of one size agree in all of them only if what differs is fainter than one grey level over such a block, which is
    less than any of the later stages, or a person who labels, can tell.

    Decoding takes up to 10 bytes of memory for each pixel of the file, 12 for colours of 16 bits, 18 for WebP and
    JPEG 2000, 28 where that or AVIF has more than 8 bits. Threads wait for each other rather
    than decode more than 268 million pixels at the same time.

    An image is only accepted whole. What Pillow fills up after the end of a truncated file is the same grey for every
    file, and an animation or a document of many pages is not its first frame; such images are refused, so that their
    tasks are kept.

    Parameters
    ----------
    data
        The content of the file.
    max_pixels
        Larger images are refused by their header, before any memory is taken for pixels.
    region
        The part of the upright image that counts; None takes the whole.
    long_side
        Largest long side of `Picture.rgb`, pixels. The digest depends on it: only digests of one long side compare.

    Returns
    -------
    Picture

    Raises
    ------
    ImageUnreadable
        Whatever is wrong with the bytes; the text is for a person.
    """
    return _decoded(data, max_pixels, region, long_side, measured=True)


def pixels_of(
    data: bytes, region: Region | None = None, *, max_pixels: int, long_side: int = LONG_SIDE
) -> NDArray[np.uint8]:
    """`decode`'s `Picture.rgb` alone: of what was decoded before, the rest is known.

    Raises
    ------
    ImageUnreadable
        As `decode` does.
    """
    return _decoded(data, max_pixels, region, long_side, measured=False).rgb


def _decoded(data: bytes, max_pixels: int, region: Region | None, long_side: int, *, measured: bool) -> Picture:
    """Decode, and say of everything that goes wrong that the image is unreadable."""
    if not data:
        raise ImageUnreadable("the file is empty")
    try:
        return _decode(data, max_pixels, region, long_side, measured)
    except ImageUnreadable:
        raise
    except MemoryError:
        raise ImageUnreadable("not enough memory to decode it") from None
    except Exception as error:  # Pillow's readers raise whatever their parsing of bad bytes runs into
        raise ImageUnreadable(_reason(error)) from error


def _decode(data: bytes, max_pixels: int, region: Region | None, long_side: int, measured: bool) -> Picture:
    if len(data) > _MOST_EXIF << 16 and data.count(b"Exif\0\0") > _MOST_EXIF:
        raise ImageUnreadable(f"too costly: more than {_MOST_EXIF} parts of EXIF")
    reader = _READERS.get(formats.kind_of(data[: formats.HEAD]) or "")
    if reader is not None:
        file = reader(data)
        _check(file.size, max_pixels)
        with _room.taken(math.prod(file.size)):
            pixels = file.load()
            return _picture(pixels, pixels.size, region, long_side, measured)
    with formats.quiet():
        image = formats.open_image(data)
        width, height = image.size
        _check(image.size, max_pixels)
        # MPO is a photo with a preview, depth or gain map behind it, and the photo is its first frame
        if image.format != "MPO" and getattr(image, "is_animated", False):
            raise ImageUnreadable("animated or with several pages: one frame does not stand for it")
        orientation = None
        if isinstance(image, JpegImagePlugin.JpegImageFile):  # MPO too
            orientation = formats.orientation_of(image)
            image.draft("RGB", _least_size(image.size, region, orientation, long_side))
            if _scans(data) > _MOST_SCANS:
                raise ImageUnreadable(f"too costly: a JPEG of more than {_MOST_SCANS} scans")
        colours = colours_of(image, data)
    # libjpeg holds the whole of what comes in several scans, however much it is reduced
    count = width * height if image.info.get("progressive") else image.width * image.height
    with _room.taken(count if colours is None else _WIDE * count):
        with formats.quiet() if image.format == "TIFF" else nullcontext():  # the others do not warn while they decode
            loaded = _loaded(image) if colours is None else colours()
        if colours is not None:
            return _picture(loaded, loaded.size, region, long_side, measured)
        if orientation is None:
            width, height = image.size  # Pillow turns TIFF while it decodes
            orientation = formats.orientation_of(image)
        if orientation in _SIDEWAYS:
            width, height = height, width
        with formats.quiet():
            taken = captured(image)
        upright = _turned(loaded, orientation)
        return replace(_picture(upright, (width, height), region, long_side, measured), captured=taken)


def _check(size: tuple[int, int], max_pixels: int) -> None:
    """Refuse sizes by the header."""
    width, height = size
    if min(size) < 1:
        raise ImageUnreadable("it has no pixels")
    if width * height > max_pixels:
        raise ImageUnreadable(f"too large: {width} x {height} pixels, more than {max_pixels:,}")


def _loaded(image: Image.Image) -> Image.Image | Deep:
    """The pixels of a file whose header was read."""
    image.load()
    if image.mode == "F":
        return Deep(whole(image, np.float32))
    if image.mode == "I":
        return Deep(whole(image, np.uint16 if image.format == "PPM" else np.int32))
    return Deep(whole(image, np.uint16)) if image.mode.startswith("I;16") else image


def _turned(loaded: Image.Image | Deep, orientation: int) -> Image.Image | Deep:
    if isinstance(loaded, Deep):
        return loaded.turned(orientation)
    turn = _TURNS.get(orientation)
    return loaded if turn is None else loaded.transpose(turn)


def _picture(
    upright: Image.Image | Deep, size: tuple[int, int], region: Region | None, long_side: int, measured: bool
) -> Picture:
    """The picture of upright pixels; the size is the file's own. Without digest and sharpness where not `measured`."""
    width, height = size
    if region is not None:
        left, top, right, bottom = region.box(width, height)
        width, height = right - left, bottom - top
        box = region.box(*upright.size)
        upright = upright.cropped(box) if isinstance(upright, Deep) else upright.crop(box)
    if isinstance(upright, Deep):
        deep = upright.plain()
        rgb = _seen(deep.shown(max(1, max(deep.size) // long_side)), long_side)
        digest: Callable[[], str] = partial(deep.digest, f"{width}x{height}")
    else:
        rgb, digest = _pixels(upright, f"{width}x{height}", long_side)
    return Picture(width, height, rgb, digest(), _sharpness(rgb)) if measured else Picture(width, height, rgb, "", 0.0)


class _Room:
    """Room for so many pixels at once; who finds none waits until others are done."""

    def __init__(self, pixels: int) -> None:
        self._free = self._all = pixels
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Take room; what is larger than all of it takes all."""
        pixels = min(pixels, self._all)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= pixels)
            self._free -= pixels
        try:
            yield
        finally:
            with self._changed:
                self._free += pixels
                self._changed.notify_all()


_room = _Room(_TOGETHER)


def _scans(data: bytes) -> int:
    """How often a JPEG file goes over its picture.

    Bytes that look like the beginning of a scan also stand in what is embedded, as thumbnails, or in a film that
    follows; so the segments are walked, in files where there are suspiciously many.
    """
    count = data.count(_SCAN)
    if count <= _MOST_SCANS:
        return count
    count, marker = 0, _MARKER.search(data, 2)
    while marker is not None and marker[0] != _END:
        count += marker[0] == _SCAN
        at = marker.end()
        marker = _MARKER.search(data, at + int.from_bytes(data[at : at + 2], "big"))
    return count


def _least_size(size: tuple[int, int], region: Region | None, orientation: int, long_side: int) -> tuple[int, int]:
    """What libjpeg's reduced decoding must leave of the file's sides, so that the long side of the region is enough."""
    shares = (1.0, 1.0) if region is None else (region.width / 100, region.height / 100)
    if orientation in _SIDEWAYS:
        shares = shares[1], shares[0]
    scale = long_side / max(side * share for side, share in zip(size, shares, strict=True))
    return math.ceil(size[0] * scale), math.ceil(size[1] * scale)


def _reason(error: Exception) -> str:
    text = str(error)
    if isinstance(error, Image.DecompressionBombError):  # some readers look at Pillow's own limit too
        return f"too large: {text}"
    if "truncated" in text or "Truncated" in text:
        return "truncated: the file ends before the picture does"
    return f"damaged: {text or type(error).__name__}"


def _pixels(image: Image.Image, size: str, long_side: int) -> tuple[NDArray[np.uint8], Callable[[], str]]:
    """Reduced RGB of an upright image of 8 bits, and what tells the digest of all its pixels."""
    if image.has_transparency_data:
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        if image.getchannel("A").getextrema() != (255, 255):
            return _seen(image, long_side), partial(_digest, image, size)
    if image.mode in ("CMYK", "LAB"):  # several values have one RGB, so the digest is of these
        return np.asarray(_reduced(image.convert("RGB"), long_side)), partial(_digest, image, size)
    if image.mode != "RGB":
        image = image.convert("RGB")
    if image.width * image.height > AT_ONCE:
        reduced = image.reduce(max(1, max(image.size) // long_side))
        return _seen(reduced, long_side), partial(_digest, image, size)
    pixels = np.asarray(image)
    name = f"{size} RGB {image.width}x{image.height}"
    return _shrunk(pixels, long_side), partial(digest_of, name, (pixels.data,))


def _seen(image: Image.Image, long_side: int) -> NDArray[np.uint8]:
    """Reduced RGB; what is transparent is laid on the ground."""
    if image.mode not in ("LA", "RGBA"):
        return _shrunk(np.asarray(image.convert("RGB")), long_side)
    small = _reduced(image if image.mode == "RGBA" else image.convert("RGBA"), long_side)
    ground = Image.new("RGBA", small.size, (BACKGROUND, BACKGROUND, BACKGROUND, 255))
    return np.asarray(Image.alpha_composite(ground, small).convert("RGB"))


def _digest(image: Image.Image, size: str) -> str:
    """Digest of the pixels."""
    return digest_of(f"{size} {image.mode} {image.width}x{image.height}", (one.tobytes() for one in strips(image)))


def _reduced(image: Image.Image, long_side: int) -> Image.Image:
    """The picture with its long side at most so many pixels."""
    scale = long_side / max(image.size)
    if scale >= 1:
        return image
    width, height = (max(1, round(side * scale)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=2.0)


def _shrunk(rgb: NDArray[np.uint8], long_side: int) -> NDArray[np.uint8]:
    """`_reduced` for plain RGB, much cheaper: whole steps are means, the rest is bilinear.

    What aliases in the last step lies above the frequencies that are left at half the size.
    """
    scale = long_side / max(rgb.shape)
    if scale >= 1:
        return rgb
    height, width = (max(1, round(side * scale)) for side in rgb.shape[:2])
    step = int(1 / scale)
    if step > 1:
        rgb = np.asarray(Image.fromarray(rgb).reduce(step))
    return np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_LINEAR_EXACT), np.uint8)


def _sharpness(rgb: NDArray[np.uint8]) -> float:
    """Variance of the Laplacian (Pech-Pacheco et al., 2000, "Diatom autofocusing in brightfield microscopy")."""
    edges = cv2.Laplacian(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.CV_16S)
    mean = float(cv2.mean(edges)[0])  # type: ignore[index]
    return cv2.norm(edges, cv2.NORM_L2SQR) / edges.size - mean**2
