"""The benchmark of hard copies: what it makes of photos, how it counts, and the command on a few photos."""

import json
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from pictures import texture

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests" / "benchmarks"))
hard = import_module("hard_copies")
PHOTOS = hard.photos_in(ROOT / "examples" / "photos")
ONE_HUE = "table-0292.jpg"  # a grey copy is one of it, but not of the noisy copy that would stand for it


@pytest.fixture(scope="module")
def pictures():
    return [np.asarray(texture(seed, (160, 120))) for seed in range(4)]


def test_there_are_23_kinds_and_chains_are_made_of_some_of_them():
    assert len(hard.KINDS) == 23
    assert set(hard.MILDER) < set(hard.KINDS)
    assert len(hard.CROPS) == 4


@pytest.mark.parametrize("kind", [*hard.KINDS])
def test_every_kind_changes_the_photo_and_is_made_alike_again(kind, pictures):
    rgb, *partners = pictures
    before = rgb.copy()
    made, again = (hard.KINDS[kind](rgb, partners, np.random.default_rng(3)) for _ in range(2))
    assert made.dtype == np.uint8
    assert made.shape[2] == 3
    assert np.array_equal(made, again)
    assert not np.array_equal(made, before)
    assert np.array_equal(rgb, before)  # the next kind starts from the photo itself


@pytest.mark.parametrize("share", [0.8, 0.6, 0.5, 0.4])
def test_crops_have_their_share_of_the_area(share, pictures):
    rgb = pictures[0]
    for seed in range(5):
        made = hard.cropped(rgb, share, np.random.default_rng(seed))
        assert made.shape[0] * made.shape[1] == pytest.approx(share * 160 * 120, rel=0.02)


def test_photos_are_divided_by_their_content(tmp_path):
    for name in "abcdefgh":
        (tmp_path / name).write_text("same" if name > "f" else name)

    def parts():
        divided = hard.divided(sorted(tmp_path.iterdir()), 1, 2)
        return [[path.read_text() for path in part] for part in (divided.copied, divided.partners, divided.others)]

    before = parts()
    assert [len(part) for part in before] == [1, 3, 2]
    assert len({text for part in before for text in part}) == 6
    for path in sorted(tmp_path.iterdir()):
        path.rename(tmp_path / f"{ord(path.name) * 7 % 101}")
    assert parts() == before


def test_copies_are_found_by_their_photo_or_for_it():
    first, second, third = list(hard.KINDS)[:3]
    pictures = [
        hard.Picture("a", 0),
        hard.Picture("a1", 0, first),
        hard.Picture("a2", 0, second),
        hard.Picture("a3", 0, third),
        hard.Picture("b", 1),
    ]
    # the photo is skipped for its first copy, the second copy for the first, the third for another photo
    result = hard.judged(pictures, {"a": "a1", "a1": "a1", "a2": "a1", "a3": "b", "b": "b"})
    assert [result.found[kind] for kind in (first, second, third)] == [1, 1, 0]
    assert result.wrong == [("a3", "b")]
    assert result.cut == [("a", "a1")]  # the first kind is a crop
    assert result.recall == pytest.approx(200 / 3)
    assert result.precision == pytest.approx(2 / 3)
    kept = hard.judged(pictures, {picture.file: picture.file for picture in pictures})
    assert (kept.recall, kept.precision) == (0, 1)


def test_the_command_makes_a_set_and_tells_what_was_found(tmp_path, monkeypatch, capsys):
    photos = tmp_path / "photos"
    photos.mkdir()
    for path in PHOTOS:
        if path.name != ONE_HUE:
            (photos / path.name).write_bytes(path.read_bytes())
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        arguments = [str(photos), "--photos", "1", "--others", "3", "--level", "near"]
        arguments += ["--keep", str(folder), "--json", str(folder) + ".json", "--", "--model", "dct"]
        monkeypatch.setattr(sys, "argv", ["hard_copies.py", *arguments])
        hard.main()
    one, two = ({path.name: path.read_bytes() for path in (folder / "pictures").iterdir()} for folder in folders)
    assert one == two
    assert len(one) == 1 + 23 + 3
    figures = json.loads((tmp_path / "one.json").read_text())
    assert figures["arguments"] == ["--level", "near", "--model", "dct"]
    assert figures["found"]["gray"] == figures["copies"]["gray"] == 1
    assert figures["wrong"] == []
    assert "labelonce" in capsys.readouterr().out
    with pytest.raises(SystemExit):  # the folder is there
        hard.main()
    assert "name a new folder" in capsys.readouterr().err


def test_apart_every_kind_is_in_a_set_of_its_own(tmp_path, monkeypatch):
    sets = []

    def run(pictures, folder, arguments):
        sets.append({path.name for path in pictures.iterdir()})
        return {name: "a" if name.startswith("a") else name for name in sets[-1]}, 1.0

    pictures = [hard.Picture("a", 0), hard.Picture("b", 1)]
    pictures += [hard.Picture(f"a{number}", 0, kind) for number, kind in enumerate(hard.KINDS)]
    (tmp_path / "pictures").mkdir()
    for one in pictures:
        (tmp_path / "pictures" / one.file).touch()
    monkeypatch.setattr(hard, "run", run)
    result, seconds = hard.apart(pictures, tmp_path, [])
    assert sets == [{"a", "b", f"a{number}"} for number in range(23)]
    assert (result.recall, result.precision, result.skips, seconds) == (100, 1, 23, 23)
