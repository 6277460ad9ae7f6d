"""What of a run's time none of its steps took: waiting between them, before the first and after the last.

A run of 10 s whose steps lie from 1 to 4 s and from 3 to 6 s waited for 5 s: its duration less the union of its steps'
times. Nested steps and steps side by side are counted once. The part of a step that lies outside its run, by the clock
on the wall, is cut off; runs without any step, or without a known start or duration, can't tell and are counted apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from rpa_lab.measures import finished, mean, quantile, total
from rpa_lab.result import Result

__all__ = ["WAITING", "Waiting", "waiting_by_execution", "waiting_row", "waiting_summary"]

WAITING: Final = "(waiting)"
"""What stands as node_id in the row of waiting time; the column `waiting` tells it from a step of that name."""

_ROUNDING_MS = 1e-3  # times are stored in microseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting(Result):
    """How much of its runs' time a workflow waited: no step ran.

    `mean_ms`, `p50_ms`, `p95_ms` and `total_ms` are over the `n` runs that can tell, which took `run_ms` in all;
    `share` is the fraction 0-1 of it. Runs `without_steps` and `unknown` ones (without a known start or duration) are
    left out.
    """

    workflow_id: str
    time_period: str
    tz: str
    n: int
    without_steps: int
    unknown: int
    mean_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    total_ms: float
    run_ms: float
    share: float | None
    warnings: tuple[str, ...] = ()


def waiting_by_execution(executions: pl.LazyFrame, steps: pl.LazyFrame) -> pl.LazyFrame:
    """How long each run waited.

    Parameters
    ----------
    executions : LazyFrame
        execution_id, status, started_at, duration_ms. Those that have not ended are left out.
    steps : LazyFrame
        execution_id, status, started_at, completed_at, duration_ms; all steps of these executions. Skipped ones took no
        time.

    Returns
    -------
    LazyFrame
        One row per execution that ended: execution_id, duration_ms, steps (number), busy_ms (the union of their times),
        waiting_ms; both null where the start or the duration is unknown, or there is no step.

    Examples
    --------
    >>> from datetime import datetime, timedelta
    >>> at = datetime(2026, 11, 3)
    >>> run = {"execution_id": ["e"], "status": ["completed"], "started_at": [at], "duration_ms": [10_000.0]}
    >>> step = {"execution_id": ["e", "e"], "status": ["completed"] * 2, "duration_ms": [3_000.0, 3_000.0]}
    >>> began = [at + timedelta(seconds=second) for second in (1, 3)]
    >>> ended = [each + timedelta(seconds=3) for each in began]
    >>> steps = pl.LazyFrame(step | {"started_at": began, "completed_at": ended})
    >>> waiting_by_execution(pl.LazyFrame(run), steps).collect()["waiting_ms"].item()
    5000.0
    """
    runs = executions.filter(finished()).select("execution_id", "duration_ms", _from="started_at")
    since = pl.col("started_at") - pl.col("_from")
    # a step's end by its own clock, which no change of the wall clock moves
    took = pl.coalesce("duration_ms", _ms(pl.col("completed_at") - pl.col("started_at")))
    within = (
        steps.filter(pl.col("status") != "skipped")
        .select("execution_id", "started_at", _took=took)
        .join(runs.rename({"duration_ms": "_run_ms"}), on="execution_id", how="inner", validate="m:1")
        .select(
            "execution_id",
            _start=_ms(since).clip(0.0, pl.col("_run_ms")),
            _end=(_ms(since) + pl.col("_took")).clip(0.0, pl.col("_run_ms")),
        )
        .sort("execution_id", "_start", "_end")
    )
    # of a step without a known end nothing is known, and those before it still end when they do
    before = pl.col("_end").cum_max().forward_fill().shift(1).over("execution_id")
    new = (pl.col("_end") - pl.max_horizontal("_start", before)).clip(lower_bound=0.0)
    busy = (
        within.with_columns(_new=new).group_by("execution_id").agg(steps=pl.len().cast(pl.Int64), busy_ms=total("_new"))
    )
    known = pl.col("duration_ms").is_not_null() & pl.col("_from").is_not_null() & (pl.col("steps") > 0)
    waited = pl.col("duration_ms") - pl.col("busy_ms")
    return (
        runs.join(busy, on="execution_id", how="left", validate="1:1")
        .with_columns(pl.col("steps").fill_null(0))
        .select(
            "execution_id",
            "duration_ms",
            "steps",
            busy_ms=pl.when(known).then("busy_ms"),
            waiting_ms=pl.when(known).then(pl.when(waited > _ROUNDING_MS).then(waited).otherwise(0.0)),
        )
    )


def waiting_summary(waiting: pl.LazyFrame) -> pl.LazyFrame:
    """Waiting over all runs.

    Parameters
    ----------
    waiting : LazyFrame
        From `waiting_by_execution`.

    Returns
    -------
    LazyFrame
        One row: n (runs that can tell), without_steps, unknown (without a known start or duration), mean_ms, p50_ms,
        p95_ms, total_ms, run_ms (what these runs took in all), share (of it, fraction 0-1; null where there is none).
    """
    waited, known = pl.col("waiting_ms"), pl.col("waiting_ms").is_not_null()
    run_ms = total(pl.col("duration_ms").filter(known))
    stepless = (pl.col("steps") == 0) & pl.col("duration_ms").is_not_null()
    return waiting.select(
        n=known.sum().cast(pl.Int64),
        without_steps=stepless.sum().cast(pl.Int64),
        unknown=(~known & ~stepless).sum().cast(pl.Int64),
        mean_ms=mean(waited),
        p50_ms=quantile(0.5, "waiting_ms"),
        p95_ms=quantile(0.95, "waiting_ms"),
        total_ms=total(waited),
        run_ms=run_ms,
        share=pl.when(run_ms > 0).then(total(waited) / run_ms),
    )


def waiting_row(waiting: pl.LazyFrame) -> pl.LazyFrame:
    """Waiting as one more row of a table of steps.

    Parameters
    ----------
    waiting : LazyFrame
        From `waiting_by_execution`.

    Returns
    -------
    LazyFrame
        One row, none where no run can tell: node_id ("(waiting)"), n (runs), failed (0), mean_duration_ms,
        p95_duration_ms, total_duration_ms, self_duration_ms, execution_share, overlaps (0), waiting (true); action_type
        and share, which are a step's, are null.
    """
    return (
        waiting_summary(waiting)
        .filter(pl.col("n") > 0)
        .select(
            node_id=pl.lit(WAITING),
            action_type=pl.lit(None, pl.String),
            n="n",
            failed=pl.lit(0, pl.Int64),
            mean_duration_ms="mean_ms",
            p95_duration_ms="p95_ms",
            total_duration_ms="total_ms",
            self_duration_ms="total_ms",
            share=pl.lit(None, pl.Float64),
            overlaps=pl.lit(0, pl.Int64),
            execution_share="share",
            waiting=pl.lit(value=True),
        )
    )


def _ms(between: pl.Expr) -> pl.Expr:
    return between.dt.total_microseconds() / 1000
