"""The fine look at what structure does not see: small things in another colour, soft areas in another shade."""

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from labelonce.fine import look, rescaled
from pictures import texture

AS_IT_LIES = np.eye(2, 3)
WIDTH, HEIGHT = 800, 600
RED, GREEN, BLUE = (200, 40, 40), (20, 130, 50), (50, 80, 230)  # of one luma


def clipped(values):
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def jpeg(rgb, quality=85):
    _, data = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def gray_of(rgb):
    return cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def smaller(rgb):
    """A smaller copy, and how it lies on the picture."""
    size = round(0.8 * rgb.shape[1]), round(0.8 * rgb.shape[0])
    ratios = size[0] / rgb.shape[1], size[1] / rgb.shape[0]
    return jpeg(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)), rescaled(AS_IT_LIES, (1, 1), ratios)


def vignetted(rgb, depth):
    """Darker towards the corners."""
    y, x = np.mgrid[0 : rgb.shape[0], 0 : rgb.shape[1]].astype(np.float32)
    far = np.hypot(x / rgb.shape[1] - 0.5, y / rgb.shape[0] - 0.5) / 0.71
    return clipped(rgb * (1 - depth * far[..., None] ** 2))


COPIES = {
    "equal": lambda rgb: (rgb, AS_IT_LIES),
    "JPEG": lambda rgb: (jpeg(rgb, 70), AS_IT_LIES),
    "smaller": smaller,
    "brighter": lambda rgb: (jpeg(clipped(1.12 * rgb.astype(float))), AS_IT_LIES),
    "white balance": lambda rgb: (clipped(rgb * np.array([1.06, 1.0, 0.94])), AS_IT_LIES),
    "paler": lambda rgb: (clipped(0.75 * rgb.astype(float) + 0.25 * gray_of(rgb)), AS_IT_LIES),
    "blurred": lambda rgb: (cv2.GaussianBlur(rgb, (0, 0), 1), AS_IT_LIES),
}


def drawn(ground, draw):
    image = Image.new("RGB", (WIDTH, HEIGHT), ground)
    draw(ImageDraw.Draw(image))
    return np.asarray(image)


def grained(rgb, seed=3):
    return clipped(rgb + np.random.default_rng(seed).normal(0, 1.5, rgb.shape[:2])[..., None])


def panel(colour):
    """Lamps of a panel, one of them in this colour, at (400, 300)."""

    def lamps(draw):
        for x in range(100, 800, 100):
            for y in range(100, 600, 100):
                draw.rounded_rectangle((x - 30, y - 30, x + 30, y + 30), 6, fill=(70, 72, 76))
                draw.ellipse((x - 7, y - 7, x + 7, y + 7), fill=colour if (x, y) == (400, 300) else RED)

    return grained(drawn((120, 122, 126), lamps))


def lines(colour):
    """Lines of a map, one of them in this colour, through (400, 300)."""

    def routes(draw):
        for number, shade in enumerate([RED, colour, BLUE]):
            draw.line([(60, 200 + 100 * number), (400, 200 + 100 * number), (740, 60 + 100 * number)], shade, 4)

    return drawn((255, 255, 255), routes)


def points(colour):
    """Points on white paper, one of them in this colour, at (400, 300)."""

    def scatter(draw):
        places = np.random.default_rng(4).integers(60, (WIDTH - 60, HEIGHT - 60), (60, 2)).tolist()
        for number, (x, y) in enumerate([[400, 300], *places]):
            draw.ellipse((x - 6, y - 6, x + 6, y + 6), fill=colour if not number else (RED, BLUE)[number % 2])

    return drawn((255, 255, 255), scatter)


@pytest.mark.parametrize("make", [panel, lines, points])
@pytest.mark.parametrize("edit", COPIES)
def test_a_small_thing_in_another_colour_of_one_luma_is_seen(make, edit):
    other, transform = COPIES[edit](make(GREEN))
    found = look(make(RED), other, transform)
    assert not found.same
    assert found.structure <= 1  # which says nothing of it
    left, top, width, height = found.boxes[0]
    assert left - 2 <= 50 <= left + width + 2
    assert top - 2 <= 50 <= top + height + 2


@pytest.mark.parametrize("make", [panel, lines, points])
@pytest.mark.parametrize("edit", COPIES)
def test_a_copy_of_small_colours_is_the_same(make, edit):
    assert look(make(GREEN), *COPIES[edit](make(GREEN))).same


def plate(spot=None, tint=(1.0, 1.0, 1.0)):
    """Grey metal, and what has the only colour there."""
    shade = gray_of(np.asarray(texture(5, (WIDTH, HEIGHT)))) * np.array(tint)
    if spot is not None:
        y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
        inside = np.clip(1.3 - np.hypot((x - 400) / 45, (y - 300) / 35), 0, 1)[..., None]
        colour = np.array(spot, float)
        shade = shade + inside * (colour - colour @ [0.299, 0.587, 0.114])
    return clipped(shade)


@pytest.mark.parametrize("edit", ["equal", "JPEG", "smaller"])
def test_the_only_colour_of_a_picture_is_not_what_a_gray_copy_lost(edit):
    rusty = plate((70, -10, -50))
    assert not look(rusty, *COPIES[edit](plate())).same
    assert look(rusty, *COPIES[edit](rusty)).same


def test_a_gray_copy_of_a_photo_that_is_nearly_gray_is_the_same():
    faint = plate(tint=(1.02, 1.0, 0.975))
    accented = faint.copy()
    accented[280:300, 380:400] = plate((70, -10, -50))[280:300, 380:400]
    assert look(accented, jpeg(gray_of(accented)), AS_IT_LIES).same


def skin(levels, size=40, ground=(196, 170, 152)):
    """Skin, and a soft swelling of so many grey levels at (400, 300)."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    fold = 9 * np.sin(x / 70 + y / 110) + 5 * np.cos(y / 45)
    swelling = levels * np.exp(-((((x - 400) / size) ** 2 + ((y - 300) / size) ** 2) ** 2))
    return grained(np.array(ground) + (fold + swelling)[..., None], 6)


@pytest.mark.parametrize("edit", ["equal", "JPEG", "smaller", "brighter", "blurred"])
@pytest.mark.parametrize("levels", [-12, 12])
def test_a_soft_area_of_another_shade_is_seen(levels, edit):
    other, transform = COPIES[edit](skin(levels))
    found = look(skin(0), other, transform)
    assert not found.same
    left, top, width, height = found.boxes[0]
    assert left <= 50 <= left + width
    assert top <= 50 <= top + height


@pytest.mark.parametrize("edit", COPIES)
def test_a_copy_of_a_soft_area_is_the_same(edit):
    assert look(skin(12), *COPIES[edit](skin(12))).same


def test_what_a_lens_darkens_and_an_exposure_clips_is_no_soft_area():
    assert look(skin(12), vignetted(skin(12), 0.12), AS_IT_LIES).same
    photo = np.asarray(texture(1, (WIDTH, HEIGHT)))
    assert look(photo, vignetted(photo, 0.2), AS_IT_LIES).same
    bright = skin(12, ground=(225, 215, 205))
    assert look(bright, clipped(1.1 * bright.astype(float)), AS_IT_LIES).same
