"""What the level `scene` would leave to label is told with plans of `near`, and is what that level leaves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelonce.errors import PlanError
from labelonce.pipeline import make_plan
from labelonce.planning import LOOK_AT, Decision, Outlook, Plan, Role, load_plan, outlook, save_plan
from labelonce.progress import Progress
from labelonce.report import plan_lines
from labelonce.settings import Settings
from labelonce.sources.memory import MemorySource
from labelonce.tasks import Task
from pictures import encoded, texture

QUIET = Progress()
SIDE = (320, 240)
SCENES, SHOTS = 3, 4


def photo(scene: int, shot: int) -> Image.Image:
    """A view with grain, in which a thing stands elsewhere in each shot."""
    image = texture(scene, SIDE)
    thing = texture(50 + scene, SIDE).crop((0, 0, 90, 80))
    if shot:
        image.paste(thing, (30 + 60 * shot, 20 + 30 * shot))
    grain = np.random.default_rng(scene).normal(0, 5, (*SIDE[::-1], 3))
    return Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """Views, and of each first shot a copy that every level joins."""
    made = {f"{scene}{shot}": encoded(photo(scene, shot)) for scene in range(SCENES) for shot in range(SHOTS)}
    copies = {f"{scene}0x": encoded(photo(scene, 0), "JPEG", quality=85) for scene in range(SCENES)}
    return {**made, **copies}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(model="dct", eps="50%", store=tmp_path / "store.sqlite3")


def by_task(plan: Plan) -> dict[object, Decision]:
    return {one.task: one for one in plan.decisions}


def left(plan: Plan) -> int:
    return len(plan.decisions) - plan.count(Role.DUPLICATE)


@pytest.mark.parametrize("changes", [{}, {"representatives": "one"}, {"level": "near"}, {"min_samples": 3}])
def test_it_is_what_that_level_leaves(files, settings, tmp_path, changes):
    source = MemorySource(files)
    made = make_plan(source, replace(settings, **changes), QUIET)
    other = replace(settings, store=tmp_path / "other.sqlite3")
    real = make_plan(source, replace(other, **{**changes, "level": "scene"}), QUIET)
    assert made.scene is not None
    assert made.scene.left == left(real) < left(made)
    assert made.scene.fewer == left(made) - left(real)
    assert 0 < len(made.scene.pairs) <= LOOK_AT
    assert all(one.representative == by_task(real)[one.task].representative for one in made.scene.pairs)
    assert all(by_task(made)[one.task].role is not Role.DUPLICATE for one in made.scene.pairs)
    assert real.scene is None


def test_it_is_remembered(files, settings, monkeypatch):
    source = MemorySource(files)
    made = make_plan(source, settings, QUIET)
    monkeypatch.setattr("labelonce.judge.verify", lambda *_: pytest.fail("it was verified again"))
    assert make_plan(source, settings, QUIET) == made


def test_tasks_of_several_pictures(files, settings, tmp_path):
    """All of them have to be of one scene."""
    tasks = [Task(1, ("00", "10")), Task(2, ("01", "10x")), Task(3, ("02", "12")), Task(4, ("03", "20"))]
    source = MemorySource(files, tasks)
    made = make_plan(source, settings, QUIET)
    real = make_plan(source, replace(settings, store=tmp_path / "other.sqlite3", level="scene"), QUIET)
    assert made.scene is not None
    assert (left(made), made.scene.left, left(real)) == (4, 2, 2)


@pytest.mark.parametrize(
    ("controls", "changes", "told"),
    [
        (("RectangleLabels",), {}, True),
        (("Choices",), {}, True),
        (("TextArea",), {}, False),
        (("Number",), {"level": "near"}, False),
        (("Pairwise",), {}, False),
        ((), {"level": "copies"}, False),
        ((), {"level": "scene"}, False),
        ((), {"verify": "none", "eps": "99%"}, False),
    ],
)
def test_only_where_a_person_could_choose_it(files, settings, controls, changes, told):
    source = MemorySource({name: data for name, data in files.items() if name[1] in "01"})  # two of each view
    source.controls = controls
    assert (make_plan(source, replace(settings, **changes), QUIET).scene is not None) == told


def test_nothing_is_told_where_nothing_is_saved(files, settings):
    apart = {name: data for name, data in files.items() if name[1] == "0"}
    assert make_plan(MemorySource(apart), settings, QUIET).scene is None


def test_pages_are_not_read_for_it(settings, monkeypatch):
    """What is no photograph is one scene only where the fine look says so, which is not asked for this."""
    pages = {}
    for number in range(3):
        page = np.full((240, 320), 255, np.uint8)
        page[40:200:12, 30:290:7] = page[41:201:12, 30:290:7] = page[40:200:12, 31:291:7] = 0
        page[100:140, 20 + 90 * number : 100 + 90 * number] = 0
        pages[f"{number}.png"] = encoded(Image.fromarray(page))
    asked: list[bool] = []
    monkeypatch.setattr("labelonce.verification.look", lambda *_: asked.append(True))
    assert make_plan(MemorySource(pages), settings, QUIET).scene is None
    assert not asked


def decided(*heads: int) -> list[Decision]:
    """Task n stands by itself, or the n-th task given stands for it."""
    return [
        Decision(task, Role.UNIQUE, "x")
        if head == task
        else Decision(task, Role.DUPLICATE, "y", head, head, 90.0, task / 10)
        for task, head in enumerate(heads)
    ]


def test_the_most_doubtful_pairs_that_it_alone_would_skip():
    found = outlook(decided(0, 0, 2, 3, 4), decided(0, 0, 0, 3, 0))
    assert found == Outlook(2, 2, tuple(decided(0, 0, 0, 3, 0)[task] for task in (4, 2)))
    assert outlook(decided(0, 0), decided(0, 0)) is None
    many = outlook(decided(*range(40)), decided(*[0] * 40))
    assert many is not None
    assert (many.left, many.fewer) == (1, 39)
    assert [one.task for one in many.pairs] == list(range(39, 39 - LOOK_AT, -1))


def test_plans_say_it_and_keep_it(tmp_path):
    pairs = tuple(decided(0, 0, 0, 0, 0, 0)[1:])
    made = Plan("a folder", None, tuple(decided(*range(6))), scene=Outlook(1, 5, pairs), settings={
        "model": "dct", "similarity": 50, "verify": "geometry", "representatives": "cover",
    })  # fmt: skip
    (line,) = [line for line in plan_lines(made) if "--level" in line]
    assert line == (
        "  --level scene would leave 1 to label, 5 fewer; look at the most doubtful of its pairs first: 0 and 1, 0 and "
        "2, 0 and 3"
    )
    path = tmp_path / "plan.json"
    save_plan(made, path)
    assert load_plan(path) == made
    content = json.loads(path.read_text())
    for broken in ({"left": 1}, {**content["scene"], "left": "one"}, {**content["scene"], "pairs": [{}]}, 3):
        path.write_text(json.dumps({**content, "scene": broken}))
        with pytest.raises(PlanError, match="not a plan"):
            load_plan(path)
    del content["scene"]
    path.write_text(json.dumps(content))
    assert load_plan(path) == replace(made, scene=None)
