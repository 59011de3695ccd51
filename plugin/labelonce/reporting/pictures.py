"""The small pictures of a report: those that are shown are read, a few at a time."""

from collections.abc import Iterable

from labelonce.errors import ImageProblem
from labelonce.label_studio.listing import as_task, read_some
from labelonce.label_studio.project import Project
from labelonce.label_studio.server import Server
from labelonce.progress import Progress
from labelonce.reporting.content import Report
from labelonce.reporting.thumbnails import Thumbnail, choose, thumbnail
from labelonce.settings import Settings
from labelonce.sources.base import Source
from labelonce.tasks import Task, TaskId
from labelonce.threads import cores, threads

FETCHING = 4  # threads for each core: most wait for the source


def tasks_of(server: Server, project: Project, report: Report) -> list[Task]:
    """The tasks of a project whose pictures a report shows."""
    shown = sorted(int(task) for task in choose(report.groups).tasks)
    return [as_task(state, data, project) for state, data in read_some(server, project.id, shown)]


def read_pictures(
    report: Report, source: Source, tasks: Iterable[Task], settings: Settings, progress: Progress
) -> dict[TaskId, Thumbnail]:
    """Read the pictures that a report shows; one that cannot be had is left out.

    Parameters
    ----------
    tasks
        Tasks of the source; of those that are not shown nothing is read.
    """
    chosen = choose(report.groups)
    wanted = frozenset(chosen.tasks)
    shown = [task for task in tasks if task.id in wanted and task.images]
    found: dict[TaskId, Thumbnail] = {}

    def read(task: Task) -> None:
        try:
            content = source.read(task, task.images[0])
            if content is not None:
                found[task.id] = thumbnail(content.data, chosen.edge, settings.max_pixels)
        except ImageProblem:
            pass  # the report says so of images that could not be compared; any other is away only now
        advance(1)

    with progress.stage("Reading pictures", len(shown)) as advance, threads(FETCHING * cores(), "pictures") as pool:
        list(pool.map(read, shown))
    return found
