"""Local days and hours against the standard library's clock, and a fleet's work over both changes of the clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.simulate import fleet
from rpa_lab.simulate.local_time import local_time
from tests.strategies import ZONES, moments

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(st.sampled_from(ZONES), moments(), moments())
def test_a_time_is_on_the_day_that_the_clock_shows(tz: str, one: datetime, other: datetime) -> None:
    start, at = min(one, other), max(one, other)
    here = local_time(tz, start, at + timedelta(microseconds=1))
    us = np.asarray([(at - _EPOCH) // timedelta(microseconds=1)])
    assert here.days[here.day_of(us)[0]] == at.astimezone(ZoneInfo(tz)).date()
    assert (here.days[0], here.days[-1]) == (start.astimezone(ZoneInfo(tz)).date(), at.astimezone(ZoneInfo(tz)).date())


@pytest.mark.parametrize(
    ("day", "repeated", "skipped"),
    [(date(2026, 10, 25), 2, None), (date(2026, 3, 29), None, 2), (date(2026, 6, 1), None, None)],
)
def test_hours_begin_when_the_clock_shows_them(day: date, repeated: int | None, skipped: int | None) -> None:
    zone = ZoneInfo("Europe/Berlin")
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    here = local_time("Europe/Berlin", midnight, midnight + timedelta(days=1))
    assert here.days == (day,)
    for hour in range(24):
        shown = (_EPOCH + timedelta(microseconds=int(here.hours_us[0, hour]))).astimezone(zone)
        assert (shown.date(), shown.hour, shown.minute) == (day, hour + (hour == skipped), 0)
        assert here.lengths_us[0, hour] == 3_600_000_000 * (2 if hour == repeated else 1)


@pytest.mark.parametrize(("change", "earlier_by"), [(date(2026, 10, 25), -1), (date(2026, 3, 29), 1)])
def test_the_utc_hour_of_the_peak_moves_with_the_clock_and_the_local_one_does_not(
    change: date, earlier_by: int
) -> None:
    made = fleet(28, 2, 4, end=change + timedelta(days=14), runs_per_day=900, faults=(), tz="Europe/Berlin")
    office = made.executions.filter(workflow_id="order_entry")
    before = pl.col("queued_at").dt.convert_time_zone("Europe/Berlin").dt.date() < change

    def hours(rows: pl.DataFrame, tz: str) -> float:
        at = rows["queued_at"].dt.convert_time_zone(tz)
        return float((at.dt.hour() + at.dt.minute() / 60).mean())  # type: ignore[arg-type]

    weeks = [office.filter(before), office.filter(~before)]
    assert hours(weeks[0], "UTC") - hours(weeks[1], "UTC") == pytest.approx(earlier_by, abs=0.12)
    assert hours(weeks[0], "Europe/Berlin") == pytest.approx(hours(weeks[1], "Europe/Berlin"), abs=0.12)


def test_an_hour_that_comes_twice_is_worked_through_and_one_that_is_skipped_is_worked_later() -> None:
    autumn = fleet(2, 4, 4, end=date(2026, 10, 26), runs_per_day=4000, faults=(), tz="Europe/Berlin")
    night = autumn.executions.filter(workflow_id="bank_reconciliation")["queued_at"]
    twice = [night.filter((night >= since) & (night < since + timedelta(hours=1))).len() for since in _UTC_HOURS]
    assert min(twice) > 100
    assert twice[0] == pytest.approx(twice[1], rel=0.3)
    spring = fleet(2, 4, 4, end=date(2026, 3, 30), runs_per_day=4000, faults=(), tz="Europe/Berlin")
    local = spring.executions.filter(workflow_id="bank_reconciliation")["queued_at"].dt.convert_time_zone(
        "Europe/Berlin"
    )
    sunday = local.filter(local.dt.date() == date(2026, 3, 29)).dt.hour().value_counts()
    assert sunday.filter(queued_at=2).height == 0
    assert sunday.filter(queued_at=3)["count"].item() > 2 * sunday.filter(queued_at=4)["count"].item()


_UTC_HOURS = (datetime(2026, 10, 25, 0, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC))


def test_a_fleet_of_another_zone_begins_and_ends_at_its_midnights() -> None:
    made = fleet(3, 1, end=date(2026, 7, 4), tz="America/New_York", faults=())
    assert (made.start, made.end) == (datetime(2026, 7, 1, 4, tzinfo=UTC), datetime(2026, 7, 4, 4, tzinfo=UTC))
