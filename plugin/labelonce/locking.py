"""The lock on a project: of the labelonce processes that share a cache folder, one works on a project at a time.

The operating system holds the lock, so that it ends with the process, however that ends, and is never left over. Who
holds it stands in a note beside it. It lies in the user's cache folder, wherever the store is: what has to be kept
apart is the writing to the server. Other users and other computers are kept apart by the server's own claim, see
`labelonce.label_studio.claims`.

    CACHE/locks/KEY.lock    locked, and empty
    CACHE/locks/KEY.json    who locked it last
"""

import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from getpass import getuser
from hashlib import sha256
from math import isinf
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from labelonce.errors import LockedError, NotOurs
from labelonce.progress import Progress
from labelonce.writing import whole_text

if TYPE_CHECKING:
    from filelock import BaseFileLock

NOTE = re.compile(b"")  # in a folder of labelonce's own; one that is damaged is replaced
POLL_SECONDS = 0.2
UNKNOWN = "somebody"


@dataclass(frozen=True)
class Holder:
    """Who works on a project.

    Parameters
    ----------
    since
        UTC, for a person to read.
    place
        The lock that it holds, the same for all that this lock keeps apart. Where there is none it is a new one.
    """

    command: str
    pid: int
    user: str
    host: str
    since: str
    place: str

    def __str__(self) -> str:
        return f"labelonce {self.command} (process {self.pid} of {self.user} on {self.host}, since {self.since})"


@contextmanager
def project_lock(identity: str, wait: float | None, progress: Progress, *, command: str = "") -> Iterator[Holder]:
    """Keep other processes off a project.

    Parameters
    ----------
    identity
        The project, as in `Source.identity`.
    wait
        Seconds to wait for another process; None leaves at once.
    progress
        Is told whom it waits for, and when there can be no lock on this machine, which is no error.
    command
        What this process does, for others to read.

    Yields
    ------
    Holder
        This process.

    Raises
    ------
    LockedError
        Another process works on the project, and it was not waited for, or not long enough.
    """
    from platformdirs import user_cache_path

    key = sha256(identity.encode()).hexdigest()[:32]
    try:
        folder = user_cache_path("labelonce", appauthor=False) / "locks"
        note = folder / f"{key}.json"
        lock = _acquire(folder / f"{key}.lock", note, identity, wait, progress)
    except (OSError, RuntimeError) as error:  # RuntimeError: a user without a home folder
        progress.message(
            f"The project cannot be locked on this computer ({error}), so that only a claim on the server keeps "
            "another labelonce off it. Set XDG_CACHE_HOME to a folder that can be written."
        )
        lock = None
    if lock is None:
        yield _myself(command, None)
        return
    try:
        yield _noted(note, command)
    finally:
        lock.release()


def _acquire(path: Path, note: Path, identity: str, wait: float | None, progress: Progress) -> "BaseFileLock":
    from filelock import FileLock, Timeout

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # a lock that is only a file would outlive its process
    lock = FileLock(path, thread_local=False, fallback_to_soft=False, poll_interval=POLL_SECONDS)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        holder = str(_read(note) or UNKNOWN)
        if wait is None:
            raise LockedError(locked_by(identity, holder)) from None
        progress.message(f"{holder} works on {identity}. Waiting for it.")
        try:
            lock.acquire(timeout=-1 if isinf(wait) else wait)
        except Timeout:
            raise LockedError(locked_by(identity, str(_read(note) or UNKNOWN))) from None
    return lock


def locked_by(identity: str, holder: str) -> str:
    """What to tell a user who cannot work on a project now."""
    return f"{holder} works on {identity}. Run this again later, or wait for it with --wait SECONDS."


def holder_from(content: Any) -> Holder | None:
    """A holder as `dataclasses.asdict` wrote it; None where it is something else."""
    try:
        pid = int(content["pid"])
        command, user, host, since, place = (
            _printable(content[name]) for name in ("command", "user", "host", "since", "place")
        )
    except (KeyError, TypeError, ValueError):
        return None
    return Holder(command, pid, user, host, since, place)


def _printable(text: Any) -> str:
    """A text of somebody else's, safe for a terminal."""
    return "".join(letter for letter in str(text) if letter.isprintable())[:100]


def _noted(note: Path, command: str) -> Holder:
    """This process, written down for others to read."""
    before = _read(note)
    holder = _myself(command, before.place if before else None)
    with suppress(OSError, NotOurs), whole_text(note, NOTE) as file:  # a full disk
        json.dump(asdict(holder), file)
    return holder


def _read(note: Path) -> Holder | None:
    """Who locked it last; None where that is not known."""
    try:
        return holder_from(json.loads(note.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


def _myself(command: str, place: str | None) -> Holder:
    now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
    return Holder(command, os.getpid(), _user(), socket.gethostname(), now, place or uuid4().hex)


def _user() -> str:
    try:
        return getuser()
    except (KeyError, OSError, ImportError):  # a number that has no name
        return str(os.getuid()) if hasattr(os, "getuid") else UNKNOWN
