"""Property 2: for any completed step, the metrics include action_type, target_element and execution_result."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rpa_lab import Lab, MetricsCollector, StepMetrics, TimeSeriesStore
from rpa_lab.storage.compaction import compact
from tests import strategies
from tests.sessions import Call, play


@given(strategies.sessions(), st.booleans())
def test_every_step_of_a_session_says_what_it_did_to_what_and_how_it_ended(
    tmp_path_factory: Any, calls: list[Call], compacted: bool
) -> None:
    root = tmp_path_factory.mktemp("store")
    with MetricsCollector(root, flush_interval_sec=3600) as collector:
        played = play(collector, calls)
    if compacted:
        compact(root, grace_s=0)

    rows = {row["step_id"]: row for row in Lab(root).steps("all").to_dicts()}
    assert len(rows) == sum(len(run.steps) for run in played.runs.values())
    for execution_id, run in played.runs.items():
        for index, said in enumerate(run.steps):
            row = rows[f"{execution_id}:{index}"]
            for name in ("node_id", "action_type", "target_element", "status"):
                assert row[name] == said[name]
            assert row["workflow_id"] == run.workflow_id
            assert row["duration_ms"] >= 0
            if said["error_details"] is None:
                assert row["error_details"] is None
            else:
                assert said["error_details"].strip() in row["error_details"]


@given(st.lists(strategies.step_metrics(), max_size=12), st.booleans(), st.booleans())
def test_every_step_says_what_it_did_to_what_and_how_it_ended(
    tmp_path_factory: Any, steps: list[StepMetrics], collected: bool, compacted: bool
) -> None:
    root = tmp_path_factory.mktemp("store")
    for number, step in enumerate(steps):
        step.step_id = f"s{number}"
    if collected:
        with MetricsCollector(root, flush_interval_sec=3600) as collector:
            for step in steps:
                collector.record_step(step)
    else:
        TimeSeriesStore(root).write_metrics(steps)
    if compacted:
        compact(root, grace_s=0)

    rows = {row["step_id"]: row for row in Lab(root).steps("all").to_dicts()}
    assert len(rows) == len(steps)
    for step in steps:
        row = rows[step.step_id]
        assert (row["action_type"], row["target_element"]) == (step.action_type, step.target_element)
        assert (row["status"], row["error_details"]) == step.execution_result
