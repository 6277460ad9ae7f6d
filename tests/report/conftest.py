"""A report with one block of each kind, and statistics of a workflow to write about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from rpa_lab import Lab
from rpa_lab.analysis.attribution.result import Attribution
from rpa_lab.analysis.before_after import periods_of
from rpa_lab.analysis.performance import PerformanceStats
from rpa_lab.chart.distribution import duration_distribution
from rpa_lab.report.block import Chart, Column, Kpi, Kpis, Table, Text
from rpa_lab.report.model import Provenance, Report, ReportPeriod
from rpa_lab.simulate import SlowStep, fleet
from rpa_lab.storage.store import TimeSeriesStore

MakeReport = Callable[[str], Report]
MakeStats = Callable[..., PerformanceStats]


@pytest.fixture(scope="session")
def make_report() -> MakeReport:
    """Makes a report in which a text stands wherever a text can stand."""

    def make(text: str) -> Report:
        bins = pl.DataFrame({"from_ms": [0.0, 5e3], "to_ms": [5e3, 10e3], "n": [60, 20]})
        chart = duration_distribution(bins, median_ms=4e3, p95_ms=9e3, workflow_id=text)
        columns = (Column(name="step", label=text), Column(name="mean_ms", label="mean", unit="ms"))
        return Report(
            title=text,
            summary=text,
            period=ReportPeriod(text=text, start="2026-11-01T00:00:00Z", end="2026-12-01T00:00:00Z"),
            provenance=Provenance(store=text, tz="UTC", as_of="2026-12-01T00:00:00Z", n=40),
            warnings=(text,),
        ).section(
            text,
            Text(text=f"{text}\n\nsecond paragraph"),
            Kpis(tiles=(Kpi(label=text, value=text, note=text, tone="good"),)),
            Chart.of(chart, note=text),
            Table(title=text, columns=columns, rows=((text, 1_500.0), (None, None)), note=text),
        )

    return make


@pytest.fixture(scope="session")
def make_stats() -> MakeStats:
    """Makes statistics of 400 runs, 390 of them completed; keywords replace fields."""

    def make(**fields: Any) -> PerformanceStats:
        steps = pl.DataFrame(
            {
                "node_id": ["login", "export"],
                "action_type": ["type", "click"],
                "n": [400, 395],
                "failed": [0, 2],
                "mean_duration_ms": [400.0, 1_200.0],
                "p95_duration_ms": [500.0, 2_000.0],
                "total_duration_ms": [160e3, 474e3],
                "self_duration_ms": [160e3, 474e3],
                "share": [0.252, 0.748],
            }
        )
        known: dict[str, Any] = {
            "workflow_id": "invoices",
            "time_period": "2026-11-01T00:00:00Z/2026-12-01T00:00:00Z",
            "tz": "UTC",
            "execution_count": 400,
            "completed": 390,
            "failed": 8,
            "cancelled": 2,
            "abandoned": 0,
            "running": 1,
            "success_rate": 97.5,
            "avg_duration_ms": 45e3,
            "median_duration_ms": 42e3,
            "p95_duration_ms": 95e3,
            "p99_duration_ms": 150e3,
            "min_duration_ms": 12e3,
            "max_duration_ms": 400e3,
            "std_dev_ms": 21e3,
            "slowest_steps": steps,
        }
        return PerformanceStats(**(known | fields))

    return make


@pytest.fixture(scope="session")
def nothing() -> dict[str, Any]:
    """The fields of statistics of a period in which nothing ended."""
    durations = ("avg_duration_ms", "median_duration_ms", "p95_duration_ms", "p99_duration_ms")
    counts = ("execution_count", "completed", "failed", "cancelled", "abandoned", "running")
    none = (*durations, "min_duration_ms", "max_duration_ms", "std_dev_ms", "success_rate")
    return dict.fromkeys(none) | dict.fromkeys(counts, 0)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """Eight weeks of two workflows, in the second four of which a step of one takes three times as long; its note."""
    slow = SlowStep(workflow_id="order_entry", node_id="fetch order", onset_day=28, factor=3)
    store = TimeSeriesStore(tmp_path_factory.mktemp("comparison") / "store", as_of="latest")
    fleet(56, 2, 7, end=date(2026, 11, 2), runs_per_day=30, faults=[slow], releases_per_month=2).write(store)
    store.note("the portal moved", workflow_id="order_entry", at=datetime(2026, 10, 5, 8, tzinfo=UTC))
    return Lab(store)


@pytest.fixture(scope="session")
def found(lab: Lab) -> Attribution:
    """Why the slow workflow is slow."""
    before, now = periods_of(lab.store, "all")
    return lab.attribution("order_entry", before, now, by="host")
