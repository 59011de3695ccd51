"""Exact copies are one node, and several images count by their least alike pair."""

from dataclasses import replace

import numpy as np
import pytest

from labelonce.matching import Matches, accept_all, collapse, propose
from labelonce.neighbours import NeighbourSearch, Pairs
from labelonce.reading import KnownImages
from labelonce.store import ImageRecord
from labelonce.tasks import Task


def known(angles: list[float], tasks: dict[int, tuple[int, ...]]) -> KnownImages:
    """Images as directions in a plane, degrees."""
    radians = np.radians(np.array(angles, np.float64))
    return KnownImages(
        records=[ImageRecord(f"d{row}", f"p{row}", 4, 3, 1.0) for row in range(len(angles))],
        vectors=np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32),
        rows=tasks,
        digests={task: tuple(f"d{row}" for row in rows) for task, rows in tasks.items()},
        problems={},
        origins=[(Task(1, ()), "")] * len(angles),
    )


def test_equal_pixels_in_equal_order_are_one_node():
    images = known([0, 90], {1: (0, 1), 2: (1, 0), 3: (0, 1), 4: (0,), 5: (0, 1)})
    tasks = [Task(n, ("x",) * len(rows), context="other" if n == 5 else "") for n, rows in images.rows.items()]
    nodes = collapse(tasks, images)
    assert [[task.id for task in node.tasks] for node in nodes] == [[1, 3], [2], [4], [5]]


@pytest.mark.parametrize("engine", ["exact", "annoy"])
def test_the_least_alike_image_counts(engine):
    images = known([0, 10, 20, 60], {1: (0, 0), 2: (1, 1), 3: (1, 3), 4: (0,), 5: (1,), 6: (2, 1)})
    nodes = collapse([Task(n, ("x",) * len(rows)) for n, rows in images.rows.items()], images)
    pairs = propose(nodes, images, float(np.cos(np.radians(11))), NeighbourSearch(engine=engine)).pairs
    assert list(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)) == [(0, 1), (1, 5), (3, 4)]
    np.testing.assert_allclose(pairs.similarity, np.cos(np.radians([10, 10, 10])), atol=1e-6)


def test_no_nodes_and_no_pairs():
    proposed = propose([], known([], {}), 0.5, NeighbourSearch())
    assert (len(proposed.pairs.left), proposed.views) == (0, {})
    pairs = proposed.pairs
    assert accept_all(pairs) == Matches(pairs, (), ())


def test_a_view_is_proposed_where_it_looks_more_alike():
    images = known([0, 50, 90, 91], {task: (task,) for task in range(4)})
    held = np.radians(np.array([70, 0, 3, 92], np.float64))
    views = {"mirror": np.stack([np.cos(held), np.sin(held)], axis=1).astype(np.float32)}
    images = replace(images, views=views)
    nodes = collapse([Task(n, ("x",)) for n in images.rows], images)
    proposed = propose(nodes, images, float(np.cos(np.radians(10))), NeighbourSearch())
    assert list(zip(proposed.pairs.left.tolist(), proposed.pairs.right.tolist(), strict=True)) == [
        (0, 1),
        (0, 2),
        (2, 3),
    ]
    np.testing.assert_allclose(proposed.pairs.similarity, np.cos(np.radians([0, 3, 1])), atol=1e-6)
    assert proposed.views == {0: "mirror", 1: "mirror"}


def test_what_is_found_of_a_pair():
    left, right = np.array([0, 0, 2]), np.array([1, 3, 3])
    matches = Matches(Pairs(left, right, np.array([0.5, 0.75, 1], np.float32)), ("a", "b", "c"), (0.0, None, 0.5))
    expected = [(0.5, "a", 0.0), (0.75, "b", None), (1.0, "c", 0.5), (1.0, "c", 0.5), None, None, None, None]
    pairs = ((0, 1), (3, 0), (2, 3), (3, 2), (1, 2), (1, 3), (3, 4), (0, 2))
    assert [matches.find(*pair) for pair in pairs] == expected
