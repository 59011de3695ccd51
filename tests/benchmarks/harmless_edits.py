"""Edits that leave the content of a picture as it is."""

import itertools
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from labelonce.images.decoding import decode

Rgb = NDArray[np.uint8]
Alpha = NDArray[np.float32]
Random = np.random.Generator


def blend(under: Rgb, over: Rgb, mask: Alpha) -> Rgb:
    """`over` where the mask is 1, `under` where it is 0."""
    return np.asarray(under + (over.astype(np.float32) - under) * mask[..., None] + 0.5, np.uint8)


def jpeg(rgb: Rgb, quality: int) -> bytes:
    """The bytes of a JPEG file."""
    return bytes(cv2.imencode(".jpg", rgb[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, quality))[1])


def curve(rgb: Rgb, mapped: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> Rgb:
    """A curve applied to all channels, 0 to 1."""
    return np.asarray(np.clip(mapped(rgb.astype(np.float32) / 255), 0, 1) * 255 + 0.5, np.uint8)


def warped(rgb: Rgb, matrix: NDArray[np.float64], random: Random) -> Rgb:
    """A small motion; what comes into sight is black, white, or the rim repeated."""
    border = int(random.choice([cv2.BORDER_CONSTANT, cv2.BORDER_REPLICATE, cv2.BORDER_REFLECT_101]))
    fill = (255, 255, 255) if random.random() < 0.5 else (0, 0, 0)
    size = rgb.shape[1::-1]
    return np.asarray(cv2.warpAffine(rgb, matrix, size, flags=cv2.INTER_CUBIC, borderMode=border, borderValue=fill))


def resized(rgb: Rgb, scale: float) -> Rgb:
    """Another size."""
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=method), np.uint8)


def cropped(rgb: Rgb, random: Random) -> Rgb:
    """Up to 12 % less on every side."""
    height, width = rgb.shape[:2]
    left, right, top, bottom = random.uniform(0, 0.12, 4)
    return rgb[int(top * height) : height - int(bottom * height), int(left * width) : width - int(right * width)]


def written(rgb: Rgb, text: str, height: float, x: float, y: float, alpha: float, white: bool, angle: float = 0) -> Rgb:
    """Text of a height (share of the picture's) at a place, more or less transparent, with an outline if opaque."""
    rows, columns = rgb.shape[:2]
    scale, layer = height * rows / 22, np.zeros((rows, columns), np.float32)
    at, thick = (int(x * columns), int(y * rows)), max(1, round(2 * scale))
    cv2.putText(layer, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, 1.0, thick, cv2.LINE_AA)
    if angle:
        layer = cv2.warpAffine(layer, cv2.getRotationMatrix2D((columns / 2, rows / 2), angle, 1), (columns, rows))
    return blend(rgb, np.full_like(rgb, 255 if white else 0), layer * alpha)


def timestamp(rgb: Rgb, random: Random) -> Rgb:
    """Date and time in a corner, as cameras print them."""
    month, day, hour, minute = (int(random.integers(*ends)) for ends in ((1, 13), (1, 29), (0, 24), (0, 60)))
    text = f"2024-{month:02d}-{day:02d} {hour:02d}:{minute:02d}"
    x, y = random.choice([0.02, 0.4]), random.choice([0.1, 0.96])
    return written(rgb, text, random.uniform(0.03, 0.06), x, y, 1.0, bool(random.random() < 0.7))


def watermark(rgb: Rgb, random: Random) -> Rgb:
    """Semi-transparent text, small or right across, sometimes repeated."""
    text = str(random.choice(["PREVIEW", "example.com", "(c) stock photo", "SAMPLE", "DRAFT"]))
    alpha, white, angle = random.uniform(0.2, 0.6), bool(random.random() < 0.8), float(random.choice([0, 0, 20, 35]))
    if random.random() < 0.3:
        for x, y in itertools.product((0.02, 0.36, 0.7), (0.2, 0.5, 0.8)):
            rgb = written(rgb, text, 0.05, x, y, alpha, white, angle)
        return rgb
    wide = random.uniform(0.3, 0.9) / len(text) * rgb.shape[1] / rgb.shape[0] * 1.2
    return written(rgb, text, wide, random.uniform(0.03, 0.1), random.uniform(0.3, 0.9), alpha, white, angle)


def logo(rgb: Rgb, random: Random) -> Rgb:
    """A ring and a letter, semi-transparent, in a corner or in the middle."""
    height, width = rgb.shape[:2]
    radius = int(random.uniform(0.05, 0.14) * min(height, width))
    x, y = (int(side * random.choice([0.15, 0.5, 0.85])) for side in (width, height))
    layer = np.zeros((height, width), np.float32)
    cv2.circle(layer, (x, y), radius, 1.0, max(2, radius // 5), cv2.LINE_AA)
    at = (x - radius // 2, y + radius // 2)
    cv2.putText(layer, "A", at, cv2.FONT_HERSHEY_SIMPLEX, radius / 22, 1.0, max(2, radius // 6), cv2.LINE_AA)
    return blend(rgb, np.full_like(rgb, 255 if random.random() < 0.7 else 0), layer * random.uniform(0.3, 0.7))


def rotated(rgb: Rgb, random: Random) -> Rgb:
    """Up to four degrees."""
    middle = rgb.shape[1] / 2, rgb.shape[0] / 2
    return warped(rgb, cv2.getRotationMatrix2D(middle, random.uniform(-4, 4), random.choice([1.0, 1.08])), random)


def translated(rgb: Rgb, random: Random) -> Rgb:
    """Up to five percent."""
    x, y = random.uniform(-0.05, 0.05, 2) * rgb.shape[1::-1]
    return warped(rgb, np.array([[1, 0, x], [0, 1, y]]), random)


def noisy(rgb: Rgb, random: Random) -> Rgb:
    """Grain."""
    grain = random.normal(0, random.uniform(3, 12), rgb.shape)
    return np.asarray(np.clip(rgb + grain, 0, 255), np.uint8)


def tinted(rgb: Rgb, random: Random) -> Rgb:
    """Another white balance."""
    return np.asarray(np.clip(rgb * random.uniform(0.88, 1.12, 3), 0, 255), np.uint8)


EDITS: dict[str, Callable[[Rgb, Random], Rgb]] = {
    "jpeg": lambda rgb, random: np.asarray(decode(jpeg(rgb, int(random.integers(30, 96)))).rgb),
    "resize": lambda rgb, random: resized(rgb, random.uniform(0.5, 1.5)),
    "crop": cropped,
    "brightness": lambda rgb, random: curve(rgb, lambda x: x * random.uniform(0.7, 1.4)),
    "contrast": lambda rgb, random: curve(rgb, lambda x: (x - 0.5) * random.uniform(0.7, 1.35) + 0.5),
    "gamma": lambda rgb, random: curve(rgb, lambda x: x ** random.uniform(0.65, 1.5)),
    "white balance": tinted,
    "noise": noisy,
    "blur": lambda rgb, random: np.asarray(cv2.GaussianBlur(rgb, (0, 0), random.uniform(0.6, 2.2))),
    "timestamp": timestamp,
    "watermark": watermark,
    "logo": logo,
    "rotate": rotated,
    "translate": translated,
}
CHAINS = {"two edits": 2, "three edits": 3}
