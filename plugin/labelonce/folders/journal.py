"""The journal of files that are moved: what is to go where, on the disk before the first of them moves.

One JSON object a line. The first says what folder the files come from; then comes every move that is intended; this
much appears whole or not at all. Behind it a line is appended for every file that was moved, left alone or deleted.
Which files have to go back is seen by looking where they are, not by what the journal says was done: so it does not
matter at which moment a run was stopped.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from labelonce.errors import FilesError
from labelonce.folders.moving import put, reason
from labelonce.roots import Root, is_below, root_of
from labelonce.writing import PART, settle

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
    within
        Where it lies in the folder that a person named, with slashes: what is below that one is reached without links.
    """

    path: Path
    folder: Path
    moves: tuple[Move, ...]
    deleted: frozenset[str] = frozenset()
    within: str = ""

    @property
    def name(self) -> str:
        """As the user calls it."""
        return self.path.name

    def root(self) -> Root:
        """The folder that holds it, opened."""
        return _opened(self.path, self.within)

    def held(self) -> list[Move]:
        """The moves whose files are at the new place now."""
        try:
            with self.root() as root:
                return [move for move in self.moves if root.exists(move.place)]
        except OSError:
            return []


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
    with ExitStack() as stack:
        try:
            place = stack.enter_context(stack.enter_context(run.root()).place(JOURNAL))
            part = place.beside(f"{JOURNAL}.part")
            try:
                with part.writing() as file:
                    file.writelines(_lines([head, *intended]))
                    settle(file)
                put(part, place)
                place.settle()
            except OSError:
                with suppress(OSError):
                    part.unlink()
                raise
            # without a buffer: a line is the system's as soon as it is written, so that a kill leaves whole lines
            handle = stack.enter_context(place.writing("ab"))
        except OSError as error:
            raise FilesError(f"{run.path / JOURNAL} cannot be written: {reason(error)}. Nothing was moved.") from None

        def note(what: str, source: str, /, **more: str) -> None:
            with suppress(OSError):  # the disk is full: what was done is seen by looking
                handle.writelines(_lines([{what: source, **more}]))

        yield note


def _lines(records: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    # ASCII: names that are not UTF-8 are escaped, and come back as they were
    return (json.dumps(record, separators=(",", ":")).encode("ascii") + b"\n" for record in records)


def read_run(path: Path, within: str = "") -> Run:
    """Read the journal in a folder; the last line may be torn.

    Parameters
    ----------
    within
        As in `Run`.

    Raises
    ------
    FilesError
        It cannot be read, or is damaged.
    """
    try:
        with _opened(path, within) as root, root.place(JOURNAL) as place, place.reading() as file:
            lines = file.read().decode("ascii").split("\n")
        records = [json.loads(line) for line in lines[:-1]]
        head = records[0]
        if head["format"] != FORMAT:
            raise FilesError(f"{path / JOURNAL} was written by another version of labelonce; use that one.")
        moves = tuple(_move(record) for record in records if "move" in record)
        deleted = frozenset(record["deleted"] for record in records if "deleted" in record)
        return Run(path, Path(head["folder"]), moves, deleted, within)
    except OSError as error:
        raise FilesError(f"{path / JOURNAL} cannot be read: {reason(error)}.") from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise FilesError(
            f"{path / JOURNAL} is damaged. The files are in {path}, below the names of the folders that they come from."
        ) from None


def _move(record: dict[str, Any]) -> Move:
    """A move, if it stays below both folders: a journal that somebody made up writes nowhere else."""
    source, place, keeper = record["move"], record["to"], record.get("of")
    if not all(is_below(name) for name in (source, place)) or not isinstance(keeper, str | None) or place == JOURNAL:
        raise ValueError
    return Move(source, place, keeper)


def runs_in(trash: Path, within: str = "", name: str | None = None) -> list[Run]:
    """What the journals say in a folder, or in those in it, the newest last.

    Parameters
    ----------
    within
        Where it lies in the folder that a person named, as in `Run`.
    name
        Of the only run that is read.

    Raises
    ------
    FilesError
        The folder cannot be listed, or a journal cannot be read.
    """
    try:
        with _opened(trash, within) as root:
            if root.exists(JOURNAL):
                return [read_run(trash, within)] if name in (None, trash.name) else []
            found = [one for one in root.names() if name in (None, one) and root.exists(f"{one}/{JOURNAL}")]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise FilesError(
            f"{trash} cannot be listed: {reason(error)}. Name the folder that holds the files with --trash."
        ) from None
    found.sort(key=lambda one: (one[: len("20260101-000000")], len(one), one))
    return [read_run(trash / one, f"{within}/{one}" if within else one) for one in found]


def _opened(path: Path, within: str) -> Root:
    """A folder, from the one that a person named."""
    named = path.parents[len(PurePosixPath(within).parts) - 1] if within else path
    return root_of(named, within)


def close_run(run: Run) -> None:
    """Remove the journal of a run none of whose files is left, and the folders that it made and that are empty."""
    if run.held():
        return
    made = {str(parent) for move in run.moves for parent in PurePosixPath(move.place).parents} - {"."}
    with suppress(OSError), run.root() as root:
        for name in sorted(made, key=lambda name: -name.count("/")):
            with suppress(OSError):  # somebody put something in
                _sweep(root, name)
                root.rmdir(name)
        with root.place(JOURNAL) as place:
            place.unlink()
        run.path.rmdir()


def _sweep(root: Root, name: str) -> None:
    """Remove what was not whole when a run was killed."""
    with root.below(name) as folder:
        for one in folder.names():
            if one.startswith(PART):
                with folder.place(one) as place:
                    place.unlink()
