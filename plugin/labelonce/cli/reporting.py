"""The command that says what is saved, and shows it."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labelonce.cli.shared import (
    as_json,
    check_outputs,
    connect,
    folder_savings,
    folder_source,
    project_source,
    writing,
)
from labelonce.errors import ConfigurationError
from labelonce.options import F, settings_from, with_settings
from labelonce.progress import Progress, visible_progress
from labelonce.settings import Settings
from labelonce.writing import table_sign, whole

if TYPE_CHECKING:
    from labelonce.planning import Plan
    from labelonce.reporting.content import Report
    from labelonce.sources.base import Source
    from labelonce.tasks import Task, TaskId

    Shown = tuple[Report, Source | None, Iterable[Task]]


def _file(name: str, text: str) -> Callable[[F], F]:
    return click.option(name, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help=text)


@click.command()
@click.argument("subject", metavar="[PLAN|FOLDER]", required=False, type=click.Path(path_type=Path))
@with_settings("server", "images", "similarity", "thresholds", "finding", "savings")
@_file("--html", "Write a page with figures and pictures that opens without internet.")
@_file("--csv", "Write every representative and every duplicate as a table.")
@click.option("--markdown", is_flag=True, help="Print a summary for pull requests and chats.")
@as_json
def report(
    subject: Path | None, html: Path | None, csv: Path | None, markdown: bool, json_output: bool, **values: Any
) -> None:
    """Say what labelonce saves: in a project as it is, by a plan that is not applied yet, or in a folder.

    Nothing is written to Label Studio. PLAN is a file that `labelonce plan` or `labelonce folder` saved.

    Example: labelonce report --project 3 --hourly-rate 30 --html report.html
    """
    from labelonce.planning import json_pieces
    from labelonce.report import print_savings, printable
    from labelonce.reporting import tables
    from labelonce.reporting.page import PAGE

    if markdown and json_output:
        raise ConfigurationError("Both --markdown and --json print on standard output: choose one.")
    settings, progress = settings_from(values), visible_progress()
    check_outputs({"--html": (html, PAGE), "--csv": (csv, table_sign(tables.COLUMNS))}, settings)
    found, source, tasks = _found(subject, settings, progress, pictured=html is not None)
    if html is not None:
        found = _write_page(html, found, source, tasks, settings, progress)
    if found.undecided:
        hint = f"Nobody has looked for duplicates in this project yet: labelonce run --project {found.project}"
        click.echo(hint, err=True)
    if csv is not None:
        with writing(csv):
            tables.save_csv(found, csv)
    if json_output:
        sys.stdout.writelines(json_pieces(tables.as_dict(found)))
        click.echo()
    elif markdown:
        for line in tables.markdown(found):
            click.echo(line)
    else:
        print_savings(found.savings)
        for line in found.advice:
            click.echo(printable(line))
        written = " and ".join(str(path) for path in (html, csv) if path is not None)
        if written:
            click.echo(f"\n{printable(f'Wrote {written}.')}")


def _found(subject: Path | None, settings: Settings, progress: Progress, *, pictured: bool) -> "Shown":
    """The report, and where its pictures come from."""
    if subject is None:
        from labelonce.reporting.gathering import of_project
        from labelonce.reporting.pictures import tasks_of

        server, project = connect(settings, with_images=pictured)
        found = of_project(server, project, settings, progress)
        if not pictured:
            return found, None, ()
        return found, project_source(server, project, settings, progress), tasks_of(server, project, found)
    if subject.is_dir():
        from labelonce.pipeline import make_plan

        folder = folder_source(subject, settings)
        return _of_folder(make_plan(folder, settings, progress), folder, settings)
    from labelonce.planning import load_plan

    plan = load_plan(subject)
    if plan.project is None:
        there = Path(plan.source).is_dir()
        return _of_folder(plan, folder_source(Path(plan.source), settings) if there else None, settings)
    return _of_plan(plan, settings, progress, pictured=pictured)


def _of_folder(plan: "Plan", source: "Source | None", settings: Settings) -> "Shown":
    from contextlib import suppress

    from labelonce.planning import Role
    from labelonce.reporting.gathering import of_plan, weighed

    sizes: dict[TaskId, int] = {}
    for one in plan.decisions:
        if one.role is Role.DUPLICATE:
            with suppress(OSError):
                sizes[one.task] = Path(plan.source, str(one.task)).stat().st_size
    return (
        weighed(of_plan(plan, folder_savings(plan, settings)), sizes),
        source,
        () if source is None else source.tasks(),
    )


def _of_plan(plan: "Plan", settings: Settings, progress: Progress, *, pictured: bool) -> "Shown":
    from dataclasses import replace

    from labelonce.errors import PlanError
    from labelonce.reporting.gathering import planned
    from labelonce.reporting.pictures import tasks_of

    if settings.project not in (None, plan.project):
        raise PlanError(
            f"This plan was made for project {plan.project}, but the settings name project {settings.project}."
        )
    server, project = connect(replace(settings, project=plan.project), with_images=pictured)
    found = planned(server, project, plan, settings, progress)
    if not pictured:
        return found, None, ()
    return found, project_source(server, project, settings, progress), tasks_of(server, project, found)


def _write_page(
    path: Path,
    found: "Report",
    source: "Source | None",
    tasks: "Iterable[Task]",
    settings: Settings,
    progress: Progress,
) -> "Report":
    """Write the page; return the report with what was learnt of the files."""
    from labelonce.reporting.gathering import weighed
    from labelonce.reporting.page import PAGE, render
    from labelonce.reporting.pictures import Shown, read_pictures

    shown = Shown() if source is None else read_pictures(found, source, tasks, settings, progress)
    if found.bytes_saved is None:
        found = weighed(found, {task: one.bytes for task, one in shown.thumbnails.items()})
    with progress.stage("Writing the page"):
        page = render(found, shown.thumbnails, shown.placements)
    with writing(path), whole(path, PAGE) as file:
        file.write(page.encode("utf-8", "replace"))
    return found
