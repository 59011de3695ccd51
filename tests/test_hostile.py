"""Files made to harm whoever decodes them. Each is decoded apart: no crash, no hang, bounded memory."""

from __future__ import annotations

import gzip
import io
import json
import re
import struct
import subprocess
import sys
import zipfile
import zlib
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pillow_heif
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import deep_files
from labelonce.errors import ImageUnreadable
from labelonce.images.decoding import decode
from pictures import encoded, texture
from web import Web, reply

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_PIXELS = 20_000_000
SIDE = 4400  # just below
MOST_MB = MAX_PIXELS * 17 / 2**20  # as the documentation of `decode` says
SECONDS = 20
SMALL = texture(2, (64, 48))
DEEP = np.asarray(SMALL).astype(np.uint16) * 257
DEEP_JPEG2000 = cv2.imencode(".jp2", DEEP)[1].tobytes()
PICTURE = r"picture 64x48 "
REFUSED = "unreadable: "


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(size: tuple[int, int], *before: bytes, kind: int = 0, rows: bytes | None = None) -> bytes:
    """A PNG file with chunks before its pixels; all pixels are zero unless its rows are given, compressed."""
    depth = 16 if kind >= 16 else 8
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, kind % 16, 0, 0, 0))
    if rows is None:
        rows = zeros(size[1] * (1 + size[0] * {0: 1, 2: 3, 6: 4, 16: 2, 18: 6, 22: 8}[kind]))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(before) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@cache
def zeros(count: int) -> bytes:
    """So many zeros, compressed: a thousandth of them."""
    packer, block = zlib.compressobj(1), bytes(1 << 20)
    parts = [packer.compress(block[: count - start]) for start in range(0, count, 1 << 20)]
    return b"".join([*parts, packer.flush()])


def jpeg(**options: Any) -> bytes:
    return encoded(SMALL, "JPEG", **options)


def heic(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, quality=30)
    return buffer.getvalue()


def claims_heic(width: int, height: int) -> bytes:
    """A HEIC file that promises this size."""
    data = heic(SMALL)
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", width, height) + data[at + 8 :]


def with_segment(data: bytes, marker: int, *bodies: bytes) -> bytes:
    """A JPEG file with more segments at its beginning."""
    parts = (struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body for body in bodies)
    return data[:2] + b"".join(parts) + data[2:]


def with_size(data: bytes, width: int, height: int) -> bytes:
    """A JPEG file whose frame header tells another size."""
    at = next(found.start() for found in re.finditer(rb"\xff[\xc0-\xc2]\x00\x11", data))
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


def with_scans(data: bytes, count: int) -> bytes:
    """A progressive JPEG file whose last scan comes again and again."""
    last = data.rfind(b"\xff\xda")
    table = data.rfind(b"\xff\xc4")
    segment = data[table if table > data.rfind(b"\xff\xda", 0, last) else last : -2]
    return data[:-2] + segment * count + b"\xff\xd9"


def exif(*entries: tuple[int, int, int, bytes], following: int = 0) -> bytes:
    """Raw EXIF of (tag, type, count, value)."""
    packed = b"".join(struct.pack(">HHI", *entry[:3]) + entry[3].ljust(4, b"\0") for entry in entries)
    return b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">H", len(entries)) + packed + struct.pack(">I", following)


def tiff(*entries: tuple[int, int, int, int], following: int = 0, rest: bytes = b"") -> bytes:
    """A raw little-endian TIFF file of (tag, type, count, value)."""
    packed = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + packed + struct.pack("<I", following) + rest


def plain_tiff(width: int, height: int, **more: int) -> bytes:
    """An uncompressed grey TIFF file of this size, with hardly any pixels."""
    tags = {"bits": 8, "compression": 1, "photometric": 1, "offset": 8, "rows": height, "count": width * height, **more}
    numbers = {"bits": 258, "compression": 259, "photometric": 262, "offset": 273, "rows": 278, "count": 279}
    entries = [(numbers[name], 4, 1, value & 0xFFFFFFFF) for name, value in tags.items() if name in numbers]
    return tiff((256, 4, 1, width), (257, 4, 1, height), *entries, following=tags.get("following", 0), rest=bytes(500))


def gif(frames: int, *, screen: tuple[int, int] = (8, 8), at: tuple[int, int] = (0, 0)) -> bytes:
    """A GIF file of frames that are all the same."""
    header = b"GIF89a" + struct.pack("<HHBBB", *screen, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"\x2c" + struct.pack("<HHHHB", *at, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return header + frame * frames + b"\x3b"


def animated_webp(frames: int) -> bytes:
    """A WebP file whose second frame comes again and again."""
    data = encoded(SMALL, "WEBP", save_all=True, append_images=[texture(3, (64, 48))], duration=10)
    at = data.index(b"ANMF", data.index(b"ANMF") + 4)
    whole = data[8:at] + data[at:] * (frames - 1)
    return b"RIFF" + struct.pack("<I", len(whole)) + whole


def canvas_webp(width: int, height: int) -> bytes:
    """A WebP file that promises a canvas of this size."""
    sides = b"".join(struct.pack("<I", side - 1)[:3] for side in (width, height))
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + sides + encoded(SMALL, "WEBP")[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def bmp(width: int, height: int, compression: int = 0, colours: int = 0, body: bytes = bytes(100)) -> bytes:
    """A raw BMP file of 8 bits."""
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, compression, len(body), 0, 0, colours, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 1024 + len(body), 0, 0, 54 + 1024) + header + bytes(1024) + body


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr("run.sh", "rm -rf /")
    return buffer.getvalue()


def svg() -> bytes:
    return (
        b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
        b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://169.254.169.254/"/><text>&x;</text></svg>'
    )


def large(mode: str, kind: str, **options: Any) -> bytes:
    return encoded(Image.new(mode, (SIDE, SIDE)), kind, **options)


CORPUS: dict[str, tuple[Callable[[], bytes], str]] = {
    # far too large
    "30000x30000.png": (lambda: png((30_000, 30_000)), f"{REFUSED}too large: 30000 x 30000"),
    "claims.jpg": (lambda: with_size(jpeg(), 65_500, 65_500), f"{REFUSED}too large"),
    "claims.gif": (lambda: gif(1, screen=(65_535, 65_535)), f"{REFUSED}too large"),
    "outside.gif": (lambda: gif(1, at=(65_000, 65_000)), f"{REFUSED}too large"),
    "claims.webp": (lambda: canvas_webp(16_000, 16_000), REFUSED),
    "claims.tif": (lambda: plain_tiff(60_000, 60_000), f"{REFUSED}too large"),
    "claims.bmp": (lambda: bmp(2**31 - 1, 2**31 - 1), f"{REFUSED}too large"),
    "below.bmp": (lambda: bmp(4000, -(2**31)), REFUSED),
    "claims.heic": (lambda: claims_heic(4000, 6000), f"{REFUSED}too large"),
    "claims.dcm": (
        lambda: deep_files.dicom(np.zeros((48, 64), np.uint16), Rows=65_535, Columns=65_535), f"{REFUSED}too large"
    ),
    "claims.ppm": (lambda: b"P6 99999 99999 255\n" + bytes(100), f"{REFUSED}too large"),
    # as large as may be, from next to nothing
    "bomb-grey.png": (lambda: png((SIDE, SIDE)), f"picture {SIDE}x{SIDE}"),
    "bomb-rgba.png": (lambda: png((SIDE, SIDE), kind=6), f"picture {SIDE}x{SIDE}"),
    "bomb-deep.png": (lambda: png((SIDE, SIDE), kind=16), f"picture {SIDE}x{SIDE}"),
    "bomb-deep-rgb.png": (lambda: png((SIDE, SIDE), kind=18), f"picture {SIDE}x{SIDE}"),
    "bomb-deep-rgba.png": (lambda: png((SIDE, SIDE), kind=22), f"picture {SIDE}x{SIDE}"),
    "bomb.heic": (lambda: heic(Image.new("RGB", (SIDE, SIDE))), f"picture {SIDE}x{SIDE}"),
    "bomb.dcm": (
        lambda: deep_files.dicom(np.zeros((SIDE, SIDE), np.uint16), pydicom.uid.RLELossless), f"picture {SIDE}x{SIDE}"
    ),
    "bomb-palette.png": (lambda: large("P", "PNG", transparency=0), f"picture {SIDE}x{SIDE}"),
    "bomb-float.tif": (lambda: large("F", "TIFF", compression="tiff_adobe_deflate"), f"picture {SIDE}x{SIDE}"),
    "bomb-cmyk.tif": (lambda: large("CMYK", "TIFF", compression="tiff_lzw"), f"picture {SIDE}x{SIDE}"),
    "bomb-fax.tif": (lambda: large("1", "TIFF", compression="group4"), f"picture {SIDE}x{SIDE}"),
    "bomb.webp": (lambda: large("RGBA", "WEBP", lossless=True, method=0), f"picture {SIDE}x{SIDE}"),
    "bomb.gif": (lambda: large("P", "GIF"), f"picture {SIDE}x{SIDE}"),
    "bomb.jpg": (lambda: large("CMYK", "JPEG", progressive=True), f"picture {SIDE}x{SIDE}"),
    "more-than-it-says.png": (lambda: png((64, 48), rows=zeros(1 << 30)), PICTURE),
    # what comes before the pixels
    "text-bomb.png": (lambda: png((64, 48), chunk(b"zTXt", b"a\0\0" + zeros(1 << 29))), REFUSED),
    "texts.png": (lambda: png((64, 48), *[chunk(b"tEXt", b"a\0" + bytes(100))] * 20_000), f"{REFUSED}|{PICTURE}"),
    "profile-bomb.png": (lambda: png((64, 48), chunk(b"iCCP", b"a\0\0" + zeros(1 << 29))), f"{REFUSED}|{PICTURE}"),
    "exif.png": (lambda: png((64, 48), chunk(b"eXIf", bytes(20_000_000))), f"{REFUSED}|{PICTURE}"),
    "profile.jpg": (lambda: with_segment(jpeg(), 0xE2, *[b"ICC_PROFILE\0\x01\xff" + b"x" * 60_000] * 300), PICTURE),
    "exif.jpg": (lambda: with_segment(jpeg(), 0xE1, *[exif() + bytes(60_000)] * 90), PICTURE),
    "exif-often.jpg": (lambda: with_segment(jpeg(), 0xE1, *[exif() + bytes(65_000)] * 1000), f"{REFUSED}too costly"),
    "exif-loop.jpg": (lambda: with_segment(jpeg(), 0xE1, exif((0x8769, 4, 1, b"\0\0\0\x08"), following=8)), PICTURE),
    "exif-count.jpg": (lambda: with_segment(jpeg(), 0xE1, exif((0x0112, 2, 2**32 - 1, b"\xff" * 4))), PICTURE),
    **{
        f"orientation-{number}.jpg": (lambda value=value: with_segment(jpeg(), 0xE1, exif((0x0112, *value))), PICTURE)
        for number, value in enumerate(
            [(3, 1, b""), (3, 1, b"\0\x09"), (3, 1, b"\xff\xff"), (2, 4, b"six"), (12, 1, b"\0\0\0\x1a"), (3, 0, b"")]
        )
    },
    "fill.jpg": (lambda: jpeg()[:2] + b"\xff" * 1_000_000 + jpeg()[2:], f"{REFUSED}|{PICTURE}"),
    "comments.gif": (lambda: gif(0)[:-1] + b"\x21\xfe" + (b"\xff" + bytes(255)) * 8_000 + b"\0;", REFUSED),
    "comments.ppm": (lambda: b"P6 # " + b"x" * 1_000_000, REFUSED),
    "thumbnails.jpg": (lambda: with_segment(jpeg(), 0xE1, *[b"x" * 50 + jpeg()] * 300), PICTURE),
    # more frames, scans and directories than anyone needs
    "10000-frames.gif": (lambda: gif(10_000), f"{REFUSED}animated"),
    "10000-frames.webp": (lambda: animated_webp(10_000), f"{REFUSED}animated"),
    "10000-frames.png": (
        lambda: png((64, 48), chunk(b"acTL", struct.pack(">II", 10_000, 0))), f"{REFUSED}animated"
    ),
    "scans.jpg": (
        lambda: with_scans(encoded(Image.new("L", (4000, 4000)), "JPEG", progressive=True), 10_000),
        f"{REFUSED}too costly",
    ),
    "film-behind.jpg": (lambda: jpeg() + b"\xff\xda\0\x08" * 1000, PICTURE),
    "loop.tif": (lambda: plain_tiff(20, 20, following=8), f"{REFUSED}|picture 20x20"),
    "strips.tif": (lambda: plain_tiff(4000, 4000, rows=1, count=2**31), REFUSED),
    "no-rows.tif": (lambda: plain_tiff(4000, 4000, rows=0), REFUSED),
    "tiles.tif": (lambda: tiff((256, 4, 1, 64), (257, 4, 1, 48), (322, 4, 1, 2**31 - 16), (323, 4, 1, 2**31 - 16),
                               (258, 3, 1, 8), (262, 3, 1, 1), (324, 4, 1, 8), (325, 4, 1, 99), rest=bytes(99)),
                  REFUSED),
    "runs.bmp": (lambda: bmp(4000, 4000, compression=1, body=b"\0\x02\xff\xff" * 1000), f"{REFUSED}|picture"),
    "colours.bmp": (lambda: bmp(64, 48, colours=2**31), REFUSED),
    # one thing that pretends to be another
    "empty.png": (lambda: b"", f"{REFUSED}the file is empty"),
    "one-byte.png": (lambda: b"\x89", f"{REFUSED}not a picture"),
    "text.jpg": (lambda: b"not a picture at all\n" * 100, f"{REFUSED}not a picture"),
    "drawing.png": (svg, f"{REFUSED}an SVG drawing"),
    "drawing-packed.svgz": (lambda: gzip.compress(svg()), f"{REFUSED}not a picture"),
    "script.eps": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n", REFUSED),
    "archive.jpg": (archive, f"{REFUSED}not a picture"),
    "a-jpeg.png": (jpeg, PICTURE),
    "a-png.jpg": (lambda: encoded(SMALL), PICTURE),
    "jpeg-and-zip.jpg": (lambda: jpeg() + archive(), PICTURE),
    "jpeg-and-php.jpg": (lambda: with_segment(jpeg(), 0xFE, b"<?php system($_GET['c']); ?>"), PICTURE),
    "png-and-page.png": (lambda: encoded(SMALL) + b"<html><script>alert(1)</script>", PICTURE),
    "gif-and-script.gif": (lambda: b"GIF89a/*" + gif(1)[8:] + b"*/=1;alert(1)", f"{REFUSED}|picture"),
    "pdf-and-jpeg.jpg": (lambda: b"%PDF-1.4\n" + jpeg(), f"{REFUSED}not a picture"),
    "cut.jpg": (lambda: jpeg()[:-500], f"{REFUSED}truncated"),
    "cut.png": (lambda: encoded(SMALL)[:-500], REFUSED),
    # what is odd and fine
    "adobe.jpg": (lambda: encoded(SMALL.convert("CMYK"), "JPEG"), PICTURE),
    "bits.png": (lambda: encoded(SMALL.convert("1")), PICTURE),
    "alpha.png": (lambda: encoded(SMALL.convert("LA")), PICTURE),
    "deep.png": (lambda: encoded(SMALL.convert("I;16")), PICTURE),
    "deep-rgb.png": (lambda: deep_files.png(DEEP), PICTURE),
    "deep.jp2": (lambda: DEEP_JPEG2000, PICTURE),
    "deep.dcm": (lambda: deep_files.dicom(DEEP[..., 0].copy()), PICTURE),
    "planes.tif": (lambda: deep_files.tiff(DEEP, apart=True, packed=True), PICTURE),
    "photo.heic": (lambda: heic(SMALL), PICTURE),
    "lab.tif": (lambda: encoded(SMALL.convert("LAB"), "TIFF"), PICTURE),
    "ycbcr.tif": (lambda: encoded(SMALL.convert("YCbCr"), "TIFF"), PICTURE),
    "huge-values.tif": (
        lambda: encoded(Image.frombytes("F", (2, 1), struct.pack("<ff", -3.4e38, 3.4e38)), "TIFF"), "picture 2x1"
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def decoded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What came of each file of the corpus."""
    folder = tmp_path_factory.mktemp("hostile")
    good = folder / "good.jpg"
    good.write_bytes(jpeg())
    for name, (make, _) in CORPUS.items():
        (folder / name).write_bytes(make())
    script = Path(__file__).with_name("apart.py")
    files = [good, *(folder / name for name in CORPUS)]
    command = [sys.executable, str(script), str(MAX_PIXELS), str(SECONDS), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(files)
    return {one["file"]: one for one in found}


@pytest.mark.parametrize("name", CORPUS)
def test_hostile_files(decoded: dict[str, dict[str, Any]], name: str) -> None:
    """Each comes to a picture or to words, within bounded memory."""
    one = decoded[name]
    assert re.match(CORPUS[name][1], one["outcome"]), one["outcome"]
    assert one["mb"] < MOST_MB


def test_what_is_appended_is_no_part_of_the_picture(decoded: dict[str, dict[str, Any]]) -> None:
    assert decoded["jpeg-and-zip.jpg"]["outcome"] == decoded["a-jpeg.png"]["outcome"]


KINDS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM")
SEEDS = [
    *(encoded(SMALL, kind) for kind in KINDS),
    encoded(SMALL, "JPEG", progressive=True, exif=exif((0x0112, 3, 1, b"\0\x06")), icc_profile=b"x" * 300),
    encoded(SMALL.convert("CMYK"), "JPEG"),
    encoded(SMALL.convert("P"), "PNG", transparency=3),
    encoded(SMALL.convert("I;16"), "PNG"),
    encoded(SMALL, "TIFF", compression="tiff_lzw"),
    encoded(SMALL, "TIFF", compression="jpeg"),
    encoded(SMALL.convert("F"), "TIFF"),
    encoded(SMALL.convert("1"), "TIFF", compression="group4"),
    encoded(SMALL, "WEBP", lossless=True, exif=exif()),
    encoded(SMALL, "PNG", save_all=True, append_images=[texture(3, (64, 48))]),
    b"P3 4 2 15\n" + b"1 2 3 " * 8,
    deep_files.png(DEEP),
    deep_files.png(np.dstack([DEEP, DEEP[..., :1]])),
    deep_files.tiff(DEEP, apart=True, packed=True),
    deep_files.tiff(DEEP, order=">"),
    deep_files.ppm(DEEP),
    DEEP_JPEG2000,
    heic(SMALL),
    deep_files.dicom(DEEP[..., 0].copy(), WindowCenter="30000", WindowWidth="60000"),
    deep_files.dicom(DEEP[..., 0].copy(), pydicom.uid.RLELossless),
]
EDGES = (("H", 0), ("H", 0x7FFF), ("H", 0xFFFF), ("I", 0), ("I", 1 << 16), ("I", 2**31 - 1), ("I", 2**32 - 1))
NUMBERS = [struct.pack(f"{order}{kind}", value) for order in "<>" for kind, value in EDGES]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A real file with some bytes changed, cut, doubled, or put in from another file."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        # headers are where it matters
        place = st.one_of(st.integers(0, min(len(data), 200)), st.integers(0, len(data)))
        at, length = draw(place), draw(st.integers(1, 64))
        kind = draw(st.sampled_from(["flip", "byte", "number", "cut", "drop", "double", "splice"]))
        if kind == "flip" and at < len(data):
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "byte" and at < len(data):
            data[at] = draw(st.integers(0, 255))
        elif kind == "number":
            number = draw(st.sampled_from(NUMBERS))
            data[at : at + len(number)] = number
        elif kind == "cut":
            del data[at:]
        elif kind == "drop":
            del data[at : at + length]
        elif kind == "double":
            data[at:at] = data[at : at + length]
        else:
            other = draw(st.sampled_from(SEEDS))
            start = draw(st.integers(0, len(other)))
            data[at : at + length] = other[start : start + length]
    return bytes(data)


@settings(max_examples=1000, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(mutated())
def test_whatever_the_bytes_are_it_is_a_picture_or_said_why_not(data: bytes) -> None:
    try:
        picture = decode(data, max_pixels=1_000_000)
    except ImageUnreadable as error:
        assert str(error)  # noqa: PT017 - both outcomes are right
    else:
        assert picture.rgb.size > 0
        assert picture.width * picture.height <= 1_000_000


FETCH = """
import resource, sys
from labelonce.errors import ImageUnavailable
from labelonce.label_studio.images import ImageReader
from labelonce.label_studio.server import Server
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
reader = ImageReader(Server(sys.argv[1], "a-token"), timeout=20, max_bytes=10_000_000)
for path in sys.argv[2:]:
    try:
        print(len(reader.fetch(1, path).data))
    except ImageUnavailable as error:
        print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def test_answers_that_unpack_to_far_more() -> None:
    """A gigabyte in a megabyte, packed once or twice; a reader that unpacked either would hold all of it."""
    once = gzip.compress(bytes(1 << 30), 1)
    bodies = {
        "/fine": (gzip.compress(b"fine"), "gzip"),
        "/once": (once, "gzip"),
        "/twice": (gzip.compress(once, 9), "gzip, gzip"),
        "/raw": (zlib.compress(bytes(1 << 29), 1), "deflate"),
        "/often": (gzip.compress(b"fine"), ", ".join(["gzip"] * 1000)),
    }
    with closing(Web()) as web:
        web.answer = lambda handler: reply(handler, bodies[handler.path][0], Content_Encoding=bodies[handler.path][1])
        command = [sys.executable, "-c", FETCH, web.url, *bodies]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    *said, used = done.stdout.splitlines()
    assert said[0] == "4"
    assert all("max_bytes" in text for text in said[1:4]), said
    assert "compression" in said[4]
    assert float(used) < 100
