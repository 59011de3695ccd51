"""What is remembered between runs: a SQLite file that only saves time and can be deleted."""

import sqlite3
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from labelonce.progress import Progress

T = TypeVar("T")

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE images (
    digest TEXT PRIMARY KEY, pixels TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,
    sharpness REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE embeddings (pixels TEXT, model TEXT, vector BLOB NOT NULL, PRIMARY KEY (pixels, model)) WITHOUT ROWID;
CREATE TABLE features (pixels TEXT, version TEXT, content BLOB NOT NULL, PRIMARY KEY (pixels, version));
CREATE TABLE verdicts (
    a TEXT, b TEXT, verifier TEXT, accepted INTEGER NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (a, b, verifier)
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class ImageRecord:
    """What is known of an image without looking at it again.

    Parameters
    ----------
    digest
        SHA-256 of its bytes.
    pixels
        Digest of its upright pixels.
    """

    digest: str
    pixels: str
    width: int
    height: int
    sharpness: float


class Store:
    """The store. Safe to use from several threads; what it cannot remember is computed again.

    Parameters
    ----------
    path
        The file; None keeps everything in memory.
    progress
        Is told when a file is set aside or cannot be used.
    """

    def __init__(self, path: Path | None, progress: Progress) -> None:
        self._path = path
        self._progress = progress
        self._lock = threading.RLock()
        self._connection = self._open()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def image(self, digest: str) -> ImageRecord | None:
        """What is known of the image with these bytes."""
        row = self._one("SELECT digest, pixels, width, height, sharpness FROM images WHERE digest = ?", (digest,))
        return ImageRecord(*row) if row else None

    def vector(self, pixels: str, model: str) -> NDArray[np.float32] | None:
        """The embedding of an image, shape (dimension,)."""
        row = self._one("SELECT vector FROM embeddings WHERE pixels = ? AND model = ?", (pixels, model))
        return np.frombuffer(row[0], np.float32) if row else None

    def has_features(self, pixels: str, version: str) -> bool:
        """Whether the features of an image are there."""
        return self._one("SELECT 1 FROM features WHERE pixels = ? AND version = ?", (pixels, version)) is not None

    def features(self, pixels: str, version: str) -> bytes | None:
        """The features of an image, serialised."""
        row: tuple[bytes] | None = self._one(
            "SELECT content FROM features WHERE pixels = ? AND version = ?", (pixels, version)
        )
        return row[0] if row else None

    def verdicts(self, pixels: str, verifier: str) -> dict[str, tuple[bool, str]]:
        """Verdicts about one image and others that come after it by digest: accepted, and why."""
        rows = self._do(
            lambda db: db.execute(
                "SELECT b, accepted, reason FROM verdicts WHERE a = ? AND verifier = ?", (pixels, verifier)
            ).fetchall()
        )
        return {b: (bool(accepted), reason) for b, accepted, reason in rows or ()}

    def put_images(
        self,
        records: Iterable[ImageRecord],
        vectors: Iterable[tuple[str, str, NDArray[np.float32]]],
        features: Iterable[tuple[str, str, bytes]],
    ) -> None:
        """Remember a batch of images, all or none of it."""
        images = [(r.digest, r.pixels, r.width, r.height, r.sharpness) for r in records]
        blobs = [(pixels, model, vector.astype(np.float32).tobytes()) for pixels, model, vector in vectors]
        contents = list(features)

        def write(db: sqlite3.Connection) -> None:
            with db:
                db.executemany("INSERT OR REPLACE INTO images VALUES (?, ?, ?, ?, ?)", images)
                db.executemany("INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?)", blobs)
                db.executemany("INSERT OR REPLACE INTO features VALUES (?, ?, ?)", contents)

        self._do(write)

    def put_verdicts(self, verifier: str, rows: Iterable[tuple[str, str, bool, str]]) -> None:
        """Remember verdicts: the two digests in order, accepted, and why."""
        values = [(a, b, verifier, accepted, reason) for a, b, accepted, reason in rows]

        def write(db: sqlite3.Connection) -> None:
            with db:
                db.executemany("INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?)", values)

        self._do(write)

    def _one(self, query: str, values: tuple[str, ...]) -> Any:
        return self._do(lambda db: db.execute(query, values).fetchone())

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """Do something on the file; a file that fails is left, and the run goes on in memory."""
        with self._lock:
            try:
                return work(self._connection)
            except sqlite3.DatabaseError as error:
                self._recover(error)
                return None

    def _recover(self, error: sqlite3.DatabaseError) -> None:
        """Start an empty store in place of a damaged one, or in memory when the file cannot be used at all."""
        with suppress(sqlite3.Error):
            self._connection.close()
        if self._path is None or isinstance(error, sqlite3.OperationalError):
            self._progress.message(
                f"The store {self._path} cannot be used ({error}). The run goes on without it. "
                "Free some disk space, or give another file with --store."
            )
            self._connection = _create(":memory:")
        else:
            kept = _set_aside(self._path)
            self._progress.message(f"The store {self._path} is damaged ({error}). It was moved to {kept.name}.")
            self._connection = self._open()

    def _open(self) -> sqlite3.Connection:
        if self._path is None:
            return _create(":memory:")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if not self._path.exists() or self._path.stat().st_size == 0:
                return _create(str(self._path))
            connection, fault = _open_known(str(self._path))
            if connection is not None:
                return connection
            kept = _set_aside(self._path)
            self._progress.message(f"The store {self._path} {fault}. It was moved to {kept.name} and is built anew.")
            return _create(str(self._path))
        except (OSError, sqlite3.Error) as error:
            self._progress.message(
                f"The store {self._path} cannot be used ({error}). The run goes on without it: nothing is remembered "
                "for the next one. Give another file with --store."
            )
            return _create(":memory:")


def _set_aside(path: Path) -> Path:
    number = 1
    while (kept := path.with_name(f"{path.name}.set-aside-{number}")).exists():
        number += 1
    path.rename(kept)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return kept


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=30, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _open_known(path: str) -> tuple[sqlite3.Connection | None, str]:
    """Open an existing file; None and the reason where it is not a store of this version."""
    connection = None
    try:
        connection = _connect(path)
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()
        if version == SCHEMA_VERSION and tables == SCHEMA.count("CREATE TABLE"):
            return connection, ""
        fault = "is from another version of labelonce"
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        fault = "is damaged"
    if connection is not None:
        connection.close()
    return None, fault


def _create(path: str) -> sqlite3.Connection:
    connection = _connect(path)
    connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
    return connection
