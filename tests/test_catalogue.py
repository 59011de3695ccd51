"""A catalogue holds what a run knew, whole or not at all, and costs nothing but itself when it fails."""

import errno
import os
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as example
from hypothesis import strategies as st

from labelonce import embedding
from labelonce.catalogue import ERROR, Known, open_catalogue, save_catalogue, saving
from labelonce.catalogue.saving import ABANDONED_SECONDS
from labelonce.errors import ConfigurationError
from labelonce.pipeline import find_clusters
from labelonce.progress import Progress
from labelonce.reading import KnownImages
from labelonce.settings import Settings
from labelonce.sources.memory import MemorySource
from labelonce.store import ImageRecord
from labelonce.tasks import Task
from notes import Notes
from pictures import encoded, texture

MODEL = "a model"
SOURCE = MemorySource({})
DIMENSION = 40


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.sqlite3"


def known(tasks, rows, seed=0):
    """Images as the reader would know them: `rows` by task."""
    n = 1 + max((row for numbers in rows.values() for row in numbers), default=-1)
    vectors = np.random.default_rng(seed).standard_normal((n, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    records = [ImageRecord(f"digest {row}", f"pixels {row}", 3, 4, 0.5) for row in range(n)]
    return KnownImages(records, vectors, rows, {}, {}, [], tasks=tasks)


def singles(n, seed=0):
    """As many tasks as images."""
    tasks = [Task(number, (f"{number}.jpg",)) for number in range(1, n + 1)]
    return known(tasks, {number: (number - 1,) for number in range(1, n + 1)}, seed)


def save(path, images, *, source=SOURCE, notes=None, **options):
    save_catalogue(path, source, MODEL, images, notes or Notes(), **options)


def opened(path, notes=None, **options):
    return open_catalogue(path, SOURCE.identity, MODEL, progress=notes or Notes(), **options)


def contents(path):
    """All that a catalogue says; None where there is none."""
    found = opened(path)
    if found is None:
        return None
    with found:
        return found.known(range(len(found)))


def files(path) -> list[Path]:
    return sorted(one for one in path.with_name(f"{path.name}.catalogue").rglob("*") if one.is_file())


def test_what_goes_in_comes_out(path):
    assert opened(path) is None
    images = singles(300)
    source = MemorySource({})
    source.controls = ("RectangleLabels",)
    save(path, images, source=source)
    with opened(path) as found:
        assert (len(found), found.model, found.controls) == (300, MODEL, ("RectangleLabels",))
        assert found.known([7, 2]) == [
            Known(7, "pixels 7", (8,), ("8.jpg",), ("",)),
            Known(2, "pixels 2", (3,), ("3.jpg",), ("",)),
        ]
        assert found.find("pixels 123") == 123
        assert found.find("pixels") is None
        assert found.nearest(images.vectors[5], 1)[0] == (5, pytest.approx(1, abs=ERROR))


def test_pictures_of_several_tasks_and_tasks_of_several_pictures(path):
    tasks = [
        Task(11, ("a", "b", "a")),
        Task(2, ("c", "b")),
        Task(30, ("gone",), problem="no such file"),
        Task(4, ("d", "broken")),
    ]
    images = known(tasks, {11: (0, 1, 0), 2: (2, 1)})
    images = replace(images, records=[*images.records, ImageRecord("d", "pixels d", 1, 1, 0.0)])  # of task 4
    save(path, images)
    with opened(path) as found:
        assert {one.pixels: (one.tasks, one.locations) for one in found.known(range(len(found)))} == {
            "pixels 0": ((11,), ("a",)),
            "pixels 1": ((2, 11), ("b", "b")),
            "pixels 2": ((2,), ("c",)),
        }
        for row, pixels in enumerate(["pixels 0", "pixels 1", "pixels 2"]):
            number = found.find(pixels)
            assert found.nearest(images.vectors[row], 1)[0][0] == number


HOSTILE = ["a\nb.jpg", '"<b>.jpg', "'; DROP TABLE pictures", os.fsdecode(b"caf\xe9.jpg"), "\ud800", "nul\0.jpg", ""]


@pytest.mark.parametrize("ids", [[1, 7, 10**40], sorted(HOSTILE)], ids=["numbers", "names"])
def test_ids_and_locations_of_any_kind(path, ids):
    tasks = [Task(one, (str(one),)) for one in reversed(ids)]
    save(path, known(tasks, dict.fromkeys(ids, (0,))))
    (one,) = contents(path)
    assert one.tasks == tuple(ids)
    assert one.locations == tuple(map(str, ids))


def test_of_data_uris_the_beginning_is_kept(path):
    uri = "data:image/png;base64," + "A" * 10**6
    url = "https://host/" + "a" * 5000
    save(path, known([Task(1, (uri,)), Task(2, (url,))], {1: (0,), 2: (1,)}))
    first, second = contents(path)
    assert uri.startswith(first.locations[0])
    assert 22 < len(first.locations[0]) < 100
    assert second.locations == (url,)


@example(max_examples=60, deadline=None)
@given(data=st.data())
def test_neighbours_are_those_of_the_exact_product(tmp_path_factory, data):
    """Within the rounding; equal ones by row."""
    n = data.draw(st.integers(1, 300))
    base = singles(n, data.draw(st.integers(0, 9)))
    same = data.draw(st.lists(st.integers(0, n - 1), max_size=5))
    base.vectors[same] = base.vectors[0]
    vector = base.vectors[data.draw(st.integers(0, n - 1))]
    path = tmp_path_factory.mktemp("catalogue") / "store"
    save(path, base)
    exact = base.vectors @ vector
    with opened(path) as found:
        k = data.draw(st.integers(0, n + 3))
        nearest = found.nearest(vector, k)
        assert len(nearest) == min(k, n)
        assert nearest == sorted(nearest, key=lambda one: (-one[1], one[0]))
        for row, similarity in nearest:
            assert similarity == pytest.approx(exact[row], abs=ERROR)
        chosen = {row for row, _ in nearest}
        if nearest:
            worst = min(exact[row] for row in chosen)
            assert all(exact[row] <= worst + 2 * ERROR for row in range(n) if row not in chosen)
        assert nearest == found.nearest(vector, n)[: len(nearest)]
        threshold = data.draw(st.floats(-1, 1))
        within = found.within(vector, threshold)
        assert {row for row in range(n) if exact[row] >= threshold} <= {row for row, _ in within}
        assert all(exact[row] >= threshold - 2.01 * ERROR for row, _ in within)
        assert within == found.nearest(vector, n)[: len(within)]


def test_a_source_without_images(path):
    save(path, singles(3))
    save(path, known([], {}))
    with opened(path) as found:
        assert len(found) == 0
        assert found.nearest(np.ones(DIMENSION, np.float32), 3) == []
        assert found.within(np.ones(DIMENSION, np.float32), -1) == []
        assert found.find("pixels 0") is None


def test_catalogues_are_kept_apart(path):
    save(path, singles(3))
    save(path, singles(4), region="10,20,30,40")
    with opened(path) as whole, opened(path, region="10,20,30,40") as part:
        assert (len(whole), len(part)) == (3, 4)
    assert open_catalogue(path, SOURCE.identity, "another model") is None
    assert open_catalogue(path, "another source", MODEL) is None
    assert opened(path, region="1,2,3,4") is None
    assert opened(path.with_name("other.sqlite3")) is None
    assert opened(None) is None


def test_nothing_is_written_without_a_store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(None, singles(3))
    assert list(tmp_path.iterdir()) == []


def test_what_did_not_change_is_not_written_again(path):
    save(path, singles(30))
    before = {one: one.stat().st_mtime_ns for one in files(path)}
    assert len(before) == 2
    time.sleep(0.02)
    save(path, singles(30))
    assert {one: one.stat().st_mtime_ns for one in files(path)} == before
    images = singles(30)
    moved = replace(images, tasks=[replace(task, images=("moved",)) for task in images.tasks])
    save(path, moved)
    assert contents(path)[0].locations == ("moved",)
    assert len(files(path)) == 2  # the old vectors are gone


def test_an_open_catalogue_stays_what_it_was(path):
    images = singles(300)
    save(path, images)
    with opened(path) as found:
        save(path, singles(10, seed=1))
        assert found.nearest(images.vectors[299], 1)[0][0] == 299
        assert found.known([299])[0].tasks == (300,)
    assert len(contents(path)) == 10


def cut(file):
    file.write_bytes(file.read_bytes()[:-1])


def emptied(file):
    file.write_bytes(b"")


def overwritten(file):
    file.write_bytes(file.read_bytes()[:100] + b"\xa5" * 9000)


def about(content):
    def change(file):
        with closing(sqlite3.connect(file)) as db, db:
            db.execute("UPDATE about SET content = ?", [content])

    return change


PICTURES, VECTORS = 0, 1
DAMAGE = [
    (VECTORS, cut), (VECTORS, emptied), (VECTORS, Path.unlink),
    (PICTURES, overwritten), (PICTURES, emptied), (PICTURES, Path.unlink),
    (PICTURES, about("{")), (PICTURES, about("[]")), (PICTURES, about("{}")),
    (PICTURES, about('{"format": 2, "model": "m", "controls": [], "hash": "x", "matrix": "x", "shape": [2, 3]}')),
    (PICTURES, about('{"format": 2, "model": "m", "controls": [], "hash": 5, "matrix": 7, "shape": "x"}')),
]  # fmt: skip


@pytest.mark.parametrize(("which", "damage"), DAMAGE, ids=range(len(DAMAGE)))
def test_damage_is_told_and_mended_by_the_next_run(path, which, damage):
    save(path, singles(30))
    damage(files(path)[which])
    notes = Notes()
    assert opened(path, notes) is None
    (text,) = notes.texts
    assert "not used" in text
    assert "next run" in text
    save(path, singles(30), notes=notes)
    assert len(contents(path)) == 30
    assert len(notes.texts) == 1


def test_a_catalogue_in_the_place_of_another(path):
    save(path, singles(3))
    (home,) = path.with_name(f"{path.name}.catalogue").iterdir()
    save(path, singles(4), region="1,2,3,4")
    (other,) = {*home.parent.iterdir()} - {home}
    for file in home.iterdir():
        file.unlink()
    for file in other.iterdir():
        file.rename(home / file.name)
    notes = Notes()
    assert opened(path, notes) is None
    assert "another source" in notes.texts[0]


def test_damage_that_shows_late_says_what_to_do(path):
    save(path, singles(3))
    with closing(sqlite3.connect(files(path)[PICTURES])) as db, db:
        db.execute("UPDATE pictures SET held = '[[1'")
    with opened(path) as found, pytest.raises(ConfigurationError, match="Delete it"):
        found.known([1])
    with closing(sqlite3.connect(files(path)[PICTURES])) as db, db:
        db.execute("DROP TABLE pictures")
    with opened(path) as found, pytest.raises(ConfigurationError, match="Delete it"):
        found.find("pixels 1")


def refuse(*_, **__):
    raise PermissionError(errno.EACCES, "Permission denied")


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("step", ["mkdir", "replace", "open"])
@pytest.mark.parametrize("failure", [refuse, full])
def test_a_folder_that_cannot_be_written_costs_only_the_catalogue(path, monkeypatch, step, failure):
    save(path, singles(3))
    before = contents(path)
    notes = Notes()
    with monkeypatch.context() as patch:
        patch.setattr(Path, step, failure)
        save(path, singles(4), notes=notes)
    (text,) = notes.texts
    assert "cannot be written" in text
    assert "--store" in text
    assert contents(path) == before
    assert len(files(path)) == 2


def test_a_disk_that_is_full_for_the_second_file(path, monkeypatch):
    save(path, singles(3))
    before, notes = contents(path), Notes()

    def pictures(*_):
        yield 0, "pixels 0", "[]"
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(saving, "_pictures", pictures)
        patch.setattr(saving, "_hash", lambda *_: "f" * 64)
        save(path, singles(4), notes=notes)
    assert "disk is full" in notes.texts[0]
    assert contents(path) == before
    assert len(files(path)) == 2


def test_a_file_in_the_place_of_the_folder(path):
    path.with_name(f"{path.name}.catalogue").write_text("a file")
    notes = Notes()
    save(path, singles(3), notes=notes)
    assert "cannot be written" in notes.texts[0]
    assert opened(path) is None


def test_what_a_killed_run_left_is_removed_after_a_day(path):
    save(path, singles(3))
    (home,) = path.with_name(f"{path.name}.catalogue").iterdir()
    for name, age in (("part-old", 2 * ABANDONED_SECONDS), ("part-new", 0)):
        (home / name).mkdir()
        (home / name / "vectors").write_bytes(b"half")
        os.utime(home / name, (time.time() - age,) * 2)
    save(path, singles(4))
    assert {one.name for one in home.glob("part-*")} == {"part-new"}


def test_several_at_once(path):
    notes = Notes()
    threads = [threading.Thread(target=save, args=(path, singles(200)), kwargs={"notes": notes}) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert notes.texts == []
    assert len(contents(path)) == 200
    assert len(files(path)) == 2


def test_a_run_leaves_one_and_a_second_run_does_not_touch_it(path):
    pictures = {f"{seed}.png": encoded(texture(seed, (120, 90))) for seed in range(5)}
    source = MemorySource({**pictures, "copy.png": pictures["3.png"], "page.png": b"<html>"})
    settings = Settings(model="dct", store=path)
    found = find_clusters(source, settings, Progress())
    model = embedding.load("dct").identity
    with open_catalogue(path, source.identity, model) as known_now:
        assert {one.tasks for one in known_now.known(range(len(known_now)))} == {
            ("0.png",), ("1.png",), ("2.png",), ("3.png", "copy.png"), ("4.png",),
        }  # fmt: skip
        (row,) = found.images.rows["4.png"]
        (nearest, _), *_ = known_now.nearest(found.images.vectors[row], 1)
        assert known_now.known([nearest])[0].tasks == ("4.png",)
    before = {one: one.stat().st_mtime_ns for one in files(path)}
    find_clusters(source, settings, Progress())
    assert {one: one.stat().st_mtime_ns for one in files(path)} == before
    find_clusters(source, replace(settings, roi="0,0,50,50"), Progress())
    with open_catalogue(path, source.identity, model, region="0,0,50,50") as part:
        assert len(part) == 5
    find_clusters(source, replace(settings, roi_from_predictions=True), Progress())
    assert len(files(path)) == 4


def test_a_store_that_cannot_be_used_gets_none(tmp_path):
    path = tmp_path / "store.sqlite3"
    path.mkdir()
    find_clusters(MemorySource({"a": encoded(texture(1, (60, 40)))}), Settings(model="dct", store=path), Progress())
    assert files(path) == []
