"""What commands have in common: connecting, planning a project, writing files."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labelonce.cli.exits import INCOMPLETE
from labelonce.errors import ConfigurationError
from labelonce.progress import Progress
from labelonce.settings import Settings
from labelonce.writing import whole

if TYPE_CHECKING:
    from labelonce.label_studio.project import Project
    from labelonce.label_studio.server import Server
    from labelonce.planning import Plan
    from labelonce.savings import Savings
    from labelonce.sources.base import Source

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
    from labelonce.planning import save_decisions, save_plan

    table = path.with_suffix(".csv")
    with writing(path), whole(table) as rows, whole(path) as file:  # a full disk leaves both as they were
        save_plan(made, file)
        save_decisions(made.decisions, rows)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written: {error.strerror}. Free some disk space, or name another file."
        ) from None


def check_output(path: Path | None) -> None:
    """Find a bad name before the work, not after it."""
    if path is not None and path.suffix == ".csv":
        raise ConfigurationError(f"--output {path}: name the JSON file; its CSV is written beside it.")
    check_folder(path)


def check_folder(path: Path | None) -> None:
    if path is not None and not path.parent.is_dir():
        raise ConfigurationError(f"{path} cannot be written: there is no folder {path.parent}.")


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
