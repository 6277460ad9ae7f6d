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
from rpa_lab.errors import InputError, UnknownNameError
from rpa_lab.inference.intervals import wilson_interval
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
    assert "550 ms" in html
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
    analyzer = PerformanceAnalyzer(_store(root))
    found = analyzer.identify_bottlenecks("w", **asked, waiting=False)
    beside = analyzer.identify_bottlenecks("w", **asked)

    assert found["node_id"].to_list() == expected
    assert beside.filter(~pl.col("waiting"))["node_id"].to_list() == expected


def test_waiting_is_a_bottleneck_where_it_takes_as_long(root: Path) -> None:
    """Runs of 100 to 1,000 ms, whose three steps all begin with the run: the longest, of 50 to 59 ms, covers them."""
    analyzer = PerformanceAnalyzer(_store(root))
    waiting = analyzer.waiting("w")
    waited = [100.0 * (n + 1) - (50.0 + n) for n in range(10)]

    assert (waiting.n, waiting.without_steps, waiting.unknown) == (10, 0, 1)  # the abandoned one has no duration
    assert waiting.mean_ms == pytest.approx(np.mean(waited))
    assert waiting.p95_ms == pytest.approx(np.percentile(waited, 95))
    assert waiting.share == pytest.approx(sum(waited) / 5500)
    for by, value in (("mean_duration_ms", np.mean(waited)), ("total_duration_ms", sum(waited))):
        found = analyzer.identify_bottlenecks("w", by=by)
        assert found.rows_by_key("waiting", named=True)[True][0][by] == pytest.approx(value)
        assert found["node_id"].to_list() == ["(waiting)", "submit"]

    everything = analyzer.identify_bottlenecks("w", 0.0, by="execution_share")
    assert everything["execution_share"].sum() == pytest.approx(1.0)
    assert analyzer.identify_bottlenecks("w", 0.5, by="execution_share").height == 3
    unknown = analyzer.identify_bottlenecks("w", 0.0, by="execution_share", waiting=False)
    assert unknown["execution_share"].null_count() == unknown.height


def test_short_waiting_is_no_bottleneck(root: Path) -> None:
    store = _store(root)
    at = datetime(2026, 11, 3, 10, tzinfo=UTC)
    run = {"execution_id": "e0", "workflow_id": "v", "started_at": at, "status": "completed", "duration_ms": 100.0}
    step = {"execution_id": "e0", "workflow_id": "v", "node_id": "n", "action_type": "a", "step_index": 0}
    step |= {"started_at": at, "completed_at": at, "duration_ms": 90.0, "status": "completed"}
    store.write_frame("executions", pl.DataFrame([run | {"execution_id": "v0"}]))
    store.write_frame("steps", pl.DataFrame([step | {"execution_id": "v0"}]))
    analyzer = PerformanceAnalyzer(store)

    assert analyzer.waiting("v").total_ms == 10.0
    assert analyzer.identify_bottlenecks("v")["node_id"].to_list() == ["n"]
    assert analyzer.identify_bottlenecks("v", by="execution_share")["execution_share"].to_list() == [0.9]


def test_a_step_that_is_called_waiting_is_a_step(root: Path) -> None:
    store = _store(root)
    step = {"execution_id": "e0", "workflow_id": "w", "node_id": "(waiting)", "action_type": "wait", "step_index": 9}
    at = datetime(2026, 11, 3, 10, tzinfo=UTC)
    step |= {"started_at": at, "completed_at": at, "duration_ms": 99.0, "status": "completed"}
    store.write_frame("steps", pl.DataFrame([step]))
    found = PerformanceAnalyzer(store).identify_bottlenecks("w")

    assert found.select("node_id", "action_type", "waiting").rows() == [
        ("(waiting)", None, True),
        ("(waiting)", "wait", False),
    ]


def test_steps_of_a_run_that_outlasts_the_period_are_read_to_their_end(root: Path) -> None:
    store = TimeSeriesStore(root)
    at = datetime(2026, 11, 3, 23, tzinfo=UTC)
    hour_ms = 3_600_000.0
    run = {"execution_id": "e", "workflow_id": "w", "started_at": at, "status": "completed", "duration_ms": 4 * hour_ms}
    store.write_frame("executions", pl.DataFrame([run]))
    step = {"execution_id": "e", "workflow_id": "w", "node_id": "n", "action_type": "a", "status": "completed"}
    begun = [at + timedelta(hours=hour) for hour in (0, 2)]
    steps = [
        step | {"started_at": each, "completed_at": each + timedelta(hours=1), "duration_ms": hour_ms, "step_index": n}
        for n, each in enumerate(begun)
    ]
    store.write_frame("steps", pl.DataFrame(steps))

    assert PerformanceAnalyzer(store).waiting("w", "2026-11-03").total_ms == 2 * hour_ms


def test_a_breakdown_says_how_far_each_figure_can_be_trusted(root: Path) -> None:
    analyzer = PerformanceAnalyzer(_store(root))
    found = analyzer.breakdown("w", by="step")

    assert found.to_frame() is found.table
    assert dict(found.table.select("node_id", "mean_ms").iter_rows()) == {"open": 10.0, "submit": 54.5, "close": 5.0}
    submit = found.table.row(by_predicate=pl.col("node_id") == "submit", named=True)
    assert (submit["n"], submit["p50_ms_low"], submit["p50_ms_high"]) == (10, 51.0, 58.0)  # the 2nd and 9th of 10
    assert (submit["p50_ms_basis"], submit["p95_ms_basis"]) == ("these runs only", None)
    runs = analyzer.breakdown(by=["workflow", "robot"], status="completed").table.row(0, named=True)
    assert (runs["workflow_id"], runs["robot_id"], runs["ended"], runs["n"]) == ("w", None, 11, 9)
    with pytest.raises(UnknownNameError, match="the store has no workflow 'v'"):
        analyzer.breakdown("v")


def test_each_figure_has_its_interval(root: Path) -> None:
    analyzer = PerformanceAnalyzer(_store(root))
    stats = analyzer.analyze("w", "all")
    plain = analyzer.analyze("w", "all", intervals=False)

    assert stats.days == 1
    assert stats.median_interval is not None
    assert (stats.median_interval.low, stats.median_interval.high) == (200.0, 900.0)
    assert str(stats.p95_interval) == "unknown: 10 of the 72 runs that an interval needs at least"
    assert stats.success_rate_interval is not None
    expected = wilson_interval(9, 11)
    assert (stats.success_rate_interval.low, stats.success_rate_interval.high) == pytest.approx(expected)
    assert stats.success_rate_interval.runs == 11
    assert "these runs only" in stats._repr_html_()
    assert (plain.days, plain.avg_interval, plain.success_rate_interval) == (None, None, None)
    assert (plain.avg_duration_ms, plain.p99_duration_ms) == (stats.avg_duration_ms, stats.p99_duration_ms)


def test_runs_of_which_nobody_knows_how_long_they_took_are_said(root: Path) -> None:
    at = datetime(2026, 11, 3, 10, tzinfo=UTC)
    runs = [
        {"execution_id": f"e{number}", "workflow_id": "w", "started_at": at, "status": status, "duration_ms": took}
        for number, (status, took) in enumerate([("completed", None), ("completed", 5.0), ("failed", None)])
    ]
    store = TimeSeriesStore(root, as_of=at + timedelta(hours=1))
    store.write_frame("executions", pl.DataFrame(runs))
    analyzer = PerformanceAnalyzer(store)
    every, failed = (analyzer.analyze("w", "all", status=status) for status in (None, "failed"))

    assert (every.execution_count, every.completed, every.failed) == (1, 2, 1)
    unknown = "it isn't known how long they took: execution_count and all durations are without them"
    assert every.warnings == (f"of 2 of the 3 runs that ended {unknown}",)
    assert failed.warnings == (f"of 1 of the 1 runs that ended failed {unknown}",)
    assert analyzer.analyze("w", "all", status="completed").warnings == (
        f"of 1 of the 2 runs that ended completed {unknown}",
    )


def test_the_mean_of_runs_that_all_took_as_long_is_not_taken_for_certain(root: Path) -> None:
    at = datetime(2026, 11, 3, 10, tzinfo=UTC)
    runs = [
        {"execution_id": f"e{n}", "workflow_id": "w", "started_at": at, "status": "completed", "duration_ms": 3000.0}
        for n in range(4)
    ]
    store = TimeSeriesStore(root, as_of=at + timedelta(hours=1))
    store.write_frame("executions", pl.DataFrame(runs))

    assert str(PerformanceAnalyzer(store).analyze("w", "all").avg_interval) == (
        "unknown: all 4 runs took equally long, which doesn't say how much runs differ"
    )


def _weeks(root: Path, *, slower: float) -> TimeSeriesStore:
    """Five weeks of ten runs a day up to 1 December, the last one slower."""
    rng = np.random.default_rng(0)
    end = datetime(2026, 12, 1, tzinfo=UTC)
    days = [(ago, rng.normal(0, 50)) for ago in range(35, 0, -1)]
    rows = [
        {
            "execution_id": f"e{ago}-{n}",
            "workflow_id": "w",
            "started_at": end - timedelta(days=ago) + timedelta(hours=8 + n),
            "status": "completed",
            "duration_ms": round((1000 + day + n) * (slower if ago <= 7 else 1.0), 3),
        }
        for ago, day in days
        for n in range(10)
    ]
    store = TimeSeriesStore(root, as_of=end)
    store.write_frame("executions", pl.DataFrame(rows))
    return store


def test_degradation_is_told_against_the_weeks_before(root: Path) -> None:
    analyzer = PerformanceAnalyzer(_weeks(root, slower=1.3))
    four, one = timedelta(weeks=4), timedelta(weeks=1)
    found = analyzer.detect_performance_degradation("w", four, one)

    assert found is not None
    assert (found.exceeds_threshold, found.significant) == (True, True)
    assert found.current_period == "2026-11-24T00:00:00Z/2026-12-01T00:00:00Z"
    assert found.baseline_period == "2026-10-27T00:00:00Z/2026-11-24T00:00:00Z"
    assert (found.baseline_runs, found.current_runs, found.baseline_days, found.current_days) == (280, 70, 28, 7)
    assert analyzer.detect_performance_degradation("w", four, one, 40.0) is None
    earlier = datetime(2026, 11, 24)  # noqa: DTZ001 - a naive time is read in the store's zone
    assert analyzer.detect_performance_degradation("w", timedelta(weeks=3), one, as_of=earlier) is None
    assert analyzer.compare_periods("w", four, one) == found
    assert analyzer.compare_periods("w", four, one, seed=1).p_value != found.p_value
    assert analyzer.compare_periods("w", four, one, seed=1).increase_ms == found.increase_ms


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ((timedelta(0), timedelta(1)), "baseline_period is datetime.timedelta.* expected a timedelta longer than 0"),
        ((timedelta(1), 7), "current_period is 7, expected a timedelta"),
        ((timedelta(1), timedelta(1), -1.0), "threshold_percent is -1.0, expected a number from 0 on"),
        ((timedelta(1), timedelta(1), float("nan")), "threshold_percent is nan"),
        ((timedelta(days=800_000), timedelta(1)), "before the year 1"),
    ],
)
def test_periods_and_thresholds_that_make_no_sense_are_refused(root: Path, asked: Any, said: str) -> None:
    analyzer = PerformanceAnalyzer(_weeks(root, slower=1.0))
    with pytest.raises(InputError, match=said):
        analyzer.compare_periods("w", *asked)
    with pytest.raises(UnknownNameError, match="the store has no workflow 'v'"):
        analyzer.detect_performance_degradation("v", timedelta(1), timedelta(1))


def test_damage_is_said_in_the_result(root: Path) -> None:
    store = _store(root)
    store.files(table="steps")[0].write_bytes(b"damaged")

    stats = PerformanceAnalyzer(TimeSeriesStore(root)).analyze("w", "all")
    assert stats.execution_count == 10
    assert stats.warnings[0] == "steps 2026-11-03: 1 of 1 files are damaged and left out (see _quarantine.jsonl)"
    assert "damaged" in stats._repr_html_()
