"""What the analysis of reliability reads: the runs of a period, their steps to the end, their re-runs beyond it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import polars as pl

from rpa_lab.analysis.cases import chains, fold_cases, single_cases
from rpa_lab.analysis.failures import categorise, check_rules, failing_steps, with_recovery
from rpa_lab.analysis.healing_trend import healing_by_day
from rpa_lab.analysis.outages import ended_at
from rpa_lab.analysis.recoveries import with_run
from rpa_lab.measures import seen_at
from rpa_lab.period import Span
from rpa_lab.storage.store import TimeSeriesStore

__all__ = [
    "EXECUTION_COLUMNS",
    "RERUN_REACH",
    "cases_of",
    "chains_of",
    "executions_of",
    "failures_of",
    "healing_of",
    "recoveries_of",
    "retried",
    "steps_span",
]

RERUN_REACH: Final = timedelta(days=30)
"""How far before and after a period the other attempts at its cases are looked for."""

EXECUTION_COLUMNS: Final = (
    "execution_id",
    "workflow_id",
    "status",
    "started_at",
    "completed_at",
    "last_seen_at",
    "duration_ms",
    "rerun_of",
    "robot_id",
    "host",
    "workflow_version",
)
_CASE_COLUMNS = (
    *("execution_id", "rerun_of", "workflow_id", "status"),
    *("queued_at", "started_at", "completed_at", "duration_ms"),
)
_FAILURE_COLUMNS = (*EXECUTION_COLUMNS, "business_key", "exception_kind", "error_message", "error_details")
_STEP_COLUMNS = (
    *("execution_id", "step_id", "node_id", "action_type", "application", "target_element"),
    *("status", "started_at", "step_index", "error_details"),
)
_RECOVERY_COLUMNS = (
    *("recovery_id", "execution_id", "workflow_id", "step_id", "node_id", "strategy"),
    *("started_at", "duration_ms", "status", "error_details"),
)
_UNSEEN_START = timedelta(days=2)
_DETAILS_KEPT = 4_000


def executions_of(
    store: TimeSeriesStore, span: Span, *, workflow_id: str | None, columns: Sequence[str] = EXECUTION_COLUMNS
) -> pl.LazyFrame:
    """The executions of a period, of all workflows or of one."""
    return store.scan("executions", span, columns=columns, workflow_id=workflow_id)


def steps_span(store: TimeSeriesStore, span: Span, *, workflow_id: str | None) -> Span:
    """When the steps of a period's executions can have started: from the first start to the last end.

    Those of an execution whose start nobody recorded are looked for two days before.
    """
    at = ("status", "started_at", "completed_at", "duration_ms", "last_seen_at")

    def query() -> pl.LazyFrame:
        return executions_of(store, span, workflow_id=workflow_id, columns=at).select(
            last=ended_at().max(),
            running=(pl.col("status") == "running").any(),
            unseen=pl.col("started_at").is_null().any(),
        )

    last, running, unseen = store.collect(query).row(0)
    ends = [span.end, *([last + timedelta(microseconds=1)] if last else []), *([store.now] if running else [])]
    return Span(span.start - _UNSEEN_START if unseen else span.start, max(ends), span.tz)


def retried(store: TimeSeriesStore, during: Span, *, workflow_id: str | None) -> pl.LazyFrame:
    """The executions with a step that was tried again: execution_id, each once."""
    steps = store.scan("steps", during, columns=["execution_id", "retry_count"], workflow_id=workflow_id)
    return steps.filter(pl.col("retry_count") > 0).select("execution_id").unique()


def failures_of(store: TimeSeriesStore, span: Span, *, during: Span, workflow_id: str | None) -> pl.DataFrame:
    """The failed executions of a period, each with its failing step, its recovery and its category.

    Parameters
    ----------
    store : TimeSeriesStore
        Where the records are; its settings hold the user's rules.
    span : Span
        The period.
    during : Span
        When their steps can have started: from `steps_span`.
    workflow_id : str, optional
        Only this workflow's.

    Returns
    -------
    DataFrame
        One row per failed execution: what is known of it, of its failing step (`failing_steps`), recovery
        (`with_recovery`), category and told_by (`categorise`). Of long details the last 4,000 characters are kept: a
        traceback ends with the error.
    """
    rules = store.settings.failures
    check_rules(rules)
    end = pl.col("error_details").str.tail(_DETAILS_KEPT)
    columns = ("execution_id", "step_id", "node_id", "status")

    def query() -> pl.LazyFrame:
        runs = executions_of(store, span, workflow_id=workflow_id, columns=_FAILURE_COLUMNS)
        failed = runs.filter(pl.col("status") == "failed")
        ids = failed.select("execution_id")
        steps = store.scan("steps", during, columns=_STEP_COLUMNS, workflow_id=workflow_id)
        tried = store.scan("recoveries", during, columns=columns, workflow_id=workflow_id)
        failing = failing_steps(steps.join(ids, on="execution_id", how="semi").with_columns(end))
        told = failed.with_columns(end).join(failing, on="execution_id", how="left", validate="1:1")
        return with_recovery(told, tried.join(ids, on="execution_id", how="semi"))

    return categorise(store.collect(query), rules=rules)


def chains_of(store: TimeSeriesStore, span: Span) -> pl.DataFrame:
    """The `chains` of executions that repeat each other, from 30 days before a period to 30 days after it.

    Of executions only what repeats another is read: where nothing does, there are none.
    """
    repeats = pl.col("rerun_of").is_not_null()
    columns = ["execution_id", "rerun_of"]
    wide = _reach(span)
    return chains(store.collect(lambda: store.scan("executions", wide, columns=columns).filter(repeats)))


def cases_of(
    store: TimeSeriesStore,
    span: Span,
    *,
    workflow_id: str | None,
    by: Sequence[str] = (),
    of_chains: pl.DataFrame | None = None,
    touched: pl.LazyFrame | None = None,
) -> pl.LazyFrame:
    """The cases of which an attempt lies in a period, with their attempts up to 30 days before and after it.

    Parameters
    ----------
    store : TimeSeriesStore
        Where the records are.
    span : Span
        The period.
    workflow_id : str, optional
        Only cases whose first attempt was a run of this workflow.
    by : sequence of str
        Columns of executions wanted of the first attempt, beside workflow_id.
    of_chains : DataFrame, optional
        From `chains_of` the same period, where they are read already.
    touched : LazyFrame, optional
        execution_id: of the period's executions with a step that was retried, or had to be healed; default none.

    Returns
    -------
    LazyFrame
        One row per case: see `fold_cases`. Those that began in the period, and so belong to it, are `began_in` it.
    """
    members = chains_of(store, span) if of_chains is None else of_chains
    wanted = list(dict.fromkeys(["workflow_id", *by]))
    columns = list(dict.fromkeys([*_CASE_COLUMNS, *wanted]))
    alone = executions_of(store, span, workflow_id=workflow_id, columns=columns)
    if not members.is_empty():
        alone = alone.join(members.lazy(), on="execution_id", how="anti")
    singles = single_cases(_touched(alone, touched), by=wanted)
    if members.is_empty():
        return singles
    at = seen_at()
    chained = (
        store.scan("executions", _reach(span), columns=columns)
        .join(members.lazy(), on="execution_id", how="inner", validate="1:1")
        .filter(((at >= span.start) & (at < span.end)).any().over("chain"))
    )
    folded = fold_cases(chained, by=wanted)
    ours = folded if workflow_id is None else folded.filter(pl.col("workflow_id") == workflow_id)
    return pl.concat([ours, singles])


def recoveries_of(store: TimeSeriesStore, span: Span, *, during: Span, workflow_id: str | None) -> pl.DataFrame:
    """The recoveries of a period's executions: `with_run`, and the `category` of what had gone wrong."""
    columns = ["execution_id", "status", "started_at"]

    def query() -> pl.LazyFrame:
        runs = executions_of(store, span, workflow_id=workflow_id, columns=columns)
        return with_run(store.scan("recoveries", during, columns=_RECOVERY_COLUMNS, workflow_id=workflow_id), runs)

    rules = store.settings.failures
    check_rules(rules)
    none = pl.lit(None, dtype=pl.String)
    said = store.collect(query).rename({"error_details": "error_message"})
    untold = said.with_columns(error_details=none, step_error=none, exception_kind=none, recovery=none)
    return categorise(untold, rules=rules).drop("error_details", "step_error", "exception_kind", "recovery")


def healing_of(store: TimeSeriesStore, span: Span, *, workflow_id: str | None) -> pl.LazyFrame:
    """Visits of each step and those that needed self-healing, by day: `healing_by_day` of a period."""
    columns = ["workflow_id", "node_id", "started_at", "status"]
    steps = store.scan("steps", span, columns=columns, workflow_id=workflow_id)
    tried = store.scan("recoveries", span, columns=_RECOVERY_COLUMNS, workflow_id=workflow_id)
    return healing_by_day(steps, tried, tz=span.tz)


def _reach(span: Span) -> Span:
    """A period and the 30 days around it."""
    return Span(span.start - RERUN_REACH, span.end + RERUN_REACH, span.tz)


def _touched(executions: pl.LazyFrame, touched: pl.LazyFrame | None) -> pl.LazyFrame:
    if touched is None:
        return executions.with_columns(touched=pl.lit(value=False))
    ids = touched.select("execution_id", touched=pl.lit(value=True)).unique("execution_id")
    marked = executions.join(ids, on="execution_id", how="left", validate="m:1")
    return marked.with_columns(pl.col("touched").fill_null(value=False))
