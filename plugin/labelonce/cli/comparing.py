"""Commands on single images: how alike two are, what is like one, and whether one is already there."""

import os
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labelonce.cli.exits import INCOMPLETE, NOT_THERE
from labelonce.cli.shared import (
    STDOUT,
    as_json,
    check_outputs,
    connect,
    folder_source,
    project_source,
    server_of,
    write_table,
    writing,
)
from labelonce.errors import ConfigurationError
from labelonce.options import settings_from, with_settings
from labelonce.progress import Progress, visible_progress
from labelonce.settings import Settings
from labelonce.writing import PNG, save_picture, table_sign

if TYPE_CHECKING:
    from labelonce.comparing.checking import Answer
    from labelonce.comparing.likeness import Likeness
    from labelonce.comparing.vicinity import Neighbour, Neighbours
    from labelonce.label_studio.project import Project
    from labelonce.label_studio.server import Server
    from labelonce.sources.base import Source
    from labelonce.sources.named import Named, NamedSource

STDIN = "-"
COLUMNS = ("rank", "task", "image", "similarity", "duplicate", "reason")

_groups = with_settings("server", "images", "similarity", "thresholds")
_in = click.option(
    "--in", "folder", metavar="DIR", type=click.Path(path_type=Path), help="The folder; goes before a set project."
)


@click.command()
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option(
    "--show",
    "drawing",
    metavar="FILE.png",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw both: side by side, laid on each other, and with the places that differ outlined.",
)
@click.option("--figures", is_flag=True, help="Print what was measured, too.")
@_groups
@as_json
def similarity(a: str, b: str, drawing: Path | None, figures: bool, json_output: bool, **values: Any) -> None:
    """Say how alike two images are, and whether they count as duplicates.

    A and B are files, http(s) URLs or, with --project, numbers of its tasks; a file of that name goes first. Tasks with
    several images are compared image by image. The level auto asks the project, where one is given.

    Example: labelonce similarity a.jpg b.jpg --show both.png
    """
    settings, progress = settings_from(values), visible_progress()
    check_outputs({"--show": (drawing, PNG)}, settings)
    names = _Names(settings, progress, project=settings.project is not None)
    one, other = names.image(a), names.image(b)
    controls = names.connected[2].controls if settings.project is not None else ()

    if drawing is None:
        from labelonce.comparing import likeness

        found = likeness.similarity(one, other, settings, progress, controls=controls)
    else:
        from labelonce.comparing import showing

        found, sheet = showing.show(one, other, settings, progress, controls=controls)
        with writing(drawing):
            save_picture(sheet, drawing)
    if json_output:
        _print_json({"a": a, "b": b, "model": settings.chosen_model, **_as_dict(found), **_measured(found)})
        return
    click.echo(f"{_percent(found)} similar: {_verdict(found)}: {found.reason}")
    if figures and found.verdict is not None:
        click.echo(f"  {found.verdict.figures}")


@click.command()
@click.argument("image", metavar="IMAGE")
@_in
@click.option("-k", default=10, show_default=True, type=click.IntRange(min=1), help="How many neighbours.")
@_groups
@click.option(
    "--csv",
    "table",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Write rank,task,image,similarity,duplicate,reason; - is standard output.",
)
@as_json
def neighbors(image: str, folder: Path | None, k: int, table: Path | None, json_output: bool, **values: Any) -> None:
    """List the images of a folder or project that are most like an image.

    IMAGE is a file, an http(s) URL or, with --project, the number of one of its tasks; a file of that name goes first.
    It is not listed itself. All images are compared; with --engine annoy an index is looked through instead, to which
    --n-trees, --search-k and --metric apply.

    Example: labelonce neighbors new.jpg --in photos -k 5
    """
    if json_output and table == STDOUT:
        raise ConfigurationError("--json and --csv - would both write to standard output. Choose one.")
    settings, progress = settings_from(values), visible_progress()
    check_outputs({"--csv": (table, table_sign(COLUMNS))}, settings)
    names = _Names(settings, progress, project=_in_project(folder, settings))
    wanted = names.image(image)
    source = names.connected[2] if folder is None else folder_source(folder, settings)

    from labelonce.comparing.vicinity import nearest

    found = nearest(wanted, source, settings, progress, k=k)
    for task, problem in sorted(found.problems.items()):
        click.echo(_shown(f"not compared: {task}: {problem}"), err=True)
    if table is not None:
        _write_neighbours(found, table)
    if json_output:
        listed = [
            {"rank": one.rank, "task": one.task, "image": one.image, **_as_dict(one.likeness)} for one in found.found
        ]
        problems = [{"task": task, "problem": problem} for task, problem in sorted(found.problems.items())]
        _print_json({"image": image, "compared": found.compared, "neighbors": listed, "problems": problems})
    elif table != STDOUT:
        _print_neighbours(found, "task" if folder is None else "image")


@click.command()
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@_in
@_groups
@as_json
def check(images: tuple[str, ...], folder: Path | None, json_output: bool, **values: Any) -> None:
    """Say whether images are already there, in a folder or project.

    Answers from what the last `labelonce folder`, `plan` or `run` with these settings knew, without reading it again:
    tasks that came since are not known, and those that went still are.

    IMAGE is a file, a folder of images, an http(s) URL or, with --project, the number of one of its tasks, which is
    looked up among the others. - reads names from standard input: one in each line, or separated by NUL as
    find -print0 writes them.

    Exit code: 0 all are there; 4 at least one is not; 3 at least one cannot be read, whatever the others are.

    Example: labelonce check new.jpg --project 3
    """
    settings, progress = settings_from(values), visible_progress()
    names = _Names(settings, progress, project=_in_project(folder, settings))
    identity = names.identity if folder is None else folder_source(folder, settings).identity
    asked = [one for name in images for one in names.images(name)]

    from labelonce.comparing import checking

    wanted = [one for one in asked if not isinstance(one, _Missing)]
    source = (lambda: names.connected[2]) if folder is None else None
    found = iter(checking.check(wanted, identity, settings, progress, source=source))
    answers = [
        checking.Answer(one.name, None, problem=one.problem) if isinstance(one, _Missing) else next(found)
        for one in asked
    ]
    if json_output:
        _print_json({"known": identity, "answers": [_answer_dict(one) for one in answers]})
    else:
        _print_answers(answers, "task " if folder is None else "")
    if any(one.there is None for one in answers):
        sys.exit(INCOMPLETE)
    if not all(one.there for one in answers):
        sys.exit(NOT_THERE)


class _Missing:
    """A name that stands for no image."""

    def __init__(self, name: str, problem: str) -> None:
        self.name, self.problem = name, problem


class _Names:
    """Finds what the names on a command line stand for.

    Parameters
    ----------
    project
        Whether numbers are tasks of the project.
    """

    def __init__(self, settings: Settings, progress: Progress, *, project: bool) -> None:
        self._settings = settings
        self._progress = progress
        self._project = project

    @cached_property
    def connected(self) -> "tuple[Server, Project, Source]":
        """The project; this asks the server."""
        server, project = connect(self._settings)
        return server, project, project_source(server, project, self._settings, self._progress)

    @property
    def identity(self) -> str:
        """Identity of the project's source; this asks nobody."""
        from labelonce.label_studio.project import identity_of

        return identity_of(server_of(self._settings), self._settings.project)

    @cached_property
    def _files(self) -> "NamedSource":
        from labelonce.sources.named import NamedSource

        settings = self._settings
        server = server_of(settings) if settings.url and settings.api_key else None
        return NamedSource(**settings.fetching, server=server)

    def image(self, name: str, *, trusted: bool = True) -> "Named":
        """What one name stands for."""
        from labelonce.sources.named import task_of

        if not (name.isascii() and name.isdecimal()) or os.path.lexists(name):
            return self._files.image(name, trusted=trusted)
        if not self._project:
            raise ConfigurationError(f"There is no file {name}. For a task of that number, name its --project too.")
        outlined = self._settings.roi_from_predictions
        return task_of(*self.connected, int(name), regions_from_predictions=outlined)

    def images(self, name: str) -> "Iterator[Named | _Missing]":
        """What a name stands for that may be a folder, or standard input."""
        if name == STDIN:
            yield from map(self._listed, _lines())
        elif os.path.isdir(name):  # noqa: PTH112 - pathlib's raises for odd names
            from labelonce.sources.named import files_of

            yield from files_of(Path(name), folder_source(Path(name), self._settings))
        else:
            yield self.image(name)

    def _listed(self, name: str) -> "Named | _Missing":
        try:
            return self.image(name, trusted=False)  # a list may come from anywhere
        except ConfigurationError as error:
            return _Missing(name, str(error))


def _lines() -> list[str]:
    """Names on standard input; those that are not UTF-8 are names of files all the same."""
    content = sys.stdin.buffer.read()
    parts = content.split(b"\0") if b"\0" in content else content.replace(b"\r\n", b"\n").split(b"\n")
    return [os.fsdecode(part) for part in parts if part]


def _in_project(folder: Path | None, settings: Settings) -> bool:
    """Whether the project is meant, and not the folder."""
    source = click.get_current_context().get_parameter_source("project")
    if folder is not None and source is click.core.ParameterSource.COMMANDLINE:
        raise ConfigurationError("Give --in DIR or --project P, not both.")
    if folder is None and settings.project is None:
        raise ConfigurationError("Where? Name a folder with --in DIR, or a Label Studio project with --project P.")
    return folder is None


def _verdict(found: "Likeness") -> str:
    level = f" at level {found.level}" if found.level else ""
    return f"{'duplicates' if found.duplicates else 'not duplicates'}{level}"


def _percent(found: "Likeness") -> str:
    return f"{round(found.similarity, 1) + 0.0:.1f} %"


def _as_dict(found: "Likeness") -> dict[str, Any]:
    return {
        "similarity": round(found.similarity, 4),
        "duplicates": found.duplicates,
        "reason": found.reason,
        "level": found.level,
        "view": found.view,
    }


def _measured(found: "Likeness") -> dict[str, Any]:
    """What the verification measured; nothing where it was not asked."""
    if found.verdict is None:
        return {}
    difference = found.verdict.difference
    boxes = [] if difference is None else [[round(value, 2) for value in box] for box in difference.boxes]
    doubt = round(found.verdict.doubt, 4) if found.duplicates else None
    return {"figures": found.verdict.figures, "doubt": doubt, "boxes": boxes}


def _answer_dict(answer: "Answer") -> dict[str, Any]:
    likeness = {} if answer.likeness is None else _as_dict(answer.likeness)
    likeness.pop("duplicates", None)
    return {
        "image": answer.image,
        "there": answer.there,
        "tasks": answer.tasks,
        **likeness,
        **({"problem": answer.problem} if answer.problem else {}),
    }


def _print_json(content: dict[str, Any]) -> None:
    import json

    click.echo(json.dumps(content, indent=1))


def _shown(text: str) -> str:
    from labelonce.report import printable

    return printable(text)


def _name(one: "Neighbour") -> str:
    return str(one.task) if one.image is None else f"{one.task}, image {one.image}"


def _print_neighbours(found: "Neighbours", kind: str) -> None:
    from labelonce.report import print_table

    rows = [
        (
            str(one.rank),
            _percent(one.likeness),
            _name(one),
            "yes" if one.likeness.duplicates else "no",
            one.likeness.reason,
        )
        for one in found.found
    ]
    if rows:
        print_table(rows, header=("", "similarity", kind, "duplicate", "why"), numbers=frozenset({0, 1}))
    else:
        click.echo("There is nothing to compare it with.")


def _write_neighbours(found: "Neighbours", table: Path) -> None:
    rows = (
        (one.rank, one.task, one.image, round(one.likeness.similarity, 4), int(one.likeness.duplicates),
         one.likeness.reason)
        for one in found.found
    )  # fmt: skip
    write_table(table, COLUMNS, rows)


def _print_answers(answers: "list[Answer]", kind: str) -> None:
    for one in answers:
        click.echo(_shown(f"{one.image}: {_said(one, kind)}"), err=one.there is None)
    if len(answers) > 1:
        there, not_there, unread = (sum(one.there is value for one in answers) for value in (True, False, None))
        told = f", {unread:,} cannot be read" if unread else ""
        click.echo(f"{len(answers):,} images: {there:,} there, {not_there:,} not there{told}", err=True)


def _said(one: "Answer", kind: str) -> str:
    if one.there is None:
        return f"cannot be looked up: {one.problem}"
    if one.likeness is None:
        return "no; there is nothing to compare it with"
    more = f" and {len(one.tasks) - 1:,} more" if len(one.tasks) > 1 else ""
    nearest = f"{kind}{one.tasks[0]}{more} ({_percent(one.likeness)}, {one.likeness.reason})"
    return f"yes: {nearest}" if one.there else f"no; the nearest is {nearest}"
