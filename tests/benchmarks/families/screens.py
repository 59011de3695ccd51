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


def chats(layout: Random, picture: Random, number: int) -> Rgb:
    """One conversation on a telephone; the last messages differ."""
    ground, bubbles = tinted(layout, 215, 245), (tinted(layout, 200, 255), tinted(layout, 120, 200))
    canvas = Canvas(480, 900, ground)
    canvas.box(0, 0, 480, 64, fill=mixed(bubbles[1], BLACK, 0.4))
    canvas.oval(40, 32, 20, fill=bubbles[0])
    canvas.text(74, 40, words.name(layout), 22, WHITE, BOLD[SANS])
    y = 84
    for row in range(9):
        speaker = layout if row < 6 else picture
        text, side = words.sentence(speaker, 2, 5).capitalize(), whole(layout, 0, 1)
        width = canvas.length(text, 18) + 28
        left = 462 - width if side else 18
        canvas.box(left, y, left + width, y + 62, fill=bubbles[side], radius=14)
        canvas.text(left + 14, y + 28, text, 18, (24, 24, 28))
        canvas.text(left + width - 12, y + 52, f"{9 + row // 4}:{whole(layout, 10, 59)}", 12, (90, 90, 96), anchor="rs")
        y += 78
    canvas.box(16, 840, 464, 886, fill=WHITE, radius=22)
    return canvas.rgb()


def dashboards(layout: Random, picture: Random, number: int) -> Rgb:
    """One page of figures, bars and a curve at another hour."""
    dark = bool(layout.integers(2))
    ground, card, ink = (
        ((22, 24, 32), (36, 40, 52), (226, 226, 230)) if dark else ((238, 240, 244), WHITE, (40, 44, 54))
    )
    canvas, accent = Canvas(1600, 900, ground, scale=1), tinted(layout, 60, 220)
    canvas.text(40, 62, words.sentence(layout, 2, 2).title(), 34, ink, BOLD[SANS])
    for column in range(4):
        x = 40 + 385 * column
        canvas.box(x, 90, x + 365, 240, fill=card, radius=10)
        canvas.text(x + 24, 130, words.sentence(layout, 1, 2).capitalize(), 20, mixed(ink, card, 0.4))
        canvas.text(x + 24, 205, f"{whole(picture, 100, 99999):,}", 48, ink, BOLD[SANS])
    canvas.box(40, 270, 1000, 860, fill=card, radius=10)
    values = np.cumsum(picture.normal(0, 1, 90))
    values = (values - values.min()) / (values.max() - values.min())
    canvas.line([(70 + 10 * step, 820 - 480 * value) for step, value in enumerate(values)], accent, 3)
    canvas.box(1020, 270, 1560, 860, fill=card, radius=10)
    for bar in range(8):
        canvas.text(1045, 326 + 66 * bar, one_of(layout, words.WORDS), 18, ink)
        canvas.box(1150, 308 + 66 * bar, 1150 + picture.uniform(20, 380), 334 + 66 * bar, fill=accent)
    return canvas.rgb()


def maps(layout: Random, picture: Random, number: int) -> Rgb:
    """One town with a pin in another place."""
    canvas = Canvas(900, 700, (242, 239, 230))
    for _ in range(5):
        x, y = layout.uniform(0, 900), layout.uniform(0, 700)
        canvas.oval(x, y, layout.uniform(40, 130), layout.uniform(40, 110), fill=(200, 226, 180))
    t = np.linspace(0, 1, 30)
    river = [(900 * one, 350 + 220 * np.sin(2 * one + layout.uniform(2, 2.1)) + 40 * np.sin(9 * one)) for one in t]
    canvas.line(river, (168, 206, 236), 34)
    for wide, count in ((9, 26), (18, 6)):
        for _ in range(count):
            x, y, angle = (
                layout.uniform(0, 900),
                layout.uniform(0, 700),
                one_of(layout, (0.2, 1.77)) + layout.normal(0, 0.1),
            )
            dx, dy = 900 * np.cos(angle), 900 * np.sin(angle)
            canvas.line([(x - dx, y - dy), (x + dx, y + dy)], (196, 190, 176), wide + 3)
            canvas.line([(x - dx, y - dy), (x + dx, y + dy)], WHITE if wide < 12 else (252, 222, 150), wide)
    for _ in range(16):
        x, y = layout.uniform(20, 780), layout.uniform(30, 690)
        canvas.text(x, y, one_of(layout, words.WORDS).capitalize() + " St", 14, (90, 86, 80))
    place = nth(layout, number, range(30))
    x, y = 90 + 144 * (place % 6) + picture.uniform(-20, 20), 100 + 130 * (place // 6) + picture.uniform(-20, 20)
    canvas.shape([(x - 12, y - 26), (x + 12, y - 26), (x, y)], (214, 40, 36))
    canvas.oval(x, y - 32, 15, fill=(214, 40, 36), line=(130, 16, 20), width=1.5)
    canvas.oval(x, y - 32, 6, fill=WHITE)
    return canvas.rgb()


FAMILIES = {
    "slides": Family(slides, SCREEN),
    "plots": Family(plots, SCREEN),
    "subtitles": Family(subtitles, SCREEN),
    "code": Family(code, SCREEN),
    "chats": Family(chats, SCREEN),
    "dashboards": Family(dashboards, SCREEN),
    "maps": Family(maps, SCREEN),
}
