"""Did days become slower, or is it chance? A shift between two periods, its interval, and its p-value, all by days.

The shift is the median of the differences between a day of the current period and one of the baseline
(Hodges-Lehmann): of baseline days of 100, 110 and 120 ms and current ones of 130 and 150 ms the six differences are 10,
20, 30, 30, 40 and 50, the shift is 30 ms. What chance does is seen by letting the days change places between the
periods. They do so in blocks, since a day resembles the day before, and only with the same days of other weeks, since a
Monday is no Sunday; with so few weeks that this leaves no choice, any day with any. Where it is known how many runs
a day had, a difference counts by what it can say: a Sunday of seven runs says less than a Tuesday of a hundred.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from rpa_lab.inference.permutation import LEAST_WAYS, placed, places

__all__ = ["LEAST_A_SIDE", "ROUNDS", "Shift", "cliffs_delta", "effect_word", "shift_of_days"]

LEAST_A_SIDE: Final = 5
"""With fewer days a side nothing is decided."""

ROUNDS: Final = 4999
"""How often days change places."""

_WEEK = 7
_ROUNDING = 1e-9
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


def shift_of_days(
    values: Floats,
    offsets: Ints,
    runs: Ints | None = None,
    *,
    level: float = 0.95,
    seed: int = 0,
    rounds: int = ROUNDS,
    least_ways: int = LEAST_WAYS,
) -> Shift:
    """The shift between the days of a baseline and the current days that follow.

    Parameters
    ----------
    values : numpy.ndarray
        One figure a day, for example its mean duration.
    offsets : numpy.ndarray
        Which days these are, counted from the first day of the current period: 0, 1 … and before it -1, -2 … Days may
        be missing. Both sides must have one.
    runs : numpy.ndarray, optional
        Of how many runs each figure is: the difference of two days counts as √(m n / (m + n)). Default: all alike.
    level : float
        Nominal coverage of the interval, fraction 0-1.
    seed : int
        Of the days' changes: same days and seed, same result.
    rounds : int
        How often they change places.
    least_ways : int
        In how many ways days are to be able to change places at least: blocks are as long as that allows. Of many
        p-values that are corrected for their number each needs a finer scale.

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
    section 4.3, doi:10.1002/9781119196037 (its interval)
    """
    counts = np.ones(len(offsets)) if runs is None else runs.astype(np.float64)
    paired = _on_both_sides(offsets)
    of = places(offsets[paired], offsets[paired] >= 0, same_weekdays=True, least_ways=least_ways)
    if of is None:
        of = places(offsets, offsets >= 0, same_weekdays=False, least_ways=least_ways)
    else:
        values, offsets, counts = values[paired], offsets[paired], counts[paired]
    current = offsets >= 0
    weight = np.sqrt(counts[:, None] * counts[None, :] / (counts[:, None] + counts[None, :]))
    if of.same_weekdays:
        weight = weight * ((offsets[:, None] - offsets[None, :]) % _WEEK == 0)
    labels = np.vstack([current, placed(of, seed=seed, rounds=rounds)]).astype(np.float64)
    higher = ((values[:, None] > values[None, :]) + 0.5 * (values[:, None] == values[None, :])) * weight
    compared = (labels * ((1 - labels) @ weight.T)).sum(axis=1)
    known = compared > 0  # days may be placed so that no two of them can be compared, which says nothing
    share = (labels * ((1 - labels) @ higher.T)).sum(axis=1)[known] / compared[known]
    pairs = np.ix_(current, ~current)
    differences, weights = (values[:, None] - values[None, :])[pairs].ravel(), weight[pairs].ravel()
    order = np.argsort(differences, kind="stable")
    order = order[weights[order] > 0]
    ordered, upto = differences[order], np.cumsum(weights[order]) / weights.sum()
    low, high = _between(ordered, upto, share, level=level)
    return Shift(
        shift=_middle(ordered, upto),
        low=low,
        high=high,
        p_value=float(min(1.0, 2 * min((share >= share[0] - 1e-9).mean(), (share <= share[0] + 1e-9).mean()))),
        same_weekdays=of.same_weekdays,
        block_days=of.block,
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


def _on_both_sides(offsets: Ints) -> Bools:
    """Which days are of a day of the week that stands on both sides: the others have none to be compared with."""
    weekday, current = offsets % _WEEK, offsets >= 0
    return np.isin(weekday, np.intersect1d(weekday[current], weekday[~current]))


def _middle(ordered: Floats, upto: Floats) -> float:
    """The weighted median of sorted differences; `upto` is the share of the weight up to each."""
    first = int(np.searchsorted(upto, 0.5 - _ROUNDING))
    even = abs(upto[first] - 0.5) <= _ROUNDING
    return float((ordered[first] + ordered[first + 1]) / 2 if even else ordered[first])


def _between(ordered: Floats, upto: Floats, share: Floats, *, level: float) -> tuple[float | None, float | None]:
    """The shifts that the test would not reject: those with a share of higher days that chance has often enough."""
    few = int((1 - level) / 2 * len(share))
    by_chance = np.sort(share)
    least, most = by_chance[few], by_chance[-1 - few]
    if least <= _ROUNDING or most >= 1 - _ROUNDING:
        return None, None  # chance has all days of one side higher
    above = 1 - upto  # the share of higher days, were the days shifted by each difference
    last = int(np.searchsorted(-above, -(least - _ROUNDING), side="right"))
    first = int(np.searchsorted(-above, -(most + _ROUNDING), side="left"))
    return float(ordered[first]), float(ordered[min(last, len(ordered) - 1)])
