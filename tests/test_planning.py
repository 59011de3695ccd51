"""Plans are saved whole, and only what was saved whole is loaded."""

import csv
import json
import os
import tracemalloc
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelonce.errors import ConfigurationError, PlanError
from labelonce.planning import Decision, Plan, Role, load_plan, save_decisions, save_plan, save_representatives

TEXTS = st.text(max_size=12)


def small(project: int | None = 3) -> Plan:
    one, two, three = (1, 2, 3) if project else ("a.jpg", "b.jpg", "c.jpg")
    return Plan(
        "http://localhost:8080",
        project,
        (
            Decision(one, Role.REPRESENTATIVE, "stands for its duplicates", one, one, 100.0),
            Decision(two, Role.DUPLICATE, "duplicate", one, one, 97.4),
            Decision(three, Role.UNIQUE, "kept: the file is empty"),
        ),
        ((three, "the file is empty"),),
        {"model": "lite0", "similarity": 55.0},
    )


@settings(max_examples=40, deadline=None)
@given(data=st.data(), project=st.none() | st.integers(1, 9))
def test_what_is_loaded_is_what_was_saved(tmp_path_factory, data, project):
    ids = data.draw(st.lists(st.integers(1, 2**63 - 1) if project else TEXTS, unique=True, max_size=5))
    reasons = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
    heads = [*ids[:1]]
    decisions = tuple(
        Decision(one, Role.DUPLICATE, data.draw(reasons), heads[0], heads[0], data.draw(st.floats(0, 100)))
        if one not in heads
        else Decision(one, data.draw(st.sampled_from([Role.REPRESENTATIVE, Role.UNIQUE, Role.KEPT])), "x")
        for one in ids
    )
    plan = Plan(data.draw(TEXTS), project, decisions, tuple((one, data.draw(TEXTS)) for one in ids), {"eps": 0.05})
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    save_plan(plan, path)
    assert load_plan(path) == plan
    assert [one.name for one in path.parent.iterdir()] == ["plan.json"]


def test_counts():
    plan = small()
    assert (plan.count(Role.DUPLICATE), plan.count(Role.KEPT), plan.clusters()) == (1, 0, 1)


def test_tables(tmp_path):
    odd = os.fsdecode(b"caf\xe9.jpg")
    plan = Plan("photos", None, (
        Decision('a, "b"\n.jpg', Role.REPRESENTATIVE, "stands", 'a, "b"\n.jpg', 'a, "b"\n.jpg', 100.0),
        Decision("ü.jpg", Role.DUPLICATE, "duplicate", 'a, "b"\n.jpg', 'a, "b"\n.jpg', 97.0),
        Decision(odd, Role.UNIQUE, "no near-duplicate found"),
    ))  # fmt: skip
    save_decisions(plan.decisions, tmp_path / "all.csv")
    save_representatives(plan, tmp_path / "who.csv")
    with (tmp_path / "who.csv").open(newline="", encoding="utf-8", errors="surrogateescape") as handle:
        assert list(csv.reader(handle)) == [
            ["file", "representative"], ['a, "b"\n.jpg'] * 2, ["ü.jpg", 'a, "b"\n.jpg'], [odd, odd],
        ]  # fmt: skip
    with (tmp_path / "all.csv").open(newline="", encoding="utf-8", errors="surrogateescape") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["role"] for row in rows] == ["representative", "duplicate", "unique"]
    assert rows[1]["similarity"] == "97.0"
    save_plan(plan, tmp_path / "plan.json")
    assert load_plan(tmp_path / "plan.json") == plan


def broken(change) -> str:
    path_content = json.loads(json.dumps({"format": 1, **_as_json()}))
    change(path_content)
    return json.dumps(path_content)


def _as_json() -> dict:
    return asdict(small())


def _set(*keys, value):
    def change(content):
        for key in keys[:-1]:
            content = content[key]
        content[keys[-1]] = value

    return change


DAMAGED = [
    "", "{", "[]", "null", "3", '"plan"', "{}", '{"format": 1}', "[" * 100_000, "\ud800",
    broken(lambda content: content.pop("decisions")),
    broken(lambda content: content.pop("source")),
    broken(_set("decisions", value=None)),
    broken(_set("decisions", 0, value="x")),
    broken(_set("decisions", 0, "role", value="boss")),
    broken(_set("decisions", 0, "more", value=1)),
    broken(_set("decisions", 0, "task", value="one")),
    broken(_set("decisions", 0, "task", value=None)),
    broken(_set("decisions", 0, "task", value=True)),
    broken(_set("decisions", 0, "task", value=2)),
    broken(_set("decisions", 1, "representative", value=None)),
    broken(_set("decisions", 1, "representative", value=77)),
    broken(_set("decisions", 1, "representative", value=2)),
    broken(_set("decisions", 1, "representative", value=[1])),
    broken(_set("problems", value=[[1]])),
    broken(_set("project", value="three")),
    broken(_set("settings", value=None)),
    broken(_set("source", value=None)),
]  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED, ids=range(len(DAMAGED)))
def test_damaged_files(tmp_path, content):
    path = tmp_path / "plan.json"
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(PlanError, match="is not a plan, or is damaged"):
        load_plan(path)


def test_files_that_are_not_there_or_of_another_version(tmp_path):
    with pytest.raises(PlanError, match="cannot be read: No such file"):
        load_plan(tmp_path / "plan.json")
    with pytest.raises(PlanError, match="cannot be read: Is a directory"):
        load_plan(tmp_path)
    (tmp_path / "old.json").write_text('{"format": 0}')
    with pytest.raises(PlanError, match="another version"):
        load_plan(tmp_path / "old.json")


def test_a_plan_that_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "plan.json").mkdir()
    with pytest.raises(ConfigurationError, match="is not a file"):
        save_plan(small(), tmp_path / "plan.json")
    assert [one.name for one in tmp_path.iterdir()] == ["plan.json"]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_what_is_written_piece_by_piece_is_the_plan_as_one_text(tmp_path_factory, data):
    """As asdict and json.dumps give it, and nothing of it is held in memory twice."""
    ids = st.integers() | st.text(st.characters(exclude_categories=()), max_size=5)
    row = st.builds(
        Decision, ids, st.sampled_from(Role), TEXTS, st.none() | ids, st.none() | ids, st.none() | st.floats()
    )
    values = st.recursive(
        st.none() | st.booleans() | st.floats() | TEXTS | st.builds(Path, st.just("a")),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
        max_leaves=5,
    )
    plan = Plan(
        data.draw(TEXTS),
        data.draw(st.none() | st.integers()),
        tuple(data.draw(st.lists(row, max_size=4))),
        tuple(data.draw(st.lists(st.tuples(ids, TEXTS), max_size=3))),
        data.draw(st.dictionaries(TEXTS, values, max_size=3)),
    )
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    save_plan(plan, path)
    assert path.read_bytes().decode() == json.dumps({"format": 1, **asdict(plan)}, indent=1, default=str) + "\n"


def test_writing_a_long_plan_takes_little_memory(tmp_path):
    """A text of it, or a copy, has more than a hundred bytes for each task."""
    n = 20_000
    plan = Plan("photos", None, tuple(Decision(f"{one:06}.jpg", Role.UNIQUE, "no near-duplicate") for one in range(n)))
    tracemalloc.start()
    try:
        save_plan(plan, tmp_path / "plan.json")
        save_decisions(plan.decisions, tmp_path / "all.csv")
        save_representatives(plan, tmp_path / "who.csv")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 * n


def test_what_fails_halfway_leaves_the_file_before_it(tmp_path):
    path = tmp_path / "all.csv"
    save_decisions(small().decisions, path)
    before = path.read_bytes()
    with pytest.raises(UnicodeEncodeError):
        save_decisions([*small().decisions, Decision("\ud800", Role.UNIQUE, "x")], path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["all.csv"]
