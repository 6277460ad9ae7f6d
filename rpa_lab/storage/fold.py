"""From the rows that were written of an execution to the one that is true of it.

An execution's columns form two groups: what its start said and what its end said. Each group comes whole from its row
of greatest rank, and keeps that row's origin; so neither order nor grouping matters, and folding may happen at
compaction and again when read.
"""

from __future__ import annotations

from typing import Final

import polars as pl

__all__ = ["END", "START", "fold"]

START: Final = (
    "workflow_id",
    "started_at",
    "robot_id",
    "host",
    "workflow_version",
    "business_key",
    "queued_at",
    "rerun_of",
    "context",
    "_start_writer",
    "_start_seq",
    "_start_row",
)
END: Final = (
    "status",
    "completed_at",
    "duration_ms",
    "steps_total",
    "steps_completed",
    "steps_failed",
    "error_message",
    "error_details",
    "exception_kind",
    "end_context",
    "_writer",
    "_seq",
    "_row",
)
_START_RANK = ("_start_writer", "_start_seq", "_start_row")
_END_RANK = ("completed_at", "_writer", "_seq", "_row")


def fold(rows: pl.LazyFrame, *, repeated: pl.Series | None = None) -> pl.LazyFrame:
    """One row per execution, of any number of rows for each.

    Parameters
    ----------
    rows : LazyFrame
        Rows of the executions table, hidden origins included.
    repeated : Series, optional
        Ids among which are all that stand in more than one row, where they are known; else they are looked for.

    Returns
    -------
    LazyFrame
        The same columns; in no particular order.

    Examples
    --------
    >>> import polars as pl
    >>> from rpa_lab.schema import TABLES
    >>> said = {"execution_id": ["e", "e"], "status": ["running", "failed"], "_row": [0, 1]}
    >>> empty = pl.LazyFrame(schema=pl.Schema(TABLES["executions"].arrow))
    >>> fold(pl.concat([empty, pl.LazyFrame(said)], how="diagonal")).collect()["status"].to_list()
    ['failed']
    """
    names = rows.collect_schema().names()
    ids = pl.col("execution_id")
    several = ids.is_duplicated() if repeated is None else ids.is_in(repeated.implode())
    many = rows.filter(several)
    started = (
        many.sort(pl.col("started_at").is_not_null(), *_START_RANK, *_rest(START, _START_RANK))
        .group_by("execution_id")
        .agg(pl.col(START).last())
    )
    ended = (
        many.sort(pl.col("status") != "running", *_END_RANK, *_rest(END, _END_RANK))
        .group_by("execution_id")
        .agg(pl.col(END).last())
    )
    folded = started.join(ended, on="execution_id", how="inner", validate="1:1")
    return pl.concat([rows.filter(~several), folded.select(names)])


def _rest(group: tuple[str, ...], rank: tuple[str, ...]) -> list[str]:
    """What breaks ties: a writer numbers its fragments by day, so rows of two days can have the same origin."""
    return [name for name in group if name not in rank]
