"""A source some of whose tasks stand for others already."""

from collections.abc import Collection, Iterator
from dataclasses import replace

from labelonce.sources.base import Content, Source
from labelonce.tasks import Task, TaskId


class StandingSource(Source):
    """Another source, of which it is known what an earlier run kept.

    Parameters
    ----------
    source
        The other source.
    standing
        The tasks whose place nothing takes that was added since.
    """

    def __init__(self, source: Source, standing: Collection[TaskId]) -> None:
        self.name, self.identity, self.controls = source.name, source.identity, source.controls
        self.distant = source.distant
        self._source = source
        self._standing = frozenset(standing)

    def tasks(self) -> Iterator[Task]:
        """List the tasks."""
        return (replace(task, standing=task.standing or task.id in self._standing) for task in self._source.tasks())

    def read(self, task: Task, location: str, known: str | None = None) -> Content | None:
        """Fetch one image."""
        return self._source.read(task, location, known)
