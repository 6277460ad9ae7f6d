from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from rpa_lab.inference.neighbours import wider_by_neighbours
from rpa_lab.inference.two_periods import Figures, drawn_days, figures_of_two_periods, figures_without_bounds

Floats = npt.NDArray[np.float64]


def _differences(
    before: Floats,
    now: Floats,
    *,
    seed: int = 0,
    later_first: bool = False,
    together: bool = False,
    in_order: bool = True,
) -> Figures:
    """Of the means of columns."""

    def figures(first: Floats, second: Floats) -> Floats:
        moved: Floats = second @ now / second.sum(axis=1)[:, None] - first @ before / first.sum(axis=1)[:, None]
        return moved

    return figures_of_two_periods(
        figures,
        (len(before), len(now)),
        seed=seed,
        later_first=later_first,
        together=together,
        in_order=in_order,
    )


def _samples(seed: int, days: int, columns: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    return rng.normal(10, 1, (days, columns)), rng.normal(10, 1, (days, columns))


def test_error_and_degrees_of_freedom_are_welchs() -> None:
    before, now = _samples(0, 14, 3)
    found = _differences(before, now, in_order=False)

    for column in range(3):
        welch = stats.ttest_ind(now[:, column], before[:, column], equal_var=False)
        assert found.value[column] / found.error[column] == pytest.approx(welch.statistic)
        assert found.freedom[column] == pytest.approx(welch.df)


def test_bounds_of_means_of_two_weeks_are_as_wide_as_students() -> None:
    ratios = []
    for seed in range(30):
        before, now = _samples(seed, 14, 2)
        found = _differences(before, now, in_order=False)
        for column in range(2):
            welch = stats.ttest_ind(now[:, column], before[:, column], equal_var=False).confidence_interval(0.95)
            ratios.append((found.high[column] - found.low[column]) / (welch.high - welch.low))

    assert np.mean(ratios) == pytest.approx(1, abs=0.02)  # a plain percentile bootstrap: 0.91


def test_chance_is_called_a_difference_no_oftener_than_said_however_many_figures_there_are() -> None:
    wrong = [_differences(*_samples(seed, 14, 12)).differ(slice(None)).any() for seed in range(200)]

    assert stats.binom.sf(sum(wrong) - 1, len(wrong), 0.05) > 0.01  # uncorrected: about 90 of 200
    assert sum(wrong) >= 2  # and it isn't deaf


def _wandering(seed: int, days: int, columns: int, *, alike: float) -> Floats:
    """Days that keep so much of the day before, of variance 1."""
    rng = np.random.default_rng([seed, 1])
    shocks = rng.normal(0, np.sqrt(1 - alike**2), (days, columns))
    levels = [rng.normal(0, 1, columns)]
    for shock in shocks[1:]:
        levels.append(alike * levels[-1] + shock)
    return np.stack(levels)


def test_days_like_the_day_before_widen_errors_and_bounds_by_the_same_factor_and_nothing_else() -> None:
    days = _wandering(5, 56, 6, alike=0.5)
    alike, by_lot = (_differences(days[:28], days[28:], in_order=in_order) for in_order in (True, False))
    wider = wider_by_neighbours([days[half] - days[half].mean(axis=0) for half in (slice(28), slice(28, None))])

    assert wider.min() >= 1
    assert wider.max() > 1.3
    assert alike.error == pytest.approx(by_lot.error * wider)
    assert alike.value - alike.low == pytest.approx((by_lot.value - by_lot.low) * wider)
    assert alike.high - alike.value == pytest.approx((by_lot.high - by_lot.value) * wider)
    assert (alike.freedom == by_lot.freedom).all()
    assert (alike.again == by_lot.again).all()


def test_differences_of_days_like_the_day_before_are_held_and_a_trial_without_order_is_not() -> None:
    held, by_lot = 0, 0
    for seed in range(60):
        days = _wandering(seed, 56, 10, alike=0.3)
        for in_order in (True, False):
            found = _differences(days[:28], days[28:], seed=seed, in_order=in_order)
            inside = int(((found.low <= 0) & (found.high >= 0)).sum())
            held, by_lot = held + inside * in_order, by_lot + inside * (not in_order)

    assert stats.binom.cdf(held, 600, 0.92) > 0.001
    assert stats.binom.sf(held - 1, 600, 0.985) > 0.001
    assert stats.binom.cdf(by_lot, 600, 0.90) < 0.01


def test_p_values_agree_with_bounds_where_neighbouring_days_are_alike() -> None:
    for seed in range(40):
        days = _wandering(seed, 56, 4, alike=0.6)
        found = _differences(days[:28], days[28:], seed=seed)
        outside = (found.low > 0) | (found.high < 0)
        for column in range(4):
            alone = slice(column, column + 1)
            p_value = found.p_values(alone)[0]
            assert not found.differ(alone)[0] or outside[column]
            assert outside[column] == (p_value <= 0.05) or 0.03 < p_value < 0.08


def test_a_real_difference_is_found_among_many_and_its_p_value_is_small() -> None:
    before, now = _samples(3, 14, 12)
    now[:, 5] += 8
    found = _differences(before, now)

    assert np.flatnonzero(found.differ(slice(None))).tolist() == [5]
    p_values = found.p_values(slice(None))
    assert p_values[5] < 1e-6  # far beyond what 1,999 resamples can tell
    assert p_values[np.arange(12) != 5].min() > 0.05
    assert found.p_values(slice(5, 6))[0] < p_values[5]


def test_with_the_periods_exchanged_the_bounds_are_exchanged_too() -> None:
    before, now = _samples(1, 12, 2)
    one, other = _differences(before, now[:11]), _differences(now[:11], before, later_first=True)

    assert (one.value == -other.value).all()
    assert one.low == pytest.approx(-other.high)
    assert one.high == pytest.approx(-other.low)


def test_days_of_the_two_periods_are_drawn_for_themselves() -> None:
    first, second = drawn_days((20, 20), seed=4)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.02
    again = drawn_days((20, 20), seed=4)
    assert (first == again[0]).all()
    assert (second == again[1]).all()


def test_days_of_both_are_drawn_at_once_where_they_are_the_same_days() -> None:
    first, second = drawn_days((20, 20), seed=4, together=True)
    assert (first == second).all()

    before, now = _samples(0, 14, 3)
    common = np.random.default_rng(5).normal(0, 20, (14, 1))  # a slow day is slow for both
    found = _differences(before + common, now + common, together=True, in_order=False)
    for column in range(3):
        paired = stats.ttest_rel(now[:, column], before[:, column])
        between = paired.confidence_interval(0.95)
        assert found.value[column] / found.error[column] == pytest.approx(paired.statistic)
        assert found.freedom[column] == pytest.approx(13)
        assert found.high[column] - found.low[column] == pytest.approx(between.high - between.low, rel=0.1)
        assert found.p_values(slice(column, column + 1))[0] == pytest.approx(paired.pvalue, abs=0.05)
    apart = _differences(before + common, now + common, in_order=False)
    assert ((apart.high - apart.low) > 5 * (found.high - found.low)).all()


def test_what_no_day_changes_is_bounded_by_itself() -> None:
    before = np.column_stack([np.full(12, 1.0), np.full(12, 2.0)])
    now = np.column_stack([np.full(12, 1.0), np.full(12, 3.0)])
    found = _differences(before, now)

    assert (found.low.tolist(), found.high.tolist()) == ([0.0, 1.0], [0.0, 1.0])
    assert found.differ(slice(None)).tolist() == [False, True]


def test_an_error_that_cannot_be_so_small_widens_bounds_and_raises_p() -> None:
    before, now = _samples(2, 20, 3)
    before[:, 0], now[:, 0] = 1.02, 1.0  # the same on every day
    found = _differences(before, now)
    assert found.differ(slice(None))[0]

    least = np.array([0.02, 0.0, 0.001])
    careful = found.no_surer(least, 2 * least)
    assert (careful.value == found.value).all()
    reach = 0.02 * stats.t.ppf(0.975, careful.freedom[0])
    assert (careful.low[0], careful.high[0]) == pytest.approx((-0.02 - reach, -0.02 + reach))
    assert (careful.low[1:] == found.low[1:]).all()
    assert (careful.high[1:] == found.high[1:]).all()
    assert (careful.error[1:] == found.error[1:]).all()
    assert not careful.differ(slice(None))[0]
    assert careful.error[0] == 0.04
    assert careful.p_values(slice(None))[0] > 0.5  # half a standard error, and the largest of three
    assert careful.p_values(slice(1, 3)) == pytest.approx(found.p_values(slice(1, 3)))
    none = figures_without_bounds(np.ones(3)).no_surer(np.ones(3), np.ones(3))
    assert np.isnan(none.low).all()


def test_resamples_in_which_a_side_is_not_drawn_at_all_do_not_count() -> None:
    there = np.zeros(24)
    there[:6] = 1.0  # of 24 days one side ran on six: e^-6 of the resamples have none of them
    now = np.random.default_rng(0).normal(10, 1, 24)

    def figures(first: Floats, second: Floats) -> Floats:
        with np.errstate(invalid="ignore"):
            mean = first @ (now * there) / (first @ there)
        moved: Floats = (second @ (now + 3) / second.sum(axis=1) - mean)[:, None]
        return moved

    found = figures_of_two_periods(figures, (24, 24), together=True)
    assert 1_900 < len(found.again) < 1_999
    assert np.isfinite([found.low[0], found.high[0], found.p_values(slice(None))[0]]).all()
    assert found.differ(slice(None))[0]


def test_without_bounds_nothing_differs() -> None:
    found = figures_without_bounds(np.asarray([1.0, 0.0]))

    assert not found.differ(slice(None)).any()
    assert np.isnan(found.p_values(slice(None))).all()
