"""Tasks by when they were decided and when they came: savings of each run, each day and each upload."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from labelonce.reporting.content import Period
from labelonce.savings import Savings

PAUSE = timedelta(seconds=60)  # between tasks of two uploads, at least


@dataclass(frozen=True)
class Row:
    """What matters of a task.

    Parameters
    ----------
    created_at, decided_at
        ISO 8601; None where it was not decided.
    overlap
        Labels that it would get.
    """

    created_at: str
    decided_at: str | None
    duplicate: bool
    overlap: int


def periods(rows: Sequence[Row], found: Savings) -> tuple[tuple[Period, ...], tuple[Period, ...], tuple[Period, ...]]:
    """Runs, days and uploads, ascending; tasks whose time cannot be read are in none of them.

    Parameters
    ----------
    found
        What a label takes and costs; the same for all periods.
    """
    made = sorted(((moment, row) for row in rows if (moment := moment_of(row.created_at))), key=lambda one: one[0])
    decided = ((moment, row) for row in rows if row.decided_at and (moment := moment_of(row.decided_at)))
    uploads: list[tuple[str, Row]] = []
    last: datetime | None = None
    name = ""
    for moment, row in made:
        if last is None or moment - last > PAUSE:
            name = _second(moment)
        uploads.append((name, row))
        last = moment
    return (
        _summed(((_second(moment), row) for moment, row in decided), found),
        _summed(((moment.date().isoformat(), row) for moment, row in made), found),
        _summed(uploads, found),
    )


def _summed(named: Iterable[tuple[str, Row]], found: Savings) -> tuple[Period, ...]:
    tasks: defaultdict[str, int] = defaultdict(int)
    duplicates: defaultdict[str, int] = defaultdict(int)
    labels: defaultdict[str, int] = defaultdict(int)
    for name, row in named:
        tasks[name] += 1
        if row.duplicate:
            duplicates[name] += 1
            labels[name] += row.overlap
    return tuple(
        Period(
            name,
            tasks[name],
            duplicates[name],
            None if found.seconds_per_label is None else labels[name] * found.seconds_per_label,
            None if found.cost_per_label is None else labels[name] * found.cost_per_label,
        )
        for name in sorted(tasks)
    )


def moment_of(text: str) -> datetime | None:
    """A time or a day in ISO 8601, in UTC; None where it cannot be read."""
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))  # Python 3.10 knows no Z
        return found.replace(tzinfo=found.tzinfo or timezone.utc).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def _second(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
