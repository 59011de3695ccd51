"""What thresholds would do: as the plan says it, in whatever order images come, and the pairs that are in doubt."""

import random
from dataclasses import replace

import numpy as np
import pytest

from labelonce.change import Change
from labelonce.fine import Difference
from labelonce.levels import LEVELS
from labelonce.matching import Proposals
from labelonce.neighbours import Pairs
from labelonce.pipeline import make_plan
from labelonce.planning import Role
from labelonce.progress import Progress
from labelonce.settings import Settings
from labelonce.sources.memory import MemorySource
from labelonce.tasks import Task, Touch
from labelonce.tuning.doubt import Doubt, strain, unverified
from labelonce.tuning.steps import ROWS, thresholds, within
from labelonce.tuning.sweeping import sweep
from labelonce.verification import Verdict
from pictures import encoded, texture

QUIET = Progress()
SIDE = (320, 240)


@pytest.fixture(scope="module")
def files():
    """Three scenes in edited copies, byte copies of one, what is alone, and what cannot be read."""
    found = {}
    for seed in range(3):
        scene = texture(seed, SIDE)
        found[f"{seed}-a"] = encoded(scene)
        found[f"{seed}-b"] = encoded(scene, "JPEG", quality=60)
        found[f"{seed}-c"] = encoded(scene.crop((20, 12, 310, 230)))
        found[f"{seed}-d"] = encoded(scene.point(lambda value: min(255, int(value * 1.3))))
    found |= {f"copy-{number}": found["0-a"] for number in range(3)}
    found |= {f"alone-{seed}": encoded(texture(seed, SIDE)) for seed in (10, 11, 12)}
    return {**found, "broken": b"no picture"}


@pytest.fixture
def tasks(files):
    """What people did: some annotated a copy, skipped an image, or took a skip back."""
    touched = {"copy-1": Touch.ANNOTATED, "1-b": Touch.SKIPPED, "2-c": Touch.RETURNED, "0-d": Touch.DRAFTED}
    return [Task(id=name, images=(name,), touch=touched.get(name, Touch.NONE)) for name in files]


@pytest.fixture
def settings(tmp_path):
    return Settings(model="thumbnail", store=tmp_path / "store.sqlite3")


CHANGES = [
    {},
    {"verify": "none"},
    {"representatives": "one"},
    {"verify": "none", "min_samples": 3},
    {"min_samples": 4, "level": "scene"},
    {"eps": "92%", "invariant": "mirror"},
    {"preset": "recipe"},
]


@pytest.mark.parametrize("changes", CHANGES)
def test_every_step_is_what_a_plan_with_this_threshold_does(files, tasks, settings, changes):
    settings = replace(settings, **changes)
    source = MemorySource(files, tasks)
    found = sweep(source, settings, QUIET)
    assert found.tasks == len(tasks)
    assert found.problems == 1
    assert [step.similarity for step in found.steps] == sorted({step.similarity for step in found.steps}, reverse=True)
    for step in found.steps:
        made = make_plan(source, replace(settings, eps=f"{step.similarity}%"), QUIET)
        counts = (made.count(Role.DUPLICATE), made.clusters(), len(tasks) - made.count(Role.DUPLICATE))
        assert (step.duplicates, step.clusters, step.left) == counts, step
        assert step.share_left == step.left / len(tasks)
    (present,) = [step for step in found.steps if step.present]
    assert present.similarity == found.present
    assert present.duplicates == make_plan(source, settings, QUIET).count(Role.DUPLICATE) > 0


def test_what_verification_is_worth(files, settings):
    found = sweep(MemorySource(files), settings, QUIET)
    for step in found.steps:
        plain = replace(settings, verify="none", eps=f"{step.similarity}%")
        assert step.left_unverified == len(files) - make_plan(MemorySource(files), plain, QUIET).count(Role.DUPLICATE)
    assert {step.left_unverified for step in sweep(MemorySource(files), plain, QUIET).steps} == {None}


@pytest.mark.parametrize("changes", CHANGES)
def test_the_order_of_the_images_makes_no_difference(files, tasks, settings, changes):
    settings = replace(settings, **changes)
    expected = sweep(MemorySource(files, tasks), settings, QUIET, doubts=8)
    for seed in range(3):
        shuffled = random.Random(seed).sample(tasks, len(tasks))
        assert sweep(MemorySource(files, shuffled), settings, QUIET, doubts=8) == expected


def test_nothing_to_tune(settings):
    found = sweep(MemorySource({}), settings, QUIET)
    assert (found.tasks, found.doubts) == (0, ())
    assert {step.left for step in found.steps} == {0}


def near_pairs(count, store, **changes):
    """Pictures of one scene of which each next one has more of it covered."""
    scene = texture(1, SIDE)
    files = {}
    for number in range(count):
        changed = scene.copy()
        changed.paste((200, 30, 30), (20, 20, 20 + 9 * number, 20 + 9 * number))
        files[f"{number}"] = encoded(changed)
    return sweep(MemorySource(files), Settings(model="thumbnail", store=store, **changes), QUIET, doubts=6)


def test_doubtful_pairs_of_a_verified_threshold(tmp_path):
    scene = texture(1, SIDE)
    files = {f"copy {quality}": encoded(scene, "JPEG", quality=quality) for quality in range(40, 96, 5)}
    for number in range(1, 12):
        changed = scene.copy()
        changed.paste((200, 30, 30), (20, 20, 20 + 9 * number, 20 + 9 * number))
        files[f"changed {number}"] = encoded(changed)
    chosen = Settings(model="thumbnail", store=tmp_path / "store", level="near")
    found = sweep(MemorySource(files), chosen, QUIET, doubts=6)
    assert len(found.doubts) == 6
    assert [one.accepted for one in found.doubts] == [True] * 3 + [False] * 3
    for one in found.doubts:
        assert (one.strain <= 1) is one.accepted
    for accepted in (True, False):
        distances = [abs(np.log(one.strain)) for one in found.doubts if one.accepted is accepted]
        assert distances == sorted(distances)
    assert {one.reason for one in found.doubts if one.accepted} == {"the same picture"}
    told = [one.reason for one in found.doubts if not one.accepted]
    assert all(reason.startswith(("different content", "something in them")) for reason in told), told


def test_doubtful_pairs_without_verification_are_closest_to_the_threshold(files, settings):
    plain = replace(settings, verify="none", eps="97%")
    found = sweep(MemorySource(files), plain, QUIET, doubts=4)
    assert {one.accepted for one in found.doubts} == {True, False}
    for one in found.doubts:
        assert one.accepted is (one.similarity >= 97)
        assert one.reason == ("embedding" if one.accepted else "below 97 %")


def test_a_task_that_was_accepted_but_for_the_threshold_says_so(tmp_path):
    found = near_pairs(3, tmp_path / "store", level="scene", eps="99.9%")
    assert any(not one.accepted and one.reason.startswith("below 99.9 %; else ") for one in found.doubts)


def test_doubtful_pairs_show_many_images(tmp_path):
    found = near_pairs(20, tmp_path / "store", level="near")
    rejected = [one for one in found.doubts if not one.accepted]
    assert len({name for one in rejected for name in (one.left.id, one.right.id)}) > len(rejected) == 3


def test_several_images_show_the_least_alike_ones(files, settings):
    tasks = [Task("x", ("0-a", "1-a")), Task("y", ("0-b", "1-c"))]
    (doubt,) = sweep(MemorySource(files, tasks), replace(settings, level="scene", eps="80%"), QUIET).doubts
    assert (doubt.left.id, doubt.right.id, doubt.image) == ("x", "y", 1)


def test_strain():
    rules = LEVELS["near"]
    half = Verdict(True, "geometry", 90, 24, (1.0, 1.0), Change(area=rules.change / 4, agreement=1.0))
    assert strain(half, 0.5, rules) == pytest.approx(0.5)  # half as many corners would do
    changed = replace(half, accepted=False, reason="changed", change=Change(area=3 * rules.change, agreement=1.0))
    assert strain(changed, 0.5, rules) == pytest.approx(3)
    plain = replace(half, reason="same frame", inliers=0, change=Change(rules.plain_change / 2, 1.0))
    assert strain(plain, 0.5, LEVELS["scene"]) == pytest.approx(0.5)
    looked_at = replace(plain, difference=Difference(structure=0.2, colour=0.75))
    assert strain(looked_at, 0.5, rules) == pytest.approx(0.75)
    different = replace(looked_at, accepted=False, reason="different", difference=Difference(2.5, 0.0))
    assert strain(different, 0.5, rules) == pytest.approx(2.5)
    assert strain(Verdict(False, "scale", 99, 90, (0.9, 0.9)), 0.5, rules) == float("inf")
    assert strain(unverified(0.75), 0.5, None) == pytest.approx(0.5)
    assert strain(unverified(0.25), 0.5, None) == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("lowest", "present"), [(0.55, 0.55), (0.55, 0.75), (0.8, 0.95), (0.9, 0.999999), (0.553, 0.9173), (0.999, 0.999)]
)
def test_thresholds(lowest, present):
    found = thresholds(lowest, present)
    assert (found[0] >= 0.999999, found[-1]) == (True, lowest)
    assert {lowest, present} <= set(found)
    assert list(found) == sorted(found, reverse=True)
    assert min(np.abs(np.diff(found)), default=1) > 1e-5
    assert 2 <= len(found) <= ROWS + 3


def test_views_stay_with_their_pairs():
    pairs = Pairs(np.array([0, 0, 1]), np.array([1, 2, 2]), np.array([0.9, 0.5, 0.8], np.float32))
    found = within(Proposals(pairs, {0: "mirror", 1: "turn 90", 2: "turn 180"}), 0.8)
    assert list(zip(found.pairs.left.tolist(), found.pairs.right.tolist(), strict=True)) == [(0, 1), (1, 2)]
    assert found.views == {0: "mirror", 1: "turn 180"}


def test_a_doubt_names_its_tasks(files, settings):
    for one in sweep(MemorySource(files), settings, QUIET, doubts=2).doubts:
        assert isinstance(one, Doubt)
        assert one.left.id < one.right.id
