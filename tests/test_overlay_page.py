"""The comparison of a report: a duplicate lies on what is kept as the verification found it, and differences show."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageDraw

from browser import browser  # noqa: F401 - a fixture
from labelonce.images.decoding import decode
from labelonce.progress import Progress
from labelonce.reporting.content import Group, Report, Skip
from labelonce.reporting.page import render
from labelonce.reporting.pictures import Shown, read_pictures
from labelonce.reporting.placing import AS_IT_IS, Placement, Seen, place
from labelonce.reporting.thumbnails import CAPTION
from labelonce.savings import savings
from labelonce.settings import Settings
from labelonce.sources.memory import MemorySource
from pictures import encoded, texture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

SIZE = (800, 600)
CROP = (70, 60, 740, 550)
ONE = texture(1, SIZE)
TURNED = ONE.rotate(5, resample=Image.Resampling.BICUBIC).crop(CROP)
SPOTTED = ONE.crop(CROP)
ImageDraw.Draw(SPOTTED).rectangle((300, 200, 345, 230), fill=(250, 20, 20))
FILES = {
    "kept": encoded(ONE),
    "equal": encoded(ONE, compress_level=1),
    "turned": encoded(TURNED, "JPEG", quality=90),
    "spotted": encoded(SPOTTED, "JPEG", quality=90),
    "other": encoded(texture(2, SIZE)),
    "broken": b"no picture",
}
SKIPS = tuple(name for name in FILES if name != "kept")


def made() -> Report:
    skips = tuple(Skip(name, 90.0, "the same picture", False, 0.5) for name in SKIPS)
    found = savings(tasks=9, duplicates=5, skipped=0, annotators=1, lead_times=[2.0], settings=Settings())
    return Report("photos", None, "photos", False, 60.0, found, (Group("kept", "kept", skips),), ())


class Counting(MemorySource):
    """Counts what is read."""

    def __init__(self) -> None:
        super().__init__(FILES)
        self.seen: list[str] = []

    def read(self, task, location, *others):
        self.seen.append(str(task.id))
        return super().read(task, location, *others)


@pytest.fixture(scope="module")
def source() -> Counting:
    return Counting()


@pytest.fixture(scope="module")
def shown(source: Counting) -> Shown:
    return read_pictures(made(), source, source.tasks(), Settings(), Progress())


@pytest.fixture
def page(browser, shown: Shown, tmp_path) -> Iterator[Page]:  # noqa: F811
    """The report; nothing may go wrong on it."""
    path = tmp_path / "page.html"
    path.write_text(render(made(), shown.thumbnails, shown.placements), encoding="utf-8")
    troubles: list[str] = []
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.on("console", lambda message: troubles.append(message.text))
    opened.on("pageerror", lambda error: troubles.append(str(error)))
    opened.goto(path.as_uri())
    yield opened
    opened.close()
    assert troubles == []


def seen(name: str) -> Seen:
    return Seen.of(decode(FILES[name]))


def compare(page: Page, name: str) -> None:
    page.locator(f".skip[data-task='\"{name}\"']").get_by_role("button", name="Compare").click()
    page.wait_for_function(
        "document.getElementById('other').naturalWidth > 1 || document.getElementById('other').hidden"
    )


def stage(page: Page) -> np.ndarray:
    """What is seen of the pictures, float32."""
    shot = page.locator("#one").screenshot()
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), np.float32)


def test_a_copy_is_placed_where_it_was_cut_out():
    found = place(seen("kept"), seen("spotted"))
    assert found is not None
    left, top, right, bottom = CROP
    expected = (right - left) / 800, 0, 0, (bottom - top) / 600, left / 800, top / 600
    np.testing.assert_allclose(found.matrix, expected, atol=0.003)
    ((x, y, width, height), *_) = found.places
    assert x < 100 * 370 / 800 < 100 * 415 / 800 < x + width
    assert y < 100 * 260 / 600 < 100 * 290 / 600 < y + height
    assert width * height < 300
    there = place(seen("spotted"), seen("kept"))  # the finer one on the coarser one
    assert there is not None
    both = [np.vstack([np.reshape(one.matrix, (3, 2)).T, [0, 0, 1]]) for one in (found, there)]
    np.testing.assert_allclose(both[0] @ both[1], np.eye(3), atol=0.006)


def test_equal_pixels_lie_as_they_are_and_others_nowhere():
    assert place(seen("kept"), seen("equal")) == Placement(AS_IT_IS)
    assert place(seen("kept"), seen("other")) is None


def test_pictures_are_read_once(source: Counting, shown: Shown):
    assert sorted(source.seen) == sorted(FILES)
    assert set(shown.thumbnails) == set(FILES) - {"broken"}
    assert {name for _, name in shown.placements} == set(SKIPS) - {"broken"}
    assert shown.placements["kept", "other"] is None
    before = len(source.seen)
    again = read_pictures(made(), source, source.tasks(), Settings(), Progress(), shown)
    assert again == shown
    assert sorted(source.seen[before:]) == ["broken", "kept"]  # what could not be had is tried again


def test_what_a_page_says_of_a_placement_is_short():
    most = Placement((-0.123456, 1e-05, -1.23456, 0.999999, -1.5e-05, 12.34567), ((100.0, 99.99, 100.0, 12.345),) * 6)
    html = f'data-lies="{most.lies}" data-differs="{most.differs}"'
    assert len(html) < CAPTION / 3
    assert re.fullmatch(r"[-\d.e ,]+", most.lies + most.differs)


def test_the_overlay_lays_a_turned_copy_on_what_is_kept(page: Page):
    compare(page, "turned")
    assert page.evaluate("document.getElementById('other').style.transform") == ""
    alone = stage(page)
    page.keyboard.press("o")
    matrix = page.evaluate("document.getElementById('other').style.transform")
    assert matrix.startswith("matrix(")
    xx, yx, *_ = map(float, matrix[7:-1].split(","))
    assert abs(np.degrees(np.arctan2(yx, xx)) - 5) < 0.3
    assert "laid on the kept image" in page.inner_text("#laid")
    over = stage(page)
    page.keyboard.press("b")  # only what is kept
    kept = stage(page)
    page.evaluate(
        "document.getElementById('other').style.transform = ''; document.getElementById('other').style.opacity = .5"
    )
    raw = stage(page)
    assert np.abs(over - kept).mean() < np.abs(raw - kept).mean() / 5
    assert alone.shape != over.shape
    page.set_viewport_size({"width": 800, "height": 700})
    page.wait_for_function(f"document.getElementById('other').style.transform !== {matrix!r}")
    page.keyboard.press("o")
    assert page.evaluate("document.getElementById('other').style.transform") == ""


def test_what_differs_is_outlined_and_masked(page: Page):
    compare(page, "spotted")
    page.keyboard.press("o")
    boxes = page.locator("#places div")
    assert boxes.count() >= 1
    image, box = page.locator("#one").bounding_box(), boxes.first.bounding_box()
    assert image is not None
    assert box is not None
    scale = min(image["width"] / 800, image["height"] / 600)
    left = image["x"] + (image["width"] - 800 * scale) / 2
    top = image["y"] + (image["height"] - 600 * scale) / 2
    middle = (box["x"] + box["width"] / 2 - left) / scale, (box["y"] + box["height"] / 2 - top) / scale
    np.testing.assert_allclose(middle, (392, 275), atol=12)
    assert page.locator("#mask").get_attribute("aria-pressed") == "false"
    page.keyboard.press("m")
    assert page.locator("#mask").get_attribute("aria-pressed") == "true"
    assert boxes.first.evaluate("one => getComputedStyle(one).animationName") == "mask"
    page.keyboard.press("m")
    assert boxes.first.evaluate("one => getComputedStyle(one).animationName") == "none"
    assert "What differs is outlined" in page.inner_text("#laid")


def test_what_is_not_aligned_says_so(page: Page):
    compare(page, "other")
    assert "not aligned" in page.inner_text("#overlay")
    assert page.locator("#mask").is_hidden()
    page.keyboard.press("o")
    assert "not known" in page.inner_text("#laid")
    assert page.evaluate("document.getElementById('other').style.transform") == ""
    page.keyboard.press("Escape")
    compare(page, "equal")
    assert "not aligned" not in page.inner_text("#overlay")
    page.keyboard.press("o")
    matrix = page.evaluate("document.getElementById('other').style.transform")
    np.testing.assert_allclose([float(one) for one in matrix[7:-1].split(",")], AS_IT_IS, atol=1e-6)


def test_doubt_is_shown(page: Page):
    assert page.locator(".skip .doubt").first.inner_text().split() == ["doubt", "50", "%"]
