"""Images → their files: some ahead of whoever waits for them, in order, as many as memory allows."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from labelonce.errors import ImageProblem
from labelonce.images.regions import Region
from labelonce.sources.base import Content, Source
from labelonce.store import ImageRecord
from labelonce.tasks import Task

BATCH = 8  # images that one thread decodes and embeds at a time
TOGETHER = 256  # images that are looked up at once
AHEAD = 4  # files under way for each thread that fetches
BYTES_AHEAD = 1 << 27  # of files under way: there are fewer when they are large
BATCH_BYTES = 1 << 24
FIRST_GUESS = 1 << 24  # bytes that a file may have, until some were seen
SEEN = 8  # files whose sizes say how large the next ones may be

Fetched: TypeAlias = Content | ImageProblem | None  # None: it is as it was


@dataclass(frozen=True)
class Known:
    """What the store has of a place: `vectors` is (models, dimension)."""

    validator: str
    record: ImageRecord
    vectors: NDArray[np.float32]


@dataclass(frozen=True)
class Job:
    """One image of a task."""

    task: Task
    location: str
    region: Region | None
    place: bytes
    known: Known | None


class Fetcher:
    """Fetches images.

    Parameters
    ----------
    source
        Where they come from.
    workers
        Threads that fetch.
    """

    def __init__(self, source: Source, workers: int) -> None:
        self._source = source
        self._workers = workers

    def batches(self, jobs: Iterable[Job], pool: Executor) -> Iterator[list[tuple[Job, Fetched]]]:
        """Parts of some work each, in order: what was not fetched makes none.

        Parameters
        ----------
        pool
            The threads that fetch.
        """
        batch: list[tuple[Job, Fetched]] = []
        sizes: list[int] = []
        for job, one in self._fetched(jobs, pool):
            batch.append((job, one))
            if isinstance(one, Content):
                sizes.append(len(one.data))
            if len(sizes) >= BATCH or sum(sizes) >= BATCH_BYTES or len(batch) >= TOGETHER:
                yield batch
                batch, sizes = [], []
        if batch:
            yield batch

    def _fetched(self, jobs: Iterable[Job], pool: Executor) -> Iterator[tuple[Job, Fetched]]:
        """Fetch in order, as many files ahead as the threads are worth and memory allows."""
        ahead: deque[tuple[Job, Future[Fetched]]] = deque()
        sizes = deque([FIRST_GUESS], maxlen=SEEN)

        def first() -> tuple[Job, Fetched]:
            job, future = ahead.popleft()
            fetched = future.result()
            sizes.append(len(fetched.data) if isinstance(fetched, Content) else 0)
            return job, fetched

        for job in jobs:
            ahead.append((job, pool.submit(self._fetch, job)))
            while len(ahead) > min(AHEAD * self._workers, BYTES_AHEAD // max(*sizes, 1)):
                yield first()
        while ahead:
            yield first()

    def _fetch(self, job: Job) -> Fetched:
        try:
            return self._source.read(job.task, job.location, job.known.validator if job.known else None)
        except ImageProblem as problem:
            return problem
