"""Carrying a plan out: bring the project to what the plan says, with the fewest writes, and let people win."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from labelonce.errors import NotFound, PlanError, ServerError
from labelonce.label_studio import marks, tabs
from labelonce.label_studio.listing import TaskState, read_all, read_some
from labelonce.label_studio.project import IGNORE_SKIPPED, Project, read_project
from labelonce.label_studio.server import Server
from labelonce.label_studio.writing import delete_skip, each, make_skip, recount, set_tag
from labelonce.planning import Decision, Plan, Role, flaw
from labelonce.progress import Advance, Progress
from labelonce.tasks import Touch

CHUNK = 100  # tasks written between two looks at what people did meanwhile
TAG_CHUNK = 2000  # tasks in one bulk request
FEW = 2000  # tasks that are asked for by name, where a plan is for a part of a project; more are listed with all others
ROUNDS = 3  # of reading back and mending
HOPELESS = 10  # writes tried at once and all refused: the server will not have them
JUST_MADE = -1  # stands for the number of a skip until it is read back


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
    states
        The tasks of the plan, and those that stand for them, as they were read last.
    written
        Tasks that were skipped, or whose skip was lifted.
    """

    skipped: int = 0
    skips_written: int = 0
    skips_lifted: int = 0
    tags_written: int = 0
    left_to_people: list[int] = field(default_factory=list)
    vanished: list[int] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)
    states: dict[int, TaskState] = field(default_factory=dict, repr=False)
    written: set[int] = field(default_factory=set, repr=False)

    def joined(self, later: "Outcome") -> "Outcome":
        """What two runs did, one after the other."""
        return Outcome(
            skipped=self.skipped + later.skipped,
            skips_written=self.skips_written + later.skips_written,
            skips_lifted=self.skips_lifted + later.skips_lifted,
            tags_written=self.tags_written + later.tags_written,
            left_to_people=self.left_to_people + later.left_to_people,
            vanished=self.vanished + later.vanished,
            refused=self.refused + later.refused,
            states=later.states,
            written=self.written | later.written,
        )


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
        The plan was made for something else, or is none that can be carried out; nothing was asked or written.
    ServerError
        The server failed. Run it again: it continues.
    """
    if plan.project is None:
        raise PlanError("This plan was made on a folder, so there is no project to apply it to.")
    if plan.source != server.url:
        raise PlanError(f"This plan was made for {plan.source}, not for {server.url}. Make it anew.")
    if wrong := flaw(plan):
        raise PlanError(f"This plan cannot be carried out: {wrong}. Make it anew.")
    project = read_project(server, plan.project, with_images=False)
    tabs.make_tabs(server, project)
    if mark == "skip" and ignore_skipped and project.skip_queue != IGNORE_SKIPPED:
        tabs.remember_setting(server, project)
        server.patch(f"/api/projects/{project.id}/", {"skip_queue": IGNORE_SKIPPED})
        project = read_project(server, project.id, with_images=False)
    application = _Application(server, project, plan, progress, skips=mark == "skip")
    application.lift_unwanted()
    application.skip_duplicates()
    application.tag()
    application.settle()
    return application.outcome


class _Application:
    """One run of `apply_plan`: the states of the tasks, and the steps that change them."""

    def __init__(self, server: Server, project: Project, plan: Plan, progress: Progress, *, skips: bool) -> None:
        self._server = server
        self._project = project
        self._progress = progress
        self._skips = skips
        self._decisions: dict[int, Decision] = {int(decision.task): decision for decision in plan.decisions}
        named = {int(one.representative) for one in plan.decisions if one.representative is not None}
        self._tasks = sorted(self._decisions.keys() | named)
        self._states = self._read("Reading again")
        self._stamp = marks.stamp(project.id, max((one.created_at for one in self._states.values()), default=""))
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
                if start:
                    self._read_again(chunk)
                present = [self._states[task] for task in chunk if task in self._states]
                wanting = [state for state in present if self._wants_skip(state)]
                advance(len(chunk) - len(wanting))
                failed = self._note(each(wanting, self._skip, self._server.connections, advance), len(wanting))
                done = [state for state in wanting if state.id not in failed]
                self._states |= {state.id: replace(state, own_skip=JUST_MADE, is_labeled=True) for state in done}
                self.outcome.written |= {state.id for state in done}
                self.outcome.skips_written += len(done)

    def tag(self) -> None:
        """Write the tags that differ: one request for each value, many tasks at a time."""
        wanted = self._missing_tags()
        total = sum(len(tasks) for values in wanted.values() for tasks in values.values())
        with self._progress.stage("Writing tags", total) as advance:
            for key in (key for key in marks.TAGS if key in wanted):
                self._write_tag(key, wanted[key], advance)

    def settle(self) -> None:
        """Read back what was written, and take back what people's work of the meantime forbids."""
        for _ in range(ROUNDS if self._wrote else 0):
            self._states = self._read("Reading back")
            written = recount(self._server, self._project.id, self.outcome.written & self._states.keys())
            self._states |= written
            forbidden = [state for state in self._duplicates() if not self._may_skip(state)]
            lifted = self._lift("Yielding to people", [state for state in forbidden if state.own_skip is not None])
            if not lifted and not self._missing_tags():
                break
            self.tag()
        for state in self._duplicates():
            if self._skips and self._wants_skip(state):
                self._refuse(state.id, "the skip did not take effect: annotators would meet the task again")
        for tasks in (tasks for values in self._missing_tags().values() for tasks in values.values()):
            for task in tasks:
                self._refuse(task, "a tag was not kept: somebody edits the task's data at the same time")
        duplicates = self._duplicates()
        self.outcome.left_to_people = [state.id for state in duplicates if not self._may_skip(state)]
        self.outcome.skipped = sum(state.own_skip is not None for state in duplicates)
        self.outcome.vanished = sorted(self._decisions.keys() - self._states.keys())
        self.outcome.states = self._states

    def _read(self, title: str) -> dict[int, TaskState]:
        """The tasks that the plan speaks of; where it has many, all tasks are listed, which is quicker."""
        if len(self._tasks) > FEW:
            return read_all(self._server, self._project.id, self._progress, title)
        return {state.id: state for state, _ in read_some(self._server, self._project.id, self._tasks)}

    @property
    def _wrote(self) -> bool:
        done = self.outcome
        return bool(done.skips_written or done.skips_lifted or done.tags_written or done.refused)

    def _duplicates(self) -> list[TaskState]:
        """The plan's duplicates, as they stand."""
        wanted = (task for task, decision in self._decisions.items() if decision.role is Role.DUPLICATE)
        return [self._states[task] for task in wanted if task in self._states]

    def _missing_tags(self) -> dict[str, dict[float | str, list[int]]]:
        """Tasks by tag and value that have to be written."""
        refused = {task for task, _ in self.outcome.refused}
        wanted: dict[str, dict[float | str, list[int]]] = {}
        for task, decision in self._decisions.items():
            state = self._states.get(task)
            if state is None or task in refused:
                continue
            if decision.role is Role.DUPLICATE and not self._may_skip(state):
                if not state.tags:
                    continue  # people's work that labelonce has never touched
                decision = Decision(task, Role.UNIQUE, decision.reason)
            if state.returned:  # it is remembered, whatever becomes of the work that replaced the skip
                decision = replace(decision, role=Role.KEPT)
            tags = marks.tags(decision, skipped=state.own_skip is not None)
            missing = marks.missing_tags(tags, state.tags)
            if missing or not state.marks:
                missing[marks.RUN] = self._stamp
            for key, value in missing.items():
                wanted.setdefault(key, {}).setdefault(value, []).append(task)
        return wanted

    def _write_tag(self, key: str, values: Mapping[float | str, list[int]], advance: Advance) -> None:
        """Write the values of one key. Two keys at once would not do: the server loses one of them."""
        requests = [
            (value, tasks[start : start + TAG_CHUNK])
            for value, tasks in values.items()
            for start in range(0, len(tasks), TAG_CHUNK)
        ]

        def write(request: tuple[float | str, list[int]]) -> None:
            value, tasks = request
            set_tag(self._server, self._project, key, value, tasks)
            self._states |= {task: self._tagged(self._states[task], key, value) for task in tasks}
            advance(len(tasks))

        refused = each(requests, write, self._server.connections, lambda _: None)
        if refused:
            raise refused[0][1]
        self.outcome.tags_written += sum(len(tasks) for _, tasks in requests)

    def _tagged(self, state: TaskState, key: str, value: float | str) -> TaskState:
        tags = {**state.tags, key: value}
        return replace(state, tags=tags, marks=marks.own(tags, self._project.id, state.created_at))

    def _may_skip(self, state: TaskState) -> bool:
        """Whether nobody works on a duplicate, and what stands for it is there to be labelled."""
        decision = self._decisions.get(state.id)
        if decision is None or decision.role is not Role.DUPLICATE or decision.representative is None:
            return False
        stand_in = self._states.get(int(decision.representative))
        return (
            state.touch is Touch.NONE
            and stand_in is not None
            and stand_in.id not in state.distinct
            and stand_in.touch.represents
            and stand_in.own_skip is None
        )

    def _wants_skip(self, state: TaskState) -> bool:
        """Whether a duplicate has no skip yet, or one that does not keep it from the annotators."""
        return self._may_skip(state) and not (state.own_skip is not None and state.is_labeled)

    def _skip(self, state: TaskState) -> None:
        make_skip(self._server, self._project, state, self._decisions[state.id])

    def _lift(self, title: str, states: Sequence[TaskState]) -> int:
        """Delete skips of labelonce's; return how many there were."""
        if not states:
            return 0
        # a tag without its skip would mean that a person took the skip back
        tagged = [state.id for state in states if state.tags.get(marks.SKIPPED) == marks.YES]
        if tagged:
            self._write_tag(marks.SKIPPED, {marks.CLEARED: tagged}, lambda _: None)
        with self._progress.stage(title, len(states)) as advance:
            work = partial(delete_skip, self._server)
            failed = self._note(each(states, work, self._server.connections, advance), len(states))
        self.outcome.skips_lifted += len(states) - len(failed)
        self.outcome.written |= {state.id for state in states}
        self._read_again([state.id for state in states])
        return len(states)

    def _read_again(self, tasks: Sequence[int]) -> None:
        """Refresh the states of some tasks; those that are gone are forgotten."""
        fresh = {state.id: state for state, _ in read_some(self._server, self._project.id, tasks)}
        self._states = {task: state for task, state in self._states.items() if task in fresh or task not in tasks}
        self._states |= fresh

    def _note(self, refused: Sequence[tuple[TaskState, ServerError]], tried: int) -> set[int]:
        """Remember what was refused; a task that is gone is no refusal. Return all that did not work."""
        for state, error in refused:
            if not isinstance(error, NotFound):
                self._refuse(state.id, str(error))
        if tried >= HOPELESS and len(refused) == tried:
            raise ServerError(
                f"The server refuses every write, the last one with: {refused[-1][1]} "
                "To tag duplicates without skipping them, use --mark tags."
            )
        return {state.id for state, _ in refused}

    def _refuse(self, task: int, why: str) -> None:
        if all(task != known for known, _ in self.outcome.refused):
            self.outcome.refused.append((task, why))
