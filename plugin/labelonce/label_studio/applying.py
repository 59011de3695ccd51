"""Carrying a plan out: bring the project to what the plan says, with the fewest writes, and let people win."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from labelonce.errors import NotFound, PlanError, ServerError
from labelonce.label_studio import marks, tabs
from labelonce.label_studio.listing import TaskState, read_all, read_range
from labelonce.label_studio.project import IGNORE_SKIPPED, Project, read_project
from labelonce.label_studio.server import Server
from labelonce.label_studio.writing import delete_skip, each, make_skip, set_tag
from labelonce.planning import Decision, Plan, Role
from labelonce.progress import Progress
from labelonce.tasks import Touch

CHUNK = 100  # tasks written between two looks at what people did meanwhile
TAG_CHUNK = 2000  # tasks in one bulk request


@dataclass
class Outcome:
    """What `apply_plan` found and did.

    Parameters
    ----------
    skipped
        Duplicates that are skipped now, by this run or an earlier one.
    skips_written, skips_lifted, tags_written
        What this run wrote.
    left_to_people
        Duplicates of the plan that people have worked on since, or whose representative is gone: not skipped.
    vanished
        Tasks of the plan that the project has no more.
    refused
        Task and what the server said.
    """

    skipped: int = 0
    skips_written: int = 0
    skips_lifted: int = 0
    tags_written: int = 0
    left_to_people: list[int] = field(default_factory=list)
    vanished: list[int] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)


def apply_plan(
    server: Server, plan: Plan, progress: Progress, *, mark: str = "skip", ignore_skipped: bool = False
) -> Outcome:
    """Carry a plan out on its project. It can be run again: what is done already is not written again.

    Parameters
    ----------
    mark
        ``"skip"``, or ``"tags"`` to tag and make the tabs without skipping.
    ignore_skipped
        Change the project's ``skip_queue`` to ``IGNORE_SKIPPED`` first; undo restores it.

    Raises
    ------
    PlanError
        The plan was made for something else.
    ServerError
        The server failed. Run it again: it continues.
    """
    if plan.project is None:
        raise PlanError("This plan was made on a folder, so there is no project to apply it to.")
    if plan.source != server.url:
        raise PlanError(f"This plan was made for {plan.source}, not for {server.url}. Make it anew.")
    project = read_project(server, plan.project)
    tabs.make_tabs(server, project)
    if mark == "skip" and ignore_skipped and project.skip_queue != IGNORE_SKIPPED:
        tabs.remember_setting(server, project)
        server.patch(f"/api/projects/{project.id}/", {"skip_queue": IGNORE_SKIPPED})
        project = read_project(server, project.id)
    application = _Application(server, project, plan, progress, skips=mark == "skip")
    application.lift_unwanted()
    application.skip_duplicates()
    application.yield_to_people()
    application.tag()
    return application.outcome


class _Application:
    """One run of `apply_plan`: the states of the tasks, and the steps that change them."""

    def __init__(self, server: Server, project: Project, plan: Plan, progress: Progress, *, skips: bool) -> None:
        self._server = server
        self._project = project
        self._progress = progress
        self._skips = skips
        self._decisions: dict[int, Decision] = {int(decision.task): decision for decision in plan.decisions}
        self._states = read_all(server, project.id, progress, "Reading again")
        self.outcome = Outcome(vanished=sorted(self._decisions.keys() - self._states.keys()))

    def lift_unwanted(self) -> None:
        """Delete the skips that the plan does not want (any more)."""
        unwanted = [
            state
            for task, state in self._states.items()
            if state.own_skip is not None
            and task in self._decisions
            and not (self._skips and self._decisions[task].role is Role.DUPLICATE)
        ]
        self._lift("Lifting skips", unwanted)

    def skip_duplicates(self) -> None:
        """Make the skips that the plan wants; what people did is looked at again every few writes."""
        todo = [task for task, state in self._states.items() if self._skips and self._wants_skip(state)]
        with self._progress.stage("Skipping duplicates", len(todo)) as advance:
            for start in range(0, len(todo), CHUNK):
                chunk = todo[start : start + CHUNK]
                self._read_again(chunk)
                wanting = [self._states[task] for task in chunk if task in self._states]
                wanting = [state for state in wanting if self._wants_skip(state)]
                advance(len(chunk) - len(wanting))
                refused = each(wanting, self._skip, self._server.connections, advance)
                self._note(refused, len(wanting))
                self.outcome.skips_written += len(wanting) - len(refused)
        if todo:
            self._states = read_all(self._server, self._project.id, self._progress, "Reading back")

    def yield_to_people(self) -> None:
        """Take back the skips of tasks that people worked on meanwhile, or whose representative went."""
        duplicates = [task for task, one in self._decisions.items() if one.role is Role.DUPLICATE]
        present = [self._states[task] for task in duplicates if task in self._states]
        yielded = [state for state in present if not self._may_skip(state)]
        self._lift("Yielding to people", [state for state in yielded if state.own_skip is not None])
        self.outcome.left_to_people = [state.id for state in yielded]
        for state in present:
            if self._skips and self._wants_skip(self._states[state.id]):
                self._refuse(state.id, "the skip did not take effect: annotators would meet the task again")
        self.outcome.skipped = sum(state.id in self._states and self._skipped(state.id) for state in present)

    def tag(self) -> None:
        """Write the tags that differ, many tasks at a time: one request for each value."""
        for _ in range(2):  # the second time finds what somebody's edit of the same task has undone
            wanted = self._missing_tags()
            if not wanted:
                return
            self._write_tags(wanted)
            self._states = read_all(self._server, self._project.id, self._progress, "Reading back")
        for tasks in (tasks for values in self._missing_tags().values() for tasks in values.values()):
            for task in tasks:
                self._refuse(task, "a tag was not kept: somebody edits this task's data at the same time")

    def _missing_tags(self) -> dict[str, dict[float | str, list[int]]]:
        """Tasks by tag and value that have to be written."""
        refused = {task for task, _ in self.outcome.refused}
        untouched = refused.union(self.outcome.left_to_people, self.outcome.vanished)
        wanted: dict[str, dict[float | str, list[int]]] = {}
        for task, decision in self._decisions.items():
            if task not in untouched and task in self._states:
                tags = marks.tags(decision, skipped=self._skipped(task))
                for key, value in marks.missing_tags(tags, self._states[task].tags).items():
                    wanted.setdefault(key, {}).setdefault(value, []).append(task)
        return wanted

    def _write_tags(self, wanted: dict[str, dict[float | str, list[int]]]) -> None:
        """Write one key after the other: the server loses a key when two are written to a task at once."""
        total = sum(len(tasks) for values in wanted.values() for tasks in values.values())
        with self._progress.stage("Writing tags", total) as advance:
            for key in (key for key in marks.TAGS if key in wanted):
                requests = [
                    (value, tasks[start : start + TAG_CHUNK])
                    for value, tasks in wanted[key].items()
                    for start in range(0, len(tasks), TAG_CHUNK)
                ]

                def write(request: tuple[float | str, list[int]], key: str = key) -> None:
                    value, tasks = request
                    set_tag(self._server, self._project, key, value, tasks)
                    advance(len(tasks))

                refused = each(requests, write, self._server.connections, lambda _: None)
                if refused:
                    raise refused[0][1]
                self.outcome.tags_written += sum(len(tasks) for _, tasks in requests)

    def _may_skip(self, state: TaskState) -> bool:
        """Whether nobody works on a duplicate, and what stands for it is there to be labelled."""
        decision = self._decisions.get(state.id)
        if decision is None or decision.role is not Role.DUPLICATE or decision.representative is None:
            return False
        stand_in = self._states.get(int(decision.representative))
        return (
            state.touch is Touch.NONE
            and stand_in is not None
            and stand_in.touch.represents
            and stand_in.own_skip is None
        )

    def _wants_skip(self, state: TaskState) -> bool:
        """Whether a duplicate has no skip yet, or one that does not keep it from the annotators."""
        return self._may_skip(state) and not (state.own_skip is not None and state.is_labeled)

    def _skipped(self, task: int) -> bool:
        return self._states[task].own_skip is not None

    def _skip(self, state: TaskState) -> None:
        make_skip(self._server, self._project, state, self._decisions[state.id])

    def _lift(self, title: str, states: Sequence[TaskState]) -> None:
        if not states:
            return
        # a tag without its skip would mean that a person took the skip back
        tagged = [state.id for state in states if marks.SKIPPED in state.tags]
        for start in range(0, len(tagged), TAG_CHUNK):
            set_tag(self._server, self._project, marks.SKIPPED, marks.CLEARED, tagged[start : start + TAG_CHUNK])
        with self._progress.stage(title, len(states)) as advance:
            refused = each(
                states, lambda state: delete_skip(self._server, state.own_skip or 0), self._server.connections, advance
            )
        self._note(refused, len(states))
        self.outcome.skips_lifted += len(states) - len(refused)
        self._read_again([state.id for state in states])

    def _read_again(self, tasks: Sequence[int]) -> None:
        """Refresh the states of some tasks (in ascending order); those that are gone are forgotten."""
        fresh = read_range(self._server, self._project.id, tasks[0], tasks[-1])
        for task in tasks:
            if task not in fresh:
                self._states.pop(task, None)
                self.outcome.vanished.append(task)
        self._states |= fresh

    def _note(self, refused: Sequence[tuple[TaskState, ServerError]], tried: int) -> None:
        for state, error in refused:
            if isinstance(error, NotFound):
                self.outcome.vanished.append(state.id)
            else:
                self._refuse(state.id, str(error))
        if tried >= 10 and len(refused) == tried:
            raise ServerError(
                f"The server refuses every write, the last one with: {refused[-1][1]} "
                "To tag duplicates without skipping them, use --mark tags."
            )

    def _refuse(self, task: int, why: str) -> None:
        if all(task != known for known, _ in self.outcome.refused):
            self.outcome.refused.append((task, why))
