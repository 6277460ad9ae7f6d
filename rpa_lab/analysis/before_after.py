"""Which two periods, or versions, are held against each other, where somebody named one of them or none.

Whole days, of the zone that is asked for, and no day on both sides; whole weeks of them, as far as there are enough: a
Monday is no Sunday, and four weeks against the four before differ by less chance than a month against the month before.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from rpa_lab.errors import InputError, quote
from rpa_lab.period import Period, Span, as_utc, before, zone

if TYPE_CHECKING:
    from rpa_lab.storage.store import PeriodLike, TimeSeriesStore

__all__ = ["before_and_after", "days_text", "from_first_to_last", "periods_of", "two_versions", "whole_days"]

_WEEK = 7
_FOUR_WEEKS = 28
_DAY = timedelta(days=1)


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
        As `before_and_after` takes them. A current period of two days or more that counts back from now ("30d") is made
        of whole days up to and including the one that now is of, and where nothing is named, of whole weeks from 28
        days on: "30d" is four weeks. A baseline that is only a length ("28d") ends where the current period begins.

    Returns
    -------
    tuple of Span
    """
    named = Period(period if current is None else current)
    now = store.span(named)
    if named.is_relative:
        now = whole_days(now, weeks=baseline is None and current is None)
    if baseline is not None and (length := Period(baseline)).is_relative:
        earlier = _back_from(now.start, length.resolve(as_of=now.start, tz=store.tz))
        return before_and_after(now, now, baseline=earlier, current=now)
    return before_and_after(
        now,
        store.span("all"),
        baseline=None if baseline is None else store.span(baseline),
        current=None if current is None else now,
    )


def two_versions(
    said: object, *, baseline: PeriodLike | None = None, current: PeriodLike | None = None
) -> tuple[str, str]:
    """The version that is held against, and the one that is looked at.

    Parameters
    ----------
    said : tuple of str
        Both.
    baseline, current : str, Period or Span, optional
        What is said of periods beside them: nothing, it is to be.

    Returns
    -------
    tuple of str

    Raises
    ------
    InputError
        If these aren't two different names, or periods are named as well.

    Examples
    --------
    >>> two_versions(["2.3", "2.4"])
    ('2.3', '2.4')
    """
    if baseline is not None or current is not None:
        name, value = ("baseline", baseline) if baseline is not None else ("current", current)
        raise InputError(f"{name} is {quote(value)} beside versions, expected two periods or two versions")
    both = list(said) if isinstance(said, list | tuple) else []
    if len(both) != 2 or not all(isinstance(one, str) for one in both) or both[0] == both[1]:
        raise InputError(f"versions are {quote(said)}, expected two names that differ, such as ('2.3', '2.4')")
    return both[0], both[1]


def whole_days(span: Span, *, weeks: bool = False) -> Span:
    """As many whole days of its zone as a span is long, up to and including the one in which it ends.

    Parameters
    ----------
    span : Span
        Shorter than two days it stays as it is.
    weeks : bool
        Whether to leave out days, from 28 on, that are more than whole weeks.

    Returns
    -------
    Span

    Examples
    --------
    >>> from datetime import UTC
    >>> now = datetime(2026, 11, 3, 15, tzinfo=UTC)
    >>> print(whole_days(Period("30d").resolve(as_of=now), weeks=True))
    2026-10-07T00:00:00Z/2026-11-04T00:00:00Z
    """
    count = span.length // _DAY
    if count < 2:
        return span
    if weeks and count >= _FOUR_WEEKS:
        count -= count % _WEEK
    after = _last_day(span) + _DAY
    return Span(as_utc(after - count * _DAY, tz=span.tz), as_utc(after, tz=span.tz), span.tz)


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
            raise InputError(
                f"baseline {baseline.describe()} leaves nothing after it to hold against it; name current, too"
            )
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
    first, last = period.start.astimezone(zone(period.tz)).date(), _last_day(period)
    half = ((last - first).days + 1) // 2
    if half < 1:
        middle = period.start + period.length / 2
        return Span(period.start, middle, period.tz), Span(middle, period.end, period.tz)
    half -= half % _WEEK if half >= 2 * _WEEK else 0
    ends = [as_utc(last + timedelta(days=1 - days), tz=period.tz) for days in (2 * half, half, 0)]
    return Span(ends[0], ends[1], period.tz), Span(ends[1], ends[2], period.tz)


def _last_day(span: Span) -> date:
    return (span.end - timedelta(microseconds=1)).astimezone(zone(span.tz)).date()


def _back_from(end: datetime, length: Span) -> Span:
    """A span of that length up to an end; of whole days by the clock of its zone."""
    days, rest = divmod(length.length, _DAY)
    local = end.astimezone(zone(length.tz)).replace(tzinfo=None) - days * _DAY
    return Span(as_utc(local, tz=length.tz) - rest, end, length.tz)


def _apart(baseline: Span, current: Span) -> tuple[Span, Span]:
    if baseline.start < current.end and current.start < baseline.end:
        raise InputError(
            f"baseline {baseline.describe()} and current {current.describe()} overlap; expected two periods apart"
        )
    return baseline, current
