"""Commands on a Label Studio project."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labelonce.cli.exits import FAILED
from labelonce.cli.shared import (
    as_json,
    check_outputs,
    connect,
    exclusively,
    exit_refused,
    plan_outputs,
    project_source,
    save,
)
from labelonce.errors import PlanError
from labelonce.options import settings_from, with_settings
from labelonce.progress import Progress, visible_progress
from labelonce.settings import Settings

if TYPE_CHECKING:
    from labelonce.label_studio.project import Project
    from labelonce.label_studio.server import Server
    from labelonce.planning import Plan
    from labelonce.savings import Savings


@click.command()
@with_settings("server", besides=("store",))
@as_json
def doctor(json_output: bool, **values: Any) -> None:
    """Say what is wrong with the settings, and how to mend it.

    Example: labelonce doctor --project 3
    """
    from labelonce.label_studio.doctor import examine

    findings = []
    for finding in examine(settings_from(values), visible_progress()):
        findings.append(finding)
        if not json_output:
            click.echo(f"{'ok  ' if finding.fine else 'BAD '} {finding.check}: {finding.text}")
    if json_output:
        import json

        click.echo(json.dumps([vars(finding) for finding in findings], indent=1))
    if not all(finding.fine for finding in findings):
        sys.exit(FAILED)


@click.command()
@with_settings("server", "images", "similarity", "thresholds", "finding", "savings")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Where to save the plan.")
@as_json
def plan(output: Path | None, json_output: bool, **values: Any) -> None:
    """Decide for every task of a project; write nothing to Label Studio.

    The plan is saved as JSON, and as CSV beside it with the reason for every task.

    Example: labelonce plan --project 3 --output plan.json
    """
    from labelonce import report
    from labelonce.pipeline import make_plan

    settings, progress = settings_from(values), visible_progress()
    path = output or Path(f"labelonce-plan-{settings.project}.json")
    check_outputs(plan_outputs(path), settings)
    server, project = connect(settings)
    made = make_plan(project_source(server, project, settings, progress), settings, progress, project=project.id)
    save(made, path)
    found = _savings(server, project, made, settings, skipped=0)
    if json_output:
        report.print_json(plan=made, savings=found)
        return
    report.print_plan(made)
    report.print_savings(found)
    click.echo(f"\nSaved as {path} and {path.with_suffix('.csv')}. Carry it out with: labelonce apply {path}")


@click.command()
@click.argument("plan_file", metavar="PLAN", type=click.Path(path_type=Path))
@with_settings("server", "marking", "locking", "savings")
@as_json
def apply(plan_file: Path, json_output: bool, **values: Any) -> None:
    """Carry out a saved plan: skip duplicates, tag tasks, make the tabs.

    What people did since the plan was made is read again, and goes before the plan.

    Example: labelonce apply labelonce-plan-3.json
    """
    from labelonce.planning import load_plan

    made = load_plan(plan_file)
    settings, progress = settings_from(values), visible_progress()
    if made.project is None:
        raise PlanError("This plan was made on a folder: there is no project to apply it to.")
    if settings.project not in (None, made.project):
        raise PlanError(
            f"This plan was made for project {made.project}, but the settings name project {settings.project}."
        )
    server, project = connect(replace(settings, project=made.project), with_images=False)
    with exclusively(server, project, settings, progress):
        _apply(server, project, made, settings, progress, json_output)


@click.command()
@with_settings("server", "images", "similarity", "thresholds", "finding", "marking", "locking", "savings")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Save the plan here too.")
@as_json
def run(output: Path | None, json_output: bool, **values: Any) -> None:
    """Plan and apply in one go. Run it again after a crash: it continues.

    Example: labelonce run --project 3
    """
    from labelonce import report
    from labelonce.pipeline import make_plan

    settings, progress = settings_from(values), visible_progress()
    check_outputs(plan_outputs(output), settings)
    server, project = connect(settings)
    with exclusively(server, project, settings, progress):
        made = make_plan(project_source(server, project, settings, progress), settings, progress, project=project.id)
        if output is not None:
            save(made, output)
        if not json_output:
            report.print_plan(made)
        _apply(server, project, made, settings, progress, json_output)


@click.command()
@with_settings("server", "locking")
@as_json
def undo(json_output: bool, **values: Any) -> None:
    """Take back everything that labelonce made in a project.

    Skips, tags, tabs and the setting go; what people made stays. Works on any computer, from what the server knows.

    Example: labelonce undo --project 3
    """
    from labelonce import report
    from labelonce.label_studio.undoing import undo as undo_project

    settings, progress = settings_from(values), visible_progress()
    server, project = connect(settings, with_images=False)
    with exclusively(server, project, settings, progress):
        undone = undo_project(server, project, progress)
    if json_output:
        report.print_json(undone=undone)
    else:
        restored = f", skip_queue is {undone.skip_queue} again" if undone.skip_queue else ""
        click.echo(
            f"Undone in project {project.id}: {undone.skips:,} skips and the tags of {undone.tasks:,} tasks, "
            f"{undone.tabs} tabs{restored}."
        )
    exit_refused(undone.refused)


def _apply(
    server: "Server", project: "Project", made: "Plan", settings: Settings, progress: Progress, json_output: bool
) -> None:
    from labelonce import report
    from labelonce.label_studio.applying import apply_plan
    from labelonce.syncing import forget

    forget(server, project, settings)
    outcome = apply_plan(server, made, progress, mark=settings.mark, ignore_skipped=settings.ignore_skipped)
    found = _savings(server, project, made, settings, skipped=outcome.skipped)
    if json_output:
        report.print_json(outcome=outcome, savings=found)
    else:
        report.print_outcome(outcome)
        report.print_savings(found)
    exit_refused(outcome.refused)


def _savings(server: "Server", project: "Project", made: "Plan", settings: Settings, *, skipped: int) -> "Savings":
    from labelonce.label_studio.listing import lead_times
    from labelonce.planning import Role
    from labelonce.savings import savings

    return savings(
        tasks=len(made.decisions),
        duplicates=made.count(Role.DUPLICATE),
        skipped=skipped,
        annotators=project.maximum_annotations,
        lead_times=lead_times(server, project.id) if settings.seconds_per_label is None else (),
        settings=settings,
    )
