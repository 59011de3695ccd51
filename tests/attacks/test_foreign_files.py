"""A file that labelonce did not make is never written over, renamed or deleted, whatever it is named for."""

import json
import os
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from labelonce.advice import Advice, keep_advice
from labelonce.catalogue.known import FORMAT as CATALOGUE_FORMAT
from labelonce.catalogue.known import folder_of
from labelonce.cli import cli
from labelonce.errors import ConfigurationError
from labelonce.label_studio.server import Server
from labelonce.neighbours import NeighbourSearch, link
from labelonce.pipeline import make_plan
from labelonce.settings import Settings
from labelonce.sources.memory import MemorySource
from labelonce.store import SCHEMA, SCHEMA_VERSION, Store
from labelonce.syncing import mirror
from labelonce.writing import whole
from notes import Notes
from pictures import encoded, texture

MINE = b"somebody's own words\n"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures, one of them twice."""
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(2):
        (folder / f"{seed}.png").write_bytes(encoded(texture(seed, (120, 90))))
    (folder / "0.jpg").write_bytes(encoded(texture(0, (120, 90)), "JPEG", quality=88))
    return folder


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder, with a store in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABELONCE_STORE", str(tmp_path / "own" / "store.sqlite3"))
    monkeypatch.setenv("LABELONCE_MODEL", "thumbnail")
    return tmp_path


def command(*arguments: object) -> Result:
    return CliRunner().invoke(cli, list(map(str, arguments)))


def refused(result: Result) -> str:
    """What a command said that ended with exit code 2, as `main` ends it."""
    assert isinstance(result.exception, ConfigurationError), (result.exception, result.output)
    return str(result.exception)


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def database(path: Path, *, wal: bool = False, version: int = 0, application: int = 0) -> sqlite3.Connection:
    """Somebody's database with one row, which is not in the file itself where it has a write-ahead log."""
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path)
    if wal:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA wal_autocheckpoint = 0")
    db.execute(f"PRAGMA user_version = {version}")
    db.execute(f"PRAGMA application_id = {application}")
    db.execute("CREATE TABLE precious (note TEXT)")
    db.execute("INSERT INTO precious VALUES ('a row')")
    db.commit()
    return db


def rows(path: Path) -> list[tuple[str]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT note FROM precious").fetchall()


STRANGERS: dict[str, Callable[[Path], object]] = {
    "database": lambda path: database(path).close(),
    "database of another application": lambda path: database(path, version=SCHEMA_VERSION, application=99).close(),
    "text": lambda path: path.write_bytes(MINE),
    "one byte": lambda path: path.write_bytes(b"\n"),
    "link to a text": lambda path: ((path.parent / "target").write_bytes(MINE), path.symlink_to("target")),
    "an empty database": lambda path: sqlite3.connect(path).execute("PRAGMA user_version = 1").connection.close(),
    "a head only": lambda path: path.write_bytes(b"SQLite format 3\0" + bytes(34)),
}


class TestStore:
    @pytest.mark.parametrize("kind", STRANGERS)
    def test_it_is_refused(self, photos: Path, tmp_path: Path, kind: str) -> None:
        STRANGERS[kind](tmp_path / "data")
        before = snapshot(tmp_path)
        said = refused(command("folder", photos, "--store", tmp_path / "data"))
        assert "is not a store of labelonce" in said
        assert "--store" in said
        assert snapshot(tmp_path) == before

    def test_rows_that_are_in_the_journal_only(self, photos: Path, tmp_path: Path) -> None:
        """As a program leaves them that was killed."""
        live = tmp_path / "live"
        with closing(database(live, wal=True)):
            for suffix in ("", "-wal"):
                (tmp_path / f"data{suffix}").write_bytes(live.with_name(f"live{suffix}").read_bytes())
        before = snapshot(tmp_path)
        refused(command("folder", photos, "--store", tmp_path / "data"))
        assert snapshot(tmp_path) == before
        assert rows(tmp_path / "data") == [("a row",)]

    @pytest.mark.parametrize("there", [False, True], ids=["gone", "empty"])
    def test_a_journal_whose_database_is_elsewhere(self, photos: Path, tmp_path: Path, there: bool) -> None:
        """SQLite itself would delete it."""
        with closing(database(tmp_path / "live", wal=True)):
            (tmp_path / "data-wal").write_bytes((tmp_path / "live-wal").read_bytes())
        if there:
            (tmp_path / "data").touch()
        before = snapshot(tmp_path)
        assert "data-wal" in refused(command("folder", photos, "--store", tmp_path / "data"))
        assert snapshot(tmp_path) == before

    def test_it_comes_while_labelonce_works(self, tmp_path: Path) -> None:
        path, notes = tmp_path / "store", Notes()
        store = Store(path, notes)
        path.write_bytes(MINE * 1000)
        assert store.images(["a"]) == {}
        store.close()
        assert path.read_bytes() == MINE * 1000
        assert "cannot be used" in notes.texts[0]

    def test_journals_move_along(self, tmp_path: Path) -> None:
        path = tmp_path / "store"
        Store(path, Notes()).close()
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA wal_autocheckpoint = 0")
            db.execute("CREATE TABLE more (note TEXT)")
            saved = {suffix: Path(f"{path}{suffix}").read_bytes() for suffix in ("", "-wal")}
        for suffix, content in saved.items():
            Path(f"{path}{suffix}").write_bytes(content)
        notes = Notes()
        Store(path, notes).close()
        assert "another version" in notes.texts[0]
        with closing(sqlite3.connect(f"{path}.set-aside-1")) as db:
            assert db.execute("SELECT count(*) FROM more").fetchone() == (0,)

    def test_a_store_from_before_there_was_a_mark(self, tmp_path: Path) -> None:
        """It is known by its tables, and used on."""
        path = tmp_path / "store"
        with closing(sqlite3.connect(path)) as db:
            for statement in filter(str.strip, SCHEMA.split(";")):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("INSERT INTO features VALUES ('p', '1', ?)", [b"\0\0\0\0"])
            db.commit()
        for _ in range(2):
            notes = Notes()
            store = Store(path, notes)
            assert store.featured(["p"], "1") == {"p"}
            store.close()
            assert notes.texts == []
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA application_id").fetchone() != (0,)
        path.write_bytes(path.read_bytes()[:4096] + bytes(8192))  # damaged now, and still known
        notes = Notes()
        Store(path, notes).close()
        assert "set-aside-1" in notes.texts[0]


class TestMirror:
    @pytest.mark.parametrize("kind", STRANGERS)
    def test_it_is_refused(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / "mirror"
        STRANGERS[kind](path)
        before = snapshot(tmp_path)
        with pytest.raises(ConfigurationError, match="is not a file of labelonce"):
            mirror.Mirror(path)
        with pytest.raises(ConfigurationError):
            mirror.discard(path)
        assert snapshot(tmp_path) == before

    def test_one_from_before_there_was_a_mark(self, tmp_path: Path) -> None:
        path = tmp_path / "mirror"
        with closing(sqlite3.connect(path)) as db:
            for statement in filter(str.strip, mirror.SCHEMA.split(";")):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {mirror.VERSION}")
            db.execute("INSERT INTO written VALUES (7)")
            db.commit()
        for _ in range(2):
            with mirror.Mirror(path) as found:
                assert found.written() == [7]


def plan(place: Path, notes: Notes) -> None:
    files = {f"{seed}.png": encoded(texture(seed, (60, 40))) for seed in range(3)}
    make_plan(MemorySource(files), Settings(model="thumbnail", store=place / "store"), notes)


class TestBesideTheStore:
    """What only saves time is left out where somebody's file is in its place, and the message says so."""

    def test_catalogue(self, tmp_path: Path) -> None:
        plan(tmp_path, Notes())
        (home,) = (tmp_path / "store.catalogue").iterdir()
        for path in home.iterdir():
            path.unlink()
        database(home / "pictures.sqlite3").close()
        (home / f"vectors-{'0' * 32}").write_bytes(MINE)
        before, notes = snapshot(home), Notes()
        plan(tmp_path, notes)
        assert snapshot(home) == before
        assert "is not a file of labelonce" in notes.texts[-1]

    def test_what_lies_in_a_catalogue_of_ours(self, tmp_path: Path) -> None:
        plan(tmp_path, Notes())
        (home,) = (tmp_path / "store.catalogue").iterdir()
        (home / "vectors-of-mine").write_bytes(MINE)
        (home / "part-of-mine").mkdir()
        (home / "part-of-mine" / "notes").write_bytes(MINE)
        os.utime(home / "part-of-mine", (0, 0))
        with closing(sqlite3.connect(home / "pictures.sqlite3")) as db, db:
            db.execute("DELETE FROM pictures")
            db.execute("UPDATE about SET content = '{}'")
        plan(tmp_path, Notes())
        assert (home / "vectors-of-mine").read_bytes() == MINE
        assert (home / "part-of-mine" / "notes").read_bytes() == MINE

    @pytest.mark.parametrize("matrix", ["../../../victim", "linked"])
    def test_a_catalogue_that_names_a_file_elsewhere(self, tmp_path: Path, matrix: str) -> None:
        """Adding to it would cut that file off, and write behind it."""
        from labelonce.catalogue import extend_catalogue, save_catalogue
        from labelonce.reading import KnownImages
        from labelonce.store import ImageRecord
        from labelonce.tasks import Task

        victim = tmp_path / "victim"
        victim.write_bytes(MINE * 100)

        def images(number: int) -> KnownImages:
            record = ImageRecord(f"d{number}", f"p{number}", 3, 4, 0.5)
            tasks = [Task(f"{number}", (f"{number}",))]
            return KnownImages([record], np.eye(1, 3, dtype=np.float32), {f"{number}": (0,)}, {}, {}, [], tasks=tasks)

        source, store = MemorySource({}), tmp_path / "a" / "store"
        save_catalogue(store, source, "m", images(1), Notes())
        what = {"format": CATALOGUE_FORMAT, "identity": source.identity, "model": "m", "region": ""}
        home = folder_of(store, what)
        with closing(sqlite3.connect(home / "pictures.sqlite3")) as db, db:
            about = json.loads(db.execute("SELECT content FROM about").fetchone()[0])
            if matrix == "linked":
                matrix = about["matrix"]
                (home / matrix).unlink()
                (home / matrix).symlink_to(victim)
            db.execute("UPDATE about SET content = ?", [json.dumps({**about, "matrix": matrix})])
        notes = Notes()
        extend_catalogue(store, source, "m", images(2), notes)
        assert victim.read_bytes() == MINE * 100
        assert len(notes.texts) == 1

    @pytest.mark.parametrize("suffix", ["ann", "npz"])
    def test_index(self, tmp_path: Path, suffix: str) -> None:
        search = NeighbourSearch(engine="annoy", folder=tmp_path / "index", name="pictures")
        vectors = np.random.default_rng(0).normal(size=(300, 40)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        expected = link(vectors, 0.7, search)
        path = next((tmp_path / "index").glob(f"*.{suffix}"))
        for other in (tmp_path / "index").iterdir():
            other.unlink()
        path.write_bytes(MINE)
        notes = Notes()
        found = link(vectors, 0.7, search, notes)
        assert np.array_equal(found.left, expected.left)
        assert snapshot(tmp_path / "index") == {path.name: MINE}
        assert "was not written by labelonce" in notes.texts[-1]

    def test_advice(self, tmp_path: Path) -> None:
        keep_advice(tmp_path / "store", "a", Advice(("a hint",)))
        (path,) = (tmp_path / "store.advice").iterdir()
        path.write_bytes(MINE)
        for advice in (Advice(("another",)), Advice()):
            keep_advice(tmp_path / "store", "a", advice)
            assert path.read_bytes() == MINE


# every option that names a file to be written
OUTPUTS = {
    "folder --output": ("folder", "PHOTOS", "--output", "FILE.json"),
    "folder --decisions": ("folder", "PHOTOS", "--decisions", "FILE.csv"),
    "clusters --csv": ("clusters", "PHOTOS", "--csv", "FILE.csv"),
    "neighbors --csv": ("neighbors", "PHOTOS/0.png", "--in", "PHOTOS", "--csv", "FILE.csv"),
    "similarity --show": ("similarity", "PHOTOS/0.png", "PHOTOS/1.png", "--show", "FILE.png"),
    "report --html": ("report", "PHOTOS", "--html", "FILE.html"),
    "report --csv": ("report", "PHOTOS", "--csv", "FILE.csv"),
    "tune --plot": ("tune", "PHOTOS", "--plot", "FILE.png"),
    "tune --sheet": ("tune", "PHOTOS", "--sheet", "FILE.jpg"),
    "tune --questions": ("tune", "PHOTOS", "--questions", "FILE.csv"),
    "tune --csv": ("tune", "PHOTOS", "--csv", "FILE.csv"),
}


def arguments(name: str, photos: Path, place: Path) -> tuple[list[str], Path]:
    """A command line, and the file that it writes."""
    line = [one.replace("PHOTOS", str(photos)).replace("FILE", str(place / "file")) for one in OUTPUTS[name]]
    return line, Path(line[-1])


class TestOutputs:
    @pytest.mark.parametrize("name", OUTPUTS)
    def test_only_its_own_are_written_again(self, photos: Path, tmp_path: Path, name: str) -> None:
        line, path = arguments(name, photos, tmp_path)
        for _ in range(2):
            result = command(*line)
            assert result.exit_code == 0, result.output
        made = path.read_bytes()
        for foreign in (MINE, b"\n" + made):
            path.write_bytes(foreign)
            said = refused(command(*line))
            assert "was not written by labelonce" in said
            assert path.read_bytes() == foreign
        path.unlink()
        (tmp_path / "target").write_bytes(made)
        path.symlink_to("target")
        assert "is a link" in refused(command(*line))
        assert path.is_symlink()
        assert (tmp_path / "target").read_bytes() == made
        path.unlink()
        path.mkdir()
        assert command(*line).exit_code
        assert list(path.iterdir()) == []
        path.rmdir()
        path.touch()
        assert command(*line).exit_code == 0
        assert path.stat().st_size

    @pytest.mark.parametrize("name", OUTPUTS)
    def test_they_are_not_each_others(self, photos: Path, tmp_path: Path, name: str) -> None:
        """A table that another command of labelonce wrote is not to be lost either."""
        line, path = arguments(name, photos, tmp_path)
        assert command(*line).exit_code == 0
        for other in OUTPUTS:
            line, there = arguments(other, photos, tmp_path)
            if other != name and there.suffix == path.suffix and path.suffix != ".png":
                assert "was not written by" in refused(command(*line)), other

    def test_the_table_of_a_plan(self, photos: Path, tmp_path: Path) -> None:
        (tmp_path / "plan.csv").write_bytes(MINE)
        assert "plan.csv" in refused(command("folder", photos, "--output", "plan.json"))
        assert snapshot(tmp_path) == {"plan.csv": MINE}

    def test_answers_of_a_person(self, photos: Path, tmp_path: Path) -> None:
        questions = tmp_path / "questions.csv"
        assert command("tune", photos, "--questions", questions).exit_code == 0
        header, *lines = questions.read_text().splitlines()
        assert lines
        questions.write_text("\n".join([header, lines[0].replace(",,", ",1,", 1), *lines[1:]]) + "\n")
        before = questions.read_bytes()
        assert "holds answers" in refused(command("tune", photos, "--questions", questions))
        assert questions.read_bytes() == before

    @pytest.mark.parametrize(
        "line",
        [
            ("folder", "--output", "plan.json", "--decisions", "plan.csv"),
            ("folder", "--output", "plan.json", "--decisions", "here/../plan.json"),
            ("folder", "--output", "same", "--decisions", "linked/same"),
            ("report", "--html", "same", "--csv", "same"),
            ("report", "--html", "linked/same", "--csv", "same"),
            ("tune", "--questions", "same", "--csv", "same"),
            ("tune", "--plot", "same.png", "--sheet", "./same.png"),
            ("folder", "--output", "plan.json", "--store", "plan.json"),
            ("folder", "--decisions", "log", "--log-file", "log"),
        ],
        ids=" ".join,
    )
    def test_equal_paths(self, photos: Path, tmp_path: Path, line: tuple[str, ...]) -> None:
        (tmp_path / "here").mkdir()
        (tmp_path / "linked").symlink_to(".")
        name, *options = line
        assert "name another file" in refused(command(name, photos, *options))
        assert not [path for path in snapshot(tmp_path) if path != "log"]

    def test_what_lies_where_it_is_written_first(self, tmp_path: Path) -> None:
        """A name that can be guessed may be a link to something else."""
        path = tmp_path / "plan.json"
        (tmp_path / "victim").write_bytes(MINE)
        guess = tmp_path / f"plan.json.{os.getpid()}.part"
        guess.symlink_to("victim")
        with whole(path, re.compile(b"new")) as file:
            file.write(b"new")
        assert (tmp_path / "victim").read_bytes() == MINE
        assert guess.is_symlink()
        assert path.read_bytes() == b"new"

    def test_it_comes_while_it_is_written(self, tmp_path: Path) -> None:
        path = tmp_path / "plan.json"
        writing = whole(path, re.compile(b"new"))
        writing.__enter__().write(b"new")
        path.write_bytes(MINE)
        with pytest.raises(ConfigurationError):
            writing.__exit__(None, None, None)
        assert snapshot(tmp_path) == {"plan.json": MINE}


class TestLogs:
    @pytest.mark.parametrize("style", ["text", "json"])
    def test_only_logs_grow(self, photos: Path, tmp_path: Path, style: str) -> None:
        log = tmp_path / "log"
        line = ("folder", photos, "-v", "--log-file", log, "--log-format", style)
        for _ in range(2):
            assert command(*line).exit_code == 0
        assert log.read_text().count("begins") == 2
        log.write_bytes(MINE)
        assert "was not written by labelonce" in refused(command(*line))
        assert log.read_bytes() == MINE


def test_a_plan_is_not_made_where_it_cannot_be_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name that it has where none is given, too; nobody is asked for anything before."""
    (tmp_path / "labelonce-plan-3.json").write_bytes(MINE)
    monkeypatch.setattr(Server, "__init__", lambda *_, **__: pytest.fail("asked"))
    assert "labelonce-plan-3.json" in refused(command("plan", "--project", "3", "--url", "http://127.0.0.1:9"))
