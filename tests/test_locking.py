"""Two labelonce processes on one project exclude each other: on one computer, and by what the server keeps."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from labelonce.errors import LockedError, ServerError, Unreachable
from labelonce.label_studio import claims, sessions, tabs
from labelonce.label_studio.claims import LAPSE, MARK, claimed
from labelonce.label_studio.project import Project, read_project
from labelonce.label_studio.server import Server
from labelonce.locking import Holder, holder_from, project_lock
from labelonce.progress import Progress
from notes import Notes
from proxy import Asked, Fault, Proxy
from studio import Person

QUIET = Progress()
HOLD = """
import sys
from labelonce.locking import project_lock
from labelonce.progress import Progress
with project_lock(sys.argv[1], None, Progress(), command="sync"):
    print("locked", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def other() -> Iterator[subprocess.Popen[str]]:
    """Another process, which works on "a project" until it is told to end."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, "a project"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield process
        process.kill()


def end(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


class TestOnOneComputer:
    def test_the_second_is_told_who_holds_it(self, other: subprocess.Popen[str]) -> None:
        with pytest.raises(LockedError) as raised, project_lock("a project", None, QUIET):
            pytest.fail("both work")
        text = str(raised.value)
        assert f"labelonce sync (process {other.pid} of " in text
        assert "UTC" in text
        assert "--wait" in text
        with project_lock("another project", None, QUIET):
            pass

    def test_waiting(self, other: subprocess.Popen[str]) -> None:
        notes = Notes(lambda: end(other))
        with project_lock("a project", 60, notes):
            assert other.wait() == 0
        (text,) = notes.texts
        assert f"process {other.pid}" in text
        assert "Waiting" in text

    def test_waiting_ends(self, other: subprocess.Popen[str]) -> None:
        notes = Notes()
        with pytest.raises(LockedError, match=f"process {other.pid}"), project_lock("a project", 0.3, notes):
            pytest.fail("both work")
        assert len(notes.texts) == 1

    def test_waiting_for_ever(self, other: subprocess.Popen[str]) -> None:
        with project_lock("a project", float("inf"), Notes(lambda: end(other))):
            assert other.wait() == 0

    def test_a_killed_process_leaves_no_lock(self, other: subprocess.Popen[str]) -> None:
        with pytest.raises(LockedError), project_lock("a project", None, QUIET):
            pytest.fail("both work")
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        with project_lock("a project", None, QUIET) as holder:
            assert holder.pid == os.getpid()

    def test_the_place_stays_the_same_for_a_project(self, other: subprocess.Popen[str], cache: Path) -> None:
        end(other)
        other.wait()
        with project_lock("a project", None, QUIET) as one:
            pass
        with project_lock("a project", None, QUIET) as again, project_lock("another", None, QUIET) as elsewhere:
            assert one.place == again.place != elsewhere.place
        (note,) = [note for note in cache.rglob("*.json") if one.place in note.read_text()]
        assert holder_from(json.loads(note.read_text())) == again

    def test_two_in_one_process(self) -> None:
        with project_lock("a project", None, QUIET):
            with pytest.raises(LockedError, match=f"process {os.getpid()}"), project_lock("a project", None, QUIET):
                pytest.fail("both work")
            with pytest.raises(LockedError), project_lock("a project", 0.1, QUIET):
                pytest.fail("both work")

    @pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}', '{"pid": 1}'])
    def test_a_damaged_note(self, other: subprocess.Popen[str], cache: Path, content: str) -> None:
        for note in cache.rglob("*.json"):
            note.write_text(content)
        with pytest.raises(LockedError, match="somebody works on a project"), project_lock("a project", None, QUIET):
            pytest.fail("both work")
        end(other)
        other.wait()
        with project_lock("a project", None, QUIET) as holder:
            assert holder.place

    def test_no_folder_for_locks(self, cache: Path) -> None:
        cache.write_text("a file")
        notes = Notes()
        with project_lock("a project", None, notes) as one, project_lock("a project", None, QUIET) as another:
            assert one.place != another.place
        (text,) = notes.texts
        assert "Set XDG_CACHE_HOME" in text

    def test_a_user_without_a_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def nameless() -> str:
            raise KeyError("getpwuid(): uid not found")

        monkeypatch.setattr("labelonce.locking.getuser", nameless)
        with project_lock("a project", None, QUIET) as holder:
            assert holder.user == str(os.getuid())


def test_what_others_say_is_safe_to_print() -> None:
    told = {"command": "\x1b[31msync", "pid": "7", "user": "a\nb", "host": "x" * 999, "since": "now", "place": "p"}
    holder = holder_from(told)
    assert holder == Holder("[31msync", 7, "ab", "x" * 100, "now", "p")
    assert str(holder).isprintable()


def somebody(name: str = "anna") -> Holder:
    """Somebody on another computer."""
    return Holder("apply", 17, name, f"{name}-laptop", "2026-01-01 00:00:00 UTC", f"place of {name}")


@pytest.fixture
def owner(labels: Any) -> Person:
    return Person(labels.url, labels.token)


@pytest.fixture
def number(owner: Person) -> int:
    return owner.project()


def connection(owner: Person, number: int, url: str = "") -> tuple[Server, Project]:
    server = Server(url or owner.url, owner.token)
    return server, read_project(server, number)


def write(server: Server, project: Project) -> None:
    server.patch(f"/api/projects/{project.id}/", {"title": "another title"})


def claims_of(owner: Person, number: int) -> list[dict[str, Any]]:
    return [tab for tab in owner.tabs(number) if MARK in tab["data"]]


def make_claim(owner: Person, number: int, seconds_ago: float, holder: Holder) -> None:
    """A claim as a computer has left it that many seconds ago, by the server's clock."""
    server, project = connection(owner, number)
    with claimed(server, project, holder, None, QUIET):
        write(server, project)
        (left,) = claims_of(owner, number)
        server.guard = None
        left["data"][MARK]["at"] -= seconds_ago
        left["data"][MARK]["run"] = "another run"
        owner.call("POST", "/api/dm/views/", json={"project": number, "data": left["data"]})
    assert len(claims_of(owner, number)) == 1


class TestByTheServer:
    def test_reading_claims_nothing(self, owner: Person, number: int) -> None:
        server, project = connection(owner, number)
        with claimed(server, project, somebody(), None, QUIET):
            read_project(server, number)
            assert claims_of(owner, number) == []
        assert server.writes == 0

    def test_the_second_is_told_who_holds_it(self, owner: Person, number: int) -> None:
        server, project = connection(owner, number)
        before = owner.tabs(number)
        with claimed(server, project, somebody("anna"), None, QUIET):
            write(server, project)
            write(server, project)
            assert len(claims_of(owner, number)) == 1
            late, same = connection(owner, number)
            with pytest.raises(LockedError) as raised, claimed(late, same, somebody("ben"), None, QUIET):
                pytest.fail("both work")
            assert "labelonce apply (process 17 of anna on anna-laptop" in str(raised.value)
            assert "--wait" in str(raised.value)
            assert late.writes == 0
        assert owner.tabs(number) == before
        with claimed(late, same, somebody("ben"), None, QUIET):
            write(late, same)
        assert owner.tabs(number) == before

    def test_who_plans_meanwhile_does_not_write(self, owner: Person, number: int) -> None:
        (one, project), (other, _) = connection(owner, number), connection(owner, number)
        with ExitStack() as both:
            both.enter_context(claimed(one, project, somebody("anna"), None, QUIET))
            both.enter_context(claimed(other, project, somebody("ben"), 60, QUIET))
            write(one, project)
            with pytest.raises(LockedError, match="anna"):
                write(other, project)
            assert other.writes == 0
        assert claims_of(owner, number) == []

    def test_waiting(self, owner: Person, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(claims, "POLL_SECONDS", 0.05)
        (one, project), (other, _) = connection(owner, number), connection(owner, number)
        with ExitStack() as first:
            first.enter_context(claimed(one, project, somebody("anna"), None, QUIET))
            write(one, project)
            with pytest.raises(LockedError, match="anna"), claimed(other, project, somebody("ben"), 0.2, QUIET):
                pytest.fail("both work")
            notes = Notes(first.close)
            with claimed(other, project, somebody("ben"), 60, notes):
                write(other, project)
        (text,) = notes.texts
        assert "anna" in text

    def test_a_claim_lapses(self, owner: Person, number: int) -> None:
        server, project = connection(owner, number)
        make_claim(owner, number, LAPSE - 20, somebody("anna"))
        with pytest.raises(LockedError, match=f"lapses after {LAPSE} seconds"):
            claims.Claim(server, project, somebody("ben"), QUIET).wait_until_free(None)
        (left,) = claims_of(owner, number)
        owner.call("DELETE", f"/api/dm/views/{left['id']}/?project={number}")
        make_claim(owner, number, LAPSE + 1, somebody("anna"))
        with claimed(server, project, somebody("ben"), None, QUIET):  # without any write, too
            assert claims_of(owner, number) == []

    def test_a_killed_process_on_this_computer_is_not_waited_for(self, owner: Person, number: int) -> None:
        server, project = connection(owner, number)
        make_claim(owner, number, 0, somebody())
        elsewhere = replace(somebody(), host="a copy of its disk")
        with pytest.raises(LockedError), claimed(server, project, elsewhere, None, QUIET):
            pytest.fail("both work")
        with claimed(server, project, somebody(), None, QUIET):
            write(server, project)
        assert claims_of(owner, number) == []

    def test_of_many_at_once_one_writes(self, owner: Person, number: int) -> None:
        barrier, wrote, stopped = threading.Barrier(6), [], []

        def work(name: str) -> None:
            server, project = connection(owner, number)
            with claimed(server, project, somebody(name), None, QUIET):
                barrier.wait()
                try:
                    write(server, project)
                    wrote.append(name)
                except LockedError:
                    stopped.append(name)
                barrier.wait()  # nobody is done before the last has tried

        threads = [threading.Thread(target=work, args=(f"person{n}",)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(wrote) == 1
        assert len(stopped) == 5
        assert claims_of(owner, number) == []

    def test_several_threads_of_one_run(self, owner: Person, number: int) -> None:
        server, project = connection(owner, number)
        with claimed(server, project, somebody(), None, QUIET):
            threads = [threading.Thread(target=write, args=(server, project)) for _ in range(6)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(claims_of(owner, number)) == 1

    def test_signs_of_life(self, owner: Person, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """Reading is enough; and one clock that stands still hides nothing."""
        clock = Clock(monkeypatch)
        server, project = connection(owner, number)
        with claimed(server, project, somebody(), None, QUIET):
            write(server, project)
            made = beat(owner, number)
            for wall, monotonic, renewed in (
                (0, 0, False),
                (0, 2, True),
                (29, 29, False),
                (31, 0, True),
                (-9e6, 0, True),
            ):
                age(owner, number, 50)
                before = beat(owner, number)
                clock.wall += wall
                clock.monotonic += monotonic
                read_project(server, number)
                assert (beat(owner, number) != before) == renewed, (wall, monotonic)
            assert beat(owner, number) >= made
        assert claims_of(owner, number) == []

    def test_who_slept_too_long_writes_no_more(
        self, owner: Person, number: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (one, project), (other, _) = connection(owner, number), connection(owner, number)
        with claimed(one, project, somebody("anna"), None, QUIET):
            write(one, project)
            age(owner, number, LAPSE + 1)
            with claimed(other, project, somebody("ben"), None, QUIET):
                write(other, project)
                Clock(monkeypatch).wall += 600
                with pytest.raises(LockedError, match="ben"):
                    write(one, project)
                write(other, project)
        assert claims_of(owner, number) == []

    def test_a_claim_that_somebody_deleted_is_made_again(
        self, owner: Person, number: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server, project = connection(owner, number)
        with claimed(server, project, somebody(), None, QUIET):
            write(server, project)
            (first,) = claims_of(owner, number)
            owner.call("DELETE", f"/api/dm/views/{first['id']}/?project={number}")
            Clock(monkeypatch).monotonic += 60
            read_project(server, number)
            (second,) = claims_of(owner, number)
            assert first["id"] != second["id"]
        assert claims_of(owner, number) == []

    def test_an_earlier_claim_that_was_hidden(
        self, owner: Person, number: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A database may show two claims late, each to the other: the later one stops."""
        server, project = connection(owner, number)
        owner.call("POST", "/api/dm/views/", json={"project": number, "data": {"title": "anna's, soon"}})
        (early,) = owner.tabs(number)
        with claimed(server, project, somebody("ben"), None, QUIET):
            write(server, project)
            data = claims_of(owner, number)[0]["data"]
            data[MARK] |= {"run": "another", "holder": {**data[MARK]["holder"], "user": "anna", "place": "hers"}}
            owner.call("PATCH", f"/api/dm/views/{early['id']}/?project={number}", json={"data": data})
            Clock(monkeypatch).monotonic += 1.5
            with pytest.raises(LockedError, match="anna"):
                write(server, project)
        assert [tab["id"] for tab in owner.tabs(number)] == [early["id"]]

    @pytest.mark.parametrize("fault", [Fault.TWICE, Fault.LOST, Fault.BUSY, Fault.TRUNCATED])
    def test_through_a_bad_connection(
        self, owner: Person, number: int, fault: Fault, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sessions, "BACKOFF", 0.01)
        seen: set[tuple[str, str]] = set()

        def once(asked: Asked) -> Fault | None:
            kind = (asked.method, asked.target.partition("?")[0])
            fresh = kind not in seen
            seen.add(kind)
            return fault if fresh else None

        with closing(Proxy(owner.url)) as proxy:
            server, project = connection(owner, number, proxy.url)
            proxy.start_over(once)
            with claimed(server, project, somebody(), None, QUIET):
                write(server, project)
                assert len(claims_of(owner, number)) == 1
            assert proxy.made[fault] >= 4
        assert claims_of(owner, number) == []

    def test_a_server_that_is_gone_at_the_end(
        self, owner: Person, number: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sessions, "BACKOFF", 0.01)
        with closing(Proxy(owner.url)) as proxy:
            server, project = connection(owner, number, proxy.url)
            with claimed(server, project, somebody(), None, QUIET):
                write(server, project)
                proxy.close()
                with pytest.raises(Unreachable):
                    write(server, project)
        assert len(claims_of(owner, number)) == 1  # which lapses
        server, project = connection(owner, number)
        with claimed(server, project, somebody(), None, QUIET):
            assert claims_of(owner, number) == []

    def test_a_server_that_does_not_tell_the_time(
        self, owner: Person, number: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(claims, "_moment", lambda _date: None)
        server, project = connection(owner, number)
        notes = Notes()
        with claimed(server, project, somebody(), None, notes):
            write(server, project)
            write(server, project)
            assert claims_of(owner, number) == []
        (text,) = notes.texts
        assert "no Date" in text

    def test_nobody_is_locked_out_by_what_is_no_claim(self, owner: Person, number: int) -> None:
        for mark in ({}, [], None, {"at": "soon"}, {"at": None, "holder": 7}):
            owner.call("POST", "/api/dm/views/", json={"project": number, "data": {"title": "odd", MARK: mark}})
        server, project = connection(owner, number)
        with claimed(server, project, somebody(), None, QUIET):
            write(server, project)

    def test_the_tabs_that_stay_are_not_mistaken(self, owner: Person, number: int) -> None:
        server, project = connection(owner, number)
        with claimed(server, project, somebody(), None, QUIET):
            tabs.make_tabs(server, project)
            tabs.remember_setting(server, project)
            assert len(tabs.find_tabs(server, project)) == 2
        assert tabs.remembered_setting(tabs.find_tabs(server, project)) == project.skip_queue
        assert len(owner.tabs(number)) == 2

    def test_a_refused_write_is_no_lock(self, owner: Person, number: int) -> None:
        server, project = connection(owner, number)
        with pytest.raises(ServerError), claimed(server, project, somebody(), None, QUIET):
            server.patch("/api/tasks/999999/", {})
        assert claims_of(owner, number) == []


class Clock:
    """Both clocks of this machine, as a claim sees them."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        import time

        self.wall, self.monotonic = 0.0, 0.0
        wall, monotonic = time.time, time.monotonic

        class Times:
            time = staticmethod(lambda: wall() + self.wall)
            monotonic = staticmethod(lambda: monotonic() + self.monotonic)

        patch.setattr(claims, "time", Times)


def beat(owner: Person, number: int) -> float:
    """The last sign of life."""
    (claim,) = claims_of(owner, number)
    return float(claim["data"][MARK]["at"])


def age(owner: Person, number: int, seconds: float) -> None:
    """Make a claim older."""
    (claim,) = claims_of(owner, number)
    claim["data"][MARK]["at"] -= seconds
    owner.call("PATCH", f"/api/dm/views/{claim['id']}/?project={number}", json={"data": claim["data"]})


@pytest.fixture
def labelonce(owner: Person, tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """Run the command line: exit code, and standard error."""

    def run(*arguments: object) -> tuple[int, str]:
        environment = {"LABEL_STUDIO_URL": owner.url, "LABEL_STUDIO_API_KEY": owner.token}
        done = subprocess.run(
            [sys.executable, "-m", "labelonce", *map(str, arguments)],
            env=os.environ | environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stderr

    return run


class TestCommands:
    def test_another_on_this_computer(
        self, owner: Person, number: int, labelonce: Callable[..., tuple[int, str]], tmp_path: Path
    ) -> None:
        (task,) = owner.import_tasks(number, [{"image": "http://127.0.0.1:9/a.png"}])
        with project_lock(f"{owner.url}/projects/{number}", None, QUIET, command="sync"):
            for command in (("undo",), ("keep", task), ("keep", task, "--wait", 0.2)):
                code, text = labelonce(*command, "-p", number)
                assert code == 5
                assert f"labelonce sync (process {os.getpid()}" in text
            assert labelonce("report", "-p", number)[0] == 0  # only reads
        assert labelonce("keep", task, "-p", number)[0] == 0

    def test_another_on_another_computer(
        self, owner: Person, number: int, labelonce: Callable[..., tuple[int, str]]
    ) -> None:
        (task,) = owner.import_tasks(number, [{"image": "http://127.0.0.1:9/a.png"}])
        server, project = connection(owner, number)
        with claimed(server, project, somebody(), None, QUIET):
            write(server, project)
            code, text = labelonce("keep", task, "-p", number)
            assert code == 5
            assert "anna-laptop" in text
        assert labelonce("keep", task, "-p", number)[0] == 0
        assert claims_of(owner, number) == []
