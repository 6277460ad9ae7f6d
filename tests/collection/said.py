"""Records as a collector makes them, and their rows as a flusher writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from rpa_lab.collection.buffer import Buffer, Record
from rpa_lab.collection.flusher import Flusher
from rpa_lab.collection.ledger import STEP_FIELDS

__all__ = ["AT", "complete", "flush", "rows", "start", "step"]

AT = datetime(2026, 11, 3, 10, tzinfo=UTC)
US = int(AT.timestamp() * 1_000_000)


def rows(root: Path, table: str) -> pl.DataFrame:
    files = sorted(root.glob(f"_journal/{table}/*/*.parquet"))
    return pl.read_parquet(files, glob=False)


def start(execution_id: str, *, at: int = US, began: float | None = 0.0, **more: Any) -> Record:
    return ("start", {"execution_id": execution_id, "workflow_id": "w", "started_at": at, **more}, began)


def complete(execution_id: str, *, monotonic: float = 1.0, **more: Any) -> Record:
    unsaid = dict.fromkeys(("started_at", "workflow_id", "completed_at", "duration_ms"))
    values = {"execution_id": execution_id, "status": "completed", **unsaid, **more}
    return ("complete", values, US + 5_000_000, monotonic)


def step(execution_id: str, **more: Any) -> Record:
    said = {"execution_id": execution_id, "node_id": "n", "action_type": "click", "status": "completed"}
    values = {**dict.fromkeys(STEP_FIELDS), **said, "duration_ms": 5.0, "retry_count": 0, **more}
    first = ("execution_id", "node_id", "action_type", "target_element", "duration_ms", "status")
    then = ("confidence_score", "retry_count")
    last = ("started_at", "completed_at", "error_details", "step_id", "step_index", "workflow_id", "application")
    rest = tuple(values[name] for name in last)
    return ("step", US * 1000, *(values[name] for name in (*first, *then)), *rest)


def flush(flusher: Flusher, buffer: Buffer, *records: Record) -> None:
    for record in records:
        buffer.add(record)
    flusher.flush(buffer)
