"""What is to happen to every task, and why. A plan is computed without writing anything, and can be saved."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TextIO

from labelonce.errors import PlanError
from labelonce.tasks import TaskId, is_number
from labelonce.writing import save_table, settle, table_sign, whole_text, write_rows

FORMAT = 1
PLAN = re.compile(rb'\{\s*"format": \d')  # how a file begins that `save_plan` wrote
DECISIONS = ("task", "role", "cluster", "representative", "similarity", "reason", "doubt")
REPRESENTATIVES = ("file", "representative")
UNSENT = re.compile("[\0\ud800-\udfff]")  # what no database of Label Studio's takes
LOOK_AT = 12  # pairs of an outlook
BY_WORD = "a person said that"  # how the reason begins where a person's word decided


class Role(str, Enum):
    """What a task is among the others."""

    UNIQUE = "unique"
    REPRESENTATIVE = "representative"
    DUPLICATE = "duplicate"
    KEPT = "keep"  # a person said so; it is remembered


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to happen to one task.

    Parameters
    ----------
    role
        Only a DUPLICATE is skipped.
    cluster
        The first task of its cluster; None outside one.
    representative
        The task that stands for it: itself for a representative.
    similarity
        Of the two tasks, in percent: 100 x cosine similarity of their embeddings.
    reason
        For a person to read.
    doubt
        Distance to the threshold that decided, as in `Verdict`: 0 is far from it, 1 at it. None where no threshold
        decided: for what is no duplicate, or is one by a person's word.
    """

    task: TaskId
    role: Role
    reason: str
    cluster: TaskId | None = None
    representative: TaskId | None = None
    similarity: float | None = None
    doubt: float | None = None


def by_word(task: TaskId, head: TaskId, one: TaskId, other: TaskId) -> str:
    """The reason for what comes of a person's word that two tasks are the same: one task stands for another one."""
    named = "they" if {task, head} == {one, other} else f"tasks {one} and {other}"
    return f"{BY_WORD} {named} are the same"


@dataclass(frozen=True)
class Outlook:
    """What the level `scene` would leave to label, where that is fewer.

    Parameters
    ----------
    left, fewer
        Tasks left to label, and by how many they are fewer than in the plan. The level itself may leave a few less,
        for what is no photograph is not compared anew: see `Verifier.loosened`.
    pairs
        Of the duplicates that it alone would make, the most doubtful first, at most `LOOK_AT`.
    """

    left: int
    fewer: int
    pairs: tuple[Decision, ...]

    def text(self) -> str:
        """What a person is told, with the option."""
        return f"--level scene would leave {self.left:,} to label, {self.fewer:,} fewer"


def outlook(now: Sequence[Decision], then: Sequence[Decision]) -> Outlook | None:
    """What decisions at the level `scene` save beside those of a plan; None where that is nothing."""
    kept = {one.task for one in now if one.role is not Role.DUPLICATE}
    skipped = [one for one in then if one.role is Role.DUPLICATE]
    fewer = len(skipped) - (len(now) - len(kept))
    if fewer <= 0:
        return None
    more = (one for one in skipped if one.task in kept)
    doubtful = sorted(more, key=lambda one: (-(one.doubt or 0.0), str(one.task)))
    return Outlook(len(then) - len(skipped), fewer, tuple(doubtful[:LOOK_AT]))


@dataclass(frozen=True)
class Plan:
    """A decision for every task of a source, in the order of the tasks.

    Parameters
    ----------
    source
        Where the tasks come from: the URL of the server, or the folder.
    project
        Number of the project; None for a folder.
    settings
        The settings that shaped the decisions.
    problems
        Tasks whose images could not be compared, with the reason; they are kept.
    hints
        What would skip more, for a person.
    scene
        What the level `scene` would leave to label; None where that is not fewer, or it was not asked.
    """

    source: str
    project: int | None
    decisions: tuple[Decision, ...]
    problems: tuple[tuple[TaskId, str], ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    hints: tuple[str, ...] = ()
    scene: Outlook | None = None

    def count(self, role: Role) -> int:
        """How many tasks have a role."""
        return self.counts()[role]

    def counts(self) -> Counter[Role]:
        """Tasks by role."""
        return Counter(decision.role for decision in self.decisions)

    def clusters(self) -> int:
        """How many clusters hold more than one task."""
        return len({decision.cluster for decision in self.decisions if decision.cluster is not None})


def save_plan(plan: Plan, path: Path) -> None:
    """Write a plan as JSON, whole or not at all."""
    with whole_text(path, PLAN) as file:
        _write(plan, file)


def save_with_table(plan: Plan, path: Path, table: Path) -> None:
    """Write a plan as JSON, and its decisions as CSV: a disk that is full leaves both files as they were."""
    with whole_text(table, table_sign(DECISIONS)) as rows, whole_text(path, PLAN) as file:
        _write(plan, file)
        write_rows(rows, DECISIONS, _cells(plan.decisions))
        for one in (rows, file):
            settle(one)


def _write(plan: Plan, file: TextIO) -> None:
    file.writelines(json_pieces({"format": FORMAT, **_members(plan)}))
    file.write("\n")


def json_pieces(content: Any) -> Iterator[str]:
    """JSON piece by piece, with dataclasses as objects: a million decisions as one text would take gigabytes."""
    return json.JSONEncoder(indent=1, default=_members).iterencode(content)


def _members(one: Any) -> Any:
    """The fields of a dataclass that it shows, none of them copied; anything else as text."""
    return {each.name: getattr(one, each.name) for each in fields(one) if each.repr} if is_dataclass(one) else str(one)


def save_decisions(rows: Iterable[Decision], path: Path) -> None:
    """Write one line for every task as CSV."""
    save_table(path, DECISIONS, _cells(rows))


def _cells(rows: Iterable[Decision]) -> Iterator[tuple[Any, ...]]:
    return ((d.task, d.role.value, d.cluster, d.representative, d.similarity, d.reason, d.doubt) for d in rows)


def save_representatives(plan: Plan, path: Path) -> None:
    """Write ``file,representative`` for every image; a kept image names itself."""
    cells = ((d.task, d.representative if d.role is Role.DUPLICATE else d.task) for d in plan.decisions)
    save_table(path, REPRESENTATIVES, cells)


def load_plan(path: Path) -> Plan:
    """Read a plan that `save_plan` wrote.

    Raises
    ------
    PlanError
        The file is missing, damaged or from another version.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("format") != FORMAT:
            raise PlanError(f"{path} was written by another version of labelonce. Make the plan anew.")
        decisions = _decisions(content.pop("decisions"))
        problems = tuple((task, reason) for task, reason in _listed(content.pop("problems")))
        hints = tuple(_listed(content.pop("hints", [])))
        scene = outlook_of(content.pop("scene", None))
        plan = Plan(decisions=decisions, problems=problems, hints=hints, scene=scene, **content)
        wrong = flaw(plan, whole=True)
    except OSError as error:
        raise PlanError(f"{path} cannot be read: {error.strerror}. Make a plan with: labelonce plan") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        plan, wrong = None, "it cannot be understood"
    if plan is None or wrong is not None:
        raise PlanError(f"{path} is not a plan, or is damaged: {wrong}. Make it anew with: labelonce plan")
    return plan


def outlook_of(content: Any) -> Outlook | None:
    """Read an outlook that was written as JSON.

    Raises
    ------
    ValueError, KeyError, TypeError
        It is none.
    """
    if content is None:
        return None
    found = Outlook(**{**content, "pairs": _decisions(content["pairs"])})
    counts = all(type(one) is int and one >= 0 for one in (found.left, found.fewer))
    if not counts or any(one.role is not Role.DUPLICATE or _wrong(one, _is_named) for one in found.pairs):
        raise ValueError
    return found


def _decisions(rows: Any) -> tuple[Decision, ...]:
    return tuple(Decision(**{**row, "role": Role(row["role"])}) for row in _listed(rows))


def _listed(content: Any) -> list[Any]:
    if not isinstance(content, list):
        raise ValueError
    return content


def flaw(plan: Plan, *, whole: bool = False) -> str | None:
    """What is wrong with a plan, for a person; None where it can be carried out.

    Parameters
    ----------
    whole
        What stands for others has to be in the plan, as in every one that is saved. A plan for a part of a project may
        name others, which are looked at on the server.
    """
    known = _is_named if plan.project is None else is_number
    if not isinstance(plan.source, str) or not (plan.project is None or is_number(plan.project)):
        return "its source or its project is none"
    if not isinstance(plan.settings, dict) or not _is_between(plan.settings.get("similarity"), -100, 100):
        return "its settings are none"
    if not all(isinstance(hint, str) for hint in plan.hints):
        return "its hints are not texts"
    if not all(known(task) and isinstance(reason, str) for task, reason in plan.problems):
        return "its problems are not tasks with reasons"
    roles: dict[TaskId | None, Role] = {}
    for one in plan.decisions:
        wrong = _wrong(one, known)
        if wrong:
            return f"the {wrong} of decision {len(roles) + 1:,} cannot be"
        if one.task in roles:
            return f"task {one.task} comes twice"
        roles[one.task] = one.role
    outside = Role.DUPLICATE if whole else Role.UNIQUE
    for one in plan.decisions:
        if one.role is Role.DUPLICATE and roles.get(one.representative, outside) is Role.DUPLICATE:
            return f"what stands for task {one.task} is skipped itself, or is not there"
    return None


def _wrong(one: Decision, known: Callable[[Any], bool]) -> str | None:
    """Which value of a decision is none that labelonce makes."""
    skipped = one.role is Role.DUPLICATE
    stands = known(one.representative) and (skipped or one.representative == one.task)
    fits = {
        "task": known(one.task),
        "role": isinstance(one.role, Role),
        "reason": isinstance(one.reason, str) and not (type(one.task) is int and skipped and UNSENT.search(one.reason)),
        "cluster": one.cluster is None or known(one.cluster),
        "representative": stands or (one.representative is None and not skipped),
        "similarity": _is_between(one.similarity, 0, 100),
        "doubt": _is_between(one.doubt, 0, 1),
    }
    return next((name for name, fitting in fits.items() if not fitting), None)


def _is_named(value: Any) -> bool:
    return type(value) in (int, str)


def _is_between(value: Any, least: float, most: float) -> bool:
    """Whether something is a number of a range; None is where nothing is known."""
    return value is None or (isinstance(value, int | float) and type(value) is not bool and least <= value <= most)
