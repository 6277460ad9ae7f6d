"""The charts of failures: why, and when."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from rpa_lab.chart.days import MOST_DAYS
from rpa_lab.chart.failures import failure_categories, failures_by_day
from rpa_lab.report.block import Chart

if TYPE_CHECKING:
    import altair as alt

    from tests.chart.conftest import Draw

_HOSTILE = ["<b>x</b>", "${alert(1)}", "datum.n", "%Y", "a\nb", "'); alert(1); ('", "\\", "other"]


@pytest.fixture
def categories() -> pl.DataFrame:
    """Three categories of forty failures."""
    return pl.DataFrame(
        {
            "category": ["element_not_found", "timeout", "portal down"],
            "failures": [18, 14, 8],
            "share": [0.45, 0.35, 0.2],
            "workflows": [2, 1, 1],
            "nodes": [4, 2, 1],
            "recovery_tried": [9, 0, 0],
        }
    )


@pytest.fixture
def failure_days() -> pl.DataFrame:
    """Failures of three days, of seven categories."""
    on = date(2026, 11, 3)
    rows = [(on, f"kind_{number}", 7 - number) for number in range(7)]
    rows += [(on + timedelta(days=2), "kind_6", 40), (on + timedelta(days=4), "kind_0", 1)]
    return pl.DataFrame(rows, schema=["day", "category", "failures"], orient="row")


def _rows(chart: alt.LayerChart) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]]
    (rows,) = chart.to_dict()["datasets"].values()
    return rows


def test_causes_stand_most_frequent_first_with_share_and_count(categories: pl.DataFrame, draw: Draw) -> None:
    chart = failure_categories(categories.reverse(), scope="invoices", ended=800)
    title = chart.to_dict()["title"]

    assert title["text"] == "“element not found” and “timeout” cause 80 % of the failures"
    assert title["subtitle"] == "invoices · 40 failures of 800 runs that ended"
    assert [row["name"] for row in _rows(chart)] == ["element not found", "timeout", "portal down"]
    assert "45 % · 18" in draw(chart)


@pytest.mark.parametrize(
    ("failures", "title"),
    [
        ([0], None),
        ([1], "The one failure: element not found"),
        ([9], "All 9 failures are of one kind: element not found"),
        ([6, 4], "60 % of the failures are of one kind: element not found"),
    ],
)
def test_the_title_says_what_causes_most(
    categories: pl.DataFrame, failures: list[int], title: str | None, draw: Draw
) -> None:
    some = categories.head(len(failures)).with_columns(failures=pl.Series(failures))
    if title is None:
        chart = failure_categories(categories.clear(), scope="invoices", ended=5)
        assert "nothing to draw" in draw(chart)
        assert Chart.of(chart).title == "No run failed"
        return
    shares = pl.Series([count / sum(failures) for count in failures])
    chart = failure_categories(some.with_columns(share=shares), scope="invoices", ended=50)
    assert Chart.of(chart).title == title
    draw(chart)


def test_days_are_stacked_by_the_leading_causes_and_the_rest(failure_days: pl.DataFrame, draw: Draw) -> None:
    chart = failures_by_day(failure_days.sample(fraction=1, shuffle=True, seed=1), scope="w", time_zone="Asia/Tokyo")
    rows = _rows(chart)

    assert Chart.of(chart).title == "Failures peak on 5 Nov: 40, all of them kind 6"
    assert sum(row["failures"] for row in rows) == failure_days["failures"].sum()
    assert {row["category"] for row in rows} == {"kind 6", "kind 0", "kind 1", "kind 2", "kind 3", "other"}
    assert {row["at"][:10] for row in rows} == {"2026-11-03", "2026-11-05", "2026-11-07"}
    assert chart.to_dict() == failures_by_day(failure_days, scope="w", time_zone="Asia/Tokyo").to_dict()
    assert "day (Asia/Tokyo)" in draw(chart)


def test_no_day_one_day_and_unknown_days_are_drawn(failure_days: pl.DataFrame, draw: Draw) -> None:
    assert "nothing to draw" in draw(failures_by_day(failure_days.clear(), scope="w", time_zone="UTC"))
    unknown = failure_days.with_columns(day=pl.lit(None, dtype=pl.Date))
    assert "nothing to draw" in draw(failures_by_day(unknown, scope="w", time_zone="UTC"))
    one = failures_by_day(failure_days.tail(1), scope="w", time_zone="UTC")
    assert Chart.of(one).title == "The one failure came on 7 Nov"
    draw(one)


def test_years_of_days_are_cut(draw: Draw) -> None:
    days = pl.date_range(date(2016, 1, 1), date(2026, 1, 1), eager=True)
    long = pl.DataFrame({"day": days, "category": "timeout", "failures": 2})
    chart = failures_by_day(long, scope="w", time_zone="UTC")

    assert len(_rows(chart)) == MOST_DAYS
    assert Chart.of(chart).title.startswith("Failures are spread over the days: at most 2 on one")
    draw(chart)


def test_what_users_call_a_category_is_only_text(categories: pl.DataFrame, draw: Draw) -> None:
    on = date(2026, 11, 3)
    for name in _HOSTILE:
        hostile = categories.with_columns(category=pl.format("{}{}", pl.lit(name), pl.int_range(3)))
        svg = draw(failure_categories(hostile, scope=name, ended=90))
        assert "<b>" not in svg
        named = hostile.select("category", "failures", day=pl.lit(on))
        assert "<b>" not in draw(failures_by_day(named, scope=name, time_zone="UTC"))
