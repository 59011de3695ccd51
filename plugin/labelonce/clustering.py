"""A graph of similar nodes → clusters (DBSCAN) → representatives."""

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelonce.neighbours import Pairs

NOISE = -1
EDGE = 1.0


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
    """Cluster the nodes of a sparse graph by DBSCAN (Ester et al., 1996).

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
    if n == 0:
        return np.zeros(0, np.int64)
    near = pairs.similarity >= np.float32(1.0 - eps)  # in float32, as the pairs were sought
    left, right = pairs.left[near], pairs.right[near]
    if len(left) == 0 and min_samples > 1:  # nothing to import SciPy for
        return np.where(weight >= min_samples, np.cumsum(weight >= min_samples) - 1, NOISE)
    if min_samples <= 2:
        return _components(n, left, right, weight >= min_samples)
    return _dbscan(n, left, right, min_samples, weight)


def _components(
    n: int, left: NDArray[np.int64], right: NDArray[np.int64], alone: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """DBSCAN's clusters where one neighbour makes a core: the connected components, noise being what is alone.

    scikit-learn would say the same, but takes longer to import than a small project takes to be clustered.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    _, component = connected_components(coo_matrix((np.ones(len(left), bool), (left, right)), shape=(n, n)))
    clustered = alone.copy()
    clustered[left] = clustered[right] = True
    labels = np.full(n, NOISE, np.int64)
    labels[clustered] = np.unique(component[clustered], return_inverse=True)[1]
    return labels


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
    if not (labels != NOISE).any():
        return chosen
    if method == "one":
        _one(labels, preference, chosen)
    else:
        _cover(labels, pairs, preference, chosen)
    return chosen


def _one(labels: NDArray[np.int64], preference: Preference, chosen: NDArray[np.int64]) -> None:
    heads: dict[int, int] = {}
    for node in np.lexsort((preference.first, ~preference.kept)).tolist():
        label = int(labels[node])
        if label != NOISE:
            head = heads.setdefault(label, node)
            if not preference.kept[node]:
                chosen[node] = head


def _cover(labels: NDArray[np.int64], pairs: Pairs, preference: Preference, chosen: NDArray[np.int64]) -> None:
    """Greedy set cover; among nodes that cover as many, the preferred one goes first."""
    start, listed = _neighbours(labels, pairs)
    neighbours = [listed[first:stop] for first, stop in zip(start[:-1].tolist(), start[1:].tolist(), strict=True)]
    kept, rank = preference.kept, preference.rank
    left = labels != NOISE
    heads = np.flatnonzero(left & kept)
    left[heads] = False
    for head in heads[np.argsort(rank[heads])].tolist():
        covered = neighbours[head][left[neighbours[head]]]
        chosen[covered] = head
        left[covered] = False
    degree = np.add.reduceat(left[listed], start[:-1], dtype=np.int64)
    heap = [(-int(degree[node]), int(rank[node]), node) for node in np.flatnonzero(left).tolist()]
    heapq.heapify(heap)
    while heap:
        promised, order, widest = heapq.heappop(heap)
        if not left[widest]:
            continue
        if degree[widest] != -promised:  # degrees only fall: it comes again where it belongs now
            heapq.heappush(heap, (-int(degree[widest]), order, widest))
            continue
        covered = neighbours[widest][left[neighbours[widest]]]
        chosen[covered] = widest
        left[covered] = False
        for node in covered.tolist():
            degree[neighbours[node]] -= 1


def _neighbours(labels: NDArray[np.int64], pairs: Pairs) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Neighbours of each node in its cluster, itself included: node i has ``listed[start[i]:start[i + 1]]``."""
    from scipy.sparse import coo_matrix

    n = len(labels)
    inside = (labels[pairs.left] == labels[pairs.right]) & (labels[pairs.left] != NOISE)
    left, right, itself = pairs.left[inside], pairs.right[inside], np.arange(n)
    rows, columns = np.concatenate([left, right, itself]), np.concatenate([right, left, itself])
    graph = coo_matrix((np.ones(len(rows), bool), (rows, columns)), shape=(n, n)).tocsr()
    return graph.indptr.astype(np.int64), graph.indices.astype(np.int64)
