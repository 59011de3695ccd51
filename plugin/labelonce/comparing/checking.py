"""Is an image already there? Answers from what the last run kept, without comparing the known images."""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from labelonce import embedding
from labelonce.catalogue import ERROR, Catalogue, Known, open_catalogue
from labelonce.comparing.likeness import (
    BY_SIMILARITY,
    QUIET,
    Likeness,
    Look,
    Measure,
    Subject,
    look,
    measure_of,
    named,
    unpacked,
)
from labelonce.errors import ConfigurationError, ImageProblem, ImageUnavailable, ServerError
from labelonce.features import Features
from labelonce.images.decoding import decode
from labelonce.images.regions import without
from labelonce.progress import Progress
from labelonce.reading import FEATURES, FINE_SIDE
from labelonce.settings import Settings
from labelonce.sources.base import Source
from labelonce.sources.folder import FolderSource
from labelonce.sources.named import Named, is_url
from labelonce.store import Store
from labelonce.tasks import Task, TaskId
from labelonce.threads import cores, threads
from labelonce.verification import Rgb

CANDIDATES = 32  # known pictures that each image is compared with; 8 gave the same answers on frames of videos


@dataclass(frozen=True)
class Answer:
    """Whether an image is already there.

    Parameters
    ----------
    image
        Its name.
    there
        Whether it is; None where it cannot be compared.
    tasks
        The tasks, or paths, that hold the known picture that it is a duplicate of, else the most similar one;
        ascending. Empty where nothing else is known.
    likeness
        How alike they are, and why they are duplicates or not; None where there is nothing to compare with.
    problem
        Why the image cannot be compared.
    """

    image: str
    there: bool | None
    tasks: tuple[TaskId, ...] = ()
    likeness: Likeness | None = None
    problem: str | None = None


@dataclass(frozen=True)
class _Known:
    """What is known of a source, and how it is compared."""

    catalogue: Catalogue
    identity: str
    model: str
    store: Store
    measure: Measure
    pool: Executor
    source: Callable[[], Source]
    settings: Settings


def check(
    images: Sequence[str | Path | Named],
    identity: str,
    settings: Settings | None = None,
    progress: Progress = QUIET,
    *,
    source: Callable[[], Source] | None = None,
) -> list[Answer]:
    """Say for each image whether it is among those that the last run on a source knew.

    The source is asked only for the few known pictures that an image is compared with closely; its images are not
    compared with each other. The known pictures that are most like an image are verified as in a plan; where the store
    has no features of one, the similarity alone decides, and the reason says so. An image that is itself part of the
    source is not its own answer.

    Parameters
    ----------
    images
        Files or http(s) URLs, or what `task_of` and `files_of` name.
    identity
        `Source.identity` of the source that was read.
    settings
        The model, the thresholds and the store, as in that run.
    source
        Makes the source that known pictures are read from again, once it is needed; None where `identity` is a folder.

    Raises
    ------
    ConfigurationError
        Nothing is known of the source, a file does not exist, or a setting is wrong. An image that cannot be read is
        an answer.
    """
    settings = settings or Settings()
    if settings.roi_from_predictions:
        raise ConfigurationError("A single image has no predictions: leave --roi-from-predictions out, or give --roi.")
    wanted = named(images, settings)
    embedder = embedding.load(settings.chosen_model, settings.weights, settings.scaling)
    region = settings.counted
    catalogue = open_catalogue(settings.store_path, identity, embedder.identity, region=region, progress=progress)
    if catalogue is None:
        raise ConfigurationError(
            f"Nothing is known of {identity!r} with this model{' and region' if region else ''} yet. "
            f"Make it known with: {_command(identity, settings)}"
        )
    source = source or partial(
        FolderSource, Path(identity), max_bytes=settings.max_bytes, follow_links=settings.follow_links
    )
    store = Store(settings.store_path, progress)
    try:
        with catalogue, threads(cores(), "compare") as pool:
            measure = measure_of(settings, embedder, catalogue.controls)
            known = _Known(catalogue, identity, embedder.identity, store, measure, pool, cache(source), settings)
            subjects = look(wanted, embedder, store, settings, progress)
            with progress.stage("Looking up images", len(wanted)) as advance:
                answers = []
                for image, subject in zip(wanted, subjects, strict=True):
                    answers.append(_answer(known, image, subject))
                    advance(1)
            return answers
    finally:
        store.close()


def _command(identity: str, settings: Settings) -> str:
    """The command that makes a source known."""
    url, projects, number = identity.rpartition("/projects/")
    project = projects and is_url(url) and number.isdecimal()
    options = [] if settings.model is None else ["--model", settings.model]
    options += [] if settings.roi is None else ["--roi", settings.roi]
    options += [] if settings.ignore is None else ["--ignore", settings.ignore]
    return shlex.join(["labelonce", *(("plan", "--project", number) if project else ("folder", identity)), *options])


def _answer(known: _Known, image: Named, subject: Subject | ImageUnavailable) -> Answer:
    if isinstance(subject, ImageUnavailable):
        return Answer(image.name, None, problem=str(subject))
    if len(subject.looks) != 1:
        return Answer(image.name, None, problem=f"the task has {len(subject.looks)} images: only one can be looked up")
    itself = image.within(known.identity)
    held, closest = subject.held(), Answer(image.name, False)
    for tasks, likeness in _candidates(known, held, itself):
        found = Answer(image.name, likeness.duplicates, tasks, likeness)
        if likeness.duplicates:
            return found
        if closest.likeness is None or likeness.similarity > closest.likeness.similarity:
            closest = found
        if likeness.similarity < 100 * (known.measure.threshold - 2 * ERROR):
            break  # and so are the others
    return closest


def _candidates(
    known: _Known, subject: Subject, itself: TaskId | None
) -> Iterator[tuple[tuple[TaskId, ...], Likeness]]:
    """Known pictures and how they compare with an image, about the most similar first; equal pixels before all."""
    (look,) = subject.looks
    equal = known.catalogue.find(look.pixels)
    if equal is not None:
        yield from _compared(known, {equal: 1.0}, subject, itself)
    near: dict[int, float] = {}
    for vector in (look.vector, *look.views.values()):
        for row, cosine in known.catalogue.nearest(vector, CANDIDATES + 1):  # one may be the image itself
            near[row] = max(cosine, near.get(row, -1.0))
    order = sorted(near, key=lambda row: (-near[row], row))[: CANDIDATES + 1]
    yield from _compared(known, {row: near[row] for row in order if row != equal}, subject, itself)


def _compared(
    known: _Known, rows: Mapping[int, float], subject: Subject, itself: TaskId | None
) -> Iterator[tuple[tuple[TaskId, ...], Likeness]]:
    """Known pictures with the tasks that hold them, in this order; one for each core at a time."""
    pictures = known.catalogue.known(list(rows))
    vectors = known.store.vectors([one.pixels for one in pictures], known.model)

    def compared(one: Known, context: str) -> Likeness:
        if one.pixels in vectors:
            features, picture = partial(_features, known.store, one.pixels), partial(_picture, known, one)
            look = Look(one.pixels, vectors[one.pixels], features, picture)
            return known.measure.compare(Subject((look,), context), subject)
        if apart := Subject((), context).apart(subject):
            return Likeness(100 * rows[one.row], False, apart, known.measure.level)
        if one.pixels == subject.looks[0].pixels:
            return Likeness(100.0, True, "same pixels", known.measure.level)
        cosine = rows[one.row]
        return Likeness(100 * cosine, cosine >= known.measure.alone, BY_SIMILARITY, known.measure.level)

    others = [(one, *held) for one in pictures for held in _held(one, subject.context, itself)]
    for start in range(0, len(others), cores()):
        pictured, contexts, tasks = zip(*others[start : start + cores()], strict=True)
        yield from zip(tasks, known.pool.map(compared, pictured, contexts), strict=True)


def _held(one: Known, context: str, itself: TaskId | None) -> list[tuple[str, tuple[TaskId, ...]]]:
    """The tasks that hold a picture, by what else they show; those first that show the same as is asked for."""
    found: dict[str, list[TaskId]] = {}
    for task, shown in zip(one.tasks, one.contexts, strict=True):
        if task != itself:
            found.setdefault(shown if context else "", []).append(task)
    return [(shown, tuple(found[shown])) for shown in sorted(found, key=lambda shown: shown != context)]


def _features(store: Store, pixels: str) -> Features | None:
    return unpacked(store.features(pixels, FEATURES))


def _picture(known: _Known, one: Known) -> Rgb | None:
    """A known picture for the fine look; None where its source cannot be asked, or has another one there by now."""
    pictures = (_read(known, *place, one.pixels) for place in zip(one.tasks, one.locations, strict=True))
    return next((picture for picture in pictures if picture is not None), None)


def _read(known: _Known, task: TaskId, location: str, pixels: str) -> Rgb | None:
    try:
        content = known.source().read(Task(task, (location,)), location)
        if content is not None:
            region, ignored = known.settings.region, known.settings.ignored
            if f"{decode(content.data, region=region).digest}{without(ignored)}" == pixels:
                return decode(content.data, region=region, long_side=FINE_SIDE).rgb
    except (ImageProblem, ServerError):
        pass
    return None
