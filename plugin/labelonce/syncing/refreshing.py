"""Bringing the mirror of a project up to date with few requests."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from typing import Any

from labelonce.errors import ServerError
from labelonce.label_studio.listing import TaskState, begun, changed_since, newest, read_each, read_some
from labelonce.label_studio.project import Project
from labelonce.label_studio.server import Server
from labelonce.progress import Progress
from labelonce.syncing.mirror import Counts, Mirror, Seen

# a change may become visible later than one that it came before; one that is missed shows in the project's figures
MARGIN = timedelta(seconds=3)
FILTER_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"  # the only form that Label Studio's filters take


def refresh(server: Server, project: Project, mirror: Mirror, progress: Progress) -> int:
    """List what changed since the last time, and everything where that does not explain the project's figures.

    Three requests tell that nothing changed. Neither tags nor drafts count as a change for Label Studio: drafts on
    skipped tasks are asked for, and all of them are looked at again before a task is decided.

    Returns
    -------
    int
        How many tasks are gone.
    """
    gone = _refresh(server, project, mirror, progress)
    read_again(server, project, mirror, begun(server, project.id))
    return gone


def _refresh(server: Server, project: Project, mirror: Mirror, progress: Progress) -> int:
    shape = shape_of(project)
    counts, anchor = _counts(server, project), newest(server, project.id)
    known = mirror.anchor if mirror.shape == shape else None
    if known == anchor and mirror.shape == shape and mirror.counts() == counts:
        return 0
    gone = 0
    if known and anchor and known[1] <= anchor[1]:  # an earlier one: somebody restored a backup
        filters = changed_since(_before(known[1]))
        listed = read_each(server, project.id, progress, "Listing changes", filters)
        gone += mirror.update((_seen(project, *one) for one in listed), anchor, shape)
        if _explained(mirror.counts(), counts) or _explained(mirror.counts(), counts, _counts(server, project)):
            return gone
    listed = read_each(server, project.id, progress)
    gone += mirror.fill((_seen(project, *one) for one in listed), anchor, shape)
    later = _counts(server, project)
    if not _explained(mirror.counts(), counts, later):
        mirror.excuse(later)
    return gone


def read_again(server: Server, project: Project, mirror: Mirror, tasks: Sequence[int]) -> dict[int, "_Read"]:
    """Read some tasks, with their data, and take them into the mirror; those that are gone are taken out."""
    found = {state.id: (state, data) for state, data in read_some(server, project.id, tasks)}
    mirror.put(_seen(project, *one) for one in found.values())
    mirror.forget([task for task in tasks if task not in found])
    return found


_Read = tuple[TaskState, Mapping[str, Any]]


def shape_of(project: Project) -> str:
    """What of their data the tasks of a project show, as one comparable text."""
    return repr([(field.key, field.is_list) for field in project.fields]) + repr(project.context_keys)


def _seen(project: Project, state: TaskState, data: Mapping[str, Any]) -> Seen:
    try:
        images: Sequence[str] = project.images(data)
    except ValueError:
        images = ()
    context = project.context(data)
    text = "\0".join([*images, context])
    return Seen(state, sha256(text.encode(errors="surrogateescape")).digest()[:16], context)


def _counts(server: Server, project: Project) -> Counts:
    answer = server.get(f"/api/projects/{project.id}/")
    names = ("task_number", "total_annotations_number", "skipped_annotations_number", "finished_task_number")
    try:
        return Counts(*(int(answer[name] or 0) for name in names))
    except (KeyError, TypeError, ValueError):
        raise ServerError(f"{server.url} describes no project as Label Studio does. Check the address.") from None


def _explained(mirrored: Counts, *counted: Counts) -> bool:
    """Whether the mirror has figures that the project had, or may have had between two looks at it."""

    figures = zip(astuple(mirrored), *map(astuple, counted), strict=True)
    return all(min(seen) <= mine <= max(seen) for mine, *seen in figures)


def _before(moment: str) -> str:
    earlier = datetime.fromisoformat(moment.replace("Z", "+00:00")) - MARGIN
    return earlier.astimezone(timezone.utc).strftime(FILTER_TIME)
