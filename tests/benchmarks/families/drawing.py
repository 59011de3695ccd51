"""What the families draw with: a canvas, textures, light, grain."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_sample_images

Rgb = NDArray[np.uint8]
Pixels = NDArray[np.uint8] | NDArray[np.uint16]
Field = NDArray[np.float32]
Random = np.random.Generator
Colour = tuple[int, int, int]
Points = Sequence[tuple[float, float]]
T = TypeVar("T")

WHITE, BLACK, GREY = (255, 255, 255), (0, 0, 0), (128, 128, 128)
INKS = ((20, 24, 32), (18, 30, 90), (36, 32, 28), (10, 60, 70))
SANS, SERIF, MONO = "DejaVuSans", "DejaVuSerif", "DejaVuSansMono"
TIMES, ROMAN, GROTESK, TYPEWRITER = "STIXGeneral", "cmr10", "cmss10", "cmtt10"
BOLD = {SANS: "DejaVuSans-Bold", SERIF: "DejaVuSerif-Bold", TIMES: "STIXGeneralBol", ROMAN: "cmb10"}
ITALIC = ("DejaVuSerif-Italic", "STIXGeneralItalic", "cmti10")
PRINTED = (SANS, SERIF, TIMES, ROMAN, GROTESK)
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"


@dataclass(frozen=True)
class Family:
    """How the pictures of a family are made.

    Parameters
    ----------
    make
        ``make(layout, picture, number)``: what the family's pictures share is drawn from `layout`, what is a picture's
        own from `picture`, and what must not come twice is chosen by `number`. Gives (h, w, 3) uint8, or (h, w) uint16.
    edits
        What may happen to a copy beside another encoding and another size; see `copies`.
    suffix
        How the original is stored.
    """

    make: Callable[[Random, Random, int], Pixels]
    edits: tuple[str, ...] = ()
    suffix: str = "png"


class Canvas:
    """A picture to draw on, in pixels of the finished picture; drawn larger, so that edges are smooth."""

    def __init__(self, width: int, height: int, colour: Colour = WHITE, scale: int = 2) -> None:
        self.width, self.height, self.scale = width, height, scale
        self._image = Image.new("RGB", (width * scale, height * scale), colour)
        self._draw = ImageDraw.Draw(self._image)

    @classmethod
    def over(cls, rgb: Rgb, scale: int = 2) -> "Canvas":
        """A canvas that holds a picture already."""
        canvas = cls(rgb.shape[1], rgb.shape[0], scale=scale)
        canvas._image.paste(Image.fromarray(rgb).resize(canvas._image.size))
        return canvas

    def rgb(self) -> Rgb:
        """The finished picture."""
        return np.asarray(self._image.reduce(self.scale) if self.scale > 1 else self._image)

    def text(
        self, x: float, y: float, text: str, size: float, colour: Colour = BLACK, font: str = SANS, anchor: str = "ls"
    ) -> float:
        """Write a text, and tell where it ends; the anchor is Pillow's: by default the left end of the base line."""
        face = _face(font, round(size * self.scale))
        self._draw.text((x * self.scale, y * self.scale), text, font=face, fill=colour, anchor=anchor)
        return x + self._draw.textlength(text, font=face) / self.scale

    def length(self, text: str, size: float, font: str = SANS) -> float:
        """Width of a text, pixels."""
        return self._draw.textlength(text, font=_face(font, round(size * self.scale))) / self.scale

    def box(
        self,
        x0: float,
        y0: float,
        x1: float,
        y1: float,
        fill: Colour | None = None,
        line: Colour | None = None,
        width: float = 1,
        radius: float = 0,
    ) -> None:
        """A rectangle, with round corners if they have a radius."""
        ends = tuple(value * self.scale for value in (x0, y0, x1, y1))
        self._draw.rounded_rectangle(ends, radius * self.scale, fill, line, self._wide(width))

    def line(self, points: Points, colour: Colour = BLACK, width: float = 1) -> None:
        """A polyline."""
        self._draw.line(self._scaled(points), colour, self._wide(width), joint="curve")

    def shape(self, points: Points, fill: Colour | None = None, line: Colour | None = None, width: float = 1) -> None:
        """A polygon."""
        if fill is not None:
            self._draw.polygon(self._scaled(points), fill)
        if line is not None:
            self.line([*points, *points[:2]], line, width)

    def oval(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float | None = None,
        fill: Colour | None = None,
        line: Colour | None = None,
        width: float = 1,
    ) -> None:
        """An ellipse about a point."""
        ry = rx if ry is None else ry
        ends = tuple(value * self.scale for value in (x - rx, y - ry, x + rx, y + ry))
        self._draw.ellipse(ends, fill, line, self._wide(width))

    def arc(self, x: float, y: float, r: float, start: float, end: float, colour: Colour, width: float = 1) -> None:
        """A part of a circle, in degrees clockwise from the right."""
        ends = tuple(value * self.scale for value in (x - r, y - r, x + r, y + r))
        self._draw.arc(ends, start, end, colour, self._wide(width))

    def paste(self, rgb: Rgb, x: float, y: float) -> None:
        """Lay another picture on this one, its upper left corner at a point."""
        size = rgb.shape[1] * self.scale, rgb.shape[0] * self.scale
        self._image.paste(Image.fromarray(rgb).resize(size), (round(x * self.scale), round(y * self.scale)))

    def _scaled(self, points: Points) -> list[tuple[float, float]]:
        return [(x * self.scale, y * self.scale) for x, y in points]

    def _wide(self, width: float) -> int:
        return max(1, round(width * self.scale))


@cache
def _face(font: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONTS / f"{font}.ttf"), size)


# ------------------------------------------------------------------------------------------------------------- chance


def one_of(random: Random, options: Sequence[T]) -> T:
    """One of some things."""
    return options[int(random.integers(len(options)))]


def nth(layout: Random, number: int, options: Sequence[T]) -> T:
    """The things one after the other in an order of chance: other numbers get other things while there are any."""
    return options[int(layout.permutation(len(options))[number % len(options)])]


def whole(random: Random, least: int, most: int) -> int:
    """A whole number, both ends included."""
    return int(random.integers(least, most + 1))


def digits(random: Random, count: int) -> str:
    """Digits, the first of them not 0."""
    return str(whole(random, 1, 9)) + "".join(str(whole(random, 0, 9)) for _ in range(count - 1))


def another_digit(layout: Random, number: int, texts: Sequence[str]) -> list[str]:
    """The texts with one digit changed, another one for every number."""
    places = [(row, column) for row, text in enumerate(texts) for column, one in enumerate(text) if one.isdigit()]
    row, column = nth(layout, number, places)
    changed = str((int(texts[row][column]) + int(layout.integers(1, 10, 64)[number % 64])) % 10)
    return [text[:column] + changed + text[column + 1 :] if index == row else text for index, text in enumerate(texts)]


def tinted(random: Random, low: int = 0, high: int = 255) -> Colour:
    """A colour of chance."""
    red, green, blue = (whole(random, low, high) for _ in range(3))
    return red, green, blue


def mixed(a: Colour, b: Colour, share: float) -> Colour:
    """A colour between two."""
    red, green, blue = (round(one + (other - one) * share) for one, other in zip(a, b, strict=True))
    return red, green, blue


# ----------------------------------------------------------------------------------------------------------- textures


def clouds(random: Random, width: int, height: int, cells: float, octaves: int = 3) -> Field:
    """A smooth field of chance of mean 0 and deviation 1; the coarsest spots are `cells` pixels wide."""
    field = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        size = max(2, round(width / cells * 2**octave)), max(2, round(height / cells * 2**octave))
        values = random.normal(size=size[::-1]).astype(np.float32)
        field += cv2.resize(values, (width, height), interpolation=cv2.INTER_CUBIC) / 2**octave
    return np.asarray((field - field.mean()) / (field.std() + 1e-6), np.float32)


def levels(field: NDArray[np.floating]) -> Rgb:
    """Grey levels, rounded and clipped."""
    return np.asarray(np.clip(field + 0.5, 0, 255), np.uint8)


def coloured(field: NDArray[np.floating], colours: Sequence[Colour]) -> Rgb:
    """Colours of a field from 0 to 1."""
    stops = np.linspace(0, 1, len(colours))
    return levels(np.stack([np.interp(field, stops, [one[c] for one in colours]) for c in range(3)], -1))


def grain(rgb: Rgb, random: Random, deviation: float, softness: float = 0.0) -> Rgb:
    """Noise of a camera; soft noise is what scaling and encoding leave of it."""
    noise = deviation * random.standard_normal(rgb.shape, np.float32)
    if softness:
        noise = cv2.GaussianBlur(noise, (0, 0), softness) * (2 * softness)
    return levels(rgb + noise)


def soft(rgb: Rgb, sigma: float) -> Rgb:
    """Out of focus a little."""
    return np.asarray(cv2.GaussianBlur(rgb, (0, 0), sigma))


def lit(rgb: Rgb, layout: Random, strength: float = 0.15) -> Rgb:
    """Light from a side, and less of it in the corners."""
    y, x = np.mgrid[-1 : 1 : rgb.shape[0] * 1j, -1 : 1 : rgb.shape[1] * 1j]
    angle = layout.uniform(0, 2 * np.pi)
    light = 1 + strength * (np.cos(angle) * x + np.sin(angle) * y) - strength * 0.6 * (x**2 + y**2)
    return levels(rgb * light[..., None])


def blended(rgb: Rgb, colour: Sequence[float], mask: Field) -> Rgb:
    """A colour over a picture where the mask is 1."""
    return levels(rgb + (np.array(colour, np.float32) - rgb) * mask[..., None])


def blob(
    width: int, height: int, x: float, y: float, rx: float, ry: float, degrees: float = 0, edge: float = 1
) -> Field:
    """A mask of an ellipse with a soft edge of some pixels."""
    reach = max(rx, ry) + 12 * edge  # beyond it nothing is left of the mask
    top, bottom = (round(np.clip(one, 0, height)) for one in (y - reach, y + reach))
    left, right = (round(np.clip(one, 0, width)) for one in (x - reach, x + reach))
    rows, columns = np.mgrid[top:bottom, left:right].astype(np.float32)
    turn = np.deg2rad(degrees)
    along = (columns - x) * np.cos(turn) + (rows - y) * np.sin(turn)
    across = (rows - y) * np.cos(turn) - (columns - x) * np.sin(turn)
    distance = (np.hypot(along / rx, across / ry) - 1) * min(rx, ry)
    mask = np.zeros((height, width), np.float32)
    mask[top:bottom, left:right] = 1 / (1 + np.exp(np.clip(distance / edge, -30, 30)))
    return mask


def scanned(rgb: Rgb, layout: Random, picture: Random) -> Rgb:
    """Ink on paper, by a scanner: a tone, faint fibres, a slight blur, noise of its own in every scan."""
    height, width = rgb.shape[:2]
    tone = np.array([255, 255, 255]) - layout.uniform(0, 14, 3) - layout.uniform(0, 8)
    fibres = clouds(layout, width, height, 40, 2)[..., None] * layout.uniform(0.4, 1.4)
    paper = soft(levels(rgb * (tone / 255) + fibres), layout.uniform(0.3, 0.6))
    return grain(paper, picture, layout.uniform(0.8, 2.2))


@cache
def _photos() -> list[Rgb]:
    return list(load_sample_images().images)


def photograph(random: Random, width: int, height: int) -> Rgb:
    """A window of a photograph."""
    photo = one_of(random, _photos())
    scale = max(width / photo.shape[1], height / photo.shape[0]) / random.uniform(0.6, 1)
    large = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    x, y = whole(random, 0, large.shape[1] - width), whole(random, 0, large.shape[0] - height)
    window = large[y : y + height, x : x + width]
    return np.ascontiguousarray(window[:, ::-1] if random.random() < 0.5 else window)
