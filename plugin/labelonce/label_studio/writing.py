"""The few kinds of write that labelonce makes, each safe to repeat."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from itertools import islice
from typing import Any, TypeVar

from labelonce.errors import ServerError, Unreachable
from labelonce.label_studio import marks
from labelonce.label_studio.listing import TaskState
from labelonce.label_studio.project import IGNORE_SKIPPED, Project
from labelonce.label_studio.server import Server
from labelonce.planning import Decision

T = TypeVar("T")


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


def delete_skip(server: Server, annotation: int) -> bool:
    """Delete a skip of labelonce's; False when it is gone already, or has become somebody's work."""
    path = f"/api/annotations/{annotation}/"
    response = server.request("GET", path, accept=frozenset({404}))
    if response.status_code == 404 or not marks.is_own(response.json()):
        return False
    server.request("DELETE", path, accept=frozenset({404}))
    return True


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
