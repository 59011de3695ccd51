"""labelonce's command line as a process that begins at once: the fork of one that has loaded everything."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

LOADED = (
    "labelonce.pipeline",
    "labelonce.report",
    "labelonce.label_studio.applying",
    "labelonce.label_studio.undoing",
    "labelonce.sources.label_studio",
    "labelonce.syncing.deciding",
    "labelonce.embedding.dct",
    "label_studio_sdk.label_interface.interface",
    "rich.table",
    "scipy.sparse.csgraph",
    "scipy.sparse.linalg",
)
# a child's own imports would cost most of its time; nothing is opened and no thread runs before the fork
KEEPER = """
import json, os, sys
from importlib import import_module
for name in json.loads(sys.argv[1]):
    import_module(name)
from labelonce import cli
from labelonce.label_studio import sessions

sessions.BACKOFF = 0.1  # or a server that is gone would be waited for longer than all else takes

for line in sys.stdin:
    order = json.loads(line)
    child = os.fork()
    if not child:
        code = 1
        try:
            out = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(out, 1), os.dup2(out, 2)
            os.environ.update(order["environment"])
            os.chdir(order["folder"])
            sys.argv = ["labelonce", *order["arguments"]]
            cli.main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            sys.stdout.flush(), sys.stderr.flush()
            os._exit(code)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Forks:
    """Starts commands one after the other.

    Parameters
    ----------
    folder
        Where they work.
    environment
        What they find in the environment, beside that of the tests.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("LABEL_STUDIO", "LABELONCE"))}
        self._folder = folder
        self._environment = dict(environment)
        self._output = folder / "output.txt"
        self._keeper = subprocess.Popen(
            [sys.executable, "-c", KEEPER, json.dumps(LOADED)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=clean,
        )

    def begin(self, *arguments: str, **environment: str) -> int:
        """Start a command and return its process id; `end` has to follow."""
        order = {
            "arguments": arguments,
            "environment": {**self._environment, **environment},
            "folder": str(self._folder),
            "output": str(self._output),
        }
        assert self._keeper.stdin is not None
        self._keeper.stdin.write(json.dumps(order) + "\n")
        self._keeper.stdin.flush()
        return self._line()

    def end(self) -> tuple[int, str]:
        """Wait for the command; its exit code, negative for a signal, and what it printed."""
        return self._line(), self._output.read_text()

    def run(self, *arguments: str, **environment: str) -> str:
        """Run a command that has to succeed."""
        self.begin(*arguments, **environment)
        code, text = self.end()
        assert code == 0, text
        return text

    def close(self) -> None:
        """End the process that forks."""
        self._keeper.kill()
        self._keeper.communicate()

    def _line(self) -> int:
        assert self._keeper.stdout is not None
        return int(self._keeper.stdout.readline())


def kill(process: int) -> None:
    """`kill -9`; it may have ended by itself."""
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
