"""What a person says about duplicates, and what it does to a project."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from labelonce.label_studio.applying import apply_plan
from labelonce.label_studio.listing import read_some
from labelonce.label_studio.project import Project
from labelonce.label_studio.server import Server
from labelonce.planning import Decision, Plan, Role
from labelonce.progress import Progress
from labelonce.syncing import judging
from labelonce.tasks import is_number

MOST = 100_000  # tasks of one mark


class Kind(str, Enum):
    """What can be said."""

    DISTINCT = "distinct"  # one is not a duplicate of the other
    SAME = "same"  # one shows what the other shows, although both are kept
    REPRESENTATIVE = "representative"  # one is to be labelled in place of the other
    KEEP = "keep"  # all of these are to be labelled


@dataclass(frozen=True)
class Mark:
    """What a person says.

    Parameters
    ----------
    one, other
        A duplicate, and the task that stands for it; of kind SAME any two tasks, 0 in a mark of kind KEEP.
    tasks
        The tasks of a mark of kind KEEP.
    """

    kind: Kind
    one: int = 0
    other: int = 0
    tasks: tuple[int, ...] = ()


def read_mark(content: Any) -> Mark:
    """Read a mark as the page sends it.

    Raises
    ------
    ValueError
        It is not one.
    """
    if not isinstance(content, Mapping):
        raise ValueError("a mark is an object")
    kind = Kind(content.get("mark"))
    if kind is Kind.KEEP:
        tasks = content.get("tasks")
        if not isinstance(tasks, list) or not 0 < len(tasks) <= MOST or not all(map(is_number, tasks)):
            raise ValueError("tasks are a list of numbers")
        return Mark(kind, tasks=tuple(dict.fromkeys(tasks)))
    one, other = content.get("one"), content.get("other")
    if not (is_number(one) and is_number(other)) or one == other:
        raise ValueError("one and other are two numbers of tasks")
    return Mark(kind, one, other)


def carry_out(server: Server, project: Project, mark: Mark, progress: Progress, *, how: str = "skip") -> str:
    """Write what a person said of a project that was applied; what others decided meanwhile is never overwritten.

    Parameters
    ----------
    how
        ``"skip"``, or ``"tags"`` for a project in which duplicates are tagged only.

    Returns
    -------
    str
        What was done, for the person.

    Raises
    ------
    ChangedError
        It is not as the page shows it any more.
    ServerError
        The server failed. Say it again: it continues.
    """
    if mark.kind is Kind.KEEP:
        judging.keep(server, project, mark.tasks, progress, mark=how)
        return f"{len(mark.tasks):,} tasks are kept"
    if mark.kind is Kind.REPRESENTATIVE:
        judging.make_representative(server, project, mark.one, mark.other, progress, mark=how)
        return f"task {mark.one} stands for this group now"
    if mark.kind is Kind.SAME:
        judging.join(server, project, mark.one, mark.other, progress, mark=how)
        return f"tasks {mark.one} and {mark.other} are the same"
    state = next((state for state, _ in read_some(server, project.id, [mark.one])), None)
    judging.still_duplicate(state, mark.one, mark.other)
    torn = judging.tell_apart(server, project, mark.one, mark.other, progress, mark=how)
    decisions = tuple(Decision(task, Role.UNIQUE, judging.APART) for task in torn if task in (mark.one, mark.other))
    if decisions:  # it is labelled: another task that could stand for it too would have to be looked for
        apply_plan(server, Plan(server.url, project.id, decisions), progress, mark=how)
    return f"task {mark.one} is kept, it differs from task {mark.other}"


def remember(server: Server, project: Project, mark: Mark, progress: Progress) -> None:
    """Write what a person said of a plan that is not applied yet, as far as the next plan has to know it."""
    if mark.kind is Kind.KEEP:
        judging.keep(server, project, mark.tasks, progress)
    elif mark.kind is Kind.DISTINCT:
        judging.tell_apart(server, project, mark.one, mark.other, progress)
    elif mark.kind is Kind.SAME:
        judging.call_same(server, project, mark.one, mark.other)
