"""The few kinds of write that labelonce makes, each safe to repeat."""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import islice
from typing import Any, TypeVar

from labelonce.errors import NotFound, ServerError, Unreachable
from labelonce.label_studio import marks
from labelonce.label_studio.listing import TaskState, read_exactly
from labelonce.label_studio.project import IGNORE_SKIPPED, Project
from labelonce.label_studio.server import Server
from labelonce.planning import Decision

T = TypeVar("T")

ROUNDS = 3  # of counting and looking


def make_skip(server: Server, project: Project, state: TaskState, decision: Decision) -> None:
    """Make a task a skipped one that comes back to nobody.

    A skip alone does so where the project ignores skipped tasks and wants one annotator for each. Anywhere else the
    task is marked as labelled too: that is what Label Studio's queues go by.
    """
    path = f"/api/tasks/{state.id}/"
    if state.own_skip is None:
        body = marks.skip(project.id, state.id, state.created_at, decision)
        # 409: an earlier request, whose answer was lost, has made it
        server.request("POST", f"{path}annotations/", body=body, accept=frozenset({409}))
    if state.own_skip is not None or project.skip_queue != IGNORE_SKIPPED or state.overlap > 1:
        server.patch(path, {"is_labeled": True})


def delete_skip(server: Server, state: TaskState) -> bool:
    """Delete a task's skip by labelonce; False when it is gone already, or has become somebody's work.

    What somebody has begun to change about the skip becomes a draft of the task: it would go with the skip. The skip is
    looked at last, because Label Studio has no way to delete it only if nobody changed it since.
    """
    if state.own_skip is None:
        return False
    path = f"/api/annotations/{state.own_skip}/"
    try:
        for draft in server.get(f"/api/tasks/{state.id}/drafts"):
            if draft["annotation"] == state.own_skip:
                server.patch(f"/api/drafts/{draft['id']}/", {"annotation": None})
        found = server.get(path)
    except NotFound:
        return False
    if not marks.is_own(found):
        return False
    server.request("DELETE", path, accept=frozenset({404}))
    return True


def recount(server: Server, project_id: int, tasks: Collection[int]) -> dict[int, TaskState]:
    """Set right what the server says of some tasks where that disagrees with their annotations; return them.

    A task may count as labelled although nobody labelled or skipped it, or its annotations may not be counted, after
    two requests for it crossed.
    """
    states: dict[int, TaskState] = {}
    left = sorted(tasks)
    for _ in range(ROUNDS):
        found = list(read_exactly(server, project_id, left))
        states |= {state.id: state for state, _ in found}
        left = [state.id for state, wrong in found if wrong]
        for state, wrong in found:
            if wrong:
                with suppress(NotFound):
                    server.patch(f"/api/tasks/{state.id}/", wrong)
        if not left:
            break
    return states


def set_tag(server: Server, project: Project, key: str, value: float | str, tasks: Sequence[int]) -> None:
    """Set one key in the data of many tasks; the server merges it, so nothing else in the data can be lost."""
    body = {
        "selectedItems": {"all": False, "included": list(tasks)},
        "value_name": key,
        "value_type": "Number" if isinstance(value, float) else "String",
        "value": value,
    }
    server.post("/api/dm/actions/", body, id="add_data_field", project=project.id)


def remove_tags(server: Server, task: int, data: dict[str, Any]) -> None:
    """Remove labelonce's keys from a task's data, which has just been read without resolving its URIs."""
    server.patch(f"/api/tasks/{task}/", {"data": {key: data[key] for key in data if key not in marks.TAGS}})


def each(
    items: Sequence[T], work: Callable[[T], object], connections: int, advance: Callable[[int], None]
) -> list[tuple[T, ServerError]]:
    """Do something for each item on several connections, and return the items that the server refused.

    Raises
    ------
    Unreachable
        The server is gone; the rest is not tried.
    """
    refused: list[tuple[T, ServerError]] = []
    queue = iter(items)
    with ThreadPoolExecutor(connections, thread_name_prefix="labelonce-write") as pool:
        under_way = {pool.submit(work, item): item for item in islice(queue, connections)}
        while under_way:
            done, _ = wait(under_way, return_when=FIRST_COMPLETED)
            for future in done:
                item = under_way.pop(future)
                try:
                    future.result()
                except Unreachable:
                    raise
                except ServerError as error:
                    refused.append((item, error))
                advance(1)
                under_way |= {pool.submit(work, following): following for following in islice(queue, 1)}
    return refused
