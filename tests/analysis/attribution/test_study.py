"""A small cut of `benchmarks/study_attribution.py`: what is planted is named, what is not is not, and intervals hold.

A coverage fails where it is hardly compatible with any from 90 to 98.5 %.
"""

from __future__ import annotations

import polars as pl
import pytest
from scipy import stats

from benchmarks.study_attribution import KINDS, coverage, named, related, silent

UNLIKELY = 0.001


def test_what_was_planted_is_the_first_part_named() -> None:
    table = named(range(3))
    first = table.filter(figure="first")

    assert set(first["design"]) == {f"{kind}, 8.0%" for kind in KINDS}
    reached, found = (sum(first[name].to_list()) for name in ("of", "n"))
    assert reached >= 14
    assert reached - found <= 1
    assert sum(table.filter(figure="said")["n"].to_list()) >= 8


def test_where_nothing_was_planted_hardly_anything_is_said() -> None:
    table = silent(range(3))

    assert table["of"].to_list() == [3, 3, 3]
    assert max(table["n"].to_list()) <= 1


def test_days_that_resemble_the_day_before_hardly_make_a_change() -> None:
    table = related(range(20), windows=[28], workflows=20)

    assert table["of"].to_list() == [20, 20]
    assert all(stats.binom.sf(n - 1, 20, 0.07) > UNLIKELY for n in table["n"])


@pytest.mark.parametrize("window", [14, 28])
def test_intervals_hold_what_endless_periods_would_have(window: int) -> None:
    table = coverage([0], days=700, windows=[window])

    assert sum(table["of"].to_list()) > 200
    assert set(table["figure"]) == {"attempts", "time", "waiting", "change", "planted"}
    for n, of in table.group_by("figure").agg(pl.col("n", "of").sum()).select("n", "of").iter_rows():
        assert stats.binom.cdf(n, of, 0.90) > UNLIKELY
        assert n == of or stats.binom.sf(n - 1, of, 0.985) > UNLIKELY
