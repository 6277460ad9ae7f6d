"""Stores in which fragments, kept generations, published and archived days lie side by side, and what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from rpa_lab import TimeSeriesStore
from rpa_lab.storage.compaction import compact_day
from rpa_lab.storage.retention import archive_day
from tests.oracles import START_GROUP
from tests.strategies import frame

__all__ = ["DAYS", "put_away", "seen", "store_mixed", "told_twice"]

DAYS = tuple(date(2026, 10, 23) + timedelta(days=n) for n in range(5))
_SILENT = timedelta(minutes=15)


def store_mixed(root: Path, table: str, rows: pl.DataFrame, storing: Sequence[tuple[int, str, int]]) -> None:
    """Write rows a few at a time, and between do with their days what is to be done; the last time all that is left."""
    store, at = TimeSeriesStore(root), 0
    for number, (count, what, day) in enumerate(storing):
        some = rows.slice(at, count if number < len(storing) - 1 else None)
        at += some.height
        if some.height:
            store.write_frame(table, some)
        put_away(root, table, DAYS[day], what)


def put_away(root: Path, table: str, day: date, what: str) -> None:
    """Compact a day in part or in full, or archive it."""
    if what in ("tiered", "full"):
        compact_day(root, table, day, full=what == "full", grace_s=0)
    elif what == "archive":
        archive_day(root, table, day, grace_s=0)


def told_twice(executions: pl.DataFrame, apart: Sequence[bool]) -> pl.DataFrame:
    """The executions as bots tell them: some of those that ended as a start, and later an end that knows no start.

    The end of one that ran over midnight then lies on another day than its start.
    """
    said: list[dict[str, Any]] = []
    ends: list[dict[str, Any]] = []
    for row, is_apart in zip(executions.to_dicts(), [*apart, *[False] * executions.height], strict=False):
        if row["status"] == "running" or not is_apart:
            said.append(row)
            continue
        said.append(
            {name: row[name] for name in START_GROUP if name in row}
            | {"execution_id": row["execution_id"], "status": "running"}
        )
        ends.append({name: value for name, value in row.items() if name not in START_GROUP})
    return frame("executions", [*said, *ends])


def seen(table: str, rows: pl.DataFrame, *, as_of: datetime) -> list[dict[str, Any]]:
    """The rows as a reader must see them, who heard nothing of any collector."""
    found = rows.to_dicts()
    if table == "executions":
        for row in found:
            running = row["status"] == "running"
            row["last_seen_at"] = row["started_at"] if running else None
            if running and as_of - row["started_at"] > _SILENT:
                row["status"] = "abandoned"
    return found
