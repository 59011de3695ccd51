"""What commands have in common: connecting, planning a project, writing files."""

import io
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labelonce import logs
from labelonce.cli.exits import INCOMPLETE
from labelonce.errors import ConfigurationError
from labelonce.progress import Progress
from labelonce.settings import Settings
from labelonce.writing import Sign, check_free, save_table, table_sign, write_rows

if TYPE_CHECKING:
    from labelonce.label_studio.project import Project
    from labelonce.label_studio.server import Server
    from labelonce.planning import Plan
    from labelonce.savings import Savings
    from labelonce.sources.base import Source

STDOUT = Path("-")

# by option: what is to be written, where it is asked for, and how a file begins that may be there already
Outputs = Mapping[str, tuple[Path | None, Sign]]

as_json = click.option("--json", "json_output", is_flag=True, help="Print JSON on standard output.")


def server_of(settings: Settings) -> "Server":
    from labelonce.label_studio.server import Server

    return Server(settings.url, settings.api_key, timeout=settings.timeout, connections=settings.connections)


def connect(settings: Settings, *, with_images: bool = True) -> "tuple[Server, Project]":
    from labelonce.label_studio.project import read_project

    server = server_of(settings)
    return server, read_project(server, settings.project, with_images=with_images)


def project_source(server: "Server", project: "Project", settings: Settings, progress: Progress) -> "Source":
    from labelonce.sources.label_studio import LabelStudioSource

    return LabelStudioSource(
        server,
        project,
        progress,
        **settings.fetching,
        regions_from_predictions=settings.roi_from_predictions,
    )


def folder_source(folder: Path, settings: Settings) -> "Source":
    from labelonce.sources.folder import FolderSource

    if settings.roi_from_predictions:
        raise ConfigurationError("A folder has no predictions: give --roi x,y,w,h instead of --roi-from-predictions.")
    return FolderSource(folder, max_bytes=settings.max_bytes, follow_links=settings.follow_links)


def save(made: "Plan", path: Path) -> None:
    from labelonce.planning import save_with_table

    with writing(path):
        save_with_table(made, path, path.with_suffix(".csv"))


@contextmanager
def writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written: {error.strerror}. Free some disk space, or name another file."
        ) from None


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table to a file, or to standard output."""
    if path != STDOUT:
        with writing(path):
            save_table(path, columns, rows)
        return
    text = io.StringIO(newline="")
    write_rows(text, columns, rows)
    click.echo(text.getvalue().encode("utf-8", "surrogateescape"), nl=False)  # names that are not UTF-8, byte for byte


def plan_outputs(path: Path | None) -> Outputs:
    """The two files of a plan that is saved."""
    from labelonce.planning import DECISIONS, PLAN

    if path is None:
        return {}
    if path.suffix == ".csv":
        raise ConfigurationError(f"--output {path}: name the JSON file; its CSV is written beside it.")
    return {"--output": (path, PLAN), "the table of --output": (path.with_suffix(".csv"), table_sign(DECISIONS))}


def check_outputs(outputs: Outputs, settings: Settings) -> None:
    """Find bad names before the work, not after it: no file is lost, and none is written twice.

    Raises
    ------
    ConfigurationError
        There is no folder, there is a file that labelonce did not write, or two names are one file.
    """
    taken = {
        _place(path): name for name, path in (("--store", settings.store), ("--log-file", logs.log_file())) if path
    }
    for option, (path, sign) in outputs.items():
        if path is None or path == STDOUT:
            continue
        if not path.parent.is_dir():
            raise ConfigurationError(f"{path} cannot be written: there is no folder {path.parent}.")
        other = taken.setdefault(_place(path), option)
        if other != option:
            raise ConfigurationError(f"{option} {path} is what {other} writes too: name another file.")
        with writing(path):
            check_free(path, sign)


def _place(path: Path) -> str:
    """The file that a name means."""
    return os.path.normcase(os.path.realpath(path))


def exit_refused(refused: list[tuple[int, str]]) -> None:
    if refused:
        task, text = refused[0]
        click.echo(
            f"{len(refused):,} tasks were refused, the first {task}: {text}\nRun it again to try them.", err=True
        )
        sys.exit(INCOMPLETE)


@contextmanager
def exclusively(server: "Server", project: "Project", settings: Settings, progress: Progress) -> Iterator[None]:
    """Let no other labelonce work on the project meanwhile."""
    from labelonce.label_studio.claims import claimed
    from labelonce.label_studio.project import identity_of
    from labelonce.locking import project_lock

    identity = identity_of(server, project.id)
    command = click.get_current_context().command.name or ""
    with (
        project_lock(identity, settings.wait, progress, command=command) as holder,
        claimed(server, project, holder, settings.wait, progress),
    ):
        yield


def folder_savings(made: "Plan", settings: Settings) -> "Savings":
    """What a plan on a folder would save, where each image is one task for one person."""
    from labelonce.planning import Role
    from labelonce.savings import savings

    return savings(
        tasks=len(made.decisions),
        duplicates=made.count(Role.DUPLICATE),
        skipped=0,
        annotators=1,
        lead_times=(),
        settings=settings,
    )
