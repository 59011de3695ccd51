"""The command that lists clusters."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labelonce.cli.shared import STDOUT, as_json, check_outputs, connect, folder_source, project_source, write_table
from labelonce.errors import ConfigurationError
from labelonce.options import settings_from, with_settings
from labelonce.progress import Progress, visible_progress
from labelonce.settings import Settings
from labelonce.writing import table_sign

if TYPE_CHECKING:
    from labelonce.grouping import Cluster, Grouping
    from labelonce.sources.base import Source

SHOWN_CLUSTERS = 10
SHOWN_MEMBERS = 5
SHOWN_PROBLEMS = 10


@click.command()
@click.argument("folder", metavar="[PATH]", required=False, type=click.Path(path_type=Path))
@with_settings("server", "images", "similarity", "thresholds", "finding")
@click.option(
    "--csv",
    "table",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write task,label,size,representative,problem for every image; - is standard output.",
)
@as_json
def clusters(folder: Path | None, table: Path | None, json_output: bool, **values: Any) -> None:
    """List the clusters of a folder, or of a project: sizes, members, and the label of every image.

    Labels are DBSCAN's: 0, 1 and so on, and -1 for images that are unique. Images that could not be compared have none.
    All pairs are verified, so that this takes longer than a plan. Nothing is changed.

    Example: labelonce clusters photos --csv labels.csv
    """
    from labelonce import grouping as groups

    if json_output and table == STDOUT:
        raise ConfigurationError("--json and --csv - would both write to standard output. Choose one.")
    settings, progress = settings_from(values), visible_progress()
    check_outputs({"--csv": (table, table_sign(groups.COLUMNS))}, settings)
    source, project = _source(folder, settings, progress)

    from labelonce.pipeline import decisions_of, find_clusters

    found = find_clusters(source, settings, progress, every=True)
    decisions = decisions_of(found, settings)
    grouping = groups.group(found, decisions, source=source.name, project=project)
    if table is not None:
        _write(grouping, table)
    if json_output:
        from labelonce.report import print_json

        print_json(clusters=groups.as_record(grouping))
    elif table != STDOUT:
        _print(grouping)


def _source(folder: Path | None, settings: Settings, progress: Progress) -> "tuple[Source, int | None]":
    """The folder if one is named, else the project."""
    asked = click.get_current_context().get_parameter_source("project") is click.core.ParameterSource.COMMANDLINE
    if folder is not None:
        if asked:
            raise ConfigurationError("Name a folder or a --project, not both.")
        return folder_source(folder, settings), None
    if settings.project is None:
        raise ConfigurationError("Name a folder, or a Label Studio project by --project NUMBER.")
    server, project = connect(settings)
    return project_source(server, project, settings, progress), project.id


def _write(grouping: "Grouping", path: Path) -> None:
    from labelonce.grouping import COLUMNS, rows

    write_table(path, COLUMNS, rows(grouping))


def _print(grouping: "Grouping") -> None:
    from labelonce.grouping import largest, size_rows
    from labelonce.report import print_table, printable

    where = grouping.source if grouping.project is None else f"project {grouping.project} at {grouping.source}"
    click.echo(printable(f"Clusters of {where}"))
    click.echo(
        f"  {grouping.tasks:,} images: {grouping.clustered:,} in {len(grouping.clusters):,} clusters, "
        f"{len(grouping.unique):,} unique, {len(grouping.problems):,} not compared"
    )
    if grouping.clusters:
        click.echo("")
        listed = [(size, f"{count:,}", f"{images:,}") for size, count, images in size_rows(grouping)]
        print_table(listed, header=("size", "clusters", "images"), numbers=frozenset({1, 2}))
        shown = [
            (str(one.label), f"{len(one.members):,}", ", ".join(_kept(one)), ", ".join(_members(one)))
            for one in largest(grouping, SHOWN_CLUSTERS)
        ]
        print_table(shown, header=("label", "size", "kept", "stands for"), numbers=frozenset({0, 1}))
        more = len(grouping.clusters) - len(shown)
        if more:
            click.echo(f"and {more:,} more: --csv FILE or --json lists them all")
    for task, why in grouping.problems[:SHOWN_PROBLEMS]:
        click.echo(printable(f"not compared: {task}: {why}"))
    if len(grouping.problems) > SHOWN_PROBLEMS:
        click.echo(f"and {len(grouping.problems) - SHOWN_PROBLEMS:,} more that were not compared")


def _kept(one: "Cluster") -> list[str]:
    return _some([str(task) for task, head in zip(one.members, one.representatives, strict=True) if task == head])


def _members(one: "Cluster") -> list[str]:
    return _some([str(task) for task, head in zip(one.members, one.representatives, strict=True) if task != head])


def _some(names: list[str]) -> list[str]:
    more = len(names) - SHOWN_MEMBERS
    return names if more <= 0 else [*names[:SHOWN_MEMBERS], f"and {more:,} more"]
