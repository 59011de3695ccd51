"""Many things before one camera: boards, keyboards, shelves, roads, trays, cloth, chess, pills, cars, windows."""

import cv2
import numpy as np

from families import words
from families.copies import PHOTO
from families.drawing import (
    BLACK,
    BOLD,
    MONO,
    SANS,
    WHITE,
    Canvas,
    Colour,
    Family,
    Random,
    Rgb,
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


def _shot(rgb: Rgb, layout: Random, picture: Random, noise: float = 3.0) -> Rgb:
    """What a camera makes of it: light, a little blur, noise of its own in every picture."""
    return grain(soft(lit(rgb, layout, 0.12), layout.uniform(0.4, 0.7)), picture, noise, 0.7)


def _part(canvas: Canvas, kind: str, x: float, y: float, turned: bool, text: str) -> None:
    """One component of a board; turned by a half."""
    mark = -1 if turned else 1
    if kind == "chip":
        for pin in range(6):
            canvas.box(x - 40 + 14 * pin, y - 34, x - 34 + 14 * pin, y + 34, fill=(190, 190, 184))
        canvas.box(x - 46, y - 25, x + 46, y + 25, fill=(30, 30, 34))
        canvas.oval(x - 36 * mark, y + 14 * mark, 4, fill=(120, 120, 124))
        canvas.text(x, y + 5, text, 13, (200, 200, 196), MONO, anchor="ms")
    elif kind == "resistor":
        canvas.box(x - 24, y - 9, x + 24, y + 9, fill=(196, 196, 190))
        canvas.box(x - 16, y - 9, x + 16, y + 9, fill=(34, 30, 30))
        canvas.text(x, y + 4, text[:3], 10, WHITE, MONO, anchor="ms")
    else:
        canvas.oval(x, y, 21, fill=(186, 190, 196), line=(96, 98, 104), width=2)
        canvas.shape(
            [(x + mark * 8, y - 18), (x + mark * 19, y - 8), (x + mark * 19, y + 8), (x + mark * 8, y + 18)],
            (40, 44, 60),
        )


def _board(layout: Random, picture: Random, number: int, faults: tuple[str, ...]) -> Rgb:
    """A circuit board of 6 x 5 places with a fault."""
    canvas = Canvas(1000, 760, one_of(layout, ((18, 84, 52), (20, 60, 110), (110, 24, 28), (64, 44, 92))))
    mask = canvas.rgb()[0, 0]
    copper = mixed(tuple(int(one) for one in mask), (220, 200, 120), 0.3)
    places = [(100 + 160 * column, 100 + 140 * row) for row in range(5) for column in range(6)]
    kinds = [one_of(layout, ("chip", "resistor", "capacitor")) for _ in places]
    traces = []
    for _ in range(26):
        (x0, y0), (x1, y1) = (one_of(layout, places) for _ in range(2))
        shift = whole(layout, -30, 30)
        traces.append(
            [(x0 + shift, y0), (x0 + shift, (y0 + y1) / 2 + 68), (x1 + shift, (y0 + y1) / 2 + 68), (x1 + shift, y1)]
        )
    for points in traces:
        canvas.line(points, copper, 4)
    fault = faults[number % len(faults)]
    chosen, (cut, place) = (
        nth(layout, number, range(len(places))),
        (nth(layout, number, range(26)), picture.uniform(0.35, 0.65)),
    )
    for row, ((x, y), kind) in enumerate(zip(places, kinds, strict=True)):
        for side in (-26, 26):
            canvas.box(x + side - 8, y - 11, x + side + 8, y + 11, fill=(206, 196, 150))
        text = f"{one_of(layout, 'RCUK')}{digits(layout, 3)}"
        canvas.text(x + 34, y - 40, text[:3], 12, (230, 230, 226), SANS)
        if row == chosen and (fault == "missing" or (fault == "turned" and kind == "resistor")):
            continue  # a turned resistor is none to be seen
        _part(canvas, kind, x, y, row == chosen and fault == "turned", text)
    if fault == "cut":
        (x0, y), (x1, _) = traces[cut][1:3]
        x = x0 + place * (x1 - x0)
        canvas.box(x - 7, y - 4, x + 7, y + 4, fill=tuple(int(one) for one in mask))
    elif fault == "bridge":
        x, y = places[chosen]
        canvas.oval(x + 4, y + 44, 17, 9, fill=(214, 214, 208), line=(140, 140, 136))
    return _shot(canvas.rgb(), layout, picture)


def circuit_boards(layout: Random, picture: Random, number: int) -> Rgb:
    """A board with a part missing or turned, or solder where none belongs."""
    return _board(layout, picture, number, ("missing", "bridge", "turned"))


def circuit_board_traces(layout: Random, picture: Random, number: int) -> Rgb:
    """A board with a trace cut, each time another."""
    return _board(layout, picture, number, ("cut",))


ROWS = ("1234567890-=", "QWERTYUIOP[]", "ASDFGHJKL;'#", "ZXCVBNM,./\\<")


def keyboards(layout: Random, picture: Random, number: int) -> Rgb:
    """A keyboard of which a key is missing."""
    canvas = Canvas(1000, 400, tinted(layout, 150, 210))
    key = tinted(layout, 30, 70) if layout.random() < 0.5 else tinted(layout, 225, 250)
    ink, gone = (WHITE if key[0] < 128 else (30, 30, 30)), nth(layout, number, range(48))
    canvas.box(12, 12, 988, 388, fill=mixed(key, (110, 110, 110), 0.5), radius=18)
    for row, letters in enumerate(ROWS):
        for column, letter in enumerate(letters):
            x, y = 34 + 74 * column + 16 * row, 34 + 72 * row
            if 12 * row + column == gone:
                canvas.box(x, y, x + 66, y + 64, fill=(24, 24, 26), radius=6)
                canvas.box(x + 24, y + 22, x + 42, y + 40, fill=(96, 96, 100))
                continue
            canvas.box(x, y, x + 66, y + 64, fill=mixed(key, BLACK, 0.25), radius=8)
            canvas.box(x + 5, y + 3, x + 61, y + 56, fill=key, radius=6)
            canvas.text(x + 16, y + 30, letter, 22, ink)
    canvas.box(250, 325, 700, 375, fill=key, line=mixed(key, BLACK, 0.25), width=3, radius=8)
    return _shot(canvas.rgb(), layout, picture)


def shelves(layout: Random, picture: Random, number: int) -> Rgb:
    """Shelves with one pack less than full, each time another."""
    canvas = Canvas(1200, 900, tinted(layout, 60, 110))
    gone, place = nth(layout, number, range(32)), -1
    for shelf in range(4):
        y = 205 + 215 * shelf
        canvas.box(20, y, 1180, y + 22, fill=(206, 204, 196), line=(120, 120, 116))
        x = 40.0
        for _ in range(8):
            width, height = layout.uniform(58, 78), layout.uniform(110, 175)
            colour, ink, name = tinted(layout, 30, 235), tinted(layout, 0, 255), one_of(layout, words.WORDS)
            for copy in range(2):
                place += 1 - copy
                if copy == 1 and place == gone:
                    continue
                left = x + copy * (width + 3)
                canvas.box(
                    left, y - height, left + width, y, fill=colour, line=mixed(colour, BLACK, 0.4), width=1.5, radius=3
                )
                canvas.box(left, y - 0.65 * height, left + width, y - 0.4 * height, fill=mixed(colour, WHITE, 0.7))
                canvas.text(
                    left + width / 2, y - 0.47 * height, name[:7], 15, mixed(ink, BLACK, 0.6), BOLD[SANS], anchor="ms"
                )
            canvas.box(x, y + 3, x + 40, y + 19, fill=WHITE)
            canvas.text(x + 20, y + 16, f"{layout.uniform(0.5, 20):.2f}", 12, anchor="ms")
            x += 143
    return _shot(canvas.rgb(), layout, picture)


def _car(canvas: Canvas, x: float, y: float, size: float, colour: Colour) -> None:
    """A car seen from behind; x and y are the middle of its foot."""
    dark = mixed(colour, BLACK, 0.5)
    canvas.oval(x, y, 0.62 * size, 0.08 * size, fill=(44, 44, 46))
    for side in (-1, 1):
        canvas.box(x + (side * 0.4 - 0.1) * size, y - 0.18 * size, x + (side * 0.4 + 0.1) * size, y, fill=(20, 20, 22))
    roof = [(x - 0.34 * size, y - 0.78 * size), (x + 0.34 * size, y - 0.78 * size), (x + 0.5 * size, y - 0.42 * size)]
    canvas.shape([*roof, (x - 0.5 * size, y - 0.42 * size)], (60, 74, 88), dark, 0.03 * size)
    canvas.box(
        x - 0.52 * size, y - 0.45 * size, x + 0.52 * size, y - 0.1 * size, fill=colour, line=dark, radius=0.05 * size
    )
    for side in (-1, 1):
        canvas.box(
            x + (side * 0.42 - 0.08) * size,
            y - 0.38 * size,
            x + (side * 0.42 + 0.08) * size,
            y - 0.28 * size,
            fill=(200, 24, 24),
        )
    canvas.box(x - 0.15 * size, y - 0.28 * size, x + 0.15 * size, y - 0.2 * size, fill=(236, 236, 230))


def _road(layout: Random) -> Canvas:
    """A road into the distance, with houses and trees beside it."""
    width, height, horizon = 960, 540, whole(layout, 170, 220)
    sky = np.linspace(0, 1, height)[:, None, None] * (np.array([225, 230, 235]) - (120, 160, 210)) * 2 + (120, 160, 210)
    rgb = levels(np.repeat(np.minimum(sky, 240), width, 1) + 5 * clouds(layout, width, height, 200, 3)[..., None])
    grass = np.add(tinted(layout, 80, 120), (0, 25, -30))
    rgb[horizon:] = levels(grass + 9 * clouds(layout, width, height - horizon, 30, 4)[..., None])
    canvas = Canvas.over(rgb)
    for _ in range(9):
        x, side = layout.uniform(0, width), layout.uniform(40, 110)
        wall = tinted(layout, 110, 220)
        canvas.box(x, horizon - side, x + 1.1 * side, horizon + 8, fill=wall, line=mixed(wall, BLACK, 0.4))
        for column in range(3):
            for row in range(2):
                left, top = x + (0.14 + 0.32 * column) * side, horizon - (0.8 - 0.42 * row) * side
                canvas.box(left, top, left + 0.16 * side, top + 0.2 * side, fill=(64, 76, 92))
    middle = width / 2 + layout.uniform(-60, 60)
    canvas.shape([(middle - 30, horizon), (middle + 30, horizon), (width + 80, height), (-80, height)], (92, 92, 96))
    for lane in (-1, 0, 1):
        for step in range(9):
            near, far = (horizon + (height - horizon) * ((step + part) / 9) ** 2 for part in (0.55, 0.0))
            ends = [(middle + lane * (10 + 0.8 * (y - horizon)) * 0.55, y) for y in (far, near)]
            canvas.line(ends, (222, 222, 216), 1 + step * 0.6)
    return canvas


def _cars(canvas: Canvas, places: list[int], random: Random) -> None:
    """Cars on 5 x 4 places of the road, the far ones first."""
    looks = {place: (tinted(random, 30, 220), random.uniform(-5, 5)) for place in range(20)}
    for place in sorted(places):
        row, lane = divmod(place, 4)
        y = 270 + 55 * row + 4 * row**2
        x = canvas.width / 2 + (lane - 1.5) * 0.55 * (y - 170) + looks[place][1]
        _car(canvas, x, y, 0.3 * (y - 170), looks[place][0])


def traffic(layout: Random, picture: Random, number: int) -> Rgb:
    """A road with other cars."""
    canvas = _road(layout)
    _cars(canvas, [int(one) for one in picture.choice(20, 5, replace=False)], picture)
    return _shot(canvas.rgb(), layout, picture)


def traffic_car(layout: Random, picture: Random, number: int) -> Rgb:
    """A road with the same cars and one more, each time elsewhere."""
    canvas = _road(layout)
    order = [int(one) for one in layout.permutation(20)]
    _cars(canvas, [*order[:4], *([order[4 + number]] if number else [])], layout)
    return _shot(canvas.rgb(), layout, picture)


def screws(layout: Random, picture: Random, number: int) -> Rgb:
    """A tray of screws of which one is missing, or none."""
    canvas = Canvas(760, 560, tinted(layout, 50, 120))
    slot, gone = bool(layout.integers(2)), nth(layout, number, range(35))
    steel = tinted(layout, 165, 200)
    for place in range(35):
        row, column = divmod(place, 7)
        x, y, angle = 85 + 98 * column, 75 + 102 * row, layout.uniform(0, np.pi)
        canvas.oval(x, y, 30, fill=(26, 26, 30))
        if place == gone and number:
            continue
        canvas.oval(x, y, 25, fill=steel, line=mixed(steel, BLACK, 0.5), width=2)
        canvas.oval(x - 6, y - 7, 10, 8, fill=mixed(steel, WHITE, 0.5))
        for turn in (0,) if slot else (0, np.pi / 2):
            dx, dy = 17 * np.cos(angle + turn), 17 * np.sin(angle + turn)
            canvas.line([(x - dx, y - dy), (x + dx, y + dy)], (44, 44, 48), 5)
    return _shot(canvas.rgb(), layout, picture)


def fabric(layout: Random, picture: Random, number: int) -> Rgb:
    """Woven cloth with a thread fault, each time elsewhere."""
    side, pitch = 640, whole(layout, 6, 9)
    rows, columns = np.mgrid[0:side, 0:side]
    over = ((columns // pitch + rows // pitch) % one_of(layout, (2, 3))) == 0
    warp, weft = (np.array(tinted(layout, 70, 210)) for _ in range(2))
    rounded = np.where(over, np.sin(np.pi * (columns % pitch) / pitch), np.sin(np.pi * (rows % pitch) / pitch))
    field = np.where(over[..., None], warp, weft) * (0.55 + 0.45 * rounded[..., None])
    field *= 1 + 0.05 * clouds(layout, side, side, 60, 4)[..., None]
    row, start = whole(picture, 6, side // pitch - 6) * pitch, whole(picture, 40, 420)
    length, kind = whole(picture, 60, 180), number % 3
    if kind == 0:  # a thread is missing
        field[row : row + pitch, start : start + length] *= 0.35
    elif kind == 1:  # a thread of another colour
        field[start : start + length, row : row + pitch] = (236, 232, 220)
    else:  # a hole
        cv2.circle(field, (row, start), whole(picture, 7, 14), (22, 20, 20), -1)
    return grain(soft(lit(levels(field), layout, 0.1), 0.7), picture, 3, 0.7)


def chess(layout: Random, picture: Random, number: int) -> Rgb:
    """A position in which one piece stands elsewhere."""
    cell, light, dark = 64, tinted(layout, 205, 245), tinted(layout, 90, 160)
    canvas = Canvas(8 * cell + 40, 8 * cell + 40, mixed(dark, BLACK, 0.6))
    squares = [int(one) for one in layout.permutation(64)]
    pieces = "♚♛♜♜♝♝♞♟♟♟♟♟♟♚♛♜♜♝♞♞♟♟♟♟♟"
    standing = dict(zip(squares, pieces, strict=False))
    colours = {square: (238, 232, 214) if index < 13 else (28, 26, 24) for index, square in enumerate(squares)}
    if number:  # the first picture is the position before the move
        mover, target = squares[number], squares[30 + number]
        standing[target], colours[target] = standing.pop(mover), colours[mover]
    for square in range(64):
        row, column = divmod(square, 8)
        x, y = 20 + column * cell, 20 + row * cell
        canvas.box(x, y, x + cell, y + cell, fill=light if (row + column) % 2 == 0 else dark)
        if square in standing:
            edge = (20, 20, 20) if colours[square][0] > 100 else (220, 220, 220)
            for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):
                canvas.text(x + 32 + dx, y + 34 + dy, standing[square], 50, edge, anchor="mm")
            canvas.text(x + 32, y + 34, standing[square], 50, colours[square], anchor="mm")
    return _shot(canvas.rgb(), layout, picture)


def pills(layout: Random, picture: Random, number: int) -> Rgb:
    """A blister pack with one pill out, or broken."""
    canvas = Canvas(620, 420, tinted(layout, 60, 130))
    canvas.box(20, 20, 600, 400, fill=(196, 198, 204), line=(140, 142, 148), width=3, radius=20)
    pill, gone, broken = tinted(layout, 150, 250), nth(layout, number, range(24)), number % 2
    for place in range(24):
        row, column = divmod(place, 6)
        x, y = 75 + 94 * column, 72 + 92 * row
        canvas.oval(x, y, 38, 34, fill=(214, 216, 222), line=(160, 162, 168), width=2)
        if place == gone and not broken:
            canvas.oval(x, y, 26, 22, fill=(150, 152, 158))
            continue
        canvas.oval(x, y, 28, 23, fill=pill, line=mixed(pill, BLACK, 0.25), width=1.5)
        canvas.oval(x - 8, y - 8, 9, 6, fill=mixed(pill, WHITE, 0.6))
        if place == gone:
            canvas.line([(x - 6, y - 23), (x + 4, y - 4), (x - 4, y + 6), (x + 6, y + 23)], (70, 60, 56), 4)
    return _shot(canvas.rgb(), layout, picture)


def parking(layout: Random, picture: Random, number: int) -> Rgb:
    """A car park from above; one place is taken or left."""
    width, height = 1400, 900
    ground = levels(92 + 5 * clouds(layout, width, height, 24, 3)[..., None] + np.zeros(3))
    canvas = Canvas.over(ground, scale=1)
    order = [int(one) for one in layout.permutation(48)]
    taken = set(order[:26]) ^ {order[16 + number]}
    for place in range(48):
        row, column = divmod(place, 16)
        x, y = 60 + 80 * column, 90 + 270 * row
        canvas.line([(x, y + 130), (x, y), (x + 80, y), (x + 80, y + 130)], (214, 214, 208), 3)
        colour, shift = tinted(layout, 20, 235), whole(layout, -5, 5)
        if place in taken:
            canvas.box(
                x + 16 + shift,
                y + 14,
                x + 66 + shift,
                y + 122,
                fill=colour,
                line=mixed(colour, BLACK, 0.5),
                width=2,
                radius=14,
            )
            canvas.box(x + 22 + shift, y + 40, x + 60 + shift, y + 58, fill=(40, 48, 60), radius=4)
            canvas.box(x + 24 + shift, y + 96, x + 58 + shift, y + 110, fill=(40, 48, 60), radius=4)
    return _shot(canvas.rgb(), layout, picture)


def windows(layout: Random, picture: Random, number: int) -> Rgb:
    """The front of a house by night; other windows are lit."""
    canvas = Canvas(700, 800, (14, 16, 30))
    wall = tinted(layout, 44, 84)
    canvas.box(60, 60, 640, 800, fill=wall)
    lit_ones = {int(one) for one in layout.permutation(48)[:14]} ^ {nth(layout, number, range(48))}
    for place in range(48):
        row, column = divmod(place, 6)
        x, y = 95 + 90 * column, 90 + 84 * row
        canvas.box(
            x,
            y,
            x + 60,
            y + 56,
            fill=(246, 206, 120) if place in lit_ones else (24, 26, 38),
            line=(110, 108, 110),
            width=2,
        )
        canvas.line([(x + 30, y), (x + 30, y + 56)], (110, 108, 110), 2)
    return grain(soft(canvas.rgb(), 0.9), picture, 5, 0.7)


FAMILIES = {
    "circuit-boards": Family(circuit_boards, PHOTO),
    "circuit-board-traces": Family(circuit_board_traces, PHOTO),
    "keyboards": Family(keyboards, PHOTO),
    "shelves": Family(shelves, PHOTO, "webp"),
    "traffic": Family(traffic, PHOTO),
    "traffic-car": Family(traffic_car, PHOTO),
    "screws": Family(screws, PHOTO),
    "fabric": Family(fabric, PHOTO),
    "chess": Family(chess, PHOTO),
    "pills": Family(pills, PHOTO),
    "parking": Family(parking, PHOTO, "webp"),
    "windows": Family(windows, PHOTO),
}
