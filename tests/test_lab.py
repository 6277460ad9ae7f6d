from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from inspect import signature
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rpa_lab import (
    AttributionAnalyzer,
    ComparativeAnalyzer,
    ExecutionMetrics,
    HistoryAnalyzer,
    KpiAnalyzer,
    Lab,
    MetricsCollector,
    PerformanceAnalyzer,
    ReliabilityAnalyzer,
    TimeSeriesStore,
)
from rpa_lab.errors import InputError
from rpa_lab.query.durations import duration_table

AT = datetime(2026, 11, 3, 22, 30, tzinfo=UTC)


@pytest.fixture
def lab(root: Path) -> Lab:
    store = TimeSeriesStore(root)
    for n in range(4):
        at = AT + timedelta(hours=n)
        store.write_metrics(
            [
                ExecutionMetrics(
                    f"e{n}",
                    "invoices",
                    at,
                    at + timedelta(seconds=n),
                    1000.0 * n,
                    "completed",
                    0,
                    0,
                    0,
                    None,
                    {"a": n, "b": 1},
                    end_context={"b": 2} if n else {},
                )
            ]
        )
    return Lab(root, tz="Europe/Paris", as_of="latest")


def test_times_and_days_are_in_the_readers_zone(lab: Lab) -> None:
    assert lab.executions("all")["started_at"].dtype == pl.Datetime("us", "Europe/Paris")
    assert [str(day) for day in lab.daily("invoices", "all")["day"]] == ["2026-11-03", "2026-11-04"]
    assert lab.daily("invoices", "all")["n"].to_list() == [1, 3]
    assert lab.workflows("2026-11-04")["executions"].to_list() == [3]
    assert lab.workflows()["last_started_at"].dtype == pl.Datetime("us", "Europe/Paris")
    assert str(lab.span("2026-11-04")) == "2026-11-03T23:00:00Z/2026-11-04T23:00:00Z"


def test_context_is_what_was_said_at_the_start_and_at_the_end(lab: Lab) -> None:
    contexts = [json.loads(text) for text in lab.executions("all")["context"]]

    assert contexts == [{"a": 0, "b": 1}] + [{"a": n, "b": 2} for n in (1, 2, 3)]
    only = lab.executions("all", columns=["context", "execution_id"])
    assert only.columns == ["context", "execution_id"]
    assert json.loads(only["context"][1]) == {"a": 1, "b": 2}


def test_one_object_answers_what_an_analyst_asks(lab: Lab) -> None:
    assert lab.performance("invoices").execution_count == 4
    assert lab.bottlenecks("invoices").is_empty()
    assert lab.distribution("invoices")["n"].sum() == 4
    assert lab.steps("all").height == 0
    assert lab.scan("executions", "all").collect().height == 4
    assert lab.executions("all", workflow_id="payroll").height == 0


def test_what_is_asked_of_lab_is_answered_by_the_analysers(lab: Lab) -> None:
    store, all_time = lab.store, lab.span("all")
    performance, reliability, kpis = PerformanceAnalyzer(store), ReliabilityAnalyzer(store), KpiAnalyzer(store)

    assert lab.breakdown("invoices", "all").to_dict() == performance.breakdown("invoices", period=all_time).to_dict()
    assert lab.waiting("invoices", "all") == performance.waiting("invoices", all_time)
    assert lab.degradation("invoices", baseline="2d", current="24h").to_dict() == (
        performance.compare_periods("invoices", timedelta(days=2), timedelta(days=1)).to_dict()
    )
    durations = duration_table(store, "executions", all_time, by=["status"], quantiles=[0.5])
    assert lab.durations("executions", "all", by=["status"], quantiles=[0.5]).to_dict() == durations.to_dict()
    assert lab.reliability("invoices", "all").to_dict() == reliability.analyze("invoices", all_time).to_dict()
    assert lab.reliability_by("host", "all").equals(reliability.breakdown(by="host", period=all_time))
    assert lab.failures("invoices", "all").to_dict() == reliability.failures("invoices", all_time).to_dict()
    assert lab.failed_runs("invoices", "all").equals(reliability.failed_runs("invoices", all_time))
    assert lab.messages("invoices", "all").equals(reliability.messages("invoices", all_time))
    assert lab.recoveries("invoices", "all").to_dict() == reliability.recoveries("invoices", all_time).to_dict()
    assert lab.time_to_completion("invoices", "all").to_dict() == (
        reliability.time_to_completion("invoices", all_time).to_dict()
    )
    assert lab.kpis("invoices", "all").to_dict() == kpis.kpis("invoices", all_time).to_dict()
    assert lab.kpi_table("all").equals(kpis.workflows(all_time))
    assert lab.robots("all")["robot"].equals(kpis.robots(all_time)["robot"])
    assert lab.service_levels("all").equals(kpis.service_levels(all_time))


def test_what_changed_is_answered_by_the_analysers_too(lab: Lab) -> None:
    store, before, now = lab.store, lab.span("2026-11-03"), lab.span("2026-11-04")
    attributing, history = AttributionAnalyzer(store), HistoryAnalyzer(store)

    found = lab.attribution("invoices", "2026-11-03", "2026-11-04")
    assert found.to_dict() == attributing.attribute("invoices", before, now).to_dict()
    assert found.change_ms == pytest.approx(2000.0)  # runs of 1, 2 and 3 s against one of 0 s
    assert lab.attribution("invoices", "24h", "2026-11-04").to_dict() == found.to_dict()
    assert lab.attribution("invoices", current="2026-11-04").to_dict() == found.to_dict()
    assert lab.attributions(before, now).to_dict() == attributing.attribute_all(before, now).to_dict()
    days: dict[str, Any] = {"by": "period", "groups": ["2026-11-03", "2026-11-04"], "workflow_id": "invoices"}
    assert lab.compare(**days).to_dict() == ComparativeAnalyzer(store).compare(**days).to_dict()
    assert lab.compare(**days, metrics="count").table["value"].to_list() == [1, 3]
    change_id = lab.note("new selector", workflow_id="invoices", at="2026-11-04", kind="selector")
    assert store.read("changes")["change_id"].to_list() == [change_id]
    assert lab.history("invoices", "all").to_dict() == history.history("invoices", "all").to_dict()
    assert "new selector" in lab.history("invoices", "all").events["text"]
    assert lab.history_chart("invoices", "all").to_dict()["title"] is not None
    assert lab.attribution_chart("invoices", before, now).title.text.startswith("Runs take 2 s longer")
    with pytest.raises(InputError, match="period is '7d' without versions"):
        lab.attribution("invoices", period="7d")
    with pytest.raises(InputError, match="current is '2026-11' beside versions"):
        lab.attribution("invoices", current="2026-11", versions=("1", "2"))
    with pytest.raises(InputError, match="no run of invoices says by which version it was done"):
        lab.attribution("invoices", versions=("0", "2"))
    assert lab.change_points(None, "all").to_dict() == history.change_points(period="all").to_dict()


@pytest.mark.parametrize(
    "name",
    [
        *("breakdown", "reliability", "failures", "failed_runs", "messages", "recoveries", "kpis", "performance"),
        *("waiting", "history", "change_points"),
    ],
)
def test_every_analysis_takes_the_workflow_first_and_then_the_period(lab: Lab, name: str) -> None:
    assert [*signature(getattr(lab, name)).parameters][:2] == ["workflow_id", "period"]
    assert getattr(lab, name)("invoices", "2026-11") is not None


def test_performance_and_reliability_are_broken_down_by_the_same_words(lab: Lab) -> None:
    for word in ("workflow", "version", "robot", "host"):
        performance, reliability = lab.breakdown(None, "all", by=word).table, lab.reliability_by(word, "all")
        assert performance["ended"].sum() == reliability["ended"].sum() == 4
    assert "attempts_per_case" in reliability.columns


def test_a_query_that_was_asked_before_is_answered_from_memory(lab: Lab) -> None:
    first = lab.query(metrics="median", group_by="workflow_id", period="all")
    again = lab.query(metrics="median", group_by="workflow_id", period="all")

    assert first.table["median_duration_ms"].to_list() == [1500.0]
    assert again.to_dict() == first.to_dict()
    assert lab.engine.cache.hits == 1


def test_lengths_of_periods_are_said_in_words(lab: Lab) -> None:
    with pytest.raises(InputError, match="baseline is '2026-11', expected a length such as '28d'"):
        lab.degradation("invoices", baseline="2026-11")


def test_it_shows_itself(lab: Lab, tmp_path: Path) -> None:
    assert "invoices" in lab._repr_html_()
    assert "nothing recorded yet" in Lab(tmp_path / "<empty>")._repr_html_()
    assert "&lt;empty&gt;" in Lab(tmp_path / "<empty>")._repr_html_()
    assert "Europe/Paris" in repr(lab)
    assert {"workflows", "performance", "bottlenecks", "executions", "steps", "scan"} <= set(dir(lab))


def test_a_store_or_a_path_will_do(lab: Lab) -> None:
    assert Lab(lab.store).tz == "Europe/Paris"
    assert Lab(lab.store, tz="Asia/Tokyo").tz == "Asia/Tokyo"
    assert Lab(str(lab.store.root)).tz == "UTC"


def test_what_ran_just_now_is_in_the_last_day(root: Path) -> None:
    with MetricsCollector(root) as collector, collector.execution("w"):
        pass

    assert Lab(root).workflows("24h")["executions"].to_list() == [1]
