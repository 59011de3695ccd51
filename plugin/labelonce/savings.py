"""What a plan saves: tasks, time, money, and what the figures rest on."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

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
    annotators
        Labels that each task gets.
    seconds_saved, money_saved
        For all duplicates; None when nothing is known.
    """

    tasks: int
    unique: int
    duplicates: int
    skipped: int
    share_left: float
    seconds_per_label: float | None
    seconds_basis: str
    annotators: int
    seconds_saved: float | None
    money_saved: float | None
    money_basis: str


def savings(
    *, tasks: int, duplicates: int, skipped: int, annotators: int, lead_times: Sequence[float], settings: Settings
) -> Savings:
    """Count what is saved.

    Every duplicate saves `annotators` labels. A label takes ``seconds_per_label``, or the median of the project's
    lead times. Its cost is ``cost_per_label``, or its time at the hourly rate.
    """
    seconds: float | None
    if settings.seconds_per_label is not None:
        seconds, basis = settings.seconds_per_label, "as given"
    elif lead_times:
        seconds, basis = median(lead_times), f"median of {len(lead_times):,} annotations in this project"
    else:
        seconds, basis = None, "no times are known yet: give --seconds-per-label"
    labels = duplicates * annotators
    saved = None if seconds is None else labels * seconds
    money: float | None
    if settings.cost_per_label is not None:
        money, money_basis = labels * settings.cost_per_label, f"{settings.cost_per_label:g} per label"
    elif settings.hourly_rate is not None and saved is not None:
        money, money_basis = saved / 3600 * settings.hourly_rate, f"{settings.hourly_rate:g} per hour"
    elif settings.hourly_rate is not None:
        money, money_basis = None, "the time is unknown: give --seconds-per-label"
    else:
        money, money_basis = None, "give --hourly-rate or --cost-per-label"
    return Savings(
        tasks=tasks,
        unique=tasks - duplicates,
        duplicates=duplicates,
        skipped=skipped,
        share_left=(tasks - duplicates) / tasks if tasks else 1.0,
        seconds_per_label=seconds,
        seconds_basis=basis,
        annotators=annotators,
        seconds_saved=saved,
        money_saved=money,
        money_basis=money_basis,
    )


def duration(seconds: float) -> str:
    """Seconds for a person: ``2 h 05 min``, ``3 min 20 s``, ``12 s``."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    if hours:
        return f"{hours:,} h {minutes:02} min"
    return f"{minutes} min {whole % 60:02} s" if minutes else f"{whole} s"
