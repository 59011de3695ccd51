from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from labelonce.features import Features, extract
from pictures import picture, texture


def features(image: Image.Image) -> Features:
    return extract(picture(image))


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (2000, 10), (33, 20), (321, 200)])
def test_sizes(size: tuple[int, int]) -> None:
    one = features(texture(5).resize(size))
    assert max(one.size) == 320
    assert min(one.size) >= 8
    assert one.small.shape == ((one.size[1] + 1) // 2, (one.size[0] + 1) // 2, 3)
    assert one.sketch.shape == (1024,)


@pytest.mark.parametrize("image", [texture(6), Image.new("L", (9, 300))], ids=["texture", "flat"])
def test_features_survive_the_store(image: Image.Image) -> None:
    before = features(image)
    after = Features.from_bytes(before.to_bytes())
    assert after.size == before.size
    for one, other in (
        (before.small, after.small),
        (before.sketch, after.sketch),
        *zip(before.corners, after.corners, strict=True),
    ):
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)
    assert len(before.to_bytes()) < 60_000


def test_damaged_features() -> None:
    blob = features(texture(6)).to_bytes()
    another_size = blob[:5] + bytes([blob[5] ^ 1]) + blob[6:]
    damaged = [b"", blob[:10], blob[:-1], blob[: len(blob) // 2], b"LOF0" + blob[4:], blob[:8] + b"\xff\xd9"]
    for one in [*damaged, another_size]:
        with pytest.raises(ValueError, match="features"):
            Features.from_bytes(one)


def test_the_thumbnail_is_the_picture() -> None:
    image = texture(7, (640, 480))
    small = features(image).small.astype(float)
    expected = np.asarray(image.resize((160, 120), Image.Resampling.BOX), float)
    assert np.abs(small - expected).mean() < 3


def test_the_sketch_of_a_plain_picture_is_nothing() -> None:
    plain, busy = features(Image.new("RGB", (300, 200), "teal")).sketch, features(texture(3)).sketch
    assert np.linalg.norm(plain) < 0.05
    assert np.linalg.norm(busy) == pytest.approx(1)


def test_corners_lie_in_the_frame_and_a_turned_picture_has_its_own() -> None:
    one = features(texture(8))
    points, descriptors = one.corners
    assert len(points) == len(descriptors) > 100
    assert (points >= 0).all()
    assert (points < one.size).all()
    turned = one.seen(lambda rgb: np.rot90(rgb))
    assert turned.size == one.size[::-1]
    assert np.array_equal(turned.small, np.rot90(one.small))
    assert (turned.corners[0] < turned.size).all()
