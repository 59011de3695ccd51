"""Colours of 9 to 16 bits with all their bits: Pillow keeps the upper eight."""

import struct
import sys
from collections.abc import Callable
from enum import IntEnum
from functools import partial
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labelonce.errors import ImageUnreadable
from labelonce.images.depth import WHITE, Deep
from labelonce.images.formats import open_image, orientation_of, quiet
from labelonce.images.strips import spans, strips

Values = NDArray[np.uint16]

# Pillow's raw modes take the byte that comes first (B), second (L), or the upper one of this machine (N)
_LOWER: Final = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
_SIZ: Final = b"\xff\x4f\xff\x51"  # begins a JPEG 2000 stream, and is followed by its sizes and depths
_AV1C: Final = b"av1C"  # AVIF's box of what a decoder must know
_AGREE: Final = 2.0  # grey levels between two readers on average: one rounds, another cuts
cv2.setLogLevel(0)  # it would print what becomes a reason


class _Tag(IntEnum):
    """Tags of TIFF."""

    WIDTH = 256
    HEIGHT = 257
    BITS = 258
    PHOTOMETRIC = 262
    SAMPLES = 277
    PLANES = 284
    EXTRA = 338


_KEPT: Final = (256, 257, 259, 266, 278, 317, 322, 323, 339)  # sides, packing, order of bits, rows, predictor, tiles
_PLACES: Final = ((324, 325), (273, 279))  # offsets and lengths of tiles, and of strips


def colours_of(image: Image.Image, data: bytes) -> Callable[[], Deep] | None:
    """How the colours of a file are read where they have more than 8 bits.

    Parameters
    ----------
    image
        The file with its header read, and not yet loaded.
    data
        The content of the file.

    Returns
    -------
    Callable | None
        Loads the upright picture, and lets go of `image`. None where there is nothing to gain.

    Raises
    ------
    ImageUnreadable
        There are bits that no reader gives.
    """
    if image.format in ("PNG", "TIFF"):
        return _of_tiles(image, data)
    if image.format == "PPM":
        return _of_ppm(image, data)
    bits = 8
    if image.format == "JPEG2000" and image.mode != "I;16":
        bits = _bits_of_jpeg2000(image.size, data)
    elif image.format == "AVIF":
        bits = _bits_of_avif(data)
    return partial(_by_opencv, image, data, bits) if bits > 8 else None


def _of_tiles(image: Any, data: bytes) -> Callable[[], Deep] | None:
    """PNG and TIFF: the same file is decoded twice, for the upper bytes and for the lower ones."""
    raws = [str(tile.args[0] if isinstance(tile.args, tuple) else tile.args) for tile in image.tile]
    apart = _is_apart(image)
    if (not apart and not any(";16" in raw for raw in raws)) or image.mode.startswith("I"):
        return None
    if raws[0] == "LA;16B":
        return partial(_grey_and_alpha, image)
    if image.mode not in ("RGB", "RGBA") or "transparency" in image.info:
        raise ImageUnreadable(f"{image.mode} of 16 bits: a kind that is not supported; convert it to RGB")
    if apart:
        return partial(_of_planes, image, data)
    lower = [f"{raw[:-1]}{_LOWER[raw[-1]]}" for raw in raws]

    def read() -> Deep:
        _aim(image, raws)
        image.load()
        orientation = orientation_of(image)
        values = np.zeros((image.height, image.width, len(image.getbands())), np.uint16)
        _add(values, image, 8)
        with quiet():
            again = open_image(data)
        _aim(again, lower)
        again.load()
        _add(values, again, 0)
        if raws[0].startswith("RGBa"):
            _divide(values)
        return Deep(values).turned(orientation)

    return read


def _is_apart(image: Any) -> bool:
    """Whether each colour has a plane of its own, of 16 bits: Pillow gives the upper byte of these, or none."""
    tags = image.tag_v2 if image.format == "TIFF" else {}
    return bool(tags.get(_Tag.PLANES) == 2 and tags.get(_Tag.BITS, (8,))[0] > 8 and len(image.getbands()) > 1)


def _of_planes(image: Any, data: bytes) -> Deep:
    """Planes of TIFF, each read as the grey picture that it is: behind the file comes a directory for it."""
    tags, bands = image.tag_v2, len(image.getbands())
    width, height = tags[_Tag.WIDTH], tags[_Tag.HEIGHT]  # the image's own sides are upright already
    values = np.empty((height, width, bands), np.uint16)
    places = next(pair for pair in _PLACES if pair[0] in tags)
    count = len(tags[places[0]]) // tags[_Tag.SAMPLES]
    for band in range(bands):
        plane = {tag: tags[tag] for tag in _KEPT if tag in tags}
        plane |= {_Tag.BITS: 16, _Tag.SAMPLES: 1, _Tag.PHOTOMETRIC: 1}
        plane |= {tag: tags[tag][band * count : (band + 1) * count] for tag in places}
        order = ">" if tags.prefix == b"MM" else "<"
        header = data[:4] + struct.pack(f"{order}I", len(data))
        grey = open_image(b"".join((header, memoryview(data)[8:], _directory(plane, len(data), order))))
        if grey.size != (width, height) or not grey.mode.startswith("I;16"):
            raise ImageUnreadable("TIFF of a kind that is not supported: convert it to PNG")
        grey.load()
        for rows, strip in zip(spans(*grey.size), strips(grey), strict=True):
            values[rows, :, band] = np.asarray(strip)
        grey.close()
    if 1 in tags.get(_Tag.EXTRA, ()):
        _divide(values)
    return Deep(values).turned(orientation_of(image))


def _directory(tags: dict[int, Any], at: int, order: str) -> bytes:
    """A directory of TIFF for some place in the file, all of it in 32 bits."""
    entries, arrays = b"", b""
    end = at + 2 + 12 * len(tags) + 4
    for tag, value in sorted(tags.items()):
        values = value if isinstance(value, tuple) else (value,)
        packed = struct.pack(f"{order}{len(values)}I", *values)
        place = packed if len(values) == 1 else struct.pack(f"{order}I", end + len(arrays))
        entries += struct.pack(f"{order}HHI", tag, 4, len(values)) + place
        arrays += b"" if len(values) == 1 else packed
    return struct.pack(f"{order}H", len(tags)) + entries + bytes(4) + arrays


def _aim(image: Any, raws: list[str]) -> None:
    """Have tiles decoded in other raw modes; colours that are multiplied with alpha stay so."""
    tiles = []
    for tile, raw in zip(image.tile, raws, strict=True):
        mode = raw.replace("RGBa", "RGBA")
        tiles.append(tile._replace(args=(mode, *tile.args[1:]) if isinstance(tile.args, tuple) else mode))
    image.tile = tiles


def _add(values: Values, image: Image.Image, shift: int) -> None:
    """Put the bytes of a picture in their place, and let go of it."""
    for rows, strip in zip(spans(*image.size), strips(image), strict=True):
        values[rows] |= np.left_shift(np.asarray(strip), shift, dtype=np.uint16)
    image.close()


def _divide(values: Values) -> None:
    """Colours that are multiplied with alpha → colours."""
    for rows in spans(values.shape[1], values.shape[0]):
        alpha = np.maximum(values[rows, :, 3:], 1)
        values[rows, :, :3] = np.minimum(values[rows, :, :3].astype(np.uint32) * WHITE // alpha, WHITE)


def _grey_and_alpha(image: Image.Image) -> Deep:
    """PNG's grey with alpha: four bytes, which Pillow can be told to leave alone."""
    _aim(image, ["RGBA"])
    image.load()
    values = np.empty((image.height, image.width, 2), np.uint16)
    for rows, strip in zip(spans(*image.size), strips(image), strict=True):
        values[rows] = np.asarray(strip).view(">u2")
    return Deep(values).turned(orientation_of(image))


def _of_ppm(image: Any, data: bytes) -> Callable[[], Deep] | None:
    """PPM is nothing but its values."""
    name, _, offset, args = image.tile[0]
    if image.mode != "RGB" or not isinstance(args, tuple) or len(args) < 2 or not name.startswith("ppm"):
        return None
    most = int(args[1])
    if most <= 255:
        return None
    if name != "ppm":
        raise ImageUnreadable("a PPM file of more than 8 bits in digits; convert it to PNG")

    def read() -> Deep:
        width, height = image.size
        if len(data) - offset < 6 * width * height:
            raise ImageUnreadable("truncated: the file ends before the picture does")
        stored = np.frombuffer(data, ">u2", 3 * width * height, offset).reshape(height, width, 3)
        values = np.empty(stored.shape, np.uint16)
        for rows in spans(width, height):
            values[rows] = np.minimum((stored[rows].astype(np.uint32) * WHITE + most // 2) // most, WHITE)
        return Deep(values)

    return read


def _bits_of_jpeg2000(size: tuple[int, int], data: bytes) -> int:
    """Bits of each value as the stream itself says; where the file says another size, nobody knows what it shows."""
    at = data.find(_SIZ) + len(_SIZ)
    right, bottom, left, top = (int.from_bytes(data[at + place : at + place + 4], "big") for place in (4, 8, 12, 16))
    if at < len(_SIZ) or (right - left, bottom - top) != size:
        raise ImageUnreadable("damaged: the JPEG 2000 stream has another size than its file says")
    count = int.from_bytes(data[at + 36 : at + 38], "big")
    return max(((one & 0x7F) + 1 for one in data[at + 38 : at + 38 + 3 * count : 3]), default=8)


def _bits_of_avif(data: bytes) -> int:
    """Bits of each value: two flags of the box that tells how to decode it."""
    at = data.find(_AV1C)
    flags = data[at + 6 : at + 7] if at >= 0 else b""
    return 8 if not flags or not flags[0] & 0x40 else 12 if flags[0] & 0x20 else 10


def _by_opencv(image: Image.Image, data: bytes, bits: int) -> Deep:
    """JPEG 2000 and AVIF. OpenCV has a say where Pillow sees the same picture: it does not tell what it cannot do."""
    image.load()
    found: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if bits <= 16 else None
    channels = {"RGB": 3, "RGBA": 4}.get(image.mode)
    if found is None or found.dtype != np.uint16 or found.shape != (image.height, image.width, channels):
        raise ImageUnreadable(f"{image.mode} of {bits} bits: a kind that is not supported; convert it to 16-bit PNG")
    differ = 0.0
    for rows, strip in zip(spans(*image.size), strips(image), strict=True):
        found[rows, :, :3] = found[rows, :, 2::-1] << (16 - bits)  # OpenCV begins with blue
        found[rows, :, 3:] <<= 16 - bits
        apart = (found[rows] >> 8).astype(np.uint8) - np.asarray(strip)  # Pillow rounds the brightest up to 0
        differ = max(differ, float(np.abs(apart.view(np.int8).astype(np.int16)).mean()))
    if differ > _AGREE:
        raise ImageUnreadable(f"{bits} bits in colours that are not supported; convert it to 16-bit PNG")
    return Deep(found).turned(orientation_of(image))
