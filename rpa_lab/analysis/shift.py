"""Did days become slower, or is it chance? A shift between two periods, its interval, and its p-value, all by days.

The shift is the median of the differences between a day of the current period and one of the baseline
(Hodges-Lehmann): of baseline days of 100, 110 and 120 ms and current ones of 130 and 150 ms the six differences are 10,
20, 30, 30, 40 and 50, the shift is 30 ms. What chance does is seen by letting the days change places between the
periods. They do so in blocks, since a day resembles the day before, and only with the same days of other weeks, since a
Monday is no Sunday; with so few weeks that this leaves no choice, any day with any.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, prod
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["LEAST_A_SIDE", "ROUNDS", "Shift", "cliffs_delta", "effect_word", "shift_of_days"]

LEAST_A_SIDE: Final = 5
"""With fewer days a side nothing is decided."""

ROUNDS: Final = 4999
"""How often days change places."""

_WEEK = 7
_LEAST_WAYS = 200  # in which days can change places; fewer are too coarse a scale for 5 %
_WORDS = ((0.147, "negligible"), (0.33, "small"), (0.474, "medium"))

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A shift between days.

    Attributes
    ----------
    shift : float
        In the days' unit; positive where the current ones are higher.
    low, high : float or None
        Its interval; None together where so few days can't bound it.
    p_value : float
        Two-sided: in what share of the ways in which chance places the days they differ as much.
    same_weekdays : bool
        Whether days were only compared with the same days of other weeks.
    block_days : int
        How many days in a row changed places together.
    """

    shift: float
    low: float | None
    high: float | None
    p_value: float
    same_weekdays: bool
    block_days: int


def shift_of_days(values: Floats, offsets: Ints, *, level: float = 0.95, seed: int = 0, rounds: int = ROUNDS) -> Shift:
    """The shift between the days of a baseline and the current days that follow.

    Parameters
    ----------
    values : numpy.ndarray
        One figure a day, for example its mean duration.
    offsets : numpy.ndarray
        Which days these are, counted from the first day of the current period: 0, 1 … and before it -1, -2 … Days may
        be missing. Both sides must have one.
    level : float
        Nominal coverage of the interval, fraction 0-1.
    seed : int
        Of the days' changes: same days and seed, same result.
    rounds : int
        How often they change places.

    Returns
    -------
    Shift

    Examples
    --------
    >>> values = np.array([100.0, 110.0, 120.0, 130.0, 150.0])
    >>> shift_of_days(values, np.array([-3, -2, -1, 0, 1])).shift
    30.0

    References
    ----------
    Hodges and Lehmann (1963), doi:10.1214/aoms/1177704172 (the shift); Hollander, Wolfe and Chicken (2014),
    section 4.3, doi:10.1002/9781119196037 (its interval); Politis and White (2004), doi:10.1081/ETC-120028836 (blocks)
    """
    current = offsets >= 0
    places = _places(offsets)
    comparable = (
        (offsets[:, None] - offsets[None, :]) % _WEEK == 0
        if places.same_weekdays
        else np.ones((len(offsets), len(offsets)), np.bool_)
    )
    labels = np.vstack([current, _exchanged(current, places, seed=seed, rounds=rounds)]).astype(np.float64)
    higher = ((values[:, None] > values[None, :]) + 0.5 * (values[:, None] == values[None, :])) * comparable
    wins = (labels * ((1 - labels) @ higher.T)).sum(axis=1)
    share = wins / (labels * ((1 - labels) @ comparable.T.astype(np.float64))).sum(axis=1)
    differences = np.sort((values[:, None] - values[None, :])[comparable & current[:, None] & ~current[None, :]])
    low, high = _between(differences, share, level=level)
    return Shift(
        shift=float(np.median(differences)),
        low=low,
        high=high,
        p_value=float(min(1.0, 2 * min((share >= share[0] - 1e-9).mean(), (share <= share[0] + 1e-9).mean()))),
        same_weekdays=places.same_weekdays,
        block_days=places.block,
    )


def cliffs_delta(baseline: Floats, current: Floats) -> float:
    """How often a current run takes longer than a baseline run, less how often it takes less long.

    Runs of one day resemble each other, so this describes these runs; it is no evidence.

    Parameters
    ----------
    baseline, current : numpy.ndarray
        Durations; both sides have some.

    Returns
    -------
    float
        From -1 (each current run is shorter) to 1 (each is longer).

    Examples
    --------
    >>> cliffs_delta(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0]))
    0.5

    References
    ----------
    Cliff (1993), doi:10.1037/0033-2909.114.3.494
    """
    ordered = np.sort(baseline)
    less = int(np.searchsorted(ordered, current, side="left").sum())
    not_more = int(np.searchsorted(ordered, current, side="right").sum())
    pairs = len(baseline) * len(current)
    return (less - (pairs - not_more)) / pairs


def effect_word(delta: float) -> str:
    """The usual word for a Cliff's delta: negligible, small, medium or large.

    Examples
    --------
    >>> effect_word(-0.4)
    'medium'

    References
    ----------
    Romano, Kromrey, Coraggio and Skowronek (2006), Appropriate statistics for ordinal level data
    """
    return next((word for below, word in _WORDS if abs(delta) < below), "large")


@dataclass(frozen=True, slots=True)
class _Places:
    """Who may change places with whom: days of one unit move together, to the place of a unit of the same stratum."""

    unit: Ints  # of each day
    stratum: Ints  # of each unit
    is_current: Bools  # of each unit
    same_weekdays: bool
    block: int


def _places(offsets: Ints) -> _Places:
    """The longest blocks that leave enough ways, among the same days of other weeks if that is possible."""
    # what is best for a correlation of 0.3 from one day to the next
    longest = max(1, int(0.87 * len(offsets) ** (1 / 3)))
    options = [(True, block) for block in range(longest, 0, -1)] + [(False, block) for block in range(longest, 0, -1)]
    for same_weekdays, block in options:
        week, slot = offsets // _WEEK, offsets % _WEEK // block
        key = np.stack([week, slot] if same_weekdays else [offsets // block, np.zeros_like(offsets)], axis=1)
        units, unit = np.unique(key, axis=0, return_inverse=True)
        places = _Places(
            unit=unit.ravel(),
            stratum=units[:, 1],
            is_current=units[:, 0] >= 0,
            same_weekdays=same_weekdays,
            block=block,
        )
        if _ways(places) >= _LEAST_WAYS:
            break
    return places


def _ways(places: _Places) -> int:
    """In how many ways units can be placed."""
    strata = [places.is_current[places.stratum == stratum] for stratum in np.unique(places.stratum)]
    return prod(comb(len(units), int(units.sum())) for units in strata)


def _exchanged(current: Bools, places: _Places, *, seed: int, rounds: int) -> Bools:
    """Which days are called current when units change places: one row a round."""
    rng = np.random.default_rng([seed, len(current)])
    labels = np.empty((rounds, len(places.is_current)), np.bool_)
    for stratum in np.unique(places.stratum):
        units = np.flatnonzero(places.stratum == stratum)
        order = np.argsort(rng.random((rounds, len(units))), axis=1)
        labels[:, units] = places.is_current[units][order]
    return labels[:, places.unit]


def _between(differences: Floats, share: Floats, *, level: float) -> tuple[float | None, float | None]:
    """The shifts that the test would not reject: between two of the sorted differences."""
    pairs = len(differences)
    ordered = np.sort(share) * pairs
    tail = (1 - level) / 2
    # the k-th smallest of the differences is a bound where chance wins fewer than k pairs in so few rounds
    least = int(np.ceil(ordered[int(tail * len(ordered))] - 1e-6)) - 1
    most = int(np.ceil((pairs - ordered[::-1])[int(tail * len(ordered))] - 1e-6)) - 1
    if min(least, most) < 0:
        return None, None
    return float(differences[most]), float(differences[pairs - 1 - least])
