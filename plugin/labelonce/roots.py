"""Files below a folder that a person named, reached without following a link.

A path is read again each time it is used, and any folder on the way may be a link by then. Here every folder on the way
is opened from the one above it, and what is done to a file is done by the descriptor of its folder: it stays that
folder, whatever becomes of the path. Where a system has no descriptors of folders each is looked at before instead.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, BinaryIO

HELD = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")  # not on Windows
_FOLDER = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_WAY = _FOLDER | getattr(os, "O_PATH", 0)  # as on any path, a folder on the way need not be listed
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_FILE = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_SELF: dict[str, Any] = {"follow_symlinks": False} if HELD else {}  # a link itself is meant


class LeadsOut(OSError):  # noqa: N818 - a state, not a fault
    """A link leads out of the folder, and such links are not followed."""

    def __init__(self) -> None:
        super().__init__(errno.ELOOP, "it is a link that leads out of the folder; --follow-links allows that")


@dataclass(frozen=True)
class Place:
    """A name in a folder, whether there is a file or not. A link in this place is not followed unless that is asked.

    Parameters
    ----------
    path
        As a person calls it.
    name
        In the folder; the path where no folder is held.
    folder
        Descriptor of the folder.
    """

    path: Path
    name: str
    folder: int | None = None

    def look(self, *, follow: bool = False) -> os.stat_result:
        """What is there."""
        return os.stat(self.name, dir_fd=self.folder, follow_symlinks=follow)

    def exists(self) -> bool:
        """Whether anything is there."""
        with suppress(OSError):
            self.look()
            return True
        return False

    def said(self) -> str | None:
        """What a link says; None for anything else."""
        return os.readlink(self.name, dir_fd=self.folder) if stat.S_ISLNK(self.look().st_mode) else None

    def beside(self, name: str) -> "Place":
        """Another name in the folder."""
        path = self.path.with_name(name)
        return Place(path, str(path) if self.folder is None else name, self.folder)

    @contextmanager
    def reading(self, *, follow: bool = False) -> Iterator[BinaryIO]:
        """The bytes of a regular file."""
        handle = os.open(self.name, os.O_RDONLY | _FILE | (0 if follow else _NO_LINK), dir_fd=self.folder)
        if not stat.S_ISREG(os.fstat(handle).st_mode):  # reading a pipe would wait for ever
            os.close(handle)
            raise OSError(errno.EINVAL, "it is not a regular file", str(self.path))
        with os.fdopen(handle, "rb") as file:
            yield file

    @contextmanager
    def writing(self, mode: str = "xb") -> Iterator[IO[bytes]]:
        """A file that is made (``xb``), for its owner's eyes only, or appended to without a buffer (``ab``)."""
        how = os.O_APPEND if mode == "ab" else os.O_CREAT | os.O_EXCL
        handle = os.open(self.name, os.O_WRONLY | how | _FILE | _NO_LINK, 0o600, dir_fd=self.folder)
        with os.fdopen(handle, mode.replace("x", "w"), buffering=0 if mode == "ab" else -1) as file:
            yield file

    def symlink(self, said: str) -> None:
        """Make a link here."""
        os.symlink(said, self.name, dir_fd=self.folder)

    def link(self, target: "Place") -> None:
        """Give this file another name, where nothing is."""
        os.link(self.name, target.name, src_dir_fd=self.folder, dst_dir_fd=target.folder, **_SELF)

    def rename(self, target: "Place") -> None:
        """Give this file that name in place of this one."""
        os.rename(self.name, target.name, src_dir_fd=self.folder, dst_dir_fd=target.folder)

    def unlink(self) -> None:
        """Take this name away."""
        os.unlink(self.name, dir_fd=self.folder)

    def settle(self) -> None:
        """Put the names of the folder on the disk, where the system can."""
        if self.folder is not None:
            handle = _listed(self.folder)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def at(path: Path) -> Place:
    """A place whose folder nobody else can change, or which is only looked at."""
    return Place(path, str(path))


@dataclass(frozen=True)
class Root(AbstractContextManager["Root"]):
    """A folder that is held open. `root_of` makes it.

    Parameters
    ----------
    path
        As a person calls it.
    folder
        Its descriptor.
    """

    path: Path
    folder: int | None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.folder is not None:
            os.close(self.folder)

    @contextmanager
    def place(self, name: str, *, make: bool = False) -> Iterator[Place]:
        """A place below the folder, by its path with slashes.

        Parameters
        ----------
        make
            Whether folders on the way are made.

        Raises
        ------
        OSError
            A folder on the way is missing, or is a link; or no file can have that name.
        """
        if not is_below(name):
            raise OSError(errno.EINVAL, "the name is not one that a file can have", name)
        parts = Path(name).parts
        path, handle, opened = self.path, self.folder, []
        try:
            for part in parts[:-1]:
                path = path / part
                handle = _step(handle, path, make=make)
                opened.append(handle)
            path = path / parts[-1]
            yield Place(path, str(path) if handle is None else parts[-1], handle)
        finally:
            for one in opened:
                if one is not None:
                    os.close(one)

    @contextmanager
    def target(self, name: str, *, out: bool = False) -> Iterator[Place]:
        """The file that a place holds, or that a link in it leads to.

        Parameters
        ----------
        out
            Whether links may lead out of this folder, whose path has to be resolved.

        Raises
        ------
        LeadsOut
            One does.
        """
        with self.place(name) as place:
            if place.said() is None:
                yield place
                return
        real = Path(os.path.realpath(place.path))
        if real.is_relative_to(self.path):
            with self.place(real.relative_to(self.path).as_posix()) as place:
                yield place
        elif out:
            yield at(real)
        else:
            raise LeadsOut

    def below(self, name: str, *, make: bool = False) -> "Root":
        """A folder below this one, which may be made."""
        with self.place(name, make=make) as place:
            return Root(place.path, _step(place.folder, place.path, make=make))

    def exists(self, name: str) -> bool:
        """Whether anything is there, or may be, behind a link that is not followed."""
        try:
            with self.place(name) as place:
                return place.exists()
        except OSError as error:
            return error.errno == errno.ELOOP

    def names(self) -> list[str]:
        """The names in the folder."""
        if self.folder is None:
            return [one.name for one in self.path.iterdir()]
        handle = _listed(self.folder)
        try:
            return os.listdir(handle)  # noqa: PTH208 - pathlib takes no descriptor
        finally:
            os.close(handle)

    def mkdir(self, name: str) -> None:
        """Make a folder, where nothing is."""
        with self.place(name) as place:
            os.mkdir(place.name, dir_fd=place.folder)

    def rmdir(self, name: str) -> None:
        """Remove a folder that is empty."""
        with self.place(name) as place:
            os.rmdir(place.name, dir_fd=place.folder)


def _listed(folder: int) -> int:
    """Open a folder, of which there is a descriptor, to be listed or synced."""
    return os.open(".", os.O_RDONLY | _FOLDER, dir_fd=folder)


def root_of(path: Path, within: str = "", *, make: bool = False) -> Root:
    """Open a folder that a person named, or one in it: links on the way to it are followed once, those below it never.

    Parameters
    ----------
    path
        The folder that was named.
    within
        The path of the other one in it, with slashes.
    make
        Whether the folders on that path are made.

    Raises
    ------
    OSError
        It is no folder; ELOOP where a link is on the way below it.
    """
    root = Root(path, os.open(path, os.O_RDONLY | _WAY) if HELD else None)
    if not within:
        return root
    with root:
        return root.below(within, make=make)


def is_below(name: object) -> bool:
    """Whether it is the path of a file below a folder, with slashes."""
    if not isinstance(name, str) or "\0" in name or not Path(name).parts:
        return False
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return False
    path = Path(name)
    return not path.is_absolute() and not path.drive and ".." not in path.parts


def _step(folder: int | None, path: Path, *, make: bool) -> int | None:
    """Open a folder from the one above it."""
    here = Place(path, str(path) if folder is None else path.name, folder)
    if make:
        with suppress(FileExistsError):
            os.mkdir(here.name, dir_fd=folder)
    if stat.S_ISLNK(here.look().st_mode):
        raise OSError(errno.ELOOP, f"{path} is a link, which is not followed", str(path))
    if folder is None:
        return None
    return os.open(here.name, os.O_RDONLY | _WAY | _NO_LINK, dir_fd=folder)
