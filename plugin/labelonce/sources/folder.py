"""A folder of images as a source: every image file is a task."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from labelonce.errors import ConfigurationError, ImageUnavailable
from labelonce.sources.base import Source
from labelonce.tasks import Task

SUFFIXES = frozenset({".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


class FolderSource(Source):
    """The image files below a folder, known by their suffix.

    Hidden files and folders are passed over, and so are folders below it that may not be listed.

    Parameters
    ----------
    folder
        The folder; symbolic links to folders are not followed, so that no file is met twice.
    max_bytes
        Larger files are not read.

    Raises
    ------
    ConfigurationError
        The folder is missing, or may not be listed.
    """

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        if not folder.is_dir():
            raise ConfigurationError(f"{folder} is not a folder. Name a folder that holds images.")
        try:
            os.scandir(folder).close()
        except OSError as error:
            raise ConfigurationError(f"The folder {folder} cannot be listed: {error.strerror}.") from None
        self.name = str(folder)
        self._folder = folder
        self._max_bytes = max_bytes

    def tasks(self) -> Iterator[Task]:
        """List the image files by their path relative to the folder."""
        for parent, folders, files in os.walk(self._folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(files):
                path = Path(parent, name)
                if not name.startswith(".") and path.suffix.lower() in SUFFIXES:
                    relative = path.relative_to(self._folder).as_posix()
                    yield Task(id=relative, images=(relative,))

    def read(self, task: Task, location: str) -> bytes:
        """Read one file."""
        path = self._folder / location
        try:
            if not stat.S_ISREG(path.stat().st_mode):  # reading a pipe would wait for ever
                raise ImageUnavailable("it is not a regular file")
            with path.open("rb") as file:
                data = file.read(self._max_bytes + 1)
                size = len(data) if len(data) <= self._max_bytes else os.fstat(file.fileno()).st_size
        except OSError as error:
            raise ImageUnavailable(f"the file cannot be read: {error.strerror or error}") from None
        except ValueError:
            raise ImageUnavailable("the name is not one that a file can have") from None
        if size > self._max_bytes:
            raise ImageUnavailable(f"the file has {size:,} bytes, more than max_bytes = {self._max_bytes:,}")
        return data
