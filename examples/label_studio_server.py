"""Runs a private Label Studio on 127.0.0.1 for the examples and tests.

    with LabelStudioServer(Path("data")) as server:
        print(server.url, server.token)

It comes from `.label-studio/venv`, keeps everything in one data directory (SQLite) and calls nobody: no telemetry, no
version check. Its user, password and token are the fixed demo credentials below, so never expose it to a network.
Standard library only.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import suppress
from http.cookiejar import CookieJar
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, final

from environments import LABEL_STUDIO_LOCK, STATE, digest, exclusive, server_environment

if TYPE_CHECKING:
    from types import TracebackType

EMAIL = "labelonce@localhost.example"
PASSWORD = "labelonce-demo"  # noqa: S105
TOKEN = "labelonce-demo-token-for-127-0-0-1-only"  # noqa: S105

_DATABASE = "label_studio.sqlite3"
_START_LIMIT_S = 300.0
_STOP_LIMIT_S = 15.0


class ServerError(Exception):
    """Label Studio did not start, stop or answer; the message says what to do about it."""


@final
class LabelStudioServer:
    """One Label Studio and its data directory.

    Parameters
    ----------
    data_dir
        Where the database, uploads, `server.log` and `server.json` live; filled from a migrated template when new.
    port
        Port on 127.0.0.1; 0 takes a free one.
    document_root
        Folder whose files local storages may serve; none by default.
    quiet
        Print no progress.
    """

    email = EMAIL
    password = PASSWORD
    token = TOKEN

    def __init__(
        self, data_dir: Path, port: int = 0, document_root: Path | None = None, *, quiet: bool = False
    ) -> None:
        self.data_dir = data_dir.resolve()
        self.port = port
        self.document_root = document_root.resolve() if document_root else None
        self.quiet = quiet
        self.started_here = False
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address of the server, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What the server printed in its latest run."""
        return self.data_dir / "server.log"

    def __enter__(self) -> LabelStudioServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.started_here:
            self.stop()

    def start(self, *, detached: bool = False) -> None:
        """Start the server, or use the one that already runs on the data directory.

        A detached server goes on after the script has ended, until somebody calls `stop`.
        """
        self.data_dir.mkdir(parents=True, exist_ok=True)
        held = self._hold()
        if held is None:
            self._join()
            return
        with held:
            # A note that outlived its server names a process id that may be somebody else's by now.
            self._note_path.unlink(missing_ok=True)
            python = server_environment()
            if not (self.data_dir / _DATABASE).exists():
                _copy(_template(python, quiet=self.quiet), self.data_dir)
            self._launch(python, held)
        if not detached:
            atexit.register(self.stop)
        try:
            self._wait("Label Studio starts (some seconds)")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server, whoever started it, and wait until it is gone; nothing happens when none runs."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server at once, as a crash would (SIGKILL)."""
        self._end(signal.SIGKILL)

    def running(self) -> bool:
        """Say whether a server runs on the data directory."""
        if not self.data_dir.is_dir():
            return False
        held = self._hold()
        if held is None:
            return True
        held.close()
        return False

    def request(self, method: str, path: str, data: Any = None, *, token: str = TOKEN, limit_s: float = 60.0) -> Any:
        """Call the API with a JSON body and return the parsed answer, None when it is empty."""
        body = None if data is None else json.dumps(data).encode()
        headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
        call = urllib.request.Request(self.url + path, body, headers, method=method)  # noqa: S310
        with opener().open(call, timeout=limit_s) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def add_user(self, email: str, password: str) -> str:
        """Create a member of the organization, or find it when the password fits, and return its token."""
        invitation = self.request("GET", "/api/invite")["invite_url"]
        path = urllib.parse.urlsplit(invitation)
        for page in (f"{path.path}?{path.query}", "/user/login/"):
            browser = opener(urllib.request.HTTPCookieProcessor(CookieJar()))
            with browser.open(self.url + page, timeout=60) as answer:
                form = answer.read().decode()
            found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
            fields = {"email": email, "password": password, "csrfmiddlewaretoken": found.group(1) if found else ""}
            with browser.open(self.url + page, urllib.parse.urlencode(fields).encode(), timeout=60):
                pass
            try:
                answer = browser.open(self.url + "/api/current-user/token", timeout=60)
            except urllib.error.HTTPError:
                continue
            with answer:
                return str(json.load(answer)["token"])
        raise ServerError(f"Label Studio took neither a new user {email} nor this password (8 characters at least).")

    def _hold(self) -> IO[bytes] | None:
        """Take the data directory's lock; None means that a server holds it.

        The server inherits the open file, so the lock lasts exactly as long as its last process: unlike a written
        process id it is never stale.
        """
        handle = (self.data_dir / "server.lock").open("wb")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.close()
            return None
        return handle

    def _join(self) -> None:
        limit = time.monotonic() + _START_LIMIT_S
        note = self._note()
        while not note and time.monotonic() < limit and self.running():
            time.sleep(0.2)
            note = self._note()
        if not note:
            raise ServerError(f"{self.data_dir} is in use, but no server answers; try again.")
        if self.port not in (0, note["port"]):
            raise ServerError(f"Label Studio already runs on {note['url']}; stop it first to use port {self.port}.")
        if self.document_root and str(self.document_root) != note["document_root"]:
            raise ServerError(f"Label Studio already runs on {note['url']} with other local files; stop it first.")
        self.port = note["port"]
        self._wait(f"Label Studio already runs on {self.url}")

    def _launch(self, python: Path, held: IO[bytes]) -> None:
        port = self.port or _free_port()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                raise ServerError(f"Port {port} is taken by another program; choose another port.")
        self.port = port
        command = [str(python.parent / "label-studio"), "start", "--no-browser", "--internal-host", "127.0.0.1"]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--port", str(port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment(),
                cwd=self.data_dir,
                start_new_session=True,
                pass_fds=(held.fileno(),),
            )
        self.started_here = True
        note = {
            "url": self.url,
            "port": port,
            "pid": self._process.pid,
            "email": self.email,
            "document_root": str(self.document_root) if self.document_root else None,
        }
        partial = self._note_path.with_suffix(".new")
        partial.write_text(json.dumps(note) + "\n")
        partial.replace(self._note_path)

    def _environment(self) -> dict[str, str]:
        # Settings of another Label Studio on this machine (its database, host, token) must not reach this one.
        foreign = ("LABEL_STUDIO_", "HEARTEX_", "DJANGO_", "POSTGRE_", "MYSQL_", "REDIS_", "PYTHONPATH", "PYTHONHOME")
        names = ("HOST", "PORT", "DEBUG", "DATABASE_NAME", "BASE_DATA_DIR", "SECRET_KEY")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(foreign) and k not in names}
        settings = {
            "LABEL_STUDIO_BASE_DATA_DIR": str(self.data_dir),
            "LABEL_STUDIO_USERNAME": EMAIL,
            "LABEL_STUDIO_PASSWORD": PASSWORD,
            "LABEL_STUDIO_USER_TOKEN": TOKEN,
            "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
            "COLLECT_ANALYTICS": "false",
            "LATEST_VERSION_CHECK": "false",
            "FEATURE_FLAGS_OFFLINE": "true",
            "SENTRY_DSN": "",
            "FRONTEND_SENTRY_DSN": "",
            # Tasks and webhooks of the demo point at 127.0.0.1, which the protection would refuse.
            "SSRF_PROTECTION_ENABLED": "false",
            "PYTHONUNBUFFERED": "1",
        }
        if self.document_root:
            settings["LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED"] = "true"
            settings["LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT"] = str(self.document_root)
        return {**kept, **settings}

    def _wait(self, what: str) -> None:
        """Wait until the server answers, with a dot every two seconds."""
        self._say(what, end=" ")
        begun = time.monotonic()
        dots = 0
        while time.monotonic() < begun + _START_LIMIT_S:
            if (self._process is not None and self._process.poll() is not None) or not self.running():
                self._say("")
                raise ServerError(f"Label Studio ended while starting. The last lines of {self.log}:\n{self._tail()}")
            with suppress(OSError), opener().open(self.url + "/health", timeout=5) as answer:
                if answer.status == 200:
                    took = time.monotonic() - begun
                    self._say(f" {took:.0f} s" if took >= 1 else "")
                    return
            if time.monotonic() - begun > 2 * (dots + 1):
                dots += 1
                self._say(".", end="")
            time.sleep(0.2)
        self._say("")
        raise ServerError(
            f"Label Studio did not answer within {_START_LIMIT_S:.0f} s. The last lines of {self.log}:\n{self._tail()}"
        )

    def _end(self, how: signal.Signals) -> None:
        atexit.unregister(self.stop)
        if self.running():
            # The note follows the lock by an instant when a server is just being started.
            note = self._note() or {}
            pid = self._process.pid if self._process else note.get("pid")
            if pid is None:
                raise ServerError(f"{self.data_dir} is in use by a command that starts a server; try again.")
            if not (self._signal(pid, how) or self._signal(pid, signal.SIGKILL)):
                raise ServerError(f"The server with process id {pid} does not end; end it by hand.")
        if self._process is not None:
            self._process.wait()
            self._process = None
        self._note_path.unlink(missing_ok=True)
        self.started_here = False

    def _signal(self, pid: int, how: signal.Signals) -> bool:
        """Send `how` to the server's process group and say whether all of it has ended in time."""
        with suppress(ProcessLookupError):
            os.killpg(pid, how)
        limit = time.monotonic() + _STOP_LIMIT_S
        while self.running():
            if time.monotonic() > limit:
                return False
            time.sleep(0.05)
        return True

    @property
    def _note_path(self) -> Path:
        return self.data_dir / "server.json"

    def _note(self) -> dict[str, Any] | None:
        try:
            note: dict[str, Any] = json.loads(self._note_path.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return note

    def _tail(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines() if self.log.exists() else []
        return "\n".join(f"    {line}" for line in lines[-12:])

    def _say(self, text: str, end: str = "\n") -> None:
        if not self.quiet:
            print(text, end=end, file=sys.stdout, flush=True)


def opener(*handlers: urllib.request.BaseHandler) -> urllib.request.OpenerDirector:
    """Return a URL opener that uses no proxy: all of this stays on 127.0.0.1."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), *handlers)


def _template(python: Path, *, quiet: bool) -> Path:
    """Return a data directory with the database migrated and the demo user made; about a minute the first time."""
    template = STATE / "template"
    key = template / "key"
    wanted = f"{digest(LABEL_STUDIO_LOCK)} {EMAIL} {PASSWORD} {TOKEN}"
    with exclusive(STATE / "template.lock"):
        if not key.exists() or key.read_text() != wanted:
            if not quiet:
                print("Preparing Label Studio's database once (about a minute).", flush=True)
            partial = STATE / "template.new"
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            server = LabelStudioServer(partial, quiet=quiet)
            held = server._hold()
            if held is None:
                raise ServerError(f"{partial} is in use by a server; try again.")
            with held:
                server._launch(python, held)
            try:
                server._wait("Label Studio makes its database")
            finally:
                server.stop()
            for name in ("server.lock", "server.log"):
                (partial / name).unlink(missing_ok=True)
            (partial / "key").write_text(wanted)
            shutil.rmtree(template, ignore_errors=True)
            partial.rename(template)
    return template


def _copy(template: Path, data_dir: Path) -> None:
    """Copy the template; the database comes last and at once, since its presence means that the copy is whole."""
    own = shutil.ignore_patterns(_DATABASE, "key")
    shutil.copytree(template, data_dir, ignore=own, dirs_exist_ok=True)
    partial = data_dir / f"{_DATABASE}.new"
    shutil.copy2(template / _DATABASE, partial)
    partial.replace(data_dir / _DATABASE)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
