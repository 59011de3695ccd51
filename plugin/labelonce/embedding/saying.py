"""What libraries written in C++ say on standard error."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_line(line: bytes) -> Iterator[None]:
    """Leave out a line that a library written in C++ says on standard error; everything else is said afterwards."""
    try:
        held, real = tempfile.TemporaryFile(), os.dup(2)  # noqa: SIM115 - closed below
    except OSError:  # there is no standard error, or no room
        yield
        return
    with held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(real, 2)
            os.close(real)
            held.seek(0)
            for said in held:
                if said.strip() != line:
                    os.write(2, said)
