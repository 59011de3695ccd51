"""Judged pairs → the level and the threshold to use, and how often they would err.

A threshold is a cut through the similarities of the pairs that a level accepts. The cut with the smallest cost is
taken, where a false duplicate, which loses an image, weighs as much as `FALSE_COST` missed ones, which cost a label
each. Both count as shares of their kind of answer, so that it does not matter how many of each were judged.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FALSE_COST = 10.0
CONFIDENCE = 0.95
OPEN = 0.02  # of similarity: how far beyond the last judged pair a threshold is sought

Shares = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Errors:
    """How often a setting goes against the answers.

    Parameters
    ----------
    false, different
        False duplicates, among the pairs that are different.
    missed, same
        Missed duplicates, among the pairs that are the same.
    false_between, missed_between
        95 % confidence intervals of the shares of both, 0 to 1 (`interval`).
    """

    false: int
    different: int
    missed: int
    same: int
    false_between: tuple[float, float]
    missed_between: tuple[float, float]


@dataclass(frozen=True)
class Cut:
    """The best threshold of one level.

    Parameters
    ----------
    eps
        Least cosine similarity of duplicates.
    above, up_to
        Every threshold above the one and up to the other decides the same.
    cost
        What its errors cost.
    """

    eps: float
    above: float
    up_to: float
    cost: float


@dataclass(frozen=True)
class Recommendation:
    """What the judged pairs speak for.

    Parameters
    ----------
    level
        The level, or the name of what goes without verification.
    cut
        Its threshold.
    fitted
        Its errors on the very pairs that it was chosen by.
    expected
        Its errors when each pair is judged by what the pairs without its images recommend.
    """

    level: str
    cut: Cut
    fitted: Errors
    expected: Errors


def recommend(
    similarity: Shares,
    same: Flags,
    accepted: Mapping[str, Flags],
    images: Sequence[tuple[str, str]],
    present: Mapping[str, float],
    preferred: str,
    cost: float = FALSE_COST,
) -> Recommendation:
    """Choose among levels and thresholds.

    Parameters
    ----------
    similarity
        (n,) Cosine similarity of each pair.
    same
        (n,) The answers; both kinds have to be among them.
    accepted
        By level, (n,) whether it accepts the pair; the strictest first.
    images
        (n,) The two images of each pair.
    present
        By level, the threshold that is used without a recommendation.
    preferred
        The level in use: it stays where no other is better, or as good without another threshold.
    cost
        Missed duplicates that a false one weighs as much as.
    """
    level, cut = _best(similarity, same, accepted, present, preferred, cost)
    fitted = errors(similarity >= cut.eps, accepted[level], same)
    return Recommendation(level, cut, fitted, _expected(similarity, same, accepted, images, present, preferred, cost))


def errors(near: Flags, accepted: Flags, same: Flags) -> Errors:
    """Count the errors of a setting.

    Parameters
    ----------
    near
        (n,) Whether the pair is within the threshold.
    accepted
        (n,) Whether the level accepts it.
    same
        (n,) The answers.
    """
    said = near & accepted
    return _counted(said, same)


def _counted(said: Flags, same: Flags) -> Errors:
    false, missed = int((said & ~same).sum()), int((~said & same).sum())
    different, alike = int((~same).sum()), int(same.sum())
    return Errors(false, different, missed, alike, interval(false, different), interval(missed, alike))


def interval(count: int, of: int) -> tuple[float, float]:
    """95 % confidence interval of a share, 0 to 1: exact, by Clopper and Pearson (1934).

    It is sure to hold the true share in at least 95 of 100 samples, if the pairs are independent.
    """
    if of == 0:
        return 0.0, 1.0
    from scipy.stats import binomtest

    found = binomtest(count, of).proportion_ci(CONFIDENCE, method="exact")
    return float(found.low), float(found.high)


def cut(similarity: Shares, same: Flags, accepted: Flags, present: float, cost: float = FALSE_COST) -> Cut:
    """The threshold with the smallest cost.

    Where several decide the same, the present one stays, or the middle is taken; where several cost the same, the
    present one stays, or the strictest is taken: in doubt, images are kept.
    """
    different, alike = max(1, int((~same).sum())), max(1, int(same.sum()))
    values, place = np.unique(-similarity[accepted], return_inverse=True)
    values, answers = -values, same[accepted]  # descending
    alike_at = np.bincount(place[answers], minlength=len(values))
    false_at = np.bincount(place[~answers], minlength=len(values))
    false = np.concatenate([[0], np.cumsum(false_at)])  # with the first k values within the threshold
    missed = int(same.sum()) - np.concatenate([[0], np.cumsum(alike_at)])
    costs = cost * false / different + missed / alike
    up_to = np.concatenate([[1.0], values])
    above = np.concatenate([values, [-1.0]])
    costs[above >= up_to] = np.inf  # equal images are within every threshold
    best = np.flatnonzero(np.isclose(costs, costs.min(), rtol=0, atol=1e-9))
    stays = best[(above[best] < present) & (present <= up_to[best])]
    k = int(stays[0] if len(stays) else best[0])
    low, high = float(above[k]), float(up_to[k])
    eps = present if len(stays) else _middle(max(low, high - OPEN) if k == len(values) else low, high)
    return Cut(eps, low, high, float(costs[k]))


def _middle(low: float, high: float) -> float:
    """The middle of an interval that is open below, in as few digits of a percentage as lie inside it."""
    middle = (low + high) / 2
    for digits in range(1, 6):
        rounded = round(100 * middle, digits) / 100
        if low < rounded <= high:
            return rounded
    return high


def _best(
    similarity: Shares,
    same: Flags,
    accepted: Mapping[str, Flags],
    present: Mapping[str, float],
    preferred: str,
    cost: float,
) -> tuple[str, Cut]:
    """The cheapest level: of equal ones, one whose threshold stays; then the one in use; then the strictest."""
    cuts = {level: cut(similarity, same, flags, present[level], cost) for level, flags in accepted.items()}
    least = min(one.cost for one in cuts.values())
    best = [level for level, one in cuts.items() if math.isclose(one.cost, least, abs_tol=1e-9)]
    level = min(best, key=lambda one: (cuts[one].eps != present[one], one != preferred))  # the first of equal ones
    return level, cuts[level]


def _expected(
    similarity: Shares,
    same: Flags,
    accepted: Mapping[str, Flags],
    images: Sequence[tuple[str, str]],
    present: Mapping[str, float],
    preferred: str,
    cost: float,
) -> Errors:
    """Errors when no pair has a say on itself, nor on another pair of its images (leave-one-out cross-validation)."""
    numbers = {name: number for number, name in enumerate(sorted({name for pair in images for name in pair}))}
    sides = np.array([[numbers[name] for name in pair] for pair in images], np.int64).reshape(-1, 2)
    said = np.zeros(len(same), bool)
    for number, (a, b) in enumerate(sides):
        others = ~((sides == a) | (sides == b)).any(axis=1)
        rest = {level: flags[others] for level, flags in accepted.items()}
        level, found = _best(similarity[others], same[others], rest, present, preferred, cost)
        said[number] = accepted[level][number] and similarity[number] >= found.eps
    return _counted(said, same)
