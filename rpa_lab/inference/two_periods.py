"""How sure figures are that two periods' days make together: differences, and the parts of a difference.

A figure is a function of how often each day counts: once each as they were, more or less often as they are drawn anew.
The days of each period are drawn for themselves. Bounds are those of BCa, widened for few days: two weeks are a
small sample, whose bootstrap is too narrow by √(13/14) and by what Student's t has more than the normal distribution.
Which of several figures differ from 0, however many there are, is read from the largest of them in each resample.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from rpa_lab.inference.resampling import RESAMPLES, resampled_days

__all__ = ["Figures", "drawn_days", "figures_of_two_periods", "figures_without_bounds"]

_AT_ONCE: Final = 250  # resamples, for what a figure needs in between
_NOTHING: Final = 1e-12  # what rounding leaves of a spread that is 0, as part of the largest figure
_MOST_SKEWED: Final = 0.3  # acceleration beyond which BCa's bounds turn round

Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of two periods: each one's value, bounds, and what it did when days were drawn anew.

    Attributes
    ----------
    value : numpy.ndarray
        Of the days as they were.
    low, high : numpy.ndarray
        Bounds.
    reach : numpy.ndarray
        By how many standard errors of the resamples a normal figure's bounds lie away from it.
    again : numpy.ndarray
        One row per resample.
    """

    value: Floats
    low: Floats
    high: Floats
    reach: Floats
    again: Floats

    def differ(self, columns: slice, *, level: float = 0.95) -> Bools:
        """Which of some figures differ from 0, corrected for how many they are: one error among all in 1 - `level`.

        Parameters
        ----------
        columns : slice
            Of which figures.
        level : float
            The one with which the bounds were made, fraction 0-1.

        Returns
        -------
        numpy.ndarray
            True only where the bounds leave 0 out as well.

        References
        ----------
        Westfall and Young (1993), Resampling-Based Multiple Testing, section 2.3 (single-step maxT)
        """
        from scipy.special import ndtri

        value, again = self.value[columns], self.again[:, columns]
        if not len(value):
            return np.zeros(0, np.bool_)
        error = again.std(axis=0)
        fixed = error <= _NOTHING * np.abs(self.value).max(initial=0.0)
        wider = self.reach[columns] / ndtri((1 + level) / 2)
        with np.errstate(invalid="ignore", divide="ignore"):
            by_chance = np.where(fixed, 0.0, np.abs(again - value) / error).max(axis=1)
            away = np.where(fixed, np.where(value == 0, 0.0, np.inf), np.abs(value) / (error * wider))
        most = np.sort(by_chance)[min(int(np.ceil(level * (len(by_chance) + 1))) - 1, len(by_chance) - 1)]
        outside = (self.low[columns] > 0) | (self.high[columns] < 0)
        found: Bools = (away > most) & outside
        return found


def figures_of_two_periods(
    figures: Callable[[Floats, Floats], Floats],
    units: tuple[int, int],
    *,
    level: float = 0.95,
    seed: int = 0,
    later_first: bool = False,
    resamples: int = RESAMPLES,
) -> Figures:
    """Figures made from the days of two periods, with bounds.

    Parameters
    ----------
    figures : callable
        From how often each day of the first and of the second period counts (one row per resample, one column per
        day; a single row of ones: as they were) to the figures, one row per resample.
    units : tuple of int
        How many days there are: two or more a side. Or runs, or groups of runs, where these are drawn.
    level : float
        Nominal coverage, fraction 0-1.
    seed : int
        Same days and seed, same bounds.
    later_first : bool
        Whether the first period is the later one: with the periods exchanged the same days are drawn.
    resamples : int
        How many.

    Returns
    -------
    Figures

    Examples
    --------
    >>> before, now = np.array([10.0, 12.0] * 10), np.array([15.0, 16.0] * 10)
    >>> def difference(first, second):
    ...     return (second @ now / second.sum(axis=1) - first @ before / first.sum(axis=1))[:, None]
    >>> found = figures_of_two_periods(difference, (20, 20))
    >>> print(f"{found.value[0]:.1f} ({found.low[0]:.1f} to {found.high[0]:.1f}), {found.differ(slice(None)).item()}")
    4.5 (3.9 to 5.0), True

    References
    ----------
    Efron (1987), doi:10.1080/01621459.1987.10478410 (BCa, and its acceleration by the jackknife); Hesterberg (2015),
    doi:10.1080/00031305.2015.1089789 (why it is widened, and by how much); Welch (1947), doi:10.1093/biomet/34.1-2.28
    (degrees of freedom of two samples)
    """
    ones = [np.ones((1, count)) for count in units]
    value = figures(*ones)[0]
    drawn = drawn_days(units, seed=seed, later_first=later_first, resamples=resamples)
    parts = [slice(start, start + _AT_ONCE) for start in range(0, resamples, _AT_ONCE)]
    again = np.concatenate([figures(drawn[0][part], drawn[1][part]) for part in parts])
    left_out = [1.0 - np.eye(count) for count in units]
    slopes = [_influence(figures(left_out[0], ones[1])), _influence(figures(ones[0], left_out[1]))]
    reach = _reach(slopes, level=level)
    low, high = _bca(value, again, reach=reach, slopes=slopes)
    return Figures(value=value, low=low, high=high, reach=reach, again=again)


def figures_without_bounds(value: Floats) -> Figures:
    """The same of so few days, or runs, that they bound nothing: bounds are NaN, and nothing differs."""
    unknown = np.full(len(value), np.nan)
    return Figures(value=value, low=unknown, high=unknown, reach=unknown, again=value[None, :])


def drawn_days(
    units: tuple[int, int], *, seed: int = 0, later_first: bool = False, resamples: int = RESAMPLES
) -> tuple[Floats, Floats]:
    """How often each day of each period is drawn: arguments as of `figures_of_two_periods`, which draws these.

    Examples
    --------
    >>> first, second = drawn_days((20, 20), resamples=3)
    >>> first.shape, bool((first == second).all())
    ((3, 20), False)
    """
    first, second = (
        resampled_days(count, seed=2 * seed + (bool(side) != later_first), resamples=resamples)
        for side, count in enumerate(units)
    )
    return first, second


def _influence(without: Floats) -> Floats:
    """What each day does to each figure, from the figures without it."""
    count = len(without)
    influence: Floats = (without.mean(axis=0) - without) * ((count - 1) / count)
    return influence


def _reach(slopes: list[Floats], *, level: float) -> Floats:
    """Student's t by Welch's degrees of freedom, times what the bootstrap's standard error lacks."""
    from scipy.special import stdtrit

    counts = [len(slope) for slope in slopes]
    own = [(slope**2).sum(axis=0) for slope in slopes]
    with np.errstate(invalid="ignore", divide="ignore"):
        known = [each * count / (count - 1) for each, count in zip(own, counts, strict=True)]
        whole, seen = known[0] + known[1], own[0] + own[1]
        freedom = whole**2 / sum(each**2 / (count - 1) for each, count in zip(known, counts, strict=True))
        ratio = np.sqrt(whole / seen)
    freedom = np.where(np.isfinite(freedom), freedom, min(counts) - 1)
    reach: Floats = np.where(np.isfinite(ratio), ratio, 1.0) * stdtrit(freedom, (1 + level) / 2)
    return reach


def _bca(value: Floats, again: Floats, *, reach: Floats, slopes: list[Floats]) -> tuple[Floats, Floats]:
    """The resamples' quantiles, put right for bias and for a spread that changes with the figure."""
    from scipy.special import ndtr, ndtri

    resamples = len(again)
    below = ((again < value).sum(axis=0) + 0.5 * (again == value).sum(axis=0)) / resamples
    bias = ndtri(np.clip(below, 1 / (resamples + 1), resamples / (resamples + 1)))
    squares = sum((slope**2).sum(axis=0) for slope in slopes)
    with np.errstate(invalid="ignore", divide="ignore"):
        skewness = sum((slope**3).sum(axis=0) for slope in slopes) / (6 * squares**1.5)
    bent = np.clip(np.nan_to_num(skewness), -_MOST_SKEWED, _MOST_SKEWED)
    ordered = np.sort(again, axis=0)
    bounds = []
    for sign in (-1.0, 1.0):
        away = bias + sign * reach
        tail = ndtr(bias + away / np.maximum(1 - bent * away, 0.1))
        rank = np.clip(np.round(tail * (resamples + 1)).astype(np.int64) - 1, 0, resamples - 1)
        bounds.append(np.take_along_axis(ordered, rank[None, :], axis=0)[0])
    return bounds[0], bounds[1]
