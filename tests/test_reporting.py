"""`labelonce report`: of a project, of a plan and of a folder, as a page, as JSON, as CSV and as Markdown."""

import csv
import io
import json
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from browser import browser  # noqa: F401 - a fixture
from labelonce.cli import cli
from labelonce.label_studio import marks
from labelonce.label_studio.listing import read_all, read_reasons
from labelonce.label_studio.server import Server
from labelonce.planning import Decision, Role
from labelonce.progress import Progress
from labelonce.reporting.content import SCHEMA, Choice, Group, Report, Skip
from labelonce.reporting.gathering import choices, grouped
from labelonce.reporting.tables import COLUMNS, as_dict, markdown, save_csv
from labelonce.savings import duration, savings
from labelonce.settings import Settings
from pictures import encoded, texture
from studio import Person, own_skips

SCENES, COPIES = 4, 2
FILES = {f"{scene}-{copy}.jpg": (scene, 92 - 10 * copy) for scene in range(SCENES) for copy in range(COPIES + 1)}
DUPLICATES = SCENES * COPIES


def picture(name: str) -> bytes:
    scene, quality = FILES[name]
    return encoded(texture(scene, (160, 120)), "JPEG", quality=quality)


@pytest.fixture
def run(labels, tmp_path, monkeypatch):
    """The command line, on the test server."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABEL_STUDIO_URL", labels.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", labels.token)
    monkeypatch.setenv("LABELONCE_STORE", str(tmp_path / "store.sqlite3"))
    monkeypatch.setenv("LABELONCE_MODEL", "dct")

    def call(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(cli, [str(one) for one in arguments], catch_exceptions=False, standalone_mode=True)
        assert done.exit_code == code, done.output
        return done.stdout

    return call


@pytest.fixture
def project(labels) -> tuple[Person, str, list[int]]:
    owner = Person(labels.url, labels.token)
    number = owner.project()
    rows = [{"image": f"data:image/jpeg;base64,{b64encode(picture(name)).decode()}"} for name in FILES]
    return owner, str(number), owner.import_tasks(number, rows)


def test_a_project(run, project, tmp_path):
    owner, number, tasks = project
    run("run", "-p", number)
    skipped = {task for task in tasks if own_skips(owner, task)}
    assert len(skipped) == DUPLICATES
    free = next(task for task in tasks if task not in skipped)
    owner.annotate(free, lead_time=12.0)
    before = owner.snapshot(int(number))

    found = json.loads(
        run("report", "-p", number, "--json", "--html", "report.html", "--csv", "report.csv", "--hourly-rate", "30")
    )
    assert found["schema"] == SCHEMA
    assert (found["project"], found["applied"]) == (int(number), True)
    assert found["savings"]["duplicates"] == found["savings"]["skipped"] == DUPLICATES
    assert found["savings"]["seconds_saved"] == 12.0 * DUPLICATES
    assert found["savings"]["money_saved"] == pytest.approx(12.0 * DUPLICATES / 120)
    assert {skip["task"] for group in found["groups"] for skip in group["skips"]} == skipped
    assert all(skip["reason"] and skip["skipped"] for group in found["groups"] for skip in group["skips"])
    assert {group["representative"] for group in found["groups"]} == set(tasks) - skipped
    assert [one["duplicates"] for one in found["runs"]] == [DUPLICATES]
    assert sum(one["tasks"] for one in found["uploads"]) == sum(one["tasks"] for one in found["days"]) == len(tasks)
    assert found["choices"][0] == {**found["choices"][0], "left": len(tasks) - DUPLICATES, "present": True}

    assert found["bytes_of"] == DUPLICATES
    assert 0 < found["bytes_saved"] < sum(len(picture(name)) for name in FILES)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    run("report", "-p", number, "--html", "alone.html", "--hourly-rate", "30")
    assert (tmp_path / "alone.html").read_text(encoding="utf-8") == page
    assert page.count("data:image/webp;base64,") + page.count("data:image/jpeg;base64,") >= len(tasks)
    assert f"{owner.url}/projects/{number}/data?task={min(skipped)}" in page
    rows = list(csv.DictReader(io.StringIO((tmp_path / "report.csv").read_text(encoding="utf-8"))))
    assert tuple(rows[0]) == COLUMNS
    assert {int(row["task"]) for row in rows if row["role"] == "duplicate"} == skipped
    assert owner.snapshot(int(number)) == before

    said = run("report", "-p", number, "--markdown")
    assert f"leaves {len(tasks) - DUPLICATES} of {len(tasks)} images to label" in said
    assert f"[{min(skipped)}](<{owner.url}/projects/{number}/data?task={min(skipped)}>)" in said


def test_a_browser_shows_what_the_json_says(run, project, tmp_path, browser):  # noqa: F811
    owner, number, tasks = project
    run("run", "-p", number)
    for seconds, task in zip((4.0, 9.0), (one for one in tasks if not own_skips(owner, one)), strict=False):
        owner.annotate(task, lead_time=seconds)
    found = json.loads(run("report", "-p", number, "--json", "--html", "report.html", "--cost-per-label", "1.25"))
    page = browser.new_page()
    page.goto((tmp_path / "report.html").as_uri())
    figures = {
        one.locator("dt").text_content(): one.locator(".figure").text_content() for one in page.locator(".tile").all()
    }
    saved = found["savings"]
    assert [figures[name] for name in ("Images", "Unique", "Duplicates")] == [
        str(saved[name]) for name in ("tasks", "unique", "duplicates")
    ]
    assert figures["Share left"] == f"{100 * saved['share_left']:.1f} %"
    assert figures["Time saved"] == duration(saved["seconds_saved"]) == "52 s"
    assert figures["Money saved"] == f"{saved['money_saved']:.2f}" == "10.00"
    assert table(page, "Least similarity") == [
        [f"{one['similarity']:.1f} %{' (now)' if one['present'] else ''}", str(one["left"])] for one in found["choices"]
    ]
    for name in ("run", "day", "upload"):
        assert table(page, name.capitalize()) == [
            [
                one["name"].replace("T", " ").removesuffix("Z"),
                str(one["tasks"]),
                str(one["duplicates"]),
                duration(one["seconds_saved"]),
                f"{one['money_saved']:.2f}",
            ]
            for one in found[f"{name}s"]
        ]
    shown = [
        (
            group.get_attribute("data-task"),
            [one.get_attribute("data-task") for one in group.locator(".skip").all()],
            group.locator(".like").all_text_contents(),
            group.locator(".why").all_text_contents(),
        )
        for group in page.locator("article.group").all()
    ]
    assert shown == [
        (
            str(group["representative"]),
            [str(skip["task"]) for skip in group["skips"]],
            [f"{skip['similarity']:.1f} %" for skip in group["skips"]],
            [skip["reason"] for skip in group["skips"]],
        )
        for group in found["groups"]
    ]
    page.close()


def table(page, first: str) -> list[list[str]]:
    """The rows of the table whose first column has this title."""
    rows = page.locator("table", has=page.get_by_role("columnheader", name=first, exact=True, include_hidden=True))
    return [row.locator("th, td").all_text_contents() for row in rows.locator("tbody tr").all()]


def test_the_figures_are_those_of_the_export(run, project):
    """The arithmetic once more, by hand, from what Label Studio exports."""
    owner, number, tasks = project
    owner.call("PATCH", f"/api/projects/{number}/", json={"maximum_annotations": 2})
    run("run", "-p", number)
    for seconds, task in zip((3.0, 5.0, 8.0, 30.0), (one for one in tasks if not own_skips(owner, one)), strict=True):
        owner.annotate(task, lead_time=seconds)
    found = json.loads(run("report", "-p", number, "--json", "--hourly-rate", "36", "--currency", "EUR"))["savings"]

    exported = owner.call("GET", f"/api/projects/{number}/export?exportType=JSON&download_all_tasks=true")
    done = [one for task in exported for one in task["annotations"]]
    times = sorted(one["lead_time"] for one in done if not one["was_cancelled"])
    duplicates = sum(any(marks.is_own(one) for one in task["annotations"]) for task in exported)
    assert (times, duplicates, len(exported)) == ([3.0, 5.0, 8.0, 30.0], DUPLICATES, len(tasks))
    assert (found["tasks"], found["duplicates"], found["annotations"]) == (len(exported), duplicates, len(times))
    assert found["unique"] == len(exported) - duplicates
    assert found["share_left"] == (len(exported) - duplicates) / len(exported)
    assert found["seconds_per_label"] == (times[1] + times[2]) / 2
    assert found["quartiles"] == [4.5, 13.5]
    assert found["labels_saved"] == 2 * duplicates
    assert found["seconds_saved"] == 2 * duplicates * 6.5
    assert found["money_saved"] == pytest.approx(2 * duplicates * 6.5 * 36 / 3600)
    assert found["currency"] == "EUR"
    assert "median of 4 annotations in this project, half of them between 4.5 and 13.5 s" in found["seconds_basis"]


ODD = {
    "same frame (agreement 0.98, 0.0 % changed)": True,
    "byte copy": True,
    'kept "as it is", {not}, similarity: 5': False,
    "a\\b": False,
    "one] [two": False,
    "eins, zwei, d\N{LATIN SMALL LETTER R WITH CARON}ei": None,
    "long " * 120: False,
    "": True,
}


@pytest.mark.parametrize("reason", ODD)
@pytest.mark.parametrize("similarity", [98.7, 100.0, None])
def test_the_text_of_a_skip_is_believed_only_where_it_is_certain(reason, similarity):
    """As SQLite and PostgreSQL hand it to Label Studio, which takes out the quotation marks."""
    decision = Decision(7, Role.DUPLICATE, reason, 3, 3, similarity)
    result = marks.skip(1, 7, "2026-01-01", decision)["result"]
    turned = [{**one, "value": dict(sorted(one["value"].items(), key=lambda item: len(item[0])))} for one in result]
    texts = json.dumps(result), json.dumps([turned], ensure_ascii=False)[1:-1]
    for text in texts:
        shown = text[:500].replace(',"', ', "').replace("],[", "] [").replace('"', "")
        found = marks.why_of_text(shown)
        expected = {"representative": 3, "similarity": similarity, "reason": reason}
        assert found in ({}, expected)
        if ODD[reason] is not None:
            assert bool(found) is ODD[reason]
        assert marks.why_of_text(f"{shown},{shown}".replace("],[", "] [")) == {}
        assert marks.why_of_text(f"{shown}] [") == {}


def test_what_the_text_of_a_skip_does_not_tell_is_read(labels):
    """The quick way and the exact way say the same."""
    owner = Person(labels.url, labels.token)
    number = owner.project()
    tasks = owner.import_tasks(number, [{"image": f"{place}.jpg"} for place in range(len(ODD) + 4)])
    for task, reason in zip(tasks, ODD, strict=False):
        body = marks.skip(number, task, "2026-01-01", Decision(task, Role.DUPLICATE, reason, tasks[0], tasks[0], 98.7))
        owner.call("POST", f"/api/tasks/{task}/annotations/", json=body)
    both, person, alone, _ = tasks[len(ODD) :]
    decision = Decision(both, Role.DUPLICATE, "byte copy", tasks[0], tasks[0], 100.0)
    body = marks.skip(number, both, "2026-01-01", decision)
    owner.call("POST", f"/api/tasks/{both}/annotations/", json=body)
    for task in (both, alone):
        owner.call("POST", f"/api/tasks/{task}/annotations/", json={"was_cancelled": True, "result": []})
    owner.annotate(person, lead_time=3.0)

    server = Server(labels.url, labels.token)
    exact = read_all(server, number, Progress())
    quick = read_reasons(server, number, Progress())
    assert {task: state.why for task, state in quick.items()} == {task: state.why for task, state in exact.items()}
    assert [exact[task].why["reason"] for task in tasks[: len(ODD)]] == list(ODD)
    assert exact[both].why["reason"] == "byte copy"
    assert exact[alone].why == exact[person].why == {}


def test_a_project_that_nobody_looked_at(run, project, tmp_path):
    _, number, tasks = project
    run("report", "-p", number, "--html", "report.html")
    said = "Nobody has looked for duplicates here yet"
    assert said in (tmp_path / "report.html").read_text(encoding="utf-8")
    done = CliRunner().invoke(cli, ["report", "-p", number, "--json"])
    assert f"labelonce run --project {number}" in done.stderr
    assert json.loads(done.stdout)["savings"]["unique"] == len(tasks)
    run("run", "-p", number, "--eps", "100%", "--verify", "none")  # copies of other qualities stay apart
    run("report", "-p", number, "--html", "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert said not in page
    assert "No image is a duplicate of another" in page


def test_tags_alone(run, project):
    _, number, tasks = project
    run("run", "-p", number, "--mark", "tags")
    found = json.loads(run("report", "-p", number, "--json"))
    skips = [skip for group in found["groups"] for skip in group["skips"]]
    assert len(skips) == DUPLICATES
    assert found["savings"]["skipped"] == 0
    assert not any(skip["skipped"] for skip in skips)
    assert all(90 < skip["similarity"] <= 100 for skip in skips)
    assert found["savings"]["unique"] == len(tasks) - DUPLICATES


def test_a_plan_that_is_not_applied(run, project, tmp_path):
    owner, number, tasks = project
    before = owner.snapshot(int(number))
    run("plan", "-p", number, "--output", "plan.json")
    found = json.loads(run("report", "plan.json", "--json", "--html", "plan.html", "--seconds-per-label", "9"))
    assert owner.snapshot(int(number)) == before
    assert (found["applied"], found["savings"]["duplicates"], found["savings"]["skipped"]) == (False, DUPLICATES, 0)
    assert found["savings"]["seconds_saved"] == 9 * DUPLICATES
    assert found["choices"][0]["similarity"] == found["threshold"]
    assert found["choices"][0]["left"] == len(tasks) - DUPLICATES
    assert "data:image/" in (tmp_path / "plan.html").read_text(encoding="utf-8")
    owner.import_tasks(int(number), [{"image": "later.jpg"}])  # the plan says nothing about it
    again = json.loads(run("report", "plan.json", "--json", "--seconds-per-label", "9"))
    assert again["savings"] == found["savings"]
    assert again["savings"]["unique"] == again["choices"][0]["left"]
    assert "made for project" in run_fails(run, "report", "plan.json", "-p", "999999")


def run_fails(run, *arguments: str) -> str:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the text is what matters
        run(*arguments)
    return str(caught.value)


def test_a_folder(run, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in FILES:
        (folder / name).write_bytes(picture(name))
    (folder / "=1+1.jpg").write_bytes(picture("0-0.jpg"))
    (folder / "broken.jpg").write_bytes(b"no picture")
    found = json.loads(run("report", str(folder), "--json", "--html", "a.html", "--csv", "a.csv"))
    assert found["project"] is None
    assert found["savings"]["duplicates"] == DUPLICATES + 1
    assert [task for task, _ in found["problems"]] == ["broken.jpg"]
    skips = [skip["task"] for group in found["groups"] for skip in group["skips"]]
    assert found["bytes_saved"] == sum((folder / name).stat().st_size for name in skips)
    assert "data:image/" in (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "\n" + SCHEMA + ",=1+1" not in (tmp_path / "a.csv").read_text(encoding="utf-8")
    run("folder", str(folder), "--output", "plan.json")
    assert json.loads(run("report", "plan.json", "--json"))["groups"] == found["groups"]


def made(groups: tuple[Group, ...] = (), title: str = "a project") -> Report:
    duplicates = sum(len(group.skips) for group in groups)
    found = savings(tasks=10, duplicates=duplicates, skipped=0, annotators=1, lead_times=[2.0], settings=Settings())
    return Report("http://127.0.0.1:8080", 3, title, True, 55.0, found, groups, choices(groups, 10, 55.0))


def test_doubt_comes_first():
    skips = [Skip(2, 99.0, "a", True), Skip(3, 71.0, "b", True), Skip(5, None, "c", True), Skip(6, 80.5, "d", True)]
    found = grouped([(1, 1, skips[0]), (1, 1, skips[1]), (4, 4, skips[2]), (7, 1, skips[3])])
    assert [group.representative for group in found] == [1, 7, 4]
    assert [skip.task for skip in found[0].skips] == [3, 2]
    assert found[1].cluster == 1
    assert [group.least for group in found] == [71.0, 80.5, 100.0]


def test_the_curve_counts_what_a_stricter_threshold_leaves():
    groups = grouped((1, 1, Skip(2 + place, 60.0 + place, "", True)) for place in range(40))
    curve = choices(groups, 50, 55.0)
    assert curve[0] == Choice(55.0, 10, True)
    assert curve[-1] == Choice(100.0, 50, False)
    assert [one.left for one in curve] == [
        50 - sum(60 + place >= one.similarity for place in range(40)) for one in curve
    ]
    assert sum(one.present for one in curve) == 1
    assert choices((), 50, 55.0) == ()
    assert choices(grouped([(1, 1, Skip(2, 100.0, "", True))]), 5, None) == (Choice(100.0, 4, True),)


def test_hostile_names_are_text(tmp_path):
    skip = Skip("<b>|`x`", 90.0, "=cmd|' /C calc'!A0\n[a](javascript:1)", True)
    report = replace(made(grouped([("r", "r", skip)]), "<script>alert(1)</script>|"), project=None)
    text = "\n".join(markdown(report))
    assert "<script>" not in text
    assert "<b>" not in text
    assert "](javascript" not in text
    for line in text.splitlines():
        if line.startswith("|"):
            assert line.replace("\\|", "").count("|") in (4, 5)
    save_csv(report, tmp_path / "a.csv")
    rows = csv.DictReader(io.StringIO((tmp_path / "a.csv").read_text(encoding="utf-8"), newline=""))
    (row,) = [row for row in rows if row["role"] == "duplicate"]
    assert row["reason"].startswith("'=cmd")
    assert row["task"] == skip.task


def test_the_schema_has_every_field_of_a_report():
    assert set(as_dict(made())) == {"schema", *(name for name in Report.__dataclass_fields__)}
    assert next(iter(as_dict(made()))) == "schema"


def test_one_thing_is_printed_at_a_time(run):
    assert "choose one" in run_fails(run, "report", "-p", "1", "--json", "--markdown")
    assert "there is no folder" in run_fails(run, "report", "-p", "1", "--html", str(Path("nowhere", "a.html")))
