"""Who may change places with whom, if chance had placed the days: what a test by days lets happen, round by round.

Groups that ran on the same days exchange their labels within a day, or within a block of days in a row: a slow Monday
was slow for both. Groups of which each had its own days, two periods or two versions, exchange whole days: in blocks,
since a day resembles the day before, and only with the same days of other weeks, since a Monday is no Sunday; with so
few weeks that this leaves no choice, any day with any. Blocks are as long as enough ways are left: 30 days have 2^30
exchanges by the day, 2^15 = 32,768 in blocks of two, and 2^10 = 1,024 in blocks of three, which find less.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, prod
from typing import Final, Literal, NamedTuple, TypeAlias, overload

import numpy as np
import numpy.typing as npt

__all__ = ["LEAST_WAYS", "Exchanges", "exchanges", "p_values", "p_values_of_runs", "placed", "places", "side_by_side"]

LEAST_WAYS: Final = 500
"""In which days can change places; fewer are too coarse a scale for 5 %."""

_WEEK: Final = 7
_ROUNDING: Final = 1e-9
_NOTHING: Final = 1e-12
_FINER: Final = 5  # blocks of few ways find little: what a day does to both cancels, so that less is left for the next
_BOTH: Final = 0.5  # from this share of days on which both ran they are taken to have run side by side

_SMALL: Final = 1 / 3  # of all runs: of larger groups errors of exchanged labels are too small by 6 % at most

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Places:
    """Who may change places with whom: days of one unit move together, to the place of a unit of the same stratum."""

    unit: Ints
    """Of each day."""
    stratum: Ints
    """Of each unit."""
    is_current: Bools
    """Of each unit: whether it stands on the side that is held against the other."""
    same_weekdays: bool
    block: int

    @property
    def ways(self) -> int:
        """In how many ways units can be placed."""
        strata = [self.is_current[self.stratum == stratum] for stratum in np.unique(self.stratum)]
        return prod(comb(len(units), int(units.sum())) for units in strata)


@overload
def places(offsets: Ints, is_current: Bools, *, same_weekdays: Literal[False], least_ways: int = ...) -> Places: ...
@overload
def places(offsets: Ints, is_current: Bools, *, same_weekdays: bool, least_ways: int = ...) -> Places | None: ...
def places(offsets: Ints, is_current: Bools, *, same_weekdays: bool, least_ways: int = LEAST_WAYS) -> Places | None:
    """The longest blocks that leave enough ways; among the same days of other weeks None where there are none.

    Parameters
    ----------
    offsets : numpy.ndarray
        Which days these are, in order, counted from a day on which a side begins; days may be missing.
    is_current : numpy.ndarray
        On which of the two sides each stands. A block is of one side only.
    same_weekdays : bool
        Whether days may only go where the same day of another week was.
    least_ways : int
        How many ways are enough.

    Returns
    -------
    Places or None

    Examples
    --------
    >>> weeks = np.arange(-28, 7)
    >>> found = places(weeks, weeks >= 0, same_weekdays=True)
    >>> found.block, found.ways  # one week of five, for each of four parts of the week
    (2, 625)
    """
    # so that blocks are as long where days are missing
    place = np.argsort(np.argsort(offsets)) - int((offsets < 0).sum())
    found = None
    for block in range(_WEEK, 0, -1):
        week, slot = offsets // _WEEK, offsets % _WEEK // block
        key = np.stack([week, slot] if same_weekdays else [place // block, np.zeros_like(place)], axis=1)
        units, unit = np.unique(key, axis=0, return_inverse=True)
        unit = unit.ravel()
        days, current = np.bincount(unit), np.bincount(unit, is_current)
        if ((current > 0) & (current < days)).any():
            continue
        found = Places(unit, units[:, 1], current > 0, same_weekdays, block)
        if found.ways >= least_ways:
            return found
    return None if same_weekdays else found


def placed(of: Places, *, seed: int, rounds: int) -> Bools:
    """Which days are called current when units change places: one row a round."""
    rng = np.random.default_rng([seed, len(of.unit)])
    labels = np.empty((rounds, len(of.is_current)), np.bool_)
    for stratum in np.unique(of.stratum):
        units = np.flatnonzero(of.stratum == stratum)
        order = np.argsort(rng.random((rounds, len(units))), axis=1)
        labels[:, units] = of.is_current[units][order]
    return labels[:, of.unit]


class Exchanges(NamedTuple):
    """On which days labels are exchanged (1): one row a round, the first being what was, and one column a day."""

    rows: Floats
    block: int
    """How many days in a row did it together."""
    least_p: float
    """The smallest p-value that so many ways and rounds can give."""
    together: bool
    """Whether labels are exchanged of groups that ran side by side."""


def side_by_side(current: Floats, other: Floats) -> bool:
    """Whether two groups ran on the same days, most of them."""
    either, both = (current > 0) | (other > 0), (current > 0) & (other > 0)
    return bool(both.sum() >= _BOTH * either.sum())


def exchanges(
    dates: Ints, current: Floats, other: Floats, *, seed: int, rounds: int, least_ways: int = LEAST_WAYS
) -> Exchanges:
    """On which days two groups exchange their labels, round by round; the first round is what was.

    Parameters
    ----------
    dates : numpy.ndarray
        The number of each day, in order.
    current, other : numpy.ndarray
        How much each group has on each of them: 0 where it didn't run.
    seed : int
        Same days and seed, same exchanges.
    rounds : int
        How often they exchange, beside the first.
    least_ways : int
        How many ways are enough.

    Returns
    -------
    Exchanges

    Examples
    --------
    >>> both = np.ones(30)
    >>> found = exchanges(np.arange(30), both, both, seed=0, rounds=99)
    >>> found.rows.shape, found.block, found.least_p
    ((100, 30), 2, 0.01)
    """
    together = side_by_side(current, other)
    if together:
        rows, block, ways = _flipped(
            dates, (current > 0) | (other > 0), seed=seed, rounds=rounds, least_ways=least_ways
        )
    else:
        rows, block, ways = _moved(dates, current, other, seed=seed, rounds=rounds, least_ways=least_ways)
    least_p = max(1 / max(ways, 1), 1 / (rounds + 1))
    return Exchanges(np.vstack([np.zeros((1, len(dates))), rows]), block, least_p, together)


def p_values(
    exchanged: Floats,
    part: Floats,
    whole: Floats,
    base_part: Floats,
    base_whole: Floats,
    *,
    variance: Floats | float = 0.0,
) -> Floats:
    """How often chance makes the ratios of groups differ as much from the base group's, two-sided.

    What is counted is the difference of the ratios of sums over days by its standard error, which days, too, tell:
    groups of many and of few runs, on even and on uneven days, then have the same scale. It is at least that of
    independent runs, √(variance (1 / whole + 1 / base_whole)): days of 20 runs without a failure, held against 400,
    would seem to know no error, and chance never to do the like, since labels that are exchanged make both of one size.

    Parameters
    ----------
    exchanged : numpy.ndarray
        From `exchanges`.
    part, whole : numpy.ndarray
        One row per day, one column per group: what is added up, and of how many.
    base_part, base_whole : numpy.ndarray
        The same of the group that the others are held against: one column, or one for each of them.
    variance : numpy.ndarray or float
        Of what one unit of `whole` adds to `part`, of each group and the base group together; 0 if unknown.

    Returns
    -------
    numpy.ndarray
        Of each group a fraction 0-1; NaN where it, or the base group, has nothing.

    References
    ----------
    Janssen (1997), Studentized permutation tests for non-i.i.d. hypotheses, doi:10.1016/S0167-7152(97)00043-6; Chung
    and Romano (2013), Exact and asymptotically robust permutation tests, doi:10.1214/13-AOS1090
    """
    w1, w0 = np.broadcast_arrays(whole, base_whole)
    with np.errstate(invalid="ignore", divide="ignore"):
        pooled = (part.sum(axis=0) + base_part.sum(axis=0)) / (w1.sum(axis=0) + w0.sum(axis=0))
        e1, e0 = part - pooled * w1, base_part - pooled * w0
        n1, n0 = _exchanged(exchanged, w1, w0)
        m1, m0 = (total / n for total, n in zip(_exchanged(exchanged, e1, e0), (n1, n0), strict=True))
        squares, mixed, whole_squares = (
            _exchanged(exchanged, one, other) for one, other in ((e1**2, e0**2), (e1 * w1, e0 * w0), (w1**2, w0**2))
        )
        across = _exchanged(exchanged, e1 * w0, e0 * w1)
        own = [a - 2 * m * b + m**2 * c for m, a, b, c in zip((m1, m0), squares, mixed, whole_squares, strict=True)]
        shared = (e1 * e0).sum(axis=0) - m0 * across[0] - m1 * across[1] + m1 * m0 * (w1 * w0).sum(axis=0)
        error = own[0] / n1**2 + own[1] / n0**2 - 2 * shared / (n1 * n0)
        error = np.maximum(error, variance * (1 / n1 + 1 / n0))
        scale = squares[0] / n1**2 + squares[1] / n0**2
        difference = np.where(np.abs(m1 - m0) <= _NOTHING * np.sqrt(scale), 0.0, m1 - m0)
        # where nothing varies any difference is beyond chance, and none is none
        away = np.where(difference == 0, 0.0, np.abs(difference) / np.sqrt(np.maximum(error, _NOTHING * scale)))
    away = np.where((n1 > 0) & (n0 > 0), away, np.nan)  # a side may be left with nothing, which says nothing
    with np.errstate(invalid="ignore", divide="ignore"):
        counts = (away >= away[0] * (1 - _ROUNDING)).sum(axis=0) / np.isfinite(away).sum(axis=0)
    found: Floats = np.where(np.isfinite(away[0]), counts, np.nan)
    return found


def p_values_of_runs(
    part: Floats, whole: Floats, base_part: Floats, base_whole: Floats, *, variance: Floats | float
) -> Floats:
    """The same as if runs were independent, for a small group on the days of a large one; else 0, no bound at all.

    Twenty jobs that run every day make one day like the other, whichever labels days exchange; but a coin that picks
    one of the twenty picks a long or a short one. So p of a small group is at least this.

    Parameters
    ----------
    part, whole, base_part, base_whole, variance
        As for `p_values`.

    Returns
    -------
    numpy.ndarray
        Of each group a fraction 0-1, of a normal distribution.
    """
    from scipy.special import ndtr

    n1, n0 = whole.sum(axis=0), base_whole.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = part.sum(axis=0) / n1 - base_part.sum(axis=0) / n0
        p_value = 2 * ndtr(-np.abs(difference) / np.sqrt(variance * (1 / n1 + 1 / n0)))
    small = np.minimum(n1, n0) < _SMALL * (n1 + n0)
    found: Floats = np.where(small, np.nan_to_num(p_value), 0.0)
    return found


def _exchanged(exchanged: Floats, one: Floats, other: Floats) -> tuple[Floats, Floats]:
    """The sums over days of both, round by round, when some days' values change sides."""
    first: Floats = one.sum(axis=0) + exchanged @ (other - one)
    return first, one.sum(axis=0) + other.sum(axis=0) - first


def _flipped(dates: Ints, either: Bools, *, seed: int, rounds: int, least_ways: int) -> tuple[Floats, int, float]:
    """Blocks of days of which each exchanges its labels or doesn't, as a coin falls."""
    block = blocks = 1
    for block in range(_WEEK, 0, -1):
        blocks = len(np.unique(dates[either] // block))
        if 2.0 ** (blocks - 1) >= _FINER * least_ways:  # all the other way round is the same difference
            break
    unit = np.unique(dates // block, return_inverse=True)[1].ravel()
    coins = np.random.default_rng([seed, len(dates)]).integers(0, 2, (rounds, int(unit.max(initial=-1)) + 1))
    return coins[:, unit].astype(np.float64), block, 2.0 ** (blocks - 1)


def _moved(
    dates: Ints, current: Floats, other: Floats, *, seed: int, rounds: int, least_ways: int
) -> tuple[Floats, int, float]:
    """Days that change places with those of the other group; a day of both goes with the one that has more of it."""
    there = (current > 0) | (other > 0)
    share = current / max(current.sum(), _NOTHING), other / max(other.sum(), _NOTHING)
    is_current = (share[0] > share[1])[there]
    days = dates[there]
    if not is_current.any() or is_current.all():
        return np.zeros((rounds, len(dates))), 1, 1.0
    later = is_current if days[is_current].min() > days[~is_current].min() else ~is_current
    offsets = days - days[later].min()
    weekday = offsets % _WEEK
    paired = np.isin(weekday, np.intersect1d(weekday[is_current], weekday[~is_current]))
    of = places(offsets[paired], is_current[paired], same_weekdays=True, least_ways=least_ways)
    if of is None:
        paired = np.ones(len(days), np.bool_)
        of = places(offsets, is_current, same_weekdays=False, least_ways=least_ways)
    rows = np.zeros((rounds, len(dates)))
    rows[:, np.flatnonzero(there)[paired]] = placed(of, seed=seed, rounds=rounds) != is_current[paired]
    return rows, of.block, float(min(of.ways, 10**9))
