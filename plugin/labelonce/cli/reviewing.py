"""The command that lets a person look at duplicates and say what is wrong."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from labelonce.cli.shared import connect, exclusively, project_source, save
from labelonce.errors import PlanError
from labelonce.options import settings_from, with_settings
from labelonce.progress import visible_progress

WAIT = 10.0  # seconds for another labelonce to end, for each mark
GRACE = 60  # seconds for a mark that is being written when the review is ended


@click.command()
@click.argument("plan_file", metavar="[PLAN]", required=False, type=click.Path(path_type=Path))
@with_settings("server", "images", "savings", "marking", "locking", without=("ignore_skipped",))
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on 127.0.0.1. Default: a free one.")
@click.option("--open/--no-open", "opened", default=True, show_default=True, help="Open the page in the browser.")
def review(plan_file: Path | None, port: int, opened: bool, **values: Any) -> None:
    """Look at the duplicates of a project, and say which are none; it is written at once and remembered.

    Serves a page on 127.0.0.1, for whoever has the address that is printed; Ctrl-C ends it. With PLAN the plan's file
    is corrected before it is applied.

    Example: labelonce review --project 3
    """
    import webbrowser

    from labelonce.planning import load_plan
    from labelonce.redaction import hide
    from labelonce.reviewing.session import Review
    from labelonce.reviewing.site import Door, application
    from labelonce.serving.service import listening, web_server

    settings, progress = settings_from(values), visible_progress()
    if plan_file is not None:
        plan = load_plan(plan_file)
        if plan.project is None:
            raise PlanError("This plan was made on a folder: there is no project in which to remember what you say.")
        if settings.project not in (None, plan.project):
            raise PlanError(
                f"This plan was made for project {plan.project}, but the settings name project {settings.project}."
            )
        settings = replace(settings, project=plan.project)
    settings = replace(settings, wait=WAIT if settings.wait is None else settings.wait)
    server, project = connect(settings)
    context = click.get_current_context()

    @contextmanager
    def alone() -> Iterator[None]:
        with context.scope(cleanup=False), exclusively(server, project, settings, progress):
            yield

    source = project_source(server, project, settings, progress)
    session = Review(server, project, source, settings, progress, alone, save, plan_file)
    with listening("127.0.0.1", port) as listener:
        number = listener.getsockname()[1]
        session.page()  # pictures are read before somebody waits for them
        door = Door(number)
        address = f"http://127.0.0.1:{number}/?token={door.token}"
        click.echo(f"Review project {project.id} at {address}")
        click.echo("The address opens once, on this computer. Ctrl-C ends the review.", err=True)
        hide(door.token)
        if opened:
            webbrowser.open(address)
        with suppress(KeyboardInterrupt):  # uvicorn raises the signal that ended it anew
            web_server(application(door, session.page, session.decide), GRACE).run([listener])
