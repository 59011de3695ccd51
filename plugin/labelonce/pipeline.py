"""pull → embed → link → verify → cluster → plan: the one function that reads as the picture in the documentation."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelonce import embedding
from labelonce.advice import Advice, keep_advice
from labelonce.catalogue import extend_catalogue, save_catalogue
from labelonce.clustering import NOISE, Preference, cluster, represent
from labelonce.embedding.base import Embedder
from labelonce.eps import similarity_from
from labelonce.images.parts import PARTS
from labelonce.images.views import views_of
from labelonce.levels import SCENE, CropRules, Level, Rules, level_of, may_be_scene, rules_from
from labelonce.matching import Matches, Node, accept_all, collapse, propose, propose_parts, with_more, worth_asking
from labelonce.neighbours import NeighbourSearch
from labelonce.planning import Decision, Plan, Role, by_word, outlook
from labelonce.preference import head_of, preference_of
from labelonce.progress import Progress
from labelonce.reading import KnownImages, Reader
from labelonce.settings import Settings
from labelonce.sources.base import Source
from labelonce.spool import Spool
from labelonce.store import Store
from labelonce.tasks import Task, TaskId, Touch
from labelonce.verifier import Verifier
from labelonce.words import Said, Word, joined, joined_labels, said_same

LESS = 0.15  # similarity that parts of pictures may lack, for none is cut as the other is, and turned ones at `scene`
ROUNDING = 1e-6  # equal vectors of float32 may have a similarity this much below 1


@dataclass(frozen=True)
class Clusters:
    """What was found in a source: who is whose neighbour, and the clusters that come of it.

    Parameters
    ----------
    tasks
        All tasks, by id.
    images
        Their images.
    nodes
        Tasks with equal pixels, one node each; without tasks whose images cannot be compared or may not represent.
    matches
        Pairs of nodes that show the same.
    labels
        (nodes,) int64. Cluster of each node; -1, noise, are the nodes in none.
    preference
        Which nodes stand for others first.
    said
        Nodes that a person said are the same.
    shaped
        The settings that shaped all this, for the plan.
    hints
        What would skip more, for a person.
    scene
        What would be found at the level `scene`; None where that is the same, or it was not asked.
    """

    tasks: Sequence[Task]
    images: KnownImages
    nodes: Sequence[Node]
    matches: Matches
    labels: NDArray[np.int64]
    preference: Preference
    said: Said
    shaped: dict[str, Any]
    hints: tuple[str, ...] = ()
    scene: "Clusters | None" = None


def make_plan(source: Source, settings: Settings, progress: Progress, *, project: int | None = None) -> Plan:
    """Decide for every task of a source; nothing is written to it.

    The same tasks, images and settings give the same plan, in whatever order the source lists them.

    Raises
    ------
    LabelOnceError
        A setting is wrong, the weights are missing, or the source fails as a whole. An image that fails is part of
        the plan.
    """
    found = find_clusters(source, settings, progress, scenes=True)
    decisions = decisions_of(found, settings)
    scene = outlook(decisions, decisions_of(found.scene, settings)) if found.scene else None
    if project is not None:
        keep_advice(settings.store_path, source.identity, Advice(found.hints, scene))
    return Plan(
        source=source.name,
        project=project,
        decisions=decisions,
        problems=tuple(sorted(found.images.problems.items())),
        settings=found.shaped,
        hints=found.hints,
        scene=scene,
    )


def decisions_of(found: Clusters, settings: Settings) -> tuple[Decision, ...]:
    """A decision for every task, by the representatives that the settings choose."""
    matches, method = found.matches, settings.chosen_representatives
    chosen = represent(found.labels, matches.pairs, found.preference, method, matches.stands)
    return tuple(_decide(found, *joined(chosen, found.said, found.preference)))


def find_clusters(
    source: Source, settings: Settings, progress: Progress, *, every: bool = False, scenes: bool = False
) -> Clusters:
    """Read, embed, link, verify and cluster the images of a source.

    Parameters
    ----------
    every
        Verify all proposed pairs; otherwise those that the representatives of the settings need.
    scenes
        Also find what the level `scene` would, where a person could choose it.

    Raises
    ------
    LabelOnceError
        As in `make_plan`.
    """
    with workshop(source, settings, progress) as shop:
        tasks = sorted(source.tasks(), key=lambda task: task.id)
        images = shop.reader.read(tasks, progress)
        found = shop.compare(tasks, images, progress, every=every, scenes=scenes)
        shop.keep(images, progress)
    return found


@dataclass(frozen=True)
class Workshop:
    """What the images of one source are compared with.

    Parameters
    ----------
    rules, proven
        The thresholds, and looser ones for pairs that are proven to be of one moment; None where that is not asked.
    scene
        The thresholds of the level `SCENE`; None where nobody could choose it.
    level
        What counts as the same, and why.
    threshold
        Cosine similarity from which on two images are proposed as a pair.
    """

    source: Source
    settings: Settings
    embedder: Embedder
    store: Store
    reader: Reader
    rules: Rules
    proven: Rules | None
    scene: Rules | None
    level: Level
    threshold: float

    def compare(
        self,
        tasks: Sequence[Task],
        images: KnownImages,
        progress: Progress,
        *,
        every: bool = False,
        part: bool = False,
        scenes: bool = False,
    ) -> Clusters:
        """Link, verify and cluster tasks (ascending) whose images are known.

        Parameters
        ----------
        every
            Verify all proposed pairs.
        part
            Whether these are not all tasks of the source, so that no index is kept.
        scenes
            Also find what the level `scene` would.
        """
        settings, threshold = self.settings, self.threshold
        nodes = collapse([task for task in tasks if task.id in images.rows and task.touch.represents], images)
        with progress.stage("Linking neighbours", len(nodes)) as advance:
            search = search_of(settings, "" if part else f"{self.source.identity}\n{self.embedder.identity}")
            proposed = propose(nodes, images, threshold, search, progress)
            if images.parts:
                proposed = with_more(proposed, propose_parts(nodes, images, threshold, search, progress))
            proposed = worth_asking(proposed, nodes)
            advance(len(nodes))
        preference = preference_of(nodes, images)
        if settings.verifies:
            model = self.embedder.identity
            verifier = Verifier(self.store, self.reader, images, model=model, rules=self.rules, proven=self.proven)
            every = every or settings.chosen_representatives != "cover" or settings.min_samples > 2
            matches = verifier.verify(proposed, nodes, preference, progress, every=every)
        else:
            matches = accept_all(proposed.pairs)
        said = said_same(nodes)
        labels, told, matches = self._labels(nodes, matches, said), matches.told, replace(matches, told=None)
        hints = (matches.hint.text(settings.ignored),) if matches.hint else ()
        found = Clusters(tasks, images, nodes, matches, labels, preference, said, self._shaped(), hints)
        if not (scenes and self.scene and told and told.differing):
            return found
        looser = verifier.loosened(self.scene)
        joined = replace(looser.verify(proposed, nodes, preference, progress, every=every, told=told), told=None)
        return replace(found, scene=replace(found, matches=joined, labels=self._labels(nodes, joined, said)))

    def _labels(self, nodes: Sequence[Node], matches: Matches, said: Said) -> NDArray[np.int64]:
        """(nodes,) int64. Cluster of each node."""
        weight = np.array([len(node.tasks) for node in nodes], np.int64)
        least, apart = self.settings.min_samples, 1 - self.threshold
        return joined_labels(cluster(len(nodes), matches.pairs, eps=apart, min_samples=least, weight=weight), said)

    def keep(self, images: KnownImages, progress: Progress) -> None:
        """Keep all images of the source for questions about single ones."""
        if not self.settings.roi_from_predictions:  # the regions of tasks say nothing about a picture without one
            save_catalogue(self.store.path, self.source, self.embedder.identity, images, progress, region=self.region)

    def keep_more(self, images: KnownImages, progress: Progress) -> None:
        """Keep images of the source beside those that are kept already."""
        extend_catalogue(self.store.path, self.source, self.embedder.identity, images, progress, region=self.region)

    @property
    def region(self) -> str:
        """The part of every image that counts, as a text."""
        return self.settings.counted

    def _shaped(self) -> dict[str, Any]:
        settings = self.settings
        limits = {name: value for name, value in asdict(self.rules).items() if name != "ignored"}
        checked = {"level": self.level.name, "level_reason": self.level.reason, "thresholds": limits}
        return {
            "model": self.embedder.name,
            "verify": "geometry" if settings.verifies else "none",
            **(checked if settings.verifies else {}),
            "roi": settings.roi,
            "roi_from_predictions": settings.roi_from_predictions,
            "ignore": settings.ignore,
            "overlays": settings.overlays,
            "invariant": settings.invariant,
            **({"find": settings.find} if settings.finds_crops else {}),
            "similarity": round(100 * self.threshold, 4),
            "min_samples": settings.min_samples,
            "representatives": settings.chosen_representatives,
        }


@contextmanager
def workshop(source: Source, settings: Settings, progress: Progress) -> Iterator[Workshop]:
    """Load the embedder and open the store.

    Raises
    ------
    LabelOnceError
        A setting is wrong, or the weights are missing.
    """
    embedder = embedding.load(settings.chosen_model, settings.weights, settings.scaling)
    level = level_of(settings, source.controls)
    limits = limits_of(embedder)
    rules = rules_from(settings, level.name, **limits)
    scene = rules_from(settings, SCENE, **limits) if may_be_scene(level, source.controls) else None
    proven = scene if level.moments else None
    if settings.finds_crops:  # what `scene` would leave is asked of whole pictures only
        rules, scene = CropRules.of(rules), None
    store = Store(settings.store_path, progress)
    try:
        reader = reader_of(source, embedder, store, settings)
        threshold = threshold_of(settings, embedder)
        yield Workshop(source, settings, embedder, store, reader, rules, proven, scene, level, threshold)
    finally:
        store.close()


def reader_of(source: Source, embedder: Embedder, store: Store, settings: Settings) -> Reader:
    """The reader that the settings ask for."""
    return Reader(
        source,
        embedder,
        store,
        with_features=settings.verifies,
        workers=settings.workers,
        max_pixels=settings.max_pixels,
        region=settings.region,
        ignored=settings.ignored,
        views=views_of(settings.invariant.split(",") if settings.invariant else ()),
        parts=tuple(PARTS) if settings.finds_crops else (),
        spool=Spool(settings.spool, settings.store_path.parent),
    )


def search_of(settings: Settings, name: str = "") -> NeighbourSearch:
    """The neighbour search that the settings ask for; what has a name keeps its index beside the store."""
    path = settings.store_path
    return NeighbourSearch(
        engine=settings.engine,
        n_neighbors=settings.n_neighbors,
        n_trees=settings.n_trees,
        search_k=settings.search_k,
        metric=settings.metric,
        folder=path.with_name(f"{path.name}.index") if name else None,
        name=name,
    )


def limits_of(embedder: Embedder) -> dict[str, float]:
    """What an embedder says to `rules_from`."""
    same = {"similarity": embedder.similarity, "strict": embedder.strict_similarity}
    return {**same, "candidate": embedder.candidate_similarity}


def threshold_of(settings: Settings, embedder: Embedder) -> float:
    """Cosine similarity from which on two images are proposed as a pair."""
    if settings.eps is not None:
        return min(similarity_from(settings.eps), 1 - ROUNDING)
    if not settings.verifies:
        return embedder.similarity
    less = LESS if settings.finds_crops or settings.level == SCENE else 0.0
    return embedder.candidate_similarity - less


def _decide(found: Clusters, chosen: NDArray[np.int64], by: Mapping[int, Word]) -> list[Decision]:
    """A decision and a reason for every task, in their order; `by` as `joined` says."""
    images, nodes, labels = found.images, found.nodes, found.labels
    first_of: dict[int, TaskId] = {}
    for node, label in zip(nodes, labels.tolist(), strict=True):
        if label != NOISE:
            earliest = min(task.id for task in node.tasks)
            first_of[label] = min(first_of.get(label, earliest), earliest)
    duplicates: dict[TaskId, Decision] = {}
    stands_for: dict[TaskId, TaskId] = {}  # representative: its cluster
    for number, node in enumerate(nodes):
        label = int(labels[number])
        if label == NOISE:
            continue
        head_number = int(chosen[number])
        head = head_of(nodes[head_number])
        word = found.said.get((min(number, head_number), max(number, head_number))) or by.get(number)
        for task in node.tasks:
            beside = [one for one in task.distinct if one in duplicates and duplicates[one].representative == head.id]
            if task.id == head.id or task.keeps or beside or _told_apart(task, head):
                continue
            similarity: float | None = 100.0
            doubt: float | None = None
            if head_number == number:
                equal = images.digests[task.id] == images.digests[head.id]
                why, doubt = "byte copy" if equal else "same pixels", 0.0
            elif word is not None:
                similarity, why = _percent(images, node, nodes[head_number]), by_word(task.id, head.id, *word)
            elif match := found.matches.find(number, head_number):
                similarity, why = _rounded(match[0]), match[1]
                doubt = None if match[2] is None else round(match[2], 4)
            else:
                similarity, why = _percent(images, node, nodes[head_number]), "same cluster"
            duplicates[task.id] = Decision(task.id, Role.DUPLICATE, why, first_of[label], head.id, similarity, doubt)
            stands_for[head.id] = first_of[label]
    return [_one(task, images, duplicates, stands_for) for task in found.tasks]


def _percent(images: KnownImages, one: Node, other: Node) -> float | None:
    """Similarity of the least alike images of two nodes; None where these have not as many."""
    if len(one.rows) != len(other.rows):
        return None
    return _rounded(
        min(float(images.vectors[a] @ images.vectors[b]) for a, b in zip(one.rows, other.rows, strict=True))
    )


def _rounded(cosine: float) -> float:
    return round(100 * min(1.0, max(0.0, cosine)), 1)


def _told_apart(task: Task, head: Task) -> bool:
    return head.id in task.distinct or task.id in head.distinct


def _one(
    task: Task, images: KnownImages, duplicates: dict[TaskId, Decision], stands_for: dict[TaskId, TaskId]
) -> Decision:
    if task.id in duplicates:
        return duplicates[task.id]
    cluster = stands_for.get(task.id)
    represented = None if cluster is None else (task.id, 100.0)
    if task.touch is Touch.RETURNED:
        return Decision(task.id, Role.KEPT, "kept: a person took the skip back", cluster, *(represented or ()))
    if represented:
        touched = "" if task.touch is Touch.NONE else f"; {task.touch.value}"
        return Decision(task.id, Role.REPRESENTATIVE, f"stands for its duplicates{touched}", cluster, *represented)
    if task.id in images.problems:
        return Decision(task.id, Role.UNIQUE, f"kept: {images.problems[task.id]}")
    if task.touch.keeps:
        return Decision(task.id, Role.UNIQUE, f"kept: {task.touch.value}")
    return Decision(task.id, Role.UNIQUE, "no near-duplicate found")
