"""Tasks → known images: what the store does not know yet is fetched, decoded and embedded, all at the same time.

    look up ──▶ fetch ──────────▶ decode, embed, describe ──▶ remember
    in bulk     threads that wait  a thread for each core      in bulk

Every stage works a bounded number of images ahead of the next one, so that memory does not grow with the project, and
all of them keep the order of the tasks, so that the outcome does not depend on who was fast.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from labelonce.embedding.base import Embedder
from labelonce.errors import ImageProblem, ImageUnavailable
from labelonce.features import FEATURES_VERSION, extract
from labelonce.fetching import TOGETHER, Fetched, Fetcher, Job, Known
from labelonce.images.decoding import Picture, decode, pixels_of
from labelonce.images.ignoring import filled_up
from labelonce.images.parts import PARTS
from labelonce.images.regions import Region, without
from labelonce.images.views import VIEWS
from labelonce.progress import Progress
from labelonce.sources.base import Content, Source
from labelonce.spool import Spool
from labelonce.store import ImageRecord, Store, place_of
from labelonce.tasks import Task, TaskId
from labelonce.threads import cores, threads

FEATURES = str(FEATURES_VERSION)
WRITTEN = 64  # images that are remembered at once
FINE_SIDE = 2000  # pixels at which pictures are compared closely: text of a whole page is read there

T = TypeVar("T")


@dataclass(frozen=True)
class KnownImages:
    """The images of all tasks, each picture once.

    Parameters
    ----------
    records
        One for each row: an image with these pixels.
    vectors
        (n, dimension) float32, rows of unit norm.
    rows
        The rows of a task's images, in order.
    digests
        Digests of the bytes of a task's images, in order; with what counts behind it where that is a part only.
    problems
        Tasks whose images cannot be compared, with the reason.
    origins
        Where the picture of each row came from: a task, and the location in it.
    views
        By name of the view, the vectors of the pictures held otherwise, each as `vectors`.
    tasks
        What was read, the tasks with problems included.
    parts
        By name of the part, the vectors of parts of the pictures, each as `vectors`.
    """

    records: Sequence[ImageRecord]
    vectors: NDArray[np.float32]
    rows: dict[TaskId, tuple[int, ...]]
    digests: dict[TaskId, tuple[str, ...]]
    problems: dict[TaskId, str]
    origins: Sequence[tuple[Task, str]]
    views: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    tasks: Sequence[Task] = ()
    parts: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Outcome:
    """What became of a job. `vectors` is None where the picture has its row already."""

    job: Job
    result: ImageRecord | ImageProblem
    vectors: NDArray[np.float32] | None = None
    features: bytes | None = None
    validator: str | None = None
    fresh: bool = False  # made in this run, and not in the store


class Reader:
    """Fetches, decodes and embeds.

    Parameters
    ----------
    source, embedder, store
        Where images come from, what embeds them, and what is known already.
    with_features
        Whether features for the verification are needed.
    workers
        Threads that fetch. Those that decode and embed are as many as there are cores.
    max_pixels
        Larger pictures are not decoded.
    region
        The part of every image that counts, unless its task names another.
    ignored
        Places of every image that do not count, in percent of that part.
    views
        Names of the views in which every picture is embedded too.
    parts
        Names of the parts of every picture that are embedded too.
    spool
        Keeps the bytes of images that were fetched, for `picture`; None fetches them again.
    """

    def __init__(
        self,
        source: Source,
        embedder: Embedder,
        store: Store,
        *,
        with_features: bool = True,
        workers: int = 16,
        max_pixels: int = 170_000_000,
        region: Region | None = None,
        ignored: Sequence[Region] = (),
        views: Sequence[str] = (),
        parts: Sequence[str] = (),
        spool: Spool | None = None,
    ) -> None:
        self._spool = spool if source.distant else None
        self._source = source
        self._embedder = embedder
        self._store = store
        self._with_features = with_features
        self._workers = workers
        self._fetcher = Fetcher(source, workers)
        self._max_pixels = max_pixels
        self._region = region
        self._ignored = tuple(ignored)
        self._without = without(ignored)  # part of every key: what is remembered is of pictures without these places
        self._views, self._parts_seen = tuple(views), tuple(parts)
        self._seen = {**{view: VIEWS[view] for view in views}, **{part: PARTS[part] for part in parts}}
        self._models = (embedder.identity, *(f"{embedder.identity}@{name}" for name in self._seen))

    def read(self, tasks: Sequence[Task], progress: Progress, *, before: KnownImages | None = None) -> KnownImages:
        """Make the images of `tasks` known.

        A task one of whose images cannot be used is listed with the reason; it stops nothing.

        Parameters
        ----------
        before
            What this reader read before, of other tasks: they are in what is returned too.
        """
        problems = {task.id: task.problem for task in tasks if task.problem is not None}
        problems |= {task.id: "the task has no image" for task in tasks if task.problem is None and not task.images}
        wanted = [task for task in tasks if task.id not in problems]
        count = sum(len(task.images) for task in wanted)
        gathered = _Gathered(count, len(self._models), self._embedder.dimension, problems, before)
        unwritten: list[_Outcome] = []
        with (
            progress.stage("Reading images", count) as advance,
            threads(self._workers, "fetch") as fetchers,
            threads(cores(), "look") as lookers,
        ):
            for outcome in self._looked_at(self._fetcher.batches(self._jobs(wanted), fetchers), lookers, gathered):
                gathered.add(outcome)
                advance(1)
                if outcome.validator is not None or outcome.fresh:
                    unwritten.append(outcome)
                if len(unwritten) >= WRITTEN:
                    self._remember(unwritten)
                    unwritten = []
            self._remember(unwritten)
        return gathered.images([*before.tasks, *tasks] if before else tasks, self._views, self._parts_seen)

    def features(self, images: KnownImages, row: int) -> bytes | None:
        """Features of a picture as `extract` packs them; made again where the store lost them.

        None where the picture cannot be had again.
        """
        pixels = images.records[row].pixels
        content = self._store.features(pixels, FEATURES)
        if content is not None:
            return content
        read = partial(decode, max_pixels=self._max_pixels)
        picture = self._again(*images.origins[row], images.records[row].digest, read)
        if picture is None:
            return None
        content = extract(self._without_ignored(picture)).to_bytes()
        self._store.put_images([], [], [(pixels, FEATURES, content)])
        return content

    def picture(self, images: KnownImages, row: int) -> NDArray[np.uint8] | None:
        """(h, w, 3) uint8 RGB of a picture for the fine look, its long side at most `FINE_SIDE`.

        None where it cannot be had again, or somebody changed it meanwhile.
        """
        read = partial(pixels_of, max_pixels=self._max_pixels, long_side=FINE_SIDE)
        return self._again(*images.origins[row], images.records[row].digest, read)

    def _again(self, task: Task, location: str, digest: str, read: Callable[[bytes, Region | None], T]) -> T | None:
        """Read an image that was there before; None where it is gone, or its bytes are others now."""
        try:
            data = self._spool.get(digest) if self._spool else None
            content = Content(data) if data is not None else self._source.read(task, location)
            regions = {region for place, region in self._parts(task) if place == location}
            for region in regions:
                if content is not None and self._digest(content, region) == digest:
                    return read(content.data, region)
        except ImageProblem:
            pass
        return None

    def _without_ignored(self, picture: Picture) -> Picture:
        return replace(picture, rgb=filled_up(picture.rgb, self._ignored))

    def _place(self, location: str, region: Region | None) -> bytes:
        return place_of(self._source.identity, location, f"{region}{self._without}")

    def _digest(self, content: Content, region: Region | None) -> str:
        """SHA-256 of the bytes, with what counts of the picture behind it."""
        digest = hashlib.sha256(content.data).hexdigest()
        return (digest if region is None else f"{digest}@{region}") + self._without

    def _parts(self, task: Task) -> list[tuple[str, Region | None]]:
        """The locations of a task's images, each with the region that counts."""
        regions = task.regions or (None,) * len(task.images)
        return [(place, region or self._region) for place, region in zip(task.images, regions, strict=True)]

    def _jobs(self, tasks: Iterable[Task]) -> Iterator[Job]:
        """Every image, with what the store knows of its place."""
        parts = ((task, location, region) for task in tasks for location, region in self._parts(task))
        while some := list(islice(parts, TOGETHER)):
            places = [self._place(location, region) for _, location, region in some]
            found = self._store.places(places)
            vectors = self._complete(record for _, record in found.values())
            for (task, location, region), place in zip(some, places, strict=True):
                validator, record = found.get(place, (None, None))
                known = None
                if validator is not None and record is not None and record.pixels in vectors:
                    known = Known(validator, record, vectors[record.pixels])
                yield Job(task, location, region, place, known)

    def _complete(self, records: Iterable[ImageRecord]) -> dict[str, NDArray[np.float32]]:
        """Vectors by pixels, (models, dimension) each, of the images of which the store has all that is needed."""
        pixels = list({record.pixels for record in records})
        by_model = [self._store.vectors(pixels, model) for model in self._models]
        usable: Collection[str] = self._store.featured(pixels, FEATURES) if self._with_features else pixels
        shape = (self._embedder.dimension,)
        return {
            key: np.stack([found[key] for found in by_model])
            for key in usable
            if all(key in found and found[key].shape == shape for found in by_model)
        }

    def _looked_at(
        self, batches: Iterator[list[tuple[Job, Fetched]]], pool: Executor, gathered: "_Gathered"
    ) -> Iterator[_Outcome]:
        """Look at what was fetched, in order, some batches ahead."""
        ahead: deque[Future[list[_Outcome]]] = deque()
        for batch in batches:
            if any(isinstance(one, Content) for _, one in batch):
                ahead.append(pool.submit(self._look, batch, gathered))
            else:
                ahead.append(Future())
                ahead[-1].set_result(self._look(batch, gathered))
            while ahead and (len(ahead) > cores() + 1 or ahead[0].done()):
                yield from ahead.popleft().result()
        while ahead:
            yield from ahead.popleft().result()

    def _look(self, batch: Sequence[tuple[Job, Fetched]], gathered: "_Gathered") -> list[_Outcome]:
        """Decode and embed what neither the store nor this run has met before."""
        named = [(job, one, self._digest(one, job.region) if isinstance(one, Content) else "") for job, one in batch]
        contents = {digest: (one.data, job.region) for job, one, digest in named if isinstance(one, Content)}
        if self._spool:
            for digest, (data, _) in contents.items():
                self._spool.put(digest, data)
        results: dict[str, ImageRecord | ImageProblem] = {
            digest: gathered.records[digest] for digest in contents if digest in gathered.records
        }
        remembered = self._store.images([digest for digest in contents if digest not in results])
        vectors = self._complete(remembered.values())
        results |= {digest: record for digest, record in remembered.items() if record.pixels in vectors}
        pictures: dict[str, Picture] = {}
        fresh = {digest: content for digest, content in contents.items() if digest not in results}
        for digest, (data, region) in fresh.items():
            try:
                picture = self._without_ignored(decode(data, max_pixels=self._max_pixels, region=region))
            except ImageProblem as problem:
                results[digest] = problem
                continue
            size = picture.width, picture.height
            pixels = f"{picture.digest}{self._without}"
            results[digest] = ImageRecord(digest, pixels, *size, picture.sharpness, picture.captured)
            if pixels not in gathered.rows and pixels not in vectors:
                pictures[pixels] = picture
        vectors |= self._embedded(pictures)
        features = {key: extract(picture).to_bytes() for key, picture in pictures.items() if self._with_features}
        outcomes = []
        for job, one, digest in named:
            if isinstance(one, ImageProblem):
                outcomes.append(_Outcome(job, one))
            elif one is None:
                outcomes.append(_unchanged(job))
            else:
                result = results[digest]
                pixels = result.pixels if isinstance(result, ImageRecord) else ""
                made = vectors.get(pixels), features.get(pixels), one.validator, digest in fresh
                outcomes.append(_Outcome(job, result, *made))
        return outcomes

    def _embedded(self, pictures: Mapping[str, Picture]) -> dict[str, NDArray[np.float32]]:
        """Vectors by pixels, (models, dimension) each: of every picture as it is, in every view, and of its parts."""
        if not pictures:
            return {}
        whole = list(pictures.values())
        made = [self._embedder.embed([self._embedder.prepare(picture) for picture in whole])]
        for see in self._seen.values():
            made.append(made[0].copy())
            shown = [(number, see(picture.rgb)) for number, picture in enumerate(whole)]
            other = {number: rgb for number, rgb in shown if rgb is not whole[number].rgb}  # a part may be all of it
            if other:
                held = [self._embedder.prepare(replace(whole[number], rgb=rgb)) for number, rgb in other.items()]
                made[-1][list(other)] = self._embedder.embed(held)
        return dict(zip(pictures, np.stack(made, axis=1), strict=True))

    def _remember(self, outcomes: Sequence[_Outcome]) -> None:
        """Write what is new."""
        usable = [(one, one.result) for one in outcomes if isinstance(one.result, ImageRecord)]
        new = [(one, record) for one, record in usable if one.fresh]  # a picture that is met again has no vectors
        vectors = {record.pixels: one.vectors for one, record in new if one.vectors is not None}
        features = {record.pixels: one.features for one, record in new if one.features is not None}
        self._store.put_images(
            {record.digest: record for _, record in new}.values(),
            [(pixels, *pair) for pixels, rows in vectors.items() for pair in zip(self._models, rows, strict=True)],
            [(pixels, FEATURES, content) for pixels, content in features.items()],
            [(one.job.place, one.validator, record.digest) for one, record in usable if one.validator is not None],
        )


class _Gathered:
    """The outcomes so far; the threads that decode look into it to see what was met already."""

    def __init__(
        self, count: int, models: int, dimension: int, problems: dict[TaskId, str], before: KnownImages | None
    ) -> None:
        known = len(before.records) if before else 0
        self.records: dict[str, ImageRecord] = {}  # by the digest of the bytes
        self.rows: dict[str, int] = {}  # by the digest of the pixels
        self._vectors = np.empty((models, known + count, dimension), np.float32)  # takes memory as it is filled
        self._firsts: list[ImageRecord] = []  # by row, as are the origins
        self._origins: list[tuple[Task, str]] = []
        self._rows: dict[TaskId, tuple[int, ...]] = {}
        self._digests: dict[TaskId, tuple[str, ...]] = {}
        self._problems = problems
        if before:
            self.records = {record.digest: record for record in before.records}
            self.rows = {record.pixels: row for row, record in enumerate(before.records)}
            self._vectors[:, :known] = (before.vectors, *before.views.values(), *before.parts.values())
            self._firsts, self._origins = list(before.records), list(before.origins)
            self._rows, self._digests = dict(before.rows), dict(before.digests)
            self._problems = {**before.problems, **problems}

    def add(self, outcome: _Outcome) -> None:
        """Take in the next outcome; its picture gets a row if it has none."""
        task, result = outcome.job.task, outcome.result
        if isinstance(result, ImageProblem):
            self._problems.setdefault(task.id, str(result))
            return
        if result.pixels not in self.rows:
            self._vectors[:, len(self.rows)] = outcome.vectors
            self._firsts.append(result)
            self._origins.append((task, outcome.job.location))
            self.rows[result.pixels] = len(self.rows)
        record = self.records.setdefault(result.digest, result)
        self._rows[task.id] = (*self._rows.get(task.id, ()), self.rows[record.pixels])
        self._digests[task.id] = (*self._digests.get(task.id, ()), record.digest)

    def images(self, tasks: Sequence[Task], views: Sequence[str], parts: Sequence[str]) -> KnownImages:
        """What is known of the tasks."""
        for task in self._problems.keys() & self._rows.keys():
            del self._rows[task], self._digests[task]
        vectors, *others = self._vectors[:, : len(self.rows)]
        held, shown = dict(zip(views, others, strict=False)), dict(zip(parts, others[len(views) :], strict=True))
        rows, digests, problems = self._rows, self._digests, self._problems
        return KnownImages(self._firsts, vectors, rows, digests, problems, self._origins, held, tasks, shown)


def _unchanged(job: Job) -> _Outcome:
    known = job.known
    if known is None:  # a source may say so only of what it was asked about
        return _Outcome(job, ImageUnavailable("its source takes it for known, but it is not"))
    return _Outcome(job, known.record, known.vectors)
