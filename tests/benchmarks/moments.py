"""How many pictures are kept where only what is proven to be one moment is joined, and that no look-alikes are.

    .venv/bin/python tests/benchmarks/moments.py TRUTH.csv [FOLDER ...] [--film FILE ...] [--every N]

TRUTH.csv names frames of films (`file,group_id,junk_key,subset`; those of the subset "frames" where there is one). Kept
are counted for the level near, for pictures whose names mean nothing (looks alone prove no moment), for names in
sequence, and for the level scene, on the groups whose number is even (the half that limits are chosen on) and on the
others. The order of frames within a group is not in the truth: it is guessed from the pictures, each next to the most
alike that is left, so the column "named" flatters. `--film` cuts frames out of films, in their true order.

In the FOLDERs no two pictures are of one moment, but for those with one group in `truth.csv` beside or above them, or
with the same name up to "_" where there is none: `joined` counts pairs beyond near that are, and has to be 0.
"""

import argparse
import csv
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from labelonce.change import NEAR_AREA
from labelonce.clustering import NOISE, Preference, represent
from labelonce.judge import Judge
from labelonce.levels import NEAR, rules_from
from labelonce.matching import collapse, propose
from labelonce.moments import Moments, Step
from labelonce.neighbours import Pairs
from labelonce.pipeline import search_of, workshop
from labelonce.progress import Progress
from labelonce.settings import Settings
from labelonce.sources.folder import FolderSource
from labelonce.stamps import Stamp, stamp_of

Steps = dict[tuple[int, int], Step]


@dataclass(frozen=True)
class Measured:
    """The pictures of a folder, and the pairs of them that `scene` joins."""

    names: list[str]
    stamps: list[Stamp]
    steps: Steps

    def among(self, chosen: Sequence[int]) -> "Measured":
        """Some of the pictures."""
        place = {number: index for index, number in enumerate(chosen)}
        steps = {(place[a], place[b]): step for (a, b), step in self.steps.items() if a in place and b in place}
        return Measured([self.names[one] for one in chosen], [self.stamps[one] for one in chosen], steps)


def measured(folder: Path, store: Path) -> Measured:
    """Read a folder, and compare all pairs that the embedding proposes."""
    source, settings = FolderSource(folder, max_bytes=1 << 28), Settings(level="scene", store=store)
    with workshop(source, settings, Progress()) as shop:
        tasks = sorted(source.tasks(), key=lambda task: task.id)
        images = shop.reader.read(tasks, Progress())
        nodes = collapse([task for task in tasks if task.id in images.rows], images)
        pairs = propose(nodes, images, shop.threshold, search_of(settings)).pairs
        near = rules_from(settings, NEAR, similarity=shop.rules.similarity, strict=shop.rules.plain_similarity)
        judge, steps = Judge(shop.reader, images), {}
        for a, b in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True):
            found = judge.step(nodes[a].rows[0], nodes[b].rows[0], near, shop.rules)
            if found is not None:
                steps[a, b] = found
    names = [str(node.tasks[0].id) for node in nodes]
    return Measured(names, [stamp_of(name) for name in names], steps)


def kept(count: int, joined: Iterable[tuple[int, int]]) -> int:
    """How many representatives cover all pictures."""
    ordered = np.array(sorted(joined), np.int64).reshape(-1, 2)
    pairs = Pairs(ordered[:, 0], ordered[:, 1], np.ones(len(ordered), np.float32))
    labels = np.full(count, NOISE)
    labels[ordered.ravel()] = 0
    rank = np.arange(count)
    return len(np.unique(represent(labels, pairs, Preference(np.zeros(count, bool), rank, rank), "cover")))


def proven(found: Measured) -> set[tuple[int, int]]:
    """Pairs that are joined: near, or one moment."""
    moments = Moments(found.stamps, found.steps)
    return {pair for pair, step in found.steps.items() if _near(step) or moments.evidence(*pair)}


def _near(step: Step) -> bool:
    """Whether near joins the pictures too."""
    return step.change <= NEAR_AREA and not step.apart


def in_order(found: Measured, groups: Sequence[str]) -> Measured:
    """The same with the names of frames: each group is a film, each frame is followed by the most alike one left."""
    stamps = list(found.stamps)

    def change(one: int, other: int) -> float:
        step = found.steps.get((min(one, other), max(one, other)))
        return 9.0 if step is None else step.change + 1 - step.agreement

    for group in sorted(set(groups)):
        members = [number for number, one in enumerate(groups) if one == group]
        path = [min(members, key=lambda one: -sum(change(one, other) for other in members))]
        while left := [one for one in members if one not in path]:
            path.append(min(left, key=partial(change, path[-1])))
        for frame, number in enumerate(path):
            stamps[number] = stamp_of(f"{group}_{10 * frame:06}.jpg")
    return replace(found, stamps=stamps)


def truth_of(folder: Path) -> Callable[[str], tuple[str, str]]:
    """Group and junk key of a picture, by its name."""
    for place in (folder / "truth.csv", folder.parent / "truth.csv"):
        if place.is_file():
            with place.open(newline="") as file:
                rows = {Path(row["file"]).name: (row["group_id"], row["junk_key"]) for row in csv.DictReader(file)}
            return lambda name: rows[Path(name).name]
    return lambda name: (Path(name).name.partition("_")[0], "")


def wrong(found: Measured, joined: Iterable[tuple[int, int]], truth: Callable[[str], tuple[str, str]]) -> int:
    """Joined pairs beyond near that show something else."""
    told = [truth(name) for name in found.names]
    return sum(
        told[a][0] != told[b][0] and not (told[a][1] and told[a][1] == told[b][1])
        for a, b in joined
        if not _near(found.steps[a, b])
    )


def films(truth: Path, store: Path) -> None:
    """The table of kept pictures."""
    with truth.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get("subset", "frames") in ("frames", "")]
    folder = truth.parent / Path(rows[0]["file"]).parent
    group = {Path(row["file"]).name: (row["group_id"], row["junk_key"]) for row in rows}
    found = measured(folder, store)
    groups = [group[Path(name).name][0] for name in found.names]
    print(f"{'half':<8}{'pictures':>9}{'groups':>8}{'near':>6}{'looks':>7}{'named':>7}{'scene':>7}{'wrong':>7}")
    for half, parity in (("even", 0), ("odd", 1), ("all", None)):
        numbers = [n for n, one in enumerate(groups) if parity is None or int(one[-1]) % 2 == parity]
        part, mine = found.among(numbers), [groups[number] for number in numbers]
        count = len(numbers)
        near = {pair for pair, step in part.steps.items() if _near(step)}
        looks, named = proven(part), proven(in_order(part, mine))
        faults = wrong(part, looks | named, lambda name: group[Path(name).name])
        figures = count, len(set(mine)), *(kept(count, joined) for joined in (near, looks, named, part.steps)), faults
        widths = 9, 8, 6, 7, 7, 7, 7
        print(half.ljust(8) + "".join(str(one).rjust(width) for one, width in zip(figures, widths, strict=True)))


def look_alikes(folders: Sequence[Path], store: Path) -> int:
    """The table of look-alikes; how many were joined."""
    print(f"\n{'look-alikes':<22}{'pictures':>9}{'scene pairs':>12}{'joined':>8}{'in row':>8}")
    total = 0
    for folder in folders:
        found, truth = measured(folder, store), truth_of(folder)
        numbered = replace(found, stamps=[stamp_of(f"x_{n:04}.jpg") for n in range(len(found.names))])
        counts = [wrong(found, pairs, truth) for pairs in (found.steps, proven(found), proven(numbered))]
        total += sum(counts[1:])
        print(f"{folder.name:<22}{len(found.names):>9}{counts[0]:>12}{counts[1]:>8}{counts[2]:>8}")
    return total


def cut(paths: Sequence[Path], every: int, store: Path) -> None:
    """The table of films."""
    print(f"\n{'film':<22}{'every':>6}{'frames':>8}{'near':>6}{'looks':>7}{'named':>7}{'scene':>7}")
    for path in paths:
        with tempfile.TemporaryDirectory() as folder:
            film, number = cv2.VideoCapture(str(path)), 0
            while film.grab() and number < 60 * every:
                if number % every == 0:
                    cv2.imwrite(f"{folder}/{path.stem}_{number:06}.jpg", film.retrieve()[1])
                number += 1
            found = measured(Path(folder), store)
        count = len(found.names)
        near = {pair for pair, step in found.steps.items() if _near(step)}
        looks = proven(replace(found, stamps=[replace(stamp, number=None) for stamp in found.stamps]))
        figures = (kept(count, joined) for joined in (near, looks, proven(found), found.steps))
        shown = "".join(str(one).rjust(width) for one, width in zip(figures, (6, 7, 7, 7), strict=True))
        print(f"{path.stem[:21]:<22}{every:>6}{count:>8}{shown}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("truth", type=Path)
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--film", type=Path, action="append", default=[])
    parser.add_argument("--every", type=int, default=6, help="every so many frames of a film are taken")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store.sqlite3"
        films(options.truth, store)
        faults = look_alikes(options.folders, store)
        if options.film:
            cut(options.film, options.every, store)
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
