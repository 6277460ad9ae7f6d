"""Tests of intervals of differences and ratios."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pytest

from rpa_lab.inference.differences import Bounds, correlation_by_days, difference_by_days, difference_of_bounds
from rpa_lab.inference.intervals import wilson_interval
from rpa_lab.inference.resampling import resampled_days
from tests import oracles

Floats: TypeAlias = npt.NDArray[np.float64]


@pytest.fixture
def days() -> tuple[Floats, Floats, Floats, Floats]:
    rng = np.random.default_rng(8)
    day = rng.lognormal(0, 0.3, (20, 1))
    n = rng.integers(3, 12, (20, 2)).astype(np.float64)
    means = np.array([[100.0, 90.0]]) * day * rng.lognormal(0, 0.05, (20, 2))
    return means[:, :1] * n[:, :1], n[:, :1], means[:, 1:] * n[:, 1:], n[:, 1:]


def test_the_same_days_are_drawn_for_both_sides(days: tuple[Floats, Floats, Floats, Floats]) -> None:
    drawn = resampled_days(20, seed=0, resamples=399)
    part, whole, base_part, base_whole = days
    difference, ratio = difference_by_days(drawn, part, whole, drawn, base_part, base_whole)
    one, base = (list(zip(a[:, 0].tolist(), n[:, 0].tolist(), strict=True)) for a, n in (days[:2], days[2:]))

    expected = oracles.difference_bootstrap(drawn.tolist(), one, base, level=0.95)
    assert (difference.low[0], difference.high[0]) == pytest.approx(expected)
    assert ratio.low[0] < days[0].sum() / days[1].sum() / (days[2].sum() / days[3].sum()) < ratio.high[0]


def test_what_days_have_in_common_cancels_only_where_they_are_the_same_days(
    days: tuple[Floats, Floats, Floats, Floats],
) -> None:
    drawn, others = resampled_days(20, seed=0), resampled_days(20, seed=1)
    part, whole, base_part, base_whole = days
    together, apart = (difference_by_days(drawn, part, whole, base, base_part, base_whole) for base in (drawn, others))

    for paired, independent in zip(together, apart, strict=True):
        assert (paired.high - paired.low)[0] < 0.5 * (independent.high - independent.low)[0]


def test_several_groups_at_once_are_each_as_alone(days: tuple[Floats, Floats, Floats, Floats]) -> None:
    drawn = resampled_days(20, seed=0)
    part, whole = np.hstack([days[0], 2 * days[0]]), np.hstack([days[1], days[1]])
    both = difference_by_days(drawn, part, whole, drawn, *days[2:])
    for side in (0, 1):
        alone = difference_by_days(drawn, part[:, [side]], whole[:, [side]], drawn, *days[2:])
        for bounds, expected in zip(both, alone, strict=True):
            assert (bounds.low[side], bounds.high[side]) == pytest.approx((expected.low[0], expected.high[0]))


def test_where_nothing_varies_nothing_is_known_and_ratios_need_something_to_divide_by() -> None:
    drawn, ones = resampled_days(12, seed=0), np.ones((12, 1))
    same = difference_by_days(drawn, 6 * ones, ones, drawn, 5 * ones, ones)
    varied = np.arange(12.0)[:, None]
    nothing = difference_by_days(drawn, varied, ones, drawn, 0 * ones, ones)

    assert np.isnan([bound[0] for bounds in same for bound in bounds]).all()
    assert nothing[0].low[0] < varied.mean() < nothing[0].high[0]
    assert np.isnan(nothing[1].low[0])
    assert np.isnan(nothing[1].high[0])


def test_no_bound_lies_beyond_what_two_days_say() -> None:
    drawn, ones = resampled_days(14, seed=0), np.ones((14, 1))
    once = np.full((14, 1), 100.0)
    once[3] = 1000
    difference, ratio = difference_by_days(
        drawn, once, ones, drawn, np.full((14, 1), 90.0) + np.arange(14.0)[:, None], ones
    )

    assert difference.high[0] <= 1000 - 90
    assert difference.low[0] >= 100 - 103
    assert 100 / 103 <= ratio.low[0] <= ratio.high[0] <= 1000 / 90


def test_two_of_wilsons_make_the_interval_that_newcombe_published() -> None:
    wilson = [wilson_interval(*counts) for counts in ((56, 70), (48, 80))]
    one, other = (Bounds(np.array([low / 100]), np.array([high / 100])) for low, high in wilson)
    found = difference_of_bounds(np.array([0.8]), one, np.array([0.6]), other)

    assert (found.low[0], found.high[0]) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_bounds_that_move_together_differ_less() -> None:
    one, other = np.array([10.0]), np.array([8.0])
    bounds = Bounds(one - 1, one + 2), Bounds(other - 1, other + 1)
    apart, together, opposed = (
        difference_of_bounds(one, bounds[0], other, bounds[1], correlation=rho) for rho in (0.0, 0.9, -0.9)
    )

    assert apart.high[0] - 2 == pytest.approx(5**0.5)
    assert together.high[0] < apart.high[0] < opposed.high[0]
    assert together.low[0] > apart.low[0] > opposed.low[0]
    assert np.isnan(difference_of_bounds(one, Bounds(np.array([np.nan]), one), other, bounds[1]).high[0])


def test_days_are_as_alike_as_numpy_says() -> None:
    rng = np.random.default_rng(2)
    part, ones = rng.normal(10, 1, (15, 2)), np.ones((15, 2))

    found = correlation_by_days(part[:, :1], ones[:, :1], part[:, 1:], ones[:, 1:])
    assert found[0] == pytest.approx(np.asarray(np.corrcoef(part.T))[0, 1])
    assert correlation_by_days(5 * ones[:, :1], ones[:, :1], part[:, 1:], ones[:, 1:])[0] == 0
