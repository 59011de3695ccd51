"""Two compared images in one picture: laid on each other, and outlined where they differ."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageColor, ImageDraw

from labelonce.cli import cli
from labelonce.comparing.drawing import GAP, OUTLINE, SIDE, draw
from labelonce.comparing.showing import show
from labelonce.settings import Settings
from labelonce.writing import save_picture
from pictures import encoded, texture

SIZE = (800, 600)
SPOT = (400, 300, 428, 322)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A picture, a turned and cropped copy, the same with a spot on it, and another picture."""
    folder = tmp_path_factory.mktemp("photos")
    one = texture(1, SIZE)
    copy = one.rotate(4, resample=Image.Resampling.BICUBIC).crop((70, 60, 740, 550))
    (folder / "one.png").write_bytes(encoded(one))
    (folder / "equal.png").write_bytes(encoded(one, compress_level=1))
    (folder / "copy.jpg").write_bytes(encoded(copy, "JPEG", quality=92))
    ImageDraw.Draw(copy).rectangle(SPOT, fill=(250, 20, 20))
    (folder / "spot.jpg").write_bytes(encoded(copy, "JPEG", quality=92))
    (folder / "other.png").write_bytes(encoded(texture(2, SIZE)))
    return folder


@pytest.fixture
def settings(tmp_path):
    return Settings(model="thumbnail", level="near", eps="60%", store=tmp_path / "store.sqlite3")


def panel(sheet: Image.Image, number: int) -> np.ndarray:
    """One of the four, float32."""
    left = GAP + number * (SIDE + GAP)
    return np.asarray(sheet.crop((left, GAP, left + SIDE, GAP + SIDE)), np.float32)


def outlined(sheet: Image.Image) -> np.ndarray:
    return (panel(sheet, 3) == ImageColor.getrgb(OUTLINE)).all(axis=2)


def test_a_turned_copy_lies_on_its_original(files, settings):
    found, sheet = show(files / "one.png", files / "copy.jpg", settings)
    assert found.duplicates
    assert found.verdict is not None
    assert found.verdict.transform is not None
    assert np.abs(panel(sheet, 2) - panel(sheet, 0)).mean() < 3
    assert np.abs(panel(sheet, 1) - panel(sheet, 0)).mean() > 20
    assert not outlined(sheet).any()


def test_what_differs_is_outlined(files, settings):
    found, sheet = show(files / "one.png", files / "spot.jpg", settings)
    assert not found.duplicates
    assert found.verdict is not None
    assert found.verdict.difference is not None
    rows, columns = np.nonzero(outlined(sheet))
    differs = cv2.blur(np.abs(panel(sheet, 2) - panel(sheet, 0)).max(axis=2), (7, 7)) > 40
    ys, xs = np.nonzero(differs)
    assert rows.min() <= ys.min() <= ys.max() <= rows.max()
    assert columns.min() <= xs.min() <= xs.max() <= columns.max()
    assert np.ptp(rows) < 80
    assert np.ptp(columns) < 80


def test_equal_pixels_lie_as_they_are_and_others_do_not(files, settings):
    found, sheet = show(files / "one.png", files / "equal.png", settings)
    assert (found.reason, found.verdict) == ("same pixels", None)
    np.testing.assert_allclose(panel(sheet, 2), panel(sheet, 0), atol=1)
    found, sheet = show(files / "one.png", files / "other.png", replace(settings, eps="99.9%"))
    assert not found.duplicates
    assert found.verdict is None
    assert np.ptp(panel(sheet, 2), axis=2).max() == 0  # the ground, and grey words on it


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (2000, 11)])
def test_any_size_is_drawn(size):
    rgb = np.full((size[1], size[0], 3), 99, np.uint8)
    boxes = ((0.0, 0.0, 100.0, 100.0), (100.0, 100.0, 0.0, 0.0))
    title = "turned by 3° \N{CJK UNIFIED IDEOGRAPH-4E00}" * 9
    sheet = draw(rgb, rgb[:1], np.eye(2, 3), boxes, title)
    assert sheet.size == draw(rgb, rgb, None, (), "").size
    assert outlined(sheet).any()


def test_the_command_draws_and_tells_figures(files, tmp_path, monkeypatch):
    monkeypatch.setenv("LABELONCE_STORE", str(tmp_path / "store.sqlite3"))
    pair = ("similarity", str(files / "one.png"), str(files / "spot.jpg"), "--model", "thumbnail", "--eps", "60%")
    path = tmp_path / "out.png"
    save_picture(Image.new("RGB", (9, 9)), path)  # an older one
    told = CliRunner().invoke(cli, [*pair, "--show", str(path), "--figures"], catch_exceptions=False)
    first, second = told.stdout.splitlines()
    assert "not duplicates at level near: different c" in first
    assert "corners agree" in second
    with Image.open(path) as sheet:
        assert sheet.format == "PNG"
    told = CliRunner().invoke(cli, [*pair, "--json"], catch_exceptions=False)
    found = json.loads(told.stdout)
    assert found["figures"] == second.strip()
    assert found["boxes"]
    assert all(0 <= value <= 100 for box in found["boxes"] for value in box)
