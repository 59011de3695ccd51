"""Drawings: faces, signs, comics."""

import numpy as np

from families import words
from families.copies import PHOTO, SCAN
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
    lit,
    mixed,
    nth,
    one_of,
    photograph,
    scanned,
    soft,
    tinted,
)

SKINS = ((250, 220, 194), (232, 186, 150), (196, 142, 104), (148, 98, 66), (96, 62, 44))
HAIR = ((40, 28, 22), (96, 60, 32), (190, 150, 80), (150, 150, 152), (150, 62, 30))


def _face(canvas: Canvas, x: float, y: float, size: float, random: Random) -> None:
    """A person, from the front."""
    skin, hair = one_of(random, SKINS), one_of(random, HAIR)
    dark, wide = mixed(skin, BLACK, 0.35), random.uniform(0.3, 0.38) * size
    canvas.oval(x, y - 0.1 * size, wide * 1.15, random.uniform(0.4, 0.5) * size, fill=hair)
    canvas.box(x - 0.13 * size, y + 0.25 * size, x + 0.13 * size, y + 0.56 * size, fill=mixed(skin, BLACK, 0.12))
    canvas.oval(x, y + 0.02 * size, wide, 0.4 * size, fill=skin, line=dark, width=0.006 * size)
    if random.random() < 0.6:
        left, right, top = x - 0.95 * wide, x + 0.95 * wide, y - 0.4 * size
        canvas.shape(
            [(left, y - 0.2 * size), (right, y - 0.2 * size), (x + 0.6 * wide, top), (x - 0.6 * wide, top)], hair
        )
    iris, apart, glasses = tinted(random, 20, 130), random.uniform(0.12, 0.17) * size, random.random() < 0.35
    for side in (-1, 1):
        eye = x + side * apart
        canvas.oval(eye, y - 0.04 * size, 0.055 * size, 0.034 * size, fill=WHITE, line=dark, width=0.005 * size)
        canvas.oval(eye, y - 0.04 * size, 0.026 * size, fill=iris)
        brow = y - random.uniform(0.1, 0.13) * size
        canvas.line([(eye - 0.07 * size, brow), (eye + 0.07 * size, brow - 0.01 * size)], hair, 0.018 * size)
        if glasses:
            canvas.oval(eye, y - 0.04 * size, 0.095 * size, 0.075 * size, line=(30, 30, 34), width=0.012 * size)
    nose = random.uniform(0.08, 0.13) * size
    canvas.line([(x, y - 0.02 * size), (x - 0.03 * size, y + nose), (x + 0.02 * size, y + nose)], dark, 0.009 * size)
    bend = random.uniform(-0.05, 0.07) * size
    mouth = [(x + t * 0.13 * size, y + 0.24 * size - bend * t * t) for t in np.linspace(-1, 1, 9)]
    canvas.line(mouth, (150, 50, 56), 0.02 * size)


def faces(layout: Random, picture: Random, number: int) -> Rgb:
    """Passport pictures by one camera."""
    side = one_of(layout, (200, 300, 400))
    canvas = Canvas(side, round(1.2 * side), tinted(layout, 130, 230))
    shirt = tinted(picture, 20, 220)
    canvas.oval(side / 2, 1.32 * side, 0.48 * side, 0.42 * side, fill=shirt)
    _face(canvas, side / 2, 0.55 * side, 0.85 * side, picture)
    return grain(soft(lit(canvas.rgb(), layout, 0.08), 0.5), picture, 3, 0.7)


def faces_small(layout: Random, picture: Random, number: int) -> Rgb:
    """Faces of 64 pixels."""
    canvas = Canvas(64, 64, tinted(layout, 130, 230), scale=4)
    _face(canvas, 32, 31, 66, picture)
    return grain(canvas.rgb(), picture, 2)


SIGNS = (*"123456", "STOP", "P", "◀", "▶", "▲", "◆")


def traffic_signs(layout: Random, picture: Random, number: int) -> Rgb:
    """One shape of sign before one view, with another number or symbol."""
    canvas = Canvas.over(soft(photograph(layout, 320, 320), 2.5))
    kind, sign = one_of(layout, ("limit", "warning", "blue")), nth(layout, number, SIGNS)
    text = sign + "0" if kind == "limit" and sign.isdigit() else sign
    canvas.box(154, 200, 166, 320, fill=(140, 142, 146))
    if kind == "limit":
        canvas.oval(160, 150, 100, fill=(200, 28, 36))
        canvas.oval(160, 150, 78, fill=WHITE)
        ink: Colour = BLACK
    elif kind == "warning":
        canvas.shape([(160, 36), (276, 236), (44, 236)], (200, 28, 36))
        canvas.shape([(160, 74), (244, 220), (76, 220)], WHITE)
        ink = BLACK
    else:
        canvas.box(66, 56, 254, 244, fill=(24, 76, 168), line=WHITE, width=5, radius=12)
        ink = WHITE
    size = {1: 88, 2: 84}.get(len(text), 46) * (0.75 if kind == "warning" else 1)
    canvas.text(
        160, 172 if kind == "warning" else 150, text, size, ink, BOLD[SANS] if text.isalnum() else SANS, anchor="mm"
    )
    return grain(soft(lit(canvas.rgb(), layout, 0.1), 0.7), picture, 4, 0.7)


def comics(layout: Random, picture: Random, number: int) -> Rgb:
    """Strips of three panels in one style; people say and look something else."""
    canvas = Canvas(1100, 400, (250, 248, 240))
    grounds = [tinted(layout, 150, 240) for _ in range(3)]
    for panel, ground in enumerate(grounds):
        x = 20 + 360 * panel
        canvas.box(x, 20, x + 340, 380, fill=ground, line=BLACK, width=4)
        canvas.box(x + 2, 310, x + 338, 378, fill=mixed(ground, BLACK, 0.3))
        for person, left in ((layout, x + 100), (picture if panel == 2 else layout, x + 245)):
            canvas.oval(left, 385, 60, 70, fill=tinted(person, 40, 220), line=BLACK, width=3)
            _face(canvas, left, 245, 130, person)
        canvas.box(x + 20, 35, x + 320, 130, fill=WHITE, line=BLACK, width=3, radius=30)
        canvas.shape([(x + 100, 126), (x + 130, 126), (x + 105, 160)], WHITE, BLACK, 2)
        for row in range(2):
            canvas.text(x + 170, 78 + 30 * row, words.sentence(picture, 2, 3).upper(), 19, anchor="ms", font=BOLD[SANS])
    return scanned(canvas.rgb(), layout, picture)


def photos_bird(layout: Random, picture: Random, number: int) -> Rgb:
    """One view with a small bird, each time elsewhere, or with none."""
    canvas = Canvas.over(photograph(layout, 1024, 680))
    place = nth(layout, number, range(30))
    x, y = 80 + 170 * (place % 6) + picture.uniform(-25, 25), 60 + 130 * (place // 6) + picture.uniform(-25, 25)
    size = picture.uniform(11, 17)
    behind = canvas.rgb()[round(y) - 9 : round(y) + 9, round(x) - 15 : round(x) + 15].mean()
    ink = (24, 22, 26) if behind > 110 else (250, 250, 250)
    if number:
        left = [(x - 1.3 * size, y - 0.6 * size), (x - 0.5 * size, y - 0.1 * size), (x, y + 0.25 * size)]
        right = [(x + 0.6 * size, y - 0.1 * size), (x + 1.4 * size, y - 0.5 * size), (x, y - 0.1 * size)]
        canvas.shape([*left, *right], ink)
        canvas.oval(x, y + 0.1 * size, 0.22 * size, 0.4 * size, fill=ink)
    return grain(canvas.rgb(), picture, 2.5, 0.7)


FAMILIES = {
    "photos-bird": Family(photos_bird, PHOTO, "webp"),
    "faces": Family(faces, PHOTO),
    "faces-64": Family(faces_small, ("gain", "noise")),
    "traffic-signs": Family(traffic_signs, PHOTO),
    "comics": Family(comics, SCAN),
}
