"""The pure parts of the memory benchmark."""

import sys
from importlib import import_module
from pathlib import Path

from labelonce.planning import Decision, Role, save_decisions

sys.path.append(str(Path(__file__).resolve().parent / "benchmarks"))
memory, speed = import_module("memory"), import_module("speed")


def size(images, peak, vectors):
    return memory.Size(speed.Run(images, 20.0, 15.0, peak, images / 2), vectors)


def test_growth_is_that_of_one_image():
    found = memory.growth(size(1000, 250.0, 10.0), size(3000, 270.0, 12.0))
    assert (found.peak, found.vectors) == (20 * 2**20 / 2000, 2 * 2**20 / 2000)


def test_pictures_with_equal_pixels_have_one_vector(tmp_path):
    reasons = {"1": "no near-duplicate found", "2": "same pixels", "3": "byte copy", "4": "geometry"}
    save_decisions([Decision(name, Role.UNIQUE, why) for name, why in reasons.items()], tmp_path / "plan.csv")
    assert memory.distinct(tmp_path / "plan.csv") == 2


def test_the_table_has_two_lines_for_each_model_and_how_they_grow():
    found = {"default": [size(1000, 250.0, 10.0), size(3000, 300.0, 30.0)]}
    _, few, many, more = memory.table(found).splitlines()
    assert few.split() == ["default", "1,000", "250", "10", "4", "20", "20.00", "500"]
    assert many.split()[:5] == ["default", "3,000", "300", "30", "10"]
    assert more.strip() == "one image more adds 26,214 bytes, 10,486 of them its vector"


def test_the_first_pictures_are_the_same_files(tmp_path, monkeypatch):
    (tmp_path / "all").mkdir()
    for index in range(3):
        (tmp_path / "all" / f"{index:06}.jpg").write_bytes(b"%d" % index)
    monkeypatch.chdir(tmp_path)
    speed.link_first(Path("all"), tmp_path / "two", 2)
    assert sorted(one.read_bytes() for one in (tmp_path / "two").iterdir()) == [b"0", b"1"]
