"""Commands that follow a project, and that tell labelonce what people know better."""

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labelonce.cli.exits import INCOMPLETE
from labelonce.cli.shared import as_json, connect, exclusively, exit_refused
from labelonce.options import settings_from, with_settings
from labelonce.progress import Progress, visible_progress
from labelonce.settings import OF_A_SYNC, Settings

if TYPE_CHECKING:
    from labelonce.syncing import Synced


@click.command()
@with_settings(*OF_A_SYNC)
@click.option(
    "--watch", type=click.FloatRange(min=1), metavar="SECONDS", help="Go on, and look again after so many seconds."
)
@click.option("--recheck", is_flag=True, help="Ask for every image again, in case it changed behind its URL.")
@as_json
def sync(watch: float | None, recheck: bool, json_output: bool, **values: Any) -> None:
    """Decide for what is new in a project since the last time, and carry it out; earlier decisions stand.

    With --json one line for each sync is printed. A watch ends with Ctrl-C or SIGTERM.

    Example: labelonce sync --project 3 --watch 60
    """
    settings = settings_from(values)
    if watch is None:
        synced = _sync(settings, visible_progress(), json_output, recheck=recheck)
        exit_refused(synced.outcome.refused if synced.outcome else [])
        return
    from labelonce.serving.watching import watch as keep_watching

    keep_watching(lambda: _sync(settings, visible_progress(), json_output, recheck=recheck), watch)


@click.command()
@click.argument("tasks", nargs=-1, required=True, type=click.IntRange(min=1), metavar="TASK...")
@with_settings("server", "marking", "locking")
@as_json
def keep(tasks: tuple[int, ...], json_output: bool, **values: Any) -> None:
    """Have tasks labelled, whatever they look like, from now on and on every computer.

    Example: labelonce keep 17 23 --project 3
    """
    from labelonce.report import print_json
    from labelonce.syncing import judging

    settings, progress = settings_from(values), visible_progress()
    server, project = connect(settings, with_images=False)
    with exclusively(server, project, settings, progress):
        outcome = judging.keep(server, project, tasks, progress, mark=settings.mark)
    if json_output:
        print_json(outcome=outcome)
    else:
        click.echo(f"{len(set(tasks)):,} tasks are kept, {outcome.skips_lifted:,} skips lifted.")
    exit_refused(outcome.refused)


@click.command()
@click.argument("one", type=click.IntRange(min=1), metavar="A")
@click.argument("other", type=click.IntRange(min=1), metavar="B")
@with_settings(*OF_A_SYNC)
@as_json
def distinct(one: int, other: int, json_output: bool, **values: Any) -> None:
    """Say that two tasks show different things; neither will stand for the other again.

    Where one was a duplicate of the other, it is decided anew. Takes `labelonce same` back.

    Example: labelonce distinct 17 23 --project 3
    """
    from labelonce.syncing import judging

    settings, progress = settings_from(values), visible_progress()
    server, project = connect(settings)
    with exclusively(server, project, settings, progress):
        torn = judging.tell_apart(server, project, one, other, progress, mark=settings.mark)
    if not json_output:
        click.echo(f"Tasks {one} and {other} are distinct.")
    if torn:
        synced = _sync(settings, progress, json_output, torn)
        exit_refused(synced.outcome.refused if synced.outcome else [])


@click.command()
@click.argument("one", type=click.IntRange(min=1), metavar="A")
@click.argument("other", type=click.IntRange(min=1), metavar="B")
@with_settings("server", "marking", "locking")
@as_json
def same(one: int, other: int, json_output: bool, **values: Any) -> None:
    """Say that two tasks are the same, whatever they look like; only one of them will be labelled.

    Where both were to be labelled, one stands for the other from now on, and for all that this one stood for. What
    people worked on is never skipped. Takes `labelonce distinct` back.

    Example: labelonce same 17 23 --project 3
    """
    from labelonce.report import print_json
    from labelonce.syncing import judging

    settings, progress = settings_from(values), visible_progress()
    server, project = connect(settings, with_images=False)
    with exclusively(server, project, settings, progress):
        outcome = judging.join(server, project, one, other, progress, mark=settings.mark)
    if json_output:
        print_json(outcome=outcome)
    else:
        click.echo(f"Tasks {one} and {other} are the same from now on, {outcome.skips_written:,} skips written.")
    exit_refused(outcome.refused)


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@with_settings(*OF_A_SYNC)
@click.option("--with-duplicates", is_flag=True, help="Import duplicates too, skipped and tagged.")
@click.option("--dry-run", is_flag=True, help="Only say what would be imported.")
@as_json
def upload(folder: Path, with_duplicates: bool, dry_run: bool, json_output: bool, **values: Any) -> None:
    """Import those images of a folder that a project does not have yet.

    They are compared with each other and with the project first. Where the folder lies in a local storage of the
    project, tasks refer to the files; else the files are uploaded. Run it again after a crash: it continues.

    Example: labelonce upload frames/ --project 3
    """
    from labelonce.report import print_json, print_uploaded
    from labelonce.syncing.uploading import Fate
    from labelonce.syncing.uploading import upload as send

    settings, progress = settings_from(values), visible_progress()
    server, project = connect(settings)
    with nullcontext() if dry_run else exclusively(server, project, settings, progress):
        uploaded = send(server, project, folder, settings, progress, with_duplicates=with_duplicates, dry_run=dry_run)
    if json_output:
        print_json(project=project.id, files=uploaded.files, referenced=uploaded.referenced)
    else:
        print_uploaded(uploaded, dry_run=dry_run, with_duplicates=with_duplicates)
    if uploaded.count(Fate.FAILED):
        sys.exit(INCOMPLETE)


def _sync(
    settings: Settings,
    progress: Progress,
    json_output: bool,
    again: Sequence[int] = (),
    *,
    recheck: bool = False,
) -> "Synced":
    import time

    from labelonce.syncing import sync as follow

    began = time.monotonic()
    server, project = connect(settings)
    with exclusively(server, project, settings, progress):
        synced = follow(server, project, settings, progress, again=again, recheck=recheck)
    if json_output:
        import json

        click.echo(
            json.dumps(synced.figures() | {"project": project.id, "seconds": round(time.monotonic() - began, 2)})
        )
        return synced
    click.echo(
        f"Project {project.id}: {synced.tasks:,} tasks, {synced.new:,} new, {synced.changed:,} changed, "
        f"{synced.deleted:,} deleted; {synced.duplicates:,} duplicates"
    )
    if synced.outcome is not None:
        from labelonce.report import print_outcome

        print_outcome(synced.outcome)
    return synced
