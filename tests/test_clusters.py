"""Clusters as people read them: labels, sizes, noise, and what was not compared."""

import csv
import io
import json
import os
import random
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import settings as bounds
from hypothesis import strategies as st

from labelonce.cli import cli
from labelonce.clustering import NOISE
from labelonce.errors import ConfigurationError
from labelonce.grouping import (
    COLUMNS,
    Cluster,
    Grouping,
    as_record,
    group,
    largest,
    rows,
    size_rows,
    sizes,
)
from labelonce.matching import Node
from labelonce.pipeline import Clusters, decisions_of, find_clusters
from labelonce.planning import Decision, Role
from labelonce.progress import Progress
from labelonce.reading import KnownImages
from labelonce.settings import Settings
from labelonce.sources.memory import MemorySource
from labelonce.tasks import Task, Touch
from labelonce.words import said_same
from pictures import encoded, texture
from studio import Person

QUIET = Progress()


def found_of(tasks, numbers, labels, problems):
    """What the pipeline would find, if nodes hold these tasks and have these labels."""
    nodes = [Node((0,), tuple(tasks[number] for number in some)) for some in numbers]
    images = KnownImages([], np.zeros((0, 1), np.float32), {}, {}, problems, [])
    return Clusters(tasks, images, nodes, None, np.array(labels, np.int64), None, said_same(nodes), {"model": "a test"})


@bounds(max_examples=200, deadline=None)
@given(st.data())
def test_every_task_is_in_one_place(data):
    count = data.draw(st.integers(0, 12))
    ids = sorted(data.draw(st.lists(st.text(max_size=4), min_size=count, max_size=count, unique=True)))
    tasks = [Task(one, (one,)) for one in ids]
    places = data.draw(st.lists(st.integers(-2, 4), min_size=count, max_size=count))
    order = data.draw(st.permutations(range(count)))
    nodes = [[number] for number in order if places[number] >= NOISE]
    problems = {ids[number]: "a problem" for number in range(count) if places[number] < NOISE}
    grouping = group(found_of(tasks, nodes, [places[one] for (one,) in nodes], problems), (), source="memory")

    listed = list(rows(grouping))
    assert [row[0] for row in listed] == ids
    assert grouping.tasks == count
    assert [row[1] is None for row in listed] == [place < NOISE for place in places]
    assert [row[1] == NOISE for row in listed] == [place == NOISE for place in places]
    clustered = [(row[1], place) for row, place in zip(listed, places, strict=True) if place > NOISE]
    assert len(set(clustered)) == len({label for label, _ in clustered}) == len({place for _, place in clustered})
    firsts = list(dict.fromkeys(label for label, _ in clustered))
    assert firsts == list(range(len(grouping.clusters)))
    assert all(row[2] == sum(other[1] == row[1] for other in listed) for row in listed if row[1] not in (None, NOISE))
    assert sum(count * size for size, count in sizes(grouping).items()) == grouping.clustered
    assert sum(images for _, _, images in size_rows(grouping)) == grouping.clustered


def test_figures():
    members = [tuple(f"{label} {number}" for number in range(size)) for label, size in enumerate([2, 7, 1500, 2, 30])]
    clusters = tuple(Cluster(label, some, some) for label, some in enumerate(members))
    grouping = Grouping("memory", None, clusters, ("x",), (("y", "a problem"),), {})
    assert sizes(grouping) == {2: 2, 7: 1, 30: 1, 1500: 1}
    assert list(size_rows(grouping)) == [
        ("2", 2, 4), ("5 to 9", 1, 7), ("20 to 49", 1, 30), ("1000 and more", 1, 1500),
    ]  # fmt: skip
    assert [one.label for one in largest(grouping, 4)] == [2, 4, 1, 0]
    record = as_record(grouping)
    assert (record["tasks"], record["clusters"], record["unique"], record["not_compared"]) == (1543, 5, 1, 1)
    assert record["datapoints"][-2:] == [
        dict(zip(COLUMNS, ("x", -1, 1, "x", None), strict=True)),
        dict(zip(COLUMNS, ("y", None, None, None, "a problem"), strict=True)),
    ]


def test_representatives_are_those_of_the_decisions():
    tasks = [Task(number, (str(number),)) for number in range(4)]
    decisions = [Decision(number, Role.UNIQUE, "") for number in range(4)]
    decisions[1] = Decision(1, Role.DUPLICATE, "", 1, 0, 99.0)
    grouping = group(found_of(tasks, [[0, 1], [2], [3]], [0, 0, NOISE], {}), decisions, source="memory", project=3)
    assert grouping.clusters == (Cluster(0, (0, 1, 2), (0, 0, 2)),)
    assert (grouping.unique, grouping.project) == ((3,), 3)


@pytest.fixture(scope="module")
def pictures():
    """Two scenes in several files each, one that is alone, and one that is broken."""
    images = [texture(seed, (160, 120)) for seed in range(3)]
    return {
        "a1": encoded(images[0]),
        "b1": encoded(images[1]),
        "c": encoded(images[2]),
        "a2": encoded(images[0], "JPEG", quality=90),
        "b2": encoded(images[1]),
        "a3": encoded(images[0]),
        "broken": b"no picture",
    }


@pytest.fixture
def settings(tmp_path):
    return Settings(model="thumbnail", verify="none", store=tmp_path / "store.sqlite3")


def grouped(source, settings):
    found = find_clusters(source, settings, QUIET, every=True)
    return group(found, decisions_of(found, settings), source="memory")


def test_pictures(pictures, settings):
    grouping = grouped(MemorySource(pictures), settings)
    assert [one.members for one in grouping.clusters] == [("a1", "a2", "a3"), ("b1", "b2")]
    assert grouping.unique == ("c",)
    assert grouping.problems == (("broken", "not a picture of a supported format"),)
    first = grouped(MemorySource(pictures), replace(settings, representatives="one"))
    assert [set(one.representatives) for one in first.clusters] == [{"a1"}, {"b1"}]


def test_neither_order_nor_copies_matter(pictures, settings):
    expected = grouped(MemorySource(pictures), settings)
    names = list(pictures)
    for seed in range(5):
        random.Random(seed).shuffle(names)
        assert grouped(MemorySource({name: pictures[name] for name in names}), settings) == expected


@pytest.mark.parametrize(
    ("min_samples", "clusters", "unique"),
    [(1, [("a1", "a2", "a3"), ("b1", "b2"), ("c",)], ()), (3, [("a1", "a2", "a3")], ("b1", "b2", "c")),
     (4, [], ("a1", "a2", "a3", "b1", "b2", "c"))],
)  # fmt: skip
def test_min_samples(pictures, settings, min_samples, clusters, unique):
    grouping = grouped(MemorySource(pictures), replace(settings, min_samples=min_samples))
    assert [one.members for one in grouping.clusters] == clusters
    assert grouping.unique == unique


def test_what_a_person_skipped_is_neither_in_a_cluster_nor_unique(pictures, settings):
    tasks = [Task(1, ("a1",)), Task(2, ("a2",)), Task(3, ("c",), touch=Touch.SKIPPED)]
    grouping = grouped(MemorySource(pictures, tasks), settings)
    assert (grouping.clustered, grouping.unique) == (2, ())
    assert grouping.problems == ((3, "skipped by a person"),)


@pytest.fixture
def folder(tmp_path, pictures):
    path = tmp_path / "photos"
    path.mkdir()
    for name, data in pictures.items():
        (path / f"{name} \n\x1b[31m.png").write_bytes(data)
    return path


@pytest.fixture
def run(tmp_path, monkeypatch):
    for name in ("LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY", "LABELONCE_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments, **environment):
        options = ["--model", "thumbnail", "--verify", "none", "--store", tmp_path / "store"]
        return CliRunner().invoke(cli, [str(one) for one in ("clusters", *arguments, *options)], env=environment)

    return invoke


def table(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_table(run, folder):
    done = run(folder)
    assert done.exit_code == 0
    assert "7 images: 5 in 2 clusters, 1 unique, 1 not compared" in done.stdout
    assert "not compared: broken" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_folder_with_nothing_in_it(run, tmp_path):
    done = run(tmp_path)
    assert "0 images: 0 in 0 clusters, 0 unique, 0 not compared" in done.stdout
    assert run(tmp_path, "--csv", "-").stdout == ",".join(COLUMNS) + "\n"


def test_csv(run, folder, tmp_path):
    written = run(folder, "--csv", tmp_path / "labels.csv")
    assert (written.exit_code, "Clusters of" in written.stdout) == (0, True)
    piped = run(folder, "--csv", "-")
    assert piped.stdout_bytes == (tmp_path / "labels.csv").read_bytes()
    found = {row["task"][:2].strip(): (row["label"], row["size"], row["problem"]) for row in table(piped.stdout)}
    assert found == {
        "a1": ("0", "3", ""), "a2": ("0", "3", ""), "a3": ("0", "3", ""), "b1": ("1", "2", ""), "b2": ("1", "2", ""),
        "c": ("-1", "1", ""), "br": ("", "", "not a picture of a supported format"),
    }  # fmt: skip


def test_names_that_are_not_utf_8(run, tmp_path, pictures):
    name = os.fsdecode(b"caf\xe9.png")
    try:
        (tmp_path / name).write_bytes(pictures["c"])
    except OSError:
        pytest.skip("this file system has names in Unicode only")
    assert b"\ncaf\xe9.png,-1," in run(tmp_path, "--csv", "-").stdout_bytes
    datapoints = json.loads(run(tmp_path, "--json").stdout)["clusters"]["datapoints"]
    assert [one["task"] for one in datapoints] == [name]


def test_json(run, folder):
    found = json.loads(run(folder, "--json").stdout)["clusters"]
    assert (found["tasks"], found["clusters"], found["clustered"], found["unique"]) == (7, 2, 5, 1)
    assert found["sizes"] == {"2": 1, "3": 1}
    assert [len(found["members"][label]) for label in ("0", "1")] == [3, 2]
    assert len(found["datapoints"]) == 7


def test_what_to_look_at_has_to_be_clear(run, folder):
    for arguments, message in (
        ((), "Name a folder, or a Label Studio project"),
        ((folder, "--project", "3"), "not both"),
        ((folder, "--csv", "-", "--json"), "both write to standard output"),
        ((folder, "--csv", "no/labels.csv"), "there is no folder no"),
    ):
        error = run(*arguments).exception
        assert isinstance(error, ConfigurationError)
        assert message in str(error)
    assert run(folder, LABELONCE_PROJECT="3").exit_code == 0  # the folder that is named goes before what is set


def test_a_project(run, labels, pictures):
    owner = Person(labels.url, labels.token)
    number = owner.project()
    tasks = owner.upload(number, {f"{name}.png": data for name, data in pictures.items() if name != "broken"})
    at = {"LABEL_STUDIO_URL": labels.url, "LABEL_STUDIO_API_KEY": labels.token}
    before = owner.snapshot(number)
    found = {int(row["task"]): int(row["label"]) for row in table(run("--project", number, "--csv", "-", **at).stdout)}
    assert found == dict(zip(tasks, [0, 1, -1, 0, 1, 0], strict=True))
    shown = run("--project", number, **at)
    assert f"Clusters of project {number} at {labels.url}" in shown.stdout
    assert owner.snapshot(number) == before
