"""Hours, days and weeks as a clock on the wall shows them, also where it is changed.

A day is a date of the zone and may last 23 or 25 hours; a bin of an hour or less never reaches over a change of the
clock, so the hour that is shown twice is two bins. In Paris on 2026-10-25 there are 25 hours, and two of them begin at
02:00: one at 00:00 UTC, one at 01:00 UTC. Lord Howe moves its clock by half an hour: there the second one is 30 minutes
long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final

import polars as pl

from rpa_lab.errors import InputError, quote
from rpa_lab.measures import in_zone
from rpa_lab.period import Span, zone

__all__ = ["BINS", "INTERVALS", "START", "Stretch", "begin", "column_of", "hours_in", "label", "pieces", "stretches"]

BINS: Final = ("hour", "day", "week", "weekday", "hour_of_week")
"""The bins of time that rows can be grouped by: an hour's start, a date, a Monday, 1 (Monday) to 7, 0 (Monday 0:00) to
167."""

INTERVALS: Final = (
    *("1min", "5min", "10min", "15min", "20min", "30min"),
    *("1h", "2h", "3h", "4h", "6h", "8h", "12h", "1d", "1w"),
)
"""The steps that a time series can have. Each divides an hour or a day, so that its bins begin with these."""

START: Final = "start"
"""The column that says when a time series' bin begins."""

_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)  # what a store may hold
_DAY: Final = timedelta(days=1)
_HALF_DAY: Final = timedelta(hours=12)  # no clock is changed twice within one
_SECOND: Final = timedelta(seconds=1)
_FEW: Final = 6
_MOST_PIECES: Final = 2_500_000


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time in which the clock isn't changed: from `start` (UTC) on it is `offset` ahead of UTC."""

    start: datetime
    offset: timedelta


@lru_cache(maxsize=200)
def stretches(span: Span) -> tuple[Stretch, ...]:
    """The stretches of a span, in order; the first begins more than an hour before it.

    Parameters
    ----------
    span : Span
        With its zone.

    Returns
    -------
    tuple of Stretch

    Examples
    --------
    >>> day = Span(datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC), "Europe/Paris")
    >>> [(str(each.start), str(each.offset)) for each in stretches(day)[1:]]
    [('2026-10-25 01:00:00+00:00', '1:00:00')]
    """
    clock = zone(span.tz)
    at = max(span.start, _FIRST) - _DAY
    found = [Stretch(at, _offset(at, clock))]
    end = min(span.end, _LAST)
    while at < end:
        later = at + _HALF_DAY
        if _offset(later, clock) != found[-1].offset:
            found.append(_change(at, later, clock))
        at = later
    return tuple(found)


def label(name: str, at: pl.Expr, *, span: Span) -> pl.Expr:
    """The bin that a time lies in.

    Parameters
    ----------
    name : str
        One of `BINS` or of `INTERVALS`.
    at : polars.Expr
        Times in UTC, within the span.
    span : Span
        With the zone whose clock is meant.

    Returns
    -------
    polars.Expr
        Of ``weekday`` and ``hour_of_week`` an integer; of ``day``, ``week``, ``1d`` and ``1w`` a Date; of ``hour`` and
        shorter intervals the bin's start as a Datetime in the zone. `begin` makes one of the Date as well.
    """
    utc = at.dt.replace_time_zone(None)
    local = utc + _of_stretch(at, [each.offset for each in stretches(span)], span)
    match name:
        case "day" | "1d":
            return local.dt.date()
        case "week" | "1w":
            return local.dt.truncate("1w").dt.date()
        case "weekday":
            return local.dt.weekday()
        case "hour_of_week":
            return (local.dt.weekday().cast(pl.Int16) - 1) * 24 + local.dt.hour()
        case _:
            return _instant(local, name, at, span)


def column_of(name: str) -> str:
    """The column that a bin has in an answer."""
    return START if name in INTERVALS else name


def begin(name: str, label: pl.Expr, *, tz: str) -> pl.Expr:
    """When the bin of an interval begins, a Datetime in the zone, of its label: there are fewer of these than times."""
    return in_zone(label.cast(pl.Datetime("us")), tz) if name in ("1d", "1w") else label


def hours_in(names: Sequence[str], span: Span) -> pl.DataFrame:
    """How many hours of a span lie in each combination of bins.

    Parameters
    ----------
    names : sequence of str
        Of `BINS` and `INTERVALS`.
    span : Span
        With its zone. A bin that reaches over its ends counts as far as it lies within.

    Returns
    -------
    DataFrame
        One row per combination: a column for each name (for an interval: `START`) with its `label`, and `hours`.

    Raises
    ------
    InputError
        If there are too many.

    Examples
    --------
    >>> day = Span(datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC), "Europe/Paris")
    >>> hours_in(["day"], day).row(0)
    (datetime.date(2026, 10, 25), 25.0)
    """
    step = next((name for name in names if name.endswith("min")), "1h")
    return (
        pieces(span, step)
        .with_columns(**{column_of(name): label(name, pl.col("begin_at"), span=span) for name in names})
        .group_by(*(column_of(name) for name in names))
        .agg(hours=(pl.col("end_at") - pl.col("begin_at")).sum() / timedelta(hours=1))
        .sort(*(column_of(name) for name in names))
        .collect()
    )


def pieces(span: Span, step: str) -> pl.LazyFrame:
    """A span in pieces of which each lies in one bin, whichever bins are asked for.

    Parameters
    ----------
    span : Span
        With its zone, in whose days and hours it is cut, and where the clock is changed.
    step : str
        The shortest of the bins, one of `INTERVALS` up to ``1h``.

    Returns
    -------
    LazyFrame
        One row per piece, in order: begin_at, end_at (UTC).

    Raises
    ------
    InputError
        If there are too many.
    """
    length = _length(step)
    if (min(span.end, _LAST) - max(span.start, _FIRST)) / length > _MOST_PIECES:
        raise InputError(f"period {quote(str(span))} has more than {_MOST_PIECES:,} bins of {step}; expected fewer")
    parts = [pl.LazyFrame(schema=dict.fromkeys(("begin_at", "end_at"), pl.Datetime("us", "UTC")))]
    changes = stretches(span)
    for number, each in enumerate(changes):
        end = min(span.end, _LAST, *([changes[number + 1].start] if number + 1 < len(changes) else []))
        start = max(span.start, _FIRST, each.start)
        if start < end:
            first = _floor(start + each.offset, length) - each.offset
            parts.append(
                pl.LazyFrame()
                .select(begin_at=pl.datetime_range(first, end, length, closed="left", time_unit="us", time_zone="UTC"))
                .with_columns(end_at=pl.col("begin_at").shift(-1, fill_value=end))
                .with_columns(begin_at=pl.max_horizontal("begin_at", pl.lit(start)))
            )
    return pl.concat(parts)


def _instant(local: pl.Expr, step: str, at: pl.Expr, span: Span) -> pl.Expr:
    """When the bin began by the clock that shows the time now; at the earliest when the clock was set to that."""
    length = _length("1h" if step == "hour" else step)
    into = pl.duration(microseconds=(local.dt.timestamp("us")) % (length // timedelta(microseconds=1)), time_unit="us")
    began = pl.max_horizontal(at - into, _of_stretch(at, [each.start for each in stretches(span)], span))
    return began.dt.convert_time_zone(span.tz)


def _of_stretch(at: pl.Expr, values: Sequence[datetime | timedelta], span: Span) -> pl.Expr:
    """The value that belongs to the stretch in which a time lies."""
    if len(values) <= _FEW:  # much quicker than to look each time up
        found = pl.lit(values[0])
        for value, each in zip(values[1:], stretches(span)[1:], strict=True):
            found = pl.when(at >= each.start).then(pl.lit(value)).otherwise(found)
        return found
    starts = pl.Series([each.start for each in stretches(span)], dtype=pl.Datetime("us", "UTC"))
    number = pl.lit(starts).search_sorted(at, side="right") - 1
    return pl.lit(pl.Series(values)).gather(number)


def _length(step: str) -> timedelta:
    number, unit = (step[:-3], "min") if step.endswith("min") else (step[:-1], "h")
    return int(number) * {"min": timedelta(minutes=1), "h": timedelta(hours=1)}[unit]


def _floor(local: datetime, length: timedelta) -> datetime:
    return local - (local - _FIRST) % length


def _offset(at: datetime, clock: tzinfo) -> timedelta:
    return at.astimezone(clock).utcoffset() or timedelta(0)


def _change(before: datetime, after: datetime, clock: tzinfo) -> Stretch:
    """When, to the second, the clock was changed between two moments."""
    offset = _offset(after, clock)
    low, high = 0, (after - before) // _SECOND
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _offset(before + middle * _SECOND, clock) == offset else (middle, high)
    return Stretch((before + high * _SECOND).replace(microsecond=0), offset)
