"""Which of the nodes stand for others first."""

from collections.abc import Sequence

import numpy as np

from labelonce.clustering import Preference
from labelonce.matching import Node
from labelonce.reading import KnownImages
from labelonce.tasks import Task, TaskId, Touch


def head_of(node: Node) -> Task:
    """The task that stands for equal ones: one that people worked on, else one that stands already, else the first."""
    return min(node.tasks, key=_importance)


def _importance(task: Task) -> tuple[int, bool, TaskId]:
    order = (Touch.ANNOTATED, Touch.DRAFTED, Touch.RETURNED, Touch.NONE, Touch.SKIPPED)
    return order.index(task.touch), not task.standing, task.id


def preference_of(nodes: Sequence[Node], images: KnownImages) -> Preference:
    """Worked on by people, then larger, then sharper, then earlier."""
    heads = [head_of(node) for node in nodes]

    def key(number: int) -> tuple[object, ...]:
        records = [images.records[row] for row in nodes[number].rows]
        area = sum(record.width * record.height for record in records)
        sharpness = sum(record.sharpness for record in records)
        return _importance(heads[number])[0], -area, -sharpness, heads[number].id

    ranked = sorted(range(len(nodes)), key=key)
    appeared = sorted(range(len(nodes)), key=lambda number: heads[number].id)
    rank, first = np.empty(len(nodes), np.int64), np.empty(len(nodes), np.int64)
    rank[ranked] = first[appeared] = np.arange(len(nodes))
    kept = np.array([any(task.keeps for task in node.tasks) for node in nodes], bool)
    standing = np.array([any(task.standing for task in node.tasks) for node in nodes], bool)
    return Preference(kept, rank, first, standing)
