"""Every command logs: its options for that, and what is said at its beginning and its end."""

import functools
import logging
import time
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import click

from labelonce import __version__, logs
from labelonce.options import option
from labelonce.settings import Settings

_log = logging.getLogger(__name__)

verbose = click.option(
    "-v", "--verbose", count=True, help="Log what is done; twice: every request to a server, too. Never a secret."
)


class LoggedGroup(click.Group):
    """A group of commands, each of which takes the options for logs, behind its name or before it."""

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a command, or a group of them."""
        for one in cmd.commands.values() if isinstance(cmd, click.Group) else (cmd,):
            _add_logs(one)
        super().add_command(cmd, name)


def _add_logs(command: click.Command) -> None:
    if command.callback is not None and not getattr(command.callback, "logs", False):
        command.callback = _logging(command.callback)
        for one in (verbose, *(option(one) for one in fields(Settings) if one.metadata["group"] == "logs")):
            one(command)  # appends to the parameters of a command that is there


def _logging(callback: Callable[..., Any]) -> Callable[..., Any]:
    """A command's function behind what sets logging up."""

    @functools.wraps(callback)
    def call(*given: Any, verbose: int, log_format: str, log_file: Any, **values: Any) -> Any:
        context = click.get_current_context()
        before = context.find_root().params
        logs.configure(
            verbose + (before.get("verbose") or 0),
            json=(before.get("log_format") or log_format) == "json",
            file=before.get("log_file") or log_file,
        )
        if context.get_parameter_source("api_key") is click.core.ParameterSource.COMMANDLINE:
            _log.warning(
                "others on this machine can see --api-key: set LABEL_STUDIO_API_KEY in the environment instead"
            )
        started = time.monotonic()
        logs.event(_log, logging.INFO, "begins", command=context.command.name, version=__version__)
        try:
            return callback(*given, **values)
        except Exception:
            _log.debug("it failed", exc_info=True)
            raise
        finally:
            seconds = round(time.monotonic() - started, 3)
            logs.event(_log, logging.INFO, "ends", command=context.command.name, seconds=seconds)

    call.logs = True  # type: ignore[attr-defined]
    return call
