"""How decisions on a family compare with the truth that its file names tell."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from labelonce.planning import Decision, Role

COLUMNS = ("family", "level", "images", "pictures", "wrong", "lost", "copies", "missed")


@dataclass(frozen=True)
class Score:
    """What became of the images of a family, or of several.

    Parameters
    ----------
    wrong
        Images skipped though what stands for them is another picture.
    lost
        Pictures of which nothing is kept.
    copies
        Images beyond the first of every picture.
    missed
        Copies that are kept beside another image of their picture.
    """

    images: int = 0
    pictures: int = 0
    wrong: int = 0
    lost: int = 0
    copies: int = 0
    missed: int = 0

    def __add__(self, other: "Score") -> "Score":
        return Score(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(Score)))


def picture_of(task: object) -> str:
    """The picture that an image shows, by its file name."""
    return str(task).rpartition("/")[2].partition("_")[0]


def score(decisions: Iterable[Decision]) -> Score:
    """Count what was decided rightly and wrongly."""
    decided = list(decisions)
    skipped = [one for one in decided if one.role is Role.DUPLICATE]
    kept = Counter(picture_of(one.task) for one in decided if one.role is not Role.DUPLICATE)
    pictures = {picture_of(one.task) for one in decided}
    return Score(
        images=len(decided),
        pictures=len(pictures),
        wrong=sum(picture_of(one.task) != picture_of(one.representative) for one in skipped),
        lost=len(pictures - set(kept)),
        copies=len(decided) - len(pictures),
        missed=kept.total() - len(kept),
    )


def table(scores: Mapping[tuple[str, str], Score], *, markdown: bool = False) -> str:
    """A line for every family and level, and a total for every level."""
    totals = {level: Score() for _, level in scores}
    for (_, level), one in scores.items():
        totals[level] += one
    rows = [*scores.items(), *((("all", level), one) for level, one in totals.items())]
    cells = [COLUMNS, *((*names, *_figures(one)) for names, one in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(COLUMNS))]
    lines = [
        [
            one.ljust(width) if column < 2 else one.rjust(width)
            for column, (one, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in cells
    ]
    if not markdown:
        return "\n".join("  ".join(line).rstrip() for line in lines)
    rule = ["-" * width if column < 2 else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (lines[0], rule, *lines[1:]))


def _figures(one: Score) -> list[str]:
    share = 100 * one.missed / one.copies if one.copies else 0.0
    missed = f"{one.missed} ({share:.0f}%)"
    return [*(f"{value}" for value in (one.images, one.pictures, one.wrong, one.lost, one.copies)), missed]
