"""Pictures of more than 8 bits: what is seen of them, and that all their bits count."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import deep_files
from labelonce.errors import ImageUnreadable
from labelonce.images.decoding import decode
from labelonce.images.regions import Region
from pictures import encoded, texture

FAMILIES = Path(__file__).parents[2] / "shared" / "data" / "families"
SIZE = (320, 240)
PHOTO = texture(4, SIZE)


def wide(seed: int = 4, size: tuple[int, int] = SIZE) -> NDArray[np.uint16]:
    """A picture in colours of 16 bits, its lower bytes noise."""
    upper = np.asarray(texture(seed, size)).astype(np.uint16)
    return upper << 8 | np.random.default_rng(seed).integers(0, 256, upper.shape, np.uint16)


def radiograph() -> NDArray[np.uint16]:
    """A grey picture of 12 bits."""
    return (np.asarray(texture(7, SIZE).convert("L")).astype(np.uint16) * 12) + 600


def grey(values: NDArray[np.generic]) -> NDArray[np.int64]:
    """The levels that a picture of such values gets."""
    file = encoded(Image.fromarray(values), "TIFF") if values.dtype.kind == "f" else deep_files.png(values)
    return decode(file).rgb[..., 0].astype(np.int64)


def jpeg2000(values: NDArray[np.uint16]) -> bytes:
    bgr = values[..., [2, 1, 0, 3][: values.shape[2]]]
    return cv2.imencode(".jp2", bgr, [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000])[1].tobytes()


class TestGrey:
    @pytest.mark.parametrize("value", [65_535, 0])
    def test_one_broken_pixel_changes_nothing_else(self, value: int) -> None:
        sound = radiograph()
        broken = sound.copy()
        broken[100, 100] = value
        before, after = grey(sound), grey(broken)
        assert after.std() > 0.7 * before.std()
        assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.99
        assert after[100, 100] == (255 if value else 0)

    def test_so_does_a_broken_row_of_floats(self) -> None:
        sound = radiograph().astype(np.float32)
        broken = sound.copy()
        broken[0, :60] = 3e38
        assert grey(broken)[1:].std() > 0.7 * grey(sound)[1:].std()

    def test_a_picture_without_tails_is_stretched_evenly(self) -> None:
        values = np.tile(np.linspace(1000, 5000, 320).astype(np.uint16), (240, 1))
        expected = (values - 1000.0) * 255 / 4000
        assert np.abs(grey(values) - expected).max() <= 1

    @pytest.mark.parametrize("value", [0, 7, 65_535])
    def test_a_constant_picture_is_flat(self, value: int) -> None:
        assert not grey(np.full((240, 320), value, np.uint16)).any()

    @pytest.mark.parametrize("noise", [0, 1, 3, 40])
    def test_a_few_bright_dots_on_black_stand_out(self, noise: int) -> None:
        rng = np.random.default_rng(0)
        values = rng.integers(0, noise + 1, (240, 320), np.uint16)
        places = rng.integers(0, 240, (12, 2))
        values[places[:, 0], places[:, 1]] = rng.integers(20_000, 65_535, 12)
        seen = grey(values)
        dots = seen[places[:, 0], places[:, 1]]
        assert dots.min() > np.median(seen) + 80
        assert dots.min() > np.delete(seen.ravel(), places[:, 0] * 320 + places[:, 1]).max()

    def test_what_is_small_and_bright_keeps_its_inside(self) -> None:
        values = radiograph()
        y, x = np.mgrid[:8, :8]
        values[50:58, 60:68] = 20_000 + 4000 * y + 1000 * x  # less than a thousandth
        seen = grey(values)
        assert seen.max() == seen[57, 67] == 255
        assert np.ptp(seen[50:58, 60:68]) > 15
        assert seen[50:58, 60:68].min() > np.delete(seen, slice(50, 58), axis=0).max()

    def test_two_values_are_black_and_white(self) -> None:
        values = np.where(np.asarray(PHOTO.convert("L")) > 120, 40_000, 39_000).astype(np.uint16)
        assert set(np.unique(grey(values))) == {0, 255}

    def test_numbers_of_classes_stay_apart(self) -> None:
        values = np.zeros((240, 320), np.uint16)
        for number in range(1, 6):
            values[20 * number : 20 * number + 4, 10:14] = number
        assert len(np.unique(grey(values))) == 6

    def test_containers_agree(self) -> None:
        values = radiograph()
        files = [
            deep_files.png(values),
            encoded(Image.fromarray(values), "TIFF"),
            encoded(Image.fromarray(values.astype(">u2")), "TIFF"),
            encoded(Image.fromarray(values), "JPEG2000"),
            deep_files.ppm(values),
        ]
        assert len({decode(data).digest for data in files}) == 1


class TestColours:
    def test_a_copy_in_8_bits_looks_the_same(self) -> None:
        values = wide()
        seen = decode(deep_files.png(values)).rgb.astype(int)
        assert np.abs(seen - np.asarray(PHOTO)).max() <= 1
        assert np.abs(seen - decode(encoded(PHOTO, "JPEG", quality=95)).rgb).mean() < 4

    def test_reduced_too(self) -> None:
        values = wide(5, (1600, 1200))
        small = decode(deep_files.png(values)).rgb
        assert small.shape == (360, 480, 3)
        assert np.abs(small.astype(int) - decode(encoded(texture(5, (1600, 1200)))).rgb).max() <= 2

    def test_a_dark_picture_at_full_scale_stays_dark(self) -> None:
        values = (wide() // 3).astype(np.uint16)
        values[:40] = 30_000
        assert np.abs(decode(deep_files.png(values)).rgb.astype(int) - (values >> 8)).max() <= 1

    @pytest.mark.parametrize("bits", [10, 12, 14])
    def test_few_of_the_bits_are_stretched_alike_in_all_channels(self, bits: int) -> None:
        values = wide() >> (16 - bits)
        values[0, 0] = 65_535  # a hot pixel
        seen = decode(deep_files.png(values)).rgb
        assert seen[1:].std() > 0.6 * np.asarray(PHOTO).std()
        levels = seen[1:].astype(int).ravel()[np.argsort(values[1:].ravel(), kind="stable")]
        assert (np.diff(levels) >= 0).all()

    def test_every_container_has_the_same_pixels(self) -> None:
        values = wide()
        files = [deep_files.png(values), deep_files.ppm(values), jpeg2000(values)]
        files += [
            deep_files.tiff(values, order=order, apart=apart, packed=packed)
            for order in "<>"
            for apart in (False, True)
            for packed in (False, True)
        ]
        assert len({decode(data).digest for data in files}) == 1

    @pytest.mark.parametrize("write", [deep_files.png, deep_files.tiff, deep_files.ppm, jpeg2000])
    def test_the_last_bit_counts(self, write) -> None:  # type: ignore[no-untyped-def]
        values = wide()
        other = values.copy()
        other[120, 200, 1] ^= 1
        assert decode(write(values)).digest != decode(write(other)).digest

    def test_avif_of_10_bits(self) -> None:
        def write(values: NDArray[np.uint16]) -> bytes:
            options = [cv2.IMWRITE_AVIF_DEPTH, 10, cv2.IMWRITE_AVIF_QUALITY, 100, cv2.IMWRITE_AVIF_SPEED, 10]
            return cv2.imencode(".avif", values, options)[1].tobytes()

        values = wide()[..., ::-1] >> 6
        picture = decode(write(values))
        assert np.abs(picture.rgb.astype(int) - np.asarray(PHOTO)).mean() < 2
        other = values.copy()
        other[120, 200, 1] ^= 1
        assert picture.digest != decode(write(other)).digest

    def test_ppm_says_what_is_white(self) -> None:
        values = wide() >> 6
        assert np.abs(decode(deep_files.ppm(values, 1023)).rgb.astype(int) - np.asarray(PHOTO)).max() <= 1

    def test_pictures_that_differ_in_depth_only(self) -> None:
        if not FAMILIES.is_dir():
            pytest.skip(f"there is no {FAMILIES}")
        pictures = {path.name: decode(path.read_bytes()) for path in sorted((FAMILIES / "rgb16").iterdir())}
        assert len({one.digest for one in pictures.values()}) == len(pictures)
        assert all(one.rgb.max() == 255 for name, one in pictures.items() if name.endswith(".tif"))


class TestAlpha:
    @pytest.mark.parametrize("write", [deep_files.png, deep_files.tiff, jpeg2000])
    def test_what_is_transparent_shows_the_ground(self, write) -> None:  # type: ignore[no-untyped-def]
        values = np.dstack([wide(), np.full(SIZE[::-1], 65_535, np.uint16)])
        values[:100, :, 3] = 0
        picture = decode(write(values))
        assert (picture.rgb[:100] == 128).all()
        assert np.abs(picture.rgb[100:].astype(int) - np.asarray(PHOTO)[100:]).max() <= 1
        values[200, 200, 3] -= 1
        assert decode(write(values)).digest != picture.digest

    def test_alpha_that_hides_nothing_is_none(self) -> None:
        opaque = np.dstack([wide(), np.full(SIZE[::-1], 65_535, np.uint16)])
        assert decode(deep_files.png(opaque)).digest == decode(deep_files.png(wide())).digest
        assert decode(deep_files.png(opaque[..., 2:])).digest == decode(deep_files.png(opaque[..., 2])).digest

    def test_grey_with_alpha(self) -> None:
        values = np.dstack([radiograph(), np.full(SIZE[::-1], 65_535, np.uint16)])
        values[:100, :, 0], values[:100, :, 1] = 65_535, 0  # what is hidden says nothing about the range
        seen = decode(deep_files.png(values)).rgb
        assert (seen[:100] == 128).all()
        assert np.ptp(seen[100:]) > 200

    @pytest.mark.parametrize("apart", [False, True])
    def test_colours_that_are_multiplied_with_alpha(self, apart: bool) -> None:
        half = np.dstack([wide() // 2, np.full(SIZE[::-1], 32_768, np.uint16)])
        seen = decode(deep_files.tiff(half, extra=1, apart=apart)).rgb
        assert np.abs(seen.astype(int) - (np.asarray(PHOTO).astype(int) + 128) // 2).max() <= 2

    def test_a_fourth_channel_that_is_no_alpha(self) -> None:
        more = np.dstack([wide(), np.zeros(SIZE[::-1], np.uint16)])
        for apart in (False, True):
            assert decode(deep_files.tiff(more, extra=0, apart=apart)).digest == decode(deep_files.png(wide())).digest


class TestPlace:
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_orientation(self, orientation: int) -> None:
        values = wide()
        turn = {
            1: values, 2: values[:, ::-1], 3: values[::-1, ::-1], 4: values[::-1], 5: values.swapaxes(0, 1),
            6: np.rot90(values, -1), 7: np.rot90(values, 2).swapaxes(0, 1), 8: np.rot90(values),
        }  # fmt: skip
        upright = decode(deep_files.png(turn[orientation]))
        exif = Image.Exif()
        exif[0x0112] = orientation
        for data in (
            deep_files.png(values, (b"eXIf", exif.tobytes()[6:])),
            deep_files.tiff(values, orientation=orientation),
            deep_files.tiff(values, orientation=orientation, apart=True, packed=True),
        ):
            turned = decode(data)
            assert (turned.width, turned.height, turned.digest) == (upright.width, upright.height, upright.digest)
            assert np.array_equal(turned.rgb, upright.rgb)

    def test_deep_grey_lies_as_8_bits_do(self) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        values = radiograph()
        turned = decode(deep_files.png(values, (b"eXIf", exif.tobytes()[6:])))
        assert turned.digest == decode(deep_files.png(np.rot90(values, -1))).digest

    def test_a_region(self) -> None:
        values = wide()
        part = decode(deep_files.png(values), region=Region(25, 50, 50, 25))
        assert part.digest == decode(deep_files.png(values[120:180, 80:240])).digest


def with_clear_colour(values: NDArray[np.uint16]) -> bytes:
    return deep_files.png(values, (b"tRNS", bytes(6)))


def cmyk(values: NDArray[np.uint16]) -> bytes:
    return deep_files.tiff(np.dstack([values, values[..., :1]]), photometric=5)


def in_digits(values: NDArray[np.uint16]) -> bytes:
    return b"P3 320 240 65535\n" + b" ".join(b"%d" % value for value in values.ravel())


@pytest.mark.parametrize("write", [with_clear_colour, cmyk, in_digits])
def test_what_no_reader_gives_in_its_depth_is_refused(write) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ImageUnreadable, match=r"16 bits|more than 8 bits"):
        decode(write(wide()))


@pytest.mark.parametrize("write", [deep_files.png, deep_files.tiff, deep_files.ppm, jpeg2000])
def test_a_part_of_a_file_is_refused(write) -> None:  # type: ignore[no-untyped-def]
    data = write(wide())
    with pytest.raises(ImageUnreadable, match=r"truncated|damaged"):
        decode(data[: len(data) // 2])


def test_a_stream_of_another_size_is_refused() -> None:
    data = jpeg2000(wide())
    at = data.index(b"\xff\x4f\xff\x51")
    with pytest.raises(ImageUnreadable, match="damaged"):
        decode(data[: at + 8] + b"\0\0\x10\0" + data[at + 12 :])


def test_deep_files_are_read_by_others_too() -> None:
    """What writes these files is part of the tests, so that somebody else has to read them."""
    values = wide()
    for data in (deep_files.png(values), deep_files.tiff(values, order=">"), deep_files.ppm(values)):
        assert np.array_equal(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)[..., ::-1], values)
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), (values / 257).round().astype(np.uint8)) or (
            np.array_equal(np.asarray(Image.open(io.BytesIO(data))), values >> 8)
        )
