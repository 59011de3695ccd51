"""Families of pictures that look alike: what labelonce decides about them.

    .venv/bin/python tests/benchmarks/families [--half report] [--level near] [--only a,b] [--pictures 10] [--markdown]
        [--json OUT] [--keep DIR] [-- more options of `labelonce folder`]

Every family is a folder of pictures that share layout, style and ground and differ by something that a person would
label, outline, read or judge: a word, a digit, a scratch, a colour, a cell. Of every picture there are copies that are
the same: another encoding, another size, and where it makes sense another exposure, blur, noise, crop or place. Each
family is planned by itself with a store of its own.

Prints, by family and level: images and pictures; wrong, skipped though what stands for them is another picture; lost,
pictures of which nothing is kept; copies, and those missed. The JSON names the images that are wrong or missed too. The
exit code is 1 if anything is wrong.

Layouts and pictures come from the family's name, the half and a number: thresholds are chosen on the half "tune", the
half "report" is for the figures. Ten pictures share a layout; of more, the next ten have another one.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from families.registry import FAMILIES, HALVES, write_family
from families.scoring import Key, Score, rows, score, table, totals

LEVELS = ("copies", "near", "scene")
PROCESSES = 2


def planned(images: Path, store: Path, level: str, more: Sequence[str]) -> Score:
    """What `labelonce folder` decides about a folder, in this process."""
    from labelonce.cli.folders import folder as command
    from labelonce.cli.shared import folder_source
    from labelonce.options import settings_from
    from labelonce.pipeline import make_plan
    from labelonce.progress import Progress

    given = [str(images), "--store", str(store), "--level", level, *more]
    settings = settings_from(command.make_context("folder", given).params)
    return score(make_plan(folder_source(images, settings), settings, Progress()).decisions)


def measured(
    asked: tuple[str, str], keep: Path | None, pictures: int, levels: Sequence[str], more: Sequence[str]
) -> dict[str, Score]:
    """Make one family of one half, and plan it at every level."""
    name, half = asked
    with tempfile.TemporaryDirectory() as temporary:
        images = (keep or Path(temporary)) / half / name
        write_family(name, half, pictures, images)
        return {level: planned(images, Path(temporary) / "store.sqlite3", level, more) for level in levels}


def chosen(names: str) -> list[str]:
    """The families that are asked for."""
    found = names.split(",")
    unknown = [name for name in found if name not in FAMILIES]
    if unknown:
        raise argparse.ArgumentTypeError(f"no family {', '.join(unknown)}; there are {', '.join(FAMILIES)}")
    return found


def main() -> int:
    """Make, plan, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=[*HALVES, "both"], default="report")
    parser.add_argument("--level", choices=LEVELS, action="append", help="may be given several times; default: near")
    parser.add_argument("--only", type=chosen, default=list(FAMILIES), metavar="a,b", help="these families")
    parser.add_argument("--pictures", type=int, default=10, help="of every family and half")
    parser.add_argument("--json", type=Path, metavar="OUT")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="make the pictures here, in new folders, and leave them"
    )
    parser.add_argument("--markdown", action="store_true", help="print the table for a document")
    own, more = _split(sys.argv[1:])
    options = parser.parse_args(own)
    levels = options.level or ["near"]
    halves = HALVES if options.half == "both" else (options.half,)
    asked = [(name, half) for name in options.only for half in halves]
    there = [
        options.keep / half / name for name, half in asked if options.keep and (options.keep / half / name).exists()
    ]
    if there:
        parser.error(f"{there[0]} is there already: name another folder with --keep, or remove it")
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the processes share the cores
    scores: dict[Key, Score] = {}
    measure = partial(measured, keep=options.keep, pictures=options.pictures, levels=levels, more=more)
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        for (name, half), found in zip(asked, pool.map(measure, asked), strict=True):
            print(f"{half} {name}", file=sys.stderr)
            scores.update({(name, half, level): one for level, one in found.items()})
    print(table(scores, markdown=options.markdown))
    if options.json:
        options.json.write_text(json.dumps(rows({**scores, **totals(scores)}), indent=1) + "\n")
    return 1 if any(one.wrong for one in scores.values()) else 0


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The benchmark's own arguments, and those behind -- for labelonce."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return list(arguments[:end]), list(arguments[end + 1 :])
