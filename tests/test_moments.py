"""What is proven to be one moment, and what only looks like it."""

import random
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as example
from hypothesis import strategies as st

from labelonce.features import extract
from labelonce.levels import LEVELS, NEAR, SCENE
from labelonce.moments import BURST, NEXT, Moments, Step, step_of, telling
from labelonce.stamps import stamp_of
from pictures import picture, texture

GOOD = Step(change=0.05, agreement=0.9, corners=150, share=0.95)


def changed(change, like=GOOD):
    return replace(like, change=change)


def film(frames, per_frame=0.04, like=GOOD, reach=0.4):
    """Steps of a film in which the same share changes from each frame to the next."""
    found = {(a, b): (b - a) * per_frame for a, b in combinations(range(frames), 2)}
    return {pair: changed(change, like) for pair, change in found.items() if change <= reach}


def named(pattern, count):
    return [stamp_of(pattern.format(number)) for number in range(count)]


def nowhere(count):
    """Pictures whose names say nothing."""
    return [stamp_of(f"{chr(97 + number)}.jpg") for number in range(count)]


def joined(stamps, steps):
    moments = Moments(stamps, {pair: steps[pair] for pair in telling(stamps, steps)})
    return {pair: found for pair in steps if (found := moments.evidence(*pair)) is not None}


# ------------------------------------------------------------------------------------------------------------- times


def taken(*seconds, camera="Canon EOS R5"):
    return [stamp_of(f"{chr(97 + n)}.jpg", f"2024-06-01T15:12:{at:09.6f} {camera}") for n, at in enumerate(seconds)]


def test_two_pictures_that_one_camera_took_within_seconds():
    (found,) = joined(taken(1.0, 1.4), {(0, 1): GOOD}).values()
    assert (found.kind, str(found)) == ("time", "taken 0.4 s apart by one camera")


def test_times_are_not_enough():
    assert not joined(taken(1.0, 3.5), {(0, 1): GOOD})
    assert not joined(taken(1.0, 1.4), {})
    assert not joined(taken(1.0, 1.4), {(0, 1): changed(BURST.change + 0.01)})
    assert not joined(taken(1.0, 1.4, camera=""), {(0, 1): GOOD})
    assert not joined([*taken(1.0), *taken(1.4, camera="Nikon D5")], {(0, 1): GOOD})


def test_what_is_told_apart_by_something_small_is_not_proven_by_times():
    apart = replace(GOOD, change=0.0, apart=True)
    assert not joined(taken(1.0, 1.4), {(0, 1): apart})
    assert not joined(named("a_{}.jpg", 12), dict.fromkeys(combinations(range(12), 2), apart))
    assert not joined(nowhere(12), dict.fromkeys(combinations(range(12), 2), apart))


def test_frames_of_a_film_in_which_something_small_moves():
    weak = replace(GOOD, corners=50, share=0.7)
    steps = {
        pair: replace(step, change=0.01, apart=True) if pair[1] - pair[0] == 1 else step
        for pair, step in film(20, like=weak).items()
    }
    assert joined(named("f_{}.jpg", 20), steps).keys() == steps.keys()


def test_times_in_names_are_of_one_clock_if_the_rest_is_equal():
    names = ("PXL_20240601_151241123.jpg", "PXL_20240601_151241623.jpg", "IMG_20240601_151241123.jpg")
    steps = dict.fromkeys([(0, 1), (0, 2), (1, 2)], GOOD)
    assert list(joined([stamp_of(name) for name in names], steps)) == [(0, 1)]


# --------------------------------------------------------------------------------------------------------- sequences


@pytest.mark.parametrize(
    "pattern",
    ["clip_{:06}.jpg", "films/frame-{}.png", "film.mp4#t={}", "https://h/a/b_{:04}.jpg?sig=1", "f_{}0.jpg", "{}.jpg"],
)
def test_frames_of_a_film(pattern):
    weak = replace(GOOD, corners=50, share=0.7)
    stamps, steps = named(pattern, 20), film(20, like=weak)
    found = joined(stamps, steps)
    assert found.keys() == steps.keys()
    assert {one.kind for one in found.values()} == {"sequence"}
    assert str(found[3, 4]) == f"the next frame of one sequence ({stamps[3].name}, {stamps[4].name})"
    assert str(found[3, 6]) == f"frames of one sequence ({stamps[3].name}, {stamps[6].name})"
    assert not joined(nowhere(20), steps)


def test_a_cut_parts_two_moments():
    weak = replace(GOOD, corners=50, share=0.7)
    steps = {(a, b): step for (a, b), step in film(30, like=weak).items() if (a < 15) == (b < 15)}
    assert joined(named("f_{}.jpg", 30), steps).keys() == steps.keys()
    moments = Moments(named("f_{}.jpg", 30), {**steps, (2, 28): weak})
    assert moments.evidence(28, 2) is None


def test_a_gap_in_the_numbers_parts_two_moments():
    weak = replace(GOOD, corners=50, share=0.7)
    steps = film(30, per_frame=0.02, like=weak, reach=0.5)
    stamps = [stamp_of(f"f_{number + 500 * (number > 14)}.jpg") for number in range(30)]
    found = joined(stamps, steps)
    assert set(found) == {(a, b) for a, b in steps if (a > 14) == (b > 14)}


def test_few_frames_prove_nothing_alone_but_among_films():
    weak = replace(GOOD, corners=50, share=0.7)
    few = film(5, like=weak)
    assert not joined(named("a_{}.jpg", 5), few)
    steps = {**film(20, like=weak), **{(a + 20, b + 20): step for (a, b), step in few.items()}}
    assert joined([*named("b_{}.jpg", 20), *named("a_{}.jpg", 5)], steps).keys() == steps.keys()
    elsewhere = joined([*named("films/b_{}.jpg", 20), *named("a_{}.jpg", 5)], steps)
    assert max(b for _, b in elsewhere) == 19


def exchangeable(count, chance, like, lowest=0.013, highest=0.5):
    """Steps between pictures none of which is nearer to any other by its number."""
    changes = {pair: chance.uniform(lowest, highest) for pair in combinations(range(count), 2)}
    return {pair: changed(change, like) for pair, change in changes.items() if chance.random() < 0.8}


@given(st.integers(0, 10**6), st.integers(3, 60))
@example(deadline=None, max_examples=60)
def test_numbered_look_alikes_are_no_sequence(seed, count):
    radiographs = replace(GOOD, corners=66, share=0.71, agreement=0.86)
    steps = exchangeable(count, random.Random(seed), radiographs)
    assert not joined(named("xray_{:04}.jpg", count), steps)


def test_numbered_pictures_that_all_differ_as_little_are_no_sequence():
    for change in (0.0, 0.01, 0.05):
        steps = dict.fromkeys(combinations(range(30), 2), changed(change))
        assert not joined(named("DSC_{:04}.JPG", 30), steps)


def test_other_readings_under_a_camera_that_drifts_are_no_sequence():
    pairs = combinations(range(24), 2)
    steps = {(a, b): replace(GOOD, change=0.004, agreement=0.95 - 0.01 * (b - a), apart=True) for a, b in pairs}
    assert not joined(named("meter_{:04}.jpg", 24), steps)


# ------------------------------------------------------------------------------------------------------------- looks


def test_looks_alone_prove_nothing():
    """However little changes: hand-held pictures of a display with other readings are like that."""
    for per_frame in (0.001, 0.02, 0.04):
        assert not joined(nowhere(12), film(12, per_frame=per_frame))


def test_pictures_far_from_each_other_in_names_and_time_are_not_asked_about():
    pairs = list(combinations(range(12), 2))
    assert not list(telling(nowhere(12), pairs))
    assert list(telling(named("f_{}.jpg", 12), pairs)) == [(a, b) for a, b in pairs if b - a <= 2]
    assert list(telling(taken(1.0, 2.5, 4.0, 9.0), combinations(range(4), 2))) == [(0, 1), (1, 2)]


# --------------------------------------------------------------------------------------------------------- all of it


def test_nothing_is_no_moment():
    assert not joined([], {})
    assert Moments(nowhere(2), {}).evidence(0, 1) is None


@given(st.integers(0, 10**6))
@example(deadline=None, max_examples=30)
def test_only_what_scene_joins_is_joined_and_the_order_does_not_matter(seed):
    chance = random.Random(seed)
    stamps, steps = named("f_{}.jpg", 14), film(14)
    steps = {pair: step for pair, step in steps.items() if chance.random() < 0.8}
    found = joined(stamps, steps)
    assert found.keys() <= steps.keys()
    order = chance.sample(range(14), 14)
    place = {one: index for index, one in enumerate(order)}
    moved = {tuple(sorted((place[a], place[b]))): step for (a, b), step in steps.items()}
    assert joined([stamps[one] for one in order], moved).keys() == {
        tuple(sorted((place[a], place[b]))) for a, b in found
    }


def test_limits_are_ordered():
    assert BURST.within(NEXT)


def seen(image):
    return extract(picture(image)), np.asarray(image)


def step_between(one, other, similarity, near, scene):
    return step_of(one[0], other[0], similarity, near, scene, lambda: (one[1], other[1]))


def test_a_step_is_what_scene_joins():
    image = texture(1, (480, 360))
    moved = image.copy()
    moved.paste(image.crop((40, 40, 160, 160)).rotate(90), (200, 120))
    one, other, third = (seen(each) for each in (image, moved, texture(2, (480, 360))))
    near, scene = LEVELS[NEAR], LEVELS[SCENE]
    found = step_between(one, other, 0.9, near, scene)
    assert found == step_between(other, one, 0.9, near, scene)
    assert near.change < found.change < 0.2
    assert found.within(BURST)
    assert step_between(one, third, 0.9, near, scene) is None
    small = step_between(one, one, 1.0, near, scene)
    assert small.change == 0
    assert not small.apart
    assert step_between(one, one, 1.0, replace(near, overlap=1.1, similarity=1.1, plain_similarity=1.1), scene).apart


def test_something_small_that_near_tells_apart_is_a_step_apart():
    image = texture(1, (1200, 900))
    marked = image.copy()
    marked.paste((250, 250, 20), (900, 600, 924, 624))
    (one, _), (other, _) = seen(image), seen(marked)
    pictures = np.asarray(image), np.asarray(marked)
    near, scene = LEVELS[NEAR], LEVELS[SCENE]
    assert step_of(one, other, 0.9, near, scene, lambda: pictures).apart
    assert not step_of(one, other, 0.9, near, scene, lambda: (pictures[0], pictures[0])).apart
