"""How decisions on a family compare with the truth that its file names tell."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from labelonce.planning import Decision, Role

FIGURES = ("images", "pictures", "wrong", "lost", "copies", "missed")
Key = tuple[str, str, str]  # family, half and level


@dataclass(frozen=True)
class Score:
    """What became of the images of a family, or of several.

    Parameters
    ----------
    images, pictures
        How many there are.
    lost
        Pictures of which nothing is kept.
    mistaken
        Images that were skipped though what stands for them is another picture, and that.
    beside
        Copies that are kept beside another image of their picture.
    """

    images: int = 0
    pictures: int = 0
    lost: int = 0
    mistaken: tuple[tuple[str, str], ...] = ()
    beside: tuple[str, ...] = ()

    def __add__(self, other: "Score") -> "Score":
        return Score(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(Score)))

    @property
    def wrong(self) -> int:
        """How many images were skipped wrongly."""
        return len(self.mistaken)

    @property
    def copies(self) -> int:
        """How many images there are beyond the first of every picture."""
        return self.images - self.pictures

    @property
    def missed(self) -> int:
        """How many copies were kept."""
        return len(self.beside)

    def figures(self) -> dict[str, int]:
        """The numbers by name."""
        return {name: getattr(self, name) for name in FIGURES}


def picture_of(task: object) -> str:
    """The picture that an image shows, by its file name."""
    return str(task).rpartition("/")[2].partition("_")[0]


def score(decisions: Iterable[Decision]) -> Score:
    """Count what was decided rightly and wrongly."""
    decided = sorted(decisions, key=lambda one: str(one.task))
    kept = [str(one.task) for one in decided if one.role is not Role.DUPLICATE]
    pictures = Counter(picture_of(one.task) for one in decided)
    first = {picture_of(task): task for task in reversed(kept)}
    return Score(
        images=len(decided),
        pictures=len(pictures),
        lost=len(pictures.keys() - first.keys()),
        mistaken=tuple(
            (str(one.task), str(one.representative))
            for one in decided
            if one.role is Role.DUPLICATE and picture_of(one.task) != picture_of(one.representative)
        ),
        beside=tuple(task for task in kept if first[picture_of(task)] != task),
    )


def totals(scores: Mapping[Key, Score]) -> dict[Key, Score]:
    """The sum of every level."""
    found: dict[Key, Score] = {}
    for (_, _, level), one in scores.items():
        found["all", "", level] = found.get(("all", "", level), Score()) + one
    return found


def rows(scores: Mapping[Key, Score]) -> list[dict[str, Any]]:
    """The scores for a JSON file."""
    return [
        {"family": name, "half": half, "level": level, **one.figures(), "mistaken": one.mistaken, "beside": one.beside}
        for (name, half, level), one in scores.items()
    ]


def table(scores: Mapping[Key, Score], *, markdown: bool = False) -> str:
    """A line for every family, half and level, and a total for every level."""
    cells = [("family", "half", "level", *FIGURES), *((*key, *_told(one)) for key, one in scores.items())]
    cells += [(*key, *_told(one)) for key, one in totals(scores).items()]
    names = 3
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        [
            one.ljust(width) if index < names else one.rjust(width)
            for index, (one, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in cells
    ]
    if not markdown:
        return "\n".join("  ".join(line).rstrip() for line in lines)
    rule = ["-" * width if index < names else "-" * (width - 1) + ":" for index, width in enumerate(widths)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (lines[0], rule, *lines[1:]))


def _told(one: Score) -> list[str]:
    share = 100 * one.missed / one.copies if one.copies else 0.0
    return [*(f"{one.figures()[name]}" for name in FIGURES[:-1]), f"{one.missed} ({share:.0f}%)"]
