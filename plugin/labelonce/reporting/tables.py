"""A report for programs, spreadsheets and chats: JSON, CSV and Markdown."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from labelonce.report import printable, savings_rows
from labelonce.reporting.content import SCHEMA, Period, Report
from labelonce.writing import save_table

SHOWN = 10  # rows of a Markdown table
COLUMNS = ("schema", "task", "role", "cluster", "representative", "similarity", "reason", "skipped", "link", "doubt")


def as_dict(report: Report) -> dict[str, Any]:
    """The parts of the JSON object: the schema, and the fields of `Report`."""
    return {"schema": SCHEMA, **{one.name: getattr(report, one.name) for one in fields(report)}}


def save_csv(report: Report, path: Path) -> None:
    """Write one line for every representative and every duplicate, the most doubtful groups first."""
    save_table(path, COLUMNS, _rows(report))


def _rows(report: Report) -> Iterator[tuple[Any, ...]]:
    for group in report.groups:
        head = group.representative
        yield (
            SCHEMA,
            _cell(head),
            "representative",
            _cell(group.cluster),
            _cell(head),
            None,
            "",
            False,
            report.link(head),
            None,
        )
        for skip in group.skips:
            yield (
                SCHEMA,
                _cell(skip.task),
                "duplicate",
                _cell(group.cluster),
                _cell(head),
                skip.similarity,
                _cell(skip.reason),
                skip.skipped,
                report.link(skip.task),
                skip.doubt,
            )


def _cell(value: Any) -> Any:
    """A text that a spreadsheet does not take for a formula (OWASP, CSV injection)."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def markdown(report: Report) -> Iterator[str]:
    """Lines of a summary for a pull request or a chat."""
    does = "leaves" if report.applied else "would leave"
    found = report.savings
    yield f"### labelonce {does} {found.unique:,} of {found.tasks:,} images to label in {_text(report.title)}"
    yield ""
    yield "| figure | | rests on |"
    yield "|---|---:|---|"
    for name, figure, remark in savings_rows(found):
        yield f"| {_text(name)} | {_text(figure)} | {_text(remark)} |"
    if report.groups:
        yield from ("", "The most doubtful duplicates:", "", "| task | of | similarity | why |", "|---|---|---:|---|")
        skips = sorted(
            ((skip, group.representative) for group in report.groups for skip in group.skips),
            key=lambda one: (-one[0].doubtful, str(one[0].task)),
        )
        for skip, representative in skips[:SHOWN]:
            similarity = "" if skip.similarity is None else f"{skip.similarity:.1f} %"
            task, other = (_linked(report, one) for one in (skip.task, representative))
            yield f"| {task} | {other} | {similarity} | {_text(skip.reason)} |"
        if len(skips) > SHOWN:
            yield from ("", f"and {len(skips) - SHOWN:,} more")
    if report.advice:
        yield from ("", "What would skip more:", "", *(f"- {_text(one)}" for one in report.advice))
    yield from _periods("Runs", report.runs)


def _periods(title: str, periods: tuple[Period, ...]) -> Iterator[str]:
    if len(periods) > 1:
        yield from ("", f"{title}:", "", "| when | tasks | duplicates |", "|---|---:|---:|")
        for one in periods[-SHOWN:]:
            yield f"| {_text(one.name)} | {one.tasks:,} | {one.duplicates:,} |"


def _linked(report: Report, task: Any) -> str:
    link = report.link(task)
    return _text(str(task)) if link is None else f"[{task}](<{link}>)"


def _text(text: str) -> str:
    """A text that Markdown and the HTML in it take for nothing else."""
    return "".join(f"\\{one}" if one in "\\`*_{}[]<>()#+!|~&" else one for one in printable(text))
