"""The pure parts of the benchmark of representatives: its clusters, the solver, the figures."""

import sys
from importlib import import_module
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

sys.path.append(str(Path(__file__).resolve().parent / "benchmarks"))
cover = import_module("cover")


def chain(n):
    return cover.cluster_of(np.arange(n, dtype=float)[:, None], 0.0)


@pytest.mark.parametrize("density", cover.DENSITIES)
def test_clusters_are_connected_and_as_dense_as_asked(density):
    for seed in range(10):
        points = np.random.default_rng(seed).normal(size=(12, 2))
        pairs = cover.cluster_of(points, density)
        graph = coo_matrix((np.ones(len(pairs.left)), (pairs.left, pairs.right)), shape=(12, 12))
        assert connected_components(graph)[0] == 1
        assert len(pairs.left) >= round(66 * density)
        assert np.all(pairs.left < pairs.right)


def test_the_solver_finds_the_fewest():
    assert [cover.fewest(n, chain(n)) for n in (3, 4, 6, 7)] == [1, 2, 2, 3]
    for seed in range(10):
        pairs = cover.cluster_of(np.random.default_rng(seed).normal(size=(8, 2)), 0.3)
        beside = np.eye(8, dtype=bool)
        beside[pairs.left, pairs.right] = beside[pairs.right, pairs.left] = True
        tried = (k for k in range(1, 9) for some in combinations(range(8), k) if beside[list(some)].any(axis=0).all())
        assert cover.fewest(8, pairs) == next(tried)


def test_a_chain_by_cover_by_one_and_at_best():
    found = cover.compare(5, chain(5), np.array([4, 1, 0, 2, 3]), 0.0)
    assert (found.cover, found.fewest, found.unlike) == (3, 2, 3)  # its middle is preferred, its ends are left over


def test_the_table_tells_ratios_and_shares():
    found = [cover.Found(5, 0.2, 3, 2, 4), cover.Found(5, 0.2, 2, 2, 0), cover.Found(3, 0.0, 1, 1, 1)]
    *parts, total = cover.rows(found)
    assert [(one.size, one.density, one.clusters) for one in parts] == [(3, 0.0, 1), (5, 0.2, 2)]
    assert (total.ratio, total.worst, total.optimal, total.unlike) == (pytest.approx(3.5 / 3), 1.5, 2 / 3, 0.5)
    drawn = cover.table([*parts, total]).splitlines()
    assert len({line.count("|") for line in drawn}) == 1
    assert drawn[-1] == "| all |  | 3 | 2.00 | 1.67 | 1.167 | 1.50 | 66.7% | 50.0% |"


def test_the_same_seed_draws_the_same_clusters(monkeypatch):
    monkeypatch.setattr(cover, "SIZES", (3, 6))
    found = list(cover.drawn(1, 0))
    assert found == list(cover.drawn(1, 0))
    assert len(found) == 2 * len(cover.DENSITIES) * len(cover.DIMENSIONS)
    assert all(1 <= one.fewest <= one.cover < one.size for one in found)
