"""Which two periods are held against each other, where somebody named one of them or none.

Whole weeks on both sides, as far as there are enough: a Monday is no Sunday, and four weeks against the four before
differ by less chance than a month against the month before.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from rpa_lab.errors import InputError, quote
from rpa_lab.period import Period, Span, as_utc, before, zone

if TYPE_CHECKING:
    from rpa_lab.storage.store import PeriodLike, TimeSeriesStore

__all__ = ["before_and_after", "days_text", "from_first_to_last", "periods_of"]

_WEEK = 7


def periods_of(
    store: TimeSeriesStore,
    period: PeriodLike = "30d",
    *,
    baseline: PeriodLike | None = None,
    current: PeriodLike | None = None,
) -> tuple[Span, Span]:
    """The baseline and the current period of a store, from what somebody said; see `before_and_after`.

    Parameters
    ----------
    store : TimeSeriesStore
        `Lab.store`.
    period, baseline, current : str, Period or Span
        As `before_and_after` takes them; a baseline that is only a length ("28d") ends where the current period begins.

    Returns
    -------
    tuple of Span
    """
    now = None if current is None else store.span(current)
    earlier: Span | None = None
    if baseline is not None and (length := Period(baseline)).is_relative:
        now = now or store.span(period)
        earlier = length.resolve(as_of=now.start, tz=store.tz)
    elif baseline is not None:
        earlier = store.span(baseline)
    return before_and_after(store.span(period), store.span("all"), baseline=earlier, current=now)


def before_and_after(
    period: Span, records: Span, *, baseline: Span | None = None, current: Span | None = None
) -> tuple[Span, Span]:
    """The baseline and the current period.

    Parameters
    ----------
    period : Span
        The current period where none is named.
    records : Span
        From the first to the last day that the store holds.
    baseline, current : Span, optional
        What is named counts. Without a baseline it is the time of the same length before the current period. Where
        nothing is named and the records hold less than half of that time, the period's second half is held against its
        first; from four weeks on whole weeks of it.

    Returns
    -------
    tuple of Span
        They don't overlap.

    Raises
    ------
    InputError
        If what is named overlaps, or leaves nothing for the other one.

    Examples
    --------
    >>> from rpa_lab.period import Period
    >>> march, year = Period("2026-03").resolve(), Period("2026-01-01/2027-01-01").resolve()
    >>> [str(side) for side in before_and_after(march, year)]
    ['2026-01-29T00:00:00Z/2026-03-01T00:00:00Z', '2026-03-01T00:00:00Z/2026-04-01T00:00:00Z']
    >>> [str(side) for side in before_and_after(march, march)]
    ['2026-03-04T00:00:00Z/2026-03-18T00:00:00Z', '2026-03-18T00:00:00Z/2026-04-01T00:00:00Z']
    """
    if baseline is not None and current is not None:
        return _apart(baseline, current)
    if current is not None:
        return before(current), current
    if baseline is not None:
        start, end = max(baseline.end, period.start), max(period.end, records.end)
        if end <= start:
            raise InputError(f"baseline {baseline} leaves nothing after it to hold against it; name current, too")
        return _apart(baseline, Span(start, end, period.tz))
    earlier = before(period)
    held = Span(max(period.start, records.start), min(period.end, records.end), period.tz)
    if records.start - earlier.start <= earlier.length / 2 or held.end <= held.start:
        return earlier, period
    return _halves(held)


def from_first_to_last(baseline: Span, current: Span) -> Span:
    """Both periods, and what lies between them."""
    return Span(min(baseline.start, current.start), max(baseline.end, current.end), current.tz)


def days_text(period: str, *, tz: str) -> str:
    """A half-open UTC period in words, by the days of a zone, without the zone's name.

    Examples
    --------
    >>> days_text("2026-11-02T23:00:00Z/2026-11-16T23:00:00Z", tz="Europe/Paris")
    '3 to 16 November 2026'
    >>> days_text("2026-10-20T00:00:00Z/2026-11-03T00:00:00Z", tz="UTC")
    '20 October to 2 November 2026'
    """
    start, _, end = period.partition("/")
    first, last = (datetime.fromisoformat(at).astimezone(zone(tz)) for at in (start, end))
    last -= timedelta(microseconds=1)
    if first.date() == last.date():
        return _day(last, year=True)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {_day(last, year=True)}"
    return f"{_day(first, year=first.year != last.year)} to {_day(last, year=True)}"


def _day(day: date, *, year: bool) -> str:
    return f"{day.day} {day:%B}{f' {day.year}' if year else ''}"


def _halves(period: Span) -> tuple[Span, Span]:
    local = zone(period.tz)
    first = period.start.astimezone(local).date()
    last = (period.end - timedelta(microseconds=1)).astimezone(local).date()
    half = ((last - first).days + 1) // 2
    if half < 1:
        middle = period.start + period.length / 2
        return Span(period.start, middle, period.tz), Span(middle, period.end, period.tz)
    half -= half % _WEEK if half >= 2 * _WEEK else 0
    ends = [as_utc(last + timedelta(days=1 - days), tz=period.tz) for days in (2 * half, half, 0)]
    return Span(ends[0], ends[1], period.tz), Span(ends[1], ends[2], period.tz)


def _apart(baseline: Span, current: Span) -> tuple[Span, Span]:
    if baseline.start < current.end and current.start < baseline.end:
        raise InputError(
            f"baseline {quote(str(baseline))} and current {quote(str(current))} overlap; expected two periods apart"
        )
    return baseline, current
