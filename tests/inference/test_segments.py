from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rpa_lab.inference.segments import (
    LEAST_DAYS,
    SHORTEST,
    Steady,
    between_places,
    ramp_instead,
    ratio_between,
    steady,
    where_levels_move,
)
from tests import oracles


def _noise(days: int, *, seed: int = 0, sd: float = 0.1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, sd, days)


def _weekday(days: int) -> np.ndarray:
    return np.arange(days) % 7


def _moved(days: int, at: int, by: float, *, seed: int = 0) -> np.ndarray:
    return _noise(days, seed=seed) + np.where(np.arange(days) < at, 0.0, by)


@given(seed=st.integers(0, 10**6), days=st.integers(LEAST_DAYS, 40), penalty=st.floats(2, 20))
def test_the_cuts_are_the_likeliest_of_the_closest_ones_of_each_number(seed: int, days: int, penalty: float) -> None:
    rng = np.random.default_rng(seed)
    series = Steady(levels=rng.normal(0, 1, days) + rng.integers(0, 3) * (np.arange(days) > days // 2), noise=1.0)

    places = where_levels_move(series, penalty=penalty)

    closest = oracles.closest_places(series.levels.tolist(), shortest=SHORTEST)
    costs = [oracles.unlikely(series.levels.tolist(), cuts) + penalty * len(cuts) for cuts in closest]
    assert oracles.unlikely(series.levels.tolist(), places) + penalty * len(places) == pytest.approx(min(costs))
    assert places in closest


def test_so_many_levels_as_there_are_are_found() -> None:
    levels = _noise(200) + np.tile(np.repeat([0.0, 1.0], 10), 10)

    assert where_levels_move(steady(levels, np.zeros(200, dtype=np.int64)), penalty=10) == list(range(10, 200, 10))


def test_a_series_that_never_changes_has_no_other_level_and_so_has_a_short_one() -> None:
    assert where_levels_move(steady(np.full(60, 3.0), _weekday(60)), penalty=5) == []
    assert where_levels_move(steady(_moved(LEAST_DAYS - 1, 6, 5.0), _weekday(LEAST_DAYS - 1)), penalty=5) == []


def test_a_series_without_noise_that_moves_once_moved_then() -> None:
    assert where_levels_move(steady(np.repeat([1.0, 2.0], 20), _weekday(40)), penalty=10) == [20]


@pytest.mark.parametrize("length", [1, 2, 3])
def test_bad_days_in_a_row_are_no_other_level(length: int) -> None:
    values = _noise(60)
    values[30 : 30 + length] += 2.3  # ten times as long

    assert where_levels_move(steady(values, _weekday(60)), penalty=9) == []


def test_what_weekdays_do_is_no_other_level_and_hides_none() -> None:
    weekly = np.where(_weekday(84) < 5, 0.0, 1.0)

    assert where_levels_move(steady(_noise(84) + weekly, _weekday(84)), penalty=9) == []
    assert where_levels_move(steady(_moved(84, 45, 0.4) + weekly, _weekday(84)), penalty=9) == [45]


def test_weekdays_that_do_nothing_leave_a_series_nearly_as_it_was() -> None:
    values = _noise(70, seed=3)

    assert np.abs(steady(values, _weekday(70)).levels - values).mean() < 0.03


@given(seed=st.integers(0, 10**6), shift=st.floats(-5, 5), days=st.integers(30, 70))
def test_another_unit_of_time_moves_no_day(seed: int, shift: float, days: int) -> None:
    values = _moved(days, days // 2, 0.8, seed=seed)

    here, there = (steady(series, _weekday(days)) for series in (values, values + shift))

    assert where_levels_move(here, penalty=9) == where_levels_move(there, penalty=9)
    assert here.noise == pytest.approx(there.noise, rel=1e-6)


@given(seed=st.integers(0, 10**6), days=st.integers(30, 70))
def test_time_reversed_moves_back_on_the_same_days(seed: int, days: int) -> None:
    values = _moved(days, days // 2, 0.8, seed=seed)
    forward = where_levels_move(steady(values, _weekday(days)), penalty=9)
    back = where_levels_move(steady(values[::-1].copy(), _weekday(days)[::-1].copy()), penalty=9)

    assert sorted(days - place for place in back) == forward


def test_the_day_lies_between_more_days_where_the_noise_is_larger() -> None:
    sharp = between_places(_moved(60, 30, 1.0), 30)
    blurred = between_places(_moved(60, 30, 0.15), 30)

    assert sharp == (30, 30)
    assert blurred[0] < 30 < blurred[1]
    assert between_places(_moved(60, 30, 0.15), 30, level=0.5)[0] > blurred[0]


def test_so_many_intervals_as_stated_hold_the_day_and_hardly_more_than_needed() -> None:
    draws = [(_moved(60, 25, 0.15, seed=seed), 25) for seed in range(500)]
    held, narrow = 0, 0
    for levels, at in draws:
        n, left = len(levels), np.arange(1, len(levels))
        sums = np.cumsum(levels - levels.mean())[:-1]
        found = int(np.argmax(sums**2 / (left * (n - left)))) + 1
        first, last = between_places(levels, found)
        held += first <= at <= last
        first, last = between_places(levels, found, level=0.5)
        narrow += first <= at <= last

    assert stats.binom.cdf(held, 500, 0.95) > 0.001
    assert stats.binom.sf(held - 1, 500, 0.985) > 0.001  # else it is too wide
    assert stats.binom.cdf(narrow, 500, 0.5) > 0.001
    assert narrow < held - 50


def test_the_interval_of_a_day_reaches_as_far_as_the_likelihood_ratio_says() -> None:
    # 20 days at -1 and 20 at +1, each a noise of 1 from its level: the mean of the pair moves neither level
    levels = np.repeat([0.0, 2.0], 20) + np.tile([-1.0, 1.0], 20) * 1.0
    gained = {}
    for place in range(1, 40):
        parts = np.split(levels, [place])
        gained[place] = -sum(float(((part - part.mean()) ** 2).sum()) for part in parts)
    variance = -gained[20] / 38
    most = -2 * np.log(1 - np.sqrt(0.95))  # 7.35, where 5.99 is a quantile of chi squared with two degrees of freedom
    near = [place for place, gain in gained.items() if (gained[20] - gain) / variance <= most]

    assert between_places(levels, 20) == (min(near), max(near))


def test_weekdays_are_those_of_the_calendar_where_days_are_missing() -> None:
    days = np.array([day for day in range(140) if day % 7 != 6 and day not in (10, 25, 26, 27, 66, 94)])
    weekly = np.where(days % 7 == 0, 0.8, 0.0)
    values = _noise(len(days), seed=4) + weekly

    known = steady(values, days % 7)

    assert np.abs(known.levels - known.levels.mean() - (values - weekly) + (values - weekly).mean()).mean() < 0.05
    assert known.levels.std() < 0.15 < values.std()


def test_what_wanders_is_as_likely_without_levels() -> None:
    moved = []
    for seed in range(200):
        chance, wandering = _noise(90, seed=seed), np.zeros(90)
        for day in range(1, 90):
            wandering[day] = 0.45 * wandering[day - 1] + chance[day]
        moved.append([bool(where_levels_move(steady(days, _weekday(90)), penalty=10)) for days in (wandering, chance)])

    wandered, independent = np.sum(moved, axis=0)
    assert independent <= 20
    assert wandered <= 32  # of days taken for independent in 118


def test_days_alike_make_what_is_said_of_a_level_less_certain() -> None:
    levels = _moved(60, 30, 0.15)

    assert [Steady(levels=levels, noise=0.1, alike=alike).caution for alike in (0.0, 0.5)] == [1.0, 3.0]
    wide, close = between_places(levels, 30, caution=3.0), between_places(levels, 30)
    assert wide[0] < close[0] < close[1] < wide[1]
    sizes = [ratio_between(levels[:30], levels[30:], caution=caution) for caution in (1.0, 3.0)]
    (low, high), (lower, higher) = sizes
    assert higher - lower == pytest.approx((high - low) * np.sqrt(3))


@given(seed=st.integers(0, 10**6), sides=st.tuples(st.integers(5, 40), st.integers(5, 40)))
def test_bounds_of_a_size_are_those_of_a_plain_bootstrap_t(seed: int, sides: tuple[int, int]) -> None:
    before, after = (_noise(days, seed=seed + days) + place for place, days in enumerate(sides))

    low, high = ratio_between(before, after, seed=seed)

    error = np.sqrt(before.var(ddof=1) / len(before) + after.var(ddof=1) / len(after))
    assert low < after.mean() - before.mean() < high
    assert 3 * error < high - low < 20 * error  # two normal quantiles are 3.9 errors apart, of five days more


def test_bounds_of_a_size_are_the_size_where_days_are_alike() -> None:
    assert ratio_between(np.full(5, 1.0), np.full(9, 1.5)) == (0.5, 0.5)


def test_a_slow_move_is_told_as_one_and_a_sudden_one_is_not() -> None:
    slowly = steady(_noise(90) + np.clip(np.arange(90) - 30, 0, 40) * 0.02, _weekday(90))
    places = where_levels_move(slowly, penalty=9)
    suddenly = steady(_moved(90, 40, 0.5), _weekday(90))

    ramp = ramp_instead(slowly, places, penalty=9)

    assert len(places) > 1
    assert ramp is not None
    assert abs(ramp.first - 30) <= 6
    assert abs(ramp.last - 70) <= 6
    assert ramp.moved == pytest.approx(0.8, abs=0.1)
    assert ramp_instead(suddenly, where_levels_move(suddenly, penalty=9), penalty=9) is None
    assert ramp_instead(suddenly, [], penalty=9) is None
