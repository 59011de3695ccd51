"""How many hard copies are found: crops, collages, screenshots, stickers and whatever else people do to photos.

    .venv/bin/python tests/benchmarks/hard_copies.py FOLDER_OF_PHOTOS [--photos 24] [--others 1000] [--level scene]
        [--apart] [--keep DIR] [--json OUT] [-- OPTIONS OF LABELONCE]

Makes a copy of every kind of some photos, puts them with these photos among others, and runs labelonce on all of them.
The kinds are after the Image Similarity Challenge (Douze et al., 2021). A copy is found where it is skipped for a
picture of the same photo, or its photo for it. A skip for a picture of another photo is wrong; they are listed, because
a folder of photos may hold duplicates of its own. A whole that is skipped for a crop of it is lost in part: such
skips are counted too.

Four kinds (screenshot, two collages, picture in picture) show more than the photo: none of them may be skipped for it,
and only one of them can take the photo's place. With all kinds in one set at most 20 of 23 are found, however good the
search. With `--apart` every kind is in a set of its own, with the photos and the others, as a copy comes alone in most
folders: what is found then is whether labelonce sees that two pictures are one. Say which of the two was counted.

All pictures are JPEGs with a long side of 640 pixels before they are edited. What copies are mixed with (collages,
blends, pictures in pictures) are photos that are not in the set themselves, three for each photo. The same files give
the same pictures, whatever their names; they lie in a temporary folder, or in DIR, which is kept.
"""

import argparse
import csv
import hashlib
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from harmless_edits import Random, Rgb, blend, curve, jpeg, resized, written
from numpy.typing import ArrayLike
from peers import ToolError
from speed import fitted, photo, photos_in, say, timed

from labelonce.images.decoding import decode
from labelonce.threads import cores

SIDE = 640  # pixels, long side
QUALITY = 90  # of JPEG, where a kind says nothing else
PARTNERS = 3  # photos that the copies of one photo are mixed with

Edit = Callable[[Rgb, Sequence[Rgb], Random], Rgb]


# --------------------------------------------------------------------------------------------------------------- kinds


def plain(height: int, width: int, random: Random) -> Rgb:
    """A ground of one colour: black, white, or any."""
    colour = ((0, 0, 0), (255, 255, 255), random.integers(0, 256, 3))[int(random.integers(3))]
    return np.broadcast_to(np.asarray(colour, np.uint8), (height, width, 3)).copy()


def pasted(ground: Rgb, rgb: Rgb, y: int, x: int) -> Rgb:
    """The ground with a picture on it, which fits."""
    ground = ground.copy()
    ground[y : y + rgb.shape[0], x : x + rgb.shape[1]] = rgb
    return ground


def filled(rgb: Rgb, height: int, width: int) -> Rgb:
    """The middle of the photo, as large as fills this size."""
    larger = resized(rgb, max(height / rgb.shape[0], width / rgb.shape[1]) + 1e-3)
    y, x = (larger.shape[0] - height) // 2, (larger.shape[1] - width) // 2
    return larger[y : y + height, x : x + width]


def cropped(rgb: Rgb, share: float, random: Random) -> Rgb:
    """A window of a share of the area, anywhere; a little wider or higher than the photo."""
    stretch = random.uniform(max(share, 0.8), 1 / max(share, 0.8)) ** 0.5
    height, width = round(rgb.shape[0] * share**0.5 * stretch), round(rgb.shape[1] * share**0.5 / stretch)
    y, x = int(random.integers(rgb.shape[0] - height + 1)), int(random.integers(rgb.shape[1] - width + 1))
    return rgb[y : y + height, x : x + width]


def bordered(rgb: Rgb, random: Random) -> Rgb:
    """A plain border of 8 to 30 % on two or four sides."""
    y, x = (int(side * by) for side, by in zip(rgb.shape[:2], random.uniform(0.08, 0.3, 2), strict=True))
    y, x = ((y, x), (y, 0), (0, x))[int(random.integers(3))]
    return pasted(plain(rgb.shape[0] + 2 * y, rgb.shape[1] + 2 * x, random), rgb, y, x)


def warped(rgb: Rgb, places: ArrayLike, random: Random) -> Rgb:
    """The photo with its corners at other places, from the upper left one clockwise, on plain ground."""
    height, width = rgb.shape[:2]
    target = np.asarray(places, np.float32) - np.min(places, axis=0)
    columns, rows = np.ceil(target.max(axis=0)).astype(int).tolist()
    own = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(own, target.astype(np.float32))
    ground = plain(rows, columns, random)
    moved = cv2.warpPerspective(
        rgb, matrix, (columns, rows), dst=ground, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_TRANSPARENT
    )
    return np.asarray(moved, np.uint8)


def rotated(rgb: Rgb, random: Random) -> Rgb:
    """8 to 12 degrees either way, nothing cut off."""
    height, width = rgb.shape[:2]
    angle = np.deg2rad(random.uniform(8, 12) * random.choice((-1, 1)))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return warped(rgb, np.array([[0, 0], [width, 0], [width, height], [0, height]]) @ turn, random)


def in_perspective(rgb: Rgb, random: Random) -> Rgb:
    """Every corner up to 15 % further inside."""
    inside = random.uniform(0, 0.15, (4, 2))
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    return warped(rgb, np.abs(corners - inside) * rgb.shape[1::-1], random)


def stretched(rgb: Rgb, random: Random) -> Rgb:
    """Wider or higher by 20 to 50 %."""
    by = random.uniform(1.2, 1.5)
    x, y = (by, 1) if random.random() < 0.5 else (1, by)
    return np.asarray(cv2.resize(rgb, None, fx=x, fy=y, interpolation=cv2.INTER_CUBIC), np.uint8)


def pixelated(rgb: Rgb, random: Random) -> Rgb:
    """Squares of 6 to 12 pixels."""
    step = random.uniform(6, 12)
    tiny = resized(rgb, 1 / step)
    return np.asarray(cv2.resize(tiny, rgb.shape[1::-1], interpolation=cv2.INTER_NEAREST), np.uint8)


def noisy(rgb: Rgb, random: Random) -> Rgb:
    """Grain of 25 to 45 grey levels."""
    return np.asarray(np.clip(rgb + random.normal(0, random.uniform(25, 45), rgb.shape), 0, 255), np.uint8)


def recoded(rgb: Rgb, quality: int) -> Rgb:
    """What is left after JPEG of this quality."""
    return np.asarray(decode(jpeg(rgb, quality)).rgb, np.uint8)


def gray(rgb: Rgb) -> Rgb:
    """Without colour."""
    return np.asarray(cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)


def recoloured(rgb: Rgb, random: Random) -> Rgb:
    """Another hue, saturation, contrast and gamma."""
    hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV).astype(np.float32)
    hsv[..., 0] = (hsv[..., 0] + random.uniform(-20, 20)) % 180
    hsv[..., 1] = np.clip(hsv[..., 1] * random.uniform(0.4, 1.8), 0, 255)
    contrast, gamma = random.uniform(0.6, 1.5), random.uniform(0.5, 2)
    toned = np.asarray(cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB), np.uint8)
    return curve(toned, lambda x: np.clip((x - 0.5) * contrast + 0.5, 0, 1) ** gamma)


def captioned(rgb: Rgb, random: Random) -> Rgb:
    """Two to four lines of bold text right across, as on a meme."""
    for _ in range(int(random.integers(2, 5))):
        text = "".join(random.choice(list("AEIKLMNORSTU "), int(random.integers(8, 16))))
        height, white = random.uniform(0.07, 0.13), bool(random.random() < 0.7)
        x, y = random.uniform(0.02, 0.15), random.uniform(0.15, 0.95)
        for around in (0.006, 0):  # a shadow makes it legible on any ground
            rgb = written(rgb, text, height, x + around, y + around, 1.0, white != (around > 0))
    return rgb


def with_sticker(rgb: Rgb, random: Random) -> Rgb:
    """A smiling face of 25 to 45 % of the shorter side, somewhere."""
    height, width = rgb.shape[:2]
    radius = int(random.uniform(0.125, 0.225) * min(height, width))
    x, y = int(random.integers(radius, width - radius)), int(random.integers(radius, height - radius))
    drawn, third = rgb.copy(), radius // 3
    cv2.circle(drawn, (x, y), radius, (255, 205, 60), cv2.FILLED, cv2.LINE_AA)
    for side in (-third, third):
        cv2.circle(drawn, (x + side, y - third), max(2, radius // 7), (70, 45, 15), cv2.FILLED, cv2.LINE_AA)
    cv2.ellipse(drawn, (x, y), (radius // 2, radius // 2), 0, 20, 160, (70, 45, 15), max(2, radius // 9), cv2.LINE_AA)
    return drawn


def on_phone(rgb: Rgb, random: Random) -> Rgb:
    """A screenshot of a phone that shows the photo from rim to rim between bars, buttons and a caption."""
    height, width = rgb.shape[:2]
    ground, ink = ((255, 255, 255), (40, 40, 40)) if random.random() < 0.5 else ((18, 18, 18), (230, 230, 230))
    screen = np.full((max(round(2.1 * width), round(1.3 * height)), width, 3), ground, np.uint8)
    rows = screen.shape[0]
    y = round((rows - height) * random.uniform(0.3, 0.6))
    screen = pasted(screen, rgb, y, 0)
    unit = width / 360
    cv2.putText(screen, "12:45", (int(14 * unit), int(22 * unit)), cv2.FONT_HERSHEY_SIMPLEX, 0.5 * unit, ink, 1)
    cv2.rectangle(screen, (int(320 * unit), int(10 * unit)), (int(344 * unit), int(22 * unit)), ink, 1)
    for button in range(5):
        cv2.circle(screen, (int((36 + 72 * button) * unit), rows - int(24 * unit)), int(9 * unit), ink, 2)
    text = "".join(random.choice(list("aeimnorst "), 30))
    cv2.putText(screen, text, (int(14 * unit), y + height + int(24 * unit)), cv2.FONT_HERSHEY_SIMPLEX, 0.45, ink, 1)
    return screen


def beside(rgb: Rgb, partners: Sequence[Rgb], random: Random) -> Rgb:
    """A collage with another photo, beside or below it."""
    both = [rgb, filled(partners[0], *rgb.shape[:2])]
    return np.concatenate(both if random.random() < 0.5 else both[::-1], axis=int(random.integers(2)))


def among(rgb: Rgb, partners: Sequence[Rgb], random: Random) -> Rgb:
    """A collage with three other photos."""
    four = [rgb, *(filled(one, *rgb.shape[:2]) for one in partners)]
    a, b, c, d = (four[number] for number in random.permutation(4))
    return np.concatenate([np.concatenate([a, b], axis=1), np.concatenate([c, d], axis=1)])


def inside(rgb: Rgb, partners: Sequence[Rgb], random: Random) -> Rgb:
    """On another photo, with half to two thirds of its sides."""
    ground, small = filled(partners[1], *rgb.shape[:2]), resized(rgb, random.uniform(0.5, 0.67))
    y, x = (int(random.integers(whole - part)) for whole, part in zip(ground.shape[:2], small.shape[:2], strict=True))
    return pasted(ground, small, y, x)


def blended(rgb: Rgb, partners: Sequence[Rgb], random: Random) -> Rgb:
    """Another photo shines through by 25 to 45 %."""
    opacity = np.full(rgb.shape[:2], random.uniform(0.25, 0.45), np.float32)
    return blend(rgb, filled(partners[2], *rgb.shape[:2]), opacity)


def chained(rgb: Rgb, partners: Sequence[Rgb], random: Random) -> Rgb:
    """Three of the milder kinds, and a third of the size."""
    for number in random.choice(len(MILDER), 3, replace=False):
        rgb = KINDS[MILDER[number]](rgb, partners, random)
    return resized(rgb, 1 / 3)


KINDS: dict[str, Edit] = {
    "crop to 80 %": lambda rgb, _, random: cropped(rgb, 0.8, random),
    "crop to 60 %": lambda rgb, _, random: cropped(rgb, 0.6, random),
    "crop to 50 %": lambda rgb, _, random: cropped(rgb, 0.5, random),
    "crop to 40 %": lambda rgb, _, random: cropped(rgb, 0.4, random),
    "border": lambda rgb, _, random: bordered(rgb, random),
    "rotated": lambda rgb, _, random: rotated(rgb, random),
    "perspective": lambda rgb, _, random: in_perspective(rgb, random),
    "stretched": lambda rgb, _, random: stretched(rgb, random),
    "JPEG": lambda rgb, _, random: recoded(rgb, int(random.integers(5, 12))),
    "blur": lambda rgb, _, random: np.asarray(cv2.GaussianBlur(rgb, (0, 0), random.uniform(4, 7)), np.uint8),
    "noise": lambda rgb, _, random: noisy(rgb, random),
    "pixelated": lambda rgb, _, random: pixelated(rgb, random),
    "gray": lambda rgb, _, random: gray(rgb),
    "colours": lambda rgb, _, random: recoloured(rgb, random),
    "text": lambda rgb, _, random: captioned(rgb, random),
    "sticker": lambda rgb, _, random: with_sticker(rgb, random),
    "screenshot": lambda rgb, _, random: on_phone(rgb, random),
    "collage of two": beside,
    "collage of four": among,
    "mirrored": lambda rgb, _, random: np.ascontiguousarray(rgb[:, ::-1]),
    "picture in picture": inside,
    "blend": blended,
    "chain": chained,
}
MILDER = ("crop to 80 %", "border", "rotated", "stretched", "JPEG", "gray", "colours", "text", "sticker")
CROPS = tuple(kind for kind in KINDS if kind.startswith("crop"))


# ------------------------------------------------------------------------------------------------------------- the set


@dataclass(frozen=True)
class Picture:
    """A file of the set: which photo it shows, and what was done to it; empty for the photo itself."""

    file: str
    photo: int
    kind: str = ""


@dataclass(frozen=True)
class Photos:
    """Which files are what."""

    copied: Sequence[Path]
    partners: Sequence[Path]
    others: Sequence[Path]


def divided(paths: Sequence[Path], copied: int, others: int) -> Photos:
    """Different files, ordered by their content, so that every part has some of all folders."""
    by_digest = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in paths}
    ordered = [path for _, path in sorted(by_digest.items())]
    end = copied * (1 + PARTNERS)
    return Photos(ordered[:copied], ordered[copied:end], ordered[end : end + others])


def small(path: Path) -> Rgb:
    """A photo with the long side of all."""
    return fitted(photo(path), SIDE)


def copies_of(photos: Photos, folder: Path, number: int) -> list[Picture]:
    """Write one of the photos and its copies."""
    rgb = small(photos.copied[number])
    partners = [small(path) for path in photos.partners[PARTNERS * number : PARTNERS * (number + 1)]]
    made = [Picture(f"{number:04}.jpg", number)]
    (folder / made[0].file).write_bytes(jpeg(rgb, QUALITY))
    for index, (kind, edit) in enumerate(KINDS.items()):
        copy = edit(rgb, partners, np.random.default_rng((number, index)))
        made.append(Picture(f"{number:04} {kind}.jpg", number, kind))
        (folder / made[-1].file).write_bytes(jpeg(copy, QUALITY))
    return made


def other(photos: Photos, folder: Path, number: int) -> Picture:
    """Write one of the others."""
    made = Picture(f"other {number:04}.jpg", len(photos.copied) + number)
    (folder / made.file).write_bytes(jpeg(small(photos.others[number]), QUALITY))
    return made


def make_set(photos: Photos, folder: Path) -> list[Picture]:
    """Write all pictures into a new folder."""
    say(f"making {len(KINDS) + 1} pictures of each of {len(photos.copied)} photos, and {len(photos.others):,} others")
    folder.mkdir(parents=True)
    with ProcessPoolExecutor(cores(), mp_context=get_context("spawn")) as pool:
        families = pool.map(partial(copies_of, photos, folder), range(len(photos.copied)))
        others = pool.map(partial(other, photos, folder), range(len(photos.others)), chunksize=16)
        return [*(picture for family in families for picture in family), *others]


# ------------------------------------------------------------------------------------------------------------- figures


@dataclass(frozen=True)
class Result:
    """What became of the copies.

    Parameters
    ----------
    found, copies
        How many were found, and are there, of each kind.
    wrong
        Skipped files, each with the file of another photo that it was skipped for.
    skips
        How many files were skipped.
    cut
        Photos that were skipped for a crop of them.
    """

    found: dict[str, int]
    copies: dict[str, int]
    wrong: list[tuple[str, str]]
    skips: int
    cut: list[tuple[str, str]]

    @property
    def recall(self) -> float:
        """Percent of all copies that were found."""
        return 100 * sum(self.found.values()) / sum(self.copies.values())

    @property
    def precision(self) -> float:
        """Share of the skips that are right; 1 where there are none."""
        return 1 - len(self.wrong) / self.skips if self.skips else 1.0


def judged(pictures: Sequence[Picture], chosen: dict[str, str]) -> Result:
    """Compare decisions with the truth.

    Parameters
    ----------
    chosen
        By file, the file that stands for it; itself where it is kept.
    """
    by_file = {picture.file: picture for picture in pictures}
    skipped = {file: by_file[chosen[file]] for file in by_file if chosen[file] != file}
    stands = {whole.photo: skipped[whole.file].file for whole in pictures if not whole.kind and whole.file in skipped}
    copies = [picture for picture in pictures if picture.kind]
    found = [
        copy.kind
        for copy in copies
        if stands.get(copy.photo) == copy.file or (copy.file in skipped and skipped[copy.file].photo == copy.photo)
    ]
    wrong = [(file, head.file) for file, head in skipped.items() if by_file[file].photo != head.photo]
    cut = [(file, head.file) for file, head in skipped.items() if not by_file[file].kind and head.kind in CROPS]
    made = [copy.kind for copy in copies]
    counts = ({kind: some.count(kind) for kind in KINDS} for some in (found, made))
    return Result(*counts, wrong, len(skipped), cut)


def decided(file: Path) -> dict[str, str]:
    """By file, the file that stands for it."""
    with file.open(newline="") as handle:
        return {row["file"]: row["representative"] for row in csv.DictReader(handle)}


def table(result: Result) -> str:
    """Recall by kind and over all, and what was wrong, as text."""
    lines = [f"{'kind':<20} {'found':>6} {'copies':>7} {'recall %':>9}"]
    for kind, copies in result.copies.items():
        share = 100 * result.found[kind] / copies
        lines.append(f"{kind:<20} {result.found[kind]:>6} {copies:>7} {share:>9.0f}")
    found, copies = sum(result.found.values()), sum(result.copies.values())
    lines.append(f"{'all':<20} {found:>6} {copies:>7} {result.recall:>9.1f}")
    lines.append(f"\n{result.skips:,} skips, {len(result.wrong)} wrong, precision {result.precision:.4f}")
    lines += [f"  {file} skipped for {head}" for file, head in result.wrong]
    lines.append(f"{len(result.cut)} photos skipped for a crop of them")
    return "\n".join(lines)


def apart(pictures: Sequence[Picture], folder: Path, arguments: Sequence[str]) -> tuple[Result, float]:
    """As `judged` after `run`, with every kind in a set of its own: all their figures together."""
    results, seconds = [], 0.0
    for number, kind in enumerate(KINDS):
        mine, place = [one for one in pictures if one.kind in ("", kind)], folder / "kinds" / f"{number:02}"
        place.mkdir(parents=True)
        for one in mine:
            (place / one.file).hardlink_to(folder / "pictures" / one.file)
        chosen, cost = run(place, folder, arguments)
        results.append(judged(mine, chosen))
        seconds += cost
    return Result(
        {kind: sum(one.found[kind] for one in results) for kind in KINDS},
        {kind: sum(one.copies[kind] for one in results) for kind in KINDS},
        [pair for one in results for pair in one.wrong],
        sum(one.skips for one in results),
        [pair for one in results for pair in one.cut],
    ), seconds


def run(pictures: Path, folder: Path, arguments: Sequence[str]) -> tuple[dict[str, str], float]:
    """Run labelonce: what stands for each file, and the processor seconds that it took.

    Raises
    ------
    ToolError
        It failed.
    """
    home, decisions = folder / "home", folder / "decisions.csv"
    home.mkdir(exist_ok=True)
    cost = timed(["folder", pictures, "--store", folder / "store.sqlite3", "--decisions", decisions, *arguments], home)
    return decided(decisions), cost[0]


def main() -> None:
    """Make the set, run labelonce and print the table."""
    own, options_of_labelonce = sys.argv[1:], []
    if "--" in own:  # argparse would take what follows for positional arguments out of place
        own, options_of_labelonce = own[: own.index("--")], own[own.index("--") + 1 :]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="photos that the copies are made of, and those around them")
    parser.add_argument("--photos", type=int, default=24, help="photos with copies")
    parser.add_argument("--others", type=int, default=1000, help="photos without, at most")
    parser.add_argument("--level", default="scene")
    parser.add_argument("--apart", action="store_true", help="every kind in a set of its own")
    parser.add_argument("--keep", type=Path, help="new folder for the pictures and the decisions")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args(own)
    if options.photos < 1 or options.others < 0:
        parser.error("give at least 1 of --photos and 0 of --others")
    photos = divided([path.resolve() for path in photos_in(options.folder)], options.photos, options.others)
    if len(photos.partners) < PARTNERS * options.photos:
        least = (1 + PARTNERS) * options.photos
        parser.error(f"{options.folder} has fewer than {least} different photos: name another, or fewer --photos")
    if options.keep and options.keep.exists():
        parser.error(f"{options.keep} exists: name a new folder")
    arguments = ["--level", options.level, *options_of_labelonce]
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        pictures = make_set(photos, folder / "pictures")
        try:
            if options.apart:
                result, seconds = apart(pictures, folder.resolve(), arguments)
            else:
                chosen, seconds = run(folder.resolve() / "pictures", folder.resolve(), arguments)
                result = judged(pictures, chosen)
        except ToolError as error:
            raise SystemExit(f"labelonce failed: {error}") from None
    asked = " ".join([*arguments, *(["(every kind apart)"] if options.apart else [])])
    print(f"labelonce {version('labelonce')} {asked}, {len(pictures):,} pictures, {seconds:.0f} CPU s\n")
    print(table(result))
    if options.json:
        figures = {
            "arguments": arguments,
            "apart": options.apart,
            "recall": result.recall,
            "precision": result.precision,
            **asdict(result),
        }
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
