"""Which of several change points best explains that two parts of a period differ.

A level that moved by a where the later part begins makes it differ by a. One that moved when three of four weeks of the
earlier part had passed has a quarter of its days at the new level already, and explains three quarters of a.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from rpa_lab.period import Span, zone

__all__ = ["explaining"]


def explaining(points: pl.DataFrame, *, span: Span, near: date | None, slower: bool = False) -> pl.DataFrame:
    """The change point that explains most.

    Parameters
    ----------
    points : DataFrame
        on (Date), before_ms, after_ms, of one series.
    span : Span
        Both parts.
    near : date or None
        Where the later part begins; None: the largest change.
    slower : bool
        Whether only those count since which runs take longer.

    Returns
    -------
    DataFrame
        One row of `points`, or none.

    Examples
    --------
    >>> from rpa_lab.period import Period
    >>> on = [date(2026, 11, 2), date(2026, 11, 15)]
    >>> points = pl.DataFrame({"on": on, "before_ms": [10.0, 20.0], "after_ms": [20.0, 30.0]})
    >>> both = Period("2026-11-01/2026-11-29").resolve()
    >>> explaining(points, span=both, near=date(2026, 11, 15))["on"].item()
    datetime.date(2026, 11, 15)
    >>> explaining(points, span=both, near=None)["on"].item()
    datetime.date(2026, 11, 2)
    """
    moved = (pl.col("after_ms") / pl.col("before_ms")).log()
    if slower:
        points = points.filter(moved > 0)
    if near is not None:
        zone_info = zone(span.tz)
        first = span.start.astimezone(zone_info).date()
        end = (span.end - timedelta(microseconds=1)).astimezone(zone_info).date() + timedelta(days=1)
        on, later = pl.col("on"), pl.lit(near)
        from_start = (on - pl.lit(first)).dt.total_days() / max((near - first).days, 1)
        to_end = (pl.lit(end) - on).dt.total_days() / max((end - near).days, 1)
        moved = moved * pl.when(on <= later).then(from_start).otherwise(to_end)
    return points.sort(moved.abs(), "on", descending=[True, False]).head(1)
