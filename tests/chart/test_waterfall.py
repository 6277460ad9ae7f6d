"""The chart that says why runs take longer."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from rpa_lab.chart.ticks import nice_ticks
from rpa_lab.chart.waterfall import attribution_waterfall, part_name
from rpa_lab.report.block import Chart

if TYPE_CHECKING:
    import altair as alt

    from tests.chart.conftest import Draw

_SCHEMA: dict[str, Any] = {
    "kind": pl.String,
    "node_id": pl.String,
    **dict.fromkeys(("change_ms", "low_ms", "high_ms", "before", "after"), pl.Float64),
    "notable": pl.Boolean,
}
_HOSTILE = ["<b>x</b>", "${alert(1)}", "datum.n", "%Y", "a\nb", "'); alert(1); ('", "\\", "mean before"]


@pytest.fixture
def parts() -> pl.DataFrame:
    """Six parts of 11.2 s, of which three are notable; the smallest two make it shorter."""
    rows = [
        ("time", "form > submit", 9_800.0, 8_100.0, 11_500.0, 24e3, 33.8e3, True),
        ("waiting", None, 1_400.0, -200.0, 3_000.0, 5e3, 6.4e3, False),
        ("attempts", "form > submit", 600.0, 300.0, 900.0, 1.0, 1.03, True),
        ("attempts", "scan", 400.0, 300.0, 500.0, 0.0, 1.0, True),
        ("mix", None, -300.0, -900.0, 300.0, None, None, False),
        ("time", "login", -700.0, None, None, 3e3, 2.3e3, False),
    ]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _draw(parts: pl.DataFrame, **said: Any) -> alt.LayerChart:
    known: dict[str, Any] = {"workflow_id": "payroll", "baseline_mean_ms": 46e3, "current_mean_ms": 57.2e3}
    return attribution_waterfall(parts, **(known | said))


def _rows(chart: alt.LayerChart) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]]
    (rows,) = (rows for rows in chart.to_dict()["datasets"].values() if "note" in rows[0])
    return rows


def test_of_versions_means_and_title_say_which(parts: pl.DataFrame, draw: Draw) -> None:
    chart = _draw(parts, versions=("2.3", "2.4"))

    assert [row["name"] for row in _rows(chart)][:: parts.height + 1] == ["mean with 2.3", "mean with 2.4"]
    assert Chart.of(chart).title.startswith("Runs with 2.4 take 11.2 s longer; 9.8 s of it because ")
    assert "mean with 2.4" in draw(chart)
    alike = _draw(
        parts.with_columns(notable=False), versions=("v" * 40 + "1", "v" * 40 + "2"), current_mean_ms=46_010.0
    )
    names = [row["name"] for row in _rows(alike)][:: parts.height + 1]
    assert len(set(names)) == 2
    assert "take as long as with v" in Chart.of(alike).title


@pytest.mark.parametrize(("significant", "said"), [(False, "which may be chance"), (None, "chance or not")])
def test_a_title_that_stands_alone_says_that_the_change_may_be_chance(
    parts: pl.DataFrame, significant: bool | None, said: str
) -> None:
    title = Chart.of(_draw(parts, significant=significant)).title

    assert title.startswith(f"Runs take 11.2 s longer, {said}; “submit” takes longer, which adds 9.8 s")
    assert said not in Chart.of(_draw(parts)).title


def test_each_part_begins_where_the_one_above_it_ends(parts: pl.DataFrame, draw: Draw) -> None:
    chart = _draw(parts.sample(fraction=1, shuffle=True, seed=3))
    rows = _rows(chart)

    assert [row["name"] for row in rows] == [
        "mean before",
        "form › submit: takes longer",
        "more waiting between steps",
        "login: takes less time",
        "form › submit: more attempts",
        "scan: new step",
        "other kinds of runs",
        "mean now",
    ]
    bars = rows[1:-1]
    assert bars[0]["from"] == 0
    assert [bar["from"] for bar in bars[1:]] == [bar["to"] for bar in bars[:-1]]
    assert (rows[-1]["from"], rows[-1]["to"]) == (0, pytest.approx(bars[-1]["to"])) == (0, pytest.approx(11.2))
    assert [row["next"] for row in rows] == [*(row["name"] for row in rows[1:]), None]
    svg = draw(chart)
    assert "+9.80 s (+8.10 to +11.5)" in svg
    assert "57.2 s (+11.2 s, 24 %)" in svg


def test_an_interval_is_drawn_around_the_end_of_its_bar(parts: pl.DataFrame) -> None:
    waiting = _rows(_draw(parts))[2]

    assert (waiting["low"], waiting["high"]) == (pytest.approx(9.8 - 0.2), pytest.approx(9.8 + 3.0))
    assert (waiting["tone"], waiting["strong"]) == ("slower", False)


def test_the_parts_that_are_left_out_are_drawn_together(parts: pl.DataFrame, draw: Draw) -> None:
    chart = _draw(parts, most=3)
    rows = _rows(chart)

    assert [row["name"] for row in rows[1:-1]][-1] == "other parts (4)"
    assert rows[-2]["to"] == pytest.approx(11.2)
    assert rows[-2]["low"] is None
    assert not rows[-2]["strong"]  # nobody asked whether their sum is sure
    assert rows[-2]["moved"] == "2 of them for sure, their sum has no interval"
    assert len(rows) == 5
    draw(chart)


@pytest.mark.parametrize(
    ("rows", "after_ms", "title"),
    [
        ([0, 1], 57.2e3, "Runs take 11.2 s longer; 9.8 s of it because “submit” takes longer"),
        ([3], 46.4e3, "Runs take 400 ms longer; 400 ms of it because “scan” is new"),
        ([1, 5], 46.7e3, "Runs take 700 ms longer; no part of it is surely more than chance"),
        ([4, 1], 46.0e3, "Runs take as long as before; no part of it is surely more than chance"),
        ([2, 5], 45.9e3, "Runs take 100 ms less; “submit” is tried more often, which adds 600 ms"),
    ],
)
def test_the_title_says_what_is_surely_behind_it(
    parts: pl.DataFrame, rows: list[int], after_ms: float, title: str, draw: Draw
) -> None:
    chart = _draw(parts[rows], current_mean_ms=after_ms)
    assert Chart.of(chart).title == title
    draw(chart)


def test_what_became_faster_goes_to_the_left(parts: pl.DataFrame, draw: Draw) -> None:
    faster = parts[[0]].with_columns(-pl.col("change_ms"), low_ms=-11_500.0, high_ms=-8_100.0)
    chart = _draw(faster, current_mean_ms=36.2e3)

    assert Chart.of(chart).title == "Runs take 9.8 s less; 9.8 s of it because “submit” takes less time"
    assert (_rows(chart)[1]["tone"], _rows(chart)[1]["to"]) == ("faster", -9.8)
    assert "−9.80 s (−11.5 to −8.10)" in draw(chart)


def test_nothing_to_explain_is_said(parts: pl.DataFrame, draw: Draw) -> None:
    chart = _draw(parts.clear(), current_mean_ms=46e3)
    assert Chart.of(chart).title == "There is no change to explain"
    assert "nothing to draw" in draw(chart)


def test_names_of_steps_are_only_text_and_no_two_rows_are_alike(parts: pl.DataFrame, draw: Draw) -> None:
    for name in _HOSTILE:
        svg = draw(_draw(parts.with_columns(node_id=pl.lit(name)), workflow_id=name))
        assert "<b>" not in svg
    long = pl.concat([parts[[0]].with_columns(node_id=pl.lit(f"{'a' * 60}{n}{'b' * 60}")) for n in range(5)])
    rows = _rows(_draw(long, current_mean_ms=95e3))
    assert len({row["name"] for row in rows}) == 7
    assert max(len(row["name"]) for row in rows) < 60


def test_a_gone_step_and_fewer_waits_have_words() -> None:
    assert part_name("attempts", "scan", -5.0, before=1.0, after=0.0) == "scan: no longer run"
    assert part_name("attempts", "scan", -5.0, before=1.0, after=0.9) == "scan: fewer attempts"
    assert part_name("waiting", None, -5.0, before=1.0, after=0.9) == "less waiting between steps"


@pytest.mark.parametrize(("least", "largest"), [(0, 1), (-3, 12), (0.013, 0.017), (-5e6, 1e7), (99.5, 100.5)])
def test_ticks_are_round_evenly_spaced_and_within(least: float, largest: float) -> None:
    ticks = nice_ticks(least, largest)
    steps = {round(second - first, 9) for first, second in pairwise(ticks)}

    assert 3 <= len(ticks) <= 11
    assert len(steps) == 1
    assert least <= ticks[0] <= ticks[-1] <= largest
    assert f"{steps.pop():e}"[0] in "125"
