"""How far a difference or a ratio of two figures can be trusted: intervals that draw days again.

Two robots that ran on the same days had the same slow Mondays: days are drawn for both at once, and what they have in
common cancels. Of 20 days on which one takes 100 to 119 ms and the other 9 or 11 ms more, the difference lies between
9.6 and 10.6 ms, though each mean has an interval of 6 ms. Days of different periods are drawn independently.

Means and sums take the bootstrap-t (`difference_by_days`). Rates and quantiles have intervals of their own that few
days can be trusted with, Wilson's and Woodruff's; two of them become one of their difference by the square-and-add rule
(`difference_of_bounds`), the correlation of their days counted in.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from rpa_lab.inference.resampling import critical_values

__all__ = ["Bounds", "correlation_by_days", "difference_by_days", "difference_of_bounds"]

_NOTHING: Final = 1e-12

Floats: TypeAlias = npt.NDArray[np.float64]


class Bounds(NamedTuple):
    """Lower and upper bound of each group; NaN together where they aren't known."""

    low: Floats
    high: Floats


def difference_by_days(
    drawn: Floats,
    part: Floats,
    whole: Floats,
    base_drawn: Floats,
    base_part: Floats,
    base_whole: Floats,
    *,
    level: float = 0.95,
) -> tuple[Bounds, Bounds]:
    """Intervals of the difference and the ratio of each group's ratio of sums to that of the base group.

    Parameters
    ----------
    drawn, base_drawn : numpy.ndarray
        From `rpa_lab.inference.resampling.resampled_days`, one row per resample and one column per day. The same array
        twice draws days for both at once; else the two are drawn independently.
    part, whole : numpy.ndarray
        One row per day, one column per group: what is added up, and of how many.
    base_part, base_whole : numpy.ndarray
        The same of the base group, one column.
    level : float
        Nominal coverage, fraction 0-1.

    Returns
    -------
    tuple of Bounds
        Of the differences, and of the ratios (only where both are positive). No bound lies beyond what any two days
        say. NaN where nothing varies, or too little is known.

    Examples
    --------
    >>> from rpa_lab.inference.resampling import resampled_days
    >>> drawn, ones = resampled_days(20, seed=0), np.ones((20, 1))
    >>> base = np.arange(100.0, 120.0)[:, None]
    >>> slower = base + np.array([[9.0], [11.0]] * 10)
    >>> difference, _ = difference_by_days(drawn, slower, ones, drawn, base, ones)
    >>> print(f"{difference.low[0]:.1f} {difference.high[0]:.1f}")
    9.6 10.6

    References
    ----------
    Efron and Tibshirani (1993), An Introduction to the Bootstrap, sections 8.3 and 12.5, doi:10.1201/9780429246593
    """
    one, other = _Sums(part, whole), _Sums(base_part, base_whole)
    again, base_again = one.again(drawn), other.again(base_drawn)
    with np.errstate(invalid="ignore", divide="ignore"):
        shared, shared_again = np.zeros(part.shape[1]), np.zeros((1, part.shape[1]))
        if drawn is base_drawn:
            common = np.sqrt(one.inflation * other.inflation)
            shared = (one.rest * other.rest).sum(axis=0) / (one.total * other.total) * common
            inner = (
                drawn @ (one.rest * other.rest)
                - again.shift * (drawn @ (whole * other.rest))
                - base_again.shift * (drawn @ (one.rest * base_whole))
                + again.shift * base_again.shift * (drawn @ (whole * base_whole))
            )
            shared_again = inner / (again.total * base_again.total) * common
        difference = _studentised(
            one.ratio - other.ratio,
            one.square + other.square - 2 * shared,
            again.shift - base_again.shift,
            again.square + base_again.square - 2 * shared_again,
            floor=one.square + other.square,
            level=level,
        )
        ratio, base_ratio = one.ratio + again.shift, other.ratio + base_again.shift
        log_ratio = _studentised(
            np.log(one.ratio / other.ratio),
            one.square / one.ratio**2 + other.square / other.ratio**2 - 2 * shared / (one.ratio * other.ratio),
            np.log(ratio / one.ratio) - np.log(base_ratio / other.ratio),
            again.square / ratio**2 + base_again.square / base_ratio**2 - 2 * shared_again / (ratio * base_ratio),
            floor=one.square / one.ratio**2 + other.square / other.ratio**2,
            level=level,
        )
        positive = (one.least >= 0) & (other.least >= 0) & (one.ratio > 0) & (other.ratio > 0)
        low, high = one.least - other.most, one.most - other.least
        ratio_low, ratio_high = one.least / other.most, one.most / other.least
    with np.errstate(over="ignore"):  # an infinite bound isn't known, or is one that days say
        bounds = np.exp(log_ratio.low), np.exp(log_ratio.high)
    return (
        _known(np.maximum(difference.low, low), np.minimum(difference.high, high)),
        _known(
            np.where(positive, np.maximum(bounds[0], ratio_low), np.nan),
            np.where(positive, np.minimum(bounds[1], ratio_high), np.nan),
        ),
    )


def difference_of_bounds(
    value: Floats, bounds: Bounds, base: Floats, base_bounds: Bounds, *, correlation: Floats | float = 0.0
) -> Bounds:
    """The interval of a difference, of the intervals of the two figures (square and add, MOVER).

    Parameters
    ----------
    value, base : numpy.ndarray
        The figures of the groups, and of the base group. Of a ratio: their logarithms.
    bounds, base_bounds : Bounds
        Their intervals, of one level.
    correlation : numpy.ndarray
        Of the errors of the two, from `correlation_by_days`; 0 of independent ones.

    Returns
    -------
    Bounds

    Examples
    --------
    >>> low, high = np.array([0.4]), np.array([0.7])
    >>> found = difference_of_bounds(np.array([0.5]), Bounds(low, high), np.array([0.5]), Bounds(low, high))
    >>> print(f"{found.low[0]:.3f} {found.high[0]:.3f}")
    -0.224 0.224

    References
    ----------
    Newcombe (1998), doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I (of rates); Zou and Donner
    (2008), doi:10.1002/sim.3095 (of anything, correlated)
    """
    with np.errstate(invalid="ignore"):
        down, up = value - bounds.low, bounds.high - value
        base_down, base_up = base - base_bounds.low, base_bounds.high - base
        below = down**2 + base_up**2 - 2 * correlation * down * base_up
        above = up**2 + base_down**2 - 2 * correlation * up * base_down
        difference = value - base
        return _known(difference - np.sqrt(np.maximum(below, 0)), difference + np.sqrt(np.maximum(above, 0)))


def correlation_by_days(part: Floats, whole: Floats, base_part: Floats, base_whole: Floats) -> Floats:
    """How alike the days of groups and of the base group are, -1 to 1: of what they differ from their own ratios.

    Examples
    --------
    >>> days, ones = np.array([[1.0], [2.0], [4.0]]), np.ones((3, 1))
    >>> correlation_by_days(2 * days, ones, days, ones).round(6)
    array([1.])
    """
    rest, base_rest = _Sums(part, whole).rest, _Sums(base_part, base_whole).rest
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.sqrt((rest**2).sum(axis=0) * (base_rest**2).sum(axis=0))
        return np.where(scale > 0, np.clip((rest * base_rest).sum(axis=0) / scale, -1.0, 1.0), 0.0)


class _Again(NamedTuple):
    """What resamples say: how far the ratio moves, its squared standard error, and how much there is."""

    shift: Floats
    square: Floats
    total: Floats


class _Sums:
    """A ratio of sums over days, its squared standard error by linearisation, and its best and worst day."""

    def __init__(self, part: Floats, whole: Floats) -> None:
        self.whole, self.total = whole, whole.sum(axis=0)
        days = (whole > 0).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            self.inflation = days / (days - 1)
            self.ratio: Floats = part.sum(axis=0) / self.total
            self.rest: Floats = part - self.ratio * whole
            self.square: Floats = (self.rest**2).sum(axis=0) / self.total**2 * self.inflation
            by_day = np.where(whole > 0, part / whole, np.nan)
        self.least = np.min(by_day, axis=0, where=whole > 0, initial=np.inf)
        self.most = np.max(by_day, axis=0, where=whole > 0, initial=-np.inf)

    def again(self, drawn: Floats) -> _Again:
        with np.errstate(invalid="ignore", divide="ignore"):
            total = drawn @ self.whole
            shift = (drawn @ self.rest) / total
            own, level = drawn @ self.rest**2, shift**2 * (drawn @ self.whole**2)
            square = own - 2 * shift * (drawn @ (self.rest * self.whole)) + level
            square = np.where(square <= _NOTHING * (own + level), 0.0, square) / total**2 * self.inflation
        return _Again(shift, square, total)


def _studentised(
    value: Floats, square: Floats, away: Floats, squares: Floats, *, floor: Floats, level: float
) -> Bounds:
    """The bootstrap-t; NaN where nothing varies."""
    varies = square > _NOTHING * floor
    squares = np.where(squares <= _NOTHING * floor, 0.0, squares)
    least, most = critical_values(away, np.sqrt(squares), level=level)
    error = np.sqrt(np.where(varies, square, np.nan))
    return Bounds(value - most * error, value - least * error)


def _known(low: Floats, high: Floats) -> Bounds:
    """Both bounds, or neither."""
    known = np.isfinite(low) & np.isfinite(high)
    return Bounds(np.where(known, low, np.nan), np.where(known, high, np.nan))
