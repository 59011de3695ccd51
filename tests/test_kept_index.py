"""Annoy's index on disk: used again, completed, and made anew when it cannot be trusted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from labelonce.neighbours import NeighbourSearch, forest, kept, link
from labelonce.progress import Progress

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


class Heard(Progress):
    def __init__(self) -> None:
        self.messages: list[str] = []

    def message(self, text: str) -> None:
        self.messages.append(text)


def vectors(n: int = 500, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, 40))[rng.integers(0, n // 4, n)] + rng.normal(size=(n, 40)) * 0.3
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def pairs_of(rows: NDArray[np.float32], search: NeighbourSearch) -> set[tuple[int, int]]:
    found = link(rows, 0.7, search)
    return set(zip(found.left.tolist(), found.right.tolist(), strict=True))


@pytest.fixture
def search(tmp_path: Path) -> NeighbourSearch:
    return NeighbourSearch(engine="annoy", folder=tmp_path / "index", name="pictures")


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each index that is built has."""
    counts: list[int] = []
    build = forest.build
    monkeypatch.setattr(forest, "build", lambda rows, *more: counts.append(len(rows)) or build(rows, *more))
    return counts


EXACT = NeighbourSearch(engine="exact")


def test_two_builds_find_the_same() -> None:
    rows = vectors(3000)
    one, two = (forest.build(rows, "angular", 20, 0) for _ in range(2))
    for row in range(3000):  # so few nodes are looked at that another forest would find others
        assert one.get_nns_by_item(row, 20, 60) == two.get_nns_by_item(row, 20, 60)
    other = forest.build(rows, "angular", 20, 1)
    assert any(one.get_nns_by_item(row, 20, 60) != other.get_nns_by_item(row, 20, 60) for row in range(100))


def test_what_did_not_change_is_not_built_again(search: NeighbourSearch, built: list[int]) -> None:
    rows = vectors()
    first, again = pairs_of(rows, search), pairs_of(rows, search)
    assert first == again == pairs_of(rows, EXACT)
    turned = pairs_of(rows[::-1].copy(), search)
    assert {(499 - right, 499 - left) for left, right in turned} == first
    assert built == [500]


def test_a_few_new_rows_and_missing_ones_need_no_new_index(search: NeighbourSearch, built: list[int]) -> None:
    rows = vectors()
    link(rows[:460], 0.7, search)
    assert pairs_of(rows[20:], search) == pairs_of(rows[20:], EXACT)
    assert built == [460]


def test_many_new_rows_do(search: NeighbourSearch, built: list[int]) -> None:
    link(vectors()[:400], 0.7, search)
    link(vectors(), 0.7, search)
    link(vectors(), 0.7, search)
    assert built == [400, 500]


def test_names_and_parameters_have_indexes_of_their_own(search: NeighbourSearch, built: list[int]) -> None:
    for other in (search, replace(search, name="others"), replace(search, n_trees=7), replace(search, metric="dot")):
        link(vectors(), 0.7, other)
    assert built == [500] * 4


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


DAMAGES = {
    "flipped": flipped,
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "empty": lambda path: path.write_bytes(b""),
    "overwritten": lambda path: path.write_bytes(path.read_bytes()[:100] + b"something else" * 1000),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("suffix", ["ann", "npz"])
def test_a_damaged_file_is_made_anew_with_a_message(
    suffix: str, damage: object, search: NeighbourSearch, built: list[int]
) -> None:
    rows = vectors()
    link(rows, 0.7, search)
    assert search.folder is not None
    (path,) = search.folder.glob(f"*.{suffix}")
    damage(path)
    heard = Heard()
    found = link(rows, 0.7, search, heard)
    assert len(found.left) == len(link(rows, 0.7, EXACT).left)
    assert built == [500, 500]
    assert len(heard.messages) == 1
    assert "made anew" in heard.messages[0]
    link(rows, 0.7, search, heard)
    assert len(built) == 2


def test_a_missing_index_is_made_anew(search: NeighbourSearch, built: list[int]) -> None:
    link(vectors(), 0.7, search)
    assert search.folder is not None
    next(search.folder.glob("*.ann")).unlink()
    link(vectors(), 0.7, search)
    assert built == [500, 500]


def test_a_full_disk_costs_only_the_file(search: NeighbourSearch, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept.np, "savez", full)
    heard = Heard()
    found = link(vectors(), 0.7, search, heard)
    assert len(found.left) == len(link(vectors(), 0.7, EXACT).left)
    assert "cannot be kept" in heard.messages[0]
    assert search.folder is not None
    assert list(search.folder.iterdir()) == []
