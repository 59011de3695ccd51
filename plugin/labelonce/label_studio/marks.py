"""How labelonce's marks look on a task: the skip that is its own, and the tags in the task's data."""

import uuid
from collections.abc import Mapping
from typing import Any, Final

from labelonce.planning import Decision, Role

ROLE: Final = "labelonce_role"
CLUSTER: Final = "labelonce_cluster"
REPRESENTATIVE: Final = "labelonce_representative"
SIMILARITY: Final = "labelonce_similarity"
SKIPPED: Final = "labelonce_skipped"
TAGS: Final = (ROLE, CLUSTER, REPRESENTATIVE, SIMILARITY, SKIPPED)

KEEP: Final = Role.KEPT.value
YES: Final = "yes"
CLEARED: Final = ""  # a data key can be emptied in bulk, but removed one task at a time only

MARK_TYPE: Final = "labelonce"
NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_DNS, "labelonce")


def skip(project_id: int, task_id: int, created_at: str, decision: Decision) -> dict[str, Any]:
    """Body of the cancelled annotation for a duplicate.

    Its ``unique_id`` is the same however often it is sent, so that the server refuses a second one. The mark in its
    result has no ``from_name``; Label Studio's editor passes such results over. ``lead_time`` stays empty, so that
    the annotators' times are not diluted.
    """
    why = {"representative": decision.representative, "similarity": decision.similarity, "reason": decision.reason}
    return {
        "was_cancelled": True,
        "unique_id": str(uuid.uuid5(NAMESPACE, f"{project_id}/{task_id}/{created_at}")),
        "result": [{"id": MARK_TYPE, "type": MARK_TYPE, "value": why}],
    }


def is_own(annotation: Mapping[str, Any]) -> bool:
    """Whether an annotation is a skip that labelonce made and nobody has touched since."""
    marked = any(isinstance(one, dict) and one.get("type") == MARK_TYPE for one in annotation.get("result") or [])
    updated_by = annotation.get("updated_by")
    untouched = updated_by is None or updated_by == annotation.get("completed_by")
    return bool(annotation.get("was_cancelled")) and marked and untouched


def tags(decision: Decision, *, skipped: bool) -> dict[str, Any]:
    """The tags that a decision puts on its task; a cleared tag is an empty text."""
    return {
        ROLE: decision.role.value,
        CLUSTER: _number(decision.cluster),
        REPRESENTATIVE: _number(decision.representative),
        # whole percents: the server takes one request for each value
        SIMILARITY: _number(None if decision.similarity is None else round(decision.similarity)),
        SKIPPED: YES if skipped else CLEARED,
    }


def _number(value: float | str | None) -> float | str:
    return CLEARED if value is None else float(value)


def missing_tags(wanted: Mapping[str, Any], present: Mapping[str, Any]) -> dict[str, Any]:
    """Those tags that have to be written; one that is absent need not be cleared."""
    return {key: value for key, value in wanted.items() if present.get(key, CLEARED) != value}
