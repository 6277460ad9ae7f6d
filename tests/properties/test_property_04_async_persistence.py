"""Property 4: for any buffered metrics, they are eventually persisted to storage within the flush interval.

Nobody calls flush or close: what a bot records must get to disk by the collector's own thread. How soon that is on a
busy machine no test can say, so the wait is bounded generously; that the thread waits no longer than its interval is
shown by a second collector whose interval never ends in this test, and whose rows stay in memory.
"""

from __future__ import annotations

import time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rpa_lab import MetricsCollector, StepMetrics, TimeSeriesStore
from tests import strategies

SESSIONS = st.lists(
    st.tuples(
        st.sampled_from(["completed", "failed", "cancelled", "running"]),
        st.lists(strategies.step_metrics(execution_id="?", workflow_id="w"), max_size=4),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)
_INTERVAL_S = 0.02
_PATIENCE_S = 30.0


@settings(max_examples=20)
@given(SESSIONS)
def test_what_was_recorded_gets_to_disk_by_itself(
    tmp_path_factory: Any, sessions: list[tuple[str, list[StepMetrics], bool]]
) -> None:
    root, idle_root = tmp_path_factory.mktemp("store"), tmp_path_factory.mktemp("idle")
    collector = MetricsCollector(root, flush_interval_sec=_INTERVAL_S)
    idle = MetricsCollector(idle_root, flush_interval_sec=3600)
    for number, (status, steps, pause) in enumerate(sessions):
        for one in (collector, idle):
            one.record_execution_start(f"e{number}", "w")
            for step in steps:
                one.record_step(step)
            if status != "running":
                one.record_execution_complete(f"e{number}", status)
        if pause:
            time.sleep(_INTERVAL_S)  # so that some sessions span several flushes
    try:
        until = time.monotonic() + _PATIENCE_S
        while collector.stats()["written"] < collector.stats()["recorded"] and time.monotonic() < until:
            time.sleep(_INTERVAL_S)

        store = TimeSeriesStore(root)
        executions = store.read("executions")
        assert dict(executions.select("execution_id", "status").iter_rows()) == {
            f"e{number}": status for number, (status, _, _) in enumerate(sessions)
        }
        assert store.read("steps").height == sum(len(steps) for _, steps, _ in sessions)
        assert idle.stats()["written"] == 0
        assert TimeSeriesStore(idle_root).read("executions").is_empty()
    finally:
        collector.close()
        idle.close()
