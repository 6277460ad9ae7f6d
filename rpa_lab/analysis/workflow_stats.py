"""One workflow's durations in figures, each with its n and how far it can be trusted.

Statistics cover every execution that ended, however it ended; running ones stand beside them. Of durations of 10, 20
and 60 ms the median is 20, the mean 30, the 95th percentile 56 (linearly interpolated) and the standard deviation 26.5
(n - 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import polars as pl

from rpa_lab.analysis.group_intervals import interval_of, intervals_by, timed_runs
from rpa_lab.inference.intervals import Interval
from rpa_lab.measures import finished, mean, quantile, status_counts, std, success_rate
from rpa_lab.result import Result

__all__ = ["PerformanceStats", "duration_stats", "stats_intervals"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceStats(Result):
    """Performance of one workflow in one period.

    Durations are milliseconds, over `execution_count` executions: those that ended with a known duration, which may be
    fewer than ended (0 where of none the duration is known; `warnings` say it). They are None where there are none (the
    standard deviation: fewer than two). `slowest_steps` has one row per node, most self time first: see
    `rpa_lab.analysis.nodes.time_by_node`. `success_rate` is percent 0-100.

    The intervals are those of `rpa_lab.analysis.group_intervals`: from 10 days with runs on they resample days and
    speak of the long run, below they speak of these runs only, and each says which. None where they weren't asked for;
    what can't be bounded has an interval without bounds that says why.
    """

    _table: ClassVar[str | None] = "slowest_steps"

    workflow_id: str
    time_period: str
    tz: str
    execution_count: int
    completed: int
    failed: int
    cancelled: int
    abandoned: int
    running: int
    success_rate: float | None
    avg_duration_ms: float | None
    median_duration_ms: float | None
    p95_duration_ms: float | None
    p99_duration_ms: float | None
    min_duration_ms: float | None
    max_duration_ms: float | None
    std_dev_ms: float | None
    slowest_steps: pl.DataFrame
    days: int | None = None
    avg_interval: Interval | None = None
    median_interval: Interval | None = None
    p95_interval: Interval | None = None
    p99_interval: Interval | None = None
    success_rate_interval: Interval | None = None
    warnings: tuple[str, ...] = ()


def duration_stats(executions: pl.LazyFrame, *, status: str | None = None) -> pl.LazyFrame:
    """Statistics of the durations of executions that ended, and how many ended how.

    Parameters
    ----------
    executions : LazyFrame
        status, duration_ms.
    status : str, optional
        Only those that ended so, in the duration statistics; the counts are of all.

    Returns
    -------
    LazyFrame
        One row: completed, failed, cancelled, abandoned, running, success_rate (percent), execution_count, and
        avg_, median_, p95_, p99_, min_, max_duration_ms, std_dev_ms.

    Examples
    --------
    >>> runs = pl.LazyFrame({"status": ["completed", "failed", "running"], "duration_ms": [10.0, 20.0, None]})
    >>> duration_stats(runs).collect().select("execution_count", "median_duration_ms", "success_rate").row(0)
    (2, 15.0, 50.0)
    """
    counted = finished() if status is None else pl.col("status") == status
    duration = pl.col("duration_ms").filter(counted)
    named = pl.when(counted).then(pl.col("duration_ms")).alias("_counted_ms")
    return executions.with_columns(named).select(
        *status_counts(),
        success_rate(),
        execution_count=duration.count().cast(pl.Int64),
        avg_duration_ms=mean("_counted_ms"),
        median_duration_ms=quantile(0.5, "_counted_ms"),
        p95_duration_ms=quantile(0.95, "_counted_ms"),
        p99_duration_ms=quantile(0.99, "_counted_ms"),
        min_duration_ms=duration.min(),
        max_duration_ms=duration.max(),
        std_dev_ms=std("_counted_ms"),
    )


def stats_intervals(runs: pl.DataFrame, *, tz: str, status: str | None = None, seed: int = 0) -> dict[str, Any]:
    """The fields of `PerformanceStats` that say how far its other ones can be trusted.

    Parameters
    ----------
    runs : DataFrame
        status, duration_ms, started_at, completed_at.
    tz : str
        The zone in which days begin.
    status : str, optional
        Only durations of executions that ended so.
    seed : int
        Of the intervals that resample days.

    Returns
    -------
    dict of str
        days (on which a run ended), and of mean, median, p95, p99 and success rate the interval.
    """
    timed = timed_runs(runs.lazy(), by=[], tz=tz, status=status).collect()
    row = intervals_by(timed, by=[], seed=seed).row(0, named=True)
    counted, ended = timed["duration_ms"].count(), timed.height
    alike = timed["duration_ms"].drop_nulls().n_unique() == 1
    names = {"avg": "mean", "median": "p50", "p95": "p95", "p99": "p99"}
    return {
        "days": row["days"],
        **{f"{field}_interval": interval_of(row, name, runs=counted, alike=alike) for field, name in names.items()},
        "success_rate_interval": interval_of(row, "success_rate", runs=ended),
    }
