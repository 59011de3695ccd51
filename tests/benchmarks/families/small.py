"""Pictures of less than 100 pixels: digits, letters, icons, sprites, faces."""

import numpy as np

from families.copies import SMALL
from families.drawing import (
    BLACK,
    BOLD,
    SANS,
    WHITE,
    Canvas,
    Colour,
    Family,
    Random,
    Rgb,
    grain,
    mixed,
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


def icons(layout: Random, picture: Random, number: int) -> Rgb:
    """Icons of one set, 64 pixels."""
    colour: Colour = tinted(layout, 20, 190)
    canvas = Canvas(64, 64, WHITE, scale=4)
    canvas.box(4, 4, 60, 60, fill=colour, radius=one_of(layout, (6, 14, 28)))
    canvas.text(32, 33, nth(layout, number, "✂✈✉✎✔✖★☀☁☂☎☕♫⚑⚙⚡⌂♥⏏"), 36, WHITE, SANS, anchor="mm")
    return canvas.rgb()


def letters(layout: Random, picture: Random, number: int) -> Rgb:
    """Letters of 32 pixels, cut out of signs."""
    ground = tinted(layout, 0, 90) if layout.random() < 0.5 else tinted(layout, 180, 255)
    canvas = Canvas(32, 32, ground, scale=4)
    ink = mixed(ground, WHITE if sum(ground) < 300 else BLACK, 0.85)
    letter, font = nth(layout, number, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), BOLD[one_of(layout, tuple(BOLD))]
    x, y = 16 + picture.uniform(-1.5, 1.5), 16 + picture.uniform(-1.5, 1.5)
    canvas.text(x, y, letter, picture.uniform(22, 26), ink, font, anchor="mm")
    return grain(canvas.rgb(), picture, 4)


def seven_segments(layout: Random, picture: Random, number: int) -> Rgb:
    """Displays of two digits, 48 by 40 pixels."""
    shapes = (0x77, 0x12, 0x5D, 0x5B, 0x3A, 0x6B, 0x6F, 0x52, 0x7F, 0x7B)
    lines = (
        ((0, 0), (1, 0)),
        ((0, 0), (0, 1)),
        ((1, 0), (1, 1)),
        ((0, 1), (1, 1)),
        ((0, 1), (0, 2)),
        ((1, 1), (1, 2)),
        ((0, 2), (1, 2)),
    )
    canvas, bright = (
        Canvas(48, 40, (16, 14, 14), scale=4),
        one_of(layout, ((255, 60, 40), (80, 255, 120), (250, 210, 80))),
    )
    for place, digit in enumerate(divmod(nth(layout, number, range(100)), 10)):
        for segment, ends in enumerate(lines):
            lit = shapes[digit] >> (6 - segment) & 1
            points = [(9 + 20 * place + 11 * x, 7 + 13 * y) for x, y in ends]
            canvas.line(points, bright if lit else mixed(bright, (16, 14, 14), 0.9), 3.2)
    return grain(canvas.rgb(), picture, 4)


FAMILIES = {
    "digits-28": Family(handwritten_digits, SMALL),
    "letters-32": Family(letters, SMALL),
    "displays-48": Family(seven_segments, SMALL),
    "icons-64": Family(icons),
    "sprites-64": Family(sprites),
}
