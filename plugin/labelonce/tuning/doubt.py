"""The pairs that a threshold decides by a hair's breadth, for a person to look at."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelonce.clustering import Preference
from labelonce.levels import Rules
from labelonce.matching import Node, Proposals
from labelonce.neighbours import Pairs
from labelonce.reading import KnownImages
from labelonce.tasks import Task
from labelonce.verification import Verdict

LOOKED_AT = 4  # pairs that are looked at for each one that is shown

Ask = Callable[[Sequence[tuple[int, int, str]]], Sequence[Verdict]]


@dataclass(frozen=True)
class Doubt:
    """A pair of tasks close to a threshold.

    Parameters
    ----------
    left, right
        The tasks.
    image
        Which of their images is least alike, from 0.
    view
        How the right image is held; empty for as it is.
    accepted
        Whether they count as duplicates of each other.
    similarity
        Percent.
    reason
        Why, for a person.
    strain
        How much of what the thresholds allow is used up (`strain`).
    """

    left: Task
    right: Task
    image: int
    view: str
    accepted: bool
    similarity: float
    reason: str
    strain: float


def strain(verdict: Verdict, present: float, rules: Rules | None) -> float:
    """How much of what the thresholds allow a pair uses up: up to 1 where it is accepted.

    The largest of the used shares: of the distance of the embeddings, of what may differ, of what may lie outside the
    overlap, of the least number of corners, of what the fine look lets pass. Infinite for a pair that is rejected by
    what has no figure.

    Parameters
    ----------
    verdict
        What the verification found; that of `unverified` where there is none.
    present
        Cosine similarity from which on pairs are compared.
    rules
        The thresholds of the verification; None without one.
    """
    used = [_share(1 - verdict.similarity / 100, 1 - present)]
    if rules is not None:
        plain = verdict.reason in ("same frame", "embedding")
        if verdict.change is not None:
            used.append(_share(1 - verdict.change.agreement, 1 - rules.agreement))
            used.append(_share(verdict.change.area, min(rules.change, rules.plain_change) if plain else rules.change))
        if verdict.inliers:
            used.append(rules.inliers / verdict.inliers)
            used.append(_share(1 - min(verdict.overlap), 1 - rules.overlap))
        if verdict.difference is not None:
            used.append(max(verdict.difference.structure, verdict.difference.colour))
    most = max(used)
    return most if verdict.accepted or most > 1 else math.inf


def _share(used: float, allowed: float) -> float:
    return max(0.0, used) / max(allowed, 1e-9)


def unverified(similarity: float) -> Verdict:
    """The verdict on a pair that nothing verifies."""
    return Verdict(True, "embedding", 100 * similarity)


def doubtful(
    proposed: Proposals,
    nodes: Sequence[Node],
    images: KnownImages,
    chosen: NDArray[np.int64],
    preference: Preference,
    present: float,
    rules: Rules | None,
    ask: Ask,
    *,
    count: int,
) -> tuple[Doubt, ...]:
    """The most doubtful pairs of those that matter: half of them accepted, half rejected, the most doubtful first.

    Accepted pairs matter where one image would be skipped for the other, rejected ones where both are left to label.
    Those are looked at that the embedding speaks against, or for: the accepted ones with the lowest and the rejected
    ones with the highest similarity. Of these, the ones closest to a threshold are taken; images that were not shown
    yet go first.

    Parameters
    ----------
    proposed
        Pairs of nodes, also below `present`.
    chosen
        (n,) The node that stands for each node.
    preference
        Which nodes people worked on.
    present, rules
        The thresholds, as in `strain`.
    ask
        Verifies pairs of rows, each with its view.
    count
        How many pairs at most.
    """
    pairs = proposed.pairs
    half = count // 2
    candidates = np.concatenate(_candidates(pairs, chosen, preference.kept, LOOKED_AT * half))
    places = [_least_alike(nodes, images, proposed, number) for number in candidates.tolist()]
    verdicts = ask([rows for rows, _ in places])
    doubts = []
    for number, ((_, _, view), image), verdict in zip(candidates.tolist(), places, verdicts, strict=True):
        cosine = float(pairs.similarity[number])
        near = pairs.similarity[number] >= np.float32(present)
        reason = str(verdict) if rules else verdict.reason
        if not near:
            reason = f"below {100 * present:.4g} %" + (f"; else {verdict}" if rules else "")
        left, right = (nodes[int(side[number])].tasks[0] for side in (pairs.left, pairs.right))
        used, accepted = strain(verdict, present, rules), bool(verdict.accepted and near)
        doubts.append(Doubt(left, right, image, view, accepted, round(100 * cosine, 4), reason, used))
    order = sorted(range(len(doubts)), key=lambda place: (_closeness(doubts[place].strain), int(candidates[place])))
    shown: list[Doubt] = []
    for accepted in (True, False):
        ranked = [place for place in order if doubts[place].accepted is accepted]
        taken = set(_varied(candidates[ranked], pairs, half).tolist())
        shown += [doubts[place] for place in ranked if int(candidates[place]) in taken]
    return tuple(shown)


def _closeness(used: float) -> float:
    """How far from the threshold, on a scale on which twice and half as much are as far."""
    return math.inf if not 0 < used < math.inf else abs(math.log(used))


def _candidates(
    pairs: Pairs, chosen: NDArray[np.int64], kept: NDArray[np.bool_], count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of the pairs that matter: accepted from the least similar on, rejected from the most similar on."""
    left, right = pairs.left, pairs.right
    stands = (chosen[left] == right) | (chosen[right] == left)
    both = (chosen[left] == left) & (chosen[right] == right) & ~(kept[left] & kept[right])
    accepted, rejected = np.flatnonzero(stands), np.flatnonzero(both)
    accepted = accepted[np.argsort(pairs.similarity[accepted], kind="stable")]
    rejected = rejected[np.argsort(-pairs.similarity[rejected], kind="stable")]
    return _varied(accepted, pairs, count), _varied(rejected, pairs, count)


def _varied(ordered: NDArray[np.int64], pairs: Pairs, count: int) -> NDArray[np.int64]:
    """The first pairs of new images, filled up with the first ones of others."""
    met: set[int] = set()
    fresh: list[int] = []
    again: list[int] = []
    for number in ordered.tolist():
        images = {int(pairs.left[number]), int(pairs.right[number])}
        if len(fresh) == count:
            break
        if images & met:
            again.append(number)
        else:
            fresh.append(number)
            met |= images
    return np.array([*fresh, *again[: count - len(fresh)]], np.int64)


def _least_alike(
    nodes: Sequence[Node], images: KnownImages, proposed: Proposals, number: int
) -> tuple[tuple[int, int, str], int]:
    """Rows and view of the least alike images of a pair of nodes, and which images these are."""
    view = proposed.views.get(number, "")
    others = images.views[view] if view else images.vectors
    left, right = (nodes[int(side[number])].rows for side in (proposed.pairs.left, proposed.pairs.right))
    cosines = [float(images.vectors[one] @ others[other]) for one, other in zip(left, right, strict=True)]
    place = int(np.argmin(cosines))
    return (left[place], right[place], view), place
