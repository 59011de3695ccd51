from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont

from labelonce import geometry
from labelonce.features import Features, extract
from labelonce.images.decoding import decode
from labelonce.levels import LEVELS, Rules
from labelonce.reading import FINE_SIDE
from labelonce.verification import NO_PICTURES, Rgb, Verdict, propose, verify
from pictures import encoded, picture, texture

COPIES, NEAR, SCENE = (LEVELS[name] for name in ("copies", "near", "scene"))


def features(image: Image.Image, kind: str = "PNG", **options: int) -> Features:
    return extract(picture(image, kind, **options))


@dataclass(frozen=True)
class Shown:
    """A picture as both halves of the verification see it."""

    features: Features
    rgb: Rgb


def shown(image: Image.Image, kind: str = "PNG", **options: int) -> Shown:
    data = encoded(image, kind, **options)
    return Shown(extract(decode(data)), decode(data, long_side=FINE_SIDE).rgb)


def judged(one: Shown, other: Shown, similarity: float, rules: Rules) -> Verdict:
    return verify(one.features, other.features, similarity, rules, lambda: (one.rgb, other.rgb))


def gradient(shift: float = 0.0) -> Image.Image:
    """A smooth picture without corners."""
    y, x = np.mgrid[0:240, 0:320]
    hill = np.exp(-(((x - 130 - shift) / 90) ** 2 + ((y - 100) / 60) ** 2))
    return Image.fromarray(np.asarray(40 + 180 * hill, np.uint8))


def with_object(image: Image.Image, place: tuple[int, int], side: int = 90) -> Image.Image:
    """Another picture's middle pasted in."""
    changed = image.copy()
    mask = Image.new("L", (side, side))
    ImageDraw.Draw(mask).ellipse((2, 2, side - 3, side - 3), fill=255)
    changed.paste(texture(99).crop((100, 100, 100 + side, 100 + side)), place, mask.filter(ImageFilter.GaussianBlur(1)))
    return changed


EDITS = {
    "smaller": lambda image: image.resize((150, 112)),
    "larger": lambda image: image.resize((1200, 900)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.3),
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(1)),
    "rotated": lambda image: image.rotate(8, Image.Resampling.BICUBIC),
    "cropped": lambda image: image.crop((20, 15, 380, 290)),
    "moved": lambda image: image.transform(image.size, Image.Transform.AFFINE, (1, 0, 30, 0, 1, -20)),
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("level", LEVELS)
def test_edited_copies_show_the_same(edit: str, level: str) -> None:
    for seed in (1, 2, 3):
        original = texture(seed)
        verdict = judged(shown(original), shown(EDITS[edit](original), "JPEG", quality=70), 0.8, LEVELS[level])
        assert verdict.accepted, verdict.figures
        assert verdict.reason == ("geometry" if edit in ("rotated", "cropped", "moved") else "same frame")
        assert verdict.similarity == pytest.approx(80)
        assert str(verdict).startswith("the same picture")
        if verdict.reason == "geometry":
            assert verdict.inliers >= 12
            assert verdict.figures.startswith(f"geometry, {verdict.inliers} corners agree, overlap ")
        assert ("turned by 8°" in str(verdict)) == (edit == "rotated")
        assert all(0.55 <= share <= 1 for share in verdict.overlap)
        assert verdict.change is not None
        looked = not LEVELS[level].photographs or edit == "smaller"  # which is tiny, so that nobody knows what it is
        assert verdict.difference.same if looked else verdict.difference is None


def test_different_pictures_do_not_even_when_the_embedding_says_so() -> None:
    pictures = [shown(texture(seed)) for seed in range(8)]
    for i, one in enumerate(pictures):
        for other in pictures[:i]:
            assert not judged(one, other, 1.0, SCENE).accepted


@pytest.mark.parametrize("crop", [(0, 0, 400, 300), (15, 10, 395, 290)], ids=["in place", "cropped"])
def test_what_came_went_or_moved_is_seen_where_things_are_outlined(crop: tuple[int, int, int, int]) -> None:
    plain = texture(11)
    first, second = with_object(plain, (60, 60)), with_object(plain, (230, 150))
    for one, other in ((plain, first), (second, plain), (first, second)):
        a, b = shown(one), shown(other.crop(crop), "JPEG", quality=85)
        assert judged(a, b, 0.9, SCENE).accepted
        for rules in (NEAR, COPIES):
            verdict = judged(a, b, 0.9, rules)
            assert (verdict.accepted, verdict.reason) == (False, "changed")
            assert str(verdict) == "something in them is different"
            assert verdict.change is not None
            assert verdict.change.area > 0.012


def test_a_small_part_is_not_the_picture() -> None:
    original = texture(4, (800, 600))
    part = original.crop((0, 0, 440, 330))
    verdict = judged(shown(original), shown(part), 1.0, SCENE)
    assert (verdict.accepted, verdict.reason) == (False, "overlap")
    assert 0.2 < min(verdict.overlap) < 0.55


def test_each_threshold_counts() -> None:
    original = texture(4, (800, 600))
    a, b = shown(original), shown(original.crop((0, 0, 620, 470)).rotate(2))
    assert judged(a, b, 0.6, SCENE).accepted
    for name, value, reason in (
        ("inliers", 400, "few corners"),
        ("inlier_share", 1.0, "inliers"),
        ("scale", 1.1, "scale"),
        ("overlap", 0.9, "overlap"),
        ("agreement", 1.0, "agreement"),
        ("turn", 1.0, "turned"),
    ):
        verdict = judged(a, b, 0.6, replace(SCENE, **{name: value}))
        assert (verdict.accepted, verdict.reason) == (False, reason)


@pytest.mark.parametrize("level", LEVELS)
def test_another_picture_is_what_is_turned_far(level: str) -> None:
    original = texture(2, (800, 600))
    for angle, accepted in ((14, True), (17, False), (90, False), (180, False)):
        turned = original.rotate(angle, Image.Resampling.BICUBIC)
        verdict = judged(shown(original), shown(turned), 0.9, LEVELS[level])
        assert verdict.accepted == accepted, (angle, verdict.figures)
        assert accepted or str(verdict) == "one is turned against the other"
    mirrored = shown(original.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    assert not judged(shown(original), mirrored, 0.9, LEVELS[level]).accepted


class TestTheFineLook:
    def test_it_sees_what_thumbnails_do_not(self) -> None:
        plain = texture(3, (1200, 900))
        changed = plain.copy()
        ImageDraw.Draw(changed).rectangle((900, 600, 924, 624), fill=(250, 250, 20))
        one, other = shown(plain), shown(changed, "JPEG", quality=85)
        assert propose(one.features, other.features, 0.9, NEAR).accepted
        for rules in (NEAR, COPIES):
            verdict = judged(one, other, 0.9, rules)
            assert (verdict.accepted, verdict.reason) == (False, "different")
            assert str(verdict) == "different content at the bottom right"
            assert verdict.difference.structure > 1
            assert "structure" in verdict.figures
        assert judged(one, other, 0.9, SCENE).accepted  # a photograph, in which something may have moved

    def test_drawings_are_looked_at_closely_at_every_level(self) -> None:
        pages = [Image.new("RGB", (900, 700), "white") for _ in range(2)]
        for page, number in zip(pages, ("1204", "1234"), strict=True):
            draw, font = ImageDraw.Draw(page), ImageFont.load_default(22)
            for row in range(12):
                draw.text((60, 40 + 50 * row), f"{row}. Article number and its price", fill="black", font=font)
            draw.text((600, 300), number, fill="black", font=font)
        one, other = map(shown, pages)
        for rules in (COPIES, NEAR, SCENE):
            assert propose(one.features, other.features, 0.99, rules).accepted
            assert judged(one, other, 0.99, rules).reason == "different"
            assert judged(one, one, 0.99, rules).accepted

    def test_what_cannot_be_had_is_in_doubt(self) -> None:
        one = shown(texture(1))
        verdict = verify(one.features, one.features, 1.0, NEAR, lambda: None)
        assert (verdict.accepted, verdict.reason) == (False, NO_PICTURES)
        assert str(verdict) == "one of the pictures could not be read again to look closely"

    def test_nobody_is_asked_for_pictures_that_are_rejected_before(self) -> None:
        def pictures() -> None:
            pytest.fail("pictures were loaded for nothing")

        assert not verify(features(texture(1)), features(texture(2)), 0.9, NEAR, pictures).accepted
        photos = features(texture(1)), features(with_object(texture(1), (60, 60)))
        assert verify(*photos, 0.9, SCENE, pictures).accepted


def test_pictures_without_corners_need_the_strict_similarity() -> None:
    one, other = features(gradient()), features(gradient(4))
    rules = replace(NEAR, plain_similarity=0.9)
    assert propose(one, other, 0.7, rules).reason == "few corners"
    assert propose(one, other, 0.8, rules).reason == "same frame"
    moved = features(gradient(40))
    assert propose(one, moved, 0.89, rules).reason == "few corners"
    verdict = propose(one, moved, 0.95, rules)
    assert (verdict.accepted, verdict.reason) == (True, "embedding")
    assert judged(shown(gradient()), shown(gradient(4), "JPEG", quality=80), 0.95, rules).accepted


def test_where_only_equal_pixels_count_nothing_is_looked_at() -> None:
    one = features(texture(1))
    verdict = verify(one, one, 1.0, replace(NEAR, equal=True), lambda: pytest.fail("pictures were loaded"))
    assert (verdict.accepted, verdict.reason) == (False, "pixels")


def test_pictures_of_one_colour_are_alike_where_it_is_the_same() -> None:
    black, white, dark = (shown(Image.new("RGB", (200, 100), colour)) for colour in ("black", "white", "#303030"))
    for level in LEVELS.values():
        assert judged(black, black, 1.0, level).accepted
        assert judged(black, shown(Image.new("RGB", (100, 50), "black")), 1.0, level).accepted
        for one, other in ((black, white), (black, dark), (black, shown(gradient()))):
            assert not judged(one, other, 1.0, level).accepted


def test_the_order_of_pair_and_calls_and_the_thread_do_not_matter() -> None:
    bases = [texture(seed) for seed in range(4)]
    images = [
        *bases,
        *(EDITS[edit](base) for base, edit in zip(bases, ("rotated", "cropped", "moved", "smaller"), strict=True)),
        with_object(bases[0], (50, 50)),
    ]
    images += [gradient(), gradient(3), gradient(40)]
    packed = [features(image).to_bytes() for image in images]
    pixels = [shown(image).rgb for image in images]
    known = [Features.from_bytes(blob) for blob in packed]
    pairs = [(i, j) for i in range(len(known)) for j in range(len(known)) if i != j]

    def verdict(pair: tuple[int, int]) -> Verdict:
        one, other = pair
        return verify(known[one], known[other], 0.95, NEAR, lambda: (pixels[one], pixels[other]))

    verdicts = {pair: verdict(pair) for pair in pairs}
    for i, j in pairs:
        there, back = verdicts[i, j], verdicts[j, i]
        assert (there.accepted, there.reason) == (back.accepted, back.reason)
        assert (there.overlap, there.inliers) == (back.overlap[::-1], back.inliers)
    assert any(found.accepted for found in verdicts.values())
    random.Random(0).shuffle(pairs)
    known = [Features.from_bytes(blob) for blob in packed]
    with ThreadPoolExecutor(8) as pool:
        again = dict(zip(pairs, pool.map(verdict, pairs), strict=True))
    assert again == verdicts


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (2000, 10), (33, 20)])
def test_extreme_sizes(size: tuple[int, int]) -> None:
    one = shown(texture(5).resize(size))
    for other in (shown(texture(5)), shown(texture(6).resize(size))):
        assert isinstance(judged(one, other, 0.95, SCENE).accepted, bool)
        assert isinstance(judged(one, other, 0.95, NEAR).accepted, bool)


class TestTheStrongestCorners:
    def test_they_are_enough_where_they_are_plain(self, monkeypatch: pytest.MonkeyPatch) -> None:
        a, b = features(texture(1)), features(EDITS["cropped"](texture(1)))
        seen = corners_asked(monkeypatch)
        verdict = propose(a, b, 0.8, NEAR)
        assert verdict.accepted
        assert seen == [geometry.STRONGEST]
        assert geometry.PLAIN <= verdict.inliers <= geometry.STRONGEST

    def test_all_are_asked_where_more_are_wanted_than_they_have(self, monkeypatch: pytest.MonkeyPatch) -> None:
        a, b = features(texture(1)), features(EDITS["cropped"](texture(1)))
        few = propose(a, b, 0.8, NEAR).inliers
        seen = corners_asked(monkeypatch)
        verdict = propose(a, b, 0.8, replace(NEAR, inliers=few + 1))
        assert seen == [geometry.STRONGEST, None]
        assert verdict.accepted
        assert verdict.inliers > few

    def test_all_are_asked_where_they_find_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seen = corners_asked(monkeypatch)
        assert not propose(features(texture(1)), features(texture(2)), 0.8, NEAR).accepted
        assert seen == [geometry.STRONGEST, None]


def corners_asked(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """How many corners are compared from now on; None is all of them."""
    asked: list[int | None] = []
    aligned = geometry._aligned

    def listening(a: Features, b: Features, strongest: int | None) -> geometry.Alignment:
        asked.append(strongest)
        return aligned(a, b, strongest)

    monkeypatch.setattr(geometry, "_aligned", listening)
    return asked


def test_only_in_photographs_something_may_have_moved_at_scene() -> None:
    drawing = Image.new("RGB", (400, 300), "white")
    draw = ImageDraw.Draw(drawing)
    chance = random.Random(4)
    for _ in range(60):
        x, y = chance.randrange(380), chance.randrange(280)
        draw.rectangle((x, y, x + chance.randrange(4, 30), y + chance.randrange(4, 30)), outline="black", width=2)
    for image, photograph in ((drawing, False), (texture(3), True)):
        one, other = shown(image), shown(with_object(image, (150, 100)))
        assert one.features.photographic == other.features.photographic == photograph
        found = judged(one, other, 0.9, SCENE)
        assert found.change is not None
        assert found.change.area > SCENE.plain_change
        assert found.accepted == photograph
        assert photograph or found.reason == "changed"


def test_nearly_all_may_change_where_many_corners_prove_the_view() -> None:
    one, other = (features(image) for image in (texture(2), with_object(texture(2), (100, 60), 180)))
    found = propose(one, other, 0.8, SCENE)
    assert found.accepted
    assert found.change is not None
    limit = found.change.area / 2
    assert propose(one, other, 0.8, replace(SCENE, change=limit)).accepted
    assert propose(one, other, 0.8, replace(SCENE, proven_change=limit)).reason == "changed"


def test_at_scene_photographs_are_found_under_text_and_in_another_shape() -> None:
    image = texture(6)
    written = image.copy()
    draw = ImageDraw.Draw(written)
    for row in range(3):
        for column in range(14):
            left, top = 28 * column, 30 + 65 * row
            draw.rectangle((left, top, left + 12, top + 20), outline="white", fill="black")
    for other in (written, image.resize((image.width, round(1.5 * image.height)))):
        one, two = features(image), features(other)
        assert one.photographic
        assert not propose(one, two, 0.7, NEAR).accepted
        assert propose(one, two, 0.7, SCENE).accepted
        assert not propose(features(texture(5)), two, 0.7, SCENE).accepted


def test_more_corners_prove_only_what_hardly_differs() -> None:
    one, other = features(texture(5)), features(with_object(texture(5), (40, 40), 260))
    more = geometry.align_more_corners(one, other)
    assert more.transform is not None
    assert not propose(one, other, 0.7, replace(SCENE, change=0.1, proven_change=0.1)).accepted


def test_what_looks_unlike_is_looked_at_in_photographs_only() -> None:
    rules = replace(SCENE, candidate=0.55)
    photo, plain = features(texture(5)), features(Image.new("RGB", (300, 200), "white"))
    assert propose(photo, features(texture(5)), 0.5, rules).accepted
    assert propose(plain, plain, 0.6, rules).accepted
    assert propose(plain, plain, 0.5, rules).reason == "unlike"
