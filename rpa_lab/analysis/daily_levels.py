"""How long runs, and attempts of steps, typically took on each day: one robust level a day.

A level is the winsorised mean of log durations: a day's shortest and longest tenth are taken to be as long as the runs
at its 10th and 90th percentile. On a logarithm, since slower means times as long; winsorised, since one run of an hour
says little about its day, while a median forgets more: of simulated fleets of 20 runs a day the levels vary by
0.134 from day to day, those by medians by 0.145, by plain means of durations by 0.159.

Of executions those that completed count (failing early isn't faster). Of steps those that completed, with their time
per attempt, as attribution has it: more retries make a run slower, and no attempt.

A day on which a series has less than a fifth of its typical number of runs (the median over its days) doesn't count:
its level is chance. So it is with Sundays of workflows that hardly work then.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from rpa_lab.measures import local_day

__all__ = [
    "EXECUTION_COLUMNS",
    "SERIES",
    "STEP_COLUMNS",
    "days_that_count",
    "levels_of_all_steps",
    "levels_of_executions",
    "levels_of_steps",
]

SERIES: Final = ("workflow_id", "node_id")
"""What makes a series; node_id is null for the workflow's executions."""

EXECUTION_COLUMNS: Final = ("workflow_id", "status", "started_at", "duration_ms")
STEP_COLUMNS: Final = (*EXECUTION_COLUMNS, "node_id", "retry_count")

_LEAST_PART = 0.2
_TENTH = 0.1
_TENTHS_APART = 2.5631031310892007  # standard deviations between the 10th and 90th percentile of a normal distribution
_MICROSECOND_MS = 1e-3  # in which durations are stored: none is taken to be shorter
_TOGETHER = 0.2  # the standard deviation that all steps of a run share, on a logarithm
_LEAST_SPREAD = 0.02
_FAR = 2.5  # spreads of a run: a day farther off counts as one so far
_DIGITS = 9  # of a logarithm: sums in another order of rows differ by less


def levels_of_executions(executions: pl.LazyFrame, *, tz: str) -> pl.LazyFrame:
    """The daily levels of workflows.

    Parameters
    ----------
    executions : LazyFrame
        `EXECUTION_COLUMNS`.
    tz : str
        The zone in which days begin.

    Returns
    -------
    LazyFrame
        One row per workflow and day with such runs: workflow_id, node_id (null), date, level (of the durations'
        natural logarithm, in ms), n (completed runs), spread (of the day's logarithms about it, as a standard
        deviation: the distance of their 10th and 90th percentile over 2.56).

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> at = datetime(2026, 11, 3, 9, tzinfo=UTC)
    >>> runs = pl.LazyFrame({"workflow_id": ["w"] * 3, "status": ["completed"] * 3, "duration_ms": [900.0, 1e3, 1e6]})
    >>> day = levels_of_executions(runs.with_columns(started_at=pl.lit(at)), tz="UTC").collect()
    >>> day["level"].exp().round(1).item(), day["n"].item()
    (6134.8, 3)

    References
    ----------
    Dixon (1960), Simplified estimation from censored normal samples, doi:10.1214/aoms/1177705900
    """
    return _levels(executions.with_columns(node_id=pl.lit(None, pl.String)), pl.col("duration_ms"), tz=tz)


def levels_of_steps(steps: pl.LazyFrame, *, tz: str) -> pl.LazyFrame:
    """The daily levels of steps, per attempt.

    Parameters
    ----------
    steps : LazyFrame
        `STEP_COLUMNS`.
    tz : str
        The zone in which days begin.

    Returns
    -------
    LazyFrame
        One row per workflow, step and day with such steps; the columns of `levels_of_executions`.
    """
    per_attempt = pl.col("duration_ms") / (1 + pl.col("retry_count").fill_null(0))
    return _levels(steps.filter(pl.col("node_id").is_not_null()), per_attempt, tz=tz)


def days_that_count(levels: pl.DataFrame) -> pl.DataFrame:
    """The levels in order, and which of them can be relied on.

    Parameters
    ----------
    levels : DataFrame
        From `levels_of_executions`, `levels_of_steps` or both.

    Returns
    -------
    DataFrame
        The rows of `levels` with counts: whether the day has a fifth of the series' typical number of runs at least.
    """
    typical = pl.col("n").median().over(SERIES)
    return levels.with_columns(counts=pl.col("n") >= _LEAST_PART * typical).sort(*SERIES, "date")


def levels_of_all_steps(levels: pl.DataFrame) -> pl.DataFrame:
    """What all steps of a workflow together say of a day: which of them ran, and how often, makes no difference.

    Of each step its distance from its own median day, weighed by how often it ran and how exactly that is known: a
    run's steps are slow together by a fifth, and each for itself by its spread. So it says a day's level more exactly
    than the duration of runs, of which some have twice as many steps as others.

    Parameters
    ----------
    levels : DataFrame
        From `days_that_count`.

    Returns
    -------
    DataFrame
        One row per workflow and day with a completed run and such steps: workflow_id, date, level (0: as typical),
        within (the variance that the day's runs bring with them), counts (of the day's executions); in order.

    Examples
    --------
    >>> from datetime import date
    >>> days = [date(2026, 11, 2), date(2026, 11, 3), date(2026, 11, 4)]
    >>> none = pl.DataFrame({"node_id": [None] * 3, "level": 8.0}, schema_overrides={"node_id": pl.String})
    >>> some = pl.DataFrame({"node_id": ["login"] * 3, "level": [6.0, 6.0, 6.2]})
    >>> both = pl.concat([none, some]).with_columns(workflow_id=pl.lit("w"), date=pl.Series(days * 2), n=4, spread=0.2)
    >>> levels_of_all_steps(days_that_count(both))["level"].round(3).to_list()
    [0.0, 0.0, 0.2]
    """
    node = ("workflow_id", "node_id")
    levels = levels.with_columns(pl.col("level", "spread", "n").cast(pl.Float64))
    known = pl.col("spread").filter(pl.col("counts")).median().over(node).fill_null(0.0)
    variance = pl.max_horizontal(known, pl.lit(_LEAST_SPREAD)) ** 2
    away = pl.col("level") - pl.col("level").filter(pl.col("counts")).median().over(node)
    most = _FAR * (pl.col("_variance") + _TOGETHER**2).sqrt()
    weight = pl.col("n") / (pl.col("_variance") + _TOGETHER**2)
    total = pl.col("_weight").sum()
    own = (pl.col("_weight") ** 2 * pl.col("_variance") / pl.col("n")).sum() / total**2
    days = levels.lazy().filter(pl.col("node_id").is_null()).select("workflow_id", "date", "counts", runs="n")
    together = (
        levels.lazy()
        .filter(pl.col("node_id").is_not_null())
        .with_columns(_variance=variance, _away=away)
        .with_columns(_away=pl.col("_away").clip(-most, most), _weight=weight)
        .sort(*SERIES, "date")
        .group_by("workflow_id", "date", maintain_order=True)
        .agg(level=((pl.col("_weight") * pl.col("_away")).sum() / total), _own=own)
    )
    return (
        together.join(days, on=["workflow_id", "date"], how="inner", validate="1:1")
        .select("workflow_id", "date", "level", "counts", within=pl.col("_own") + _TOGETHER**2 / pl.col("runs"))
        .sort("workflow_id", "date")
        .collect()
    )


def _levels(rows: pl.LazyFrame, took: pl.Expr, *, tz: str) -> pl.LazyFrame:
    log = pl.col("_log")
    low, high = (log.quantile(q, interpolation="linear") for q in (_TENTH, 1 - _TENTH))
    return (
        rows.filter(
            (pl.col("status") == "completed")
            & pl.col("duration_ms").is_not_null()
            & pl.col("started_at").is_not_null()
            & pl.col("workflow_id").is_not_null()
        )
        .select(*SERIES, date=local_day(tz=tz), _log=took.clip(lower_bound=_MICROSECOND_MS).log())
        .group_by(*SERIES, "date")
        .agg(
            level=log.clip(low, high).mean().round(_DIGITS),
            n=pl.len().cast(pl.Int64),
            spread=((high - low) / _TENTHS_APART).round(_DIGITS),
        )
    )
