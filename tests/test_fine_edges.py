"""The fine look at what copying seems to explain: edges that moved a little, one digit of many."""

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from labelonce.fine import look, rescaled
from labelonce.fine.odd import ALIKE, DOUBTED, LEAST, odd_one

AS_IT_LIES = np.eye(2, 3)
SIDE = 448


def body(depth, seed):
    """A slice of a body: at each depth its organs are a little larger, or elsewhere."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    organs = np.random.default_rng(7)
    field = 14.0 + 80 * (np.hypot((x - 224) / 190, (y - 230) / (145 + depth)) < 1)
    for _ in range(9):
        middle, radii, way = organs.uniform(120, 330, 2), organs.uniform(16, 52, 2), organs.uniform(-1.6, 1.6, 2)
        inside = np.hypot(*((np.stack([x, y]) - (middle + depth * way)[:, None, None]) / radii[:, None, None])) < 1
        field += organs.uniform(-30, 34) * inside
    field = cv2.GaussianBlur(field.astype(np.float32), (0, 0), 1.6)
    noisy = field + np.random.default_rng(seed).normal(0, 3, field.shape)
    return np.repeat(np.clip(np.rint(noisy), 0, 255).astype(np.uint8)[..., None], 3, -1)


def page(digit):
    """Numbers in small type; one of them has this digit."""
    image = Image.new("RGB", (700, 900), (250, 247, 246))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(13)
    numbers = np.random.default_rng(5).integers(1000, 9999, (36, 6))
    for row, line in enumerate(numbers):
        for column, number in enumerate(line):
            shown = f"{number}.{digit}4" if (row, column) == (18, 3) else f"{number}.94"
            draw.text((50 + 100 * column, 50 + 22 * row), shown, fill=(60, 60, 70), font=font)
    return np.asarray(image)


def jpeg(rgb, quality=90):
    _, data = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def smaller(rgb, scale=0.75):
    """A smaller copy, and how it lies on the picture."""
    size = round(rgb.shape[1] * scale), round(rgb.shape[0] * scale)
    ratios = size[0] / rgb.shape[1], size[1] / rgb.shape[0]
    return jpeg(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)), rescaled(AS_IT_LIES, (1, 1), ratios)


@pytest.mark.parametrize("depth", range(4))
def test_the_next_slice_of_a_body_is_another_picture(depth):
    assert not look(body(depth, 1), jpeg(body(depth + 3, 2)), AS_IT_LIES).same
    assert look(body(depth, 1), jpeg(body(depth, 2)), AS_IT_LIES).same  # the same slice in other noise
    assert look(body(depth, 1), *smaller(body(depth, 1))).same


@pytest.mark.parametrize("depth", range(2))
def test_edges_that_all_moved_by_a_pixel_are_no_copying_s(depth):
    assert not look(body(depth, 1), jpeg(body(depth + 2.5, 2), 70), AS_IT_LIES).same


@pytest.mark.parametrize("digit", [3, 5, 6])
def test_one_digit_in_small_type_is_seen_in_a_smaller_copy(digit):
    found = look(page(9), *smaller(page(digit)))
    assert not found.same
    left, top, width, height = found.boxes[0]
    assert left - 2 <= 100 * 382 / 700 <= left + width + 2
    assert top - 2 <= 100 * 452 / 900 <= top + height + 2
    assert look(page(digit), *smaller(page(digit))).same


def places(*regions):
    """(100, 100) float32, and regions of it: top, left, side and value."""
    made = np.zeros((100, 100), np.float32)
    for top, left, side, value in regions:
        made[top : top + side, left : left + side] = value
    return made


STEEP = np.full((100, 100), 50, np.float32)
ODD = (40, 40, 10, 3.0)


def test_a_region_that_stands_out():
    found = odd_one(places(ODD), STEEP, 80, 1)
    assert found is not None
    evidence, region = found
    assert evidence == pytest.approx(100 * (3 / DOUBTED - 1))
    assert np.array_equal(region, places(ODD) > 0)
    assert odd_one(places(ODD, (10, 10, 9, 2.5)), STEEP, 80, 1) is not None  # a digit, and its sum's
    assert odd_one(places((40, 40, 10, 1.9)), STEEP, 80, 1) is not None  # the only one of all


@pytest.mark.parametrize(
    "above",
    [
        places(),
        places((40, 40, 10, 0.9)),  # nowhere above what copying leaves
        places((40, 40, 10, 1.9), (10, 10, 4, 0.5)),  # nowhere far above it, and not the only one
        places((40, 40, 5, 3.0)),  # too small
        places((40, 40, 30, 3.0)),  # too large
        places(ODD, (10, 10, 9, 2.5), (70, 70, 4, 0.8)),  # many others differ
    ],
)
def test_a_region_that_does_not(above):
    assert odd_one(above, STEEP, 80, 1) is None


def test_it_takes_many_alike():
    steep = places(ODD, (0, 0, 25, 3.0))
    assert np.count_nonzero(steep) < (ALIKE + 1) * 100
    assert odd_one(places(ODD), steep, 80, 1) is None


def test_sizes_are_in_pixels_of_the_picture():
    small = places((40, 40, 6, 6.0))
    assert odd_one(small, STEEP, 80, 1) is None
    assert odd_one(small, STEEP, 80, (LEAST / 36) ** 0.5 + 0.01) is not None


@pytest.mark.parametrize("size", [18, 26])
@pytest.mark.parametrize("place", [(4, 5), (60, 300)])
@pytest.mark.parametrize(("ground", "ink"), [(48, 0), (128, 90), (250, 200)])
def test_a_line_on_plain_ground_is_not_blurred_away(ground, ink, place, size):
    def screen(text):
        image = Image.new("RGB", (560, 800), (ground,) * 3)
        ImageDraw.Draw(image).text(place, text, fill=(ink,) * 3, font=ImageFont.load_default(size))
        return np.asarray(image)

    assert not look(screen(""), screen("Bye bye"), AS_IT_LIES).same
