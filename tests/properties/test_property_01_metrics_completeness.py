"""Property 1: for any workflow execution, all required metrics are recorded.

These are execution_id, workflow_id, timestamps and duration.
"""

from __future__ import annotations

import time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rpa_lab import Lab, MetricsCollector
from rpa_lab.storage.compaction import compact
from tests import strategies
from tests.sessions import Call, play


@given(strategies.sessions(), st.booleans())
def test_every_run_is_recorded_whole(tmp_path_factory: Any, calls: list[Call], compacted: bool) -> None:
    root = tmp_path_factory.mktemp("store")
    with MetricsCollector(root, flush_interval_sec=3600) as collector:
        before = time.time_ns()
        played = play(collector, calls)
        after = time.time_ns()
    assert collector.stats()["recorded"] == collector.stats()["written"] == played.records
    if compacted:
        compact(root, grace_s=0)

    rows = {row["execution_id"]: row for row in Lab(root).executions("all").to_dicts()}
    assert set(rows) == set(played.runs)
    for execution_id, run in played.runs.items():
        row = rows[execution_id]
        assert (row["workflow_id"], row["status"]) == (run.workflow_id, run.status)
        assert before // 1_000_000_000 <= row["started_at"].timestamp() <= after / 1e9
        assert row["steps_total"] == run.steps_at_end
        if run.status == "running":
            assert (row["completed_at"], row["duration_ms"]) == (None, None)
        else:
            assert 0 <= row["duration_ms"] <= (after - before) / 1e6 + 0.001
            took_ms = (row["completed_at"] - row["started_at"]).total_seconds() * 1000
            assert abs(took_ms - row["duration_ms"]) < 0.001
