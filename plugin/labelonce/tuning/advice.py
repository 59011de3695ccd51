"""What a person's judgements say about the settings: the present ones, the best ones, and what is to be expected."""

from dataclasses import dataclass

import numpy as np

from labelonce.errors import ConfigurationError
from labelonce.tuning.judgement import NONE, Judged
from labelonce.tuning.recommendation import Cut, Errors, Recommendation, cut, errors, recommend

FEW = 20  # answers of a kind, with fewer of which the intervals are too wide to rely on


@dataclass(frozen=True)
class Row:
    """One setting, and its errors on the judged pairs.

    Parameters
    ----------
    name
        ``"now"``, ``"best"`` of its level, or ``"recommended"``.
    level
        The level; `NONE` is without verification.
    eps
        Least cosine similarity, 0 to 1.
    errors
        On the pairs that it may have been chosen by.
    """

    name: str
    level: str
    eps: float
    errors: Errors


@dataclass(frozen=True)
class Against:
    """An answer that the recommended setting goes against.

    Parameters
    ----------
    line
        In the file of the answers.
    similarity
        Percent.
    reason
        Why the setting decides otherwise.
    """

    line: int
    a: str
    b: str
    same: bool
    similarity: float
    reason: str


@dataclass(frozen=True)
class Advice:
    """What to use.

    Parameters
    ----------
    rows
        The settings that were compared.
    recommendation
        The best of them, with its expected errors.
    options
        It, as the command line takes it.
    against
        The answers that it goes against.
    left_out
        Pairs that cannot be compared: their line, and why.
    few
        Whether there are too few answers to rely on.
    """

    rows: tuple[Row, ...]
    recommendation: Recommendation
    options: str
    against: tuple[Against, ...]
    left_out: tuple[tuple[int, str], ...]
    few: bool


def advise(judged: Judged, cost: float) -> Advice:
    """Recommend a level and a threshold.

    Raises
    ------
    ConfigurationError
        The answers are all of one kind: nothing can be told apart by them.
    """
    same = judged.same
    if same.all() or not same.any():
        kind = "" if not len(same) else ", all of them the same" if same.all() else ", all of them different"
        raise ConfigurationError(
            f"{len(same):,} pairs with an answer can be compared{kind}: judge pairs of both kinds. Find some with: "
            "labelonce tune --questions FILE"
        )
    verified = {level: flags for level, flags in judged.accepted.items() if level != NONE}
    choice = verified or judged.accepted
    images = [(pair.a, pair.b) for pair in judged.pairs]
    best = recommend(judged.similarity, same, choice, images, judged.present, judged.level, cost)
    rows = [_row("now", judged, judged.level, judged.present[judged.level])]
    for level, flags in judged.accepted.items():
        found = cut(judged.similarity, same, flags, judged.present[level], cost)
        chosen = level == best.level
        rows.append(_row("recommended" if chosen else "best", judged, level, found.eps))
    within = (judged.similarity >= best.cut.eps) & judged.accepted[best.level]
    against = [_against(judged, number, best) for number in np.flatnonzero(within != same).tolist()]
    return Advice(
        rows=tuple(rows),
        recommendation=best,
        options=options(best.level, best.cut),
        against=tuple(sorted(against, key=lambda one: one.line)),
        left_out=tuple(sorted((one.line, why) for one, why in judged.left_out)),
        few=min(int(same.sum()), int((~same).sum())) < FEW,
    )


def options(level: str, found: Cut) -> str:
    """A setting as the command line takes it."""
    percent = f"--eps {round(100 * found.eps, 5):g}%"
    return f"--verify none {percent}" if level == NONE else f"--level {level} {percent}"


def _row(name: str, judged: Judged, level: str, eps: float) -> Row:
    return Row(name, level, eps, errors(judged.similarity >= eps, judged.accepted[level], judged.same))


def _against(judged: Judged, number: int, best: Recommendation) -> Against:
    pair, similarity = judged.pairs[number], float(judged.similarity[number])
    reason = judged.reasons[best.level][number] if best.level in judged.reasons else "embedding"
    if similarity < best.cut.eps:
        reason = f"below {100 * best.cut.eps:.5g} %"
    return Against(pair.line, pair.a, pair.b, pair.same, round(100 * similarity, 2), reason)
