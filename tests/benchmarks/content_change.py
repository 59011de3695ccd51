"""How well changes of content are told from harmless edits.

    .venv/bin/python tests/benchmarks/content_change.py FOLDER [--half tune] [--frames DIR] [--judged CSV] [--json OUT]

Makes pairs out of photos. In some of them an object of 2, 4, 8 or 15 % of the area came, went or moved: it is cut out
of another photo, or taken out of this one. Others are edited without a change of content. Every picture is encoded as
JPEG, laid on its partner by its corners, and compared. Prints the share of pairs that are kept apart, by kind, at
several limits of the changed area; a pair that cannot be aligned is kept apart at all of them.

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
from numpy.typing import NDArray

from labelonce.change import NEAR_AREA, changed_area
from labelonce.features import Features, extract
from labelonce.geometry import align_corners
from labelonce.images.decoding import decode

SIDE = 480  # pixels, long side of the photos that pairs are made of
SIZES = (0.02, 0.04, 0.08, 0.15)
LIMITS = (0.005, 0.008, 0.012, 0.02, 0.03)
VISIBLE = 12.0  # grey levels, mean of the largest channel: a change that nobody would see is none
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}

Rgb = NDArray[np.uint8]
Alpha = NDArray[np.float32]
Random = np.random.Generator


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


def blend(under: Rgb, over: Rgb, mask: Alpha) -> Rgb:
    """`over` where the mask is 1, `under` where it is 0."""
    return np.asarray(under + (over.astype(np.float32) - under) * mask[..., None] + 0.5, np.uint8)


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


# ------------------------------------------------------------------------------------------------------ harmless edits


def jpeg(rgb: Rgb, quality: int) -> bytes:
    """The bytes of a JPEG file."""
    return bytes(cv2.imencode(".jpg", rgb[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, quality))[1])


def curve(rgb: Rgb, mapped: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> Rgb:
    """A curve applied to all channels, 0 to 1."""
    return np.asarray(np.clip(mapped(rgb.astype(np.float32) / 255), 0, 1) * 255 + 0.5, np.uint8)


def warped(rgb: Rgb, matrix: NDArray[np.float64], random: Random) -> Rgb:
    """A small motion; what comes into sight is black, white, or the rim repeated."""
    border = int(random.choice([cv2.BORDER_CONSTANT, cv2.BORDER_REPLICATE, cv2.BORDER_REFLECT_101]))
    fill = (255, 255, 255) if random.random() < 0.5 else (0, 0, 0)
    size = rgb.shape[1::-1]
    return np.asarray(cv2.warpAffine(rgb, matrix, size, flags=cv2.INTER_CUBIC, borderMode=border, borderValue=fill))


def resized(rgb: Rgb, scale: float) -> Rgb:
    """Another size."""
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=method), np.uint8)


def cropped(rgb: Rgb, random: Random) -> Rgb:
    """Up to 12 % less on every side."""
    height, width = rgb.shape[:2]
    left, right, top, bottom = random.uniform(0, 0.12, 4)
    return rgb[int(top * height) : height - int(bottom * height), int(left * width) : width - int(right * width)]


def written(rgb: Rgb, text: str, height: float, x: float, y: float, alpha: float, white: bool, angle: float = 0) -> Rgb:
    """Text of a height (share of the picture's) at a place, more or less transparent, with an outline if opaque."""
    rows, columns = rgb.shape[:2]
    scale, layer = height * rows / 22, np.zeros((rows, columns), np.float32)
    at, thick = (int(x * columns), int(y * rows)), max(1, round(2 * scale))
    cv2.putText(layer, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, 1.0, thick, cv2.LINE_AA)
    if angle:
        layer = cv2.warpAffine(layer, cv2.getRotationMatrix2D((columns / 2, rows / 2), angle, 1), (columns, rows))
    return blend(rgb, np.full_like(rgb, 255 if white else 0), layer * alpha)


def timestamp(rgb: Rgb, random: Random) -> Rgb:
    """Date and time in a corner, as cameras print them."""
    month, day, hour, minute = (int(random.integers(*ends)) for ends in ((1, 13), (1, 29), (0, 24), (0, 60)))
    text = f"2024-{month:02d}-{day:02d} {hour:02d}:{minute:02d}"
    x, y = random.choice([0.02, 0.4]), random.choice([0.1, 0.96])
    return written(rgb, text, random.uniform(0.03, 0.06), x, y, 1.0, bool(random.random() < 0.7))


def watermark(rgb: Rgb, random: Random) -> Rgb:
    """Semi-transparent text, small or right across, sometimes repeated."""
    text = str(random.choice(["PREVIEW", "example.com", "(c) stock photo", "SAMPLE", "DRAFT"]))
    alpha, white, angle = random.uniform(0.2, 0.6), bool(random.random() < 0.8), float(random.choice([0, 0, 20, 35]))
    if random.random() < 0.3:
        for x, y in itertools.product((0.02, 0.36, 0.7), (0.2, 0.5, 0.8)):
            rgb = written(rgb, text, 0.05, x, y, alpha, white, angle)
        return rgb
    wide = random.uniform(0.3, 0.9) / len(text) * rgb.shape[1] / rgb.shape[0] * 1.2
    return written(rgb, text, wide, random.uniform(0.03, 0.1), random.uniform(0.3, 0.9), alpha, white, angle)


def logo(rgb: Rgb, random: Random) -> Rgb:
    """A ring and a letter, semi-transparent, in a corner or in the middle."""
    height, width = rgb.shape[:2]
    radius = int(random.uniform(0.05, 0.14) * min(height, width))
    x, y = (int(side * random.choice([0.15, 0.5, 0.85])) for side in (width, height))
    layer = np.zeros((height, width), np.float32)
    cv2.circle(layer, (x, y), radius, 1.0, max(2, radius // 5), cv2.LINE_AA)
    at = (x - radius // 2, y + radius // 2)
    cv2.putText(layer, "A", at, cv2.FONT_HERSHEY_SIMPLEX, radius / 22, 1.0, max(2, radius // 6), cv2.LINE_AA)
    return blend(rgb, np.full_like(rgb, 255 if random.random() < 0.7 else 0), layer * random.uniform(0.3, 0.7))


def rotated(rgb: Rgb, random: Random) -> Rgb:
    """Up to four degrees."""
    middle = rgb.shape[1] / 2, rgb.shape[0] / 2
    return warped(rgb, cv2.getRotationMatrix2D(middle, random.uniform(-4, 4), random.choice([1.0, 1.08])), random)


def translated(rgb: Rgb, random: Random) -> Rgb:
    """Up to five percent."""
    x, y = random.uniform(-0.05, 0.05, 2) * rgb.shape[1::-1]
    return warped(rgb, np.array([[1, 0, x], [0, 1, y]]), random)


def noisy(rgb: Rgb, random: Random) -> Rgb:
    """Grain."""
    grain = random.normal(0, random.uniform(3, 12), rgb.shape)
    return np.asarray(np.clip(rgb + grain, 0, 255), np.uint8)


def tinted(rgb: Rgb, random: Random) -> Rgb:
    """Another white balance."""
    return np.asarray(np.clip(rgb * random.uniform(0.88, 1.12, 3), 0, 255), np.uint8)


EDITS: dict[str, Callable[[Rgb, Random], Rgb]] = {
    "jpeg": lambda rgb, random: np.asarray(decode(jpeg(rgb, int(random.integers(30, 96)))).rgb),
    "resize": lambda rgb, random: resized(rgb, random.uniform(0.5, 1.5)),
    "crop": cropped,
    "brightness": lambda rgb, random: curve(rgb, lambda x: x * random.uniform(0.7, 1.4)),
    "contrast": lambda rgb, random: curve(rgb, lambda x: (x - 0.5) * random.uniform(0.7, 1.35) + 0.5),
    "gamma": lambda rgb, random: curve(rgb, lambda x: x ** random.uniform(0.65, 1.5)),
    "white balance": tinted,
    "noise": noisy,
    "blur": lambda rgb, random: np.asarray(cv2.GaussianBlur(rgb, (0, 0), random.uniform(0.6, 2.2))),
    "timestamp": timestamp,
    "watermark": watermark,
    "logo": logo,
    "rotate": rotated,
    "translate": translated,
}
CHAINS = {"two edits": 2, "three edits": 3}


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


def features(data: bytes) -> Features:
    """The thumbnail of a file."""
    return extract(decode(data))


def lies_on(a: Features, b: Features) -> NDArray[np.float64] | None:
    """How `b` lies on `a`, where their corners agree; None where they do not."""
    found = align_corners(a, b)
    believed = found.inliers >= 12 and 0.4 < found.scale < 2.5 and min(found.overlap) >= 0.6
    return found.transform if believed else None


class Clock:
    """Time spent comparing, and how often."""

    seconds = 0.0
    calls = 0

    def area(self, a: Features, b: Features) -> float:
        """The changed area; 1 where the pictures cannot be aligned."""
        if (b.size, b.jpeg) < (a.size, a.jpeg):
            a, b = b, a
        transform = lies_on(a, b)
        if transform is None:
            return 1.0
        small = a.small, b.small
        started = time.process_time()
        area = changed_area(*small, transform).area
        self.seconds += time.process_time() - started
        self.calls += 1
        return area


def share(areas: Sequence[float], limit: float) -> float:
    """Share of the pairs that are kept apart."""
    return float((np.asarray(areas) > limit).mean()) if areas else float("nan")


def table(title: str, rows: dict[str, list[float]], limits: Sequence[float]) -> dict[str, dict[str, float]]:
    """Print the shares kept apart, and return them."""
    print(f"\n{title:<28} {'pairs':>6} " + " ".join(f"> {limit:<5g}" for limit in limits))
    for name, areas in rows.items():
        print(f"{name:<28} {len(areas):>6} " + " ".join(f"{share(areas, limit):7.3f}" for limit in limits))
    return {
        name: {"pairs": len(areas), **{f"{limit:g}": share(areas, limit) for limit in limits}}
        for name, areas in rows.items()
    }


def judged_areas(path: Path, folder: Path, clock: Clock) -> dict[str, list[float]]:
    """Changed areas of the pairs that somebody looked at."""
    rows: dict[str, list[float]] = {"no visible change": [], "visible change": []}
    with path.open(newline="") as handle:
        for row in csv.DictReader(handle):
            a, b = (
                next(base / row[side] for base in (path.parent, folder) if (base / row[side]).exists()) for side in "ab"
            )
            kind = "visible change" if row["changed"] == "1" else "no visible change"
            rows[kind].append(clock.area(features(a.read_bytes()), features(b.read_bytes())))
    return rows


def frame_areas(folder: Path, clock: Clock) -> dict[str, list[float]]:
    """Changed areas of all pairs of frames of each camera."""
    rows: dict[str, list[float]] = {}
    for camera in sorted(path for path in folder.iterdir() if path.is_dir()):
        frames = [features(path.read_bytes()) for path in sorted(camera.iterdir()) if path.suffix.lower() in SUFFIXES]
        rows[camera.name] = [clock.area(a, b) for a, b in itertools.combinations(frames, 2)]
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
    limits = sorted({*LIMITS, NEAR_AREA})
    clock = Clock()
    by_size: dict[str, list[float]] = defaultdict(list)
    by_kind: dict[str, list[float]] = defaultdict(list)
    harmless: dict[str, list[float]] = defaultdict(list)
    for pair in made_pairs(pictures):
        area = clock.area(features(pair.a), features(pair.b))
        if pair.size:
            by_size[f"{pair.size:.0%}"].append(area)
            by_kind[f"{pair.kind}, {pair.size:.0%}"].append(area)
        else:
            harmless[pair.kind].append(area)
            harmless["all"].append(area)
    print(f"{len(pictures)} photos ({options.half}); kept apart by default: more than {NEAR_AREA:g} changed")
    result = {
        "changed": table("changed", dict(sorted(by_size.items(), key=lambda item: float(item[0][:-1]))), limits),
        "changed by kind": table("changed, by kind", dict(sorted(by_kind.items())), limits),
        "harmless": table("harmless edits", dict(sorted(harmless.items())), limits),
    }
    if options.frames:
        result["frames"] = table("frames of fixed cameras", frame_areas(options.frames, clock), limits)
    if options.judged:
        result["judged"] = table("judged by eye", judged_areas(options.judged, options.folder, clock), limits)
    milliseconds = 1000 * clock.seconds / max(1, clock.calls)
    print(f"\n{milliseconds:.2f} CPU ms a comparison ({clock.calls} comparisons)")
    if options.json:
        options.json.write_text(json.dumps({"milliseconds": milliseconds, **result}, indent=1) + "\n")


if __name__ == "__main__":
    main()
