"""How often it goes well: success rates by group, in the end and at the first attempt, with their intervals.

Of 20 runs 18 completed, 15 of these without a retry and not as a re-run: the success rate is 90 %, the first-attempt
rate 75 %. What lies between is what retries and re-runs cost.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rpa_lab.analysis.rate_intervals import rate_intervals, with_bounds
from rpa_lab.measures import finished, local_day, seen_at, status_counts, success_rate

__all__ = ["attempt_rates", "with_first_attempt"]


def with_first_attempt(executions: pl.LazyFrame, retried: pl.LazyFrame) -> pl.LazyFrame:
    """The executions, and which of them completed at the first attempt.

    Parameters
    ----------
    executions : LazyFrame
        execution_id, status, rerun_of.
    retried : LazyFrame
        execution_id of those with a step that was retried, each once.

    Returns
    -------
    LazyFrame
        The same rows with `first_attempt`: completed, no step retried, and no re-run of another execution.

    Examples
    --------
    >>> runs = pl.LazyFrame(
    ...     {"execution_id": ["a", "b", "c"], "status": ["completed"] * 3, "rerun_of": [None, None, "x"]}
    ... )
    >>> with_first_attempt(runs, pl.LazyFrame({"execution_id": ["b"]})).collect()["first_attempt"].to_list()
    [True, False, False]
    """
    marked = retried.with_columns(_retried=pl.lit(value=True))
    smooth = (pl.col("status") == "completed") & pl.col("rerun_of").is_null() & pl.col("_retried").is_null()
    return (
        executions.join(marked, on="execution_id", how="left", validate="m:1", maintain_order="left")
        .with_columns(first_attempt=smooth)
        .drop("_retried")
    )


def attempt_rates(executions: pl.LazyFrame, *, by: Sequence[str], tz: str, level: float = 0.95) -> pl.LazyFrame:
    """Success rates of groups of executions.

    Parameters
    ----------
    executions : LazyFrame
        From `with_first_attempt`, with started_at, completed_at and the columns of `by`.
    by : sequence of str
        What makes a group.
    tz : str
        The zone in which days begin.
    level : float
        Of the intervals.

    Returns
    -------
    LazyFrame
        One row per group: the columns of `by`, ended, completed, failed, cancelled, abandoned, running, success_rate
        (percent 0-100), success_low, success_high, success_basis (of `rate_intervals`: whether they count how much days
        differ), first_attempts, first_attempt_rate (percent of those that ended), first_attempt_low,
        first_attempt_high, first_attempt_basis. Rates are null where nothing has ended.
    """
    went = {"success": pl.col("status") == "completed", "first_attempt": pl.col("first_attempt")}
    counted = executions.group_by(by).agg(
        ended=finished().sum().cast(pl.Int64),
        first_attempts=pl.col("first_attempt").sum().cast(pl.Int64),
        success_rate=success_rate(),
        **{expression.meta.output_name(): expression for expression in status_counts()},
    )
    rate = pl.col("first_attempts").cast(pl.Float64) / pl.col("ended") * 100
    bounds = rate_intervals(executions, went, of=finished(), day=local_day(seen_at(), tz=tz), by=by, level=level)
    return with_bounds(
        counted.with_columns(first_attempt_rate=pl.when(pl.col("ended") > 0).then(rate)), bounds, by=by
    ).select(
        *by,
        *("ended", "completed", "failed", "cancelled", "abandoned", "running"),
        *("success_rate", "success_low", "success_high", "success_basis"),
        *("first_attempts", "first_attempt_rate", "first_attempt_low", "first_attempt_high", "first_attempt_basis"),
    )
