"""How well changes of content are told from harmless edits.

    .venv/bin/python tests/benchmarks/content_change.py FOLDER [--half tune] [--names TXT] [--frames DIR]
        [--judged CSV] [--json OUT] [--wrong CSV]

Makes pairs out of photos. In some of them an object of 2, 4, 8 or 15 % of the area came, went or moved: it is cut out
of another photo, or taken out of this one. In others, and in as many plain pages, something small of .1, .3 or 1 %
changed: a word, a digit, a scratch, a small thing (`small_changes`). Others are edited without a change of content.
Every picture is encoded as JPEG and goes through the whole verification at the level near, the fine look included.
Prints the share of pairs that are kept apart, by kind; `--wrong` lists the pairs that are judged wrongly: changed
(size above 0) and joined, or harmless and kept apart.

Photos are split by their content: thresholds are chosen on the half "tune", the half "report" is for the figures.
`--frames` names a folder with one folder of frames for each fixed camera: how many of their pairs are kept apart.
`--judged` names a CSV with the columns a, b (files beside it, or under FOLDER) and changed (0 or 1), judged by eye.
"""

import argparse
import csv
import hashlib
import itertools
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import small_changes
from harmless_edits import CHAINS, EDITS, Alpha, Random, Rgb, curve, jpeg, resized
from object_changes import CHANGES, SIZES, VISIBLE, objects, seen, sized

from labelonce.features import Features, extract
from labelonce.images.decoding import decode
from labelonce.levels import LEVELS
from labelonce.reading import FINE_SIDE
from labelonce.verification import Verdict, verify

SIDE = 480  # pixels, long side of the photos that pairs are made of
SIMILARITY = 1.0  # of the embeddings: as alike as can be, so that nothing is kept apart by it
OVERLAYS = {"timestamp", "watermark", "logo"}  # text that somebody may read: at near it keeps pictures apart
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


@dataclass(frozen=True)
class Pair:
    """Two pictures, what was done to one of them, and the share of the area that changed (0: nothing).

    Small changes have their contrast in grey levels, and width and height in pixels.
    """

    a: bytes
    b: bytes
    kind: str
    size: float
    name: str
    contrast: float = 0.0
    box: tuple[int, int] = (0, 0)


# --------------------------------------------------------------------------------------------------------------- photos


def photos(folder: Path, half: str, names: set[str] | None = None) -> list[tuple[str, Rgb]]:
    """Photos of one half of the folder, by name, each once; their long side is SIDE."""
    found: dict[str, tuple[str, Rgb]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in SUFFIXES or (names is not None and path.name not in names):
            continue
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        if half not in ("both", "tune" if int(digest, 16) % 2 else "report"):
            continue
        rgb = decode(data).rgb
        scale = SIDE / max(rgb.shape[:2])
        size = (round(rgb.shape[1] * scale), round(rgb.shape[0] * scale))
        if min(size) >= SIDE // 4:
            method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
            found[digest] = (path.name, np.asarray(cv2.resize(rgb, size, interpolation=method), np.uint8))
    return [found[digest] for digest in sorted(found)]


# --------------------------------------------------------------------------------------------------------------- pairs


def recoded(rgb: Rgb, random: Random) -> bytes:
    """As it may come from elsewhere: JPEG of any quality, half of the time another size and brightness."""
    if random.random() < 0.5:
        rgb = curve(resized(rgb, random.uniform(0.8, 1.2)), lambda x: x * random.uniform(0.85, 1.15))
    return jpeg(rgb, int(random.integers(50, 96)))


def changes(name: str, rgb: Rgb, things: Sequence[tuple[Rgb, Alpha]], random: Random) -> Iterator[Pair]:
    """A change of every size in every kind, where the photo allows it to be seen."""
    for (kind, change), size in itertools.product(CHANGES.items(), SIZES):
        for _ in range(20):
            thing = sized(things[int(random.integers(len(things)))], size * rgb.shape[0] * rgb.shape[1], rgb.shape[:2])
            if thing is None:
                continue
            one, other, mask = change(rgb, thing, random)
            if seen(one, other, mask) >= VISIBLE:
                yield Pair(recoded(one, random), recoded(other, random), kind, size, name)
                break


def small(name: str, rgb: Rgb, things: Sequence[tuple[Rgb, Alpha]], random: Random) -> Iterator[Pair]:
    """A small change of every size in every kind, in the photo and in a page, where it can be seen."""
    grounds = {"photo": rgb, "page": small_changes.page(random)}
    for (kind, change), size, (ground, picture) in itertools.product(
        small_changes.CHANGES.items(), small_changes.SIZES, grounds.items()
    ):
        area = size * picture.shape[0] * picture.shape[1]
        for _ in range(20):
            made = change(picture, area, things[int(random.integers(len(things)))], random)
            if made is not None:
                one, other = recoded(made.one, random), recoded(made.other, random)
                yield Pair(one, other, f"{kind}, {ground}", size, name, made.contrast, made.box)
                break


def edits(name: str, rgb: Rgb, random: Random) -> Iterator[Pair]:
    """Every harmless edit once, and chains of them."""
    original = jpeg(rgb, 92)
    for kind, edit in EDITS.items():
        yield Pair(original, jpeg(edit(rgb, random), int(random.integers(60, 96))), kind, 0, name)
    for kind, length in CHAINS.items():
        edited, steps = rgb, random.choice(list(EDITS), length, replace=False).tolist()
        for step in steps:
            edited = EDITS[step](edited, random)
        kind = f"{kind}, an overlay among them" if OVERLAYS & {*steps} else kind
        yield Pair(original, jpeg(edited, int(random.integers(50, 96))), kind, 0, name)


def made_pairs(pictures: Sequence[tuple[str, Rgb]]) -> Iterator[Pair]:
    """Changes and harmless edits of all photos; the same photos give the same pairs."""
    things = objects(pictures, np.random.default_rng(1))
    for number, (name, rgb) in enumerate(pictures):
        random = np.random.default_rng(number)
        others = [thing for thing in things if thing[0].base is not rgb]
        yield from changes(name, rgb, others, random)
        yield from edits(name, rgb, random)
        yield from small(name, rgb, others, np.random.default_rng([number, 1]))


# -------------------------------------------------------------------------------------------------------------- verdict


@dataclass(frozen=True)
class Shown:
    """A picture as both halves of the verification see it."""

    features: Features
    rgb: Rgb


def shown(data: bytes) -> Shown:
    """The picture of a file."""
    return Shown(extract(decode(data)), decode(data, long_side=FINE_SIDE).rgb)


class Judge:
    """Asks the whole verification at the level near, and counts what that costs."""

    seconds = 0.0
    calls = 0

    def apart(self, a: Shown, b: Shown) -> bool:
        """Whether two pictures are kept apart."""
        return not self.verdict(a, b).accepted

    def verdict(self, a: Shown, b: Shown) -> Verdict:
        """The verdict on two pictures."""
        started = time.process_time()
        verdict = verify(a.features, b.features, SIMILARITY, LEVELS["near"], lambda: (a.rgb, b.rgb))
        self.seconds += time.process_time() - started
        self.calls += 1
        return verdict


def table(title: str, rows: dict[str, list[bool]]) -> dict[str, dict[str, float]]:
    """Print the shares kept apart, and return them."""
    print(f"\n{title:<28} {'pairs':>6} {'kept apart':>10}")
    shares = {name: float(np.mean(apart)) if apart else float("nan") for name, apart in rows.items()}
    for name, apart in rows.items():
        print(f"{name:<28} {len(apart):>6} {shares[name]:10.3f}")
    return {name: {"pairs": len(apart), "apart": shares[name]} for name, apart in rows.items()}


def judged(path: Path, folder: Path, judge: Judge) -> dict[str, list[bool]]:
    """Which of the pairs that somebody looked at are kept apart."""
    rows: dict[str, list[bool]] = {"no visible change": [], "visible change": []}
    with path.open(newline="") as handle:
        for row in csv.DictReader(handle):
            a, b = (
                next(base / row[side] for base in (path.parent, folder) if (base / row[side]).exists()) for side in "ab"
            )
            kind = "visible change" if row["changed"] == "1" else "no visible change"
            rows[kind].append(judge.apart(shown(a.read_bytes()), shown(b.read_bytes())))
    return rows


def frames(folder: Path, judge: Judge) -> dict[str, list[bool]]:
    """Which pairs of frames of each camera are kept apart."""
    rows: dict[str, list[bool]] = {}
    for camera in sorted(path for path in folder.iterdir() if path.is_dir()):
        seen = [shown(path.read_bytes()) for path in sorted(camera.iterdir()) if path.suffix.lower() in SUFFIXES]
        rows[camera.name] = [judge.apart(a, b) for a, b in itertools.combinations(seen, 2)]
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--half", choices=["tune", "report", "both"], default="report")
    parser.add_argument("--names", type=Path, help="file with the names of the photos to use, one a line")
    parser.add_argument("--frames", type=Path)
    parser.add_argument("--judged", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--wrong", type=Path)
    options = parser.parse_args()
    names = set(options.names.read_text().split()) if options.names else None
    pictures = photos(options.folder, options.half, names)
    judge = Judge()
    by_size: dict[str, list[bool]] = defaultdict(list)
    by_kind: dict[str, list[bool]] = defaultdict(list)
    harmless: dict[str, list[bool]] = defaultdict(list)
    wrong: list[tuple[object, ...]] = []
    for pair in made_pairs(pictures):
        verdict = judge.verdict(shown(pair.a), shown(pair.b))
        apart = not verdict.accepted
        if apart != bool(pair.size):
            wrong.append((pair.kind, pair.size, pair.name, round(pair.contrast), *pair.box, verdict.figures))
        if pair.size:
            by_size[f"{pair.size:.3g}"].append(apart)
            by_kind[f"{pair.kind}, {pair.size:.1%}"].append(apart)
        else:
            harmless[pair.kind].append(apart)
            harmless["all"].append(apart)
            if "overlay" not in pair.kind and pair.kind not in OVERLAYS:
                harmless["all without overlays"].append(apart)
    print(f"{len(pictures)} photos ({options.half})")
    result = {
        "changed": table("changed", {f"{float(size):.1%}": by_size[size] for size in sorted(by_size, key=float)}),
        "changed by kind": table("changed, by kind", dict(sorted(by_kind.items()))),
        "harmless": table("harmless edits", dict(sorted(harmless.items()))),
    }
    if options.frames:
        result["frames"] = table("frames of fixed cameras", frames(options.frames, judge))
    if options.judged:
        result["judged"] = table("judged by eye", judged(options.judged, options.folder, judge))
    milliseconds = 1000 * judge.seconds / max(1, judge.calls)
    print(f"\n{milliseconds:.2f} CPU ms a comparison ({judge.calls} comparisons)")
    if options.wrong:
        with options.wrong.open("w", newline="") as handle:
            rows = csv.writer(handle)
            rows.writerow(("kind", "size", "photo", "contrast", "width", "height", "figures"))
            rows.writerows(wrong)
    if options.json:
        options.json.write_text(json.dumps({"milliseconds": milliseconds, **result}, indent=1) + "\n")


if __name__ == "__main__":
    main()
