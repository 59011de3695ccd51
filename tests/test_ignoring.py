"""Tests of what is left out of every comparison: places of every picture, and overlays on photographs."""

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image

from labelonce.change import changed_area
from labelonce.cli import cli
from labelonce.comparing.checking import check
from labelonce.errors import ConfigurationError
from labelonce.features import Features, extract
from labelonce.fine import look
from labelonce.images.decoding import decode
from labelonce.images.ignoring import counted, filled_up
from labelonce.images.regions import Region, regions_of, without
from labelonce.images.views import VIEWS
from labelonce.levels import rules_from
from labelonce.pipeline import find_clusters, make_plan
from labelonce.planning import Role
from labelonce.progress import Progress
from labelonce.settings import Settings
from labelonce.sources.folder import FolderSource
from labelonce.verification import verify
from pictures import texture

AS_IT_LIES = np.eye(2, 3)
CLOCK = "0,0,34,12"
SIZE = 480, 360

Rgb = NDArray[np.uint8]


def scene(seed: int) -> Rgb:
    """A smooth picture with things in it."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 215, (9, 12, 3)).astype(np.uint8)
    made = cv2.resize(coarse, SIZE, interpolation=cv2.INTER_CUBIC).astype(np.int16)
    for _ in range(60):
        x, y = int(rng.integers(0, SIZE[0])), int(rng.integers(0, SIZE[1]))
        colour = [int(value) for value in rng.integers(0, 255, 3)]
        cv2.rectangle(made, (x, y), (x + int(rng.integers(8, 50)), y + int(rng.integers(8, 50))), colour, -1)
    grain = rng.normal(0, 3, made.shape)
    return np.clip(made + grain, 0, 255).astype(np.uint8)


def clocked(rgb: Rgb, text: str, at: tuple[int, int] = (6, 30)) -> Rgb:
    """The picture with a clock burnt in."""
    made = rgb.copy()
    cv2.rectangle(made, (at[0] - 6, at[1] - 30), (at[0] + 150, at[1] + 8), (0, 0, 0), -1)
    cv2.putText(made, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.9, (255, 255, 255), 2)
    return np.asarray(made, np.uint8)


def save(rgb: Rgb, path: Path) -> None:
    Image.fromarray(rgb).save(path)


def test_regions_are_read_and_shown() -> None:
    regions = regions_of("70,92,30,8; 0,0,30,6;0,0,30,6;")
    assert regions == (Region(0, 0, 30, 6), Region(70, 92, 30, 8))
    assert without(regions) == " without 0,0,30,6;70,92,30,8"
    assert regions_of(None) == regions_of("") == ()
    assert without(()) == ""
    with pytest.raises(ConfigurationError, match="four numbers"):
        regions_of("0,0,30")
    with pytest.raises(ConfigurationError, match="outside"):
        Settings(ignore="0,0,30,6;90,0,30,6")


def test_what_counts_is_all_but_the_places() -> None:
    mask = counted(regions_of("0,0,30,6;70,92,30,8"))
    assert mask.size - np.count_nonzero(mask) == 300 * 60 + 300 * 80
    assert not mask[:60, :300].any()
    assert not mask[920:, 700:].any()


def test_places_are_filled_up_whatever_is_in_them() -> None:
    ignored = regions_of(CLOCK)
    one, other = (filled_up(clocked(scene(1), text), ignored) for text in ("12:00:01", "19:58:37"))
    assert np.array_equal(one, other)
    assert np.array_equal(one[44:], scene(1)[44:])
    assert np.array_equal(filled_up(scene(1), ()), scene(1))
    whole = filled_up(scene(1), (Region(0, 0, 100, 100),))
    assert whole.shape == scene(1).shape


def test_places_of_pictures_without_anything_in_common_share_no_corners() -> None:
    """As they would, were the places painted in one colour."""
    ignored = regions_of(f"{CLOCK};60,80,30,12")
    a, b = (extract(picture(filled_up(scene(seed), ignored))) for seed in (1, 2))
    assert np.abs(a.corners[1].astype(int)[:, None] - b.corners[1].astype(int)[None]).sum(-1).min() > 0


def picture(rgb: Rgb):  # type: ignore[no-untyped-def]
    done, data = cv2.imencode(".png", np.ascontiguousarray(rgb[..., ::-1]))
    assert done
    return decode(data.tobytes())


@pytest.mark.parametrize("view", ["", *VIEWS])
def test_the_closer_looks_leave_the_places_out(view: str) -> None:
    """Of a picture that is held otherwise, too."""
    one, other = clocked(scene(1), "12:00:01"), clocked(scene(1), "19:58:37")
    ignored = regions_of(CLOCK)
    if view:
        one, other = VIEWS[view](one), VIEWS[view](other)
    features = Features(b"", SIZE, VIEWS[view] if view else None)
    mask = features.counted(ignored, one.shape)
    assert mask.shape == one.shape[:2]
    assert not look(one, other, AS_IT_LIES).same
    assert look(one, other, AS_IT_LIES, (mask, mask)).same
    small = [
        np.asarray(cv2.resize(each, None, fx=1 / 3, fy=1 / 3, interpolation=cv2.INTER_AREA)) for each in (one, other)
    ]
    counts = features.counted(ignored, small[0].shape)
    assert changed_area(small[0], small[1], AS_IT_LIES, (counts, counts)).area == 0
    elsewhere = one.copy()
    middle = one.shape[0] // 2, one.shape[1] // 2
    elsewhere[middle[0] : middle[0] + 12, middle[1] : middle[1] + 12] ^= 255
    assert not look(one, elsewhere, AS_IT_LIES, (mask, mask)).same


def test_places_lie_where_each_picture_has_them() -> None:
    """A frame that was cropped before its clock was burnt in has another place of the scene below it."""
    whole = scene(3)
    one, other = clocked(whole, "12:00:01"), clocked(whole[60:, 80:], "12:00:07")
    ignored = regions_of("0,0,45,14")
    masks = tuple(Features(b"", SIZE).counted(ignored, each.shape) for each in (one, other))
    shift = np.array([[1.0, 0, 80], [0, 1, 60]])
    assert not look(one, other, shift, (masks[0], np.ones_like(masks[1]))).same
    assert look(one, other, shift, (masks[0], masks[1])).same
    found = look(other, one, np.array([[1.0, 0, -80], [0, 1, -60]]), (masks[1], masks[0]))
    assert found.same
    half = np.asarray(cv2.resize(other, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)
    small = np.asarray(cv2.resize(masks[1], half.shape[1::-1], interpolation=cv2.INTER_NEAREST), np.uint8)
    scaled = np.array([[2.0, 0, 80.5], [0, 2, 60.5]])
    assert look(one, half, scaled, (masks[0], small)).same


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """Six frames that differ in their clock only, two that differ elsewhere, and another picture."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for second in range(6):
        save(clocked(scene(1), f"12:0{second}:{37 - second}"), folder / f"frame{second}.png")
    other = scene(1)
    cv2.circle(other, (300, 200), 14, (250, 240, 20), -1)
    save(clocked(other, "12:07:11"), folder / "ghost.png")
    save(clocked(scene(2), "12:08:59"), folder / "other.png")
    return folder


def source(folder: Path) -> FolderSource:
    return FolderSource(folder, max_bytes=1 << 24)


def settings(tmp_path: Path, **given: object) -> Settings:
    return Settings(model="dct", store=tmp_path / "store.sqlite3", **given)  # type: ignore[arg-type]


def duplicates(folder: Path, chosen: Settings) -> set[str]:
    made = make_plan(source(folder), chosen, Progress())
    return {str(decision.task) for decision in made.decisions if decision.role is Role.DUPLICATE}


def test_frames_that_differ_in_an_ignored_place_only_are_duplicates(frames: Path, tmp_path: Path) -> None:
    """And what is remembered of other settings does not count."""
    plain, ignoring = settings(tmp_path), settings(tmp_path, ignore=CLOCK)
    for _ in range(2):
        assert duplicates(frames, plain) == set()
        found = duplicates(frames, ignoring)
        assert len(found) == 5
        assert all(name.startswith("frame") for name in found)
    assert duplicates(frames, settings(tmp_path, ignore=f"70,92,30,8;{CLOCK}")) == found
    assert duplicates(frames, settings(tmp_path, ignore="70,92,30,8")) == set()


def test_places_are_those_of_the_region_that_counts(frames: Path, tmp_path: Path) -> None:
    assert duplicates(frames, settings(tmp_path, roi="0,0,50,100", ignore="0,0,68,12")) != set()
    assert duplicates(frames, settings(tmp_path, roi="0,0,50,100", ignore="0,0,34,12")) == set()


def test_a_plan_says_what_is_ignored(frames: Path, tmp_path: Path) -> None:
    made = make_plan(source(frames), settings(tmp_path, ignore=CLOCK), Progress())
    assert made.settings["ignore"] == CLOCK


def test_single_pictures_are_compared_without_the_places(frames: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.png"
    save(clocked(scene(1), "23:59:59"), new)
    ignoring = settings(tmp_path, ignore=CLOCK)
    with pytest.raises(ConfigurationError, match="Make it known"):
        check([new], source(frames).identity, ignoring)
    find_clusters(source(frames), ignoring, Progress())
    (answer,) = check([new], source(frames).identity, ignoring)
    assert answer.there
    with pytest.raises(ConfigurationError, match=f"--ignore {CLOCK}"):
        check([new], "elsewhere", ignoring)


@pytest.mark.parametrize("way", ["twice", "once", "environment", "file"])
def test_places_are_given_in_every_way(way: str, frames: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both, options = f"{CLOCK};70,92,30,8", []
    monkeypatch.chdir(tmp_path)
    if way == "twice":
        options = ["--ignore", CLOCK, "--ignore", "70,92,30,8"]
    elif way == "once":
        options = ["--ignore", both]
    elif way == "environment":
        monkeypatch.setenv("LABELONCE_IGNORE", both)
    else:
        Path("labelonce.toml").write_text(f'ignore = "{both}"\n')
    command = ["folder", str(frames), "--model", "dct", "--store", str(tmp_path / "store"), *options]
    done = CliRunner().invoke(cli, [*command, "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["plan"]["settings"]["ignore"] == both
    told = CliRunner().invoke(cli, command)
    assert f"left out of every comparison: {both}" in told.stdout


@pytest.mark.parametrize("level", ["copies", "near", "scene"])
def test_overlays_on_photographs_may_be_ignored(level: str) -> None:
    counting, ignoring = (
        rules_from(Settings(overlays=choice), level, similarity=0.75, strict=0.9) for choice in ("count", "ignore")
    )
    assert ignoring == dataclasses.replace(counting, photographs=True)


@pytest.mark.parametrize("photograph", [True, False])
def test_overlays_tell_other_pictures_apart_in_any_case(photograph: bool) -> None:
    drawing = np.full((360, 480, 3), 250, np.uint8)
    for row in range(30, 340, 26):
        text = f"line {row * 7919 % 1000} of a page"
        cv2.putText(drawing, text, (20, row), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (0, 0, 0), 2)
    shown = np.array(texture(4, (480, 360))) if photograph else drawing
    stamped = shown.copy()
    cv2.putText(stamped, "2024-05-17", (300, 345), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 120, 0), 1, cv2.LINE_AA)
    a, b = extract(picture(shown)), extract(picture(stamped))
    assert a.photographic == b.photographic == photograph
    for overlays in ("count", "ignore"):
        rules = rules_from(Settings(overlays=overlays), "near", similarity=0.75, strict=0.9)
        found = verify(a, b, 0.99, rules, lambda: (shown, stamped))
        assert found.accepted == (photograph and overlays == "ignore")
        assert found.accepted or found.reason in ("different", "colour")


def test_a_plan_says_that_overlays_are_ignored(frames: Path, tmp_path: Path) -> None:
    made = make_plan(source(frames), settings(tmp_path, overlays="ignore"), Progress())
    assert made.settings["overlays"] == "ignore"
    assert made.settings["thresholds"]["photographs"]
