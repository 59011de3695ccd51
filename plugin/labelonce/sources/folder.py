"""A folder of images as a source: every image file is a task."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from labelonce.errors import ConfigurationError, ImageUnavailable
from labelonce.images import formats
from labelonce.roots import LeadsOut, Place, root_of
from labelonce.sources.base import Content, Source
from labelonce.tasks import Task

RACY_NS = 2_000_000_000  # the coarsest clock of a file system, FAT's: a file this young may change and look the same


class FolderSource(Source):
    """The image files below a folder, known by their first bytes where their suffix does not tell.

    What looks like an image and cannot be read is a task with a problem. Hidden files and folders are passed over, and
    so are folders below it that may not be listed.

    Parameters
    ----------
    folder
        The folder; symbolic links to folders are not followed, so that no file is met twice.
    max_bytes
        Larger files are not read.
    follow_links
        Whether links to files outside of the folder are followed; a folder that others can write to may have some
        that lead where only its reader may look.

    Raises
    ------
    ConfigurationError
        The folder is missing, or may not be listed.
    """

    def __init__(self, folder: Path, *, max_bytes: int, follow_links: bool = False) -> None:
        if not folder.is_dir():
            raise ConfigurationError(f"{folder} is not a folder. Name a folder that holds images.")
        try:
            os.scandir(folder).close()
        except OSError as error:
            raise ConfigurationError(f"The folder {folder} cannot be listed: {error.strerror}.") from None
        self.name = str(folder)
        self.identity = str(folder.resolve())
        self._folder = folder
        self._follow_links = follow_links
        self._max_bytes = max_bytes

    def tasks(self) -> Iterator[Task]:
        """List the image files by their path relative to the folder."""
        for parent, folders, files in os.walk(self._folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            below = Path(parent).relative_to(self._folder)
            for name in sorted(files):
                if name.startswith("."):
                    continue
                _, dot, ending = name.rpartition(".")
                suffix = f"{dot}{ending}".lower()
                relative = f"{below.as_posix()}/{name}" if below.parts else name
                if suffix in formats.SUFFIXES:
                    yield Task(id=relative, images=(relative,))
                elif suffix not in formats.OTHERS and (kind := self._kind(relative)) is not None:
                    yield Task(id=relative, images=(relative,), problem=formats.problem_of(kind, suffix))

    def _kind(self, location: str) -> str | None:
        """What a file looks like; None where it is no image, or nobody may look."""
        try:
            with self._place(location) as place, place.reading() as file:
                return formats.kind_of(file.read(formats.HEAD))
        except OSError:
            return None

    @contextmanager
    def _place(self, location: str) -> Iterator[Place]:
        """Where a file is: what a link leads to, if it may."""
        with root_of(Path(self.identity)) as root, root.target(location, out=self._follow_links) as place:
            yield place

    def read(self, task: Task, location: str, known: str | None = None) -> Content | None:
        """Read one file; its size, times and number are its validator."""
        try:
            with self._place(location) as place:
                if known is not None and known == _validator(place.look()):
                    return None
                with place.reading() as file:
                    return self._content(file)
        except LeadsOut as error:
            raise ImageUnavailable(str(error.strerror)) from None
        except OSError as error:
            raise ImageUnavailable(f"the file cannot be read: {error.strerror or error}") from None

    def _content(self, file: BinaryIO) -> Content:
        found = os.fstat(file.fileno())
        if found.st_size > self._max_bytes:
            raise ImageUnavailable(f"the file has {found.st_size:,} bytes, more than max_bytes = {self._max_bytes:,}")
        validator = _validator(found)  # before the reading, in which it may change
        return Content(file.read(found.st_size), validator)


def _validator(found: os.stat_result) -> str | None:
    """None for a file that changed a moment ago: it may change again within a tick of the clock (git's racy files)."""
    if time.time_ns() - max(found.st_mtime_ns, found.st_ctime_ns) < RACY_NS:
        return None
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}"
