"""The benchmark of changes of content: what is small changes as much of the picture as it says, and nothing else."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from pictures import texture

sys.path.append(str(Path(__file__).resolve().parent / "benchmarks"))
small_changes, content_change = import_module("small_changes"), import_module("content_change")

PHOTO = np.asarray(texture(3, (480, 360)))
THING = np.asarray(texture(4, (60, 40))), np.ones((40, 60), np.float32)


@pytest.mark.parametrize("kind", small_changes.CHANGES)
@pytest.mark.parametrize("size", small_changes.SIZES)
@pytest.mark.parametrize("ground", ["photo", "page"])
def test_what_changes_is_small_and_seen(kind: str, size: float, ground: str) -> None:
    random = np.random.default_rng(7)
    rgb = PHOTO if ground == "photo" else small_changes.page(random)
    area = size * rgb.shape[0] * rgb.shape[1]
    tries = (small_changes.CHANGES[kind](rgb, area, THING, random) for _ in range(40))
    made = next(one for one in tries if one is not None)
    difference = np.abs(made.one.astype(int) - made.other).max(2)
    rows, columns = np.nonzero(difference > small_changes.LEAST_SEEN / 2)
    wide, high = np.ptp(columns) + 1, np.ptp(rows) + 1
    assert wide <= made.box[0] + 4
    assert high <= made.box[1] + 4
    changed = len(rows) if kind.startswith(("scratch", "small")) else wide * high
    assert changed < 1.5 * area + 20
    assert len(rows) > 0.05 * area
    assert made.contrast >= small_changes.LEAST_SEEN


def test_what_nobody_would_see_is_none() -> None:
    faint = np.clip(PHOTO + np.random.default_rng(0).normal(0, 90, PHOTO.shape), 0, 255).astype(np.uint8)
    same = faint[100:140, 200:260]
    assert (
        small_changes.thing_came(faint, 2400, (same, np.zeros((40, 60), np.float32) + 1e-3), np.random.default_rng(0))
        is None
    )
    assert small_changes.thing_came(PHOTO, 1e6, THING, np.random.default_rng(0)) is None


def test_the_same_photos_give_the_same_pairs() -> None:
    pictures = [(str(seed), np.asarray(texture(seed, (240, 180)))) for seed in range(3)]
    first, again = (list(content_change.made_pairs(pictures[:2])) for _ in range(2))
    assert first == again
    small = [pair for pair in first if pair.size in small_changes.SIZES]
    assert {pair.kind.rpartition(", ")[2] for pair in small} == {"photo", "page"}
    assert {pair.size for pair in first} == {0, *small_changes.SIZES, *content_change.SIZES}
    assert all(pair.box[0] and pair.contrast for pair in small)
