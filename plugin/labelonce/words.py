"""What people said of pairs of tasks: those that they call the same are one group, whatever was found."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from labelonce.clustering import NOISE, Preference
from labelonce.matching import Node
from labelonce.tasks import TaskId

Word: TypeAlias = tuple[TaskId, TaskId]  # two tasks that a person said are the same
Said: TypeAlias = Mapping[tuple[int, int], Word]  # by the nodes that hold them, the left one first


def said_same(nodes: Sequence[Node]) -> Said:
    """The nodes with tasks that a person said are the same; what was told apart since is not."""
    named = [task for node in nodes for task in node.tasks if task.same]
    if not named:
        return {}
    place = {task.id: number for number, node in enumerate(nodes) for task in node.tasks}
    found: dict[tuple[int, int], Word] = {}
    for task in named:
        for other in sorted(task.same - task.distinct):
            left, right = sorted((place[task.id], place.get(other, place[task.id])))
            if left != right:
                found.setdefault((left, right), (min(task.id, other), max(task.id, other)))
    return dict(sorted(found.items()))


def joined_labels(labels: NDArray[np.int64], said: Said) -> NDArray[np.int64]:
    """The clusters, (n,), once those are one that hold nodes which are the same."""
    labels = labels.copy()
    for pair in said:
        one, other = (int(labels[node]) for node in pair)
        if one == other == NOISE:
            labels[list(pair)] = labels.max() + 1
        elif NOISE in (one, other):
            labels[list(pair)] = max(one, other)
        else:
            labels[labels == other] = one
    return labels


def joined(chosen: NDArray[np.int64], said: Said, preference: Preference) -> tuple[NDArray[np.int64], dict[int, Word]]:
    """Have one node stand where two do that stand for nodes which are the same.

    Of two, people's work stands, then what stands already, then what is preferred. All that the other one stands for
    goes along: it is shown to be what that one is. Two that people worked on both stay.

    Parameters
    ----------
    chosen
        (n,) The node that stands for each node, as `represent` says.

    Returns
    -------
    tuple[NDArray[np.int64], dict[int, Word]]
        The same with the person's words, and by which word each node went to another group.
    """
    chosen, by = chosen.copy(), dict[int, Word]()
    stands = np.zeros(len(chosen), bool) if preference.standing is None else preference.standing
    for pair, word in said.items():
        head, rest = sorted(
            (int(chosen[node]) for node in pair),
            key=lambda node: (not preference.kept[node], not stands[node], preference.rank[node]),
        )
        if head != rest and not preference.kept[rest]:
            moved = np.flatnonzero(chosen == rest)
            chosen[moved] = head
            by |= dict.fromkeys(moved.tolist(), word)
    return chosen, by
