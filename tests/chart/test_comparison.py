"""The chart of groups held against one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from rpa_lab.chart.comparison import comparison_intervals
from rpa_lab.report.block import Chart

if TYPE_CHECKING:
    import altair as alt

    from tests.chart.conftest import Draw

_HOSTILE = ["<b>x</b>", "${alert(1)}", "datum.n", "%Y", "a\nb", "'); alert(1); ('", "\\"]


@pytest.fixture
def table() -> pl.DataFrame:
    """Three versions by two metrics; 2.4 takes 9 s longer than 2.3, 2.5 can't be told apart from it."""
    return pl.DataFrame(
        {
            "metric": ["mean", "mean", "mean", "success_rate", "success_rate", "success_rate"],
            "group": ["2.3", "2.4", "2.5"] * 2,
            "value": [46e3, 55e3, 45e3, 97.0, 97.5, 91.0],
            "n": [900, 880, 60] * 2,
            "days": [28, 27, 3] * 2,
            "difference": [0.0, 9e3, -1e3, 0.0, 0.5, -6.0],
            "difference_low": [None, 7e3, -5e3, None, -1.0, -9.0],
            "difference_high": [None, 11e3, 3e3, None, 2.0, -3.0],
            "ratio": [1.0, 55 / 46, 45 / 46, 1.0, 1.005, 0.94],
            "ratio_low": [None, 1.15, 0.9, None, 0.99, 0.9],
            "ratio_high": [None, 1.25, 1.07, None, 1.02, 0.97],
            "q_value": [None, 0.0004, 0.4, None, 0.6, 0.02],
            "significant": [None, True, False, None, False, True],
        }
    )


def _draw(table: pl.DataFrame, **said: Any) -> alt.LayerChart:
    return comparison_intervals(table, **({"metric": "mean", "by": "workflow_version", "against": "2.3"} | said))


def _rows(chart: alt.LayerChart) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]]
    (rows,) = (rows for rows in chart.to_dict()["datasets"].values() if "note" in rows[0])
    return rows


def test_groups_stand_with_difference_interval_n_and_days(table: pl.DataFrame, draw: Draw) -> None:
    chart = _draw(table.reverse(), label="mean duration")

    assert Chart.of(chart).title == "Mean duration: “2.4” is 9 s above “2.3”; 1 of 2 differ surely"
    assert Chart.of(chart).subtitle.startswith("compared by workflow version against “2.3”: 46 s, n 900 on 28 days")
    assert [row["name"] for row in _rows(chart)] == ["2.4", "2.5"]
    assert [(row["value"], row["low"], row["high"]) for row in _rows(chart)] == [(9.0, 7.0, 11.0), (-1.0, -5.0, 3.0)]
    svg = draw(chart)
    assert "+9.00 s (+7.00 to +11.0) · n 880, 27 days" in svg
    assert "mean duration − that of “2.3” (s)" in svg


def test_ratios_are_drawn_around_one(table: pl.DataFrame, draw: Draw) -> None:
    chart = _draw(table, ratios=True)

    assert Chart.of(chart).title.startswith("Mean: “2.4” is 1.20 × “2.3”")
    assert "1.20 × (1.15 to 1.25)" in draw(chart)


def test_rates_differ_by_points(table: pl.DataFrame, draw: Draw) -> None:
    chart = _draw(table, metric="success_rate", unit="percent")

    assert Chart.of(chart).title == "Success rate: “2.5” is 6 points below “2.3”; 1 of 2 differ surely"
    assert "−6.00 points (−9.00 to −3.00)" in draw(chart)


def test_where_nothing_differs_surely_that_is_said(table: pl.DataFrame, draw: Draw) -> None:
    unsure = table.with_columns(significant=pl.lit(False))
    assert Chart.of(_draw(unsure)).title == "Mean: none of 2 differs surely from “2.3”"
    alone = unsure.filter(pl.col("group") != "2.5")
    assert Chart.of(_draw(alone)).title == "Mean: “2.4” and “2.3” don't differ surely"
    draw(_draw(alone))


def test_unknown_bounds_and_groups_are_drawn_without(table: pl.DataFrame, draw: Draw) -> None:
    none = pl.lit(None, dtype=pl.Float64)
    bare = table.with_columns(difference_low=none, difference_high=none, group=pl.col("group").replace("2.5", None))
    svg = draw(_draw(bare))
    assert "not known" in svg
    assert "+9.00 s · n 880, 27 days" in svg


def test_nothing_to_compare_is_said(table: pl.DataFrame, draw: Draw) -> None:
    assert "nothing to draw" in draw(_draw(table.filter(pl.col("group") == "2.3")))
    assert "nothing to draw" in draw(_draw(table.clear()))


def test_many_and_hostile_groups_are_drawn(table: pl.DataFrame, draw: Draw) -> None:
    for name in _HOSTILE:
        assert "<b>" not in draw(_draw(table.with_columns(group=pl.col("group").replace("2.4", name))))
    others = table.filter(pl.col("group") == "2.4")
    many = pl.concat([table, *(others.with_columns(group=pl.lit(f"{'x' * 80}{n}{'y' * 60}")) for n in range(40))])
    chart = _draw(many)
    assert len({row["name"] for row in _rows(chart)}) == 20
    assert "22 more not drawn" in Chart.of(chart).subtitle
    draw(chart)
