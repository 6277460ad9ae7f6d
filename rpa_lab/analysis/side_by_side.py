"""Reliability by group: of workflows, versions, robots or hosts side by side, or of all runs together, as one plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from rpa_lab.analysis.cases import case_rates
from rpa_lab.analysis.evidence import cases_of, executions_of, retried
from rpa_lab.analysis.outages import outages, streaks, time_between_breakdowns, with_mtbf_interval
from rpa_lab.analysis.rates import attempt_rates, with_first_attempt
from rpa_lab.period import Span
from rpa_lab.storage.store import TimeSeriesStore

__all__ = ["GROUPS", "TOGETHER", "reliability_by"]

GROUPS: Final = {
    "workflow_id": ("workflow_id",),
    "workflow_version": ("workflow_id", "workflow_version"),
    "robot_id": ("robot_id",),
    "host": ("host",),
}
"""By what runs can be grouped: the columns that make a group of each kind."""

TOGETHER: Final = "_together"
"""The column that makes one group of all runs."""


def reliability_by(
    store: TimeSeriesStore, span: Span, *, by: Sequence[str], during: Span, workflow_id: str | None
) -> pl.DataFrame:
    """Everything that is counted about reliability, by group.

    Parameters
    ----------
    store : TimeSeriesStore
        Where the records are.
    span : Span
        The period of the runs.
    by : sequence of str
        The columns that make a group, or ``[TOGETHER]``.
    during : Span
        When their steps can have started: from `steps_span`.
    workflow_id : str, optional
        Only this workflow's runs.

    Returns
    -------
    DataFrame
        One row per group with a run, most ended runs first: the columns of `by`, then those of `attempt_rates`,
        `case_rates`, `time_between_breakdowns`, `with_mtbf_interval`, `outages` and `streaks`.
    """
    now = store.now
    until = min(span.end, now)
    named = [name for name in by if name != TOGETHER]

    def query() -> pl.LazyFrame:
        runs = executions_of(store, span, workflow_id=workflow_id)
        cases = cases_of(store, span, workflow_id=workflow_id, by=named)
        if not named:
            runs, cases = (rows.with_columns(pl.lit("all").alias(TOGETHER)) for rows in (runs, cases))
        tried_again = retried(store, during, workflow_id=workflow_id)
        table = attempt_rates(with_first_attempt(runs, tried_again), by=by, tz=span.tz)
        for part in (
            case_rates(cases, by=by, span=span),
            time_between_breakdowns(runs, by=by, as_of=now, until=until),
            outages(runs, by=by, until=until),
            streaks(runs, by=by),
        ):
            table = table.join(part, on=by, how="left", nulls_equal=True, validate="1:1")
        counts = [name for name, kind in table.collect_schema().items() if kind == pl.Int64]
        order = [True, *(False for _ in by)]
        return table.with_columns(pl.col(counts).fill_null(0)).sort("ended", *by, descending=order, nulls_last=True)

    return with_mtbf_interval(store.collect(query))
