"""Reading the tasks of a project: few fields, no resolved URIs, in the order of their ids."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from labelonce.label_studio import marks
from labelonce.label_studio.outlines import Outline, outlines
from labelonce.label_studio.project import Project
from labelonce.label_studio.server import Server
from labelonce.planning import Role
from labelonce.progress import Progress
from labelonce.tasks import Task, Touch

PAGE_SIZE = 1000
TASK_FIELDS = "id,data,created_at,is_labeled,overlap,total_annotations,cancelled_annotations,draft_exists"
# `include` also thins out nested annotations, so their fields are named beside the task's
ANNOTATION_FIELDS = "id,annotations,was_cancelled,result,completed_by,updated_by"
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

    @property
    def touch(self) -> Touch:
        """What people did with the task; work comes before skips."""
        if self.annotations:
            return Touch.ANNOTATED
        if self.draft:
            return Touch.DRAFTED
        if self.foreign_skips:
            return Touch.SKIPPED
        if self.tags.get(marks.ROLE) == marks.KEEP:
            return Touch.RETURNED
        if self.tags.get(marks.SKIPPED) == marks.YES and self.own_skip is None:
            return Touch.RETURNED
        return Touch.NONE

    @property
    def standing(self) -> bool:
        """Whether an earlier run left the task to be labelled."""
        return self.tags.get(marks.ROLE) in STANDING


def as_task(state: TaskState, data: Mapping[str, Any], project: Project, outlined: Sequence[Outline] = ()) -> Task:
    """The task as the pipeline sees it; where something is outlined, only the region around it counts."""
    try:
        images, problem = project.images(data), None
        regions = project.regions(data, outlined) if outlined else ()
    except ValueError as error:
        images, problem, regions = (), str(error), ()
    return Task(state.id, images, project.context(data), state.touch, problem, regions, state.standing)


def between(first: int | None, last: int | None = None) -> list[dict[str, Any]]:
    """Data Manager filters for ids from `first` to `last`, both included."""
    items = []
    if first is not None:
        items.append(_filter("id", "greater", first - 1))
    if last is not None:
        items.append(_filter("id", "less", last + 1))
    return items


def _filter(column: str, operator: str, value: int) -> dict[str, Any]:
    return {"filter": f"filter:tasks:{column}", "operator": operator, "type": "Number", "value": value}


def _rows(
    server: Server, project_id: int, fields: str, size: int, filters: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    query = {"filters": {"conjunction": "and", "items": filters}, "ordering": ["tasks:id"]}
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
    while rows := _rows(server, project_id, fields, page_size, between(first) + filters):
        yield rows
        if len(rows) < page_size:
            return
        first = rows[-1]["id"] + 1


def read_each(
    server: Server,
    project_id: int,
    progress: Progress | None = None,
    title: str = "Listing tasks",
    first: int = 1,
    last: int | None = None,
) -> Iterator[tuple[TaskState, Mapping[str, Any]]]:
    """The tasks from `first` to `last`, with their data as stored (cloud URIs are not resolved); page by page."""
    with (progress or Progress()).stage(title) as advance:
        for rows in _keyset(server, project_id, TASK_FIELDS, PAGE_SIZE, first, between(None, last)):
            skips = _skips(server, project_id, rows)
            yield from ((_state(row, skips.get(row["id"])), row["data"]) for row in rows)
            advance(len(rows))


def read_range(server: Server, project_id: int, first: int, last: int) -> dict[int, TaskState]:
    """The tasks whose ids lie from `first` to `last`, both included."""
    return {state.id: state for state, _ in read_each(server, project_id, first=first, last=last)}


def read_all(server: Server, project_id: int, progress: Progress, title: str = "Listing tasks") -> dict[int, TaskState]:
    """Every task of a project by its id, in ascending order; without what they hold, which may be gigabytes."""
    return {state.id: state for state, _ in read_each(server, project_id, progress, title)}


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
    if not cancelled:
        return {}
    filters = [*between(cancelled[0], cancelled[-1]), _filter("cancelled_annotations", "greater", 0)]
    found = _rows(server, project_id, ANNOTATION_FIELDS, len(rows), filters)
    return {row["id"]: [one for one in row["annotations"] if one["was_cancelled"]] for row in found}


def _state(row: Mapping[str, Any], skips: list[dict[str, Any]] | None) -> TaskState:
    skips = skips or []
    own = [skip["id"] for skip in skips if marks.is_own(skip)]
    return TaskState(
        id=row["id"],
        created_at=row["created_at"],
        is_labeled=row["is_labeled"],
        overlap=row["overlap"],
        annotations=row["total_annotations"],
        draft=bool(row["draft_exists"]),
        own_skip=min(own, default=None),
        foreign_skips=max(row["cancelled_annotations"], len(skips)) - len(own),
        tags={key: value for key, value in row["data"].items() if key in marks.TAGS},
    )
