"""The known pictures of one source, beside the store, for questions about single pictures.

`labelonce check` and `labelonce neighbors` ask which of the known pictures are like a new one. The store could tell
row by row; a catalogue has the vectors of one source in one matrix, in half precision and mapped into memory, and
beside it the tasks that hold each picture. It only saves time and can be deleted.

    STORE.catalogue/KEY/vectors-HASH      (n, dimension) float16, little-endian
    STORE.catalogue/KEY/pictures.sqlite3  what it is a catalogue of, the hash, and a row for each of the matrix

The second file names the first, and is replaced last: whoever reads meets both files of one run.
"""

import json
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelonce.errors import ConfigurationError
from labelonce.progress import Progress
from labelonce.reading import KnownImages
from labelonce.sources.base import Source
from labelonce.tasks import Task, TaskId

FORMAT = 1
PICTURES = "pictures.sqlite3"
SETUP = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE about (content TEXT NOT NULL);
CREATE TABLE pictures ("row" INTEGER PRIMARY KEY, pixels TEXT NOT NULL UNIQUE, held TEXT NOT NULL)
"""
HALF = np.dtype("<f2")
BLOCK = 128  # rows that are widened at a time: they fit into a core's cache
ERROR = 2**-11  # of a cosine of unit vectors, one of them rounded to half precision (Cauchy-Schwarz)
URI_SHOWN = 64  # characters that are kept of a data URI
ABANDONED_SECONDS = 24 * 3600  # age of files that a run left half written

_QUIET = Progress()


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
    """

    row: int
    pixels: str
    tasks: tuple[TaskId, ...]
    locations: tuple[str, ...]


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
        path = folder / PICTURES
        path.stat()  # SQLite's own error does not say that there is none
        # immutable: it is replaced and never changed, so nobody has to be locked out
        self._pictures = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            ((content,),) = self._pictures.execute("SELECT content FROM about")
            self.about: dict[str, Any] = json.loads(content)
            self.model = str(self.about["model"])
            self.controls = tuple(self.about["controls"])
            self._vectors = _mapped(folder / _matrix(self.about["hash"]), tuple(self.about["shape"]))
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
        tasks, locations = zip(*json.loads(held), strict=True)
        return Known(row, pixels, tasks, locations)

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
    folder = _folder(store_path, what)
    try:
        return _opened(folder, what)
    except FileNotFoundError:
        if folder.exists():
            progress.message(f"{folder} is incomplete and not used. The next run on its images makes it anew.")
    except (OSError, sqlite3.Error, ValueError, KeyError, TypeError) as error:
        progress.message(f"{folder} is damaged and not used ({error}). The next run on its images makes it anew.")
    return None


def save_catalogue(
    store_path: Path | None,
    source: Source,
    model: str,
    images: KnownImages,
    progress: Progress,
    *,
    region: str = "",
) -> None:
    """Write the catalogue of a source beside the store, whole or not at all; nothing when nothing changed.

    Parameters
    ----------
    store_path
        The store beside which it lies; None writes nothing.
    source, images
        What was read, and where.
    model
        `Embedder.identity`.
    region
        The part of every image that counts.
    progress
        Is told when it cannot be written; no error is raised.
    """
    if store_path is None:
        return
    what = {"format": FORMAT, "identity": source.identity, "model": model, "region": region}
    folder = _folder(store_path, what)
    held = _held(images)
    about = {**what, "controls": source.controls, "shape": (len(held), images.vectors.shape[1])}
    content = _hash(about, images, held)
    try:
        if not _is_there(folder, what, content):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # locations may be signed URLs
            _write(folder, {**about, "hash": content}, images, held)
            _tidy(folder, content)
    except (OSError, sqlite3.Error) as error:
        progress.message(
            f"{folder} cannot be written ({error}), so that labelonce check and neighbors do not know what this run "
            "found. Free some disk space, or name another file with --store."
        )


def _folder(store_path: Path, what: dict[str, Any]) -> Path:
    key = sha256(json.dumps(what).encode()).hexdigest()[:32]
    return store_path.with_name(f"{store_path.name}.catalogue") / key


def _matrix(content: str) -> str:
    return f"vectors-{content[:32]}"


def _opened(folder: Path, what: dict[str, Any]) -> Catalogue:
    found = Catalogue(folder)
    if {key: found.about.get(key) for key in what} != what:
        found.close()
        raise ValueError("it is another source's")
    return found


def _mapped(path: Path, shape: tuple[int, ...]) -> NDArray[np.float16]:
    if path.stat().st_size != np.prod(shape) * HALF.itemsize:
        raise ValueError("vectors are missing")
    if not shape[0]:  # nothing cannot be mapped
        return np.empty(shape, HALF)
    return np.memmap(path, HALF, "r", shape=shape)


def _is_there(folder: Path, what: dict[str, Any], content: str) -> bool:
    try:
        with _opened(folder, what) as found:
            return bool(found.about["hash"] == content)
    except (OSError, sqlite3.Error, ValueError, KeyError, TypeError):
        return False


def _ordered(found: NDArray[np.float32], rows: NDArray[np.int64]) -> list[tuple[int, float]]:
    order = rows[np.lexsort((rows, -found[rows]))]
    return list(zip(order.tolist(), found[order].tolist(), strict=True))


def _held(images: KnownImages) -> dict[int, list[Task]]:
    """The tasks that hold each row, ascending; without rows that no usable task holds."""
    found: dict[int, list[Task]] = {}
    for task in sorted((task for task in images.tasks if task.id in images.rows), key=lambda task: task.id):
        for row in dict.fromkeys(images.rows[task.id]):
            found.setdefault(row, []).append(task)
    return found


def _pictures(images: KnownImages, held: Mapping[int, Sequence[Task]]) -> Iterator[tuple[int, str, str]]:
    """Number, pixels, and tasks with their locations, of each picture."""
    for number, (row, tasks) in enumerate(held.items()):
        places = [(task.id, _shortened(task.images[images.rows[task.id].index(row)])) for task in tasks]
        yield number, images.records[row].pixels, json.dumps(places)


def _shortened(location: str) -> str:
    return location[:URI_SHOWN] if location.lstrip()[:5].lower() == "data:" else location


def _hash(about: Mapping[str, Any], images: KnownImages, held: Mapping[int, Sequence[Task]]) -> str:
    """Hash of all but the vectors, which follow from the pixels and the model."""
    digest = sha256(json.dumps(about).encode())
    for _, pixels, places in _pictures(images, held):
        digest.update(f"{pixels}{places}".encode())
    return digest.hexdigest()


def _write(folder: Path, about: Mapping[str, Any], images: KnownImages, held: Mapping[int, Sequence[Task]]) -> None:
    rows = np.fromiter(held, np.int64, len(held))
    with tempfile.TemporaryDirectory(prefix="part-", dir=folder) as part:
        vectors, pictures = Path(part, "vectors"), Path(part, "pictures")
        with vectors.open("wb") as file:
            for start in range(0, len(rows), BLOCK):
                file.write(images.vectors[rows[start : start + BLOCK]].astype(HALF).tobytes())
        with closing(sqlite3.connect(pictures)) as db, db:
            for statement in SETUP.split(";"):
                db.execute(statement)
            db.execute("INSERT INTO about VALUES (?)", [json.dumps(about)])
            db.executemany("INSERT INTO pictures VALUES (?, ?, ?)", _pictures(images, held))
        vectors.replace(folder / _matrix(about["hash"]))
        pictures.replace(folder / PICTURES)


def _tidy(folder: Path, content: str) -> None:
    """Remove the vectors of earlier runs, and what runs left that were killed. Whatever is in use may stay."""
    for path in folder.glob("vectors-*"):
        if path.name != _matrix(content):
            with suppress(OSError):
                path.unlink()
    for path in folder.glob("part-*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > ABANDONED_SECONDS:
                rmtree(path)
