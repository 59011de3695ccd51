"""Which bytes are a picture, and of which format: told by content; a suffix only saves looking."""

import io
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from PIL import ExifTags, Image, TiffImagePlugin

from labelonce.errors import ImageUnreadable

HEAD: Final = 512  # bytes that tell

# What browsers show, and what cameras and scanners write. Not Pillow's whole list: some of its readers start other
# programs (EPS), others accept any bytes (TGA).
PILLOW: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM")

# Files called so are images, or ought to be: they are listed without being opened.
SUFFIXES: Final = frozenset((
    ".apng", ".avif", ".avifs", ".bmp", ".dcm", ".dib", ".dicom", ".exr", ".gif", ".heic", ".heif", ".hif", ".ico",
    ".j2c", ".j2k", ".jfif", ".jif", ".jp2", ".jpc", ".jpe", ".jpeg", ".jpf", ".jpg", ".jpx", ".jxl", ".jxr", ".mpo",
    ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".psd", ".svg", ".svgz", ".tga", ".tif", ".tiff", ".webp",
))  # fmt: skip
# Files called so are none, and lie beside images by the million. To look into one takes 25 µs of a processor, and
# 70 µs on a local disk: more than a minute for a million, and far longer on a network. Their names take a second.
OTHERS: Final = frozenset((
    ".avi", ".csv", ".db", ".doc", ".docx", ".eml", ".flac", ".gz", ".h5", ".htm", ".html", ".ini", ".js", ".json",
    ".jsonl", ".log", ".m4a", ".md", ".mkv", ".mov", ".mp3", ".mp4", ".npy", ".npz", ".ogg", ".parquet", ".pdf",
    ".py", ".sqlite3", ".tar", ".toml", ".tsv", ".txt", ".wav", ".webm", ".xls", ".xlsx", ".xml", ".yaml", ".yml",
    ".zip",
))  # fmt: skip
# Of cameras whose own files begin as TIFF, and whose first page is a preview or nothing that a reader knows.
RAW: Final = frozenset((
    ".3fr", ".arw", ".cr2", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".k25", ".kdc", ".mef", ".mos", ".nef", ".nrw",
    ".pef", ".raw", ".rwl", ".sr2", ".srf", ".srw",
))  # fmt: skip

TIFF, HEIC, DICOM, SVG, CAMERA = "TIFF", "HEIC", "DICOM", "SVG", "a camera's raw file"
_BRANDS: Final = {  # of files made of boxes, the first that is met
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), HEIC),
    b"crx ": CAMERA,
}
_MAGIC: Final = [
    (name, re.compile(pattern, re.DOTALL))
    for name, pattern in (
        ("JPEG", rb"\xff\xd8\xff"),
        ("PNG", rb"\x89PNG\r\n\x1a\n"),
        ("WebP", rb"RIFF....WEBP"),
        ("GIF", rb"GIF8[79]a"),
        ("BMP", rb"BM.{8}....[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0"),
        (CAMERA, rb"II\*\0.{4}CR|II\x1a\0\0\0HEAPCCDR|IIU\0|IIR[OS]|MMOR|FUJIFILMCCD-RAW|FOVb"),
        (TIFF, rb"II[*+]\0|MM\0[*+]"),
        ("JPEG 2000", rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"),
        ("PPM", rb"P[1-6]\s+(?:#[^\n]*\n\s*)*\d+\s"),
        (DICOM, rb".{128}DICM"),
        ("JPEG XL", rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n"),
        ("JPEG XR", rb"II\xbc[\0\x01]"),
        ("PSD", rb"8BPS\0[\x01\x02]"),
        ("OpenEXR", rb"v/1\x01"),
        ("HDR", rb"#\?R(?:ADIANCE|GBE)"),
        ("FITS", rb"SIMPLE  ="),
        ("PAM", rb"P7\nWIDTH"),
        ("PFM", rb"P[Ff]\s+\d+\s+\d+\s"),
        ("DDS", rb"DDS \x7c\0\0\0"),
        ("QOI", rb"qoif"),
        ("XCF", rb"gimp xcf "),
        ("ICO", rb"\0\0[\x01\x02]\0[\x01-\x20]\0..[\0-\xff]\0"),
        (SVG, rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml|<!--|<!DOCTYPE svg|<svg\b)"),
    )
]


_quiet_lock = threading.RLock()


@contextmanager
def quiet() -> Iterator[None]:
    """Silence readers' warnings about odd metadata; the filters are global, so one thread at a time."""
    with _quiet_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def kind_of(head: bytes) -> str | None:
    """The name of the format of what looks like an image.

    Parameters
    ----------
    head
        The first `HEAD` bytes of a file.
    """
    if head[4:8] == b"ftyp":
        end = min(int.from_bytes(head[:4], "big"), len(head))
        brands = (head[at : at + 4] for at in (8, *range(16, end, 4)))
        return next((_BRANDS[brand] for brand in brands if brand in _BRANDS), None)
    kind = next((name for name, magic in _MAGIC if magic.match(head)), None)
    return None if kind == SVG and b"<svg" not in head else kind


def problem_of(kind: str, suffix: str) -> str | None:
    """Why an image cannot be compared, where its name says so; None where its reader has the say."""
    return _unsupported(CAMERA) if kind == CAMERA or (kind == TIFF and suffix in RAW) else None


def open_image(data: bytes) -> Image.Image:
    """Read the header of a file of one of Pillow's formats.

    `Image.open` has a limit of its own for the number of pixels, which is global; asking the readers leaves it alone.

    Raises
    ------
    ImageUnreadable
        It is of none; the text says what it looks like.
    """
    kind = kind_of(data[:HEAD])
    if kind == CAMERA:
        raise ImageUnreadable(_unsupported(kind))
    Image.init()
    prefix = data[:16]
    for name in PILLOW:
        factory, accept = Image.OPEN.get(name, (None, None))
        if factory is None or accept is None or accept(prefix) is not True:
            continue
        try:
            image = factory(io.BytesIO(data), "")
        except SyntaxError as error:
            if "unknown pixel mode" in str(error):
                raise ImageUnreadable(f"{name} of a kind that is not supported: convert it to PNG") from None
            raise ImageUnreadable(f"damaged: begins as {name} but cannot be read") from None
        if isinstance(image, TiffImagePlugin.TiffImageFile) and _is_preview(image):
            raise ImageUnreadable(_unsupported(CAMERA))
        return image
    raise ImageUnreadable(_what_else(data, kind))


def orientation_of(image: Image.Image) -> int:
    """How a picture lies, as EXIF numbers it."""
    with quiet():
        found: int = image.getexif().get(ExifTags.Base.Orientation, 1)
    return found


def _is_preview(image: TiffImagePlugin.TiffImageFile) -> bool:
    """Whether the first page only stands for the picture: it says so, or there is a digital negative's version."""
    subfile, dng = 254, 50706
    kind = image.tag_v2.get(subfile, 0)
    return dng in image.tag_v2 or (isinstance(kind, int) and bool(kind & 1))


def _what_else(data: bytes, kind: str | None) -> str:
    """Say what bytes are that no reader accepts."""
    if kind is not None:
        return _unsupported(kind)
    text = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "a web page, not a picture (is a login needed to fetch it?)"
    return "not a picture of a supported format"


def _unsupported(kind: str) -> str:
    if kind == SVG:
        return "an SVG drawing: only pictures made of pixels can be compared"
    return f"{kind}: a format that is not supported; convert it to JPEG, PNG or TIFF"
