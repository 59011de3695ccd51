"""Duplicates that leave a folder: which of them, into a trash folder, and back.

What protects images nobody has twice:

- A duplicate leaves only while the image that stands for it is there, and both are what they were before they were
  compared.
- A real file never leaves in favour of a symbolic link, nor while a link that stays leads to it.
- It goes to a trash folder beside a journal that is on the disk before the first file moves.
- Files are deleted only from the trash, and only when the bytes of both images are those that were compared.
"""

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from labelonce.errors import ConfigurationError, FilesError
from labelonce.folders.journal import Move, Note, Run, close_run, journal, read_run, runs_in
from labelonce.folders.moving import Mark, hindrance, one_by_one, put, reason, sha256, take
from labelonce.folders.naming import numbered, unused
from labelonce.planning import Decision, Role
from labelonce.progress import Progress

TRASH = ".labelonce-trash"
FILES = "files"

Left = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Removals:
    """What is to leave a folder.

    Parameters
    ----------
    moves
        The files, each with the image that stands for it, in the order in which they leave: links before what they
        lead to.
    links
        By file, the symbolic links that lead to it and have to leave before it.
    left
        Duplicates that stay, and why.
    size
        Bytes of the files that leave.
    """

    moves: tuple[Move, ...]
    links: Mapping[str, tuple[str, ...]]
    left: Left
    size: int


@dataclass(frozen=True)
class Removed:
    """What left a folder.

    Parameters
    ----------
    run
        The folder with the journal.
    moved
        Files that are in it.
    deleted
        Files that were deleted for good.
    left
        Duplicates that stay where they were, or in the trash, and why.
    """

    run: Path
    moved: int
    deleted: int
    left: Left


@dataclass(frozen=True)
class Restored:
    """What came back into a folder.

    Parameters
    ----------
    run
        The folder with the journal.
    restored
        Files that are back.
    beside
        Files whose old place was taken: their name, and the one that they have now.
    left
        Files that are still in the trash, or gone from it, and why.
    """

    run: Path
    restored: int
    beside: Left = ()
    left: Left = ()


def plan_removals(
    decisions: Sequence[Decision], marks: Mapping[str, Mark], links: Mapping[str, Collection[str]]
) -> Removals:
    """Decide which duplicates leave.

    Parameters
    ----------
    decisions
        A decision for every image of the folder, by its relative path.
    marks
        What the files were before they were compared.
    links
        All symbolic links of the folder, each with the places that it leads through.
    """
    found = {str(one.task): str(one.representative) for one in decisions if one.role is Role.DUPLICATE}
    leading: dict[str, list[str]] = {}
    for link, through in sorted(links.items()):
        for place in through:
            leading.setdefault(place, []).append(link)
    needed = {place: one for place, some in leading.items() for one in some if one not in found}
    left, leaving = [], []
    for name, keeper in sorted(found.items()):
        why = _reason_to_stay(name, keeper, marks, needed)
        if why is None:
            leaving.append(name)
        else:
            left.append((name, why))
    leaving.sort(key=lambda name: (-len(links.get(name, ())), name))
    places = zip(leaving, unused(leaving), strict=True)
    moves = tuple(Move(name, f"{FILES}/{place}", found[name]) for name, place in places)
    size = sum(marks[name].size for name in leaving if marks[name].link is None)
    return Removals(moves, {name: tuple(leading.get(name, ())) for name in leaving}, tuple(left), size)


def _reason_to_stay(name: str, keeper: str, marks: Mapping[str, Mark], needed: Mapping[str, str]) -> str | None:
    if name not in marks or keeper not in marks:
        return "it appeared while the images were compared"
    if name in needed:
        return f"the symbolic link {needed[name]} leads to it"
    if marks[name].link is None and marks[keeper].link is not None:
        return f"only a symbolic link, {keeper}, stands for it"
    return None


def trash_of(folder: Path, named: Path | None) -> Path:
    """The trash folder of a folder.

    Raises
    ------
    ConfigurationError
        The one that is named would be searched for images.
    """
    if named is None:
        return folder / TRASH
    inside, top = named.resolve(), folder.resolve()
    if inside == top or (top in inside.parents and not _hidden(inside.relative_to(top))):
        raise ConfigurationError(
            f"--trash {named} is in {folder} and would be searched for images too. "
            "Name a folder outside of it, or one whose name begins with a dot."
        )
    return named


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def remove(
    folder: Path,
    trash: Path,
    removals: Removals,
    marks: Mapping[str, Mark],
    progress: Progress,
    *,
    name: str,
    delete: Mapping[str, str] | None = None,
) -> Removed:
    """Move the duplicates into a new folder in the trash.

    Parameters
    ----------
    name
        What the run is to be called; another one gets a number behind it.
    delete
        By file, the SHA-256 of the bytes that were compared: then what was moved is deleted for good.

    Raises
    ------
    FilesError
        The trash cannot be written, or the disk fails; what was moved until then can be restored.
    """
    run = Run(_new_folder(trash, name), folder.resolve(), removals.moves)
    try:
        with journal(run) as note:
            work = _Work(folder, run, marks, removals.links, note)
            left = work.do(removals.moves, work.leave, progress, "Moving duplicates")
            gone = frozenset(name for name, _ in left)
            moved = [move for move in removals.moves if move.source not in gone]
            kept = []
            if delete is not None:
                digests = _Digests(folder, delete)
                kept = work.do(moved, lambda move: work.destroy(move, digests), progress, "Deleting duplicates")
    except FilesError as error:
        raise FilesError(f"{error} What was moved is in {run.path}.") from None
    finally:
        close_run(run)
        _drop(trash)
    deleted = 0 if delete is None else len(moved) - len(kept)
    return Removed(run.path, len(moved) - deleted, deleted, (*removals.left, *left, *kept))


@dataclass(frozen=True)
class _Work:
    """Moves and deletes the files of one run, each only if everything is still as it was."""

    folder: Path
    run: Run
    marks: Mapping[str, Mark]
    links: Mapping[str, tuple[str, ...]]
    note: Note

    def do(
        self, moves: Sequence[Move], act: Callable[[Move], str | None], progress: Progress, title: str
    ) -> list[tuple[str, str]]:
        return one_by_one(moves, act, lambda move: move.source, progress, title)

    def leave(self, move: Move) -> str | None:
        """Move a file to the trash, or say why not."""
        why = hindrance(self.folder, move.source, self.marks) or self._missing(move) or self._needed(move)
        if why is None:
            target = self.run.path / move.place
            target.parent.mkdir(parents=True, exist_ok=True)
            take(self.folder / move.source, target, self.marks[move.source])
            self.note("moved", move.source)
        return why

    def destroy(self, move: Move, digests: "_Digests") -> str | None:
        """Delete a file that is in the trash, or say why not."""
        place, keeper = self.run.path / move.place, str(move.keeper)
        why = None if place.is_symlink() else digests.difference(place, move.source)
        why = why or digests.difference(self.folder / keeper, keeper) or self._missing(move)
        if why is None:
            place.unlink()
            self.note("deleted", move.source)
        return why and f"it is in the trash: {why}"

    def _missing(self, move: Move) -> str | None:
        """What is wrong with the image that stands for another."""
        why = hindrance(self.folder, str(move.keeper), self.marks)
        return why and f"{move.keeper}, which stands for it: {why}"

    def _needed(self, move: Move) -> str | None:
        staying = (link for link in self.links[move.source] if os.path.lexists(self.folder / link))
        return next((f"the symbolic link {link} leads to it" for link in staying), None)


class _Digests:
    """Says whether files still have the bytes that were compared."""

    def __init__(self, folder: Path, compared: Mapping[str, str]) -> None:
        self._compared = compared
        self._known: dict[Path, str] = {}
        self._folder = folder

    def difference(self, path: Path, name: str) -> str | None:
        """Why a file is not what was compared by this name; None where it is."""
        try:
            found = self._known[path] if path in self._known else sha256(path)
        except OSError as error:
            return f"{name} cannot be read: {reason(error)}"
        if path == self._folder / name:
            self._known[path] = found  # it stands for many, and is read once
        return None if found == self._compared.get(name) else f"{name} is not what was compared"


def _new_folder(trash: Path, name: str) -> Path:
    """Make a folder of that name, or of the first free one after it."""
    names = chain([name], (f"{name}-{number}" for number in count(2)))
    try:
        trash.mkdir(parents=True, exist_ok=True)
        path = next(trash / one for one in names if not os.path.lexists(trash / one))
        path.mkdir()
    except OSError as error:
        raise FilesError(
            f"The trash {trash} cannot be made: {reason(error)}. Nothing was moved. Name another place with --trash."
        ) from None
    return path


def _drop(trash: Path) -> None:
    """Remove the trash folder when nothing is left in it."""
    if trash.name == TRASH:
        with suppress(OSError):
            trash.rmdir()


def runs_of(folder: Path, trash: Path, name: str | None = None) -> list[Run]:
    """The runs that took files from a folder, the newest last; those that are named whatever folder that was.

    Raises
    ------
    FilesError
        There is none of that name, or a journal cannot be read.
    """
    paths = [path for path in runs_in(trash) if name is None or path.name == name]
    if name is not None and not paths:
        raise FilesError(f"There is no run {name} in {trash}. See which there are: labelonce restore {folder} --list")
    runs = [read_run(path) for path in paths]
    ours = trash.resolve() == (folder / TRASH).resolve()  # it moves with its folder
    return [run for run in runs if ours or name is not None or run.folder == folder.resolve()]


def standing_in(folder: Path, trash: Path) -> frozenset[str]:
    """The files of a folder that stand for what is in the trash: what comes later does not take their place.

    Raises
    ------
    FilesError
        A journal cannot be read.
    """
    runs = runs_of(folder, trash)
    return frozenset(move.keeper for run in runs for move in run.held() if move.keeper is not None)


def restore(folder: Path, run: Run, progress: Progress) -> Restored:
    """Move the files of a run back to where they were; what has taken their place stays, and they come beside it.

    Can be stopped at any moment and run again.

    Raises
    ------
    FilesError
        The disk is full or fails; the other files are still in the trash.
    """
    beside: list[tuple[str, str]] = []
    gone = [
        (move.source, "it is neither in the trash nor where it was")
        for move in run.moves
        if move.source not in run.deleted
        and not os.path.lexists(run.path / move.place)
        and not os.path.lexists(folder / move.source)
    ]
    held = run.held()

    def bring(move: Move) -> None:
        target = folder / move.source
        target.parent.mkdir(parents=True, exist_ok=True)
        now = _put_back(run.path / move.place, target)
        if now != target:
            beside.append((move.source, now.relative_to(folder).as_posix()))

    left = one_by_one(held, bring, lambda move: move.source, progress, "Restoring files")
    close_run(run)
    _drop(run.path.parent)
    return Restored(run.path, len(held) - len(left), tuple(beside), (*left, *gone))


def _put_back(source: Path, target: Path) -> Path:
    """Where the file is now: at its old place, or beside what is there."""
    return next(place for place in _places(target) if _fits(source, place))


def _places(target: Path) -> Iterator[Path]:
    yield target
    yield target.with_name(numbered(target.name, " (restored)"))
    for number in count(2):
        yield target.with_name(numbered(target.name, f" (restored {number})"))


def _fits(source: Path, place: Path) -> bool:
    """Put a file in a place if nothing else is there."""
    try:
        put(source, place)
    except FileExistsError:
        if not _equal(source, place):
            return False
        source.unlink()  # a restoring was stopped before this, or somebody copied it back
    return True


def _equal(one: Path, other: Path) -> bool:
    if one.is_symlink() or other.is_symlink():
        return one.is_symlink() and other.is_symlink() and one.readlink() == other.readlink()
    if not (one.is_file() and other.is_file()):
        return False
    try:
        return one.samefile(other) or (one.stat().st_size == other.stat().st_size and sha256(one) == sha256(other))
    except OSError:
        return False
