"""Busy times by hour of the week, over changes of the clock."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.analysis.at_work import at_work, busy_time
from rpa_lab.analysis.busy_hours import busy_by_hour_of_week
from rpa_lab.analysis.working_time import WorkingTime
from rpa_lab.period import Span
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


def test_no_robot_makes_no_row() -> None:
    work = pl.LazyFrame(schema={"robot": pl.String, **dict.fromkeys(("begin_at", "end_at"), pl.Datetime("us", "UTC"))})
    assert busy_by_hour_of_week(work, within=WITHIN, tz="UTC").collect().is_empty()
