"""What a person says about tasks: this one is to be labelled, these two show different things."""

from collections.abc import Sequence
from typing import Any

from labelonce.errors import ChangedError, ConfigurationError
from labelonce.label_studio import marks
from labelonce.label_studio.applying import Outcome, apply_plan
from labelonce.label_studio.listing import TaskState, read_some, stood_for
from labelonce.label_studio.project import Project
from labelonce.label_studio.server import Server
from labelonce.label_studio.writing import set_tag
from labelonce.planning import Decision, Plan, Role
from labelonce.progress import Progress
from labelonce.tasks import Touch

KEPT = "kept: a person said so"
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
    """Remember that two tasks show different things, however alike they look.

    Where both are duplicates of a third one, which cannot show what both of them show, both are kept.

    Returns
    -------
    list[int]
        Those of the two that are marked as the other one's duplicate, and have to be decided anew.

    Raises
    ------
    ConfigurationError
        The two are one, or the project has no such task.
    ServerError
        The server failed.
    """
    if one == other:
        raise ConfigurationError(f"Task {one} cannot differ from itself. Name two tasks.")
    states = _states(server, project, [one, other])
    both = ((one, other), (other, one))
    texts = {task: marks.tell_apart(states[task].marks, rest) for task, rest in both}
    new = {task: {marks.DISTINCT: texts[task]} for task in texts if not states[task].distinct >= {one, other} - {task}}
    _tag(server, project, new, states)
    third, also = (states[task].marks.get(marks.REPRESENTATIVE) for task in (one, other))
    if third and third == also and third not in (one, other):
        keep(server, project, [one, other], progress, mark=mark)
        return []
    return [task for task, stands_in in ((one, third), (other, also)) if stands_in in {one, other} - {task}]


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
        similarity = (state if one == instead_of else other).marks.get(marks.SIMILARITY) or None
        found = None if similarity is None else float(similarity)
        decisions.append(Decision(one, Role.DUPLICATE, CHOSEN, cluster, task, found))
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
