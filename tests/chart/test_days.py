"""The charts over days."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from rpa_lab.chart.days import MOST_DAYS, duration_band, outcomes
from rpa_lab.report.block import Chart

if TYPE_CHECKING:
    import altair as alt

    from tests.chart.conftest import Draw


def _band(days: pl.DataFrame) -> alt.LayerChart:
    return duration_band(days, workflow_id="invoices", time_zone="Europe/Paris")


def _outcomes(days: pl.DataFrame) -> alt.LayerChart:
    return outcomes(days, workflow_id="invoices", time_zone="Europe/Paris")


def _rows(chart: alt.LayerChart) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]]
    (rows,) = chart.to_dict()["datasets"].values()
    return rows


def test_the_band_says_between_what_the_medians_lie_and_when_the_p95_peaked(days: pl.DataFrame, draw: Draw) -> None:
    chart = _band(days)
    title = chart.to_dict()["title"]
    assert title["text"] == [
        "The median run takes 38 s to 52 s by day;",
        "the 95th percentile peaks at 2 min 30 s on 7 Nov",
    ]
    assert "305 runs on 6 days" in title["subtitle"]
    assert "hollow: 1 day with fewer than 20 runs" in title["subtitle"]
    svg = draw(chart)
    assert "day (Europe/Paris)" in svg
    assert "duration of a run (s)" in svg


def test_no_peak_is_told_of_days_with_few_runs(days: pl.DataFrame, draw: Draw) -> None:
    one_long = days.with_columns(p95_ms=pl.when(pl.col("n") < 20).then(9e6).otherwise("p95_ms"))
    assert "peaks at 2 min 30 s on 7 Nov" in Chart.of(_band(one_long)).title
    few = days.with_columns(n=pl.lit(3))
    assert Chart.of(_band(few)).title == "The median run takes 38 s to 52 s by day"
    draw(_band(few))


def test_each_day_of_a_few_has_one_label(days: pl.DataFrame, draw: Draw) -> None:
    for number in range(1, 9):
        assert draw(_band(days)).count(f">0{number} Nov<") == 1


def test_a_day_without_runs_is_a_gap(days: pl.DataFrame) -> None:
    rows = _rows(_band(days))
    assert [row["at"][:10] for row in rows] == [f"2026-11-0{number}" for number in range(1, 9)]
    assert [row["p50"] for row in rows if row["n"] is None] == [None, None]


def test_days_are_the_calendar_days_of_the_frame(days: pl.DataFrame, draw: Draw) -> None:
    assert {row["at"] for row in _rows(_outcomes(days))} == {f"{day}T00:00:00Z" for day in days["day"]}
    assert "Nov" in draw(_outcomes(days))


def test_the_outcomes_count_what_did_not_complete(days: pl.DataFrame, draw: Draw) -> None:
    chart = _outcomes(days)
    assert Chart.of(chart).title == "13 of 305 runs did not complete (4.3 %), 10 of them on 7 Nov"
    svg = draw(chart)
    assert "cancelled" in svg
    assert "abandoned" not in svg  # there were none
    assert sum(row["runs"] for row in _rows(chart)) == 305


def test_no_days_and_one_day_are_drawn(days: pl.DataFrame, draw: Draw) -> None:
    for chart in (_band, _outcomes):
        assert "nothing to draw" in draw(chart(days.clear()))
        assert "nothing to draw" not in draw(chart(days.head(1)))
    assert "all" not in Chart.of(_outcomes(days.clear())).title.lower()
    assert Chart.of(_outcomes(days.head(1))).title == "All 40 runs completed"


def test_days_on_which_nothing_ended_are_left_out(days: pl.DataFrame, draw: Draw) -> None:
    nothing = days.with_columns(
        pl.lit(0).alias("n"),
        pl.lit(None, dtype=pl.Float64).alias("p50_ms"),
        pl.lit(None, dtype=pl.Float64).alias("p95_ms"),
        *(pl.lit(0).alias(status) for status in ("completed", "failed", "cancelled", "abandoned")),
    )
    assert "nothing to draw" in draw(_band(nothing))
    assert "nothing to draw" in draw(_outcomes(nothing))


def test_decades_of_days_are_cut_and_said(draw: Draw) -> None:
    n = 4_000
    long = pl.DataFrame(
        {
            "day": [date(2016, 1, 1) + timedelta(days=number) for number in range(n)],
            **{name: [30] * n for name in ("n", "completed", "failed", "cancelled", "abandoned")},
            "p50_ms": [1e3] * n,
            "p95_ms": [2e3] * n,
        }
    )
    for chart in (_band(long), _outcomes(long)):
        draw(chart)
        assert f"the last {MOST_DAYS:,} drawn" in chart.to_dict()["title"]["subtitle"]


def test_order_does_not_matter(days: pl.DataFrame) -> None:
    for chart in (_band, _outcomes):
        assert chart(days.reverse()).to_dict() == chart(days).to_dict()
