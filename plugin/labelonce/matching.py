"""Which tasks may show the same: exact copies become one node, alike nodes are proposed as pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from labelonce.hints import Hint
from labelonce.images.parts import TRIMMED
from labelonce.neighbours import NeighbourSearch, Pairs, link
from labelonce.progress import Progress
from labelonce.reading import KnownImages
from labelonce.tasks import Task, TaskId

_QUIET = Progress()


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


Why = tuple[str, float | None]  # of a pair that passes: the reason, and the doubt


@dataclass(frozen=True)
class Told:
    """Verdicts on proposed pairs, by their numbers, that hold with looser thresholds for what may differ too.

    Parameters
    ----------
    passed
        Pairs that pass, and why.
    rejected
        (m,) bool. Pairs that are rejected for more than a difference.
    differing
        How many are rejected for a difference alone.
    """

    passed: Mapping[int, Why]
    rejected: NDArray[np.bool_]
    differing: int


@dataclass(frozen=True)
class Matches:
    """Pairs of nodes that show the same, each with its reason.

    Parameters
    ----------
    doubts
        As in `Verdict`; None for pairs that no threshold of the verification decided.
    hint
        A place in which pairs differ that agree everywhere else; None where there is none.
    told
        All verdicts; None where none were asked for.
    stands
        (m,) uint8, `Stands` of each pair; None where either may stand for the other.
    """

    pairs: Pairs
    reasons: tuple[str, ...]
    doubts: tuple[float | None, ...]
    hint: Hint | None = None
    told: Told | None = field(default=None, repr=False, compare=False)
    stands: NDArray[np.uint8] | None = None

    def find(self, one: int, other: int) -> tuple[float, str, float | None] | None:
        """Cosine similarity of two nodes, why they are a pair, and the doubt; None where they are none."""
        left, right = min(one, other), max(one, other)
        start, stop = np.searchsorted(self.pairs.left, [left, left + 1]).tolist()
        place = start + int(np.searchsorted(self.pairs.right[start:stop], right))
        if place == stop or self.pairs.right[place] != right:
            return None
        return float(self.pairs.similarity[place]), self.reasons[place], self.doubts[place]


def collapse(tasks: Sequence[Task], images: KnownImages) -> list[Node]:
    """Join the tasks with equal pixels, so that a thousand copies do not fill each other's neighbour lists.

    A task that a person told apart from others is a node of its own.
    """
    groups: dict[tuple[str, tuple[int, ...], TaskId | None], list[Task]] = {}
    for task in tasks:
        alone = task.id if task.distinct else None
        groups.setdefault((task.context, images.rows[task.id], alone), []).append(task)
    return [Node(rows, tuple(group)) for (_, rows, _), group in groups.items()]


def propose(
    nodes: Sequence[Node], images: KnownImages, similarity: float, search: NeighbourSearch, progress: Progress = _QUIET
) -> Proposals:
    """Pairs of nodes all of whose images, in order, have at least this cosine similarity.

    Tasks with several images are searched by the mean of their images' similarities, which is at least the smallest.
    Their similarity is the smallest one. Where the images are known in other views, each node as it is is compared
    with the later ones in each of them; the view that looks most alike is proposed. Of many equal vectors those are
    paired with all the others that people worked on, or that stand already, because they will represent.
    """
    names = ("", *images.views)
    groups: dict[tuple[str, int], list[int]] = {}
    for number, node in enumerate(nodes):
        groups.setdefault((node.tasks[0].context, len(node.rows)), []).append(number)
    nothing = np.zeros(0, np.int64)
    found: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]]
    found = [(nothing, nothing, nothing.astype(np.float32), nothing)]
    for (context, count), numbers in groups.items():
        ordered = sorted(numbers, key=lambda number: _priority(nodes[number]))
        for view, name in enumerate(names):
            index = np.array(numbers if name else ordered)  # in a view, which of two is held matters
            rows = np.array([nodes[number].rows for number in index.tolist()])
            if len(numbers) < 2:
                continue
            here = replace(search, name=f"{search.name}\n{context}\n{count}\n{name}")
            held = images.views[name] if name else None
            left, right, cosine = _search(images.vectors, held, rows, similarity, here, progress)
            near = cosine >= similarity
            one, other = index[left[near]], index[right[near]]
            found.append((np.minimum(one, other), np.maximum(one, other), cosine[near], np.full(len(one), view)))
    left, right, cosine, view = (np.concatenate(part) for part in zip(*found, strict=True))
    order = np.lexsort((view, -cosine, right, left))
    first = order[np.diff(left[order] * len(nodes) + right[order], prepend=-1) != 0]
    pairs = Pairs(left[first], right[first], np.minimum(cosine[first], 1.0).astype(np.float32))
    return Proposals(pairs, {number: names[view[first[number]]] for number in np.flatnonzero(view[first]).tolist()})


def propose_parts(
    nodes: Sequence[Node], images: KnownImages, similarity: float, search: NeighbourSearch, progress: Progress = _QUIET
) -> Pairs:
    """Pairs of nodes of which a part of one looks like the other, trimmed or as it is; nodes of one image only.

    Their similarity is that of the most similar parts.
    """
    groups: dict[str, list[int]] = {}
    for number, node in enumerate(nodes):
        if len(node.rows) == 1:
            groups.setdefault(node.tasks[0].context, []).append(number)
    lefts, rights, cosines = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
    for (context, numbers), (name, part) in product(groups.items(), images.parts.items()):
        index, n = np.array(numbers), len(numbers)
        rows = np.array([nodes[number].rows[0] for number in numbers])
        here = replace(search, name=f"{search.name}\n{context}\n{name}")
        wholes = images.vectors[rows], images.parts[TRIMMED][rows]
        pairs = link(np.concatenate([*wholes, part[rows]]), similarity, here, progress)
        across = (pairs.left < 2 * n) & (pairs.right >= 2 * n) & (pairs.left % n != pairs.right % n)
        one, other = index[pairs.left[across] % n], index[pairs.right[across] % n]
        lefts.append(np.minimum(one, other))
        rights.append(np.maximum(one, other))
        cosines.append(pairs.similarity[across])
    return strongest(np.concatenate(lefts), np.concatenate(rights), np.concatenate(cosines))


def strongest(left: NDArray[np.int64], right: NDArray[np.int64], similarity: NDArray[np.float32]) -> Pairs:
    """Pairs that may be named several times, each once, with the largest of its similarities."""
    order = np.lexsort((-similarity, right, left))
    left, right, similarity = left[order], right[order], similarity[order]
    first = np.ones(len(order), bool)
    first[1:] = (np.diff(left) != 0) | (np.diff(right) != 0)
    return Pairs(left[first], right[first], similarity[first])


def with_more(proposed: Proposals, more: Pairs) -> Proposals:
    """Proposals and other pairs; where a pair is among both, it stays as it was proposed, but for its similarity."""
    pairs = proposed.pairs
    both = strongest(
        *(np.concatenate([getattr(pairs, side), getattr(more, side)]) for side in ("left", "right", "similarity"))
    )
    views = {(int(pairs.left[number]), int(pairs.right[number])): view for number, view in proposed.views.items()}
    if not views:
        return Proposals(both)
    named = enumerate(zip(both.left.tolist(), both.right.tolist(), strict=True))
    return Proposals(both, {number: views[pair] for number, pair in named if pair in views})


def _priority(node: Node) -> tuple[bool, bool]:
    return not any(task.keeps for task in node.tasks), not any(task.standing for task in node.tasks)


def _search(
    vectors: NDArray[np.float32],
    held: NDArray[np.float32] | None,
    rows: NDArray[np.int64],
    similarity: float,
    search: NeighbourSearch,
    progress: Progress,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Pairs of one group, left before right, and their smallest similarity; the right ones are held as given."""
    n, width = rows.shape
    if width == 1 and held is None:  # nothing to copy
        pairs = link(vectors, similarity, search, progress, rows[:, 0])
        return pairs.left, pairs.right, pairs.similarity
    stacked = [one[rows].reshape(n, -1) / np.sqrt(np.float32(width)) for one in (vectors, held) if one is not None]
    pairs = link(np.concatenate(stacked), similarity, search, progress)
    left, right, cosine = pairs.left, pairs.right, pairs.similarity
    if held is not None:
        across = (left < n) & (right >= n) & (left < right - n)
        left, right, cosine = left[across], right[across] - n, cosine[across]
    if width > 1:
        others = vectors if held is None else held
        cosine = np.einsum("nkd,nkd->nk", vectors[rows[left]], others[rows[right]]).min(axis=1)
    return left, right, cosine


def worth_asking(proposed: Proposals, nodes: Sequence[Node]) -> Proposals:
    """Without pairs that a person told apart, and those of nodes that both are settled."""
    settled = np.array([any(task.settled for task in node.tasks) for node in nodes], bool)
    alone = [number for number, node in enumerate(nodes) if node.tasks[0].distinct]
    pairs = proposed.pairs
    asked = ~(settled[pairs.left] & settled[pairs.right])
    for number in np.flatnonzero(np.isin(pairs.left, alone) | np.isin(pairs.right, alone)).tolist():
        asked[number] &= not _told_apart(nodes[int(pairs.left[number])], nodes[int(pairs.right[number])])
    if asked.all():
        return proposed
    place = np.cumsum(asked) - 1
    views = {int(place[number]): view for number, view in proposed.views.items() if asked[number]}
    return Proposals(Pairs(pairs.left[asked], pairs.right[asked], pairs.similarity[asked]), views)


def _told_apart(one: Node, other: Node) -> bool:
    return any(left.id in right.distinct or right.id in left.distinct for left in one.tasks for right in other.tasks)


def accept_all(pairs: Pairs) -> Matches:
    """Take every proposed pair, as the published recipe does."""
    count = len(pairs.left)
    return Matches(pairs, ("embedding",) * count, (None,) * count)
