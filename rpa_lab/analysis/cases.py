"""What became of a case: its attempts folded into one, along `rerun_of`.

A run that failed at 9:00 and was repeated at 9:10 and 9:30, when it completed, is one case of three attempts that
succeeded. A case begins with its earliest attempt and ends as its latest one did; it belongs to the period in which it
began, so that each is counted once whatever the periods. Records are not always right: a chain may go in a circle
(*cyclic*), or begin with a re-run of an execution that nobody recorded (*dangling*). Both are cases like others, and
are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from rpa_lab.analysis.rates import wilson_bounds
from rpa_lab.measures import FINISHED

if TYPE_CHECKING:
    from rpa_lab.period import Span

__all__ = ["case_rates", "chains", "fold_cases", "single_cases"]


def chains(links: pl.DataFrame) -> pl.DataFrame:
    """Which executions are attempts at the same case: those that `rerun_of` connects, over any number of steps.

    Parameters
    ----------
    links : DataFrame
        execution_id (each once), rerun_of (not null).

    Returns
    -------
    DataFrame
        One row per execution that is in a chain, those that are only named in `rerun_of` too: execution_id, chain (a
        number), cyclic (whether its chain goes in a circle).

    Examples
    --------
    >>> chains(pl.DataFrame({"execution_id": ["b", "c", "z"], "rerun_of": ["a", "b", "z"]})).rows()
    [('a', 0, False), ('b', 0, False), ('c', 0, False), ('z', 1, True)]
    """
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if links.is_empty():
        return pl.DataFrame(schema={"execution_id": pl.String, "chain": pl.Int64, "cyclic": pl.Boolean})
    ids = pl.concat([links["execution_id"], links["rerun_of"]]).unique().sort()
    numbers = pl.DataFrame({"id": ids, "number": pl.int_range(len(ids), dtype=pl.Int64, eager=True)})
    ends = [
        links.join(numbers, left_on=name, right_on="id", how="left", validate="m:1", maintain_order="left")["number"]
        for name in ("execution_id", "rerun_of")
    ]
    edges = coo_array((np.ones(links.height, np.int8), (ends[0].to_numpy(), ends[1].to_numpy())), shape=(len(ids),) * 2)
    _, label = connected_components(edges, directed=False)
    # each execution repeats at most one other: a chain of n executions has n - 1 links, or n where it goes in a circle
    n_links = np.bincount(label[ends[0].to_numpy()], minlength=len(ids))
    circle = n_links[label] >= np.bincount(label, minlength=len(ids))[label]
    return pl.DataFrame({"execution_id": ids, "chain": pl.Series(label, dtype=pl.Int64), "cyclic": pl.Series(circle)})


def fold_cases(attempts: pl.LazyFrame, *, by: Sequence[str]) -> pl.LazyFrame:
    """Fold the attempts at each case into one row.

    Parameters
    ----------
    attempts : LazyFrame
        execution_id, rerun_of, status, started_at, completed_at, chain and cyclic (from `chains`), and the columns of
        `by`.
    by : sequence of str
        What is wanted of the first attempt.

    Returns
    -------
    LazyFrame
        One row per case: the columns of `by` (the first attempt's), began_at, attempts, status (the last attempt's),
        cyclic, dangling (no circle, and yet even the first attempt repeats another).
    """
    return (
        attempts.with_columns(_at=pl.coalesce("started_at", "completed_at"))
        .sort("_at", "execution_id", nulls_last=False)
        .group_by("chain")
        .agg(
            *(pl.col(name).first() for name in by),
            began_at=pl.col("_at").first(),
            attempts=pl.len().cast(pl.Int64),
            status=pl.col("status").last(),
            cyclic=pl.col("cyclic").any(),
            dangling=pl.col("rerun_of").is_not_null().all() & ~pl.col("cyclic").any(),
        )
        .drop("chain")
    )


def single_cases(executions: pl.LazyFrame, *, by: Sequence[str]) -> pl.LazyFrame:
    """The executions that repeat none and that none repeats, each as a case of its own; columns of `fold_cases`."""
    return executions.select(
        *by,
        began_at=pl.coalesce("started_at", "completed_at"),
        attempts=pl.lit(1, dtype=pl.Int64),
        status="status",
        cyclic=pl.lit(value=False),
        dangling=pl.lit(value=False),
    )


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
        Of the interval.

    Returns
    -------
    LazyFrame
        One row per group: the columns of `by`, cases (whose last attempt has ended), cases_completed, cases_running
        (whose last attempt runs), case_rate (percent 0-100 of those that ended), case_low, case_high, attempts (a case,
        on average), cases_before, dangling, cyclic.
    """
    ours = (pl.col("began_at") >= span.start) & (pl.col("began_at") < span.end)
    ended = ours & pl.col("status").is_in(FINISHED)
    low, high = wilson_bounds("cases_completed", "cases", level=level)
    return (
        cases.group_by(by)
        .agg(
            cases=ended.sum().cast(pl.Int64),
            cases_completed=(ours & (pl.col("status") == "completed")).sum().cast(pl.Int64),
            cases_running=(ours & (pl.col("status") == "running")).sum().cast(pl.Int64),
            attempts=pl.col("attempts").filter(ended).mean(),
            cases_before=(pl.col("began_at") < span.start).sum().cast(pl.Int64),
            dangling=(ours & pl.col("dangling")).sum().cast(pl.Int64),
            cyclic=(ours & pl.col("cyclic")).sum().cast(pl.Int64),
        )
        .with_columns(
            case_rate=pl.when(pl.col("cases") > 0).then(
                pl.col("cases_completed").cast(pl.Float64) / pl.col("cases") * 100
            ),
            case_low=low,
            case_high=high,
        )
        .select(
            *by,
            *("cases", "cases_completed", "cases_running", "case_rate", "case_low", "case_high", "attempts"),
            *("cases_before", "dangling", "cyclic"),
        )
    )
