"""Property 3: for any failed execution, the failure's reason, error details and context are recorded."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab import Lab, MetricsCollector
from rpa_lab.storage.compaction import compact
from tests import strategies
from tests.sessions import Call, play

ERRORS = st.sampled_from([ValueError, KeyError, TimeoutError, RuntimeError, LookupError])


@given(strategies.sessions(), st.booleans())
def test_every_failure_of_a_session_keeps_its_reason_details_and_context(
    tmp_path_factory: Any, calls: list[Call], compacted: bool
) -> None:
    root = tmp_path_factory.mktemp("store")
    with MetricsCollector(root, flush_interval_sec=3600) as collector:
        played = play(collector, calls)
    if compacted:
        compact(root, grace_s=0)

    rows = {row["execution_id"]: row for row in Lab(root).executions("all").to_dicts()}
    for execution_id, run in played.runs.items():
        row = rows[execution_id]
        assert (row["error_message"], row["error_details"]) == (run.error_message, run.error_details)
        assert json.loads(row["context"] or "{}") == {**run.context, **run.end_context}


@given(ERRORS, strategies.words(), strategies.json_objects(), st.booleans())
def test_a_failure_that_is_an_exception_keeps_its_traceback(
    tmp_path_factory: Any, kind: type[Exception], message: str, end: dict[str, Any], compacted: bool
) -> None:
    root, error = tmp_path_factory.mktemp("store"), kind(message)
    with MetricsCollector(root, flush_interval_sec=3600) as collector:
        with pytest.raises(kind) as caught, collector.execution("w", execution_id="e") as run:  # noqa: PT012 - both lines are the bot's
            run.context.update(end)
            raise error
        assert caught.value is error
    if compacted:
        compact(root, grace_s=0)

    row = Lab(root).executions("all").row(0, named=True)
    assert row["status"] == "failed"
    assert row["error_message"].startswith(kind.__name__)
    assert str(error).strip() in row["error_message"]
    assert "Traceback" in row["error_details"]
    assert __file__.rpartition("/")[2] in row["error_details"]
    assert set(json.loads(row["end_context"] or "{}", parse_constant=pytest.fail)) == set(end)
    assert row["exception_kind"] == "application"
