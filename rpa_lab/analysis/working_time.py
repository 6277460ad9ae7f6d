"""How much working time lies between two instants.

Work is done in shifts of a calendar, as the clock on the wall shows them. Of the time from Friday 17:00 to Monday 09:00
two hours are working time where work is done from 08:00 to 18:00, Monday to Friday; without a calendar all 64 are.

W(t), the working time before the instant t, grows within shifts and stands still between them; between two instants
lies W(b) − W(a). Its edges are instants in UTC: a shift from 22:00 to 06:00 has nine hours in the night in which clocks
go back and seven in that in which they go forward. An edge that the clock shows twice is meant the first time; one that
it skips, when it would have come: as `rpa_lab.period.as_utc` reads local times, so that shifts which meet on the clock
meet in time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from rpa_lab.measures import in_zone
from rpa_lab.period import Span
from rpa_lab.storage.settings_calendar import Calendar

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["WorkingTime", "shift_intervals", "working_time"]

_BEFORE = timedelta(days=3653)
_AFTER = timedelta(days=367)
_US_PER_MS = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class WorkingTime:
    """Measures working time between instants; microseconds inside, milliseconds outside.

    `opens` and `closes` are the edges of disjoint stretches of work, ascending, microseconds since 1970 UTC; None where
    all time is working time.
    """

    opens: npt.NDArray[np.int64] | None = None
    closes: npt.NDArray[np.int64] | None = None

    @property
    def is_all(self) -> bool:
        """Whether there is no calendar, so that all time is working time."""
        return self.opens is None

    def until_us(self, at: pl.Expr) -> pl.Expr:
        """W: the working time before instants, microseconds from a beginning of its own; Int64, null for null."""
        if self.opens is None:
            return at.dt.epoch("us")
        return at.dt.epoch("us").map_batches(self._until, return_dtype=pl.Int64, is_elementwise=True)

    def between_ms(self, start: pl.Expr, end: pl.Expr) -> pl.Expr:
        """The working time from one instant to another, ms; negative where the other comes first.

        Examples
        --------
        >>> from datetime import datetime, UTC
        >>> from rpa_lab.storage.settings_calendar import Shift
        >>> office = Calendar(shifts=((Shift(begin=480, end=1080),),) * 5 + ((), ()))
        >>> friday, monday = datetime(2026, 11, 6, 17, tzinfo=UTC), datetime(2026, 11, 9, 9, tzinfo=UTC)
        >>> wait = working_time(office, Span(friday, monday)).between_ms(pl.lit(friday), pl.lit(monday))
        >>> pl.select(wait).item() / 3_600_000
        2.0
        """
        return (self.until_us(end) - self.until_us(start)) / _US_PER_MS

    def of_ms(self, span: Span) -> float:
        """The working time of a span, ms."""
        bounds = pl.Series([span.start, span.end], dtype=pl.Datetime("us", "UTC"))
        before, after = pl.select(self.until_us(pl.lit(bounds))).to_series()
        return float(after - before) / _US_PER_MS

    def _until(self, at: pl.Series) -> pl.Series:
        if self.opens is None or self.closes is None:
            raise TypeError("without a calendar there are no edges")
        known = at.fill_null(0).to_numpy()
        lengths = self.closes - self.opens
        before = np.concatenate([[0], np.cumsum(lengths)])
        begun = np.searchsorted(self.opens, known, side="right")  # stretches of work that have begun by then
        last = np.maximum(begun - 1, 0)
        unworked = np.maximum(self.closes[last] - known, 0) if len(lengths) else np.zeros_like(known)
        until = before[begun] - np.where(begun > 0, unworked, 0)
        return pl.Series(at.name, until, dtype=pl.Int64).set(at.is_null(), None)


def working_time(calendar: Calendar | None, span: Span) -> WorkingTime:
    """What measures working time around a span.

    Parameters
    ----------
    calendar : Calendar or None
        When work is done; None: always.
    span : Span
        Its zone is the calendar's, unless that names one. Instants may lie up to ten years before it and one year
        after it; farther off no time is working time.

    Returns
    -------
    WorkingTime
    """
    if calendar is None:
        return WorkingTime()
    edges = shift_intervals(calendar, Span(span.start - _BEFORE, span.end + _AFTER, span.tz))
    return WorkingTime(*(edges[name].dt.epoch("us").to_numpy() for name in ("opens", "closes")))


def shift_intervals(calendar: Calendar, span: Span) -> pl.DataFrame:
    """The stretches of work of a span, those that meet or overlap made one.

    Parameters
    ----------
    calendar : Calendar
        When work is done.
    span : Span
        Stretches are cut at its bounds.

    Returns
    -------
    DataFrame
        One row per stretch, ascending: opens, closes (UTC).

    Examples
    --------
    >>> from rpa_lab.period import Period
    >>> from rpa_lab.storage.settings_calendar import Shift
    >>> nights = Calendar(shifts=((Shift(begin=1320, end=1800),),) * 7, tz="Europe/Paris")
    >>> stretches = shift_intervals(nights, Period("2026-10-24T12:00Z/2026-10-25T12:00Z").resolve())
    >>> stretches.select(hours=(pl.col("closes") - pl.col("opens")).dt.total_hours()).item()  # clocks went back
    9
    """
    tz = calendar.tz or span.tz
    first, last = span.start.date() - timedelta(days=3), span.end.date() + timedelta(days=2)
    shifts = pl.DataFrame(
        [(day, shift.begin, shift.end) for day, of_day in enumerate(calendar.shifts, start=1) for shift in of_day],
        schema={"weekday": pl.Int8, "begin": pl.Int64, "end": pl.Int64},
        orient="row",
    )
    days = pl.DataFrame({"day": pl.date_range(first, last, eager=True)}).filter(~pl.col("day").is_in(calendar.holidays))
    midnight = pl.col("day").cast(pl.Datetime("us"))
    cut = {"lower_bound": span.start, "upper_bound": span.end}
    edges = (
        days.with_columns(weekday=pl.col("day").dt.weekday())
        .join(shifts, on="weekday", how="inner", validate="m:m")
        .select(
            opens=_instant(midnight + pl.duration(minutes="begin"), tz).clip(**cut),
            closes=_instant(midnight + pl.duration(minutes="end"), tz).clip(**cut),
        )
        .filter(pl.col("opens") < pl.col("closes"))
        .sort("opens", "closes")
    )
    apart = (pl.col("opens") > pl.col("closes").cum_max().shift(1)).fill_null(value=True)
    return (
        edges.with_columns(stretch=apart.cum_sum())
        .group_by("stretch")
        .agg(pl.col("opens").min(), pl.col("closes").max())
        .sort("opens")
        .drop("stretch")
    )


def _instant(local: pl.Expr, tz: str) -> pl.Expr:
    return in_zone(local, tz).dt.convert_time_zone("UTC")
