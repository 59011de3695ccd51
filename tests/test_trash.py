"""Duplicates leave a folder and come back: nothing is lost, wherever it is stopped and whatever others do meanwhile."""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as bounds
from hypothesis import strategies as st

from labelonce import roots
from labelonce.errors import ConfigurationError, FilesError
from labelonce.folders import trash
from labelonce.folders.journal import JOURNAL, Move, Run, journal, read_run, runs_in
from labelonce.folders.moving import links_below, mark_of, marks_of, sha256
from labelonce.folders.trash import TRASH, plan_removals, remove, restore, runs_of, trash_of
from labelonce.planning import Decision, Role
from labelonce.progress import Progress
from stops import stopping

QUIET = Progress()
ODD = os.fsdecode(b"b\xe9 \n.png")
FILES = {
    "a.png": b"a",
    "b.png": b"b",
    "sub/a.png": b"a again",
    "sub/deep/a.png": b"a too",
    ODD: b"b again",
    "alone.png": b"alone",
}
STANDS = {"sub/a.png": "a.png", "sub/deep/a.png": "a.png", ODD: "b.png"}


def decisions(stands, names):
    return tuple(
        Decision(name, Role.DUPLICATE, "a test", stands[name], stands[name], 99.0)
        if name in stands
        else Decision(name, Role.UNIQUE, "a test")
        for name in sorted(names)
    )


def write(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def contents(folder, *, but=TRASH):
    """Every file of a folder by its relative path; of a link what it says."""
    return {
        path.relative_to(folder).as_posix(): path.readlink() if path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*")
        if (path.is_symlink() or path.is_file()) and but not in path.relative_to(folder).parts
    }


def planned(folder, stands=STANDS):
    names = [name for name in contents(folder) if name.endswith(".png")]
    marks = marks_of(folder, names)
    return plan_removals(decisions(stands, names), marks, links_below(folder, but=TRASH)), marks


def removed(folder, stands=STANDS, *, bin_=None, delete=None, name="run"):
    removals, marks = planned(folder, stands)
    return remove(folder, bin_ or folder / TRASH, removals, marks, QUIET, name=name, delete=delete)


def back(folder, bin_=None, name=None):
    *_, run = runs_of(folder, bin_ or folder / TRASH, name)
    return restore(folder, run, QUIET)


def digests(folder):
    return {name: sha256(roots.at(folder / name)) for name in contents(folder)}


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    """A killed process loses nothing that it wrote; only a machine that stops does."""
    monkeypatch.setattr(os, "fsync", lambda _handle: None)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    write(folder, FILES)
    return folder


@pytest.fixture
def elsewhere(tmp_path):
    """A folder on another device."""
    for root in ("/dev/shm", "/run", "/var/tmp"):  # noqa: S108
        if os.access(root, os.W_OK) and os.stat(root).st_dev != tmp_path.stat().st_dev:  # noqa: PTH116
            path = Path(root) / f"labelonce-test-{os.getpid()}"
            path.mkdir()
            yield path
            shutil.rmtree(path)
            return
    pytest.skip("there is one file system only")


def test_away_and_back(photos):
    before = {name: mark_of(roots.at(photos / name)) for name in FILES}
    found = removed(photos)
    assert (found.moved, found.deleted, found.left) == (3, 0, ())
    assert contents(photos) == {name: data for name, data in FILES.items() if name not in STANDS}
    assert (found.run / "files" / "sub" / "deep" / "a.png").read_bytes() == b"a too"
    returned = back(photos)
    assert (returned.restored, returned.beside, returned.left) == (3, (), ())
    assert {name: mark_of(roots.at(photos / name)) for name in FILES} == before
    assert not (photos / TRASH).exists()


def test_the_journal_is_on_the_disk_before_the_first_file_moves(photos, monkeypatch):
    events = []

    def noted(source, target, mark):
        events.append("take")
        real(source, target, mark)

    real = trash.take
    monkeypatch.setattr(os, "fsync", lambda _handle: events.append("fsync"))
    monkeypatch.setattr(trash, "take", noted)
    removed(photos)
    assert events == ["fsync"] * (1 if os.name == "nt" else 2) + ["take"] * 3


def test_runs_are_told_apart(photos):
    first = removed(photos, {"sub/a.png": "a.png"}).run
    second = removed(photos, {"sub/deep/a.png": "a.png"}).run
    assert (first.name, second.name) == ("run", "run-2")
    assert [run.name for run in runs_of(photos, photos / TRASH)] == ["run", "run-2"]
    assert back(photos).run == second
    assert not (photos / "sub/a.png").exists()
    with pytest.raises(FilesError, match="There is no run nine"):
        runs_of(photos, photos / TRASH, "nine")
    assert back(photos, name="run").run == first
    assert contents(photos) == FILES
    assert runs_of(photos, photos / TRASH) == []


def test_the_newest_run_is_the_last(tmp_path):
    for name in ("20261123-100000-10", "20261123-100000", "20261123-100001", "20261123-100000-2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / JOURNAL).write_text('{"format":1,"folder":"photos"}\n')
    assert [path.name[9:] for path in runs_in(tmp_path)] == ["100000", "100000-2", "100000-10", "100001"]


def test_a_trash_elsewhere_holds_many_folders(photos, tmp_path):
    other, bin_ = tmp_path / "other", tmp_path / "bin"
    write(other, FILES)
    removed(photos, bin_=bin_)
    removed(other, bin_=bin_)
    assert [run.name for run in runs_of(photos, bin_)] == ["run"]
    assert [run.name for run in runs_of(other, bin_)] == ["run-2"]
    other.rename(tmp_path / "renamed")
    assert runs_of(tmp_path / "renamed", bin_) == []
    back(tmp_path / "renamed", bin_, "run-2")
    back(photos, bin_)
    assert contents(photos) == contents(tmp_path / "renamed") == FILES


def test_a_folder_moves_with_its_trash(photos, tmp_path):
    removed(photos)
    moved = photos.rename(tmp_path / "elsewhere")
    back(moved)
    assert contents(moved) == FILES


def test_another_device(photos, elsewhere):
    times = (photos / "sub/a.png").stat().st_mtime_ns
    (photos / "link.png").symlink_to("a.png")
    stands = {**STANDS, "link.png": "a.png"}
    assert removed(photos, stands, bin_=elsewhere).moved == 4
    assert "sub/a.png" not in contents(photos)
    assert back(photos, elsewhere).restored == 4
    assert contents(photos) == {**FILES, "link.png": Path("a.png")}
    assert (photos / "sub/a.png").stat().st_mtime_ns == times
    assert list(elsewhere.iterdir()) == []


def test_another_device_where_a_file_changes_while_it_is_copied(photos, elsewhere, monkeypatch):
    from labelonce.folders import moving

    def slow(source, target, **options):
        real(source, target, **options)
        (photos / "sub/a.png").write_bytes(b"new and longer")

    real = moving.copy
    monkeypatch.setattr(moving, "copy", slow)
    found = removed(photos, {"sub/a.png": "a.png"}, bin_=elsewhere)
    assert (found.moved, found.left) == (0, (("sub/a.png", "it changed at this very moment"),))
    assert (photos / "sub/a.png").read_bytes() == b"new and longer"


def test_another_device_where_files_may_not_be_removed(photos, elsewhere):
    """As on a read-only disk: no second copy is left behind."""

    def deny():
        raise OSError(errno.EROFS, "Read-only file system")

    removals, marks = planned(photos)
    for at in range(1000):
        copied = [path for path in elsewhere.rglob("*") if path.is_file()]
        assert not copied
        try:
            with stopping(photos, at=at, stop=deny) as steps:
                remove(photos, elsewhere, removals, marks, QUIET, name="run")
        except FilesError as error:
            assert "Read-only file system" in str(error)  # noqa: PT017
            assert "It stopped after" in str(error) or "Nothing was moved" in str(error)  # noqa: PT017
        assert sorted(data for path in (photos, elsewhere) for data in contents(path, but=JOURNAL).values()) == sorted(
            FILES.values()
        )
        for run in runs_of(photos, elsewhere):
            restore(photos, run, QUIET)
        removals, marks = planned(photos)
        if steps[0] <= at:
            break
    assert at > len(STANDS)


def test_what_changed_meanwhile_is_left_alone(photos):
    removals, marks = planned(photos)
    (photos / "sub/a.png").write_bytes(b"changed")
    (photos / "sub/deep/a.png").unlink()
    (photos / "b.png").write_bytes(b"the one that stands for another")
    (photos / "new.png").write_bytes(b"new")
    found = remove(photos, photos / TRASH, removals, marks, QUIET, name="run")
    assert dict(found.left) == {
        "sub/a.png": "it changed meanwhile",
        "sub/deep/a.png": "it is gone",
        ODD: "b.png, which stands for it: it changed meanwhile",
    }
    assert found.moved == 0
    assert not (photos / TRASH).exists()


def test_a_file_that_is_replaced_by_an_equal_looking_one(photos):
    removals, marks = planned(photos)
    times = (photos / "sub/a.png").stat()
    (photos / "new").write_bytes(b"A AGAIN")
    os.utime(photos / "new", ns=(times.st_atime_ns, times.st_mtime_ns))
    (photos / "new").rename(photos / "sub/a.png")
    found = remove(photos, photos / TRASH, removals, marks, QUIET, name="run")
    assert found.left == (("sub/a.png", "it changed meanwhile"),)
    assert (photos / "sub/a.png").read_bytes() == b"A AGAIN"


def test_a_file_that_is_replaced_at_the_very_moment(photos, monkeypatch):
    def late(source, target, mark):
        if source.name == "a.png":
            source.path.unlink()
            source.path.write_bytes(b"new and longer")
        real(source, target, mark)

    real = trash.take
    monkeypatch.setattr(trash, "take", late)
    found = removed(photos, {"sub/a.png": "a.png"})
    assert found.left == (("sub/a.png", "it changed at this very moment"),)
    assert (photos / "sub/a.png").read_bytes() == b"new and longer"


def test_a_taken_place_is_not_overwritten(photos):
    removed(photos)
    write(photos, {"sub/a.png": b"another picture", "sub/a (restored).png": b"one more", "sub/deep/a.png": b"a too"})
    returned = back(photos)
    assert returned.beside == (("sub/a.png", "sub/a (restored 2).png"),)
    assert (returned.restored, returned.left) == (3, ())
    assert contents(photos) == {
        **FILES,
        "sub/a.png": b"another picture",
        "sub/a (restored).png": b"one more",
        "sub/a (restored 2).png": b"a again",
    }


def test_folders_that_are_gone_or_in_the_way(photos):
    removed(photos)
    shutil.rmtree(photos / "sub")
    write(photos, {"sub/deep": b"a file"})
    returned = back(photos)
    assert returned.restored == 2
    assert returned.left == (("sub/deep/a.png", os.strerror(errno.ENOTDIR)),)
    (photos / "sub/deep").unlink()
    assert back(photos).restored == 1
    assert contents(photos) == FILES


def test_a_file_that_somebody_took_out_of_the_trash(photos):
    run = removed(photos).run
    (run / "files/sub/a.png").unlink()
    returned = back(photos)
    assert returned.left == (("sub/a.png", "it is neither in the trash nor where it was"),)
    assert not (photos / TRASH).exists()


def test_what_somebody_put_into_the_trash_stays(photos):
    run = removed(photos).run
    (run / "files" / "mine.txt").write_text("mine")
    assert back(photos).restored == 3
    assert (run / "files" / "mine.txt").read_text() == "mine"
    assert runs_of(photos, photos / TRASH) == []


def test_hard_links(photos):
    os.link(photos / "a.png", photos / "same.png")
    assert removed(photos, {"same.png": "a.png"}, delete=digests(photos)).deleted == 1
    assert contents(photos) == FILES


LINKS = [
    # links (name, what it says), duplicates, files that leave, files that stay with the reason
    ({"l.png": "a.png"}, {"l.png": "a.png"}, ["l.png"], {}),
    ({"l.png": "../outside.png"}, {"l.png": "a.png"}, ["l.png"], {}),
    ({"l.png": "../outside.png"}, {"b.png": "l.png"}, [], {"b.png": "only a symbolic link, l.png, stands for it"}),
    ({"l.png": "b.png"}, {"b.png": "a.png"}, [], {"b.png": "the symbolic link l.png leads to it"}),
    ({"newest": "b.png"}, {"b.png": "a.png"}, [], {"b.png": "the symbolic link newest leads to it"}),
    ({"l.png": "b.png"}, {"b.png": "l.png"}, [], {"b.png": "the symbolic link l.png leads to it"}),
    ({"l.png": "b.png"}, {"b.png": "a.png", "l.png": "a.png"}, ["l.png", "b.png"], {}),
    ({"l.png": "m.png", "m.png": "b.png"}, {"l.png": "a.png", "m.png": "a.png", "b.png": "a.png"},
     ["l.png", "m.png", "b.png"], {}),
    ({"l.png": "m.png", "m.png": "b.png"}, {"m.png": "a.png", "b.png": "a.png"}, [],
     {"m.png": "the symbolic link l.png leads to it", "b.png": "the symbolic link l.png leads to it"}),
    ({"here": "sub", "l.png": "here/a.png"}, {"sub/a.png": "a.png"}, [],
     {"sub/a.png": "the symbolic link l.png leads to it"}),
    ({"l.png": "../photos/sub/../b.png"}, {"b.png": "a.png"}, [], {"b.png": "the symbolic link l.png leads to it"}),
    ({".hidden/l.png": "../b.png"}, {"b.png": "a.png"}, [], {"b.png": "the symbolic link .hidden/l.png leads to it"}),
    ({"l.png": "l.png", "gone.png": "nowhere"}, {"b.png": "a.png"}, ["b.png"], {}),
    ({"l.png": "b.png", "m.png": "a.png"}, {"l.png": "m.png"}, ["l.png"], {}),
]  # fmt: skip


@pytest.mark.parametrize(("links", "stands", "leaving", "left"), LINKS)
def test_no_link_is_left_without_its_file(photos, tmp_path, links, stands, leaving, left):
    (tmp_path / "outside.png").write_bytes(b"outside")
    for name, said in links.items():
        (photos / name).parent.mkdir(exist_ok=True)
        (photos / name).symlink_to(said)
    before = contents(photos)
    whole = {path for path in photos.rglob("*") if path.is_symlink() and path.exists()}
    removals, marks = planned(photos, stands)
    assert [move.source for move in removals.moves] == leaving
    assert dict(removals.left) == left
    found = remove(photos, photos / TRASH, removals, marks, QUIET, name="run")
    assert (found.moved, dict(found.left)) == (len(leaving), left)
    assert all(path.exists() for path in whole if path.is_symlink())
    if leaving:
        back(photos)
    assert contents(photos) == before


def test_a_link_that_could_not_leave_keeps_its_file(photos):
    (photos / "l.png").symlink_to("b.png")
    removals, marks = planned(photos, {"l.png": "a.png", "b.png": "a.png"})
    (photos / "l.png").unlink()
    (photos / "l.png").symlink_to("sub/../b.png")
    found = remove(photos, photos / TRASH, removals, marks, QUIET, name="run")
    assert dict(found.left) == {"l.png": "it changed meanwhile", "b.png": "the symbolic link l.png leads to it"}


def test_what_appeared_while_images_were_compared_stays():
    made = plan_removals(decisions({"b": "a", "d": "c"}, "abcd"), {}, {})
    assert made.moves == ()
    assert [why for _, why in made.left] == ["it appeared while the images were compared"] * 2


def test_delete(photos):
    found = removed(photos, delete=digests(photos))
    assert (found.moved, found.deleted, found.left) == (0, 3, ())
    assert contents(photos) == {name: data for name, data in FILES.items() if name not in STANDS}
    assert not (photos / TRASH).exists()


def test_delete_looks_at_the_bytes_once_more(photos):
    compared = digests(photos) | {"a.png": sha256(roots.at(photos / "b.png"))}
    compared[ODD] = "of something else"
    found = removed(photos, delete=compared)
    assert (found.moved, found.deleted) == (3, 0)
    assert dict(found.left) == {
        "sub/a.png": "it is in the trash: a.png is not what was compared",
        "sub/deep/a.png": "it is in the trash: a.png is not what was compared",
        ODD: f"it is in the trash: {ODD} is not what was compared",
    }
    back(photos)
    assert contents(photos) == FILES


def test_delete_keeps_what_nothing_stands_for_any_more(photos, monkeypatch):
    taken = []

    def then_gone(source, target, mark):
        real(source, target, mark)
        taken.append(source)
        if len(taken) == len(STANDS):
            (photos / "a.png").unlink()

    real = trash.take
    monkeypatch.setattr(trash, "take", then_gone)
    found = removed(photos, delete=digests(photos))
    assert (found.moved, found.deleted) == (2, 1)
    assert {why for _, why in found.left} == {f"it is in the trash: a.png cannot be read: {os.strerror(errno.ENOENT)}"}


def test_delete_looks_at_what_stands_for_others_each_time(photos, monkeypatch):
    def late(place, **options):
        if place.path.parent.name == "deep":
            (photos / "a.png").unlink()
        return sha256(place, **options)

    compared = digests(photos)
    monkeypatch.setattr(trash, "sha256", late)
    found = removed(photos, delete=compared)
    assert (found.moved, found.deleted) == (1, 2)
    assert found.left == (("sub/deep/a.png", "it is in the trash: a.png, which stands for it: it is gone"),)


def test_where_the_trash_may_be(photos, tmp_path):
    assert trash_of(photos, None) == photos / TRASH
    assert trash_of(photos, tmp_path / "bin") == tmp_path / "bin"
    assert trash_of(photos, photos / ".old" / "x") == photos / ".old" / "x"
    for wrong in (photos, photos / "bin", photos / "sub" / ".." / "bin"):
        with pytest.raises(ConfigurationError, match="would be searched for images too"):
            trash_of(photos, wrong)


def test_a_trash_that_cannot_be_made(photos, tmp_path):
    (tmp_path / "bin").write_text("a file")
    with pytest.raises(FilesError, match="cannot be made: File exists"):
        removed(photos, bin_=tmp_path / "bin")
    with pytest.raises(FilesError, match="cannot be made: Not a directory"):
        removed(photos, bin_=tmp_path / "bin" / "below")
    assert contents(photos) == FILES


def fail(number):
    def stop():
        raise OSError(number, os.strerror(number))

    return stop


def interrupt():
    raise KeyboardInterrupt


@pytest.mark.parametrize("stop", [interrupt, fail(errno.ENOSPC), fail(errno.EACCES)], ids=["stop", "full", "denied"])
@pytest.mark.parametrize("across", [False, True], ids=["rename", "copy"])
def test_stopped_at_any_step_nothing_is_lost(tmp_path, request, stop, across):
    """Also while it restores."""
    root = request.getfixturevalue("elsewhere") if across else tmp_path
    links = {"l.png": Path("a.png")}
    for at in range(1000):
        photos, bin_ = tmp_path / str(at), root / f"bin {at}"
        write(photos, FILES)
        (photos / "l.png").symlink_to("a.png")
        removals, marks = planned(photos, {**STANDS, "l.png": "a.png"})
        ended = 0
        try:
            with stopping(photos, bin_, at=at, stop=stop) as steps:
                remove(photos, bin_, removals, marks, QUIET, name="run")
        except (KeyboardInterrupt, FilesError):
            ended = 1
        ended = ended or steps[0] > at
        for again in (at, None):
            run = next(iter(runs_of(photos, bin_)), None)
            if run is None:
                break
            try:
                with stopping(photos, bin_, at=-1 if again is None else again % 9, stop=stop):
                    restore(photos, run, QUIET)
            except (KeyboardInterrupt, FilesError):
                assert again is not None
        assert contents(photos) == {**FILES, **links}, at
        if not ended:
            assert at > len(removals.moves)
            return
    raise AssertionError("it never ends")


@pytest.mark.parametrize("at", range(0, 40, 3))
def test_delete_stopped_at_any_step_keeps_what_stands_for_others(photos, at):
    compared = digests(photos)
    try:
        with stopping(photos, at=at, stop=interrupt):
            removed(photos, delete=compared)
    except KeyboardInterrupt:
        pass
    found = contents(photos)
    assert {name: found[name] for name in FILES if name not in STANDS} == {
        name: data for name, data in FILES.items() if name not in STANDS
    }
    for run in runs_of(photos, photos / TRASH):
        restore(photos, run, QUIET)
    assert contents(photos).items() <= FILES.items()


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
os.fsync = lambda handle: None
from test_trash import FILES, QUIET, STANDS, TRASH, contents, planned, remove, restore, runs_of, stopping, write

killed = 0
for at in range(1000):
    photos = Path(sys.argv[1]) / str(at)
    write(photos, FILES)
    removals, marks = planned(photos)
    child = os.fork()
    if not child:
        with stopping(photos, at=at, stop=lambda: os.kill(os.getpid(), signal.SIGKILL)):
            remove(photos, photos / TRASH, removals, marks, QUIET, name="run")
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    for run in runs_of(photos, photos / TRASH):
        child = os.fork()
        if not child:
            with stopping(photos, at=at % 7, stop=lambda: os.kill(os.getpid(), signal.SIGKILL)):
                restore(photos, run, QUIET)
            os._exit(0)
        os.waitpid(child, 0)
    for run in runs_of(photos, photos / TRASH):
        restore(photos, run, QUIET)
    assert contents(photos) == FILES, at
    if not status:
        break
    assert os.WTERMSIG(status) == signal.SIGKILL
    killed += 1
print(killed)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_any_step_nothing_is_lost(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), str(Path(__file__).parent)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 2 * len(STANDS)


def test_the_journal(tmp_path):
    run = Run(tmp_path, Path("/photos"), tuple(Move(name, f"files/{name}") for name in FILES))
    with journal(run) as note:
        assert read_run(tmp_path) == run  # before anything moves
        note("moved", "a.png")
        note("deleted", "b.png")
    assert read_run(tmp_path) == Run(run.path, run.folder, run.moves, frozenset({"b.png"}))
    with (tmp_path / JOURNAL).open("ab") as file:
        file.write(b'{"deleted":"a.p')
    assert read_run(tmp_path).deleted == {"b.png"}
    with pytest.raises(FilesError, match="File exists"), journal(run):
        pass


DAMAGED = [
    "", "{", "[]\n", "null\n", '{"folder": "x"}\n', '{"format": 1}\n', "\x00" * 20 + "\n",
    '{"format": 1, "folder": "x"}\nx\n{"moved": "a"}\n',
    '{"format": 1, "folder": "x"}\n{"move": "a"}\n',
    '{"format": 1, "folder": "x"}\n{"move": 3, "to": "b"}\n',
    *(
        json.dumps({"format": 1, "folder": "x"}) + "\n" + json.dumps({"move": move, "to": to}) + "\n"
        for move, to in [("../a", "b"), ("a", "../b"), ("/a", "b"), ("a", "/b"), ("a/../../b", "c"), ("", "b")]
    ),
]  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_journal_moves_nothing(tmp_path, content):
    (tmp_path / JOURNAL).write_text(content, encoding="ascii")
    with pytest.raises(FilesError, match="is damaged"):
        read_run(tmp_path)


def test_a_journal_of_another_version(tmp_path):
    (tmp_path / JOURNAL).write_text('{"format": 2}\n')
    with pytest.raises(FilesError, match="another version"):
        read_run(tmp_path)
    with pytest.raises(FilesError, match="cannot be read"):
        read_run(tmp_path / "nowhere")


@bounds(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_stands_for_what_it_comes_back(tmp_path_factory, data):
    """Any folder of files and links, any duplicates, any of them deleted or replaced meanwhile."""
    folder = tmp_path_factory.mktemp("any")
    names = [f"{letter}.png" for letter in "abcdef"]
    for number, name in enumerate(names):
        said = data.draw(st.none() | st.sampled_from(names))
        if said is None:
            (folder / name).write_bytes(bytes([number]))
        else:
            (folder / name).symlink_to(said)
    kept = data.draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    stands = {name: data.draw(st.sampled_from(kept)) for name in names if name not in kept}
    before, whole = contents(folder), [name for name in names if (folder / name).exists()]
    found = removed(folder, stands)
    after = contents(folder)
    assert {name for name in whole if name in after} == {name for name in whole if (folder / name).exists()}
    assert found.moved == len(before) - len(after)
    if found.moved:
        back(folder)
    assert contents(folder) == before
