from __future__ import annotations

import numpy as np
import pytest

from rpa_lab.inference.neighbours import neighbours_alike, new_each_day, rest_alike, wider_by_neighbours


def _wandering(days: int, alike: float, *, seed: int) -> np.ndarray:
    chance, levels = np.random.default_rng(seed).normal(0, np.sqrt(1 - alike**2), days), np.zeros(days)
    levels[0] = chance[0] / np.sqrt(1 - alike**2)
    for day in range(1, days):
        levels[day] = alike * levels[day - 1] + chance[day]
    return levels


@pytest.mark.parametrize("alike", [0.0, 0.3, 0.6])
def test_how_alike_neighbours_are_is_told_and_a_moved_level_hardly_changes_it(alike: float) -> None:
    still = [_wandering(400, alike, seed=seed) for seed in range(30)]
    told = [neighbours_alike(levels) for levels in still]
    moved = [neighbours_alike(levels + np.repeat([0.0, 3.0], 200)) for levels in still]
    rest = [rest_alike(levels - levels.mean(), levels=1) for levels in still]

    assert np.mean(told) == pytest.approx(alike, abs=0.05)
    assert np.mean(moved) == pytest.approx(np.mean(told), abs=0.03)
    assert np.mean(rest) == pytest.approx(alike, abs=0.05)


def test_levels_taken_out_are_made_up_for() -> None:
    told = []
    for seed in range(200):
        parts = _wandering(80, 0.3, seed=seed).reshape(4, 20)
        told.append(rest_alike((parts - parts.mean(axis=1, keepdims=True)).ravel(), levels=4))

    assert np.mean(told) == pytest.approx(0.3, abs=0.06)


@pytest.mark.parametrize("alike", [-0.5, 0.0, 0.3, 0.6])
def test_what_a_day_adds_to_the_day_before_is_the_variance_of_its_chance(alike: float) -> None:
    told = [new_each_day(2 * _wandering(400, alike, seed=seed)) for seed in range(30)]

    assert np.mean(told) == pytest.approx(4 * (1 - alike**2), rel=0.04)
    assert new_each_day(np.zeros(20)) == 0


def test_what_turns_back_or_never_moves_is_not_alike() -> None:
    assert neighbours_alike(np.tile([1.0, -1.0], 30) + np.random.default_rng(0).normal(0, 0.1, 60)) == 0
    assert neighbours_alike(np.full(60, 2.0)) == 0
    assert rest_alike(np.zeros(60), levels=1) == 0


@pytest.mark.parametrize("alike", [0.0, 0.3, 0.5])
def test_errors_of_long_series_become_as_wide_as_newey_and_wests(alike: float) -> None:
    import statsmodels.api as sm

    days = _wandering(20_000, alike, seed=3)
    ordinary = sm.OLS(days, np.ones(len(days))).fit()
    robust = ordinary.get_robustcov_results("HAC", maxlags=40, kernel="bartlett")
    wider = wider_by_neighbours([(days - days.mean())[:, None]])

    assert wider[0] == pytest.approx(robust.bse[0] / ordinary.bse[0], rel=0.06)
    assert wider[0] == pytest.approx(np.sqrt((1 + alike) / (1 - alike)), rel=0.04)


def test_stretches_count_by_their_squares_and_their_ends_are_no_neighbours() -> None:
    from statsmodels.tsa.stattools import acf

    one, other = _wandering(30, 0.7, seed=1), 3 * _wandering(20, 0.7, seed=2)
    centred = [(each - each.mean())[:, None] for each in (one, other)]
    seen = np.array([acf(each, nlags=1, fft=False)[1] for each in (one, other)])
    weight = np.array([float((each**2).sum()) for each in centred])
    taken = (weight / [30, 20]).sum() / weight.sum()
    told = ((weight * seen).sum() / weight.sum() + taken) / (1 - 3 * taken)

    assert wider_by_neighbours(centred)[0] == pytest.approx(np.sqrt((1 + told) / (1 - told)))


def test_of_two_months_the_autocorrelation_is_told_without_bias() -> None:
    told = []
    for alike in (0.0, 0.3):
        days = np.stack([_wandering(56, alike, seed=seed) for seed in range(2000)], axis=1)
        days += np.repeat([[0.0], [9.0]], 28, axis=0)
        square = wider_by_neighbours([half - half.mean(axis=0) for half in (days[:28], days[28:])]) ** 2
        told.append((square - 1) / (square + 1))

    assert (told[0] > 0).mean() == pytest.approx(0.5, abs=0.05)  # what is told of the others is 0
    assert np.median(told[1]) == pytest.approx(0.3, abs=0.02)


def test_errors_never_shrink_and_few_days_or_constant_figures_leave_them() -> None:
    turning = np.tile([1.0, -1.0], 20)[:, None]
    assert wider_by_neighbours([turning, turning]).tolist() == [1.0]
    assert wider_by_neighbours([np.zeros((20, 2)), np.zeros((20, 2))]).tolist() == [1.0, 1.0]
    assert wider_by_neighbours([np.repeat([1.0, -1.0], 3)[:, None]] * 2).tolist() == [1.0]
