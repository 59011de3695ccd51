"""The tasks of a Label Studio project as a source."""

from collections.abc import Iterator

from labelonce.label_studio.images import ImageReader
from labelonce.label_studio.listing import read_all
from labelonce.label_studio.project import Project
from labelonce.label_studio.server import Server
from labelonce.progress import Progress
from labelonce.sources.base import Source
from labelonce.tasks import Task


class LabelStudioSource(Source):
    """The image tasks of one project.

    Parameters
    ----------
    server, project
        The connection, and the project as `read_project` found it.
    timeout, max_bytes
        Limits for each image.
    """

    def __init__(self, server: Server, project: Project, progress: Progress, *, timeout: float, max_bytes: int) -> None:
        self.name = server.url
        self._server = server
        self._project = project
        self._progress = progress
        self._reader = ImageReader(server, timeout=timeout, max_bytes=max_bytes)

    def tasks(self) -> Iterator[Task]:
        """List the project's tasks."""
        for state in read_all(self._server, self._project.id, self._progress).values():
            yield state.task(self._project)

    def read(self, task: Task, location: str) -> bytes:
        """Fetch one image."""
        return self._reader.read(int(task.id), location)
