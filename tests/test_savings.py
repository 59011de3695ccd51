"""Figures by hand."""

import pytest

from labelonce.report import savings_rows
from labelonce.savings import duration, savings
from labelonce.settings import Settings


def count(settings: Settings, lead_times=(), *, tasks=10, duplicates=4, annotators=1, labels_saved=None):
    return savings(
        tasks=tasks,
        duplicates=duplicates,
        skipped=duplicates,
        annotators=annotators,
        lead_times=lead_times,
        settings=settings,
        labels_saved=labels_saved,
    )


def test_the_median_of_the_lead_times():
    found = count(Settings(hourly_rate=36), [10.0, 20.0, 4000.0])
    assert (found.seconds_per_label, found.seconds_saved, found.money_saved) == (20.0, 80.0, pytest.approx(0.8))
    assert count(Settings(), [10.0, 20.0]).seconds_per_label == 15.0
    assert found.seconds_basis == "median of 3 annotations in this project"
    assert (found.tasks, found.unique, found.duplicates, found.skipped, found.share_left) == (10, 6, 4, 4, 0.6)


def test_given_seconds_go_before_the_median_and_the_cost_before_the_rate():
    found = count(Settings(seconds_per_label=90, hourly_rate=40, cost_per_label=0.5), [1.0], annotators=3)
    assert (found.seconds_saved, found.money_saved, found.money_basis) == (4 * 3 * 90, 6.0, "0.5 per label")
    found = count(Settings(seconds_per_label=90, hourly_rate=40), annotators=3)
    assert (found.money_saved, found.money_basis) == (12.0, "40 per hour")


def test_what_is_unknown_says_what_to_give():
    found = count(Settings())
    assert (found.seconds_saved, found.money_saved) == (None, None)
    assert "--seconds-per-label" in found.seconds_basis
    assert "--hourly-rate" in found.money_basis
    assert "--seconds-per-label" in count(Settings(hourly_rate=40)).money_basis
    assert count(Settings(cost_per_label=0.5)).money_saved == 2.0
    rows = {name: (figure, remark) for name, figure, remark in savings_rows(found)}
    assert rows["time saved"] == ("unknown", found.seconds_basis)


def test_zero_is_a_figure():
    found = count(Settings(seconds_per_label=0, hourly_rate=0))
    assert (found.seconds_saved, found.money_saved) == (0, 0)
    found = count(Settings(), tasks=0, duplicates=0)
    assert (found.share_left, found.unique) == (1.0, 0)


def test_tasks_that_get_more_labels_than_others():
    """Of four duplicates three get one label and one gets three."""
    found = count(Settings(seconds_per_label=10, hourly_rate=36, currency="CHF"), annotators=3, labels_saved=6)
    assert (found.labels_saved, found.seconds_saved, found.cost_per_label) == (6, 60.0, pytest.approx(0.1))
    rows = {name: (figure, remark) for name, figure, remark in savings_rows(found)}
    assert rows["time saved"] == ("1 min 00 s", "10.0 s for each of 6 labels, as given")
    assert rows["money saved"] == ("0.60 CHF", "36 CHF per hour")
    assert count(Settings(), annotators=3).labels_saved == 12


def test_quartiles():
    found = count(Settings(), [1.0, 2.0, 3.0, 4.0, 5.0])
    assert (found.quartiles, found.annotations) == ((2.0, 4.0), 5)
    assert found.seconds_basis == "median of 5 annotations in this project, half of them between 2.0 and 4.0 s"
    assert count(Settings(), [1.0, 2.0, 3.0]).quartiles is None
    given = count(Settings(seconds_per_label=9), [1.0, 2.0, 3.0, 4.0, 5.0])
    assert (given.quartiles, given.annotations) == (None, 0)
    odd = count(Settings(), [0.0, -1.0, float("nan"), float("inf"), 7.0])
    assert (odd.annotations, odd.seconds_per_label) == (1, 7.0)


def test_rows():
    basis = "median of 1 annotation in this project"
    rows = list(savings_rows(count(Settings(hourly_rate=36), [1800.0], tasks=2000, duplicates=1234, annotators=2)))
    assert rows == [
        ("tasks", "2,000", ""),
        ("left to label", "766", "38.3 % of the tasks"),
        ("duplicates", "1,234", "1,234 skipped"),
        ("time saved", "1,234 h 00 min", f"1800.0 s for each of 2,468 labels, {basis}"),
        ("money saved", "44,424.00", "36 per hour"),
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (12.4, "12 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (3599.6, "1 h 00 min"),
     (7530, "2 h 05 min"), (4_000_000, "1,111 h 06 min")],
)  # fmt: skip
def test_durations(seconds, text):
    assert duration(seconds) == text
