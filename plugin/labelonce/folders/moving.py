"""Files that move without getting lost: what a file was, and how it gets from one place to another.

At every moment, whatever stops the process, the content of a file is at its old place, at its new one, or at both.
Nothing that is at the new place already is overwritten. Nothing is done through a link, see `labelonce.roots`.
"""

import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO, BinaryIO, TypeVar

from labelonce.errors import FilesError
from labelonce.folders.naming import numbered
from labelonce.progress import Progress
from labelonce.roots import HELD, Place, Root, root_of
from labelonce.writing import PART

T = TypeVar("T")

CHUNK = 1 << 20  # bytes read at once
NO_LINKS = frozenset({errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK})
STOPPING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})  # the next file would fare no better


@dataclass(frozen=True)
class Mark:
    """What a file was; another one as soon as somebody changes or replaces it.

    Parameters
    ----------
    size, mtime_ns, inode, device
        Of the file; behind a symbolic link of what it leads to, zeros where that is nothing.
    link
        What a symbolic link says; None for a file.
    """

    size: int
    mtime_ns: int
    inode: int
    device: int
    link: str | None = None


def mark_of(place: Place) -> Mark:
    """What a file is now.

    Raises
    ------
    OSError
        It is gone, or may not be looked at.
    """
    found, link = place.look(), place.said()
    if link is not None:
        try:
            found = place.look(follow=True)
        except OSError:
            return Mark(0, 0, 0, 0, link)
    return Mark(found.st_size, found.st_mtime_ns, found.st_ino, found.st_dev, link)


def marks_of(folder: Path, names: Iterable[str]) -> dict[str, Mark]:
    """What the files of a folder are now, without those that are gone."""
    found = {}
    with root_of(folder) as root:
        for name in names:
            with suppress(OSError), root.place(name) as place:
                found[name] = mark_of(place)
    return found


def hindrance(root: Root, name: str, marks: Mapping[str, Mark]) -> str | None:
    """Why a file is no longer what it was when it was marked; None where it is."""
    try:
        with root.place(name) as place:
            same = mark_of(place) == marks.get(name)
    except FileNotFoundError:
        return "it is gone"
    except OSError as error:
        return reason(error)
    return None if same else "it changed meanwhile"


def links_below(folder: Path, *, but: str) -> dict[str, frozenset[str]]:
    """The symbolic links to files below a folder, each with the places below it that it leads through.

    Parameters
    ----------
    but
        Name of a folder in it that is not looked into.

    Returns
    -------
    dict[str, frozenset[str]]
        Relative paths.
    """
    top = os.path.realpath(folder)
    found = {}
    for parent, folders, files in os.walk(top):
        if parent == top:
            folders[:] = [name for name in folders if name != but]
        for name in files:
            path = os.path.join(parent, name)  # noqa: PTH118 - os.walk's texts, many of them
            if os.path.islink(path):  # noqa: PTH114
                through = [os.path.relpath(place, top) for place in _through(path)]
                inside = [Path(one).as_posix() for one in through if Path(one).parts[0] != os.pardir]
                found[Path(path).relative_to(top).as_posix()] = frozenset(inside)
    return found


def _through(link: str) -> Iterator[str]:
    """The places that a symbolic link leads through, the last of which is the file."""
    met: set[str] = set()
    place = Path(link)
    while place.is_symlink() and str(place) not in met:
        met.add(str(place))
        said = place.parent / place.readlink()
        place = Path(os.path.realpath(said.parent)) / said.name
        yield str(place)


def take(source: Place, target: Place, mark: Mark) -> None:
    """Move a file, if it is still what it was, to a place where nobody else writes.

    Raises
    ------
    OSError
        It stays where it is; ESTALE where it changed.
    """
    if target.exists():
        raise FileExistsError(errno.EEXIST, "there is another file at the new place", str(target.path))
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _take_across(source, target, mark)
        return
    moved = mark_of(target)
    if moved != mark and (mark.link is None or moved.link != mark.link):  # the target of a relative link is lost here
        _give_back(target, source)


def _take_across(source: Place, target: Place, mark: Mark) -> None:
    """Move a file to another device: it is gone from here only when all of it is there."""
    if mark.link is not None:
        target.symlink(mark.link)
    else:
        with source.reading() as file:
            copy(file, target, durable=True)
    try:
        _remove(source, mark)
    except OSError:
        target.unlink()
        raise


def _remove(place: Place, mark: Mark) -> None:
    """Delete a file that is still what it was: it is looked at by a name that nobody else uses."""
    hidden = hidden_of(place)
    if hidden.exists():
        raise FileExistsError(errno.EEXIST, f"{hidden.path.name} is left of a run that was stopped: restore that first")
    place.rename(hidden)
    if mark_of(hidden) != mark:
        _give_back(hidden, place)
    try:
        hidden.unlink()
    except OSError:
        put(hidden, place)
        raise


def _give_back(taken: Place, place: Place) -> None:
    """Put a file back that turned out to be another one than it was.

    Raises
    ------
    OSError
        Always, and says so.
    """
    try:
        put(taken, place)
    except OSError:
        text = f"it changed at this very moment, and is {taken.path} now"
        raise OSError(errno.ESTALE, text, str(place.path)) from None
    raise OSError(errno.ESTALE, "it changed at this very moment", str(place.path))


def put(source: Place, target: Place) -> None:
    """Move a file of ours to a place where others write too.

    Raises
    ------
    FileExistsError
        There is something at the new place; it is not touched.
    OSError
        The file stays where it is.
    """
    said = source.said()
    if said is not None:
        target.symlink(said)
    else:
        try:
            source.link(target)
        except OSError as error:
            if error.errno == errno.EXDEV:
                with source.reading() as file:
                    copy(file, target, durable=True)
            elif error.errno in NO_LINKS:
                if target.exists():
                    raise FileExistsError(errno.EEXIST, "there is another file", str(target.path)) from None
                source.rename(target)
                return
            else:
                raise
    try:
        source.unlink()
    except OSError:
        target.unlink()
        raise


def put_back(source: Place, target: Place) -> Place:
    """Move a file of ours to its old place, or beside what is there; says where it is now."""
    return next(place for place in _places(target) if _fits(source, place))


def _places(target: Place) -> Iterator[Place]:
    name = target.path.name
    yield target
    yield target.beside(numbered(name, " (restored)"))
    for number in count(2):
        yield target.beside(numbered(name, f" (restored {number})"))


def _fits(source: Place, place: Place) -> bool:
    """Put a file in a place if nothing else is there."""
    try:
        put(source, place)
    except FileExistsError:
        if not _equal(source, place):
            return False
        source.unlink()  # a restoring was stopped before this, or somebody copied it back
    return True


def _equal(one: Place, other: Place) -> bool:
    try:
        if one.said() is not None or other.said() is not None:
            return one.said() == other.said()
        mine, its = one.look(), other.look()
        same = (mine.st_ino, mine.st_dev) == (its.st_ino, its.st_dev)
        return same or (mine.st_size == its.st_size and sha256(one) == sha256(other))
    except OSError:
        return False


def copy(file: BinaryIO, target: Place, *, durable: bool = False) -> None:
    """Copy a file that is open with its times and permissions; it gets its name when it is whole.

    Parameters
    ----------
    durable
        Whether the copy is on the disk, and read again and compared, before it gets its name.

    Raises
    ------
    FileExistsError
        There is something at the new place; it is not touched.
    OSError
        There is no copy.
    """
    part = _part_of(target)
    try:
        digest = hashlib.sha256()
        with part.writing() as written:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                written.write(chunk)
            written.flush()
            with suppress(OSError):  # not every file system has them
                _copy_stat(file, written, part)
            if durable:
                os.fsync(written.fileno())
        if durable and sha256(part) != digest.hexdigest():
            raise OSError(errno.EIO, "the copy is not what the file is", str(target.path))
        put(part, target)
        if durable:
            target.settle()
    except BaseException:
        with suppress(FileNotFoundError):
            part.unlink()
        raise


def _copy_stat(file: BinaryIO, written: IO[bytes], part: Place) -> None:
    there: int | Path = written.fileno() if HELD else part.path
    shutil.copystat(file.fileno(), there)  # type: ignore[arg-type] # it takes descriptors as os.stat does


def hidden_of(place: Place) -> Place:
    """Where a file is for the moment between the last look at it and its deletion."""
    return place.beside(f"{PART}{hashlib.sha256(os.fsencode(place.path.name)).hexdigest()[:32]}")


def _part_of(place: Place) -> Place:
    """A hidden place beside another one, for what is not whole yet."""
    return place.beside(f"{PART}{secrets.token_hex(8)}")


def sha256(place: Place, *, follow: bool = False) -> str:
    """SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with place.reading(follow=follow) as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def one_by_one(
    things: Sequence[T], act: Callable[[T], str | None], name: Callable[[T], str], progress: Progress, title: str
) -> list[tuple[str, str]]:
    """Do something with one file after the other; what one of them does not allow stops nothing.

    Parameters
    ----------
    act
        Does it, and says why not where it did not.

    Returns
    -------
    list[tuple[str, str]]
        Files with which it was not done, and why.

    Raises
    ------
    FilesError
        The disk is full or fails, so that no other file would fare better.
    """
    left: list[tuple[str, str]] = []
    with progress.stage(title, len(things)) as advance:
        for done, thing in enumerate(things):
            try:
                why = act(thing)
            except OSError as error:
                if error.errno in STOPPING:
                    raise FilesError(
                        f"{reason(error)}. It stopped after {done:,} of {len(things):,} files, at {name(thing)}; "
                        "that one and the others are where they were."
                    ) from None
                why = reason(error)
            if why is not None:
                left.append((name(thing), why))
            advance(1)
    return left


def reason(error: OSError) -> str:
    """What went wrong, without the path."""
    return error.strerror or str(error)
