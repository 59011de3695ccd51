"""Decisions on images with known truth, by the command line.

The measurement corpus is not part of the project: it lies beside the checkout, or the tests are skipped.
"""

import csv
import json
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from labelonce.pipeline import make_plan
from labelonce.planning import Role
from labelonce.progress import Progress
from labelonce.settings import Settings
from labelonce.sources.folder import FolderSource

BESIDE = Path(__file__).resolve().parents[2] / "shared"
CORPUS, SCORE = BESIDE / "data" / "dev", BESIDE / "tools" / "score.py"
PRESSED = re.compile("timestamp|watermark")  # edits that put something into the picture
TRUTH, BORDERLINE = CORPUS / "truth.csv", CORPUS / "borderline" / "truth.csv"

pytestmark = pytest.mark.skipif(
    not TRUTH.is_file() or not SCORE.is_file(),
    reason="the measurement corpus (../shared/data/dev and ../shared/tools/score.py) is not on this machine",
)


def copied(truth: Path, folder: Path) -> Path:
    """The images of a truth in a folder of their own."""
    for row in rows_of(truth):
        copy = folder / row["file"]
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(truth.parent / row["file"], copy)
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as handle:
        return list(csv.DictReader(handle))


def decide(images: Path, store: Path, *arguments: str) -> Path:
    decisions = store.with_name("decisions.csv")
    command = [sys.executable, "-m", "labelonce", "folder", str(images), "--decisions", str(decisions)]
    subprocess.run([*command, "--store", str(store), *arguments], check=True, timeout=600)
    return decisions


def judged(truth: Path, decisions: Path) -> dict[str, dict[str, float]]:
    scores = decisions.with_name("scores.json")
    parts = ["--by", "subset"] if "subset" in rows_of(truth)[0] else []
    judge = [sys.executable, str(SCORE), str(truth), str(decisions), *parts, "--json", str(scores)]
    subprocess.run(judge, check=True, timeout=60)
    found: dict[str, dict[str, float]] = json.loads(scores.read_text())
    return found


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    return copied(TRUTH, folder / "images"), folder / "store.sqlite3"


def test_scene(corpus):
    found = judged(TRUTH, decide(*corpus, "--level", "scene"))
    assert found["all"]["recall"] >= 0.985
    assert found["frames"]["recall"] >= 0.96  # of films without colour too
    assert found["all"]["wrong"] == found["all"]["lost"] == 0
    assert found["edits"]["recall"] >= 0.985


def test_near(corpus):
    decisions = decide(*corpus, "--level", "near")
    found = judged(TRUTH, decisions)
    assert {part: one["wrong"] for part, one in found.items()} == dict.fromkeys(found, 0)
    chosen = {Path(row["file"]).name: Path(row["representative"]).name for row in rows_of(decisions)}
    groups: dict[str, list[str]] = {}
    for row in rows_of(TRUTH):
        groups.setdefault(row["group_id"], []).append(Path(row["file"]).name)
    for kind in ("exif", "crop", "translate"):
        named = [row for row in rows_of(TRUTH) if row["edit"].startswith(kind) and not PRESSED.search(row["edit"])]
        missed = 0
        for row in named:
            name = Path(row["file"]).name
            alone = chosen[name] == name and name not in {chosen[one] for one in groups[row["group_id"]] if one != name}
            missed += alone and len(groups[row["group_id"]]) > 1
        assert len(named) > 20
        assert missed <= 0.03 * len(named), kind


def test_near_finds_copies_with_nothing_pressed_into_them(corpus, tmp_path):
    images, store = corpus
    truth = tmp_path / "truth.csv"
    rows = [row for row in rows_of(TRUTH) if row["subset"] == "edits" and not PRESSED.search(row["edit"])]
    assert 900 < len(rows) < 1113
    with truth.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        copy = tmp_path / "images" / row["file"]
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.symlink_to(images / row["file"])
    found = judged(truth, decide(tmp_path / "images", store, "--level", "near", "--follow-links"))
    assert found["edits"]["wrong"] == 0
    assert found["edits"]["recall"] >= 0.985


class Shuffled(FolderSource):
    """The images of a folder in an order of chance."""

    seed = 0

    def tasks(self):
        found = list(super().tasks())
        return iter(random.Random(self.seed).sample(found, len(found)))


@pytest.mark.parametrize("chosen", ["cover", "one"])
def test_the_order_of_the_files_does_not_matter(corpus, chosen):
    images, store = corpus
    source = Shuffled(images, max_bytes=1 << 28)
    settings = Settings(level="scene", representatives=chosen, store=store)
    made = make_plan(source, settings, Progress())
    assert made.count(Role.DUPLICATE) > 0.4 * len(made.decisions)
    for seed in range(1, 6):
        source.seed = seed
        assert make_plan(source, settings, Progress()) == made


def test_copies(corpus):
    found = judged(TRUTH, decide(*corpus, "--level", "copies"))
    assert found["all"]["wrong"] == 0
    assert found["edits"]["recall"] >= 0.86  # what is pressed into a copy counts, unless it was cut off


def test_mirrored_and_turned_copies_are_found_on_request(tmp_path):
    images = copied(BORDERLINE, tmp_path / "images")
    asked = judged(BORDERLINE, decide(images, tmp_path / "store.sqlite3", "--invariant", "mirror,rotate"))
    unasked = judged(BORDERLINE, decide(images, tmp_path / "store.sqlite3"))
    assert asked["all"]["wrong"] == unasked["all"]["wrong"] == 0
    assert asked["all"]["right"] > unasked["all"]["right"]
