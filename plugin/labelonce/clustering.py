"""A graph of similar nodes → clusters (DBSCAN) → representatives."""

import heapq
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelonce.containing import Stands
from labelonce.neighbours import Pairs

NOISE = -1


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
    standing
        (n,) bool. Nodes that an earlier run left to be labelled; None where there was none.
    """

    kept: NDArray[np.bool_]
    rank: NDArray[np.int64]
    first: NDArray[np.int64]
    standing: NDArray[np.bool_] | None = None

    def among(self, nodes: NDArray[np.int64]) -> "Preference":
        """The same for some of the nodes, in this order."""
        standing = None if self.standing is None else self.standing[nodes]
        return Preference(self.kept[nodes], self.rank[nodes], self.first[nodes], standing)


EDGE = 1.0


def cluster(n: int, pairs: Pairs, *, eps: float, min_samples: int, weight: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cluster the nodes of a sparse graph by DBSCAN (Ester et al., 1996).

    scikit-learn's, but where one neighbour makes a core: then clusters are the connected components, which it would
    also say, but takes longer to import than a small project takes to be clustered, and 18 s and 3.6 GB for 15
    million pairs.

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
    near = pairs.similarity >= np.float32(1.0 - eps)  # in float32, as the pairs were sought
    left, right = pairs.left[near], pairs.right[near]
    if min_samples > 2 and len(left):
        return _dbscan(n, left, right, min_samples, weight)
    core = weight >= min_samples
    if min_samples <= 2:
        core[left] = core[right] = True
    component = components(n, left, right) if len(left) else np.arange(n)
    labels = np.full(n, NOISE, np.int64)
    labels[core] = np.unique(component[core], return_inverse=True)[1]
    return labels


def components(n: int, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """Connected component of each of `n` nodes, (n,) int64, by the edges from `left` to `right`."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    graph = coo_matrix((np.ones(len(left), bool), (left, right)), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def _dbscan(
    n: int, left: NDArray[np.int64], right: NDArray[np.int64], min_samples: int, weight: NDArray[np.int64]
) -> NDArray[np.int64]:
    from scipy.sparse import coo_matrix
    from sklearn.cluster import DBSCAN
    from sklearn.neighbors import sort_graph_by_row_values

    itself = np.arange(n)
    rows, columns = np.concatenate([left, right, itself]), np.concatenate([right, left, itself])
    # DBSCAN only asks whether a distance is within eps: one distance for all edges is enough, and equal nodes do not
    # get a stored zero, which scikit-learn takes for "no edge"; it wants the zero of each node itself, and rows sorted
    distances = np.concatenate([np.full(2 * len(left), EDGE), np.zeros(n)])
    graph = coo_matrix((distances, (rows, columns)), shape=(n, n)).tocsr()
    graph = sort_graph_by_row_values(graph, warn_when_not_sorted=False)
    fitted = DBSCAN(eps=EDGE, min_samples=min_samples, metric="precomputed").fit(graph, sample_weight=weight)
    return np.asarray(fitted.labels_, np.int64)


def represent(
    labels: NDArray[np.int64],
    pairs: Pairs,
    preference: Preference,
    method: str,
    stands: NDArray[np.uint8] | None = None,
) -> NDArray[np.int64]:
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
        for it. A standing node gives way only to kept ones and to others that stand: what is added never turns a
        representative into a duplicate, while a looser threshold still joins those that stand. ``"one"``: the first
        node of each cluster stands for all of it, neighbour or not, as in the published recipe.
    stands
        (m,) uint8, `Stands` of each pair, for ``"cover"``; None where either may stand for the other.

    Returns
    -------
    (n,) int64
        The node that stands for each node; a representative and a node in no cluster stand for themselves.
    """
    if not (labels != NOISE).any():
        return np.arange(len(labels), dtype=np.int64)
    return _one(labels, preference) if method == "one" else _cover(labels, pairs, preference, stands)


def _one(labels: NDArray[np.int64], preference: Preference) -> NDArray[np.int64]:
    order = np.lexsort((preference.first, ~preference.kept, labels))
    heads = order[np.diff(labels[order], prepend=NOISE) > 0]  # noise is sorted first
    chosen = np.arange(len(labels), dtype=np.int64)
    skipped = (labels != NOISE) & ~preference.kept
    chosen[skipped] = heads[np.searchsorted(labels[heads], labels[skipped])]
    return chosen


def _cover(
    labels: NDArray[np.int64], pairs: Pairs, preference: Preference, stands: NDArray[np.uint8] | None
) -> NDArray[np.int64]:
    nodes, graph = _graph(labels, pairs, preference.rank, stands)
    chosen = np.arange(len(labels), dtype=np.int64)
    chosen[nodes] = nodes[_greedy(graph, graph if stands is None else graph.T.tocsr(), preference.among(nodes))]
    return chosen


def _graph(
    labels: NDArray[np.int64], pairs: Pairs, rank: NDArray[np.int64], stands: NDArray[np.uint8] | None
) -> tuple[NDArray[np.int64], Any]:
    """Nodes with neighbours in their cluster, the preferred ones first, and as a matrix whom each may stand for."""
    from scipy.sparse import coo_matrix

    narrow = labels.astype(np.int32)
    inside = (narrow[pairs.left] == narrow[pairs.right]) & (narrow[pairs.left] != NOISE)
    joined = np.zeros(len(labels), bool)
    joined[pairs.left[inside]] = joined[pairs.right[inside]] = True
    nodes = np.flatnonzero(joined)
    nodes = nodes[np.argsort(rank[nodes])]
    place = np.empty(len(labels), np.int32)
    place[nodes] = np.arange(len(nodes))
    left, right = place[pairs.left[inside]], place[pairs.right[inside]]
    rows, columns = np.concatenate([left, right]), np.concatenate([right, left])
    if stands is not None:
        may = np.concatenate([stands[inside] & Stands.FIRST, stands[inside] & Stands.SECOND]) > 0
        rows, columns = rows[may], columns[may]
    return nodes, coo_matrix((np.ones(len(rows), bool), (rows, columns)), shape=(len(nodes), len(nodes))).tocsr()


def _greedy(graph: Any, back: Any, preference: Preference) -> NDArray[np.int64]:
    """Head of each node by greedy set cover, where nodes are numbered by their rank.

    `graph` says whom each node may stand for, and `back` who may stand for it.

    Kept nodes go first. Then goes the node that covers most; of those that cover as many, the preferred one. Where a
    new node's turn would put a standing one out, that one goes instead: the earliest, if there are several, so that
    the next run, in which more nodes stand, divides them alike.
    """
    kept, early = preference.kept, preference.first
    n = len(kept)
    standing = np.zeros(n, bool) if preference.standing is None else preference.standing
    start: list[int] = graph.indptr.tolist()
    listed: NDArray[np.int32] = graph.indices
    back_start: list[int] = back.indptr.tolist()
    back_listed: NDArray[np.int32] = back.indices
    chosen, left = np.arange(n), ~kept

    def cover(head: int) -> NDArray[np.int32]:
        near = listed[start[head] : start[head + 1]]
        covered = near[left[near]]
        chosen[covered] = head
        left[covered] = left[head] = False
        return covered

    for head in np.flatnonzero(kept).tolist():
        cover(head)
    degree, some = np.zeros(n, np.int64), np.diff(graph.indptr) > 0
    degree[some] = np.add.reduceat(left[listed], graph.indptr[:-1][some], dtype=np.int64)
    heap = (np.arange(n) - n * degree)[left].tolist()  # the degree and the number in one
    heapq.heapify(heap)
    while heap:
        promised = heapq.heappop(heap)
        head = promised % n
        if not left[head]:
            continue
        due = head - n * int(degree[head])
        if due != promised:  # degrees only fall: it comes again where it belongs now
            heapq.heappush(heap, due)
            continue
        if not standing[head]:
            near = listed[start[head] : start[head + 1]]
            before = near[left[near] & standing[near]]
            if len(before):
                heapq.heappush(heap, promised)  # the one that goes instead may not stand for it
                head = int(before[np.argmin(early[before])])
        for node in cover(head).tolist():
            degree[back_listed[back_start[node] : back_start[node + 1]]] -= 1
    return chosen
