"""The journal of files that are moved: what is to go where, on the disk before the first of them moves.

One JSON object a line. The first says what folder the files come from; then comes every move that is intended; this
much appears whole or not at all. Behind it a line is appended for every file that was moved, left alone or deleted.
Which files have to go back is seen by looking where they are, not by what the journal says was done: so it does not
matter at which moment a run was stopped.
"""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from labelonce.errors import FilesError
from labelonce.folders.moving import PART, put, reason, sync_folder

JOURNAL = ".labelonce-journal.jsonl"
FORMAT = 1


@dataclass(frozen=True)
class Move:
    """One file that moves.

    Parameters
    ----------
    source
        Where it was, relative to the folder.
    place
        Where it goes, relative to the folder of the journal.
    keeper
        The file that stays in its stead, relative to the folder; None where there is none.
    """

    source: str
    place: str
    keeper: str | None = None


@dataclass(frozen=True)
class Run:
    """What a journal says.

    Parameters
    ----------
    path
        The folder that holds it.
    folder
        Where the files come from.
    moves
        What was to go where.
    deleted
        Sources of the files that were deleted for good.
    """

    path: Path
    folder: Path
    moves: tuple[Move, ...]
    deleted: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """As the user calls it."""
        return self.path.name

    def held(self) -> list[Move]:
        """The moves whose files are at the new place now."""
        return [move for move in self.moves if os.path.lexists(self.path / move.place)]


class Note(Protocol):
    """Appends to a journal what was done with a file."""

    def __call__(self, what: str, source: str, /, **more: str) -> None:
        """Append one line."""


@contextmanager
def journal(run: Run) -> Iterator[Note]:
    """Write the journal of a run before it begins, and append to it while it lasts.

    Raises
    ------
    FilesError
        It cannot be written; nothing was moved.
    """
    head: dict[str, Any] = {"format": FORMAT, "folder": str(run.folder)}
    intended = ({"move": move.source, "to": move.place, "of": move.keeper} for move in run.moves)
    path = run.path / JOURNAL
    part = path.with_name(path.name + ".part")
    try:
        with part.open("x", encoding="ascii") as file:
            file.writelines(_lines([head, *intended]))
            file.flush()
            os.fsync(file.fileno())
        put(part, path)
        sync_folder(run.path)
        # without a buffer: a line is the system's as soon as it is written, so that a kill leaves whole lines
        handle = path.open("ab", buffering=0)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise FilesError(f"{path} cannot be written: {reason(error)}. Nothing was moved.") from None
    with handle:

        def note(what: str, source: str, /, **more: str) -> None:
            with suppress(OSError):  # the disk is full: what was done is seen by looking
                handle.write("".join(_lines([{what: source, **more}])).encode("ascii"))

        yield note


def _lines(records: Iterable[dict[str, Any]]) -> Iterator[str]:
    # ASCII: names that are not UTF-8 are escaped, and come back as they were
    return (json.dumps(record, separators=(",", ":")) + "\n" for record in records)


def read_run(path: Path) -> Run:
    """Read the journal in a folder; the last line may be torn.

    Raises
    ------
    FilesError
        It cannot be read, or is damaged.
    """
    try:
        lines = (path / JOURNAL).read_text(encoding="ascii").split("\n")
        records = [json.loads(line) for line in lines[:-1]]
        head = records[0]
        if head["format"] != FORMAT:
            raise FilesError(f"{path / JOURNAL} was written by another version of labelonce; use that one.")
        moves = tuple(_move(record) for record in records if "move" in record)
        deleted = frozenset(record["deleted"] for record in records if "deleted" in record)
        return Run(path, Path(head["folder"]), moves, deleted)
    except OSError as error:
        raise FilesError(f"{path / JOURNAL} cannot be read: {reason(error)}.") from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise FilesError(
            f"{path / JOURNAL} is damaged. The files are in {path}, below the names of the folders that they come from."
        ) from None


def _move(record: dict[str, Any]) -> Move:
    """A move, if it stays below both folders: a journal that somebody made up writes nowhere else."""
    source, place, keeper = record["move"], record["to"], record.get("of")
    for path in (source, place):
        parts = Path(path).parts
        if not parts or Path(path).is_absolute() or ".." in parts:
            raise ValueError
    return Move(source, place, keeper)


def runs_in(trash: Path) -> Sequence[Path]:
    """The folders with a journal: this one, or those in it, the newest last.

    Raises
    ------
    FilesError
        The folder cannot be listed.
    """
    try:
        if (trash / JOURNAL).is_file():
            return [trash]
        found = [one for one in trash.iterdir() if (one / JOURNAL).is_file()] if trash.is_dir() else []
    except OSError as error:
        raise FilesError(f"{trash} cannot be listed: {reason(error)}.") from None
    return sorted(found, key=lambda one: (one.name[: len("20260101-000000")], len(one.name), one.name))


def close_run(run: Run) -> None:
    """Remove the journal of a run none of whose files is left, and the folders that are empty."""
    if run.held():
        return
    with suppress(OSError):
        for part in run.path.rglob(f"{PART}*"):
            part.unlink(missing_ok=True)
    for parent, _, _ in sorted(os.walk(run.path), reverse=True):
        with suppress(OSError):  # somebody put something in
            if parent != str(run.path):
                Path(parent).rmdir()
    with suppress(OSError):
        (run.path / JOURNAL).unlink()
        run.path.rmdir()
