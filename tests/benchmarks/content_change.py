"""How well changes of content are told from harmless edits.

    .venv/bin/python tests/benchmarks/content_change.py FOLDER [--half tune] [--frames DIR] [--judged CSV] [--json OUT]

Makes pairs out of photos. In some of them an object of 2, 4, 8 or 15 % of the area came, went or moved: it is cut out
of another photo, or taken out of this one. Others are edited without a change of content. Every picture is encoded as
JPEG and goes through the whole verification at the level near, the fine look included. Prints the share of pairs that
are kept apart, by kind.

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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from harmless_edits import CHAINS, EDITS, Alpha, Random, Rgb, blend, curve, jpeg, resized

from labelonce.features import Features, extract
from labelonce.images.decoding import decode
from labelonce.levels import LEVELS
from labelonce.reading import FINE_SIDE
from labelonce.verification import verify

SIDE = 480  # pixels, long side of the photos that pairs are made of
SIZES = (0.02, 0.04, 0.08, 0.15)
SIMILARITY = 1.0  # of the embeddings: as alike as can be, so that nothing is kept apart by it
VISIBLE = 12.0  # grey levels, mean of the largest channel: a change that nobody would see is none
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


@dataclass(frozen=True)
class Pair:
    """Two pictures, what was done to one of them, and the share of the area that changed (0: nothing)."""

    a: bytes
    b: bytes
    kind: str
    size: float
    name: str


# ------------------------------------------------------------------------------------------------- photos and objects


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


def foreground(rgb: Rgb) -> Alpha | None:
    """What stands in the middle of a photo, 0 to 1; None where nothing stands out (Rother et al., GrabCut, 2004)."""
    scale = 120 / max(rgb.shape[:2])
    small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    height, width = small.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    inside = (width // 8, height // 8, width - width // 4, height - height // 4)
    cv2.setRNGSeed(1)
    cv2.grabCut(small, mask, inside, np.zeros((1, 65)), np.zeros((1, 65)), 2, cv2.GC_INIT_WITH_RECT)
    _, labels, stats, _ = cv2.connectedComponentsWithStats((mask % 2).astype(np.uint8))
    if len(stats) < 2:
        return None
    largest = 1 + int(stats[1:, 4].argmax())
    w, h, area = (int(value) for value in stats[largest][2:])
    if not 0.08 * mask.size < area < 0.6 * mask.size or area < 0.35 * w * h:
        return None
    full = cv2.resize((labels == largest).astype(np.float32), rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.GaussianBlur(full, (0, 0), 1.5), np.float32)


def blob(random: Random, side: int = 128) -> Alpha:
    """An irregular round shape with soft edges."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j].astype(np.float32)
    x = x * random.uniform(1, 1.8)
    angle, radius = np.arctan2(y, x), np.hypot(x, y)
    edge = 0.72 + sum(random.uniform(-0.16, 0.16) / n * np.cos(n * angle + random.uniform(0, 6)) for n in (1, 2, 3, 5))
    return np.asarray(cv2.GaussianBlur((radius < edge).astype(np.float32), (0, 0), 2), np.float32)


def cut_out(rgb: Rgb, alpha: Alpha) -> tuple[Rgb, Alpha]:
    """An object and its outline, cropped to it."""
    rows, columns = np.flatnonzero(alpha.max(1) > 0.02), np.flatnonzero(alpha.max(0) > 0.02)
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return rgb[part], alpha[part]


def objects(pictures: Sequence[tuple[str, Rgb]], random: Random, most: int = 80) -> list[tuple[Rgb, Alpha]]:
    """Objects cut out of the photos: half by their own outline, half by a round shape."""
    made = []
    for _, rgb in pictures[:most]:
        alpha = foreground(rgb)
        if alpha is not None:
            made.append(cut_out(rgb, alpha))
        height, width = rgb.shape[:2]
        side = min(height, width) // 2
        x, y = int(random.integers(width - side)), int(random.integers(height - side))
        made.append((rgb[y : y + side, x : x + side], cv2.resize(blob(random), (side, side))))
    return made


def sized(thing: tuple[Rgb, Alpha], area: float, shape: tuple[int, int]) -> tuple[Rgb, Alpha] | None:
    """The object scaled to cover `area` pixels; None where it does not fit."""
    rgb, alpha = thing
    scale = (area / float(alpha.sum())) ** 0.5
    width, height = round(rgb.shape[1] * scale), round(rgb.shape[0] * scale)
    if not (6 < height < 0.95 * shape[0] and 6 < width < 0.95 * shape[1]):
        return None
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(rgb, (width, height), interpolation=method), cv2.resize(alpha, (width, height))


def place(shape: tuple[int, int], alpha: Alpha, x: int, y: int) -> Alpha:
    """An outline on an empty picture."""
    mask = np.zeros(shape, np.float32)
    mask[y : y + alpha.shape[0], x : x + alpha.shape[1]] = alpha
    return mask


def put(rgb: Rgb, thing: tuple[Rgb, Alpha], x: int, y: int) -> Rgb:
    """The picture with an object on it."""
    over = np.zeros_like(rgb)
    over[y : y + thing[0].shape[0], x : x + thing[0].shape[1]] = thing[0]
    return blend(rgb, over, place(rgb.shape[:2], thing[1], x, y))


def corner(random: Random, shape: tuple[int, int], alpha: Alpha) -> tuple[int, int]:
    """A random place for an outline."""
    return int(random.integers(shape[1] - alpha.shape[1] + 1)), int(random.integers(shape[0] - alpha.shape[0] + 1))


def seen(a: Rgb, b: Rgb, mask: Alpha) -> float:
    """How much differs under the mask: grey levels, mean of the largest channel, of pictures without fine texture."""
    soft = [cv2.blur(one, (11, 11)).astype(np.float32) for one in (a, b)]
    return float((np.abs(soft[0] - soft[1]).max(2) * mask).sum() / mask.sum())


# ------------------------------------------------------------------------------------------------- changes of content

Change = Callable[[Rgb, tuple[Rgb, Alpha], Random], tuple[Rgb, Rgb, Alpha]]


def came(rgb: Rgb, thing: tuple[Rgb, Alpha], random: Random) -> tuple[Rgb, Rgb, Alpha]:
    """An object somewhere."""
    x, y = corner(random, rgb.shape[:2], thing[1])
    return rgb, put(rgb, thing, x, y), place(rgb.shape[:2], thing[1], x, y)


def came_on_plain(rgb: Rgb, thing: tuple[Rgb, Alpha], random: Random) -> tuple[Rgb, Rgb, Alpha]:
    """An object where the photo is plainest."""
    height, width = thing[1].shape
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    spots = [corner(random, rgb.shape[:2], thing[1]) for _ in range(20)]
    x, y = min(spots, key=lambda spot: float(gray[spot[1] : spot[1] + height, spot[0] : spot[0] + width].std()))
    return rgb, put(rgb, thing, x, y), place(rgb.shape[:2], thing[1], x, y)


def came_in_tone(rgb: Rgb, thing: tuple[Rgb, Alpha], random: Random) -> tuple[Rgb, Rgb, Alpha]:
    """An object whose mean colour is nearly that of its ground."""
    x, y = corner(random, rgb.shape[:2], thing[1])
    mask = place(rgb.shape[:2], thing[1], x, y)
    ground = (rgb * mask[..., None]).sum((0, 1)) / mask.sum()
    own = (thing[0] * thing[1][..., None]).sum((0, 1)) / thing[1].sum()
    toned = np.clip(thing[0] + 0.8 * (ground - own), 0, 255).astype(np.uint8)
    return rgb, put(rgb, (toned, thing[1]), x, y), mask


def moved(rgb: Rgb, thing: tuple[Rgb, Alpha], random: Random) -> tuple[Rgb, Rgb, Alpha]:
    """An object at two places that overlap by a half at most."""
    x, y = corner(random, rgb.shape[:2], thing[1])
    first = place(rgb.shape[:2], thing[1], x, y)
    for _ in range(30):
        left, top = corner(random, rgb.shape[:2], thing[1])
        second = place(rgb.shape[:2], thing[1], left, top)
        if float(np.minimum(first, second).sum()) < 0.5 * float(first.sum()):
            break
    return put(rgb, thing, x, y), put(rgb, thing, left, top), np.maximum(first, second)


def went_smooth(rgb: Rgb, thing: tuple[Rgb, Alpha], random: Random) -> tuple[Rgb, Rgb, Alpha]:
    """What was there is painted over with its surroundings (Telea, 2004)."""
    mask = place(rgb.shape[:2], thing[1], *corner(random, rgb.shape[:2], thing[1]))
    size = rgb.shape[1] // 3, rgb.shape[0] // 3
    hole = (cv2.resize(mask, size, interpolation=cv2.INTER_AREA) > 0.02).astype(np.uint8)
    filled = cv2.inpaint(
        cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), cv2.dilate(hole, None), 3, cv2.INPAINT_TELEA
    )
    over = np.asarray(cv2.resize(filled, rgb.shape[1::-1], interpolation=cv2.INTER_CUBIC), np.uint8)
    return rgb, blend(rgb, over, mask), mask


def went_under_patch(rgb: Rgb, thing: tuple[Rgb, Alpha], random: Random) -> tuple[Rgb, Rgb, Alpha]:
    """What was there is covered with another part of the photo, the one whose rim fits best of ten."""
    height, width = thing[1].shape
    x, y = corner(random, rgb.shape[:2], thing[1])
    rim = (cv2.dilate(thing[1], np.ones((9, 9))) - thing[1])[..., None]
    own = rgb[y : y + height, x : x + width].astype(np.float32)
    spots = [corner(random, rgb.shape[:2], thing[1]) for _ in range(10)]
    patches = [rgb[top : top + height, left : left + width] for left, top in spots]
    patch = min(patches, key=lambda one: float((np.abs(one - own) * rim).sum()))
    return rgb, put(rgb, (patch, thing[1]), x, y), place(rgb.shape[:2], thing[1], x, y)


CHANGES: dict[str, Change] = {
    "came": came,
    "came, plain ground": came_on_plain,
    "came, same tone": came_in_tone,
    "moved": moved,
    "went, smooth fill": went_smooth,
    "went, patch": went_under_patch,
}


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


def edits(name: str, rgb: Rgb, random: Random) -> Iterator[Pair]:
    """Every harmless edit once, and chains of them."""
    original = jpeg(rgb, 92)
    for kind, edit in EDITS.items():
        yield Pair(original, jpeg(edit(rgb, random), int(random.integers(60, 96))), kind, 0, name)
    for kind, length in CHAINS.items():
        edited = rgb
        for step in random.choice(list(EDITS), length, replace=False):
            edited = EDITS[str(step)](edited, random)
        yield Pair(original, jpeg(edited, int(random.integers(50, 96))), kind, 0, name)


def made_pairs(pictures: Sequence[tuple[str, Rgb]]) -> Iterator[Pair]:
    """Changes and harmless edits of all photos; the same photos give the same pairs."""
    things = objects(pictures, np.random.default_rng(1))
    for number, (name, rgb) in enumerate(pictures):
        random = np.random.default_rng(number)
        others = [thing for thing in things if thing[0].base is not rgb]
        yield from changes(name, rgb, others, random)
        yield from edits(name, rgb, random)


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
        started = time.process_time()
        verdict = verify(a.features, b.features, SIMILARITY, LEVELS["near"], lambda: (a.rgb, b.rgb))
        self.seconds += time.process_time() - started
        self.calls += 1
        return not verdict.accepted


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
    options = parser.parse_args()
    names = set(options.names.read_text().split()) if options.names else None
    pictures = photos(options.folder, options.half, names)
    judge = Judge()
    by_size: dict[str, list[bool]] = defaultdict(list)
    by_kind: dict[str, list[bool]] = defaultdict(list)
    harmless: dict[str, list[bool]] = defaultdict(list)
    for pair in made_pairs(pictures):
        apart = judge.apart(shown(pair.a), shown(pair.b))
        if pair.size:
            by_size[f"{pair.size:.0%}"].append(apart)
            by_kind[f"{pair.kind}, {pair.size:.0%}"].append(apart)
        else:
            harmless[pair.kind].append(apart)
            harmless["all"].append(apart)
    print(f"{len(pictures)} photos ({options.half})")
    result = {
        "changed": table("changed", dict(sorted(by_size.items(), key=lambda item: float(item[0][:-1])))),
        "changed by kind": table("changed, by kind", dict(sorted(by_kind.items()))),
        "harmless": table("harmless edits", dict(sorted(harmless.items()))),
    }
    if options.frames:
        result["frames"] = table("frames of fixed cameras", frames(options.frames, judge))
    if options.judged:
        result["judged"] = table("judged by eye", judged(options.judged, options.folder, judge))
    milliseconds = 1000 * judge.seconds / max(1, judge.calls)
    print(f"\n{milliseconds:.2f} CPU ms a comparison ({judge.calls} comparisons)")
    if options.json:
        options.json.write_text(json.dumps({"milliseconds": milliseconds, **result}, indent=1) + "\n")


if __name__ == "__main__":
    main()
