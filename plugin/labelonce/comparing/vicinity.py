"""The images of a folder or project that are most like one image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labelonce import embedding
from labelonce.comparing.likeness import QUIET, Likeness, Subject, look, looks_of, measure_of, named, usable
from labelonce.errors import ConfigurationError
from labelonce.neighbours import NeighbourSearch, forest
from labelonce.pipeline import reader_of, search_of
from labelonce.progress import Progress
from labelonce.reading import KnownImages
from labelonce.settings import Settings
from labelonce.sources.base import Source
from labelonce.sources.named import Named
from labelonce.store import Store
from labelonce.tasks import Task, TaskId

BLOCK = 4096  # tasks that are compared at once


@dataclass(frozen=True)
class Neighbour:
    """An image that is like another one.

    Parameters
    ----------
    rank
        From 1, the most similar first; of equally similar ones, the one with the smaller id.
    task
        Number of the task, or the path below the folder.
    image
        Which image of the task it is, from 1; None where all of them are compared, or there is one.
    likeness
        How alike the two are, and whether they are duplicates.
    """

    rank: int
    task: TaskId
    image: int | None
    likeness: Likeness


@dataclass(frozen=True)
class Neighbours:
    """What is most like an image.

    Parameters
    ----------
    found
        The neighbours by rank.
    compared
        Images that were compared with it, or tasks where it has several images.
    problems
        Tasks whose images cannot be compared, with the reason.
    """

    found: tuple[Neighbour, ...]
    compared: int
    problems: Mapping[TaskId, str]


@dataclass(frozen=True)
class _Place:
    """Where pictures are: a task, and which of its images; None for all of them."""

    task: Task
    image: int | None


_Nodes = dict[tuple[int, ...], list[_Place]]  # rows of pictures: where they are


def nearest(
    image: str | Path | Named,
    source: Source,
    settings: Settings | None = None,
    progress: Progress = QUIET,
    *,
    k: int = 10,
) -> Neighbours:
    """Find what is most like an image.

    The source is brought up to date in the store first. An image that is part of it is not its own neighbour; its
    copies are. One image is compared with every image of every task, several with those of tasks that have as many,
    in order.

    Parameters
    ----------
    image
        A file or an http(s) URL, or what `task_of` names.
    source
        Where to look.
    settings
        The model, the thresholds, and the engine: all images are compared unless it is ``annoy``, which looks through
        an index with ``n_trees``, ``search_k`` and ``metric``, and may overlook some.
    k
        How many neighbours, 1 or more.

    Raises
    ------
    ConfigurationError
        The image does not exist or cannot be compared, or a setting is wrong.
    """
    settings = settings or Settings()
    if k < 1:
        raise ConfigurationError(f"k = {k}: ask for 1 neighbour or more.")
    embedder = embedding.load(settings.chosen_model, settings.weights, settings.scaling)
    measure = measure_of(settings, embedder, source.controls)
    (wanted,) = named([image], settings)
    store = Store(settings.store_path, progress)
    try:
        subject = usable(wanted, *look([wanted], embedder, store, settings, progress)).held()
        reader = reader_of(source, embedder, store, replace(settings, invariant=None))  # the image itself is turned
        tasks = sorted(source.tasks(), key=lambda task: task.id)
        images = reader.read(tasks, progress)
        nodes = _nodes(tasks, images, len(subject.looks), wanted.within(source.identity))
        found = []
        for rank, place in enumerate(_ranked(nodes, images, subject, search_of(settings), k), start=1):
            looks = looks_of(reader, images, place.task.id)
            known = Subject(looks if place.image is None else (looks[place.image - 1],), place.task.context)
            found.append(Neighbour(rank, place.task.id, place.image, measure.compare(known, subject)))
        return Neighbours(tuple(found), sum(map(len, nodes.values())), images.problems)
    finally:
        store.close()


def _nodes(tasks: Sequence[Task], images: KnownImages, width: int, itself: TaskId | None) -> _Nodes:
    """Everything that is compared, equal pictures together."""
    nodes: _Nodes = {}
    for task in tasks:
        rows = images.rows.get(task.id, ())
        if task.id == itself:
            continue
        if width == len(rows):
            nodes.setdefault(rows, []).append(_Place(task, None))
        elif width == 1:
            for number, row in enumerate(rows, start=1):
                nodes.setdefault((row,), []).append(_Place(task, number))
    return nodes


def _ranked(nodes: _Nodes, images: KnownImages, subject: Subject, search: NeighbourSearch, k: int) -> list[_Place]:
    """The first `k` places by similarity, then by task and image."""
    rows: NDArray[np.int64] = np.array(list(nodes), np.int64).reshape(len(nodes), len(subject.looks))
    wanted = [np.stack([look.vector for look in subject.looks])]
    wanted += [np.stack([look.views[view] for look in subject.looks]) for view in subject.looks[0].views]
    if search.engine == "annoy":
        rows = rows[_by_annoy(_joined(images.vectors[rows]), [_joined(one[None])[0] for one in wanted], search, k)]
    pixels = tuple(look.pixels for look in subject.looks)
    cosine = np.full(len(rows), -np.inf)
    for start in range(0, len(rows), BLOCK):
        some = images.vectors[rows[start : start + BLOCK]]
        for one in wanted:  # summed in float64, so that nothing depends on the place in a block
            least = np.einsum("nwd,wd->nw", some, one, dtype=np.float64).min(axis=1)
            cosine[start : start + BLOCK] = np.maximum(cosine[start : start + BLOCK], least)
    ranked: list[tuple[float, TaskId, int, _Place]] = []
    for number in np.argsort(-cosine, kind="stable").tolist():
        if len(ranked) >= k and cosine[number] < -ranked[-1][0]:
            break
        node = tuple(rows[number].tolist())
        copy = tuple(images.records[row].pixels for row in node) == pixels
        distance = -1.0 if copy else -float(cosine[number])
        ranked += [(distance, place.task.id, place.image or 0, place) for place in nodes[node]]
    return [place for *_, place in sorted(ranked, key=lambda one: one[:3])[:k]]


def _joined(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, images x dimension), rows of unit norm: their product is the mean similarity of the images."""
    n, width, _ = vectors.shape
    return np.asarray(vectors.reshape(n, -1) / np.sqrt(np.float32(width)), np.float32)


def _by_annoy(
    vectors: NDArray[np.float32], wanted: Sequence[NDArray[np.float32]], search: NeighbourSearch, k: int
) -> NDArray[np.int64]:
    """Rows among which Annoy sees the `k` nearest of each wanted vector."""
    if find_spec("annoy") is None:
        raise ConfigurationError(
            "engine = 'annoy': annoy is not installed. Run: pip install annoy-mm, or leave --engine out."
        )
    index = forest.build(vectors, search.metric, search.n_trees, search.seed)
    looked_at = search.search_k if search.search_k > 0 else search.n_trees * max(k, search.n_neighbors)
    found = [index.get_nns_by_vector(one, k, looked_at) for one in wanted]
    return np.asarray(np.unique(np.concatenate([np.asarray(one, np.int64) for one in found])), np.int64)
