"""Images that a user names one by one: files, http(s) URLs, and tasks of a project."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from labelonce.errors import ConfigurationError
from labelonce.label_studio.images import IMAGE_TIMEOUT, MAX_REDIRECTS, ImageReader
from labelonce.label_studio.listing import as_task, predicted, read_some
from labelonce.label_studio.project import Project
from labelonce.label_studio.server import Server
from labelonce.redaction import public
from labelonce.sources.base import Content, Source
from labelonce.sources.folder import FolderSource
from labelonce.tasks import Task, TaskId

SHOWN = 200  # characters of a name in a message


@dataclass(frozen=True)
class Named:
    """An image that a user names, or a task with its images.

    Parameters
    ----------
    name
        As the user says it; a URL without what is secret in it.
    source
        Where it is read.
    task
        What is read there: one image, or those of a task in order.
    file
        Its path, the folder's links resolved; None for what is no file.
    """

    name: str
    source: Source
    task: Task
    file: Path | None = None

    def within(self, identity: str) -> TaskId | None:
        """Which task of the source with this identity it is itself; None where it is no part of it."""
        if self.source.identity == identity:
            return self.task.id
        if self.file is None or not self.file.is_relative_to(identity):
            return None
        return self.file.relative_to(identity).as_posix()


class _NoServer(Server):
    """No Label Studio: no URL is its own, and no token is sent anywhere."""

    def __init__(self) -> None:
        self.url = ""

    def owns(self, url: str) -> bool:
        """Nothing."""
        return False


class NamedSource(Source):
    """Files and http(s) URLs, each a task of its own once it is named.

    The host of a URL that the user names may have any address; what it sends on to is judged as the URL of a task is.

    Parameters
    ----------
    timeout, max_bytes, image_timeout, max_redirects, allow_host
        Limits for each image, as in `ImageReader`.
    server
        The Label Studio whose own URLs are fetched with its token; every other host gets none.
    """

    name = "the named images"
    identity = "named"
    distant = True

    def __init__(
        self,
        *,
        timeout: float,
        max_bytes: int,
        image_timeout: float = IMAGE_TIMEOUT,
        max_redirects: int = MAX_REDIRECTS,
        allow_host: str | None = None,
        server: Server | None = None,
    ) -> None:
        self._tasks: dict[TaskId, Task] = {}
        self._max_bytes = max_bytes
        self._reader = ImageReader(
            server or _NoServer(),
            timeout=timeout,
            max_bytes=max_bytes,
            image_timeout=image_timeout,
            max_redirects=max_redirects,
            allow_host=allow_host,
        )

    def image(self, name: str | Path, *, trusted: bool = True) -> Named:
        """Name a file or a URL.

        Parameters
        ----------
        trusted
            Whether the user wrote it; the host of a URL from elsewhere is judged.

        Raises
        ------
        ConfigurationError
            There is no such file.
        """
        text = str(name)
        if is_url(text):
            if trusted:
                self._reader.trust(text)
            return replace(self._named(text, text), name=public(text))  # what is printed may be a log by tomorrow
        if not os.path.exists(text) or os.path.isdir(text):  # noqa: PTH110, PTH112 - pathlib's raise for odd names
            why = "is a folder" if os.path.isdir(text) else "is no file and no http(s) URL"  # noqa: PTH112
            raise ConfigurationError(f"{text[:SHOWN]!r} {why}. Name an image.")
        path = Path(name)
        file = path.parent.resolve() / path.name
        return self._named(text, str(file), file)

    def _named(self, name: str, location: str, file: Path | None = None) -> Named:
        task = self._tasks.setdefault(name, Task(id=name, images=(location,)))
        return Named(name, self, task, file)

    def tasks(self) -> Iterator[Task]:
        """List what was named."""
        return iter(list(self._tasks.values()))

    def read(self, task: Task, location: str, known: str | None = None) -> Content | None:
        """Read one file, or fetch one URL."""
        if is_url(location):
            return self._reader.fetch(0, location, known)
        path = Path(location)
        files = FolderSource(Path(path.anchor), max_bytes=self._max_bytes)
        return files.read(task, path.relative_to(path.anchor).as_posix(), known)


def is_url(name: str) -> bool:
    """Whether a name is an http(s) URL."""
    return name[:8].lower().startswith(("http://", "https://"))


def task_of(
    server: Server, project: Project, source: Source, number: int, *, regions_from_predictions: bool = False
) -> Named:
    """Name a task of a project by its number.

    Parameters
    ----------
    source
        The project's source, where its images are read.
    regions_from_predictions
        As in `LabelStudioSource`.

    Raises
    ------
    ConfigurationError
        The project has no such task.
    ServerError
        Label Studio cannot tell.
    """
    found = next(read_some(server, project.id, [number]), None)
    if found is None:
        raise ConfigurationError(f"Project {project.id} has no task {number}. Name one of its tasks, a file or a URL.")
    outlined = predicted(server, project.id).get(number, []) if regions_from_predictions else ()
    return Named(str(number), source, as_task(*found, project, outlined))


def files_of(folder: Path, source: Source) -> list[Named]:
    """Name every image of a folder, by its path.

    Parameters
    ----------
    source
        The folder's source.
    """
    root = folder.resolve()
    return [
        Named(str(folder / str(task.id)), source, task, root / str(task.id))
        for task in sorted(source.tasks(), key=lambda task: task.id)
    ]
