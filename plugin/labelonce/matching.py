"""Which tasks show the same: exact copies become one node, alike nodes are proposed, doubtful pairs verified."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from labelonce import __version__
from labelonce.neighbours import NeighbourSearch, Pairs, link
from labelonce.progress import Progress
from labelonce.reading import FEATURES, KnownImages, Reader
from labelonce.store import Store
from labelonce.tasks import Task
from labelonce.verification import Features, verify

FEATURES_IN_MEMORY = 2048  # about 25 kB each
AHEAD = 64  # nodes under way at once


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
class Matches:
    """Pairs of nodes that show the same, each with its reason."""

    pairs: Pairs
    reasons: tuple[str, ...]

    def reason(self, one: int, other: int) -> str | None:
        """Why two nodes are a pair; None where they are not."""
        left, right = min(one, other), max(one, other)
        start, stop = np.searchsorted(self.pairs.left, [left, left + 1]).tolist()
        place = start + int(np.searchsorted(self.pairs.right[start:stop], right))
        return self.reasons[place] if place < stop and self.pairs.right[place] == right else None


def collapse(tasks: Sequence[Task], images: KnownImages) -> list[Node]:
    """Join the tasks with equal pixels, so that a thousand copies do not fill each other's neighbour lists."""
    groups: dict[tuple[str, tuple[int, ...]], list[Task]] = {}
    for task in tasks:
        groups.setdefault((task.context, images.rows[task.id]), []).append(task)
    return [Node(rows, tuple(group)) for (_, rows), group in groups.items()]


def propose(nodes: Sequence[Node], images: KnownImages, similarity: float, search: NeighbourSearch) -> Pairs:
    """Pairs of nodes all of whose images, in order, have at least this cosine similarity.

    Tasks with several images are searched by the mean of their images' similarities, which is at least the smallest.
    Their similarity is the smallest one.
    """
    groups: dict[tuple[str, int], list[int]] = {}
    for number, node in enumerate(nodes):
        groups.setdefault((node.tasks[0].context, len(node.rows)), []).append(number)
    found: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]] = []
    for (_, width), numbers in groups.items():
        if len(numbers) < 2:
            continue
        rows = np.array([nodes[number].rows for number in numbers])
        vectors = images.vectors[rows].reshape(len(numbers), -1) / np.sqrt(np.float32(width))
        pairs = link(vectors, similarity, search)
        cosine = pairs.similarity
        if width > 1:
            left, right = images.vectors[rows[pairs.left]], images.vectors[rows[pairs.right]]
            cosine = np.einsum("nkd,nkd->nk", left, right).min(axis=1)
        near = cosine >= similarity
        index = np.array(numbers)
        found.append((index[pairs.left[near]], index[pairs.right[near]], np.minimum(cosine[near], 1.0)))
    if not found:
        return Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))
    one, other, cosine = (np.concatenate(part) for part in zip(*found, strict=True))
    left, right = np.minimum(one, other), np.maximum(one, other)
    order = np.lexsort((right, left))
    return Pairs(left[order], right[order], cosine[order].astype(np.float32))


def accept_all(pairs: Pairs) -> Matches:
    """Take every proposed pair, as the published recipe does."""
    return Matches(pairs, tuple("embedding" for _ in pairs.left))


class Verifier:
    """Verifies proposed pairs by geometry; remembers the verdicts.

    Parameters
    ----------
    store
        Where verdicts are remembered.
    reader, images
        The images, and who knows their features.
    model
        Identity of the embedder, whose similarity is part of the verdict.
    strict
        Cosine similarity above which pictures without corners may be accepted.
    workers
        Threads.
    """

    def __init__(
        self, store: Store, reader: Reader, images: KnownImages, *, model: str, strict: float, workers: int
    ) -> None:
        self._store = store
        self._reader = reader
        self._images = images
        self._strict = strict
        self._workers = workers
        self._key = f"{__version__}/{FEATURES}/{model}/{strict:.6f}"  # the rule may change with the version
        self._features = lru_cache(FEATURES_IN_MEMORY)(self._load)

    def verify(self, pairs: Pairs, nodes: Sequence[Node], progress: Progress) -> Matches:
        """Keep the pairs all of whose images pass, in order."""
        reasons: list[str | None] = []
        with progress.stage("Verifying pairs", len(pairs.left)) as advance:
            for verdicts in self._by_node(pairs, nodes):
                reasons += verdicts
                advance(len(verdicts))
        passed = np.array([reason is not None for reason in reasons], bool)
        kept = Pairs(pairs.left[passed], pairs.right[passed], pairs.similarity[passed])
        return Matches(kept, tuple(reason for reason in reasons if reason is not None))

    def _by_node(self, pairs: Pairs, nodes: Sequence[Node]) -> Iterator[list[str | None]]:
        """Verdicts for the pairs of one left node after the other."""
        bounds = [*np.flatnonzero(np.diff(pairs.left, prepend=-1)).tolist(), len(pairs.left)]
        ahead: deque[Future[list[str | None]]] = deque()
        with ThreadPoolExecutor(self._workers, thread_name_prefix="labelonce-verify") as pool:
            try:
                for start, stop in pairwise(bounds):
                    left = nodes[int(pairs.left[start])]
                    rights = [nodes[int(number)] for number in pairs.right[start:stop]]
                    ahead.append(pool.submit(self._one_node, left, rights))
                    if len(ahead) > AHEAD:
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()
            finally:
                for future in ahead:
                    future.cancel()

    def _one_node(self, left: Node, rights: Sequence[Node]) -> list[str | None]:
        fresh: dict[tuple[str, str], tuple[bool, str]] = {}
        known: dict[str, dict[str, tuple[bool, str]]] = {}

        def verdict(one: int, other: int) -> tuple[bool, str]:
            a, b = sorted((self._images.records[one].pixels, self._images.records[other].pixels))
            if a == b:
                return True, "equal pixels"
            if a not in known:
                known[a] = self._store.verdicts(a, self._key)
            if b not in known[a]:
                found = self._decide(one, other)
                if found is None:  # it cannot be had any more: in doubt, both are kept
                    return False, "no features"
                known[a][b] = fresh[a, b] = found
            return known[a][b]

        reasons: list[str | None] = []
        for right in rights:
            verdicts = [verdict(one, other) for one, other in zip(left.rows, right.rows, strict=True)]
            passed = all(accepted for accepted, _ in verdicts)
            reasons.append("; ".join(dict.fromkeys(why for _, why in verdicts)) if passed else None)
        if fresh:
            self._store.put_verdicts(self._key, [(a, b, *decided) for (a, b), decided in fresh.items()])
        return reasons

    def _decide(self, one: int, other: int) -> tuple[bool, str] | None:
        a, b = self._features(one), self._features(other)
        if a is None or b is None:
            return None
        cosine = float(self._images.vectors[one] @ self._images.vectors[other])
        found = verify(a, b, cosine, self._strict)
        if found.reason == "geometry":
            return found.accepted, f"geometry ({found.inliers} points, overlap {100 * found.overlap:.0f} %)"
        return found.accepted, found.reason

    def _load(self, row: int) -> Features | None:
        content = self._reader.features(self._images, row)
        try:
            return Features.from_bytes(content) if content is not None else None
        except ValueError:
            return None
