from __future__ import annotations

from dataclasses import replace

import pytest

from labelonce.levels import LEVELS, level_for, rules_from
from labelonce.settings import Settings


@pytest.mark.parametrize(
    ("controls", "level", "named"),
    [
        ((), "near", "no labelling configuration"),
        (("RectangleLabels",), "near", "RectangleLabels"),
        (("KeyPointLabels", "Choices"), "near", "KeyPointLabels"),
        (("brush",), "near", "brush"),
        (("Choices",), "scene", "Choices"),
        (("Choices", "Rating", "Taxonomy", "TextArea"), "scene", "Choices, Rating, Taxonomy, TextArea"),
        (("Choices", "SomethingNew"), "near", "SomethingNew"),
    ],
)
def test_the_labelling_configuration_decides(controls, level, named):
    found, why = level_for(controls)
    assert found == level
    assert named in why


def test_levels_ask_for_more_the_more_is_labelled():
    copies, near, scene = (LEVELS[name] for name in ("copies", "near", "scene"))
    assert copies.change < near.change < scene.change
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
            assert rules == replace(unchanged, **{rule: getattr(rules, rule)})
