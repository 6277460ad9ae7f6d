"""Tests of Cliff's delta and Cohen's h, and of their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.inference.differences import Bounds
from rpa_lab.inference.effect import cohens_h, delta_of_placements, placements, placements_of_both
from tests import oracles, strategies

SOME = st.lists(strategies.durations_ms(most=1000), min_size=2, max_size=20)


@given(SOME, SOME)
def test_placements_of_either_side_add_up_to_cliffs_delta(baseline: list[float], current: list[float]) -> None:
    before, now = np.sort(baseline), np.sort(current)
    ours, theirs = placements(now, before), -placements(before, now)
    alone = ours, np.ones(len(now)), theirs, np.ones(len(before))
    delta, low, high = delta_of_placements(*alone, paired=False)

    expected = oracles.cliffs_delta(baseline, current)
    assert (ours.mean(), theirs.mean(), delta) == pytest.approx((expected, expected, expected))
    assert -1 <= low <= delta + 1e-9
    assert delta - 1e-9 <= high <= 1


@given(SOME, SOME)
def test_one_search_gives_the_placements_of_both(values: list[float], others: list[float]) -> None:
    one, other = np.sort(values), np.sort([*others, values[0]])
    ours, theirs = placements_of_both(one, other)

    assert ours.tolist() == placements(one, other).tolist()
    assert theirs.tolist() == placements(other, one).tolist()


def test_the_standard_error_is_delongs_where_each_day_has_one_run() -> None:
    rng = np.random.default_rng(4)
    now, before = np.sort(rng.normal(1, 1, 400)), np.sort(rng.normal(0, 1, 300))
    alone = placements(now, before), np.ones(400), -placements(before, now), np.ones(300)
    delta, low, high = delta_of_placements(*alone, paired=False)

    greater = (now[:, None] > before[None, :]).astype(np.float64)  # DeLong's components of the area
    error = 2 * (greater.mean(axis=1).var(ddof=1) / 400 + greater.mean(axis=0).var(ddof=1) / 300) ** 0.5
    assert (high - low) / 2 == pytest.approx(1.968 * error, rel=0.01)
    assert low < delta < high


def test_runs_of_one_day_are_no_independent_evidence() -> None:
    day = np.repeat(np.random.default_rng(1).normal(0, 1, (2, 12)), 30, axis=1)
    now, before = day + np.random.default_rng(2).normal(0, 0.1, day.shape) + [[0.3], [0.0]]
    ours, theirs = placements(now, np.sort(before)), -placements(before, np.sort(now))
    by_day = [each.reshape(12, 30).sum(axis=1) for each in (ours, theirs)]
    counts = np.full(12, 30.0)
    of_days = delta_of_placements(by_day[0], counts, by_day[1], counts, paired=False)
    of_runs = delta_of_placements(ours, np.ones(360), theirs, np.ones(360), paired=False)

    assert of_days[0] == pytest.approx(of_runs[0])
    assert of_days[2] - of_days[1] > 3 * (of_runs[2] - of_runs[1])


def test_a_delta_of_one_has_an_interval_too_and_of_nothing_none() -> None:
    ones, tens = np.full(12, 10.0), np.full(12, 10.0)
    delta, low, high = delta_of_placements(ones, tens, ones, tens, paired=True)

    assert (delta, high) == (1.0, 1.0)
    assert 0.2 < low < 0.9
    assert np.isnan(delta_of_placements(0 * tens, 0 * tens, ones, tens, paired=True)).all()


def test_h_stretches_both_ends_of_the_scale() -> None:
    rates = np.array([0.99, 0.54, 1.0])
    base = np.array([0.98, 0.50, 1.0])
    reach = Bounds(rates - 0.005, np.minimum(rates + 0.005, 1)), Bounds(base - 0.005, np.minimum(base + 0.005, 1))
    h, bounds = cohens_h(rates, reach[0], base, reach[1])

    assert h == pytest.approx(2 * np.arcsin(np.sqrt(rates)) - 2 * np.arcsin(np.sqrt(base)))
    assert (bounds.low <= h).all()
    assert (h <= bounds.high).all()
    assert np.isfinite(bounds.low).all()
    assert (bounds.high - bounds.low)[0] > 2 * (bounds.high - bounds.low)[1]
