from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from rpa_lab.inference.resampling import mean_by_days, rate_by_days, resampled_days, share_by_days
from tests import oracles

Floats = npt.NDArray[np.float64]


def _days(seed: int, *, days: int = 15, day_sd: float = 0.2) -> list[Floats]:
    """The durations of each of some days, which differ; of one day there are none."""
    rng = np.random.default_rng(seed)
    slow = np.exp(rng.normal(0, day_sd, days))
    return [rng.lognormal(3, 0.4, rng.integers(1, 9)) * factor for factor in slow[:-1]] + [np.array([])]


@given(st.integers(1, 40), st.integers(0, 2**31))
def test_as_many_days_are_drawn_as_there_are_and_each_as_often(days: int, seed: int) -> None:
    drawn = resampled_days(days, seed=seed, resamples=400)

    assert drawn.shape == (400, days)
    assert (drawn.sum(axis=1) == days).all()
    assert (drawn == resampled_days(days, seed=seed, resamples=400)).all()
    expected, sd = 400.0, np.sqrt(400 * (1 - 1 / days))
    assert (np.abs(drawn.sum(axis=0) - expected) <= 6 * sd).all()


@pytest.mark.parametrize("seed", range(5))
def test_a_means_interval_is_that_of_a_bootstrap_t_with_runs_drawn_day_by_day(seed: int) -> None:
    of_days = _days(seed)
    drawn = resampled_days(len(of_days), seed=seed, resamples=199)
    sums, counts = np.array([[day.sum()] for day in of_days]), np.array([[float(len(day))] for day in of_days])
    got = [float(bound[0]) for bound in mean_by_days(drawn, sums, counts)]

    assert got == pytest.approx(oracles.bootstrap_t(of_days, drawn, scale=lambda mean: mean, slope=lambda _: 1.0))


@pytest.mark.parametrize("seed", range(5))
def test_a_shares_interval_is_that_of_a_bootstrap_t_of_its_log_odds(seed: int) -> None:
    of_days = [(day < 20).astype(np.float64) for day in _days(seed)]
    drawn = resampled_days(len(of_days), seed=seed, resamples=199)
    sums, counts = np.array([[day.sum()] for day in of_days]), np.array([[float(len(day))] for day in of_days])
    got = [float(bound[0]) for bound in share_by_days(drawn, sums, counts)]

    bounds = oracles.bootstrap_t(
        of_days, drawn, scale=lambda share: float(np.log(share / (1 - share))), slope=lambda p: 1 / (p * (1 - p))
    )
    assert got == pytest.approx([1 / (1 + np.exp(-bound)) for bound in bounds])


def test_a_group_has_the_interval_that_it_has_alone() -> None:
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 20, (20, 3)).astype(np.float64)
    sums = counts * rng.lognormal(2, 0.3, (20, 3))
    below = np.floor(counts * rng.random((20, 3)))
    drawn = resampled_days(20, seed=1)
    for of, values in ((mean_by_days, sums), (share_by_days, below)):
        together = of(drawn, values, counts)
        for group in range(3):
            alone = of(drawn, values[:, [group]], counts[:, [group]])
            assert [b[group] for b in together] == pytest.approx([float(b[0]) for b in alone], rel=1e-12)


def test_one_day_ten_times_as_slow_bounds_the_mean_by_what_was_seen() -> None:
    rng = np.random.default_rng(0)
    means = rng.normal(100, 8, (14, 1))
    means[5] *= 10
    counts = np.full((14, 1), 20.0)
    low, high = mean_by_days(resampled_days(14, seed=0), means * counts, counts)

    assert high[0] == means.max()  # the bootstrap-t alone says some thousands
    assert means.min() <= low[0] < means.mean()


def test_days_that_are_all_alike_leave_no_doubt() -> None:
    drawn, counts = resampled_days(14, seed=0), np.full((14, 1), 7.0)

    assert [float(b[0]) for b in mean_by_days(drawn, counts * 30.0, counts)] == [30.0, 30.0]
    assert [float(b[0]) for b in share_by_days(drawn, counts * 0.5, counts)] == [0.5, 0.5]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("odd", [1, 2, 3])
def test_rounding_of_resamples_without_the_odd_days_makes_no_bound(odd: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 40, (14, 1)).astype(np.float64)
    means = np.full((14, 1), 100.1)
    means[:odd] *= rng.uniform(1.2, 3, (odd, 1))  # 3.5 % of the resamples and more hold none of these: alike, but 1e-14
    low, high = mean_by_days(resampled_days(14, seed=seed), means * counts, counts)

    assert np.isnan(low[0])
    assert np.isnan(high[0])


@pytest.mark.filterwarnings("error")
def test_a_bound_infinitely_far_away_warns_of_nothing() -> None:
    counts = np.full((14, 1), 7.0)
    below = counts - 1e-4
    below[:2] = 0.0

    assert share_by_days(resampled_days(14, seed=0), below, counts)[0][0] == 0.0


def test_where_one_day_has_all_of_a_kind_the_share_is_not_bounded() -> None:
    drawn, counts = resampled_days(14, seed=0), np.full((14, 1), 7.0)
    below = counts.copy()
    below[0] = 3.0  # every third resample leaves this day out

    assert share_by_days(drawn, below, counts)[0][0] == 0.0


def test_days_that_differ_less_than_runs_do_give_wilsons_interval_of_the_runs() -> None:
    ended, completed = np.full(20, 10.0), np.full(20, 9.0)
    low, high = proportion_confint(180, 200, method="wilson")

    assert [float(b[0]) for b in rate_by_days(completed, ended, group=np.zeros(20, np.int64))] == pytest.approx(
        [low, high], abs=1e-9
    )


def test_days_that_differ_more_widen_a_rates_interval() -> None:
    ended, completed = np.full(20, 100.0), np.array([100.0, 80.0] * 10)
    low, high = (float(bound[0]) for bound in rate_by_days(completed, ended, group=np.zeros(20, np.int64)))
    of_runs = proportion_confint(1800, 2000, method="wilson")
    # 20 days of 80 or 100 %: a standard error of 10 / √19 points; t with 19 degrees of freedom reaches 2.09 of them
    assert high - low == pytest.approx(2 * 2.093 * 0.1 / np.sqrt(19), rel=0.03)
    assert high - low > 2 * (of_runs[1] - of_runs[0])
