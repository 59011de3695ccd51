"""Files of more than 8 bits, written byte by byte: no library writes all of these."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
KINDS = {1: 0, 2: 4, 3: 2, 4: 6}  # of PNG, by channels


def channels(values: NDArray[np.uint16]) -> int:
    return 1 if values.ndim == 2 else values.shape[2]


def png(values: NDArray[np.uint16], *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG file of 16 bits, with chunks before its pixels."""
    height, width = values.shape[:2]
    rows = np.ascontiguousarray(values, ">u2").reshape(height, -1).view(np.uint8)
    packed = zlib.compress(np.hstack([np.zeros((height, 1), np.uint8), rows]).tobytes(), 1)
    header = struct.pack(">IIBBBBB", width, height, 16, KINDS[channels(values)], 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", packed), (b"IEND", b"")]
    made = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(made)


def tiff(
    values: NDArray[np.uint16],
    *,
    order: str = "<",
    apart: bool = False,
    packed: bool = False,
    photometric: int = 2,
    extra: int = 2,
    orientation: int = 1,
) -> bytes:
    """A TIFF file of 16 bits.

    Parameters
    ----------
    order
        ``<`` or ``>``, of the bytes.
    apart
        Whether each channel has a plane of its own.
    packed
        Whether the strips are deflated.
    extra
        What the fourth channel of colours is: 0 nothing, 1 alpha that colours are multiplied with, 2 alpha.
    """
    height, width, count = values.shape
    stored = values.astype(f"{order}u2")
    planes = [stored[..., channel].tobytes() for channel in range(count)] if apart else [stored.tobytes()]
    strips = [zlib.compress(plane) if packed else plane for plane in planes]
    offsets = [8 + sum(map(len, strips[:place])) for place in range(len(strips))]
    tags: dict[int, list[int]] = {
        256: [width], 257: [height], 258: [16] * count, 259: [8 if packed else 1], 262: [photometric], 273: offsets,
        274: [orientation], 277: [count], 278: [height], 279: [len(strip) for strip in strips],
        284: [2 if apart else 1],
    }  # fmt: skip
    if photometric == 2 and count == 4:
        tags[338] = [extra]
    at = 8 + sum(map(len, strips))
    entries, arrays = b"", b""
    end = at + 2 + 12 * len(tags) + 4
    for tag, numbers in sorted(tags.items()):
        kind = "H" if tag in (258, 262, 274, 284, 338) else "I"
        body = struct.pack(f"{order}{len(numbers)}{kind}", *numbers)
        place = body.ljust(4, b"\0") if len(body) <= 4 else struct.pack(f"{order}I", end + len(arrays))
        entries += struct.pack(f"{order}HHI", tag, 3 if kind == "H" else 4, len(numbers)) + place
        arrays += b"" if len(body) <= 4 else body
    directory = struct.pack(f"{order}H", len(tags)) + entries + bytes(4) + arrays
    header = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, at)
    return header + b"".join(strips) + directory


def ppm(values: NDArray[np.uint16], most: int = 65_535) -> bytes:
    """A PPM or PGM file of 16 bits."""
    height, width = values.shape[:2]
    return b"P%d %d %d %d\n" % (5 if values.ndim == 2 else 6, width, height, most) + values.astype(">u2").tobytes()


def dicom(values: NDArray[Any], syntax: pydicom.uid.UID = pydicom.uid.ExplicitVRLittleEndian, **elements: Any) -> bytes:
    """A DICOM file."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    made.SOPClassUID, made.SOPInstanceUID = SECONDARY_CAPTURE, "1.2.3"
    colours = values.ndim == 3 and values.shape[2] == 3
    made.Rows, made.Columns = values.shape[:2] if colours else values.shape[-2:]
    made.SamplesPerPixel = 3 if colours else 1
    made.PhotometricInterpretation = "RGB" if colours else "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = values.dtype.itemsize * 8
    made.HighBit = made.BitsStored - 1
    made.PixelRepresentation = int(values.dtype.kind == "i")
    if colours:
        made.PlanarConfiguration = 0
    made.PixelData = values.tobytes()
    for name, value in elements.items():
        setattr(made, name, value)
    if syntax == pydicom.uid.RLELossless:
        made.compress(syntax)
    elif syntax.is_encapsulated:  # nothing that a decoder would take
        made.PixelData = pydicom.encaps.encapsulate([values.tobytes()])
    made.file_meta.TransferSyntaxUID = syntax
    buffer = io.BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
