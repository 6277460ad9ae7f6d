"""The chart of steps that need self-healing more and more."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import polars as pl

from rpa_lab.analysis.healing_trend import healing_trends
from rpa_lab.chart.healing import healing_shares
from rpa_lab.report.block import Chart

if TYPE_CHECKING:
    import altair as alt

    from tests.chart.conftest import Draw


def _days(node: str, healed: list[int], *, visits: int = 50, workflow: str = "w") -> pl.DataFrame:
    on = [date(2026, 11, 1) + timedelta(days=number) for number in range(len(healed))]
    return pl.DataFrame({"workflow_id": workflow, "node_id": node, "day": on, "visits": visits, "healed": healed})


def _chart(days: pl.DataFrame) -> alt.LayerChart:
    return healing_shares(days, healing_trends(days.lazy()), scope="invoices", time_zone="Europe/Paris")


RISE, LEVEL = _days("form > submit", list(range(10))), _days("log in", [3, 2] * 5)


def test_the_step_that_rises_is_drawn_and_named(draw: Draw) -> None:
    chart = _chart(pl.concat([LEVEL, RISE]))
    (rows,) = chart.to_dict()["datasets"].values()

    assert Chart.of(chart).title == (
        "One step needs healing more and more; “submit” in 14 % of its visits, up from 4.0 %"
    )
    assert Chart.of(chart).subtitle == "invoices · 2 steps tested · 1,000 visits"
    assert {row["step"] for row in rows} == {"form › submit"}
    assert [row["share"] for row in rows] == [number / 50 for number in range(10)]
    assert "day (Europe/Paris)" in draw(chart)


def test_where_none_rises_the_one_healed_most_is_drawn(draw: Draw) -> None:
    chart = _chart(pl.concat([LEVEL, _days("rare", [1] * 10)]))
    (rows,) = chart.to_dict()["datasets"].values()

    assert Chart.of(chart).title == "No step needs healing more and more"
    assert {row["step"] for row in rows} == {"log in"}
    draw(chart)


def test_days_with_few_visits_are_hollow_and_said(draw: Draw) -> None:
    chart = _chart(RISE.with_columns(visits=pl.when(pl.col("healed") == 9).then(9).otherwise("visits")))
    assert Chart.of(chart).subtitle.endswith("hollow: fewer than 10 visits")
    draw(chart)


def test_nothing_healed_is_drawn(draw: Draw) -> None:
    chart = _chart(RISE.with_columns(healed=pl.lit(0)))
    assert Chart.of(chart).title == "No step needed healing often enough to tell a trend"
    assert "nothing to draw" in draw(chart)


def test_at_most_four_are_drawn_and_names_stay_apart(draw: Draw) -> None:
    many = pl.concat([_days("go", list(range(10)), workflow=f"flow {number}") for number in range(6)])
    chart = _chart(many)
    (rows,) = chart.to_dict()["datasets"].values()
    assert len({row["step"] for row in rows}) == 4
    assert Chart.of(chart).title.startswith("6 steps need healing more and more; “go”")
    hostile = _days("<b>x</b> > %Y", list(range(10)))
    assert "<b>" not in draw(_chart(hostile))
    draw(chart)
