from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from labelonce.verification import Features, extract, verify
from pictures import picture, texture

STRICT = 0.9


def features(image: Image.Image, kind: str = "PNG", **options: int) -> Features:
    return extract(picture(image, kind, **options))


def gradient(shift: float = 0.0) -> Image.Image:
    """A smooth picture without corners."""
    y, x = np.mgrid[0:240, 0:320]
    hill = np.exp(-(((x - 130 - shift) / 90) ** 2 + ((y - 100) / 60) ** 2))
    return Image.fromarray(np.asarray(40 + 180 * hill, np.uint8))


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
def test_edited_copies_are_one_view(edit: str) -> None:
    for seed in (1, 2, 3):
        original = texture(seed)
        verdict = verify(features(original), features(EDITS[edit](original), "JPEG", quality=70), 0.6, STRICT)
        assert verdict.accepted
        assert verdict.reason == "geometry"
        assert verdict.inliers >= 12
        assert 0.6 <= verdict.overlap <= 1


def test_different_pictures_are_not_even_when_the_embedding_says_so() -> None:
    all_features = [features(texture(seed)) for seed in range(8)]
    for i, one in enumerate(all_features):
        for other in all_features[:i]:
            verdict = verify(one, other, 1.0, STRICT)
            assert not verdict.accepted
            assert verdict.reason.startswith("rejected: ")


def test_a_small_part_is_not_the_picture() -> None:
    original = texture(4, (800, 600))
    part = original.crop((0, 0, 440, 330))
    verdict = verify(features(original), features(part), 1.0, STRICT)
    assert verdict.reason == "rejected: overlap"
    assert 0.2 < verdict.overlap < 0.6


def test_pictures_without_corners_need_the_strict_similarity() -> None:
    one, other = features(gradient()), features(gradient(4))
    assert verify(one, other, 0.89, STRICT).reason == "rejected: few corners"
    verdict = verify(one, other, 0.95, STRICT)
    assert (verdict.accepted, verdict.reason) == (True, "embedding")


def test_pictures_of_one_colour_are_never_alike() -> None:
    black, white = (features(Image.new("RGB", (200, 100), colour)) for colour in ("black", "white"))
    for one, other in ((black, white), (black, black), (black, features(gradient()))):
        assert not verify(one, other, 1.0, STRICT).accepted


def test_the_order_of_pair_and_calls_and_the_thread_do_not_matter() -> None:
    bases = [texture(seed) for seed in range(4)]
    images = [
        *bases,
        *(EDITS[edit](base) for base, edit in zip(bases, ("rotated", "cropped", "moved", "smaller"), strict=True)),
    ]
    images += [gradient(), gradient(3), gradient(40)]
    known = [features(image) for image in images]
    pairs = [(i, j) for i in range(len(known)) for j in range(len(known)) if i != j]
    verdicts = {(i, j): verify(known[i], known[j], 0.95, STRICT) for i, j in pairs}
    assert all(verdicts[i, j] == verdicts[j, i] for i, j in pairs)
    assert any(verdict.accepted for verdict in verdicts.values())
    random.Random(0).shuffle(pairs)
    with ThreadPoolExecutor(8) as pool:
        again = dict(
            zip(pairs, pool.map(lambda pair: verify(known[pair[0]], known[pair[1]], 0.95, STRICT), pairs), strict=True)
        )
    assert again == verdicts


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (2000, 10), (33, 20)])
def test_extreme_sizes(size: tuple[int, int]) -> None:
    one = features(texture(5).resize(size))
    assert max(one.size) == 320
    assert max(one.gray.shape) == 160
    assert min(*one.size, *one.gray.shape) >= 8
    assert isinstance(verify(one, features(texture(5)), 0.95, STRICT).accepted, bool)


@pytest.mark.parametrize("image", [texture(6), gradient(), Image.new("L", (9, 300))], ids=["texture", "smooth", "flat"])
def test_features_survive_the_store(image: Image.Image) -> None:
    before = features(image)
    after = Features.from_bytes(before.to_bytes())
    assert after.size == before.size
    for name in ("points", "descriptors", "gray"):
        one, other = getattr(before, name), getattr(after, name)
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)
    assert len(before.to_bytes()) < 60_000


def test_damaged_features() -> None:
    blob = features(texture(6)).to_bytes()
    damaged = [b"", blob[:10], blob[:-1], blob[: len(blob) // 2], b"LOF0" + blob[4:], blob[:40] + b"\0\0" + blob[42:]]
    damaged.append(blob[:5] + b"\x7f" + blob[6:])
    for one in damaged:
        with pytest.raises(ValueError, match="features"):
            Features.from_bytes(one)
