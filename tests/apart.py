"""Decodes files, each in a process of its own, so that a crash, a hang and the memory that it takes are seen.

    python apart.py MAX_PIXELS SECONDS FILE...

prints a line of JSON for each file: its name, what came of it, MB of memory beyond what the process had before, and
seconds of processor time. A process that computes for longer than SECONDS is killed.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path

from labelonce.errors import ImageUnreadable
from labelonce.images.decoding import decode


def outcome(data: bytes, max_pixels: int) -> str:
    """What decoding comes to."""
    try:
        picture = decode(data, max_pixels=max_pixels)
    except ImageUnreadable as error:
        return f"unreadable: {error}"
    return f"picture {picture.width}x{picture.height} {picture.digest}"


def apart(path: Path, max_pixels: int, seconds: int) -> dict[str, object]:
    """Decode one file in a process that is forked for it."""
    here, there = os.pipe()
    before = resident()
    child = os.fork()
    if child == 0:
        code = 70
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
            os.write(there, outcome(path.read_bytes(), max_pixels).encode("utf-8", "backslashreplace")[:4000])
            code = 0
        finally:
            os._exit(code)
    os.close(there)
    _, status, used = os.wait4(child, 0)
    with os.fdopen(here, "rb") as answer:
        text = answer.read().decode()
    if status:
        text = f"ended with {os.waitstatus_to_exitcode(status)}"
    return {
        "file": path.name,
        "outcome": text,
        "mb": used.ru_maxrss / 1024 - before,
        "seconds": used.ru_utime + used.ru_stime,
    }


def resident() -> float:
    """MB of memory that this process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def main() -> None:
    max_pixels, seconds = int(sys.argv[1]), int(sys.argv[2])
    decode(Path(sys.argv[3]).read_bytes(), max_pixels=max_pixels)  # a good one: all readers are loaded
    for name in sys.argv[3:]:
        print(json.dumps(apart(Path(name), max_pixels, seconds)), flush=True)


if __name__ == "__main__":
    main()
