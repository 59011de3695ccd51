from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from labelonce.errors import ConfigurationError
from labelonce.neighbours import METRICS, NeighbourSearch, Pairs, cells, exact, link
from labelonce.neighbours import search as seeking

if TYPE_CHECKING:
    from numpy.typing import NDArray

EXACT = NeighbourSearch(engine="exact")
ENGINES = [
    *(NeighbourSearch(engine=engine) for engine in ("exact", "cells", "faiss")),
    *(NeighbourSearch(engine="annoy", metric=metric) for metric in METRICS),
]


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


@pytest.mark.parametrize("search", ENGINES, ids=names)
def test_finds_the_same_again(search: NeighbourSearch) -> None:
    narrow = replace(search, n_trees=2, n_neighbors=4)
    rows = vectors(3000, 140)
    one, two = (link(rows, 0.5, narrow) for _ in range(2))
    assert np.array_equal(one.left, two.left)
    assert np.array_equal(one.right, two.right)


@pytest.mark.parametrize("search", ENGINES, ids=names)
def test_long_vectors_are_shortened_and_compared_whole(search: NeighbourSearch) -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(2500, 300))[rng.integers(0, 1000, 2500)] + rng.normal(size=(2500, 300)) * 0.3
    rows = rows * np.arange(1, 301) ** -0.5
    rows = np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)
    wanted, found = link(rows, 0.7, EXACT), link(rows, 0.7, search)
    both = as_set(wanted) & as_set(found)
    assert len(both) == len(found.left)
    assert len(both) >= (0.95 if search.engine == "annoy" else 0.99) * len(wanted.left)
    assert len(wanted.left) > 2000


@pytest.mark.parametrize("search", ENGINES, ids=names)
def test_a_block_of_near_equal_rows_is_found_whole(search: NeighbourSearch) -> None:
    rng = np.random.default_rng(4)
    crowd = rng.normal(size=20) + rng.normal(size=(900, 20)) * 0.01
    rows = np.concatenate([crowd, rng.normal(size=(1500, 20))])
    rows = np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)
    found = link(rows, 0.95, replace(search, n_neighbors=2))
    inside = (found.left < 900) & (found.right < 900)
    assert np.count_nonzero(inside) == 900 * 899 // 2


@pytest.mark.parametrize("search", ENGINES, ids=names)
def test_many_equal_rows_are_paired_with_the_first_of_them(search: NeighbourSearch) -> None:
    one, near, far = np.array([[1.0, 0, 0], [0.96, 0.28, 0], [0, 0, 1]], np.float32)
    rows = np.stack([far, near, *[one] * 5000, *[near] * 100])
    pairs = as_set(link(rows, 0.9, search))
    assert {(2, other) for other in range(3, 5002)} <= pairs
    assert {(1, other) for other in range(2, 5102)} <= pairs
    assert (65, 5001) in pairs
    assert (66, 5001) not in pairs
    assert {row for pair in pairs for row in pair} == set(range(1, 5102))
    assert len(pairs) < 64 * 2 * len(rows)


def test_some_rows_are_searched_by_their_places() -> None:
    rows = vectors()
    some = np.random.default_rng(5).permutation(600)[:300]
    assert as_set(link(rows, 0.5, EXACT, rows=some)) == as_set(link(rows[some], 0.5, EXACT))


def test_blocks_join_without_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = link(vectors(), 0.5, EXACT)
    monkeypatch.setattr(exact, "_ROWS", 37)
    monkeypatch.setattr(exact, "_COLUMNS", 101)
    pieces = link(vectors(), 0.5, EXACT)
    assert np.array_equal(whole.left, pieces.left)
    assert np.array_equal(whole.right, pieces.right)
    assert np.array_equal(whole.similarity, pieces.similarity)


@pytest.mark.parametrize(("limit", "engine"), [(599, "by_cells"), (600, "by_product")])
def test_auto_goes_by_size(limit: int, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    called = []
    monkeypatch.setattr(seeking, engine, lambda *_: called.append(engine) or (np.zeros(0, np.int64),) * 2)
    monkeypatch.setattr(seeking, "SHORT_EXACT_UP_TO", limit)
    link(vectors(), 0.5)
    assert called == [engine]


@pytest.mark.parametrize(("engine", "package"), [("annoy", "annoy-mm"), ("faiss", r"'labelonce\[faiss\]'")])
def test_without_the_package(engine: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeking, "find_spec", lambda _: None)
    monkeypatch.setattr(seeking, "SHORT_EXACT_UP_TO", 10)
    assert len(link(vectors(), 0.5).left) > 100
    with pytest.raises(ConfigurationError, match=f"pip install {package}"):
        link(vectors(), 0.5, NeighbourSearch(engine=engine))


@pytest.mark.parametrize("search", [NeighbourSearch(engine="fast"), NeighbourSearch(metric="hamming")])
def test_unknown_names(search: NeighbourSearch) -> None:
    with pytest.raises(ConfigurationError, match="choose one of"):
        link(vectors(), 0.5, search)


@pytest.mark.parametrize(("width", "most"), [(5, 8), (24, 30), (400, 400), (1003, 1003), (2000, 1003)])
def test_as_many_columns_as_are_asked_for_and_hardly_more(width: int, most: int) -> None:
    product = np.random.default_rng(6).normal(size=(50, 1003)).astype(np.float32)
    found = (product >= cells._least(product, width)).sum(axis=1)
    assert found.min() >= min(width, 1003)
    assert found.max() <= most
