"""How labelonce's marks look on a task: the skip that is its own, and the tags in the task's data."""

import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any, Final

from labelonce.planning import Decision, Role
from labelonce.tasks import is_number

ROLE: Final = "labelonce_role"
CLUSTER: Final = "labelonce_cluster"
REPRESENTATIVE: Final = "labelonce_representative"
SIMILARITY: Final = "labelonce_similarity"
SKIPPED: Final = "labelonce_skipped"
DISTINCT: Final = "labelonce_distinct"
SAME: Final = "labelonce_same"
RUN: Final = "labelonce_run"
TAGS: Final = (ROLE, CLUSTER, REPRESENTATIVE, SIMILARITY, SKIPPED, DISTINCT, SAME, RUN)  # written in this order

KEEP: Final = Role.KEPT.value
YES: Final = "yes"
CLEARED: Final = ""  # a data key can be emptied in bulk, but removed one task at a time only

MARK_TYPE: Final = "labelonce"
NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_DNS, "labelonce")

_NUMBER: Final = (int, float, type(None))
_KINDS: Final = {"representative": (int,), "similarity": _NUMBER, "doubt": _NUMBER, "reason": (str,)}

_ORDER = r"representative: (?P<representative>\d+), similarity: (?P<similarity>[\d.]+|null)"
_DOUBT = r"(?:doubt: (?P<doubt>[\d.]+), )?"
_TURNED = r"similarity: (?P<similarity>[\d.]+|null), representative: (?P<representative>\d+)"
_MARK = rf"\[\{{id: {MARK_TYPE}, type: {MARK_TYPE}, value: \{{%s\}}\}}\]"
_AS_WRITTEN = re.compile(_MARK % rf"{_ORDER}, {_DOUBT}reason: (?P<reason>.*)")
_AS_JSONB = re.compile(_MARK % rf"{_DOUBT}reason: (?P<reason>.*), {_TURNED}")  # PostgreSQL sorts keys by their length


def skip(project_id: int, task_id: int, created_at: str, decision: Decision) -> dict[str, Any]:
    """Body of the cancelled annotation for a duplicate.

    Its ``unique_id`` is the same however often it is sent, so that the server refuses a second one. The mark in its
    result has no ``from_name``; Label Studio's editor passes such results over. ``lead_time`` stays empty, so that
    the annotators' times are not diluted.
    """
    why: dict[str, Any] = {"representative": decision.representative, "similarity": decision.similarity}
    if decision.doubt is not None:
        why["doubt"] = decision.doubt
    why["reason"] = decision.reason  # last: long ones are cut, see `why_of_text`
    return {
        "was_cancelled": True,
        "unique_id": str(uuid.uuid5(NAMESPACE, f"{project_id}/{task_id}/{created_at}")),
        "result": _result(why),
    }


def is_own(annotation: Mapping[str, Any]) -> bool:
    """Whether an annotation is a skip that labelonce made and nobody has touched since.

    A person may work with the very account that labelonce has its token from. Then only what the skip holds tells: a
    region beside the mark, time that was spent, or a star for ground truth makes it that person's.
    """
    updated_by = annotation.get("updated_by")
    untouched = updated_by is None or updated_by == annotation.get("completed_by")
    spent = annotation.get("lead_time") is not None or bool(annotation.get("ground_truth"))
    return bool(annotation.get("was_cancelled")) and untouched and not spent and bool(why(annotation))


def why(annotation: Mapping[str, Any]) -> dict[str, Any]:
    """What labelonce wrote into a skip: representative, similarity, reason, and the doubt if it is known.

    Empty where the result is anything else than what `skip` makes.
    """
    result = annotation.get("result")
    value = result[0].get("value") if isinstance(result, list) and result and isinstance(result[0], dict) else None
    if not isinstance(value, dict) or result != _result(value):
        return {}
    told = value if "doubt" in value else {**value, "doubt": None}
    known = told.keys() == _KINDS.keys() and all(type(told[key]) in kinds for key, kinds in _KINDS.items())
    return value if known else {}


def _result(why: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"id": MARK_TYPE, "type": MARK_TYPE, "value": why}]


def why_of_text(results: str) -> dict[str, Any]:
    """The same, from the text that the Data Manager makes of all results of a task; empty where it does not tell.

    The text is JSON without its quotation marks, cut after 500 characters. One with a backslash held marks inside a
    text, and one with ``] [`` more than one result: what they said can no longer be told.
    """
    found = _AS_WRITTEN.fullmatch(results) or _AS_JSONB.fullmatch(results)
    if found is None or "\\" in results or "] [" in results:
        return {}
    similarity = None if found["similarity"] == "null" else float(found["similarity"])
    doubt = {} if found["doubt"] is None else {"doubt": float(found["doubt"])}
    return {
        "representative": int(found["representative"]),
        "similarity": similarity,
        **doubt,
        "reason": found["reason"],
    }


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


def stamp(project_id: int, created_at: str) -> str:
    """The tag that says when, and in which project, the others were written.

    Tags are part of a task's data, so that they come along when an export is imported anew. By the stamp they are known
    for another task's: it is in another project, or younger.

    Parameters
    ----------
    created_at
        When the youngest of the tasks that are tagged was made, by the server's clock.
    """
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"{max(now, created_at)} #{project_id}"


def own(tags: Mapping[str, Any], project_id: int, created_at: str) -> dict[str, Any]:
    """The tags, if they were written on this very task; else nothing."""
    moment, _, project = str(tags.get(RUN, "")).partition(" #")
    return dict(tags) if project == str(project_id) and created_at <= moment else {}


def moment(tags: Mapping[str, Any]) -> str:
    """When the tags were written, ISO 8601; empty where nobody said."""
    return str(tags.get(RUN, "")).partition(" #")[0]


def number(tags: Mapping[str, Any], key: str) -> int | None:
    """The number of a task in a tag, which Label Studio keeps as a float; None where there is none."""
    try:
        found = int(float(tags.get(key) or 0))
    except (TypeError, ValueError, OverflowError):
        return None
    return found if is_number(found) else None


def percent(tags: Mapping[str, Any]) -> float | None:
    """The similarity in the tags; None where there is none."""
    try:
        found = float(tags.get(SIMILARITY) or 0)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if 0 < found <= 100 else None


def named(tags: Mapping[str, Any], key: str) -> frozenset[int]:
    """The tasks that a person named in a tag, as distinct from the one with these tags, or the same."""
    return frozenset(int(one) for one in str(tags.get(key, CLEARED)).split() if one.isdecimal())


def naming(tasks: Iterable[int]) -> str:
    """The tag that names some tasks."""
    return " ".join(map(str, sorted(tasks)))


def _number(value: float | str | None) -> float | str:
    return CLEARED if value is None else float(value)


def missing_tags(wanted: Mapping[str, Any], present: Mapping[str, Any]) -> dict[str, Any]:
    """Those tags that have to be written; one that is absent need not be cleared."""
    return {key: value for key, value in wanted.items() if present.get(key, CLEARED) != value}
