"""Links lead nowhere: in a folder that others can write to, files are moved, read and made in that folder alone."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from labelonce import roots
from labelonce.cli import cli
from labelonce.errors import ConfigurationError, FilesError, ImageUnavailable
from labelonce.folders import filing, moving, trash
from labelonce.folders.filing import Filing, file_away
from labelonce.folders.journal import JOURNAL, Move, Run, journal, read_run
from labelonce.folders.moving import links_below, marks_of
from labelonce.folders.trash import TRASH, plan_removals, remove, restore, runs_of
from labelonce.label_studio.project import read_project
from labelonce.label_studio.server import Server
from labelonce.planning import Decision, Role
from labelonce.progress import Progress
from labelonce.settings import Settings
from labelonce.sources.folder import FolderSource
from labelonce.syncing.uploading import Fate, upload
from labelonce.tasks import Task
from pictures import encoded, texture
from studio import Person

pytestmark = pytest.mark.skipif(not roots.HELD, reason="folders cannot be held open here")
QUIET = Progress()
KEY = b"a private key"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """What nobody is to read, nor to write to."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "id_rsa").write_bytes(KEY)
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two pictures, one of them twice."""
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.png").write_bytes(encoded(texture(0, (60, 40))))
    (folder / "sub" / "b.png").write_bytes((folder / "a.png").read_bytes())
    (folder / "c.png").write_bytes(encoded(texture(1, (60, 40))))
    return folder


def command(*arguments: object) -> Result:
    return CliRunner().invoke(cli, list(map(str, arguments)))


def told(result: Result) -> str:
    """What a command said, which ended as it is meant to."""
    assert isinstance(result.exception, SystemExit | ConfigurationError | FilesError | None), result.exception
    return result.output + str(result.exception)


def untouched(home: Path) -> bool:
    return {path.name: path.read_bytes() for path in home.iterdir()} == {"id_rsa": KEY}


def made_up(run: Path, *moves: dict[str, Any]) -> Path:
    """A journal of somebody's own."""
    run.mkdir(parents=True, exist_ok=True)
    records = [{"format": 1, "folder": "/anywhere"}, *moves]
    (run / JOURNAL).write_text("".join(json.dumps(record) + "\n" for record in records))
    return run


def removed(photos: Path, *, bin_: Path | None = None, delete: dict[str, str] | None = None) -> trash.Removed:
    names = ["a.png", "sub/b.png"]
    marks = marks_of(photos, names)
    decisions = [
        Decision("a.png", Role.REPRESENTATIVE, "", "a.png", "a.png"),
        Decision("sub/b.png", Role.DUPLICATE, "", "a.png", "a.png"),
    ]
    removals = plan_removals(decisions, marks, links_below(photos, but=TRASH))
    return remove(photos, bin_ or photos / TRASH, removals, marks, QUIET, name="run", delete=delete)


class TestRestore:
    def test_into_a_linked_folder(self, photos: Path, home: Path) -> None:
        """A folder of the photos is a link now."""
        removed(photos)
        (photos / "sub").rmdir()
        (photos / "sub").symlink_to(home)
        result = command("restore", photos)
        assert result.exit_code == 3
        assert "is a link, which is not followed" in told(result)
        assert untouched(home)
        (photos / "sub").unlink()
        assert command("restore", photos).exit_code == 0
        assert (photos / "sub" / "b.png").is_file()

    def test_a_made_up_journal_writes_outside(self, photos: Path, home: Path) -> None:
        run = made_up(photos / TRASH / "run", {"move": "out/authorized_keys", "to": "files/x"})
        (run / "files").mkdir()
        (run / "files" / "x").write_bytes(b"a key of a stranger")
        (photos / "out").symlink_to(home)
        assert command("restore", photos).exit_code == 3
        assert untouched(home)

    @pytest.mark.parametrize("link", ["files", "files/deep", "run", TRASH])
    def test_a_made_up_journal_takes_a_key(self, photos: Path, home: Path, tmp_path: Path, link: str) -> None:
        """Whichever folder on the way to it is a link."""
        place = "files/deep/id_rsa" if link == "files/deep" else "files/id_rsa"
        stage = made_up(tmp_path / "stage" / "run", {"move": "got.png", "to": place})
        if link == "files":
            (stage / "files").symlink_to(home)
        elif link == "files/deep":
            (stage / "files").mkdir()
            (stage / "files" / "deep").symlink_to(home)
        else:
            (stage / "files").mkdir()
            (stage / "files" / "id_rsa").write_bytes(KEY)
        if link == TRASH:
            (photos / TRASH).symlink_to(stage.parent)
        elif link == "run":
            (photos / TRASH).mkdir()
            (photos / TRASH / "run").symlink_to(stage)
        else:
            stage.parent.rename(photos / TRASH)
        for line in (("restore", photos), ("restore", photos, "--run", "run"), ("restore", photos, "--dry-run")):
            told(command(*line))
            assert not (photos / "got.png").exists()
            assert untouched(home)

    @pytest.mark.parametrize(
        "move",
        [
            {"move": "a\0b", "to": "files/x"},
            {"move": "b", "to": "files/\0"},
            {"move": "b", "to": "files/\ud800"},
            {"move": "../b", "to": "files/x"},
            {"move": "/b", "to": "files/x"},
            {"move": "b", "to": "files/../../x"},
            {"move": "b", "to": JOURNAL},
            {"move": "", "to": "files/x"},
            {"move": ".", "to": "files/x"},
            {"move": 7, "to": "files/x"},
            {"move": "b", "to": ["files"]},
            {"move": "b", "to": "files/x", "of": 7},
        ],
        ids=repr,
    )
    def test_names_that_no_file_has(self, photos: Path, move: dict[str, Any]) -> None:
        """Told as damage, wherever the journal is read."""
        made_up(photos / TRASH / "run", move)
        with pytest.raises(FilesError, match="is damaged"):
            read_run(photos / TRASH / "run")
        for name in ("restore", "dedupe"):
            assert "is damaged" in told(command(name, photos))

    def test_a_folder_becomes_a_link_at_the_last_moment(
        self, photos: Path, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """When the place was looked at already: the file is where the folder is by then, or still in the trash."""
        removed(photos)
        (run,) = runs_of(photos, photos / TRASH)
        (photos / "sub").mkdir(exist_ok=True)
        real = moving.put

        def late(source: roots.Place, target: roots.Place) -> None:
            (photos / "sub").rename(photos / "elsewhere")
            (photos / "sub").symlink_to(home)
            real(source, target)

        monkeypatch.setattr(moving, "put", late)
        restore(photos, run, QUIET)
        assert untouched(home)
        assert (photos / "elsewhere" / "b.png").is_file()

    def test_the_trash_becomes_a_link_at_the_last_moment(
        self, photos: Path, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = removed(photos).run
        (home / "b.png").write_bytes(KEY)
        (found,) = runs_of(photos, photos / TRASH)
        real = moving.put

        def late(source: roots.Place, target: roots.Place) -> None:
            (run / "files" / "sub").rename(run / "files" / "moved")
            (run / "files" / "sub").symlink_to(home)
            real(source, target)

        monkeypatch.setattr(moving, "put", late)
        restore(photos, found, QUIET)
        assert (photos / "sub" / "b.png").read_bytes() == (photos / "a.png").read_bytes()
        assert (home / "b.png").read_bytes() == KEY

    def test_tidying_up_stays_in_the_trash(self, photos: Path, home: Path) -> None:
        """A folder of the run is a link to one where something has the name of a file that is not whole."""
        (home / f"{moving.PART}x").write_bytes(KEY)
        run = made_up(photos / TRASH / "run", {"move": "got.png", "to": "files/deep/x"})
        (run / "files").mkdir()
        (run / "files" / "deep").symlink_to(home)
        told(command("restore", photos))
        assert (home / f"{moving.PART}x").read_bytes() == KEY


class TestWithoutDescriptors:
    """Where a system has none of folders, each is looked at before."""

    @pytest.fixture(autouse=True)
    def not_held(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for module in (roots, moving):
            monkeypatch.setattr(module, "HELD", False)

    def test_away_and_back(self, photos: Path, tmp_path: Path) -> None:
        before = {path.name: path.read_bytes() for path in photos.rglob("*.png")}
        for bin_ in (photos / TRASH, tmp_path / "bin"):
            assert removed(photos, bin_=bin_).moved == 1
            (run,) = runs_of(photos, bin_)
            assert restore(photos, run, QUIET).restored == 1
            assert {path.name: path.read_bytes() for path in photos.rglob("*.png")} == before

    @pytest.mark.parametrize("mode", filing.MODES)
    def test_group(self, photos: Path, tmp_path: Path, mode: str) -> None:
        marks = marks_of(photos, ["sub/b.png"])
        assert file_away(photos, tmp_path / "out", [Filing("sub/b.png", "x/b.png", 0)], mode, marks, QUIET).done == 1

    def test_into_a_linked_folder(self, photos: Path, home: Path) -> None:
        removed(photos)
        (photos / "sub").rmdir()
        (photos / "sub").symlink_to(home)
        assert command("restore", photos).exit_code == 3
        assert untouched(home)

    def test_a_linked_trash(self, photos: Path, home: Path) -> None:
        (photos / TRASH).symlink_to(home)
        with pytest.raises(FilesError, match="is a link, which is not followed"):
            removed(photos)
        assert untouched(home)


class TestDedupe:
    def test_a_linked_trash(self, photos: Path, home: Path) -> None:
        (photos / TRASH).symlink_to(home)
        result = command("dedupe", photos, "--yes", "--model", "thumbnail", "--store", photos.parent / "store")
        assert "is a link, which is not followed" in told(result)
        assert "--trash" in told(result)
        assert untouched(home)
        assert (photos / "sub" / "b.png").is_file()

    def test_one_that_is_named_may_be_a_link(self, photos: Path, tmp_path: Path) -> None:
        """A person said so."""
        (tmp_path / "disk").mkdir()
        (tmp_path / "bin").symlink_to("disk")
        assert removed(photos, bin_=tmp_path / "bin").moved == 1
        assert (tmp_path / "disk" / "run" / "files" / "sub" / "b.png").is_file()
        (run,) = runs_of(photos, tmp_path / "bin")
        assert restore(photos, run, QUIET).restored == 1
        assert (photos / "sub" / "b.png").is_file()

    @pytest.mark.parametrize("which", ["photos", "trash"])
    def test_a_folder_becomes_a_link_at_the_last_moment(
        self, photos: Path, home: Path, monkeypatch: pytest.MonkeyPatch, which: str
    ) -> None:
        (home / "b.png").write_bytes(KEY)
        real = trash.take
        moved = photos / "sub" if which == "photos" else photos / TRASH / "run" / "files" / "sub"

        def late(source: roots.Place, target: roots.Place, mark: moving.Mark) -> None:
            moved.rename(photos / "moved")
            moved.symlink_to(home)
            real(source, target, mark)

        monkeypatch.setattr(trash, "take", late)
        removed(photos)
        assert {path.name: path.read_bytes() for path in home.iterdir()} == {"id_rsa": KEY, "b.png": KEY}

    def test_nothing_is_deleted_through_a_link(self, photos: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The trash is exchanged between the comparison of the bytes and the deletion."""
        (home / "b.png").write_bytes(KEY)
        run = photos / TRASH / "run"
        real = trash.sha256

        def late(place: roots.Place, **options: bool) -> str:
            found = real(place, **options)
            if not (run / "files" / "sub").is_symlink():
                (run / "files" / "sub").rename(run / "files" / "moved")
                (run / "files" / "sub").symlink_to(home)
            return found

        digests = {name: moving.sha256(roots.at(photos / name)) for name in ("a.png", "sub/b.png")}
        monkeypatch.setattr(trash, "sha256", late)
        removed(photos, delete=digests)
        assert (home / "b.png").read_bytes() == KEY

    def test_a_file_is_exchanged_before_it_is_deleted(
        self, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """On the way to another disk, after the last look at it."""
        real = roots.Place.rename

        def across(source: roots.Place, target: roots.Place) -> None:
            if source.name == "b.png" and target.name == "b.png":
                raise OSError(18, "Invalid cross-device link")
            if source.name == "b.png":
                source.path.unlink()
                source.path.write_bytes(b"new, and nowhere else")
            real(source, target)

        monkeypatch.setattr(roots.Place, "rename", across)
        found = removed(photos, bin_=tmp_path / "bin")
        assert found.left == (("sub/b.png", "it changed at this very moment"),)
        assert (photos / "sub" / "b.png").read_bytes() == b"new, and nowhere else"
        assert not [path for path in photos.rglob("*") if path.name.startswith(moving.PART)]


class TestGroup:
    @pytest.mark.parametrize("mode", filing.MODES)
    def test_a_link_that_leads_out(self, photos: Path, home: Path, tmp_path: Path, mode: str) -> None:
        """What it leads to is not to be had in the new folder, unless that is asked for."""
        (photos / "key.png").symlink_to(home / "id_rsa")
        filings = [Filing("key.png", "not-compared/key.png", None), Filing("a.png", "unique/a.png", -1)]
        marks = marks_of(photos, ["key.png", "a.png"])
        for follow in (False, True):
            out = tmp_path / f"out {follow}"
            found = file_away(photos, out, filings, mode, marks, QUIET, follow_links=follow)
            got = out / "not-compared" / "key.png"
            if mode in ("copy", "hardlink"):
                assert got.exists() == follow
                assert bool(found.left) == (not follow)
            else:
                assert got.is_symlink()
            if mode == "move":
                return

    def test_a_folder_becomes_a_link_at_the_last_moment(
        self, photos: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (home / "b.png").write_bytes(KEY)
        real = filing.hindrance

        def late(*arguments: Any) -> str | None:
            why = real(*arguments)
            (photos / "sub").rename(photos / "moved")
            (photos / "sub").symlink_to(home)
            return why

        monkeypatch.setattr(filing, "hindrance", late)
        for mode in filing.MODES:
            out = tmp_path / mode
            found = file_away(
                photos, out, [Filing("sub/b.png", "x/b.png", 0)], mode, marks_of(photos, ["sub/b.png"]), QUIET
            )
            assert mode == "symlink" or found.left
            assert [path for path in out.rglob("*") if path.is_file() and not path.is_symlink()] == []
            (photos / "sub").unlink()
            (photos / "moved").rename(photos / "sub")
        assert (home / "b.png").read_bytes() == KEY

    @pytest.mark.parametrize("mode", ["copy", "hardlink"])
    def test_a_link_is_turned_at_the_last_moment(
        self, photos: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
    ) -> None:
        """It led to an image of the folder when it was looked at."""
        (photos / "l.png").symlink_to("a.png")
        marks = marks_of(photos, ["l.png"])
        real = filing.hindrance

        def late(*arguments: Any) -> str | None:
            why = real(*arguments)
            (photos / "l.png").unlink()
            (photos / "l.png").symlink_to(home / "id_rsa")
            return why

        monkeypatch.setattr(filing, "hindrance", late)
        for follow in (False, True):
            (photos / "l.png").unlink()
            (photos / "l.png").symlink_to("a.png")
            out = tmp_path / f"out {follow}"
            found = file_away(photos, out, [Filing("l.png", "x/l.png", 0)], mode, marks, QUIET, follow_links=follow)
            assert found.left
            assert [path for path in out.rglob("*") if path.is_file()] == []

    def test_the_new_folder_becomes_a_link(
        self, photos: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        out = tmp_path / "out"
        real = filing.hindrance

        def late(*arguments: Any) -> str | None:
            if not out.is_symlink():
                out.rename(tmp_path / "moved")
                out.symlink_to(home)
            return real(*arguments)

        monkeypatch.setattr(filing, "hindrance", late)
        file_away(photos, out, [Filing("a.png", "x/a.png", 0)], "copy", marks_of(photos, ["a.png"]), QUIET)
        assert untouched(home)


class TestReading:
    """Of the images of a folder."""

    @pytest.mark.parametrize("name", ["a.png", "sub/b.png"])
    def test_a_link_takes_the_place_of_a_file(
        self, photos: Path, home: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        """After it was found out that it leads nowhere else."""
        (home / "b.png").write_bytes(KEY)
        source, real = FolderSource(photos, max_bytes=10**6), roots.Place.reading

        def late(place: roots.Place, **options: bool) -> Any:
            if name == "a.png":
                (photos / name).unlink()
                (photos / name).symlink_to(home / "id_rsa")
            else:
                (photos / "sub").rename(photos / "moved")
                (photos / "sub").symlink_to(home)
            return real(place, **options)

        monkeypatch.setattr(roots.Place, "reading", late)
        try:
            found = source.read(Task(name, (name,)), name)
            assert found is not None
            assert found.data != KEY
        except ImageUnavailable:
            assert name == "a.png"


class TestUpload:
    @pytest.mark.parametrize("kind", ["file", "folder", "content"])
    def test_a_link_takes_the_place_of_what_was_compared(
        self, labels: Any, photos: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
    ) -> None:
        """Just before it is sent."""
        from labelonce.syncing import uploading

        key = encoded(texture(5, (60, 40)))
        (home / "b.png").write_bytes(key)
        (photos / "sub" / "b.png").write_bytes(encoded(texture(2, (60, 40))))
        real, sent = uploading._send, []
        turns: dict[str, Callable[[], object]] = {
            "file": lambda: ((photos / "sub/b.png").unlink(), (photos / "sub/b.png").symlink_to(home / "b.png")),
            "folder": lambda: ((photos / "sub").rename(tmp_path / "moved"), (photos / "sub").symlink_to(home)),
            "content": lambda: (photos / "sub/b.png").write_bytes(key),
        }

        def late(*arguments: Any, **options: Any) -> None:
            if not sent:
                turns[kind]()
            sent.append(1)
            real(*arguments, **options)

        monkeypatch.setattr(uploading, "_send", late)
        owner = Person(labels.url, labels.token)
        server, number = Server(labels.url, labels.token), owner.project()
        settings = Settings(model="dct", store=tmp_path / "store.sqlite3")
        found = upload(server, read_project(server, number), photos, settings, QUIET)
        fates = {one.file: one.fate for one in found.files}
        assert (fates["a.png"], fates["c.png"], fates["sub/b.png"]) == (Fate.IMPORTED, Fate.IMPORTED, Fate.FAILED)
        tasks = owner.call("GET", f"/api/tasks/?project={number}&page_size=100&fields=all")["tasks"]
        assert len(tasks) == 2
        assert not [task for task in tasks if "b.png" in task["data"]["image"]]


def test_the_journal_is_no_link(photos: Path, home: Path) -> None:
    """What is written to it goes nowhere else."""
    run = photos / TRASH / "run"
    run.mkdir(parents=True)
    (run / f"{JOURNAL}.part").symlink_to(home / "new")
    with pytest.raises(FilesError), journal(Run(run, photos, (Move("a.png", "files/a.png"),))):
        pass
    (run / f"{JOURNAL}.part").unlink(missing_ok=True)
    (run / JOURNAL).symlink_to(home / "id_rsa")
    with pytest.raises(FilesError), journal(Run(run, photos, (Move("a.png", "files/a.png"),))):
        pass
    assert untouched(home)
    assert os.path.lexists(run / JOURNAL)
