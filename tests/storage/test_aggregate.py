from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab import TimeSeriesStore
from rpa_lab.errors import UnknownNameError
from tests import strategies
from tests.storage.runs import AT, HOUR


@given(strategies.steps(), st.sampled_from(["avg", "sum", "count", "min", "max"]), st.booleans())
def test_aggregates_are_those_of_plain_python(
    tmp_path_factory: Any, steps: pl.DataFrame, aggregation: Any, filtered: bool
) -> None:
    store = TimeSeriesStore(tmp_path_factory.mktemp("store"))
    store.write_frame("steps", steps)
    filters = {"status": ["completed", "failed"], "retry_count": 0} if filtered else None
    span = (datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC))
    got = store.aggregate("steps.duration_ms", aggregation, ["node_id", "status"], *span, filters)

    groups: dict[tuple[str, str], list[float]] = {}
    for row in steps.to_dicts():
        if not filtered or (row["status"] in ("completed", "failed") and row["retry_count"] == 0):
            values = groups.setdefault((row["node_id"], row["status"]), [])
            values += [row["duration_ms"]] if row["duration_ms"] is not None else []
    function: dict[str, Callable[[list[float]], float | None]] = {
        "avg": lambda v: sum(v) / len(v) if v else None,
        "sum": sum,
        "count": len,
        "min": lambda v: min(v, default=None),
        "max": lambda v: max(v, default=None),
    }
    assert [row[:2] for row in got.rows()] == sorted(groups)
    for node, status, value, n in got.rows():
        values = groups[node, status]
        assert n == len(values)
        assert value == (
            None if function[aggregation](values) is None else pytest.approx(function[aggregation](values))
        )


def test_an_aggregate_of_what_does_not_exist_lists_what_does(root: Path) -> None:
    store, span = TimeSeriesStore(root), (AT, AT + HOUR)

    with pytest.raises(UnknownNameError, match="did you mean 'duration_ms'"):
        store.aggregate("steps.duration", "avg", [], *span)
    with pytest.raises(UnknownNameError, match="there is no aggregation 'average'"):
        store.aggregate("duration_ms", "average", [], *span)
    with pytest.raises(UnknownNameError, match="executions has no column 'node_id'"):
        store.aggregate("duration_ms", "avg", ["node_id"], *span)
    assert store.aggregate("duration_ms", "count", [], *span).rows() == [(0, 0)]
