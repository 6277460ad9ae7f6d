from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import polars.selectors as cs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.errors import InputError
from rpa_lab.period import Period, Span
from rpa_lab.query.bins import BINS, INTERVALS, START, begin, column_of, hours_in, label, stretches
from tests import oracles, strategies

NAMES = (*BINS, *INTERVALS)


def _labels(name: str, times: list[datetime], span: Span) -> list[object]:
    rows = pl.DataFrame({"at": times}, schema={"at": pl.Datetime("us", "UTC")})
    bins = rows.select(begin(name, label(name, pl.col("at"), span=span), tz=span.tz))
    return _in_utc(bins).to_series().to_list()


def _in_utc(table: pl.DataFrame) -> pl.DataFrame:
    """Python finds no time in a repeated hour equal to one of another zone."""
    return table.with_columns(cs.datetime().dt.convert_time_zone("UTC"))


@given(strategies.clock_moments())
def test_bins_are_those_of_a_clock_on_the_wall(drawn: tuple[str, datetime, datetime, list[datetime]]) -> None:
    tz, start, end, times = drawn
    for name in NAMES:
        got = _labels(name, times, Span(start, end, tz))
        assert got == [oracles.bin_of(name, at, ZoneInfo(tz)) for at in times], name


@given(
    strategies.clock_moments(minutes=700),
    st.lists(st.sampled_from([*BINS, "15min", "2h", "6h"]), min_size=1, max_size=2, unique_by=column_of),
)
def test_hours_are_those_that_really_passed(
    drawn: tuple[str, datetime, datetime, list[datetime]], names: list[str]
) -> None:
    tz, start, end, _ = drawn
    got = hours_in(names, Span(start, end, tz))
    expected = oracles.hours_in(names, start, end, ZoneInfo(tz))

    assert {row[:-1]: pytest.approx(row[-1]) for row in _in_utc(got).rows()} == expected


def test_the_hour_that_is_shown_twice_is_two_bins_and_its_day_has_25() -> None:
    day = Period("2026-10-25").resolve(tz="Europe/Paris")
    hours = hours_in(["hour"], day)

    assert hours_in(["day"], day).rows() == [(date(2026, 10, 25), 25.0)]
    assert hours.height == 25
    assert hours["hour"].dt.hour().to_list()[1:5] == [1, 2, 2, 3]
    assert hours["hours"].to_list() == [1.0] * 25
    assert hours_in(["day"], Period("2026-03-29").resolve(tz="Europe/Paris"))["hours"].to_list() == [23.0]


def test_lord_howes_second_hour_is_half_an_hour_long() -> None:
    day = Period("2026-04-05").resolve(tz="Australia/Lord_Howe")

    assert hours_in(["hour"], day)["hours"].to_list()[:4] == [1.0, 1.0, 0.5, 1.0]
    assert hours_in(["day"], day)["hours"].item() == 24.5


def test_apias_left_out_day_has_no_bin() -> None:
    days = Period("2011-12-29/2012-01-01").resolve(tz="Pacific/Apia")

    assert hours_in(["day"], days).rows() == [(date(2011, 12, 29), 24.0), (date(2011, 12, 31), 24.0)]


def test_bins_are_cut_where_the_period_begins_and_ends() -> None:
    span = Span(datetime(2026, 11, 3, 10, 45, tzinfo=UTC), datetime(2026, 11, 3, 12, 15, tzinfo=UTC))

    assert hours_in(["1h"], span)["hours"].to_list() == [0.25, 1.0, 0.25]
    assert hours_in(["1h"], span)[START].dt.hour().to_list() == [10, 11, 12]
    assert hours_in(["weekday"], span).rows() == [(2, 1.5)]


def test_a_change_just_before_a_period_still_counts_as_where_its_hour_began() -> None:
    change = datetime(2026, 4, 4, 15, tzinfo=UTC)  # 2:00 becomes 1:30
    span = Span(change + timedelta(minutes=10), change + timedelta(hours=2), "Australia/Lord_Howe")

    assert _labels("hour", [span.start], span) == [change]


def test_time_beyond_what_a_store_may_hold_has_no_hours() -> None:
    for span in (Period("1900-01-01").resolve(), Period("2200-01-01/9999-01-01").resolve()):
        assert hours_in(["day"], span).height == 0
    assert len(stretches(Span(datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC), "Asia/Kolkata"))) == 1


def test_too_many_bins_are_refused() -> None:
    with pytest.raises(InputError, match="more than 2,500,000 bins of 1min"):
        hours_in(["1min"], Period("2000-01-01/2026-01-01").resolve())
