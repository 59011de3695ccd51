"""Taking back everything that labelonce made in a project, from what the server knows alone."""

from dataclasses import dataclass, field
from typing import Any

from labelonce.errors import NotFound
from labelonce.label_studio import marks, tabs
from labelonce.label_studio.listing import TaskState, read_all
from labelonce.label_studio.project import IGNORE_SKIPPED, Project
from labelonce.label_studio.server import Server
from labelonce.label_studio.writing import delete_skip, each, recount, remove_tags
from labelonce.progress import Progress

ROUNDS = 3  # of taking back and looking


@dataclass
class Undone:
    """What `undo` removed.

    Parameters
    ----------
    tasks
        Tasks that carried a skip or tags of labelonce's.
    skips
        Skips that were deleted.
    tabs
        Tabs that were deleted.
    skip_queue
        The project setting that was restored; None when it was never changed.
    refused
        Task and what the server said.
    """

    tasks: int = 0
    skips: int = 0
    tabs: int = 0
    skip_queue: str | None = None
    refused: list[tuple[int, str]] = field(default_factory=list)


def undo(server: Server, project: Project, progress: Progress) -> Undone:
    """Remove labelonce's skips, tags, tabs and settings from a project.

    Skips that a person has made their own since stay. It can be run again, and after a half-finished apply: tags go
    before the skip of their task, so that no tag is left that speaks of a skip which is gone.
    """
    states = read_all(server, project.id, progress)
    marked = [state for state in states.values() if state.own_skip is not None or state.tags]
    undone = Undone(tasks=len(marked))
    deleted: list[int] = []

    def one(state: TaskState) -> None:
        if state.tags:
            task: dict[str, Any] = server.get(f"/api/tasks/{state.id}/", resolve_uri="false")
            if any(key in task["data"] for key in marks.TAGS):
                remove_tags(server, state.id, task["data"])
        if delete_skip(server, state):
            deleted.append(state.id)

    left = marked
    for _ in range(ROUNDS):  # a write that was held up may have brought something back
        with progress.stage("Undoing", len(left)) as advance:
            refused = each(left, one, server.connections, advance)
        found = recount(server, project.id, [state.id for state in left])
        left = [state for state in found.values() if state.own_skip is not None or state.tags]
        if not left:
            break
    undone.skips = len(set(deleted))
    undone.refused = [(state.id, str(error)) for state, error in refused if not isinstance(error, NotFound)]
    made = tabs.find_tabs(server, project)
    remembered = tabs.remembered_setting(made)
    if remembered is not None and project.skip_queue == IGNORE_SKIPPED:
        server.patch(f"/api/projects/{project.id}/", {"skip_queue": remembered})
        undone.skip_queue = remembered
    if not undone.refused:  # the tabs go last: they remember the setting
        for tab in made:
            tabs.delete_tab(server, project, tab["id"])
        undone.tabs = len(made)
    if marked:
        # or the Data Manager would go on to offer columns for the tags
        server.post(f"/api/projects/{project.id}/summary/reset/", None)
    return undone
