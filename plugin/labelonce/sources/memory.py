"""A source in memory, for tests and for images that are already at hand."""

from collections.abc import Iterator, Mapping

from labelonce.errors import ImageUnavailable
from labelonce.sources.base import Source
from labelonce.tasks import Task


class MemorySource(Source):
    """Tasks and image bytes that are given.

    Parameters
    ----------
    images
        Bytes by location.
    tasks
        The tasks; None makes one task for every image, named by its location.
    """

    name = "memory"

    def __init__(self, images: Mapping[str, bytes], tasks: list[Task] | None = None) -> None:
        self._images = dict(images)
        self._tasks = [Task(id=name, images=(name,)) for name in images] if tasks is None else tasks

    def tasks(self) -> Iterator[Task]:
        """List the given tasks."""
        return iter(self._tasks)

    def read(self, task: Task, location: str) -> bytes:
        """Look the bytes up."""
        try:
            return self._images[location]
        except KeyError:
            raise ImageUnavailable(f"there is no image {location}") from None
