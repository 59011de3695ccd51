"""What the last plan for a project found is told by doctor and report, without comparing anything."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from labelonce.advice import Advice, keep_advice, kept_advice
from labelonce.label_studio.doctor import Finding, examine
from labelonce.pipeline import make_plan
from labelonce.planning import Decision, Outlook, Plan, Role
from labelonce.progress import Progress
from labelonce.reporting.gathering import of_plan
from labelonce.reporting.tables import as_dict, markdown
from labelonce.savings import savings
from labelonce.settings import Settings
from labelonce.sources.memory import MemorySource
from pictures import encoded, texture
from web import Web, reply

HINT = "7 more pairs differ only at 0,92,31,8 (a clock or a caption?): --ignore 0,92,31,8 would skip up to 4 more"
SCENE = Outlook(3, 2, (Decision(2, Role.DUPLICATE, "moved", 1, 1, 80.0, 0.9),))
ADVICE = Advice((HINT,), SCENE)


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    store = tmp_path / "cache" / "store.sqlite3"
    assert kept_advice(store, "a") == Advice()
    keep_advice(store, "a", Advice())  # nothing to keep leaves nothing behind
    assert not list(tmp_path.iterdir())
    keep_advice(store, "a", ADVICE)
    keep_advice(store, "b", Advice((HINT,)))
    assert (kept_advice(store, "a"), kept_advice(store, "b")) == (ADVICE, Advice((HINT,)))
    keep_advice(store, "a", Advice())  # as the last run found nothing
    assert (kept_advice(store, "a"), kept_advice(store, "b")) == (Advice(), Advice((HINT,)))


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"hints": [1], "scene": null}', b'{"hints": [], "scene": 3}']
)
def test_what_is_damaged_says_nothing(tmp_path: Path, content: bytes) -> None:
    store = tmp_path / "store.sqlite3"
    keep_advice(store, "a", ADVICE)
    (path,) = (tmp_path / "store.sqlite3.advice").iterdir()
    path.write_bytes(content)
    assert kept_advice(store, "a") == Advice()


def test_where_nobody_may_write_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    keep_advice(tmp_path / "file" / "store.sqlite3", "a", ADVICE)
    assert kept_advice(tmp_path / "file" / "store.sqlite3", "a") == Advice()


def test_a_plan_for_a_project_keeps_what_it_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelonce.pipeline.outlook", lambda *_: SCENE)
    source = MemorySource({"a": encoded(texture(1)), "b": encoded(texture(2))})
    settings = Settings(model="dct", store=tmp_path / "store.sqlite3")
    make_plan(source, settings, Progress())  # of a folder nobody asks
    assert kept_advice(settings.store_path, source.identity) == Advice()
    keep_advice(settings.store_path, source.identity, ADVICE)
    make_plan(source, settings, Progress(), project=3)
    assert kept_advice(settings.store_path, source.identity) == Advice()


CONFIG = (
    '<View><Image name="image" value="$image"/><Choices name="c" toName="image"><Choice value="x"/></Choices></View>'
)
PROJECT = {"id": 3, "title": "Street", "skip_queue": "IGNORE_SKIPPED", "maximum_annotations": 1, "label_config": CONFIG}
ANSWERS = {
    "/api/version": {"release": "1.0"},
    "/api/current-user/whoami": {"email": "a@b.example"},
    "/api/projects/3/": PROJECT,
}


def test_doctor_names_the_place_and_the_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelonce.label_studio.doctor.read_all", lambda *_: {})
    with closing(Web()) as web:
        web.answer = lambda handler: reply(handler, json.dumps(ANSWERS[handler.path]).encode())
        settings = Settings(url=web.url, api_key="k", project=3, store=tmp_path / "store.sqlite3")
        *_, skips = examine(settings, Progress())
        assert skips.check == "skips"
        keep_advice(settings.store_path, f"{web.url}/projects/3", ADVICE)
        *_, before, last = examine(settings, Progress())
    assert before == skips
    assert last == Finding("more to skip", True, f"in the last plan that was made here, {HINT}")


def test_reports_of_plans_say_it() -> None:
    decisions = tuple(Decision(task, Role.UNIQUE, "x") for task in range(5))
    plan = Plan("http://host", 3, decisions, hints=(HINT,), scene=SCENE)
    found = savings(tasks=5, duplicates=0, skipped=0, annotators=1, lead_times=(), settings=Settings())
    report = of_plan(plan, found)
    assert report.advice == (HINT, "--level scene would leave 3 to label, 2 fewer")
    assert report.scene_command == "labelonce plan --project 3 --level scene"
    assert (
        replace(report, project=None, source="my photos").scene_command == "labelonce folder 'my photos' --level scene"
    )
    (group,) = report.scene_groups
    assert (group.representative, [(one.task, one.reason, one.doubt) for one in group.skips]) == (
        1,
        [(2, "moved", 0.9)],
    )
    assert (as_dict(report)["hints"], as_dict(report)["scene"]) == ((HINT,), SCENE)
    lines = list(markdown(report))
    assert "What would skip more:" in lines
    assert any("--ignore 0,92,31,8" in line for line in lines)
    quiet = replace(report, hints=(), scene=None)
    assert (quiet.advice, quiet.scene_groups) == ((), ())
    assert "What would skip more:" not in list(markdown(quiet))
