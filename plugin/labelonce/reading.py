"""Tasks → known images: fetch, decode and embed what the store does not know yet."""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelonce.embedding.base import Embedder
from labelonce.errors import ImageProblem
from labelonce.images.decoding import decode
from labelonce.progress import Progress
from labelonce.sources.base import Source
from labelonce.store import ImageRecord, Store
from labelonce.tasks import Task, TaskId
from labelonce.verification import FEATURES_VERSION, extract

BATCH = 32
FEATURES = str(FEATURES_VERSION)


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
        SHA-256 of the bytes of a task's images, in order.
    problems
        Tasks whose images cannot be compared, with the reason.
    origins
        Where the picture of each row came from: a task, and the location in it.
    """

    records: Sequence[ImageRecord]
    vectors: NDArray[np.float32]
    rows: dict[TaskId, tuple[int, ...]]
    digests: dict[TaskId, tuple[str, ...]]
    problems: dict[TaskId, str]
    origins: Sequence[tuple[Task, str]]


@dataclass(frozen=True)
class _Fetched:
    """One image after its worker: known already, or ready for the network."""

    record: ImageRecord
    vector: NDArray[np.float32] | None = None
    prepared: NDArray[Any] | None = None
    features: bytes | None = None


class Reader:
    """Fetches, decodes and embeds.

    Parameters
    ----------
    source, embedder, store
        Where images come from, what embeds them, and what is known already.
    with_features
        Whether features for the verification are needed.
    workers
        Threads that fetch and decode.
    max_pixels
        Larger pictures are not decoded.
    """

    def __init__(
        self,
        source: Source,
        embedder: Embedder,
        store: Store,
        *,
        with_features: bool = True,
        workers: int = 4,
        max_pixels: int = 170_000_000,
    ) -> None:
        self._source = source
        self._embedder = embedder
        self._store = store
        self._with_features = with_features
        self._workers = workers
        self._max_pixels = max_pixels

    def read(self, tasks: Sequence[Task], progress: Progress) -> KnownImages:
        """Make the images of `tasks` known.

        A task one of whose images cannot be used is listed with the reason; it stops nothing.
        """
        problems = {task.id: task.problem for task in tasks if task.problem is not None}
        problems |= {task.id: "the task has no image" for task in tasks if task.problem is None and not task.images}
        wanted = [task for task in tasks if task.id not in problems]
        records: dict[str, ImageRecord] = {}
        origins: dict[str, tuple[Task, str]] = {}
        vectors: dict[str, NDArray[np.float32]] = {}
        found: dict[TaskId, list[ImageRecord]] = {}
        batch: list[_Fetched] = []

        def flush() -> None:
            self._embed(batch, vectors)
            batch.clear()

        with progress.stage("Reading images", sum(len(task.images) for task in wanted)) as advance:
            for task, location, fetched in self._fetch(wanted):
                advance(1)
                if isinstance(fetched, ImageProblem):
                    problems.setdefault(task.id, str(fetched))
                    continue
                digest = fetched.record.pixels
                found.setdefault(task.id, []).append(fetched.record)
                if fetched.vector is not None:
                    vectors[digest] = fetched.vector
                if fetched.prepared is not None:
                    batch.append(fetched)
                records.setdefault(digest, fetched.record)
                origins.setdefault(digest, (task, location))
                if len(batch) >= BATCH:
                    flush()
            flush()
        usable = [task.id for task in wanted if task.id not in problems]
        pixels = sorted({record.pixels for task in usable for record in found[task]})
        row = {digest: number for number, digest in enumerate(pixels)}
        matrix = np.zeros((len(pixels), self._embedder.dimension), np.float32)
        for digest, number in row.items():
            matrix[number] = vectors[digest]
        return KnownImages(
            records=[records[digest] for digest in pixels],
            vectors=matrix,
            rows={task: tuple(row[record.pixels] for record in found[task]) for task in usable},
            digests={task: tuple(record.digest for record in found[task]) for task in usable},
            problems=problems,
            origins=[origins[digest] for digest in pixels],
        )

    def features(self, images: KnownImages, row: int) -> bytes | None:
        """Features of a picture as `extract` packs them; made again where the store lost them.

        None where the picture cannot be had again.
        """
        pixels = images.records[row].pixels
        content = self._store.features(pixels, FEATURES)
        if content is not None:
            return content
        try:
            picture = decode(self._source.read(*images.origins[row]), max_pixels=self._max_pixels)
        except ImageProblem:
            return None
        if picture.digest != pixels:  # somebody changed it meanwhile
            return None
        content = extract(picture).to_bytes()
        self._store.put_images([], [], [(pixels, FEATURES, content)])
        return content

    def _fetch(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, str, _Fetched | ImageProblem]]:
        """Fetch in order, a bounded number ahead, so that memory does not grow with the project."""
        jobs = ((task, location) for task in tasks for location in task.images)
        ahead: deque[tuple[Task, str, Future[_Fetched | ImageProblem]]] = deque()
        with ThreadPoolExecutor(self._workers, thread_name_prefix="labelonce-read") as pool:
            try:
                for task, location in jobs:
                    ahead.append((task, location, pool.submit(self._one, task, location)))
                    if len(ahead) > 4 * self._workers:
                        first, its_location, future = ahead.popleft()
                        yield first, its_location, future.result()
                while ahead:
                    first, its_location, future = ahead.popleft()
                    yield first, its_location, future.result()
            finally:
                for _, _, future in ahead:
                    future.cancel()

    def _one(self, task: Task, location: str) -> _Fetched | ImageProblem:
        try:
            data = self._source.read(task, location)
            digest = hashlib.sha256(data).hexdigest()
            record = self._store.image(digest)
            known = self._known(record) if record is not None else None
            if known is not None:
                return known
            picture = decode(data, max_pixels=self._max_pixels)
        except ImageProblem as problem:
            return problem
        record = ImageRecord(digest, picture.digest, picture.width, picture.height, picture.sharpness)
        return _Fetched(
            record,
            prepared=self._embedder.prepare(picture),
            features=extract(picture).to_bytes() if self._with_features else None,
        )

    def _known(self, record: ImageRecord) -> _Fetched | None:
        vector = self._store.vector(record.pixels, self._embedder.identity)
        if vector is None or vector.shape != (self._embedder.dimension,):
            return None
        if self._with_features and not self._store.has_features(record.pixels, FEATURES):
            return None
        return _Fetched(record, vector=vector)

    def _embed(self, batch: Sequence[_Fetched], vectors: dict[str, NDArray[np.float32]]) -> None:
        if not batch:
            return
        new = {one.record.pixels: one for one in batch if one.record.pixels not in vectors}
        if new:
            embedded = self._embedder.embed([one.prepared for one in new.values() if one.prepared is not None])
            vectors.update(zip(new, embedded, strict=True))
        model = self._embedder.identity
        self._store.put_images(
            [one.record for one in batch],
            [(pixels, model, vectors[pixels]) for pixels in {one.record.pixels for one in batch}],
            [(one.record.pixels, FEATURES, one.features) for one in batch if one.features is not None],
        )
