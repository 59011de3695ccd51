"""The benchmark of families that look alike: what it draws, its copies, its figures."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from labelonce.planning import Decision, Role

BENCHMARKS = Path(__file__).resolve().parent / "benchmarks"
sys.path.append(str(BENCHMARKS))
copies, drawing = import_module("families.copies"), import_module("families.drawing")
registry, run, scoring = (import_module(f"families.{name}") for name in ("registry", "run", "scoring"))

SEEN, LEAST = 16, 10  # grey levels and pixels: a digit of a printed line changes more


def size(path):
    with Image.open(path) as image:
        return image.size


def changed(a, b):
    """Pixels that change by more than noise does."""
    first, second = (copies.eight(one).astype(np.float32) for one in (a, b))
    difference = cv2.GaussianBlur(first - second, (0, 0), 1)
    return int((abs(difference).max(axis=-1) > SEEN).sum())


@pytest.mark.parametrize("name", registry.FAMILIES)
def test_pictures_are_drawn_alike_each_time_and_differ_visibly(name):
    first, second = (registry.picture(name, "tune", number) for number in (0, 1))
    assert first.dtype in (np.uint8, np.uint16)
    assert first.shape[2:] == ((3,) if first.dtype == np.uint8 else ())
    assert 28 <= max(first.shape) <= 2000
    assert np.array_equal(second, registry.picture(name, "tune", 1))
    assert first.shape == second.shape
    assert changed(first, second) >= LEAST
    other = registry.picture(name, "report", 1)
    assert other.shape != second.shape or changed(other, second) >= LEAST


def test_the_next_ten_pictures_have_another_layout():
    last, following = (registry.picture("arrows", "tune", number) for number in (9, 10))
    assert last.shape != following.shape or abs(np.subtract(last[0, 0], following[0, 0], dtype=int)).max() > SEEN


def test_copies_are_named_by_their_picture(tmp_path):
    written = registry.write_family("gauges", "report", 2, tmp_path / "gauges")
    assert sorted(tmp_path.glob("gauges/*")) == written
    assert [path.name for path in written] == [
        f"{number:02d}_{rest}" for number in range(2) for rest in ("a.png", "b.jpg", "c.jpg", "d.jpg")
    ]
    sizes = [size(path) for path in written[:4]]
    assert sizes[0] == sizes[1]
    assert 0.69 * sizes[0][0] < sizes[2][0] < 0.91 * sizes[0][0]
    again = registry.write_family("gauges", "report", 1, tmp_path / "again")
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in written[:4]]


def test_small_pictures_are_not_scaled_and_deep_ones_are_kept_deep(tmp_path):
    small = registry.write_family("digits-28", "tune", 1, tmp_path / "small")
    assert {size(path) for path in small} == {(28, 28)}
    deep = registry.write_family("radiographs-16-bit", "tune", 1, tmp_path / "deep")
    assert cv2.imread(str(deep[0]), cv2.IMREAD_UNCHANGED).dtype == np.uint16
    assert all(cv2.imread(str(path)).std() > 30 for path in deep[1:])


@pytest.mark.parametrize("edit", copies.EDITS)
def test_edits_leave_the_picture_what_it_is(edit):
    rgb = registry.picture("gauges", "tune", 0)
    for seed in range(5):
        edited = copies.EDITS[edit](rgb, np.random.default_rng(seed))
        assert edited.dtype == np.uint8
        assert np.greater_equal(edited.shape, np.multiply(rgb.shape, 0.95)).all()
        small, other = (cv2.resize(one, (16, 16), interpolation=cv2.INTER_AREA) for one in (rgb, edited))
        assert 0 < abs(np.subtract(small, other, dtype=int)).mean() < 25


def test_one_digit_is_changed_and_each_number_changes_another():
    texts = ["No. 1204", "none", "7"]
    made = [drawing.another_digit(np.random.default_rng(1), number, texts) for number in range(5)]
    assert len({tuple(one) for one in made}) == 5
    for one in made:
        pairs = list(zip("".join(texts), "".join(one), strict=True))
        assert sum(a != b for a, b in pairs) == 1
        assert all(b.isdigit() for a, b in pairs if a != b)


def decision(task, representative):
    return Decision(task, Role.UNIQUE if task == representative else Role.DUPLICATE, "", representative=representative)


def test_the_score_counts_what_is_wrong_lost_and_missed():
    chosen = {"00_a.png": "00_a.png", "00_b.jpg": "00_a.png", "00_c.jpg": "00_c.jpg", "01_a.png": "00_a.png"}
    found = scoring.score(decision(*pair) for pair in chosen.items())
    figures = {"images": 4, "pictures": 2, "wrong": 1, "lost": 1, "copies": 2, "missed": 1}
    assert found.figures() == figures
    assert (found.mistaken, found.beside) == ((("01_a.png", "00_a.png"),), ("00_c.jpg",))
    assert (found + found).figures() == {name: 2 * value for name, value in figures.items()}


def test_the_table_has_a_line_for_every_family_and_the_total():
    one, other = scoring.Score(4, 2, 1, (("01_a", "00_a"),), ("00_b",)), scoring.Score(3, 1)
    scores = {("a", "tune", "near"): one, ("b", "tune", "near"): other}
    drawn = scoring.table(scores, markdown=True).splitlines()
    assert len({len(line) for line in drawn}) == 1
    assert drawn[-1].replace(" ", "") == "|all||near|7|3|1|1|4|1(25%)|"
    assert scoring.table(scores).splitlines()[-1].split() == ["all", "near", "7", "3", "1", "1", "4", "1", "(25%)"]


def test_the_command_plans_a_family_and_says_whether_anything_is_wrong(tmp_path):
    asked = ["--only", "digits-28", "--pictures", "2", "--level", "copies", "--json", str(tmp_path / "out.json")]
    command = [sys.executable, str(BENCHMARKS / "families"), *asked, "--keep", str(tmp_path / "kept"), "--", "--model"]
    done = subprocess.run([*command, "dct"], capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout.splitlines()[-1].split()[:4] == ["all", "copies", "6", "2"], done.stderr
    (row, total) = run.json.loads((tmp_path / "out.json").read_text())
    assert (row["family"], row["half"], row["level"], row["images"]) == ("digits-28", "report", "copies", 6)
    assert total["wrong"] == row["wrong"]
    assert done.returncode == (1 if row["wrong"] else 0)
    assert len(list((tmp_path / "kept" / "report" / "digits-28").iterdir())) == 6


def test_pictures_are_kept_in_new_folders_only(tmp_path, monkeypatch, capsys):
    (tmp_path / "tune" / "chess").mkdir(parents=True)
    monkeypatch.setattr(sys, "argv", ["families", "--half", "both", "--only", "gauges,chess", "--keep", str(tmp_path)])
    with pytest.raises(SystemExit) as refused:
        run.main()
    assert refused.value.code == 2
    assert "chess is there already" in capsys.readouterr().err


def test_unknown_families_are_refused_by_name():
    assert run.chosen("gauges,chess") == ["gauges", "chess"]
    with pytest.raises(run.argparse.ArgumentTypeError, match="no family gauge;"):
        run.chosen("gauge")
