"""Verdicts in words."""

import math

import numpy as np
import pytest

from labelonce.change import Change
from labelonce.fine import Difference
from labelonce.verification import Verdict
from labelonce.wording import MISSING, places, words_of

WHOLE = (1.0, 1.0)
SAME = Difference(0.2, 0.0)


def turned(degrees):
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[cos, -sin, 3.0], [sin, cos, 4.0]])


@pytest.mark.parametrize(
    ("boxes", "where"),
    [
        ((), ""),
        (((2.0, 3.0, 5.0, 5.0),), "at the top left"),
        (((45.0, 3.0, 5.0, 5.0),), "at the top"),
        (((90.0, 45.0, 5.0, 5.0),), "at the right"),
        (((45.0, 45.0, 10.0, 10.0),), "in the middle"),
        (((80.0, 90.0, 20.0, 10.0),), "at the bottom right"),
        (((2.0, 3.0, 5.0, 5.0), (10.0, 12.0, 1.0, 1.0)), "at the top left"),
        (((2.0, 3.0, 5.0, 5.0), (90.0, 90.0, 4.0, 4.0)), "in 2 places, the largest at the top left"),
        (((0.0, 0.0, 70.0, 60.0),), "nearly everywhere"),
        (((100.0, 100.0, 0.0, 0.0),), "at the bottom right"),
    ],
)
def test_places(boxes, where):
    assert places(boxes) == where


@pytest.mark.parametrize(
    ("reason", "overlap", "transform", "change", "said"),
    [
        ("same frame", WHOLE, turned(0), Change(0.0, 1.0), "the same picture"),
        ("geometry", (0.9, 1.0), turned(0.4), Change(0.0, 1.0), "the same picture, cropped"),
        ("geometry", (0.9, 0.95), turned(-3), Change(0.0, 1.0), "the same picture, cropped, turned by 3°"),
        ("embedding", WHOLE, turned(1.6), Change(0.0, 1.0), "the same picture, turned by 2°"),
    ],
)
def test_what_is_the_same(reason, overlap, transform, change, said):
    assert words_of(True, reason, overlap, transform, SAME, change) == said


def test_a_scene_in_which_something_moved():
    said = words_of(True, "geometry", (0.95, 0.9), turned(0), None, Change(0.2, 0.9))
    assert said == "the same view; something in it moved, cropped"
    assert words_of(True, "geometry", WHOLE, turned(0), SAME, Change(0.2, 0.9)) == "the same picture"  # by a close look


def test_what_differs_says_where():
    differs = Difference(3.0, 0.0, ((80.0, 2.0, 5.0, 5.0),))
    assert words_of(False, "different", WHOLE, None, differs, None) == "different content at the top right"
    assert words_of(False, "colour", WHOLE, None, differs, None) == "different colour at the top right"
    assert words_of(False, "different", WHOLE, None, Difference(np.inf, 0.0), None) == "different content"


@pytest.mark.parametrize("reason", MISSING)
def test_what_was_missing(reason):
    said = words_of(False, reason, WHOLE, None, None, None)
    assert said == MISSING[reason] != reason
    assert not set(said) & set("()%")  # figures are told apart from words


def test_the_figures_are_told_apart():
    verdict = Verdict(True, "geometry", 90.0, 24, (0.9, 1.0), Change(0.004, 0.97), turned(0), 0.1, SAME)
    assert str(verdict) == "the same picture, cropped"
    assert verdict.figures == (
        "geometry, 24 corners agree, overlap 90 % and 100 %, agreement 0.97, 0.4 % changed, "
        "structure 0.20 and colour 0.00 of the limits"
    )
    assert Verdict(False, "few corners", 50.0).figures == "few corners"
