from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from labelonce import neighbours
from labelonce.errors import ConfigurationError
from labelonce.neighbours import METRICS, NeighbourSearch, Pairs, link

if TYPE_CHECKING:
    from numpy.typing import NDArray

EXACT = NeighbourSearch(engine="exact")
ENGINES = [EXACT, *(NeighbourSearch(engine="annoy", metric=metric) for metric in METRICS)]


def names(search: NeighbourSearch) -> str:
    return f"{search.engine}-{search.metric}"


def vectors(n: int = 600, dimension: int = 40, seed: int = 0) -> NDArray[np.float32]:
    """Groups of one to nine rows around random directions."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, dimension))[rng.integers(0, n // 4, n)] + rng.normal(size=(n, dimension)) * 0.3
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def as_set(pairs: Pairs) -> set[tuple[int, int]]:
    return set(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True))


@pytest.mark.parametrize("search", ENGINES, ids=names)
@pytest.mark.parametrize("similarity", [0.5, 0.8, 0.95])
def test_finds_all_pairs(search: NeighbourSearch, similarity: float) -> None:
    rows = vectors()
    product = rows.astype(np.float64) @ rows.T.astype(np.float64)
    wanted = {(i, j) for i, j in np.argwhere(product >= similarity).tolist() if i < j}
    found = link(rows, similarity, search)
    assert as_set(found) == wanted
    assert np.allclose(found.similarity, product[found.left, found.right], atol=1e-6)
    assert (found.similarity >= np.float32(similarity)).all()


@pytest.mark.parametrize("search", ENGINES, ids=names)
def test_pairs_are_sorted_unique_and_typed(search: NeighbourSearch) -> None:
    pairs = link(vectors(), 0.5, search)
    assert (pairs.left < pairs.right).all()
    keys = pairs.left * 600 + pairs.right
    assert (np.diff(keys) > 0).all()
    assert (pairs.left.dtype, pairs.right.dtype, pairs.similarity.dtype) == (np.int64, np.int64, np.float32)


@pytest.mark.parametrize("search", ENGINES, ids=names)
@pytest.mark.parametrize("n", [0, 1])
def test_nothing_to_link(search: NeighbourSearch, n: int) -> None:
    pairs = link(np.ones((n, 1), np.float32), -1, search)
    assert len(pairs.left) == len(pairs.right) == len(pairs.similarity) == 0


@pytest.mark.parametrize("search", ENGINES, ids=names)
def test_equal_rows_are_not_more_than_equal(search: NeighbourSearch) -> None:
    rows = np.repeat(vectors(8, 1373), 5, axis=0)
    pairs = link(rows, 0.999, search)
    assert len(pairs.left) >= 8 * 10
    assert pairs.similarity.max() <= 1.0
    assert pairs.similarity.min() > 0.9999


@pytest.mark.parametrize("metric", METRICS)
def test_full_lists_are_asked_for_again(metric: str) -> None:
    rng = np.random.default_rng(1)
    crowd = rng.normal(size=20) + rng.normal(size=(150, 20)) * 0.05
    rows = np.concatenate([crowd, rng.normal(size=(150, 20))])
    rows = np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)
    search = NeighbourSearch(engine="annoy", metric=metric, n_neighbors=2)
    assert as_set(link(rows, 0.9, search)) == as_set(link(rows, 0.9, EXACT))


@pytest.mark.parametrize("search", ENGINES, ids=names)
def test_the_order_of_the_rows_does_not_matter(search: NeighbourSearch) -> None:
    rows = vectors(300)
    order = np.random.default_rng(2).permutation(300)
    before, after = link(rows, 0.7, search), link(rows[order], 0.7, search)
    left, right = order[after.left], order[after.right]
    mapped = zip(np.minimum(left, right).tolist(), np.maximum(left, right).tolist(), after.similarity, strict=True)
    expected = zip(before.left.tolist(), before.right.tolist(), before.similarity, strict=True)
    assert sorted(mapped) == sorted(expected)


def test_annoy_finds_the_same_again() -> None:
    search = NeighbourSearch(engine="annoy", n_trees=2, n_neighbors=4)
    one, two = (link(vectors(), 0.5, search) for _ in range(2))
    assert as_set(one) == as_set(two)


def test_blocks_join_without_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = link(vectors(), 0.5, EXACT)
    monkeypatch.setattr(neighbours, "_ROWS", 37)
    monkeypatch.setattr(neighbours, "_COLUMNS", 101)
    pieces = link(vectors(), 0.5, EXACT)
    assert np.array_equal(whole.left, pieces.left)
    assert np.array_equal(whole.right, pieces.right)
    assert np.array_equal(whole.similarity, pieces.similarity)


def test_auto_is_annoy_for_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_by_product", lambda *_: pytest.fail("exact"))
    monkeypatch.setattr(neighbours, "EXACT_UP_TO", 599)
    assert len(link(vectors(), 0.5).left) > 100


def test_without_annoy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "find_spec", lambda _: None)
    monkeypatch.setattr(neighbours, "EXACT_UP_TO", 10)
    assert len(link(vectors(), 0.5).left) > 100
    with pytest.raises(ConfigurationError, match="pip install annoy-mm"):
        link(vectors(), 0.5, NeighbourSearch(engine="annoy"))


@pytest.mark.parametrize("search", [NeighbourSearch(engine="fast"), NeighbourSearch(metric="hamming")])
def test_unknown_names(search: NeighbourSearch) -> None:
    with pytest.raises(ConfigurationError, match="choose one of"):
        link(vectors(), 0.5, search)
