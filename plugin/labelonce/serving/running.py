"""One run as a process of its own: what it does cannot hold the receiver up, and its end cannot take it along."""

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import IO, Any, Final, cast

from labelonce import logs
from labelonce.cli.exits import INCOMPLETE
from labelonce.errors import LabelOnceError
from labelonce.settings import OF_A_SYNC, Settings, environment_variable

COMMAND: Final = (sys.executable, "-m", "labelonce", "sync", "--json")
GRACE: Final = 5.0  # seconds that a run has to stop by itself before it is killed, which is safe too
WAIT: Final = 60.0  # seconds for another labelonce on the project: nobody is there to be told at once

_WITHHELD = {environment_variable(one) for one in ("webhook_secret", "secret_file", "log_file", "project")}
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ran:
    """What a run that ended well told.

    Parameters
    ----------
    tasks, duplicates
        Counts of the project afterwards.
    told
        All that it printed.
    """

    tasks: int
    duplicates: int
    told: Mapping[str, Any]


class Runs:
    """The runs of one project, one after the other."""

    def __init__(self, project: int, settings: Settings) -> None:
        self._project = project
        self._environment = environment(settings)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._stopped = False

    def stop(self) -> None:
        """Stop the run that is under way, and let none begin; does not wait."""
        with self._lock:
            self._stopped = True
            if self._process is None:
                return
            process = self._process
        process.terminate()
        killer = threading.Timer(GRACE, process.kill)
        killer.daemon = True
        killer.start()

    def run(self) -> Ran | None:
        """Run to the end; None when it was stopped.

        Raises
        ------
        LabelOnceError
            It failed; what it said is in the log.
        """
        with self._lock:
            if self._stopped:
                return None
            self._process = subprocess.Popen(
                [*COMMAND, "--project", str(self._project), *_verbosity()],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="backslashreplace",
                start_new_session=True,  # Ctrl-C reaches the service, which stops the run
            )
        process = self._process
        out, err = cast("IO[str]", process.stdout), cast("IO[str]", process.stderr)
        listener = threading.Thread(target=logs.in_context(relay), args=(err,), daemon=True)
        listener.start()
        try:
            printed = out.read()
            code = process.wait()
            listener.join()
        finally:
            with self._lock:
                self._process = None
            out.close()
            err.close()
        if self._stopped:
            logs.event(_log, logging.INFO, "the run was stopped", code=code)
            return None
        return result(code, printed)


def result(code: int, printed: str) -> Ran:
    """What a run told, by its exit code.

    Raises
    ------
    LabelOnceError
        It failed.
    """
    if code not in (0, INCOMPLETE):
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        raise LabelOnceError(f"The run {how}. What it said stands before this.")
    try:
        told = json.loads(printed)
        return Ran(int(told["tasks"]), int(told["duplicates"]), told)
    except (ValueError, KeyError, TypeError):
        raise LabelOnceError("The run printed no result.") from None


def environment(settings: Settings) -> dict[str, str]:
    """The environment of a run: all settings, and the secrets, which would be seen on a command line."""
    passed = [one.name for one in fields(Settings) if one.metadata["group"] in OF_A_SYNC and one.name != "project"]
    given = {name: getattr(settings, name) for name in passed}
    given["wait"] = WAIT if settings.wait is None else settings.wait
    made = {environment_variable(name): _text(value) for name, value in given.items() if value is not None}
    kept = {name: value for name, value in os.environ.items() if name not in _WITHHELD}
    # what a configuration file says is among the settings already
    return {**kept, **made, "LABELONCE_CONFIG": os.devnull, environment_variable("log_format"): "json"}


def relay(lines: IO[str]) -> None:
    """Log what a run logs, under the run id that this thread has."""
    for line in lines:
        try:
            told = json.loads(line)
            level, name, text = _LEVELS[told["level"]], str(told["logger"]), str(told["event"])
        except (ValueError, KeyError, TypeError):
            if line.strip():  # the error that a command ends with, and what libraries print
                logs.event(_log, logging.WARNING, line.strip())
            continue
        more = {key: value for key, value in told.items() if key not in ("time", "level", "logger", "run", "event")}
        log = logging.getLogger(name)
        if log.isEnabledFor(level):
            log.log(level, "%s", text, extra={"fields": more})


_LEVELS = {
    logging.getLevelName(level).lower(): level
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL)
}


def _verbosity() -> Sequence[str]:
    level = logging.getLogger("labelonce").getEffectiveLevel()
    return ["-v"] * ((level <= logging.INFO) + (level <= logging.DEBUG))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
