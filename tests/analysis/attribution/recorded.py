"""Stores of a workflow `w` whose runs are made by hand: what each of its steps took, on which day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from rpa_lab.storage.store import TimeSeriesStore
from tests import strategies

START = datetime(2026, 10, 1, tzinfo=UTC)


def run_of(name: str, day: int, ms: float, steps: list[tuple[str, float | None, int]], **said: Any) -> list[Any]:
    """An execution that starts at 9 o'clock on a day since October began, and its steps: node, ms, retries."""
    at = START + timedelta(days=day, hours=9)
    run: dict[str, Any] = {
        "execution_id": name,
        "workflow_id": "w",
        "status": "completed",
        "started_at": at,
        "duration_ms": ms,
    }
    run |= {"completed_at": at + timedelta(milliseconds=ms)} | said
    rows = [
        {"execution_id": name, "workflow_id": "w", "node_id": node, "action_type": "click", "status": "completed"}
        | {"started_at": run["started_at"], "completed_at": run["started_at"] + timedelta(milliseconds=took or 0)}
        | {"duration_ms": took, "retry_count": retries, "step_index": index}
        for index, (node, took, retries) in enumerate(steps)
    ]
    return [run, rows]


def store_of(folder: Path, runs: list[list[Any]], *, tz: str | None = None) -> TimeSeriesStore:
    """A store that holds these runs."""
    store = TimeSeriesStore(folder, tz=tz, as_of=datetime(2027, 3, 1, tzinfo=UTC))
    store.write_frame("executions", strategies.frame("executions", [run for run, _ in runs]))
    steps = [row for _, rows in runs for row in rows]
    if steps:
        store.write_frame("steps", strategies.frame("steps", steps))
    return store


def days_of(first: int, count: int, ms: float, *, per_day: int = 3, seed: int = 0, **said: Any) -> list[list[Any]]:
    """Runs of one step that take about so long; half a second of each is waited."""
    rng = np.random.default_rng(seed)
    return [
        run_of(f"{first}-{day}-{number}-{seed}", day, took + 500, [("submit", took, 0)], **said)
        for day in range(first, first + count)
        for number, took in enumerate((ms * (1 + rng.normal(0, 0.02, per_day))).tolist())
    ]
