"""Which proposed pairs are checked: only those that representatives need."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from labelonce.clustering import Preference, represent
from labelonce.containing import Stands
from labelonce.neighbours import Pairs

TRIES = 24  # rejected pairs after which a task is compared with no other that was rejected as often; 64 found no more
OTHERS = 3  # pictures that what is skipped for a finer one is compared with, besides that one
CLEARLY = 0.1  # doubt by which it has to fit one better than the others

Check = Callable[[NDArray[np.int64]], NDArray[np.uint8]]


def settle(
    pairs: Pairs,
    preference: Preference,
    check: Check,
    doubt: Callable[[int], float] = lambda _: 0.0,
    poorer: Callable[[int, int], bool] = lambda _one, _other: False,
) -> NDArray[np.bool_]:
    """Check only the pairs that representatives need.

    First as if nothing stood, so that a project in which nothing changed is decided as before; then, where that would
    put a new node in the place of a standing one, again with those that stand. See `_settle`, and `_closest` for what
    is skipped for a finer picture.

    Parameters
    ----------
    pairs
        What was proposed.
    preference
        Which nodes stand for others first.
    check
        Checks the pairs of these numbers, ascending, and says which node of each may stand for the other, as `Stands`;
        asked once for each.
    doubt
        Of a pair that passed, by its number.
    poorer
        Whether the first node may not show what others that look like the second one differ in.

    Returns
    -------
    (m,) bool
        Pairs that passed: one for each node that another one stands for.
    """
    m, n = len(pairs.left), len(preference.rank)
    asked, stands = np.zeros(m, bool), np.zeros(m, np.uint8)

    def once(numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        fresh = numbers[~asked[numbers]]
        if len(fresh):
            stands[fresh], asked[fresh] = check(fresh), True
        return np.asarray(stands[numbers], np.uint8)

    chosen_by = replace(preference, standing=None)
    needed = _settle(pairs, chosen_by, once)
    if preference.standing is not None and preference.standing.any():
        chosen = _chosen(pairs, needed, chosen_by, stands)
        stays = preference.kept | preference.standing
        ousted = stays & ~stays[chosen]
        if ousted.any():
            again = _components_of(pairs, np.arange(m), np.flatnonzero(ousted[pairs.left] | ousted[pairs.right]), n)
            chosen_by = replace(preference, standing=preference.standing & again)
            needed = _settle(pairs, chosen_by, once)
    chosen = _chosen(pairs, needed, chosen_by, stands)
    return _closest(pairs, needed, chosen, stands, once, doubt, poorer)


def _chosen(
    pairs: Pairs, needed: NDArray[np.bool_], preference: Preference, stands: NDArray[np.uint8]
) -> NDArray[np.int64]:
    """The node that stands for each, by the needed pairs."""
    kept = Pairs(pairs.left[needed], pairs.right[needed], pairs.similarity[needed])
    return represent(np.zeros(len(preference.rank), np.int64), kept, preference, "cover", stands[needed])


def _closest(
    pairs: Pairs,
    needed: NDArray[np.bool_],
    chosen: NDArray[np.int64],
    stands: NDArray[np.uint8],
    check: Check,
    doubt: Callable[[int], float],
    poorer: Callable[[int, int], bool],
) -> NDArray[np.bool_]:
    """Move what is skipped for a picture that shows more to the one of these that it differs least from.

    In a coarse copy several pictures that differ may look the same. The most similar others are asked as well, at most
    `OTHERS` of them. What is poorer than all of them, and fits two as well, is kept: nobody knows what it shows.
    """
    heads = chosen == np.arange(len(chosen))
    directed = np.flatnonzero(needed & (stands != Stands.EITHER))
    if not len(directed):
        return needed
    moved = np.zeros(len(chosen), bool)
    moved[np.where(heads[pairs.left[directed]], pairs.right[directed], pairs.left[directed])] = True
    right = moved[pairs.right] & heads[pairs.left]  # which of a pair is the one that is skipped
    across = np.flatnonzero(right | (moved[pairs.left] & heads[pairs.right]))
    by_similarity = across[np.lexsort((across, -pairs.similarity[across]))]
    check(np.unique(_strongest(pairs, by_similarity, np.where(moved, 1 + OTHERS, 0))))
    fitting: dict[int, list[tuple[float, int]]] = {}
    for number in across[(stands[across] & np.where(right[across], Stands.FIRST, Stands.SECOND)) > 0].tolist():
        node, _ = _ends(pairs, number, right)
        fitting.setdefault(node, []).append((doubt(number), number))
    needed = needed.copy()
    needed[across] = False
    for passed in fitting.values():
        (least, number), *others = sorted(passed)
        tie = others and others[0][0] < least + CLEARLY
        needed[number] = not (tie and all(poorer(*_ends(pairs, one, right)) for _, one in passed))
    return needed


def _ends(pairs: Pairs, number: int, right: NDArray[np.bool_]) -> tuple[int, int]:
    """Of a pair, the node that is skipped and the other one."""
    ends = int(pairs.left[number]), int(pairs.right[number])
    return ends[::-1] if right[number] else ends


def _settle(pairs: Pairs, preference: Preference, check: Check) -> NDArray[np.bool_]:
    """Check only the pairs that representatives need.

    In rounds: representatives are chosen as if all pairs passed, either way, that are not checked yet, and their pairs
    are checked. Where all pass, the choice stands: every other node passed against the one that stands for it, and no
    two representatives have a pair that was not rejected. Nodes that lost theirs have their most similar pairs
    checked too, twice as many in each round, so that look-alikes are settled in few rounds. Thousands of frames that
    differ in one place would cost a check for each pair of them: a pair is given up when both its nodes have been
    rejected `TRIES` times.
    """
    m, n = len(pairs.left), len(preference.rank)
    unknown, stands = np.ones(m, bool), np.full(m, Stands.EITHER, np.uint8)
    rejections = np.zeros(n, np.int64)
    strength = np.lexsort((np.arange(m), -pairs.similarity))
    active: NDArray[np.bool_] = np.ones(n, np.bool_)
    width = 1
    while active.any():
        inside = np.flatnonzero((stands > 0) & active[pairs.left])
        star = _stars(pairs, inside, preference, stands)
        wanted = star[unknown[star]]
        if width > 1:
            lost = _touched(pairs, wanted, n) & ~_touched(pairs, np.flatnonzero((stands > 0) & ~unknown), n)
            most = np.where(lost, np.clip(TRIES - rejections, 1, width), 0)
            wanted = np.union1d(wanted, _strongest(pairs, strength[unknown[strength]], most))
        if not len(wanted):
            break
        stands[wanted], unknown[wanted] = check(wanted), False
        failed = wanted[stands[wanted] == 0]
        for side in (pairs.left, pairs.right):
            np.add.at(rejections, side[failed], 1)
        given_up = unknown & (rejections[pairs.left] >= TRIES) & (rejections[pairs.right] >= TRIES)
        unknown[given_up], stands[given_up] = False, Stands.NEITHER
        active = _components_of(pairs, np.flatnonzero(stands), wanted[stands[wanted] != Stands.EITHER], n)
        width *= 2
    needed = np.zeros(m, bool)
    needed[_stars(pairs, np.flatnonzero(stands), preference, stands)] = True
    return needed


def _stars(
    pairs: Pairs, numbers: NDArray[np.int64], preference: Preference, stands: NDArray[np.uint8]
) -> NDArray[np.int64]:
    """Those of the pairs that join a node and the representative that it would get."""
    left, right = pairs.left[numbers], pairs.right[numbers]
    nodes, place = np.unique(np.concatenate([left, right]), return_inverse=True)
    local = Pairs(place[: len(left)], place[len(left) :], pairs.similarity[numbers])
    allowed = stands[numbers] if (stands[numbers] != Stands.EITHER).any() else None
    chosen = represent(np.zeros(len(nodes), np.int64), local, preference.among(nodes), "cover", allowed)
    joined = (chosen[local.left] == local.right) | (chosen[local.right] == local.left)
    return np.asarray(numbers[joined], np.int64)


def _touched(pairs: Pairs, numbers: NDArray[np.int64], n: int) -> NDArray[np.bool_]:
    touched = np.zeros(n, bool)
    touched[pairs.left[numbers]] = touched[pairs.right[numbers]] = True
    return touched


def _strongest(pairs: Pairs, ordered: NDArray[np.int64], most: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first of the ordered pairs of each node, `most` of them on either side."""
    found = []
    for side in (pairs.left, pairs.right):
        mine = ordered[most[side[ordered]] > 0]
        by_node = mine[np.argsort(side[mine], kind="stable")]
        starts = np.flatnonzero(np.diff(side[by_node], prepend=-1))
        rank = np.arange(len(by_node)) - np.repeat(starts, np.diff(starts, append=len(by_node)))
        found.append(by_node[rank < most[side[by_node]]])
    return np.concatenate(found)


def _components_of(pairs: Pairs, numbers: NDArray[np.int64], failed: NDArray[np.int64], n: int) -> NDArray[np.bool_]:
    """Nodes that are connected, by the pairs of these numbers, with a node of a failed pair."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    graph = coo_matrix((np.ones(len(numbers), bool), (pairs.left[numbers], pairs.right[numbers])), shape=(n, n))
    _, label = connected_components(graph, directed=False)
    again = np.zeros(n, bool)
    again[label[pairs.left[failed]]] = again[label[pairs.right[failed]]] = True
    return np.asarray(again[label], np.bool_)
