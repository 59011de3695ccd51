"""The seam to where tasks and their images come from."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

from labelonce.tasks import Task


class Source(ABC):
    """Tasks and the bytes of their images.

    `tasks` may be called again and then lists anew. `read` is called from several threads at once.
    """

    name: str

    @abstractmethod
    def tasks(self) -> Iterator[Task]:
        """List every task once, in any order."""

    @abstractmethod
    def read(self, task: Task, location: str) -> bytes:
        """Fetch the bytes of one image of `task`.

        Raises
        ------
        ImageUnavailable
            The bytes cannot be had; the text says why.
        """
