"""The store saves time and can lose nothing else."""

import os
import sqlite3
import threading
from dataclasses import replace

import numpy as np
import pytest
from PIL import ExifTags, Image

from labelonce import fetching, reading
from labelonce.embedding.memory import Thumbnail
from labelonce.images.regions import Region
from labelonce.pipeline import make_plan
from labelonce.planning import Role
from labelonce.settings import Settings
from labelonce.sources.memory import MemorySource
from labelonce.store import ImageRecord, Store, place_of
from notes import Notes
from pictures import encoded, texture


@pytest.fixture(scope="module")
def files():
    made = {}
    for seed in range(6):
        image = texture(seed, (240, 180))
        made |= {f"{seed}.png": encoded(image), f"{seed}.jpg": encoded(image, "JPEG", quality=88)}
    return made


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "store.sqlite3"


@pytest.fixture
def calls(monkeypatch):
    """How often pictures are embedded and decoded."""
    counted = {"embed": 0, "decode": 0}
    embed, decode = Thumbnail.embed, reading.decode

    def counting_embed(self, batch):
        counted["embed"] += len(batch)
        return embed(self, batch)

    def counting_decode(data, **options):
        counted["decode"] += 1
        return decode(data, **options)

    monkeypatch.setattr(Thumbnail, "embed", counting_embed)
    monkeypatch.setattr(reading, "decode", counting_decode)
    return counted


def plan(files, path, notes=None):
    return make_plan(MemorySource(files), Settings(model="thumbnail", store=path), notes or Notes())


@pytest.fixture(scope="module")
def expected(files, tmp_path_factory):
    made = plan(files, tmp_path_factory.mktemp("first") / "store.sqlite3")
    assert made.count(Role.DUPLICATE) == 6
    return made


def test_the_second_run_embeds_nothing(files, path, calls, expected):
    assert plan(files, path) == expected
    assert calls["embed"] == 12
    before = dict(calls)  # pictures are decoded again to be looked at closely
    assert plan(files, path) == expected
    assert calls == before
    more = {**files, "new.png": encoded(texture(9, (240, 180))), "copy.png": files["0.png"]}
    plan(more, path)
    assert calls["embed"] == 13


def test_verdicts_are_remembered(files, path, monkeypatch, expected):
    from labelonce import judge

    plan(files, path)
    monkeypatch.setattr(judge, "verify", lambda *_: pytest.fail("verified again"))
    assert plan(files, path) == expected


def test_copies_are_embedded_once(files, path, calls):
    copies = {f"{n}.png": files["0.png"] for n in range(100)}
    plan(copies, path)
    assert calls["embed"] <= 1 + 100 // fetching.BATCH


def damaged(kind: str, path) -> None:
    whole = path.read_bytes()
    if kind == "truncated":
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "overwritten":
        path.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))
    elif kind == "values":
        with sqlite3.connect(path) as db:
            db.execute("UPDATE embeddings SET vector = zeroblob(length(vector))")
            db.execute("UPDATE features SET content = x'00'")
            db.execute("DELETE FROM verdicts")
        db.close()
    elif kind == "version":
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA user_version = 99")
        db.close()
    elif kind == "empty":
        path.write_bytes(b"")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("truncated", "is damaged"), ("overwritten", "is damaged"), ("values", None), ("version", "another version"),
        ("empty", None),
    ],
)  # fmt: skip
def test_a_file_that_is_damaged(files, path, expected, calls, kind, message):
    plan(files, path)
    damaged(kind, path)
    before, notes = path.read_bytes(), Notes()
    assert plan(files, path, notes) == expected
    if message is None:
        assert notes.texts == []
    else:
        (text,) = notes.texts
        assert message in text
        (kept,) = path.parent.glob("*.set-aside-1")
        if kind != "overwritten":
            assert kept.read_bytes() == before
    counted = dict(calls)
    assert plan(files, path, notes) == expected
    assert calls == counted  # all is remembered again


@pytest.mark.parametrize("place", ["directory", "below a file"])
def test_a_place_that_cannot_be_used(files, tmp_path, expected, place):
    path = tmp_path / "store.sqlite3"
    if place == "directory":
        path.mkdir()
    else:
        path.write_text("a file")
        path = path / "store.sqlite3"
    notes = Notes()
    assert plan(files, path, notes) == expected
    (text,) = notes.texts
    assert "cannot be used" in text
    assert "--store" in text


class Full:
    """A connection whose disk is full after some writes."""

    def __init__(self, connection, writes: int) -> None:
        self._connection = connection
        self._left = writes

    def __getattr__(self, name):
        return getattr(self._connection, name)

    def __enter__(self):
        return self._connection.__enter__()

    def __exit__(self, *error):
        return self._connection.__exit__(*error)

    def executemany(self, query, rows):
        self._left -= 1
        if self._left < 0:
            raise sqlite3.OperationalError("database or disk is full")
        return self._connection.executemany(query, rows)


@pytest.mark.parametrize("writes", [0, 4, 5])  # while images are remembered, and verdicts
def test_a_full_disk(files, path, expected, monkeypatch, writes):
    original = Store._open
    monkeypatch.setattr(Store, "_open", lambda self: Full(original(self), writes))
    notes = Notes()
    assert plan(files, path, notes) == expected
    (text,) = notes.texts
    assert "disk is full" in text


def test_a_disk_that_stays_full(files, path, expected, monkeypatch):
    """Not even a temporary file can be written: features are made again from the images."""
    original, temporary = Store._open, Store._temporary
    monkeypatch.setattr(Store, "_open", lambda self: Full(original(self), 0))
    monkeypatch.setattr(Store, "_temporary", lambda self, error: Full(temporary(self, error), 0))
    notes = Notes()
    assert plan(files, path, notes) == expected
    assert len(notes.texts) == 1


def test_two_at_once(files, path, expected):
    """On a file that is not there yet."""
    found, notes = [], Notes()
    threads = [threading.Thread(target=lambda: found.append(plan(files, path, notes))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (found, notes.texts) == ([expected] * 4, [])
    assert not list(path.parent.glob("*.set-aside*"))


def test_what_goes_in_comes_out(path):
    record = ImageRecord("d", "p", 3, 4, 0.5, "2024-06-01T15:12:41.250000 Canon EOS R5")
    vector = np.arange(5, dtype=np.float32)
    here = place_of("a source", "a/place.png", None)
    for file in (path, None):
        store = Store(file, Notes())
        store.put_images([record], [("p", "m", vector)], [("p", "1", b"features")], [(here, "unchanged", "d")])
        store.put_verdicts("v", [("p", "q", True, "geometry", 0.25), ("p", "r", False, "rejected", 0.0)])
        assert store.images(["e", "d"]) == {"d": record}
        assert store.places([b"elsewhere", here]) == {here: ("unchanged", record)}
        (found,) = store.vectors(["o", "p"], "m").items()
        assert found[0] == "p"
        np.testing.assert_array_equal(found[1], vector)
        assert store.vectors(["p"], "other") == {}
        assert store.features("p", "1") == b"features"
        assert store.featured(["o", "p"], "1") == {"p"}
        assert store.featured(["p"], "2") == set()
        assert store.verdicts("p", "v") == {"q": (True, "geometry", 0.25), "r": (False, "rejected", 0.0)}
        assert store.verdicts("p", "w") == {}
        store.close()
    again = Store(path, Notes())
    assert again.images(["d"]) == {"d": replace(record)}
    again.close()


def test_a_damaged_time_is_read_again(path):
    store = Store(path, Notes())
    store.put_images([ImageRecord("d", "p", 3, 4, 0.5, "2024-06-01T15:12:41.250000 Canon EOS R5")], [], [])
    store.close()
    with sqlite3.connect(path) as db:
        assert db.execute("UPDATE images SET captured = replace(captured, '15:12', '15:13')").rowcount == 1
    db.close()
    again = Store(path, Notes())
    assert again.images(["d"]) == {}
    again.close()


def test_when_a_picture_was_taken_is_remembered(path):
    exif = Image.Exif()
    exif[ExifTags.Base.Model] = "EOS R5"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2024:06:01 15:12:41"
    files = {"taken.jpg": encoded(texture(7, (240, 180)), "JPEG", exif=exif.tobytes())}
    plan(files, path)
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT captured FROM images").fetchall() == [("2024-06-01T15:12:41.000000 EOS R5",)]
    db.close()


def test_more_keys_than_one_query_takes(path):
    records = [ImageRecord(f"d{number}", f"p{number}", 1, 1, 0.0) for number in range(2500)]
    store = Store(path, Notes())
    store.put_images(records, [], [])
    found = store.images([record.digest for record in records])
    store.close()
    assert found == {record.digest: record for record in records}


def test_places_differ_by_source_location_and_region():
    region = Region(10, 20, 30, 40)
    places = [
        ("a", "b", None),
        ("a", "b", region),
        ("a", "b", Region(10, 20, 30, 41)),
        ("a", "c", None),
        ("c", "b", None),
    ]
    assert len({place_of(*place) for place in places}) == len(places)
    assert place_of("a", "b", Region(10.0, 20.0, 30.0, 40.0)) == place_of("a", "b", region)
    assert place_of("a", os.fsdecode(b"caf\xe9.png"), None)
