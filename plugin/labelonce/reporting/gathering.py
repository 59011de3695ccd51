"""A project as it is, or a plan of what would be → a report."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from labelonce.advice import kept_advice
from labelonce.label_studio import marks
from labelonce.label_studio.listing import TaskState, lead_times, read_reasons
from labelonce.label_studio.project import Project, identity_of
from labelonce.label_studio.server import Server
from labelonce.planning import Outlook, Plan, Role
from labelonce.progress import Progress
from labelonce.reporting.content import Choice, Group, Report, Skip
from labelonce.reporting.periods import Row, periods
from labelonce.savings import Savings, savings
from labelonce.settings import Settings
from labelonce.tasks import TaskId

CHOICES = 40  # points of the curve
UNKNOWN = "not written down"


def of_project(server: Server, project: Project, settings: Settings, progress: Progress) -> Report:
    """Report a project as it is, from what the server knows, and what the last plan for it found beside that.

    Raises
    ------
    ServerError
        The server failed.
    """
    states = read_reasons(server, project.id, progress)
    skips = {state.id: _skip_of(state) for state in states.values() if _is_duplicate(state)}
    skipped = sum(skip.skipped for skip in skips.values())
    found = _saved(server, project, settings, states, skips, tasks=len(states), skipped=skipped)
    groups = _groups(states, skips)
    runs, days, uploads = periods([_row(state, state.id in skips) for state in states.values()], found)
    advice = kept_advice(settings.store_path, identity_of(server, project.id))
    return Report(
        source=server.url,
        project=project.id,
        title=project.title,
        applied=True,
        threshold=None,
        savings=found,
        groups=groups,
        choices=choices(groups, len(states), None),
        runs=runs,
        days=days,
        uploads=uploads,
        hints=advice.hints,
        scene=_still(advice.scene, states, skips),
    )


def of_plan(plan: Plan, found: Savings, *, title: str | None = None) -> Report:
    """Report what a plan would do.

    Parameters
    ----------
    found
        What it would save.
    title
        The project's name; a folder has its own.
    """
    groups = grouped(
        (
            decision.representative,
            decision.cluster,
            Skip(decision.task, decision.similarity, decision.reason, False, decision.doubt),
        )
        for decision in plan.decisions
        if decision.role is Role.DUPLICATE and decision.representative is not None and decision.cluster is not None
    )
    threshold = plan.settings.get("similarity")
    return Report(
        source=plan.source,
        project=plan.project,
        title=title or Path(plan.source).name or plan.source,
        applied=False,
        threshold=threshold,
        savings=found,
        groups=groups,
        choices=choices(groups, len(plan.decisions), threshold),
        problems=plan.problems,
        hints=plan.hints,
        scene=plan.scene,
    )


def planned(server: Server, project: Project, plan: Plan, settings: Settings, progress: Progress) -> Report:
    """Report what a plan for a project would do; how many people label a task is asked of the server.

    Raises
    ------
    ServerError
        The server failed.
    """
    states = read_reasons(server, project.id, progress)
    duplicates = [int(one.task) for one in plan.decisions if one.role is Role.DUPLICATE]
    found = _saved(server, project, settings, states, duplicates, tasks=len(plan.decisions), skipped=0)
    return of_plan(plan, found, title=project.title)


def weighed(report: Report, sizes: Mapping[TaskId, int]) -> Report:
    """The report with the size of those duplicates' files that is known, in bytes."""
    known = [sizes[skip.task] for group in report.groups for skip in group.skips if skip.task in sizes]
    return replace(report, bytes_saved=sum(known), bytes_of=len(known)) if known else report


def grouped(skips: Iterable[tuple[TaskId, TaskId, Skip]]) -> tuple[Group, ...]:
    """Groups of representative, cluster and skip; the most doubtful first, within a group too."""
    members: defaultdict[TaskId, list[Skip]] = defaultdict(list)
    clusters: dict[TaskId, TaskId] = {}
    for representative, cluster, skip in skips:
        members[representative].append(skip)
        clusters.setdefault(representative, cluster)
    groups = [
        Group(
            representative,
            clusters[representative],
            tuple(sorted(found, key=lambda skip: (-skip.doubtful, str(skip.task)))),
        )
        for representative, found in members.items()
    ]
    return tuple(sorted(groups, key=lambda group: (-group.doubtful, str(group.representative))))


def choices(groups: Sequence[Group], tasks: int, threshold: float | None) -> tuple[Choice, ...]:
    """What stricter thresholds would leave to label, of skips as they are; the present one is the first.

    Parameters
    ----------
    threshold
        The present one, percent; None is the similarity of the least similar skip.
    """
    if not groups:
        return ()
    found = np.sort([100.0 if skip.similarity is None else skip.similarity for group in groups for skip in group.skips])
    least = float(found[0]) if threshold is None else min(threshold, float(found[0]))
    steps = np.linspace(least, 100, CHOICES) if least < 100 else np.array([100.0])
    steps = np.unique(np.concatenate([[least], np.ceil(10 * steps[1:]) / 10]))  # as they would be written
    made = len(found) - np.searchsorted(found, steps)
    return tuple(
        Choice(round(float(step), 4), tasks - int(count), place == 0)
        for place, (step, count) in enumerate(zip(steps, made, strict=True))
    )


def _still(scene: Outlook | None, states: Mapping[int, TaskState], skips: Mapping[int, Skip]) -> Outlook | None:
    """Without pairs of tasks that are gone, or skipped by now."""
    if scene is None:
        return None
    left = states.keys() - skips.keys()
    return replace(scene, pairs=tuple(one for one in scene.pairs if {one.task, one.representative} <= left))


def _groups(states: Mapping[int, TaskState], skips: Mapping[int, Skip]) -> tuple[Group, ...]:
    return grouped(
        (_stand_in(states[task]) or task, marks.number(states[task].marks, marks.CLUSTER) or task, skip)
        for task, skip in skips.items()
    )


def _saved(
    server: Server,
    project: Project,
    settings: Settings,
    states: Mapping[int, TaskState],
    duplicates: Collection[int],
    *,
    tasks: int,
    skipped: int,
) -> Savings:
    overlaps = (states[task].overlap if task in states else project.maximum_annotations for task in duplicates)
    return savings(
        tasks=tasks,
        duplicates=len(duplicates),
        skipped=skipped,
        labels_saved=sum(overlaps),
        annotators=project.maximum_annotations,
        lead_times=lead_times(server, project.id) if settings.seconds_per_label is None else (),
        settings=settings,
    )


def _is_duplicate(state: TaskState) -> bool:
    return _has_own_skip(state) or state.marks.get(marks.ROLE) == Role.DUPLICATE.value


def _has_own_skip(state: TaskState) -> bool:
    return state.own_skip is not None or bool(state.why)


def _skip_of(state: TaskState) -> Skip:
    """The skip says it exactly; the tags, which are all that is left without one, in whole percents."""
    similarity = state.why.get("similarity", state.marks.get(marks.SIMILARITY))
    doubt, reason = state.why.get("doubt"), state.why.get("reason")
    return Skip(
        state.id,
        float(similarity) if _is_number(similarity) else None,
        reason if isinstance(reason, str) else UNKNOWN,
        _has_own_skip(state) or (state.marks.get(marks.SKIPPED) == marks.YES and state.foreign_skips > 0),
        min(1.0, max(0.0, float(doubt))) if _is_number(doubt) else None,
    )


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _stand_in(state: TaskState) -> int | None:
    """What stands for a duplicate; a run that was stopped may have made its skip and not yet its tags."""
    return marks.number(state.marks, marks.REPRESENTATIVE) or marks.number(state.why, "representative")


def _row(state: TaskState, duplicate: bool) -> Row:
    return Row(state.created_at, marks.moment(state.marks) or None, duplicate, state.overlap)
