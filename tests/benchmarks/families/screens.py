"""What a screen shows: slides, plots, code, chats, dashboards, maps, comics, subtitles."""

import numpy as np

from families import words
from families.copies import SCREEN
from families.drawing import (
    BLACK,
    BOLD,
    MONO,
    SANS,
    WHITE,
    Canvas,
    Family,
    Random,
    Rgb,
    mixed,
    nth,
    one_of,
    photograph,
    tinted,
    whole,
)


def slides(layout: Random, picture: Random, number: int) -> Rgb:
    """Slides of one talk."""
    canvas = Canvas(1280, 720, one_of(layout, (WHITE, (28, 32, 44), (246, 242, 230))), scale=1)
    dark = canvas.rgb()[0, 0].mean() < 100
    ink, accent, font = (WHITE if dark else (40, 40, 50)), tinted(layout, 60, 210), one_of(layout, (SANS, "cmss10"))
    canvas.box(0, 0, 1280, 16, fill=accent)
    canvas.box(60, 128, 64 + 200, 132, fill=accent)
    canvas.text(60, 110, words.sentence(picture, 2, 5).capitalize(), 46, ink, BOLD.get(font, font))
    for row in range(whole(picture, 3, 6)):
        canvas.oval(78, 205 + 72 * row, 7, fill=accent)
        canvas.text(105, 217 + 72 * row, words.sentence(picture, 4, 9).capitalize(), 32, ink, font)
    canvas.text(60, 690, f"{words.name(layout)}, {one_of(layout, words.TOWNS)}", 18, mixed(ink, accent, 0.5), font)
    canvas.text(1220, 690, str(number + whole(layout, 2, 9)), 18, mixed(ink, accent, 0.5), font, anchor="rs")
    return canvas.rgb()


def plots(layout: Random, picture: Random, number: int) -> Rgb:
    """One diagram of another curve."""
    canvas = Canvas(800, 560)
    colours = [tinted(layout, 20, 190) for _ in range(2)]
    canvas.box(80, 50, 770, 490, line=BLACK, width=1.2)
    for step in range(6):
        x, y = 80 + 138 * step, 490 - 88 * step
        canvas.line([(x, 50), (x, 490)], (222, 222, 222))
        canvas.line([(80, y), (770, y)], (222, 222, 222))
        canvas.text(x, 512, f"{20 * step}", 15, anchor="ms")
        canvas.text(70, y + 5, f"{0.2 * step:.1f}", 15, anchor="rs")
    canvas.text(425, 35, words.sentence(layout, 2, 3).capitalize(), 20, anchor="ms")
    t = np.linspace(0, 1, 160)
    for random, colour in ((layout, colours[0]), (picture, colours[1])):
        waves = sum(random.normal(0, 0.22 / n) * np.sin(n * np.pi * t + random.uniform(0, 6)) for n in range(1, 6))
        values = np.clip(random.uniform(0.3, 0.7) + waves, 0.02, 0.98)
        canvas.line([(80 + 690 * a, 490 - 440 * b) for a, b in zip(t, values, strict=True)], colour, 2)
    return canvas.rgb()


def subtitles(layout: Random, picture: Random, number: int) -> Rgb:
    """One scene of a film while people speak."""
    canvas = Canvas.over(photograph(layout, 854, 480), scale=1)
    text, size = words.sentence(picture, 4, 8).capitalize() + ".", whole(layout, 24, 32)
    for dx in (-2, 0, 2):
        for dy in (-2, 0, 2):
            canvas.text(427 + dx, 440 + dy, text, size, BLACK, anchor="ms")
    canvas.text(427, 440, text, size, one_of(layout, (WHITE, (250, 230, 80))), anchor="ms")
    return canvas.rgb()


def code(layout: Random, picture: Random, number: int) -> Rgb:
    """One program in an editor, with one name or number changed."""
    dark = bool(layout.integers(2))
    ground, ink = ((30, 31, 38), (212, 212, 208)) if dark else ((252, 252, 252), (40, 40, 44))
    canvas = Canvas(1000, 640, ground, scale=1)
    colours = [mixed(tinted(layout, 80, 220), ink, 0.25) for _ in range(3)]
    canvas.box(0, 0, 1000, 34, fill=mixed(ground, ink, 0.12))
    canvas.text(20, 23, f"{one_of(layout, words.WORDS)}.py", 15, ink)
    lines = [
        (whole(layout, 0, 3), one_of(layout, ("if", "for", "return", "let", "while")), one_of(layout, words.WORDS),
         one_of(layout, words.WORDS), whole(layout, 10, 99)) for _ in range(24)
    ]  # fmt: skip
    chosen = nth(layout, number, range(24))
    for row, (indent, keyword, left, right, value) in enumerate(lines):
        y = 64 + 24 * row
        canvas.text(40, y, str(row + 1), 15, mixed(ground, ink, 0.4), MONO, anchor="rs")
        if row == chosen:
            right = one_of(picture, words.WORDS) if picture.random() < 0.5 else right
            value = whole(picture, 100, 999)
        x = canvas.text(60 + 36 * indent, y, keyword, 16, colours[0], MONO)
        x = canvas.text(x, y, f" {left}_{right}", 16, ink, MONO)
        canvas.text(x, y, f"({value})", 16, colours[1], MONO)
    return canvas.rgb()


FAMILIES = {
    "slides": Family(slides, SCREEN),
    "plots": Family(plots, SCREEN),
    "subtitles": Family(subtitles, SCREEN),
    "code": Family(code, SCREEN),
}
