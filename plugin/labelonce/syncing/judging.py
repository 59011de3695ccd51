"""What a person says about tasks: this one is to be labelled, these two show different things, or the same."""

from collections.abc import Sequence
from typing import Any

from labelonce.errors import ChangedError, ConfigurationError
from labelonce.label_studio import marks
from labelonce.label_studio.applying import Outcome, apply_plan
from labelonce.label_studio.listing import TaskState, read_some, stood_for
from labelonce.label_studio.project import Project
from labelonce.label_studio.server import Server
from labelonce.label_studio.writing import set_tag
from labelonce.planning import BY_WORD, Decision, Plan, Role, by_word
from labelonce.progress import Progress
from labelonce.tasks import Touch

KEPT = "kept: a person said so"
APART = "kept: a person told it apart"
CHOSEN = "a person chose what stands for it"


def keep(server: Server, project: Project, tasks: Sequence[int], progress: Progress, *, mark: str = "skip") -> Outcome:
    """Have tasks labelled, whatever they look like, from now on and on every computer; their skips are lifted.

    Raises
    ------
    ConfigurationError
        The project has no such task.
    ServerError
        The server failed. Run it again: it continues.
    """
    states = _states(server, project, tasks)
    marked = [task for task, state in states.items() if state.marks.get(marks.ROLE) != marks.KEEP]
    _tag(server, project, {task: {marks.ROLE: marks.KEEP} for task in marked}, states)  # before its skip is lifted
    decisions = tuple(Decision(task, Role.KEPT, KEPT) for task in states)
    return apply_plan(server, Plan(server.url, project.id, decisions), progress, mark=mark)


def tell_apart(
    server: Server, project: Project, one: int, other: int, progress: Progress, *, mark: str = "skip"
) -> list[int]:
    """Remember that two tasks show different things, however alike they look, and forget that they are the same.

    Where both are duplicates of a third one, which cannot show what both of them show, both are kept. Where a person's
    word brought them together, all that came along is decided anew instead.

    Returns
    -------
    list[int]
        Tasks that have to be decided anew, such as that of the two which is marked as the other one's duplicate.

    Raises
    ------
    ConfigurationError
        The two are one, or the project has no such task.
    ServerError
        The server failed.
    """
    states = _say(server, project, one, other, marks.DISTINCT, takes_back=marks.SAME)
    heads = [_head(states[task]) for task in (one, other)]
    if heads[0] != heads[1]:
        return []
    torn = {one, other} - {heads[0]} if heads[0] in (one, other) else set()
    if other in states[one].same or one in states[other].same:
        found = stood_for(server, project.id, heads[0])
        group = {task: state for task, state in found.items() if _head(state) != task and _came_by_word(state)}
        _tag(server, project, {task: {marks.ROLE: marks.CLEARED} for task in group}, group)
        torn |= group.keys()
    if not torn & {one, other}:
        keep(server, project, [one, other], progress, mark=mark)
    return sorted(torn)


def call_same(server: Server, project: Project, one: int, other: int) -> dict[int, TaskState]:
    """Remember that two tasks are the same, whatever they look like, and forget that they are distinct.

    Returns
    -------
    dict[int, TaskState]
        The two as they stood before.

    Raises
    ------
    ConfigurationError
        The two are one, or the project has no such task.
    ServerError
        The server failed.
    """
    return _say(server, project, one, other, marks.SAME, takes_back=marks.DISTINCT)


def join(server: Server, project: Project, one: int, other: int, progress: Progress, *, mark: str = "skip") -> Outcome:
    """Remember that two tasks are the same, and have only one labelled where both were to be.

    What the other one stands for goes along with it. Of two that people worked on, both stay; where one of the two is
    not decided yet, the next run or sync decides.

    Raises
    ------
    ConfigurationError, ServerError
        As in `call_same`. Run it again: it continues.
    """
    states = call_same(server, project, one, other)
    heads = sorted({_head(states[task]) for task in (one, other)})
    states |= {state.id: state for state, _ in read_some(server, project.id, heads)}
    if len(heads) < 2 or not all(task in states and states[task].standing for task in heads):
        return Outcome()
    head, rest = sorted(heads, key=lambda task: _importance(states[task]))
    if not states[head].touch.represents or states[rest].touch.keeps:
        return Outcome()
    there = {head: states[head], **stood_for(server, project.id, head)}
    cluster = marks.number(states[head].marks, marks.CLUSTER) or head
    decisions = [Decision(head, Role.REPRESENTATIVE, "stands for its duplicates", cluster, head, 100.0)]
    for task, state in sorted({rest: states[rest], **stood_for(server, project.id, rest)}.items()):
        if state.distinct & there.keys() or any(task in other.distinct for other in there.values()):
            decisions.append(Decision(task, Role.UNIQUE, APART))
        else:
            decisions.append(Decision(task, Role.DUPLICATE, by_word(task, head, one, other), cluster, head))
    return apply_plan(server, Plan(server.url, project.id, tuple(decisions)), progress, mark=mark)


def make_representative(
    server: Server,
    project: Project,
    task: int,
    instead_of: int,
    progress: Progress,
    *,
    mark: str = "skip",
) -> Outcome:
    """Have a duplicate labelled in place of the task that stood for it, and for all others that this one stood for.

    Raises
    ------
    ChangedError
        The task is no duplicate of the other one, or people worked on one of the two.
    ServerError
        The server failed. Run it again: it continues.
    """
    states = {state.id: state for state, _ in read_some(server, project.id, sorted({task, instead_of}))}
    still_duplicate(states.get(task), task, instead_of)
    worked = [one for one in (task, instead_of) if one not in states or states[one].touch is not Touch.NONE]
    if worked:
        raise ChangedError(f"People worked on task {worked[0]}, or it is gone: task {instead_of} stands as it is.")
    state = states[task]
    cluster = marks.number(state.marks, marks.CLUSTER) or task
    decisions = [Decision(task, Role.REPRESENTATIVE, CHOSEN, cluster, task, 100.0)]
    states |= stood_for(server, project.id, instead_of)  # none may be left to a task that is skipped
    for one in sorted(states.keys() - {task}):
        other = states[one]
        if one in state.distinct or task in other.distinct:
            decisions.append(Decision(one, Role.UNIQUE, KEPT))
            continue
        similarity = marks.percent((state if one == instead_of else other).marks)
        decisions.append(Decision(one, Role.DUPLICATE, CHOSEN, cluster, task, similarity))
    return apply_plan(server, Plan(server.url, project.id, tuple(decisions)), progress, mark=mark)


def still_duplicate(state: TaskState | None, task: int, other: int) -> None:
    """See that a task is marked as another one's duplicate.

    Raises
    ------
    ChangedError
        It is not, or not any more.
    """
    if state is None:
        raise ChangedError(f"Task {task} is gone from the project.")
    if state.marks.get(marks.ROLE) != Role.DUPLICATE.value or marks.number(state.marks, marks.REPRESENTATIVE) != other:
        raise ChangedError(f"Task {task} is no duplicate of task {other} any more. Load the page again.")


def _importance(state: TaskState) -> tuple[bool, bool, bool, int]:
    """Smaller is what rather stands for others: what people worked on, then what does so already."""
    represents = state.marks.get(marks.ROLE) == Role.REPRESENTATIVE.value
    return not state.touch.represents, not state.touch.keeps, not represents, state.id


def _head(state: TaskState) -> int:
    """The task that stands for another one, or itself."""
    duplicate = state.marks.get(marks.ROLE) == Role.DUPLICATE.value
    return (marks.number(state.marks, marks.REPRESENTATIVE) if duplicate else None) or state.id


def _came_by_word(state: TaskState) -> bool:
    """Whether a person's word may have made a task a duplicate of what stands for it, by what its skip says.

    A skip that was there before tells of what stood for the task then; where tasks are tagged only, none tells.
    """
    as_found = state.why.get("representative") == marks.number(state.marks, marks.REPRESENTATIVE)
    return not as_found or str(state.why.get("reason")).startswith(BY_WORD)


def _say(server: Server, project: Project, one: int, other: int, key: str, *, takes_back: str) -> dict[int, TaskState]:
    """Write a word on two tasks in place of its opposite; return the tasks as they stood before."""
    if one == other:
        raise ConfigurationError(f"Task {one} is named twice. Name two tasks.")
    states = _states(server, project, [one, other])
    tags: dict[int, dict[str, Any]] = {}
    for task, rest in ((one, other), (other, one)):
        said, opposite = (marks.named(states[task].marks, name) for name in (key, takes_back))
        if rest in opposite:
            tags.setdefault(task, {})[takes_back] = marks.naming(opposite - {rest})
        if rest not in said:
            tags.setdefault(task, {})[key] = marks.naming(said | {rest})
    _tag(server, project, tags, states)
    return states


def _states(server: Server, project: Project, tasks: Sequence[int]) -> dict[int, TaskState]:
    found = {state.id: state for state, _ in read_some(server, project.id, sorted(set(tasks)))}
    missing = [task for task in tasks if task not in found]
    if missing:
        raise ConfigurationError(
            f"Project {project.id} has no task {missing[0]}. Its number stands in the Data Manager's first column."
        )
    return found


def _tag(server: Server, project: Project, tags: dict[int, dict[str, Any]], states: dict[int, TaskState]) -> None:
    for task, values in tags.items():
        stamped = {} if states[task].marks else {marks.RUN: marks.stamp(project.id, states[task].created_at)}
        for key, value in {**values, **stamped}.items():
            set_tag(server, project, key, value, [task])
