"""The parts of a report: they come back from JSON, and show what they hold."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from typing import Any

import altair as alt
import polars as pl
import pytest

from rpa_lab.chart.distribution import duration_distribution
from rpa_lab.errors import InputError
from rpa_lab.report.block import Chart, Column, Kpi, Table, Text, block_from_dict
from rpa_lab.report.figures import value_text
from tests.report.conftest import MakeReport


def test_every_block_comes_back_equal_from_json(make_report: MakeReport) -> None:
    blocks = list(make_report("a & <b>").blocks())
    assert [type(block).__name__ for block in blocks] == ["Text", "Kpis", "Chart", "Table"]
    for block in blocks:
        assert block_from_dict(json.loads(json.dumps(block.to_dict()))) == block


def test_a_table_is_made_of_a_frame_with_units_by_name() -> None:
    frame = pl.DataFrame(
        {"node_id": ["a", "b", "c"], "n": [1, 2, 3], "p95_ms": [26e3, 46e3, 613e3], "share": [0.5, 0.25, None]}
    )
    table = Table.from_frame(frame, title="Steps", labels={"node_id": "step"})
    assert [column.unit for column in table.columns] == ["", "count", "ms", "fraction"]
    assert table.headings == ("step", "n", "p95 (s)", "share")
    assert table.texts == (("a", "1", "26.0", "50 %"), ("b", "2", "46.0", "25 %"), ("c", "3", "613", "–"))
    assert table.numeric == (False, True, True, True)


def test_what_json_can_not_hold_is_missing_in_a_table() -> None:
    table = Table.from_frame(pl.DataFrame({"mean_ms": [float("nan"), float("inf"), 1.0]}), title="Steps")
    assert table.rows == ((None,), (None,), (1.0,))


def test_an_empty_table_has_its_headings() -> None:
    table = Table.from_frame(pl.DataFrame(schema={"node_id": pl.String, "mean_ms": pl.Float64}), title="Steps")
    assert table.headings == ("node id", "mean (s)")
    assert table.texts == ()


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(InputError, match="row 0 of table 'Steps' has 2 cells, not 1"):
        Table(title="Steps", columns=(Column(name="a", label="a"),), rows=((1, 2),))


def test_a_chart_gives_its_title_away(make_report: MakeReport) -> None:
    chart = next(block for block in make_report("invoices").blocks() if isinstance(block, Chart))
    assert chart.title == "Half of the runs take under 4 s; one in twenty takes more than 9 s"
    assert chart.subtitle == "invoices · 80 finished runs"
    assert "title" not in chart.spec


@pytest.mark.parametrize("url", ["https://example.org/data.csv", "data.csv", "file:///etc/passwd"])
def test_a_chart_that_would_load_something_is_refused(url: str) -> None:
    outside = alt.LayerChart(layer=[alt.Chart(alt.UrlData(url)).mark_bar().encode(x="a:Q")])
    with pytest.raises(InputError, match="loads"):
        Chart.of(outside)


def test_a_chart_from_json_can_not_say_how_it_is_embedded() -> None:
    data = {"kind": "chart", "title": "t", "subtitle": "", "note": ""}
    spec = {"mark": "bar", "usermeta": {"embedOptions": {"ast": False, "patch": "https://example.org"}}}
    chart = block_from_dict({**data, "spec": spec})
    assert isinstance(chart, Chart)
    assert chart.spec == {"mark": "bar"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"kind": "film"}, "block kind 'film' is unknown"),
        ({"kind": "text", "words": "a"}, "not as expected"),
        ({"kind": "table", "title": "t"}, "not as expected"),
        ({"kind": "kpis", "tiles": [{"label": "a", "value": 1, "unit": "furlongs"}]}, "unit 'furlongs' is unknown"),
    ],
)
def test_what_is_no_block_is_refused(data: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        block_from_dict(data)


def test_blocks_can_not_be_changed() -> None:
    tile = Kpi(label="Runs", value=1)
    with pytest.raises(FrozenInstanceError):
        tile.value = 2  # type: ignore[misc]


def test_a_notebook_shows_texts_as_texts() -> None:
    table = Table(title="t", columns=(Column(name="a", label="<i>"),), rows=(("<script>",),), note="<b>")
    for block in (Text(text="<script>"), table):
        html = block._repr_html_()
        assert "<script>" not in html
        assert "&lt;script&gt;" in html


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "ms", "–"),
        ("x", "ms", "x"),
        (True, "", "True"),
        (0.75, "fraction", "75 %"),
        (75.0, "percent", "75 %"),
        (12_345, "", "12,345"),
        (3.14159, "", "3.142"),
    ],
)
def test_a_figure_is_shown_in_its_unit(value: str | float | None, unit: str, text: str) -> None:
    assert value_text(value, unit) == text


def test_the_unit_of_a_column_and_its_digits_follow_the_size_of_what_is_less_than_nothing() -> None:
    columns = (Column(name="change_ms", label="change", unit="ms"),)
    table = Table(title="Changes", columns=columns, rows=((-9_800.0,), (-123_456.0,), (1_500.0,)))

    assert table.headings == ("change (s)",)
    assert table.texts == (("-9.80",), ("-123",), ("1.50",))


def test_lines_of_a_charts_subtitle_become_one_with_dots_between() -> None:
    bins = pl.DataFrame({"from_ms": [0.0], "to_ms": [10e3], "n": [80]})
    chart = duration_distribution(bins, median_ms=5e3, p95_ms=9e3, workflow_id="invoices")
    lines = chart.properties(title={"text": ["one", "sentence"], "subtitle": ["first", "second"]})

    assert (Chart.of(lines).title, Chart.of(lines).subtitle) == ("one sentence", "first · second")


def test_differences_have_signs_and_a_column_one_unit_of_time() -> None:
    columns = (
        Column(name="change_ms", label="change", unit="ms", symbol="s", signed=True),
        Column(name="points", label="points", unit="points", signed=True),
    )
    table = Table(title="", columns=columns, rows=((3_083.0, 4.333), (-41.0, -0.02), (-2.0, None), (None, 0)))

    assert table.headings == ("change (s)", "points")
    assert table.texts == (("+3.08", "+4.3"), ("−0.04", "0.0"), ("0.00", "–"), ("–", "0.0"))
    assert block_from_dict(table.to_dict()) == table
    assert Kpi(label="", value=-95_000.0, unit="ms", signed=True).text == "−1 min 35 s"
    with pytest.raises(InputError, match="symbol 'sec' is unknown"):
        Column(name="x", label="x", unit="ms", symbol="sec")
