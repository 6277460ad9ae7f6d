"""How values and tables read to people."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from html import unescape
from math import inf, nan

import polars as pl
import pytest
from hypothesis import given

from rpa_lab.column_names import unit_of
from rpa_lab.readable import column_texts, figure_text, period_text, table_html, value_text
from tests.strategies import executions, hostile_values


def _cells(html: str, tag: str) -> list[str]:
    found = re.findall(f"<{tag}[^>]*>(.*?)</{tag}>", html)
    return [" ".join(unescape(re.sub("<[^>]+>", " ", text)).split()) for text in found]


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("p_value", 0.0076, "0.0076"),
        ("mean_ms", 17_638_000.0, "4 h 54 min"),
        ("increase_ms", -95_000.0, "-1 min 35 s"),
        ("success_rate", 100.0, "100 %"),
        ("utilisation", 1.06, "1.1 %"),
        ("increase_percent", inf, "inf"),
        ("mean_ms", nan, "nan"),
        ("tried_share", 0.5, "50 %"),
        ("level", 0.99, "99 %"),
        ("rate_per_hour", 3.5, "3.5"),
        ("n_duration_ms", 1250, "1,250"),
        ("weekday", 7, "Sun"),
        ("hour_of_week", 38, "Tue 14:00"),
        ("kept", True, "yes"),
        ("day", date(2026, 11, 3), "2026-11-03"),
        ("length", timedelta(minutes=2), "2 min"),
        ("nodes", ["a", "b", "c", "d", "e"], "a, b, c, d and 1 more"),
        ("context", {"a": None}, "a: –"),
    ],
)
def test_a_name_says_in_which_unit_a_value_is(name: str, value: object, text: str) -> None:
    assert value_text(value, unit_of(name)) == text


@given(hostile_values())
def test_any_value_has_a_text(value: object) -> None:
    assert isinstance(value_text(value), str)


@given(executions())
def test_every_row_of_any_table_has_its_texts(runs: pl.DataFrame) -> None:
    texts = column_texts(runs)
    assert list(texts) == runs.columns
    assert all(len(column) == runs.height for column in texts.values())
    assert len(_cells(table_html(runs), "tr")) == (1 + min(runs.height, 20) if runs.height else 0)


def test_key_figures_have_the_unit_of_their_row() -> None:
    table = pl.DataFrame({"value": [95e3, None, 2.5], "unit": ["ms", "EUR", "per h"], "low": [1e3, None, None]})
    assert column_texts(table)["value"] == ["1 min 35 s", "unknown", "2.5 per h"]
    assert column_texts(table)["low"] == ["1 s", "–", "–"]
    assert figure_text(99.95, "percent") == "> 99.9 %"


def test_a_long_and_wide_table_says_what_is_left_out() -> None:
    html = table_html(pl.DataFrame({f"c{n}": range(25) for n in range(15)}), source=".table")

    assert len(_cells(html, "th")) == 12
    assert len(_cells(html, "tr")) == 21
    assert "… and 5 more rows; 3 more columns: c12, c13, c14 (.table has all)" in html


def test_intervals_stand_below_what_they_bound_and_say_once_what_they_speak_of() -> None:
    table = pl.DataFrame(
        {
            "robot_id": ["r", " "],
            "mean_ms": [2e3, 3e3],
            "mean_ms_low": [1e3, None],
            "mean_ms_high": [4e3, None],
            "mean_ms_basis": ["days", None],
        }
    )
    html = table_html(table)
    assert _cells(html, "th") == ["robot id", "mean"]
    assert _cells(html, "td") == ["r", "2 s 1 s to 4 s", "(no name)", "3 s"]
    assert _cells(html, "p") == ["Intervals speak of the long run."]

    both = table.with_columns(mean_ms_low=1e3, mean_ms_high=4e3, mean_ms_basis=pl.Series(["days", "these runs only"]))
    assert _cells(table_html(both), "td")[1::2] == ["2 s 1 s to 4 s, the long run", "3 s 1 s to 4 s, these runs only"]


def test_long_texts_are_cut_and_markup_is_text() -> None:
    html = table_html(pl.DataFrame({"<i>": ["<script>" + "x" * 300]}))
    assert "<script" not in html
    assert "<i>" not in html
    assert len(_cells(html, "td")[0]) == 160


def test_a_time_has_its_offset_only_where_another_one_reads_the_same() -> None:
    at = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    times = pl.Series("at", [at, at + timedelta(hours=1), at + timedelta(hours=2), None])
    paris = times.dt.convert_time_zone("Europe/Paris").to_frame()
    assert column_texts(paris)["at"] == [
        "2026-10-25 02:30 +02:00",
        "2026-10-25 02:30 +01:00",
        "2026-10-25 03:30",
        "–",
    ]
    assert column_texts(paris.tail(3))["at"][0] == "2026-10-25 02:30"


def test_what_is_no_period_is_said_as_it_is() -> None:
    assert period_text("last week <b>", tz="UTC") == "last week <b>"
