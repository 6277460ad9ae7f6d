"""Executions and steps of one workflow as records, and executions as a frame."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from rpa_lab import ExecutionMetrics, StepMetrics

__all__ = ["AT", "HOUR", "IMPORTER", "execution", "frame", "step"]

AT = datetime(2026, 11, 3, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
IMPORTER = "i0123456789a"


def execution(execution_id: str, at: datetime = AT, *, status: str = "completed", **more: Any) -> ExecutionMetrics:
    end = None if status == "running" else at + timedelta(seconds=5)
    return ExecutionMetrics(execution_id, "w", at, end, None if end is None else 5000.0, status, 0, 0, 0, **more)


def step(execution_id: str, at: datetime = AT, **more: Any) -> StepMetrics:
    return StepMetrics(
        None, execution_id, "w", "n", "click", None, at, at + timedelta(seconds=1), 1000.0, "completed", **more
    )


def frame(*ids: str, at: datetime = AT) -> pl.DataFrame:
    rows = [{"execution_id": one, "workflow_id": "w", "started_at": at, "status": "completed"} for one in ids]
    return pl.DataFrame(rows)
