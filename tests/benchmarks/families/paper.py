"""Documents: forms, invoices, pages and lines of text, handwriting, receipts, nearly blank pages."""

from collections.abc import Callable, Sequence

import numpy as np

from families import words
from families.copies import SCAN
from families.drawing import (
    BOLD,
    INKS,
    ITALIC,
    MONO,
    PRINTED,
    SANS,
    SERIF,
    TIMES,
    TYPEWRITER,
    Canvas,
    Colour,
    Family,
    Points,
    Random,
    Rgb,
    another_digit,
    digits,
    one_of,
    scanned,
    tinted,
    whole,
)

ASKED: Sequence[tuple[str, Callable[[Random], str]]] = (
    ("Surname", lambda random: one_of(random, words.LAST)),
    ("Given names", lambda random: f"{one_of(random, words.FIRST)} {one_of(random, words.FIRST)}"),
    ("Born on", words.date),
    ("Address", words.street),
    ("Postcode and town", words.town),
    ("Telephone", lambda random: f"0{digits(random, 3)} {digits(random, 6)}"),
    ("Member no.", lambda random: f"{digits(random, 4)}-{digits(random, 4)}"),
    ("Occupation", lambda random: words.sentence(random, 1, 2)),
    ("Since", words.date),
    ("Remarks", lambda random: words.sentence(random, 2, 5)),
    ("Account", lambda random: f"{digits(random, 4)} {digits(random, 4)} {digits(random, 4)}"),
    ("Referred by", words.name),
)


def _written(
    canvas: Canvas, random: Random, x: float, y: float, text: str, size: float, ink: Colour, font: str
) -> None:
    """Letters by a hand that is not quite steady."""
    for letter in text:
        canvas.text(x, y + random.normal(0, 0.04 * size), letter, size * random.uniform(0.94, 1.06), ink, font)
        x += canvas.length(letter, size, font) * random.uniform(0.95, 1.08)


def _form(layout: Random, hand: Random, picture: Random, changed: int | None = None) -> Rgb:
    """A form that was filled in: what was written, and how, is drawn from `hand`."""
    width = one_of(layout, (827, 1000, 1240))
    unit = width / 1000
    canvas = Canvas(width, round(1414 * unit), scale=1)
    font, written, ink = one_of(layout, (SANS, SERIF, TIMES)), one_of(layout, ITALIC), one_of(layout, INKS)
    title = (
        f"{one_of(layout, words.WORDS)} {one_of(layout, words.WORDS)} {one_of(layout, ('registry', 'form', 'claim'))}"
    )
    canvas.box(50 * unit, 50 * unit, 950 * unit, 150 * unit, line=INKS[0], width=2)
    canvas.text(75 * unit, 112 * unit, title.upper(), 34 * unit, font=BOLD[font])
    canvas.text(75 * unit, 138 * unit, f"Form {digits(layout, 4)}, block letters please", 15 * unit, font=font)
    chosen = [ASKED[index] for index in layout.permutation(len(ASKED))]
    boxed, step = bool(layout.integers(2)), 80 * unit
    answers = [ask(hand) for _, ask in chosen]
    if changed is not None:
        answers = another_digit(layout, changed, answers)
    for row, ((label, _), text) in enumerate(zip(chosen, answers, strict=True)):
        y = 230 * unit + row * step
        canvas.text(60 * unit, y, label, 20 * unit, font=font)
        if boxed:
            canvas.box(330 * unit, y - 38 * unit, 940 * unit, y + 14 * unit, line=(90, 90, 90), width=1)
        else:
            canvas.line([(330 * unit, y + 8 * unit), (940 * unit, y + 8 * unit)], (90, 90, 90))
        _written(canvas, hand, 345 * unit, y, text, 30 * unit, ink, written)
    for row in range(3):
        y, chosen_box = 1230 * unit + row * 45 * unit, whole(hand, 0, 1)
        canvas.text(60 * unit, y, one_of(layout, words.WORDS).capitalize() + "?", 20 * unit, font=font)
        for column, label in enumerate(("yes", "no")):
            x = (330 + 150 * column) * unit
            canvas.box(x, y - 20 * unit, x + 22 * unit, y + 2 * unit, line=INKS[0], width=2)
            canvas.text(x + 34 * unit, y, label, 18 * unit, font=font)
            if column == chosen_box:
                canvas.line([(x + 3, y - 17 * unit), (x + 19 * unit, y - 1)], ink, 3 * unit)
                canvas.line([(x + 3, y - 1), (x + 19 * unit, y - 17 * unit)], ink, 3 * unit)
    return scanned(canvas.rgb(), layout, picture)


def forms(layout: Random, picture: Random, number: int) -> Rgb:
    """One form, filled in by different people."""
    return _form(layout, picture, picture)


def forms_digit(layout: Random, picture: Random, number: int) -> Rgb:
    """One form with the same answers but for a digit."""
    hand = np.random.default_rng(int(layout.integers(2**32)))  # whoever wrote the others
    return _form(layout, hand, picture, number)


def _invoice(layout: Random, picture: Random, number: int, content: Random, changed: bool) -> Rgb:
    width = one_of(layout, (700, 827, 1000))
    unit = width / 1000
    canvas = Canvas(width, round(1414 * unit), scale=1)
    font, colour = one_of(layout, PRINTED), tinted(layout, 10, 150)
    seller = f"{one_of(layout, words.LAST)} & {one_of(layout, words.LAST)}"
    if layout.random() < 0.5:
        canvas.box(0, 0, width, 90 * unit, fill=colour)
        canvas.text(60 * unit, 60 * unit, seller, 38 * unit, (255, 255, 255), BOLD.get(font, font))
    else:
        canvas.text(60 * unit, 90 * unit, seller, 42 * unit, colour, BOLD.get(font, font))
        canvas.line([(60 * unit, 110 * unit), (940 * unit, 110 * unit)], colour, 3 * unit)
    rows = [(one_of(content, words.GOODS), whole(content, 1, 24), content.uniform(2, 400)) for _ in range(9)]
    total = sum(count * price for _, count, price in rows)
    texts = [
        *(words.name(content), words.street(content), words.town(content)),
        *(f"Invoice {digits(content, 6)}", f"Date {words.date(content)}", f"Customer {digits(content, 5)}"),
        *(f"{count}" for _, count, _ in rows),
        *(f"{price:.2f}" for _, _, price in rows),
        *(f"{count * price:.2f}" for _, count, price in rows),
        f"Total {total:.2f}",
    ]
    texts = another_digit(layout, number, texts) if changed else texts
    for row in range(3):
        canvas.text(60 * unit, (190 + 30 * row) * unit, texts[row], 22 * unit, font=font)
        canvas.text(640 * unit, (190 + 30 * row) * unit, texts[3 + row], 22 * unit, font=font)
    canvas.text(60 * unit, 350 * unit, "INVOICE", 36 * unit, font=BOLD.get(font, font))
    canvas.box(60 * unit, 390 * unit, 940 * unit, 430 * unit, fill=tuple(230 + one // 12 for one in colour))
    for x, title, anchor in ((75, "Article", "ls"), (560, "Qty", "rs"), (740, "Price", "rs"), (925, "Sum", "rs")):
        canvas.text(x * unit, 418 * unit, title, 20 * unit, font=BOLD.get(font, font), anchor=anchor)
    for row, (goods, _, _) in enumerate(rows):
        y = (475 + 46 * row) * unit
        canvas.text(75 * unit, y, goods, 21 * unit, font=font)
        for column, x in enumerate((560, 740, 925)):
            canvas.text(x * unit, y, texts[6 + 9 * column + row], 21 * unit, font=font, anchor="rs")
        canvas.line([(60 * unit, y + 14 * unit), (940 * unit, y + 14 * unit)], (190, 190, 190))
    canvas.text(925 * unit, 940 * unit, texts[-1], 28 * unit, font=BOLD.get(font, font), anchor="rs")
    canvas.text(60 * unit, 1350 * unit, f"{seller}, {words.street(layout)}, {words.town(layout)}", 16 * unit, font=font)
    return scanned(canvas.rgb(), layout, picture)


def invoices(layout: Random, picture: Random, number: int) -> Rgb:
    """Invoices of one seller."""
    return _invoice(layout, picture, number, picture, changed=False)


def invoices_digit(layout: Random, picture: Random, number: int) -> Rgb:
    """One invoice with another digit somewhere."""
    return _invoice(layout, picture, number, layout, changed=True)


def _set(canvas: Canvas, text: Sequence[str], x: float, y: float, width: float, size: float, font: str) -> None:
    """Words in lines of a width, as many as fit above the lower margin."""
    left, space = x, canvas.length("n", size, font) * 0.6
    for word in text:
        length = canvas.length(word, size, font)
        if x + length > left + width:
            x, y = left, y + 1.5 * size
        if y > canvas.height * 0.94:
            return
        canvas.text(x, y, word, size, font=font)
        x += length + space


def _page(layout: Random, picture: Random, text: Callable[[int], list[str]], width: int, columns: int) -> Rgb:
    canvas = Canvas(width, round(1.414 * width), scale=1)
    font = one_of(layout, (SERIF, TIMES, "cmr10", TYPEWRITER))
    size, margin = 0.024 * width, 0.09 * width
    column = (width - (1 + columns) * margin) / columns
    title = words.sentence(layout, 2, 4).capitalize()
    canvas.text(width / 2, 0.07 * width, f"{title}   {whole(layout, 2, 90)}", 0.8 * size, font=font, anchor="ms")
    for number in range(columns):
        _set(canvas, text(number), margin + number * (column + margin), 0.14 * width, column, size, font)
    return scanned(canvas.rgb(), layout, picture)


def _prose(random: Random, count: int) -> list[str]:
    found = [one_of(random, words.WORDS) for _ in range(count)]
    return [
        one.capitalize() if index % 11 == 0 else f"{one}." if index % 11 == 10 else one
        for index, one in enumerate(found)
    ]


def text_pages(layout: Random, picture: Random, number: int) -> Rgb:
    """Pages of a book in two columns."""
    return _page(layout, picture, lambda column: _prose(picture, 420), 1000, 2)


def text_pages_word(layout: Random, picture: Random, number: int) -> Rgb:
    """One page with another word in one place, scanned large."""
    text = _prose(layout, 300)
    text[20 + int(layout.permutation(250)[number])] = one_of(
        picture, ("winter's", "quarrel", "Xylitol", "bazaar", "pique")
    )
    return _page(layout, picture, lambda column: text, 1414, 1)


def text_lines(layout: Random, picture: Random, number: int) -> Rgb:
    """Lines cut out of a page."""
    canvas = Canvas(whole(layout, 480, 700), whole(layout, 36, 52))
    size, font, text = 0.5 * canvas.height, one_of(layout, PRINTED), words.sentence(picture, 6, 9)
    size *= min(1, (canvas.width - 16) / canvas.length(text, size, font))
    canvas.text(8, 0.68 * canvas.height, text, size, one_of(layout, INKS), font)
    return scanned(canvas.rgb(), layout, picture)


def text_lines_letter(layout: Random, picture: Random, number: int) -> Rgb:
    """A serial number of which one digit differs."""
    canvas = Canvas(whole(layout, 300, 420), whole(layout, 40, 64), tinted(layout, 200, 250))
    text = another_digit(layout, number, [f"S/N {digits(layout, 4)}-{digits(layout, 5)}-{digits(layout, 3)}"])[0]
    size = min(0.5 * canvas.height, canvas.width / 16)
    canvas.text(
        canvas.width / 2, 0.66 * canvas.height, text, size, font=one_of(layout, (MONO, TYPEWRITER)), anchor="ms"
    )
    return scanned(canvas.rgb(), layout, picture)


def _alphabet(random: Random) -> dict[str, Points]:
    """A way to write each letter: points of one stroke, in units of its height."""
    return {
        letter: [
            (
                0.16 * x + random.uniform(-0.12, 0.12),
                one_of(random, (-0.6, -0.3, 0, 0, -1.4, 0.7)) * random.uniform(0.8, 1),
            )
            for x in range(1, whole(random, 3, 5))
        ]
        for letter in "abcdefghijklmnopqrstuvwxyz"
    }


def handwriting(layout: Random, picture: Random, number: int) -> Rgb:
    """Notes by one hand on one kind of paper."""
    width, height = one_of(layout, ((900, 640), (760, 1000)))
    canvas = Canvas(width, height, tinted(layout, 244, 255))
    step, alphabet, ink = whole(layout, 48, 62), _alphabet(layout), one_of(layout, INKS)
    for y in range(step, height, step):
        canvas.line([(0, y), (width, y)], (178, 196, 222))
    canvas.line([(70, 0), (70, height)], (222, 150, 150))
    for y in range(2 * step, min(height - step, (2 + whole(picture, 4, 8)) * step), step):
        x = 85.0 + picture.uniform(0, 12)
        while x < width - 140:
            points = [(x, float(y))]
            for letter in one_of(picture, words.WORDS):
                points += [(x + dx * step, y + dy * 0.5 * step + picture.normal(0, 0.8)) for dx, dy in alphabet[letter]]
                x = points[-1][0] + 0.12 * step
                points.append((x, y + picture.normal(0, 1)))
            canvas.line(_curved(points), ink, 2.2)
            x += 0.45 * step
    return scanned(canvas.rgb(), layout, picture)


def _curved(points: Points) -> Points:
    """A smooth curve through points (Catmull and Rom, 1974)."""
    known = np.array([points[0], *points, points[-1]], float)
    a, b, c, d = known[:-3], known[1:-2], known[2:-1], known[3:]
    steps = [
        b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
        for t in np.linspace(0, 1, 7)[:-1]
    ]
    return [(float(x), float(y)) for x, y in np.stack(steps, 1).reshape(-1, 2)]


def receipts(layout: Random, picture: Random, number: int) -> Rgb:
    """Receipts of one shop, long and narrow."""
    canvas = Canvas(380, 1000, (250, 250, 248), scale=1)
    font = one_of(layout, (MONO, TYPEWRITER))
    canvas.text(190, 60, one_of(layout, words.TOWNS).upper() + " MARKET", 26, font=BOLD[SANS], anchor="ms")
    canvas.text(190, 90, words.street(layout), 17, font=font, anchor="ms")
    canvas.text(
        30, 140, f"{words.date(picture)}  {whole(picture, 8, 19):02d}:{whole(picture, 0, 59):02d}", 17, font=font
    )
    prices = [picture.uniform(0.5, 30) for _ in range(whole(picture, 8, 14))]
    for row, price in enumerate(prices):
        canvas.text(30, 190 + 30 * row, one_of(picture, words.GOODS)[:18], 17, font=font)
        canvas.text(350, 190 + 30 * row, f"{price:.2f}", 17, font=font, anchor="rs")
    y = 210 + 30 * len(prices)
    canvas.line([(30, y), (350, y)], width=2)
    canvas.text(30, y + 40, "TOTAL", 26, font=font)
    canvas.text(350, y + 40, f"{sum(prices):.2f}", 26, font=font, anchor="rs")
    canvas.text(190, y + 110, "Thank you", 20, font=font, anchor="ms")
    canvas.text(190, y + 140, f"No. {digits(picture, 6)}", 17, font=font, anchor="ms")
    return scanned(canvas.rgb(), layout, picture)


def nearly_blank(layout: Random, picture: Random, number: int) -> Rgb:
    """Pages with a page number, a stain, a stamp, a hole or a stroke, and nothing else."""
    canvas = Canvas(700, 990)
    x, y = picture.uniform(120, 560), picture.uniform(120, 860)
    kind, font, ink = number % 5, one_of(layout, PRINTED), one_of(layout, INKS)
    if kind == 0:
        canvas.text(350, 940, digits(picture, 3), 20, font=font, anchor="ms")
    elif kind == 1:
        canvas.oval(x, y, picture.uniform(9, 20), fill=(206, 188, 150))
    elif kind == 2:
        canvas.box(x, y, x + 130, y + 40, line=(170, 40, 50), width=3, radius=5)
        canvas.text(x + 65, y + 29, one_of(picture, words.WORDS).upper()[:8], 20, (170, 40, 50), anchor="ms")
    elif kind == 3:
        canvas.oval(picture.uniform(20, 40), y, 13, fill=(60, 60, 60))
    else:
        end = x + picture.uniform(-90, 90), y + picture.uniform(-60, 60)
        canvas.line(_curved([(x, y), (x + 20, y - 30), end]), ink, 2)
    return scanned(canvas.rgb(), layout, picture)


FAMILIES = {
    "forms": Family(forms, SCAN),
    "forms-digit": Family(forms_digit, SCAN),
    "invoices": Family(invoices, SCAN),
    "invoices-digit": Family(invoices_digit, SCAN),
    "text-pages": Family(text_pages, SCAN),
    "text-pages-word": Family(text_pages_word, SCAN, "webp"),
    "text-lines": Family(text_lines, SCAN),
    "text-lines-digit": Family(text_lines_letter, SCAN),
    "handwriting": Family(handwriting, SCAN),
    "receipts": Family(receipts, SCAN),
    "nearly-blank": Family(nearly_blank, SCAN),
}
