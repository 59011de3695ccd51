"""Machines fail: full and read-only disks, damaged files, clocks that jump, streams that are closed.

Nothing is ever half written, what was there stays, and the decisions are those of a sound machine.
"""

import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from labelonce.errors import ConfigurationError
from labelonce.label_studio.project import read_project
from labelonce.label_studio.server import Server
from labelonce.pipeline import make_plan
from labelonce.planning import Plan, load_plan
from labelonce.progress import Progress
from labelonce.settings import Settings
from labelonce.sources import folder as folder_source
from labelonce.sources.folder import FolderSource
from labelonce.syncing import sync
from labelonce.syncing.mirror import LONGEST_RETRY, Mirror
from labelonce.writing import whole
from notes import Notes
from pictures import encoded, texture
from studio import Person

OLD = "what was there before\n"
# files that an earlier run wrote, as far as that is looked at
EARLIER = {
    "plan.json": '{\n "format": 1, "damaged"',
    "plan.csv": "task,role,cluster,representative,similarity,reason,doubt\n",
    "--decisions": "file,representative\n",
    "--csv": "task,label,size,representative,problem\n",
}
PLAN = {name: EARLIER[name] for name in ("plan.json", "plan.csv")}
# a disk of its own for one command, which nobody else sees; what is on it is copied from a folder and back to it
DISK = """
disk=$1 content=$2 options=$3; shift 3
mount -t tmpfs -o size=64m tmpfs "$disk" && cp -a "$content/." "$disk" && mount -o "remount,$options" "$disk" || exit 77
"$@"
code=$?
rm -rf "$content" && cp -a "$disk" "$content" && exit $code
"""
MAIN = "from labelonce.cli import main; main()"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pictures, each of them twice."""
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(6):
        image = texture(seed, (240, 180))
        (folder / f"{seed}.png").write_bytes(encoded(image))
        (folder / f"{seed}.jpg").write_bytes(encoded(image, "JPEG", quality=88))
    return folder


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


def command(*arguments: object, prefix: tuple[object, ...] = (), cwd: Path, **environment: str | None) -> Done:
    """Run the command line; variables that are None are not set."""
    variables = {**os.environ, "LABELONCE_MODEL": "dct", **environment}
    done = subprocess.run(
        [*map(str, prefix), sys.executable, "-c", MAIN, *map(str, arguments)],
        env={key: value for key, value in variables.items() if value is not None},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "Traceback" not in done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Disk:
    """A small disk that is mounted at a path while a command runs; the rest of the time its content is in a folder."""

    path: Path
    content: Path

    def command(self, options: str, *arguments: object, **environment: str | None) -> Done:
        """Run a command line with the disk, which is mounted with some options."""
        prefix = ("unshare", "-rm", "sh", "-c", DISK, "disk", self.path, self.content, options)
        return command(*arguments, prefix=prefix, cwd=self.path.parent, **environment)

    def files(self) -> dict[str, bytes]:
        """What is on it."""
        return {
            str(one.relative_to(self.content)): one.read_bytes() for one in self.content.rglob("*") if one.is_file()
        }


@pytest.fixture(scope="session")
def mounts() -> None:
    """Skips where the system lets nobody mount a disk of their own."""
    probe = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    if shutil.which("unshare") is None or subprocess.run(probe, check=False, capture_output=True).returncode:
        pytest.skip("this system lets nobody mount a disk of their own")


@pytest.fixture
def disk(mounts: None, tmp_path: Path) -> Disk:
    made = Disk(tmp_path / "disk", tmp_path / "content")
    made.path.mkdir()
    made.content.mkdir()
    return made


@pytest.fixture(scope="module")
def expected(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """The plan of a sound machine."""
    place = tmp_path_factory.mktemp("sound")
    assert command("folder", photos, "--output", "plan.json", "--store", "store", cwd=place).code == 0
    return load_plan(place / "plan.json")


class TestFullDisk:
    @pytest.mark.parametrize("size", ["16k", "72k", "128k", "336k"])
    def test_everything_of_a_run_on_it(self, disk: Disk, photos: Path, expected: Plan, size: str) -> None:
        """The store, the catalogue, the index, the plan, temporary files: something finds no room in each of these."""
        for name in ("plan.json", "plan.csv"):
            (disk.content / name).write_text(EARLIER[name])
        on_disk = {"XDG_CACHE_HOME": str(disk.path), "TMPDIR": str(disk.path)}
        run = ("folder", photos, "--engine", "annoy", "--store", "disk/store", "--output", "disk/plan.json")
        done = disk.command(f"size={size}", *run, **on_disk)
        assert done.code in (0, 2)
        found = disk.files()
        if done.code:
            assert "disk/plan.json cannot be written: No space left on device. Free some disk space" in done.err
            assert {name: found[name].decode() for name in ("plan.json", "plan.csv")} == PLAN
        else:
            assert load_plan(disk.content / "plan.json") == expected
            assert found["plan.csv"].count(b"\n") == 13
        assert "Free some disk space" in done.err
        assert not [name for name in found if "part" in name]
        assert disk.command("size=9m", *run, **on_disk).code == 0
        assert load_plan(disk.content / "plan.json") == expected

    def test_the_plan_fits_and_its_table_does_not(self, disk: Disk, photos: Path) -> None:
        for name in ("plan.json", "plan.csv"):
            (disk.content / name).write_text(EARLIER[name])
        for size in ("8k", "12k"):
            done = disk.command(f"size={size}", "folder", photos, "--store", "store", "--output", "disk/plan.json")
            assert done.code == 2
            assert {name: content.decode() for name, content in disk.files().items()} == PLAN

    @pytest.mark.parametrize("option", ["--decisions", "--csv"])
    def test_tables(self, disk: Disk, photos: Path, option: str) -> None:
        (disk.content / "table.csv").write_text(EARLIER[option])
        name = "folder" if option == "--decisions" else "clusters"
        done = disk.command("size=4k", name, photos, "--store", "store", option, "disk/table.csv")
        assert done.code == 2
        assert "disk/table.csv cannot be written: No space left on device" in done.err
        assert disk.files() == {"table.csv": EARLIER[option].encode()}

    @pytest.mark.parametrize("place", ["beside", "elsewhere"])
    def test_dedupe(self, disk: Disk, photos: Path, tmp_path: Path, place: str) -> None:
        """Its journal, and copies to a full disk."""
        before = {one.name: one.read_bytes() for one in photos.iterdir()}
        size = sum(-(-len(data) // 4096) * 4 for data in before.values())
        if place == "beside":
            home, where, trash = disk.content / "photos", disk.path / "photos", ()
        else:
            home = where = tmp_path / "photos"
            trash, size = ("--trash", disk.path / "trash"), size // 4
        shutil.copytree(photos, home)
        done = disk.command(f"size={size}k", "dedupe", where, "--yes", "--store", tmp_path / "store", *trash)
        assert done.code == 1
        assert "No space left on device" in done.err
        assert "Nothing was moved" in done.err or "are where they were" in done.err
        held = [path for path in {*home.rglob("*"), *disk.content.rglob("*")} if path.suffix in (".png", ".jpg")]
        assert set(before.values()) == {path.read_bytes() for path in held}
        assert len(held) == len(before)
        assert disk.command("size=9m", "restore", where, *trash).code == 0
        assert {one.name: one.read_bytes() for one in home.iterdir() if one.is_file()} == before

    def test_a_network_that_cannot_be_prepared(self, disk: Disk, photos: Path) -> None:
        done = disk.command("size=64k", "folder", photos, "--model", "lite0", "--store", "store", TMPDIR=str(disk.path),
                            XDG_CACHE_HOME=str(disk.path))  # fmt: skip
        assert done.code == 2
        assert "set TMPDIR to another folder" in done.err


class TestReadOnlyCache:
    @pytest.mark.parametrize("known", [False, True], ids=["empty", "filled"])
    def test_a_run(self, disk: Disk, photos: Path, tmp_path: Path, expected: Plan, known: bool) -> None:
        run = ("folder", photos, "--engine", "annoy", "--output", tmp_path / "plan.json")
        if known:
            assert disk.command("rw", *run, XDG_CACHE_HOME=str(disk.path)).code == 0
        before = disk.files()
        assert bool(before) == known
        done = disk.command("ro", *run, XDG_CACHE_HOME=str(disk.path))
        assert done.code == 0
        assert "store.sqlite3 cannot be used" in done.err
        assert "or name another file with --store" in done.err
        assert load_plan(tmp_path / "plan.json") == expected
        assert disk.files() == before

    def test_a_project(self, disk: Disk, labels: Any, project: "Followed") -> None:
        """Nothing can be locked, remembered or mirrored, and all of it is done."""
        done = disk.command("ro", "sync", "--project", project.number, "--json", XDG_CACHE_HOME=str(disk.path),
                            LABEL_STUDIO_URL=labels.url, LABEL_STUDIO_API_KEY=labels.token)  # fmt: skip
        assert done.code == 0
        assert json.loads(done.out)["duplicates"] == 2
        for what in ("The project cannot be locked on this computer", "store.sqlite3 cannot be used", "are listed"):
            assert what in done.err


DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "short": lambda path: path.write_bytes(path.read_bytes()[:50]),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "garbage": lambda path: path.write_bytes(random.Random(1).randbytes(path.stat().st_size)),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "longer": lambda path: path.write_bytes(path.read_bytes() + bytes(4096)),
    "folder": lambda path: (path.unlink(), path.mkdir()),
    "link to nothing": lambda path: (path.unlink(), path.symlink_to("nothing/there")),
}

UNKNOWN = ("short", "garbage", "zeros")  # it may be anybody's by now, and is refused where it cannot be done without


def flip(path: Path, dice: random.Random) -> None:
    """Turn one bit of a file."""
    content = bytearray(path.read_bytes())
    content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    path.write_bytes(content)


def plan_on(photos: Path, place: Path, notes: Progress | None = None) -> Plan:
    """Plan with everything that is remembered."""
    settings = Settings(model="dct", engine="annoy", store=place / "store")
    return make_plan(FolderSource(photos, max_bytes=10**8), settings, notes or Notes())


@pytest.fixture(scope="module")
def sound(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Plan]:
    """What a run remembers, and its plan."""
    place = tmp_path_factory.mktemp("remembered")
    return place, plan_on(photos, place)


@pytest.fixture
def place(sound: tuple[Path, Plan], tmp_path: Path) -> Path:
    """A copy of what is remembered."""
    return Path(shutil.copytree(sound[0], tmp_path / "place"))


class TestDamagedFiles:
    """Of the store, the catalogue and the index."""

    @pytest.mark.parametrize("kind", DAMAGES)
    def test_each_file(self, photos: Path, sound: tuple[Path, Plan], place: Path, kind: str) -> None:
        names = sorted(one.relative_to(place) for one in place.rglob("*") if one.is_file())
        assert len(names) >= 5
        for name in names:
            shutil.rmtree(place)
            shutil.copytree(sound[0], place)
            DAMAGES[kind](place / name)
            notes = Notes()
            if kind in UNKNOWN and name == Path("store"):
                with pytest.raises(ConfigurationError, match="is not a store of labelonce"):
                    plan_on(photos, place, notes)
                continue
            assert plan_on(photos, place, notes) == sound[1], name
            assert all(text.endswith((".", "anew.", ").")) for text in notes.texts), notes.texts
            assert plan_on(photos, place) == sound[1], name

    def test_single_bits(self, photos: Path, sound: tuple[Path, Plan], place: Path) -> None:
        names = sorted(one.relative_to(place) for one in place.rglob("*") if one.is_file())
        for seed in range(60):
            dice = random.Random(seed)
            name = dice.choice([Path("store"), *names])  # where the verdicts are, above all
            shutil.rmtree(place)
            shutil.copytree(sound[0], place)
            flip(place / name, dice)
            assert plan_on(photos, place) == sound[1], (seed, name)

    def test_all_bits_of_what_decides(self, photos: Path, sound: tuple[Path, Plan], place: Path) -> None:
        """A verdict that says yes in place of no, with every row as SQLite wants it."""
        with sqlite3.connect(place / "store") as db:
            changed = db.execute("UPDATE verdicts SET accepted = 1 - accepted").rowcount
            changed += db.execute("UPDATE images SET pixels = (SELECT max(pixels) FROM images)").rowcount
        db.close()
        assert changed > 12
        assert plan_on(photos, place) == sound[1]


@dataclass(frozen=True)
class Followed:
    """A project in which two of six tasks are duplicates."""

    person: Person
    number: int

    def sync(self, store: Path, notes: Progress) -> tuple[dict[str, int], int, int]:
        """What a sync says, and how often it wrote, and asked."""
        server = Server(self.person.url, self.person.token)
        asked: list[str] = []
        server.guard = asked.append
        project = read_project(server, self.number)
        synced = sync(server, project, Settings(model="dct", store=store), notes)
        return synced.figures(), server.writes, len(asked)


@pytest.fixture
def project(labels: Any) -> Followed:
    from base64 import b64encode

    person = Person(labels.url, labels.token)
    number = person.project()
    files = [encoded(texture(seed, (96, 72))) for seed in range(4)]
    files += [encoded(texture(seed, (96, 72)), "JPEG", quality=90) for seed in range(2)]
    person.import_tasks(number, [{"image": f"data:image/png;base64,{b64encode(one).decode()}"} for one in files])
    return Followed(person, number)


def test_a_damaged_mirror(project: Followed, tmp_path: Path) -> None:
    """What was seen of a project is listed again; nothing is decided anew, and nothing is written."""
    store = tmp_path / "store"
    first, writes, _ = project.sync(store, Notes())
    assert first["duplicates"] == 2
    assert writes
    project.sync(store, Notes())  # counts again what the first one wrote
    quiet, writes, requests = project.sync(store, Notes())
    assert writes == 0
    (path,) = tmp_path.glob("store.projects/*.sqlite3")
    whole_file = path.read_bytes()
    for kind, damage in DAMAGES.items():
        damage(path)
        if kind in UNKNOWN:
            with pytest.raises(ConfigurationError, match="is not a file of labelonce"):
                project.sync(store, Notes())
            path.write_bytes(whole_file)
            continue
        assert project.sync(store, Notes())[:2] == (quiet, 0), kind
        figures, writes, again = project.sync(store, Notes())
        assert (figures, writes) == (quiet, 0), kind
        if kind == "folder":
            path.rmdir()
        else:
            assert again == requests, kind  # it is as quick as before
        path.unlink(missing_ok=True)
        path.write_bytes(whole_file)
    with sqlite3.connect(path) as db:  # sound, as SQLite sees it
        db.execute("UPDATE about SET moment = CAST(x'ff' AS TEXT)")
    db.close()
    notes = Notes()
    assert project.sync(store, notes)[:2] == (quiet, 0)
    assert "The next sync makes it anew" in notes.texts[0]
    assert project.sync(store, Notes())[:2] == (quiet, 0)
    assert project.sync(store, Notes()) == (quiet, 0, requests)
    row = whole_file.index(b"noneunique") + len("noneunique")  # then come size and number of the next row
    for place in range(row, row + 4):
        path.write_bytes(whole_file[:place] + bytes([whole_file[place] ^ 0x80]) + whole_file[place + 1 :])
        assert project.sync(store, Notes())[:2] == (quiet, 0), place
    for start in range(4096, len(whole_file), 4096):  # a page, while the others are sound
        path.write_bytes(whole_file[:start] + b"\xa5" * 4096 + whole_file[start + 4096 :])
        assert project.sync(store, Notes())[:2] == (quiet, 0), start
        assert project.sync(store, Notes())[:2] == (quiet, 0), start
        assert project.sync(store, Notes()) == (quiet, 0, requests), start


class TestClock:
    """What depends on this machine's clock loses nothing when it jumps."""

    @pytest.mark.parametrize("jump", [-10.0 * 365 * 86400, -3600.0, 3600.0, 10.0 * 365 * 86400])
    def test_a_changed_file_is_seen(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: float) -> None:
        """Whatever the clock says when it is looked at."""
        path = tmp_path / "photos" / "a.png"
        path.parent.mkdir()
        source = FolderSource(path.parent, max_bytes=10**8)
        monkeypatch.setattr(folder_source.time, "time_ns", lambda: int((time.time() + jump) * 1e9))
        for seed in range(3):
            path.write_bytes(encoded(texture(seed, (40, 30))))
            (task,) = source.tasks()
            found = source.read(task, "a.png")
            assert found is not None
            assert found.data == path.read_bytes()

    def test_an_image_is_asked_for_again(self, tmp_path: Path, labels: Any) -> None:
        """After a clock that was years ahead has been put right."""
        person = Person(labels.url, labels.token)
        number = person.project()
        person.import_tasks(number, [{"image": "http://127.0.0.1:9/a.png"}])
        server = Server(labels.url, labels.token)
        sync(server, read_project(server, number), Settings(model="dct", store=tmp_path / "store"), Notes())
        (path,) = tmp_path.glob("store.projects/*.sqlite3")
        now = time.time()
        with Mirror(path) as mirror:
            (task,) = mirror.tasks()
            mirror.decided([task], [task], now + 10 * 365 * 86400)
            assert mirror.undecided(skips=True, now=now) == [task]
            mirror.decided([task], [task], now)
            assert mirror.undecided(skips=True, now=now) == []
            assert mirror.undecided(skips=True, now=now + LONGEST_RETRY) == [task]


class TestSurroundings:
    def test_no_home(self, photos: Path, tmp_path: Path, expected: Plan) -> None:
        gone = {"HOME": str(tmp_path / "gone"), "XDG_CACHE_HOME": None}
        done = command("folder", photos, "--output", "plan.json", cwd=tmp_path, **gone)
        assert done.code == 0
        assert load_plan(tmp_path / "plan.json") == expected

    @pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can become a nameless user")
    def test_a_user_without_a_home(self, photos: Path) -> None:
        nameless = ("setpriv", "--reuid=54321", "--regid=54321", "--clear-groups")
        bare: dict[str, str | None] = {"HOME": None, "XDG_CACHE_HOME": None}
        with tempfile.TemporaryDirectory() as name:
            folder = Path(shutil.copytree(photos, Path(name, "photos")))
            for one in (Path(name), folder):
                one.chmod(0o777)
            done = command("folder", "photos", prefix=nameless, cwd=Path(name), **bare)
            assert done.code == 2
            assert "Name one with --store" in done.err
            assert command("folder", "photos", "--store", "store", prefix=nameless, cwd=Path(name), **bare).code == 0

    def test_no_folder_for_temporary_files(self, photos: Path, tmp_path: Path) -> None:
        done = command("folder", photos, "--store", "store", cwd=tmp_path, TMPDIR=str(tmp_path / "gone"))
        assert done.code == 0

    @pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
    def test_closed_streams(self, photos: Path, tmp_path: Path, expected: Plan, closed: str) -> None:
        prefix = ("sh", "-c", f'exec "$@" {closed}', "sh")
        done = command("folder", photos, "--output", "plan.json", "--store", "store", prefix=prefix, cwd=tmp_path)
        assert done.code == 0
        assert load_plan(tmp_path / "plan.json") == expected
        assert (done.out == "") == (">&-" in closed.replace("2>&-", ""))
        done = command("folder", photos, "--json", "--store", "store", prefix=prefix, cwd=tmp_path)
        assert done.code == 0

    def test_a_language_that_has_ascii_only(self, tmp_path: Path) -> None:
        folder = tmp_path / "Fotos"
        folder.mkdir()
        for name in ("Öl.png", "Öl 2.png"):
            (folder / name).write_bytes(encoded(texture(1, (96, 72))))
        plain = {"LANG": "C", "LC_ALL": "C"}
        for more in ({"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {}):
            for options in ((), ("--json",), ("--output", "plan.json")):
                assert command("folder", folder, *options, "--store", "store", cwd=tmp_path, **plain, **more).code == 0
        assert {decision.task for decision in load_plan(tmp_path / "plan.json").decisions} == {"Öl.png", "Öl 2.png"}


ANY = re.compile(b"")


class TestWhole:
    def test_a_failure_leaves_the_old(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_text(OLD)

        def fail() -> None:
            with whole(path, ANY) as file:
                file.write(b"half")
                raise OSError("full")

        with pytest.raises(OSError, match="full"):
            fail()
        assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("file", OLD)]

    def test_it_is_on_the_disk_before_it_has_its_name(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "file"
        path.write_text(OLD)

        def full(_handle: int) -> None:
            raise OSError("full")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="full"), whole(path, ANY) as file:
            file.write(b"new")
        assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("file", OLD)]

    def test_two_processes(self, tmp_path: Path) -> None:
        """Neither writes into what the other makes."""
        code = "import re, sys; from pathlib import Path; from labelonce.writing import whole\n"
        code += "with whole(Path('file'), re.compile(b'')) as part:\n"
        code += "    part.write(b'theirs'); print(flush=True); sys.stdin.readline()"
        with (
            subprocess.Popen(
                [sys.executable, "-c", code], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            ) as other,
            whole(tmp_path / "file", ANY) as file,
        ):
            assert other.stdout is not None
            other.stdout.readline()
            file.write(b"mine")
            other.communicate(b"\n")
            assert (tmp_path / "file").read_text() == "theirs"
        assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("file", "mine")]
