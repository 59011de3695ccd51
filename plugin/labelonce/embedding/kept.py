"""What is costly to make and always the same: kept in the user's cache folder, where it can be deleted at any time."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from platformdirs import user_cache_path

DIGEST: Final = 32  # bytes of SHA-256, at the end of the file


def kept(name: str, make: Callable[[], bytes]) -> bytes:
    """Read what was kept under a name; where there is nothing sound, make it and keep it.

    A folder that cannot be written, or a full disk, is no error: it is made again the next time. Several processes
    may do so at once, for the file is put in its place whole.

    Parameters
    ----------
    name
        Of the file, different for different contents.
    make
        Makes the content.
    """
    try:
        path = user_cache_path("labelonce", appauthor=False) / "networks" / name
    except RuntimeError:  # a user without a home folder
        return make()
    content = _read(path)
    if content is None:
        content = make()
        _write(path, content)
    return content


def _read(path: Path) -> bytes | None:
    """The content, unless it is missing or damaged."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    content, digest = data[:-DIGEST], data[-DIGEST:]
    return content if hashlib.sha256(content).digest() == digest else None


def _write(path: Path, content: bytes) -> None:
    part: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.", delete=False) as handle:
            part = Path(handle.name)
            handle.write(content)
            handle.write(hashlib.sha256(content).digest())
        part.replace(path)
    except OSError:
        if part is not None:
            with suppress(OSError):
                part.unlink()
