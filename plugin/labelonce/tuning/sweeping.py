"""A source → what each threshold of similarity would do to it, and the pairs that are closest to the present one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelonce import embedding
from labelonce.clustering import cluster, represent
from labelonce.judge import Judge
from labelonce.levels import Rules, rules_from
from labelonce.matching import Matches, Proposals, accept_all, propose
from labelonce.pipeline import ROUNDING, Clusters, find_clusters, limits_of, reader_of, search_of, threshold_of
from labelonce.progress import Progress
from labelonce.settings import Settings
from labelonce.sources.base import Source
from labelonce.store import Store
from labelonce.tasks import Touch
from labelonce.threads import cores, threads
from labelonce.tuning.doubt import Doubt, doubtful, unverified
from labelonce.tuning.steps import Step, skipped, thresholds, within
from labelonce.verification import Verdict
from labelonce.verifier import Verifier
from labelonce.words import joined, joined_labels

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Sweep:
    """What each threshold would do.

    Parameters
    ----------
    source
        Where the tasks come from.
    tasks
        How many there are.
    problems
        How many of them are kept because their images cannot be compared.
    present
        The threshold in use, percent.
    steps
        What each threshold would leave, the highest one first.
    doubts
        The pairs closest to the present thresholds: accepted ones, then rejected ones, the most doubtful first.
    settings
        Those that shaped this.
    """

    source: str
    tasks: int
    problems: int
    present: float
    steps: tuple[Step, ...]
    doubts: tuple[Doubt, ...]
    settings: dict[str, Any]


def sweep(source: Source, settings: Settings, progress: Progress, *, doubts: int = 48) -> Sweep:
    """Find out what each threshold from the proposing one to 100 % would do; nothing is written to the source.

    Each step is what `make_plan` would do with this ``eps``: people's work is respected, and only the pairs that
    representatives need are verified, each of them once for all steps.

    Parameters
    ----------
    doubts
        How many doubtful pairs to find.

    Raises
    ------
    LabelOnceError
        As in `make_plan`.
    """
    embedder = embedding.load(settings.chosen_model, settings.weights, settings.scaling)
    present = threshold_of(settings, embedder)
    lowest = min(present, embedder.candidate_similarity)
    wide = settings if lowest == present else replace(settings, eps=f"{100 * lowest:.10g}%")
    found = find_clusters(source, wide, progress)
    proposed = propose(found.nodes, found.images, lowest, search_of(settings))
    store = Store(settings.store_path, progress)
    try:
        reader = reader_of(source, embedder, store, settings)
        if settings.verifies:
            level = str(found.shaped["level"])
            rules = rules_from(settings, level, **limits_of(embedder))
            verifier = Verifier(store, reader, found.images, model=embedder.identity, rules=rules)
            trial = _Trial(found, settings, verifier)
        else:
            rules, trial = None, _Trial(found, settings, None)
        steps: list[Step] = []
        chosen: Rows = np.arange(len(found.nodes))
        tried = thresholds(lowest, present)
        with progress.stage("Trying thresholds", len(tried)) as advance:
            for similarity in tried:
                least = min(similarity, 1 - ROUNDING)
                step, stands = trial.step(within(proposed, least), least, present=similarity == present)
                chosen = stands if step.present else chosen
                steps.append(step)
                advance(1)
        ask = _asker(found, Judge(reader, found.images), rules, progress)
        shown = doubtful(
            proposed, found.nodes, found.images, chosen, found.preference, present, rules, ask, count=doubts
        )
    finally:
        store.close()
    percent = round(100 * present, 3)
    shaped = {**found.shaped, "similarity": percent}
    return Sweep(source.name, len(found.tasks), len(found.images.problems), percent, tuple(steps), shown, shaped)


class _Trial:
    """Runs the stages behind the proposals, as the pipeline does, at one threshold after the other."""

    def __init__(self, found: Clusters, settings: Settings, verifier: Verifier | None) -> None:
        self._found = found
        self._method = settings.chosen_representatives
        self._min_samples = settings.min_samples
        self._verifier = verifier
        self._weight = np.array([len(node.tasks) for node in found.nodes], np.int64)
        free = [sum(task.touch is Touch.NONE for task in node.tasks) for node in found.nodes]
        self._free = np.array(free, np.int64)

    def step(self, proposed: Proposals, similarity: float, *, present: bool) -> tuple[Step, Rows]:
        """What is left at a threshold, and (n,) the node that stands for each node."""
        plain = accept_all(proposed.pairs)
        matches = plain
        if self._verifier is not None:
            every = self._method != "cover" or self._min_samples > 2
            matches = self._verifier.verify(
                proposed, self._found.nodes, self._found.preference, Progress(), every=every
            )
        labels, chosen, lost = self._outcome(matches, similarity)
        tasks, duplicates = len(self._found.tasks), int(lost.sum())
        step = Step(
            similarity=round(100 * similarity, 3),
            present=present,
            left=tasks - duplicates,
            share_left=(tasks - duplicates) / tasks if tasks else 1.0,
            duplicates=duplicates,
            clusters=len(np.unique(labels[lost > 0])),
            left_unverified=tasks - int(self._outcome(plain, similarity)[2].sum()) if self._verifier else None,
        )
        return step, chosen

    def _outcome(self, matches: Matches, similarity: float) -> tuple[Rows, Rows, Rows]:
        """Cluster of each node, the node that stands for it, and how many of its tasks would be skipped."""
        labels = cluster(
            len(self._weight),
            matches.pairs,
            eps=1 - similarity,
            min_samples=self._min_samples,
            weight=self._weight,
        )
        labels = joined_labels(labels, self._found.said)
        chosen = represent(labels, matches.pairs, self._found.preference, self._method, matches.stands)
        chosen, _ = joined(chosen, self._found.said, self._found.preference)
        return labels, chosen, skipped(labels, chosen, self._free, self._found.preference.kept)


def _asker(
    found: Clusters, judge: Judge, rules: Rules | None, progress: Progress
) -> Callable[[Sequence[tuple[int, int, str]]], list[Verdict]]:
    """Verifies pairs of rows with all their figures; without rules every pair is taken."""
    images = found.images

    def ask(pairs: Sequence[tuple[int, int, str]]) -> list[Verdict]:
        if rules is None:
            views = {"": images.vectors, **images.views}
            return [unverified(float(images.vectors[one] @ views[view][other])) for one, other, view in pairs]
        verdicts = []
        with progress.stage("Looking at doubtful pairs", len(pairs)) as advance, threads(cores(), "judge") as pool:
            for verdict in pool.map(lambda pair: judge.verdict(pair[0], pair[1], pair[2], rules), pairs):
                verdicts.append(verdict)
                advance(1)
        return verdicts

    return ask
