"""SQLite files of labelonce: opened, set aside and deleted here, and only where they are its own.

What labelonce makes has an application id in its header. What it made before there was one is known by its tables,
which are these and no others. Anything else is somebody's, and SQLite is not even asked to open it: it would tidy up
the journals beside it.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from labelonce.errors import NotOurs
from labelonce.writing import head_of

APPLICATION: Final = int.from_bytes(b"Lab1", "big")
JOURNALS: Final = ("-wal", "-shm", "-journal")
# in what SQLite says where the file is not at fault
ELSEWHERE: Final = (
    "locked", "full", "I/O error", "unable to open", "readonly", "locking protocol", "access permission",
)  # fmt: skip
_MAGIC: Final = b"SQLite format 3\0"
_ID: Final = slice(68, 72)  # in the header


@dataclass(frozen=True)
class Kind:
    """A kind of files.

    Parameters
    ----------
    name
        What it is, for messages: "a store".
    version
        Files of another one are not used.
    schema
        SQL statements that make the tables.
    mend
        What else a person can do where somebody's file is in the place.
    nameless
        What is opened where there is no path: a temporary file of SQLite's own, or memory.
    """

    name: str
    version: int
    schema: str
    mend: str
    nameless: str = ""

    def statements(self) -> Iterator[str]:
        """Each statement of the schema."""
        return (one.strip() for one in self.schema.split(";") if one.strip())

    def tables(self) -> frozenset[str]:
        """The statements that make tables, as SQLite remembers them."""
        return frozenset(_plain(one) for one in self.statements() if one.startswith("CREATE TABLE"))


class Unsound(sqlite3.DatabaseError):
    """A file of ours cannot be used; the text says what it is, and the file can be set aside."""


def check_ours(path: Path, kind: Kind) -> None:
    """Find out whether there is nothing, or a file that labelonce made.

    Raises
    ------
    NotOurs
        There is something else; it was not touched.
    OSError
        It may not be read, or is no file.
    """
    try:
        head = head_of(path)
    except FileNotFoundError:
        head = b""
    if head[_ID] == APPLICATION.to_bytes(4, "big") and head.startswith(_MAGIC):
        return
    if head and not _is_known(path, kind):
        raise NotOurs(f"{path} is not {kind.name} of labelonce. It was left as it is: move it away, or {kind.mend}.")
    log = _beside(Path(os.path.realpath(path)), "-wal")
    if not head and log.is_file() and log.stat().st_size:  # SQLite deletes it where there is no file to it
        raise NotOurs(
            f"{log} holds what was written to a database that is not there any more. It was left as it is: "
            f"move it away, or {kind.mend}."
        )


def opened(path: Path | None, kind: Kind, *, threads: bool = False) -> sqlite3.Connection:
    """Open a file, or make it; None is a nameless one. Two processes may do this at once.

    Parameters
    ----------
    threads
        Whether several threads use it; they have to take turns.

    Raises
    ------
    NotOurs
        There is something that labelonce did not make.
    Unsound
        It is damaged, or from another version.
    OSError, sqlite3.Error
        It cannot be used, and the file is not at fault.
    """
    if path is not None:
        check_ours(path, kind)
    connection = sqlite3.connect(path or kind.nameless, timeout=30, check_same_thread=not threads)
    try:
        connection.execute("BEGIN IMMEDIATE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        tables = _tables(connection)
        if (version, application, tables) == (0, 0, frozenset()):
            for statement in kind.statements():
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {kind.version}")
        elif (version, tables) != (kind.version, kind.tables()):
            raise Unsound("is from another version of labelonce")
        if application != APPLICATION:
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.commit()
    except sqlite3.Error as error:
        with suppress(sqlite3.Error):
            connection.rollback()
        connection.close()
        if is_damage(error) and not isinstance(error, Unsound):
            raise Unsound("is damaged") from error
        raise
    return connection


def read_only(path: Path) -> sqlite3.Connection:
    """Open a file that nobody changes, without locks and without a look at its journals."""
    path.stat()  # SQLite's own error does not say that there is none
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)


def set_aside(path: Path, kind: Kind) -> Path:
    """Give a file of ours another name, and its journals, so that what was written is still there.

    Raises
    ------
    NotOurs
        It is something else.
    OSError
        It cannot be renamed.
    """
    check_ours(path, kind)
    path = Path(os.path.realpath(path))  # SQLite has the journals beside what a link leads to
    names = (path.with_name(f"{path.name}.set-aside-{number}") for number in count(1))
    kept = next(name for name in names if not any(os.path.lexists(_beside(name, one)) for one in ("", *JOURNALS)))
    for suffix in JOURNALS:
        with suppress(FileNotFoundError):
            _beside(path, suffix).rename(_beside(kept, suffix))
    path.rename(kept)
    return kept


def discard(path: Path, kind: Kind) -> None:
    """Delete a file of ours that only saves time.

    Raises
    ------
    NotOurs
        It is something else.
    OSError
        It cannot be deleted.
    """
    check_ours(path, kind)
    for suffix in ("", *JOURNALS):
        _beside(path, suffix).unlink(missing_ok=True)


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file is at fault, and not the disk, its permissions or another process."""
    if isinstance(error, sqlite3.OperationalError):  # also for a schema or a text that makes no sense
        return not any(words in str(error) for words in ELSEWHERE)
    return isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.ProgrammingError)


def _is_known(path: Path, kind: Kind) -> bool:
    """Whether it has the tables of its kind, without any mark."""
    try:
        with closing(read_only(path)) as connection:
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            return application == 0 and _tables(connection) == kind.tables()
    except sqlite3.Error:
        return False


def _tables(connection: sqlite3.Connection) -> frozenset[str]:
    """The statements that made the tables."""
    found = connection.execute(
        "SELECT sql FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'"
    )
    return frozenset(_plain(str(sql)) for (sql,) in found)


def _plain(statement: str) -> str:
    return " ".join(statement.split())


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
