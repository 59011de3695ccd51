"""A person who works with the account that labelonce has its token from, and makes one of its skips their own."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import Labels
from labelonce.label_studio import marks
from labelonce.label_studio.applying import apply_plan
from labelonce.label_studio.listing import read_all, read_exactly
from labelonce.label_studio.project import read_project
from labelonce.label_studio.server import Server
from labelonce.label_studio.undoing import undo
from labelonce.planning import Decision, Plan, Role
from labelonce.progress import Progress
from labelonce.tasks import Touch
from studio import BOX, Person, own_skips, plan_for

QUIET = Progress()
MADE = marks.skip(1, 2, "2026-01-31", Decision(2, Role.DUPLICATE, "a test", 1, 1, 97.4, 0.25))
(MARK,) = MADE["result"]

# what is changed about each of the skips, of a task at this position
CHANGES: dict[int, dict[str, Any]] = {
    1: {"result": [MARK, BOX]},
    2: {"result": [BOX, MARK]},
    3: {"lead_time": 31.5},
    4: {"ground_truth": True},
    5: {"result": [{**MARK, "value": {**MARK["value"], "text": ["a note"]}}]},
    6: {"result": [{**MARK, "meta": {"text": ["a note"]}}]},
    7: {"result": [MARK, MARK]},
}


@pytest.fixture(scope="module")
def owner(labels: Labels) -> Person:
    return Person(labels.url, labels.token)


@pytest.fixture(scope="module")
def connection(labels: Labels) -> Server:
    return Server(labels.url, labels.token)


@pytest.fixture
def changed(owner: Person, connection: Server) -> tuple[Plan, list[int], dict[int, dict[str, Any]]]:
    """A plan that was carried out, its tasks, and the skips that were changed since; that of the last was not."""
    project = owner.project()
    tasks = owner.import_tasks(project, [{"image": f"http://127.0.0.1:9/{n}.png"} for n in range(len(CHANGES) + 2)])
    plan = plan_for(owner.url, project, tasks, {0: list(range(1, len(tasks)))})
    assert apply_plan(connection, plan, QUIET).skipped == len(CHANGES) + 1
    after = {}
    for position, change in CHANGES.items():
        (skip,) = own_skips(owner, tasks[position])
        after[skip] = owner.call("PATCH", f"/api/annotations/{skip}/", json=change)
        assert all(after[skip][key] == value for key, value in change.items())
        assert after[skip]["updated_by"] == after[skip]["completed_by"]
    return plan, tasks, after


def test_they_count_as_a_persons(
    changed: tuple[Plan, list[int], dict[int, Any]], owner: Person, connection: Server
) -> None:
    plan, tasks, _ = changed
    assert plan.project is not None
    listed = read_all(connection, plan.project, QUIET)
    exactly = {state.id: state for state, _ in read_exactly(connection, plan.project, tasks)}
    for states in (listed, exactly):
        assert [states[task].touch for task in tasks[1:]] == [Touch.SKIPPED] * len(CHANGES) + [Touch.NONE]
    assert apply_plan(connection, plan, QUIET).left_to_people == tasks[1:-1]


@pytest.mark.parametrize("lifting", ["undo", "apply"])
def test_they_stay(
    changed: tuple[Plan, list[int], dict[int, Any]], owner: Person, connection: Server, lifting: str
) -> None:
    plan, tasks, after = changed
    assert plan.project is not None
    if lifting == "undo":
        assert undo(connection, read_project(connection, plan.project), QUIET).skips == 1
    else:
        kept = tuple(Decision(one.task, Role.UNIQUE, "another look") for one in plan.decisions)
        assert apply_plan(connection, replace(plan, decisions=kept), QUIET).skips_lifted == 1
    left = {one["id"]: one for task in tasks for one in owner.task(task)["annotations"]}
    assert left.keys() == after.keys()
    for skip, one in after.items():
        now = owner.call("GET", f"/api/annotations/{skip}/")
        assert {key: now[key] for key in ("result", "lead_time", "was_cancelled", "ground_truth")} == {
            key: one[key] for key in ("result", "lead_time", "was_cancelled", "ground_truth")
        }


def test_what_is_made_is_known_again() -> None:
    by_word = marks.skip(1, 2, "2026-01-31", Decision(2, Role.DUPLICATE, "a person said so", 1, 1))
    for made in (MADE, by_word):
        assert marks.is_own({**made, "lead_time": None, "ground_truth": False, "completed_by": 1, "updated_by": 1})


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.one_of(
        ANY,
        st.lists(st.just(MARK) | ANY, max_size=3),
        ANY.map(lambda value: [{**MARK, "value": value}]),
        st.builds(lambda key, value: [{**MARK, key: value}], st.sampled_from([*MARK, "origin"]), ANY),
        st.builds(
            lambda key, value: [{**MARK, "value": {**MARK["value"], key: value}}],
            st.sampled_from(["representative", "reason", "note"]),
            st.booleans() | st.none() | st.lists(ANY) | st.floats(0.5, 0.6),
        ),
    )
)
def test_any_other_result_is_not_ours(result: Any) -> None:
    exactly = json.dumps(result) == json.dumps([MARK])  # True is 1 for Python, not for JSON
    assert marks.is_own({**MADE, "result": result}) == exactly
