"""What people call the same is one group, whatever was found."""

import numpy as np

from labelonce.clustering import NOISE, Preference
from labelonce.matching import Node
from labelonce.tasks import Task
from labelonce.words import joined, joined_labels, said_same


def nodes(*groups: tuple[Task, ...]) -> list[Node]:
    return [Node((number,), group) for number, group in enumerate(groups)]


def task(number: int, *same: int, distinct: tuple[int, ...] = ()) -> Task:
    return Task(number, ("x",), same=frozenset(same), distinct=frozenset(distinct))


def preference(n: int, kept: tuple[int, ...] = (), standing: tuple[int, ...] = ()) -> Preference:
    order = np.arange(n)
    return Preference(np.isin(order, kept), order, order, np.isin(order, standing))


def test_words_are_of_nodes():
    there = nodes((task(1), task(5, 9)), (task(2, 5, 1),), (task(3),), (task(4, 3, distinct=(3,)),))
    assert said_same(there) == {(0, 1): (1, 2)}
    assert said_same(nodes((task(1, 2), task(2, 1)))) == {}  # one node already
    assert said_same(nodes((task(1),), (task(2),))) == {}
    assert said_same(nodes((task(1),), (task(2, 1),))) == said_same(nodes((task(1, 2),), (task(2),)))


def test_clusters_become_one():
    labels = np.array([0, 0, 1, 1, NOISE, NOISE, NOISE])
    assert joined_labels(labels, {(0, 2): (0, 2)}).tolist() == [0, 0, 0, 0, NOISE, NOISE, NOISE]
    assert joined_labels(labels, {(3, 4): (3, 4)}).tolist() == [0, 0, 1, 1, 1, NOISE, NOISE]
    assert joined_labels(labels, {(4, 5): (4, 5), (5, 6): (5, 6)}).tolist() == [0, 0, 1, 1, 2, 2, 2]
    assert labels.tolist() == [0, 0, 1, 1, NOISE, NOISE, NOISE]


def test_a_group_goes_along_with_what_stands_for_it():
    chosen = np.array([0, 0, 2, 2, 4])
    found, by = joined(chosen, {(1, 3): (11, 13)}, preference(5))
    assert found.tolist() == [0, 0, 0, 0, 4]
    assert by == {2: (11, 13), 3: (11, 13)}
    found, _ = joined(chosen, {(1, 3): (11, 13), (3, 4): (13, 14)}, preference(5))
    assert found.tolist() == [0] * 5
    assert chosen.tolist() == [0, 0, 2, 2, 4]


def test_who_stands():
    chosen, said = np.array([0, 1]), {(0, 1): (10, 11)}
    assert joined(chosen, said, preference(2))[0].tolist() == [0, 0]
    assert joined(chosen, said, preference(2, standing=(1,)))[0].tolist() == [1, 1]
    assert joined(chosen, said, preference(2, kept=(1,), standing=(0,)))[0].tolist() == [1, 1]
    assert joined(chosen, said, preference(2, kept=(0, 1)))[0].tolist() == [0, 1]
