"""What a threshold of similarity does to a project: how many images it leaves to label."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelonce.clustering import NOISE
from labelonce.matching import Proposals
from labelonce.neighbours import Pairs

ROWS = 25  # steps that a table may have
STRIDES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # percent


@dataclass(frozen=True)
class Step:
    """What a run at one threshold would leave.

    Parameters
    ----------
    similarity
        The threshold: cosine similarity from which on two images are compared, percent.
    present
        Whether this is the one in use.
    left
        Tasks left to label.
    share_left
        Their share of all tasks, 0 to 1.
    duplicates
        Tasks that would be skipped.
    clusters
        Clusters with duplicates in them.
    left_unverified
        Tasks left to label if every pair within the threshold were taken; None where that is what happens.
    """

    similarity: float
    present: bool
    left: int
    share_left: float
    duplicates: int
    clusters: int
    left_unverified: int | None


def thresholds(lowest: float, present: float) -> tuple[float, ...]:
    """Cosine similarities worth trying, descending: round ones from `lowest` to 1, and both that are given.

    Parameters
    ----------
    lowest, present
        Cosine similarities, ``lowest <= present <= 1``.
    """
    stride = next((stride for stride in STRIDES if 100 * (1 - lowest) <= ROWS * stride), STRIDES[-1])
    first, last = int(np.ceil(100 * lowest / stride)), round(100 / stride)
    rounded = {round(number * stride, 4) / 100 for number in range(first, last + 1)}
    apart = {one for one in rounded if min(abs(one - lowest), abs(one - present)) > 1e-5}
    return tuple(sorted(apart | {lowest, present}, reverse=True))


def within(proposed: Proposals, similarity: float) -> Proposals:
    """The proposals with at least this cosine similarity."""
    pairs = proposed.pairs
    numbers = np.flatnonzero(pairs.similarity >= np.float32(similarity))
    views = {place: proposed.views[number] for place, number in enumerate(numbers.tolist()) if number in proposed.views}
    return Proposals(Pairs(pairs.left[numbers], pairs.right[numbers], pairs.similarity[numbers]), views)


def skipped(
    labels: NDArray[np.int64], chosen: NDArray[np.int64], free: NDArray[np.int64], kept: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """How many tasks of each node a plan would skip.

    Parameters
    ----------
    labels
        (n,) Cluster of each node, -1 for noise.
    chosen
        (n,) The node that stands for each node.
    free
        (n,) Tasks of each node that nobody worked on.
    kept
        (n,) bool. Nodes with tasks that people worked on.
    """
    alone = (chosen == np.arange(len(chosen))) & ~kept  # one of its own tasks stands for the node
    return np.asarray(np.where(labels == NOISE, 0, free - alone), np.int64)
