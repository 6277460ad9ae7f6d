"""What there is to see at a glance: workflows side by side, one workflow day by day, how its durations spread."""

from __future__ import annotations

import polars as pl

from rpa_lab.measures import finished, local_day, mean, quantile, status_counts, success_rate, total

__all__ = ["by_day", "by_workflow", "distribution"]

_BINS = 30


def by_workflow(executions: pl.LazyFrame) -> pl.LazyFrame:
    """The workflows side by side, those with most executions first.

    Parameters
    ----------
    executions : LazyFrame
        workflow_id, status, duration_ms, started_at.

    Returns
    -------
    LazyFrame
        One row per workflow: workflow_id, executions, completed, failed, cancelled, abandoned, running, success_rate
        (percent 0-100), mean_ms, p50_ms, p95_ms, total_ms (of those that ended), last_started_at.

    Examples
    --------
    >>> from datetime import datetime
    >>> at = datetime(2026, 11, 3)
    >>> runs = pl.LazyFrame({"workflow_id": ["a"], "status": ["completed"], "duration_ms": [5.0], "started_at": [at]})
    >>> by_workflow(runs).collect().select("workflow_id", "executions", "success_rate", "p50_ms").row(0)
    ('a', 1, 100.0, 5.0)
    """
    return (
        executions.with_columns(duration_ms=pl.when(finished()).then(pl.col("duration_ms")))
        .group_by("workflow_id")
        .agg(
            pl.len().cast(pl.Int64).alias("executions"),
            *status_counts(),
            success_rate(),
            mean_ms=mean(),
            p50_ms=quantile(0.5),
            p95_ms=quantile(0.95),
            total_ms=total(),
            last_started_at=pl.col("started_at").max(),
        )
        .sort("executions", "workflow_id", descending=[True, False])
    )


def by_day(executions: pl.LazyFrame, *, tz: str) -> pl.LazyFrame:
    """One workflow day by day.

    Parameters
    ----------
    executions : LazyFrame
        status, duration_ms, started_at.
    tz : str
        The zone in which days begin.

    Returns
    -------
    LazyFrame
        One row per day on which something started: day (Date), n (ended with a known duration), completed, failed,
        cancelled, abandoned, running, success_rate (percent 0-100), mean_ms, p50_ms, p95_ms.

    Examples
    --------
    >>> from datetime import datetime, UTC
    >>> at = datetime(2026, 11, 3, 23, 30, tzinfo=UTC)
    >>> runs = pl.LazyFrame({"status": ["completed"], "duration_ms": [5.0], "started_at": [at]})
    >>> by_day(runs, tz="Europe/Paris").collect()["day"].item()
    datetime.date(2026, 11, 4)
    """
    day = local_day(tz=tz)
    return (
        executions.filter(pl.col("started_at").is_not_null())
        .with_columns(day=day, duration_ms=pl.when(finished()).then(pl.col("duration_ms")))
        .group_by("day")
        .agg(
            pl.col("duration_ms").count().cast(pl.Int64).alias("n"),
            *status_counts(),
            success_rate(),
            mean_ms=mean(),
            p50_ms=quantile(0.5),
            p95_ms=quantile(0.95),
        )
        .sort("day")
    )


def distribution(executions: pl.LazyFrame) -> pl.LazyFrame:
    """How the durations of executions that ended are spread: a histogram in round steps.

    Bins are 1, 2 or 5 times a power of ten wide, some thirty of them up to the 99th percentile; what is longer lies in
    one last bin, so that a single stuck run doesn't squeeze all others into one.

    Parameters
    ----------
    executions : LazyFrame
        status, duration_ms.

    Returns
    -------
    LazyFrame
        One row per bin that isn't empty: from_ms, to_ms (of the last one the maximum), n.

    Examples
    --------
    >>> runs = pl.LazyFrame({"status": ["completed"] * 3, "duration_ms": [1.0, 1.2, 4.0]})
    >>> distribution(runs).collect().rows()
    [(1.0, 1.1, 1), (1.2, 1.3, 1), (4.0, 4.1, 1)]
    """
    value = pl.col("duration_ms")
    p99 = quantile(0.99)
    rough = pl.max_horizontal((p99 - value.min()) / _BINS, p99 * 1e-6, pl.lit(1e-3))
    power = 10.0 ** (rough.log10() - 1e-9).floor()
    lead = rough / power
    nice = pl.when(lead <= 1).then(1.0).when(lead <= 2).then(2.0).when(lead <= 5).then(5.0).otherwise(10.0) * power
    # a value that lies on an edge up to rounding belongs to the bin above it
    number = (pl.col("duration_ms") / pl.col("_width") + 1e-9).floor()
    return (
        executions.filter(finished() & value.is_not_null())
        .select("duration_ms", _width=nice, _top=p99, _max=value.max())
        .with_columns(_bin=pl.min_horizontal(number, (pl.col("_top") / pl.col("_width")).ceil()))
        .group_by("_bin")
        .agg(pl.col("_width", "_top", "_max").first(), pl.len().cast(pl.Int64).alias("n"))
        .sort("_bin")
        .select(
            from_ms=(pl.col("_bin") * pl.col("_width")).round(6),
            to_ms=pl.when(pl.col("_bin") >= (pl.col("_top") / pl.col("_width")).ceil())
            .then(pl.max_horizontal("_max", (pl.col("_bin") + 1) * pl.col("_width")))
            .otherwise((pl.col("_bin") + 1) * pl.col("_width"))
            .round(6),
            n="n",
        )
    )
