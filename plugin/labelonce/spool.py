"""Bytes of images that may be needed again, so that each is fetched once: on disk, bounded, gone with the process."""

import os
import tempfile
import threading
import weakref
from pathlib import Path


class Spool:
    """A file without a name. Safe to use from several threads; what does not fit is fetched again.

    Parameters
    ----------
    limit
        Bytes that it holds at most; 0 holds nothing.
    folder
        Where the file is made, once something is put in it.
    """

    def __init__(self, limit: int, folder: Path) -> None:
        self._limit = limit
        self._folder = folder
        self._places: dict[str, tuple[int, int]] = {}
        self._size = 0
        self._file: int | None = None
        self._lock = threading.Lock()

    def put(self, digest: str, data: bytes) -> None:
        """Keep the bytes with this digest, if there is room."""
        with self._lock:
            if digest in self._places or self._size + len(data) > self._limit:
                return
            try:
                if self._file is None:
                    self._file = self._made()
                os.lseek(self._file, self._size, os.SEEK_SET)
                written = 0
                while written < len(data):
                    written += os.write(self._file, data[written:])
            except OSError:  # the disk is full, or may not be written to: nothing more is kept
                self._limit = 0
                return
            self._places[digest] = self._size, len(data)
            self._size += len(data)

    def get(self, digest: str) -> bytes | None:
        """The bytes; None where they were not kept."""
        with self._lock:
            if self._file is None or digest not in self._places:
                return None
            start, size = self._places[digest]
            os.lseek(self._file, start, os.SEEK_SET)
            parts = []
            while size and (part := os.read(self._file, size)):
                parts.append(part)
                size -= len(part)
            return None if size else b"".join(parts)

    def _made(self) -> int:
        self._folder.mkdir(parents=True, exist_ok=True)
        file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115 - closed by the finalizer
        weakref.finalize(self, file.close)
        return file.fileno()
