"""Arrivals follow the rhythm that was asked for, counted here with NumPy and the standard library."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from rpa_lab.simulate import fleet
from rpa_lab.simulate.calendar import AROUND_THE_CLOCK, NIGHTLY, OFFICE_HOURS, Rhythm, arrivals, holidays
from rpa_lab.simulate.streams import stream

_MONDAY = datetime(2026, 10, 5, tzinfo=UTC)


def _arrivals(rhythm: Rhythm, *, weeks: int, closed: frozenset[date] = frozenset()) -> list[datetime]:
    end = _MONDAY + timedelta(weeks=weeks)
    times = arrivals(stream(1, "test"), rhythm, start=_MONDAY, end=end, runs_per_day=400, closed=closed)
    assert np.all(np.diff(times) >= 0)
    return [datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(us)) for us in times]


@pytest.mark.parametrize("rhythm", [OFFICE_HOURS, NIGHTLY, AROUND_THE_CLOCK])
def test_hours_and_weekdays_have_the_shares_of_the_rhythm(rhythm: Rhythm) -> None:
    times = _arrivals(rhythm, weeks=20)
    by_hour, by_weekday = Counter(at.hour for at in times), Counter(at.weekday() for at in times)
    for hour, weight in enumerate(rhythm.hours):
        assert by_hour[hour] / len(times) == pytest.approx(weight / sum(rhythm.hours), abs=0.01)
    for weekday, weight in enumerate(rhythm.weekdays):
        assert by_weekday[weekday] / len(times) == pytest.approx(weight / sum(rhythm.weekdays), abs=0.025)
    assert len(times) == pytest.approx(400 * 7 * 20, rel=0.05)


def test_the_time_within_an_hour_is_uniform() -> None:
    minutes = [at.minute for at in _arrivals(AROUND_THE_CLOCK, weeks=10)]
    counts = np.bincount(minutes, minlength=60)
    assert np.all(np.abs(counts / counts.mean() - 1) < 0.25)


def test_hardly_any_work_arrives_on_a_holiday() -> None:
    day = date(2026, 10, 14)
    counts = Counter(at.date() for at in _arrivals(OFFICE_HOURS, weeks=3, closed=frozenset({day})))
    assert counts[day] < 0.15 * counts[day - timedelta(days=7)]


def test_a_fleet_rests_on_holidays_and_sundays_unless_told_otherwise() -> None:
    def daily(closed: tuple[date, ...] | None) -> dict[date, int]:
        made = fleet(days=21, workflows=2, seed=0, end=date(2027, 1, 4), closed=closed, faults=())
        counts = made.executions.group_by(day=pl.col("queued_at").dt.date()).len()
        return dict(counts.iter_rows())

    resting, working = daily(None), daily(())
    friday = date(2026, 12, 25)
    assert resting.get(friday, 0) < 0.15 * working[friday]
    assert working.get(date(2026, 12, 20), 0) < 0.15 * working[date(2026, 12, 21)]


def test_days_vary_more_than_chance_alone() -> None:
    days = Counter(at.date() for at in _arrivals(OFFICE_HOURS, weeks=30) if at.weekday() == 2)
    counts = np.asarray(list(days.values()))
    assert counts.var(ddof=1) > 3 * counts.mean()


@pytest.mark.parametrize(
    ("year", "easter"),
    [(1961, date(1961, 4, 2)), (2000, date(2000, 4, 23)), (2024, date(2024, 3, 31)), (2038, date(2038, 4, 25))],
)
def test_good_friday_and_easter_monday_surround_easter(year: int, easter: date) -> None:
    assert {easter - timedelta(days=2), easter + timedelta(days=1)} < holidays(year)
    assert len(holidays(year)) == 6
