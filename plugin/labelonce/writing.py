"""Files that are written whole or not at all, and never in place of what labelonce did not write.

Every kind of file has a sign, a pattern that its first bytes match. Only what is empty or has the sign is written anew:
anything else that is there was named by mistake, or was put there by somebody.
"""

import csv
import errno
import io
import os
import re
import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, Final, TextIO, TypeAlias

from labelonce.errors import NotOurs

if TYPE_CHECKING:
    from PIL import Image

Sign: TypeAlias = re.Pattern[bytes]

HEAD: Final = 4096  # bytes in which a sign is
PART: Final = ".labelonce-part-"  # hidden names of files that are not whole yet
MADE_BY: Final = "labelonce"  # what pictures say of themselves
PNG: Final[Sign] = re.compile(rb"\x89PNG\r\n.{,400}?tEXtSoftware\0" + MADE_BY.encode(), re.DOTALL)
JPEG: Final[Sign] = re.compile(rb"\xff\xd8.{,400}?\xff\xfe..Made by " + MADE_BY.encode(), re.DOTALL)


def table_sign(columns: Iterable[str]) -> Sign:
    """The sign of a table of comma-separated values with these columns."""
    return re.compile(re.escape(",".join(columns).encode() + b"\n"))


def head_of(path: Path, size: int = HEAD, *, follow: bool = True) -> bytes:
    """The first bytes of a file.

    Parameters
    ----------
    follow
        Whether it may be a link to one.

    Raises
    ------
    FileNotFoundError
        There is nothing.
    OSError
        It may not be read, or is no regular file.
    """
    kept = 0 if follow else getattr(os, "O_NOFOLLOW", 0)
    if not (follow or kept) and path.is_symlink():
        raise OSError(errno.ELOOP, "it is a link", str(path))
    # a pipe would be waited for
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | kept)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        return os.read(handle, size)
    finally:
        os.close(handle)


def check_free(path: Path, sign: Sign) -> None:
    """Find out whether a file may be written to a place.

    Raises
    ------
    NotOurs
        There is something else.
    OSError
        What is there cannot be looked at.
    """
    if path.is_symlink():
        raise NotOurs(f"{path} is a link, which would be lost. Name the file itself.")
    if path.is_dir() or (path.exists() and not path.is_file()):
        raise NotOurs(f"{path} is not a file. Name another one.")
    with suppress(FileNotFoundError):
        head = head_of(path, follow=False)
        if head and not sign.match(head):
            raise NotOurs(
                f"{path} was not written by labelonce, or was changed since. It was left as it is: "
                "move it away, or name another file."
            )


@contextmanager
def whole(path: Path, sign: Sign) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of `path` once that went well.

    Its content is on the disk by then: some file systems find out only there that they are full. Several processes may
    write the same file at once; the last one stays.

    Parameters
    ----------
    sign
        How it begins, and what is there may begin.

    Raises
    ------
    NotOurs
        There is something else, before or by now.
    """
    check_free(path, sign)
    handle, name = tempfile.mkstemp(prefix=PART, dir=path.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            settle(file)
        check_free(path, sign)
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def settle(file: IO[bytes] | TextIO) -> None:
    """Put on the disk what was written so far."""
    file.flush()
    os.fsync(file.fileno())


@contextmanager
def whole_text(path: Path, sign: Sign) -> Iterator[TextIO]:
    """As `whole`, for UTF-8; names of files that are not UTF-8 are written back byte for byte."""
    with whole(path, sign) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
        try:
            yield text
        finally:
            text.detach()


def save_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write comma-separated values, whole or not at all."""
    with whole_text(path, table_sign(columns)) as file:
        write_rows(file, columns, rows)


def write_rows(file: TextIO, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write comma-separated values to a text that leaves the ends of lines alone."""
    table = csv.writer(file, lineterminator="\n")
    table.writerow(columns)
    table.writerows(rows)


def save_picture(picture: "Image.Image", path: Path, sign: Sign = PNG, *, quality: int = 90) -> None:
    """Write a picture, whole or not at all.

    Parameters
    ----------
    sign
        `PNG` or `JPEG`, as which it is written.
    quality
        Of a JPEG.
    """
    from PIL.PngImagePlugin import PngInfo

    with whole(path, sign) as file:
        if sign is JPEG:
            picture.save(file, "JPEG", quality=quality, comment=f"Made by {MADE_BY}")
        else:
            info = PngInfo()
            info.add_text("Software", MADE_BY)
            picture.save(file, "PNG", pnginfo=info)
