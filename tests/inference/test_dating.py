from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from rpa_lab.inference.dating import AROUND, likely, moved_at

DAYS, AT = 80, 37


def _days(by: float, *, seed: int, few: bool = True, at: int = AT) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Levels, what runs bring with them, which days count: on Saturdays and Sundays a run or two."""
    rng = np.random.default_rng(seed)
    weekend = (np.arange(DAYS) % 7 >= 5) & few
    within = np.where(weekend, 0.05, 0.003)
    levels = rng.normal(0, np.sqrt(0.08**2 + within)) + np.where(np.arange(DAYS) < at, 0.0, by)
    return levels, within, ~weekend


def test_so_many_intervals_as_stated_hold_the_day() -> None:
    held, wide = 0, []
    for seed in range(500):
        levels, within, counts = _days(0.15, seed=seed)
        dated = moved_at(levels, within, AT + int(seed % 5) - 2, counts=counts)
        held += dated is not None and dated.first <= AT <= dated.last
        wide.append(DAYS if dated is None else dated.last - dated.first + 1)

    assert stats.binom.cdf(held, 500, 0.94) > 0.001
    assert np.median(wide) < 15


@pytest.mark.parametrize("at", [37, 40], ids=["a Wednesday", "a Saturday"])
def test_days_known_badly_say_less_and_are_heard(at: int) -> None:
    weighed = alike = without = 0
    for seed in range(300):
        levels, within, counts = _days(0.2, seed=seed, at=at)
        every, some = np.ones(DAYS, dtype=bool), np.flatnonzero(counts)
        among = int(np.searchsorted(some, at))
        one = moved_at(levels, within, at, counts=counts)
        two = moved_at(levels, np.full(DAYS, 0.003), at, counts=every)
        three = moved_at(levels[counts], within[counts], among, counts=every[counts])
        weighed += one is not None and abs(one.place - at) <= 1
        alike += two is not None and abs(two.place - at) <= 1
        without += three is not None and abs(some[three.place] - at) <= 1

    assert weighed > alike + (5 if at == 37 else 0)
    assert weighed >= without if at == 37 else weighed > without + 100


def test_one_bad_day_does_not_become_the_day() -> None:
    levels, within, counts = _days(0.3, seed=3, few=False)
    levels[AT - 6] += 3.0

    dated = moved_at(levels, within, AT, counts=counts)

    assert dated is not None
    assert abs(dated.place - AT) <= 1


def test_the_place_given_hardly_matters_and_another_far_away_is_not_this_one() -> None:
    levels, within, counts = _days(0.5, seed=1)

    for about in (AT - AROUND, AT - 5, AT, AT + 5, AT + AROUND):
        dated = moved_at(levels, within, about, counts=counts)
        assert dated is not None
        assert dated.place == AT
        assert dated.signal > 0
    assert moved_at(levels, within, AT + AROUND + 8, counts=counts) is None


def test_a_faster_level_has_a_negative_signal_and_the_same_day() -> None:
    levels, within, counts = _days(0.5, seed=1)
    slower, faster = (moved_at(sign * levels, within, AT, counts=counts) for sign in (1, -1))

    assert slower is not None
    assert faster is not None
    assert (faster.place, faster.first, faster.last) == (slower.place, slower.first, slower.last)
    assert faster.signal == pytest.approx(-slower.signal)


def test_caution_and_a_higher_level_widen_the_interval() -> None:
    levels, within, counts = _days(0.15, seed=8)
    close, wider, higher = (
        moved_at(levels, within, AT, counts=counts, caution=caution, level=level)
        for caution, level in ((1.0, 0.95), (3.0, 0.95), (1.0, 0.999))
    )

    assert close is not None
    assert wider is not None
    assert higher is not None
    assert (wider.last - wider.first) > (close.last - close.first)
    assert (higher.last - higher.first) > (close.last - close.first)
    assert likely(0.95) == pytest.approx(7.35, abs=0.01)


def test_levels_of_two_days_have_none() -> None:
    levels, within, counts = _days(0.5, seed=1)

    assert moved_at(levels, within, 2, counts=counts) is None
    assert moved_at(levels, within, DAYS - 2, counts=counts) is None
    assert moved_at(levels, within, AT, counts=np.arange(DAYS) < AT) is None
