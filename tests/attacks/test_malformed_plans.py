"""A plan that somebody wrote or damaged is looked at whole, before anything is asked of a server."""

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import Labels
from labelonce.cli import cli
from labelonce.errors import PlanError
from labelonce.label_studio.applying import apply_plan
from labelonce.label_studio.server import Server
from labelonce.planning import Decision, Outlook, Plan, Role, load_plan, save_plan
from labelonce.progress import Progress
from studio import Person, plan_for

HUGE, NAN = 10**400, float("nan")
GOOD = Plan(
    "http://127.0.0.1:9",
    3,
    (
        Decision(1, Role.REPRESENTATIVE, "stands for its duplicates", 1, 1, 100.0),
        Decision(2, Role.DUPLICATE, "same frame", 1, 1, 97.4, 0.2),
        Decision(3, Role.DUPLICATE, "a person said that they are the same", 1, 1),
        Decision(4, Role.UNIQUE, "kept: the file is empty"),
        Decision(5, Role.KEPT, "kept: a person took the skip back", 5, 5, 100.0),
    ),
    ((4, "the file is empty"),),
    {"similarity": 55.0},
    ("a hint",),
    Outlook(2, 1, (Decision(4, Role.DUPLICATE, "same scene", 1, 1, 80.0, 0.9),)),
)
WORDS: tuple[Any, ...] = ("one", "1", [1], {"a": 1}, True)
NUMBERS = (*WORDS, 0, -1, HUGE, 1 << 63, 1.5, NAN, float("inf"))
SHARES = (*WORDS, -0.1, HUGE, NAN, float("inf"))
WRONG: dict[str, tuple[Any, ...]] = {
    "task": (*NUMBERS, None, 1),
    "role": ("boss", "", None, 1, []),
    "reason": (None, 1, [], {}, "\0", "\ud800"),
    "cluster": NUMBERS,
    "representative": (*NUMBERS, None, 77, 2, 3),
    "similarity": (*SHARES, 100.5),
    "doubt": (*SHARES, 1.5),
}
ROWS = [(name, value) for name, values in WRONG.items() for value in values]
ELSEWHERE = [
    (("source",), None), (("source",), 3), (("project",), "3"), (("project",), True), (("project",), 0),
    (("project",), HUGE), (("settings",), []), (("settings", "similarity"), "55"), (("hints",), [3]), (("hints",), 3),
    (("problems",), [[4]]), (("problems",), [["x", "y"]]), (("problems",), [[4, 5]]), (("problems",), {"4": "5"}),
    (("decisions", 0, "representative"), 4), (("decisions", 3, "representative"), 1), (("decisions",), {}),
    (("scene", "left"), -1), (("scene", "fewer"), 1.5), (("scene", "pairs", 0, "similarity"), "x"), (("more",), 1),
    (("decisions", 0, "role"), "duplicate"), (("format",), 2), (("format",), None),
]  # fmt: skip


class Unasked(Server):
    """A server that nobody may ask anything."""

    def request(self, *_arguments: Any, **_named: Any) -> Any:
        raise AssertionError("a request")


def written(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def content() -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps({"format": 1, **asdict(GOOD)}))
    return made


def test_the_one_that_is_changed_below_is_sound(tmp_path: Path) -> None:
    assert load_plan(written(tmp_path / "plan.json", content())) == GOOD
    save_plan(GOOD, tmp_path / "saved.json")
    assert load_plan(tmp_path / "saved.json") == GOOD


@pytest.mark.parametrize(("name", "value"), ROWS, ids=lambda one: str(one)[:12])
def test_a_decision_that_cannot_be_is_refused(tmp_path: Path, name: str, value: Any) -> None:
    made = content()
    made["decisions"][1][name] = value
    with pytest.raises(PlanError, match=r"is damaged: .*Make it anew"):
        load_plan(written(tmp_path / "plan.json", made))
    decision = replace(GOOD.decisions[1], **{name: value})
    if (name, value) == ("representative", 77):
        return  # a plan for a part of a project may name what is not in it
    with pytest.raises(PlanError, match=r"cannot be carried out: .*Make it anew"):
        apply_plan(Unasked(GOOD.source, "token"), with_(decision), Progress())


def with_(decision: Decision) -> Plan:
    return replace(GOOD, decisions=(GOOD.decisions[0], decision, *GOOD.decisions[2:]))


@pytest.mark.parametrize(("keys", "value"), ELSEWHERE, ids=lambda one: str(one)[:40])
def test_what_cannot_be_elsewhere_is_refused(tmp_path: Path, keys: tuple[Any, ...], value: Any) -> None:
    made = content()
    place = made
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    with pytest.raises(PlanError, match=r"Make (it|the plan) anew"):
        load_plan(written(tmp_path / "plan.json", made))


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_json_is_a_plan_that_can_be_carried_out_or_none(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Anything at any place: it is refused, or all that is computed from it later can be."""
    made = content()
    place: Any = made
    while isinstance(place, dict | list) and place:
        keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or data.draw(st.booleans()):
            place[key] = data.draw(ANY)
            break
        place = place[key]
    path = written(tmp_path_factory.mktemp("plan") / "plan.json", made)
    try:
        plan = load_plan(path)
    except PlanError:
        return
    by_task = {one.task: one for one in plan.decisions}
    for one in plan.decisions:
        assert one.similarity is None or 0 <= round(one.similarity) <= 100
        assert one.cluster is None or float(one.cluster) > 0 or plan.project is None
        if one.role is Role.DUPLICATE:
            assert by_task[cast("int", one.representative)].role is not Role.DUPLICATE


@pytest.fixture
def owner(labels: Labels) -> Person:
    return Person(labels.url, labels.token)


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows[2].update(similarity="97"),
        lambda rows: rows[2].update(cluster="first"),
        lambda rows: rows[0].update(role="duplicate", representative=rows[1]["task"]),
    ],
    ids=["similarity", "cluster", "circle"],
)
def test_nothing_is_written_by_the_command(
    owner: Person, tmp_path: Path, change: Callable[[list[dict[str, Any]]], None]
) -> None:
    project = owner.project()
    image = f"data:image/png;base64,{b64encode(b'x').decode()}"
    tasks = owner.import_tasks(project, [{"image": image}] * 3)
    made = {"format": 1, **json.loads(json.dumps(asdict(plan_for(owner.url, project, tasks, {0: [1, 2]}))))}
    change(made["decisions"])
    before = owner.snapshot(project)
    path = written(tmp_path / "plan.json", made)
    environment = {
        "LABEL_STUDIO_URL": owner.url, "LABEL_STUDIO_API_KEY": owner.token, "LABELONCE_STORE": str(tmp_path / "store"),
    }  # fmt: skip
    done = CliRunner().invoke(cli, ["apply", str(path)], env=environment)
    assert isinstance(done.exception, PlanError), done.output
    assert owner.snapshot(project) == before
