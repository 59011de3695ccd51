"""Which pictures are proven to show one moment, although something in them moved.

Looks alone do not prove it: two radiographs are one view to every measure of alikeness, and neither are numbers, for
data sets are numbered too. What proves it, each together with the pictures themselves:

- Times: one camera took both within seconds, and little differs; not so little that it may be another mark or text.
- Sequences: where names are numbered, change grows along the numbers, as it does in films. Of any three pictures in a
  row the outer two differ most; in a numbered data set that is so for one of three rows, as the three are exchangeable.
  How many of a folder's rows are so is a binomial test that needs no threshold of alikeness. Pictures that hardly
  differ have no say: where a camera drifts by a pixel from one to the next, other readings of a display look the same.

Pictures whose names say nothing are never of one moment, even if they change little by little from one to the next. One
view in which one thing after the other is put does that, and so do hand-held pictures of a display with other readings:
neither their changes, their order nor what motion explains of them tells those from the frames of a film.

What is proven spreads: a moment is what such links connect. Only pairs that `scene` joins are of one. The limits were
chosen on films of one half of a corpus and checked on the other, and against look-alikes of many kinds.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from labelonce.change import NEAR_AREA
from labelonce.clustering import components
from labelonce.features import Features
from labelonce.geometry import align_corners
from labelonce.levels import Rules
from labelonce.stamps import Stamp
from labelonce.verification import Pictures, verify

SECONDS = 2.0  # apart at most: a burst is, and names without fractions are a second off; who frames anew takes longer

IN_ROW = 2  # usual distances of a sequence's numbers: one frame may be missing
CHANCE = 1 / 3  # that of three exchangeable pictures a certain two differ most
PROVEN = 1e-4  # probability that a folder of exchangeable pictures looks so much like films
AROUND = 4  # rows before and behind a pair that have to agree with it: films and other pictures may lie in one folder
LIKELY = 0.26  # the same probability for those few


@dataclass(frozen=True)
class Step:
    """How two pictures differ that `scene` joins.

    Parameters
    ----------
    change
        Largest connected area that differs after alignment, as a share of the overlap, 0 to 1.
    agreement
        Agreement of the aligned pictures as a whole, -1 to 1.
    corners
        How many of them agree on the alignment.
    share
        Theirs among the corners that look alike, 0 to 1.
    apart
        Whether `near` tells them apart although hardly any area changed: another text or defect, or a small movement.
    """

    change: float
    agreement: float
    corners: int
    share: float
    apart: bool = False

    def __str__(self) -> str:
        """All of it, so that `parse` reads the same."""
        return f"{self.change!r} {self.agreement!r} {self.corners} {self.share!r} {self.apart:d}"

    @classmethod
    def parse(cls, text: str) -> "Step":
        """Read what `str` wrote."""
        change, agreement, corners, share, apart = text.split()
        return cls(float(change), float(agreement), int(corners), float(share), apart == "1")

    def within(self, limits: "Step") -> bool:
        """Whether it is no larger than another one, and its corners prove as much."""
        return (
            self.change <= limits.change
            and self.agreement >= limits.agreement
            and self.corners >= limits.corners
            and self.share >= limits.share
        )


BURST = Step(change=0.25, agreement=0.5, corners=40, share=0.75)  # what was taken at one time
NEXT = Step(change=0.5, agreement=0.4, corners=30, share=0.6)  # the next frame of a proven sequence

Steps = Mapping[tuple[int, int], Step]


@dataclass(frozen=True)
class Evidence:
    """Why two pictures are of one moment.

    Parameters
    ----------
    kind
        ``"time"`` or ``"sequence"``.
    text
        For a person.
    """

    kind: str
    text: str

    def __str__(self) -> str:
        return self.text


class Moments:
    """The moments of a source.

    Parameters
    ----------
    stamps
        Of all its pictures, whether or not they have steps: a sequence is told by all of its numbers.
    steps
        By the numbers of two pictures, the smaller first: of the `telling` pairs those that `scene` joins. What is left
        out counts as unlike.
    """

    def __init__(self, stamps: Sequence[Stamp], steps: Steps) -> None:
        self._stamps = stamps
        self._taken = {
            pair
            for pair, step in steps.items()
            if step.within(BURST) and not step.apart and _seconds(stamps, *pair) <= SECONDS
        }
        self._next = set(_next(stamps, steps))
        self._moment = _joined(len(stamps), self._taken | self._next)

    def evidence(self, one: int, other: int) -> Evidence | None:
        """Why two pictures that `scene` joins, by their numbers, are of one moment; None where that is not proven."""
        if self._moment[one] != self._moment[other]:
            return None
        pair = min(one, other), max(one, other)
        first, second = (self._stamps[number] for number in pair)
        if pair in self._taken:
            return Evidence("time", f"taken {_seconds(self._stamps, *pair):.1f} s apart by one camera")
        if pair in self._next:
            return Evidence("sequence", f"the next frame of one sequence ({first.name}, {second.name})")
        return Evidence("sequence", f"frames of one sequence ({first.name}, {second.name})")


def telling(stamps: Sequence[Stamp], pairs: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Those of some pairs whose steps prove something: by their times, or as neighbours in the order of their names."""
    row: dict[int, tuple[int, int]] = {}
    for sequence, (_, order) in enumerate(_numbered(stamps)):
        row.update((picture, (sequence, place)) for place, picture in enumerate(order))
    for one, other in pairs:
        if one in row and other in row:
            (first, place), (second, behind) = row[one], row[other]
            if first == second and abs(place - behind) <= 2:
                yield one, other
                continue
        if _seconds(stamps, one, other) <= SECONDS:
            yield one, other


def _seconds(stamps: Sequence[Stamp], one: int, other: int) -> float:
    """Time between two pictures on one clock; infinite where there is none."""
    a, b = stamps[one], stamps[other]
    if a.time is None or b.time is None or a.camera != b.camera:
        return np.inf
    return abs(a.time - b.time)


def step_of(a: Features, b: Features, similarity: float, near: Rules, scene: Rules, pictures: Pictures) -> Step | None:
    """How two pictures differ; None where `scene` does not join them.

    Parameters
    ----------
    similarity
        Cosine similarity of their embeddings, -1 to 1.
    near, scene
        The thresholds of the two levels.
    pictures
        As in `verify`.
    """
    found = verify(a, b, similarity, scene, pictures)
    if not found.accepted or found.change is None:
        return None
    apart = found.change.area <= near.change and not verify(a, b, similarity, near, pictures).accepted
    if (b.size, b.jpeg) < (a.size, a.jpeg):
        a, b = b, a
    corners = align_corners(a, b, inliers=scene.inliers, share=scene.inlier_share)
    return Step(found.change.area, found.change.agreement, corners.inliers, corners.share, apart)


def _joined(n: int, links: set[tuple[int, int]]) -> NDArray[np.int64]:
    """Component of each picture."""
    pairs = np.array(sorted(links), np.int64).reshape(-1, 2)
    return components(n, pairs[:, 0], pairs[:, 1])


def _next(stamps: Sequence[Stamp], steps: Steps) -> Iterator[tuple[int, int]]:
    """Pairs of neighbours in proven sequences."""
    by_folder: dict[str, list[_Sequence]] = defaultdict(list)
    for numbers, order in _numbered(stamps):
        by_folder[stamps[order[0]].folder].append(_Sequence(numbers, order, steps))
    for folder in by_folder.values():
        told, grows = (int(sum(part)) for part in zip(*(one.counts(0, len(one.told)) for one in folder), strict=True))
        if _by_chance(grows, told) <= PROVEN:
            for one in folder:
                yield from one.neighbours()


def _numbered(stamps: Sequence[Stamp]) -> Iterator[tuple[NDArray[np.int64], list[int]]]:
    """Numbers, ascending, and the pictures that have them, of each stem; of equal numbers the first picture."""
    by_stem: dict[str, dict[int, int]] = defaultdict(dict)
    for place, stamp in enumerate(stamps):
        if stamp.number is not None:
            by_stem[stamp.stem].setdefault(stamp.number, place)
    for found in by_stem.values():
        if len(found) > 2:
            numbers = sorted(found)
            yield np.array(numbers, np.int64), [found[number] for number in numbers]


class _Sequence:
    """The pictures of one stem in the order of their numbers, and what each three in a row say.

    Of three whose outer two hardly differ nothing is told: they are near-duplicates whatever they are.
    """

    def __init__(self, numbers: NDArray[np.int64], order: list[int], steps: Steps) -> None:
        gaps = np.diff(numbers)
        self._order = order
        self._close = gaps <= IN_ROW * np.median(gaps)
        self._links = [steps.get((min(pair), max(pair))) for pair in pairwise(order)]
        change = np.array([np.inf if step is None else step.change for step in self._links])
        outer = [steps.get((min(pair), max(pair))) for pair in zip(order, order[2:], strict=False)]
        ends = np.array([np.inf if step is None else step.change for step in outer])
        inner = np.maximum(change[:-1], change[1:])
        self.told = self._close[:-1] & self._close[1:] & (np.maximum(inner, ends) > NEAR_AREA)
        self.grows = self.told & np.isfinite(inner) & (ends > inner)

    def counts(self, start: int, stop: int) -> tuple[int, int]:
        """How many threes tell something, and in how many of them the change grows."""
        return int(self.told[start:stop].sum()), int(self.grows[start:stop].sum())

    def neighbours(self) -> Iterator[tuple[int, int]]:
        """Pairs in a row whose surroundings are a film too."""
        for place, (pair, step) in enumerate(zip(pairwise(self._order), self._links, strict=True)):
            if step is None or not self._close[place] or not step.within(NEXT):
                continue
            told, grows = self.counts(max(0, place - AROUND), place + AROUND)
            beside = self.grows[max(0, place - 1) : place + 1].any() or step.change <= NEAR_AREA
            if beside and _by_chance(grows, told) <= LIKELY:
                yield min(pair), max(pair)


def _by_chance(grows: int, told: int) -> float:
    """Probability that so many of the threes, or more, grow among exchangeable pictures."""
    from scipy.special import bdtrc

    return float(bdtrc(grows - 1, told, CHANCE)) if grows else 1.0
