"""Whether comparisons find what isn't there, on simulated fleets with labels that mean nothing.

`benchmarks/study_comparison.py` is the whole study. Here a rate fails where it is hardly compatible with what is
promised: 60 tables of which 20 have a finding fail 5 %, and the tests beside it that forget about days do.
"""

from __future__ import annotations

from functools import cache

import polars as pl
import pytest
from scipy import stats

from benchmarks.study_comparison import false_discoveries

SEEDS = range(2)
TABLES = 60
UNLIKELY = 0.001


@cache
def _found(design: str) -> pl.DataFrame:
    return false_discoveries(SEEDS, design, most=TABLES, slower=False)


def _share(design: str, basis: str) -> tuple[int, int]:
    row = _found(design).filter(what="false discoveries", basis=basis).row(0, named=True)
    return round(row["n"] * row["percent"] / 100), row["n"]


@pytest.mark.parametrize(
    ("design", "promised"),
    [
        ("coin a run, 4 groups", 0.07),
        ("coin a run, 1 in 20", 0.07),
        ("coin a day, 2 groups", 0.07),
        ("2 weeks against 2", 0.10),
        ("2 weeks against 2, days go on", 0.10),
    ],
)
def test_no_more_is_found_than_the_false_discovery_rate_allows(design: str, promised: float) -> None:
    found, tables = _share(design, "days")

    assert tables == TABLES
    assert stats.binom.sf(found - 1, tables, promised) > UNLIKELY


def test_a_test_that_forgets_about_days_finds_what_is_not_there() -> None:
    found, tables = _share("coin a day, 2 groups", "runs")

    assert stats.binom.sf(found - 1, tables, 0.07) < UNLIKELY
    found, tables = _share("coin a run, 4 groups", "runs")  # where it is right
    assert stats.binom.sf(found - 1, tables, 0.07) > UNLIKELY


@pytest.mark.parametrize("design", ["coin a run, 4 groups", "2 weeks against 2"])
def test_intervals_of_nothing_hold_nothing_as_often_as_they_say(design: str) -> None:
    covered = _found(design).filter(pl.col("what").str.starts_with("coverage") & (pl.col("basis") == "days"))

    assert covered.height >= 11
    for row in covered.iter_rows(named=True):
        held = round(row["n"] * row["percent"] / 100)
        assert stats.binom.cdf(held, row["n"], 0.92) > UNLIKELY, row
