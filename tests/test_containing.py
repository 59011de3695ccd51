"""What shows less, or less finely, stands for nothing that shows more."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from labelonce.containing import Stands, finer
from labelonce.features import extract
from labelonce.fine import look
from labelonce.levels import LEVELS
from labelonce.neighbours import Pairs
from labelonce.pipeline import make_plan
from labelonce.planning import Role
from labelonce.progress import Progress
from labelonce.settings import Settings
from labelonce.settling import settle
from labelonce.sources.memory import MemorySource
from labelonce.verification import BESIDE, Verdict, verify
from pictures import encoded, picture, texture
from test_verifier import order

WIDE = texture(5, (900, 500))


def judged(one: Image.Image, other: Image.Image, level: str = "near") -> Verdict:
    pair = np.asarray(one), np.asarray(other)
    return verify(extract(picture(one)), extract(picture(other)), 0.95, LEVELS[level], lambda: pair)


def view(left: int, width: int = 640) -> Image.Image:
    return WIDE.crop((left, 0, left + width, 500))


def rows(first: int, count: int = 26) -> Image.Image:
    """A page of numbered rows, scrolled."""
    page = Image.new("RGB", (700, 36 * count), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(16)
    for row in range(count):
        draw.text(
            (20, 36 * row + 8), f"{(first + row) * 7919 % 99991:05} paid {(first + row) * 31 % 97}.50", "black", font
        )
    return page


def drawn_out(image: Image.Image, right: int, down: int) -> Image.Image:
    """Moved, and what is left free filled with the rim's pixels, as editors do."""
    rgb = np.asarray(image)
    y, x = np.arange(rgb.shape[0]) - down, np.arange(rgb.shape[1]) - right
    return Image.fromarray(rgb[np.clip(y, 0, None)][:, np.clip(x, 0, None)])


@pytest.mark.parametrize("level", ["copies", "near"])
def test_each_of_two_views_shows_something_of_its_own(level):
    found = judged(view(0), view(60), level)
    assert (found.accepted, found.reason) == (False, BESIDE)
    assert str(found) == "each shows something that the other one does not show, or not as finely"


def test_a_camera_that_moves_on_is_one_scene():
    assert judged(view(0), view(60), "scene").accepted


def test_a_page_that_was_scrolled_is_another_one():
    assert judged(rows(0), rows(0)).accepted
    assert not judged(rows(0), rows(1)).accepted


def test_a_crop_is_skipped_for_what_it_was_cut_from():
    found = judged(view(0), view(40, 560))
    assert found.accepted
    assert found.stands == Stands.FIRST
    assert judged(view(40, 560), view(0)).stands == Stands.SECOND


@pytest.mark.parametrize(("right", "down"), [(40, 0), (48, 28)])
def test_a_rim_that_was_drawn_out_shows_nothing(right, down):
    found = judged(view(0), drawn_out(view(0), right, down))
    assert found.accepted
    assert found.stands == Stands.FIRST


@pytest.mark.parametrize(
    ("scale", "stands"),
    [(1.0, Stands.EITHER), (0.9, Stands.EITHER), (1.1, Stands.EITHER), (0.7, Stands.SECOND), (1.5, Stands.FIRST)],
)
def test_the_finer_one_stands(scale, stands):
    rgb = np.asarray(rows(0))
    assert finer(rgb, rgb, np.array([[scale, 0, 5], [0, scale, 3]])) == stands


def test_a_picture_that_was_enlarged_shows_no_more():
    small = view(0)
    large = np.asarray(small.resize((1280, 1000)))
    found = finer(large, np.asarray(small), np.array([[2.0, 0, 0], [0, 2.0, 0]]))
    assert found == Stands.FIRST | Stands.ENLARGED
    assert found.swapped == Stands.SECOND | Stands.ENLARGED


def test_a_smaller_copy_stands_for_no_larger_picture():
    small = view(0).resize((320, 250))
    assert judged(view(0), small).stands == Stands.FIRST
    assert judged(small, view(0)).stands == Stands.SECOND


def forms() -> dict[str, Image.Image]:
    """Three pages that differ in small letters, and a copy of each in which nobody reads them."""
    made = {}
    for name in ("KA 417", "KA 471", "RA 417"):
        one = rows(0, 14)
        ImageDraw.Draw(one).text((400, 240), name, "black", ImageFont.load_default(13))
        made[name] = one
        made[f"{name}, small"] = one.resize((210, 151), Image.Resampling.BILINEAR)
    return made


def test_a_poor_copy_does_not_stand_for_all_that_look_like_it(tmp_path):
    files = {name: encoded(image) for name, image in forms().items()}
    made = make_plan(MemorySource(files), Settings(model="dct", store=tmp_path / "store.sqlite3"), Progress())
    skipped = {str(one.task): str(one.representative) for one in made.decisions if one.role is Role.DUPLICATE}
    assert all(task == f"{head}, small" for task, head in skipped.items())
    assert len(skipped) < 3  # of some, nobody knows which page they show


def settled(doubts: tuple[float, float], sizes: tuple[float, float, float]) -> list[bool]:
    """The pairs by which picture 2 is skipped for 0 or 1, which differ."""
    pairs = Pairs(np.array([0, 0, 1]), np.array([1, 2, 2]), np.array([0.6, 0.9, 0.7], np.float32))

    def check(numbers: np.ndarray) -> np.ndarray:
        return np.array([Stands.NEITHER if number == 0 else Stands.FIRST for number in numbers.tolist()], np.uint8)

    def poorer(one: int, other: int) -> bool:
        return sizes[one] < 0.75 * sizes[other]

    return settle(pairs, order(3), check, lambda number: doubts[number - 1], poorer).tolist()


@pytest.mark.parametrize(
    ("doubts", "sizes", "passed"),
    [
        ((0.8, 0.1), (900, 900, 450), [False, False, True]),
        ((0.1, 0.8), (900, 900, 450), [False, True, False]),
        ((0.1, 0.1), (900, 900, 450), [False, False, False]),  # nobody knows which of the two it shows
        ((0.1, 0.1), (900, 900, 800), [False, True, False]),  # a crop without what they differ in
    ],
)
def test_what_is_skipped_for_a_finer_picture_is_so_for_the_one_it_differs_least_from(doubts, sizes, passed):
    assert settled(doubts, sizes) == passed


def barred(text: str, size: tuple[int, int] = (900, 600)) -> np.ndarray:
    """A picture with a black bar below, and something written on it."""
    made = texture(7, size)
    draw = ImageDraw.Draw(made)
    draw.rectangle((0, size[1] - 30, *size), "black")
    draw.text((40, size[1] - 25), text, "white", ImageFont.load_default(18))
    return np.asarray(made)


def test_what_is_written_on_a_bar_along_the_rim_counts():
    assert look(barred("29 F 14:07"), barred("29 F 14:07"), np.eye(2, 3)).same
    assert not look(barred("29 F 14:07"), barred("24 F 14:07"), np.eye(2, 3)).same


def test_a_bar_on_which_nothing_is_written_does_not():
    photo = np.asarray(texture(7, (900, 600)))
    for depth, colour in ((16, 0), (30, 255)):
        framed = photo.copy()
        framed[:depth] = framed[-depth:] = framed[:, :depth] = framed[:, -depth:] = colour
        assert look(photo, framed, np.eye(2, 3)).same
        assert look(barred(""), photo, np.eye(2, 3)).same
