"""What is remembered between runs: a SQLite file that only saves time and can be deleted."""

import hashlib
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from labelonce import databases
from labelonce.databases import Kind, Unsound
from labelonce.errors import NotOurs
from labelonce.progress import Progress

T = TypeVar("T")

AT_ONCE = 500  # values in one query; SQLite takes 999 at least
SCHEMA_VERSION = 4
SCHEMA = """
CREATE TABLE places (
    place BLOB PRIMARY KEY, validator TEXT NOT NULL, digest TEXT NOT NULL, seal INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE images (
    digest TEXT PRIMARY KEY, pixels TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,
    sharpness REAL NOT NULL, captured TEXT NOT NULL, seal INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE embeddings (pixels TEXT, model TEXT, vector BLOB NOT NULL, PRIMARY KEY (pixels, model)) WITHOUT ROWID;
CREATE TABLE features (pixels TEXT, version TEXT, content BLOB NOT NULL, PRIMARY KEY (pixels, version));
CREATE TABLE verdicts (
    a TEXT, b TEXT, verifier TEXT, accepted INTEGER NOT NULL, reason TEXT NOT NULL, doubt REAL NOT NULL,
    seal INTEGER NOT NULL, PRIMARY KEY (a, b, verifier)
) WITHOUT ROWID;
CREATE TABLE differences (
    a TEXT, b TEXT, verifier TEXT, boxes TEXT NOT NULL, seal INTEGER NOT NULL, PRIMARY KEY (a, b, verifier)
) WITHOUT ROWID;
"""
KIND = Kind("a store", SCHEMA_VERSION, SCHEMA, "name another file with --store")


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """What is known of an image without looking at it again.

    Parameters
    ----------
    digest
        SHA-256 of its bytes; with what counts behind it where that is only a part of the picture.
    pixels
        Digest of its upright pixels, or of the region of them; with the places behind it that do not count.
    captured
        When and by which camera it was taken, as `images.exif.captured` says it; empty where nothing says so.
    """

    digest: str
    pixels: str
    width: int
    height: int
    sharpness: float
    captured: str = ""


def place_of(identity: str, location: str, region: object) -> bytes:
    """Where an image is, as a key: the source's identity, the location in it, and the region that counts.

    A hash, because locations may be long (data URIs) or secret (signed URLs).
    """
    return hashlib.sha256(f"{identity}\0{location}\0{region}".encode(errors="surrogateescape")).digest()


class Store:
    """The store. Safe to use from several threads; what it cannot remember is computed again.

    Parameters
    ----------
    path
        The file; None keeps everything in memory.
    progress
        Is told when a file is set aside or cannot be used.

    Raises
    ------
    NotOurs
        There is a file that is not a store.
    """

    def __init__(self, path: Path | None, progress: Progress) -> None:
        self._path = path
        self._progress = progress
        self._lock = threading.RLock()
        self._connection = self._open()

    @property
    def path(self) -> Path | None:
        """The file in use; None where nothing is remembered for the next run."""
        return self._path

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def places(self, places: Sequence[bytes]) -> dict[bytes, tuple[str, ImageRecord]]:
        """What was found at some places (`place_of`): its validator, and what is known of the image."""
        query = (
            "SELECT place, validator, digest, places.seal, pixels, width, height, sharpness, captured, images.seal "
            "FROM places JOIN images USING (digest) WHERE place IN"
        )
        found = {}
        for place, validator, digest, seal, *rest in self._among(query, places):
            record = _record(digest, *rest)
            if record is not None and seal == _seal(place, validator, digest):
                found[place] = validator, record
        return found

    def images(self, digests: Sequence[str]) -> dict[str, ImageRecord]:
        """What is known of images by their bytes."""
        query = "SELECT digest, pixels, width, height, sharpness, captured, seal FROM images WHERE digest IN"
        records = (_record(*row) for row in self._among(query, digests))
        return {record.digest: record for record in records if record is not None}

    def vectors(self, pixels: Sequence[str], model: str) -> dict[str, NDArray[np.float32]]:
        """Embeddings of images by their pixels, shape (dimension,) each; damaged ones are left out."""
        query = "SELECT pixels, vector FROM embeddings WHERE model = ? AND pixels IN"
        found = ((key, _unsealed(stored)) for key, stored in self._among(query, pixels, model))
        return {key: np.frombuffer(content, np.float32) for key, content in found if content is not None}

    def featured(self, pixels: Sequence[str], version: str) -> set[str]:
        """Those images whose features are there."""
        query = "SELECT pixels FROM features WHERE version = ? AND pixels IN"
        return {key for (key,) in self._among(query, pixels, version)}

    def features(self, pixels: str, version: str) -> bytes | None:
        """The features of an image, serialised; damaged ones are forgotten, so that they are made again."""
        where, values = "FROM features WHERE pixels = ? AND version = ?", (pixels, version)
        rows = self._fetch(f"SELECT content {where}", values)
        content = _unsealed(rows[0][0]) if rows else None
        if rows and content is None:
            self._write((f"DELETE {where}", [values]))
        return content

    def verdicts(self, pixels: str, verifier: str) -> dict[str, tuple[bool, str, float]]:
        """Verdicts about one image and others that come after it by digest: accepted, why, and with which doubt."""
        query = "SELECT b, accepted, reason, doubt, seal FROM verdicts WHERE a = ? AND verifier = ?"
        return {
            b: (bool(accepted), reason, doubt)
            for b, accepted, reason, doubt, seal in self._fetch(query, (pixels, verifier))
            if seal == _seal(pixels, b, verifier, accepted, reason, doubt)
        }

    def differences(self, pixels: str, verifier: str) -> dict[str, str]:
        """Where one image and others that come after it differ, for those pairs of which that is remembered."""
        query = "SELECT b, boxes, seal FROM differences WHERE a = ? AND verifier = ?"
        found = self._fetch(query, (pixels, verifier))
        return {b: boxes for b, boxes, seal in found if seal == _seal(pixels, b, verifier, boxes)}

    def put_images(
        self,
        records: Iterable[ImageRecord],
        vectors: Iterable[tuple[str, str, NDArray[np.float32]]],
        features: Iterable[tuple[str, str, bytes]],
        places: Iterable[tuple[bytes, str, str]] = (),
    ) -> None:
        """Remember a batch of images, all or none of it.

        Parameters
        ----------
        records
            The images.
        vectors
            Pixels, model and embedding.
        features
            Pixels, version and features.
        places
            Place, validator, and the digest of the image that was found there.
        """
        images = [
            _sealing(r.digest, r.pixels, int(r.width), int(r.height), float(r.sharpness), r.captured) for r in records
        ]
        blobs = [(pixels, model, _sealed(vector.astype(np.float32).tobytes())) for pixels, model, vector in vectors]
        contents = [(pixels, version, _sealed(content)) for pixels, version, content in features]
        self._write(
            ("INSERT OR REPLACE INTO images VALUES (?, ?, ?, ?, ?, ?, ?)", images),
            ("INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?)", blobs),
            ("INSERT OR REPLACE INTO features VALUES (?, ?, ?)", contents),
            ("INSERT OR REPLACE INTO places VALUES (?, ?, ?, ?)", [_sealing(*row) for row in places]),
        )

    def put_verdicts(self, verifier: str, rows: Iterable[tuple[str, str, bool, str, float]]) -> None:
        """Remember verdicts: the two digests in order, accepted, why, and with which doubt (`Verdict.doubt`)."""
        values = [
            _sealing(a, b, verifier, int(accepted), reason, float(doubt)) for a, b, accepted, reason, doubt in rows
        ]
        self._write(("INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?)", values))

    def put_differences(self, verifier: str, rows: Iterable[tuple[str, str, str]]) -> None:
        """Remember where images differ: the two digests in order, and boxes as a text."""
        values = [_sealing(a, b, verifier, boxes) for a, b, boxes in rows]
        self._write(("INSERT OR REPLACE INTO differences VALUES (?, ?, ?, ?, ?)", values))

    def _among(self, query: str, keys: Sequence[bytes] | Sequence[str], *before: str) -> Iterator[tuple[Any, ...]]:
        """Rows of a query that ends in IN, for any number of keys."""
        for start in range(0, len(keys), AT_ONCE):
            part = keys[start : start + AT_ONCE]
            yield from self._fetch(f"{query} ({','.join('?' * len(part))})", (*before, *part))

    def _fetch(self, query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        return self._do(lambda db: db.execute(query, values).fetchall()) or []

    def _write(self, *statements: tuple[str, Sequence[tuple[Any, ...]]]) -> None:
        """Carry out all statements or none."""

        def write(db: sqlite3.Connection) -> None:
            with db:
                for statement, rows in statements:
                    db.executemany(statement, rows)

        self._do(write)

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """Do something on the file; a file that fails is left, and the run goes on in another."""
        with self._lock:
            try:
                return work(self._connection)
            except sqlite3.DatabaseError as error:
                self._recover(error)
                return None

    def _recover(self, error: sqlite3.DatabaseError) -> None:
        """Start an empty store in place of a damaged one; a temporary one when the file cannot be used at all."""
        with suppress(sqlite3.Error):
            self._connection.close()
        if self._path is None or not databases.is_damage(error):
            self._connection = self._temporary(error)
            return
        try:
            kept = databases.set_aside(self._path, KIND)
            self._progress.message(f"The store {self._path} is damaged ({error}). It was moved to {kept.name}.")
            self._connection = self._open()
        except (OSError, NotOurs) as problem:  # somebody put another file in its place
            self._connection = self._temporary(problem)

    def _open(self) -> sqlite3.Connection:
        """Open the file, or a temporary one where it cannot be used.

        Raises
        ------
        NotOurs
            It is not a store.
        """
        if self._path is None:
            return _connected(None)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            try:
                return _connected(self._path)
            except Unsound as fault:
                kept = databases.set_aside(self._path, KIND)
                self._progress.message(
                    f"The store {self._path} {fault}. It was moved to {kept.name} and is built anew."
                )
                return _connected(self._path)
        except (OSError, sqlite3.Error) as error:
            return self._temporary(error)

    def _temporary(self, error: Exception) -> sqlite3.Connection:
        """A store for this run only; the user is told once."""
        if self._path is not None:
            self._progress.message(
                f"The store {self._path} cannot be used ({error}). The run goes on without it, and nothing is "
                "remembered for the next one. Free some disk space, or name another file with --store."
            )
            self._path = None
        return _connected(None)


def _seal(*values: object) -> int:
    """Checksum of a row: SQLite does not notice damage inside of a value, and a verdict is one bit."""
    return zlib.crc32(repr(values).encode(errors="surrogateescape"))


def _sealing(*values: Any) -> tuple[Any, ...]:
    return (*values, _seal(*values))


def _record(digest: str, *values: Any) -> ImageRecord | None:
    """A row of images, its seal at the end; None where it is damaged."""
    *known, seal = values
    return ImageRecord(digest, *known) if seal == _seal(digest, *known) else None


def _sealed(content: bytes) -> bytes:
    """Bytes behind their checksum."""
    return zlib.crc32(content).to_bytes(4, "big") + content


def _unsealed(stored: object) -> bytes | None:
    content = stored[4:] if isinstance(stored, bytes) else b""
    return content if _sealed(content) == stored else None


def _connected(path: Path | None) -> sqlite3.Connection:
    connection = databases.opened(path, KIND, threads=True)
    try:
        with suppress(sqlite3.OperationalError):  # another process opens it at this moment: it stays as it is
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
