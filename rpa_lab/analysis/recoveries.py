"""What self-healing is worth: how often it succeeds, what it costs, what it may have saved, where it is needed more.

The *cost* is measured: the time that attempts took, whether they succeeded or not. What they *saved* is an estimate,
and a cautious one: of a run that completed after at least one successful recovery, the time from its start to the first
of these. Without it, so the assumption, the run would have failed there and been repeated once from the beginning,
without trouble; all work up to there would have been done twice. Nothing is counted for runs that did not complete, for
further recoveries of the same run, or for the people who would have had to look into the failure. A run that was healed
40 s after its start by an attempt of 6 s, and completed, saved 40 s at the cost of 6 s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import polars as pl

from rpa_lab.analysis.rate_intervals import rate_intervals, with_bounds
from rpa_lab.measures import local_day, quantile, total
from rpa_lab.result import Result

__all__ = ["Recoveries", "recovery_rates", "with_run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recoveries(Result):
    """The recoveries of one period.

    `workflow_id` is None where they are of all workflows. `attempts` of self-healing, of which `recovered` succeeded:
    `recovery_rate` (percent 0-100) with its interval; `recovery_basis` says whether that counts how much days differ.
    `cost_ms` is what they took, `saved_ms` the estimate of `rpa_lab.analysis.recoveries`, over `runs_saved` runs.
    `strategies`, `nodes` and `categories` have one row each (see `recovery_rates`); `failures` one per category of
    failed runs, with and without an attempt at the failing step (see `rpa_lab.analysis.failures.by_category`); `rising`
    one per step that was tested for needing it more and more (see `rpa_lab.analysis.healing_trend`).
    """

    _table: ClassVar[str | None] = "nodes"

    workflow_id: str | None
    time_period: str
    tz: str
    attempts: int
    recovered: int
    recovery_rate: float | None
    recovery_low: float | None
    recovery_high: float | None
    recovery_basis: str | None
    cost_ms: float
    runs_saved: int
    saved_ms: float
    strategies: pl.DataFrame
    nodes: pl.DataFrame
    categories: pl.DataFrame
    failures: pl.DataFrame
    rising: pl.DataFrame
    warnings: tuple[str, ...] = ()


def with_run(recoveries: pl.LazyFrame, executions: pl.LazyFrame) -> pl.LazyFrame:
    """The recoveries, and what each saved of its run.

    Parameters
    ----------
    recoveries : LazyFrame
        recovery_id, execution_id, started_at, status and what else is wanted.
    executions : LazyFrame
        execution_id, status, started_at.

    Returns
    -------
    LazyFrame
        The recoveries of these executions, with `saved_ms`: null but for the first successful recovery of a run that
        completed.
    """
    runs = executions.select("execution_id", _run_status="status", _run_started_at="started_at")
    recovered = pl.col("status") == "recovered"
    elapsed = (pl.col("started_at") - pl.col("_run_started_at")).dt.total_microseconds() / 1000
    saved = pl.col("_first") & (pl.col("_run_status") == "completed")
    return (
        recoveries.join(runs, on="execution_id", how="inner", validate="m:1")
        .sort("started_at", "recovery_id", nulls_last=True)
        .with_columns(_first=recovered & (recovered.cast(pl.Int64).cum_sum().over("execution_id") == 1))
        .with_columns(saved_ms=pl.when(saved).then(elapsed.clip(lower_bound=0.0)))
        .drop("_run_status", "_run_started_at", "_first")
    )


def recovery_rates(recoveries: pl.LazyFrame, *, by: Sequence[str], tz: str, level: float = 0.95) -> pl.LazyFrame:
    """How recoveries went, by group, most attempts first.

    Parameters
    ----------
    recoveries : LazyFrame
        From `with_run`: status, started_at, duration_ms, execution_id, saved_ms, and the columns of `by`.
    by : sequence of str
        What makes a group; none: all of them.
    tz : str
        The zone in which days begin.
    level : float
        Of the interval.

    Returns
    -------
    LazyFrame
        One row per group: the columns of `by`, attempts, recovered, recovery_rate (percent 0-100), recovery_low,
        recovery_high, recovery_basis (of `rate_intervals`), runs (with an attempt), cost_ms (the time of all attempts),
        median_cost_ms, runs_saved, saved_ms (an estimate: see above).
    """
    healed = pl.col("status") == "recovered"
    figures = (
        pl.len().cast(pl.Int64).alias("attempts"),
        healed.sum().cast(pl.Int64).alias("recovered"),
        pl.col("execution_id").n_unique().cast(pl.Int64).alias("runs"),
        total().alias("cost_ms"),
        quantile(0.5).alias("median_cost_ms"),
        pl.col("saved_ms").count().cast(pl.Int64).alias("runs_saved"),
        total("saved_ms").alias("saved_ms"),
    )
    if by:
        keys, rows, grouped = list(by), recoveries, recoveries.group_by(by).agg(*figures)
    else:
        keys, one = ["_all"], pl.lit(0).alias("_all")
        rows, grouped = recoveries.with_columns(one), recoveries.select(*figures).with_columns(one)
    day = local_day(tz=tz)
    bounds = rate_intervals(rows, {"recovery": healed}, of=pl.lit(1), day=day, by=keys, level=level)
    rate = pl.col("recovered").cast(pl.Float64) / pl.col("attempts") * 100
    return (
        with_bounds(grouped.with_columns(recovery_rate=pl.when(pl.col("attempts") > 0).then(rate)), bounds, by=keys)
        .select(
            *by,
            *("attempts", "recovered", "recovery_rate", "recovery_low", "recovery_high", "recovery_basis"),
            *("runs", "cost_ms", "median_cost_ms", "runs_saved", "saved_ms"),
        )
        .sort("attempts", *by, descending=[True, *(False for _ in by)], nulls_last=True)
    )
