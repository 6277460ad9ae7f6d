"""The chart of success rates side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from rpa_lab.chart.rates import success_rates
from rpa_lab.report.block import Chart

if TYPE_CHECKING:
    import altair as alt

    from tests.chart.conftest import Draw


@pytest.fixture
def groups() -> pl.DataFrame:
    """Three workflows; nothing of the last one has ended."""
    return pl.DataFrame(
        {
            "workflow_id": ["payroll", "invoices", "new"],
            "ended": [200, 100, 0],
            "success_rate": [99.0, 91.0, None],
            "success_low": [96.4, 83.8, None],
            "success_high": [99.7, 95.2, None],
            "success_basis": ["days", "days", None],
            "first_attempt_rate": [95.0, 80.0, None],
        }
    )


def _rows(chart: alt.LayerChart) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]]
    (rows,) = chart.to_dict()["datasets"].values()
    return rows


def test_the_lowest_stands_first_with_its_interval(groups: pl.DataFrame, draw: Draw) -> None:
    chart = success_rates(groups)
    rows = _rows(chart)

    assert Chart.of(chart).title == "“invoices” succeeds least often: 91.0 % of 100 runs"
    assert Chart.of(chart).subtitle.startswith("300 runs that ended · line: 95 % interval, the long run")
    assert [row["name"] for row in rows] == ["invoices", "payroll"]
    assert rows[0]["between"] == "83.8 to 95.2 %"
    assert chart.to_dict() == success_rates(groups.reverse()).to_dict()
    draw(chart)


def test_none_one_and_equal_rates_are_drawn(groups: pl.DataFrame, draw: Draw) -> None:
    assert "nothing to draw" in draw(success_rates(groups.tail(1)))
    one = success_rates(groups.head(1))
    assert Chart.of(one).title == "“payroll” succeeds in 99.0 % of 200 runs"
    draw(one)
    same = success_rates(groups.with_columns(success_rate=pl.lit(100.0), success_low=pl.lit(90.0)).head(2))
    assert Chart.of(same).title == "All succeed equally often: 100 %"
    draw(same)


def test_names_that_are_missing_alike_or_hostile_stay_apart(groups: pl.DataFrame, draw: Draw) -> None:
    for names in ([None, "not known", None], ["v", "v", "v"], ["<b>x</b>", "</svg>", "%Y"]):
        chart = success_rates(groups.with_columns(workflow_id=pl.Series(names, dtype=pl.String)))
        assert len({row["name"] for row in _rows(chart)}) == 2
        assert "<b>" not in draw(chart)


def test_one_failed_run_of_one_is_no_finding(groups: pl.DataFrame) -> None:
    tiny = groups.head(1).with_columns(workflow_id=pl.lit("once"), ended=pl.lit(1, pl.Int64), success_rate=pl.lit(0.0))
    chart = success_rates(pl.concat([groups, tiny]))

    assert Chart.of(chart).title == "“invoices” succeeds least often: 91.0 % of 100 runs"
    assert [row["name"] for row in _rows(chart)] == ["invoices", "payroll", "once"]
