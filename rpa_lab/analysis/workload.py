"""What is counted of each workflow for its key figures: runs, cases, waits, steps; one row per workflow, one for all.

The row of all has no workflow_id. Its quantiles and means are those of all runs together, not of workflows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from rpa_lab.analysis.rate_intervals import rate_intervals, with_bounds
from rpa_lab.analysis.working_time import WorkingTime
from rpa_lab.measures import finished, local_day, mean, quantile, seen_at, status_counts

__all__ = ["count_cases", "count_runs", "count_steps", "each_and_all", "marked"]


def marked(executions: pl.LazyFrame, *, retried: pl.LazyFrame, working: WorkingTime) -> pl.LazyFrame:
    """The executions, with what their steps say of them and how long they waited.

    Parameters
    ----------
    executions : LazyFrame
        execution_id, queued_at, started_at.
    retried : LazyFrame
        execution_id, each once: of the executions with a step that was retried.
    working : WorkingTime
        In which waits are measured.

    Returns
    -------
    LazyFrame
        The same rows, with retried and wait_ms (from queued to started, null where one
        isn't known; negative where the clocks of the queue and the robot differ).
    """
    known = retried.select("execution_id", retried=pl.lit(value=True))
    return executions.join(known, on="execution_id", how="left", validate="m:1").with_columns(
        pl.col("retried").fill_null(value=False),
        wait_ms=working.between_ms(pl.col("queued_at"), pl.col("started_at")),
    )


def count_runs(executions: pl.LazyFrame, *, tz: str) -> pl.LazyFrame:
    """Executions, their durations and their waits by workflow.

    Parameters
    ----------
    executions : LazyFrame
        workflow_id, status, duration_ms, queued_at, started_at, completed_at, wait_ms and retried as `marked` makes
        them.
    tz : str
        The zone in which days begin.

    Returns
    -------
    LazyFrame
        One row per workflow_id: executions, completed, failed, cancelled, abandoned, running, ended, retried (of those
        that ended), of success_rate and retry_rate ``…_low``, ``…_high`` and ``…_basis`` (of `rate_intervals`), aht_n
        and aht_ms, aht_median_ms (of those that ended with a known duration), wait_n, wait_mean_ms, wait_p50_ms,
        wait_p95_ms (negative waits are 0) and negative_waits.
    """
    duration = pl.col("duration_ms").filter(finished())
    wait = pl.col("wait_ms").clip(lower_bound=0.0)
    rates = {"success_rate": pl.col("status") == "completed", "retry_rate": pl.col("retried") & finished()}
    counted = (
        executions.with_columns(_ended_ms=pl.when(finished()).then("duration_ms"), _wait_ms=wait)
        .group_by("workflow_id")
        .agg(
            pl.len().cast(pl.Int64).alias("executions"),
            *status_counts(),
            ended=finished().sum().cast(pl.Int64),
            retried=(pl.col("retried") & finished()).sum().cast(pl.Int64),
            aht_n=duration.count().cast(pl.Int64),
            aht_ms=mean(duration),
            aht_median_ms=quantile(0.5, "_ended_ms"),
            wait_n=pl.col("_wait_ms").count().cast(pl.Int64),
            wait_mean_ms=mean("_wait_ms"),
            wait_p50_ms=quantile(0.5, "_wait_ms"),
            wait_p95_ms=quantile(0.95, "_wait_ms"),
            negative_waits=(pl.col("started_at") < pl.col("queued_at")).sum().cast(pl.Int64),
        )
    )
    return _bounded(counted, executions, rates, of=finished(), day=local_day(seen_at(), tz=tz))


def count_cases(cases: pl.LazyFrame, *, tz: str) -> pl.LazyFrame:
    """Cases by workflow.

    Parameters
    ----------
    cases : LazyFrame
        As `rpa_lab.analysis.cases.fold_cases` makes them.
    tz : str
        The zone in which days begin; a case counts for the day on which it began.

    Returns
    -------
    LazyFrame
        One row per workflow_id: cases (that have ended), cases_completed, cases_running, straight_through,
        straight_through_low, straight_through_high, straight_through_basis (of `rate_intervals`), case_aht_n and
        case_aht_ms (mean handling time of those that ended with all durations known).
    """
    ended = pl.col("status") != "running"
    handling = pl.col("handling_ms").filter(ended)
    counted = cases.group_by("workflow_id").agg(
        cases=ended.sum().cast(pl.Int64),
        cases_completed=(pl.col("status") == "completed").sum().cast(pl.Int64),
        cases_running=(~ended).sum().cast(pl.Int64),
        straight_through=pl.col("straight_through").sum().cast(pl.Int64),
        case_aht_n=handling.count().cast(pl.Int64),
        case_aht_ms=mean(handling),
    )
    rates = {"straight_through": pl.col("straight_through")}
    return _bounded(counted, cases, rates, of=ended, day=local_day("began_at", tz=tz))


def count_steps(steps: pl.LazyFrame, *, tz: str) -> pl.LazyFrame:
    """Steps by workflow, skipped ones left out.

    Parameters
    ----------
    steps : LazyFrame
        workflow_id, status, retry_count, started_at.
    tz : str
        The zone in which days begin.

    Returns
    -------
    LazyFrame
        One row per workflow_id: steps, retried_steps (those that took more than one attempt), step_retry_rate_low,
        step_retry_rate_high, step_retry_rate_basis (of `rate_intervals`).
    """
    days = (
        steps.filter(pl.col("status") != "skipped")
        .group_by("workflow_id", _on=local_day(tz=tz))
        .agg(
            steps=pl.len().cast(pl.Int64),
            retried_steps=(pl.col("retry_count") > 0).sum().cast(pl.Int64),
        )
    )
    counted = days.group_by("workflow_id").agg(pl.col("steps", "retried_steps").sum())
    rates = {"step_retry_rate": pl.col("retried_steps")}
    return _bounded(counted, days, rates, of=pl.col("steps"), day=pl.col("_on"))


def each_and_all(count: Callable[[pl.LazyFrame], pl.LazyFrame], rows: pl.LazyFrame) -> pl.LazyFrame:
    """A count by workflow, and once more of all rows together, whose workflow_id is null.

    Rows of no workflow (an execution whose start nobody saw may have none) count in the latter only.
    """
    each = count(rows.filter(pl.col("workflow_id").is_not_null()))
    return pl.concat([each, count(rows.with_columns(workflow_id=pl.lit(None, pl.String)))])


def _bounded(
    counted: pl.LazyFrame, rows: pl.LazyFrame, rates: Mapping[str, pl.Expr], *, of: pl.Expr, day: pl.Expr
) -> pl.LazyFrame:
    by = ["workflow_id"]
    return with_bounds(counted, rate_intervals(rows, rates, of=of, day=day, by=by), by=by)
