"""When in the week robots are busy.

An hour of the week comes once in a week, but twice, or never, in one in which the clock is changed: each is measured by
the time that there was of it. A robot that was busy for 20 and for 40 minutes on two Mondays from 9 to 10 is busy half
of that hour of its week.
"""

from __future__ import annotations

import polars as pl

from rpa_lab.analysis.at_work import fresh
from rpa_lab.period import Span
from rpa_lab.query.bins import hours_in, label, pieces

__all__ = ["busy_by_hour_of_week"]

_BIN = "hour_of_week"
_HOUR_MS = 3_600_000.0


def busy_by_hour_of_week(work: pl.LazyFrame, *, within: Span, tz: str) -> pl.LazyFrame:
    """How busy robots were by hour of the week.

    Parameters
    ----------
    work : LazyFrame
        As `rpa_lab.analysis.at_work.at_work` makes it.
    within : Span
        The span of `work`.
    tz : str
        Whose clock is meant.

    Returns
    -------
    LazyFrame
        One row per robot and hour of the week that the span touches: robot, weekday (1 is Monday), hour (0-23),
        busy_ms, available_ms (of that hour in the span), utilisation (percent).

    Examples
    --------
    >>> from datetime import datetime, UTC
    >>> monday = [datetime(2026, 11, 2, 9, minute, tzinfo=UTC) for minute in (0, 20)]
    >>> work = pl.LazyFrame({"robot": ["r"], "begin_at": [monday[0]], "end_at": [monday[1]]})
    >>> span = Span(datetime(2026, 11, 2, 9, tzinfo=UTC), datetime(2026, 11, 2, 10, tzinfo=UTC))
    >>> busy_by_hour_of_week(work, within=span, tz="Europe/Paris").collect().select("hour", "busy_ms").rows()
    [(10, 1200000.0)]
    """
    week = Span(within.start, within.end, tz)
    hours = hours_in([_BIN], week).lazy().select(_BIN, available_ms=pl.col("hours") * _HOUR_MS)
    worked = fresh(work, by=["robot"]).select("robot", begin_at="fresh_at", end_at="end_at")
    busy = _cut(worked, week).group_by("robot", _BIN).agg(busy_ms=pl.col("_ms").sum())
    return (
        worked.select("robot")
        .unique()
        .join(hours, how="cross")
        .join(busy, on=["robot", _BIN], how="left", validate="1:1")
        .with_columns(pl.col("busy_ms").fill_null(0.0))
        .sort("robot", _BIN)
        .select(
            "robot",
            (pl.col(_BIN) // 24 + 1).cast(pl.Int8).alias("weekday"),
            (pl.col(_BIN) % 24).cast(pl.Int8).alias("hour"),
            "busy_ms",
            "available_ms",
            utilisation=pl.col("busy_ms") / pl.col("available_ms") * 100,
        )
    )


def _cut(worked: pl.LazyFrame, span: Span) -> pl.LazyFrame:
    """Stretches of time (begin_at, end_at) within a span, cut at each hour on the clock: its bin, _ms of each piece."""
    grid = pieces(span, "1h").with_columns(label(_BIN, pl.col("begin_at"), span=span).alias(_BIN)).collect()
    starts = pl.lit(grid["begin_at"])
    first = starts.search_sorted(pl.col("begin_at"), side="right").cast(pl.Int64) - 1
    after = starts.search_sorted(pl.col("end_at"), side="left").cast(pl.Int64)
    hours = grid.lazy().rename({"begin_at": "_begin", "end_at": "_end"}).with_row_index("_piece")
    inside = pl.min_horizontal("end_at", "_end") - pl.max_horizontal("begin_at", "_begin")
    return (
        worked.filter(pl.col("begin_at") < pl.col("end_at"))
        .with_columns(_piece=pl.int_ranges(first, after, dtype=pl.get_index_type()))
        .explode("_piece")
        .join(hours, on="_piece", how="inner", validate="m:1")
        .with_columns(_ms=inside.dt.total_microseconds() / 1_000)
    )
