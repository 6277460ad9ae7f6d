"""When robots were at work: which executions were under way in a period, and how long each robot was busy.

A robot's busy time is the union of its executions: two that overlap from 10:05 to 10:10 keep it busy once in these five
minutes. What began before the period or ended after it counts with what lies within. A running execution is at work
until now, an abandoned one until its last sign of life.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from rpa_lab.analysis.working_time import WorkingTime
from rpa_lab.measures import seen_at
from rpa_lab.period import Span

__all__ = ["at_work", "began", "busy_time", "ended", "fresh", "robot", "work_by_workflow"]

_US_PER_MS = 1_000


def began() -> pl.Expr:
    """When an execution began; where its start was never seen, its end less its duration."""
    return pl.coalesce("started_at", pl.col("completed_at") - _duration())


def ended() -> pl.Expr:
    """When an execution ended, by its clock; where that was set back meanwhile, by its duration. Null while it runs."""
    forward = pl.when(pl.col("completed_at") >= pl.col("started_at")).then("completed_at")
    return pl.coalesce(forward, pl.col("started_at") + _duration(), "completed_at")


def robot() -> pl.Expr:
    """Who ran an execution: the robot, or where none is named the machine."""
    return pl.coalesce("robot_id", "host").alias("robot")


def at_work(executions: pl.LazyFrame, *, within: Span, now: datetime, working: WorkingTime) -> pl.LazyFrame:
    """The executions that were under way in a span, cut at its bounds.

    Parameters
    ----------
    executions : LazyFrame
        workflow_id, status, started_at, completed_at, duration_ms, last_seen_at, robot_id, host; also those that began
        before the span.
    within : Span
        The span.
    now : datetime
        Until when running ones are at work.
    working : WorkingTime
        Says whether one completed in working time.

    Returns
    -------
    LazyFrame
        One row per execution: workflow_id, robot (null where unknown), begin_at, end_at (null where it isn't known when
        it was at work), completed (whether it completed within the span), completed_in_hours (and in working time).
    """
    start, end = (pl.lit(bound, pl.Datetime("us", "UTC")) for bound in (within.start, within.end))
    status, begun, until = pl.col("status"), pl.col("begin_at"), pl.col("end_at")
    done = (status == "completed") & (until >= start) & (until < end)
    step = pl.duration(microseconds=1)  # at a shift's edge, working time lies on one side of the instant
    in_hours = working.until_us(until + step) > working.until_us(until - step)
    unplaced = (begun.is_null() | until.is_null()) & seen_at().is_between(start, end, closed="left")
    return (
        executions.with_columns(robot(), begin_at=began(), end_at=_until(now))
        .filter(((begun < end) & (until >= start)).fill_null(value=False) | unplaced)
        .select(
            "workflow_id",
            "robot",
            begun.clip(lower_bound=start),
            until.clip(upper_bound=end),
            completed=done.fill_null(value=False),
            completed_in_hours=(done & in_hours).fill_null(value=False),
        )
    )


def busy_time(work: pl.LazyFrame, *, by: Sequence[str], working: WorkingTime) -> pl.LazyFrame:
    """How long robots were busy.

    Parameters
    ----------
    work : LazyFrame
        As `at_work` makes it; executions whose robot or time is unknown are left out.
    by : sequence of str
        Columns within which overlapping executions are counted once: ``["robot"]``, or ``["robot", "workflow_id"]``.
    working : WorkingTime
        The calendar.

    Returns
    -------
    LazyFrame
        One row per group: its columns, executions, busy_ms, busy_in_hours_ms (in working time), first_seen_at,
        last_seen_at (within the span).

    Examples
    --------
    >>> from datetime import UTC
    >>> at = [datetime(2026, 11, 3, 10, minute, tzinfo=UTC) for minute in (0, 5, 10, 20)]
    >>> work = pl.LazyFrame({"robot": ["r", "r"], "begin_at": [at[0], at[1]], "end_at": [at[2], at[3]]})
    >>> busy_time(work, by=["robot"], working=WorkingTime()).collect()["busy_ms"].item() / 60_000
    20.0
    """
    end_us = pl.col("end_at").dt.epoch("us")
    return (
        fresh(work, by=by)
        .with_columns(
            _busy_us=(end_us - pl.col("fresh_at").dt.epoch("us")).clip(lower_bound=0),
            _in_hours_us=(working.until_us(pl.col("end_at")) - working.until_us(pl.col("fresh_at"))).clip(
                lower_bound=0
            ),
        )
        .group_by(by)
        .agg(
            executions=pl.len().cast(pl.Int64),
            busy_ms=pl.col("_busy_us").sum() / _US_PER_MS,
            busy_in_hours_ms=pl.col("_in_hours_us").sum() / _US_PER_MS,
            first_seen_at=pl.col("begin_at").min(),
            last_seen_at=pl.col("end_at").max(),
        )
        .sort(by)
    )


def fresh(work: pl.LazyFrame, *, by: Sequence[str]) -> pl.LazyFrame:
    """The executions, each with that part of its time which none of its group that began before it has covered.

    Parameters
    ----------
    work : LazyFrame
        As `at_work` makes it; executions whose robot or time is unknown are left out.
    by : sequence of str
        The columns of a group.

    Returns
    -------
    LazyFrame
        The rows with fresh_at: from there to end_at nobody counted yet; where it isn't before end_at nothing is left.
    """
    covered_until = pl.col("end_at").cum_max().shift(1).over(by)
    return (
        work.drop_nulls(["robot", "begin_at", "end_at"])
        .sort(*by, "begin_at", "end_at")
        .with_columns(fresh_at=pl.max_horizontal("begin_at", covered_until))
    )


def work_by_workflow(work: pl.LazyFrame, *, working: WorkingTime) -> pl.LazyFrame:
    """What each workflow's executions amount to.

    Parameters
    ----------
    work : LazyFrame
        As `at_work` makes it.
    working : WorkingTime
        The calendar.

    Returns
    -------
    LazyFrame
        One row per workflow_id (null for executions of none): completed_within, completed_in_hours, work_ms (the sum of
        the executions' times within the span), unplaced (executions for which that isn't known), without_robot, robots,
        busy_ms and busy_in_hours_ms (each robot's union of the workflow's executions, added up over robots).
    """
    worked = (pl.col("end_at") - pl.col("begin_at")).dt.total_microseconds().clip(lower_bound=0)
    placed = pl.col("begin_at").is_not_null() & pl.col("end_at").is_not_null()
    sums = work.group_by("workflow_id").agg(
        completed_within=pl.col("completed").sum().cast(pl.Int64),
        completed_in_hours=pl.col("completed_in_hours").sum().cast(pl.Int64),
        work_ms=worked.sum() / _US_PER_MS,
        unplaced=(~placed).sum().cast(pl.Int64),
        without_robot=(placed & pl.col("robot").is_null()).sum().cast(pl.Int64),
    )
    busy = (
        busy_time(work, by=["robot", "workflow_id"], working=working)
        .group_by("workflow_id")
        .agg(
            robots=pl.len().cast(pl.Int64),
            busy_ms=pl.col("busy_ms").sum(),
            busy_in_hours_ms=pl.col("busy_in_hours_ms").sum(),
        )
    )
    return (
        sums.join(busy, on="workflow_id", how="left", validate="1:1", nulls_equal=True)
        .with_columns(pl.col("robots").fill_null(0), pl.col("busy_ms", "busy_in_hours_ms").fill_null(0.0))
        .sort("workflow_id", nulls_last=True)
    )


def _until(now: datetime) -> pl.Expr:
    status = pl.col("status")
    still = pl.when(status == "running").then(pl.lit(now, pl.Datetime("us", "UTC")))
    return still.when(status == "abandoned").then("last_seen_at").otherwise(ended())


def _duration() -> pl.Expr:
    return pl.duration(microseconds=(pl.col("duration_ms") * _US_PER_MS).round())
