"""Tests of how much single runs vary within a day."""

from __future__ import annotations

import numpy as np
import pytest

from rpa_lab.query.day_cells import Sample, influences
from rpa_lab.query.within_days import variance_of_shares, variance_of_values

DAY = [0, 0, 1, 3, 0, 0, 0, 1, 1, 3]  # two values of side 0 on the first day, ...
SIDES = [0, 0, 0, 0, 1, 1, 1, 1, 1, 1]


def _sample(values: list[float]) -> Sample:
    return Sample(np.array(values), np.array(DAY), np.array([0, 4, 10]), 4)


def test_it_is_what_values_of_both_sides_differ_from_their_days_means_whatever_days_do() -> None:
    values = [1.0, 2.0, 5.0, 6.0, 1.0, 3.0, 4.0, 5.0, 9.0, 9.0]
    by_day = [[value for value, at in zip(values, DAY, strict=True) if at == day] for day in (0, 1, 3)]
    expected = sum((len(of) - 1) * np.var(of, ddof=1) for of in by_day) / (10 - 3)

    assert variance_of_values(_sample(values), [1])[0] == pytest.approx(expected)
    slower = [value + 1000 * at for value, at in zip(values, DAY, strict=True)]
    assert variance_of_values(_sample(slower), [1])[0] == pytest.approx(expected)
    # of a side with itself every value counts twice
    alone = [
        [value for value, at, side in zip(values, DAY, SIDES, strict=True) if (at, side) == (day, 0)] for day in (0, 1)
    ]
    assert variance_of_values(_sample(values), [0])[0] == pytest.approx(sum(2 * len(o) * np.var(o) for o in alone) / 5)


def test_shares_are_values_of_nothing_and_one() -> None:
    counted = [1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    sample = _sample(counted)
    of = sample.counts()
    part = np.stack([sample.by_day(side, sample.values[sample.of(side)]) for side in (0, 1)], axis=1)

    shares = variance_of_shares(part[:, 1:], of[:, 1:], part[:, :1], of[:, :1])
    assert shares == pytest.approx(variance_of_values(sample, [1]))
    assert shares[0] > 0


def test_of_a_spread_it_is_that_of_the_influences_and_of_single_runs_a_day_nothing() -> None:
    values = [1.0, 2.0, 5.0, 6.0, 1.0, 3.0, 4.0, 5.0, 9.0, 9.0]
    sample = _sample(values)
    std = np.array([np.std(values[:4], ddof=1), np.std(values[4:], ddof=1)])
    weights = influences(sample, std)

    assert [weights[:4].mean(), weights[4:].mean()] == pytest.approx(std.tolist())
    expected = variance_of_values(Sample(weights, sample.day, sample.first, 4), [1])
    assert variance_of_values(sample, [1], std=std) == pytest.approx(expected)
    lonely = Sample(np.array([1.0, 7.0]), np.array([0, 1]), np.array([0, 1, 2]), 2)
    assert variance_of_values(lonely, [1]).tolist() == [0.0]
    assert variance_of_values(Sample(np.empty(0), np.empty(0, np.int64), np.zeros(3, np.int64), 2), [1]).tolist() == [
        0.0
    ]
