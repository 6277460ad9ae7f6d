from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab import PerformanceAnalyzer, TimeSeriesStore
from rpa_lab.analysis.performance import duration_stats
from rpa_lab.errors import UnknownNameError
from tests import oracles, strategies

START, END = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC)


@given(strategies.executions(), st.sampled_from([None, "completed", "failed"]))
def test_statistics_are_numpys(executions: pl.DataFrame, status: str | None) -> None:
    row = duration_stats(executions.lazy(), status=status).collect().row(0, named=True)
    ended = executions.filter(pl.col("status") != "running" if status is None else pl.col("status") == status)
    values = ended["duration_ms"].drop_nulls().to_list()
    twin = oracles.duration_statistics(values)

    assert row["execution_count"] == len(values)
    pairs = {"avg": "mean", "median": "median", "p95": "p95", "p99": "p99", "min": "min", "max": "max"}
    for ours, theirs in pairs.items():
        expected = twin[theirs]
        assert row[f"{ours}_duration_ms"] == (None if expected is None else pytest.approx(expected, rel=1e-9, abs=1e-9))
    if len(values) > 1:
        assert row["std_dev_ms"] == pytest.approx(float(np.std(values, ddof=1)), rel=1e-9, abs=1e-6)
    else:
        assert row["std_dev_ms"] is None
    rate = oracles.success_rate(executions["status"].to_list())
    assert row["success_rate"] == (None if rate is None else pytest.approx(rate))


def _store(root: Path) -> TimeSeriesStore:
    store = TimeSeriesStore(root)
    at = datetime(2026, 11, 3, 10, tzinfo=UTC)
    runs, steps = [], []
    for n in range(10):
        began = at + timedelta(minutes=n)
        status = "failed" if n == 9 else "completed"
        runs.append(
            {
                "execution_id": f"e{n}",
                "workflow_id": "w",
                "started_at": began,
                "status": status,
                "duration_ms": 100.0 * (n + 1),
            }
        )
        for index, (node, ms) in enumerate([("open", 10.0), ("submit", 50.0 + n), ("close", 5.0)]):
            steps.append(
                {
                    "execution_id": f"e{n}",
                    "workflow_id": "w",
                    "node_id": node,
                    "action_type": "click",
                    "started_at": began,
                    "completed_at": began,
                    "duration_ms": ms,
                    "status": "completed",
                    "step_index": index,
                }
            )
    runs.append(
        {"execution_id": "live", "workflow_id": "w", "started_at": at, "status": "running", "duration_ms": None}
    )
    store.write_frame("executions", pl.DataFrame(runs))
    store.write_frame("steps", pl.DataFrame(steps))
    return store


def test_a_workflow_by_hand(root: Path) -> None:
    stats = PerformanceAnalyzer(_store(root)).analyze_workflow("w", START, END)

    assert (stats.execution_count, stats.completed, stats.failed, stats.abandoned) == (10, 9, 1, 1)
    assert (stats.avg_duration_ms, stats.median_duration_ms, stats.max_duration_ms) == (550.0, 550.0, 1000.0)
    assert stats.success_rate == pytest.approx(900 / 11)
    assert stats.time_period == "2026-10-01T00:00:00Z/2026-11-30T00:00:00Z"
    assert stats.slowest_steps["node_id"].to_list() == ["submit", "open", "close"]
    assert stats.slowest_steps["share"].sum() == pytest.approx(1.0)
    assert set(stats.slowest_steps.columns) >= {
        "node_id",
        "action_type",
        "n",
        "mean_duration_ms",
        "p95_duration_ms",
        "total_duration_ms",
        "share",
    }
    assert PerformanceAnalyzer(_store(root)).analyze_workflow("w", START, END, status="completed").execution_count == 9


def test_a_result_shows_itself_and_becomes_data(root: Path) -> None:
    stats = PerformanceAnalyzer(_store(root)).analyze("w", "all")

    assert stats.to_frame() is stats.slowest_steps
    assert json.loads(json.dumps(stats.to_dict()))["execution_count"] == 10
    html = stats._repr_html_()
    assert "550.0" in html
    assert "submit" in html


def test_a_period_without_runs_is_no_error_and_an_unknown_workflow_is(root: Path) -> None:
    analyzer = PerformanceAnalyzer(_store(root))
    stats = analyzer.analyze("w", "2026-10-05")

    assert (stats.execution_count, stats.avg_duration_ms, stats.success_rate) == (0, None, None)
    assert stats.slowest_steps.is_empty()
    for ask in (lambda: analyzer.analyze("v", "all"), lambda: analyzer.identify_bottlenecks("v")):
        with pytest.raises(UnknownNameError, match=r"the store has no workflow 'v'.*It has: w"):
            ask()
    with pytest.raises(UnknownNameError, match="no execution ends as 'done'"):
        analyzer.analyze("w", "all", status="done")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, ["submit"]),
        ({"threshold_percentile": 0.5}, ["submit", "open"]),
        ({"threshold_percentile": 0.0}, ["submit", "open", "close"]),
        ({"threshold_percentile": 1.0, "by": "total_duration_ms"}, ["submit"]),
        ({"period": "2026-11-03"}, ["submit"]),
        ({"period": "2026-11-04"}, []),
    ],
)
def test_bottlenecks_are_the_slowest_nodes(root: Path, asked: dict[str, Any], expected: list[str]) -> None:
    found = PerformanceAnalyzer(_store(root)).identify_bottlenecks("w", **asked)

    assert found["node_id"].to_list() == expected


def test_damage_is_said_in_the_result(root: Path) -> None:
    store = _store(root)
    store.files(table="steps")[0].write_bytes(b"damaged")

    stats = PerformanceAnalyzer(TimeSeriesStore(root)).analyze("w", "all")
    assert stats.execution_count == 10
    assert stats.warnings == ("steps 2026-11-03: 1 of 1 files are damaged and left out (see _quarantine.jsonl)",)
    assert "damaged" in stats._repr_html_()
