"""Verifies proposed pairs: as few as the representatives need, from remembered verdicts where there are some."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise, repeat

import numpy as np
from numpy.typing import NDArray

from labelonce.clustering import Preference, represent
from labelonce.features import FEATURES_VERSION
from labelonce.fine import Box
from labelonce.hints import hint_of, packed, unpacked
from labelonce.judge import NO_FEATURES, Judge
from labelonce.levels import Rules
from labelonce.matching import Matches, Node, Proposals
from labelonce.moments import Moments, Step
from labelonce.neighbours import Pairs
from labelonce.progress import Progress
from labelonce.reading import KnownImages, Reader
from labelonce.stamps import stamp_of
from labelonce.store import Store
from labelonce.threads import cores, threads
from labelonce.verification import NO_PICTURES, VERIFICATION_VERSION

FEATURES_IN_MEMORY = 2048  # about 100 kB each
AHEAD = 64  # nodes under way at once
TRIES = 24  # rejected pairs after which a task is compared with no other that was rejected as often; 64 found no more

_Boxes = tuple[Box, ...]
_Check = Callable[[NDArray[np.int64]], NDArray[np.bool_]]
_Why = tuple[str, float | None]  # of a pair that passes: the reason, and the doubt
_Found = list[tuple[int, _Why | None, _Boxes]]


def settle(pairs: Pairs, preference: Preference, check: _Check) -> NDArray[np.bool_]:
    """Check only the pairs that representatives need.

    First as if nothing stood, so that a project in which nothing changed is decided as before; then, where that would
    put a new node in the place of a standing one, again with those that stand. See `_settle`.

    Parameters
    ----------
    pairs
        What was proposed.
    preference
        Which nodes stand for others first.
    check
        Checks the pairs of these numbers, ascending, and says which pass; asked once for each.

    Returns
    -------
    (m,) bool
        Pairs that passed: one for each node that another one stands for.
    """
    if preference.standing is None or not preference.standing.any():
        return _settle(pairs, preference, check)
    m, n = len(pairs.left), len(preference.rank)
    asked, fine = np.zeros(m, bool), np.zeros(m, bool)

    def once(numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
        fresh = numbers[~asked[numbers]]
        if len(fresh):
            fine[fresh], asked[fresh] = check(fresh), True
        return np.asarray(fine[numbers], np.bool_)

    needed = _settle(pairs, replace(preference, standing=None), once)
    kept = Pairs(pairs.left[needed], pairs.right[needed], pairs.similarity[needed])
    chosen = represent(np.zeros(n, np.int64), kept, replace(preference, standing=None), "cover")
    stays = preference.kept | preference.standing
    ousted = stays & ~stays[chosen]
    if not ousted.any():
        return needed
    again = _components_of(pairs, np.arange(m), np.flatnonzero(ousted[pairs.left] | ousted[pairs.right]), n)
    return _settle(pairs, replace(preference, standing=preference.standing & again), once)


def _settle(pairs: Pairs, preference: Preference, check: _Check) -> NDArray[np.bool_]:
    """Check only the pairs that representatives need.

    In rounds: representatives are chosen as if all pairs passed that are not checked yet, and their pairs are
    checked. Where all pass, the choice stands: every other node passed against the one that stands for it, and no
    two representatives have a pair that was not rejected. Nodes that lost theirs have their most similar pairs
    checked too, twice as many in each round, so that look-alikes are settled in few rounds. Thousands of frames that
    differ in one place would cost a check for each pair of them: a pair is given up when both its nodes have been
    rejected `TRIES` times.
    """
    m, n = len(pairs.left), len(preference.rank)
    passed, unknown = np.zeros(m, bool), np.ones(m, bool)
    rejections = np.zeros(n, np.int64)
    strength = np.lexsort((np.arange(m), -pairs.similarity))
    active: NDArray[np.bool_] = np.ones(n, np.bool_)
    width = 1
    while active.any():
        inside = np.flatnonzero((passed | unknown) & active[pairs.left])
        star = _stars(pairs, inside, preference)
        wanted = star[unknown[star]]
        if width > 1:
            lost = _touched(pairs, wanted, n) & ~_touched(pairs, np.flatnonzero(passed), n)
            most = np.where(lost, np.clip(TRIES - rejections, 1, width), 0)
            wanted = np.union1d(wanted, _strongest(pairs, strength[unknown[strength]], most))
        if not len(wanted):
            break
        fine = check(wanted)
        passed[wanted[fine]], unknown[wanted] = True, False
        failed = wanted[~fine]
        for side in (pairs.left, pairs.right):
            np.add.at(rejections, side[failed], 1)
        unknown &= (rejections[pairs.left] < TRIES) | (rejections[pairs.right] < TRIES)
        active = _components_of(pairs, np.flatnonzero(passed | unknown), failed, n)
        width *= 2
    needed = np.zeros(m, bool)
    needed[_stars(pairs, np.flatnonzero(passed | unknown), preference)] = True
    return needed


def _stars(pairs: Pairs, numbers: NDArray[np.int64], preference: Preference) -> NDArray[np.int64]:
    """Those of the pairs that join a node and the representative that it would get."""
    left, right = pairs.left[numbers], pairs.right[numbers]
    nodes, place = np.unique(np.concatenate([left, right]), return_inverse=True)
    local = Pairs(place[: len(left)], place[len(left) :], pairs.similarity[numbers])
    chosen = represent(np.zeros(len(nodes), np.int64), local, preference.among(nodes), "cover")
    stands = (chosen[local.left] == local.right) | (chosen[local.right] == local.left)
    return np.asarray(numbers[stands], np.int64)


def _touched(pairs: Pairs, numbers: NDArray[np.int64], n: int) -> NDArray[np.bool_]:
    touched = np.zeros(n, bool)
    touched[pairs.left[numbers]] = touched[pairs.right[numbers]] = True
    return touched


def _strongest(pairs: Pairs, ordered: NDArray[np.int64], most: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first of the ordered pairs of each node, `most` of them on either side."""
    found = []
    for side in (pairs.left, pairs.right):
        mine = ordered[most[side[ordered]] > 0]
        by_node = mine[np.argsort(side[mine], kind="stable")]
        starts = np.flatnonzero(np.diff(side[by_node], prepend=-1))
        rank = np.arange(len(by_node)) - np.repeat(starts, np.diff(starts, append=len(by_node)))
        found.append(by_node[rank < most[side[by_node]]])
    return np.concatenate(found)


def _components_of(pairs: Pairs, numbers: NDArray[np.int64], failed: NDArray[np.int64], n: int) -> NDArray[np.bool_]:
    """Nodes that are connected, by the pairs of these numbers, with a node of a failed pair."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    graph = coo_matrix((np.ones(len(numbers), bool), (pairs.left[numbers], pairs.right[numbers])), shape=(n, n))
    _, label = connected_components(graph, directed=False)
    again = np.zeros(n, bool)
    again[label[pairs.left[failed]]] = again[label[pairs.right[failed]]] = True
    return np.asarray(again[label], np.bool_)


class Verifier:
    """Verifies pairs of nodes, and remembers the verdicts.

    Parameters
    ----------
    store
        Where verdicts are remembered.
    reader, images
        The images, and who knows their features.
    model
        Identity of the embedder, whose similarity is part of the verdict.
    rules
        The thresholds.
    proven
        Looser thresholds, for pairs that are proven to be of one moment; None where nothing is joined by that.
    """

    def __init__(
        self,
        store: Store,
        reader: Reader,
        images: KnownImages,
        *,
        model: str,
        rules: Rules,
        proven: Rules | None = None,
    ) -> None:
        self._store = store
        self._images = images
        self._rules = rules
        self._proven = proven
        self._moments: Moments | None = None
        shown = f"{VERIFICATION_VERSION}/{FEATURES_VERSION}/{model}/{rules}"
        self._key = sha256(shown.encode()).hexdigest()[:16]
        self._step_key = sha256(f"{shown}/{proven}".encode()).hexdigest()[:16]
        self._judge = Judge(reader, images, FEATURES_IN_MEMORY)

    def verify(
        self, proposed: Proposals, nodes: Sequence[Node], preference: Preference, progress: Progress, *, every: bool
    ) -> Matches:
        """The pairs all of whose images pass, in order.

        Parameters
        ----------
        every
            Check all pairs, not only those that representatives need.
        """
        if self._proven is not None:
            self._moments = self._moments_of(proposed, nodes, self._proven, progress)
        pairs = proposed.pairs
        found: dict[int, _Why] = {}
        places: dict[tuple[int, int], _Boxes] = {}
        with progress.stage("Verifying pairs", len(pairs.left)) as advance:
            left_over = len(pairs.left)

            def check(numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
                nonlocal left_over
                for part in self._by_node(proposed, nodes, numbers):
                    for number, why, boxes in part:
                        if why is not None:
                            found[number] = why
                        elif boxes:
                            places[int(pairs.left[number]), int(pairs.right[number])] = boxes
                    advance(len(part))
                    left_over -= len(part)
                return np.array([number in found for number in numbers.tolist()], bool)

            passed = check(np.arange(len(pairs.left))) if every else settle(pairs, preference, check)
            advance(left_over)
        kept = Pairs(pairs.left[passed], pairs.right[passed], pairs.similarity[passed])
        whys = [found[number] for number in np.flatnonzero(passed).tolist()]
        reasons, doubts = tuple(reason for reason, _ in whys), tuple(doubt for _, doubt in whys)
        return Matches(kept, reasons, doubts, hint_of(places))

    def _moments_of(self, proposed: Proposals, nodes: Sequence[Node], proven: Rules, progress: Progress) -> Moments:
        """The moments of all pictures: every proposed pair is looked at, for a chain is told by all of its steps."""
        records, origins = self._images.records, self._images.origins
        stamps = [
            stamp_of(location, record.captured, (record.width, record.height))
            for record, (_, location) in zip(records, origins, strict=True)
        ]
        asked: dict[int, set[int]] = {}
        sides = proposed.pairs.left.tolist(), proposed.pairs.right.tolist()
        for number, (left, right) in enumerate(zip(*sides, strict=True)):
            if number not in proposed.views:  # a film is not turned within
                for one, other in zip(nodes[left].rows, nodes[right].rows, strict=True):
                    asked.setdefault(min(one, other), set()).add(max(one, other))
        steps: dict[tuple[int, int], Step] = {}
        with progress.stage("Looking for moments", len(asked)) as advance, threads(cores(), "moments") as pool:
            for found in pool.map(self._steps, asked, asked.values(), repeat(proven)):
                steps.update(found)
                advance(1)
        return Moments(stamps, steps)

    def _steps(self, one: int, others: set[int], proven: Rules) -> dict[tuple[int, int], Step]:
        """The steps between the picture of a row and others, from remembered ones where there are some."""
        steps, fresh = {}, []
        records = self._images.records
        known: dict[str, dict[str, tuple[bool, str, float]]] = {}
        for other in others - {one}:
            a, b = sorted((records[one].pixels, records[other].pixels))
            if a not in known:
                known[a] = self._store.verdicts(a, self._step_key)
            if b not in known[a]:
                found = self._judge.step(one, other, self._rules, proven)
                known[a][b] = found is not None, str(found or ""), 0.0
                fresh.append((a, b, *known[a][b]))
            accepted, text, _ = known[a][b]
            if accepted:
                steps[one, other] = Step.parse(text)
        if fresh:
            self._store.put_verdicts(self._step_key, fresh)
        return steps

    def _by_node(self, proposed: Proposals, nodes: Sequence[Node], numbers: NDArray[np.int64]) -> Iterator[_Found]:
        """What is found of the pairs of one left node after the other; see `_one_node`."""
        left = proposed.pairs.left[numbers]
        bounds = [*np.flatnonzero(np.diff(left, prepend=-1)).tolist(), len(left)]
        ahead: deque[Future[_Found]] = deque()
        with threads(cores(), "verify") as pool:
            for start, stop in pairwise(bounds):
                ahead.append(pool.submit(self._one_node, proposed, nodes, numbers[start:stop]))
                if len(ahead) > AHEAD:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()

    def _one_node(self, proposed: Proposals, nodes: Sequence[Node], numbers: NDArray[np.int64]) -> _Found:
        """Why some pairs with one left node pass; None where they do not.

        With where they differ, for those that only the fine look rejects.
        """
        fresh: dict[str, list[tuple[str, str, bool, str, float]]] = {}
        differing: dict[str, list[tuple[str, str, str]]] = {}
        known: dict[tuple[str, str], dict[str, tuple[bool, str, float]]] = {}
        differences: dict[tuple[str, str], dict[str, str]] = {}

        def verdict(one: int, other: int, view: str) -> tuple[bool, _Why, _Boxes]:
            a, b = self._images.records[one].pixels, self._images.records[other].pixels
            if a == b and not view:
                return True, ("same pixels", 0.0), ()
            if not view:
                a, b = min(a, b), max(a, b)
            key = f"{self._key} {view}"
            if (key, a) not in known:
                known[key, a] = self._store.verdicts(a, key)
                differences[key, a] = self._store.differences(a, key)
            if b not in known[key, a]:
                found = self._decide(one, other, view)
                if found is None:  # it cannot be had any more: in doubt, both are kept
                    return False, (NO_FEATURES, None), ()
                said, boxes = found
                known[key, a][b] = said
                fresh.setdefault(key, []).append((a, b, *said))
                if boxes:
                    differences[key, a][b] = packed(boxes)
                    differing.setdefault(key, []).append((a, b, packed(boxes)))
            accepted, why, doubt = known[key, a][b]
            if not accepted and self._moments is not None and not view:
                evidence = self._moments.evidence(one, other)
                if evidence is not None:
                    return True, (str(evidence), None), ()
            return accepted, (why, doubt), unpacked(differences[key, a].get(b, "[]"))

        found_of: _Found = []
        for number in numbers.tolist():
            left, right = nodes[int(proposed.pairs.left[number])], nodes[int(proposed.pairs.right[number])]
            view = proposed.views.get(number, "")
            verdicts = [verdict(one, other, view) for one, other in zip(left.rows, right.rows, strict=True)]
            if all(accepted for accepted, _, _ in verdicts):
                found_of.append((number, _joined([why for _, why, _ in verdicts]), ()))
                continue
            boxes = [boxes for accepted, _, boxes in verdicts if not accepted]
            found_of.append((number, None, tuple(box for some in boxes for box in some) if all(boxes) else ()))
        for key, rows in fresh.items():
            self._store.put_verdicts(key, rows)
        for key, places in differing.items():
            self._store.put_differences(key, places)
        return found_of

    def _decide(self, one: int, other: int, view: str) -> tuple[tuple[bool, str, float], _Boxes] | None:
        found = self._judge.verdict(one, other, view, self._rules)
        if found.reason in (NO_FEATURES, NO_PICTURES):
            return None
        boxes = found.difference.boxes if found.difference and not (found.accepted or view) else ()
        return (found.accepted, f"{view}: {found}" if view else str(found), found.doubt), boxes


def _joined(whys: Sequence[_Why]) -> _Why:
    """What is said of all images of a pair of tasks: the doubt is the largest, where all are known."""
    known = [doubt for _, doubt in whys if doubt is not None]
    return "; ".join(dict.fromkeys(why for why, _ in whys)), max(known) if len(known) == len(whys) else None
