"""Writing a catalogue: whole after a run that read everything, or only what is new."""

import json
import os
import re
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path
from shutil import copyfile
from typing import Any

import numpy as np

from labelonce import databases
from labelonce.catalogue.known import BLOCK, FORMAT, HALF, KIND, MATRIX, PICTURES, folder_of, opened
from labelonce.errors import NotOurs
from labelonce.progress import Progress
from labelonce.reading import KnownImages
from labelonce.redaction import public
from labelonce.sources.base import Source
from labelonce.tasks import Task

_IS_URL = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]+:)?/")  # a path on Label Studio may be signed, too
URI_SHOWN = 64  # characters that are kept of a data URI
ABANDONED_SECONDS = 24 * 3600  # age of files that a run left half written


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
    folder = folder_of(store_path, what)
    held = _held(images)
    about = {**what, "controls": source.controls, "shape": (len(held), images.vectors.shape[1])}
    content = _hash(about, images, held)
    try:
        if not _is_there(folder, what, content):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # names of files tell something, too
            databases.check_ours(folder / PICTURES, KIND)
            _write(folder, {**about, "hash": content, "matrix": f"vectors-{content[:32]}"}, images, held)
            _tidy(folder, f"vectors-{content[:32]}")
    except (OSError, sqlite3.Error, NotOurs) as error:
        progress.message(_unwritten(folder, error))


def extend_catalogue(
    store_path: Path | None,
    source: Source,
    model: str,
    images: KnownImages,
    progress: Progress,
    *,
    region: str = "",
) -> None:
    """Add to the catalogue of a source what was read of it since; nothing where there is no catalogue.

    The parameters are those of `save_catalogue`. Tasks that are gone, or hold other pictures now, stay listed until the
    catalogue is written whole again.
    """
    if store_path is None:
        return
    what = {"format": FORMAT, "identity": source.identity, "model": model, "region": region}
    folder = folder_of(store_path, what)
    try:
        with opened(folder, what) as found:
            about = found.about
        databases.check_ours(folder / PICTURES, KIND)
        _extend(folder, about, images)
    except FileNotFoundError:
        return
    except (OSError, sqlite3.Error, NotOurs, ValueError, KeyError, TypeError) as error:
        progress.message(_unwritten(folder, error))


def _unwritten(folder: Path, error: Exception) -> str:
    return (
        f"{folder} cannot be written ({error}), so that labelonce check and neighbors do not know what this run found. "
        "Free some disk space, or name another file with --store."
    )


def _is_there(folder: Path, what: dict[str, Any], content: str) -> bool:
    try:
        with opened(folder, what) as found:
            return bool(found.about["hash"] == content)
    except (OSError, sqlite3.Error, ValueError, KeyError, TypeError):
        return False


def _held(images: KnownImages) -> dict[int, list[Task]]:
    """The tasks that hold each row, ascending; without rows that no usable task holds."""
    found: dict[int, list[Task]] = {}
    for task in sorted((task for task in images.tasks if task.id in images.rows), key=lambda task: task.id):
        for row in dict.fromkeys(images.rows[task.id]):
            found.setdefault(row, []).append(task)
    return found


def _pictures(images: KnownImages, held: Mapping[int, Sequence[Task]]) -> Iterator[tuple[int, str, str]]:
    """Number, pixels, and tasks with their locations and contexts, of each picture."""
    for number, (row, tasks) in enumerate(held.items()):
        places = [(task.id, _shortened(task.images[images.rows[task.id].index(row)]), task.context) for task in tasks]
        yield number, images.records[row].pixels, json.dumps(places)


def _shortened(location: str) -> str:
    """A location as a person may see it: the signature of a URL is nobody else's, a data URI is endless."""
    if location.lstrip()[:5].lower() == "data:":
        return location[:URI_SHOWN]
    return public(location) if _IS_URL.match(location) else location


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
        with closing(databases.opened(pictures, KIND)) as db, db:
            db.execute("INSERT INTO about VALUES (?)", [json.dumps(about)])
            db.executemany("INSERT INTO pictures VALUES (?, ?, ?)", _pictures(images, held))
        vectors.replace(folder / about["matrix"])
        pictures.replace(folder / PICTURES)


def _extend(folder: Path, about: dict[str, Any], images: KnownImages) -> None:
    n, dimension = about["shape"]
    held = _held(images)
    with tempfile.TemporaryDirectory(prefix="part-", dir=folder) as part:
        pictures = Path(part, "pictures")
        copyfile(folder / PICTURES, pictures)
        added: list[int] = []
        digest = sha256(about["hash"].encode())
        with closing(databases.opened(pictures, KIND)) as db:
            for (_, pixels, places), row in zip(_pictures(images, held), held, strict=True):
                known = db.execute('SELECT "row", held FROM pictures WHERE pixels = ?', [pixels]).fetchone()
                if known is None:
                    db.execute("INSERT INTO pictures VALUES (?, ?, ?)", [n + len(added), pixels, places])
                    added.append(row)
                else:
                    held_by = {place[0]: place for text in (known[1], places) for place in json.loads(text)}
                    merged = json.dumps([held_by[task] for task in sorted(held_by)])
                    db.execute('UPDATE pictures SET held = ? WHERE "row" = ?', [merged, known[0]])
                digest.update(f"{pixels}{places}".encode())
            grown = {**about, "shape": (n + len(added), dimension), "hash": digest.hexdigest()}
            db.execute("UPDATE about SET content = ?", [json.dumps(grown)])
            db.commit()
        with open(folder / about["matrix"], "r+b", opener=_no_link) as file:
            file.truncate(n * dimension * HALF.itemsize)  # what a run left that was killed
            file.seek(0, os.SEEK_END)
            file.write(images.vectors[added].astype(HALF).tobytes())
        pictures.replace(folder / PICTURES)


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0))


def _tidy(folder: Path, matrix: str) -> None:
    """Remove the vectors of earlier runs, and what runs left that were killed. Whatever is in use may stay."""
    for path in folder.glob("vectors-*"):
        if path.name != matrix and MATRIX.fullmatch(path.name):
            with suppress(OSError):
                path.unlink()
    for path in folder.glob("part-*"):
        with suppress(OSError):
            if not path.is_symlink() and time.time() - path.stat().st_mtime > ABANDONED_SECONDS:
                for name in ("vectors", "pictures", "pictures-journal"):
                    (path / name).unlink(missing_ok=True)
                path.rmdir()
