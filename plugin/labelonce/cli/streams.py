"""The standard streams, whatever they are when labelonce is started."""

import os
import sys
from io import TextIOWrapper


def mend_streams() -> None:
    """Let every text be printed, and put /dev/null in the place of a stream that is closed."""
    handle = os.open(os.devnull, os.O_RDWR)
    while handle <= 2:  # or the first file that is opened would get its number, and what libraries print
        os.set_inheritable(handle, True)
        handle = os.open(os.devnull, os.O_RDWR)
    os.close(handle)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - as long as the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a name that the terminal's encoding does not know stops nothing
            stream.reconfigure(errors="backslashreplace")
