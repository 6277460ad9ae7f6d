from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from rpa_lab.errors import InputError
from rpa_lab.inference.intervals import (
    THESE_RUNS,
    Interval,
    mean_bounds,
    order_ranks,
    runs_needed,
    wilson_expr,
    wilson_interval,
)
from tests import strategies

QUANTILES = st.sampled_from([0.05, 0.5, 0.9, 0.95, 0.99])


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from([0.8, 0.95, 0.99]))
def test_wilsons_interval_is_that_of_statsmodels(completed: int, others: int, level: float) -> None:
    finished = completed + others
    if not finished:
        with pytest.raises(InputError, match="expected some that ended"):
            wilson_interval(completed, finished, level=level)
        return
    low, high = proportion_confint(completed, finished, alpha=1 - level, method="wilson")

    assert wilson_interval(completed, finished, level=level) == pytest.approx((low * 100, high * 100), abs=1e-9)


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=20))
def test_a_tables_intervals_are_those_of_its_rows(rows: list[tuple[int, int]]) -> None:
    counts = pl.DataFrame([(done, done + not_done) for done, not_done in rows], schema=["c", "f"], orient="row")
    got = counts.select(*wilson_expr(pl.col("c"), pl.col("f"))).rows()

    for (completed, finished), bounds in zip(counts.rows(), got, strict=True):
        expected = wilson_interval(completed, finished) if finished else (None, None)
        assert bounds == (pytest.approx(expected, abs=1e-12) if finished else expected)


@pytest.mark.parametrize("runs", [1, 2, 98, 1_000])
def test_the_rates_of_none_and_of_all_lie_within_their_intervals(runs: int) -> None:
    counts = pl.DataFrame({"c": [0, runs], "f": [runs, runs]})
    (low, _), (_, high) = counts.select(*wilson_expr(pl.col("c"), pl.col("f"))).rows()

    assert (low, high) == (0.0, 100.0)
    assert (wilson_interval(0, runs)[0], wilson_interval(runs, runs)[1]) == (0.0, 100.0)


@pytest.mark.parametrize(("completed", "finished", "level"), [(3, 2, 0.95), (-1, 2, 0.95), (1, 2, 1.0), (1, 2, 95)])
def test_more_than_all_and_levels_beyond_one_are_refused(completed: int, finished: int, level: float) -> None:
    with pytest.raises(InputError, match="expected"):
        wilson_interval(completed, finished, level=level)


@given(st.integers(1, 3000), QUANTILES, st.sampled_from([0.9, 0.95, 0.99]))
def test_order_statistics_miss_a_quantile_as_rarely_as_they_say_and_no_closer_ones_do(
    n: int, quantile: float, level: float
) -> None:
    low, high = (int(rank) for rank in order_ranks(n, quantile, level=level))
    if n < runs_needed(quantile, level=level):
        assert (low, high) == (0, 0)
        return

    def covers(low: int, high: int) -> float:  # low or more runs lie below the quantile, and fewer than high
        return float(stats.binom.cdf(high - 1, n, quantile) - stats.binom.cdf(low - 1, n, quantile))

    assert 1 <= low < high <= n
    assert covers(low, high) >= level - 1e-12
    assert stats.binom.sf(high - 1, n, quantile) <= (1 - level) / 2 + 1e-12
    assert covers(low + 1, high) < level
    assert stats.binom.sf(high - 2, n, quantile) > (1 - level) / 2


@given(st.lists(strategies.durations_ms(), min_size=2, max_size=50, unique=True))
def test_without_skewness_a_means_interval_is_students(values: list[float]) -> None:
    sample = np.array(values)
    n, mean, std = len(sample), sample.mean(), sample.std(ddof=1)
    expected = stats.t.interval(0.95, n - 1, loc=mean, scale=std / np.sqrt(n))

    got = mean_bounds(n, mean, std, 0.0)
    assert [float(bound) for bound in got] == pytest.approx(expected, rel=1e-9, abs=1e-6)


@given(st.integers(3, 500), st.floats(-3, 3).filter(lambda skew: abs(skew) > 1e-3), st.sampled_from([0.9, 0.95]))
def test_skewness_is_taken_out_by_halls_cubic(n: int, skew: float, level: float) -> None:
    """What Hall's transformation makes of the bounds is what Student's t says."""
    low, high = (float(bound) for bound in mean_bounds(n, 100.0, 10.0, skew, level=level))
    for bound, tail in ((low, (1 + level) / 2), (high, (1 - level) / 2)):
        t = (100.0 - bound) / 10.0
        unskewed = t + skew * t**2 / 3 + skew**2 * t**3 / 27 + skew / (6 * n)
        assert unskewed == pytest.approx(stats.t.ppf(tail, n - 1) / np.sqrt(n), rel=1e-6, abs=1e-9)


def test_one_run_has_no_interval_of_its_mean() -> None:
    assert np.isnan(mean_bounds([0, 1], [np.nan, 5.0], [np.nan, np.nan], [0.0, 0.0])).all()


def test_an_interval_says_what_it_rests_on_or_why_there_is_none() -> None:
    facts = {"level": 0.95, "method": "order statistics", "basis": THESE_RUNS, "runs": 71, "days": 3}
    known = Interval(low=1_000.0, high=2_500.5, **facts)  # type: ignore[arg-type]
    none = Interval(low=None, high=None, **facts, doubt="71 of the 72 runs that it needs")  # type: ignore[arg-type]

    assert str(known) == "1,000.0 to 2,500.5 (95 %, these runs only: order statistics; 71 runs on 3 days)"
    assert str(none) == "unknown: 71 of the 72 runs that it needs"
    assert (known.known, none.known) == (True, False)
    assert known.to_dict()["high"] == 2500.5


@pytest.mark.parametrize("n", [1, 3, 15, 29, 1_000])
def test_none_and_all_are_bounds_themselves_without_a_rounding(n: int) -> None:
    assert wilson_interval(n, n)[1] == 100.0
    assert wilson_interval(0, n)[0] == 0.0
    low, high = wilson_expr(pl.col("c"), pl.col("f"))
    assert (
        pl.DataFrame({"c": [0, n], "f": [n, n]})
        .select(low, high)
        .filter((pl.col("success_rate_low") == 0.0) | (pl.col("success_rate_high") == 100.0))
        .height
        == 2
    )
