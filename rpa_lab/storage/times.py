"""What a store's users mean by now, by a period, and by two times without a zone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from rpa_lab.errors import InputError, quote
from rpa_lab.period import Period, Span, as_utc, this_minute
from rpa_lab.schema import TABLES
from rpa_lab.storage.reading import Reading

__all__ = ["AsOf", "PeriodLike", "as_of_said", "now_of", "span_between", "span_of"]

AsOf = datetime | Literal["latest"] | None
"""What "now" is: a UTC time, just after what the store has last, or (None) the present."""

PeriodLike = str | Period | Span


def as_of_said(said: datetime | str | None, *, tz: Callable[[], str]) -> AsOf:
    """What somebody said that "now" is; `tz` is asked for the zone of a naive time, and for nothing else."""
    if said is None or said == "latest":
        return "latest" if said else None
    if isinstance(said, str):
        try:
            said = datetime.fromisoformat(said)
        except ValueError:
            raise InputError(f"as_of is {quote(said)}, expected 'latest' or an ISO 8601 time") from None
    return as_utc(said, tz=tz())


def now_of(reading: Reading, as_of: AsOf) -> datetime:
    """What relative periods count back from, UTC; the latest is at most tomorrow."""
    if isinstance(as_of, datetime):
        return as_of
    present = this_minute()
    if as_of is None:
        return present
    newest = reading.newest()
    return min(newest + timedelta(microseconds=1), present + timedelta(days=1)) if newest else present


def span_of(period: PeriodLike, reading: Reading, *, as_of: AsOf, tz: str) -> Span:
    """What a period means to a store; ``"all"`` are the UTC days that it holds, or today."""
    period = period if isinstance(period, Period) else Period(period)
    if not period.is_all:
        return period.resolve(as_of=now_of(reading, as_of) if period.is_relative else None, tz=tz)
    days = [day for table in TABLES for day in reading.days(table)] or [now_of(reading, as_of).date()]
    return Span(_midnight(min(days)), _midnight(max(days) + timedelta(days=1)), tz)


def span_between(start: datetime, end: datetime, *, tz: str) -> Span:
    """From one time to another, naive ones read in a zone."""
    return Period(as_utc(start, tz=tz), as_utc(end, tz=tz)).resolve(tz=tz)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
