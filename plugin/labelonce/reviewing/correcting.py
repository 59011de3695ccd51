"""A plan that is not applied yet, corrected by what a person says."""

from collections.abc import Mapping
from dataclasses import replace

from labelonce.errors import ChangedError
from labelonce.planning import Decision, Plan, Role, by_word
from labelonce.reviewing.marking import Kind, Mark
from labelonce.syncing.judging import APART, CHOSEN, KEPT


def corrected(plan: Plan, mark: Mark) -> Plan:
    """The plan as a person wants it.

    Raises
    ------
    ChangedError
        The plan says something else by now, because somebody corrected it meanwhile.
    """
    decisions = {int(one.task): one for one in plan.decisions}
    if mark.kind is Kind.KEEP:
        for task in mark.tasks:
            if task not in decisions:
                raise ChangedError(f"The plan has no task {task} any more. Load the page again.")
            decisions[task] = Decision(task, Role.KEPT, KEPT)
    elif mark.kind is Kind.SAME:
        decisions |= _joined(decisions, mark.one, mark.other)
    else:
        one, other = (decisions.get(task) for task in (mark.one, mark.other))
        if one is None or other is None or one.role is not Role.DUPLICATE or one.representative != mark.other:
            raise ChangedError(f"Task {mark.one} is no duplicate of task {mark.other} any more. Load the page again.")
        if mark.kind is Kind.DISTINCT:
            decisions[mark.one] = Decision(mark.one, Role.UNIQUE, APART)
        else:
            if other.role is not Role.REPRESENTATIVE:
                raise ChangedError(f"Task {mark.other} is kept because a person said so. Load the page again.")
            for each in plan.decisions:
                if each.role is Role.DUPLICATE and each.representative == mark.other:
                    decisions[int(each.task)] = replace(each, representative=mark.one, reason=CHOSEN, doubt=None)
            decisions[mark.one] = replace(other, task=mark.one, representative=mark.one, reason=CHOSEN)
            decisions[mark.other] = replace(
                one, task=mark.other, representative=mark.one, cluster=other.cluster, reason=CHOSEN, doubt=None
            )
    return replace(plan, decisions=_consistent(tuple(decisions[int(one.task)] for one in plan.decisions)))


def _joined(decisions: Mapping[int, Decision], one: int, other: int) -> dict[int, Decision]:
    """What changes where one task is to stand in place of two that a person said are the same."""
    missing = [task for task in (one, other) if task not in decisions]
    if missing:
        raise ChangedError(f"The plan has no task {missing[0]}. Name one that it has.")
    order = (Role.KEPT, Role.REPRESENTATIVE, Role.UNIQUE)
    heads = {int(decisions[task].representative or task) for task in (one, other)}
    head, *rest = sorted(heads, key=lambda task: (order.index(decisions[task].role), task == one, task))
    if not rest or decisions[rest[0]].role is Role.KEPT:
        return {}
    cluster = decisions[head].cluster or head
    found = {head: replace(decisions[head], cluster=cluster, representative=head, similarity=100.0)}
    if decisions[head].role is Role.UNIQUE:
        found[head] = replace(found[head], role=Role.REPRESENTATIVE, reason="stands for its duplicates")
    for task, decision in decisions.items():
        if task == rest[0] or (decision.role is Role.DUPLICATE and decision.representative == rest[0]):
            found[task] = Decision(task, Role.DUPLICATE, by_word(task, head, one, other), cluster, head)
    return found


def _consistent(decisions: tuple[Decision, ...]) -> tuple[Decision, ...]:
    """A kept task goes on standing for its duplicates; a representative that stands for none is unique."""
    needed = {one.representative for one in decisions if one.role is Role.DUPLICATE}
    return tuple(
        Decision(one.task, Role.UNIQUE, one.reason)
        if one.role is Role.REPRESENTATIVE and one.task not in needed
        else one
        for one in decisions
    )
