"""How far a figure can be trusted, days taken as they come: intervals that speak of the long run.

A mean of 2,000 runs is no better known than their 28 days allow: where days differ by 8 %, its standard error is
0.08 × √(1/28) = 1.5 %, however many runs a day has. So days are drawn again, with all of their runs, and what the
figure does then is seen.

Every figure here is a ratio of sums over days: a mean (of durations over runs), a success rate (of completed ones over
ended ones), and for a quantile the share of runs below it, whose interval is read back on the sorted durations
(Woodruff). So no resample needs a sort: 2,000 of 60 days with 20,000 runs take some milliseconds. Bounds are those of
the bootstrap-t, since few days make a percentile bootstrap too narrow: on simulated fleets, 14 days, it covers 90 % for
the median and 88 % for the 99th percentile instead of 95.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from rpa_lab.inference.intervals import wilson_bounds

__all__ = [
    "LEAST_DAYS",
    "RESAMPLES",
    "critical_values",
    "mean_by_days",
    "rate_by_days",
    "resampled_days",
    "share_by_days",
]

LEAST_DAYS: Final = 10
"""From so many days with runs on intervals speak of the long run: two weeks of working days."""

RESAMPLES: Final = 1999

_NOTHING = 1e-12  # what is left by rounding of a standard error that is 0

Floats: TypeAlias = npt.NDArray[np.float64]


def resampled_days(days: int, *, seed: int, resamples: int = RESAMPLES) -> Floats:
    """How often each day is drawn, when as many days as there are are drawn with replacement.

    Parameters
    ----------
    days : int
        How many there are.
    seed : int
        Same seed and number of days, same draws.
    resamples : int
        How many times.

    Returns
    -------
    numpy.ndarray
        One row per resample, one column per day.

    Examples
    --------
    >>> resampled_days(20, seed=0, resamples=3).sum(axis=1).tolist()
    [20.0, 20.0, 20.0]
    """
    drawn = np.random.default_rng([seed, days]).integers(0, days, (resamples, days))
    places = drawn + days * np.arange(resamples)[:, None]
    return np.bincount(places.ravel(), minlength=resamples * days).reshape(resamples, days).astype(np.float64)


def mean_by_days(drawn: Floats, sums: Floats, counts: Floats, *, level: float = 0.95) -> tuple[Floats, Floats]:
    """Intervals of means, by the bootstrap-t over days; no bound lies beyond the best or the worst day.

    Of 14 days of which one took ten times as long as the others, most resamples without it hardly vary, so that the
    bootstrap-t alone would bound a mean of 165 ms by 3,600: more than any day took. An empirical likelihood, too, stays
    within what was seen.

    Parameters
    ----------
    drawn : numpy.ndarray
        From `resampled_days`.
    sums, counts : numpy.ndarray
        One row per day, one column per group: the sum of its values that day, none of them negative, and their number.
    level : float
        Nominal coverage, fraction 0-1.

    Returns
    -------
    tuple of numpy.ndarray
        Lower and upper bound of each group; NaN where it has no values.

    Examples
    --------
    >>> sums, counts = np.array([[10.0], [12.0], [11.0], [13.0]] * 5), np.ones((20, 1))
    >>> low, high = mean_by_days(resampled_days(20, seed=0), sums, counts)
    >>> print(f"{low[0]:.1f} {high[0]:.1f}")
    10.9 12.1

    References
    ----------
    Efron and Tibshirani (1993), An Introduction to the Bootstrap, section 12.5, doi:10.1201/9780429246593. Owen (2001),
    Empirical Likelihood, doi:10.1201/9781420036152, for bounds within what was seen.
    """
    mean, error = _ratio(sums, counts)
    again, errors = _ratios(drawn, sums, counts)
    least, most = critical_values(again - mean, errors, level=level)
    with np.errstate(invalid="ignore"):
        low, high = np.maximum(mean - most * error, 0.0), mean - least * error
        days = np.where(counts > 0, sums / counts, mean)
    known = np.isfinite(low) & np.isfinite(high)  # not where so few days differ that resamples leave it open
    low, high = np.maximum(low, days.min(axis=0)), np.minimum(high, days.max(axis=0))
    alike = error <= _NOTHING * mean
    return tuple(np.where(alike, mean, np.where(known, bound, np.nan)) for bound in (low, high))  # type: ignore[return-value]


def share_by_days(drawn: Floats, below: Floats, counts: Floats, *, level: float = 0.95) -> tuple[Floats, Floats]:
    """Intervals of shares, by the bootstrap-t over days on the scale of log odds.

    Parameters
    ----------
    drawn : numpy.ndarray
        From `resampled_days`.
    below, counts : numpy.ndarray
        One row per day, one column per group: how many of its values that day lie below, and how many there are.
    level : float
        Nominal coverage, fraction 0-1.

    Returns
    -------
    tuple of numpy.ndarray
        Lower and upper bound of each group, fractions 0-1; 0 or 1 where the days don't bound it.

    References
    ----------
    Woodruff (1952), Confidence intervals for medians and other position measures, doi:10.1080/01621459.1952.10483443
    """
    share, error = _ratio(below, counts)
    again, errors = _ratios(drawn, below, counts)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        # its standard error by the delta method; a resample of one kind only is infinitely far away
        least, most = critical_values(_log_odds(again) - _log_odds(share), errors / (again * (1 - again)), level=level)
        scale = error / (share * (1 - share))
        low, high = _log_odds(share) - most * scale, _log_odds(share) - least * scale
        low, high = np.nan_to_num(1 / (1 + np.exp(-low)), nan=0.0), np.nan_to_num(1 / (1 + np.exp(-high)), nan=1.0)
    alike = error <= _NOTHING
    return np.where(alike, share, low), np.where(alike, share, high)


def rate_by_days(
    completed: Floats, ended: Floats, *, group: npt.NDArray[np.int64], level: float = 0.95
) -> tuple[Floats, Floats]:
    """Intervals of success rates: Wilson's, of as many independent runs as would vary as much as these days do.

    Failures are few: of a workflow of 5 runs a day half of the resamples of two weeks may hold none, and a bootstrap-t
    has no answer then. This has one always, with a t distribution for the days, and needs no resample.

    Parameters
    ----------
    completed, ended : numpy.ndarray
        One place per group and day.
    group : numpy.ndarray
        The number of its group, from 0 on without a gap.
    level : float
        Nominal coverage, fraction 0-1.

    Returns
    -------
    tuple of numpy.ndarray
        Lower and upper bound of each group, fractions 0-1.

    Examples
    --------
    >>> completed, ended = np.array([9.0, 10.0] * 10), np.full(20, 10.0)
    >>> low, high = rate_by_days(completed, ended, group=np.zeros(20, np.int64))
    >>> print(f"{low[0]:.3f} {high[0]:.3f}")
    0.910 0.973

    References
    ----------
    Kish (1965), Survey Sampling (the design effect); with Wilson's: Dean and Pagano (2015), doi:10.1093/jssam/smv024
    """
    from scipy.special import ndtri, stdtrit

    days, runs = np.bincount(group), np.bincount(group, ended)
    tail = (1 + level) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = np.bincount(group, completed) / runs
        rest = completed - rate[group] * ended
        error = np.sqrt(np.bincount(group, rest**2) * days / (days - 1)) / runs  # by linearisation, as of `_ratio`
        worth = rate * (1 - rate) / error**2
    more_alike = ~(worth < runs)  # than independent runs would be: by chance, so they are taken for independent
    critical = np.where(more_alike, ndtri(tail), stdtrit(np.maximum(days - 1, 1), tail))
    return wilson_bounds(rate, np.where(more_alike, runs, worth), critical=critical)


def critical_values(away: Floats, errors: Floats, *, level: float) -> tuple[Floats, Floats]:
    """The quantiles of studentised differences between resamples and what was seen.

    Parameters
    ----------
    away, errors : numpy.ndarray
        One row per resample, one column per group: how far away it is, and its standard error. Some may be infinitely
        far; those unknown (NaN) are left out.
    level : float
        Nominal coverage, fraction 0-1.

    Returns
    -------
    tuple of numpy.ndarray
        Of each group the lower and the upper one, in standard errors.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        studentised = np.where(np.isinf(away), away, away / errors)
    tail = (1 - level) / 2
    unknown = np.isnan(studentised)
    ordered = np.sort(np.where(unknown, np.inf, studentised), axis=0)
    known = len(studentised) - unknown.sum(axis=0)
    ranks = [np.clip(np.round(q * (known + 1)).astype(np.int64) - 1, 0, len(ordered) - 1) for q in (tail, 1 - tail)]
    least, most = (np.take_along_axis(ordered, rank[None, :], axis=0)[0] for rank in ranks)
    return least, most


def _ratio(sums: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """The ratio of each column's sums, and its standard error by linearisation over rows."""
    days, total = len(sums), counts.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio: Floats = sums.sum(axis=0) / total
        rest = sums - ratio * counts
        error: Floats = np.sqrt((rest**2).sum(axis=0) * days / (days - 1)) / total
    return ratio, error


def _ratios(drawn: Floats, sums: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """The same for each resample: one row each. Σ w (y - r n)² is taken apart, so that products of matrices do."""
    days = drawn.shape[1]
    centre = sums.sum(axis=0) / np.maximum(counts.sum(axis=0), 1)
    rest = sums - centre * counts  # around the ratio, so that squares of large sums don't cancel
    total = drawn @ counts
    with np.errstate(invalid="ignore", divide="ignore"):
        shift = (drawn @ rest) / total
        own, level = drawn @ rest**2, shift**2 * (drawn @ counts**2)
        squares = own - 2 * shift * (drawn @ (rest * counts)) + level
        # of a resample whose days are all alike rounding leaves a little, by which a bound would be divided
        squares = np.where(squares <= _NOTHING * (own + level), 0.0, squares)
        error = np.sqrt(squares * days / (days - 1)) / total
    return centre + shift, error


def _log_odds(share: Floats) -> Floats:
    odds: Floats = np.log(share / (1 - share))
    return odds
