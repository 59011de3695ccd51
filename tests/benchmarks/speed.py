"""What labelonce costs as a whole process: processor time, cores busy, peak memory, and the time to the first image.

    .venv/bin/python tests/benchmarks/speed.py FOLDER_OF_PHOTOS [--images 2000] [--alike 350] [--large 40] [--rounds 1]
        [--json OUT]

Measures `python -m labelonce folder DIR --store NEW` in a home of its own, which a run on one image warms: the network
is then converted and kept in the cache folder, as after the first use of an installation. Processor time is user and
system time of the process, Python's start included; cores busy is that over the wall time that all cores had. Peak
memory is the process's, what this one holds being the least that is told. What labelonce prints is thrown away.
Figures are medians of the rounds, and inflated while others use the machine.

The pictures are made from the photos, which should be different ones, in a temporary folder (about 0.3 GB; TMPDIR says
where), always the same for the same photos:

- Small pictures, long side 448. Two of three are distinct: the whole photo, then its quarters, ninths and so on, each
  turn over all photos taking one cell of the grid, and of the cell a random 85 to 100 % of each side; every second
  grid is mirrored; hue, saturation and gamma are random; JPEG quality 85 to 95. Every third is an edited copy of an
  earlier one, by JPEG quality (30 to 80), size, a small crop, brightness, a few degrees of rotation, or a small
  translation. The first n of more pictures are the n pictures.
- Pictures that all look alike, as of one shop: on the same light ground with the same shadow lies something else each
  time, an oval out of a distinct picture, not always quite in the middle. Nearly all pairs have to be verified.
- Large pictures of 12 megapixels: a photo enlarged to 4000 x 3000, re-coloured as above, with a little noise, so that
  it is not smoother than a camera's; JPEG quality 90.

How memory grows with the number of pictures is for memory.py.
"""

import argparse
import csv
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, astuple, dataclass
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from peers import ToolError, measured, say, surroundings
from PIL import Image, ImageOps

from labelonce.threads import cores

SIDE = 448  # pixels, long side of the small pictures
LARGE = (4000, 3000)  # pixels, width and height
NOISE = 4.0  # grey levels, standard deviation in the large pictures
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
DISTINCT, COPIES, ENLARGED, ALIKE = range(4)  # what a random number is for
NEAR = ("--level", "near")

Rgb = NDArray[np.uint8]
Random = np.random.Generator


# ------------------------------------------------------------------------------------------------------------ pictures


def photos_in(folder: Path) -> list[Path]:
    """The photos below a folder, by name."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def photo(path: Path) -> Rgb:
    """Decode a photo, a large one not in full size."""
    with Image.open(path) as image:
        image.draft("RGB", (3 * SIDE, 3 * SIDE))
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def place(number: int, photos: int) -> tuple[int, int, int]:
    """Where a distinct picture comes from: the photo, the cells of its grid along a side, and the cell."""
    cell, index = divmod(number, photos)
    cells = 1
    while cell >= cells**2:
        cell -= cells**2
        cells += 1
    return index, cells, cell


def window(rgb: Rgb, cells: int, cell: int, rng: Random) -> Rgb:
    """A random window that fills most of one cell of a grid."""
    size = np.array(rgb.shape[:2]) / cells
    sides = size * rng.uniform(0.85, 1, 2)
    y, x = (size * divmod(cell, cells) + rng.uniform(0, 1, 2) * (size - sides)).astype(int)
    height, width = np.maximum(sides.astype(int), 1)
    return rgb[y : y + height, x : x + width]


def fitted(rgb: Rgb, side: int) -> Rgb:
    """The picture with another long side."""
    scale = side / max(rgb.shape[:2])
    height, width = (max(1, round(length * scale)) for length in rgb.shape[:2])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(rgb, (width, height), interpolation=method), np.uint8)


def recoloured(rgb: Rgb, rng: Random) -> Rgb:
    """Another hue, saturation and gamma."""
    hue, saturation, gamma = rng.integers(0, 180), rng.uniform(0.6, 1.4), rng.uniform(0.6, 1.6)
    values = np.arange(256)
    tables = ((values + hue) % 180, np.minimum(values * saturation, 255), 255 * (values / 255) ** gamma)
    table = np.stack(tables, axis=-1).round().astype(np.uint8)[None]
    hsv = cv2.LUT(cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV), table)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.uint8)


def moved(rgb: Rgb, degrees: float, shift: ArrayLike) -> Rgb:
    """Turn about the middle and shift by shares of the sides; what is missing is mirrored from inside."""
    height, width = rgb.shape[:2]
    matrix = np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1), np.float64)
    matrix[:, 2] += np.multiply(shift, (width, height))
    return np.asarray(cv2.warpAffine(rgb, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101), np.uint8)


def brightened(rgb: Rgb, factor: float) -> Rgb:
    """Every value times a factor."""
    return np.asarray(cv2.convertScaleAbs(rgb, alpha=factor), np.uint8)


EDITS: Sequence[Callable[[Rgb, Random], Rgb]] = (
    lambda rgb, rng: fitted(rgb, round(SIDE * rng.uniform(0.5, 0.9))),
    lambda rgb, rng: window(rgb, 1, 0, rng),
    lambda rgb, rng: brightened(rgb, rng.uniform(0.75, 1.25)),
    lambda rgb, rng: moved(rgb, rng.choice((-1, 1)) * rng.uniform(1, 5), (0, 0)),
    lambda rgb, rng: moved(rgb, 0, rng.uniform(-0.05, 0.05, 2)),
)


def encoded(rgb: Rgb, quality: int) -> bytes:
    """The bytes of a JPEG file."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return bytes(data)


def distinct(photos: Sequence[Path], number: int) -> Rgb:
    """A picture that is no copy of another number's."""
    rng = np.random.default_rng((DISTINCT, number))
    index, cells, cell = place(number, len(photos))
    rgb = fitted(window(photo(photos[index]), cells, cell, rng), SIDE)
    return recoloured(rgb if cells % 2 else rgb[:, ::-1], rng)


def small_picture(photos: Sequence[Path], index: int) -> bytes:
    """A small picture: with every index that leaves 2 when divided by 3, a copy of an earlier one."""
    rng = np.random.default_rng((COPIES, index))
    thirds, rest = divmod(index, 3)
    if rest < 2:
        return encoded(distinct(photos, 2 * thirds + rest), int(rng.integers(85, 96)))
    rgb = distinct(photos, int(rng.integers(2 * thirds + 2)))
    edit = int(rng.integers(len(EDITS) + 1))
    if edit == len(EDITS):
        return encoded(rgb, int(rng.integers(30, 81)))
    return encoded(EDITS[edit](rgb, rng), int(rng.integers(85, 96)))


def alike_picture(photos: Sequence[Path], index: int) -> bytes:
    """A picture of another thing on the ground of all, no copy of another one."""
    rng = np.random.default_rng((ALIKE, index))
    side = SIDE * rng.uniform(0.5, 0.65, 2)
    thing = cv2.resize(distinct(photos, index), np.asarray(side, int).tolist(), interpolation=cv2.INTER_AREA)
    height, width = thing.shape[:2]
    shift = (np.array([SIDE - width, SIDE - height]) / 2 + rng.uniform(-12, 12, 2)).astype(int)
    middle = (int(shift[0] + width // 2), int(shift[1] + height // 2))
    ground, mask, shadow = (np.zeros((SIDE, SIDE), np.float32) for _ in range(3))
    ground += np.linspace(250, 215, SIDE, dtype=np.float32)[:, None]
    cv2.ellipse(shadow, (SIDE // 2, round(0.82 * SIDE)), (SIDE // 3, SIDE // 14), 0, 0, 360, 70.0, cv2.FILLED)
    cv2.ellipse(mask, middle, (width // 2 - 2, height // 2 - 2), 0, 0, 360, 1.0, cv2.FILLED, cv2.LINE_AA)
    rgb = np.repeat((ground - cv2.GaussianBlur(shadow, (0, 0), 14))[..., None], 3, axis=2)
    over = np.zeros_like(rgb)
    over[shift[1] : shift[1] + height, shift[0] : shift[0] + width] = thing
    return encoded((rgb + (over - rgb) * mask[..., None]).astype(np.uint8), int(rng.integers(85, 96)))


def large_picture(photos: Sequence[Path], index: int) -> bytes:
    """A picture of 12 megapixels."""
    rng = np.random.default_rng((ENLARGED, index))
    rgb = recoloured(photo(photos[index % len(photos)]), rng)
    rgb = np.asarray(cv2.resize(rgb, LARGE, interpolation=cv2.INTER_CUBIC), np.uint8)
    noise = rng.standard_normal((LARGE[1], LARGE[0], 1), np.float32) * NOISE
    return encoded(np.clip(rgb + noise, 0, 255).astype(np.uint8), 90)


def write(make: Callable[[int], bytes], folder: Path, index: int) -> None:
    """Make one picture and write it."""
    (folder / f"{index:06}.jpg").write_bytes(make(index))


def make_pictures(make: Callable[[int], bytes], folder: Path, count: int) -> None:
    """Write pictures into a new folder."""
    say(f"making {count:,} pictures")
    folder.mkdir()
    # in other processes: this one's peak would count as that of what it starts
    with ProcessPoolExecutor(cores(), mp_context=get_context("spawn")) as pool:
        for _ in pool.map(partial(write, make, folder), range(count), chunksize=16):
            pass


def link_first(pictures: Path, folder: Path, count: int) -> None:
    """A new folder with the first pictures of another one."""
    folder.mkdir()
    for index in range(count):
        (folder / f"{index:06}.jpg").hardlink_to(pictures / f"{index:06}.jpg")


# ----------------------------------------------------------------------------------------------------------- measuring


@dataclass(frozen=True)
class Case:
    """A row of the table: the folder of pictures, labelonce's options, and whose store it finds."""

    title: str
    pictures: str
    arguments: Sequence[str] = NEAR
    store: str = ""


@dataclass(frozen=True)
class Run:
    """What one run took, seconds and megabytes, and how many images it kept."""

    images: float
    cpu: float
    wall: float
    peak: float
    kept: float

    @property
    def each(self) -> float:
        """Milliseconds of processor time for each image."""
        return 1e3 * self.cpu / self.images

    @property
    def busy(self) -> float:
        """Percent of the time that all cores had."""
        return 100 * self.cpu / (self.wall * cores())


def cases() -> list[Case]:
    """The rows, in the order in which they run."""
    return [
        Case("level scene", "small", ("--level", "scene")),
        Case("level near", "small"),
        Case("level copies", "small", ("--level", "copies")),
        Case("--model dct", "small", (*NEAR, "--model", "dct")),
        Case("--verify none", "small", (*NEAR, "--verify", "none")),
        Case("second run", "small", store="level near"),
        Case("all alike", "alike"),
        Case("12 megapixels", "large"),
    ]


def kept(decisions: Path) -> tuple[int, int]:
    """Images in a file of decisions, and those that name themselves."""
    with decisions.open(newline="") as handle:
        rows = [row["file"] == row["representative"] for row in csv.DictReader(handle)]
    return len(rows), sum(rows)


def timed(arguments: Iterable[str | Path], home: Path, *, seconds: float | None = None) -> tuple[float, float, float]:
    """Run labelonce: processor seconds, seconds, and megabytes at its peak.

    Raises
    ------
    ToolError
        It failed.
    """
    began = time.monotonic()
    command = [sys.executable, "-m", "labelonce", *arguments]
    cost = measured(command, home, surroundings(home, home), seconds=seconds)
    return cost.cpu_seconds, time.monotonic() - began, cost.peak_megabytes


def run(case: Case, pictures: Path, stores: Path, home: Path, *, seconds: float | None = None) -> Run:
    """Plan on a folder and tell what it took.

    Raises
    ------
    ToolError
        labelonce failed.
    """
    store, decisions = stores / f"{case.store or case.title}.sqlite3", stores / "decisions.csv"
    say(f"  {case.title}")
    files: list[str | Path] = ["folder", pictures / case.pictures, "--store", store, "--decisions", decisions]
    cost = timed([*files, *case.arguments], home, seconds=seconds)
    images, own = kept(decisions)
    return Run(images, *cost, own)


def median(runs: Iterable[Run]) -> Run:
    """The medians of the rounds, each figure by itself."""
    return Run(*(statistics.median(figures) for figures in zip(*map(astuple, runs), strict=True)))


def measure(pictures: Path, home: Path, rounds: int) -> tuple[dict[str, Run], Run, Run]:
    """The medians of all rows, of a run on one image, and of `labelonce --version`.

    Raises
    ------
    ToolError
        labelonce failed.
    """
    first = Case("first image", "one")
    rows: list[dict[str, Run]] = []
    versions: list[Run] = []
    for number in range(rounds + 1):
        say(f"round {number} of {rounds}" if number else "warming")
        with tempfile.TemporaryDirectory() as folder:
            stores = Path(folder)
            found = [run(case, pictures, stores, home) for case in (first, *(cases() if number else ()))]
        if number:
            rows.append(dict(zip((first.title, *(case.title for case in cases())), found, strict=True)))
            versions.append(Run(1, *timed(["--version"], home), 0))
    medians = {title: median(row[title] for row in rows) for title in rows[0]}
    return medians, medians.pop(first.title), median(versions)


COLUMNS = ("images", "CPU s", "CPU ms/image", "cores busy %", "peak MB", "kept")


def table(rows: Mapping[str, Run]) -> str:
    """All rows as text."""
    widths = [max(9, len(column)) for column in COLUMNS]
    lines: list[tuple[str, Sequence[str]]] = [("", COLUMNS)]
    for title, row in rows.items():
        figures = (row.images, row.cpu, row.each, row.busy, row.peak, row.kept)
        texts = ("{:,.0f}", "{:.1f}", "{:.2f}", "{:.0f}", "{:.0f}", "{:,.0f}")
        lines.append((title, tuple(text.format(figure) for text, figure in zip(texts, figures, strict=True))))
    return "\n".join(
        f"{title:<20}" + "".join(f" {cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        for title, cells in lines
    )


def main() -> None:
    """Make the pictures, run the rounds and print the table of their medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="photos that the pictures are made of")
    parser.add_argument("--images", type=int, default=2000, help="small pictures")
    parser.add_argument("--alike", type=int, default=350, help="pictures that all look alike")
    parser.add_argument("--large", type=int, default=40, help="pictures of 12 megapixels")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    photos = [path.resolve() for path in photos_in(options.folder)]
    if not photos:
        parser.error(f"no photos in {options.folder}: name a folder with {', '.join(sorted(SUFFIXES))} files")
    if min(options.images, options.alike, options.large, options.rounds) < 1:
        parser.error("give at least 1 of --images, --alike, --large and --rounds")
    with tempfile.TemporaryDirectory() as folder:
        pictures, home = Path(folder, "pictures"), Path(folder, "home")
        pictures.mkdir()
        home.mkdir()
        make_pictures(partial(small_picture, photos), pictures / "small", options.images)
        make_pictures(partial(alike_picture, photos), pictures / "alike", options.alike)
        make_pictures(partial(large_picture, photos), pictures / "large", options.large)
        link_first(pictures / "small", pictures / "one", 1)
        try:
            rows, first, alone = measure(pictures, home, options.rounds)
        except ToolError as error:
            raise SystemExit(f"labelonce failed: {error}") from None
    made_of = f"pictures of {len(photos):,} photos"
    print(f"labelonce {version('labelonce')}, {cores()} cores, {made_of}, rounds: {options.rounds}")
    print("warmed by a run on one image: the network is converted and kept in the cache folder\n")
    print(table(rows))
    print(f"\nto the first image: {first.wall:.2f} s ({first.cpu:.2f} s CPU), the whole run on a folder of one image")
    print(f"labelonce --version: {alone.wall:.2f} s ({alone.cpu:.2f} s CPU)")
    if options.json:
        listed = {title: asdict(row) for title, row in {**rows, "first image": first, "--version": alone}.items()}
        options.json.write_text(
            json.dumps({"cores": cores(), "rounds": options.rounds, "rows": listed}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
