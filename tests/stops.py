"""Stops file work at any of its steps: the interpreter tells of every call that changes files before it is made."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STEPS = {"open", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.truncate"}

_tell: Callable[[], None] | None = None
_below: tuple[str, ...] = ()
_hooked = False


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if _tell is not None and event in STEPS and _is_below(event, arguments):
        _tell()


def _is_below(event: str, arguments: tuple[object, ...]) -> bool:
    """Whether a call is about a file in the folders; of a name in a folder that is held open that is not told."""
    name = str(arguments[0])
    if event == "open":
        flags = arguments[2]
        assert isinstance(flags, int)
        made = bool(flags & (os.O_CREAT | os.O_WRONLY | os.O_RDWR))
        return made and (name.startswith(_below) or not os.path.isabs(name))  # noqa: PTH117
    if event == "os.symlink":
        return str(arguments[1]).startswith(_below) or not os.path.isabs(str(arguments[1]))  # noqa: PTH117
    return name.startswith(_below) or not os.path.isabs(name)  # noqa: PTH117


@contextmanager
def stopping(*below: object, at: int, stop: Callable[[], None]) -> Iterator[list[int]]:
    """Call `stop` before step number `at` on files below some folders; yields the count of the steps so far."""
    global _tell, _below, _hooked
    if not _hooked:  # there is no way to take it off again
        sys.addaudithook(_hook)
        _hooked = True
    done = [0]

    def tell() -> None:
        done[0] += 1
        if done[0] == at + 1:
            stop()

    _tell, _below = tell, tuple(map(str, below))
    try:
        yield done
    finally:
        _tell = None
