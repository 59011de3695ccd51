"""Pairs that a person judged: read from a CSV file, and looked at as the pipeline would."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from labelonce import embedding
from labelonce.errors import ConfigurationError
from labelonce.judge import Judge
from labelonce.levels import EQUAL, LEVELS, Rules, level_of, rules_from
from labelonce.pipeline import ROUNDING, limits_of, reader_of, threshold_of
from labelonce.progress import Progress
from labelonce.reading import KnownImages
from labelonce.settings import Settings
from labelonce.sources.base import Source
from labelonce.store import Store
from labelonce.tasks import Task, shown_apart
from labelonce.threads import cores, threads
from labelonce.verification import Verdict

COLUMNS = ("a", "b", "same")
ANSWERS = {"1": True, "yes": True, "true": True, "0": False, "no": False, "false": False}
SHOWN = 5  # mistakes that a message names
NONE = "none"  # the name of what is accepted without verification


@dataclass(frozen=True)
class Judgement:
    """What a person said about two images.

    Parameters
    ----------
    line
        Where it stands in the file.
    a, b
        The tasks, as they are named there.
    same
        Whether they show the same.
    """

    line: int
    a: str
    b: str
    same: bool


@dataclass(frozen=True)
class Judged:
    """Judged pairs as the pipeline sees them, in order of the names.

    Parameters
    ----------
    pairs
        What was said.
    similarity
        (n,) Cosine similarity of each pair; of the least alike images where a task has several.
    accepted
        By level, and under `NONE` without verification: (n,) bool, whether the pair counts as duplicates if it is
        within the threshold.
    reasons
        By level, why.
    present
        By level, the threshold that goes with it: cosine similarity.
    level
        The level in use; `NONE` where nothing is verified.
    left_out
        Pairs that cannot be compared, and why.
    """

    pairs: tuple[Judgement, ...]
    similarity: NDArray[np.float64]
    accepted: Mapping[str, NDArray[np.bool_]]
    reasons: Mapping[str, Sequence[str]]
    present: Mapping[str, float]
    level: str
    left_out: tuple[tuple[Judgement, str], ...]

    @property
    def same(self) -> NDArray[np.bool_]:
        """(n,) What the person said."""
        return np.array([pair.same for pair in self.pairs], bool)


def read_judgements(path: Path) -> tuple[list[Judgement], int]:
    """Read ``a,b,same``; other columns are passed over.

    Returns
    -------
    list[Judgement], int
        The answers, each pair once, and how many lines have no answer yet.

    Raises
    ------
    ConfigurationError
        The file cannot be read, or lines of it are not what they have to be; the text names them.
    """
    try:
        text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")  # names of files may be no UTF-8
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    reader = csv.reader(io.StringIO(text, newline=""))
    found: dict[tuple[str, str], Judgement] = {}
    wrong: list[str] = []
    unanswered = 0
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if not set(COLUMNS) <= set(header):
            raise ConfigurationError(f"{path}, line 1: the first line has to name the columns: a,b,same")
        places = [header.index(name) for name in COLUMNS]
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            cells = [row[place].strip() if place < len(row) else "" for place in places]
            if cells[0] and cells[1] and not cells[2]:
                unanswered += 1
                continue
            made = _judgement(reader.line_num, *cells)
            if isinstance(made, str):
                wrong.append(f"line {reader.line_num}: {made}")
                continue
            earlier = found.setdefault((min(made.a, made.b), max(made.a, made.b)), made)
            if earlier.same is not made.same:
                wrong.append(f"line {made.line}: line {earlier.line} says the opposite of the same pair")
    except csv.Error as error:
        raise ConfigurationError(f"{path}, line {reader.line_num}: not CSV: {error}.") from None
    _refuse(path, wrong)
    return list(found.values()), unanswered


def _judgement(line: int, a: str, b: str, same: str) -> Judgement | str:
    if not a or not b:
        return "two images have to be named"
    if a == b:
        return f"{a!r} is paired with itself"
    answer = ANSWERS.get(same.lower())
    return f"same is {same!r}: give 1 or 0, yes or no" if answer is None else Judgement(line, a, b, answer)


def _refuse(path: Path, wrong: Sequence[str]) -> None:
    if wrong:
        more = f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise ConfigurationError(f"{path}, {'; '.join(wrong[:SHOWN])}{more}.")


def look(path: Path, judgements: Sequence[Judgement], source: Source, settings: Settings, progress: Progress) -> Judged:
    """Compare judged pairs: without verification, and at every level.

    Only the images that are named are read.

    Parameters
    ----------
    path
        The file of the judgements, for messages.

    Raises
    ------
    ConfigurationError
        Names are not those of tasks; the text says which, and in which lines. Or only equal pixels count.
    LabelOnceError
        As in `make_plan`.
    """
    level = level_of(settings, source.controls).name
    if settings.verifies and level == EQUAL:
        raise ConfigurationError(
            "This project compares pictures with each other: only equal pixels count, which no threshold changes. "
            "To see what a level would do all the same, give it with --level."
        )
    embedder = embedding.load(settings.chosen_model, settings.weights, settings.scaling)
    named = _named(path, judgements, source.tasks())
    tasks = sorted({task.id: task for task in named.values()}.values(), key=lambda task: task.id)
    rules = {
        level: rules_from(settings, level, **limits_of(embedder)) for level in (LEVELS if settings.verifies else ())
    }
    store = Store(settings.store_path, progress)
    try:
        reader = reader_of(source, embedder, store, settings)
        images = reader.read(tasks, progress)
        judge = Judge(reader, images)

        def compare(one: Judgement) -> tuple[float, dict[str, Verdict]] | str:
            # in the order in which the pipeline meets them
            left, right = sorted((named[one.a], named[one.b]), key=lambda task: task.id)
            return _why_not(left, right, images) or _compared(left, right, images, judge, rules)

        ordered = sorted(judgements, key=lambda one: (min(one.a, one.b), max(one.a, one.b)))
        compared: list[tuple[Judgement, tuple[float, dict[str, Verdict]] | str]] = []
        with progress.stage("Looking at pairs", len(ordered)) as advance, threads(cores(), "judge") as pool:
            for one, outcome in zip(ordered, pool.map(compare, ordered), strict=True):
                compared.append((one, outcome))
                advance(1)
    finally:
        store.close()
    usable = [(one, *outcome) for one, outcome in compared if not isinstance(outcome, str)]
    accepted = {level: np.array([found[level].accepted for *_, found in usable], bool) for level in rules}
    return Judged(
        pairs=tuple(one for one, *_ in usable),
        similarity=np.array([similarity for _, similarity, _ in usable], np.float64),
        accepted={**accepted, NONE: np.ones(len(usable), bool)},
        reasons={level: [str(found[level]) for *_, found in usable] for level in rules},
        present={
            **{one: threshold_of(replace(settings, level=one), embedder) for one in rules},
            NONE: threshold_of(replace(settings, verify="none"), embedder),
        },
        level=level if settings.verifies else NONE,
        left_out=tuple((one, outcome) for one, outcome in compared if isinstance(outcome, str)),
    )


def _named(path: Path, judgements: Sequence[Judgement], tasks: Iterable[Task]) -> dict[str, Task]:
    """The tasks by the names that the judgements have for them."""
    by_id = {str(task.id): task for task in tasks}
    found: dict[str, Task] = {}
    wrong: list[str] = []
    for judgement in judgements:
        for name in (judgement.a, judgement.b):
            task = by_id.get(name) or by_id.get(str(PurePosixPath(name.replace("\\", "/"))))
            if task is None:
                wrong.append(f"line {judgement.line}: there is no {name!r}")
            else:
                found[name] = task
    _refuse(path, wrong)
    return found


def _why_not(left: Task, right: Task, images: KnownImages) -> str | None:
    """Why two tasks are never compared."""
    for task in (left, right):
        if task.id in images.problems:
            return f"{task.id}: {images.problems[task.id]}"
    if left.id == right.id:
        return "both names are of one task"
    if left.context != right.context:
        return f"{shown_apart(left.context, right.context)}, so that they are never duplicates"
    if len(left.images) != len(right.images):
        return "these tasks have different numbers of images, so that they are never duplicates"
    return None


def _compared(
    left: Task, right: Task, images: KnownImages, judge: Judge, rules: Mapping[str, Rules]
) -> tuple[float, dict[str, Verdict]]:
    """The similarity of two tasks in the view that looks most alike, and by level the verdict on all their images."""
    rows = list(zip(images.rows[left.id], images.rows[right.id], strict=True))
    vectors = {"": images.vectors, **images.views}
    by_view = {
        view: min(
            1.0 if one == other and not view else float(images.vectors[one] @ others[other]) for one, other in rows
        )
        for view, others in vectors.items()
    }
    view = max(by_view, key=lambda name: by_view[name])  # as they are where views are equal
    verdicts = {}
    for level, limits in rules.items():
        found = [judge.verdict(one, other, view, limits) for one, other in rows]
        verdicts[level] = next((one for one in found if not one.accepted), found[0])
    similarity = by_view[view]
    return 1.0 if similarity > 1 - ROUNDING else similarity, verdicts
