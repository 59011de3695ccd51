"""The small pictures of a report, and how they lie on each other: what is shown is read, a few at a time."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from labelonce.errors import ImageProblem
from labelonce.images.decoding import decode
from labelonce.label_studio.listing import as_task, read_some
from labelonce.label_studio.project import Project
from labelonce.label_studio.server import Server
from labelonce.progress import Progress
from labelonce.reporting.content import Group, Report
from labelonce.reporting.placing import Placement, Seen, place
from labelonce.reporting.thumbnails import Thumbnail, choose, thumbnail
from labelonce.settings import Settings
from labelonce.sources.base import Source
from labelonce.tasks import Task, TaskId
from labelonce.threads import cores, threads

FETCHING = 4  # threads for each core: most wait for the source
TOGETHER = 8  # duplicates that one thread reads after what stands for them

_Pair = tuple[TaskId, TaskId]  # what is kept, and its duplicate


@dataclass(frozen=True)
class Shown:
    """What a page shows.

    Parameters
    ----------
    thumbnails
        By task.
    placements
        By what is kept and its duplicate; None where it is not known how they lie.
    """

    thumbnails: Mapping[TaskId, Thumbnail] = field(default_factory=dict)
    placements: Mapping[_Pair, Placement | None] = field(default_factory=dict)


def tasks_of(server: Server, project: Project, report: Report) -> list[Task]:
    """The tasks of a project whose pictures a report shows."""
    shown = sorted(int(task) for task in choose(_groups(report)).tasks)
    return [as_task(state, data, project) for state, data in read_some(server, project.id, shown)]


def _groups(report: Report) -> tuple[Group, ...]:
    """All that is shown with pictures; those that a person is asked to look at go first."""
    return (*report.scene_groups, *report.groups)


def read_pictures(
    report: Report,
    source: Source,
    tasks: Iterable[Task],
    settings: Settings,
    progress: Progress,
    known: Shown | None = None,
) -> Shown:
    """Read the pictures that a report shows; one that cannot be had is left out.

    Parameters
    ----------
    tasks
        Tasks of the source; of those that are not shown nothing is read.
    known
        What was read before, and is not read again.
    """
    known = known or Shown()
    groups = _groups(report)
    chosen = choose(groups)
    wanted = frozenset(chosen.tasks)
    shown = {task.id: task for task in tasks if task.id in wanted and task.images}
    found, placed = dict(known.thumbnails), dict(known.placements)

    def read(task: TaskId) -> Seen | None:
        try:
            content = source.read(shown[task], shown[task].images[0])
            if content is None:
                return None
            picture = decode(content.data, max_pixels=settings.max_pixels)
        except ImageProblem:
            return None  # the report says so of images that could not be compared; any other is away only now
        if task not in found:
            found[task] = thumbnail(picture, chosen.edge, len(content.data))
        return Seen.of(picture)

    def read_part(part: tuple[TaskId, list[TaskId]]) -> None:
        head, skips = part
        kept = read(head) if head in shown else None
        for task in skips:
            seen = read(task)
            if kept is not None and seen is not None:
                placed[head, task] = place(kept, seen)
        advance(1 + len(skips))

    def missing() -> Iterator[tuple[TaskId, list[TaskId]]]:
        for group in groups:
            head = group.representative
            there = (skip.task for skip in group.skips if skip.task in shown)
            left = [task for task in there if task not in found or (head, task) not in placed]
            if head in shown and head not in found and not left:
                yield head, []
            for start in range(0, len(left), TOGETHER):
                yield head, left[start : start + TOGETHER]

    parts = list(missing())
    count = sum(1 + len(skips) for _, skips in parts)
    with progress.stage("Reading pictures", count) as advance, threads(FETCHING * cores(), "pictures") as pool:
        list(pool.map(read_part, parts))
    return Shown(found, placed)
