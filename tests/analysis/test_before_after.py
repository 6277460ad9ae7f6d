"""Which periods are held against each other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

from rpa_lab.analysis.before_after import before_and_after, days_text, from_first_to_last, periods_of
from rpa_lab.errors import InputError
from rpa_lab.period import Period, Span
from rpa_lab.storage.store import TimeSeriesStore

if TYPE_CHECKING:
    from pathlib import Path


def _span(text: str, tz: str = "UTC") -> Span:
    return Period(text).resolve(tz=tz)


YEAR = _span("2026-01-01/2027-01-01")


def test_a_period_is_held_against_as_long_before_by_the_clock_of_its_zone() -> None:
    current = _span("2026-03-26/2026-04-02", "Europe/Paris")  # the clock is changed on 29 March
    before, now = before_and_after(current, YEAR)

    assert now == current
    assert before == _span("2026-03-19/2026-03-26", "Europe/Paris")


@pytest.mark.parametrize(
    ("records", "halves"),
    [
        ("2026-10-01/2026-11-01", ("2026-10-04/2026-10-18", "2026-10-18/2026-11-01")),
        ("2026-10-02/2026-11-01", ("2026-10-04/2026-10-18", "2026-10-18/2026-11-01")),
        ("2026-10-25/2026-11-01", ("2026-10-26/2026-10-29", "2026-10-29/2026-11-01")),
        ("2026-10-31", ("2026-10-31T00:00Z/2026-10-31T12:00Z", "2026-10-31T12:00Z/2026-11-01T00:00Z")),
    ],
)
def test_where_too_little_is_held_the_records_are_halved_in_whole_weeks_if_possible(
    records: str, halves: tuple[str, str]
) -> None:
    found = before_and_after(_span("2026-10-02/2026-11-01"), _span(records))
    assert found == tuple(map(_span, halves))


def test_what_is_named_counts() -> None:
    month = _span("2026-11")
    named = before_and_after(month, YEAR, baseline=_span("2026-02"), current=_span("2026-05"))
    assert named == (_span("2026-02"), _span("2026-05"))
    assert before_and_after(month, YEAR, current=_span("2026-05-08/2026-05-15"))[0] == _span("2026-05-01/2026-05-08")
    rest = before_and_after(month, _span("2026-01-01/2026-12-01"), baseline=_span("2026-10"))
    assert rest == (_span("2026-10"), _span("2026-11"))


def _store(folder: Path, last: datetime, *, tz: str = "UTC", days: int = 120) -> TimeSeriesStore:
    """One run a day, the last one when it is said."""
    at = [last - timedelta(days=day) for day in range(days)]
    runs = pl.DataFrame({"execution_id": [f"e{n}" for n in range(days)], "workflow_id": "w", "started_at": at})
    store = TimeSeriesStore(folder, tz=tz, as_of="latest")
    store.write_frame("executions", runs.with_columns(status=pl.lit("completed"), duration_ms=1.0))
    return store


@pytest.mark.parametrize(
    ("said", "before", "now"),
    [
        ({}, "2026-09-12/2026-10-10", "2026-10-10/2026-11-07"),
        ({"period": "10d"}, "2026-10-18/2026-10-28", "2026-10-28/2026-11-07"),
        ({"period": "48h"}, "2026-11-03/2026-11-05", "2026-11-05/2026-11-07"),
        ({"current": "30d"}, "2026-09-08/2026-10-08", "2026-10-08/2026-11-07"),
        ({"baseline": "28d", "current": "14d"}, "2026-09-26/2026-10-24", "2026-10-24/2026-11-07"),
    ],
)
def test_no_day_is_on_both_sides(tmp_path: Path, said: dict[str, str], before: str, now: str) -> None:
    """Counted back from 6 November in Paris, past the end of summer time on 25 October."""
    store = _store(tmp_path, datetime(2026, 11, 6, 14, 30, tzinfo=UTC), tz="Europe/Paris")

    assert periods_of(store, **said) == (_span(before, "Europe/Paris"), _span(now, "Europe/Paris"))


def test_hours_are_hours(tmp_path: Path) -> None:
    before, now = periods_of(_store(tmp_path, datetime(2026, 11, 6, 14, 30, tzinfo=UTC)), "24h")

    assert (now.length, before.length, before.end) == (timedelta(days=1), timedelta(days=1), now.start)


def test_a_period_without_records_is_held_against_as_long_before() -> None:
    assert before_and_after(_span("2025-03-01/2025-03-08"), YEAR) == (
        _span("2025-02-22/2025-03-01"),
        _span("2025-03-01/2025-03-08"),
    )


def test_periods_that_overlap_or_leave_nothing_are_refused() -> None:
    paris = [_span(month, "Europe/Paris") for month in ("2026-10", "2026-10-31/2026-11-15")]
    said = (
        r"baseline 1 October 2026 to 31 October 2026 \(Europe/Paris\) and current 31 October 2026 to 14 November 2026"
    )
    with pytest.raises(InputError, match=said):
        before_and_after(YEAR, YEAR, baseline=paris[0], current=paris[1])
    with pytest.raises(InputError, match="overlap; expected two periods apart"):
        before_and_after(YEAR, YEAR, baseline=_span("2026-02"), current=_span("2026-02-28/2026-03-05"))
    with pytest.raises(InputError, match="leaves nothing after it"):
        before_and_after(_span("2026-11"), YEAR, baseline=_span("2026-12-01/2027-01-01"))


def test_a_stores_records_and_words_are_read(tmp_path: Path) -> None:
    at = [datetime(2026, 11, 1, 9, tzinfo=UTC) + timedelta(days=day) for day in range(10)]
    runs = pl.DataFrame({"execution_id": [f"e{n}" for n in range(10)], "workflow_id": "w", "started_at": at})
    store = TimeSeriesStore(tmp_path / "store", as_of="latest")
    store.write_frame("executions", runs.with_columns(status=pl.lit("completed"), duration_ms=1.0))

    assert periods_of(store, "all") == (_span("2026-11-01/2026-11-06"), _span("2026-11-06/2026-11-11"))
    assert periods_of(store, current="2026-11-03")[0] == _span("2026-11-02")
    assert from_first_to_last(_span("2026-11-08"), _span("2026-11-02")) == _span("2026-11-02/2026-11-09")


@pytest.mark.parametrize(
    ("period", "words"),
    [
        ("2026-11-03", "3 November 2026"),
        ("2026-11", "1 to 30 November 2026"),
        ("2026-11-20/2027-01-03", "20 November 2026 to 2 January 2027"),
    ],
)
def test_a_period_is_said_by_its_days(period: str, words: str) -> None:
    assert days_text(str(_span(period, "Asia/Tokyo")), tz="Asia/Tokyo") == words
