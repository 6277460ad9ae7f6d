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

RUNS = st.lists(
    st.tuples(strategies.words(), st.sampled_from(["completed", "failed", "cancelled"]), st.booleans()), max_size=12
)


@given(RUNS, st.booleans())
def test_every_run_is_recorded_whole(tmp_path_factory: Any, runs: list[tuple[str, str, bool]], compacted: bool) -> None:
    root = tmp_path_factory.mktemp("store")
    with MetricsCollector(root, flush_interval_sec=3600) as collector:
        before = time.time_ns()
        for number, (workflow, status, flush) in enumerate(runs):
            collector.record_execution_start(f"e{number}", workflow)
            if flush:
                assert collector.flush()
            collector.record_execution_complete(f"e{number}", status)
        after = time.time_ns()
    if compacted:
        compact(root, grace_s=0)

    rows = {row["execution_id"]: row for row in Lab(root).executions("all").to_dicts()}
    assert set(rows) == {f"e{number}" for number in range(len(runs))}
    for number, (workflow, status, _) in enumerate(runs):
        row = rows[f"e{number}"]
        assert (row["workflow_id"], row["status"]) == (workflow, status)
        assert before // 1_000_000_000 <= row["started_at"].timestamp() <= after / 1e9
        assert 0 <= row["duration_ms"] <= (after - before) / 1e6 + 0.001
        assert abs((row["completed_at"] - row["started_at"]).total_seconds() * 1000 - row["duration_ms"]) < 0.001
