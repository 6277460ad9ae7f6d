from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from rpa_lab.inference.shift import ROUNDS, cliffs_delta, effect_word, shift_of_days
from tests import oracles, strategies

Floats = npt.NDArray[np.float64]


def _offsets(before: int, now: int) -> npt.NDArray[np.int64]:
    return np.arange(-before, now)


def _values(seed: int, before: int, now: int, *, slower: float = 0.0) -> Floats:
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(100, 8, before), rng.normal(100 + slower, 8, now)])


@given(
    st.lists(strategies.durations_ms(), min_size=1, max_size=12),
    st.lists(strategies.durations_ms(), min_size=1, max_size=6),
)
def test_with_few_weeks_the_shift_is_the_median_of_all_differences(before: list[float], now: list[float]) -> None:
    found = shift_of_days(np.array(before + now), _offsets(len(before), len(now)), rounds=99)

    assert found.shift == pytest.approx(oracles.hodges_lehmann(before, now), rel=1e-9, abs=1e-9)
    assert not found.same_weekdays
    assert 0 < found.p_value <= 1


def test_with_more_weeks_only_the_same_days_of_the_week_are_compared() -> None:
    values, offsets = _values(1, 28, 7), _offsets(28, 7)
    pairs = [(now, then) for now in range(28, 35) for then in range(now % 7, 28, 7)]
    found = shift_of_days(values, offsets, rounds=99)

    assert found.same_weekdays
    assert found.shift == pytest.approx(np.median([values[now] - values[then] for now, then in pairs]))
    sundays = np.where(offsets % 7 == 3, 5_000.0, 0.0)  # alike on both sides, so no difference
    same = shift_of_days(values + sundays, offsets, rounds=99)
    assert (same.shift, same.p_value) == pytest.approx((found.shift, found.p_value))


def test_days_of_many_runs_count_more() -> None:
    values, offsets = np.array([10.0, 20.0, 110.0]), np.array([-2, -1, 0])

    assert shift_of_days(values, offsets).shift == 95.0
    assert shift_of_days(values, offsets, np.array([1, 100, 100])).shift == 90.0  # of √(100/101) and √50
    assert shift_of_days(values, offsets, np.array([7, 7, 7])).shift == 95.0


def _all_placings(current: list[bool], strata: list[int]) -> Iterator[list[bool]]:
    """Every way to call as many days of each stratum current."""
    members = [[day for day, stratum in enumerate(strata) if stratum == each] for each in sorted(set(strata))]
    choices = [list(combinations(days, sum(current[day] for day in days))) for days in members]
    for chosen in product(*choices):
        called = {day for days in chosen for day in days}
        yield [day in called for day in range(len(current))]


def _wins(values: Floats, current: list[bool], strata: list[int]) -> float:
    pairs = [
        (values[now] > values[then]) + 0.5 * (values[now] == values[then])
        for now in range(len(values))
        for then in range(len(values))
        if current[now] and not current[then] and strata[now] == strata[then]
    ]
    return float(sum(pairs) / len(pairs))


@pytest.mark.parametrize(
    ("before", "now", "seed", "by_weekday"),
    [(4, 4, 1, False), (5, 4, 2, False), (6, 3, 3, False), (7, 4, 4, False), (14, 7, 5, True), (14, 7, 6, True)],
)
def test_the_p_value_is_that_of_all_ways_to_place_the_days(before: int, now: int, seed: int, by_weekday: bool) -> None:
    values, offsets = _values(seed, before, now, slower=6.0), _offsets(before, now)
    current, strata = (offsets >= 0).tolist(), (offsets % 7 if by_weekday else offsets * 0).tolist()
    observed = _wins(values, current, strata)
    wins = np.array([_wins(values, placing, strata) for placing in _all_placings(current, strata)])
    tails = [float((wins >= observed - 1e-9).mean()), float((wins <= observed + 1e-9).mean())]
    found = shift_of_days(values, offsets, seed=seed)

    assert (found.same_weekdays, found.block_days) == (by_weekday, 1)
    error = 2 * float(np.sqrt(min(tails) * (1 - min(tails)) / ROUNDS))
    assert found.p_value == pytest.approx(min(1.0, 2 * min(tails)), abs=4 * error + 2 / ROUNDS)


@pytest.mark.parametrize("seed", range(4))
def test_where_any_day_may_change_with_any_it_is_mann_whitneys_test(seed: int) -> None:
    values = _values(seed, 6, 6, slower=8.0)
    exact = stats.mannwhitneyu(values[6:], values[:6], method="exact")
    found = shift_of_days(values, _offsets(6, 6), seed=seed)

    error = float(np.sqrt(exact.pvalue / ROUNDS))
    assert found.p_value == pytest.approx(exact.pvalue, abs=4 * error + 2 / ROUNDS)


@pytest.mark.parametrize("weighed", [False, True])
@pytest.mark.parametrize(("before", "now"), [(8, 6), (14, 7), (28, 14)])
def test_the_interval_holds_the_shifts_that_the_test_does_not_reject(before: int, now: int, weighed: bool) -> None:
    values, offsets = _values(before, before, now, slower=5.0), _offsets(before, now)
    runs = np.random.default_rng(1).integers(5, 100, before + now) if weighed else None
    found = shift_of_days(values, offsets, runs)
    assert found.low is not None
    assert found.high is not None

    def p_value(shift: float) -> float:
        return shift_of_days(values - shift * (offsets >= 0), offsets, runs).p_value

    width, slack = found.high - found.low, 0.02  # the days in a new order have another, equally random, reference
    assert found.low < found.shift < found.high
    for inside in np.linspace(found.low + 0.05 * width, found.high - 0.05 * width, 9):
        assert p_value(float(inside)) > 0.05 - slack
    for outside in (found.low - 0.1 * width, found.high + 0.1 * width):
        assert p_value(outside) <= 0.05 + slack


def test_so_few_days_bound_nothing() -> None:
    found = shift_of_days(np.array([1.0, 2.0, 9.0]), _offsets(2, 1))

    assert (found.low, found.high) == (None, None)
    assert found.p_value > 0.05


def test_the_longer_the_series_the_longer_the_blocks() -> None:
    lengths = [(5, 5), (7, 7), (28, 7), (14, 14), (28, 28), (56, 28)]
    blocks = [shift_of_days(_values(0, *days), _offsets(*days), rounds=99).block_days for days in lengths]

    assert blocks == [1, 1, 2, 2, 6, 6]


def test_missing_days_are_no_matter() -> None:
    offsets = np.delete(_offsets(28, 7), [3, 11, 20, 30])
    values = np.delete(_values(2, 28, 7, slower=60.0), [3, 11, 20, 30])
    found = shift_of_days(values, offsets)

    assert found.p_value < 0.02
    assert found.shift == pytest.approx(60, abs=15)


def test_days_that_came_to_other_days_of_the_week_are_compared_all_the_same() -> None:
    before = [week * 7 + day for week in range(-12, 0) for day in range(5)]
    now = [week * 7 + day for week in range(4) for day in (5, 6)]
    found = shift_of_days(np.array([100.0] * len(before) + [130.0] * len(now)), np.array(before + now))

    assert not found.same_weekdays
    assert found.shift == 30.0
    assert found.p_value < 0.05


def test_weeks_that_share_one_day_are_not_taken_for_alike() -> None:
    # one Friday is all that the weeks of both sides share: it alone would be held against all days of other weeks
    offsets = np.array(
        [week * 7 + day for week in range(-12, 0) for day in range(5)]
        + [4]
        + [week * 7 + day for week in range(4) for day in (5, 6)]
    )
    alarms = 0
    for seed in range(200):
        values = np.random.default_rng(seed).normal(100, 8, len(offsets))
        alarms += shift_of_days(values, offsets, rounds=499).p_value <= 0.05

    assert alarms <= 20  # of 200, 10 expected


def test_same_days_and_seed_same_result_and_another_seed_nearly() -> None:
    values, offsets = _values(3, 14, 7, slower=6.0), _offsets(14, 7)
    one, again, other = (shift_of_days(values, offsets, seed=seed) for seed in (1, 1, 2))

    assert one == again
    assert one.shift == other.shift
    assert one.p_value == pytest.approx(other.p_value, abs=0.03)


@given(
    st.lists(strategies.durations_ms(), min_size=1, max_size=20),
    st.lists(strategies.durations_ms(), min_size=1, max_size=20),
)
def test_cliffs_delta_counts_pairs(before: list[float], now: list[float]) -> None:
    got = cliffs_delta(np.array(before), np.array(now))

    assert got == pytest.approx(oracles.cliffs_delta(before, now), abs=1e-12)
    assume(len(set(before + now)) > 1)
    wins = stats.mannwhitneyu(now, before).statistic
    assert got == pytest.approx(2 * wins / (len(before) * len(now)) - 1, abs=1e-12)


@pytest.mark.parametrize(
    ("delta", "word"),
    [(0, "negligible"), (0.146, "negligible"), (-0.148, "small"), (0.34, "medium"), (-0.475, "large"), (1, "large")],
)
def test_effects_have_their_usual_words(delta: float, word: str) -> None:
    assert effect_word(delta) == word
