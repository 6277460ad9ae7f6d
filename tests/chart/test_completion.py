"""The chart of the time until runs complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from rpa_lab.analysis.competing import cumulative_incidence, median_time
from rpa_lab.chart.completion import completion_curve
from rpa_lab.report.block import Chart

if TYPE_CHECKING:
    import altair as alt

    from tests.chart.conftest import Draw


def _chart(times: list[float], causes: list[str]) -> alt.LayerChart:
    curve = cumulative_incidence(
        pl.DataFrame({"time_ms": times, "cause": causes}, schema={"time_ms": pl.Float64, "cause": pl.String})
    )
    return completion_curve(curve, median_ms=median_time(curve)[0], workflow_id="invoices", n=len(times))


def test_the_title_says_when_half_have_completed_and_how_many_do(draw: Draw) -> None:
    chart = _chart([1e3, 2e3, 3e3, 4e3], ["completed", "failed", "completed", "completed"])

    assert Chart.of(chart).title == "Half of all runs have completed after 3 s; 75 % do in the end"
    svg = draw(chart)
    assert "completed" in svg
    assert "failed" in svg
    assert "cancelled" not in svg  # there were none


def test_what_was_not_seen_to_the_end_is_not_claimed(draw: Draw) -> None:
    chart = _chart([1e3, 2e3, 3e3, 9e3], ["completed", "completed", "completed", "censored"])
    assert Chart.of(chart).title == "Half of all runs have completed after 2 s; 75 % by the longest seen"
    draw(chart)
    never = _chart([1e3, 2e3], ["failed", "failed"])
    assert Chart.of(never).title == "Fewer than half of all runs complete: 0 %"
    draw(never)


def test_of_runs_that_have_not_ended_nothing_is_told_yet(draw: Draw) -> None:
    running = _chart([1e3, 2e3], ["censored", "censored"])
    assert Chart.of(running).title == "Too early to tell: no run has ended yet"
    draw(running)
    mostly = _chart([1e3, 2e3, 3e3, 4e3], ["completed", "censored", "censored", "censored"])
    assert Chart.of(mostly).title == "Too early to tell how long half of the runs take: 25 % by the longest seen"


def test_no_run_one_run_and_runs_of_no_time_are_drawn(draw: Draw) -> None:
    assert "nothing to draw" in draw(_chart([], []))
    assert "nothing to draw" not in draw(_chart([1e3], ["completed"]))
    draw(_chart([0.0, 0.0], ["completed", "failed"]))
    draw(_chart([5.0], ["censored"]))


def test_a_curve_of_many_runs_is_thinned_and_keeps_its_shape(draw: Draw) -> None:
    rng = np.random.default_rng(3)
    times = rng.lognormal(10, 1, 30_000)
    causes = rng.choice(["completed", "failed", "cancelled"], 30_000, p=[0.9, 0.08, 0.02])
    chart = _chart(times.tolist(), causes.tolist())
    rows = max(chart.to_dict()["datasets"].values(), key=len)

    assert len(rows) <= 402
    assert rows[0]["completed_share"] == 0
    at = rows[len(rows) // 3]
    assert abs(at["completed_share"] - 0.9 * np.mean(times <= at["time_ms"])) < 0.01
    draw(chart)
