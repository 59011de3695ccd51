"""What is labelled: a task is an ordered list of images, and what people already did with it."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias, TypeGuard

from labelonce.images.regions import Region

TaskId: TypeAlias = int | str  # Label Studio numbers its tasks; a folder's tasks are relative paths


def is_number(value: Any) -> TypeGuard[int]:
    """Whether something may be what Label Studio numbers a task or a project with."""
    return type(value) is int and 0 < value < 1 << 63


class Touch(str, Enum):
    """What people did with a task, as far as it decides what labelonce may do."""

    NONE = "none"
    ANNOTATED = "annotated"
    DRAFTED = "drafted"
    SKIPPED = "skipped by a person"
    RETURNED = "taken back by a person"

    @property
    def keeps(self) -> bool:
        """Whether the task is never skipped."""
        return self is not Touch.NONE

    @property
    def represents(self) -> bool:
        """Whether the task may stand for others: an image that a person skipped as unusable may not."""
        return self is not Touch.SKIPPED


@dataclass(frozen=True)
class Task:
    """One thing to label.

    Parameters
    ----------
    id
        Number of the task in Label Studio, or the relative path of a file.
    images
        Where its images are, in order, as the source wrote it: a URL, a path, a data URI.
    context
        What else people see in this task (the text of a question, for instance), a line for each variable: its name, a
        space, and a hash. Tasks are duplicates of each other only when this is equal.
    touch
        What people did with it.
    problem
        Why its images cannot be compared; None when they can.
    regions
        The part of each image that counts, None for the whole; empty where nothing is said about any.
    standing
        Whether an earlier run left it to be labelled: what was added since does not take its place.
    settled
        Whether this is no longer asked: it is never a duplicate, and not compared with others that are settled.
    distinct
        The tasks that a person told apart from this one, however alike they are.
    same
        The tasks that a person said are the same as this one, whatever they look like.
    """

    id: TaskId
    images: tuple[str, ...]
    context: str = ""
    touch: Touch = Touch.NONE
    problem: str | None = None
    regions: tuple[Region | None, ...] = ()
    standing: bool = False
    settled: bool = False
    distinct: frozenset[TaskId] = frozenset()
    same: frozenset[TaskId] = frozenset()

    @property
    def keeps(self) -> bool:
        """Whether the task is never skipped."""
        return self.settled or self.touch.keeps


def shown_apart(one: str, other: str) -> str:
    """How two contexts differ, for a person; empty where they are equal."""
    lines = set(one.split("\n")) ^ set(other.split("\n"))
    names = sorted({line.partition(" ")[0] for line in lines if line})
    return f"what is shown beside the picture differs: {', '.join(names)}" if names else ""
