"""A plan that is not applied yet, corrected by what a person says."""

from dataclasses import replace

from labelonce.errors import ChangedError
from labelonce.planning import Decision, Plan, Role
from labelonce.reviewing.marking import APART, Kind, Mark
from labelonce.syncing.judging import CHOSEN, KEPT


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
                    decisions[int(each.task)] = replace(each, representative=mark.one, reason=CHOSEN)
            decisions[mark.one] = replace(other, task=mark.one, representative=mark.one, reason=CHOSEN)
            decisions[mark.other] = replace(
                one, task=mark.other, representative=mark.one, cluster=other.cluster, reason=CHOSEN
            )
    return replace(plan, decisions=_consistent(tuple(decisions[int(one.task)] for one in plan.decisions)))


def _consistent(decisions: tuple[Decision, ...]) -> tuple[Decision, ...]:
    """A kept task goes on standing for its duplicates; a representative that stands for none is unique."""
    needed = {one.representative for one in decisions if one.role is Role.DUPLICATE}
    return tuple(
        Decision(one.task, Role.UNIQUE, one.reason)
        if one.role is Role.REPRESENTATIVE and one.task not in needed
        else one
        for one in decisions
    )
