from __future__ import annotations

import random
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL import __version__ as pillow_version

from labelonce.errors import ConfigurationError, ImageUnreadable
from labelonce.images.decoding import LONG_SIDE, decode
from labelonce.images.regions import LEAST_SIDE, Region, around
from labelonce.images.views import VIEWS, views_of
from pictures import encoded, texture

PHOTO = texture(1, (1600, 1200))
SMALL = texture(2, (64, 48))
KINDS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "JPEG2000", "PPM")


@cache
def photo(kind: str) -> bytes:
    """The large picture as a file."""
    return encoded(PHOTO, kind)


def png(width: int, height: int, content: bytes = b"") -> bytes:
    """A PNG file that promises this size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(content)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", KINDS)
def test_decodes_what_cameras_and_browsers_know(kind: str) -> None:
    picture = decode(photo(kind))
    assert (picture.width, picture.height) == (1600, 1200)
    assert picture.rgb.shape == (360, 480, 3)
    assert picture.rgb.dtype == np.uint8
    wanted = np.asarray(PHOTO.resize((480, 360), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(picture.rgb - wanted).mean() < (16 if kind == "GIF" else 4)


def test_small_pictures_keep_their_pixels() -> None:
    assert np.array_equal(decode(encoded(SMALL)).rgb, np.asarray(SMALL))


def test_lossless_containers_and_metadata_do_not_change_the_digest() -> None:
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    files = [photo(kind) for kind in ("PNG", "BMP", "TIFF", "PPM")]
    files += [encoded(PHOTO, "PNG", exif=exif, compress_level=1), encoded(PHOTO, "TIFF", compression="tiff_lzw")]
    files += [encoded(PHOTO.convert("RGBA"))]
    assert len({decode(data).digest for data in files}) == 1
    assert decode(photo("JPEG")).digest == decode(encoded(PHOTO, "JPEG", exif=exif)).digest


def test_one_pixel_changes_the_digest() -> None:
    other = PHOTO.copy()
    red, green, blue = other.getpixel((801, 601))
    other.putpixel((801, 601), (red ^ 1, green, blue))
    assert decode(photo("PNG")).digest != decode(encoded(other)).digest


def test_large_jpeg_files_are_told_apart_by_their_reduced_pixels() -> None:
    large = PHOTO.resize((4000, 3000))
    other = large.copy()
    other.paste((255, 0, 0), (2000, 1500, 2012, 1512))
    one, two = decode(encoded(large, "JPEG")), decode(encoded(other, "JPEG"))
    assert (one.width, one.height) == (4000, 3000)
    assert max(one.rgb.shape) == LONG_SIDE
    assert one.digest != two.digest


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize(
    ("orientation", "turn"),
    [(1, None), (2, Image.Transpose.FLIP_LEFT_RIGHT), (3, Image.Transpose.ROTATE_180), (6, Image.Transpose.ROTATE_270)],
)
def test_orientation(kind: str, orientation: int, turn: Image.Transpose | None) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = decode(encoded(PHOTO, kind, exif=exif))
    wanted = PHOTO if turn is None else PHOTO.transpose(turn)
    assert (turned.width, turned.height) == wanted.size
    expected = decode(encoded(wanted))
    assert np.abs(turned.rgb.astype(int) - expected.rgb).mean() < 4
    if kind in ("PNG", "TIFF"):
        assert turned.digest == expected.digest


def test_orientation_of_a_reduced_square_keeps_sides_that_rounding_made_equal() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = decode(encoded(Image.new("RGB", (5121, 5122)), "JPEG", exif=exif))
    assert (picture.width, picture.height) == (5122, 5121)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK"])
def test_modes(mode: str) -> None:
    picture = decode(encoded(SMALL.convert(mode), "TIFF"))
    assert picture.rgb.shape == (48, 64, 3)
    assert picture.rgb.std() > 10


@pytest.mark.parametrize("dtype", ["<u2", "<i4", "<f4"])
def test_deep_values_are_stretched_and_all_bits_count(dtype: str) -> None:
    values = np.asarray(SMALL.convert("L")).astype(dtype) * 16  # twelve bits
    picture = decode(encoded(Image.fromarray(values), "TIFF"))
    assert (picture.rgb.min(), picture.rgb.max()) == (0, 255)
    other = values.copy()
    other[5, 5] += 1
    assert decode(encoded(Image.fromarray(other), "TIFF")).digest != picture.digest


def test_values_that_are_no_numbers() -> None:
    values = np.full((20, 30), np.nan, np.float32)
    assert decode(encoded(Image.fromarray(values), "TIFF")).rgb.max() == 0
    values[3, 4], values[5, 6], values[7, 8] = 1, 2, np.inf
    assert decode(encoded(Image.fromarray(values), "TIFF")).rgb.max() == 255


def test_transparent_pixels_show_mid_grey_and_alpha_counts() -> None:
    clear = Image.new("RGBA", (40, 30), (255, 255, 255, 0))
    assert (decode(encoded(clear)).rgb == 128).all()
    hidden = Image.new("RGBA", (40, 30), (0, 0, 0, 0))
    assert decode(encoded(clear)).digest != decode(encoded(hidden)).digest
    palette = SMALL.quantize(8)
    assert decode(encoded(palette)).digest != decode(encoded(palette, transparency=2)).digest


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 2)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_extreme_sizes(size: tuple[int, int], kind: str) -> None:
    picture = decode(encoded(PHOTO.resize(size), kind))
    assert (picture.width, picture.height) == size
    assert min(picture.rgb.shape) >= 1
    assert np.isfinite(picture.sharpness)


def test_sharpness_falls_with_blur() -> None:
    soft = PHOTO.resize((400, 300)).resize((1600, 1200))
    assert decode(encoded(soft)).sharpness < decode(photo("PNG")).sharpness


def test_photos_with_a_second_frame_are_their_first() -> None:
    both = encoded(PHOTO, "MPO", save_all=True, append_images=[texture(3)])
    assert decode(both).digest == decode(photo("JPEG")).digest


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_animations_and_documents_are_refused(kind: str) -> None:
    with pytest.raises(ImageUnreadable, match="animated or with several pages"):
        decode(encoded(SMALL, kind, save_all=True, append_images=[texture(3, (64, 48))]))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_a_part_of_a_file_is_refused(kind: str, share: float) -> None:
    data = photo(kind)
    with pytest.raises(ImageUnreadable, match=r"truncated|damaged"):
        decode(data[: int(len(data) * share)])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html><body>Log in</body></html>", "web page"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 40, "HEIC"),
        (b"%PDF-1.7 and so on", "not a picture"),
        (b"\0" * 1000, "not a picture"),
        (b"II*\0" + b"\xff" * 40, "damaged"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "damaged"),
        (b"P5 width", "damaged"),
        (png(0, 0), "damaged"),
        (png(60_000, 60_000), "too large: 60000 x 60000"),
        (png(2**31 - 1, 2**31 - 1), "too large"),
        (png(12_000, 9_000), "truncated"),
    ],
)
def test_says_what_is_wrong(data: bytes, reason: str) -> None:
    with pytest.raises(ImageUnreadable, match=reason):
        decode(data)


def test_max_pixels() -> None:
    data = encoded(SMALL)
    assert decode(data, max_pixels=64 * 48).width == 64
    with pytest.raises(ImageUnreadable, match=r"64 x 48 pixels, more than 3,071"):
        decode(data, max_pixels=64 * 48 - 1)


@pytest.mark.skipif(int(pillow_version.split(".")[0]) < 13, reason="readers of older Pillows look at its own limit too")
def test_the_limit_is_the_setting_not_pillows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert decode(encoded(SMALL)).width == 64


def test_damaged_bytes_raise_nothing_else() -> None:
    rng = random.Random(0)
    options: list[tuple[str, dict[str, Any]]] = [(kind, {}) for kind in KINDS]
    files = [encoded(SMALL, kind, **more) for kind, more in [*options, ("PNG", {"exif": b"Exif\0\0MM\0*broken"})]]
    for _ in range(600):
        data = bytearray(rng.choice(files))
        for _ in range(rng.randint(1, 10)):
            data[rng.randrange(min(len(data), rng.choice((60, 400, 10_000))))] = rng.randrange(256)
        try:
            assert decode(bytes(data), max_pixels=1_000_000).rgb.size
        except ImageUnreadable as error:
            assert str(error)  # noqa: PT017 - both outcomes are right


def test_threads_agree() -> None:
    files = [encoded(texture(seed), kind) for seed in range(2) for kind in KINDS]
    alone = [decode(data).digest for data in files]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda data: decode(data).digest, files * 3)) == alone * 3


def test_a_region_is_the_part_that_a_person_sees() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    region = Region(25, 50, 40, 25)
    for kind in ("PNG", "JPEG"):
        turned = decode(encoded(PHOTO, kind, exif=exif), region=region)
        upright = PHOTO.transpose(Image.Transpose.ROTATE_270)
        part = upright.crop((300, 800, 780, 1200))
        assert (turned.width, turned.height) == part.size == (480, 400)
        assert turned.rgb.shape == (400, 480, 3)
        assert np.abs(turned.rgb.astype(int) - np.asarray(part)).mean() < (0.01 if kind == "PNG" else 4)
        if kind == "PNG":
            assert turned.digest == decode(encoded(part)).digest


def test_only_the_region_is_in_the_digest() -> None:
    other = PHOTO.copy()
    other.paste((255, 0, 0), (0, 0, 400, 300))
    inside, outside = Region(0, 0, 50, 50), Region(50, 50, 50, 50)
    assert decode(encoded(PHOTO), region=outside).digest == decode(encoded(other), region=outside).digest
    assert decode(encoded(PHOTO), region=inside).digest != decode(encoded(other), region=inside).digest
    assert decode(encoded(PHOTO), region=Region(0, 0, 100, 100)).digest == decode(encoded(PHOTO)).digest


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_region_of_a_large_jpeg_keeps_its_pixels(orientation: int) -> None:
    """Reduced decoding goes as far as the region allows."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(PHOTO.resize((4000, 3000)), "JPEG", exif=exif)
    assert max(decode(data, region=Region(0, 0, 20, 20)).rgb.shape) == LONG_SIDE
    assert max(decode(data, region=Region(40, 40, 10, 10)).rgb.shape) == 400  # all that the file has


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (1, 900)])
def test_the_smallest_regions_have_a_pixel(size: tuple[int, int]) -> None:
    for region in (Region(0, 0, 0.01, 0.01), Region(99.99, 99.99, 0.01, 0.01)):
        assert decode(encoded(SMALL.resize(size)), region=region).rgb.shape == (1, 1, 3)


@pytest.mark.parametrize(
    "text", ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "0,0,0,10", "0,0,10,-1", "-1,0,10,10", "95,0,10,10", "nan,0,10,10",
             "0,0,inf,10", "0,0,10,101"],
)  # fmt: skip
def test_what_is_no_region(text: str) -> None:
    with pytest.raises(ConfigurationError, match="10,20,50,40"):
        Region.parse(text)


def test_regions_as_text() -> None:
    assert Region.parse(" 10, 20,50 ,40.5") == Region(10, 20, 50, 40.5)
    assert all(Region(x / 10, 0, 100 - x / 10, 100).width > 0 for x in range(1000))
    assert Region.parse(str(Region(0, 2.25, 100, 1 / 4))) == Region(0, 2.25, 100, 0.25)


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(10, 20), (60, 80)], Region(10, 20, 50, 60)),
        ([(-10, 20), (160, 80)], Region(0, 20, 100, 60)),
        ([(50, 50)], Region(47.5, 47.5, 5, 5)),
        ([(0, 100)], Region(0, 95, 5, 5)),
        ([(99, 0), (300, 1)], Region(95, 0, 5, 5)),
        ([(101, 50), (120, 60)], None),
        ([(10, -5), (20, -1)], None),
        ([(0.1, 0.2), (100 / 3, 200 / 3)], Region(0.1, 0.2, 33.2333, 66.4667)),
    ],
)
def test_the_region_around_points(points: list[tuple[float, float]], expected: Region | None) -> None:
    assert around(points) == expected


def test_every_region_around_points_is_one() -> None:
    rng = random.Random(0)
    for _ in range(3000):
        made = around([(rng.uniform(-20, 120), rng.uniform(-20, 120)) for _ in range(rng.randint(1, 3))])
        assert made is None or min(made.width, made.height) >= LEAST_SIDE - 1e-9


def test_views_are_all_ways_to_hold_a_picture() -> None:
    rgb = np.asarray(SMALL)
    held = {name: view(rgb) for name, view in VIEWS.items()}
    assert len({view.tobytes() for view in [rgb, *held.values()]}) == 8
    assert all(view.shape in ((48, 64, 3), (64, 48, 3)) for view in held.values())
    assert np.array_equal(held["mirror"], rgb[:, ::-1])
    assert np.array_equal(held["turn 90"], np.asarray(SMALL.transpose(Image.Transpose.ROTATE_90)))
    assert np.array_equal(held["mirror turn 180"], rgb[::-1])


def test_views_of_what_does_not_matter() -> None:
    assert views_of(()) == ()
    assert views_of(("mirror",)) == ("mirror",)
    assert views_of({"rotate"}) == ("turn 90", "turn 180", "turn 270")
    assert views_of(["rotate", "mirror"]) == tuple(VIEWS)
    with pytest.raises(ConfigurationError, match="mirror, rotate"):
        views_of(("colour",))
