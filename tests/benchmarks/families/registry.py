"""All families by name, and their pictures by number."""

from pathlib import Path

import numpy as np

from families import drawn, paper, scenes, science, screens, sheets, small, things
from families.copies import write_copies
from families.drawing import Family, Pixels, Random

FAMILIES: dict[str, Family] = {
    **paper.FAMILIES,
    **sheets.FAMILIES,
    **screens.FAMILIES,
    **things.FAMILIES,
    **scenes.FAMILIES,
    **drawn.FAMILIES,
    **science.FAMILIES,
    **small.FAMILIES,
}
HALVES = ("tune", "report")
ALIKE = 10  # pictures that share a layout; the next ten have another
LAYOUT, PICTURE, COPIES = range(3)  # what a random number is for


def chance(name: str, half: str, number: int, purpose: int) -> Random:
    """Random numbers of a family, a half and a number, always the same ones."""
    return np.random.default_rng([HALVES.index(half), number, purpose, *name.encode()])


def picture(name: str, half: str, number: int) -> Pixels:
    """One picture of a family: (h, w, 3) uint8, or (h, w) uint16."""
    layout, own = chance(name, half, number // ALIKE, LAYOUT), chance(name, half, number, PICTURE)
    return FAMILIES[name].make(layout, own, number % ALIKE)


def write_family(name: str, half: str, pictures: int, folder: Path) -> list[Path]:
    """Write the first pictures of a family and their copies into a new folder."""
    folder.mkdir(parents=True)
    written: list[Path] = []
    for number in range(pictures):
        random = chance(name, half, number, COPIES)
        written += write_copies(picture(name, half, number), FAMILIES[name], folder, number, random)
    return written
