"""Commands that put the images of a folder elsewhere: by cluster, or duplicates into a trash folder and back."""

import shlex
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labelonce.cli.exits import INCOMPLETE, WRONG_SETTING
from labelonce.cli.shared import as_json, folder_source
from labelonce.errors import ConfigurationError
from labelonce.options import settings_from, with_settings
from labelonce.progress import Progress, visible_progress
from labelonce.settings import Settings

if TYPE_CHECKING:
    from labelonce.folders.moving import Mark
    from labelonce.pipeline import Clusters
    from labelonce.planning import Decision
    from labelonce.sources.base import Source

SHOWN = 10
TYPED = "delete"
DONE = {"copy": "Copied", "hardlink": "Linked", "symlink": "Linked", "move": "Moved"}

dry = click.option("--dry-run", is_flag=True, help="Show what would happen, and do nothing.")
sure = click.option("--yes", "-y", is_flag=True, help="Do not ask.")
in_trash = click.option(
    "--trash", type=click.Path(path_type=Path), help="The trash folder. Default: .labelonce-trash in the folder."
)


@dataclass(frozen=True)
class _Compared:
    """A folder whose images were compared, and what its files were before that."""

    marks: "dict[str, Mark]"
    links: dict[str, frozenset[str]]
    found: "Clusters"
    decisions: "tuple[Decision, ...]"


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="A new folder for the clusters, outside of DIR."
)
@click.option("--mode", type=click.Choice(tuple(DONE)), default="copy", show_default=True, help="How images get there.")
@with_settings("images", "similarity", "thresholds", "finding")
@dry
@sure
@as_json
def group(folder: Path, out: Path, mode: str, dry_run: bool, yes: bool, json_output: bool, **values: Any) -> None:
    """Put the images of a folder into a folder for each cluster.

    Clusters go to cluster-0000 and so on, by DBSCAN's label; unique images to unique; images that could not be compared
    to not-compared. Names that collide get a number. --mode move asks first, and can be taken back:
    labelonce restore DIR --trash OUT

    Example: labelonce group photos --out by-cluster --mode hardlink
    """
    from labelonce.folders import filing
    from labelonce.grouping import group as grouped
    from labelonce.report import print_json

    settings, progress = settings_from(values), visible_progress()
    source = folder_source(folder, settings)
    filing.check_out(folder, out, mode)
    compared = _compare(source, folder, settings, progress, every=True)
    filing.check_out(folder, out, mode, sum(mark.size for mark in compared.marks.values()))
    filings = filing.plan_filings(grouped(compared.found, compared.decisions, source=str(folder)))
    leave = filing.links_to_leave(compared.links, compared.marks) if mode == "move" else {}
    going = [one for one in filings if one.source not in leave]
    left = tuple((one.source, leave[one.source]) for one in filings if one.source in leave)
    told = f"{len(going):,} images to {out}"
    shown = {"folder": folder, "out": out, "mode": mode, "files": [vars(one) for one in going]}
    if not json_output:
        _tell_left(left)
        homes = {one.place.partition("/")[0] for one in going}
        _show(((one.source, one.place) for one in going), ("image", "goes to"), len(going))
        _echo(f"{told}, in {len(homes):,} folders")
    stop = 0 if not going else _stop(f"{mode} {told}", dry_run=dry_run, yes=yes or mode != "move")
    if stop is not None:
        if json_output:
            print_json(group={**shown, "done": 0, "left": left})
        sys.exit(stop)
    done = filing.file_away(
        folder, out, filings, mode, compared.marks, progress, leave=leave, follow_links=settings.follow_links
    )
    if json_output:
        print_json(group={**shown, "done": done.done, "left": done.left})
    else:
        _echo(f"{DONE[mode]} {done.done:,} images to {out}.")
        if mode == "move":
            _echo(f"Take it back with: labelonce restore {_quoted(folder)} --trash {_quoted(out)}")
    _exit_left([one for one in done.left if one not in left])


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@with_settings("images", "similarity", "thresholds", "finding")
@in_trash
@click.option("--delete", is_flag=True, help="Delete the duplicates for good, after asking once more.")
@dry
@sure
@as_json
def dedupe(
    folder: Path, trash: Path | None, delete: bool, dry_run: bool, yes: bool, json_output: bool, **values: Any
) -> None:
    """Move the duplicates of a folder into a trash folder, from which restore brings them back.

    The images that stand for others stay, and so do images that could not be compared. Asks first; where there is no
    terminal to ask at, it shows what would happen, and ends with exit code 2 unless --yes is given.

    Example: labelonce dedupe photos --dry-run
    """
    from labelonce import report
    from labelonce.folders import trash as bins
    from labelonce.planning import Plan
    from labelonce.sources.standing import StandingSource

    settings, progress = settings_from(values), visible_progress()
    source = folder_source(folder, settings)
    place = bins.trash_of(folder, trash)
    source = StandingSource(source, bins.standing_in(folder, place))
    compared = _compare(source, folder, settings, progress, every=False)
    found = compared.found
    removals = bins.plan_removals(compared.decisions, compared.marks, compared.links)
    plan = Plan(str(folder), None, compared.decisions, tuple(sorted(found.images.problems.items())), found.shaped)
    if not json_output:
        report.print_plan(plan)
        _tell_left(removals.left)
    told = f"{len(removals.moves):,} duplicates ({removals.size / 1e6:,.1f} MB)"
    question = f"delete {told} for good" if delete else f"move {told} to {place}"
    stop = 0 if not removals.moves else _stop(question, dry_run=dry_run, yes=yes, typed=delete)
    if stop is not None:
        if json_output:
            report.print_json(plan=plan, removals={"moved": 0, "deleted": 0, "left": removals.left})
        elif not removals.moves:
            click.echo("There is nothing to remove.")
        sys.exit(stop)
    digests = {str(task): one[0].partition("@")[0] for task, one in found.images.digests.items()}
    removed = bins.remove(
        folder,
        place,
        removals,
        compared.marks,
        progress,
        name=datetime.now().strftime("%Y%m%d-%H%M%S"),
        delete=digests if delete else None,
    )
    if json_output:
        report.print_json(plan=plan, removals=removed)
    else:
        if removed.moved:
            where = "" if trash is None else f" --trash {_quoted(trash)}"
            _echo(f"Moved {removed.moved:,} duplicates to {removed.run}.")
            _echo(f"Take it back with: labelonce restore {_quoted(folder)}{where}")
        if removed.deleted:
            _echo(f"Deleted {removed.deleted:,} duplicates for good.")
    _exit_left(removed.left[len(removals.left) :])


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@in_trash
@click.option("--run", "run_name", metavar="ID", help="The run to take back. Default: the newest.")
@click.option("--list", "listed", is_flag=True, help="List the runs whose files are in the trash.")
@dry
@as_json
def restore(
    folder: Path, trash: Path | None, run_name: str | None, listed: bool, dry_run: bool, json_output: bool
) -> None:
    """Put the files that dedupe took from a folder back to where they were.

    Nothing is overwritten: where another file has taken the place, the restored one comes beside it.

    Example: labelonce restore photos
    """
    from labelonce.folders import trash as bins
    from labelonce.report import print_json, print_table

    if trash is None and not folder.is_dir():
        raise ConfigurationError(f"{folder} is not a folder. Name the one that dedupe took the files from.")
    where = folder / bins.TRASH if trash is None else trash
    runs = [run for run in bins.runs_of(folder, where, run_name) if run.held()]
    if listed:
        counted = [(run.name, len(run.held())) for run in runs]
        if json_output:
            print_json(trash={"path": where, "runs": dict(counted)})
        elif counted:
            rows = [(name, f"{count:,}") for name, count in counted]
            print_table(rows, header=("run", "files"), numbers=frozenset({1}))
        else:
            _echo(f"There is nothing to restore in {where}.")
        return
    if not runs:
        if json_output:
            print_json(restored={"run": None, "restored": 0})
        else:
            _echo(f"There is nothing to restore in {where}.")
        return
    run = runs[-1]
    if dry_run:
        held = run.held()
        if json_output:
            print_json(restored={"run": run.path, "would_restore": [move.source for move in held]})
        else:
            _show(((move.place, move.source) for move in held), ("in the trash", "goes back to"), len(held))
            _echo(f"Nothing was done: this was a dry run. {len(held):,} files would be restored.")
        return
    restored = bins.restore(folder, run, visible_progress())
    if json_output:
        print_json(restored=restored)
    else:
        _echo(f"Restored {restored.restored:,} files from {run.path}.")
        for source, now in restored.beside:
            _echo(f"  {source} is {now} now: another file had taken its place")
        if len(runs) > 1:
            _echo(f"The trash holds {len(runs) - 1:,} older runs. Run it again for the next one.")
    _exit_left(restored.left)


def _compare(source: "Source", folder: Path, settings: Settings, progress: Progress, *, every: bool) -> _Compared:
    """Compare the images of a folder; what its files are is noted before, so that a change is seen after."""
    from labelonce.folders.moving import links_below, marks_of
    from labelonce.folders.trash import TRASH
    from labelonce.pipeline import decisions_of, find_clusters

    marks = marks_of(folder, (str(task.id) for task in source.tasks()))
    links = links_below(folder, but=TRASH)
    found = find_clusters(source, settings, progress, every=every)
    return _Compared(marks, links, found, decisions_of(found, settings))


def _stop(what: str, *, dry_run: bool, yes: bool, typed: bool = False) -> int | None:
    """The exit code with which it ends before anything is done; None where the user wants it done."""
    if dry_run:
        click.echo("Nothing was done: this was a dry run.", err=True)
        return 0
    if yes:
        return None
    if sys.stdin is None or not sys.stdin.isatty():
        _echo(f"Nothing was done: there is no terminal to ask at. Add --yes to {what}.", err=True)
        return WRONG_SETTING
    from labelonce.report import printable

    question = printable(what[0].upper() + what[1:])
    if typed:
        agreed = click.prompt(f"{question}? Type {TYPED}", default="", show_default=False, err=True) == TYPED
    else:
        agreed = click.confirm(f"{question}?", err=True)
    if agreed:
        return None
    click.echo("Nothing was done.", err=True)
    return 0


def _show(rows: Iterable[tuple[str, str]], header: tuple[str, str], count: int) -> None:
    from labelonce.report import print_table

    click.echo("")
    print_table(islice(rows, SHOWN), header=header, numbers=frozenset())
    if count > SHOWN:
        click.echo(f"and {count - SHOWN:,} more")


def _tell_left(left: Sequence[tuple[str, str]], *, err: bool = False) -> None:
    if left:
        _echo(f"{len(left):,} images are left where they are:", err=err)
        for name, why in left[:SHOWN]:
            _echo(f"  {name}: {why}", err=err)
        if len(left) > SHOWN:
            _echo(f"  and {len(left) - SHOWN:,} more", err=err)


def _echo(text: str, *, err: bool = False) -> None:
    """Print a line that names files, whatever these are called."""
    from labelonce.report import printable

    click.echo(printable(text), err=err)


def _quoted(path: Path) -> str:
    """A path as a shell takes it."""
    return shlex.quote(str(path))


def _exit_left(left: Sequence[tuple[str, str]]) -> None:
    if left:
        _tell_left(left, err=True)
        sys.exit(INCOMPLETE)
