"""Working time between instants, against minutes counted one after the other."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.analysis.working_time import WorkingTime, shift_intervals, working_time
from rpa_lab.period import Period, Span
from rpa_lab.storage.settings_calendar import Calendar, Shift
from tests import oracles, strategies

HOUR_MS = 3_600_000
OFFICE = Calendar(shifts=((Shift(begin=480, end=1080),),) * 5 + ((), ()), tz="Europe/Paris")
NIGHTS = Calendar(shifts=((Shift(begin=1320, end=1800),),) * 7, tz="Europe/Paris")


def _between(calendar: Calendar | None, start: datetime, end: datetime) -> float:
    working = working_time(calendar, Span(min(start, end), max(start, end)))
    times = pl.DataFrame({"a": [start], "b": [end]}, schema=dict.fromkeys("ab", pl.Datetime("us", "UTC")))
    value: float = times.lazy().select(working.between_ms(pl.col("a"), pl.col("b"))).collect().item()
    return value


@given(strategies.calendars(), strategies.moments(), st.integers(0, 3 * 24 * 60))
def test_working_minutes_are_those_that_one_counts(calendar: Calendar, start: datetime, minutes: int) -> None:
    start = start.replace(second=0, microsecond=0)
    end = start + timedelta(minutes=minutes)
    stretches = oracles.shifts(calendar, date(2026, 10, 19), date(2026, 11, 3), tz="UTC")

    assert _between(calendar, start, end) == oracles.minutes_of_work(start, end, stretches) * 60_000


@given(st.sampled_from(strategies.ZONES), st.integers(360, 720), st.integers(1, 480), strategies.moments())
def test_by_day_working_time_is_what_the_clock_on_the_wall_shows(
    tz: str, begin: int, length: int, start: datetime
) -> None:
    calendar = Calendar(shifts=((Shift(begin=begin, end=begin + length),),) * 7, tz=tz)
    start, zone = start.replace(second=0, microsecond=0), ZoneInfo(tz)
    clocks = [(start + timedelta(minutes=passed)).astimezone(zone) for passed in range(1500)]
    shown = sum(begin <= clock.hour * 60 + clock.minute < begin + length for clock in clocks)

    assert _between(calendar, start, start + timedelta(minutes=1500)) == shown * 60_000


@given(strategies.calendars(), strategies.moments(), strategies.moments(), strategies.moments())
def test_working_time_adds_up_to_the_microsecond(calendar: Calendar, a: datetime, b: datetime, c: datetime) -> None:
    stretches = oracles.shifts(calendar, date(2026, 10, 18), date(2026, 11, 4), tz="UTC")

    assert _between(calendar, a, b) == pytest.approx(oracles.worked_seconds(a, b, stretches) * 1000, abs=1e-6)
    assert _between(calendar, a, c) == pytest.approx(_between(calendar, a, b) + _between(calendar, b, c), abs=1e-6)
    assert _between(None, a, b) == pytest.approx((b - a).total_seconds() * 1000, abs=1e-6)


@pytest.mark.parametrize(
    ("day", "calendar", "hours"),
    [
        ("2026-10-24T12:00Z/2026-10-25T12:00Z", NIGHTS, 9),  # clocks go back
        ("2026-03-28T12:00Z/2026-03-29T12:00Z", NIGHTS, 7),  # and forward
        ("2026-11-03T12:00Z/2026-11-04T12:00Z", NIGHTS, 8),
        ("2026-10-26", OFFICE, 10),
        ("2026-03-30", OFFICE, 10),
        ("2026-10-25", OFFICE, 0),  # a Sunday
        ("2026-10-19/2026-11-02", OFFICE, 100),
    ],
)
def test_a_shift_over_the_change_of_the_clock(day: str, calendar: Calendar, hours: int) -> None:
    span = Period(day).resolve(tz="Europe/Paris")
    assert working_time(calendar, span).of_ms(span) == hours * HOUR_MS


def test_a_night_shift_belongs_to_the_day_on_which_it_begins() -> None:
    friday_off = Calendar(shifts=NIGHTS.shifts, holidays=(date(2026, 11, 6),), tz="UTC")
    stretches = shift_intervals(friday_off, Period("2026-11-05T12:00Z/2026-11-08T12:00Z").resolve())
    hours = [(opens.day, opens.hour, closes.day, closes.hour) for opens, closes in stretches.rows()]
    assert hours == [(5, 22, 6, 6), (7, 22, 8, 6)]


def test_shifts_that_meet_or_overlap_are_one_stretch() -> None:
    day = (Shift(begin=0, end=720), Shift(begin=600, end=900), Shift(begin=900, end=1440))
    stretches = shift_intervals(Calendar(shifts=(day,) * 7), Period("2026-11-03/2026-11-05").resolve())
    assert stretches.rows() == [(datetime(2026, 11, 3, tzinfo=UTC), datetime(2026, 11, 5, tzinfo=UTC))]


def test_without_working_days_no_time_is_working_time_and_null_stays_null() -> None:
    never = working_time(Calendar(shifts=((),) * 7), Period("2026-11").resolve())
    at = pl.Series("at", [datetime(2026, 11, 3, tzinfo=UTC), None], dtype=pl.Datetime("us", "UTC"))
    assert pl.DataFrame(at).select(never.until_us(pl.col("at")))["at"].to_list() == [0, None]
    assert working_time(OFFICE, Period("2026-11").resolve()).of_ms(Period("2026-11-07/2026-11-09").resolve()) == 0
    assert WorkingTime().is_all
