"""Clusters are scikit-learn's, and every skipped node lies beside the one that stands for it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import DBSCAN

from labelonce.clustering import NOISE, Preference, cluster, represent
from labelonce.neighbours import Pairs

FEW = settings(max_examples=60, deadline=None)
MANY = settings(max_examples=150, deadline=None)
EPS = 0.1

Edges = Mapping[tuple[int, int], float]


def pairs_of(edges: Edges) -> Pairs:
    listed = sorted(edges)
    left, right = (np.array([pair[side] for pair in listed], np.int64) for side in (0, 1))
    return Pairs(left, right, np.array([edges[pair] for pair in listed], np.float32))


def plain(n: int, kept: tuple[int, ...] = (), rank: list[int] | None = None) -> Preference:
    order = np.arange(n)
    return Preference(np.isin(order, kept), order if rank is None else np.array(rank), order)


def labels_of(n: int, pairs: Pairs, min_samples: int = 2) -> np.ndarray:
    return cluster(n, pairs, eps=EPS, min_samples=min_samples, weight=np.ones(n, np.int64))


@st.composite
def graphs(draw: st.DrawFn, size: int = 14) -> tuple[int, dict[tuple[int, int], float]]:
    n = draw(st.integers(1, size))
    possible = [(left, right) for left in range(n) for right in range(left + 1, n)]
    chosen = draw(st.lists(st.sampled_from(possible), unique=True)) if possible else []
    return n, {pair: draw(st.sampled_from([0.85, 0.9, 0.95, 1.0])) for pair in chosen}


@dataclass(frozen=True)
class Case:
    """Verified pairs, their clusters, and whom to prefer."""

    n: int
    edges: Edges
    weight: np.ndarray
    labels: np.ndarray
    preference: Preference

    @property
    def pairs(self) -> Pairs:
        return pairs_of(self.edges)

    def chosen(self, method: str = "cover", **changes: np.ndarray) -> list[int]:
        preference = replace(self.preference, **changes)
        return represent(self.labels, self.pairs, preference, method).tolist()


@st.composite
def cases(draw: st.DrawFn, most_samples: int = 2) -> Case:
    """Random graphs with copies, noise, kept and standing nodes."""
    n, edges = draw(graphs())
    edges = {pair: similarity for pair, similarity in edges.items() if similarity >= 0.9}  # verified: within eps
    weight = np.array(draw(st.lists(st.integers(1, 3), min_size=n, max_size=n)))
    labels = cluster(n, pairs_of(edges), eps=EPS, min_samples=draw(st.integers(1, most_samples)), weight=weight)
    kept, standing = (np.isin(np.arange(n), list(draw(st.sets(st.integers(0, n - 1))))) for _ in range(2))
    rank, first = (np.array(draw(st.permutations(range(n)))) for _ in range(2))
    return Case(n, edges, weight, labels, Preference(kept, rank, first, standing))


def neighbours(case: Case) -> list[set[int]]:
    """Of each node, within its cluster."""
    beside: list[set[int]] = [set() for _ in range(case.n)]
    for left, right in case.edges:
        if case.labels[left] == case.labels[right] != NOISE:
            beside[left].add(right)
            beside[right].add(left)
    return beside


def by_the_book(case: Case) -> list[int]:
    """The greedy cover, as one would say it."""
    beside, chosen = neighbours(case), list(range(case.n))
    kept, standing = (set(np.flatnonzero(flags).tolist()) for flags in (case.preference.kept, case.preference.standing))
    rank, first = case.preference.rank.tolist(), case.preference.first.tolist()
    left = set(np.flatnonzero(case.labels != NOISE).tolist()) - kept
    for head in sorted(kept, key=rank.__getitem__):
        for node in beside[head] & left:
            chosen[node] = head
        left -= beside[head]
    while left:
        head = min(left, key=lambda node: (-len(beside[node] & left), rank[node]))
        before = beside[head] & left & standing
        if before and head not in standing:
            head = min(before, key=first.__getitem__)
        for node in beside[head] & left:
            chosen[node] = head
        left -= beside[head] | {head}
    return chosen


def within_eps(n: int, edges: Edges) -> np.ndarray:
    """Distances for scikit-learn: 0 within eps, 2 beyond."""
    distance = np.full((n, n), 2.0)
    np.fill_diagonal(distance, 0.0)
    for (left, right), similarity in edges.items():
        if np.float32(similarity) >= np.float32(1 - EPS):
            distance[left, right] = distance[right, left] = 0.0
    return distance


@MANY
@given(graph=graphs(22), min_samples=st.integers(1, 6), data=st.data())
def test_labels_are_those_of_dbscan(graph, min_samples, data):
    """Noise, cores and border nodes; by weight and on every copy."""
    n, edges = graph
    weight = np.array(data.draw(st.lists(st.integers(1, 3), min_size=n, max_size=n)))
    found = cluster(n, pairs_of(edges), eps=EPS, min_samples=min_samples, weight=weight)
    distance = within_eps(n, edges)
    dbscan = DBSCAN(eps=EPS, min_samples=min_samples, metric="precomputed")
    assert found.tolist() == dbscan.fit(distance, sample_weight=weight).labels_.tolist()
    copies = np.repeat(np.arange(n), weight)
    assert found[copies].tolist() == dbscan.fit(distance[np.ix_(copies, copies)]).labels_.tolist()


def test_a_border_node_belongs_to_the_cluster_that_is_found_first():
    """Nodes 2 and 4 have enough neighbours; node 3, between them, has not."""
    pairs = pairs_of(dict.fromkeys([(0, 2), (1, 2), (2, 3), (3, 4), (4, 5), (4, 6)], 0.95))
    assert labels_of(7, pairs, min_samples=4).tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert labels_of(7, pairs, min_samples=5).tolist() == [NOISE] * 7


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
        for min_samples in (1, 2):
            assert represent(labels_of(3, none, min_samples), none, plain(3), method).tolist() == [0, 1, 2]
        assert represent(labels_of(0, none), none, plain(0), method).tolist() == []


@MANY
@given(case=cases(6))
def test_cover_is_the_greedy_one(case):
    assert case.chosen() == by_the_book(case)
    nobody = np.zeros(case.n, bool)
    assert case.chosen(standing=None) == by_the_book(
        replace(case, preference=replace(case.preference, standing=nobody))
    )


@MANY
@given(case=cases(6))
def test_every_skipped_node_is_beside_its_representative(case):
    chosen, beside = case.chosen(), neighbours(case)
    kept = set(np.flatnonzero(case.preference.kept).tolist())
    stays = kept | set(np.flatnonzero(case.preference.standing).tolist())
    for node, head in enumerate(chosen):
        assert chosen[head] == head
        assert head == node or head in beside[node]
        assert head == node or node not in kept
        assert head == node or node not in stays or head in stays
        assert case.labels[node] != NOISE or head == node
        # whoever could stand behind a kept node does
        assert node in kept or not beside[node] & kept or head in kept
    heads = {node for node, head in enumerate(chosen) if head == node}
    assert all(not beside[head] & heads for head in heads - kept)


@MANY
@given(case=cases(6), data=st.data(), method=st.sampled_from(["cover", "one"]))
def test_the_order_of_nodes_and_pairs_does_not_matter(case, data, method):
    new = np.array(data.draw(st.permutations(range(case.n))))  # node i is now called new[i]
    shuffled = data.draw(st.permutations(range(len(case.edges))))
    back = np.argsort(new)
    moved = pairs_of(
        {(min(new[a], new[b]), max(new[a], new[b])): similarity for (a, b), similarity in case.edges.items()}
    )
    pairs = Pairs(*(side[shuffled] for side in (moved.left, moved.right, moved.similarity)))
    chosen = represent(case.labels[back], pairs, case.preference.among(back), method)
    assert back[chosen[new]].tolist() == case.chosen(method)
    labels = [cluster(case.n, one, eps=EPS, min_samples=2, weight=np.ones(case.n, int)) for one in (case.pairs, pairs)]
    assert canonical(labels[0]) == canonical(labels[1][new])


def canonical(labels: np.ndarray) -> list[int]:
    """Labels by first appearance."""
    seen: dict[int, int] = {NOISE: NOISE}
    return [seen.setdefault(label, len(seen)) for label in labels.tolist()]


def before(case: Case, count: int) -> Case:
    """What an earlier run knew: the first nodes, and nothing stood."""
    pairs = {pair: similarity for pair, similarity in case.edges.items() if max(pair) < count}
    labels = cluster(count, pairs_of(pairs), eps=EPS, min_samples=2, weight=case.weight[:count])
    preference = replace(case.preference.among(np.arange(count)), standing=None)
    return Case(count, pairs, case.weight[:count], labels, preference)


def left_standing(chosen: list[int], n: int) -> np.ndarray:
    return np.isin(np.arange(n), [node for node, head in enumerate(chosen) if node == head])


@MANY
@given(case=cases(), data=st.data())
def test_what_is_added_never_makes_a_duplicate_of_a_representative(case, data):
    count = data.draw(st.integers(1, case.n))
    known = np.arange(case.n) < count
    first = before(case, count).chosen()
    standing = left_standing(first, case.n)
    worked_on = case.chosen(standing=standing)
    assert all(worked_on[node] == node or case.preference.kept[worked_on[node]] for node in np.flatnonzero(standing))
    chosen = case.chosen(standing=standing, kept=case.preference.kept & known)
    assert all(chosen[node] == node for node in np.flatnonzero(standing).tolist())


@MANY
@given(case=cases(), data=st.data())
def test_what_is_added_later_changes_nothing_once_it_stands(case, data):
    """The next run decides alike; so does one of which not all had been written when it was killed."""
    count = data.draw(st.integers(1, case.n))
    standing = left_standing(before(case, count).chosen(), case.n)
    grown = {"kept": case.preference.kept & (np.arange(case.n) < count), "first": np.arange(case.n)}
    chosen = case.chosen(standing=standing, **grown)
    assert case.chosen(standing=left_standing(chosen, case.n), **grown) == chosen
    fresh = case.chosen(standing=None)
    some = left_standing(fresh, case.n) & case.preference.standing
    assert case.chosen(standing=some) == fresh


@MANY
@given(case=cases())
def test_the_pairs_that_were_needed_say_the_same(case):
    chosen = case.chosen()
    needed = {
        pair: value for pair, value in case.edges.items() if chosen[pair[0]] == pair[1] or chosen[pair[1]] == pair[0]
    }
    assert replace(case, edges=needed).chosen() == chosen


def test_a_looser_threshold_joins_what_stands():
    pairs = pairs_of({(0, 1): 0.95, (0, 2): 0.95, (1, 2): 0.95, (2, 3): 0.95})
    preference = replace(plain(4, rank=[2, 1, 0, 3]), standing=np.array([True, True, False, False]))
    # the new one would cover all; the first of those that stand covers the second and the new one
    assert represent(labels_of(4, pairs), pairs, preference, "cover").tolist() == [0, 0, 0, 3]


def test_a_chain_needs_a_representative_for_each_three():
    pairs = pairs_of({(0, 1): 0.95, (1, 2): 0.95})
    labels = labels_of(3, pairs)
    assert represent(labels, pairs, plain(3), "cover").tolist() == [1, 1, 1]
    assert represent(labels, pairs, plain(3), "one").tolist() == [0, 0, 0]
    pairs = pairs_of({(n, n + 1): 0.95 for n in range(4)})
    chosen = represent(labels_of(5, pairs), pairs, plain(5), "cover").tolist()
    assert len(set(chosen)) == 2


@FEW
@given(case=cases(6))
def test_one_takes_the_first_and_leaves_the_kept(case):
    kept, first = case.preference.kept, case.preference.first
    chosen = case.chosen("one")
    for node, label in enumerate(case.labels.tolist()):
        members = np.flatnonzero(case.labels == label).tolist()
        head = min(members, key=lambda member: (not kept[member], first[member]))
        assert chosen[node] == (node if label == NOISE or kept[node] else head)


def test_among_equals_the_preferred_one_stands():
    pairs = pairs_of({(a, b): 0.95 for a in range(4) for b in range(a + 1, 4)})
    assert represent(labels_of(4, pairs), pairs, plain(4, rank=[3, 1, 0, 2]), "cover").tolist() == [2] * 4
    # the widest goes before the preferred where they do not cover the same
    star = pairs_of({(0, 1): 0.95, (0, 2): 0.95, (0, 3): 0.95})
    assert represent(labels_of(4, star), star, plain(4, rank=[3, 0, 1, 2]), "cover").tolist() == [0] * 4


@pytest.mark.parametrize(("shape", "heads"), [("chain", 667), ("clique", 1)])
def test_large_clusters(shape, heads):
    n = 2000
    left, right = (np.arange(n - 1), np.arange(1, n)) if shape == "chain" else np.triu_indices(n, 1)
    pairs = Pairs(left.astype(np.int64), right.astype(np.int64), np.full(len(left), 0.97, np.float32))
    chosen = represent(labels_of(n, pairs), pairs, plain(n), "cover")
    assert len(set(chosen.tolist())) == heads


@pytest.mark.parametrize("method", ["cover", "one"])
def test_nodes_without_neighbours_cost_next_to_nothing(method):
    n = 200_000
    pairs, preference = pairs_of({(5, n - 1): 0.95, (7, 8): 0.95}), plain(n)
    labels = labels_of(n, pairs)
    tracemalloc.start()
    try:
        chosen = represent(labels, pairs, preference, method)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert np.flatnonzero(chosen != np.arange(n)).tolist() == [8, n - 1]
    assert peak < 64 * n  # bytes
