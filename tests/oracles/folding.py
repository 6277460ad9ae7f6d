"""One row per execution, of all that was said of it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from tests.oracles.rows import LONG_AGO, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["END_GROUP", "START_GROUP", "fold"]

START_GROUP = (
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
END_GROUP = (
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


def fold(rows: Iterable[Row]) -> dict[str, Row]:
    """One row per execution, by its id: the start group of one row and the end group of one row, each taken whole."""
    of_execution: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        of_execution[row["execution_id"]].append(row)
    folded = {}
    for execution_id, candidates in of_execution.items():
        start, end = candidates[0], candidates[0]
        for row in candidates[1:]:
            start = row if _start_rank(row) > _start_rank(start) else start
            end = row if _end_rank(row) > _end_rank(end) else end
        folded[execution_id] = (
            {"execution_id": execution_id}
            | {name: start[name] for name in START_GROUP}
            | {name: end[name] for name in END_GROUP}
        )
    return folded


def _start_rank(row: Row) -> tuple[Any, ...]:
    rank = (row["started_at"] is not None, row["_start_writer"], row["_start_seq"], row["_start_row"])
    return (*rank, *_ties(row, START_GROUP, ("_start_writer", "_start_seq", "_start_row")))


def _end_rank(row: Row) -> tuple[Any, ...]:
    ended = row["status"] in ("completed", "failed", "cancelled")
    rank = (ended, row["completed_at"] or LONG_AGO, row["_writer"], row["_seq"], row["_row"])
    return (*rank, *_ties(row, END_GROUP, ("completed_at", "_writer", "_seq", "_row")))


def _ties(row: Row, group: tuple[str, ...], rank: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    """What tells rows of one origin apart (a writer numbers its fragments by day): the group's other values in turn."""
    return ((False,) if row[name] is None else (True, row[name]) for name in group if name not in rank)
