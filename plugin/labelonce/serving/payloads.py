"""What Label Studio's webhooks say, read without trust."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from labelonce.label_studio import marks

TASKS: Final = frozenset({"TASKS_CREATED", "TASKS_DELETED"})
ANNOTATIONS: Final = frozenset({"ANNOTATION_CREATED", "ANNOTATIONS_CREATED", "ANNOTATION_UPDATED"})
# sent where somebody has registered for everything; nothing follows from them that a reconcile does not see in time
OTHERS: Final = frozenset(
    {
        "PROJECT_CREATED", "PROJECT_UPDATED", "PROJECT_DELETED", "ANNOTATIONS_DELETED",
        "LABEL_LINK_CREATED", "LABEL_LINK_UPDATED", "LABEL_LINK_DELETED",
    }
)  # fmt: skip


class Refused(Exception):  # noqa: N818 - a state, not a fault
    """A request that is not served.

    Parameters
    ----------
    status
        HTTP status of the answer.
    why
        In few words, and none of the sender's.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


@dataclass(frozen=True)
class Event:
    """One webhook.

    Parameters
    ----------
    project
        The project it names; None where it was sent without a payload.
    wakes
        Whether there may be something to do.
    """

    action: str
    project: int | None
    wakes: bool


def read_event(body: bytes) -> Event:
    """Read the body of a webhook.

    New and deleted tasks wake, and so do the skips of people. What people label does not, and neither does what
    labelonce wrote itself. An annotation that was sent without its payload may be labelonce's, and does not wake.

    Raises
    ------
    Refused
        It is not JSON (400), or not what Label Studio sends (422).
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, "not JSON") from None
    if not isinstance(content, dict):
        raise Refused(422, "not an object")
    action = content.get("action")
    if not isinstance(action, str) or action not in TASKS | ANNOTATIONS | OTHERS:
        raise Refused(422, "no action of Label Studio's")
    wakes = action in TASKS
    if action in ANNOTATIONS:
        wakes = any(_skipped_by_people(one) for one in _rows(content, "annotation"))
    if action in TASKS and not all(_is_id(one.get("id")) for one in _rows(content, "tasks")):
        raise Refused(422, "a task without a number")
    return Event(action, _project(content), wakes)


def _rows(content: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """What stands under a key, which holds an object or a list of them."""
    found = content.get(key, [])
    rows = found if isinstance(found, list) else [found]
    if not all(isinstance(one, dict) for one in rows):
        raise Refused(422, f"{key} of another kind")
    return rows


def _skipped_by_people(annotation: Mapping[str, Any]) -> bool:
    result = annotation.get("result")
    if not isinstance(result, list | None):
        raise Refused(422, "a result of another kind")
    return bool(annotation.get("was_cancelled")) and not marks.is_own(annotation)


def _project(content: Mapping[str, Any]) -> int | None:
    project = content.get("project")
    if project is None:
        return None
    number = project.get("id") if isinstance(project, dict) else None
    if not _is_id(number):
        raise Refused(422, "a project without a number")
    return int(number)  # type: ignore[arg-type]


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
