"""Duplicates that leave a folder: which of them, into a trash folder, and back.

What protects images nobody has twice:

- A duplicate leaves only while the image that stands for it is there, and both are what they were before they were
  compared.
- A real file never leaves in favour of a symbolic link, nor while a link that stays leads to it.
- It goes to a trash folder beside a journal that is on the disk before the first file moves.
- Files are deleted only from the trash, and only when the bytes of both images are those that were compared.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path, PurePosixPath

from labelonce.errors import ConfigurationError, FilesError
from labelonce.folders.journal import Move, Note, Run, close_run, journal, runs_in
from labelonce.folders.moving import Mark, hidden_of, hindrance, one_by_one, put_back, reason, sha256, take
from labelonce.folders.naming import unused
from labelonce.planning import Decision, Role
from labelonce.progress import Progress
from labelonce.roots import Place, Root, root_of

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
    run = _new_run(folder, trash, name, removals.moves)
    try:
        with journal(run) as note, root_of(folder) as top, run.root() as held:
            work = _Work(top, held, marks, removals.links, note)
            left = work.do(removals.moves, work.leave, progress, "Moving duplicates")
            gone = frozenset(name for name, _ in left)
            moved = [move for move in removals.moves if move.source not in gone]
            kept = []
            if delete is not None:
                digests = _Digests(delete)
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

    top: Root
    trash: Root
    marks: Mapping[str, Mark]
    links: Mapping[str, tuple[str, ...]]
    note: Note

    def do(
        self, moves: Sequence[Move], act: Callable[[Move], str | None], progress: Progress, title: str
    ) -> list[tuple[str, str]]:
        return one_by_one(moves, act, lambda move: move.source, progress, title)

    def leave(self, move: Move) -> str | None:
        """Move a file to the trash, or say why not."""
        why = hindrance(self.top, move.source, self.marks) or self._missing(move) or self._needed(move)
        if why is None:
            with self.top.place(move.source) as source, self.trash.place(move.place, make=True) as target:
                take(source, target, self.marks[move.source])
            self.note("moved", move.source)
        return why

    def destroy(self, move: Move, digests: "_Digests") -> str | None:
        """Delete a file that is in the trash, or say why not."""
        keeper = str(move.keeper)
        with self.trash.place(move.place) as place, self.top.place(keeper) as kept:
            why = None if place.said() is not None else digests.difference(place, move.source)
            why = why or digests.kept(kept, keeper) or self._missing(move)
            if why is None:
                place.unlink()
                self.note("deleted", move.source)
        return why and f"it is in the trash: {why}"

    def _missing(self, move: Move) -> str | None:
        """What is wrong with the image that stands for another."""
        why = hindrance(self.top, str(move.keeper), self.marks)
        return why and f"{move.keeper}, which stands for it: {why}"

    def _needed(self, move: Move) -> str | None:
        staying = (link for link in self.links[move.source] if self.top.exists(link))
        return next((f"the symbolic link {link} leads to it" for link in staying), None)


class _Digests:
    """Says whether files still have the bytes that were compared."""

    def __init__(self, compared: Mapping[str, str]) -> None:
        self._compared = compared
        self._known: dict[str, str | None] = {}

    def difference(self, place: Place, name: str, *, follow: bool = False) -> str | None:
        """Why a file is not what was compared by this name; None where it is."""
        try:
            found = sha256(place, follow=follow)
        except OSError as error:
            return f"{name} cannot be read: {reason(error)}"
        return None if found == self._compared.get(name) else f"{name} is not what was compared"

    def kept(self, place: Place, name: str) -> str | None:
        """The same of a file that stays: it stands for many, and is read once."""
        if name not in self._known:
            self._known[name] = self.difference(place, name, follow=True)
        return self._known[name]


def _new_run(folder: Path, trash: Path, name: str, moves: tuple[Move, ...]) -> Run:
    """Make a folder of that name for a run, or of the first free one after it."""
    within = _within(folder, trash)
    try:
        if not within:
            trash.mkdir(parents=True, exist_ok=True)
        with root_of(folder if within else trash, within, make=True) as root:
            names = chain([name], (f"{name}-{number}" for number in count(2)))
            free = next(one for one in names if not root.exists(one))
            root.mkdir(free)
    except OSError as error:
        raise FilesError(
            f"The trash {trash} cannot be made: {reason(error)}. Nothing was moved. Name another place with --trash."
        ) from None
    return Run(trash / free, folder.resolve(), moves, within=f"{within}/{free}" if within else free)


def _within(folder: Path, trash: Path) -> str:
    """The path of the trash in the folder, where nobody named another one: a link there sends no file elsewhere."""
    return TRASH if trash == folder / TRASH else ""


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
    runs = runs_in(trash, _within(folder, trash), name)
    if name is not None and not runs:
        raise FilesError(f"There is no run {name} in {trash}. See which there are: labelonce restore {folder} --list")
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
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)  # it may be gone
            top, trash = stack.enter_context(root_of(folder)), stack.enter_context(run.root())
        except OSError as error:
            raise FilesError(
                f"{run.path} cannot be restored to {folder}: {reason(error)}. Nothing was moved."
            ) from None
        gone = [
            (move.source, "it is neither in the trash nor where it was")
            for move in run.moves
            if move.source not in run.deleted and not trash.exists(move.place) and not top.exists(move.source)
        ]
        held = run.held()

        def bring(move: Move) -> None:
            with trash.place(move.place) as source, top.place(move.source, make=True) as target:
                hidden = hidden_of(target)
                if hidden.exists():  # a run was killed just before it was deleted here, or given back
                    put_back(hidden, target)
                now = put_back(source, target)
            if now != target:
                beside.append((move.source, str(PurePosixPath(move.source).with_name(now.path.name))))

        left = one_by_one(held, bring, lambda move: move.source, progress, "Restoring files")
    close_run(run)
    _drop(run.path.parent)
    return Restored(run.path, len(held) - len(left), tuple(beside), (*left, *gone))
