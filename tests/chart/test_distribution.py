"""The histogram of durations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from rpa_lab.analysis.overview import distribution
from rpa_lab.chart.distribution import FIRM, duration_distribution
from rpa_lab.inference.intervals import runs_needed
from rpa_lab.report.block import Chart

if TYPE_CHECKING:
    import altair as alt

    from tests.chart.conftest import Draw


def _bins(*rows: tuple[float, float, int]) -> pl.DataFrame:
    schema = {"from_ms": pl.Float64, "to_ms": pl.Float64, "n": pl.Int64}
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def _chart(bins: pl.DataFrame, *, median_ms: float | None = 4e3, p95_ms: float | None = 9e3) -> alt.LayerChart:
    return duration_distribution(bins, median_ms=median_ms, p95_ms=p95_ms, workflow_id="invoices")


def test_it_is_drawn_with_both_quantiles_named(draw: Draw) -> None:
    svg = draw(_chart(_bins((0, 2e3, 10), (2e3, 4e3, 40), (4e3, 6e3, 20), (8e3, 10e3, 4))))
    assert "median 4 s" in svg
    assert "p95 9 s" in svg
    assert "duration of a run (s)" in svg


def test_without_runs_it_says_so(draw: Draw) -> None:
    chart = _chart(_bins(), median_ms=None, p95_ms=None)
    assert "nothing to draw" in draw(chart)
    assert Chart.of(chart).title == "No finished runs, so no durations"


def test_one_run_is_drawn(draw: Draw) -> None:
    chart = _chart(_bins((4e3, 4.1e3, 1)), median_ms=4_050.0, p95_ms=4_050.0)
    assert Chart.of(chart).title == "The one run took 4.05 s"
    assert "1 finished run" in draw(chart)


def test_of_few_runs_no_one_in_twenty_is_claimed(draw: Draw) -> None:
    assert runs_needed(0.95) == FIRM
    for n, claimed in ((FIRM, True), (FIRM - 1, False)):
        chart = _chart(_bins((0, 5e3, n - 1), (5e3, 10e3, 1)))
        assert ("one in twenty" in Chart.of(chart).title) is claimed
        assert ("not firm" in draw(chart)) is not claimed


def test_a_long_tail_is_cut_and_said(draw: Draw) -> None:
    chart = _chart(_bins((0, 5e3, 90), (5e3, 10e3, 9), (10e3, 600e3, 1)))
    title = chart.to_dict()["title"]
    assert title["subtitle"] == "invoices · 100 finished runs · axis cut, not drawn: 1 run of 10 s to 10 min"
    assert "120" not in draw(chart)


def test_a_last_bin_like_the_others_is_drawn(draw: Draw) -> None:
    chart = _chart(_bins((0, 5e3, 90), (5e3, 10e3, 9), (10e3, 25e3, 1)))
    assert chart.to_dict()["title"]["subtitle"] == "invoices · 100 finished runs"
    draw(chart)


def test_a_quantile_beyond_the_axis_has_no_rule(draw: Draw) -> None:
    svg = draw(_chart(_bins((0, 5e3, 90), (5e3, 10e3, 9), (10e3, 600e3, 1)), p95_ms=20e3))
    assert "p95 20 s" not in svg


@pytest.mark.parametrize("spread", [0.0, 0.3, 2.5])
def test_the_bins_that_the_lab_makes_are_all_told(spread: float, draw: Draw) -> None:
    durations = np.random.default_rng(3).lognormal(10, spread, 500)
    runs = pl.LazyFrame({"status": ["completed"] * 500, "duration_ms": durations})
    bins = distribution(runs).collect()
    median_ms, p95_ms = np.quantile(durations, [0.5, 0.95])
    chart = _chart(bins, median_ms=median_ms, p95_ms=p95_ms)
    draw(chart)
    assert "500 finished runs" in chart.to_dict()["title"]["subtitle"]


def test_the_frame_is_left_as_it_was() -> None:
    bins = _bins((0, 5e3, 90), (5e3, 10e3, 9))
    before = bins.clone()
    _chart(bins)
    assert bins.equals(before)


def test_a_hostile_name_is_drawn_as_text(draw: Draw) -> None:
    name = "<script>alert(1)</script> ${1} {{2}} \n'\"`"
    svg = draw(duration_distribution(_bins((0, 5e3, 9)), median_ms=1e3, p95_ms=2e3, workflow_id=name))
    assert "&lt;script&gt;" in svg
    assert "<script" not in svg
