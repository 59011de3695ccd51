"""Files that move without getting lost: what a file was, and how it gets from one place to another.

At every moment, whatever stops the process, the content of a file is at its old place, at its new one, or at both.
Nothing that is at the new place already is overwritten.
"""

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from labelonce.errors import FilesError
from labelonce.progress import Progress

T = TypeVar("T")

CHUNK = 1 << 20  # bytes read at once
PART = ".labelonce-part-"  # hidden names of files that are not whole yet
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


def mark_of(path: Path) -> Mark:
    """What a file is now.

    Raises
    ------
    OSError
        It is gone, or may not be looked at.
    """
    found = path.lstat()
    link = None
    if path.is_symlink():
        link = str(path.readlink())
        try:
            found = path.stat()
        except OSError:
            return Mark(0, 0, 0, 0, link)
    return Mark(found.st_size, found.st_mtime_ns, found.st_ino, found.st_dev, link)


def marks_of(folder: Path, names: Iterable[str]) -> dict[str, Mark]:
    """What the files of a folder are now, without those that are gone."""
    found = {}
    for name in names:
        with suppress(OSError):
            found[name] = mark_of(folder / name)
    return found


def hindrance(folder: Path, name: str, marks: Mapping[str, Mark]) -> str | None:
    """Why a file is no longer what it was when it was marked; None where it is."""
    try:
        same = mark_of(folder / name) == marks.get(name)
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


def take(source: Path, target: Path, mark: Mark) -> None:
    """Move a file, if it is still what it was, to a place where nobody else writes.

    Raises
    ------
    OSError
        It stays where it is; ESTALE where it changed.
    """
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, "there is another file at the new place", str(target))
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _take_across(source, target, mark)
        return
    moved = mark_of(target)
    if moved != mark and (mark.link is None or moved.link != mark.link):  # the target of a relative link is lost here
        try:
            put(target, source)
        except OSError:
            raise OSError(errno.ESTALE, f"it changed at this very moment, and is {target} now", str(source)) from None
        raise OSError(errno.ESTALE, "it changed at this very moment", str(source))


def _take_across(source: Path, target: Path, mark: Mark) -> None:
    """Move a file to another device: it is gone from here only when all of it is there."""
    if mark.link is not None:
        target.symlink_to(mark.link)
    else:
        copy(source, target, durable=True)
    try:
        if mark_of(source) != mark:
            raise OSError(errno.ESTALE, "it changed at this very moment", str(source))
        source.unlink()
    except OSError:
        target.unlink()
        raise


def put(source: Path, target: Path) -> None:
    """Move a file of ours to a place where others write too.

    Raises
    ------
    FileExistsError
        There is something at the new place; it is not touched.
    OSError
        The file stays where it is.
    """
    if source.is_symlink():
        target.symlink_to(source.readlink())
    else:
        try:
            os.link(source, target)
        except OSError as error:
            if error.errno == errno.EXDEV:
                copy(source, target, durable=True)
            elif error.errno in NO_LINKS:
                if os.path.lexists(target):
                    raise FileExistsError(errno.EEXIST, "there is another file", str(target)) from None
                source.rename(target)
                return
            else:
                raise
    source.unlink()


def copy(source: Path, target: Path, *, durable: bool = False) -> None:
    """Copy a file with its times and permissions; it gets its name when it is whole.

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
    if not source.is_file():  # reading a pipe would wait for ever
        raise OSError(errno.EINVAL, "it is no regular file" if source.exists() else "it is gone", str(source))
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=PART)
    part = Path(name)
    try:
        digest = hashlib.sha256()
        with os.fdopen(handle, "wb") as written, source.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                written.write(chunk)
            written.flush()
            if durable:
                os.fsync(handle)
        if durable and sha256(part) != digest.hexdigest():
            raise OSError(errno.EIO, "the copy is not what the file is", str(target))
        with suppress(OSError):  # not every file system has them
            shutil.copystat(source, part)
        put(part, target)
        if durable:
            sync_folder(target.parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def sync_folder(folder: Path) -> None:
    """Put the names of a folder on the disk, where the system can."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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
