"""Which files are images, and what becomes of those that need a package, or that nothing reads."""

from __future__ import annotations

import io
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pillow_heif
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image

import deep_files
from deep_files import dicom
from labelonce.errors import ImageUnreadable
from labelonce.images import formats
from labelonce.images.decoding import decode
from labelonce.pipeline import make_plan
from labelonce.progress import Progress
from labelonce.report import problem_lines
from labelonce.roots import Place
from labelonce.settings import Settings
from labelonce.sources.folder import FolderSource
from pictures import encoded, texture

FAMILIES = Path(__file__).parents[2] / "shared" / "data" / "families"
SIZE = (320, 240)
PHOTO = texture(4, SIZE)
SMALL = texture(2, (64, 48))
EXR = b"v/1\x01\x02\0\0\0channels\0"
PSD = b"8BPS\0\x01" + bytes(20)
SVG = b"<?xml version='1.0'?>\n<!-- made by hand -->\n<svg xmlns='http://www.w3.org/2000/svg'/>"
CR2 = b"II*\0\x10\0\0\0CR\x02\0" + bytes(100)
CR3 = b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom"
JXL = b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(20)


def heic(image: Image.Image = PHOTO, **options: object) -> bytes:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, **options)
    return buffer.getvalue()


def deep_heic(values: NDArray[np.uint16]) -> bytes:
    height, width = values.shape[:2]
    buffer = io.BytesIO()
    pillow_heif.encode("RGB;16", (width, height), values.tobytes(), buffer, quality=-1, chroma=444)
    return buffer.getvalue()


def radiograph(dtype: str = "u2") -> NDArray[np.generic]:
    return (np.asarray(PHOTO.convert("L")).astype(dtype) * 12) + np.dtype(dtype).type(600)


def preview(data: bytes) -> bytes:
    """A TIFF file whose first page says that it stands for a larger one."""
    image = Image.open(io.BytesIO(data))
    image.load()
    buffer = io.BytesIO()
    image.save(buffer, "TIFF", tiffinfo={254: 1})
    return buffer.getvalue()


class TestKinds:
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM", "MPO"])
    def test_everything_that_is_read_is_known(self, kind: str) -> None:
        data = encoded(SMALL, kind)
        assert formats.kind_of(data[: formats.HEAD]) is not None
        assert decode(data).width == 64

    @pytest.mark.parametrize(
        ("head", "kind"),
        [
            (EXR, "OpenEXR"), (PSD, "PSD"), (SVG, "SVG"), (b"\n<svg/>", "SVG"), (JXL, "JPEG XL"),
            (b"\xff\x0a\0", "JPEG XL"),
            (CR2, formats.CAMERA), (CR3, formats.CAMERA), (b"FUJIFILMCCD-RAW 0201", formats.CAMERA),
            (b"\0" * 128 + b"DICM", "DICOM"), (b"MM\0+\0\x08\0\0", "TIFF"), (b"P4 # by hand\n8 8\n\0", "PPM"),
            (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heicmiaf", "HEIC"), (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "AVIF"),
            (b"P7\nWIDTH 3\n", "PAM"), (b"SIMPLE  =                    T", "FITS"), (b"qoif\0\0\0\1", "QOI"),
        ],
    )  # fmt: skip
    def test_what_looks_like_an_image(self, head: bytes, kind: str) -> None:
        assert formats.kind_of(head) == kind

    @pytest.mark.parametrize(
        "head",
        [
            b"", b"\0" * 512, b"BMW and others\n" * 9, b"P1 is the first pixel\n", b"plain text", b"%PDF-1.7",
            b"PK\3\4",
            b"\0\0\0\x1cftypisom\0\0\x02\0isomiso2mp41", b"\xff\xff\xff\xffftyp" + b"isom" * 99,
            b"RIFF\0\0\0\0WAVEfmt ",
            b"<?xml version='1.0'?><annotation/>", b"<html><svg/></html>", b"II", b"\x7fELF", b"ID3\4", b"SIMPLE",
        ],
    )  # fmt: skip
    def test_what_does_not(self, head: bytes) -> None:
        assert formats.kind_of(head) is None

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (EXR, "OpenEXR: a format that is not supported; convert it"),
            (JXL, "JPEG XL"),
            (SVG, "an SVG drawing"),
            (CR2, "a camera's raw file"),
            (preview(encoded(SMALL, "TIFF")), "a camera's raw file"),
            (encoded(SMALL, "TIFF", tiffinfo={50706: b"\1\4\0\0"}), "a camera's raw file"),
        ],
    )
    def test_what_nothing_reads_is_told_by_name(self, data: bytes, reason: str) -> None:
        with pytest.raises(ImageUnreadable, match=reason):
            decode(data)


class TestFolder:
    def test_images_are_known_by_content(self, tmp_path: Path) -> None:
        png, text = encoded(SMALL), b"not a picture at all\n" * 9
        files = {
            "a.JPG": png, "b.Jpe": png, "c.avif": png, "d.JP2": png, "e.pgm": png, "f.mpo": png, "g.TIFF": text,
            "h": png, "i.copy": png, "j.dcm": text, "k.HEIC": text, "l.psd": PSD, "m.unknown": EXR,
            "n.nef": encoded(SMALL, "TIFF"), "o.cr3": CR3, "p.svg": SVG, "q.2024": encoded(SMALL, "AVIF"),
        }  # fmt: skip
        others = {
            "README": text, "notes.txt": text, "a.json": b"{}", "labels.lbl": text, "film.mp4": CR3[:8] + b"isom",
            "z": b"", "scan.pdf": b"%PDF", "all.zip": b"PK\3\4", ".hidden": png, "x.nef": text, "page.svg.html": SVG,
            "data.raw": text,
        }  # fmt: skip
        for name, content in (files | others).items():
            (tmp_path / name).write_bytes(content)
        tasks = {str(task.id): task for task in FolderSource(tmp_path, max_bytes=10_000).tasks()}
        assert list(tasks) == sorted(files)
        assert {name for name, task in tasks.items() if task.problem} == {"n.nef", "o.cr3"}

    def test_only_what_has_to_be_is_opened(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("a.jpg", "b.AVIF", "c.txt", "d.json", "e", "f.bin"):
            (tmp_path / name).write_bytes(encoded(SMALL))
        os.mkfifo(tmp_path / "pipe")
        opened: list[str] = []
        reading = Place.reading
        monkeypatch.setattr(Place, "reading", lambda place: opened.append(place.path.name) or reading(place))
        list(FolderSource(tmp_path, max_bytes=10_000).tasks())
        assert opened == ["e", "f.bin", "pipe"]  # which is not read

    def test_links_that_lead_out_are_not_looked_into(self, tmp_path: Path) -> None:
        (tmp_path / "in").mkdir()
        (tmp_path / "elsewhere").write_bytes(encoded(SMALL))
        (tmp_path / "in" / "near").write_bytes(encoded(SMALL))
        (tmp_path / "in" / "out").symlink_to(tmp_path / "elsewhere")
        (tmp_path / "in" / "again").symlink_to("near")
        (tmp_path / "in" / "gone").symlink_to("nowhere")
        for follow, names in ((False, ["again", "near"]), (True, ["again", "near", "out"])):
            source = FolderSource(tmp_path / "in", max_bytes=10_000, follow_links=follow)
            assert [task.id for task in source.tasks()] == names

    def test_what_cannot_be_read_is_kept_and_counted(self, tmp_path: Path) -> None:
        for name, content in {
            "a.png": encoded(PHOTO), "b.bmp": encoded(PHOTO, "BMP"), "c": PSD, "d.dng": encoded(PHOTO, "TIFF"),
            "e.txt": b"",
        }.items():  # fmt: skip
            (tmp_path / name).write_bytes(content)
        plan = make_plan(FolderSource(tmp_path, max_bytes=10**7), Settings(model="dct", store=None), Progress())
        assert len(plan.decisions) == 4
        problems = dict(plan.problems)
        assert problems.keys() == {"c", "d.dng"}
        assert "PSD" in problems["c"]
        assert "raw" in problems["d.dng"]
        assert next(iter(problem_lines(plan))).startswith("  2 tasks are kept")

    @pytest.mark.parametrize("level", ["near", "copies"])
    def test_one_picture_in_six_formats(self, level: str) -> None:
        if not FAMILIES.is_dir():
            pytest.skip(f"there is no {FAMILIES}")
        source = FolderSource(FAMILIES / "suffixes", max_bytes=10**7)
        plan = make_plan(source, Settings(model="dct", level=level, store=None), Progress())
        kept = sorted(str(one.task) for one in plan.decisions if one.representative in (None, one.task))
        assert len(plan.decisions) == 8
        assert len(kept) == 3
        assert kept[1:] == [name for name, _ in plan.problems] == ["01_scan.dcm", "02.heic"]


class TestHeic:
    def test_a_photo(self) -> None:
        picture = decode(heic(quality=90))
        assert (picture.width, picture.height) == SIZE
        assert np.abs(picture.rgb.astype(int) - np.asarray(PHOTO)).mean() < 5

    @pytest.mark.parametrize("orientation", [1, 2, 3, 5, 6, 8])
    def test_it_is_turned_once(self, orientation: int) -> None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        upright = decode(encoded(PHOTO, "PNG", exif=exif))
        buffer = io.BytesIO()  # as telephones write it: a turn of the format's own, and EXIF that says it again
        pillow_heif.encode("RGB", SIZE, PHOTO.tobytes(), buffer, quality=90, exif=exif.tobytes())
        assert (b"irot" in buffer.getvalue() or b"imir" in buffer.getvalue()) == (orientation > 1)
        picture = decode(buffer.getvalue())
        assert (picture.width, picture.height) == (upright.width, upright.height)
        assert np.abs(picture.rgb.astype(int) - upright.rgb).mean() < 5

    def test_10_bits(self) -> None:
        values = np.asarray(PHOTO).astype(np.uint16) * 257
        picture = decode(deep_heic(values))
        assert np.abs(picture.rgb.astype(int) - np.asarray(PHOTO)).mean() < 3
        other = values.copy()
        other[50:60, 50:60, 1] ^= 128  # less than one of 255 levels
        assert decode(deep_heic(other)).digest != picture.digest

    def test_transparency(self) -> None:
        clear = PHOTO.convert("RGBA")
        clear.putalpha(Image.new("L", SIZE))
        assert np.abs(decode(heic(clear, quality=-1)).rgb.astype(int) - 128).max() <= 1

    def test_what_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        data = heic(quality=90)
        with pytest.raises(ImageUnreadable, match=r"320 x 240 pixels, more than 76,799"):
            decode(data, max_pixels=320 * 240 - 1)
        for part in (data[:100], data[: len(data) // 2]):
            with pytest.raises(ImageUnreadable, match="damaged"):
                decode(part)
        several = io.BytesIO()
        both = pillow_heif.from_pillow(PHOTO)
        both.add_from_pillow(SMALL)
        both.save(several, save_all=True)
        with pytest.raises(ImageUnreadable, match="several pages"):
            decode(several.getvalue())
        monkeypatch.setitem(sys.modules, "pillow_heif", None)
        with pytest.raises(ImageUnreadable, match=r"pip install 'labelonce\[heic\]'"):
            decode(data)


class TestDicom:
    def test_grey_is_stretched_and_all_bits_count(self) -> None:
        values = radiograph()
        picture = decode(dicom(values))
        assert np.array_equal(picture.rgb, decode(deep_files.png(values)).rgb)
        other = values.copy()
        other[3, 4] ^= 1
        assert decode(dicom(other)).digest != picture.digest

    def test_small_values_may_be_bright(self) -> None:
        one, other = decode(dicom(radiograph())), decode(dicom(radiograph(), PhotometricInterpretation="MONOCHROME1"))
        assert np.abs(one.rgb.astype(int) + other.rgb - 255).max() <= 1
        assert one.digest != other.digest
        falling = decode(dicom(radiograph(), RescaleSlope="-2", RescaleIntercept="5"))
        assert np.array_equal(falling.rgb, other.rgb)

    def test_the_window_says_what_is_black_and_white(self) -> None:
        values = radiograph("i2")  # units: half of a stored value, less a thousand
        window = {
            "WindowCenter": ["0", "7"],
            "WindowWidth": ["600", "1"],
            "RescaleSlope": "0.5",
            "RescaleIntercept": "-1000",
        }
        seen = decode(dicom(values, **window)).rgb[..., 0]
        expected = np.clip((values * 0.5 - 1000 + 300) / 600, 0, 1) * 255
        assert np.abs(seen - expected).max() <= 1

    @pytest.mark.parametrize(
        ("centre", "width"), [("90000", "10"), ("0", "-5"), ("0", "0"), ("1e400", "1"), ("1e300", "1e300")]
    )
    def test_a_window_that_shows_nothing_is_not_used(self, centre: str, width: str) -> None:
        window = {"WindowCenter": centre, "WindowWidth": width, "RescaleSlope": "1e-20"}
        pictures = [decode(dicom(radiograph(), **window)), decode(dicom(radiograph()))]
        assert np.array_equal(pictures[0].rgb, pictures[1].rgb)

    def test_runs_are_unpacked(self) -> None:
        values = radiograph()
        assert decode(dicom(values, pydicom.uid.RLELossless)).digest == decode(dicom(values)).digest

    def test_colours(self) -> None:
        assert decode(dicom(np.asarray(PHOTO))).digest == decode(encoded(PHOTO)).digest
        assert decode(dicom(np.asarray(PHOTO), pydicom.uid.RLELossless)).digest == decode(encoded(PHOTO)).digest

    @pytest.mark.parametrize(
        ("make", "reason"),
        [
            (lambda: dicom(np.zeros((3, 40, 50), np.uint16), NumberOfFrames="3"), "several frames"),
            (lambda: dicom(radiograph(), pydicom.uid.JPEG2000Lossless), "JPEG 2000 .*uncompressed"),
            (lambda: dicom(radiograph(), pydicom.uid.DeflatedExplicitVRLittleEndian), "deflated as a whole"),
            (lambda: dicom(radiograph())[:5000], "damaged"),
            (lambda: bytes(128) + b"DICM" + bytes(100), "without a picture"),
            (lambda: dicom(radiograph(), PhotometricInterpretation="PALETTE COLOR"), "PALETTE COLOR"),
            (lambda: dicom(np.dstack([radiograph()] * 3)), "RGB of 16 bits"),
        ],
    )
    def test_what_is_refused(self, make: Callable[[], bytes], reason: str) -> None:
        with pytest.raises(ImageUnreadable, match=reason):
            decode(make())

    def test_sizes_are_asked_first(self) -> None:
        with pytest.raises(ImageUnreadable, match=r"320 x 240 pixels, more than 76,799"):
            decode(dicom(radiograph()), max_pixels=320 * 240 - 1)
        with pytest.raises(ImageUnreadable, match="too large: 60000 x 60000"):
            decode(dicom(radiograph(), Rows=60_000, Columns=60_000))

    def test_runs_of_more_than_the_picture(self) -> None:
        data = dicom(radiograph(), pydicom.uid.RLELossless)
        at = data.index(struct.pack("<HH", 0x7FE0, 0x10))
        runs = struct.pack("<15I", *[2, 64, 64 + 100_000], *[0] * 12).ljust(64, b"\0") + b"\x81\0" * 100_000
        items = b"\xfe\xff\0\xe0" + bytes(4) + b"\xfe\xff\0\xe0" + struct.pack("<I", len(runs)) + runs
        with pytest.raises(ImageUnreadable, match="more runs than the picture has pixels"):
            decode(data[: at + 12] + items + b"\xfe\xff\xdd\xe0" + bytes(4))

    def test_the_package_is_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "pydicom", None)
        with pytest.raises(ImageUnreadable, match=r"pip install 'labelonce\[dicom\]'"):
            decode(dicom(radiograph()))
