"""The main job as a team does it, by the command line: run, label, run again, undo; and killed at any moment."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from base64 import b64encode
from pathlib import Path

import pytest

from labelonce.label_studio.listing import read_all
from labelonce.label_studio.server import Server
from labelonce.progress import Progress
from pictures import encoded, texture
from studio import Person, label_everything, own_skips

PHOTOS = Path(__file__).resolve().parents[1] / "examples" / "photos"
SUFFIXES = {".jpg", ".png", ".webp"}
KILLS = 8


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """One store for all runs, so that the network runs once."""
    return tmp_path_factory.mktemp("store") / "store.sqlite3"


@pytest.fixture
def labelonce(labels, store, tmp_path):
    """The command line, as a process of its own."""
    environment = {
        **os.environ,
        "LABEL_STUDIO_URL": labels.url,
        "LABEL_STUDIO_API_KEY": labels.token,
        "LABELONCE_STORE": str(store),
    }

    def start(*arguments: str, expect: int | None = 0) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "labelonce", *arguments],
            env=environment,
            cwd=tmp_path,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        if expect is not None:
            out, err = process.communicate(timeout=300)
            assert process.returncode == expect, err
            process.output = out  # type: ignore[attr-defined]
            assert labels.token not in out + err
        return process

    return start


def photo_project(owner: Person, count: int | None = None) -> tuple[int, list[int]]:
    files = {path.name: path.read_bytes() for path in sorted(PHOTOS.iterdir()) if path.suffix in SUFFIXES}
    assert len(files) >= 80
    project = owner.project()
    names = list(files)[:count]
    for start in range(0, len(names), 50):
        owner.upload(project, {name: files[name] for name in names[start : start + 50]})
    found = owner.call("GET", f"/api/tasks/?project={project}&fields=task_only&page_size=1000")["tasks"]
    return project, sorted(task["id"] for task in found)


def test_a_labelling_session(labels, annotator_token, labelonce, tmp_path):
    owner, annotator = Person(labels.url, labels.token), Person(labels.url, annotator_token)
    project, tasks = photo_project(owner)
    number = str(project)
    before = owner.snapshot(project)

    planned = json.loads(labelonce("plan", "-p", number, "--output", "plan.json", "--json").output)["plan"]
    assert owner.snapshot(project) == before
    assert (tmp_path / "plan.csv").read_text().count("\n") == len(tasks) + 1
    unique = {one["task"] for one in planned["decisions"] if one["role"] != "duplicate"}
    assert 20 <= len(unique) <= len(tasks) - 20

    ran = json.loads(labelonce("run", "-p", number, "--json").output)
    assert ran["outcome"]["skipped"] == len(tasks) - len(unique)
    after = owner.snapshot(project)
    stamps = {task: owner.task(task)["updated_at"] for task in tasks}
    again = json.loads(labelonce("run", "-p", number, "--json").output)
    assert again["outcome"]["skips_written"] == again["outcome"]["tags_written"] == 0
    assert owner.snapshot(project) == after
    assert {task: owner.task(task)["updated_at"] for task in tasks} == stamps

    assert "ok   skips" in labelonce("doctor", "-p", number).output
    assert label_everything([annotator], project) == [unique]
    report = json.loads(labelonce("report", "-p", number, "--hourly-rate", "36", "--json").output)["savings"]
    assert report["seconds_per_label"] == 4.0
    assert report["seconds_saved"] == 4.0 * (len(tasks) - len(unique))
    assert report["money_saved"] == pytest.approx(report["seconds_saved"] / 100)

    labelonce("undo", "-p", number)
    left = owner.snapshot(project)
    assert left["tabs"] == before["tabs"]
    assert [task["data"] for task in left["tasks"]] == [task["data"] for task in before["tasks"]]
    assert all(task["cancelled_annotations"] == 0 for task in left["tasks"])
    assert {task["id"] for task in left["tasks"] if task["total_annotations"]} == unique
    assert label_everything([annotator], project) == [set(tasks) - unique]


def test_the_configuration_and_the_predictions_say_what_matters(labels, labelonce):
    owner = Person(labels.url, labels.token)
    plain = texture(21, (480, 360))
    changed = plain.copy()
    changed.paste(texture(22, (480, 360)).crop((300, 100, 430, 300)), (300, 100))
    uris = [f"data:image/png;base64,{b64encode(encoded(image)).decode()}" for image in (plain, changed)]
    value = {"x": 5, "y": 10, "width": 45, "height": 80, "rectanglelabels": ["thing"]}
    box = {"from_name": "r", "to_name": "image", "type": "rectanglelabels", "value": value}
    rows = [{"data": {"image": uri}, "predictions": [{"result": [box]}]} for uri in uris]
    image = '<Image name="image" value="$image"/>'
    judged = '<Choices name="c" toName="image"><Choice value="fine"/></Choices>'
    outlined = '<RectangleLabels name="r" toName="image"><Label value="thing"/></RectangleLabels>'

    def plan(config: str, *arguments: str) -> dict:
        project = owner.project(f"<View>{image}{config}</View>")
        owner.import_tasks(project, rows if "RectangleLabels" in config else [{"data": row["data"]} for row in rows])
        return json.loads(labelonce("plan", "-p", str(project), "--json", *arguments).output)["plan"]

    for config, level, arguments, duplicates in (
        (judged, "near", (), 0),
        (judged, "scene", ("--level", "scene"), 1),
        (outlined, "near", (), 0),
        (outlined + judged, "near", (), 0),
        (outlined, "near", ("--roi-from-predictions",), 1),
        (outlined, "scene", ("--level", "scene"), 1),
    ):
        made = plan(config, *arguments)
        assert made["settings"]["level"] == level
        assert sum(one["role"] == "duplicate" for one in made["decisions"]) == duplicates


def test_two_that_a_person_calls_the_same(labels, labelonce):
    owner = Person(labels.url, labels.token)
    number = owner.project()
    one, other = owner.upload(number, {f"{seed}.png": encoded(texture(seed, (320, 240))) for seed in (1, 2)})
    project = ("-p", str(number))

    def duplicates():
        made = json.loads(labelonce("plan", *project, "--json").output)["plan"]["decisions"]
        return [(one["task"], one["reason"]) for one in made if one["role"] == "duplicate"]

    labelonce("run", *project)
    assert duplicates() == []
    said = labelonce("same", *project, str(other), str(one)).output
    assert said == f"Tasks {other} and {one} are the same from now on, 1 skips written.\n"
    assert [bool(own_skips(owner, task)) for task in (one, other)] == [False, True]
    assert duplicates() == [(other, "a person said that they are the same")]
    labelonce("run", *project)
    assert [bool(own_skips(owner, task)) for task in (one, other)] == [False, True]
    assert json.loads(labelonce("same", *project, str(one), str(other), "--json").output)["outcome"]["skipped"] == 0
    labelonce("distinct", *project, str(one), str(other))
    assert not own_skips(owner, other)
    assert duplicates() == []
    labelonce("same", *project, str(one), str(one), expect=2)


def decided(snapshot):
    """What was made of each task, without the time."""
    return [
        ({**task["data"], "labelonce_run": None}, task["cancelled_annotations"], task["is_labeled"])
        for task in snapshot["tasks"]
    ]


def test_killed_at_any_moment(labels, labelonce):
    """`kill -9` at random moments of run and undo; the next one ends as if nothing had happened."""
    owner = Person(labels.url, labels.token)
    project, tasks = photo_project(owner, 40)
    before = owner.snapshot(project)
    labelonce("run", "-p", str(project))
    expected = owner.snapshot(project)
    shape = decided(expected)
    labelonce("undo", "-p", str(project))
    assert owner.snapshot(project) == before

    moments = random.Random(7)
    for number in range(KILLS):
        command = "undo" if number % 4 == 3 else "run"
        process = labelonce(command, "-p", str(project), expect=None)
        time.sleep(moments.uniform(1.0, 6.0))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    labelonce("run", "-p", str(project))
    found = owner.snapshot(project)
    assert decided(found) == shape
    assert [tab["data"] for tab in found["tabs"]] == [tab["data"] for tab in expected["tabs"]]
    labelonce("undo", "-p", str(project))
    assert owner.snapshot(project) == before
    states = read_all(Server(labels.url, labels.token), project, Progress())
    assert len(states) == len(tasks)
