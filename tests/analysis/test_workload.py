"""What is counted of each workflow, and of all together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import polars as pl

from rpa_lab.analysis.working_time import WorkingTime
from rpa_lab.analysis.workload import count_runs, count_steps, each_and_all, marked
from tests import strategies

AT = datetime(2026, 11, 3, 10, tzinfo=UTC)


def test_what_runs_is_neither_retried_nor_timed_and_negative_waits_are_none() -> None:
    common = {"workflow_id": "w", "started_at": AT}
    runs = strategies.frame(
        "executions",
        [
            {"execution_id": "a", "status": "completed", "duration_ms": 10.0, "queued_at": AT, **common},
            {"execution_id": "b", "status": "failed", "queued_at": AT + timedelta(seconds=1), **common},
            {"execution_id": "c", "status": "running", "queued_at": AT - timedelta(seconds=3), **common},
        ],
    )
    ids = pl.LazyFrame({"execution_id": ["a", "c", "elsewhere"]})
    row = count_runs(marked(runs.lazy(), retried=ids, working=WorkingTime()), tz="UTC").collect().row(0, named=True)
    assert (row["executions"], row["ended"], row["running"], row["retried"]) == (3, 2, 1, 1)
    assert (row["aht_n"], row["aht_ms"]) == (1, 10.0)
    assert (row["wait_n"], row["wait_mean_ms"], row["negative_waits"]) == (3, 1000.0, 1)


def test_all_together_count_also_what_belongs_to_no_workflow() -> None:
    steps = pl.LazyFrame(
        {
            "workflow_id": ["a", "b", None, "b"],
            "status": ["completed", "failed", "completed", "skipped"],
            "retry_count": [0, 2, 1, 5],
            "started_at": [AT] * 4,
        }
    )
    table = each_and_all(partial(count_steps, tz="UTC"), steps).collect().sort("workflow_id", nulls_last=True)
    assert table.select("workflow_id", "steps", "retried_steps").rows() == [("a", 1, 0), ("b", 1, 1), (None, 3, 2)]
