"""Property 6: for any workflow, the bottlenecks are the steps with the highest execution times."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab import PerformanceAnalyzer, TimeSeriesStore
from rpa_lab.storage.compaction import compact
from tests import oracles, strategies


@given(
    strategies.steps(min_size=1),
    st.sampled_from(["mean_duration_ms", "p95_duration_ms", "total_duration_ms"]),
    st.sampled_from([0.0, 0.5, 0.9, 0.95, 1.0]),
)
def test_no_step_left_out_takes_longer_than_one_named(
    tmp_path_factory: Any, steps: pl.DataFrame, by: str, percentile: float
) -> None:
    root = tmp_path_factory.mktemp("store")
    store = TimeSeriesStore(root)
    steps = steps.filter(pl.col("duration_ms").is_not_null())
    runs = steps.select("execution_id", "workflow_id", "started_at", pl.lit("completed").alias("status"))
    runs = runs.with_columns(duration_ms=pl.lit(timedelta(days=6) / timedelta(milliseconds=1)))  # most of it waiting
    store.write_frame("steps", steps)
    store.write_frame("executions", runs.unique("execution_id", keep="first", maintain_order=True))

    for workflow in steps["workflow_id"].unique():
        mine = steps.filter(workflow_id=workflow).to_dicts()
        values = oracles.value_by_node(mine, by=by)
        before = _steps(PerformanceAnalyzer(store).identify_bottlenecks(workflow, percentile, by=by))
        compact(root, grace_s=0)
        after = _steps(PerformanceAnalyzer(store).identify_bottlenecks(workflow, percentile, by=by))

        assert before == after == oracles.bottlenecks(values, threshold_percentile=percentile)
        if values:
            assert max(values, key=lambda node: values[node]) in before or values[before[0]] == max(values.values())
            left_out = [values[node] for node in values if node not in before]
            assert not left_out or max(left_out) <= min(values[node] for node in before)


def _steps(found: pl.DataFrame) -> list[str]:
    """The steps among the bottlenecks; waiting between them is a row of its own, and here the largest."""
    if found["waiting"].any():
        assert found["waiting"].to_list() == [True] + [False] * (found.height - 1)
    return found.filter(~pl.col("waiting"))["node_id"].to_list()
