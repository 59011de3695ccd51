"""Clusters as people read them: who is in which one, how large they are, and what was not compared."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from labelonce.clustering import NOISE
from labelonce.pipeline import Clusters
from labelonce.planning import Decision, Role
from labelonce.tasks import TaskId

SIZES = (2, 3, 4, 5, 10, 20, 50, 100, 1000)  # where the rows of the table of sizes begin
COLUMNS = ("task", "label", "size", "representative", "problem")


@dataclass(frozen=True)
class Cluster:
    """Tasks that show the same, by way of each other.

    Parameters
    ----------
    label
        DBSCAN's label; clusters are numbered by their first member.
    members
        Its tasks, in order.
    representatives
        What stands for each member: itself where it is kept.
    """

    label: int
    members: tuple[TaskId, ...]
    representatives: tuple[TaskId, ...]


@dataclass(frozen=True)
class Grouping:
    """All tasks of a source, each in one place.

    Parameters
    ----------
    source, project
        Where the tasks come from, as in `Plan`.
    clusters
        By label.
    unique
        DBSCAN's noise, in order.
    problems
        Tasks that were not compared, with the reason; they are neither in a cluster nor unique.
    settings
        What shaped the clusters.
    """

    source: str
    project: int | None
    clusters: tuple[Cluster, ...]
    unique: tuple[TaskId, ...]
    problems: tuple[tuple[TaskId, str], ...]
    settings: dict[str, Any]

    @property
    def clustered(self) -> int:
        """How many tasks are in clusters."""
        return sum(len(one.members) for one in self.clusters)

    @property
    def tasks(self) -> int:
        """How many tasks there are."""
        return self.clustered + len(self.unique) + len(self.problems)


def group(found: Clusters, decisions: Sequence[Decision], *, source: str, project: int | None = None) -> Grouping:
    """Put every task in its place.

    Parameters
    ----------
    found
        The clusters; for those of DBSCAN all pairs have to be verified (``find_clusters(..., every=True)``).
    decisions
        What stands for each task, as `decisions_of` says.
    """
    stands = {one.task: one.representative for one in decisions if one.role is Role.DUPLICATE}
    by_label: dict[int, list[TaskId]] = {}
    for node, label in zip(found.nodes, found.labels.tolist(), strict=True):
        by_label.setdefault(label, []).extend(task.id for task in node.tasks)
    unique = sorted(by_label.pop(NOISE, []))
    ordered = sorted(sorted(members) for members in by_label.values())
    compared = {task for members in (unique, *ordered) for task in members}
    problems = [
        (task.id, found.images.problems.get(task.id, task.touch.value))
        for task in found.tasks
        if task.id not in compared
    ]
    clusters = (
        Cluster(label, tuple(members), tuple(_or(stands.get(task), task) for task in members))
        for label, members in enumerate(ordered)
    )
    return Grouping(source, project, tuple(clusters), tuple(unique), tuple(problems), found.shaped)


def _or(representative: TaskId | None, task: TaskId) -> TaskId:
    return task if representative is None else representative


def rows(grouping: Grouping) -> Iterator[tuple[TaskId, int | None, int | None, TaskId | None, str | None]]:
    """Task, label, size of the cluster, representative, and why it was not compared; in the order of the tasks."""
    listed: list[tuple[TaskId, int | None, int | None, TaskId | None, str | None]] = []
    for one in grouping.clusters:
        listed += [
            (task, one.label, len(one.members), head, None)
            for task, head in zip(one.members, one.representatives, strict=True)
        ]
    listed += [(task, NOISE, 1, task, None) for task in grouping.unique]
    listed += [(task, None, None, None, reason) for task, reason in grouping.problems]
    yield from sorted(listed, key=lambda row: row[0])


def sizes(grouping: Grouping) -> dict[int, int]:
    """How many clusters there are of each size, by size."""
    return dict(sorted(Counter(len(one.members) for one in grouping.clusters).items()))


def size_rows(grouping: Grouping) -> Iterator[tuple[str, int, int]]:
    """Sizes from and to, how many clusters have one of these, and how many tasks they hold."""
    counted = sizes(grouping)
    starts = (1, *SIZES)
    for start, stop in zip(starts, (*starts[1:], None), strict=True):
        within = {size: count for size, count in counted.items() if start <= size and (stop is None or size < stop)}
        if within:
            last = "and more" if stop is None else "" if stop == start + 1 else f"to {stop - 1}"
            yield f"{start} {last}".strip(), sum(within.values()), sum(size * count for size, count in within.items())


def largest(grouping: Grouping, count: int) -> list[Cluster]:
    """The clusters with most members, the first of equal ones first."""
    return sorted(grouping.clusters, key=lambda one: (-len(one.members), one.label))[:count]


def as_record(grouping: Grouping) -> dict[str, Any]:
    """All of it for JSON."""
    return {
        "source": grouping.source,
        "project": grouping.project,
        "settings": grouping.settings,
        "tasks": grouping.tasks,
        "clusters": len(grouping.clusters),
        "clustered": grouping.clustered,
        "unique": len(grouping.unique),
        "not_compared": len(grouping.problems),
        "sizes": sizes(grouping),
        "members": {one.label: one.members for one in grouping.clusters},
        "datapoints": [dict(zip(COLUMNS, row, strict=True)) for row in rows(grouping)],
    }
