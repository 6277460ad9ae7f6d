"""Property 3: for any failed execution, the failure's reason, error details and context are recorded."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab import Lab, MetricsCollector
from rpa_lab.storage.compaction import compact
from tests import strategies

ERRORS = st.sampled_from([ValueError, KeyError, TimeoutError, RuntimeError, LookupError])


@given(ERRORS, strategies.words(), strategies.json_objects(), strategies.json_objects(), st.booleans())
def test_a_failure_keeps_its_reason_details_and_context(
    tmp_path_factory: Any,
    kind: type[Exception],
    message: str,
    start: dict[str, Any],
    end: dict[str, Any],
    compacted: bool,
) -> None:
    root, error = tmp_path_factory.mktemp("store"), kind(message)
    with MetricsCollector(root, flush_interval_sec=3600) as collector:
        with pytest.raises(kind) as caught, collector.execution("w", execution_id="e", context=start) as run:  # noqa: PT012 - both lines are the bot's
            run.context.update(end)
            raise error
        assert caught.value is error
    if compacted:
        compact(root, grace_s=0)

    row = Lab(root).executions("all").row(0, named=True)
    assert row["status"] == "failed"
    assert row["error_message"].startswith(kind.__name__)
    assert str(error) in row["error_message"] or row["error_message"] == kind.__name__
    assert "Traceback" in row["error_details"]
    assert __file__.rpartition("/")[2] in row["error_details"]
    assert json.loads(row["context"] or "{}", parse_constant=pytest.fail) == _as_json({**start, **end})
    assert row["exception_kind"] == "application"


def _as_json(value: Any) -> Any:
    """What JSON can hold of it: it knows no infinity."""
    if isinstance(value, dict):
        return {key: _as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_json(item) for item in value]
    return None if isinstance(value, float) and math.isinf(value) else value
