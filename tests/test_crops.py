"""`--find crops`: parts of pictures, who may stand for whom, and plans in which nothing is lost for a part of it."""

from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st
from PIL import Image

from labelonce.cli import cli
from labelonce.clustering import Preference, represent
from labelonce.containing import Stands, stands_of
from labelonce.embedding.memory import Thumbnail
from labelonce.errors import ConfigurationError
from labelonce.images.parts import PARTS, TRIMMED, trimmed
from labelonce.levels import LEVELS, CropRules
from labelonce.neighbours import Pairs
from labelonce.pipeline import make_plan
from labelonce.planning import Plan, Role, load_plan
from labelonce.progress import Progress
from labelonce.reading import Reader
from labelonce.settings import Settings
from labelonce.settling import settle
from labelonce.sources.memory import MemorySource
from labelonce.store import Store
from labelonce.tasks import Task
from pictures import encoded, texture

QUIET = Progress()
SIDE = (400, 300)
BOX = (20, 30, 270, 230)  # 42 % of the area


def on_ground(image: Image.Image, size: tuple[int, int], place: tuple[int, int], colour="white") -> Image.Image:
    ground = Image.new("RGB", size, colour)
    ground.paste(image, place)
    return ground


def pasted(ground: Image.Image, image: Image.Image, place: tuple[int, int]) -> Image.Image:
    ground.paste(image, place)
    return ground


PHOTO = texture(1, SIDE)
CROP = PHOTO.crop(BOX)
BORDERED = on_ground(PHOTO, (600, 420), (100, 60))
COLLAGE = pasted(on_ground(PHOTO, (800, 300), (0, 0)), texture(2, SIDE), (400, 0))


# --------------------------------------------------------------------------------------------------------------- parts


def test_parts_are_windows_and_what_is_left_without_plain_ground():
    rgb = np.asarray(PHOTO)
    shown = {name: part(rgb) for name, part in PARTS.items()}
    assert shown[TRIMMED] is rgb
    assert np.array_equal(shown["upper left"], rgb[:150, :200])
    assert np.array_equal(shown["lower right"], rgb[150:, 200:])
    assert shown["middle"].shape == (180, 240, 3)


@pytest.mark.parametrize("colour", ["white", "black", (30, 90, 160)])
@pytest.mark.parametrize("place", [(100, 60), (100, 0), (0, 60)])
def test_plain_ground_is_trimmed(place, colour):
    x, y = place
    made = trimmed(np.asarray(on_ground(PHOTO, (400 + 2 * x, 300 + 2 * y), place, colour)))
    assert np.abs(np.subtract(made.shape[:2], (300, 400))).max() <= 8


def test_captions_and_bars_on_plain_ground_are_trimmed():
    screen = np.asarray(on_ground(PHOTO, (400, 840), (0, 200))).copy()
    screen[20:40, 10:90] = screen[540:560, 20:180] = screen[800:830, 40:70] = 0
    made = trimmed(screen)
    assert abs(made.shape[0] - 300) <= 16
    assert made.shape[1] == 400


@pytest.mark.parametrize(
    "image", [Image.new("RGB", SIDE), on_ground(PHOTO.resize((20, 15)), SIDE, (190, 140)), PHOTO, COLLAGE]
)
def test_where_nothing_would_be_left_or_nothing_goes_it_is_the_very_picture(image):
    rgb = np.asarray(image)
    assert trimmed(rgb) is rgb


@pytest.mark.parametrize("side", [1, 2, 5])
def test_tiny_pictures_have_parts(side):
    for part in PARTS.values():
        assert min(part(np.zeros((side, side, 3), np.uint8)).shape) >= 1


# ------------------------------------------------------------------------------------------------- who stands for whom


def stands(one: Image.Image, other: Image.Image, x: float, y: float) -> Stands:
    """Of two pictures whose pixels are as large; the second lies at x and y of the first."""
    a, b = np.asarray(one), np.asarray(other)
    shift = np.array([[1, 0, x], [0, 1, y]], np.float64)
    width = max(0, min(one.width, x + other.width) - max(0, x))
    height = max(0, min(one.height, y + other.height) - max(0, y))
    shares = tuple(width * height / (each.width * each.height) for each in (one, other))
    found = stands_of(a, b, shift, (shares[0], shares[1]), 0.9)
    assert stands_of(b, a, np.array([[1, 0, -x], [0, 1, -y]], np.float64), (shares[1], shares[0]), 0.9) == found.swapped
    return found


def test_what_shows_more_stands_for_what_shows_less():
    assert stands(PHOTO, CROP, 20, 30) == Stands.FIRST
    assert stands(PHOTO, COLLAGE, 0, 0) == Stands.SECOND


def test_plain_ground_is_not_more():
    assert stands(PHOTO, BORDERED, -100, -60) == Stands.EITHER
    marked = BORDERED.copy()
    marked.paste("red", (40, 40, 60, 50))
    assert stands(PHOTO, marked, -100, -60) == Stands.SECOND


def test_pictures_that_show_as_much_stand_for_each_other():
    assert stands(PHOTO, PHOTO, 0, 0) == Stands.EITHER
    assert stands(PHOTO, PHOTO.crop((4, 3, 396, 297)), 4, 3) == Stands.EITHER
    assert stands(PHOTO, PHOTO, 120, 0) == Stands.NEITHER  # the camera moved


def test_the_rules_ask_for_the_smaller_one():
    rules = CropRules.of(replace(LEVELS["near"], change=0.01, scale=2.0))
    assert (rules.change, rules.scale, rules.inside) == (0.01, 4.0, 0.9)
    for overlap, enough in (((0.6, 0.7), True), ((0.3, 0.95), True), ((1.0, 0.1), True), ((0.5, 0.8), False)):
        least, share = rules.overlapping(overlap)
        assert (share >= least) == enough
    least, share = LEVELS["near"].overlapping((0.3, 0.95))
    assert share < least


@st.composite
def directed(draw: st.DrawFn):
    n = draw(st.integers(1, 10))
    possible = [(left, right) for left in range(n) for right in range(left + 1, n)]
    edges = sorted(draw(st.lists(st.sampled_from(possible), unique=True))) if possible else []
    left, right = (np.array([edge[side] for edge in edges], np.int64) for side in (0, 1))
    similarity = np.array([draw(st.sampled_from([0.6, 0.7, 0.8])) for _ in edges], np.float32)
    some = draw(st.lists(st.integers(0, 3), min_size=len(edges), max_size=len(edges)))
    kept, standing = (np.isin(np.arange(n), draw(st.lists(st.integers(0, n - 1), max_size=2))) for _ in range(2))
    return (
        Pairs(left, right, similarity),
        np.array(some, np.uint8),
        Preference(kept, np.arange(n), np.arange(n), standing),
    )


@tried(max_examples=300, deadline=None)
@given(case=directed())
def test_nothing_is_skipped_for_what_may_not_stand_for_it(case):
    pairs, truth, preference = case
    n = len(preference.rank)
    asked: list[int] = []

    def check(numbers):
        asked.extend(numbers.tolist())
        return truth[numbers]

    needed = settle(pairs, preference, check)
    assert len(set(asked)) == len(asked)
    stars = Pairs(pairs.left[needed], pairs.right[needed], pairs.similarity[needed])
    chosen = represent(np.zeros(n, np.int64), stars, preference, "cover", truth[needed]).tolist()
    may = set()
    for one, other, way in zip(pairs.left.tolist(), pairs.right.tolist(), truth.tolist(), strict=True):
        may |= {(one, other)} if way & Stands.FIRST else set()
        may |= {(other, one)} if way & Stands.SECOND else set()
    for node, head in enumerate(chosen):
        assert head == node or ((head, node) in may and chosen[head] == head)
        assert head == node or not preference.kept[node]
        assert head == node or not preference.standing[node] or preference.kept[head] or preference.standing[head]
    heads = {node for node in range(n) if chosen[node] == node}
    for one, other in may:  # what could be skipped for another representative is one only by people's work or a chain
        both = (other, one) in may
        if both and not preference.kept.any() and not preference.standing.any():
            assert not {one, other} <= heads


# --------------------------------------------------------------------------------------------------------------- plans


@pytest.fixture
def settings(tmp_path):
    return Settings(model="thumbnail", store=tmp_path / "store.sqlite3", find="crops", eps="10%", level="copies")


def plan(images: dict[str, Image.Image], settings: Settings) -> Plan:
    return make_plan(MemorySource({name: encoded(image) for name, image in images.items()}), settings, QUIET)


def skipped(made: Plan) -> dict[str, str]:
    return {one.task: one.representative for one in made.decisions if one.role is Role.DUPLICATE}


@pytest.mark.parametrize("level", ["copies", "near", "scene"])
def test_crops_and_photos_within_others_are_found(settings, level):
    settings = replace(settings, level=level)
    other = texture(5, SIDE)
    assert skipped(plan({"crop": CROP, "photo": PHOTO, "other": other}, settings)) == {"crop": "photo"}
    assert skipped(plan({"collage": COLLAGE, "photo": PHOTO, "other": other}, settings)) == {"photo": "collage"}
    assert len(skipped(plan({"bordered": BORDERED, "photo": PHOTO, "other": other}, settings))) == 1


def test_the_one_that_shows_less_is_skipped_however_it_is_preferred(settings):
    larger = CROP.resize((1000, 800))
    made = plan({"a larger crop": larger, "photo": PHOTO}, settings)
    assert skipped(made) == {"a larger crop": "photo"}
    (found,) = (one for one in made.decisions if one.role is Role.DUPLICATE)
    assert found.reason == "the same picture, but one shows more around it"
    assert made.settings["find"] == "crops"


def test_a_whole_that_comes_later_is_kept_and_so_is_what_people_worked_on(settings):
    files = {"crop": encoded(CROP), "photo": encoded(PHOTO)}
    tasks = [Task(1, ("crop",), standing=True), Task(2, ("photo",))]
    made = make_plan(MemorySource(files, tasks), settings, QUIET)
    assert made.count(Role.DUPLICATE) == 0


def test_a_crop_with_something_else_in_it_is_another_picture(settings):
    changed = CROP.copy()
    changed.paste(texture(9, (60, 60)), (90, 70))
    assert skipped(plan({"changed": changed, "photo": PHOTO}, settings)) == {}


def test_runs_with_and_without_do_not_mix(settings, monkeypatch):
    plain = replace(settings, find="wholes")
    images = {"crop": CROP, "photo": PHOTO, "bordered": BORDERED, "copy": PHOTO.resize((320, 240))}
    before = plan(images, replace(plain, store=None))
    with_crops = plan(images, settings)
    assert skipped(with_crops) != skipped(before)
    assert plan(images, plain) == before
    assert "find" not in before.settings
    assert before.settings["thresholds"]["inside"] > with_crops.settings["thresholds"]["inside"]
    monkeypatch.setattr("labelonce.judge.verify", lambda *_: pytest.fail("verified again"))
    monkeypatch.setattr(Thumbnail, "embed", lambda *_: pytest.fail("embedded again"))
    assert plan(images, settings) == with_crops
    assert plan(images, plain) == before


def test_parts_are_embedded_and_remembered(tmp_path):
    source = MemorySource({"a": encoded(PHOTO), "b": encoded(BORDERED)})
    tasks = list(source.tasks())
    store = Store(tmp_path / "store.sqlite3", QUIET)
    plain = Reader(source, Thumbnail(), store).read(tasks, QUIET)
    images = Reader(source, Thumbnail(), store, views=("mirror",), parts=tuple(PARTS)).read(tasks, QUIET)
    again = Reader(source, Thumbnail(), store, views=("mirror",), parts=tuple(PARTS)).read([], QUIET, before=images)
    store.close()
    assert plain.parts == {}
    assert list(images.parts) == list(again.parts) == list(PARTS)
    assert list(images.views) == ["mirror"]
    assert np.array_equal(images.vectors, plain.vectors)
    assert all(np.array_equal(images.parts[name], again.parts[name]) for name in PARTS)
    one, other = images.rows["a"][0], images.rows["b"][0]
    assert np.array_equal(images.parts[TRIMMED][one], images.vectors[one])
    assert images.parts[TRIMMED][other] @ images.vectors[one] > 0.8
    assert images.parts["middle"][other] @ images.vectors[other] < 0.7


@pytest.mark.parametrize("others", [{"verify": "none"}, {"representatives": "one"}, {"preset": "recipe"}])
def test_crops_need_verified_pairs_and_representatives_that_show_what_they_stand_for(others):
    with pytest.raises(ConfigurationError, match="find = 'crops' needs pairs that are verified"):
        Settings(find="crops", **others)


def test_the_option_is_where_plans_are_made_and_nowhere_else(tmp_path):
    for name, image in {"crop": CROP, "photo": PHOTO}.items():
        (tmp_path / f"{name}.png").write_bytes(encoded(image))
    arguments = ["folder", str(tmp_path), "--model", "dct", "--store", str(tmp_path / "s"), "--eps", "10%", "--json"]
    for more, count in ([], 0), (["--find", "wholes"], 0), (["--find", "crops"], 1):
        done = CliRunner().invoke(cli, [*arguments, "--output", str(tmp_path / "plan.json"), *more])
        assert done.exit_code == 0, done.output
        made = load_plan(tmp_path / "plan.json")
        assert made.count(Role.DUPLICATE) == count
        assert made.settings.get("find") == ("crops" if count else None)
    having = {name for name, command in cli.commands.items() if "find" in {one.name for one in command.params}}
    assert having == {
        "folder", "clusters", "group", "dedupe", "report", "plan", "run", "sync", "serve", "distinct", "upload",
    }  # fmt: skip
    done = CliRunner().invoke(cli, [*arguments, "--find", "crops", "--verify", "none"])
    assert "find = 'crops' needs" in str(done.exception)
