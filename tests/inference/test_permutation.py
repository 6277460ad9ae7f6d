"""Tests of who exchanges labels or days with whom, and how rare that makes a difference."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from rpa_lab.inference.permutation import exchanges, p_values, p_values_of_runs, placed, places, side_by_side
from tests import oracles


@pytest.mark.parametrize("variance", [0.0, 150.0])
@pytest.mark.parametrize("seed", range(4))
def test_p_is_the_share_of_all_ways_to_exchange_labels_day_by_day(seed: int, variance: float) -> None:
    rng = np.random.default_rng(seed)
    n = rng.integers(1, 9, (2, 8)).astype(np.float64)
    sums = n * rng.normal(100, 10, (2, 8)) + np.array([[12.0], [0.0]]) * n
    flips = np.array([[way >> day & 1 for day in range(8)] for way in range(256)], np.float64)

    of_both = sums[0][:, None], n[0][:, None], sums[1][:, None], n[1][:, None]
    found = p_values(flips, *of_both, variance=variance)[0]

    pairs = [list(zip(sums[side].tolist(), n[side].tolist(), strict=True)) for side in (0, 1)]
    assert found == pytest.approx(oracles.exchanged_p_value(*pairs, variance=variance))


def test_groups_that_ran_on_the_same_days_exchange_labels_in_blocks_of_days() -> None:
    both = np.ones(30)
    found = exchanges(np.arange(4, 34), both, both, seed=1, rounds=50)

    assert side_by_side(both, both)
    assert (found.rows[0] == 0).all()
    blocks = found.rows.reshape(51, 15, 2)
    assert found.block == 2
    assert (blocks == blocks[:, :, :1]).all()
    assert 0 < found.rows[1:].mean() < 1
    assert exchanges(np.arange(30), both, both, seed=1, rounds=9, least_ways=100).block == 3
    assert exchanges(np.arange(30), both, both, seed=1, rounds=9, least_ways=10_000).block == 1


def test_groups_of_other_days_exchange_days_and_a_monday_goes_only_where_a_monday_was() -> None:
    now = np.arange(56) >= 28
    one, other = now.astype(np.float64), (~now).astype(np.float64)
    found = exchanges(np.arange(56), one, other, seed=1, rounds=50)
    labels = (found.rows != 0) ^ now

    assert not side_by_side(one, other)
    assert (labels.sum(axis=1) == 28).all()
    assert (labels.reshape(51, 8, 7).sum(axis=1) == 4).all()  # of each day of the week as many as before
    assert len(np.unique(labels, axis=0)) > 20


def test_days_that_a_coin_labelled_keep_how_many_of_each_weekday_a_group_had() -> None:
    mine = np.random.default_rng(5).integers(0, 2, 42).astype(np.float64)
    found = exchanges(np.arange(42), mine, 1 - mine, seed=0, rounds=40)
    labels = (found.rows != 0) ^ (mine > 0)

    assert (labels.reshape(41, 6, 7).sum(axis=1) == mine.reshape(6, 7).sum(axis=0)).all()
    assert len(np.unique(labels, axis=0)) > 20


def test_blocks_hold_days_of_one_side_only() -> None:
    current = np.array([True, True, False, False, True, True, False, False] * 3)
    found = places(np.arange(24), current, same_weekdays=False)

    assert found.block == 2
    assert all(len(set(current[found.unit == unit])) == 1 for unit in np.unique(found.unit))
    assert (placed(found, seed=0, rounds=9).sum(axis=1) == 12).all()


def test_nothing_that_varies_and_differs_is_no_evidence_and_all_that_does_is() -> None:
    ones, flips = np.ones((10, 1)), exchanges(np.arange(10), np.ones(10), np.ones(10), seed=0, rounds=999).rows

    assert p_values(flips, 5 * ones, ones, 5 * ones, ones)[0] == 1
    assert p_values(flips, 6 * ones, ones, 5 * ones, ones)[0] < 0.01
    assert np.isnan(p_values(flips, 0 * ones, 0 * ones, 5 * ones, ones)[0])


def test_a_unit_of_measurement_changes_nothing() -> None:
    rng = np.random.default_rng(3)
    sums, base, ones = rng.gamma(2, 50, (20, 3)), rng.gamma(2, 50, (20, 1)), np.ones((20, 3))
    flips = exchanges(np.arange(20), ones[:, 0], ones[:, 0], seed=0, rounds=499).rows

    usual = p_values(flips, sums, ones, base, ones[:, :1])
    assert p_values(flips, 1e6 * sums, ones, 1e6 * base, ones[:, :1]) == pytest.approx(usual)
    alone = [p_values(flips, sums[:, [side]], ones[:, :1], base, ones[:, :1])[0] for side in range(3)]
    assert usual == pytest.approx(alone)


def test_few_runs_without_a_failure_are_no_evidence_though_their_days_do_not_differ() -> None:
    rng = np.random.default_rng(2)
    ended, base_ended = np.ones((20, 1)), np.full((20, 1), 20.0)
    failed, base_failed = np.zeros((20, 1)), rng.binomial(20, 0.05, (20, 1)).astype(np.float64)
    flips = exchanges(np.arange(20), ended[:, 0], base_ended[:, 0], seed=0, rounds=999).rows
    sides = failed, ended, base_failed, base_ended

    assert p_values(flips, *sides)[0] < 0.01
    assert p_values(flips, *sides, variance=0.05 * 0.95)[0] > 0.2


@pytest.mark.parametrize(("share", "needed"), [(0.05, True), (0.1, True), (0.5, False)])
def test_a_coin_among_the_same_jobs_every_day_is_no_more_certain_than_of_independent_runs(
    share: float, needed: bool
) -> None:
    rng = np.random.default_rng(5)
    found = {True: 0, False: 0}
    for _ in range(100):
        jobs = np.tile(rng.lognormal(0, 0.8, 20), (28, 1)) * rng.lognormal(0, 0.1, (28, 20))
        mine = rng.random((28, 20)) < share
        sums, n = (
            np.stack([(each * side).sum(axis=1) for side in (mine, ~mine)]) for each in (jobs, np.ones((28, 20)))
        )
        sides = sums[0][:, None], n[0][:, None], sums[1][:, None], n[1][:, None]
        variance = float(jobs.var(axis=1, ddof=1).mean())
        flips = exchanges(np.arange(28), np.ones(28), np.ones(28), seed=0, rounds=199).rows
        of_days = p_values(flips, *sides, variance=variance)[0]
        of_runs = p_values_of_runs(*sides, variance=variance)[0]
        found[False] += of_days <= 0.05
        found[True] += max(of_days, of_runs) <= 0.05

    assert found[True] <= 12
    assert (found[False] > 12) == needed


def test_only_small_groups_are_held_to_what_independent_runs_would_say() -> None:
    days = np.ones((10, 1))
    sums = 3 * days, 2 * days, 40 * days, 20 * days

    expected = stats.norm.sf(0.5 / np.sqrt(0.5 * (1 / 20 + 1 / 200))) * 2
    assert p_values_of_runs(*sums, variance=0.5) == pytest.approx([expected])
    assert p_values_of_runs(sums[2], sums[3], sums[0], sums[1], variance=0.5) == pytest.approx([expected])
    assert p_values_of_runs(3 * days, 2 * days, 8 * days, 4 * days, variance=0.5).tolist() == [0.0]  # a third isn't
    assert p_values_of_runs(*sums, variance=0.0).tolist() == [0.0]
