"""The heat maps of busy hours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from rpa_lab.chart.workload import busy_robots, busy_week
from rpa_lab.report.block import Chart

if TYPE_CHECKING:
    from tests.chart.conftest import Draw

HOUR_MS = 3_600_000.0


@pytest.fixture
def hours() -> pl.DataFrame:
    """Two robots in three hours of the week, two of each hour in the period."""
    return pl.DataFrame(
        {
            "robot": ["r1", "r1", "r1", "r2", "r2", "r2"],
            "weekday": [1, 1, 7, 1, 1, 7],
            "hour": [8, 9, 23, 8, 9, 23],
            "busy_ms": [HOUR_MS, 2 * HOUR_MS, 0.0, 0.0, HOUR_MS, 0.004 * HOUR_MS],
            "available_ms": [2 * HOUR_MS] * 6,
        }
    )


def test_the_week_says_when_robots_are_busiest(hours: pl.DataFrame, draw: Draw) -> None:
    chart = busy_week(hours, time_zone="Europe/Paris")
    assert Chart.of(chart).title == (
        "Robots are busiest on Monday from 9 to 10 (75 %); over the week they are busy 33 % of the time"
    )
    svg = draw(chart)
    assert "2 robots" in svg
    assert ">75<" in svg
    assert ">25<" in svg
    assert "null" not in svg
    assert "hour of the day (Europe/Paris)" in svg


def test_each_robot_has_its_row_the_busiest_first(hours: pl.DataFrame, draw: Draw) -> None:
    chart = busy_robots(hours, time_zone="UTC")
    assert Chart.of(chart).title == "r1 is the busiest robot (50 % of the time), r2 the idlest (17 %)"
    svg = draw(chart)
    for text in ("r1", "r2", "Mon", "Sun", "50 %", "17 %"):
        assert f">{text}<" in svg
    alike = hours.with_columns(busy_ms=pl.lit(HOUR_MS))
    assert Chart.of(busy_robots(alike, time_zone="UTC")).title == "All 2 robots are equally busy (50 % of the time)"
    one = hours.filter(robot="r1")
    assert Chart.of(busy_robots(one, time_zone="UTC")).title == "r1 is busy 50 % of the time"


def test_nothing_to_draw_and_a_whole_fleet(hours: pl.DataFrame, draw: Draw) -> None:
    for chart in (busy_week, busy_robots):
        assert "nothing to draw" in draw(chart(hours.clear(), time_zone="UTC"))
        draw(chart(hours.with_columns(busy_ms=pl.lit(0.0)), time_zone="UTC"))
    week = pl.DataFrame({"weekday": range(1, 8)}).join(pl.DataFrame({"hour": range(24)}), how="cross")
    names = pl.DataFrame({"robot": [f"a robot of a rather long name, number {number}" for number in range(40)]})
    fleet = names.join(week, how="cross").with_columns(busy_ms=pl.lit(HOUR_MS / 2), available_ms=pl.lit(HOUR_MS))
    assert "the 15 busiest drawn" in draw(busy_robots(fleet, time_zone="UTC"))
    draw(busy_week(fleet, time_zone="UTC"))
