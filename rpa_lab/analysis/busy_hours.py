"""When in the week robots are busy.

An hour of the week comes once in a week, but twice, or never, in one in which the clock is changed: each is measured by
the time that there was of it. A robot that was busy for 20 and for 40 minutes on two Mondays from 9 to 10 is busy half
of that hour of its week.
"""

from __future__ import annotations

import polars as pl

from rpa_lab.analysis.at_work import fresh
from rpa_lab.period import Span

__all__ = ["busy_by_hour_of_week"]

_HOUR = pl.duration(hours=1)
_BIN = ["weekday", "hour"]


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
    whole = pl.LazyFrame({"from": [within.start], "to": [within.end]}, schema_overrides=_instants(("from", "to")))
    hours = _by_hour(whole, tz=tz).group_by(_BIN).agg(available_ms=pl.col("_ms").sum())
    pieces = fresh(work, by=["robot"]).select("robot", pl.col("fresh_at").alias("from"), pl.col("end_at").alias("to"))
    busy = _by_hour(pieces, tz=tz).group_by("robot", *_BIN).agg(busy_ms=pl.col("_ms").sum())
    return (
        pieces.select("robot")
        .unique()
        .join(hours, how="cross")
        .join(busy, on=["robot", *_BIN], how="left", validate="1:1")
        .with_columns(pl.col("busy_ms").fill_null(0.0))
        .select("robot", *_BIN, "busy_ms", "available_ms", utilisation=pl.col("busy_ms") / pl.col("available_ms") * 100)
        .sort("robot", *_BIN)
    )


def _by_hour(stretches: pl.LazyFrame, *, tz: str) -> pl.LazyFrame:
    """Stretches of time (from, to) cut at each hour on the clock: weekday, hour, and _ms of each piece."""
    local = pl.col("from", "to").dt.convert_time_zone(tz)
    first = pl.col("from").dt.truncate("1h")
    piece = pl.min_horizontal("to", pl.col("_at") + _HOUR) - pl.max_horizontal("from", "_at")
    return (
        stretches.filter(pl.col("from") < pl.col("to"))
        .with_columns(local)
        .with_columns(_at=pl.datetime_ranges(first, "to", interval="1h", closed="left"))
        .explode("_at")
        .with_columns(
            weekday=pl.col("_at").dt.weekday(), hour=pl.col("_at").dt.hour(), _ms=piece.dt.total_microseconds() / 1_000
        )
    )


def _instants(names: tuple[str, ...]) -> dict[str, pl.DataType]:
    return dict.fromkeys(names, pl.Datetime("us", "UTC"))
