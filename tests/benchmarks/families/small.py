"""Pictures of less than 100 pixels: digits, letters, icons, sprites, faces."""

import numpy as np

from families.copies import SMALL
from families.drawing import (
    WHITE,
    Canvas,
    Family,
    Random,
    Rgb,
    grain,
    nth,
    one_of,
    tinted,
)


def handwritten_digits(layout: Random, picture: Random, number: int) -> Rgb:
    """Digits of 28 pixels by several hands, white on black."""
    canvas = Canvas(28, 28, (0, 0, 0), scale=4)
    x, y = 14 + picture.uniform(-2, 2), 14 + picture.uniform(-2, 2)
    font = one_of(picture, ("STIXGeneralItalic", "DejaVuSerif-Italic", "cmti10", "DejaVuSans-Oblique"))
    digit = nth(layout, number, "0123456789")
    for shift in (-0.5, 0.0, 0.5):
        canvas.text(x + shift, y, digit, picture.uniform(19, 25), WHITE, font, anchor="mm")
    return grain(canvas.rgb(), picture, 3)[..., :1].repeat(3, -1)


def sprites(layout: Random, picture: Random, number: int) -> Rgb:
    """Creatures of coarse pixels, symmetrical, in one palette."""
    palette = [tinted(layout, 30, 250) for _ in range(3)]
    ground = tinted(layout, 0, 60)
    cells = np.full((16, 16), -1)
    body = picture.random((10, 5)) < 0.55
    paint = np.where(body, picture.integers(0, 3, (10, 5)), -1)
    cells[3:13, 3:8], cells[3:13, 8:13] = paint, paint[:, ::-1]
    rgb = np.array([*palette, ground], np.uint8)[cells]
    return np.asarray(rgb.repeat(4, 0).repeat(4, 1), np.uint8)


FAMILIES = {
    "digits-28": Family(handwritten_digits, SMALL),
    "sprites-64": Family(sprites),
}
