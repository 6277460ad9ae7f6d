"""Performance side by side: by step, by version, by robot, by host, each with n and how far it can be trusted.

Two versions whose means are 41 and 43 s differ if their intervals say so: of 2,000 runs each, all within one week, the
intervals speak of these runs only, and a further week may turn it round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import polars as pl

from rpa_lab.analysis.group_intervals import intervals_by, timed_runs
from rpa_lab.errors import InputError, quote, unknown_name
from rpa_lab.measures import finished, mean, quantile, std, success_rate, total
from rpa_lab.result import Result

__all__ = ["GROUPS", "PerformanceBreakdown", "grouping", "performance_by"]

GROUPS: Final = {
    "workflow": ("executions", "workflow_id"),
    "version": ("executions", "workflow_version"),
    "robot": ("executions", "robot_id"),
    "host": ("executions", "host"),
    "step": ("steps", "node_id"),
    "action": ("steps", "action_type"),
    "application": ("steps", "application"),
}
"""By what performance can be broken down: the table, and its column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceBreakdown(Result):
    """Performance by step, version, robot …; `table` has one row each, see `performance_by`."""

    _table: ClassVar[str | None] = "table"

    workflow_id: str | None
    by: str
    time_period: str
    tz: str
    level: float
    table: pl.DataFrame
    warnings: tuple[str, ...] = ()


def performance_by(
    rows: pl.DataFrame,
    *,
    by: Sequence[str],
    tz: str,
    status: str | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> pl.DataFrame:
    """The statistics of each group of executions or steps, with intervals.

    Parameters
    ----------
    rows : DataFrame
        status, duration_ms, started_at, completed_at and the columns of `by`, of executions or steps.
    by : sequence of str
        What makes a group.
    tz : str
        The zone in which days begin.
    status : str, optional
        Only durations of those that ended so; counts and success rates are of all.
    level : float
        Of the intervals, fraction 0-1.
    seed : int
        Of the intervals that resample days.

    Returns
    -------
    DataFrame
        One row per group in which something ended, most first: the columns of `by`, ended, n (of these with a duration
        that counts), success_rate (percent 0-100; skipped steps are none), mean_ms, std_ms, min_ms, p50_ms, p95_ms,
        p99_ms, max_ms, total_ms; and of `rpa_lab.analysis.group_intervals.intervals_by` days and the bounds.

    Examples
    --------
    >>> days = pl.date_range(pl.date(2026, 11, 1), pl.date(2026, 11, 20), eager=True).cast(pl.Datetime("us", "UTC"))
    >>> runs = pl.DataFrame({"robot_id": "r", "status": "completed", "started_at": days, "completed_at": days})
    >>> runs = runs.with_columns(duration_ms=pl.Series([10.0, 12.0] * 10))
    >>> row = performance_by(runs, by=["robot_id"], tz="UTC").row(0, named=True)
    >>> row["n"], row["days"], row["mean_ms"], row["mean_ms_basis"], row["p95_ms_basis"]
    (20, 20, 11.0, 'days', None)
    """
    counted = finished() if status is None else pl.col("status") == status
    table = (
        rows.lazy()
        .filter(finished())
        .with_columns(duration_ms=pl.when(counted).then(pl.col("duration_ms")))
        .group_by(by)
        .agg(
            ended=pl.len().cast(pl.Int64),
            n=pl.col("duration_ms").count().cast(pl.Int64),
            success_rate=success_rate(),
            mean_ms=mean(),
            std_ms=std(),
            min_ms=pl.col("duration_ms").min(),
            p50_ms=quantile(0.5),
            p95_ms=quantile(0.95),
            p99_ms=quantile(0.99),
            max_ms=pl.col("duration_ms").max(),
            total_ms=total(),
        )
        .collect()
    )
    runs = timed_runs(rows.lazy(), by=by, tz=tz, status=status).collect()
    bounds = intervals_by(runs, by=by, level=level, seed=seed)
    return table.join(bounds, on=by, how="left", nulls_equal=True, validate="1:1").sort(
        "ended", *by, descending=[True, *[False] * len(by)]
    )


def grouping(by: str | Sequence[str]) -> tuple[str, list[str]]:
    """The table and the columns that are meant by names of `GROUPS`.

    Raises
    ------
    UnknownNameError
        If there is no such name.
    InputError
        If there is none, or they are of several tables.

    Examples
    --------
    >>> grouping(["version", "host"])
    ('executions', ['workflow_version', 'host'])
    """
    names = [by] if isinstance(by, str) else list(by)
    for name in names:
        if name not in GROUPS:
            raise unknown_name("performance can't be broken down by", name, GROUPS)
    tables = {GROUPS[name][0] for name in names}
    if len(tables) != 1 or len(set(names)) != len(names):
        raise InputError(f"by is {quote(by)}, expected one of {', '.join(GROUPS)}, or several of one table")
    return tables.pop(), [GROUPS[name][1] for name in names]
