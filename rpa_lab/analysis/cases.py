"""Executions folded into cases: what was run again is one piece of work, however often it was tried.

An execution that says `rerun_of` belongs to the case of the one that it repeats; all others are cases of their own. Run
A failed, B repeats A and fails, C repeats B and completes: one case, three executions, completed, not straight through.
A case is of one workflow: where an execution of another repeats it, that is a case of the other.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from rpa_lab.analysis.at_work import ended
from rpa_lab.measures import finished, total

__all__ = ["case_of", "cases"]


def case_of(reruns: pl.DataFrame) -> pl.DataFrame:
    """To which case the executions belong that repeat others, or are repeated.

    Parameters
    ----------
    reruns : DataFrame
        execution_id, rerun_of: of the executions that repeat another one.

    Returns
    -------
    DataFrame
        One row per execution that is named there: execution_id, case_id (an id of one of the case's executions).
        Chains of any length, forks, and even circles are one case.

    Examples
    --------
    >>> chain = pl.DataFrame({"execution_id": ["b", "c"], "rerun_of": ["a", "b"]})
    >>> case_of(chain).sort("execution_id").rows()
    [('a', 'a'), ('b', 'a'), ('c', 'a')]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = reruns.select("execution_id", "rerun_of").drop_nulls()
    ids = pl.concat([pairs["execution_id"], pairs["rerun_of"].rename("execution_id")]).unique().sort()
    schema = {"execution_id": pl.String, "case_id": pl.String}
    if ids.is_empty():
        return pl.DataFrame(schema=schema)
    from_, to = (ids.search_sorted(pairs[name]).to_numpy() for name in ("execution_id", "rerun_of"))
    graph = coo_array((np.ones(len(from_), np.int8), (from_, to)), shape=(len(ids), len(ids)))
    _, component = connected_components(graph, directed=False)
    return pl.DataFrame({"execution_id": ids, "_case": component}).select(
        "execution_id", case_id=pl.col("execution_id").min().over("_case")
    )


def cases(executions: pl.LazyFrame, case_of: pl.DataFrame) -> pl.LazyFrame:
    """Executions folded into cases.

    Parameters
    ----------
    executions : LazyFrame
        execution_id, workflow_id, status, started_at, completed_at, queued_at, rerun_of, duration_ms, touched (whether
        a step of it was retried, or had to be healed).
    case_of : DataFrame
        As `case_of` makes it, of all workflows; a case has the executions that are in the frame, not those of other
        periods.

    Returns
    -------
    LazyFrame
        One row per case: workflow_id, executions, status (completed where one of them did, else running where one of
        them is, else failed), queued_at and started_at (the earliest), delivered_at (when the first completed; null
        where none did, or it isn't known when), handling_ms (the sum of the durations of those that ended; null where
        one is unknown), straight_through (completed in one execution that repeats none and isn't repeated, untouched).
    """
    repeated = case_of.lazy()
    alone = executions if case_of.is_empty() else executions.join(repeated, on="execution_id", how="anti")
    completed = pl.col("status") == "completed"
    running = pl.col("status") == "running"
    delivered_at = pl.when(completed).then(ended())
    handling_ms = pl.when(finished()).then("duration_ms")
    single = alone.select(
        "workflow_id",
        executions=pl.lit(1, pl.Int64),
        status=pl.when(completed | running).then("status").otherwise(pl.lit("failed")),
        queued_at="queued_at",
        started_at="started_at",
        delivered_at=delivered_at,
        handling_ms=handling_ms,
        straight_through=completed & pl.col("rerun_of").is_null() & ~pl.col("touched"),
    )
    if case_of.is_empty():
        return single
    folded = (
        executions.join(repeated, on="execution_id", how="inner", validate="m:1")
        .group_by("case_id", "workflow_id")
        .agg(
            executions=pl.len().cast(pl.Int64),
            _completed=completed.any(),
            _running=running.any(),
            queued_at=pl.col("queued_at").min(),
            started_at=pl.col("started_at").min(),
            delivered_at=delivered_at.min(),
            handling_ms=pl.when((finished() & pl.col("duration_ms").is_null()).sum() == 0).then(total(handling_ms)),
        )
        .select(
            "workflow_id",
            "executions",
            pl.when("_completed")
            .then(pl.lit("completed"))
            .when("_running")
            .then(pl.lit("running"))
            .otherwise(pl.lit("failed"))
            .alias("status"),
            "queued_at",
            "started_at",
            "delivered_at",
            "handling_ms",
            straight_through=pl.lit(value=False),
        )
    )
    return pl.concat([single, folded])
