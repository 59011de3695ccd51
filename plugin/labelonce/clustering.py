"""A graph of similar nodes → clusters (DBSCAN) → representatives."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelonce.neighbours import Pairs

NOISE = -1
# scikit-learn takes a stored zero of a sparse matrix for "no edge", so equal nodes get this distance
SMALLEST_DISTANCE = 1e-6


@dataclass(frozen=True)
class Preference:
    """What decides between nodes of a cluster.

    Parameters
    ----------
    kept
        (n,) bool. Nodes that are never skipped, because people worked on them; they represent others first.
    rank
        (n,) int. Smaller is preferred; all different.
    first
        (n,) int. Order of appearance; all different.
    """

    kept: NDArray[np.bool_]
    rank: NDArray[np.int64]
    first: NDArray[np.int64]


def cluster(n: int, pairs: Pairs, *, eps: float, min_samples: int, weight: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cluster the nodes of a sparse graph with scikit-learn's DBSCAN.

    Parameters
    ----------
    n
        Number of nodes.
    pairs
        The edges; a pair that is not listed is farther apart than `eps`.
    eps
        Largest cosine distance (1 - cosine similarity, 0 to 2) of neighbours.
    min_samples
        How many tasks, itself included, a node needs within `eps` to be the core of a cluster.
    weight
        (n,) How many tasks each node stands for (exact copies are one node).

    Returns
    -------
    (n,) int64
        Cluster of each node; -1, DBSCAN's noise, are the nodes in no cluster.
    """
    from scipy.sparse import coo_matrix
    from sklearn.cluster import DBSCAN
    from sklearn.neighbors import sort_graph_by_row_values

    if n == 0:
        return np.zeros(0, np.int64)
    distance = np.clip(1.0 - pairs.similarity.astype(np.float64), SMALLEST_DISTANCE, 2.0)
    near = distance <= eps
    left, right, distance = pairs.left[near], pairs.right[near], distance[near]
    rows, columns = np.concatenate([left, right]), np.concatenate([right, left])
    graph = coo_matrix((np.concatenate([distance, distance]), (rows, columns)), shape=(n, n)).tocsr()
    graph = sort_graph_by_row_values(graph, warn_when_not_sorted=False)
    fitted = DBSCAN(eps=eps, min_samples=min_samples, metric="precomputed").fit(graph, sample_weight=weight)
    return np.asarray(fitted.labels_, np.int64)


def represent(labels: NDArray[np.int64], pairs: Pairs, preference: Preference, method: str) -> NDArray[np.int64]:
    """Choose representatives.

    Parameters
    ----------
    labels
        (n,) Cluster of each node, -1 for noise.
    pairs
        The verified edges.
    preference
        What decides between nodes.
    method
        ``"cover"``: as few as a greedy search finds so that every other node is a neighbour of the one that stands
        for it. ``"one"``: the first node of each cluster stands for all of it, neighbour or not, as in the published
        recipe.

    Returns
    -------
    (n,) int64
        The node that stands for each node; a representative and a node in no cluster stand for themselves.
    """
    chosen = np.arange(len(labels), dtype=np.int64)
    members: dict[int, list[int]] = {}
    for node in np.flatnonzero(labels != NOISE).tolist():
        members.setdefault(int(labels[node]), []).append(node)
    neighbours: dict[int, set[int]] = {}
    for left, right in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True):
        if labels[left] == labels[right] != NOISE:
            neighbours.setdefault(left, {left}).add(right)
            neighbours.setdefault(right, {right}).add(left)
    for nodes in members.values():
        if method == "one":
            _one(nodes, preference, chosen)
        else:
            _cover(nodes, {node: neighbours.get(node, {node}) for node in nodes}, preference, chosen)
    return chosen


def _one(nodes: list[int], preference: Preference, chosen: NDArray[np.int64]) -> None:
    head = min(nodes, key=lambda node: (not preference.kept[node], preference.first[node]))
    for node in nodes:
        if not preference.kept[node]:
            chosen[node] = head


def _cover(
    nodes: list[int], neighbours: dict[int, set[int]], preference: Preference, chosen: NDArray[np.int64]
) -> None:
    """Greedy set cover; among nodes that cover as much, the preferred one stands for them."""
    kept, rank = preference.kept, preference.rank
    left = set(nodes)
    for head in sorted((node for node in nodes if kept[node]), key=lambda node: rank[node]):
        left.discard(head)
        for node in neighbours[head] & left:
            if not kept[node]:
                chosen[node] = head
                left.discard(node)
    degree = {node: len(neighbours[node] & left) for node in left}
    while left:
        widest = min(left, key=lambda node: (-degree[node], rank[node]))
        covered = neighbours[widest] & left
        equals = [node for node in covered if covered <= neighbours[node]]
        head = min(equals, key=lambda node: rank[node])
        for node in covered:
            chosen[node] = head
        left -= covered
        for node in covered:
            for other in neighbours[node] & left:
                degree[other] -= 1
