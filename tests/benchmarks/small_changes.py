"""Changes of content that are small: a word, a digit, a scratch, a small thing, on photos and on plain pages.

Each change takes a share of the area: the box that holds the word or the digit, the scratch's own pixels, the outline
of the thing. Lettering stands out from the ground by 70 grey levels at least, scratches by 30; what is fainter than the
texture under it is left out, for nobody would see it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from families.drawing import FONTS, INKS, PRINTED, one_of
from families.words import WORDS
from harmless_edits import Alpha, Random, Rgb, blend
from PIL import Image, ImageDraw, ImageFont

SIZES = (0.001, 0.003, 0.01)
PAGE = 960  # pixels, long side of the plain pages
PLATE = 0.3  # share of the pages that are plain ground
LETTERING, SCRATCH = (70, 200), (30, 120)  # grey levels from the ground
LEAST_SEEN = 20.0  # grey levels, mean of the largest channel where something changed
DRAWN_AT = 64  # pixels, size of the letters that are scaled to the place

Thing = tuple[Rgb, Alpha]


@dataclass(frozen=True)
class Small:
    """Two pictures that differ in something small.

    Parameters
    ----------
    contrast
        Mean difference where something changed, grey levels of the strongest channel.
    box
        Width and height of what changed, pixels.
    """

    one: Rgb
    other: Rgb
    contrast: float
    box: tuple[int, int]


Change = Callable[[Rgb, float, Thing, Random], Small | None]


# ---------------------------------------------------------------------------------------------------------------- pages


def page(random: Random) -> Rgb:
    """A printed page, or plain ground: paper, enamel, brushed metal."""
    width, height = (PAGE * 3 // 4, PAGE) if random.random() < 0.6 else (PAGE, PAGE * 3 // 4)
    ground = random.uniform(215, 255) if random.random() < 0.7 else random.uniform(90, 200)
    rgb = np.full((height, width, 3), ground, np.float32) + random.uniform(-8, 8, 3).astype(np.float32)
    if random.random() < PLATE:
        slope = np.linspace(-1, 1, width, dtype=np.float32)[None, :, None] * random.uniform(-12, 12)
        grain = random.normal(0, random.uniform(0, 2.5), (height, width, 1))
        brushed = cv2.blur(random.normal(0, random.uniform(0, 20), (height, width)), (101, 1))[..., None]
        return np.asarray(np.clip(rgb + slope + grain + brushed, 0, 255), np.uint8)
    made = np.asarray(np.clip(rgb, 0, 255), np.uint8)
    font, size = one_of(random, PRINTED), int(random.integers(11, 18))
    image = Image.fromarray(made)
    draw, ink = ImageDraw.Draw(image), one_of(random, INKS)
    for line, top in enumerate(range(50, height - 60, int(size * random.uniform(1.4, 2.4)))):
        if line % 9 == 8:
            draw.line([(50, top + size // 2), (width - 50, top + size // 2)], ink, 1)
            continue
        text = " ".join(one_of(random, WORDS) for _ in range(int(random.integers(2, width // size // 3))))
        draw.text((50, top), text, ink, _face(font, size))
    return np.asarray(image)


@cache
def _face(font: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONTS / f"{font}.ttf"), size)


# -------------------------------------------------------------------------------------------------------------- changes


def word_came(rgb: Rgb, area: float, _: Thing, random: Random) -> Small | None:
    """A word where none was."""
    return _lettered(rgb, area, ("", one_of(random, WORDS)), random)


def word_changed(rgb: Rgb, area: float, _: Thing, random: Random) -> Small | None:
    """Another word of as many letters."""
    first = one_of(random, WORDS)
    return _lettered(
        rgb, area, (first, one_of(random, [w for w in WORDS if len(w) == len(first) and w != first])), random
    )


def digit_changed(rgb: Rgb, area: float, _: Thing, random: Random) -> Small | None:
    """Another digit."""
    first, second = random.choice(10, 2, replace=False)
    return _lettered(rgb, area, (str(first), str(second)), random)


def scratch_came(rgb: Rgb, area: float, _: Thing, random: Random) -> Small | None:
    """A bent line, one to five pixels wide, lighter or darker than what it crosses."""
    height, width = rgb.shape[:2]
    thick = max(1.0, min(5.0, (area / random.uniform(40, 120)) ** 0.5))
    length, angle = min(area / thick, 0.8 * min(height, width)), random.uniform(0, np.pi)
    along = np.linspace(-0.5, 0.5, 24)
    bend = random.uniform(-0.12, 0.12) * (1 - 4 * along**2)
    x = length * (along * np.cos(angle) - bend * np.sin(angle))
    y = length * (along * np.sin(angle) + bend * np.cos(angle))
    layer = np.zeros((height, width), np.float32)
    spare = [max(2.0, float(np.ptp(values)) / 2 + 4) for values in (x, y)]
    points = np.stack(
        [x + random.uniform(spare[0], width - spare[0]), y + random.uniform(spare[1], height - spare[1])], 1
    )
    cv2.polylines(layer, [np.round(points * 16).astype(np.int32)], False, 1.0, round(thick), cv2.LINE_AA, 4)
    level = _away(_ground(rgb, layer), random.uniform(*SCRATCH), random)
    return _compared(rgb, blend(rgb, np.full_like(rgb, level), layer), layer)


def thing_came(rgb: Rgb, area: float, thing: Thing, random: Random) -> Small | None:
    """A small thing, cut out of another photo."""
    part, alpha = thing
    scale = (area / float(alpha.sum())) ** 0.5
    width, height = (max(3, round(side * scale)) for side in part.shape[1::-1])
    if width >= rgb.shape[1] or height >= rgb.shape[0]:
        return None
    x, y = int(random.integers(rgb.shape[1] - width)), int(random.integers(rgb.shape[0] - height))
    layer, over = np.zeros(rgb.shape[:2], np.float32), rgb.copy()
    layer[y : y + height, x : x + width] = cv2.resize(alpha, (width, height), interpolation=cv2.INTER_AREA)
    over[y : y + height, x : x + width] = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
    return _compared(rgb, blend(rgb, over, layer), layer)


CHANGES: dict[str, Change] = {
    "word came": word_came,
    "word changed": word_changed,
    "digit changed": digit_changed,
    "scratch came": scratch_came,
    "small thing came": thing_came,
}


def _lettered(rgb: Rgb, area: float, texts: tuple[str, str], random: Random) -> Small | None:
    """The picture with one text and with the other in the same place; the longer box of the two covers the area."""
    font = one_of(random, PRINTED)
    drawn = [_letters(text, font) if text else np.zeros((1, 1), np.float32) for text in texts]
    wide, high = (max(one.shape[side] for one in drawn) for side in (1, 0))
    scale = (area / (wide * high)) ** 0.5
    size = max(2, round(wide * scale)), max(4, round(high * scale))
    if size[0] >= rgb.shape[1] or size[1] >= rgb.shape[0]:
        return None
    x, y = int(random.integers(rgb.shape[1] - size[0])), int(random.integers(rgb.shape[0] - size[1]))
    placed = [np.zeros(rgb.shape[:2], np.float32) for _ in texts]
    for layer, one in zip(placed, drawn, strict=True):
        whole = np.pad(one, ((0, high - one.shape[0]), (0, wide - one.shape[1])))
        layer[y : y + size[1], x : x + size[0]] = cv2.resize(whole, size, interpolation=cv2.INTER_AREA)
    ink = _away(_ground(rgb, np.maximum(*placed)), random.uniform(*LETTERING), random)
    one, other = (blend(rgb, np.full_like(rgb, ink), layer) for layer in placed)
    return _compared(one, other, np.abs(placed[0] - placed[1]))


@cache
def _letters(text: str, font: str) -> Alpha:
    """A text, 0 to 1, without a margin."""
    face = _face(font, DRAWN_AT)
    left, top, right, bottom = (int(side) for side in face.getbbox(text))
    image = Image.new("L", (right - left + 2, bottom - top + 2))
    ImageDraw.Draw(image).text((1 - left, 1 - top), text, 255, face)
    return np.asarray(image, np.float32) / 255


def _ground(rgb: Rgb, layer: Alpha) -> float:
    """Mean grey level under a layer."""
    return float((rgb.mean(2) * layer).sum() / max(1e-6, layer.sum()))


def _away(ground: float, contrast: float, random: Random) -> int:
    """A grey level so far from the ground, on the side where there is room."""
    lighter = ground + contrast <= 255 and (ground - contrast < 0 or random.random() < 0.5)
    return int(np.clip(ground + (contrast if lighter else -contrast), 0, 255))


def _compared(one: Rgb, other: Rgb, layer: Alpha) -> Small | None:
    """Both pictures; None where nobody would see the difference, for the ground is as uneven."""
    rows, columns = np.nonzero(layer > 0.3)
    if not len(rows):
        return None
    difference = np.abs(one.astype(np.int16) - other).max(2)[rows, columns].mean()
    top, left = max(0, rows.min() - 8), max(0, columns.min() - 8)
    around = one[top : rows.max() + 8, left : columns.max() + 8].mean(2)
    if difference < LEAST_SEEN or difference < around.std():
        return None
    return Small(one, other, float(difference), (int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1))
