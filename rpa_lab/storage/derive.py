"""What is not stored but follows, when rows are read: a step's id, a run's whole context, whether it still lives."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Final

import polars as pl

__all__ = ["ABANDONED_AFTER", "all_ended", "with_merged_context", "with_state", "with_step_id"]

ABANDONED_AFTER: Final = timedelta(minutes=15)
"""How long a running execution's collector may be silent; it says something every 5 minutes."""


def with_step_id(steps: pl.LazyFrame) -> pl.LazyFrame:
    """The steps, where one that brought no id of its own has ``<execution_id>:<step_index>``.

    Examples
    --------
    >>> steps = pl.LazyFrame({"step_id": [None, "s"], "execution_id": ["e", "e"], "step_index": [3, 4]})
    >>> with_step_id(steps).collect()["step_id"].to_list()
    ['e:3', 's']
    """
    counted = pl.format("{}:{}", "execution_id", "step_index")
    return steps.with_columns(step_id=pl.coalesce("step_id", counted))


def all_ended(executions: pl.LazyFrame) -> pl.LazyFrame:
    """The executions as `with_state` gives them, where none of them runs."""
    return executions.with_columns(last_seen_at=pl.lit(None, pl.Datetime("us", "UTC")))


def with_state(executions: pl.LazyFrame, health: pl.LazyFrame, *, as_of: datetime) -> pl.LazyFrame:
    """The executions with `last_seen_at`, and ``abandoned`` where a running one's collector has fallen silent.

    Parameters
    ----------
    executions : LazyFrame
        Folded, with their hidden origins.
    health : LazyFrame
        Of the collector_health table: writer, timestamp.
    as_of : datetime
        What "now" is.

    Returns
    -------
    LazyFrame
        One row per execution. `last_seen_at` is null for those that have ended: they were seen to the end.
    """
    seen = (
        health.filter(pl.col("timestamp") <= as_of)
        .group_by("writer")
        .agg(_seen_at=pl.col("timestamp").max())
        .rename({"writer": "_writer"})
    )
    running = pl.col("status") == "running"
    # at its start the execution was alive, whether or not its collector has said so yet
    last_seen = pl.when(running).then(pl.max_horizontal("started_at", "_seen_at"))
    silent = running & (as_of - pl.col("last_seen_at") > ABANDONED_AFTER)
    return (
        executions.join(seen, on="_writer", how="left", validate="m:1")
        .with_columns(last_seen_at=last_seen)
        .with_columns(status=pl.when(silent).then(pl.lit("abandoned")).otherwise("status"))
        .drop("_seen_at")
    )


def with_merged_context(rows: pl.DataFrame) -> pl.DataFrame:
    """The executions with what was said at the end put into `context`, the end's word counting where both speak.

    Parameters
    ----------
    rows : DataFrame
        With context and end_context, JSON; distinct pairs only are parsed.

    Returns
    -------
    DataFrame

    Examples
    --------
    >>> runs = pl.DataFrame({"context": ['{"a": 1, "b": 1}'], "end_context": ['{"b": 2}']})
    >>> with_merged_context(runs)["context"].item()
    '{"a": 1, "b": 2}'
    """
    both = pl.col("end_context").is_not_null() & (pl.col("end_context") != "{}")
    pairs = rows.filter(both).select("context", "end_context").unique()
    if pairs.is_empty():
        return rows
    merged = [_merge(start, end) for start, end in pairs.rows()]
    table = pairs.with_columns(_merged=pl.Series(merged, dtype=pl.String))
    return (
        rows.join(
            table, on=["context", "end_context"], how="left", nulls_equal=True, maintain_order="left", validate="m:1"
        )
        .with_columns(context=pl.coalesce("_merged", "context"))
        .drop("_merged")
    )


def _merge(start: str | None, end: str) -> str:
    try:
        said = [json.loads(text) for text in (start or "{}", end)]
    except ValueError:
        return end
    if not all(isinstance(one, dict) for one in said):
        return end
    return json.dumps({**said[0], **said[1]}, ensure_ascii=False)
