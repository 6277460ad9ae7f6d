"""The charts of promises and of hours saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from rpa_lab.chart.value import hours_saved, promises
from rpa_lab.report.block import Chart

if TYPE_CHECKING:
    from tests.chart.conftest import Draw


@pytest.fixture
def workflows() -> pl.DataFrame:
    """Three workflows: one that saves, one whose exceptions cost more than it saves, one of which nothing is known."""
    return pl.DataFrame(
        {
            "workflow_id": ["invoices", "orders", "payroll"],
            "cases_completed": [1000, 10, 50],
            "hours_replaced": [100.0, 1.0, None],
            "exception_hours": [10.0, 6.0, None],
            "hours_saved": [90.0, -5.0, None],
        }
    )


@pytest.fixture
def levels() -> pl.DataFrame:
    """A promise that was kept, one that was broken, one that nobody could break."""
    return pl.DataFrame(
        {
            "target": ["p95 ≤ 4min", "success rate ≥ 98 %", "completed by 06:00"],
            "workflow_id": [None, "invoices", None],
            "share": [95.0, 98.0, 100.0],
            "n": [200, 200, 0],
            "breaches": [2, 12, 0],
            "open": [0, 1, 3],
            "kept_percent": [99.0, 94.0, None],
            "low": [96.4, 89.8, None],
            "high": [99.7, 96.5, None],
            "kept": [True, False, None],
        },
        schema_overrides={"workflow_id": pl.String},
    )


def test_hours_are_told_of_those_workflows_for_which_they_are_known(workflows: pl.DataFrame, draw: Draw) -> None:
    chart = hours_saved(workflows, period="November 2026")
    assert Chart.of(chart).title == "The robots saved 85 hours of work; 100 % of that in invoices"
    svg = draw(chart)
    assert "1,010 completed cases of 2 workflows; 1 workflow without minutes by hand in the settings" in svg
    assert ">90 h<" in svg
    assert ">-5 h<" in svg
    assert "payroll" not in svg
    assert Chart.of(hours_saved(workflows[1:], period="")).title == "The robots cost 5 hours more than they saved"
    both = workflows.with_columns(hours_saved=pl.Series([-10.0, -5.0, None]))
    assert Chart.of(hours_saved(both, period="")).title == "The robots cost 15 hours more than they saved"


def test_promises_are_drawn_with_what_was_promised(levels: pl.DataFrame, draw: Draw) -> None:
    chart = promises(levels, period="November 2026")
    assert Chart.of(chart).title == "1 of 2 promises were broken, most clearly “success rate ≥ 98 %”"
    svg = draw(chart)
    assert "success rate ≥ 98 % · invoices" in svg
    assert "94.0 % · 12 of 200 broke it" in svg
    assert "completed by" not in svg
    assert Chart.of(promises(levels[:1], period="")).title == "The one promise was kept: p95 ≤ 4min"
    kept = levels.with_columns(kept=pl.lit(value=True))
    assert Chart.of(promises(kept, period="")).title == "All 2 promises were kept"


def test_nothing_to_draw(workflows: pl.DataFrame, levels: pl.DataFrame, draw: Draw) -> None:
    assert "nothing to draw" in draw(hours_saved(workflows[2:], period=""))
    assert "nothing to draw" in draw(promises(levels[2:], period=""))
    assert "nothing to draw" in draw(promises(levels.clear(), period=""))


def test_names_that_are_alike_stay_apart(levels: pl.DataFrame, workflows: pl.DataFrame, draw: Draw) -> None:
    twice = pl.concat([levels[:1], levels[:1]])
    assert "p95 ≤ 4min (2)" in draw(promises(twice, period=""))
    many = pl.concat([workflows[:1]] * 30)
    assert "the first 12 drawn" in draw(hours_saved(many, period=""))
