"""The chart of the slowest steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from rpa_lab.chart.steps import slowest_steps
from rpa_lab.report.block import Chart

if TYPE_CHECKING:
    import altair as alt

    from tests.chart.conftest import Draw


def _rows(chart: alt.LayerChart) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]]
    (rows,) = chart.to_dict()["datasets"].values()
    return rows


def test_longest_first_with_share_mean_and_n(nodes: pl.DataFrame, draw: Draw) -> None:
    chart = slowest_steps(nodes.reverse(), workflow_id="invoices")
    title = chart.to_dict()["title"]
    assert title["text"] == "Two steps take 70 % of the time; “submit” alone takes 40 %"
    assert title["subtitle"].endswith("share of the self time of all steps; all others take 5.0 %")
    assert [row["node_id"] for row in _rows(chart)] == nodes["node_id"].to_list()
    svg = draw(chart)
    assert "40 % · mean 4 s · n 100" in svg
    assert "form › submit" in svg


def test_what_is_not_drawn_is_said(nodes: pl.DataFrame, draw: Draw) -> None:
    chart = slowest_steps(nodes, workflow_id="invoices", most=2)
    assert chart.to_dict()["title"]["subtitle"].endswith("all others take 30 %")
    assert len(_rows(chart)) == 2
    draw(chart)


def test_no_step_and_one_step_are_drawn(nodes: pl.DataFrame, draw: Draw) -> None:
    assert "nothing to draw" in draw(slowest_steps(nodes.clear(), workflow_id="invoices"))
    one = nodes.head(1).with_columns(share=pl.lit(1.0))
    chart = slowest_steps(one, workflow_id="invoices")
    assert Chart.of(chart).title == "One step, “submit”, takes 100 % of the time"
    draw(chart)


@pytest.mark.parametrize("share", [None, 0.0])
def test_steps_that_took_no_time_are_drawn(nodes: pl.DataFrame, share: float | None, draw: Draw) -> None:
    chart = slowest_steps(nodes.with_columns(share=pl.lit(share, dtype=pl.Float64)), workflow_id="invoices")
    assert Chart.of(chart).title == "No time was spent in steps"
    draw(chart)


def test_steps_whose_names_are_cut_alike_stay_apart(nodes: pl.DataFrame, draw: Draw) -> None:
    alike = nodes.with_columns(node_id=pl.format("{}{}{}", pl.lit("a" * 60), pl.int_range(6), pl.lit("z" * 60)))
    steps = [row["step"] for row in _rows(slowest_steps(alike, workflow_id="invoices"))]
    assert len(set(steps)) == 6
    assert max(map(len, steps)) < 60
    draw(slowest_steps(alike, workflow_id="invoices"))


def test_many_steps_of_one_size_are_said_to_be_many(nodes: pl.DataFrame) -> None:
    many = pl.concat([nodes] * 4).with_columns(node_id=pl.format("step {}", pl.int_range(24)), share=pl.lit(1 / 24))
    title = Chart.of(slowest_steps(many, workflow_id="invoices")).title
    assert title.startswith("The time is spread widely: 12 steps make up 50 %")


@pytest.mark.parametrize("name", ["<b>x</b>", "${alert(1)}", "datum.n", "%Y", "a\nb", "'); alert(1); ('", "\\", " > "])
def test_what_a_bot_calls_a_step_is_only_text(name: str, nodes: pl.DataFrame, draw: Draw) -> None:
    hostile = nodes.with_columns(node_id=pl.concat_str(pl.lit(name), pl.int_range(6).cast(pl.String)))
    svg = draw(slowest_steps(hostile, workflow_id=name))
    assert "<b>" not in svg
    assert svg.count("<text") > 6
