"""The known pictures of one source, beside the store, for questions about single pictures.

`labelonce check` and `labelonce neighbors` ask which of the known pictures are like a new one. The store could tell
row by row; a catalogue has the vectors of one source in one matrix, in half precision and mapped into memory, and
beside it the tasks that hold each picture. It only saves time and can be deleted.

    STORE.catalogue/KEY/vectors-HASH      (n, dimension) float16, little-endian
    STORE.catalogue/KEY/pictures.sqlite3  what it is a catalogue of, the hash, and a row for each of the matrix

The second file names the first, and is replaced last: whoever reads meets both files of one run. What is added later
goes behind the vectors that are there, and the second file, which says how many of them count, is replaced again.
"""

import json
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labelonce import databases
from labelonce.databases import Kind
from labelonce.errors import ConfigurationError
from labelonce.progress import Progress
from labelonce.tasks import TaskId

FORMAT = 3
PICTURES = "pictures.sqlite3"
MATRIX = re.compile("vectors-[0-9a-f]{32}")
SCHEMA = """
CREATE TABLE about (content TEXT NOT NULL);
CREATE TABLE pictures ("row" INTEGER PRIMARY KEY, pixels TEXT NOT NULL UNIQUE, held TEXT NOT NULL)
"""
KIND = Kind("a file", 0, SCHEMA, "name another --store")
HALF = np.dtype("<f2")
BLOCK = 128  # rows that are widened at a time: they fit into a core's cache
WIDE = 2048  # rows, where they are compared with many vectors at once
ASKED = 512  # of those
ERROR = 2**-11  # of a cosine of unit vectors, one of them rounded to half precision (Cauchy-Schwarz)

_QUIET = Progress()
_Near: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]
_NOTHING: _Near = np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32)


@dataclass(frozen=True)
class Known:
    """A known picture.

    Parameters
    ----------
    row
        Its number in the catalogue.
    pixels
        Digest of its pixels, as in `ImageRecord`.
    tasks
        The tasks that hold it, ascending.
    locations
        Where it was found in each of these tasks; of data URIs the beginning.
    contexts
        `Task.context` of each of these tasks.
    """

    row: int
    pixels: str
    tasks: tuple[TaskId, ...]
    locations: tuple[str, ...]
    contexts: tuple[str, ...]


class Catalogue(AbstractContextManager["Catalogue"]):
    """The pictures of one source, as the last run knew them. `open_catalogue` makes it; it serves one thread.

    Parameters
    ----------
    model
        Identity of the embedder that made the vectors.
    controls
        `Source.controls` of the source.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # it is replaced and never changed, so nobody has to be locked out
        self._pictures = databases.read_only(folder / PICTURES)
        try:
            ((content,),) = self._pictures.execute("SELECT content FROM about")
            self.about: dict[str, Any] = json.loads(content)
            self.model = str(self.about["model"])
            self.controls = tuple(self.about["controls"])
            if MATRIX.fullmatch(str(self.about["matrix"])) is None:
                raise ValueError("it names a file elsewhere")
            self._vectors = _mapped(folder / str(self.about["matrix"]), tuple(self.about["shape"]))
        except BaseException:
            self._pictures.close()
            raise

    def __len__(self) -> int:
        return len(self._vectors)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the files."""
        self._pictures.close()

    def nearest(self, vector: NDArray[np.float32], k: int) -> list[tuple[int, float]]:
        """The rows most like a vector of unit norm, with their cosine similarity.

        Parameters
        ----------
        vector
            (dimension,) float32.
        k
            How many; all rows where there are fewer.

        Returns
        -------
        list[tuple[int, float]]
            By falling similarity, equal ones by row. The similarity is exact to `ERROR`, and so is the choice.
        """
        found = self._similarities(vector)
        k = min(k, len(found))
        if k < 1:
            return []
        return _ordered(found, np.flatnonzero(found >= np.partition(found, -k)[-k]))[:k]

    def within(self, vector: NDArray[np.float32], similarity: float) -> list[tuple[int, float]]:
        """All rows at least so similar to a vector, as `nearest` gives them.

        None is missed, and so those are among them that are less similar by up to twice `ERROR`.
        """
        found = self._similarities(vector)
        return _ordered(found, np.flatnonzero(found >= similarity - ERROR))

    def near(self, vectors: NDArray[np.float32], similarity: float, k: int) -> list[list[int]]:
        """For each of many vectors of unit norm the rows at least so similar, the `k` most similar ones of them.

        Parameters
        ----------
        vectors
            (m, dimension) float32.
        """
        found: list[list[int]] = []
        for first in range(0, len(vectors), ASKED):
            asked = vectors[first : first + ASKED]
            parts: list[_Near] = [_NOTHING]
            parts += [self._near(asked, start, similarity) for start in range(0, len(self), WIDE)]
            left, right, like = (np.concatenate(part) for part in zip(*parts, strict=True))
            order = np.lexsort((right, -like, left))
            bounds = np.searchsorted(left[order], np.arange(len(asked) + 1)).tolist()
            found += [right[order[start : min(stop, start + k)]].tolist() for start, stop in pairwise(bounds)]
        return found

    def _near(self, asked: NDArray[np.float32], start: int, similarity: float) -> _Near:
        """Of some rows: which vector, which row, how similar."""
        found = asked @ self._vectors[start : start + WIDE].astype(np.float32).T
        left, right = np.nonzero(found >= similarity - ERROR)
        return left, right + start, found[left, right]

    def find(self, pixels: str) -> int | None:
        """The row of the picture with these pixels; None where it is not known.

        Raises
        ------
        ConfigurationError
            The file is damaged.
        """
        with self._sound():
            found = self._pictures.execute('SELECT "row" FROM pictures WHERE pixels = ?', [pixels]).fetchone()
            return None if found is None else int(found[0])

    def pixels_of_tasks(self) -> dict[TaskId, set[str]]:
        """The pictures of each task, by their pixels; those that it held before may be among them.

        Raises
        ------
        ConfigurationError
            The file is damaged.
        """
        found: dict[TaskId, set[str]] = {}
        with self._sound():
            for pixels, held in self._pictures.execute("SELECT pixels, held FROM pictures"):
                for task, *_ in json.loads(held):
                    found.setdefault(task, set()).add(pixels)
        return found

    def known(self, rows: Sequence[int]) -> list[Known]:
        """What is known of some rows, in their order.

        Raises
        ------
        ConfigurationError
            The file is damaged.
        """
        with self._sound():
            return [self._known(int(row)) for row in rows]

    def _known(self, row: int) -> Known:
        query = 'SELECT pixels, held FROM pictures WHERE "row" = ?'
        ((pixels, held),) = self._pictures.execute(query, [row]).fetchall()
        return Known(row, pixels, *zip(*json.loads(held), strict=True))

    def _similarities(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n,) float32. Cosine similarity of every row."""
        found = np.empty(len(self._vectors), np.float32)
        for start in range(0, len(found), BLOCK):
            found[start : start + BLOCK] = self._vectors[start : start + BLOCK].astype(np.float32) @ vector
        return found

    @contextmanager
    def _sound(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.DatabaseError, ValueError) as error:
            raise ConfigurationError(
                f"{self._folder} is damaged ({error}). Delete it; the next run on its images makes it anew."
            ) from None


def open_catalogue(
    store_path: Path | None, identity: str, model: str, *, region: str = "", progress: Progress = _QUIET
) -> Catalogue | None:
    """Open the catalogue of a source.

    Parameters
    ----------
    store_path
        The store beside which it lies.
    identity
        `Source.identity`.
    model
        `Embedder.identity`.
    region
        The part of every image that counts, as `save_catalogue` was told.
    progress
        Is told when there is one that cannot be used.

    Returns
    -------
    Catalogue | None
        None where nothing is known of the source yet.
    """
    if store_path is None:
        return None
    what = {"format": FORMAT, "identity": identity, "model": model, "region": region}
    folder = folder_of(store_path, what)
    try:
        return opened(folder, what)
    except FileNotFoundError:
        if folder.exists():
            progress.message(f"{folder} is incomplete and not used. The next run on its images makes it anew.")
    except (OSError, sqlite3.Error, ValueError, KeyError, TypeError) as error:
        progress.message(f"{folder} is damaged and not used ({error}). The next run on its images makes it anew.")
    return None


def folder_of(store_path: Path, what: dict[str, Any]) -> Path:
    key = sha256(json.dumps(what).encode()).hexdigest()[:32]
    return store_path.with_name(f"{store_path.name}.catalogue") / key


def opened(folder: Path, what: dict[str, Any]) -> Catalogue:
    found = Catalogue(folder)
    if {key: found.about.get(key) for key in what} != what:
        found.close()
        raise ValueError("it is another source's")
    return found


def _mapped(path: Path, shape: tuple[int, ...]) -> NDArray[np.float16]:
    if path.stat().st_size < np.prod(shape) * HALF.itemsize:
        raise ValueError("vectors are missing")
    if not shape[0]:  # nothing cannot be mapped
        return np.empty(shape, HALF)
    return np.memmap(path, HALF, "r", shape=shape)


def _ordered(found: NDArray[np.float32], rows: NDArray[np.int64]) -> list[tuple[int, float]]:
    order = rows[np.lexsort((rows, -found[rows]))]
    return list(zip(order.tolist(), found[order].tolist(), strict=True))
