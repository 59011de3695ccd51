"""The pure parts of the speed benchmark: where its pictures come from, what is done to them, and the table."""

import sys
from importlib import import_module
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pictures import texture

sys.path.append(str(Path(__file__).resolve().parent / "benchmarks"))
speed = import_module("speed")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(2):
        texture(seed, (640, 480)).save(folder / f"{seed}.png")
    (folder / "notes.txt").write_text("no photo")
    return speed.photos_in(folder)


def decoded(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def likeness(a, b):
    tiny = [cv2.resize(one, (24, 24), interpolation=cv2.INTER_AREA).astype(float).ravel() for one in (a, b)]
    return np.corrcoef(*tiny)[0, 1]


def test_every_turn_over_the_photos_takes_another_cell():
    places = [speed.place(number, 3) for number in range(3 * (1 + 4 + 9))]
    assert places[:4] == [(0, 1, 0), (1, 1, 0), (2, 1, 0), (0, 2, 0)]
    assert places[-1] == (2, 3, 8)
    assert len(set(places)) == len(places)


def test_a_window_stays_in_its_cell_and_nearly_fills_it():
    marked = np.zeros((90, 120, 3), np.uint8)
    marked[30:60, 80:] = 255
    for seed in range(50):
        found = speed.window(marked, 3, 5, np.random.default_rng(seed))
        assert found.min() == 255
        assert 25 <= found.shape[0] <= 30
        assert 34 <= found.shape[1] <= 40


def test_the_same_photos_give_the_same_pictures_of_one_size(photos):
    assert len(photos) == 2
    made = [speed.small_picture(photos, index) for index in range(4)]
    assert made == [speed.small_picture(photos, index) for index in range(4)]
    assert {max(decoded(made[index]).shape) for index in (0, 1, 3)} == {speed.SIDE}


def test_distinct_pictures_are_unlike(photos):
    pictures = [speed.distinct(photos, number) for number in range(10)]
    assert max(likeness(a, b) for a, b in combinations(pictures, 2)) < 0.9


def test_every_third_picture_is_like_an_earlier_one(photos):
    pictures = [decoded(speed.small_picture(photos, index)) for index in range(12)]
    for index in range(2, 12, 3):
        earlier = [pictures[other] for other in range(index) if other % 3 < 2]
        assert max(likeness(pictures[index], other) for other in earlier) > 0.75


def test_every_edit_leaves_the_picture_recognisable_and_changes_it():
    rgb = np.asarray(texture(5, (speed.SIDE, 336)))
    for edit in speed.EDITS:
        found = edit(rgb, np.random.default_rng(1))
        assert found.shape != rgb.shape or (found != rgb).any()
        assert likeness(found, rgb) > 0.75


def test_a_shift_is_a_share_of_the_sides():
    rgb = np.asarray(texture(6, (200, 100)))
    assert (speed.moved(rgb, 0, (0.05, 0))[:, 10:] == rgb[:, :-10]).all()
    assert (speed.moved(rgb, 0, (0, -0.05))[:-5] == rgb[5:]).all()


def test_pictures_of_one_ground_are_alike_but_for_the_thing_on_it(photos):
    pictures = [decoded(speed.alike_picture(photos, index)).astype(int) for index in range(4)]
    assert speed.alike_picture(photos, 0) == speed.alike_picture(photos, 0)
    for one, other in combinations(pictures, 2):
        differs = np.abs(one - other).max(axis=2) > 24
        assert not differs[:60].any()
        assert not differs[-60:].any()
        assert 0.1 < differs.mean() < 0.5


def test_large_pictures_have_twelve_megapixels_and_noise(photos, monkeypatch):
    assert speed.LARGE[0] * speed.LARGE[1] == 12_000_000
    monkeypatch.setattr(speed, "LARGE", (800, 600))
    noisy = speed.large_picture(photos, 0)
    assert decoded(noisy).shape == (600, 800, 3)
    monkeypatch.setattr(speed, "NOISE", 0.0)
    assert len(noisy) > len(speed.large_picture(photos, 0))


def test_a_photo_lies_as_its_camera_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    texture(1, (64, 48)).save(tmp_path / "turned.jpg", exif=exif)
    assert speed.photo(tmp_path / "turned.jpg").shape == (64, 48, 3)


def test_kept_images_name_themselves(tmp_path):
    decisions = tmp_path / "decisions.csv"
    decisions.write_text("file,representative\na,a\nb,a\nc,c\n")
    assert speed.kept(decisions) == (3, 2)


def test_the_second_run_finds_the_store_of_one_before_it():
    rows = speed.cases()
    titles = [case.title for case in rows]
    again = next(case for case in rows if case.store)
    first = rows[titles.index(again.store)]
    assert titles.index(again.title) > titles.index(first.title)
    assert (again.pictures, again.arguments) == (first.pictures, first.arguments)


def test_figures_are_medians_each_by_itself(monkeypatch):
    monkeypatch.setattr(speed, "cores", lambda: 4)
    runs = [
        speed.Run(100, 2.0, 9.0, 300.0, 60),
        speed.Run(100, 8.0, 1.0, 100.0, 60),
        speed.Run(100, 3.0, 1.5, 200.0, 60),
    ]
    found = speed.median(runs)
    assert found == speed.Run(100, 3.0, 1.5, 200.0, 60)
    assert (found.each, found.busy) == (30.0, 50.0)


def test_the_table_has_one_line_for_each_row(monkeypatch):
    monkeypatch.setattr(speed, "cores", lambda: 2)
    lines = speed.table({"level near": speed.Run(2000, 26.25, 15.0, 411.4, 1333)}).splitlines()
    assert lines[0].split() == ["images", "CPU", "s", "CPU", "ms/image", "cores", "busy", "%", "peak", "MB", "kept"]
    assert lines[1].split() == ["level", "near", "2,000", "26.2", "13.12", "88", "411", "1,333"]
    assert len(lines[0]) == len(lines[1])
