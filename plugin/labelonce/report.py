"""What is told at the end: tables for people, JSON for programs."""

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from labelonce.planning import Decision, Plan, Role, json_pieces
from labelonce.savings import Savings, amount, duration

if TYPE_CHECKING:
    from labelonce.label_studio.applying import Outcome
    from labelonce.syncing.uploading import Uploaded

SHOWN_DECISIONS = 10
SHOWN_PROBLEMS = 10
SHOWN_PAIRS = 3


def savings_rows(found: Savings) -> Iterator[tuple[str, str, str]]:
    """Name, figure and remark of each line of the summary."""
    yield "tasks", f"{found.tasks:,}", ""
    yield "left to label", f"{found.unique:,}", f"{100 * found.share_left:.1f} % of the tasks"
    yield "duplicates", f"{found.duplicates:,}", f"{found.skipped:,} skipped" if found.skipped else ""
    if found.seconds_saved is None or found.seconds_per_label is None:
        yield "time saved", "unknown", found.seconds_basis
    else:
        labels = "per label" if found.labels_saved == found.duplicates else f"for each of {found.labels_saved:,} labels"
        yield (
            "time saved",
            duration(found.seconds_saved),
            f"{found.seconds_per_label:.1f} s {labels}, {found.seconds_basis}",
        )
    if found.money_saved is None:
        yield "money saved", "unknown", found.money_basis
    else:
        yield "money saved", amount(found.money_saved, found.currency), found.money_basis


def plan_lines(plan: Plan) -> Iterator[str]:
    """What a plan says, in a few lines."""
    counts, shaped = plan.counts(), plan.settings
    where = plan.source if plan.project is None else f"project {plan.project} at {plan.source}"
    kept = f", {counts[Role.KEPT]:,} kept because a person said so" if counts[Role.KEPT] else ""
    yield f"Plan for {where}"
    if not plan.decisions:
        yield "  there are no images in it" if plan.project is None else "  it has no tasks"
        return
    yield (
        f"  model {shaped['model']}, pairs from {shaped['similarity']:g} % similarity, "
        f"verification {shaped['verify']}, representatives {shaped['representatives']}"
    )
    if shaped.get("level"):
        yield f"  level {shaped['level']}: {shaped['level_reason']}"
    if shaped.get("ignore"):
        yield f"  left out of every comparison: {shaped['ignore']}"
    yield (
        f"  {len(plan.decisions):,} tasks: {counts[Role.UNIQUE]:,} unique, {counts[Role.REPRESENTATIVE]:,} stand for "
        f"{counts[Role.DUPLICATE]:,} duplicates, {plan.clusters():,} clusters{kept}"
    )
    yield from (f"  {hint}" for hint in plan.hints)
    if plan.scene is not None:
        pairs = ", ".join(f"{one.representative} and {one.task}" for one in plan.scene.pairs[:SHOWN_PAIRS])
        yield f"  {plan.scene.text()}; look at the most doubtful of its pairs first: {pairs}"


def print_json(**parts: Any) -> None:
    """Print the parts as one JSON object, piece by piece; those that are None or empty are left out."""
    sys.stdout.writelines(json_pieces({name: part for name, part in parts.items() if part}))
    sys.stdout.write("\n")


def print_plan(plan: Plan) -> None:
    """Print what a plan says, and the first of its duplicates."""
    for line in (*plan_lines(plan), *problem_lines(plan)):
        click.echo(printable(line))
    duplicates = [decision for decision in plan.decisions if decision.role is Role.DUPLICATE]
    if duplicates:
        click.echo("")
        shown = duplicates[:SHOWN_DECISIONS]
        header = ("duplicate", "of", "similarity", "why")
        print_table(duplicate_rows(shown), header=header, numbers=frozenset({2}))
        if len(duplicates) > len(shown):
            click.echo(f"and {len(duplicates) - len(shown):,} more")


def print_outcome(outcome: "Outcome") -> None:
    """Print what was written."""
    click.echo(
        f"Applied: {outcome.skipped:,} duplicates are skipped ({outcome.skips_written:,} by this run), "
        f"{outcome.skips_lifted:,} skips lifted, {outcome.tags_written:,} tags written"
    )
    if outcome.left_to_people:
        click.echo(f"  {len(outcome.left_to_people):,} duplicates are left alone: people worked on them meanwhile")
    if outcome.vanished:
        click.echo(f"  {len(outcome.vanished):,} tasks of the plan are gone from the project")


def print_uploaded(uploaded: "Uploaded", *, dry_run: bool, with_duplicates: bool) -> None:
    """Print what became of the files of a folder."""
    from labelonce.syncing.uploading import Fate

    count = uploaded.count
    how = "would be imported" if dry_run else "referred to" if uploaded.referenced else "uploaded"
    beside = "imported too, skipped and tagged" if with_duplicates and not dry_run else "left out"
    click.echo(
        f"{len(uploaded.files):,} images: {count(Fate.IMPORTED):,} new ones {how}, "
        f"{count(Fate.DUPLICATE):,} duplicates {beside}, {count(Fate.THERE):,} already there"
    )
    failed = [one for one in uploaded.files if one.fate is Fate.FAILED]
    if failed:
        click.echo(f"  {len(failed):,} cannot be imported:", err=True)
    for one in failed[:SHOWN_PROBLEMS]:
        click.echo(printable(f"    {one.file}: {one.reason}"), err=True)
    if len(failed) > SHOWN_PROBLEMS:
        click.echo(f"    and {len(failed) - SHOWN_PROBLEMS:,} more, all of them with --json", err=True)
    duplicates = [one for one in uploaded.files if one.fate is Fate.DUPLICATE]
    if duplicates:
        rows = ((one.file, str(one.of), f"{one.similarity:.1f} %", one.reason) for one in duplicates[:SHOWN_DECISIONS])
        print_table(rows, header=("duplicate", "of", "similarity", "why"), numbers=frozenset({2}))
        if len(duplicates) > SHOWN_DECISIONS:
            click.echo(f"and {len(duplicates) - SHOWN_DECISIONS:,} more")


def print_savings(found: Savings) -> None:
    """Print what is saved."""
    click.echo("")
    print_table(savings_rows(found), numbers=frozenset({1}))


def printable(text: str) -> str:
    """A text in one line without what would steer a terminal, as names of files may."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def duplicate_rows(decisions: Iterable[Decision]) -> Iterator[tuple[str, str, str, str]]:
    """Task, what stands for it, how similar they are, and why."""
    for decision in decisions:
        similarity = "" if decision.similarity is None else f"{decision.similarity:.1f} %"
        yield str(decision.task), str(decision.representative), similarity, decision.reason


def problem_lines(plan: Plan) -> Iterator[str]:
    """The images that could not be compared, and why."""
    if plan.problems:
        yield f"  {len(plan.problems):,} tasks are kept because their images cannot be compared:"
        for task, reason in plan.problems[:SHOWN_PROBLEMS]:
            yield f"    {task}: {reason}"
        if len(plan.problems) > SHOWN_PROBLEMS:
            yield f"    and {len(plan.problems) - SHOWN_PROBLEMS:,} more, all of them in the plan's files"


def print_table(rows: Iterable[tuple[str, ...]], *, header: tuple[str, ...] = (), numbers: frozenset[int]) -> None:
    """Print a table on standard output; texts are shown as they are, without markup."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD if header else None, show_header=bool(header), pad_edge=False)
    listed = [tuple(row) for row in rows]
    for column in range(len(listed[0]) if listed else len(header)):
        title = header[column] if header else ""
        table.add_column(title, justify="right" if column in numbers else "left", overflow="fold")
    for row in listed:
        table.add_row(*(Text(printable(cell)) for cell in row))
    Console(highlight=False, soft_wrap=False).print(table)
