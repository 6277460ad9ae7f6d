"""What an answer may lack, in words: records that were dropped, runs that have not ended, days still to come."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import polars as pl

from rpa_lab.period import Span, this_minute, zone
from rpa_lab.schema import TABLES
from rpa_lab.storage.store import TimeSeriesStore

__all__ = ["HEALTH_REACH", "about_drops", "about_period", "about_running", "dropped", "is_over"]

HEALTH_REACH: Final = timedelta(days=2)
"""How far before a period collectors' counts are looked for, to tell what was dropped in it from what was before."""

_REASONS: Final = tuple(name for name in TABLES["collector_health"].names if name.startswith("dropped_"))
_RECORDED: Final = ("executions", "steps", "resources", "recoveries")


def about_drops(store: TimeSeriesStore, table: str, span: Span) -> tuple[str, ...]:
    """What collectors dropped, by their own counts."""
    if table not in _RECORDED:
        return ()
    reach = Span(span.start - HEALTH_REACH, span.end, span.tz)
    columns = ["timestamp", "writer", *_REASONS]
    lost = store.collect(lambda: dropped(store.scan("collector_health", reach, columns=columns), span)).row(
        0, named=True
    )
    count = sum(lost.values())
    if not count:
        return ()
    reasons = ", ".join(f"{n:,} {name.removeprefix('dropped_').replace('_', ' ')}" for name, n in lost.items() if n)
    of = "1 record" if count == 1 else f"{count:,} records"
    return (f"collectors dropped {of} in this period ({reasons}): of any kind, these among them",)


def about_running(running: int, rows: int) -> tuple[str, ...]:
    """That some of the executions haven't ended."""
    if not running:
        return ()
    return (f"{running:,} of {rows:,} executions still run: how long they take, and how they end, isn't known yet",)


def about_period(period_is_over: bool, span: Span) -> tuple[str, ...]:
    """That there is more to come."""
    return () if period_is_over else (f"the period ends at {_local(span.end, span)}, which is still to come",)


def is_over(span: Span, *, now: datetime) -> bool:
    """Whether nothing of a period is still to come: by the present, or by a store's "now" that is later.

    A store whose "now" is its newest record holds what is long past.

    Examples
    --------
    >>> from datetime import UTC
    >>> from rpa_lab.period import Period
    >>> is_over(Period("2011-10").resolve(), now=datetime(2011, 10, 14, tzinfo=UTC))
    True
    """
    return span.end <= max(now, this_minute())


def dropped(health: pl.LazyFrame, span: Span) -> pl.LazyFrame:
    """How many records were dropped in a span, by reason.

    Parameters
    ----------
    health : LazyFrame
        timestamp, writer and the counts, which only grow, of the span and of some time before.
    span : Span
        Which.

    Returns
    -------
    LazyFrame
        One row: a count by reason. What a collector had counted when it was first heard of counts as well.

    Examples
    --------
    >>> from datetime import UTC
    >>> noon = datetime(2026, 11, 3, 12, tzinfo=UTC)
    >>> counts = {name: [4, 9] for name in TABLES["collector_health"].names if name.startswith("dropped_")}
    >>> health = pl.LazyFrame({"timestamp": [noon - timedelta(hours=1), noon], "writer": ["a", "a"], **counts})
    >>> dropped(health, Span(noon, noon + timedelta(hours=1))).collect()["dropped_invalid"].item()
    5
    """
    inside, before = pl.col("timestamp") >= span.start, pl.col("timestamp") < span.start
    grown = [pl.col(name).filter(inside).max() - pl.col(name).filter(before).max().fill_null(0) for name in _REASONS]
    return health.filter(pl.col("timestamp") < span.end).group_by("writer").agg(*grown).select(pl.col(_REASONS).sum())


def _local(at: datetime, span: Span) -> str:
    return f"{at.astimezone(zone(span.tz)):%Y-%m-%d %H:%M} ({span.tz})"
