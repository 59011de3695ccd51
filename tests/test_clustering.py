"""Clusters are scikit-learn's, and every skipped node lies beside the one that stands for it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import DBSCAN

from labelonce.clustering import NOISE, Preference, cluster, represent
from labelonce.neighbours import Pairs

FEW = settings(max_examples=60, deadline=None)


def pairs_of(edges: dict[tuple[int, int], float]) -> Pairs:
    listed = sorted(edges)
    left, right = (np.array([pair[side] for pair in listed], np.int64) for side in (0, 1))
    return Pairs(left, right, np.array([edges[pair] for pair in listed], np.float32))


def plain(n: int, kept: tuple[int, ...] = (), rank: list[int] | None = None) -> Preference:
    order = np.arange(n)
    return Preference(np.isin(order, kept), order if rank is None else np.array(rank), order)


def labels_of(n: int, pairs: Pairs, min_samples: int = 2) -> np.ndarray:
    return cluster(n, pairs, eps=0.1, min_samples=min_samples, weight=np.ones(n, np.int64))


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, dict[tuple[int, int], float]]:
    n = draw(st.integers(1, 14))
    possible = [(left, right) for left in range(n) for right in range(left + 1, n)]
    chosen = draw(st.lists(st.sampled_from(possible), unique=True)) if possible else []
    return n, {pair: draw(st.sampled_from([0.85, 0.9, 0.95, 1.0])) for pair in chosen}


def canonical(labels: np.ndarray) -> list[int]:
    """Labels by first appearance."""
    seen: dict[int, int] = {NOISE: NOISE}
    return [seen.setdefault(label, len(seen)) for label in labels.tolist()]


@FEW
@given(graph=graphs(), min_samples=st.integers(1, 3), data=st.data())
def test_labels_are_those_of_dbscan_on_every_copy(graph, min_samples, data):
    n, edges = graph
    weight = np.array(data.draw(st.lists(st.integers(1, 3), min_size=n, max_size=n)))
    eps = 0.1
    found = cluster(n, pairs_of(edges), eps=eps, min_samples=min_samples, weight=weight)
    distance = np.full((n, n), 2.0)
    np.fill_diagonal(distance, 0.0)
    for (left, right), similarity in edges.items():
        distance[left, right] = distance[right, left] = 1 - np.float32(similarity)
    copies = np.repeat(np.arange(n), weight)
    dense = distance[np.ix_(copies, copies)]
    fitted = DBSCAN(eps=eps + 1e-6, min_samples=min_samples, metric="precomputed").fit(dense)
    # a border node between two clusters goes to the one that is found first: both number clusters by first core
    assert canonical(found[copies]) == canonical(fitted.labels_)
    assert (found[copies] == fitted.labels_).all()


def test_a_distance_of_zero_and_an_eps_of_zero_are_an_edge():
    pairs = pairs_of({(0, 1): 1.0, (1, 2): 0.999})
    assert cluster(3, pairs, eps=0.0, min_samples=2, weight=np.ones(3, np.int64)).tolist() == [0, 0, NOISE]


def test_copies_make_a_core():
    pairs = pairs_of({(0, 1): 0.95})
    assert labels_of(2, pairs, min_samples=3).tolist() == [NOISE, NOISE]
    assert cluster(2, pairs, eps=0.1, min_samples=3, weight=np.array([2, 1])).tolist() == [0, 0]


def test_without_nodes_and_without_edges():
    none = pairs_of({})
    assert labels_of(0, none).tolist() == []
    assert labels_of(3, none).tolist() == [NOISE] * 3
    assert labels_of(3, none, min_samples=1).tolist() == [0, 1, 2]
    for method in ("cover", "one"):
        assert represent(labels_of(3, none), none, plain(3), method).tolist() == [0, 1, 2]
        assert represent(labels_of(0, none), none, plain(0), method).tolist() == []


@FEW
@given(graph=graphs(), data=st.data())
def test_cover(graph, data):
    n, edges = graph
    pairs = pairs_of(edges)
    kept = tuple(data.draw(st.sets(st.integers(0, n - 1))))
    rank = data.draw(st.permutations(range(n)))
    labels = cluster(n, pairs, eps=0.2, min_samples=2, weight=np.ones(n, np.int64))
    chosen = represent(labels, pairs, plain(n, kept, rank), "cover").tolist()
    for node, head in enumerate(chosen):
        assert chosen[head] == head
        assert head == node or (min(node, head), max(node, head)) in edges
        assert head == node or labels[node] == labels[head] != NOISE
    assert all(chosen[node] == node for node in kept)
    # whoever could stand behind a kept node does
    for left, right in edges:
        for node, head in ((left, right), (right, left)):
            if head in kept and node not in kept:
                assert chosen[node] in kept


@FEW
@given(graph=graphs(), data=st.data(), method=st.sampled_from(["cover", "one"]))
def test_the_numbering_of_the_nodes_does_not_matter(graph, data, method):
    n, edges = graph
    kept = data.draw(st.sets(st.integers(0, n - 1)))
    rank = np.array(data.draw(st.permutations(range(n))))
    new = np.array(data.draw(st.permutations(range(n))))
    moved = {tuple(sorted((int(new[a]), int(new[b])))): similarity for (a, b), similarity in edges.items()}

    def decide(names: np.ndarray, graph: dict) -> list[int]:
        pairs = pairs_of(graph)
        labels = cluster(n, pairs, eps=0.2, min_samples=2, weight=np.ones(n, np.int64))
        order = np.empty(n, np.int64)
        order[names] = rank
        first = np.empty(n, np.int64)
        first[names] = np.arange(n)
        chosen = represent(labels, pairs, Preference(np.isin(np.argsort(names), list(kept)), order, first), method)
        back = np.argsort(names)
        return [int(back[chosen[names[node]]]) for node in range(n)]

    assert decide(np.arange(n), edges) == decide(new, moved)


def test_a_chain_needs_a_representative_for_each_three():
    pairs = pairs_of({(0, 1): 0.95, (1, 2): 0.95})
    labels = labels_of(3, pairs)
    assert represent(labels, pairs, plain(3), "cover").tolist() == [1, 1, 1]
    assert represent(labels, pairs, plain(3), "one").tolist() == [0, 0, 0]
    pairs = pairs_of({(n, n + 1): 0.95 for n in range(4)})
    chosen = represent(labels_of(5, pairs), pairs, plain(5), "cover").tolist()
    assert len(set(chosen)) == 2


def test_one_takes_the_first_and_leaves_the_kept():
    pairs = pairs_of({(0, 1): 0.95, (1, 2): 0.95, (2, 3): 0.95})
    labels = labels_of(4, pairs)
    assert represent(labels, pairs, plain(4, rank=[3, 2, 1, 0]), "one").tolist() == [0, 0, 0, 0]
    assert represent(labels, pairs, plain(4, kept=(2, 3)), "one").tolist() == [2, 2, 2, 3]


def test_among_equals_the_preferred_one_stands():
    pairs = pairs_of({(a, b): 0.95 for a in range(4) for b in range(a + 1, 4)})
    assert represent(labels_of(4, pairs), pairs, plain(4, rank=[3, 1, 0, 2]), "cover").tolist() == [2] * 4
    # the widest goes before the preferred where they do not cover the same
    star = pairs_of({(0, 1): 0.95, (0, 2): 0.95, (0, 3): 0.95})
    assert represent(labels_of(4, star), star, plain(4, rank=[3, 0, 1, 2]), "cover").tolist() == [0] * 4


@pytest.mark.parametrize("shape", ["chain", "clique"])
def test_large_clusters_take_seconds(shape):
    import time

    n = 2000
    left, right = (np.arange(n - 1), np.arange(1, n)) if shape == "chain" else np.triu_indices(n, 1)
    pairs = Pairs(left.astype(np.int64), right.astype(np.int64), np.full(len(left), 0.97, np.float32))
    started = time.process_time()
    chosen = represent(labels_of(n, pairs), pairs, plain(n), "cover")
    assert time.process_time() - started < 8
    assert len(set(chosen.tolist())) == (667 if shape == "chain" else 1)
