"""Busy times by hour of the week, over changes of the clock."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.analysis.at_work import at_work, busy_time
from rpa_lab.analysis.busy_hours import busy_by_hour_of_week
from rpa_lab.analysis.working_time import WorkingTime
from rpa_lab.period import Span, as_utc
from rpa_lab.query.bins import hours_in
from tests import strategies

WITHIN = Span(datetime(2026, 10, 24, tzinfo=UTC), datetime(2026, 10, 27, tzinfo=UTC))


@given(strategies.worked_runs(), st.sampled_from(strategies.ZONES))
def test_the_hours_add_up_to_the_busy_time_of_each_robot(runs: pl.DataFrame, tz: str) -> None:
    work = at_work(runs.lazy(), within=WITHIN, now=WITHIN.end, working=WorkingTime())
    table = busy_by_hour_of_week(work, within=WITHIN, tz=tz).collect()
    whole = busy_time(work, by=["robot"], working=WorkingTime()).collect()

    sums = table.group_by("robot").agg(pl.col("busy_ms").sum(), pl.col("available_ms").sum()).sort("robot")
    assert sums["robot"].to_list() == whole["robot"].to_list()
    assert sums["busy_ms"].to_list() == pytest.approx(whole["busy_ms"].to_list(), abs=1e-3)
    assert set(sums["available_ms"]) <= {WITHIN.length / timedelta(milliseconds=1)}
    assert table["utilisation"].is_between(0, 100 + 1e-9).all()


@pytest.mark.parametrize("tz", [*strategies.ZONES, "Asia/Kathmandu"])
def test_each_minute_lies_in_the_hour_that_the_clock_shows(tz: str) -> None:
    begun, ended = datetime(2026, 10, 24, 22, 10, tzinfo=UTC), datetime(2026, 10, 25, 4, 30, tzinfo=UTC)
    work = pl.LazyFrame({"robot": ["r"], "begin_at": [begun], "end_at": [ended]})
    table = busy_by_hour_of_week(work, within=WITHIN, tz=tz).collect()

    minutes = Counter(
        (at.isoweekday(), at.hour)
        for passed in range(380)
        for at in [(begun + timedelta(minutes=passed)).astimezone(ZoneInfo(tz))]
    )
    found = {(day, hour): ms / 60_000 for _, day, hour, ms, *_ in table.rows() if ms}
    assert found == pytest.approx(dict(minutes))
    if tz == "Europe/Paris":
        assert found[7, 2] == 120  # shown twice
        assert table.filter(weekday=7, hour=2)["available_ms"].item() == 2 * 3_600_000


@pytest.mark.parametrize(("day", "hour", "available"), [(date(2026, 4, 4), 1, 90), (date(2026, 10, 3), 2, 30)])
def test_an_hour_of_which_a_change_of_the_clock_takes_or_gives_a_half_is_as_long_as_it_was(
    day: date, hour: int, available: int
) -> None:
    """Lord Howe moves its clock by half an hour: from 2:00 to 1:30 in April, from 2:00 to 2:30 in October."""
    start = as_utc(day, tz="Australia/Lord_Howe")
    within = Span(start, start + timedelta(days=3), "Australia/Lord_Howe")
    work = pl.LazyFrame({"robot": ["r"], "begin_at": [within.start], "end_at": [within.end]})
    table = busy_by_hour_of_week(work, within=within, tz=within.tz).collect()

    [row] = table.filter(weekday=7, hour=hour).to_dicts()
    assert (row["busy_ms"] / 60_000, row["available_ms"] / 60_000) == (available, available)
    hours = hours_in(["hour_of_week"], within)["hours"].to_list()
    by_week = table.sort("weekday", "hour")
    assert [ms / 3_600_000 for ms in by_week["available_ms"]] == pytest.approx(hours)
    assert (table["utilisation"] == 100.0).all()


def test_no_robot_makes_no_row() -> None:
    work = pl.LazyFrame(schema={"robot": pl.String, **dict.fromkeys(("begin_at", "end_at"), pl.Datetime("us", "UTC"))})
    assert busy_by_hour_of_week(work, within=WITHIN, tz="UTC").collect().is_empty()
