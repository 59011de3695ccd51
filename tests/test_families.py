"""Families of pictures that look alike and are different to label: nothing of them is skipped wrongly.

Files are named `NN_x.ext`; those of equal `NN` show the same picture.
"""

import sys
from importlib import import_module
from pathlib import Path

import pytest

from labelonce.pipeline import make_plan
from labelonce.progress import Progress
from labelonce.settings import Settings
from labelonce.sources.folder import FolderSource

sys.path.append(str(Path(__file__).resolve().parent / "benchmarks"))
registry, scoring = (import_module(f"families.{name}") for name in ("registry", "scoring"))

FAMILIES = Path(__file__).resolve().parents[2] / "shared" / "data" / "families"
QUIET = Progress()


def decided(images, store, level):
    """The score of the decisions on a folder."""
    settings = Settings(level=level, store=store)
    return scoring.score(make_plan(FolderSource(images, max_bytes=1 << 28), settings, QUIET).decisions)


@pytest.mark.skipif(not FAMILIES.is_dir(), reason="the families (../shared/data/families) are not on this machine")
@pytest.mark.parametrize("name", ["forms", "invoices", "products", "defects", "plots", "textlines", "digits", "xrays"])
def test_nothing_is_skipped_wrongly_and_copies_are_found(name, tmp_path):
    for level in ("near", "copies"):
        found = decided(FAMILIES / name, tmp_path / "store.sqlite3", level)
        assert (found.mistaken, found.lost) == ((), 0), level
        assert found.missed <= 0.03 * found.copies, (level, found.beside)


@pytest.mark.skipif(not FAMILIES.is_dir(), reason="the families (../shared/data/families) are not on this machine")
@pytest.mark.parametrize("name", ["faces", "products", "plates", "spectrograms", "xrays"])
def test_at_scene_they_are_told_apart_too(name, tmp_path):
    found = decided(FAMILIES / name, tmp_path / "store.sqlite3", "scene")
    assert (found.mistaken, found.lost) == ((), 0)


@pytest.mark.parametrize("name", ["faces-64", "chess", "circuit-board-traces", "fabric", "keyboards"])
def test_what_is_drawn_like_a_photograph_is_looked_at_closely_at_scene(name, tmp_path):
    registry.write_family(name, "report", 4, tmp_path / "images")
    found = decided(tmp_path / "images", tmp_path / "store.sqlite3", "scene")
    assert (found.mistaken, found.lost) == ((), 0)
    assert found.missed < found.copies


@pytest.mark.parametrize(
    "name",
    [
        "digits-28",
        "icons-64",
        "text-lines-digit",
        "number-plates",
        "arrows",
        "labels",
        "gauges",
        "ct-lesions",
    ],
)
def test_nothing_of_a_drawn_family_is_skipped_wrongly(name, tmp_path):
    registry.write_family(name, "report", 4, tmp_path / "images")
    found = decided(tmp_path / "images", tmp_path / "store.sqlite3", "near")
    assert (found.mistaken, found.lost) == ((), 0)
    assert found.pictures == 4
    assert found.missed < found.copies  # it was not for want of looking
