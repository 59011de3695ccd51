"""Only the pairs that representatives need are checked, and what they decide is what checking all would allow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelonce.clustering import Preference, represent
from labelonce.containing import Stands
from labelonce.embedding.memory import Thumbnail
from labelonce.features import FEATURES_VERSION
from labelonce.levels import LEVELS
from labelonce.matching import Matches, collapse, propose
from labelonce.neighbours import NeighbourSearch, Pairs
from labelonce.progress import Progress
from labelonce.reading import Reader
from labelonce.settling import TRIES, settle
from labelonce.sources.memory import MemorySource
from labelonce.store import Store
from labelonce.verifier import Verifier
from pictures import encoded, texture

QUIET = Progress()


def order(n: int, kept: tuple[int, ...] = ()) -> Preference:
    numbers = np.arange(n)
    return Preference(np.isin(numbers, kept), numbers, numbers)


def proposals(edges: list[tuple[int, int]], similarity: list[float]) -> Pairs:
    listed = sorted(zip(edges, similarity, strict=True))
    left, right = (np.array([edge[side] for edge, _ in listed], np.int64) for side in (0, 1))
    return Pairs(left, right, np.array([value for _, value in listed], np.float32))


class Checker:
    """Knows which pairs are true, and counts what it is asked."""

    def __init__(self, pairs: Pairs, true: set[tuple[int, int]]) -> None:
        self.edges = list(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True))
        self.true = true
        self.asked: list[int] = []
        self.rounds = 0

    def __call__(self, numbers: np.ndarray) -> np.ndarray:
        assert np.all(np.diff(numbers) > 0)
        self.asked += numbers.tolist()
        self.rounds += 1
        return np.array([Stands.EITHER * (self.edges[number] in self.true) for number in numbers], np.uint8)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, Pairs, set[tuple[int, int]], tuple[int, ...]]:
    n = draw(st.integers(1, 12))
    possible = [(left, right) for left in range(n) for right in range(left + 1, n)]
    edges = draw(st.lists(st.sampled_from(possible), unique=True)) if possible else []
    similarity = [draw(st.sampled_from([0.6, 0.7, 0.8, 0.9])) for _ in edges]
    true = {edge for edge in edges if draw(st.booleans())}
    return n, proposals(edges, similarity), true, tuple(draw(st.lists(st.integers(0, n - 1), max_size=2)))


@settings(max_examples=300, deadline=None)
@given(graph=graphs())
def test_every_node_passed_against_its_representative_and_no_two_could_be_joined(graph) -> None:
    n, pairs, true, kept = graph
    checker, preference = Checker(pairs, true), order(n, kept)
    needed = settle(pairs, preference, checker)
    assert len(set(checker.asked)) == len(checker.asked)
    assert set(np.flatnonzero(needed)) <= {number for number in checker.asked if checker.edges[number] in true}
    stars = Pairs(pairs.left[needed], pairs.right[needed], pairs.similarity[needed])
    chosen = represent(np.zeros(n, np.int64), stars, preference, "cover")
    heads = {node for node in range(n) if chosen[node] == node}
    for node in set(range(n)) - heads:
        assert tuple(sorted((node, int(chosen[node])))) in true
        assert chosen[node] in heads
        assert node not in kept
    for one, other in true:
        assert not {one, other} <= heads or {one, other} <= set(kept)


def settled(n: int, pairs: Pairs, true: set[tuple[int, int]], preference: Preference) -> list[int]:
    """Who stands for each node, when only what is needed is checked."""
    checker = Checker(pairs, true)
    needed = settle(pairs, preference, checker)
    assert len(set(checker.asked)) == len(checker.asked)
    stars = Pairs(pairs.left[needed], pairs.right[needed], pairs.similarity[needed])
    return represent(np.zeros(n, np.int64), stars, preference, "cover").tolist()


@settings(max_examples=300, deadline=None)
@given(graph=graphs(), data=st.data())
def test_nothing_new_takes_the_place_of_what_stands(graph, data) -> None:
    n, pairs, true, kept = graph
    count = data.draw(st.integers(1, n))  # nodes that an earlier run knew
    kept = tuple(node for node in kept if node < count)
    known = pairs.right < count
    fewer = Pairs(pairs.left[known], pairs.right[known], pairs.similarity[known])
    first = settled(count, fewer, true, order(count, kept))
    standing = np.isin(np.arange(n), [node for node in range(count) if first[node] == node])
    chosen = settled(n, pairs, true, replace(order(n, kept), standing=standing))
    heads = {node for node in range(n) if chosen[node] == node}
    assert heads >= set(np.flatnonzero(standing).tolist())
    for node in set(range(n)) - heads:
        assert chosen[node] in heads
        assert tuple(sorted((node, chosen[node]))) in true
    for one, other in true:
        assert not {one, other} <= heads or {one, other} <= set(kept)
    # where nothing was added, nothing changes, though only some of the tags may have been written
    fresh = settled(n, pairs, true, order(n, kept))
    some = data.draw(st.sets(st.sampled_from([node for node in range(n) if fresh[node] == node])))
    assert settled(n, pairs, true, replace(order(n, kept), standing=np.isin(np.arange(n), list(some)))) == fresh


def clique(n: int) -> Pairs:
    edges = [(left, right) for left in range(n) for right in range(left + 1, n)]
    rng = np.random.default_rng(0)
    return proposals(edges, rng.uniform(0.6, 1, len(edges)).tolist())


def test_one_check_for_each_copy() -> None:
    pairs = clique(60)
    checker = Checker(pairs, {*zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)})
    assert settle(pairs, order(60), checker).sum() == 59
    assert len(checker.asked) == 59


def test_look_alikes_are_settled_in_few_rounds() -> None:
    pairs = clique(TRIES)  # no node is given up
    checker = Checker(pairs, set())
    assert not settle(pairs, order(TRIES), checker).any()
    assert len(checker.asked) == len(pairs.left)
    assert checker.rounds < 10


def test_thousands_that_differ_are_given_up() -> None:
    n = 400
    pairs = clique(n)
    similar = np.argsort(-pairs.similarity)[:3]  # three true pairs, the most similar ones
    true = {(int(pairs.left[number]), int(pairs.right[number])) for number in similar}
    checker = Checker(pairs, true)
    assert set(np.flatnonzero(settle(pairs, order(n), checker))) == set(similar.tolist())
    assert len(checker.asked) < 2.5 * TRIES * n < len(pairs.left)


class Scene:
    """Two files of one picture and one of another, read."""

    def __init__(self, path) -> None:
        image = texture(1, (240, 180))
        self.files = {
            "a": encoded(image),
            "b": encoded(image, "JPEG", quality=88),
            "c": encoded(texture(2, (240, 180))),
        }
        source, embedder = MemorySource(self.files), Thumbnail()
        self.source = source
        self.store = Store(path, QUIET)
        self.reader = Reader(source, embedder, self.store)
        tasks = sorted(source.tasks(), key=lambda task: task.id)
        self.images = self.reader.read(tasks, QUIET)
        self.nodes = collapse(tasks, self.images)
        self.pairs = propose(self.nodes, self.images, -1.0, NeighbourSearch())

    def verify(self, every: bool = True) -> Matches:
        verifier = Verifier(self.store, self.reader, self.images, model="m", rules=LEVELS["near"])
        return verifier.verify(self.pairs, self.nodes, order(len(self.nodes)), QUIET, every=every)


@pytest.fixture
def scene(tmp_path):
    made = Scene(tmp_path / "store.sqlite3")
    yield made
    made.store.close()


@pytest.mark.parametrize("every", [True, False])
def test_only_one_view_of_one_scene_passes(scene, every):
    assert len(scene.pairs.pairs.left) == 3
    matches = scene.verify(every)
    assert list(zip(matches.pairs.left.tolist(), matches.pairs.right.tolist(), strict=True)) == [(0, 1)]
    assert matches.reasons == ("the same picture",)


def test_verdicts_are_remembered(scene, monkeypatch):
    expected = scene.verify()
    monkeypatch.setattr("labelonce.judge.verify", lambda *_: pytest.fail("it was verified again"))
    assert scene.verify().reasons == expected.reasons


def test_lost_features_are_made_again(scene, tmp_path):
    expected = scene.verify()
    scene.store.close()
    scene.store = scene.reader._store = Store(tmp_path / "new.sqlite3", QUIET)
    assert scene.verify().reasons == expected.reasons
    pixels = [record.pixels for record in scene.images.records]
    assert all(scene.store.features(one, str(FEATURES_VERSION)) for one in pixels)


def test_what_cannot_be_had_again_is_kept_and_not_remembered(scene, tmp_path):
    scene.store.close()
    scene.store = scene.reader._store = Store(tmp_path / "new.sqlite3", QUIET)
    files = dict(scene.files)
    scene.source._images = {"a": files["c"], "c": files["c"]}  # one was changed, one is gone
    assert scene.verify().reasons == ()
    scene.source._images = files
    assert len(scene.verify().reasons) == 1
