"""Doubt: how close a pair came to the threshold that decided, from the verdict to the lists that begin with it."""

import csv
import json
from dataclasses import replace

import pytest

from labelonce.label_studio import marks
from labelonce.pipeline import make_plan
from labelonce.planning import Decision, Plan, Role, load_plan, save_decisions, save_plan
from labelonce.progress import Progress
from labelonce.report import json_pieces
from labelonce.reporting.content import Skip
from labelonce.reporting.gathering import grouped
from labelonce.settings import Settings
from labelonce.sources.memory import MemorySource
from pictures import encoded, texture

SIDE = (960, 720)


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """A picture, equal ones, and smaller copies of which one lost more than the other."""
    one = texture(1, SIDE)
    small = one.resize((640, 480))
    return {
        "a": encoded(one),
        "b": encoded(one),
        "c": encoded(one, compress_level=1),
        "d": encoded(small, "JPEG", quality=92),
        "e": encoded(small, "JPEG", quality=20),
    }


def plan(files: dict[str, bytes], settings: Settings) -> Plan:
    return make_plan(MemorySource(files), settings, Progress())


def test_a_plan_says_how_close_it_was(files, tmp_path, monkeypatch):
    settings = Settings(model="thumbnail", store=tmp_path / "store.sqlite3")
    made = plan(files, settings)
    doubts = {one.task: one.doubt for one in made.decisions if one.role is Role.DUPLICATE}
    (kept,) = [one for one in made.decisions if one.role is Role.REPRESENTATIVE]
    assert kept.doubt is None
    assert len(doubts) == 4
    assert 0 < doubts.pop("e") < 1
    assert set(doubts.values()) == {0.0}  # equal ones, and what lost nothing that can be seen
    monkeypatch.setattr("labelonce.judge.verify", None)  # remembered
    assert plan(files, settings) == made


def test_no_threshold_decides_without_verification(files, tmp_path):
    made = plan(files, Settings(model="thumbnail", verify="none", store=tmp_path / "store.sqlite3"))
    assert {one.task: one.doubt for one in made.decisions if one.task in "de"} == {"d": None, "e": None}


def test_a_plan_without_doubts_still_loads(tmp_path):
    decisions = (
        Decision(1, Role.REPRESENTATIVE, "stands", 1, 1, 100.0),
        Decision(2, Role.DUPLICATE, "the same picture", 1, 1, 97.0, 0.25),
    )
    made, path = Plan("http://localhost:8080", 3, decisions), tmp_path / "plan.json"
    save_plan(made, path)
    assert load_plan(path) == made
    content = json.loads(path.read_text())
    for row in content["decisions"]:
        del row["doubt"]
    path.write_text(json.dumps(content))
    assert load_plan(path) == replace(made, decisions=(decisions[0], replace(decisions[1], doubt=None)))
    save_decisions(decisions, tmp_path / "all.csv")
    with (tmp_path / "all.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert [row[-1] for row in rows] == ["doubt", "", "0.25"]


@pytest.mark.parametrize("doubt", [0.0, 0.0001, 0.25, 1.0])
@pytest.mark.parametrize("reason", ["the same picture", "doubt: 0.5, reason: x", "similarity: 1, doubt: 0.5"])
def test_a_skip_carries_it(doubt, reason):
    """As SQLite and PostgreSQL hand its text to Label Studio, which takes out the quotation marks."""
    annotation = marks.skip(1, 7, "2026-01-01", Decision(7, Role.DUPLICATE, reason, 3, 3, 98.7, doubt))
    why = {"representative": 3, "similarity": 98.7, "reason": reason, "doubt": doubt}
    assert marks.why(annotation) == why
    result = annotation["result"]
    turned = [{**one, "value": dict(sorted(one["value"].items(), key=lambda item: len(item[0])))} for one in result]
    for text in (json.dumps(result), json.dumps(turned)):
        assert marks.why_of_text(text.replace('"', "")) in (why, {})
    if reason == "the same picture":
        assert marks.why_of_text(json.dumps(result).replace('"', "")) == why
        assert marks.why_of_text(json.dumps(turned).replace('"', "")) == why


def test_lists_begin_with_the_most_doubtful():
    close, far = Skip(2, 99.5, "a", True, 0.9), Skip(3, 60.0, "b", True, 0.1)
    unknown, nothing = Skip(5, 70.0, "c", True), Skip(7, None, "d", True)
    found = grouped([(1, 1, far), (1, 1, close), (4, 4, unknown), (6, 6, nothing)])
    assert [group.representative for group in found] == [1, 4, 6]
    assert [skip.task for skip in found[0].skips] == [2, 3]
    assert found[0].least == 60.0
    assert [group.doubtful for group in found] == pytest.approx([0.9, 0.3, 0.0])
    assert json.loads("".join(json_pieces(found)))[0]["skips"][0]["doubt"] == 0.9
