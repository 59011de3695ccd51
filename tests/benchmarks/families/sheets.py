"""Printed sheets: music, tickets, crosswords, tables, calendars, barcodes, QR codes, playing cards, labels."""

import cv2
import numpy as np

from families import words
from families.copies import PHOTO, SCAN
from families.drawing import (
    BLACK,
    BOLD,
    GROTESK,
    INKS,
    MONO,
    PRINTED,
    SANS,
    SERIF,
    TIMES,
    WHITE,
    Canvas,
    Family,
    Random,
    Rgb,
    another_digit,
    digits,
    grain,
    lit,
    mixed,
    nth,
    one_of,
    scanned,
    soft,
    tinted,
    whole,
)

BARS, BEATS = 4, 4  # of a line of music


def _music(layout: Random, picture: Random, heights: list[int]) -> Rgb:
    """Staves with notes; a height is in half spaces above the lowest line."""
    canvas = Canvas(one_of(layout, (1000, 1200)), 900)
    gap, left, right = 11.0, 70.0, canvas.width - 50.0
    canvas.text(canvas.width / 2, 70, words.sentence(layout, 2, 3).title(), 32, font=BOLD[TIMES], anchor="ms")
    canvas.text(right, 100, words.name(layout), 18, font=TIMES, anchor="rs")
    lines = len(heights) // (BARS * BEATS)
    for line in range(lines):
        base = 200 + line * 680 / lines
        for step in range(5):
            canvas.line([(left, base - step * gap), (right, base - step * gap)], width=1.2)
        canvas.text(left + 10, base + 4, "G", 44, font="STIXGeneralItalic")
        for bar in range(BARS + 1):
            x = left + 50 + bar * (right - left - 50) / BARS
            if bar:
                canvas.line([(x, base), (x, base - 4 * gap)], width=1.6)
        for place in range(BARS * BEATS):
            x = left + 50 + (place + 0.55) * (right - left - 50) / (BARS * BEATS)
            height = heights[line * BARS * BEATS + place]
            y, up = base - height * gap / 2, height < 4
            canvas.oval(x, y, 7.2, 5.2, fill=BLACK)
            stem = x + (6.6 if up else -6.6)
            canvas.line([(stem, y), (stem, y - 36 if up else y + 36)], width=1.5)
            if height < -1:
                canvas.line([(x - 12, base + gap), (x + 12, base + gap)], width=1.2)
    return scanned(canvas.rgb(), layout, picture)


def _melody(random: Random) -> list[int]:
    steps = np.cumsum(random.integers(-3, 4, 5 * BARS * BEATS))
    return [int(one) for one in 8 - np.abs(steps % 16 - 8)]


def sheet_music(layout: Random, picture: Random, number: int) -> Rgb:
    """Pages of one song book."""
    return _music(layout, picture, _melody(picture))


def sheet_music_note(layout: Random, picture: Random, number: int) -> Rgb:
    """One page with one note higher or lower."""
    heights = _melody(layout)
    place = int(layout.permutation(len(heights))[number])
    heights[place] += one_of(picture, (-3, -2, 2, 3))
    return _music(layout, picture, heights)


def tickets(layout: Random, picture: Random, number: int) -> Rgb:
    """Tickets for one evening: another seat, another number."""
    colour = tinted(layout, 150, 240)
    canvas = Canvas(840, 320, colour)
    dark, font = mixed(colour, BLACK, 0.75), one_of(layout, PRINTED)
    canvas.box(14, 14, 826, 306, line=dark, width=3)
    for y in range(20, 306, 14):
        canvas.line([(620, y), (620, y + 7)], dark, 2)
    canvas.text(50, 80, f"{one_of(layout, words.TOWNS)} {one_of(layout, ('Opera', 'Arena', 'Hall'))}", 36, dark, font)
    canvas.text(50, 130, words.sentence(layout, 2, 3).title(), 28, dark, font)
    canvas.text(50, 170, f"{words.date(layout)}, {whole(layout, 17, 21)}:30", 22, dark, font)
    row, seat, price = one_of(picture, "ABCDEFGHKLMN"), whole(picture, 1, 42), one_of(picture, (28, 34, 46, 52))
    for column, (title, value) in enumerate((("Row", row), ("Seat", str(seat)), ("Price", f"{price}.00"))):
        canvas.text(50 + 170 * column, 225, title, 18, dark, font)
        canvas.text(50 + 170 * column, 270, value, 36, dark, font)
    canvas.text(724, 90, f"No. {digits(picture, 6)}", 22, dark, font, anchor="ms")
    canvas.text(724, 180, f"{row}{seat}", 48, dark, font, anchor="ms")
    canvas.text(724, 260, "Admit one", 22, dark, font, anchor="ms")
    return scanned(canvas.rgb(), layout, picture)


def crosswords(layout: Random, picture: Random, number: int) -> Rgb:
    """One puzzle, solved a different part of the way with other words."""
    cells, cell = 13, 44
    canvas = Canvas(cells * cell + 60, cells * cell + 60)
    black = layout.random((cells, cells)) < 0.16
    black |= black[::-1, ::-1]
    count, ink = 0, one_of(layout, INKS)
    for row in range(cells):
        for column in range(cells):
            x, y = 30 + column * cell, 30 + row * cell
            canvas.box(x, y, x + cell, y + cell, fill=BLACK if black[row, column] else None, line=BLACK, width=1.2)
            above, before = row == 0 or black[row - 1, column], column == 0 or black[row, column - 1]
            if not black[row, column] and (above or before):
                count += 1
                canvas.text(x + 3, y + 12, str(count), 10)
    for row, column in zip(*np.nonzero(~black), strict=True):
        if picture.random() < 0.35:
            x, y = 30 + (column + 0.5) * cell, 30 + (row + 0.6) * cell
            canvas.text(x, y, one_of(picture, "AEINRSTLOUDGHMKBPCW"), 26, ink, "DejaVuSans-Oblique", anchor="mm")
    return scanned(canvas.rgb(), layout, picture)


def _table(layout: Random, picture: Random, values: list[str]) -> Rgb:
    """Eight columns of numbers."""
    columns, rows = 8, len(values) // 8
    canvas = Canvas(1100, 90 + 34 * (rows + 1), scale=1)
    font, dark = one_of(layout, PRINTED), tinted(layout, 40, 120)
    canvas.text(30, 40, f"Table {whole(layout, 1, 40)}. {words.sentence(layout, 3, 6).capitalize()}", 22, font=font)
    canvas.box(30, 58, 1070, 92, fill=mixed(dark, WHITE, 0.75))
    for column in range(columns):
        x = 200 + column * 124
        canvas.text(x, 82, one_of(layout, words.WORDS), 19, dark, BOLD.get(font, font), anchor="rs")
        for row in range(rows):
            canvas.text(x, 116 + 34 * row, values[row * columns + column], 19, font=font, anchor="rs")
    for row in range(rows):
        canvas.text(40, 116 + 34 * row, str(2001 + row), 19, dark, font)
        canvas.line([(30, 126 + 34 * row), (1070, 126 + 34 * row)], (200, 200, 200))
    return scanned(canvas.rgb(), layout, picture)


def _numbers(random: Random) -> list[str]:
    return [f"{random.uniform(1, 999):.1f}" for _ in range(8 * 18)]


def tables(layout: Random, picture: Random, number: int) -> Rgb:
    """Tables with the same head and other numbers."""
    return _table(layout, picture, _numbers(picture))


def tables_digit(layout: Random, picture: Random, number: int) -> Rgb:
    """One table with another digit somewhere."""
    return _table(layout, picture, another_digit(layout, number, _numbers(layout)))


def calendars(layout: Random, picture: Random, number: int) -> Rgb:
    """One month with other appointments."""
    canvas, font = Canvas(900, 680), one_of(layout, PRINTED)
    colour, first = tinted(layout, 20, 160), whole(layout, 0, 6)
    month, days = one_of(layout, (("January", 31), ("April", 30), ("June", 30), ("August", 31), ("November", 30)))
    canvas.text(40, 65, f"{month} {whole(layout, 2019, 2027)}", 40, colour, BOLD.get(font, font))
    for column, day in enumerate(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")):
        canvas.text(40 + 118 * column, 105, day, 20, colour, font)
    taken = picture.choice(days, whole(picture, 2, 5), replace=False)
    for day in range(days):
        row, column = divmod(day + first, 7)
        x, y = 36 + 118 * column, 120 + 90 * row
        canvas.box(x, y, x + 112, y + 84, line=(190, 190, 190), width=1.2)
        canvas.text(x + 6, y + 24, str(day + 1), 20, BLACK, font)
        if day in taken:
            canvas.text(x + 8, y + 60, one_of(picture, words.WORDS), 17, (170, 30, 40), "DejaVuSerif-Italic")
    return scanned(canvas.rgb(), layout, picture)


LEFT = ("0001101", "0011001", "0010011", "0111101", "0100011", "0110001", "0101111", "0111011", "0110111", "0001011")
PARITY = ("LLLLLL", "LLGLGG", "LLGGLG", "LLGGGL", "LGLLGG", "LGGLLG", "LGGGLL", "LGLGLG", "LGLGGL", "LGGLGL")


def _ean(code: str) -> str:
    """The modules of an EAN-13 code, 1 for a bar (ISO/IEC 15420)."""
    flipped = str.maketrans("01", "10")
    right = [LEFT[int(one)].translate(flipped) for one in code[7:]]
    left = [
        LEFT[int(one)] if parity == "L" else LEFT[int(one)].translate(flipped)[::-1]
        for one, parity in zip(code[1:7], PARITY[int(code[0])], strict=True)
    ]
    return f"101{''.join(left)}01010{''.join(right)}101"


def barcodes(layout: Random, picture: Random, number: int) -> Rgb:
    """Barcodes of one maker's goods."""
    maker, article = digits(layout, 7), digits(picture, 5)
    total = sum(int(one) * (3 if index % 2 else 1) for index, one in enumerate(maker + article))
    code, wide = f"{maker}{article}{-total % 10}", whole(layout, 2, 4)
    ground = tinted(layout, 225, 255)
    canvas = Canvas(95 * wide + 22 * wide, round(70 * wide), ground)
    for index, one in enumerate(_ean(code)):
        if one == "1":
            x = (11 + index) * wide
            canvas.box(x, 6 * wide, x + wide - 0.5, 56 * wide, fill=INKS[0])
    canvas.text(canvas.width / 2, 66 * wide, code, 9.5 * wide, INKS[0], MONO, anchor="ms")
    return grain(soft(lit(canvas.rgb(), layout, 0.08), 0.5), picture, 3, 0.7)


def qr_codes(layout: Random, picture: Random, number: int) -> Rgb:
    """QR codes of one kind, each with another text."""
    params = cv2.QRCodeEncoder_Params()
    params.version = whole(layout, 2, 4)
    modules = cv2.QRCodeEncoder_create(params).encode(f"{one_of(layout, words.LAST)}/{digits(picture, 9)}".lower())
    scale = whole(layout, 5, 9)
    code = modules.repeat(scale, 0).repeat(scale, 1)
    framed = cv2.copyMakeBorder(code, *[2 * scale] * 4, cv2.BORDER_CONSTANT, value=255)
    tone = np.array(tinted(layout, 235, 255)) / 255
    rgb = np.asarray((20 + framed[..., None] * (235 / 255)) * tone, np.uint8)
    return grain(soft(lit(rgb, layout, 0.08), 0.7), picture, 3, 0.7)


PIPS = {
    "A": [(1, 2)], "2": [(1, 0), (1, 4)], "3": [(1, 0), (1, 2), (1, 4)], "4": [(0, 0), (2, 0), (0, 4), (2, 4)],
    "5": [(0, 0), (2, 0), (1, 2), (0, 4), (2, 4)], "6": [(0, 0), (2, 0), (0, 2), (2, 2), (0, 4), (2, 4)],
    "7": [(0, 0), (2, 0), (1, 1), (0, 2), (2, 2), (0, 4), (2, 4)],
    "8": [(0, 0), (2, 0), (1, 1), (0, 2), (2, 2), (1, 3), (0, 4), (2, 4)],
    "9": [(0, 0), (2, 0), (0, 1.35), (2, 1.35), (1, 2), (0, 2.65), (2, 2.65), (0, 4), (2, 4)],
}  # fmt: skip


def playing_cards(layout: Random, picture: Random, number: int) -> Rgb:
    """Cards of one pack on one table."""
    rank, suit = nth(layout, number, [(rank, suit) for rank in PIPS for suit in "♠♥♦♣"])
    ground = lit(np.full((480, 400, 3), tinted(layout, 30, 130), np.uint8), layout)
    canvas = Canvas.over(grain(ground, layout, 5, 1.5))
    colour = (190, 24, 36) if suit in "♥♦" else (20, 20, 24)
    canvas.box(60, 40, 340, 440, fill=(250, 249, 244), line=(150, 150, 150), width=1.5, radius=16)
    for x, y in ((84, 80), (316, 430)):
        canvas.text(x, y, rank, 32, colour, BOLD[SERIF], anchor="ms")
    canvas.text(84, 112, suit, 28, colour, anchor="ms")
    canvas.text(316, 396, suit, 28, colour, anchor="ms")
    for column, row in PIPS[rank]:
        canvas.text(130 + 70 * column, 120 + 60 * row, suit, 58, colour, anchor="mm")
    return grain(soft(canvas.rgb(), 0.5), picture, 3, 0.7)


def labels(layout: Random, picture: Random, number: int) -> Rgb:
    """Labels of one medicine: another strength, batch and date."""
    colour = tinted(layout, 30, 190)
    canvas = Canvas(520, 300, (250, 250, 250))
    canvas.box(0, 0, 520, 70, fill=colour)
    canvas.text(
        24, 48, one_of(layout, words.WORDS).capitalize() + one_of(layout, ("ol", "in", "ex")), 38, WHITE, BOLD[SANS]
    )
    strength = nth(layout, number, ("2", "4", "5", "8", "10", "15", "20", "25", "40", "50"))
    canvas.text(24, 130, f"{strength} mg", 44, BLACK, BOLD[SANS])
    canvas.text(24, 165, f"{one_of(layout, (20, 30, 50, 100))} tablets", 22)
    canvas.text(24, 215, words.sentence(layout, 5, 7).capitalize(), 17, font=GROTESK)
    canvas.text(24, 268, f"LOT {digits(layout, 5)}", 20, font=MONO)
    canvas.text(496, 268, f"EXP {words.date(layout)[3:]}", 20, font=MONO, anchor="rs")
    canvas.oval(430, 145, 46, fill=mixed(colour, WHITE, 0.6))
    return grain(soft(lit(canvas.rgb(), layout, 0.12), 0.5), picture, 3, 0.7)


FAMILIES = {
    "sheet-music": Family(sheet_music, SCAN),
    "sheet-music-note": Family(sheet_music_note, SCAN),
    "tickets": Family(tickets, SCAN),
    "crosswords": Family(crosswords, SCAN),
    "tables": Family(tables, SCAN),
    "tables-digit": Family(tables_digit, SCAN),
    "calendars": Family(calendars, SCAN),
    "barcodes": Family(barcodes, PHOTO),
    "qr-codes": Family(qr_codes, PHOTO),
    "playing-cards": Family(playing_cards, PHOTO),
    "labels": Family(labels, PHOTO),
}
