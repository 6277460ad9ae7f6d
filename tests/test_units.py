"""Durations, shares and counts in words."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.units import count_text, duration_text, number_text, percent_text, time_unit
from tests.strategies import durations_ms

_MS = {"ms": 1.0, "s": 1e3, "min": 60e3, "h": 3600e3}


@given(durations_ms(most=1e9))
def test_a_duration_in_words_is_the_duration_to_within_its_last_digit(ms: float) -> None:
    parts = re.findall(r"([\d.,e+-]+) (ms|s|min|h)", duration_text(ms))
    said = sum(float(number.replace(",", "")) * _MS[unit] for number, unit in parts)
    assert said == pytest.approx(ms, rel=0.0086, abs=1e-3)


@given(durations_ms(most=1e9))
def test_no_duration_in_words_is_carried_wrong(ms: float) -> None:
    text = duration_text(ms)
    assert "60 s" not in text
    assert "60 min" not in text
    assert not text.startswith(("1e", "0 s"))


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0.0, "0 ms"), (999.4, "999 ms"), (999.6, "1 s"), (59_949.0, "59.9 s"), (59_960.0, "1 min"), (3_599_600.0, "1 h")],
)
def test_a_duration_moves_to_the_next_unit_where_it_would_be_rounded_to_it(ms: float, text: str) -> None:
    assert duration_text(ms) == text


@given(st.floats(0, 1, allow_nan=False))
def test_only_none_is_0_and_only_all_is_100_percent(fraction: float) -> None:
    text = percent_text(fraction)
    assert (text == "0 %") == (fraction == 0)
    assert (text == "100 %") == (fraction == 1)


@pytest.mark.parametrize(
    ("largest_ms", "symbol"), [(999.0, "ms"), (1_000.0, "s"), (179_999.0, "s"), (180_000.0, "min"), (1e9, "h")]
)
def test_the_largest_duration_chooses_the_unit_of_an_axis(largest_ms: float, symbol: str) -> None:
    assert time_unit([1.0, None, largest_ms]).symbol == symbol


def test_a_count_agrees_with_its_noun() -> None:
    assert [count_text(n, "run") for n in (0, 1, 2)] == ["0 runs", "1 run", "2 runs"]
    assert count_text(2, "run is", "runs are") == "2 runs are"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (27_230.4, "27,230"),
        (3.858e-13, "< 0.0001"),
        (-1e-9, "> -0.0001"),
        (0.0, "0"),
        (15.2236, "15.22"),
        (2e-4, "0.0002"),
    ],
)
def test_numbers_are_shown_without_exponents(value: float, text: str) -> None:
    assert number_text(value) == text
