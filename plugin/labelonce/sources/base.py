"""The seam to where tasks and their images come from."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

from labelonce.tasks import Task


@dataclass(frozen=True)
class Content:
    """What one image was when it was read.

    Parameters
    ----------
    data
        The bytes of the file.
    validator
        Any text that is another one as soon as the bytes are others; None where the source cannot tell.
    """

    data: bytes
    validator: str | None = None


class Source(ABC):
    """Tasks and the bytes of their images.

    `tasks` may be called again and then lists anew. `read` is called from several threads at once.

    Parameters
    ----------
    name
        As it is shown.
    identity
        Tells its locations apart from those of other sources; validators are remembered below it.
    controls
        Names of the labelling configuration's control tags that point to an image; none without a configuration.
    distant
        Whether reading an image again costs somebody else's time; then its bytes are kept while they may be needed.
    """

    name: str
    identity: str
    controls: tuple[str, ...] = ()
    distant: bool = False

    @abstractmethod
    def tasks(self) -> Iterator[Task]:
        """List every task once, in any order."""

    @abstractmethod
    def read(self, task: Task, location: str, known: str | None = None) -> Content | None:
        """Fetch one image of `task`.

        Parameters
        ----------
        known
            The validator of an earlier reading.

        Returns
        -------
        Content | None
            None when the image is still the one that `known` stands for; then nothing was fetched.

        Raises
        ------
        ImageUnavailable
            The bytes cannot be had; the text says why.
        """
