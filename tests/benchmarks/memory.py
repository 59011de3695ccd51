"""How the memory of a run grows with the number of images, and what share of it the vectors are.

    nice .venv/bin/python tests/benchmarks/memory.py FOLDER_OF_PHOTOS [--images 100000] [--pictures FOLDER] [--json OUT]

Measures `python -m labelonce folder DIR --store NEW --output NEW` as speed.py does, on a tenth of its small pictures
and on all of them: with what a run does by default, and with `--model dct --verify none`, whose vectors are small, so
that all the rest shows. Beside the peak stand the vectors, 4 bytes for each of their values and each distinct picture,
and what one image more adds to the peak and to the vectors. Processor time is that of the whole process.

100,000 pictures take about 3.5 GB and several minutes to make, in a temporary folder (TMPDIR says where), or in one
that is named and kept, and taken as it is another time.
"""

import argparse
import csv
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

from peers import ToolError
from speed import NEAR, Run, kept, link_first, make_pictures, photos_in, say, small_picture, timed

from labelonce import embedding
from labelonce.threads import cores

SECONDS = 6 * 3600  # for each run
MODELS: Mapping[str, tuple[str, Sequence[str]]] = {
    "default": ("lite0", NEAR),
    "--model dct --verify none": ("dct", ("--model", "dct", "--verify", "none")),
}


@dataclass(frozen=True)
class Size:
    """A run, and the megabytes of its vectors."""

    run: Run
    vectors: float

    @property
    def share(self) -> float:
        """Percent of the peak that the vectors are."""
        return 100 * self.vectors / self.run.peak


@dataclass(frozen=True)
class Growth:
    """What one image more adds, bytes."""

    peak: float
    vectors: float


def growth(few: Size, many: Size) -> Growth:
    """What one image more adds between two sizes."""
    images = many.run.images - few.run.images
    peak, vectors = many.run.peak - few.run.peak, many.vectors - few.vectors
    return Growth(peak * 2**20 / images, vectors * 2**20 / images)


def distinct(decisions: Path) -> int:
    """How many pictures a plan's CSV has, each counted once whatever its copies."""
    with decisions.open(newline="") as handle:
        return sum(row["reason"] not in ("same pixels", "byte copy") for row in csv.DictReader(handle))


def measure(title: str, pictures: Path, home: Path) -> Size:
    """One run.

    Raises
    ------
    ToolError
        labelonce failed.
    """
    model, arguments = MODELS[title]
    with tempfile.TemporaryDirectory() as folder:
        decisions, plan = Path(folder, "decisions.csv"), Path(folder, "plan.json")
        files = ["--store", Path(folder, "store.sqlite3"), "--decisions", decisions, "--output", plan]
        cost = timed(["folder", pictures, *files, *arguments], home, seconds=SECONDS)
        images, own = kept(decisions)
        vectors = distinct(plan.with_suffix(".csv")) * embedding.load(model).dimension * 4 / 2**20
        return Size(Run(images, *cost, own), vectors)


COLUMNS = ("images", "peak MB", "vectors MB", "share %", "CPU s", "CPU ms/image", "kept")


def table(found: Mapping[str, Sequence[Size]]) -> str:
    """All runs as text, and below each pair how they grow."""
    lines = [f"{'':<28}" + "".join(f" {column:>12}" for column in COLUMNS)]
    for title, sizes in found.items():
        for size in sizes:
            run = size.run
            figures = (run.images, run.peak, size.vectors, size.share, run.cpu, run.each, run.kept)
            texts = ("{:,.0f}", "{:,.0f}", "{:,.0f}", "{:.0f}", "{:,.0f}", "{:.2f}", "{:,.0f}")
            cells = (text.format(figure) for text, figure in zip(texts, figures, strict=True))
            lines.append(f"{title:<28}" + "".join(f" {cell:>12}" for cell in cells))
        more = growth(*sizes)
        lines.append(f"  one image more adds {more.peak:,.0f} bytes, {more.vectors:,.0f} of them its vector")
    return "\n".join(lines)


def main() -> None:
    """Make the pictures, measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="photos that the pictures are made of")
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument(
        "--pictures", type=Path, help="folder that keeps the pictures; one that exists is taken as it is"
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    photos = [path.resolve() for path in photos_in(options.folder)]
    if not photos or options.images < 10:
        parser.error("give a folder with photos, and at least 10 of --images")
    with tempfile.TemporaryDirectory() as temporary:
        home, made = Path(temporary, "home"), options.pictures or Path(temporary, "made")
        home.mkdir()
        if not made.is_dir():
            make_pictures(partial(small_picture, photos), made, options.images)
        counts = {"one": 1, "tenth": options.images // 10, "all": options.images}
        for name, count in counts.items():
            link_first(made, Path(temporary, name), count)
        found: dict[str, list[Size]] = {}
        try:
            for title in MODELS:
                say(title)
                measure(title, Path(temporary, "one"), home)  # warms it: the network is converted, and kept
                found[title] = [measure(title, Path(temporary, name), home) for name in ("tenth", "all")]
        except ToolError as error:
            sys.exit(f"labelonce failed: {error}")
    print(f"labelonce {version('labelonce')}, {cores()} cores, pictures of {len(photos):,} photos\n")
    print(table(found))
    if options.json:
        listed = {
            title: {"runs": [asdict(size) for size in sizes], "one_more": asdict(growth(*sizes))}
            for title, sizes in found.items()
        }
        options.json.write_text(json.dumps({"cores": cores(), **listed}, indent=1) + "\n")


if __name__ == "__main__":
    main()
