"""Pictures by instruments: radiographs, slices, cells, spectrograms, the earth and the sky, heat, gels, traces."""

import cv2
import numpy as np
from numpy.typing import NDArray

from families.copies import PHOTO, SCAN, SMALL
from families.drawing import (
    Canvas,
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
    soft,
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
    body, nucleus = np.zeros((2, height, width), np.float32)
    for _ in range(whole(picture, 22, 34)):
        place = picture.uniform(0, width), picture.uniform(0, height)
        radii = size * picture.uniform(0.7, 1.3, 2)
        mask = blob(width, height, *place, *radii, picture.uniform(0, 180), 1.6)
        body = np.maximum(body, picture.uniform(0.5, 0.95) * mask)
        nucleus = np.maximum(nucleus, 0.7 * blob(width, height, *place, *(radii / 2.4), 0, 1.2))
    rgb = blended(rgb, stain, body)
    rgb = blended(rgb, (70, 30, 100), nucleus) if bright else rgb
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


def ct_slices(layout: Random, picture: Random, number: int) -> Rgb:
    """One body in neighbouring slices."""
    side, t = 512, number / 9
    field = 12 + 78 * blob(side, side, 256, 262, 215, 165 + 8 * t, 0, 3)
    field += 12 * blob(side, side, 256, 262, 200, 150 + 8 * t, 0, 3)
    for _ in range(7):
        start, end = layout.uniform(130, 385, 2), layout.uniform(-26, 26, 2)
        radii = layout.uniform(18, 58, 2) * (1 + layout.uniform(-0.55, 0.55) * t)
        field += layout.uniform(-26, 34) * blob(side, side, *(start + t * end), *radii, layout.uniform(0, 180), 2.5)
    field += 110 * blob(side, side, 256, 362, 27 + 6 * t, 22, 0, 2) - 60 * blob(side, side, 256, 366, 9, 8, 0, 2)
    for rib in range(10):
        angle = 2 * np.pi * rib / 10 + 0.35 * t
        x, y = 256 + 192 * np.cos(angle), 262 + 146 * np.sin(angle)
        field += 100 * blob(side, side, x, y, 15, 6, np.rad2deg(angle) + 90, 1.5)
    return grain(levels(np.repeat(field[..., None], 3, -1)), picture, 3, 0.8)[..., :1].repeat(3, -1)


def ct_lesions(layout: Random, picture: Random, number: int) -> Rgb:
    """One slice with a small lesion, each time elsewhere."""
    rgb = ct_slices(layout, picture, 3).astype(np.float32)
    place = nth(layout, number, range(16))
    x, y = 150 + 70 * (place % 4) + picture.uniform(-12, 12), 185 + 48 * (place // 4) + picture.uniform(-8, 8)
    spot = blob(512, 512, x, y, picture.uniform(8, 13), picture.uniform(7, 11), picture.uniform(0, 180), 1.5)
    return levels(rgb + one_of(picture, (-34, 38)) * spot[..., None])


def _land(layout: Random, random: Random, side: int) -> Rgb:
    """Fields, a road and a wood from above: their kind by `layout`, their place by `random`."""
    crops = [np.add(tinted(layout, 70, 150), (10, 20, -20)) for _ in range(6)]
    seeds = random.uniform(0, side, (26, 2)).astype(np.float32)
    rows, columns = np.mgrid[0:side, 0:side].astype(np.float32)
    nearest = np.argmin([np.abs(columns - x) + 0.7 * np.abs(rows - y) for x, y in seeds], 0)
    colour = np.array([one_of(random, crops) for _ in seeds], np.float32)[nearest]
    turn = random.uniform(0, np.pi, len(seeds)).astype(np.float32)[nearest]
    furrows = 4 * np.sin((columns * np.cos(turn) + rows * np.sin(turn)) * 1.1)
    rgb = levels(colour + furrows[..., None] + 6 * clouds(random, side, side, 50, 5)[..., None])
    edges = cv2.morphologyEx(nearest.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3))) > 0
    rgb[edges] = (74, 84, 56)
    canvas = Canvas.over(rgb, scale=1)
    ends = random.uniform(0, side, 2)
    canvas.line([(0, ends[0]), (side / 2, ends.mean() + random.uniform(-60, 60)), (side, ends[1])], (186, 180, 166), 7)
    return canvas.rgb()


def satellite(layout: Random, picture: Random, number: int) -> Rgb:
    """Other fields of one country."""
    return grain(_land(layout, picture, 640), picture, 3, 0.7)


def satellite_house(layout: Random, picture: Random, number: int) -> Rgb:
    """The same fields with one house more, each time elsewhere."""
    side = one_of(layout, (640, 800))
    canvas = Canvas.over(_land(layout, layout, side))
    order = [int(one) for one in layout.permutation(49)]
    for place in [*order[:8], order[8 + number]]:
        x, y = (60 + (side - 120) / 6 * one for one in divmod(place, 7))
        wide, roof = 13 + place % 6, one_of(layout, ((176, 84, 62), (150, 150, 156), (196, 190, 180)))
        canvas.box(x + 3, y + 4, x + wide + 4, y + 17, fill=(44, 50, 36))
        canvas.box(x, y, x + wide, y + 13, fill=roof)
        canvas.box(x, y, x + wide, y + 6, fill=(206, 120, 96))
    return grain(canvas.rgb(), picture, 3, 0.7)


def thermal(layout: Random, picture: Random, number: int) -> Rgb:
    """A yard by a thermal camera; people came and went."""
    width, height = 640, 480
    field = 0.22 + 0.05 * clouds(layout, width, height, 160, 3)
    for _ in range(3):
        x, y = layout.uniform(0, width), layout.uniform(0, 0.6 * height)
        field += layout.uniform(0.08, 0.2) * blob(
            width, height, x, y, layout.uniform(40, 100), layout.uniform(30, 60), 0, 4
        )
    for place in picture.choice(12, whole(picture, 1, 3), replace=False):
        x, y = 60 + 96 * (place % 6) + picture.uniform(-20, 20), 210 + 120 * (place // 6) + picture.uniform(-20, 20)
        size = 0.3 + y / height
        field += 0.55 * blob(width, height, x, y, 11 * size, 30 * size, picture.uniform(-8, 8), 3)
        field += 0.6 * blob(width, height, x, y - 40 * size, 8 * size, 9 * size, 0, 2)
    field += picture.normal(0, 0.012, field.shape)
    return soft(coloured(np.clip(field, 0, 1), one_of(layout, MAPS)), 0.8)


def _sky(stars: Random, picture: Random, more: Field | float = 0.0) -> Rgb:
    width, height = 700, 700
    field = 14 + 3 * clouds(stars, width, height, 300, 2)
    points = np.zeros((height, width), np.float32)
    points[stars.integers(0, height, 140), stars.integers(0, width, 140)] = 300 * stars.random(140) ** 2 + 60
    for sigma, gain in ((0.9, 5.0), (2.2, 9.0)):
        field = field + gain * cv2.GaussianBlur(points, (0, 0), sigma)
    return grain(levels((field + more)[..., None] * np.array([0.95, 0.97, 1.0])), picture, 3, 0.7)


def stars(layout: Random, picture: Random, number: int) -> Rgb:
    """Other parts of the sky."""
    return _sky(picture, picture)


def stars_new(layout: Random, picture: Random, number: int) -> Rgb:
    """One part of the sky with a new star or a trail, each time elsewhere."""
    place = nth(layout, number, range(25))
    x, y = 80 + 135 * (place % 5) + picture.uniform(-30, 30), 80 + 135 * (place // 5) + picture.uniform(-30, 30)
    wide, angle = (26, picture.uniform(0, 180)) if number % 2 else (3, 0)
    return _sky(layout, picture, 200 * blob(700, 700, x, y, wide, 2.4, angle, 0.9))


def night(layout: Random, picture: Random, number: int) -> Rgb:
    """A dark road with lamps; headlights stand elsewhere."""
    width, height = 640, 400
    field = 10 + 5 * clouds(layout, width, height, 120, 3)[..., None] * np.ones(3)
    rows, columns = np.mgrid[0:height, 0:width]

    def glow(x: float, y: float, size: float, colour: tuple[int, int, int]) -> None:
        distance = np.hypot(columns - x, rows - y)[..., None]
        np.add(
            field,
            np.array(colour) * (np.exp(-((distance / size) ** 2)) + 0.25 * np.exp(-distance / size / 4)),
            out=field,
        )

    for lamp in range(3):
        glow(100 + 220 * lamp + layout.uniform(-30, 30), 90 + layout.uniform(-20, 20), 6, (150, 130, 80))
    place = nth(layout, number, range(20))
    x, y = 70 + 120 * (place % 5) + picture.uniform(-20, 20), 190 + 50 * (place // 5)
    colour = one_of(picture, ((230, 230, 210), (220, 30, 20)))
    for side in (-1, 1):
        glow(x + side * y / 24, y, y / 60, colour)
    return grain(levels(field), picture, 4, 0.7)


def gels(layout: Random, picture: Random, number: int) -> Rgb:
    """Lanes of a gel with other bands."""
    width, height, lanes = 720, 560, 10
    field = 205 + 6 * clouds(layout, width, height, 300, 2)
    ladder = np.sort(layout.uniform(0.1, 0.9, 7))
    for lane in range(lanes):
        bands = ladder if lane == 0 else picture.uniform(0.1, 0.9, whole(picture, 1, 3))
        for band in bands:
            x, y = (0.5 + lane) * width / lanes, band * height
            field -= picture.uniform(70, 130) * blob(width, height, x, y + layout.normal(0, 1), 23, 4.5, 0, 1.6)
    return grain(levels(np.repeat(field[..., None], 3, -1)), picture, 3, 0.8)


def heart_traces(layout: Random, picture: Random, number: int) -> Rgb:
    """Electrocardiograms on one paper; one beat comes early and wide, or is missing, each time another."""
    canvas = Canvas(1800, 620, (255, 246, 242), scale=1)
    for step in range(0, 1800, 20):
        tone = (240, 170, 170) if step % 100 == 0 else (250, 218, 214)
        canvas.line([(step, 0), (step, 620)], tone)
        canvas.line([(0, step), (1800, step)], tone)
    chosen = [(trace, beat) for trace in range(3) for beat in range(1, 9)]
    trace_of, beat_of = nth(layout, number, chosen)
    t = np.arange(0, 1800, 2.0)
    for trace in range(3):
        height, beat_length = layout.uniform(60, 110), 180.0
        y = np.zeros_like(t)
        for beat in range(10):
            middle, tall, wide = 90 + beat * beat_length, 1.0, 1.0
            if (trace, beat) == (trace_of, beat_of):
                middle, tall, wide = (middle - 50, 0.8, 3.0) if number % 2 else (middle, 0.0, 1.0)
            for offset, size, spread in ((-42, 0.15, 12), (-8, -0.12, 4), (0, 1, 5), (9, -0.25, 5), (55, 0.28, 20)):
                y += tall * size * np.exp(-(((t - middle - offset * wide) / spread / wide) ** 2))
        line = 160 + 190 * trace - height * y + picture.normal(0, 0.5, len(t))
        canvas.line(list(zip(t.tolist(), line.tolist(), strict=True)), (30, 30, 40), 2)
    canvas.text(20, 600, f"25 mm/s  10 mm/mV  No. {whole(layout, 1000, 9999)}", 18, (60, 60, 70))
    return grain(canvas.rgb(), picture, 1.5)


FAMILIES = {
    "xrays": Family(xrays, SMALL),
    "radiographs-16-bit": Family(radiographs, SMALL, "tif"),
    "ct-slices": Family(ct_slices, SMALL),
    "ct-lesions": Family(ct_lesions, SMALL),
    "cells": Family(cells, PHOTO),
    "spectrograms": Family(spectrograms, SMALL),
    "satellite": Family(satellite, PHOTO),
    "satellite-house": Family(satellite_house, PHOTO),
    "thermal": Family(thermal, PHOTO),
    "stars": Family(stars, SMALL),
    "stars-new": Family(stars_new, SMALL),
    "night": Family(night, SMALL),
    "gels": Family(gels, PHOTO),
    "heart-traces": Family(heart_traces, SCAN),
}
