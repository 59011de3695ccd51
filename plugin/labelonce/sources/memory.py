"""A source in memory, for tests and for images that are already at hand."""

import hashlib
from collections.abc import Iterator, Mapping

from labelonce.errors import ImageUnavailable
from labelonce.sources.base import Content, Source
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

    name = identity = "memory"

    def __init__(self, images: Mapping[str, bytes], tasks: list[Task] | None = None) -> None:
        self._images = dict(images)
        self._tasks = [Task(id=name, images=(name,)) for name in images] if tasks is None else tasks

    def tasks(self) -> Iterator[Task]:
        """List the given tasks."""
        return iter(self._tasks)

    def read(self, task: Task, location: str, known: str | None = None) -> Content | None:
        """Look the bytes up; their hash is their validator."""
        try:
            data = self._images[location]
        except KeyError:
            raise ImageUnavailable(f"there is no image {location}") from None
        validator = hashlib.sha256(data).hexdigest()
        return None if validator == known else Content(data, validator)
