"""Periods by hand, and their sums against the totals."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from labelonce.reporting.content import Period
from labelonce.reporting.periods import Row, periods
from labelonce.savings import savings
from labelonce.settings import Settings

START = datetime(2026, 11, 22, 23, 58, tzinfo=timezone.utc)


def total(rows, settings):
    return savings(
        tasks=len(rows),
        duplicates=sum(row.duplicate for row in rows),
        skipped=0,
        annotators=1,
        labels_saved=sum(row.overlap for row in rows if row.duplicate),
        lead_times=(),
        settings=settings,
    )


def test_by_hand():
    run = "2026-11-23T10:00:00Z"
    rows = [
        Row("2026-11-22T23:59:00.000000Z", run, False, 1),
        Row("2026-11-23T00:00:00+00:00", run, True, 2),  # 60 s later: still the same upload, another day
        Row("2026-11-23T00:01:00.000001Z", "2026-11-23T10:00:00.500000+00:00", True, 3),
        Row("2026-11-23T02:30:00+02:00", None, True, 1),  # 00:30 in UTC
    ]
    found = total(rows, Settings(seconds_per_label=10, hourly_rate=36))
    assert (found.labels_saved, found.seconds_saved, found.money_saved) == (6, 60, pytest.approx(0.6))
    runs, days, uploads = periods(rows, found)
    assert runs == (Period("2026-11-23T10:00:00Z", 3, 2, 50, pytest.approx(0.5)),)
    assert days == (
        Period("2026-11-22", 1, 0, 0, 0),
        Period("2026-11-23", 3, 3, 60, pytest.approx(0.6)),
    )
    assert uploads == (
        Period("2026-11-22T23:59:00Z", 2, 1, 20, pytest.approx(0.2)),
        Period("2026-11-23T00:01:00Z", 1, 1, 30, pytest.approx(0.3)),
        Period("2026-11-23T00:30:00Z", 1, 1, 10, pytest.approx(0.1)),
    )


def test_what_is_unknown_stays_unknown():
    rows = [Row("2026-11-23T00:00:00Z", None, True, 1)]
    _, days, _ = periods(rows, total(rows, Settings()))
    assert days == (Period("2026-11-23", 1, 1, None, None),)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9" * 99])
def test_a_time_that_cannot_be_read_is_in_no_period(text):
    rows = [Row(text, text, True, 1)]
    assert periods(rows, total(rows, Settings())) == ((), (), ())


def moments():
    return st.builds(
        lambda seconds, micros, z: (
            (START + timedelta(seconds=seconds, microseconds=micros))
            .isoformat()
            .replace("+00:00", "Z" if z else "+00:00")
        ),
        st.integers(0, 400),
        st.sampled_from([0, 1, 123456]),
        st.booleans(),
    )


@limits(deadline=None)
@given(st.lists(st.builds(Row, moments(), moments(), st.booleans(), st.integers(1, 5)), max_size=40), st.randoms())
def test_sums_are_the_totals_in_any_order(rows, random):
    found = total(rows, Settings(seconds_per_label=7.3, hourly_rate=31.7))
    kinds = periods(rows, found)
    for kind in kinds:
        assert [one.name for one in kind] == sorted({one.name for one in kind})
        assert sum(one.tasks for one in kind) == found.tasks
        assert sum(one.duplicates for one in kind) == found.duplicates
        assert sum(one.seconds_saved for one in kind) == pytest.approx(found.seconds_saved)
        assert sum(one.money_saved for one in kind) == pytest.approx(found.money_saved)
    shuffled = random.sample(rows, len(rows))
    assert periods(shuffled, found) == kinds
    assert periods([replace(row, decided_at=None) for row in rows], found)[0] == ()
