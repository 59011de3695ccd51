"""The command line. Every command parses, opens, calls one function of the library and prints.

Exit codes: 0 done; 1 the server or the machine failed, run it again; 2 a setting or an argument is wrong;
3 done except for what the server refused; 130 interrupted.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labelonce import __version__
from labelonce.errors import ConfigurationError, LabelOnceError, PlanError
from labelonce.options import settings_from, with_settings
from labelonce.progress import Progress, visible_progress
from labelonce.settings import Settings

if TYPE_CHECKING:
    from labelonce.label_studio.project import Project
    from labelonce.label_studio.server import Server
    from labelonce.planning import Plan
    from labelonce.savings import Savings

FAILED, WRONG_SETTING, INCOMPLETE, INTERRUPTED = 1, 2, 3, 130

as_json = click.option("--json", "json_output", is_flag=True, help="Print JSON on standard output.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="labelonce")
def cli() -> None:
    """Label every image once.

    Finds the near-duplicate image tasks of a Label Studio project, skips them, tags them, and says what that saves.
    Tasks that people worked on are never touched, and `undo` puts everything back.

    \b
    export LABEL_STUDIO_URL=http://localhost:8080 LABEL_STUDIO_API_KEY=...
    labelonce doctor --project 3     is everything set up?
    labelonce plan --project 3       what would happen? writes nothing to Label Studio
    labelonce run --project 3        do it
    labelonce undo --project 3       take it back
    """


@cli.command()
@with_settings("server")
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


@cli.command()
@with_settings("server", "images", "similarity", "thresholds", "savings")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Where to save the plan.")
@as_json
def plan(output: Path | None, json_output: bool, **values: Any) -> None:
    """Decide for every task of a project; write nothing to Label Studio.

    The plan is saved as JSON, and as CSV beside it with the reason for every task.

    Example: labelonce plan --project 3 --output plan.json
    """
    from labelonce import report

    _check_output(output)
    settings, progress = settings_from(values), visible_progress()
    server, project = _connect(settings)
    made = _plan_project(server, project, settings, progress)
    path = output or Path(f"labelonce-plan-{project.id}.json")
    _save(made, path)
    found = _savings(server, project, made, settings, skipped=0)
    if json_output:
        report.print_json(plan=made, savings=found)
        return
    report.print_plan(made)
    report.print_savings(found)
    click.echo(f"\nSaved as {path} and {path.with_suffix('.csv')}. Carry it out with: labelonce apply {path}")


@cli.command()
@click.argument("plan_file", metavar="PLAN", type=click.Path(path_type=Path))
@with_settings("server", "marking", "savings")
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
    server, project = _connect(replace(settings, project=made.project), with_images=False)
    _apply(server, project, made, settings, progress, json_output)


@cli.command()
@with_settings("server", "images", "similarity", "thresholds", "marking", "savings")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Save the plan here too.")
@as_json
def run(output: Path | None, json_output: bool, **values: Any) -> None:
    """Plan and apply in one go. Run it again after a crash: it continues.

    Example: labelonce run --project 3
    """
    from labelonce import report

    _check_output(output)
    settings, progress = settings_from(values), visible_progress()
    server, project = _connect(settings)
    made = _plan_project(server, project, settings, progress)
    if output is not None:
        _save(made, output)
    if not json_output:
        report.print_plan(made)
    _apply(server, project, made, settings, progress, json_output)


@cli.command()
@with_settings("server")
@as_json
def undo(json_output: bool, **values: Any) -> None:
    """Take back everything that labelonce made in a project.

    Skips, tags, tabs and the setting go; what people made stays. Works on any computer, from what the server knows.

    Example: labelonce undo --project 3
    """
    from labelonce import report
    from labelonce.label_studio.undoing import undo as undo_project

    server, project = _connect(settings_from(values), with_images=False)
    undone = undo_project(server, project, visible_progress())
    if json_output:
        report.print_json(undone=undone)
    else:
        restored = f", skip_queue is {undone.skip_queue} again" if undone.skip_queue else ""
        click.echo(
            f"Undone in project {project.id}: {undone.skips:,} skips and the tags of {undone.tasks:,} tasks, "
            f"{undone.tabs} tabs{restored}."
        )
    _exit_refused(undone.refused)


@cli.command()
@with_settings("server", "savings")
@as_json
def report(json_output: bool, **values: Any) -> None:
    """Say what labelonce saves in a project, from what the server knows.

    Example: labelonce report --project 3 --hourly-rate 30
    """
    from labelonce.label_studio import marks
    from labelonce.label_studio.listing import lead_times, read_all
    from labelonce.planning import Role
    from labelonce.report import print_json, print_savings
    from labelonce.savings import savings

    settings = settings_from(values)
    server, project = _connect(settings, with_images=False)
    states = read_all(server, project.id, visible_progress()).values()
    duplicates = [state for state in states if state.own_skip or state.tags.get(marks.ROLE) == Role.DUPLICATE.value]
    found = savings(
        tasks=len(states),
        duplicates=len(duplicates),
        skipped=sum(state.own_skip is not None for state in duplicates),
        annotators=project.maximum_annotations,
        lead_times=lead_times(server, project.id),
        settings=settings,
    )
    if json_output:
        print_json(savings=found)
    else:
        print_savings(found)


@cli.command()
@click.argument("folder", metavar="PATH", type=click.Path(path_type=Path))
@with_settings("images", "similarity", "thresholds", "savings")
@click.option(
    "--decisions",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write file,representative for every image; a kept image names itself.",
)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Save the plan as JSON and CSV.")
@as_json
def folder(folder: Path, decisions: Path | None, output: Path | None, json_output: bool, **values: Any) -> None:
    """Plan on a folder of images, without Label Studio. Nothing in the folder is changed.

    Example: labelonce folder photos --decisions decisions.csv
    """
    from labelonce import report
    from labelonce.savings import savings
    from labelonce.sources.folder import FolderSource

    _check_output(output)
    _check_folder(decisions)
    settings = settings_from(values)
    if settings.roi_from_predictions:
        raise ConfigurationError("A folder has no predictions: give --roi x,y,w,h instead of --roi-from-predictions.")
    source = FolderSource(folder, max_bytes=settings.max_bytes)

    from labelonce.pipeline import make_plan
    from labelonce.planning import Role, save_representatives

    made = make_plan(source, settings, visible_progress())
    if decisions is not None:
        with _writing(decisions):
            save_representatives(made, decisions)
    if output is not None:
        _save(made, output)
    found = savings(
        tasks=len(made.decisions),
        duplicates=made.count(Role.DUPLICATE),
        skipped=0,
        annotators=1,
        lead_times=(),
        settings=settings,
    )
    if json_output:
        report.print_json(plan=made, savings=found)
        return
    report.print_plan(made)
    report.print_savings(found)


def _server(settings: Settings) -> "Server":
    from labelonce.label_studio.server import Server

    return Server(settings.url, settings.api_key, timeout=settings.timeout, connections=settings.connections)


def _connect(settings: Settings, *, with_images: bool = True) -> "tuple[Server, Project]":
    from labelonce.label_studio.project import read_project

    server = _server(settings)
    return server, read_project(server, settings.project, with_images=with_images)


def _plan_project(server: "Server", project: "Project", settings: Settings, progress: Progress) -> "Plan":
    from labelonce.pipeline import make_plan
    from labelonce.sources.label_studio import LabelStudioSource

    source = LabelStudioSource(
        server,
        project,
        progress,
        timeout=settings.timeout,
        max_bytes=settings.max_bytes,
        regions_from_predictions=settings.roi_from_predictions,
    )
    return make_plan(source, settings, progress, project=project.id)


def _apply(
    server: "Server", project: "Project", made: "Plan", settings: Settings, progress: Progress, json_output: bool
) -> None:
    from labelonce import report
    from labelonce.label_studio.applying import apply_plan

    outcome = apply_plan(server, made, progress, mark=settings.mark, ignore_skipped=settings.ignore_skipped)
    found = _savings(server, project, made, settings, skipped=outcome.skipped)
    if json_output:
        report.print_json(outcome=outcome, savings=found)
    else:
        report.print_outcome(outcome)
        report.print_savings(found)
    _exit_refused(outcome.refused)


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


def _save(made: "Plan", path: Path) -> None:
    from labelonce.planning import save_decisions, save_plan

    with _writing(path):
        save_plan(made, path)
        save_decisions(made.decisions, path.with_suffix(".csv"))


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}. Name another file.") from None


def _check_output(path: Path | None) -> None:
    """Find a bad name before the work, not after it."""
    if path is not None and path.suffix == ".csv":
        raise ConfigurationError(f"--output {path}: name the JSON file; its CSV is written beside it.")
    _check_folder(path)


def _check_folder(path: Path | None) -> None:
    if path is not None and not path.parent.is_dir():
        raise ConfigurationError(f"{path} cannot be written: there is no folder {path.parent}.")


def _exit_refused(refused: list[tuple[int, str]]) -> None:
    if refused:
        task, text = refused[0]
        click.echo(
            f"{len(refused):,} tasks were refused, the first {task}: {text}\nRun it again to try them.", err=True
        )
        sys.exit(INCOMPLETE)


def main() -> None:
    """Run the command line; errors become one clear line and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a name that the terminal's encoding does not know stops nothing
            stream.reconfigure(errors="backslashreplace")
    try:
        cli(standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted. Run it again: it continues where it stopped.", err=True)
        sys.exit(INTERRUPTED)
    except (ConfigurationError, PlanError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(WRONG_SETTING)
    except LabelOnceError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(FAILED)
    except OSError as error:  # a full disk, for instance; click itself ends quietly when a pipe is closed
        click.echo(f"Error: {error}", err=True)
        sys.exit(FAILED)
