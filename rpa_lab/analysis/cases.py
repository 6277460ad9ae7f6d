"""What became of a case: its attempts folded into one, along `rerun_of`, wherever they lie.

A run that failed at 9:00 and was repeated at 9:10 and 9:30, when it completed, is one case of three attempts that
succeeded. A case begins with its earliest attempt, and is of that one's workflow, whatever repeated it. It is completed
as soon as one of its attempts is, runs where one of them runs, and else ends as the latest one did. It belongs to the
period in which it began, so that each is counted once whatever the periods. Records are not always right: a chain may
go in a circle (*cyclic*), or begin with a re-run of an execution that nobody recorded (*dangling*). Both are cases like
others, and are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from rpa_lab.analysis.at_work import ended
from rpa_lab.analysis.rate_intervals import rate_intervals, with_bounds
from rpa_lab.measures import FINISHED, finished, local_day, seen_at, total

if TYPE_CHECKING:
    from rpa_lab.period import Span

__all__ = ["began_in", "case_rates", "chains", "fold_cases", "single_cases"]


def chains(links: pl.DataFrame) -> pl.DataFrame:
    """Which executions are attempts at the same case: those that `rerun_of` connects, over any number of steps.

    Parameters
    ----------
    links : DataFrame
        execution_id (each once), rerun_of (not null).

    Returns
    -------
    DataFrame
        One row per execution that is in a chain, those that are only named in `rerun_of` too: execution_id, chain (the
        id of one of its executions), cyclic (whether its chain goes in a circle). Chains of any length, forks, and even
        circles are one case.

    Examples
    --------
    >>> chains(pl.DataFrame({"execution_id": ["b", "c", "z"], "rerun_of": ["a", "b", "z"]})).rows()
    [('a', 'a', False), ('b', 'a', False), ('c', 'a', False), ('z', 'z', True)]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ids = pl.concat([links["execution_id"], links["rerun_of"].rename("execution_id")]).unique().sort()
    if ids.is_empty():
        return pl.DataFrame(schema={"execution_id": pl.String, "chain": pl.String, "cyclic": pl.Boolean})
    from_, to = (ids.search_sorted(links[name]).to_numpy() for name in ("execution_id", "rerun_of"))
    graph = coo_array((np.ones(len(from_), np.int8), (from_, to)), shape=(len(ids), len(ids)))
    _, component = connected_components(graph, directed=False)
    members = pl.DataFrame({"execution_id": ids, "_component": component})
    # each execution repeats at most one other: a chain of n executions has n - 1 links, or n where it goes in a circle
    linked = members.join(links.select("execution_id", _links=pl.lit(1)), on="execution_id", how="left", validate="1:1")
    return linked.select(
        "execution_id",
        chain=pl.col("execution_id").min().over("_component"),
        cyclic=(pl.col("_links").count() >= pl.len()).over("_component"),
    ).sort("execution_id")


def fold_cases(attempts: pl.LazyFrame, *, by: Sequence[str]) -> pl.LazyFrame:
    """Fold the attempts at each case into one row.

    Parameters
    ----------
    attempts : LazyFrame
        execution_id, rerun_of, status, queued_at, started_at, completed_at, duration_ms, chain and cyclic (from
        `chains`), and the columns of `by`.
    by : sequence of str
        What is wanted of the first attempt.

    Returns
    -------
    LazyFrame
        One row per case: the columns of `by` (the first attempt's), began_at, attempts, status (completed where one
        of them is, else running where one is, else the latest one's), queued_at and started_at (the earliest),
        delivered_at (when the first completed; null where none did, or it isn't known when), handling_ms (the sum of
        the durations of those that ended; null where one is unknown), straight_through (false: it is repeated, or
        repeats), cyclic, dangling (no circle, and yet even the first attempt repeats another).
    """
    completed, running = (pl.col("status") == status for status in ("completed", "running"))
    untimed = finished() & pl.col("duration_ms").is_null()
    return (
        attempts.with_columns(_at=seen_at())
        .sort("_at", "execution_id", nulls_last=False)
        .group_by("chain")
        .agg(
            *(pl.col(name).first() for name in by),
            began_at=pl.col("_at").first(),
            attempts=pl.len().cast(pl.Int64),
            status=pl.when(completed.any())
            .then(pl.lit("completed"))
            .when(running.any())
            .then(pl.lit("running"))
            .otherwise(pl.col("status").last()),
            queued_at=pl.col("queued_at").min(),
            started_at=pl.col("started_at").min(),
            delivered_at=pl.when(completed).then(ended()).min(),
            handling_ms=pl.when(untimed.sum() == 0).then(total(pl.when(finished()).then("duration_ms"))),
            straight_through=pl.lit(value=False),
            cyclic=pl.col("cyclic").any(),
            dangling=pl.col("rerun_of").is_not_null().all() & ~pl.col("cyclic").any(),
        )
        .drop("chain")
    )


def single_cases(executions: pl.LazyFrame, *, by: Sequence[str]) -> pl.LazyFrame:
    """The executions that repeat none and that none repeats, each as a case of its own; columns of `fold_cases`.

    Parameters
    ----------
    executions : LazyFrame
        status, queued_at, started_at, completed_at, duration_ms, touched (whether a step of it was retried, or had to
        be healed), and the columns of `by`.
    by : sequence of str
        What is wanted of them.

    Returns
    -------
    LazyFrame
        One row each; straight_through are those that completed untouched.
    """
    completed = pl.col("status") == "completed"
    return executions.select(
        *by,
        began_at=seen_at(),
        attempts=pl.lit(1, dtype=pl.Int64),
        status="status",
        queued_at="queued_at",
        started_at="started_at",
        delivered_at=pl.when(completed).then(ended()),
        handling_ms=pl.when(finished()).then("duration_ms"),
        straight_through=completed & ~pl.col("touched"),
        cyclic=pl.lit(value=False),
        dangling=pl.lit(value=False),
    )


def began_in(span: Span) -> pl.Expr:
    """Whether a case belongs to a period: it began in it."""
    return pl.col("began_at").is_between(span.start, span.end, closed="left")


def case_rates(cases: pl.LazyFrame, *, by: Sequence[str], span: Span, level: float = 0.95) -> pl.LazyFrame:
    """Success rates of the cases that began in a period.

    Parameters
    ----------
    cases : LazyFrame
        From `fold_cases`.
    by : sequence of str
        What makes a group.
    span : Span
        The period; a case that began earlier is counted as `cases_before`, and in no rate.
    level : float
        Of the interval; a case counts for the day on which it began.

    Returns
    -------
    LazyFrame
        One row per group: the columns of `by`, cases (that have ended), cases_completed, cases_running
        (not completed, and one attempt runs), case_rate (percent 0-100 of those that ended), case_low, case_high,
        case_basis, attempts (a case, on average), cases_before, dangling, cyclic.
    """
    ours = began_in(span)
    ended = ours & pl.col("status").is_in(FINISHED)
    completed = ours & (pl.col("status") == "completed")
    bounds = rate_intervals(
        cases, {"case": completed}, of=ended, day=local_day("began_at", tz=span.tz), by=by, level=level
    )
    counted = (
        cases.group_by(by)
        .agg(
            cases=ended.sum().cast(pl.Int64),
            cases_completed=completed.sum().cast(pl.Int64),
            cases_running=(ours & (pl.col("status") == "running")).sum().cast(pl.Int64),
            attempts=pl.col("attempts").filter(ended).mean(),
            cases_before=(pl.col("began_at") < span.start).sum().cast(pl.Int64),
            dangling=(ours & pl.col("dangling")).sum().cast(pl.Int64),
            cyclic=(ours & pl.col("cyclic")).sum().cast(pl.Int64),
        )
        .with_columns(
            case_rate=pl.when(pl.col("cases") > 0).then(
                pl.col("cases_completed").cast(pl.Float64) / pl.col("cases") * 100
            )
        )
    )
    return with_bounds(counted, bounds, by=by).select(
        *by,
        *("cases", "cases_completed", "cases_running", "case_rate", "case_low", "case_high", "case_basis"),
        *("attempts", "cases_before", "dangling", "cyclic"),
    )
