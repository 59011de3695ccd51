"""Reading the tasks of a project: few fields, no resolved URIs, in the order of their ids."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from labelonce.label_studio import marks
from labelonce.label_studio.outlines import Outline, outlines
from labelonce.label_studio.project import Project
from labelonce.label_studio.server import Server
from labelonce.planning import Role
from labelonce.progress import Progress
from labelonce.tasks import Task, Touch

PAGE_SIZE = 1000
LARGE_PAGE = 5000  # of tasks without what belongs to them: the server takes two thirds of the time
TOGETHER = 200  # tasks that are asked for by name in one request: their numbers stand in its address
TASK_FIELDS = "id,data,created_at,updated_at,is_labeled,overlap,total_annotations,cancelled_annotations,draft_exists"
# `include` also thins out nested annotations, so their fields are named beside the task's
ANNOTATION_FIELDS = "id,annotations,was_cancelled,result,completed_by,updated_by,lead_time,ground_truth"
PREDICTION_FIELDS = "id,predictions"
LEAD_TIME_FIELDS = "id,annotations,was_cancelled,lead_time"
STANDING = (Role.UNIQUE.value, Role.REPRESENTATIVE.value, Role.KEPT.value)


@dataclass(frozen=True)
class TaskState:
    """A task as it stands on the server.

    Parameters
    ----------
    own_skip
        Number of the cancelled annotation that labelonce made, if there is one.
    annotations, foreign_skips
        Counts of what people made.
    tags
        What stands under labelonce's keys in the task's data.
    marks
        The same if it was written on this very task, and not imported along with its data.
    updated_at
        When the task or its annotations changed last; tags and drafts do not count.
    why
        What the own skip says: representative, similarity and reason.
    """

    id: int
    created_at: str
    is_labeled: bool
    overlap: int
    annotations: int
    draft: bool
    own_skip: int | None = None
    foreign_skips: int = 0
    tags: Mapping[str, Any] = field(default_factory=dict)
    marks: Mapping[str, Any] = field(default_factory=dict)
    updated_at: str = ""
    why: Mapping[str, Any] = field(default_factory=dict)

    @property
    def returned(self) -> bool:
        """Whether a person said that the task is to be labelled, or took its skip back."""
        taken_back = self.marks.get(marks.SKIPPED) == marks.YES and self.own_skip is None
        return taken_back or self.marks.get(marks.ROLE) == marks.KEEP

    @property
    def distinct(self) -> frozenset[int]:
        """The tasks that a person told apart from this one."""
        return marks.named(self.marks, marks.DISTINCT)

    @property
    def same(self) -> frozenset[int]:
        """The tasks that a person said are the same as this one."""
        return marks.named(self.marks, marks.SAME)

    @property
    def touch(self) -> Touch:
        """What people did with the task; work comes before skips."""
        if self.annotations:
            return Touch.ANNOTATED
        if self.draft:
            return Touch.DRAFTED
        if self.foreign_skips:
            return Touch.SKIPPED
        return Touch.RETURNED if self.returned else Touch.NONE

    @property
    def standing(self) -> bool:
        """Whether an earlier run left the task to be labelled."""
        return self.marks.get(marks.ROLE) in STANDING


def as_task(state: TaskState, data: Mapping[str, Any], project: Project, outlined: Sequence[Outline] = ()) -> Task:
    """The task as the pipeline sees it; where something is outlined, only the region around it counts."""
    try:
        images, problem = project.images(data), None
        regions = project.regions(data, outlined) if outlined else ()
    except ValueError as error:
        images, problem, regions = (), str(error), ()
    context = project.context(data)
    return Task(
        id=state.id,
        images=images,
        context=context,
        touch=state.touch,
        problem=problem,
        regions=regions,
        standing=state.standing,
        distinct=state.distinct,
        same=state.same,
    )


def _from(first: int) -> list[dict[str, Any]]:
    return [_filter("id", "greater", first - 1)]


def _filter(column: str, operator: str, value: int) -> dict[str, Any]:
    return {"filter": f"filter:tasks:{column}", "operator": operator, "type": "Number", "value": value}


def changed_since(moment: str) -> list[dict[str, Any]]:
    """A Data Manager filter for tasks that changed, or have got other annotations, at this time or later."""
    return [{"filter": "filter:tasks:updated_at", "operator": "greater_or_equal", "type": "Datetime", "value": moment}]


def _rows(
    server: Server,
    project_id: int,
    fields: str,
    size: int,
    filters: list[dict[str, Any]],
    tasks: Sequence[int] = (),
    ordering: str = "tasks:id",
) -> list[dict[str, Any]]:
    query: dict[str, Any] = {"filters": {"conjunction": "and", "items": filters}, "ordering": [ordering]}
    if tasks:
        query["selectedItems"] = {"all": False, "included": list(tasks)}
    answer = server.get(
        "/api/tasks/",
        project=project_id,
        fields="all",
        include=fields,
        resolve_uri="false",
        page=1,
        page_size=size,
        query=json.dumps(query),
    )
    rows: list[dict[str, Any]] = answer["tasks"]
    return rows


def _keyset(
    server: Server, project_id: int, fields: str, page_size: int, first: int, filters: list[dict[str, Any]]
) -> Iterator[list[dict[str, Any]]]:
    """Pages by id: tasks that come or go meanwhile never shift the others out of sight."""
    while rows := _rows(server, project_id, fields, page_size, _from(first) + filters):
        yield rows
        if len(rows) < page_size:
            return
        first = rows[-1]["id"] + 1


def read_each(
    server: Server,
    project_id: int,
    progress: Progress | None = None,
    title: str = "Listing tasks",
    filters: Sequence[dict[str, Any]] = (),
) -> Iterator[tuple[TaskState, Mapping[str, Any]]]:
    """The tasks of a project, with their data as stored (cloud URIs are not resolved); page by page."""
    with (progress or Progress()).stage(title) as advance:
        for rows in _keyset(server, project_id, TASK_FIELDS, PAGE_SIZE, 1, list(filters)):
            skips = _skips(server, project_id, rows)
            yield from ((_state(row, project_id, skips.get(row["id"])), row["data"]) for row in rows)
            advance(len(rows))


def read_some(server: Server, project_id: int, tasks: Sequence[int]) -> Iterator[tuple[TaskState, Mapping[str, Any]]]:
    """Some tasks by their ids, with their data as stored; those that are gone are left out."""
    for start in range(0, len(tasks), TOGETHER):
        rows = _rows(server, project_id, TASK_FIELDS, TOGETHER, [], tasks[start : start + TOGETHER])
        skips = _skips(server, project_id, rows)
        yield from ((_state(row, project_id, skips.get(row["id"])), row["data"]) for row in rows)


def read_exactly(server: Server, project_id: int, tasks: Sequence[int]) -> Iterator[tuple[TaskState, dict[str, Any]]]:
    """Some tasks as their annotations say, each with what the server says of it that disagrees with them.

    When two write to a task at the same time, the server may keep what one of them had counted before.
    """
    for start in range(0, len(tasks), TOGETHER):
        fields = f"{TASK_FIELDS},{ANNOTATION_FIELDS}"
        for row in _rows(server, project_id, fields, TOGETHER, [], tasks[start : start + TOGETHER]):
            skips = [one for one in row["annotations"] if one["was_cancelled"]]
            annotations = len(row["annotations"]) - len(skips)
            right: dict[str, Any] = {"total_annotations": annotations, "cancelled_annotations": len(skips)}
            if not row["annotations"]:
                right["is_labeled"] = False
            elif annotations >= row["overlap"]:
                right["is_labeled"] = True
            wrong = {key: value for key, value in right.items() if row[key] != value}
            yield _state({**row, **right}, project_id, skips), wrong


def newest(server: Server, project_id: int) -> tuple[int, str] | None:
    """The task that changed last, and when; None where there is none."""
    found = _rows(server, project_id, "id,updated_at", 1, [], ordering="-tasks:updated_at")
    return (found[0]["id"], found[0]["updated_at"]) if found else None


def begun(server: Server, project_id: int) -> list[int]:
    """Tasks with a skip, and with an annotation that somebody has begun; few, as a rule."""
    drafts = {"filter": "filter:tasks:draft_exists", "operator": "equal", "type": "Boolean", "value": True}
    filters = [drafts, _filter("cancelled_annotations", "greater", 0)]
    return [row["id"] for rows in _keyset(server, project_id, "id", PAGE_SIZE, 1, filters) for row in rows]


def read_all(server: Server, project_id: int, progress: Progress, title: str = "Listing tasks") -> dict[int, TaskState]:
    """Every task of a project by its id, in ascending order; without what they hold, which may be gigabytes."""
    return {state.id: state for state, _ in read_each(server, project_id, progress, title)}


def stood_for(server: Server, project_id: int, task: int) -> dict[int, TaskState]:
    """The tasks by id whose tags name a task as the one that stands for them; itself among them, as a rule."""
    named = {**_filter("id", "equal", task), "filter": f"filter:tasks:data.{marks.REPRESENTATIVE}"}
    found = read_each(server, project_id, filters=[named])
    return {state.id: state for state, _ in found if marks.number(state.marks, marks.REPRESENTATIVE) == task}


def read_reasons(server: Server, project_id: int, progress: Progress) -> dict[int, TaskState]:
    """Every task by its id, for looking only: whose a skip is, is not known where its text says why it was made.

    The server takes a third of the time: most skips are told by a text in the task's row, and need not be read. That
    text is not asked of tasks that people annotated: what they drew may be large.
    """
    parts = (
        (f"{TASK_FIELDS},annotations_results", _filter("total_annotations", "equal", 0)),
        (TASK_FIELDS, _filter("total_annotations", "greater", 0)),
    )
    states: dict[int, TaskState] = {}
    with progress.stage("Listing tasks") as advance:
        for fields, condition in parts:
            for rows in _keyset(server, project_id, fields, LARGE_PAGE, 1, [condition]):
                told = {row["id"]: _told(row) for row in rows}
                skips = _skips(server, project_id, [row for row in rows if not told[row["id"]]])
                for row in rows:
                    state = _state(row, project_id, skips.get(row["id"]))
                    states[state.id] = replace(state, why=told[state.id] or state.why)
                advance(len(rows))
    return dict(sorted(states.items()))


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    """Why the only thing that was ever made of a task is a skip of labelonce's; empty where that is not certain."""
    alone = row["cancelled_annotations"] == 1 and not row["total_annotations"]
    return marks.why_of_text(row.get("annotations_results") or "") if alone else {}


def lead_times(server: Server, project_id: int) -> list[float]:
    """Seconds that people spent on each annotation; skips and annotations without a time are left out."""
    annotated = [_filter("total_annotations", "greater", 0)]
    return [
        float(annotation["lead_time"])
        for rows in _keyset(server, project_id, LEAD_TIME_FIELDS, PAGE_SIZE, 1, annotated)
        for row in rows
        for annotation in row["annotations"]
        if not annotation["was_cancelled"] and annotation["lead_time"]
    ]


def predicted(server: Server, project_id: int) -> dict[int, list[Outline]]:
    """What all predictions of a task outline, for those tasks that have predictions."""
    with_predictions = [_filter("total_predictions", "greater", 0)]
    return {
        row["id"]: [outline for prediction in row["predictions"] for outline in outlines(prediction["result"])]
        for rows in _keyset(server, project_id, PREDICTION_FIELDS, PAGE_SIZE, 1, with_predictions)
        for row in rows
    }


def _skips(server: Server, project_id: int, rows: list[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    """Cancelled annotations of those rows that have any."""
    cancelled = [row["id"] for row in rows if row["cancelled_annotations"]]
    found = (
        row
        for start in range(0, len(cancelled), TOGETHER)
        for row in _rows(server, project_id, ANNOTATION_FIELDS, TOGETHER, [], cancelled[start : start + TOGETHER])
    )
    return {row["id"]: [one for one in row["annotations"] if one["was_cancelled"]] for row in found}


def _state(row: Mapping[str, Any], project_id: int, skips: list[dict[str, Any]] | None) -> TaskState:
    skips = skips or []
    tags = {key: value for key, value in row["data"].items() if key in marks.TAGS}
    own = {skip["id"]: skip for skip in skips if marks.is_own(skip)}
    return TaskState(
        id=row["id"],
        created_at=row["created_at"],
        is_labeled=row["is_labeled"],
        overlap=row["overlap"],
        annotations=row["total_annotations"],
        draft=bool(row["draft_exists"]),
        own_skip=min(own, default=None),
        foreign_skips=max(row["cancelled_annotations"], len(skips)) - len(own),
        tags=tags,
        marks=marks.own(tags, project_id, row["created_at"]),
        updated_at=row["updated_at"],
        why=marks.why(own[min(own)]) if own else {},
    )
