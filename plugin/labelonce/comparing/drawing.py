"""Two pictures in one: side by side, laid on each other, and with the places that differ outlined."""

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from labelonce.fine import Box
from labelonce.geometry import Transform
from labelonce.verification import Rgb

SIDE = 480  # pixels of the square that a panel fits into
GAP = 12
LINE = 22  # pixels of a line of text
TEXT = 15
WHITE, INK, FAINT, GROUND = "#FFFFFF", "#1A1A1A", "#595959", "#F2F2F2"
OUTLINE, WIDTH = "#D55E00", 3  # Okabe & Ito: told apart by the colour-blind too
AROUND = 4  # pixels between what differs and its outline
CAPTIONS = ("first", "second", "second laid on first", "places that differ")
NOT_LAID = "not laid on each other"


def draw(a: Rgb, b: Rgb, transform: Transform | None, boxes: Sequence[Box], title: str) -> Image.Image:
    """Draw a pair in four panels, with a title below.

    Pure and deterministic.

    Parameters
    ----------
    a, b
        (h, w, 3) uint8 RGB, of any sizes.
    transform
        (2, 3) float64. From pixels of `b` to pixels of `a`; None where that is not known: two panels say so.
    boxes
        Left, top, width and height of the places that differ, in percent of `a`.
    title
        What is to be said of the pair.
    """
    panels: list[Image.Image | None] = [Image.fromarray(a), Image.fromarray(b), None, None]
    if transform is not None:
        panels[2:] = [Image.fromarray(_blend(a, b, transform)), Image.fromarray(_faint(a))]
    sheet = Image.new("RGB", (4 * SIDE + 5 * GAP, SIDE + 2 * LINE + 4 * GAP), WHITE)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(TEXT)
    for place, (panel, caption) in enumerate(zip(panels, CAPTIONS, strict=True)):
        left = GAP + place * (SIDE + GAP)
        pen.rectangle((left, GAP, left + SIDE - 1, GAP + SIDE - 1), GROUND)
        pen.text((left, SIDE + 2 * GAP), caption, FAINT, font)
        if panel is None:
            pen.text((left + SIDE // 2, GAP + SIDE // 2), NOT_LAID, FAINT, font, "mm")
            continue
        fitted = _fitted(panel)
        corner = left + (SIDE - fitted.width) // 2, GAP + (SIDE - fitted.height) // 2
        sheet.paste(fitted, corner)
        if place == len(panels) - 1:
            for box in boxes:
                _outline(pen, box, corner, fitted.size)
    pen.text((GAP, SIDE + LINE + 3 * GAP), _ascii(title), INK, font)
    return sheet


def _blend(a: Rgb, b: Rgb, transform: Transform) -> Rgb:
    """Half of each where both have pixels, and the first one elsewhere."""
    size = a.shape[1], a.shape[0]
    moved = cv2.warpAffine(b, transform, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpAffine(np.full(b.shape[:2], 0.5, np.float32), transform, size, flags=cv2.INTER_NEAREST)
    share = np.asarray(inside, np.float32)[:, :, None]
    return np.asarray(np.rint(a * (1 - share) + np.asarray(moved) * share), np.uint8)


def _faint(a: Rgb) -> Rgb:
    """Grey and light, so that outlines stand out."""
    gray = cv2.cvtColor(a, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.cvtColor(128 + gray // 2, cv2.COLOR_GRAY2RGB), np.uint8)


def _fitted(panel: Image.Image) -> Image.Image:
    scale = SIDE / max(panel.size)
    size = max(1, round(panel.width * scale)), max(1, round(panel.height * scale))
    return panel.resize(size, Image.Resampling.LANCZOS)


def _outline(pen: ImageDraw.ImageDraw, box: Box, corner: tuple[int, int], size: tuple[int, int]) -> None:
    left, top, width, height = box
    spans = ((left, left + width), (top, top + height))
    (x0, x1), (y0, y1) = (
        (start + round(low / 100 * length) - AROUND, start + round(high / 100 * length) + AROUND)
        for (low, high), start, length in zip(spans, corner, size, strict=True)
    )
    pen.rectangle((x0, y0, x1, y1), outline=OUTLINE, width=WIDTH)


def _ascii(text: str) -> str:
    """What every font has."""
    return text.replace("°", " degrees").encode("ascii", "replace").decode()
