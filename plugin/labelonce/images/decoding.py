"""Bytes → one upright picture, decoded once at the size that the later stages need."""

import hashlib
import io
import math
import re
import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, JpegImagePlugin

from labelonce.errors import ImageUnreadable
from labelonce.images.exif import captured
from labelonce.images.regions import Region

LONG_SIDE = 480  # pixels: half as much again as the largest side that a later stage looks at
BACKGROUND = 128  # behind transparent pixels: light and dark drawings both stand out from mid-grey

# What browsers show, and what cameras and scanners write. Not Pillow's whole list: some of its readers start other
# programs (EPS), others accept any bytes (TGA).
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM")

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
_DEEP = ("I", "F")  # more than 8 bits for each value; "I;16" and its kin too
_AT_ONCE = 1 << 22  # pixels: larger pictures are not copied as a whole
_TOGETHER = 1 << 28  # pixels of all pictures that threads decode at the same time, but for one that is larger by itself
_MOST_EXIF = 100  # parts of 64 kB in one file: Pillow puts each behind a copy of all before it
_MOST_SCANS = 100  # of a JPEG: encoders write ten or so, and each goes over the whole picture again
_quiet_lock = threading.Lock()
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
    data: bytes, *, max_pixels: int = 170_000_000, region: Region | None = None, long_side: int = LONG_SIDE
) -> Picture:
    """Decode an image file.

    Orientation by EXIF is applied, transparency is laid on mid-grey, values of more than 8 bits are stretched from
    the smallest to the largest (a 12-bit radiograph in 16 bits would be black otherwise).

    The digest covers every pixel that was decoded: for JPEG those of libjpeg's reduced decoding (by a half, a quarter
    or an eighth, the long side of what counts still 480 pixels or more), for all others the full size, alpha and deep
    values included. Reduced pixels suffice because each of them is the mean of the full ones below it: two JPEG files
    of one size agree in all of them only if what differs is fainter than one grey level over such a block, which is
    less than any of the later stages, or a person who labels, can tell.

    Decoding takes up to 10 bytes of memory for each pixel of the file, 17 for WebP. Threads wait for each other rather
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
    if not data:
        raise ImageUnreadable("the file is empty")
    try:
        return _decode(data, max_pixels, region, long_side)
    except ImageUnreadable:
        raise
    except MemoryError:
        raise ImageUnreadable("not enough memory to decode it") from None
    except Exception as error:  # Pillow's readers raise whatever their parsing of bad bytes runs into
        raise ImageUnreadable(_reason(error)) from error


def _decode(data: bytes, max_pixels: int, region: Region | None, long_side: int) -> Picture:
    if len(data) > _MOST_EXIF << 16 and data.count(b"Exif\0\0") > _MOST_EXIF:
        raise ImageUnreadable(f"too costly: more than {_MOST_EXIF} parts of EXIF")
    with _quiet():
        image = _open(data)
        width, height = image.size
        if min(width, height) < 1:
            raise ImageUnreadable("it has no pixels")
        if width * height > max_pixels:
            raise ImageUnreadable(f"too large: {width} x {height} pixels, more than {max_pixels:,}")
        # MPO is a photo with a preview, depth or gain map behind it, and the photo is its first frame
        if image.format != "MPO" and getattr(image, "is_animated", False):
            raise ImageUnreadable("animated or with several pages: one frame does not stand for it")
        orientation = None
        if isinstance(image, JpegImagePlugin.JpegImageFile):  # MPO too
            orientation = _orientation(image)
            image.draft("RGB", _least_size(image.size, region, orientation, long_side))
            if _scans(data) > _MOST_SCANS:
                raise ImageUnreadable(f"too costly: a JPEG of more than {_MOST_SCANS} scans")
    # libjpeg holds the whole of what comes in several scans, however much it is reduced
    pixels = width * height if image.info.get("progressive") else image.width * image.height
    with _room.taken(pixels):
        return _loaded(image, (width, height), orientation, region, long_side)


def _loaded(
    image: Image.Image, size: tuple[int, int], orientation: int | None, region: Region | None, long_side: int
) -> Picture:
    """The picture of a file whose header was read; the size is the file's own."""
    width, height = size
    with _quiet() if image.format == "TIFF" else nullcontext():  # only its reader warns while it decodes
        image.load()
    if orientation is None:
        width, height = image.size  # Pillow turns TIFF while it decodes
        with _quiet():
            orientation = _orientation(image)
    with _quiet():
        taken = captured(image)
    turn = _TURNS.get(orientation)
    upright: Image.Image = image if turn is None else image.transpose(turn)
    if orientation in _SIDEWAYS:
        width, height = height, width
    if region is not None:
        left, top, right, bottom = region.box(width, height)
        width, height = right - left, bottom - top
        upright = upright.crop(region.box(*upright.size))
    rgb, digest = _pixels(upright, f"{width}x{height}", long_side)
    return Picture(width, height, rgb, digest, _sharpness(rgb), taken)


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


def _orientation(image: Image.Image) -> int:
    found: int = image.getexif().get(ExifTags.Base.Orientation, 1)
    return found


def _least_size(size: tuple[int, int], region: Region | None, orientation: int, long_side: int) -> tuple[int, int]:
    """What libjpeg's reduced decoding must leave of the file's sides, so that the long side of the region is enough."""
    shares = (1.0, 1.0) if region is None else (region.width / 100, region.height / 100)
    if orientation in _SIDEWAYS:
        shares = shares[1], shares[0]
    scale = long_side / max(side * share for side, share in zip(size, shares, strict=True))
    return math.ceil(size[0] * scale), math.ceil(size[1] * scale)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Pillow's warnings about odd metadata; the filters are global, so one thread at a time."""
    with _quiet_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _open(data: bytes) -> Image.Image:
    """Read the header.

    `Image.open` has a limit of its own for the number of pixels, which is global; asking the readers leaves it alone.
    """
    Image.init()
    prefix = data[:16]
    for name in FORMATS:
        factory, accept = Image.OPEN.get(name, (None, None))
        if factory is None or accept is None or accept(prefix) is not True:
            continue
        try:
            return factory(io.BytesIO(data), "")
        except SyntaxError:
            raise ImageUnreadable(f"damaged: begins as {name} but cannot be read") from None
    raise ImageUnreadable(_what_else(data))


def _what_else(data: bytes) -> str:
    """Say what bytes are that no reader accepts."""
    text = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in text:
        return "an SVG drawing: only pictures made of pixels can be compared"
    if text.startswith((b"<!doctype html", b"<html")):
        return "a web page, not a picture (is a login needed to fetch it?)"
    if data[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypheim", b"ftyphevc"):
        return "HEIC: a format that is not supported"
    return "not a picture of a supported format"


def _reason(error: Exception) -> str:
    text = str(error)
    if isinstance(error, Image.DecompressionBombError):  # some readers look at Pillow's own limit too
        return f"too large: {text}"
    if "truncated" in text or "Truncated" in text:
        return "truncated: the file ends before the picture does"
    return f"damaged: {text or type(error).__name__}"


def _pixels(image: Image.Image, size: str, long_side: int) -> tuple[NDArray[np.uint8], str]:
    """Reduced RGB and the digest of all pixels of an upright image."""
    if image.mode in _DEEP or image.mode.startswith("I;16"):
        digest = _digest(image, size)
        return np.asarray(_reduced(Image.fromarray(_stretched(image)), long_side).convert("RGB")), digest
    if image.has_transparency_data:
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        if image.getchannel("A").getextrema() != (255, 255):
            digest = _digest(image, size)
            small = _reduced(image, long_side)
            ground = Image.new("RGBA", small.size, (BACKGROUND, BACKGROUND, BACKGROUND, 255))
            return np.asarray(Image.alpha_composite(ground, small).convert("RGB")), digest
    if image.mode in ("CMYK", "LAB"):  # several values have one RGB, so the digest is taken first
        digest = _digest(image, size)
        return np.asarray(_reduced(image.convert("RGB"), long_side)), digest
    if image.mode != "RGB":
        image = image.convert("RGB")
    if image.width * image.height > _AT_ONCE:
        return _shrunk(np.asarray(image.reduce(max(1, max(image.size) // long_side))), long_side), _digest(image, size)
    whole = np.asarray(image)
    return _shrunk(whole, long_side), _digest_of(f"{size} RGB {image.width}x{image.height}", (whole.data,))


def _digest(image: Image.Image, size: str) -> str:
    """Digest of the pixels."""
    return _digest_of(f"{size} {image.mode} {image.width}x{image.height}", (one.tobytes() for one in _strips(image)))


def _strips(image: Image.Image) -> Iterator[Image.Image]:
    """The picture in strips, from the top: no second copy of a large one."""
    width, height = image.size
    rows = max(1, _AT_ONCE // 4 // width)
    return (image.crop((0, top, width, min(height, top + rows))) for top in range(0, height, rows))


def _digest_of(header: str, strips: Iterable[bytes | memoryview]) -> str:
    """SHA-256 of mode, sizes and pixels."""
    digest = hashlib.sha256(f"{header}\n".encode())
    for strip in strips:
        digest.update(strip)
    return digest.hexdigest()


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


def _stretched(image: Image.Image) -> NDArray[np.uint8]:
    """(h, w) uint8 from any finite range; what is not a number is as dark as the smallest value."""
    lowest, highest = np.inf, -np.inf
    for strip in _strips(image):
        values = _values(strip)
        finite = values[np.isfinite(values)]
        if finite.size:
            lowest, highest = min(lowest, float(finite.min())), max(highest, float(finite.max()))
    if lowest > highest:
        return np.zeros((image.height, image.width), np.uint8)
    stretched = []
    with np.errstate(over="ignore"):  # what is endless then is as bright as the largest value
        for strip in _strips(image):
            values = _values(strip)
            scaled = (np.where(np.isfinite(values), values, lowest) - lowest) * (255.0 / max(highest - lowest, 1e-30))
            stretched.append(np.clip(np.rint(scaled), 0, 255).astype(np.uint8))
    return np.concatenate(stretched)


def _values(image: Image.Image) -> NDArray[np.float32]:
    return np.asarray(image).astype(np.float32)


def _sharpness(rgb: NDArray[np.uint8]) -> float:
    """Variance of the Laplacian (Pech-Pacheco et al., 2000, "Diatom autofocusing in brightfield microscopy")."""
    edges = cv2.Laplacian(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.CV_16S)
    mean = float(cv2.mean(edges)[0])  # type: ignore[index]
    return cv2.norm(edges, cv2.NORM_L2SQR) / edges.size - mean**2
