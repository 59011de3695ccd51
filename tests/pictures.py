"""Pictures made of numbers, for the tests: no files, no licences."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
from PIL import Image

from labelonce.images.decoding import Picture, decode


def texture(seed: int, size: tuple[int, int] = (400, 300)) -> Image.Image:
    """A picture with structure at all scales and with corners; another seed, another picture."""
    rng = np.random.default_rng(seed)
    width, height = size
    canvas = np.zeros((height, width, 3), np.float32)
    for cells in (3, 6, 12, 24, 48):
        noise = rng.normal(0, 60 / cells**0.5, (cells, cells, 3)).astype(np.float32)
        canvas += cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC)
    canvas = np.ascontiguousarray(np.clip(canvas + rng.uniform(70, 180, 3), 0, 255).astype(np.uint8))
    for _ in range(40):
        colour = [int(value) for value in rng.integers(0, 256, 3)]
        x, y = (int(rng.integers(0, side)) for side in size)
        a, b = (int(value) for value in rng.integers(width // 60 + 1, width // 10 + 2, 2))
        if rng.random() < 0.5:
            cv2.rectangle(canvas, (x, y), (x + a, y + b), colour, -1)
        else:
            cv2.ellipse(canvas, (x, y), (a, b), float(rng.uniform(0, 180)), 0, 360, colour, -1)
    return Image.fromarray(canvas)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """The bytes of an image file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def picture(image: Image.Image, kind: str = "PNG", **options: Any) -> Picture:
    """An image as the stages after decoding see it."""
    return decode(encoded(image, kind, **options))
