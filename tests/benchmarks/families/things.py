"""Single things before one camera: plates with defects, products, number plates, arrows, boards, gauges, meters."""

import cv2
import numpy as np

from families import words
from families.copies import PHOTO
from families.drawing import (
    BLACK,
    BOLD,
    GREY,
    SANS,
    WHITE,
    Canvas,
    Colour,
    Family,
    Random,
    Rgb,
    blended,
    blob,
    clouds,
    digits,
    grain,
    levels,
    lit,
    mixed,
    nth,
    one_of,
    soft,
    tinted,
    whole,
)


def _metal(layout: Random, width: int, height: int) -> Rgb:
    """Brushed or cast metal."""
    tone = layout.uniform(120, 180)
    if layout.random() < 0.5:
        streaks = cv2.resize(layout.normal(0, 6, (height, 8)).astype(np.float32), (width, height))
    else:
        streaks = 7 * clouds(layout, width, height, 60, 4)
    return lit(levels((tone + streaks)[..., None] + layout.uniform(-6, 6, 3)), layout, 0.2)


def _machined(layout: Random, side: int) -> Canvas:
    """A metal part with holes and a frame, always the same of one layout."""
    canvas = Canvas.over(_metal(layout, side, round(side * layout.uniform(0.7, 1))))
    for x, y in ((0.14, 0.14), (0.86, 0.14), (0.14, 0.86), (0.86, 0.86)):
        canvas.oval(x * canvas.width, y * canvas.height, 0.05 * side, fill=(34, 34, 36), line=(215, 215, 215), width=2)
    inset = layout.uniform(0.28, 0.36)
    ends = (inset * canvas.width, inset * canvas.height, (1 - inset) * canvas.width, (1 - inset) * canvas.height)
    canvas.box(*ends, line=(70, 70, 74), width=4, radius=whole(layout, 0, 30))
    canvas.text(
        canvas.width / 2, 0.12 * canvas.height, f"P-{digits(layout, 4)}", 0.035 * side, (60, 60, 60), anchor="ms"
    )
    return canvas


def _inside(random: Random, canvas: Canvas, rim: float = 0.12) -> tuple[float, float]:
    return random.uniform(rim, 1 - rim) * canvas.width, random.uniform(rim, 1 - rim) * canvas.height


def defects(layout: Random, picture: Random, number: int) -> Rgb:
    """A part with a scratch, a pit, a crack or a stain, or with none."""
    canvas = _machined(layout, one_of(layout, (640, 800)))
    x, y = _inside(picture, canvas)
    length, angle = picture.uniform(40, 110), picture.uniform(0, np.pi)
    end = (x + length * np.cos(angle), y + length * np.sin(angle))
    kind = ("none", "scratch", "pit", "crack", "stain")[number % 5 if number else 0]
    if kind == "scratch" or (kind == "none" and number):
        canvas.line([(x, y), end], (238, 238, 240), 2.5)
    elif kind == "pit":
        canvas.oval(x, y, picture.uniform(5, 12), picture.uniform(5, 12), fill=(40, 38, 38))
    elif kind == "crack":
        steps = np.linspace(0, 1, 7)
        points = [
            (x + t * (end[0] - x) + picture.normal(0, 5), y + t * (end[1] - y) + picture.normal(0, 5)) for t in steps
        ]
        canvas.line(points, (30, 30, 30), 2.5)
    rgb = canvas.rgb()
    if kind == "stain":
        mask = blob(canvas.width, canvas.height, x, y, picture.uniform(14, 34), picture.uniform(12, 24), edge=3)
        rgb = blended(rgb, (110, 74, 40), 0.6 * mask)
    return grain(rgb, picture, 2.5, 0.7)


def scratches(layout: Random, picture: Random, number: int) -> Rgb:
    """A part with a scratch of 40 by 2 pixels, each time elsewhere."""
    canvas = _machined(layout, 640)
    cell = nth(layout, number, range(36))
    x, y = (0.14 + 0.13 * (cell % 6)) * canvas.width, (0.14 + 0.13 * (cell // 6)) * canvas.height
    angle = picture.uniform(0, np.pi)
    canvas.line([(x, y), (x + 40 * np.cos(angle), y + 40 * np.sin(angle))], (244, 244, 246), 2)
    return grain(canvas.rgb(), picture, 2.5, 0.7)


COLOURS: tuple[Colour, ...] = (
    (200, 40, 44),
    (40, 74, 190),
    (40, 140, 70),
    (232, 196, 40),
    (38, 38, 42),
    (238, 236, 230),
    (122, 54, 150),
    (232, 122, 34),
    (232, 134, 170),
    (30, 140, 146),
)


def _product(layout: Random, colour: Colour) -> Rgb:
    """A shirt, a mug, a bag or a shoe before a plain ground."""
    canvas = Canvas(600, 600, tinted(layout, 208, 255))
    kind, dark = one_of(layout, ("shirt", "mug", "bag", "shoe")), mixed(colour, BLACK, 0.35)
    if kind == "shirt":
        outline = [(190, 120), (250, 100), (300, 130), (350, 100), (410, 120), (500, 220), (440, 270), (410, 230)]
        canvas.shape([*outline, (415, 500), (185, 500), (190, 230), (160, 270), (100, 220)], colour, dark, 3)
        canvas.arc(300, 96, 52, 20, 160, dark, 5)
    elif kind == "mug":
        canvas.arc(415, 300, 75, -90, 90, colour, 30)
        canvas.box(170, 170, 420, 460, fill=colour, line=dark, width=3, radius=26)
        canvas.oval(295, 180, 124, 30, fill=mixed(colour, WHITE, 0.3), line=dark, width=3)
    elif kind == "bag":
        canvas.arc(300, 210, 90, 180, 360, dark, 14)
        canvas.shape([(150, 220), (450, 220), (490, 490), (110, 490)], colour, dark, 3)
        canvas.box(270, 300, 330, 330, fill=mixed(colour, WHITE, 0.5))
    else:
        outline = [(110, 280), (210, 250), (270, 300), (400, 360), (500, 390), (510, 440), (110, 440)]
        canvas.shape(outline, colour, dark, 3)
        canvas.box(105, 436, 515, 470, fill=mixed(colour, WHITE, 0.75), radius=8)
        for step in range(4):
            canvas.line([(270 + 34 * step, 300 + 15 * step), (250 + 34 * step, 340 + 12 * step)], WHITE, 5)
    shade = 1 + 0.025 * clouds(layout, 600, 600, 150, 3)[..., None]
    return lit(levels(canvas.rgb() * shade), layout, 0.08)


def products(layout: Random, picture: Random, number: int) -> Rgb:
    """One product in several colours."""
    return grain(_product(layout, nth(layout, number, COLOURS)), picture, 1.5, 0.7)


def number_plates(layout: Random, picture: Random, number: int) -> Rgb:
    """Number plates of one country, seen from near."""
    width = whole(layout, 240, 420)
    height = round(width / layout.uniform(3.6, 4.6))
    canvas = Canvas(width, height, tinted(layout, 30, 90))
    rim, ground = 0.05 * height, one_of(layout, ((246, 246, 240), (244, 206, 60), (240, 240, 250)))
    canvas.box(rim, rim, width - rim, height - rim, fill=ground, line=BLACK, width=0.03 * height, radius=0.08 * height)
    canvas.box(2 * rim, 2 * rim, 0.1 * width, height - 2 * rim, fill=(24, 58, 150))
    canvas.text(0.065 * width, 0.82 * height, one_of(layout, "ABDFHIS"), 0.22 * height, WHITE, anchor="ms")
    letters = "".join(one_of(picture, "ABCDEFGHJKLMNPRSTUVWXYZ") for _ in range(4))
    text = f"{letters[:2]} {letters[2:]} {digits(picture, 3)}"
    font = one_of(layout, ("DejaVuSansMono-Bold", BOLD[SANS]))
    size = min(0.62 * height, 0.62 * height * 0.8 * width / canvas.length(text, 0.62 * height, font))
    canvas.text(0.55 * width, 0.5 * height, text, size, (20, 20, 24), font, anchor="mm")
    return grain(soft(lit(canvas.rgb(), layout, 0.1), 0.7), picture, 5, 0.6)


def arrows(layout: Random, picture: Random, number: int) -> Rgb:
    """One arrow, or one thing like it, each time pointing elsewhere."""
    side = one_of(layout, (160, 224, 320))
    canvas = Canvas(side, side, tinted(layout, 180, 255))
    kind, colour = one_of(layout, ("arrow", "chevron", "hand")), tinted(layout, 10, 130)
    outlines = {
        "arrow": [(-0.34, -0.07), (0.06, -0.07), (0.06, -0.2), (0.36, 0), (0.06, 0.2), (0.06, 0.07), (-0.34, 0.07)],
        "chevron": [(-0.25, -0.3), (0.0, -0.3), (0.3, 0), (0.0, 0.3), (-0.25, 0.3), (0.05, 0)],
        "hand": [(-0.05, -0.04), (0.38, 0), (-0.05, 0.04), (-0.3, 0.04), (-0.3, -0.04)],
    }
    angle = np.deg2rad(nth(layout, number, range(0, 360, 30)))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    if kind == "hand":
        canvas.oval(side / 2, side / 2, 0.43 * side, fill=WHITE, line=colour, width=0.02 * side)
    points = np.array(outlines[kind]) @ turn * side + side / 2
    canvas.shape([(float(x), float(y)) for x, y in points], colour)
    return grain(canvas.rgb(), picture, 1.5)


def gauges(layout: Random, picture: Random, number: int) -> Rgb:
    """A dial whose needle stands elsewhere."""
    side = one_of(layout, (400, 520, 720))
    unit, ground = side / 400, tinted(layout, 60, 200)
    canvas = Canvas.over(grain(np.full((side, side, 3), ground, np.uint8), layout, 6, 2))
    face, ink = one_of(layout, ((WHITE, BLACK), ((24, 24, 28), (236, 236, 230)), ((240, 234, 214), (40, 30, 20))))
    canvas.oval(200 * unit, 200 * unit, 170 * unit, fill=face, line=(90, 90, 96), width=10 * unit)
    most = one_of(layout, (5, 10, 25, 100, 250))
    for step in range(51):
        angle = np.deg2rad(135 + 270 * step / 50)
        inner = (128 if step % 5 == 0 else 142) * unit
        ends = [(200 * unit + r * np.cos(angle), 200 * unit + r * np.sin(angle)) for r in (inner, 152 * unit)]
        canvas.line(ends, ink, (2.5 if step % 5 == 0 else 1.2) * unit)
        if step % 10 == 0:
            x, y = (200 * unit + 108 * unit * f(angle) for f in (np.cos, np.sin))
            canvas.text(x, y, f"{most * step / 50:g}", 20 * unit, ink, anchor="mm")
    canvas.text(200 * unit, 270 * unit, one_of(layout, ("bar", "kPa", "°C", "km/h", "V")), 22 * unit, ink, anchor="mm")
    angle = np.deg2rad(135 + 270 * (nth(layout, number, range(25)) + 0.5 + picture.uniform(-0.3, 0.3)) / 25)
    towards = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-towards[1], towards[0]])
    outline = (135 * towards, 5 * across, -28 * towards, -5 * across)
    canvas.shape([(float(x), float(y)) for x, y in (200 + np.array(outline)) * unit], (196, 40, 36))
    canvas.oval(200 * unit, 200 * unit, 11 * unit, fill=(60, 60, 60))
    return grain(lit(canvas.rgb(), layout, 0.12), picture, 3, 0.7)


def meters(layout: Random, picture: Random, number: int) -> Rgb:
    """A meter with another reading: every time, or by one in its last digit."""
    width, height = whole(layout, 420, 640), 300
    canvas = Canvas.over(lit(np.full((height, width, 3), tinted(layout, 90, 210), np.uint8), layout))
    canvas.box(20, 20, width - 20, height - 20, fill=tinted(layout, 200, 245), line=GREY, width=3, radius=14)
    canvas.text(
        40, 60, f"{one_of(layout, words.LAST)} {one_of(layout, ('G4', 'W2', 'E6'))}", 22, (50, 50, 60), BOLD[SANS]
    )
    canvas.text(40, 250, f"No {digits(layout, 8)}", 18, (50, 50, 60))
    canvas.text(width - 40, 250, one_of(layout, ("kWh", "m³")), 22, (50, 50, 60), anchor="rs")
    reading = f"{int(layout.integers(1000000, 8000000)) + (number if number % 2 else whole(picture, 0, 900000)):07d}"
    cell = (width - 80) / 7
    for column, digit in enumerate(reading):
        x = 40 + column * cell
        canvas.box(x + 2, 95, x + cell - 2, 190, fill=(20, 20, 22) if column < 5 else (150, 30, 30), radius=4)
        canvas.text(x + cell / 2, 143, digit, 0.85 * cell, (240, 240, 236), "DejaVuSansMono-Bold", anchor="mm")
    return grain(soft(canvas.rgb(), 0.6), picture, 4, 0.7)


FAMILIES = {
    "defects": Family(defects, PHOTO),
    "scratches": Family(scratches, PHOTO),
    "products": Family(products, PHOTO),
    "number-plates": Family(number_plates, PHOTO),
    "arrows": Family(arrows, PHOTO),
    "gauges": Family(gauges, PHOTO),
    "meters": Family(meters, PHOTO),
}
