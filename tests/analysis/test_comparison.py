"""Tests of comparing workflows, robots, steps, periods and any other sides of a store."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rpa_lab import TimeSeriesStore
from rpa_lab.analysis.comparison import METRICS, ComparativeAnalyzer
from rpa_lab.errors import InputError, UnknownNameError
from rpa_lab.query.engine import QueryEngine
from rpa_lab.result import Result
from rpa_lab.simulate import fleet
from tests.strategies import frame

AT = datetime(2026, 11, 3, 10, tzinfo=UTC)
NOVEMBER = "2026-11"
FLEET_END = date(2026, 11, 2)


def _run(name: str, *, robot: str | None, ms: float, status: str = "completed", day: int = 0) -> dict[str, object]:
    at = AT + timedelta(days=day)
    known = {"robot_id": robot, "workflow_version": "2.3" if day == 0 else "2.4", "host": "vm-1"}
    return {
        "execution_id": name,
        "workflow_id": "invoices",
        "status": status,
        "started_at": at,
        "completed_at": at + timedelta(milliseconds=ms),
        "duration_ms": ms,
        **known,
    }


@pytest.fixture
def store(tmp_path: Path) -> TimeSeriesStore:
    runs = [
        _run("a", robot="r1", ms=10_000),
        _run("b", robot="r1", ms=14_000, day=1),
        _run("c", robot="r2", ms=18_000),
        _run("d", robot="r2", ms=2_000, status="failed", day=1),
        _run("e", robot="r2", ms=22_000, day=1),
        _run("f", robot=None, ms=1_000, day=1),
    ]
    steps = [
        {"execution_id": run, "workflow_id": "invoices", "node_id": node, "action_type": "click", "status": "completed"}
        | {"retry_count": retries, "step_index": number, "duration_ms": 100.0 * (number + 1)}
        | {"started_at": AT, "completed_at": AT}
        for number, (run, node, retries) in enumerate([("a", "open", 0), ("a", "send", 1), ("c", "open", 3)])
    ]
    found = TimeSeriesStore(tmp_path / "store", as_of=AT + timedelta(days=5))
    found.write_frame("executions", frame("executions", runs))
    found.write_frame("steps", frame("steps", steps))
    return found


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> TimeSeriesStore:
    """Two workflows over eight weeks; in the last four the runs of one take 1.5 times as long."""
    made = fleet(56, 2, 5, end=FLEET_END, runs_per_day=30, faults=(), closed=(), releases_per_month=0)
    change = datetime(2026, 10, 5, tzinfo=UTC)
    name = made.executions["workflow_id"].min()
    slow = (pl.col("workflow_id") == name) & (pl.col("started_at") >= change)
    store = TimeSeriesStore(tmp_path_factory.mktemp("fleet"), as_of="latest")
    store.write_frame(
        "executions", made.executions.with_columns(pl.col("duration_ms") * pl.when(slow).then(1.5).otherwise(1.0))
    )
    return store


def test_robots_are_compared_by_completed_runs_with_their_success_rate_beside(store: TimeSeriesStore) -> None:
    found = ComparativeAnalyzer(store).compare("robot", groups=["r1", "r2"], period=NOVEMBER)

    assert isinstance(found, Result)
    assert (found.by, found.groups, found.against, found.metrics) == ("robot", ("r1", "r2"), "r1", METRICS)
    assert found.table.select("metric", "group", "value", "n", "days", "difference", "ratio").rows() == [
        ("success_rate", "r1", 100.0, 2, 2, 0.0, 1.0),
        ("success_rate", "r2", pytest.approx(200 / 3), 3, 2, pytest.approx(-100 / 3), pytest.approx(2 / 3)),
        ("avg of completed", "r1", 12_000.0, 2, 2, 0.0, 1.0),
        ("avg of completed", "r2", 20_000.0, 2, 2, 8_000.0, pytest.approx(5 / 3)),
        ("p50 of completed", "r1", 12_000.0, 2, 2, 0.0, 1.0),
        ("p50 of completed", "r2", 20_000.0, 2, 2, 8_000.0, pytest.approx(5 / 3)),
        ("p95 of completed", "r1", pytest.approx(13_800), 2, 2, 0.0, 1.0),
        ("p95 of completed", "r2", pytest.approx(21_800), 2, 2, pytest.approx(8_000), pytest.approx(218 / 138)),
    ]
    assert found.table["p_value"].to_list() == [None] * 8
    assert found.sentence == (
        "Whether anything differs from r1 can't be told: 5 days with runs a side are needed, and there are 2."
    )
    three = "“avg of completed”, “p50 of completed” and “p95 of completed”"
    assert found.counted == f"{three} are of completed executions only"
    asked = ComparativeAnalyzer(store).compare("robot", groups=["r1", "r2"], period=NOVEMBER, metrics="avg")
    assert asked.table["value"].to_list() == [12_000.0, 14_000.0]
    assert "failed ones too" in asked.counted


def test_all_groups_of_the_period_are_compared_and_rows_without_one_are_said(store: TimeSeriesStore) -> None:
    analyzer = ComparativeAnalyzer(store)
    found = analyzer.compare("robot_id", period=NOVEMBER, metrics="count")

    assert found.groups == ("r2", "r1")  # most runs first
    assert "1 rows of executions say no robot_id: they are in no group" in found.warnings
    assert analyzer.compare("robot", period=NOVEMBER, metrics="count", against="r1").groups == ("r1", "r2")
    assert analyzer.compare("workflow_version", period=NOVEMBER, metrics="avg").groups == ("2.3", "2.4")
    with pytest.raises(InputError, match="nothing to compare: of host the period has vm-1, expected two or more"):
        analyzer.compare("host", period=NOVEMBER)


def test_steps_are_told_apart_by_what_their_executions_say(store: TimeSeriesStore) -> None:
    analyzer = ComparativeAnalyzer(store)
    by_robot = analyzer.compare("robot", groups=["r1", "r2"], metrics="avg(steps.retry_count)", period=NOVEMBER)
    by_step = analyzer.compare("step", groups=["open", "send"], metrics=["avg", "count"], period=NOVEMBER)
    of_robot = analyzer.compare("step", metrics="count", period=NOVEMBER, filters={"robot_id": "r1"})

    assert by_robot.table.select("value", "n").rows() == [(0.5, 2), (3.0, 1)]
    assert by_step.table["value"].to_list() == [200.0, 200.0, 2.0, 1.0]
    assert of_robot.table.select("group", "n").rows() == [("open", 1), ("send", 1)]
    assert analyzer.compare("step", period=NOVEMBER).metrics[3] == "avg(retry_count)"
    assert not any("pooled" in text for text in by_step.warnings)  # of one workflow
    with pytest.raises(UnknownNameError, match="executions has no column 'node_id'"):
        analyzer.compare("step", metrics="avg(executions.duration_ms)", period=NOVEMBER)


def test_any_sides_are_compared_each_with_its_own_rows_and_period(store: TimeSeriesStore) -> None:
    sides: dict[str, dict[str, Any]] = {
        "first robot": {"filters": {"robot_id": "r1"}},
        "other robot, second day": {"filters": {"robot_id": "r2"}, "period": "2026-11-04"},
        "all": {"workflow_id": "invoices"},
    }
    found = ComparativeAnalyzer(store).compare(sides=sides, metrics=["count", "avg"], period=NOVEMBER)

    assert found.by == "side"
    assert found.table["value"].to_list() == [2.0, 2.0, 6.0, 12_000.0, 12_000.0, pytest.approx(67_000 / 6)]
    assert any("overlap" in text for text in found.warnings)
    mistakes: tuple[tuple[dict[str, dict[str, Any]], str], ...] = (
        ({"a": {}, "b": {"filter": {}}}, "side 'b' has no 'filter'; did you mean 'filters'"),
        ({"a": {}, "b": {"workflow_id": "invoice"}}, "the store has no workflow 'invoice'; did you mean 'invoices'"),
    )
    for wrong, message in mistakes:
        with pytest.raises(UnknownNameError, match=message):
            ComparativeAnalyzer(store).compare(sides=wrong, period=NOVEMBER)
    with pytest.raises(InputError, match="expected one of the two"):
        ComparativeAnalyzer(store).compare(sides=sides, groups=["a", "b"])


def test_what_cannot_be_compared_is_said(store: TimeSeriesStore) -> None:
    analyzer = ComparativeAnalyzer(store)
    with pytest.raises(UnknownNameError, match=r"the store has no robot 'r3'\. It has: r1, r2"):
        analyzer.compare("robot", groups=["r1", "r3"], period=NOVEMBER)
    with pytest.raises(UnknownNameError, match="there are no groups by 'robots'; did you mean 'robot'"):
        analyzer.compare("robots")
    with pytest.raises(UnknownNameError, match="the store has no workflow 'x'"):
        analyzer.compare("robot", workflow_id="x")
    for groups in ("r1", ["r1"], ["r1", "r1"]):
        with pytest.raises(InputError, match="expected two or more"):
            analyzer.compare("robot", groups=groups, period=NOVEMBER)
    with pytest.raises(InputError, match="against is 'r3', expected one of the groups: r1, r2"):
        analyzer.compare("robot", groups=["r1", "r2"], against="r3", period=NOVEMBER)
    for level in (0.4, 1.0, True):
        with pytest.raises(InputError, match="level is"):
            analyzer.compare("robot", groups=["r1", "r2"], level=level, period=NOVEMBER)
    with pytest.raises(InputError, match="expected two periods or more"):
        analyzer.compare("period", groups=["2026-11"])
    quiet = analyzer.compare("robot", groups=["r1", "r2"], period="2026-09")
    assert quiet.table["value"].to_list() == [None] * 8


def test_periods_show_what_became_slower_and_say_it(worked: TimeSeriesStore) -> None:
    slow, same = worked.workflow_ids()
    periods = ["2026-09-07/2026-10-05", "2026-10-05/2026-11-02"]
    analyzer = ComparativeAnalyzer(worked)
    found = analyzer.compare("period", groups=periods, workflow_id=slow, metrics=["avg of completed", "success_rate"])
    calm = analyzer.compare("period", groups=periods, workflow_id=same, metrics=["avg of completed", "success_rate"])

    row = found.table.row(1, named=True)
    assert row["significant"]
    assert row["basis"] == "days"
    assert row["ratio_low"] < 1.5 < row["ratio_high"]
    assert row["effect"] > row["effect_low"] > 0.1
    assert not calm.table["significant"].any()
    assert calm.sentence == (
        f"Nothing differs from {periods[0]} by more than chance explains (2 differences looked at, 95 %)."
    )
    assert found.sentence.startswith(
        f"1 of 2 differences from {periods[0]} is more than chance explains (95 %): mean duration of completed runs: "
        f"{periods[1]} is {(row['ratio'] - 1) * 100:.0f} % above {periods[0]} ("
    )
    assert f"; 95 %: {(row['ratio_low'] - 1) * 100:.0f} % to " in found.sentence


def test_the_engine_says_the_same_of_workflows(worked: TimeSeriesStore) -> None:
    names, metrics = worked.workflow_ids(), ["p50", "p95 of completed", "rate_per_hour"]
    by_engine = QueryEngine(worked).compare(names, metrics, "2026-10")
    by_analyzer = ComparativeAnalyzer(worked).compare(groups=names, metrics=metrics, period="2026-10")

    assert by_engine.table.equals(by_analyzer.table)
    assert by_engine.table.equals(QueryEngine(worked).compare(names, metrics, "2026-10").table)
    other = QueryEngine(worked).compare(names, metrics, "2026-10", seed=1).table
    assert not other.equals(by_engine.table)
    assert other["value"].equals(by_engine.table["value"])
    backwards = QueryEngine(worked).compare(names, metrics, "2026-10", against=names[1])
    turned = backwards.table.filter(group=names[0]).to_dicts()
    for there, back in zip(by_engine.table.filter(group=names[1]).to_dicts(), turned, strict=True):
        assert back["difference"] == pytest.approx(-there["difference"])
        assert back["ratio"] == pytest.approx(1 / there["ratio"])
        assert back["effect"] == pytest.approx(-there["effect"])
        assert back["p_value"] == there["p_value"]
        assert back["difference_low"] == pytest.approx(-there["difference_high"], rel=0.02)


def test_it_reads_well_in_a_notebook(worked: TimeSeriesStore) -> None:
    html = ComparativeAnalyzer(worked).compare(period="2026-10", metrics=["success_rate", "avg", "count"])._repr_html_()

    assert " points</td>" in html or " points<br>" in html
    assert " ms" in html or " s<" in html
    assert "<b>Comparison</b>" in html
    assert ">unit<" not in html
