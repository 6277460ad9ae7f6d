"""Property 4: for any buffered metrics, they are eventually persisted to storage within the flush interval.

Nobody calls flush or close: what a bot records must get to disk by the collector's own thread. How soon that is on a
busy machine no test can say, so the wait is bounded generously; that the thread waits no longer than its interval is
shown by a second collector whose interval never ends in this test, and whose rows stay in memory.
"""

from __future__ import annotations

import time
from typing import Any

from hypothesis import given, settings

from rpa_lab import MetricsCollector, TimeSeriesStore
from tests import strategies
from tests.sessions import Call, play

_INTERVAL_S = 0.02
_PATIENCE_S = 30.0


@settings(max_examples=20)
@given(strategies.sessions())
def test_what_was_recorded_gets_to_disk_by_itself(tmp_path_factory: Any, calls: list[Call]) -> None:
    root, idle_root = tmp_path_factory.mktemp("store"), tmp_path_factory.mktemp("idle")
    collector = MetricsCollector(root, flush_interval_sec=_INTERVAL_S)
    idle = MetricsCollector(idle_root, flush_interval_sec=3600)
    try:
        said = [call for call in calls if call.kind != "flush"]
        half = len(said) // 2
        played = play(collector, said[:half])
        time.sleep(_INTERVAL_S)  # so that a session spans several flushes
        play(collector, said[half:], played)
        play(idle, said)
        until = time.monotonic() + _PATIENCE_S
        while collector.stats()["written"] < collector.stats()["recorded"] and time.monotonic() < until:
            time.sleep(_INTERVAL_S)

        store = TimeSeriesStore(root)
        executions = store.read("executions")
        assert dict(executions.select("execution_id", "status").iter_rows()) == {
            execution_id: run.status for execution_id, run in played.runs.items()
        }
        assert store.read("steps").height == sum(len(run.steps) for run in played.runs.values())
        assert idle.stats()["written"] == 0
        assert TimeSeriesStore(idle_root).read("executions").is_empty()
    finally:
        collector.close()
        idle.close()
