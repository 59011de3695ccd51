from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from labelonce.change import NEAR_AREA, Change, changed_area
from pictures import texture

AS_IT_LIES = np.eye(2, 3)
SIZE = (160, 120)


def small(image: Image.Image) -> NDArray[np.uint8]:
    """A picture at the size that is compared."""
    return np.asarray(image.convert("RGB").resize(SIZE, Image.Resampling.BOX), np.uint8)


def ground(seed: int) -> Image.Image:
    """A soft scene without small things: light from one side, two tones, some grain."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:480, 0:640].astype(np.float32)
    plane = 90 + x / 16 + np.where(y > 200 + x / 8, 40, 0)
    shaded = plane[..., None] + rng.uniform(-15, 15, 3) + rng.normal(0, 3, (480, 640, 3))
    return Image.fromarray(np.clip(shaded, 0, 255).astype(np.uint8))


def with_thing(image: Image.Image, share: float, x: float, y: float, seed: int = 99) -> Image.Image:
    """The picture with a round textured thing that covers a share of it; its middle at x, y (0 to 1)."""
    width, height = image.size
    across, up = (4 * share / np.pi) ** 0.5 * width, (4 * share / np.pi) ** 0.5 * height
    mask = Image.new("L", image.size)
    middle = x * width, y * height
    ImageDraw.Draw(mask).ellipse(
        (middle[0] - across / 2, middle[1] - up / 2, middle[0] + across / 2, middle[1] + up / 2), fill=255
    )
    return Image.composite(texture(seed, image.size), image, mask.filter(ImageFilter.GaussianBlur(2)))


def written(image: Image.Image) -> Image.Image:
    """The picture with semi-transparent letters across."""
    drawn = np.array(image)
    cv2.putText(drawn, "PREVIEW", (60, 260), cv2.FONT_HERSHEY_SIMPLEX, 3.5, (255, 255, 255), 8, cv2.LINE_AA)
    return Image.blend(image, Image.fromarray(drawn), 0.5)


def grainy(image: Image.Image) -> Image.Image:
    grain = np.random.default_rng(5).normal(0, 8, (image.height, image.width, 3))
    return Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8))


HARMLESS = {
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.25),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.7),
    "flatter": lambda image: ImageEnhance.Contrast(image).enhance(0.7),
    "gamma": lambda image: image.point(lambda value: round(255 * (value / 255) ** 1.4)),
    "paler": lambda image: ImageEnhance.Color(image).enhance(0.8),
    "softer": lambda image: image.filter(ImageFilter.GaussianBlur(3)),
    "grainy": grainy,
    "written on": written,
}


@pytest.mark.parametrize("seed", range(3))
def test_equal_pictures_agree_in_everything(seed: int) -> None:
    for image in (texture(seed, (640, 480)), ground(seed)):
        picture = small(image)
        assert changed_area(picture, picture, AS_IT_LIES) == Change(0.0, 1.0)


@pytest.mark.parametrize("edit", HARMLESS)
@pytest.mark.parametrize("seed", range(3))
def test_harmless_edits_change_nothing(edit: str, seed: int) -> None:
    for image in (texture(seed, (640, 480)), ground(seed)):
        change = changed_area(small(image), small(HARMLESS[edit](image)), AS_IT_LIES)
        assert change.area <= NEAR_AREA


@pytest.mark.parametrize("share", [0.04, 0.08, 0.15])
@pytest.mark.parametrize("seed", range(3))
def test_a_thing_that_came_or_went_is_seen(share: float, seed: int) -> None:
    for image in (texture(seed, (640, 480)), ground(seed)):
        one, other = small(image), small(with_thing(image, share, 0.4, 0.6))
        for change in (changed_area(one, other, AS_IT_LIES), changed_area(other, one, AS_IT_LIES)):
            assert NEAR_AREA < change.area < 2 * share


@pytest.mark.parametrize("share", [0.04, 0.08])
def test_a_thing_that_moved_is_seen(share: float) -> None:
    for image in (texture(1, (640, 480)), ground(1)):
        one, other = (small(with_thing(image, share, x, 0.5)) for x in (0.3, 0.7))
        assert changed_area(one, other, AS_IT_LIES).area > NEAR_AREA


def test_a_plain_thing_on_plain_ground_is_seen() -> None:
    one = np.full((120, 160, 3), 120, np.uint8)
    other = cv2.circle(one.copy(), (80, 60), 15, (150, 150, 150), -1)
    assert changed_area(one, np.asarray(other, np.uint8), AS_IT_LIES).area > NEAR_AREA


@pytest.mark.parametrize("edit", ["brighter", "flatter", "gamma"])
def test_a_thing_is_seen_in_another_light(edit: str) -> None:
    image = texture(2, (640, 480))
    changed = HARMLESS[edit](with_thing(image, 0.06, 0.6, 0.4))
    assert changed_area(small(image), small(changed), AS_IT_LIES).area > NEAR_AREA


def test_the_pictures_are_laid_on_each_other() -> None:
    image = texture(3, (640, 480))
    other = small(image.crop((64, 48, 640, 480)))
    transform = np.array([[0.9, 0, 16], [0, 0.9, 12]])
    laid, as_it_lies = (changed_area(small(image), other, one) for one in (transform, AS_IT_LIES))
    assert laid.area <= NEAR_AREA < as_it_lies.area
    assert laid.agreement > 0.9 > as_it_lies.agreement


def test_order_hardly_matters() -> None:
    for seed in range(4):
        image = texture(seed, (640, 480))
        one, other = small(image), small(with_thing(image, 0.08, 0.5, 0.5).crop((32, 24, 640, 480)))
        transform = np.array([[0.95, 0, 8], [0, 0.95, 6]])
        back = np.asarray(cv2.invertAffineTransform(transform), np.float64)
        there, again = changed_area(one, other, transform), changed_area(other, one, back)
        assert there.area == pytest.approx(again.area, abs=0.02)
        assert there.agreement == pytest.approx(again.agreement, abs=0.05)


def test_other_pictures_agree_little() -> None:
    change = changed_area(small(texture(1)), small(texture(2)), AS_IT_LIES)
    assert change.area > 0.3
    assert change.agreement < 0.6


@pytest.mark.parametrize(
    "transform",
    [
        [[1, 0, 155], [0, 1, 0]],
        [[1, 0, 1e9], [0, 1, -1e9]],
        [[0, 0, 0], [0, 0, 0]],
        [[0.01, 0, 80], [0, 0.01, 60]],
        [[90, 0, 0], [0, 90, 0]],
        [[1, 1, 0], [1, 1, 0]],
    ],
)
def test_pictures_that_hardly_overlap_are_not_compared(transform: list[list[float]]) -> None:
    picture = small(texture(1))
    assert changed_area(picture, picture, np.array(transform, np.float64)) == Change(1.0, 0.0)


@pytest.mark.parametrize(("one", "other"), [(0, 0), (0, 255), (255, 0), (3, 4), (128, 60)])
def test_plain_pictures_have_no_content_to_change(one: int, other: int) -> None:
    a, b = (np.full((120, 160, 3), level, np.uint8) for level in (one, other))
    change = changed_area(a, b, AS_IT_LIES)
    assert change.area == 0
    assert change.agreement == pytest.approx(1)


SIDES = st.integers(1, 90)
NUMBERS = st.floats(-300, 300) | st.floats(allow_nan=False, allow_infinity=False)


@settings(deadline=None, max_examples=60)
@given(SIDES, SIDES, SIDES, SIDES, st.integers(0, 2**32 - 1), st.lists(NUMBERS, min_size=6, max_size=6), st.booleans())
def test_any_pictures_and_any_transform(
    height: int, width: int, rows: int, columns: int, seed: int, numbers: list[float], near: bool
) -> None:
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 256, (height, width, 3), np.uint8)
    b = rng.integers(0, 256, (rows, columns, 3), np.uint8)
    transform = np.array(numbers).reshape(2, 3)
    if near:
        transform = AS_IT_LIES + np.clip(transform, -1, 1) / 2
    change = changed_area(a, b, transform)
    assert 0 <= change.area <= 1
    assert -1 <= change.agreement <= 1
    assert changed_area(a, b, transform) == change
