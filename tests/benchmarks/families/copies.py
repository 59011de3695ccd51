"""Copies of a picture that are the same picture to whoever labels it."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from families.drawing import Family, Pixels, Random, Rgb, levels

SMALLEST = 100  # pixels: a picture with a shorter long side is not scaled


def _gain(rgb: Rgb, random: Random) -> Rgb:
    """Another exposure and contrast."""
    middle = float(rgb.mean())
    return levels((rgb - middle) * random.uniform(0.85, 1.1) + middle * random.uniform(0.88, 1.08))


def _shifted(rgb: Rgb, random: Random) -> Rgb:
    """Moved by up to 2 %, the rim repeated."""
    x, y = random.uniform(-0.02, 0.02, 2) * rgb.shape[1::-1]
    matrix = np.array([[1, 0, x], [0, 1, y]])
    moved = cv2.warpAffine(rgb, matrix, rgb.shape[1::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def _cropped(rgb: Rgb, random: Random) -> Rgb:
    """Up to 2 % less on every side."""
    height, width = rgb.shape[:2]
    left, right, top, bottom = random.uniform(0, 0.02, 4)
    return rgb[
        round(top * height) : height - round(bottom * height), round(left * width) : width - round(right * width)
    ]


def _blurred(rgb: Rgb, random: Random) -> Rgb:
    """A little out of focus, in proportion to the size."""
    sigma = random.uniform(0.4, 0.8) * max(1.0, max(rgb.shape[:2]) / 1000)
    return np.asarray(cv2.GaussianBlur(rgb, (0, 0), sigma))


def _noisy(rgb: Rgb, random: Random) -> Rgb:
    """More noise."""
    return levels(rgb + random.normal(0, random.uniform(2, 5), rgb.shape))


EDITS: dict[str, Callable[[Rgb, Random], Rgb]] = {
    "gain": _gain,
    "blur": _blurred,
    "noise": _noisy,
    "crop": _cropped,
    "shift": _shifted,
}
PHOTO = tuple(EDITS)
SCAN = ("gain", "blur", "noise", "shift")
SCREEN = ("crop", "blur")
SMALL = ("gain", "noise")


def eight(pixels: Pixels) -> Rgb:
    """The picture as (h, w, 3) uint8; deep grey as viewers show it: from its darkest to its brightest thousandth."""
    if pixels.dtype == np.uint8:
        return np.asarray(pixels, np.uint8)
    low, high = np.percentile(pixels, (0.1, 99.9))
    return np.repeat(levels((pixels.astype(np.float32) - low) * (255 / (high - low)))[..., None], 3, -1)


def scaled(pixels: Pixels, scale: float) -> Pixels:
    """Another size."""
    return np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), pixels.dtype)


def save(pixels: Pixels, path: Path, quality: int = 95) -> None:
    """Write a picture as its name says."""
    options = {".jpg": {"quality": quality}, ".webp": {"quality": quality}, ".png": {"compress_level": 1}}
    Image.fromarray(pixels).save(path, **options.get(path.suffix, {}))


def write_copies(pixels: Pixels, family: Family, folder: Path, number: int, random: Random) -> list[Path]:
    """Write a picture and its copies: as it is, encoded anew, scaled, and edited.

    Pictures with equal numbers before the underscore are the same.
    """
    original = folder / f"{number:02d}_a.{family.suffix}"
    encoded, smaller, edited = (folder / f"{number:02d}_{letter}.jpg" for letter in "bcd")
    shown = eight(pixels)
    small = max(shown.shape[:2]) < SMALLEST
    least = 75 if small else 55  # what is two pixels wide should be there afterwards
    save(pixels, original)
    save(shown, encoded, int(random.integers(least, 91)))
    written = [original, encoded]
    if not small:
        save(scaled(shown, random.uniform(0.7, 0.9)), smaller, int(random.integers(80, 96)))
        written.append(smaller)
    if family.edits:
        edit = EDITS[family.edits[int(random.integers(len(family.edits)))]]
        save(edit(shown, random), edited, int(random.integers(80, 96)))
        written.append(edited)
    return written
