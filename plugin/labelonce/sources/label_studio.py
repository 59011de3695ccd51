"""The tasks of a Label Studio project as a source."""

from collections.abc import Iterator

from labelonce.label_studio.images import IMAGE_TIMEOUT, MAX_REDIRECTS, ImageReader
from labelonce.label_studio.listing import as_task, predicted, read_each
from labelonce.label_studio.project import Project, identity_of
from labelonce.label_studio.server import Server
from labelonce.progress import Progress
from labelonce.sources.base import Content, Source
from labelonce.tasks import Task


class LabelStudioSource(Source):
    """The image tasks of one project.

    Parameters
    ----------
    server, project
        The connection, and the project as `read_project` found it.
    timeout, max_bytes, image_timeout, max_redirects, allow_host
        Limits for each image, as in `ImageReader`.
    regions_from_predictions
        Whether only what a task's predictions outline counts; all of an image without any.
    """

    distant = True

    def __init__(
        self,
        server: Server,
        project: Project,
        progress: Progress,
        *,
        timeout: float,
        max_bytes: int,
        image_timeout: float = IMAGE_TIMEOUT,
        max_redirects: int = MAX_REDIRECTS,
        allow_host: str | None = None,
        regions_from_predictions: bool = False,
    ) -> None:
        self.name = server.url
        self.identity = identity_of(server, project.id)  # the storages behind a cloud URI are the project's own
        self.controls = project.controls
        self._server = server
        self._project = project
        self._progress = progress
        self._regions_from_predictions = regions_from_predictions
        self._reader = ImageReader(
            server,
            timeout=timeout,
            max_bytes=max_bytes,
            image_timeout=image_timeout,
            max_redirects=max_redirects,
            allow_host=allow_host,
        )

    def tasks(self) -> Iterator[Task]:
        """List the project's tasks."""
        outlined = predicted(self._server, self._project.id) if self._regions_from_predictions else {}
        for state, data in read_each(self._server, self._project.id, self._progress):
            yield as_task(state, data, self._project, outlined.get(state.id, ()))

    def read(self, task: Task, location: str, known: str | None = None) -> Content | None:
        """Fetch one image."""
        return self._reader.fetch(int(task.id), location, known)
