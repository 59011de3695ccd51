"""Tests of what is found where many pairs differ in one and the same place only."""

import json
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from labelonce.errors import PlanError
from labelonce.fine import MOST_BOXES, Box
from labelonce.hints import Hint, hint_of, packed, unpacked
from labelonce.images.regions import Region
from labelonce.neighbours import Pairs
from labelonce.pipeline import make_plan
from labelonce.planning import Plan, load_plan, save_plan
from labelonce.progress import Progress
from labelonce.report import plan_lines
from labelonce.settings import Settings
from labelonce.sources.folder import FolderSource

CLOCK = Region(0, 92, 31, 8)


def digits(seed: int) -> tuple[Box, ...]:
    """Where one clock differs from another: in some of its digits."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(6, int(rng.integers(1, 4)), replace=False)
    return tuple((1.2 + 5.0 * int(digit), 93.4, 3.1, 5.2) for digit in sorted(chosen))


def clocks(count: int) -> dict[tuple[int, int], tuple[Box, ...]]:
    """Frames in which the clock goes on, each compared with the one before."""
    return {(number, number + 1): digits(number) for number in range(count)}


def elsewhere(count: int) -> dict[tuple[int, int], tuple[Box, ...]]:
    rng = np.random.default_rng(0)
    corners = [(float(rng.uniform(0, 90)), float(rng.uniform(0, 80))) for _ in range(count)]
    return {(1000 + 2 * number, 1001 + 2 * number): ((x, y, 8.0, 9.0),) for number, (x, y) in enumerate(corners)}


def test_the_place_of_a_clock_is_found() -> None:
    hint = hint_of(clocks(40))
    assert hint is not None
    assert (hint.pairs, hint.more) == (40, 40)
    assert hint.region == CLOCK
    for boxes in clocks(40).values():
        for x, y, width, height in boxes:
            assert hint.region.x <= x
            assert hint.region.y <= y
            assert x + width <= hint.region.x + hint.region.width
            assert y + height <= hint.region.y + hint.region.height


def test_pairs_that_differ_elsewhere_too_do_not_count() -> None:
    found = hint_of({**clocks(40), **elsewhere(20), (5000, 5001): (*digits(1), (50.0, 20.0, 5.0, 5.0))})
    assert found is not None
    assert found.region == CLOCK
    assert found.pairs == 40


@pytest.mark.parametrize(
    "places",
    [
        {},
        clocks(4),
        elsewhere(40),
        {**clocks(20), **elsewhere(20)},
        dict.fromkeys(clocks(20), ((10.0, 10.0, 60.0, 60.0),)),
        {pair: boxes * MOST_BOXES for pair, boxes in clocks(20).items()},
    ],
    ids=["nothing", "too few", "everywhere", "not most", "too large", "more boxes than are told"],
)
def test_without_such_a_place_there_is_no_hint(places: dict[tuple[int, int], tuple[Box, ...]]) -> None:
    assert hint_of(places) is None


def test_as_many_are_saved_as_have_another_one() -> None:
    """Of four frames in all six pairs, three; of two more in one pair, one."""
    pairs = [*combinations(range(4), 2), (7, 8)]
    found = hint_of({pair: digits(0) for pair in pairs})
    assert found is not None
    assert (found.pairs, found.more) == (7, 4)


def test_what_is_skipped_already_is_not_saved_once_more() -> None:
    """Two groups of three, all of whose pairs across differ at the clock: one more, and not five."""
    across = {(one, other): digits(one) for one in range(3) for other in range(3, 6)}
    inside = np.array([[0, 1], [0, 2], [3, 4], [3, 5], [8, 9]])
    found = hint_of(across, Pairs(inside[:, 0], inside[:, 1], np.ones(5, np.float32)))
    assert found is not None
    assert (found.pairs, found.more) == (9, 1)
    joined = Pairs(np.append(inside[:, 0], 0), np.append(inside[:, 1], 3), np.ones(6, np.float32))
    assert hint_of(across, joined) is None


def test_a_hint_names_the_place_and_the_option() -> None:
    hint = Hint(Region(0, 92, 30, 8), 27, 1400)
    assert hint.text() == (
        "27 more pairs differ only at 0,92,30,8 (a clock or a caption?): --ignore 0,92,30,8 would skip up to 1,400 more"
    )
    assert "--ignore 0,0,30,6 --ignore 0,92,30,8 would" in hint.text([Region(0, 0, 30, 6)])


def test_boxes_are_packed() -> None:
    assert unpacked(packed(((1.23, 4.0, 0.04, 100.0), (0.0, 0.0, 50.0, 50.0)))) == (
        (1.2, 4.0, 0.0, 100.0),
        (0.0, 0.0, 50.0, 50.0),
    )
    assert unpacked(packed(())) == ()


def test_plans_keep_their_hints(tmp_path: Path) -> None:
    made = Plan("a folder", None, (), hints=("27 more",))
    save_plan(made, tmp_path / "plan.json")
    assert load_plan(tmp_path / "plan.json") == made
    content = json.loads((tmp_path / "plan.json").read_text())
    (tmp_path / "plan.json").write_text(json.dumps({**content, "hints": [27]}))
    with pytest.raises(PlanError, match="not a plan"):
        load_plan(tmp_path / "plan.json")
    del content["hints"]
    (tmp_path / "plan.json").write_text(json.dumps(content))
    assert load_plan(tmp_path / "plan.json") == replace(made, hints=())


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    folder = tmp_path / "frames"
    folder.mkdir()
    rng = np.random.default_rng(3)
    coarse = rng.integers(40, 215, (9, 12, 3)).astype(np.uint8)
    scene = cv2.resize(coarse, (480, 360), interpolation=cv2.INTER_CUBIC)
    for x, y, side in rng.integers((0, 0, 8), (480, 320, 50), (60, 3)).tolist():
        cv2.rectangle(scene, (x, y), (x + side, y + side), rng.integers(0, 255, 3).tolist(), -1)
    scene = np.clip(scene + rng.normal(0, 8, scene.shape), 0, 255).astype(np.uint8)
    for second in range(8):
        frame = scene.copy()
        cv2.rectangle(frame, (0, 330), (130, 360), (0, 0, 0), -1)
        cv2.putText(frame, f"{10 + second}:{58 - 7 * second}", (8, 354), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (255,) * 3, 2)
        Image.fromarray(frame).save(folder / f"{second}.png")
    return folder


def test_what_a_plan_hints_at_is_true(frames: Path, tmp_path: Path) -> None:
    """And it is told again where all verdicts are remembered."""
    source, settings = FolderSource(frames, max_bytes=1 << 24), Settings(model="dct", store=tmp_path / "store.sqlite3")
    made = make_plan(source, settings, Progress())
    (hint,) = made.hints
    assert f"  {hint}" in list(plan_lines(made))
    option = hint.partition("--ignore ")[2].split()[0]
    region, more = Region.parse(option), int(hint.split()[-2])
    assert region.y > 85
    assert make_plan(source, settings, Progress()) == made
    ignoring = make_plan(source, Settings(model="dct", store=settings.store, ignore=option), Progress())
    assert not ignoring.hints
    assert len(ignoring.decisions) - sum(one.task == one.representative for one in ignoring.decisions) == more
