"""Logs: one line for each event on standard error, for people or as JSON, with the id of the run.

Only the standard library's logging. Redaction is done in the formatter of every handler that `configure` makes, on
the finished text, so that no library can let a token or a signed URL out.

    log = logging.getLogger(__name__)
    with logs.run() as run_id:                                    # in `serve`: each run has an id of its own
        logs.event(log, logging.INFO, "plan made", project=3, duplicates=17)
"""

import contextvars
import json as json_format
import logging
import os
import re
import secrets
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from labelonce.errors import ConfigurationError, NotOurs
from labelonce.progress import Advance, Lines, Progress
from labelonce.redaction import redacted, shown, traceback_of
from labelonce.writing import HEAD

FORMATS = ("text", "json")
# how a log begins, in either format
LINE = re.compile(rb'(\{"time": ")?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z(", "level":| [A-Z]+ +run=)')
REQUESTS = "labelonce.requests"

_run_id: contextvars.ContextVar[str | None] = contextvars.ContextVar("run_id", default=None)
_handlers: list[logging.Handler] = []


@dataclass
class _Setup:
    """What `configure` set up last."""

    run: str = ""  # threads that a run starts have no context of their own
    verbosity: int = 0
    json_on_stderr: bool = False


_setup = _Setup()


def log_file() -> Path | None:
    """The file that lines are appended to; None where that is standard error."""
    return next((Path(one.baseFilename) for one in _handlers if isinstance(one, logging.FileHandler)), None)


def new_run_id() -> str:
    """Eight hexadecimal digits."""
    return secrets.token_hex(4)


def configure(verbosity: int = 0, *, json: bool = False, run_id: str | None = None, file: Path | None = None) -> str:
    """Set logging up for the whole process; called again, it replaces what it set up.

    Parameters
    ----------
    verbosity
        0: warnings and errors. 1: what is done, too. 2: every request, and what libraries say, too.
    json
        One JSON object a line instead of text.
    run_id
        What every line carries; None makes one.
    file
        Lines are appended here instead of going to standard error. Only its owner may read it.

    Returns
    -------
    str
        The run's id.

    Raises
    ------
    ConfigurationError
        The file cannot be written.
    """
    handler: logging.Handler = _Stderr()
    if file is not None:
        try:
            handler = _File(file, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise ConfigurationError(
                f"The log {file} cannot be written: {error.strerror}. Name another file."
            ) from None
    handler.setFormatter(_Json() if json else _Text())
    root = logging.getLogger()
    for old in _handlers:
        root.removeHandler(old)
        old.close()
    _handlers[:] = [handler]
    root.addHandler(handler)
    step = min(max(verbosity, 0), 2)
    root.setLevel((logging.ERROR, logging.WARNING, logging.DEBUG)[step])  # libraries
    logging.getLogger("labelonce").setLevel((logging.WARNING, logging.INFO, logging.DEBUG)[step])
    logging.getLogger("py.warnings").setLevel(logging.WARNING)
    for noisy in ("matplotlib", "PIL", "asyncio"):  # nothing of theirs helps, at thousands of lines
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    _setup.run = run_id or new_run_id()
    _setup.verbosity, _setup.json_on_stderr = verbosity, json and file is None
    return _setup.run


@contextmanager
def run(run_id: str | None = None) -> Iterator[str]:
    """Give all lines of this context (a thread, an asyncio task) another run id for as long as it lasts.

    Threads that are started inside do not see it, unless they are started by `in_context`.
    """
    made = run_id or new_run_id()
    token = _run_id.set(made)
    try:
        yield made
    finally:
        _run_id.reset(token)


def in_context(call: Callable[..., Any]) -> Callable[..., Any]:
    """A function to hand to another thread, which then logs with the run id of this one."""
    context = contextvars.copy_context()
    return lambda *arguments, **named: context.copy().run(call, *arguments, **named)


def current_run() -> str:
    """The id that a line written here would carry."""
    return _run_id.get() or _setup.run


def event(log: logging.Logger, level: int, text: str, **fields: Any) -> None:
    """Log one event with named values; they are keys of their own in JSON, and ``name=value`` in text."""
    if log.isEnabledFor(level):
        log.log(level, "%s", text, extra={"fields": fields})


def request(method: str, url: str, status: int | None, seconds: float, retries: int = 0) -> None:
    """Log one HTTP request, at debug. The query of the URL is left out.

    Parameters
    ----------
    status
        What was answered; None where nothing was.
    """
    log = logging.getLogger(REQUESTS)
    if log.isEnabledFor(logging.DEBUG):
        event(
            log, logging.DEBUG, "request", method=method, url=shown(url), status=status,
            ms=round(seconds * 1000, 1), retries=retries,
        )  # fmt: skip


def fitting_progress() -> Progress | None:
    """The progress that does not garble the log lines on standard error; None where any does."""
    if _setup.json_on_stderr:
        return Stages()
    return Lines() if _setup.verbosity else None


class Stages(Progress):
    """Progress as log lines at info: the end of each stage, with its count and seconds."""

    def __init__(self) -> None:
        self._log = logging.getLogger("labelonce.progress")

    @contextmanager
    def stage(self, title: str, total: int | None = None) -> Iterator[Advance]:
        """Log one line at the end."""
        started, done = time.monotonic(), 0

        def advance(count: int) -> None:
            nonlocal done
            done += count

        yield advance
        event(self._log, logging.INFO, title, done=done, seconds=round(time.monotonic() - started, 3))

    def message(self, text: str) -> None:
        """Log one line."""
        event(self._log, logging.WARNING, text)


class _Stderr(logging.Handler):
    """Standard error as it is at the time of each line: tests and progress bars exchange it."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(f"{self.format(record)}\n")
            sys.stderr.flush()
        except Exception:  # as the standard library's own handlers: a log that fails ends nothing
            self.handleError(record)


class _File(logging.FileHandler):
    """A log that only its owner may read, and nobody else has written to."""

    def _open(self) -> TextIOWrapper:
        handle = os.open(self.baseFilename, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        # a pipe or a terminal has no beginning
        head = os.read(handle, HEAD) if stat.S_ISREG(os.fstat(handle).st_mode) else b""
        if head and not LINE.match(head):
            os.close(handle)
            raise NotOurs(
                f"The log {self.baseFilename} was not written by labelonce. It was left as it is: name another file."
            )
        return TextIOWrapper(os.fdopen(handle, "ab"), encoding=self.encoding, errors=self.errors)


class _Text(logging.Formatter):
    """``2026-01-31T12:00:00.123Z INFO  run=1a2b3c4d labelonce.requests: request method=GET status=200``."""

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={_value(value)}" for name, value in getattr(record, "fields", {}).items())
        head = f"{_time(record)} {record.levelname:<7} run={current_run()} {record.name}: "
        lines = [head + redacted(record.getMessage() + fields).replace("\n", "\\n")]
        if record.exc_info and record.exc_info[1] is not None:
            lines.append(traceback_of(record.exc_info[1]).rstrip())
        if record.stack_info:
            lines.append(redacted(record.stack_info))
        return "\n".join(lines)


class _Json(logging.Formatter):
    """One object a line: time, level, logger, run, event, the named values, and the traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        content: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "run": current_run(),
            "event": redacted(record.getMessage()),
        }
        for name, value in getattr(record, "fields", {}).items():
            content.setdefault(name, value if isinstance(value, int | float | None) else redacted(str(value)))
        if record.exc_info and record.exc_info[1] is not None:
            content["traceback"] = traceback_of(record.exc_info[1])
        return json_format.dumps(content)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _value(value: Any) -> str:
    text = str(value)
    return json_format.dumps(text, ensure_ascii=False) if " " in text or not text else text


def _uncaught(kind: type[BaseException], error: BaseException | None, _trace: Any) -> None:
    """Say what nobody expected, without what nobody may read."""
    text = "" if error is None else traceback_of(error)
    print(text.rstrip() or kind.__name__, file=sys.stderr, flush=True)


def _uncaught_in_thread(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_type is not SystemExit:
        _uncaught(failed.exc_type, failed.exc_value, None)
