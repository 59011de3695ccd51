"""A folder for each cluster: every image gets a place of its own, and none is lost on the way."""

import errno
import json
import os
import random
import shutil
import unicodedata
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import settings as bounds
from hypothesis import strategies as st

from labelonce.cli import cli
from labelonce.errors import ConfigurationError, FilesError
from labelonce.folders import filing
from labelonce.folders.filing import Filing, check_out, file_away, links_to_leave, plan_filings
from labelonce.folders.moving import links_below, marks_of
from labelonce.folders.naming import LONGEST, unused
from labelonce.folders.trash import restore, runs_of
from labelonce.grouping import Cluster, Grouping
from labelonce.progress import Progress
from pictures import encoded, texture
from stops import stopping

QUIET = Progress()
FILES = {"a.png": b"a", "sub/a.png": b"aa", "sub/b.png": b"b", "sub/deep/a.png": b"aaa", "broken.png": b""}
GROUPING = Grouping(
    "photos",
    None,
    (Cluster(0, ("a.png", "sub/a.png", "sub/deep/a.png"), ("a.png",) * 3),),
    ("sub/b.png",),
    (("broken.png", "the file is empty"),),
    {},
)
PLACES = {
    "cluster-0000/a.png": b"a",
    "cluster-0000/a (2).png": b"aa",
    "cluster-0000/a (3).png": b"aaa",
    "unique/sub/b.png": b"b",
    "not-compared/broken.png": b"",
}


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".labelonce")
    }


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    """A killed process loses nothing that it wrote; only a machine that stops does."""
    monkeypatch.setattr(os, "fsync", lambda _handle: None)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def filed(photos, out, mode="copy", **changes):
    marks = marks_of(photos, FILES)
    return file_away(photos, out, plan_filings(GROUPING), mode, marks, QUIET, **changes)


NAMES = st.text(st.sampled_from("aAéE\u0301ß.() 2Ǆ\udcff"), min_size=1, max_size=6).filter(
    lambda name: not name.startswith(".")
)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)


def same_place(path):
    """As a file system sees it that keeps neither case nor composition apart."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", path.casefold()).casefold())


@bounds(max_examples=300, deadline=None)
@given(st.lists(PATHS, max_size=12))
def test_no_two_names_are_one(wanted):
    found = unused(wanted)
    assert len({same_place(path) for path in found}) == len(found) == len(wanted)
    folders = {same_place(str(parent)) for path in found for parent in Path(path).parents}
    assert not folders & {same_place(path) for path in found}
    assert [Path(path).parent for path in found] == [Path(path).parent for path in wanted]
    assert unused(found) == found


def test_names():
    assert unused(["a/x.jpg", "a/X.jpg", "a/x (2).jpg", "b/x.jpg"]) == [
        "a/x.jpg", "a/X (2).jpg", "a/x (2) (2).jpg", "b/x.jpg",
    ]  # fmt: skip
    assert unused(["x", "x/y"]) == ["x (2)", "x/y"]
    for letter in ("x", "ü", "漢"):
        name = letter * ((LONGEST - 4) // len(letter.encode())) + ".jpg"
        _, second = unused([name, name])
        assert LONGEST - 4 < len(second.encode()) <= LONGEST
        assert second.endswith(" (2).jpg")


def test_ten_thousand_of_one_name():
    assert unused(["x.jpg"] * 10_000)[-1] == "x (10000).jpg"


def test_places():
    found = plan_filings(GROUPING)
    assert [one.place for one in found] == list(PLACES)
    assert [one.label for one in found] == [0, 0, 0, -1, None]


def test_a_cluster_of_one_is_unique():
    """As DBSCAN makes them where one sample makes a core."""
    alone = Grouping("photos", None, (Cluster(0, ("b.png",), ("b.png",)),), ("a.png",), (), {})
    assert plan_filings(alone) == (Filing("a.png", "unique/a.png", -1), Filing("b.png", "unique/b.png", 0))


@pytest.mark.parametrize("mode", filing.MODES)
def test_modes(photos, tmp_path, mode):
    os.utime(photos / "a.png", (1, 1_000_000))
    before = {name: (photos / name).stat() for name in FILES}
    out = tmp_path / "deep" / "out"
    assert filed(photos, out, mode) == filing.Filed(5, ())
    assert contents(out) == PLACES
    assert contents(photos) == ({} if mode == "move" else FILES)
    found = (out / "cluster-0000" / "a.png").lstat()
    assert (found.st_ino == before["a.png"].st_ino) == (mode in ("hardlink", "move"))
    assert (found.st_mtime == 1_000_000) == (mode != "symlink")
    if mode == "move":
        (run,) = runs_of(photos, out)
        restore(photos, run, QUIET)
        assert contents(photos) == FILES
        assert not out.exists()


@pytest.mark.parametrize("mode", ["copy", "hardlink", "symlink"])
def test_links_and_what_they_show(photos, tmp_path, mode):
    (photos / "sub/b.png").unlink()
    (photos / "sub/b.png").symlink_to("deep/../../a.png")
    filed(photos, tmp_path / "out", mode)
    assert contents(tmp_path / "out") == {**PLACES, "unique/sub/b.png": b"a"}


def test_links_that_a_move_would_break_stay(photos, tmp_path):
    for name in ("sub/b.png", "broken.png"):
        (photos / name).unlink()
    (tmp_path / "outside.png").write_bytes(b"b")
    (photos / "sub/b.png").symlink_to(tmp_path / "outside.png")
    (photos / "broken.png").symlink_to("a.png")
    leave = links_to_leave(links_below(photos, but=""), marks_of(photos, FILES))
    assert leave.keys() == {"a.png", "broken.png"}
    assert links_to_leave({"l.png": frozenset()}, {}) == {}
    found = filed(photos, tmp_path / "out", "move", leave=leave)
    assert found == filing.Filed(3, tuple(sorted(leave.items())))
    assert contents(photos) == {"a.png": b"a", "broken.png": b"a"}
    assert contents(tmp_path / "out")["unique/sub/b.png"] == b"b"
    relative = {"sub/b.png": frozenset[str]()}
    (photos / "sub/b.png").symlink_to("../../outside.png")
    assert links_to_leave(relative, marks_of(photos, FILES)).keys() == {"sub/b.png"}


@pytest.mark.parametrize("mode", filing.MODES)
def test_what_cannot_be_filed_is_left_and_told(photos, tmp_path, mode):
    marks = marks_of(photos, FILES)
    (photos / "a.png").write_bytes(b"changed")
    (photos / "sub/a.png").unlink()
    (photos / "sub/b.png").unlink()
    os.mkfifo(photos / "sub/b.png")
    fifo = marks | marks_of(photos, ["sub/b.png"])
    found = file_away(photos, tmp_path / "out", plan_filings(GROUPING), mode, fifo, QUIET)
    told = {"a.png": "it changed meanwhile", "sub/a.png": "it is gone"}
    assert dict(found.left) == (told | {"sub/b.png": "it is not a regular file"} if mode == "copy" else told)
    assert found.done == 5 - len(found.left)


def test_where_clusters_may_go(photos, tmp_path):
    for wrong in (photos, photos / "out", photos / "sub" / ".." / "out"):
        with pytest.raises(ConfigurationError, match="would be taken for images of it"):
            check_out(photos, wrong, "copy")
    with pytest.raises(ConfigurationError, match="is not empty"):
        check_out(photos, tmp_path, "copy")
    (tmp_path / "file").write_text("a file")
    for wrong in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigurationError, match="cannot be used: Not a directory"):
            check_out(photos, wrong, "copy")
    (tmp_path / "link").symlink_to(photos)
    with pytest.raises(ConfigurationError, match="would be taken for images of it"):
        check_out(photos, tmp_path / "link" / "out", "copy")
    (tmp_path / "empty").mkdir()
    for fine in (tmp_path / "empty", tmp_path / "new" / "deep"):
        for mode in filing.MODES:
            check_out(photos, fine, mode)
    assert not (tmp_path / "new").exists()


def test_a_disk_that_is_too_small(photos, tmp_path):
    for mode in ("hardlink", "symlink", "move"):
        check_out(photos, tmp_path / "out", mode, 1 << 60)
    with pytest.raises(ConfigurationError, match="are free"):
        check_out(photos, tmp_path / "out", "copy", 1 << 60)


def test_another_disk(photos, tmp_path):
    shared = Path("/dev/shm")  # noqa: S108
    if not os.access(shared, os.W_OK) or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is one file system only")
    out = shared / f"labelonce-test-{os.getpid()}"
    try:
        with pytest.raises(ConfigurationError, match="a hard link cannot lead there"):
            check_out(photos, out, "hardlink")
        with pytest.raises(ConfigurationError, match="are free"):
            check_out(photos, out, "move", 1 << 60)
        found = filed(photos, out, "hardlink")
        assert {why for _, why in found.left} == {"it is on another disk, where no hard link leads"}
        shutil.rmtree(out)
        assert filed(photos, out, "move").done == 5
        assert contents(out) == PLACES
        restore(photos, runs_of(photos, out)[0], QUIET)
        assert contents(photos) == FILES
    finally:
        shutil.rmtree(out, ignore_errors=True)


def test_a_full_disk_loses_nothing(photos, tmp_path):
    def full():
        raise OSError(errno.ENOSPC, "No space left on device")

    for mode in filing.MODES:
        for at in range(1000):
            out = tmp_path / mode / str(at)
            try:
                with stopping(photos, out, at=at, stop=full) as steps:
                    filed(photos, out, mode)
            except FilesError as error:
                assert "No space left on device" in str(error)  # noqa: PT017
            assert set(contents(out).items()) <= set(PLACES.items())
            assert set(FILES.values()) == {*contents(photos).values(), *contents(out).values()}
            if mode == "move":
                for run in runs_of(photos, out):
                    restore(photos, run, QUIET)
            assert contents(photos) == FILES
            if steps[0] <= at:
                break
        assert at > len(FILES)


@pytest.fixture
def pictures(tmp_path):
    """Two scenes, one of them in three folders under one name, and what is no picture."""
    folder = tmp_path / "pictures"
    for number, name in enumerate(["x.png", "b/x.png", "c/x.png"]):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(encoded(texture(1, (120, 90)), compress_level=number + 1))
    (folder / "alone.png").write_bytes(encoded(texture(2, (120, 90))))
    (folder / "odd \n\x1b[31m.jpg").write_bytes(b"no picture")
    return folder


@pytest.fixture
def run(tmp_path):
    def invoke(*arguments):
        options = ["--model", "thumbnail", "--verify", "none", "--store", tmp_path / "store"]
        return CliRunner().invoke(cli, [str(one) for one in ("group", *arguments, *options)])

    return invoke


def test_the_command(run, pictures, tmp_path):
    out = tmp_path / "out"
    shown = run(pictures, "--out", out, "--dry-run")
    assert (shown.exit_code, out.exists()) == (0, False)
    assert "5 images to" in shown.stdout
    assert "cluster-0000/x (2).png" in shown.stdout
    assert "\x1b" not in shown.output
    done = run(pictures, "--out", out)
    assert done.exit_code == 0
    assert contents(out).keys() == {
        "cluster-0000/x.png", "cluster-0000/x (2).png", "cluster-0000/x (3).png",
        "unique/alone.png", "not-compared/odd \n\x1b[31m.jpg",
    }  # fmt: skip
    assert isinstance(run(pictures, "--out", out).exception, ConfigurationError)


def test_a_move_is_asked_for(run, pictures, tmp_path):
    before = contents(pictures)
    found = run(pictures, "--out", tmp_path / "out", "--mode", "move", "--json")
    assert found.exit_code == 2
    assert "Add --yes to move 5 images" in found.stderr
    assert json.loads(found.stdout)["group"]["done"] == 0
    assert contents(pictures) == before
    found = run(pictures, "--out", tmp_path / "out", "--mode", "move", "--yes", "--json")
    assert found.exit_code == 0
    rows = json.loads(found.stdout)["group"]["files"]
    assert {row["place"] for row in rows} == set(contents(tmp_path / "out"))
    assert contents(pictures) == {}
    returned = CliRunner().invoke(cli, ["restore", str(pictures), "--trash", str(tmp_path / "out")])
    assert "Restored 5 files" in returned.stdout
    assert contents(pictures) == before


def test_the_order_of_files_does_not_matter(pictures, tmp_path, run, monkeypatch):
    def shuffled(*arguments, **options):
        for parent, folders, files in real(*arguments, **options):
            random.shuffle(folders)
            random.shuffle(files)
            yield parent, folders, files

    run(pictures, "--out", tmp_path / "out")
    real = os.walk
    monkeypatch.setattr(os, "walk", shuffled)
    run(pictures, "--out", tmp_path / "again")
    assert contents(tmp_path / "out") == contents(tmp_path / "again")
