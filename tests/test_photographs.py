"""What is taken for a photograph, and what only looks like one."""

import sys
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from labelonce.features import extract
from labelonce.photographs import is_photograph
from pictures import picture, texture

sys.path.append(str(Path(__file__).resolve().parent / "benchmarks"))
registry = import_module("families.registry")


def small(rgb):
    """A picture at a long side of 160 pixels."""
    scale = 160 / max(rgb.shape)
    return cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("quarters", [0, 1])
def test_photographs(number, quarters):
    rgb = np.rot90(load_sample_images().images[number], quarters).copy()
    assert is_photograph(small(rgb))
    assert is_photograph(small(np.clip(0.8 * rgb + 10, 0, 255).astype(np.uint8)))


def test_a_photograph_without_colour_needs_hard_contrast():
    gray = small(cv2.cvtColor(load_sample_images().images[0], cv2.COLOR_RGB2GRAY))
    assert is_photograph(cv2.merge([gray, gray, gray]))
    soft = cv2.GaussianBlur(gray, (0, 0), 2)
    assert not is_photograph(cv2.merge([soft, soft, soft]))


@pytest.mark.parametrize(
    "name",
    ["barcodes", "chess", "circuit-boards", "ct-slices", "fabric", "forms", "gauges", "keyboards", "maps", "receipts",
     "scratches", "tables-digit", "text-pages", "thermal", "windows", "xrays"],
)  # fmt: skip
def test_what_is_drawn_printed_or_scanned_is_none(name):
    assert not is_photograph(small(registry.picture(name, "report", 0)))


@pytest.mark.parametrize("name", ["forms", "xrays", "keyboards"])
def test_neither_is_it_in_a_tinted_light(name):
    rgb = registry.picture(name, "report", 1).astype(np.float32) * np.array([1.0, 0.86, 0.7])
    assert not is_photograph(small(rgb.astype(np.uint8)))


@pytest.mark.parametrize("tone", [0, 128, 255])
def test_neither_is_a_plain_ground(tone):
    assert not is_photograph(np.full((90, 160, 3), tone, np.uint8))


def test_of_tiny_pictures_nobody_can_tell():
    image = texture(1, (640, 480))
    assert extract(picture(image)).photographic
    assert not extract(picture(image.resize((64, 48)))).photographic
