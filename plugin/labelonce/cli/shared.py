"""What commands have in common: connecting, planning a project, writing files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labelonce.errors import ConfigurationError
from labelonce.progress import Progress
from labelonce.settings import Settings

if TYPE_CHECKING:
    from labelonce.label_studio.project import Project
    from labelonce.label_studio.server import Server
    from labelonce.planning import Plan
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
        timeout=settings.timeout,
        max_bytes=settings.max_bytes,
        regions_from_predictions=settings.roi_from_predictions,
    )


def folder_source(folder: Path, settings: Settings) -> "Source":
    from labelonce.sources.folder import FolderSource

    if settings.roi_from_predictions:
        raise ConfigurationError("A folder has no predictions: give --roi x,y,w,h instead of --roi-from-predictions.")
    return FolderSource(folder, max_bytes=settings.max_bytes)


def save(made: "Plan", path: Path) -> None:
    from labelonce.planning import save_decisions, save_plan

    with writing(path):
        save_plan(made, path)
        save_decisions(made.decisions, path.with_suffix(".csv"))


@contextmanager
def writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}. Name another file.") from None


def check_output(path: Path | None) -> None:
    """Find a bad name before the work, not after it."""
    if path is not None and path.suffix == ".csv":
        raise ConfigurationError(f"--output {path}: name the JSON file; its CSV is written beside it.")
    check_folder(path)


def check_folder(path: Path | None) -> None:
    if path is not None and not path.parent.is_dir():
        raise ConfigurationError(f"{path} cannot be written: there is no folder {path.parent}.")
