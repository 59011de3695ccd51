from __future__ import annotations

from dataclasses import replace

import pytest

from labelonce.errors import ConfigurationError
from labelonce.levels import EQUAL, LEVELS, Level, level_for, level_of, rules_from
from labelonce.settings import Settings


@pytest.mark.parametrize(
    ("controls", "level", "named", "moments"),
    [
        ((), "near", "no labelling configuration", False),
        (("RectangleLabels",), "near", "RectangleLabels", False),
        (("KeyPointLabels", "Choices"), "near", "KeyPointLabels", False),
        (("brush",), "near", "brush", False),
        (("Choices",), "near", "judges whole images (Choices)", True),
        (("Choices", "Rating", "Taxonomy", "DateTime"), "near", "Choices, DateTime, Rating, Taxonomy", True),
        (("Choices", "TextArea"), "near", "read off a picture (TextArea)", False),
        (("number",), "near", "read off a picture (number)", False),
        (("Choices", "SomethingNew"), "near", "may place things (SomethingNew)", False),
        (("Pairwise",), "equal", "compares pictures with each other (Pairwise)", False),
        (("RectangleLabels", "Choices", "ranker"), "equal", "ranker", False),
    ],
)
def test_the_labelling_configuration_decides(controls, level, named, moments):
    found = level_for(controls)
    assert (found.name, found.moments) == (level, moments)
    assert named in found.reason
    assert level_of(Settings(), controls) == found


@pytest.mark.parametrize("level", LEVELS)
def test_the_user_goes_first(level):
    for controls in ((), ("Choices",), ("RectangleLabels",)):
        assert level_of(Settings(level=level), controls) == Level(level, "as given")
    for name in ("TextArea", "Pairwise"):
        found = level_of(Settings(level=level), (name,))
        assert (found.name, found.moments) == (level, False)
        assert found.reason.startswith("as given, although") == (level == "scene")
        assert (name in found.reason) == (level == "scene")


def test_nobody_chooses_equal_pixels():
    with pytest.raises(ConfigurationError, match="level"):
        Settings(level=EQUAL)
    assert rules_from(Settings(), EQUAL, similarity=0.7, strict=0.8).equal
    assert not any(rules.equal for rules in LEVELS.values())


def test_levels_ask_for_more_the_more_is_labelled():
    copies, near, scene = (LEVELS[name] for name in ("copies", "near", "scene"))
    assert copies.change < near.change < scene.change
    assert (copies.proven_change, near.proven_change) == (copies.change, near.change)
    assert scene.change < scene.proven_change < 0.99
    assert copies.inlier_share > near.inlier_share >= scene.inlier_share
    assert copies.agreement > near.agreement >= scene.agreement


def test_thresholds_can_be_set_one_by_one():
    given = {
        "min_inliers": 20, "min_inlier_share": 90.0, "max_scale": 1.5, "min_overlap": 70.0, "max_change": 3.0,
        "min_agreement": 0.0, "strict": 99.0,
    }  # fmt: skip
    expected = {
        "inliers": 20, "inlier_share": 0.9, "scale": 1.5, "overlap": 0.7, "change": 0.03, "agreement": 0.0,
        "plain_similarity": 0.99,
    }  # fmt: skip
    embedder = {"similarity": 0.7, "strict": 0.8}
    for level in LEVELS:
        unchanged = rules_from(Settings(), level, **embedder)
        assert unchanged == replace(LEVELS[level], similarity=0.7, plain_similarity=0.8)
        for (name, value), (rule, wanted) in zip(given.items(), expected.items(), strict=True):
            rules = rules_from(Settings(**{name: value}), level, **embedder)
            assert getattr(rules, rule) == pytest.approx(wanted)
            also = {"proven_change": rules.change} if rule == "change" else {}
            assert rules == replace(unchanged, **{rule: getattr(rules, rule)}, **also)


def test_only_scene_asks_how_alike_embeddings_are_of_what_is_no_photograph():
    embedder = {"similarity": 0.7, "strict": 0.8, "candidate": 0.6}
    assert {level: rules_from(Settings(), level, **embedder).candidate for level in LEVELS} == {
        "copies": -1.0, "near": -1.0, "scene": 0.6,
    }  # fmt: skip
