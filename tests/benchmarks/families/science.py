"""Pictures by instruments: radiographs, slices, cells, spectrograms, the earth and the sky, heat, gels, traces."""

import numpy as np
from numpy.typing import NDArray

from families.copies import PHOTO, SMALL
from families.drawing import (
    Family,
    Field,
    Random,
    Rgb,
    blended,
    blob,
    clouds,
    coloured,
    grain,
    levels,
    nth,
    one_of,
    tinted,
    whole,
)


def _chest(layout: Random, width: int, height: int) -> Field:
    """A chest as a radiograph shows it, 0 to 1: bright where much is in the way."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    field = 0.62 - 0.25 * x**2 + 0.06 * clouds(layout, width, height, width / 3, 3)
    lean = layout.uniform(-0.04, 0.04)
    for side in (-1, 1):
        lung = blob(
            width, height, (0.5 + side * 0.22 + lean) * width, 0.47 * height, 0.17 * width, 0.33 * height, 0, 12
        )
        field -= (0.32 + 0.03 * side) * lung
    for rib in range(9):
        middle = -0.72 + 0.17 * rib + 0.28 * x**2 * np.sign(rib - 1.5)
        field += 0.05 * np.exp(-(((y - middle - 0.25 * np.abs(x)) / 0.028) ** 2)) * (np.abs(x) < 0.82)
    field += 0.26 * np.exp(-(((x - 2 * lean) / 0.09) ** 2))
    heart = blob(width, height, (0.56 + lean) * width, 0.62 * height, 0.13 * width, 0.15 * height, 30, 10)
    return np.asarray(np.clip(field + 0.22 * heart + 0.3 * (y > 0.75) * (y - 0.75), 0.02, 1), np.float32)


def _lesion(layout: Random, picture: Random, number: int, width: int, height: int, radius: float) -> Field:
    """A faint spot in one of the lungs, each time elsewhere."""
    side, row, column = nth(layout, number, [(s, r, c) for s in (-1, 1) for r in range(4) for c in (-1, 1)])
    x = (0.5 + side * 0.22 + column * 0.055 + picture.uniform(-0.015, 0.015)) * width
    y = (0.3 + 0.1 * row + picture.uniform(-0.02, 0.02)) * height
    size = radius * picture.uniform(0.8, 1.3)
    return blob(width, height, x, y, size, size * picture.uniform(0.75, 1), picture.uniform(0, 180), size / 5)


def xrays(layout: Random, picture: Random, number: int) -> Rgb:
    """One chest, low in contrast, with a small spot each time elsewhere."""
    width, height = one_of(layout, ((512, 512), (640, 560)))
    field = 40 + 170 * _chest(layout, width, height)
    field += picture.uniform(24, 32) * _lesion(layout, picture, number, width, height, 0.022 * width)
    return grain(levels(np.repeat(field[..., None], 3, -1)), picture, 2.0, 0.8)[..., :1].repeat(3, -1)


def radiographs(layout: Random, picture: Random, number: int) -> NDArray[np.uint16]:
    """The same in 16 bits, with a dead pixel and a hot one in every exposure."""
    width, height = 1024, 900
    field = 9000 + 21000 * _chest(layout, width, height)
    field += picture.uniform(2600, 3400) * _lesion(layout, picture, number, width, height, 20)
    field += picture.normal(0, 160, field.shape)
    for value in (0, 65535):
        field[whole(picture, 0, height - 1), whole(picture, 0, width - 1)] = value
    return np.asarray(np.clip(field, 0, 65535), np.uint16)


def cells(layout: Random, picture: Random, number: int) -> Rgb:
    """Stained cells on one ground."""
    width, height = 640, 512
    bright = bool(layout.integers(2))
    ground = tinted(layout, 215, 240) if bright else (6, 6, 10)
    stain = one_of(
        layout, ((150, 70, 160), (190, 60, 110)) if bright else ((70, 120, 255), (80, 240, 120), (255, 90, 70))
    )
    rgb = levels(np.full((height, width, 3), ground, np.float32) + 3 * clouds(layout, width, height, 80, 3)[..., None])
    size = layout.uniform(9, 16)
    for _ in range(whole(picture, 22, 34)):
        place = picture.uniform(0, width), picture.uniform(0, height)
        radii = size * picture.uniform(0.7, 1.3, 2)
        mask = blob(width, height, *place, *radii, picture.uniform(0, 180), 1.6)
        rgb = blended(rgb, stain, mask * picture.uniform(0.5, 0.95))
        if bright:
            rgb = blended(rgb, (70, 30, 100), 0.7 * blob(width, height, *place, *(radii / 2.4), 0, 1.2))
    return grain(rgb, picture, 3, 0.8)


MAPS = (
    ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)),
    ((0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164)),
    ((255, 255, 255), (170, 170, 170), (20, 20, 20)),
)


def spectrograms(layout: Random, picture: Random, number: int) -> Rgb:
    """Calls in noise, over time."""
    width, height = one_of(layout, ((800, 400), (640, 320)))
    field = 0.22 + 0.05 * clouds(picture, width, height, 8, 2) + 0.05 * clouds(layout, width, height, 400, 1)
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    for _ in range(whole(picture, 3, 6)):
        start, length = picture.uniform(0.03, 0.8) * width, picture.uniform(0.06, 0.2) * width
        base, slope, bend = picture.uniform(0.35, 0.85), picture.uniform(-0.25, 0.25), picture.uniform(-0.3, 0.3)
        t = (columns - start) / length
        for harmonic in range(1, 3):
            track = height * (1 - (1 - base) * harmonic + (slope * t + bend * t * (1 - t)) * harmonic)
            field += 0.6 / harmonic * np.exp(-(((rows - track) / 3) ** 2)) * ((t > 0) & (t < 1))
    return coloured(np.clip(field, 0, 1), one_of(layout, MAPS))


FAMILIES = {
    "xrays": Family(xrays, SMALL),
    "radiographs-16-bit": Family(radiographs, SMALL, "tif"),
    "cells": Family(cells, PHOTO),
    "spectrograms": Family(spectrograms, SMALL),
}
