"""What is told about thresholds: tables for people, JSON and CSV for programs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import click

from labelonce.errors import ConfigurationError
from labelonce.report import print_table, printable
from labelonce.tuning.advice import FEW, Advice, Row
from labelonce.tuning.doubt import Doubt
from labelonce.tuning.judgement import NONE, read_judgements
from labelonce.tuning.steps import Step
from labelonce.tuning.sweeping import Sweep
from labelonce.writing import check_free, save_table, table_sign

SHOWN = 10
STEPS = tuple(one.name for one in fields(Step))
QUESTIONS = ("a", "b", "same", "number", "similarity", "verdict", "reason")
HINT = "See it: --plot tune.png draws this table, --sheet doubtful.png the most doubtful pairs side by side."


def print_sweep(found: Sweep) -> None:
    """Print what each threshold would leave, and the most doubtful pairs."""
    click.echo(printable(title_of(found)))
    if found.problems:
        click.echo(f"  {found.problems:,} of them cannot be compared, and are kept")
    if not found.tasks:
        return
    verified = found.steps[0].left_unverified is not None
    names = ("similarity", "left to label", "of all", "duplicates", "clusters", *(("unverified",) if verified else ()))
    print_table(_step_rows(found.steps, verified=verified), header=(*names, ""), numbers=frozenset(range(len(names))))
    if found.doubts:
        click.echo("The most doubtful pairs:")
        half = SHOWN // 2
        shown = [one for accepted in (True, False) for one in _by_verdict(found.doubts, accepted)[:half]]
        rows = [
            (
                str(one.left.id),
                str(one.right.id),
                f"{one.similarity:.1f} %",
                _verdict(one),
                one.reason.partition(" (")[0],
            )
            for one in shown
        ]
        print_table(rows, header=("task", "and", "similarity", "verdict", "why"), numbers=frozenset({2}))


def title_of(found: Sweep) -> str:
    """What was looked at, in a line."""
    shaped = found.settings
    level = f", level {shaped['level']}" if "level" in shaped else ""
    return f"{found.source}: {found.tasks:,} tasks, model {shaped['model']}{level}, now from {found.present:g} % on"


def sweep_as_dict(found: Sweep) -> dict[str, Any]:
    """For JSON."""
    return {
        **{one.name: getattr(found, one.name) for one in fields(found) if one.name not in ("steps", "doubts")},
        "steps": [asdict(step) for step in found.steps],
        "doubts": [
            {
                "left": one.left.id,
                "right": one.right.id,
                "image": one.image,
                "view": one.view,
                "accepted": one.accepted,
                "similarity": one.similarity,
                "reason": one.reason,
            }
            for one in found.doubts
        ],
    }


def save_steps(steps: Iterable[Step], path: Path) -> None:
    """Write one line for every threshold as CSV."""
    save_table(path, STEPS, ([getattr(step, name) for name in STEPS] for step in steps))


def save_questions(doubts: Sequence[Doubt], path: Path) -> None:
    """Write the doubtful pairs as CSV, the answers left out: what ``--pairs`` takes, numbered as on the sheet.

    Raises
    ------
    ConfigurationError
        The file is there, and a person has answered.
    """
    check_unanswered(path)
    lines = (
        (one.left.id, one.right.id, "", number, one.similarity, _verdict(one), one.reason)
        for number, one in enumerate(doubts, 1)
    )
    save_table(path, QUESTIONS, lines)


def check_unanswered(path: Path) -> None:
    """Raise ConfigurationError where a file of questions holds answers of a person: they are not asked twice."""
    check_free(path, table_sign(QUESTIONS))
    if path.exists() and path.stat().st_size:
        answers, _ = read_judgements(path)
        if answers:
            raise ConfigurationError(f"--questions {path} holds answers, which would be lost. Name another file.")


def print_advice(advice: Advice, unanswered: int) -> None:
    """Print the setting to use, and how often it would err."""
    best = advice.recommendation
    counts = best.fitted
    text = f"{counts.same + counts.different:,} judged pairs: {counts.same:,} the same, {counts.different:,} different"
    click.echo(text + (f"; {unanswered:,} lines have no answer yet" if unanswered else ""))
    if advice.left_out:
        click.echo(f"  {len(advice.left_out):,} pairs are left out:")
        for line, why in advice.left_out[:SHOWN]:
            click.echo(printable(f"    line {line}: {why}"))
    header = ("setting", "", "false duplicates", "missed duplicates")
    print_table(map(_advice_row, advice.rows), header=header, numbers=frozenset({2, 3}))
    click.echo(f"Use: {advice.options}\n")
    low, high = 100 * best.cut.above, 100 * best.cut.up_to
    click.echo(f"  Every threshold above {max(low, 0):.2f} % and up to {high:.2f} % decides these pairs alike.")
    click.echo(
        "  To be expected on other pairs like these, each judged by what the pairs without its images recommend:"
    )
    expected = best.expected
    false = _share(expected.false, expected.different, expected.false_between)
    missed = _share(expected.missed, expected.same, expected.missed_between)
    click.echo(f"    false duplicates, each of which would lose an image: {false}")
    click.echo(f"    missed duplicates, each labelled once more: {missed}")
    if advice.few:
        click.echo(f"  These are few answers: judge {FEW} pairs of each kind, or more, before you rely on it.")
    if advice.against:
        click.echo("\nIt goes against these answers:")
        rows = [
            (str(one.line), one.a, one.b, "same" if one.same else "different", f"{one.similarity:.1f} %", one.reason)
            for one in advice.against[:SHOWN]
        ]
        print_table(rows, header=("line", "a", "b", "you said", "similarity", "why"), numbers=frozenset({0, 4}))
        if len(advice.against) > SHOWN:
            click.echo(f"and {len(advice.against) - SHOWN:,} more")


def advice_as_dict(advice: Advice, unanswered: int) -> dict[str, Any]:
    """For JSON."""
    return {**asdict(advice), "unanswered": unanswered}


def _step_rows(steps: Iterable[Step], *, verified: bool) -> Iterator[tuple[str, ...]]:
    for step in steps:
        row = (
            f"{step.similarity:g} %",
            f"{step.left:,}",
            f"{100 * step.share_left:.1f} %",
            f"{step.duplicates:,}",
            f"{step.clusters:,}",
        )
        plain = (f"{step.left_unverified:,}",) if verified else ()
        yield (*row, *plain, "◀ now" if step.present else "")


def _by_verdict(doubts: Sequence[Doubt], accepted: bool) -> list[Doubt]:
    return [one for one in doubts if one.accepted is accepted]


def _verdict(doubt: Doubt) -> str:
    return "duplicates" if doubt.accepted else "kept apart"


def _advice_row(row: Row) -> tuple[str, str, str, str]:
    setting = (
        f"--verify none --eps {100 * row.eps:.5g}%"
        if row.level == NONE
        else f"--level {row.level} --eps {100 * row.eps:.5g}%"
    )
    return setting, row.name, _of(row.errors.false, row.errors.different), _of(row.errors.missed, row.errors.same)


def _of(count: int, of: int) -> str:
    return f"{count:,} of {of:,}"


def _share(count: int, of: int, between: tuple[float, float]) -> str:
    low, high = (f"{100 * one:.1f}" for one in between)
    return f"{_of(count, of)}, {100 * count / of:.1f} % (95 % interval: {low} to {high} %)"
