"""How sure figures are that two periods' days make together: differences, and the parts of a difference.

A figure is a function of how often each day counts: once each as they were, more or less often as they are drawn anew.
The days of each period are drawn for themselves; of two versions that ran on the same days these are drawn for both at
once, so that what a slow Monday does to both cancels.

Bounds are quantiles of the resamples, further out for few days: two weeks are a small sample, whose bootstrap is too
narrow by √(13/14) and by what Student's t has more than the normal distribution. On simulated fleets such bounds of
parts of a change hold 94 to 96 %, those of BCa 90 %: a difference of two means of long-tailed durations is hardly
skewed, and a long run that one period happens to have bends BCa's away.

Drawing days one by one takes them for independent. Where a slow day follows a slow one, standard errors and bounds are
as much wider as neighbouring days are alike in what they do to a figure (`rpa_lab.inference.neighbours`): where the day
effect is correlated by 0.3, time parts hold 94 % instead of 92.

Which of several figures differ from 0, however many there are, is read from the largest of them in each resample.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from rpa_lab.inference.neighbours import wider_by_neighbours
from rpa_lab.inference.resampling import RESAMPLES, resampled_days

__all__ = ["Figures", "drawn_days", "figures_of_two_periods", "figures_without_bounds"]

_AT_ONCE: Final = 250  # resamples, for what a figure needs in between
_NOTHING: Final = 1e-12  # what rounding leaves of a spread that is 0, as part of the largest figure

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
    error, freedom : numpy.ndarray
        Standard errors by the jackknife, wider where neighbouring days are alike, and Welch's degrees of freedom.
    again : numpy.ndarray
        One row per resample.
    """

    value: Floats
    low: Floats
    high: Floats
    error: Floats
    freedom: Floats
    again: Floats

    def p_values(self, columns: slice) -> Floats:
        """How often some figures would be as far from 0 by chance, corrected for how many they are.

        Parameters
        ----------
        columns : slice
            Of which figures.

        Returns
        -------
        numpy.ndarray
            In what share of the resamples any of them is as far from what it was, in standard errors. Where none is,
            resamples are too few to tell: then Student's t times the number of figures (Bonferroni). NaN where there
            are no bounds.

        References
        ----------
        Westfall and Young (1993), Resampling-Based Multiple Testing, section 2.3 (single-step maxT)
        """
        from scipy.special import ndtri, stdtr

        value, again, error = self.value[columns], self.again[:, columns], self.error[columns]
        spread, nothing = again.std(axis=0), _NOTHING * np.abs(self.value).max(initial=0.0)
        fixed = error <= nothing
        with np.errstate(invalid="ignore", divide="ignore"):
            by_t = np.where(fixed, np.where(value == 0, 0.5, 0.0), stdtr(self.freedom[columns], -np.abs(value) / error))
            by_chance = np.where(spread <= nothing, 0.0, np.abs(again - value) / spread).max(axis=1, initial=0.0)
        away = -ndtri(by_t)  # in standard errors of a normal figure, as those of the resamples are
        more = len(by_chance) - np.searchsorted(np.sort(by_chance), away, side="left")
        resolved = (1 + more) / (1 + len(by_chance))
        p_values = np.where(more > 0, resolved, np.minimum(resolved, 2 * by_t * len(value)))
        return np.where(np.isnan(self.low[columns]), np.nan, np.minimum(p_values, 1.0))

    def no_surer(self, bounding: Floats, asking: Floats, *, level: float = 0.95) -> Figures:
        """The same where it is known that some errors can't be so small.

        Parameters
        ----------
        bounding, asking : numpy.ndarray
            The least standard error of each figure, for its bounds and for p-values; 0 where none is known.
        level : float
            With which the bounds were made.

        Returns
        -------
        Figures
            Their bounds as far out as such an error puts them, by Student's t.
        """
        from scipy.special import stdtrit

        small = self.error < bounding
        reach = bounding * stdtrit(self.freedom, (1 + level) / 2)
        return replace(
            self,
            low=np.where(small, np.fmin(self.low, self.value - reach), self.low),
            high=np.where(small, np.fmax(self.high, self.value + reach), self.high),
            error=np.where(self.error < asking, asking, self.error),
        )

    def differ(self, columns: slice, *, level: float = 0.95) -> Bools:
        """Which of some figures differ from 0 though they are so many: one error among all of them in 1 - `level`.

        True only where the bounds, made with the same level, leave 0 out as well.
        """
        outside = (self.low[columns] > 0) | (self.high[columns] < 0)
        found: Bools = outside & (self.p_values(columns) <= 1 - level + _NOTHING)
        return found


def figures_of_two_periods(
    figures: Callable[[Floats, Floats], Floats],
    units: tuple[int, int],
    *,
    level: float = 0.95,
    seed: int = 0,
    later_first: bool = False,
    together: bool = False,
    in_order: bool = True,
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
    together : bool
        Whether both are of the same days, as many and in the same order, which are drawn for both at once.
    in_order : bool
        Whether each period's days follow one another, so that one may resemble the day before; runs by lot don't.
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
    4.5 (4.0 to 5.1), True

    References
    ----------
    Hesterberg (2015), doi:10.1080/00031305.2015.1089789, section 4.3 (the expanded percentile interval); Welch (1947),
    doi:10.1093/biomet/34.1-2.28 (degrees of freedom of two samples)
    """
    ones = [np.ones((1, count)) for count in units]
    value = figures(*ones)[0]
    drawn = drawn_days(units, seed=seed, later_first=later_first, together=together, resamples=resamples)
    parts = [slice(start, start + _AT_ONCE) for start in range(0, resamples, _AT_ONCE)]
    again = np.concatenate([figures(drawn[0][part], drawn[1][part]) for part in parts])
    again = again[np.isfinite(again).all(axis=1)]  # a side of few days is now and then not drawn at all
    left_out = [1.0 - np.eye(count) for count in units]
    without = [(left_out[0], left_out[1])] if together else [(left_out[0], ones[1]), (ones[0], left_out[1])]
    slopes = [_influence(figures(first, second)) for first, second in without]
    error, freedom, wider = _spread(slopes)
    low, high = _between(again, wider=wider, freedom=freedom, level=level)
    if in_order:
        wider = wider_by_neighbours(slopes)
        error, low, high = error * wider, low - (wider - 1) * (value - low), high + (wider - 1) * (high - value)
    return Figures(value=value, low=low, high=high, error=error, freedom=freedom, again=again)


def figures_without_bounds(value: Floats) -> Figures:
    """The same of so few days, or runs, that they bound nothing: bounds are NaN, and nothing differs."""
    unknown = np.full(len(value), np.nan)
    return Figures(value=value, low=unknown, high=unknown, error=unknown, freedom=unknown, again=value[None, :])


def drawn_days(
    units: tuple[int, int],
    *,
    seed: int = 0,
    later_first: bool = False,
    together: bool = False,
    resamples: int = RESAMPLES,
) -> tuple[Floats, Floats]:
    """How often each day of each period is drawn: arguments as of `figures_of_two_periods`, which draws these.

    Examples
    --------
    >>> first, second = drawn_days((20, 20), resamples=3)
    >>> first.shape, bool((first == second).all())
    ((3, 20), False)
    """
    if together:
        both = resampled_days(units[0], seed=2 * seed, resamples=resamples)
        return both, both
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


def _spread(slopes: list[Floats]) -> tuple[Floats, Floats, Floats]:
    """Standard errors, Welch's degrees of freedom, and by what the bootstrap's standard errors are too small.

    Of what each day of each period does, or of what each day does to both.
    """
    counts = np.array([len(slope) for slope in slopes])[:, None]
    seen = np.stack([(slope**2).sum(axis=0) for slope in slopes])
    own = seen * counts / (counts - 1)
    whole = own.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = whole**2 / (own**2 / (counts - 1)).sum(axis=0)
        wider = np.sqrt(whole / seen.sum(axis=0))
    known = np.isfinite(freedom)  # not of what no day changes
    return np.sqrt(whole), np.where(known, freedom, counts.min() - 1), np.where(known, wider, 1.0)


def _between(again: Floats, *, wider: Floats, freedom: Floats, level: float) -> tuple[Floats, Floats]:
    """The resamples' quantiles between which a normal figure would lie with Student's t and the wider error."""
    from scipy.special import ndtr, stdtrit

    reach = wider * stdtrit(freedom, (1 + level) / 2)
    ordered = np.sort(again, axis=0)
    bounds = []
    for tail in (ndtr(-reach), ndtr(reach)):
        rank = np.clip(np.round(tail * (len(again) + 1)).astype(np.int64) - 1, 0, len(again) - 1)
        bounds.append(np.take_along_axis(ordered, rank[None, :], axis=0)[0])
    return bounds[0], bounds[1]
