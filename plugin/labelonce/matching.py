"""Which tasks may show the same: exact copies become one node, alike nodes are proposed as pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from labelonce.neighbours import NeighbourSearch, Pairs, link
from labelonce.reading import KnownImages
from labelonce.tasks import Task


@dataclass(frozen=True)
class Node:
    """Tasks whose images have equal pixels, in order: one point for the search.

    Parameters
    ----------
    rows
        Rows of the images in `KnownImages`.
    tasks
        The tasks, in the order in which they came.
    """

    rows: tuple[int, ...]
    tasks: tuple[Task, ...]


@dataclass(frozen=True)
class Proposals:
    """Pairs of nodes that look alike.

    Parameters
    ----------
    pairs
        The pairs, with the cosine similarity of their least alike images.
    views
        For the pairs, by number, that look more alike when the right one is held otherwise: the name of that view.
    """

    pairs: Pairs
    views: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Matches:
    """Pairs of nodes that show the same, each with its reason."""

    pairs: Pairs
    reasons: tuple[str, ...]

    def find(self, one: int, other: int) -> tuple[float, str] | None:
        """Cosine similarity of two nodes, and why they are a pair; None where they are not."""
        left, right = min(one, other), max(one, other)
        start, stop = np.searchsorted(self.pairs.left, [left, left + 1]).tolist()
        place = start + int(np.searchsorted(self.pairs.right[start:stop], right))
        if place == stop or self.pairs.right[place] != right:
            return None
        return float(self.pairs.similarity[place]), self.reasons[place]


def collapse(tasks: Sequence[Task], images: KnownImages) -> list[Node]:
    """Join the tasks with equal pixels, so that a thousand copies do not fill each other's neighbour lists."""
    groups: dict[tuple[str, tuple[int, ...]], list[Task]] = {}
    for task in tasks:
        groups.setdefault((task.context, images.rows[task.id]), []).append(task)
    return [Node(rows, tuple(group)) for (_, rows), group in groups.items()]


def propose(nodes: Sequence[Node], images: KnownImages, similarity: float, search: NeighbourSearch) -> Proposals:
    """Pairs of nodes all of whose images, in order, have at least this cosine similarity.

    Tasks with several images are searched by the mean of their images' similarities, which is at least the smallest.
    Their similarity is the smallest one. Where the images are known in other views, each node as it is is compared
    with the later ones in each of them; the view that looks most alike is proposed.
    """
    names = ("", *images.views)
    groups: dict[tuple[str, int], list[int]] = {}
    for number, node in enumerate(nodes):
        groups.setdefault((node.tasks[0].context, len(node.rows)), []).append(number)
    nothing = np.zeros(0, np.int64)
    found: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]]
    found = [(nothing, nothing, nothing.astype(np.float32), nothing)]
    for numbers in groups.values():
        rows, index = np.array([nodes[number].rows for number in numbers]), np.array(numbers)
        for view, name in enumerate(names):
            if len(numbers) < 2:
                continue
            left, right, cosine = _search(
                images.vectors, images.views[name] if name else None, rows, similarity, search
            )
            near = cosine >= similarity
            found.append((index[left[near]], index[right[near]], cosine[near], np.full(int(near.sum()), view)))
    left, right, cosine, view = (np.concatenate(part) for part in zip(*found, strict=True))
    order = np.lexsort((view, -cosine, right, left))
    first = order[np.diff(left[order] * len(nodes) + right[order], prepend=-1) != 0]
    pairs = Pairs(left[first], right[first], np.minimum(cosine[first], 1.0).astype(np.float32))
    return Proposals(pairs, {number: names[view[first[number]]] for number in np.flatnonzero(view[first]).tolist()})


def _search(
    vectors: NDArray[np.float32],
    held: NDArray[np.float32] | None,
    rows: NDArray[np.int64],
    similarity: float,
    search: NeighbourSearch,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Pairs of one group, left before right, and their smallest similarity; the right ones are held as given."""
    n, width = rows.shape
    stacked = [one[rows].reshape(n, -1) / np.sqrt(np.float32(width)) for one in (vectors, held) if one is not None]
    pairs = link(np.concatenate(stacked), similarity, search)
    left, right, cosine = pairs.left, pairs.right, pairs.similarity
    if held is not None:
        across = (left < n) & (right >= n) & (left < right - n)
        left, right, cosine = left[across], right[across] - n, cosine[across]
    if width > 1:
        others = vectors if held is None else held
        cosine = np.einsum("nkd,nkd->nk", vectors[rows[left]], others[rows[right]]).min(axis=1)
    return left, right, cosine


def accept_all(pairs: Pairs) -> Matches:
    """Take every proposed pair, as the published recipe does."""
    return Matches(pairs, tuple("embedding" for _ in pairs.left))
