from __future__ import annotations

import numpy as np
import pytest

from rpa_lab.inference.neighbours import neighbours_alike, new_each_day, rest_alike


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
