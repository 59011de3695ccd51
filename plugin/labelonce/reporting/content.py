"""What a report says. Whatever shows it, a page, JSON or Markdown, shows these figures and no others."""

import shlex
from dataclasses import dataclass

from labelonce.planning import Outlook
from labelonce.savings import Savings
from labelonce.tasks import TaskId

SCHEMA = "labelonce/report/1"


@dataclass(frozen=True)
class Skip:
    """A duplicate, and how it is like the task that stands for it.

    Parameters
    ----------
    similarity
        In percent: 100 x cosine similarity of the embeddings. None when nobody wrote it down.
    skipped
        Whether the task is skipped in Label Studio now; a plan, and a tag alone, skip nothing.
    doubt
        Distance to the threshold that decided, as in `Decision`; None when no threshold did, or nobody wrote it down.
    """

    task: TaskId
    similarity: float | None
    reason: str
    skipped: bool
    doubt: float | None = None

    @property
    def doubtful(self) -> float:
        """How far to the front of a list it belongs, 0 to 1: its doubt, else how unlike the images are."""
        if self.doubt is not None:
            return self.doubt
        return 0.0 if self.similarity is None else 1 - self.similarity / 100


@dataclass(frozen=True)
class Group:
    """A task that is labelled, and those that it stands for, the most doubtful first.

    Parameters
    ----------
    cluster
        The first task of its cluster, which may hold several groups.
    """

    representative: TaskId
    cluster: TaskId
    skips: tuple[Skip, ...]

    @property
    def least(self) -> float:
        """Similarity of the least similar skip, percent."""
        return min((100.0 if skip.similarity is None else skip.similarity for skip in self.skips), default=100.0)

    @property
    def doubtful(self) -> float:
        """That of the most doubtful skip."""
        return max((skip.doubtful for skip in self.skips), default=0.0)


@dataclass(frozen=True)
class Period:
    """Figures of one run, one day or one upload.

    Parameters
    ----------
    name
        When: an ISO 8601 moment or day, in UTC.
    tasks, duplicates
        Tasks that were decided then, or uploaded then, and how many of them are duplicates.
    seconds_saved, money_saved
        For these duplicates; None when nothing is known.
    """

    name: str
    tasks: int
    duplicates: int
    seconds_saved: float | None
    money_saved: float | None


@dataclass(frozen=True)
class Choice:
    """What a threshold leaves to label.

    Parameters
    ----------
    similarity
        Least similarity of a skip, percent.
    left
        Tasks left to label if only skips at least so similar were made.
    present
        Whether this is how it is now.
    """

    similarity: float
    left: int
    present: bool


@dataclass(frozen=True)
class Report:
    """Everything about one project, plan or folder.

    Parameters
    ----------
    source
        URL of the server, or the folder.
    project
        Number of the project; None for a folder.
    title
        The project's name, or the folder's.
    applied
        Whether it says how the project is now; a plan and a folder say what would be.
    threshold
        Similarity from which on pairs are compared, percent; None when it is not known.
    groups
        Doubt first: by their most doubtful skip.
    runs, days, uploads
        By the times at which tasks were decided and made, ascending; empty for a folder.
    problems
        Tasks whose images could not be compared, with the reason; they are kept.
    bytes_saved, bytes_of
        Size of the duplicates' files, and of how many of them it is known; None where of none.
    hints
        What would skip more, for a person.
    scene
        What the level `scene` would leave to label; None where that is not fewer, not asked or not known.
    """

    source: str
    project: int | None
    title: str
    applied: bool
    threshold: float | None
    savings: Savings
    groups: tuple[Group, ...]
    choices: tuple[Choice, ...]
    runs: tuple[Period, ...] = ()
    days: tuple[Period, ...] = ()
    uploads: tuple[Period, ...] = ()
    problems: tuple[tuple[TaskId, str], ...] = ()
    bytes_saved: int | None = None
    bytes_of: int = 0
    hints: tuple[str, ...] = ()
    scene: Outlook | None = None

    @property
    def scene_groups(self) -> tuple[Group, ...]:
        """The pairs of `scene`, by what would stand for others, as `groups`: none of them is skipped."""
        found: dict[TaskId, list[Skip]] = {}
        for one in self.scene.pairs if self.scene else ():
            head = one.task if one.representative is None else one.representative
            found.setdefault(head, []).append(Skip(one.task, one.similarity, one.reason, False, one.doubt))
        return tuple(Group(head, head, tuple(skips)) for head, skips in found.items())

    @property
    def advice(self) -> tuple[str, ...]:
        """What would skip more, a line each."""
        return (*self.hints, self.scene.text()) if self.scene else self.hints

    @property
    def scene_command(self) -> str:
        """What makes a plan at the level `scene`."""
        subject = f"folder {shlex.quote(self.source)}" if self.project is None else f"plan --project {self.project}"
        return f"labelonce {subject} --level scene"

    @property
    def undecided(self) -> bool:
        """Whether it is of a project that labelonce has never looked at."""
        return self.applied and not self.runs and not self.groups

    def link(self, task: TaskId) -> str | None:
        """Address of a task in Label Studio; None for a file."""
        return None if self.project is None else f"{self.source}/projects/{self.project}/data?task={task}"
