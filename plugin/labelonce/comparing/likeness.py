"""Two images → how alike they are, and whether the present settings take them for duplicates.

The same verdict as the pipeline's: pairs are looked at from a similarity on, in the view in which they look most
alike, and verified by geometry. Here for images that are named one by one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labelonce import embedding
from labelonce.embedding.base import Embedder
from labelonce.errors import ConfigurationError, ImageUnavailable
from labelonce.features import Features
from labelonce.images.views import VIEWS
from labelonce.levels import Rules, level_of, rules_from
from labelonce.pipeline import limits_of, reader_of, threshold_of
from labelonce.progress import Progress
from labelonce.reading import KnownImages, Reader
from labelonce.settings import Settings
from labelonce.sources.base import Source
from labelonce.sources.named import Named, NamedSource
from labelonce.store import Store
from labelonce.tasks import TaskId, shown_apart
from labelonce.verification import Rgb, Verdict, verify

QUIET = Progress()

Vector = NDArray[np.float32]

BY_SIMILARITY = "by similarity alone: the features are not in the store"


@dataclass(frozen=True)
class Likeness:
    """How alike two images are, or two tasks with several images, by the least alike of them.

    Parameters
    ----------
    similarity
        100 x cosine similarity of the embeddings, percent: -100 to 100.
    duplicates
        Whether they count as duplicates of each other.
    reason
        Why, for a person.
    level
        How alike they have to be (`levels`); None where nothing is verified.
    view
        How the second image is held to look most alike; empty for as it is.
    verdict
        What the verification found in the images that decided; None where it was not asked.
    image
        Which of the images that is, from 0.
    """

    similarity: float
    duplicates: bool
    reason: str
    level: str | None = None
    view: str = ""
    verdict: Verdict | None = None
    image: int = 0


@dataclass(frozen=True)
class Look:
    """One picture as it is compared.

    Parameters
    ----------
    pixels
        Digest of its pixels, as in `ImageRecord`.
    vector
        (dimension,) float32, of unit norm.
    features
        Loads what the verification sees of it; None where that cannot be had.
    digest
        Digest of its bytes, as in `ImageRecord`; None where it is not known.
    views
        By name of the view, the vectors of the picture held otherwise.
    picture
        Loads it for the fine look, as `Reader.picture` does; None where that cannot be had.
    """

    pixels: str
    vector: Vector
    features: Callable[[], Features | None]
    picture: Callable[[], Rgb | None]
    digest: str | None = None
    views: Mapping[str, Vector] = field(default_factory=dict)


@dataclass(frozen=True)
class Subject:
    """What is compared: an image, or those of a task in order.

    Parameters
    ----------
    context
        What else people see there, as in `Task`; empty for an image that is in no task.
    """

    looks: tuple[Look, ...]
    context: str = ""

    def apart(self, other: "Subject") -> str:
        """What differs beside the pictures, for a person; nothing is known to where one of them is in no task."""
        return shown_apart(self.context, other.context) if self.context and other.context else ""

    def held(self) -> "Subject":
        """The same, for many comparisons: its features are loaded once."""
        looks = (replace(one, features=cache(one.features), picture=cache(one.picture)) for one in self.looks)
        return replace(self, looks=tuple(looks))


@dataclass(frozen=True)
class Measure:
    """What decides whether two images are duplicates.

    Parameters
    ----------
    threshold
        Cosine similarity from which on two images are looked at.
    alone
        Cosine similarity from which on they are duplicates where the verification has no features.
    rules
        Thresholds of the verification; None takes every pair that is similar enough.
    level
        Name of the level behind the rules.
    """

    threshold: float
    alone: float
    rules: Rules | None = None
    level: str | None = None

    def compare(self, known: Subject, image: Subject) -> Likeness:
        """Compare two subjects of as many images, each with its counterpart. The second one is held in its views."""
        pairs = list(zip(known.looks, image.looks, strict=True))
        copies = all(one.pixels == other.pixels for one, other in pairs)
        by_view = {view: [_cosine(one, other, view) for one, other in pairs] for view in ("", *_views(image))}
        view = "" if copies else max(by_view, key=lambda name: min(by_view[name]))  # the first of equal ones: as it is
        cosine = 1.0 if copies else min(by_view[view])
        made = partial(Likeness, 100 * cosine, level=self.level, view=view)
        if apart := known.apart(image):
            return made(False, apart)
        if copies:
            equal = all(one.digest is not None and one.digest == other.digest for one, other in pairs)
            return made(True, "byte copy" if equal else "same pixels")
        near, least = np.float32(cosine) >= np.float32(self.threshold), f"{100 * self.threshold:.4g} %"  # as the search
        if self.rules is None:
            return made(bool(near), f"{'at least' if near else 'less than'} {least} alike")
        if not near:
            return made(False, f"less alike than the {least} from which on pairs are looked at")
        verdicts = [self._verdict(*pair, at, view, self.rules) for pair, at in zip(pairs, by_view[view], strict=True)]
        passed = all(accepted for accepted, _, _ in verdicts)
        why = "; ".join(dict.fromkeys(reason for accepted, reason, _ in verdicts if accepted == passed))
        decisive = [
            (verdict.doubt, -number, verdict)
            for number, (accepted, _, verdict) in enumerate(verdicts)
            if verdict is not None and accepted == passed
        ]
        _, number, verdict = max(decisive, key=lambda one: one[:2], default=(0.0, 0, None))
        return made(passed, f"{view}: {why}" if view else why, verdict=verdict, image=-number)

    def _verdict(
        self, one: Look, other: Look, cosine: float, view: str, rules: Rules
    ) -> tuple[bool, str, Verdict | None]:
        if one.pixels == other.pixels and not view:
            return True, "same pixels", None
        a, b = one.features(), other.features()
        if a is None or b is None:
            return cosine >= self.alone, BY_SIMILARITY, None

        def pictures() -> tuple[Rgb, Rgb] | None:
            first, second = one.picture(), other.picture()
            if first is None or second is None:
                return None
            return first, VIEWS[view](second) if view else second

        found = verify(a, b.seen(VIEWS[view]) if view else b, cosine, rules, pictures)
        return found.accepted, str(found), found


def measure_of(settings: Settings, embedder: Embedder, controls: Sequence[str] = ()) -> Measure:
    """What the settings decide by.

    Parameters
    ----------
    controls
        Names of the labelling configuration's control tags, which the level ``auto`` asks; none without a project.
    """
    threshold = threshold_of(settings, embedder)
    if not settings.verifies:
        return Measure(threshold, threshold)
    alone = embedder.similarity if settings.eps is None else max(threshold, embedder.similarity)
    level = level_of(settings, controls).name
    rules = rules_from(settings, level, **limits_of(embedder))
    return Measure(threshold, alone, rules, level)


def similarity(
    a: str | Path | Named,
    b: str | Path | Named,
    settings: Settings | None = None,
    progress: Progress = QUIET,
    *,
    controls: Sequence[str] = (),
) -> Likeness:
    """Say how alike two images are, and whether they count as duplicates.

    Tasks with several images are compared image by image, in order.

    Parameters
    ----------
    a, b
        A file or an http(s) URL, or what `task_of` names.
    settings
        The model and the thresholds. With ``invariant``, `b` is mirrored and turned too.
    controls
        Names of the labelling configuration's control tags, which the level ``auto`` asks.

    Raises
    ------
    ConfigurationError
        An image does not exist or cannot be compared, a setting is wrong, or the tasks have not as many images each.
    """
    with opened(a, b, settings or Settings(), progress, controls=controls) as (measure, one, other):
        return measure.compare(one, other)


@contextmanager
def opened(
    a: str | Path | Named, b: str | Path | Named, settings: Settings, progress: Progress, *, controls: Sequence[str]
) -> Iterator[tuple[Measure, Subject, Subject]]:
    """Read two images, and what decides about them; raises as `similarity` does."""
    embedder = embedding.load(settings.chosen_model, settings.weights, settings.scaling)
    measure = measure_of(settings, embedder, controls)
    images = named([a, b], settings)
    store = Store(settings.store_path, progress)
    try:
        subjects = look(images, embedder, store, settings, progress)
        one, other = (usable(*pair) for pair in zip(images, subjects, strict=True))
        if len(one.looks) != len(other.looks):
            raise ConfigurationError(
                f"{images[0].name!r} has {len(one.looks)} images and {images[1].name!r} {len(other.looks)}. Tasks are "
                "compared image by image: name two with as many images each."
            )
        yield measure, one, other
    finally:
        store.close()


def named(images: Sequence[str | Path | Named], settings: Settings) -> list[Named]:
    """Name the files and URLs that are not named yet."""
    source = NamedSource(**settings.fetching)
    return [image if isinstance(image, Named) else source.image(image) for image in images]


def look(
    images: Sequence[Named], embedder: Embedder, store: Store, settings: Settings, progress: Progress
) -> list[Subject | ImageUnavailable]:
    """Read and embed images, in batches; what cannot be compared is told in its place."""
    sources: dict[int, tuple[Source, list[int]]] = {}
    for number, image in enumerate(images):
        sources.setdefault(id(image.source), (image.source, []))[1].append(number)
    found: dict[int, Subject | ImageUnavailable] = {}
    for source, numbers in sources.values():
        reader = reader_of(source, embedder, store, settings)
        tasks = {images[number].task.id: images[number].task for number in numbers}
        known = reader.read(list(tasks.values()), progress)
        for number in numbers:
            task = images[number].task
            problem = known.problems.get(task.id)
            found[number] = (
                Subject(looks_of(reader, known, task.id), task.context)
                if problem is None
                else ImageUnavailable(problem)
            )
    return [found[number] for number in range(len(images))]


def looks_of(reader: Reader, images: KnownImages, task: TaskId) -> tuple[Look, ...]:
    """The images of a task that is known."""
    return tuple(
        Look(
            images.records[row].pixels,
            images.vectors[row],
            partial(_load, reader, images, row),
            partial(reader.picture, images, row),
            digest,
            {view: vectors[row] for view, vectors in images.views.items()},
        )
        for row, digest in zip(images.rows[task], images.digests[task], strict=True)
    )


def usable(image: Named, subject: Subject | ImageUnavailable) -> Subject:
    """The subject.

    Raises
    ------
    ConfigurationError
        The image cannot be compared.
    """
    if isinstance(subject, ImageUnavailable):
        raise ConfigurationError(f"{image.name!r} cannot be compared: {subject}. Name another image.")
    return subject


def unpacked(content: bytes | None) -> Features | None:
    """Features as the store has them; None for damaged ones."""
    try:
        return Features.from_bytes(content) if content is not None else None
    except ValueError:
        return None


def _load(reader: Reader, images: KnownImages, row: int) -> Features | None:
    return unpacked(reader.features(images, row))


def _views(image: Subject) -> Sequence[str]:
    """The views in which all its images are known."""
    return [view for view in image.looks[0].views if all(view in look.views for look in image.looks)]


def _cosine(one: Look, other: Look, view: str) -> float:
    """Summed in float64, as the search does."""
    vector = other.views[view] if view else other.vector
    return max(-1.0, min(1.0, float(np.einsum("d,d->", one.vector, vector, dtype=np.float64))))
