"""Property 17: the differences between two workflows that are compared are mathematically correct."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab import TimeSeriesStore
from rpa_lab.analysis.comparison import ComparativeAnalyzer
from rpa_lab.query.engine import QueryEngine
from tests import oracles, strategies
from tests.query.mixed import seen, store_mixed

METRICS = {
    "success_rate": ("executions", "success_rate", None),
    "avg": ("executions", "avg", "duration_ms"),
    "p50": ("executions", "p50", "duration_ms"),
    "p95": ("executions", "p95", "duration_ms"),
    "sum": ("executions", "sum", "duration_ms"),
    "std": ("executions", "std", "duration_ms"),
    "count": ("executions", "count", None),
    "rate_per_hour": ("executions", "rate_per_hour", None),
    "sum(steps_total)": ("executions", "sum", "steps_total"),
    "avg(steps.retry_count)": ("steps", "avg", "retry_count"),
    "max(steps.duration_ms)": ("steps", "max", "duration_ms"),
    "success_rate(steps.status)": ("steps", "success_rate", None),
}
PERIOD = "2026-10-20/2026-10-30"
HOURS = 240.0


@given(
    strategies.executions(min_size=2, max_size=20),
    strategies.steps(),
    strategies.storings(),
    strategies.moments(),
    st.sampled_from(strategies.ZONES),
    st.data(),
)
def test_differences_and_ratios_are_those_of_the_figures_of_each_workflow(
    tmp_path_factory: Any,
    executions: pl.DataFrame,
    steps: pl.DataFrame,
    storing: list[tuple[int, str, int]],
    as_of: Any,
    tz: str,
    data: st.DataObject,
) -> None:
    """Against brute force over the rows, and against what a query says; held against whichever workflow."""
    names = [name for name in strategies.WORKFLOWS if name in set(executions["workflow_id"])]
    if len(names) < 2:
        return
    against = data.draw(st.sampled_from(names))
    root = tmp_path_factory.mktemp("store")
    store_mixed(root, "executions", executions, storing)
    TimeSeriesStore(root).write_frame("steps", steps)
    engine = QueryEngine(TimeSeriesStore(root, as_of=as_of, tz=tz))

    found = engine.compare(names, list(METRICS), "2026-10-20T00:00Z/2026-10-30T00:00Z", against=against)

    ordered = [against, *(name for name in names if name != against)]
    assert found.groups == tuple(ordered)
    rows = {"executions": seen("executions", executions, as_of=as_of), "steps": seen("steps", steps, as_of=as_of)}
    for metric, (table, aggregation, column) in METRICS.items():
        sides = [[row for row in rows[table] if row["workflow_id"] == name] for name in ordered]
        expected = oracles.compared(sides, aggregation, column, hours=[HOURS] * len(sides))
        got = found.table.filter(metric=metric).select("value", "n", "difference", "ratio").rows()
        assert len(got) == len(expected)
        for mine, theirs in zip(got, expected, strict=True):
            assert mine == tuple(None if one is None else pytest.approx(one, rel=1e-9, abs=1e-9) for one in theirs)
        asked = engine.query(
            {"table": table, "metrics": metric, "group_by": "workflow_id", "period": found.time_period}
        ).table
        of = {row["workflow_id"]: row for row in asked.to_dicts()}
        for name, (value, *_) in zip(ordered, got, strict=True):
            if name in of:
                said = next(of[name][key] for key in asked.columns if key.startswith(aggregation))
                assert value == (None if said is None else pytest.approx(said, rel=1e-9, abs=1e-9))
    whole = ComparativeAnalyzer(engine.ts_store).compare(
        "workflow", groups=names, metrics=list(METRICS), period=found.time_period, against=against
    )
    assert whole.table.equals(found.table)
