"""Answers from summaries, where these hold all that a query asks: durations by workflow, node and status."""

from __future__ import annotations

from functools import reduce
from operator import and_
from typing import Final

import polars as pl

from rpa_lab.period import Span
from rpa_lab.query.answer import in_order
from rpa_lab.query.durations import FEW_ROWS, duration_table, serves
from rpa_lab.query.query import Query
from rpa_lab.storage.store import TimeSeriesStore

__all__ = ["from_summaries"]

_MOMENTS: Final = {"sum": "sum_ms", "avg": "mean_ms", "min": "min_ms", "max": "max_ms", "std": "std_ms"}


def from_summaries(store: TimeSeriesStore, query: Query, span: Span) -> tuple[pl.DataFrame, int] | None:
    """The groups that a query with metrics asks for; None where summaries can't tell, or rows are read as fast.

    Parameters
    ----------
    store : TimeSeriesStore
        Where the records are.
    query : Query
        What is asked.
    span : Span
        The period.

    Returns
    -------
    tuple of DataFrame and int, or None
        What `rpa_lab.query.answer.grouped` gives, up to rounding, and how many of the executions in it still run.
    """
    measured = query.measured
    told = [each.column for each in query.filters]
    if query.interval or not measured or not serves(query.table, query.group_by, told):
        return None
    asked = {metric: metric.aggregation.fraction for metric in measured if metric.column is not None}
    if any(metric.column.name != "duration_ms" for metric in asked if metric.column) or not any(asked.values()):
        return None  # without a percentile one pass over the rows is as quick
    if any(metric.column is None and metric.aggregation.name != "count" for metric in measured):
        return None
    if store.count_stored(query.table, span) <= FEW_ROWS:
        return None  # one pass over so few is quicker
    where = reduce(and_, [each.matches(tz=span.tz) for each in query.filters]) if query.filters else None
    fractions = sorted({fraction for fraction in asked.values() if fraction is not None})
    by = list(query.group_by)
    table = duration_table(store, query.table, span, by=by, where=where, quantiles=fractions).table
    made = {
        "n": pl.col("rows"),
        "count": pl.col("rows"),
        "n_duration_ms": pl.col("n"),
        "count_duration_ms": pl.col("n"),
    }
    for metric, fraction in asked.items():
        name = metric.aggregation.name
        if fraction is not None:
            made[metric.name] = pl.col(f"p{fraction * 100:.10g}_ms")
        elif name in _MOMENTS:
            value = pl.col(_MOMENTS[name])
            made[metric.name] = value.fill_null(0.0) if name == "sum" else value
    found = in_order(table.lazy().select(*by, **made), query).select(query.answer).collect()
    if query.table != "executions":
        return found, 0
    states = duration_table(store, query.table, span, by=["status"], where=where).table
    return found, int(states.filter(pl.col("status") == "running")["rows"].sum())
