"""Verifies proposed pairs: as few as the representatives need, from remembered verdicts where there are some."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from copy import copy
from functools import reduce
from hashlib import sha256
from itertools import pairwise, repeat
from operator import and_

import numpy as np
from numpy.typing import NDArray

from labelonce.clustering import Preference
from labelonce.containing import Stands
from labelonce.features import FEATURES_VERSION
from labelonce.fine import Box
from labelonce.hints import hint_of, packed, unpacked
from labelonce.judge import NO_FEATURES, Judge
from labelonce.levels import Rules
from labelonce.matching import Matches, Node, Proposals, Told, Why
from labelonce.moments import Evidence, Moments, Step, telling
from labelonce.neighbours import Pairs
from labelonce.progress import Progress
from labelonce.reading import KnownImages, Reader
from labelonce.settling import settle
from labelonce.stamps import stamp_of
from labelonce.store import Store
from labelonce.threads import cores, threads
from labelonce.verification import NO_PICTURES, VERIFICATION_VERSION
from labelonce.wording import only_differs

FEATURES_IN_MEMORY = 2048  # about 100 kB each
AHEAD = 64  # nodes under way at once
SMALLER = 0.75  # times as long, below which a picture may not show what two others differ in

_Boxes = tuple[Box, ...]
_Said = tuple[bool, str, float]  # of two pictures: accepted, why, and with which doubt
_Found = list[tuple[int, Stands, Why, _Boxes, bool]]


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
        self._stricter = ""
        self._shown = f"{VERIFICATION_VERSION}/{FEATURES_VERSION}/{model}/"
        self._key = _hash(f"{self._shown}{rules}")
        self._step_key = _hash(f"{self._shown}{rules}/{proven}")
        self._judge = Judge(reader, images, FEATURES_IN_MEMORY)

    def loosened(self, rules: Rules) -> "Verifier":
        """A verifier whose rules reject nothing that these accept, and differ only in how much of photographs may.

        It asks again only about photographs that were rejected for a difference. In other pictures the fine look could
        still find none where thumbnails found one; that is not asked, for it takes long, and hardly any pass.
        """
        looser = copy(self)
        looser._rules, looser._proven, looser._moments = rules, None, None
        looser._key, looser._stricter = _hash(f"{self._shown}{rules}/{self._key}"), self._key
        return looser

    def verify(
        self,
        proposed: Proposals,
        nodes: Sequence[Node],
        preference: Preference,
        progress: Progress,
        *,
        every: bool,
        told: Told | None = None,
    ) -> Matches:
        """The pairs all of whose images pass, in order.

        Parameters
        ----------
        every
            Check all pairs, not only those that representatives need.
        told
            What the stricter verifier found of these pairs, for one that is `loosened`.
        """
        if self._proven is not None:
            self._moments = self._moments_of(proposed, nodes, self._proven, progress)
        pairs = proposed.pairs
        found: dict[int, Why] = {}
        stands = np.zeros(len(pairs.left), np.uint8)
        places: dict[tuple[int, int], _Boxes] = {}
        rejected, only_differing = np.zeros(len(pairs.left), np.bool_), 0
        with progress.stage("Verifying pairs" if told is None else "Asking about scenes", len(pairs.left)) as advance:
            left_over = len(pairs.left)

            def check(numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
                nonlocal left_over, only_differing
                asked = numbers
                if told is not None:
                    found.update((one, told.passed[one]) for one in numbers.tolist() if one in told.passed)
                    stands[[one for one in numbers.tolist() if one in found]] = Stands.EITHER
                    asked = numbers[[not told.rejected[one] and one not in found for one in numbers.tolist()]]
                for part in self._by_node(proposed, nodes, asked):
                    for number, may, why, boxes, differs in part:
                        if may:
                            found[number], stands[number] = why, may
                            continue
                        rejected[number] = not differs
                        only_differing += differs
                        if boxes:
                            places[int(pairs.left[number]), int(pairs.right[number])] = boxes
                    advance(len(part))
                    left_over -= len(part)
                return stands[numbers]

            def doubt(number: int) -> float:
                return found[number][1] or 0.0

            def poorer(one: int, other: int) -> bool:
                return self._poorer(nodes[one], nodes[other])

            passed = check(np.arange(len(pairs.left))) > 0 if every else settle(pairs, preference, check, doubt, poorer)
            advance(left_over)
        kept = Pairs(pairs.left[passed], pairs.right[passed], pairs.similarity[passed])
        whys = [found[number] for number in np.flatnonzero(passed).tolist()]
        reasons, doubts = tuple(reason for reason, _ in whys), tuple(doubt for _, doubt in whys)
        verdicts = Told(found, rejected, only_differing)
        return Matches(kept, reasons, doubts, hint_of(places, kept), verdicts, stands[passed])

    def _moments_of(self, proposed: Proposals, nodes: Sequence[Node], proven: Rules, progress: Progress) -> Moments:
        """The moments of all pictures; only pairs that tell something of them are looked at."""
        records, origins = self._images.records, self._images.origins
        stamps = [stamp_of(location, each.captured) for each, (_, location) in zip(records, origins, strict=True)]
        sides = proposed.pairs.left.tolist(), proposed.pairs.right.tolist()
        pairs = (
            (min(one, other), max(one, other))
            for number, (left, right) in enumerate(zip(*sides, strict=True))
            if number not in proposed.views  # a film is not turned within
            for one, other in zip(nodes[left].rows, nodes[right].rows, strict=True)
        )
        asked: dict[int, set[int]] = {}
        for one, other in telling(stamps, pairs):
            asked.setdefault(one, set()).add(other)
        steps: dict[tuple[int, int], Step] = {}
        with progress.stage("Looking for moments", len(asked)) as advance, threads(cores(), "moments") as pool:
            for found in pool.map(self._steps, asked, asked.values(), repeat(proven)):
                steps.update(found)
                advance(1)
        return Moments(stamps, steps)

    def _poorer(self, one: Node, other: Node) -> bool:
        """Whether some picture of a node is no photograph, and much smaller than the other node's."""
        records = self._images.records
        pairs = list(zip(one.rows, other.rows, strict=True))
        areas = [(records[a].width * records[a].height, records[b].width * records[b].height) for a, b in pairs]
        smaller = [pair for pair, (a, b) in zip(pairs, areas, strict=True) if a < SMALLER**2 * b]
        return any(not self._judge.photographic(a, b) for a, b in smaller)

    def _of_one_moment(self, one: int, other: int) -> Evidence | None:
        """Why two pictures that `scene` joins are of one moment."""
        if self._proven is None or self._moments is None:
            return None
        evidence = self._moments.evidence(one, other)
        joined = evidence is not None and self._steps(min(one, other), {max(one, other)}, self._proven)
        return evidence if joined else None

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
        """Whether and why some pairs with one left node pass.

        With where they differ, for those that only the fine look rejects, and whether a difference is all that tells
        them apart.
        """
        fresh: dict[str, list[tuple[str, str, bool, str, float]]] = {}
        differing: dict[str, list[tuple[str, str, str]]] = {}
        known: dict[tuple[str, str], dict[str, _Said]] = {}
        differences: dict[tuple[str, str], dict[str, str]] = {}

        def before(a: str, view: str) -> dict[str, _Said]:
            key = f"{self._stricter} {view}"
            if self._stricter and (key, a) not in known:
                known[key, a] = self._store.verdicts(a, key)
            return known.get((key, a), {})

        def verdict(one: int, other: int, view: str) -> tuple[Stands, Why, _Boxes]:
            a, b = self._images.records[one].pixels, self._images.records[other].pixels
            if a == b and not view:
                return Stands.EITHER, ("same pixels", 0.0), ()
            swapped = not view and b < a
            if swapped:
                a, b = b, a
            key = f"{self._key} {view}"
            if (key, a) not in known:
                known[key, a] = self._store.verdicts(a, key)
                differences[key, a] = self._store.differences(a, key)
            if b not in known[key, a]:
                found = self._as_before(one, other, view, before(a, view).get(b)) or self._decide(
                    one, other, view, swapped=swapped
                )
                if found is None:  # it cannot be had any more: in doubt, both are kept
                    return Stands.NEITHER, (NO_FEATURES, None), ()
                said, boxes = found
                known[key, a][b] = said
                fresh.setdefault(key, []).append((a, b, *said))
                if boxes:
                    differences[key, a][b] = packed(boxes)
                    differing.setdefault(key, []).append((a, b, packed(boxes)))
            accepted, why, doubt = known[key, a][b]
            if not accepted and not view:
                evidence = self._of_one_moment(one, other)
                if evidence is not None:
                    return Stands.EITHER, (str(evidence), None), ()
            stands, why = _told(accepted, why)
            boxes = unpacked(differences[key, a].get(b, "[]"))
            return stands.swapped if swapped else stands, (why, doubt), boxes

        found_of: _Found = []
        for number in numbers.tolist():
            left, right = nodes[int(proposed.pairs.left[number])], nodes[int(proposed.pairs.right[number])]
            view = proposed.views.get(number, "")
            verdicts = [verdict(one, other, view) for one, other in zip(left.rows, right.rows, strict=True)]
            stands = reduce(and_, (may for may, _, _ in verdicts))
            if stands & Stands.ENLARGED:
                smaller = right if stands & Stands.FIRST else left
                firm = any(task.keeps or task.standing for task in smaller.tasks)
                stands = Stands.EITHER if firm else stands & Stands.EITHER
            rejected = [(why, boxes) for may, why, boxes in verdicts if not may]
            all_boxes = tuple(box for _, some in rejected for box in some) if all(some for _, some in rejected) else ()
            differs = bool(rejected) and all(only_differs(_bare(why[0], view)) for why, _ in rejected)
            found_of.append((number, stands, _joined([why for _, why, _ in verdicts]), all_boxes, differs))
        for key, rows in fresh.items():
            self._store.put_verdicts(key, rows)
        for key, places in differing.items():
            self._store.put_differences(key, places)
        return found_of

    def _as_before(self, one: int, other: int, view: str, said: _Said | None) -> tuple[_Said, _Boxes] | None:
        """What the stricter rules said of two pictures, where these say the same; None elsewhere."""
        if said is None:
            return None
        same = said[0] or not only_differs(_bare(_told(*said[:2])[1], view)) or not self._judge.photographic(one, other)
        return (said, ()) if same else None

    def _decide(self, one: int, other: int, view: str, *, swapped: bool) -> tuple[_Said, _Boxes] | None:
        found = self._judge.verdict(one, other, view, self._rules)
        if found.reason in (NO_FEATURES, NO_PICTURES):
            return None
        boxes = found.difference.boxes if found.difference and not (found.accepted or view) else ()
        said = f"{view}: {found}" if view else str(found)
        said = f"{found.stands.swapped if swapped else found.stands:d}{said}"  # in the order of what is remembered
        return (found.accepted, said, found.doubt), boxes


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]


def _told(accepted: bool, why: str) -> tuple[Stands, str]:
    """Who may stand for whom, and why, by what is remembered of a pair."""
    return Stands(int(why[0])) if accepted else Stands.NEITHER, why[1:]


def _bare(text: str, view: str) -> str:
    """What is said of a pair, without how the second picture is held."""
    return text.removeprefix(f"{view}: ")


def _joined(whys: Sequence[Why]) -> Why:
    """What is said of all images of a pair of tasks: the doubt is the largest, where all are known."""
    known = [doubt for _, doubt in whys if doubt is not None]
    return "; ".join(dict.fromkeys(why for why, _ in whys)), max(known) if len(known) == len(whys) else None
