"""Pairs of pictures side by side on one sheet, with what was decided about them and why."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from labelonce.errors import ImageProblem
from labelonce.images.decoding import decode
from labelonce.images.regions import Region
from labelonce.images.views import VIEWS
from labelonce.progress import Progress
from labelonce.report import printable
from labelonce.sources.base import Source
from labelonce.tasks import Task
from labelonce.tuning.doubt import Doubt
from labelonce.writing import JPEG, PNG, Sign, save_picture

SUFFIXES = (".png", ".jpg", ".jpeg")
COLUMNS = 3
BOX = (300, 225)  # pixels of one picture
MARGIN, GAP = 24, 8
LINE = 22
HEAD = 34
CELL = (2 * BOX[0] + 3 * GAP, HEAD + BOX[1] + 3 * LINE + 3 * GAP)
TITLE = 56
QUALITY = 90  # of a JPEG

WHITE, INK, FAINT, GROUND = "#FFFFFF", "#1A1A1A", "#595959", "#F2F2F2"
MISSING = "#9E9E9E"
COLOURS = {True: "#0072B2", False: "#D55E00"}  # Okabe & Ito: told apart by the colour-blind too
MARKS = {True: "✓ duplicates", False: "✗ kept apart"}
TITLES = {
    True: "Taken for duplicates, the most doubtful first",
    False: "Kept apart, the most doubtful first",
}


def draw(
    doubts: Sequence[Doubt],
    source: Source,
    progress: Progress,
    *,
    title: str,
    max_pixels: int,
    region: Region | None = None,
) -> Image.Image:
    """Draw a sheet; memory holds the sheet and one picture at a time.

    Parameters
    ----------
    doubts
        The pairs, in order; those that were accepted and those that were not get a part of the sheet each.
    source
        Where the pictures come from; a grey box with the reason stands for one that cannot be had.
    title
        What stands above them.
    max_pixels, region
        As the pictures were compared.
    """
    parts = [
        (accepted, [one for one in enumerate(doubts, 1) if one[1].accepted is accepted]) for accepted in (True, False)
    ]
    parts = [(accepted, rows) for accepted, rows in parts if rows]
    columns = max(1, min(COLUMNS, max((len(rows) for _, rows in parts), default=1)))
    width = 2 * MARGIN + columns * CELL[0] + (columns - 1) * MARGIN
    heights = [TITLE + -(-len(rows) // columns) * (CELL[1] + MARGIN) for _, rows in parts]
    sheet = Image.new("RGB", (width, MARGIN + TITLE + sum(heights)), WHITE)
    pen = ImageDraw.Draw(sheet)
    shown = printable(title if parts else f"{title}: no pair is doubtful")
    pen.text((MARGIN, MARGIN), _fitted(shown, width - 2 * MARGIN, 20), FAINT, _font(20))
    top = MARGIN + TITLE
    with progress.stage("Drawing pairs", len(doubts)) as advance:
        for (accepted, rows), height in zip(parts, heights, strict=True):
            pen.text((MARGIN, top), TITLES[accepted], INK, _font(26, bold=True))
            for place, (number, doubt) in enumerate(rows):
                line, column = divmod(place, columns)
                corner = MARGIN + column * (CELL[0] + MARGIN), top + TITLE + line * (CELL[1] + MARGIN)
                _cell(sheet, corner, number, doubt, source, max_pixels, region)
                advance(1)
            top += height
    return sheet


def save(sheet: Image.Image, path: Path) -> None:
    """Write a sheet as PNG or JPEG, as its name says, whole or not at all."""
    save_picture(sheet, path, sign_of(path), quality=QUALITY)


def sign_of(path: Path) -> Sign:
    """As what a sheet is written, by its name."""
    return PNG if path.suffix.lower() == ".png" else JPEG


def _cell(
    sheet: Image.Image,
    corner: tuple[int, int],
    number: int,
    doubt: Doubt,
    source: Source,
    max_pixels: int,
    region: Region | None,
) -> None:
    """One pair: verdict and similarity, the pictures, their names, and why."""
    pen = ImageDraw.Draw(sheet)
    x, y = corner
    colour = COLOURS[doubt.accepted]
    pen.rectangle((x, y, x + CELL[0] - 1, y + CELL[1] - 1), GROUND, colour, 2)
    pen.rectangle((x, y, x + CELL[0] - 1, y + HEAD - 1), colour)
    pen.text((x + GAP, y + HEAD // 2), f"{number}  {MARKS[doubt.accepted]}", WHITE, _font(19, bold=True), "lm")
    right = f"{doubt.similarity:.1f} % similar"
    pen.text((x + CELL[0] - GAP, y + HEAD // 2), right, WHITE, _font(19, bold=True), "rm")
    y += HEAD + GAP
    for side, (task, view) in enumerate(((doubt.left, ""), (doubt.right, doubt.view))):
        left = x + GAP + side * (BOX[0] + GAP)
        picture = _picture(source, task, doubt.image, view, max_pixels, region)
        if isinstance(picture, str):
            pen.rectangle((left, y, left + BOX[0] - 1, y + BOX[1] - 1), MISSING)
            for row, text in enumerate(_wrapped(picture, BOX[0] - 2 * GAP, 16, 4)):
                pen.text((left + GAP, y + GAP + row * LINE), text, INK, _font(16))
        else:
            pen.rectangle((left, y, left + BOX[0] - 1, y + BOX[1] - 1), WHITE)
            sheet.paste(picture, (left + (BOX[0] - picture.width) // 2, y + (BOX[1] - picture.height) // 2))
        pen.text((left, y + BOX[1] + 4), _fitted(_name(task, doubt.image), BOX[0], 16), INK, _font(16))
    for row, text in enumerate(_wrapped(doubt.reason, CELL[0] - 2 * GAP, 16, 2)):
        pen.text((x + GAP, y + BOX[1] + GAP + (row + 1) * LINE), text, FAINT, _font(16))


def _name(task: Task, image: int) -> str:
    name = f"task {task.id}" if isinstance(task.id, int) else task.id
    return printable(f"{name}, image {image + 1}" if len(task.images) > 1 else name)


def _picture(
    source: Source, task: Task, image: int, view: str, max_pixels: int, region: Region | None
) -> Image.Image | str:
    """A picture that fits its box, or why there is none."""
    own = task.regions[image] if task.regions else None
    try:
        content = source.read(task, task.images[image])
        if content is None:
            return "its source has nothing new"
        rgb = decode(content.data, max_pixels=max_pixels, region=own or region).rgb
    except ImageProblem as problem:
        return str(problem)
    picture = Image.fromarray(np.ascontiguousarray(VIEWS[view](rgb) if view else rgb))
    scale = min(BOX[0] / picture.width, BOX[1] / picture.height)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.resize(size, Image.Resampling.LANCZOS)


@lru_cache(8)
def _font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib and has the letters of most scripts of Europe."""
    from matplotlib import get_data_path

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(get_data_path(), "fonts", "ttf", name), size)


def _fitted(text: str, width: int, size: int) -> str:
    """The text, its middle left out where it is too long: names differ at their ends."""
    font = _font(size)
    if font.getlength(text) <= width:
        return text
    for kept in range(min(len(text), width // 4), 1, -1):
        short = f"{text[: kept // 3]}…{text[kept // 3 - kept :]}"
        if font.getlength(short) <= width:
            return short
    return "…"


def _wrapped(text: str, width: int, size: int, lines: int) -> Iterator[str]:
    """The text in at most so many lines; the last one is cut."""
    words = printable(text).split()
    for line in range(lines):
        count = len(words)
        while count > 1 and _font(size).getlength(" ".join(words[:count])) > width:
            count -= 1
        if line == lines - 1:
            count = len(words)
        if words:
            yield _fitted(" ".join(words[:count]), width, size)
        words = words[count:]
