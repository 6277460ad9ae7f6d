"""What summaries answer is what the rows would have answered."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from rpa_lab import TimeSeriesStore
from rpa_lab.query import durations
from rpa_lab.query import from_summaries as from_summaries_module
from rpa_lab.query.engine import QueryEngine
from rpa_lab.query.from_summaries import from_summaries
from rpa_lab.query.query import Query
from tests import strategies
from tests.query.mixed import store_mixed, told_twice


@given(
    st.data(),
    st.one_of(
        st.tuples(st.just("executions"), strategies.executions(max_size=16)),
        st.tuples(st.just("steps"), strategies.steps(max_size=24)),
    ),
    strategies.storings(),
    st.lists(st.booleans(), max_size=16),
    strategies.moments(),
)
def test_summaries_and_rows_give_the_same_answer(
    tmp_path_factory: Any,
    data: st.DataObject,
    given_rows: tuple[str, pl.DataFrame],
    storing: list[tuple[int, str, int]],
    apart: list[bool],
    as_of: datetime,
) -> None:
    table, rows = given_rows
    root = tmp_path_factory.mktemp("store")
    store_mixed(root, table, told_twice(rows, apart) if table == "executions" else rows, storing)
    names = ["workflow_id", "status", *(["node_id"] if table == "steps" else [])]
    statistics = st.sampled_from(
        ["count", "sum", "avg", "min", "max", "std", "median", "p5", "p99.9", "count(duration_ms)"]
    )
    query = Query.of(
        table=table,
        group_by=data.draw(st.lists(st.sampled_from(names), max_size=2, unique=True)),
        metrics=["p95", *data.draw(st.lists(statistics, unique=True, max_size=4))],
        filters={name: {"ne": "completed"} for name in data.draw(st.lists(st.sampled_from(["status"]), max_size=1))},
        order=data.draw(st.sampled_from(["-n", "p95", ()])),
    )
    store = TimeSeriesStore(root, as_of=as_of)
    scanned = QueryEngine(store).query(query)
    with pytest.MonkeyPatch.context() as patch:
        for module in (durations, from_summaries_module):
            patch.setattr(module, "FEW_ROWS", -1)
        assert from_summaries(store, query, store.span("all")) is not None
        rolled = QueryEngine(store).query(query)

    assert_frame_equal(rolled.table, scanned.table, rel_tol=1e-9, abs_tol=1e-6)
    assert rolled.warnings == scanned.warnings


def test_a_percentile_of_durations_by_workflow_is_answered_from_summaries(
    root: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = TimeSeriesStore(root)
    asked = Query.of(table="steps", metrics=["p95", "count"], group_by="workflow_id", period="2026-11")
    assert from_summaries(store, asked, store.span("2026-11")) is None  # few rows are read at once
    monkeypatch.setattr(from_summaries_module, "FEW_ROWS", -1)
    assert from_summaries(store, asked, store.span("2026-11")) is not None
    for other in (
        {"metrics": "count"},
        {"metrics": ["p95", "success_rate"]},
        {"metrics": "p95(retry_count)"},
        {"metrics": "p95", "interval": "1h"},
        {"metrics": "p95", "group_by": "application"},
        {"metrics": "p95", "filters": {"retry_count": 0}},
        {},
    ):
        assert from_summaries(store, Query.of(table="steps", **other), store.span("2026-11")) is None
