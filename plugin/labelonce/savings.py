"""What a plan saves: tasks, time, money, and what the figures rest on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from labelonce.settings import Settings


@dataclass(frozen=True)
class Savings:
    """Figures of one project or folder.

    Parameters
    ----------
    tasks, unique, duplicates, skipped
        Counts of tasks; unique ones and representatives are what is left to label.
    share_left
        Share of the tasks that is left to label, 0 to 1.
    seconds_per_label
        Seconds that one label takes; None when nothing is known.
    seconds_basis
        What that rests on.
    annotations
        How many annotations by people it rests on; 0 where it was given.
    quartiles
        Between which seconds the middle half of these annotations took; None for fewer than four.
    annotators
        Labels that a task of the project gets.
    labels_saved
        Labels that all duplicates together would get.
    seconds_saved, money_saved
        For these labels; None when nothing is known.
    cost_per_label
        Money for one label; None when nothing is known.
    currency
        What money is counted in; empty where nobody said.
    """

    tasks: int
    unique: int
    duplicates: int
    skipped: int
    share_left: float
    seconds_per_label: float | None
    seconds_basis: str
    annotations: int
    quartiles: tuple[float, float] | None
    annotators: int
    labels_saved: int
    seconds_saved: float | None
    money_saved: float | None
    money_basis: str
    cost_per_label: float | None
    currency: str


def savings(
    *,
    tasks: int,
    duplicates: int,
    skipped: int,
    annotators: int,
    lead_times: Sequence[float],
    settings: Settings,
    labels_saved: int | None = None,
) -> Savings:
    """Count what is saved.

    A label takes ``seconds_per_label``, or the median of the project's lead times. It costs ``cost_per_label``, or its
    time at the hourly rate.

    Parameters
    ----------
    labels_saved
        Labels that the duplicates would get; None is `annotators` for each.
    """
    labels = duplicates * annotators if labels_saved is None else labels_saved
    times = sorted(time for time in lead_times if 0 < time < math.inf) if settings.seconds_per_label is None else []
    quartiles = _quartiles(times)
    seconds: float | None
    if settings.seconds_per_label is not None:
        seconds, basis = settings.seconds_per_label, "as given"
    elif times:
        spread = f", half of them between {quartiles[0]:.1f} and {quartiles[1]:.1f} s" if quartiles else ""
        count = f"{len(times):,} annotation{'' if len(times) == 1 else 's'}"
        seconds, basis = median(times), f"median of {count} in this project{spread}"
    else:
        seconds, basis = None, "no times are known yet: give --seconds-per-label"
    unit = f" {settings.currency}" if settings.currency else ""
    cost: float | None
    if settings.cost_per_label is not None:
        cost, money_basis = settings.cost_per_label, f"{settings.cost_per_label:g}{unit} per label"
    elif settings.hourly_rate is not None and seconds is not None:
        cost, money_basis = seconds / 3600 * settings.hourly_rate, f"{settings.hourly_rate:g}{unit} per hour"
    elif settings.hourly_rate is not None:
        cost, money_basis = None, "the time is unknown: give --seconds-per-label"
    else:
        cost, money_basis = None, "give --hourly-rate or --cost-per-label"
    return Savings(
        tasks=tasks,
        unique=tasks - duplicates,
        duplicates=duplicates,
        skipped=skipped,
        share_left=(tasks - duplicates) / tasks if tasks else 1.0,
        seconds_per_label=seconds,
        seconds_basis=basis,
        annotations=len(times),
        quartiles=quartiles,
        annotators=annotators,
        labels_saved=labels,
        seconds_saved=None if seconds is None else labels * seconds,
        money_saved=None if cost is None else labels * cost,
        money_basis=money_basis,
        cost_per_label=cost,
        currency=settings.currency or "",
    )


def _quartiles(times: Sequence[float]) -> tuple[float, float] | None:
    if len(times) < 4:
        return None
    low, _, high = quantiles(times, n=4, method="inclusive")
    return low, high


def amount(money: float, currency: str) -> str:
    """Money for a person: ``1,234.50 EUR``."""
    return f"{money:,.2f} {currency}".rstrip()


def duration(seconds: float) -> str:
    """Seconds for a person: ``2 h 05 min``, ``3 min 20 s``, ``12 s``."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    if hours:
        return f"{hours:,} h {minutes:02} min"
    return f"{minutes} min {whole % 60:02} s" if minutes else f"{whole} s"
