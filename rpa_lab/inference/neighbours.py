"""How alike neighbouring days are: φ, of an autoregressive series the correlation of a day with the day before.

Days that are like the day before wander, and what wanders looks like levels that move. So φ must be known before
levels are, told by differences between days, and can be told again by what is left when levels are taken out.

They also say less together than as many days that have nothing to do with each other: of days with φ = 0.3 a mean is
known as well as of half as many, (1 - φ) / (1 + φ), so that its standard error is 1.36 times as large.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["neighbours_alike", "new_each_day", "rest_alike", "wider_by_neighbours"]

_MOST_ALIKE: Final = 0.8
_LEAST_DAYS = 14
_LEAST_NOISE = 1e-3  # on a logarithm: 0.1 %

Floats: TypeAlias = npt.NDArray[np.float64]


def neighbours_alike(values: Floats) -> float:
    """How much of its distance from the level a day keeps of the day before, as moved levels hardly touch it.

    Of an autoregressive series the differences over one, two and three days have variances as 1, 1 + φ and
    1 + φ + φ². Scales of them that a moved level hardly touches say φ, and both ratios together say it more exactly
    than the first alone: of 90 independent days it is 0.00 ± 0.16 instead of 0.03 ± 0.19.

    Parameters
    ----------
    values : numpy.ndarray
        One a day.

    Returns
    -------
    float
        0 to 0.8; 0 of what turns back oftener than chance, and of days mostly alike.

    Examples
    --------
    >>> wandering = np.zeros(2000)
    >>> for day, chance in enumerate(np.random.default_rng(0).normal(0, 1, 1999), start=1):
    ...     wandering[day] = 0.5 * wandering[day - 1] + chance
    >>> moved = wandering + np.repeat([0.0, 5.0], 1000)
    >>> print(f"{neighbours_alike(wandering):.2f} {neighbours_alike(moved):.2f}")
    0.45 0.46

    References
    ----------
    Chakar, Lebarbier, Lévy-Leduc and Robin (2017), A robust approach for estimating change-points in the mean of an
    AR(1) process, doi:10.3150/15-BEJ782, who take the ratio of two days to one.
    """
    from statsmodels.robust.scale import qn_scale

    if len(values) < _LEAST_DAYS:
        return 0.0
    one, two, three = (float(qn_scale(values[lag:] - values[:-lag])) ** 2 for lag in (1, 2, 3))
    if one <= _LEAST_NOISE**2:
        return 0.0
    more = (two + three) / (2 * one) - 1  # φ + φ² / 2
    return float(np.clip(np.sqrt(max(1 + 2 * more, 1.0)) - 1, 0.0, _MOST_ALIKE))


def rest_alike(rest: Floats, *, levels: int) -> float:
    """How much a day keeps of the day before, of what is left when levels are taken out.

    The first autocorrelation, and what taking levels out took from it: it is (levels + 3φ) / n too small.

    Parameters
    ----------
    rest : numpy.ndarray
        One a day: its distance from its level.
    levels : int
        How many were taken out.

    Returns
    -------
    float
        0 to 0.8.

    Examples
    --------
    >>> rest = np.repeat([1.0, -1.0, 1.0, -1.0], 5)
    >>> print(f"{rest_alike(rest, levels=1):.2f}")
    0.80
    >>> rest_alike(np.tile([1.0, -1.0], 10), levels=1)
    0.0

    References
    ----------
    Marriott and Pope (1954), Bias in the estimation of autocorrelations, doi:10.1093/biomet/41.3-4.390
    """
    n, all_of_it = len(rest), float((rest**2).sum())
    if n < _LEAST_DAYS or all_of_it <= n * _LEAST_NOISE**2:
        return 0.0
    seen = float((rest[1:] * rest[:-1]).sum()) / all_of_it
    return float(np.clip((seen + levels / n) / (1 - 3 / n), 0.0, _MOST_ALIKE))


def new_each_day(rest: Floats) -> float:
    """The variance of what a day adds to what it keeps of the day before.

    Parameters
    ----------
    rest : numpy.ndarray
        One a day: its distance from its level.

    Returns
    -------
    float
        s² (1 - φ²): s² is the mean square of `rest`, φ its first autocorrelation (from -0.8 to 0.8).

    Examples
    --------
    >>> print(f"{new_each_day(np.tile([1.0, 1.0, -1.0, -1.0], 50)):.2f} {new_each_day(np.repeat([1.0, -1.0], 8)):.2f}")
    1.00 0.34

    References
    ----------
    Box and Jenkins (1976), Time Series Analysis, chapter 7: the likelihood of an autoregressive series, by Yule and
    Walker's equations.
    """
    square = float((rest**2).sum())
    if square <= 0:
        return 0.0
    seen = float((rest[1:] * rest[:-1]).sum()) / square
    kept = float(np.clip(seen, -_MOST_ALIKE, _MOST_ALIKE))
    return square / len(rest) * (1 - 2 * kept * seen + kept**2)


def wider_by_neighbours(influences: Sequence[Floats]) -> Floats:
    """By what factor standard errors are too small that take days for independent: √((1 + φ) / (1 - φ)).

    φ is the first autocorrelation of what days do to a figure, over all stretches together, and what centring each
    stretch and its ends took from it: it is (1 + 3φ) / n too small, n the days of a stretch. Of 2 × 28 days it is
    known to 0.14, so that independent days, which never make errors smaller, make them 6 % larger on average.

    Parameters
    ----------
    influences : sequence of numpy.ndarray
        Of each stretch of days: one row per day, in order, one column per figure; columns that add up to 0. Days
        without runs are left out: the next one with some is the neighbour.

    Returns
    -------
    numpy.ndarray
        One factor per figure, from 1 (also where nothing varies, or of fewer than 14 days) to 3.

    Examples
    --------
    >>> alternating, in_pairs = np.tile([1.0, -1.0], 20), np.tile([1.0, 1.0, -1.0, -1.0], 10)
    >>> in_blocks = np.repeat([1.0, -1.0, 1.0, -1.0], 10)
    >>> wider_by_neighbours([np.column_stack([alternating, in_pairs, in_blocks])]).round(2)
    array([1.  , 1.06, 3.  ])

    References
    ----------
    Bartlett (1946), On the theoretical specification and sampling properties of autocorrelated time-series,
    doi:10.2307/2983611 (what a mean loses); Marriott and Pope (1954), doi:10.1093/biomet/41.3-4.390 (the bias)
    """
    if sum(len(each) for each in influences) < _LEAST_DAYS:
        return np.ones(influences[0].shape[1])
    squares = np.stack([(each**2).sum(axis=0) for each in influences])
    products = np.stack([(each[1:] * each[:-1]).sum(axis=0) for each in influences])
    per_day = 1 / np.array([[len(each)] for each in influences])
    with np.errstate(invalid="ignore", divide="ignore"):
        whole = squares.sum(axis=0)
        seen, taken = products.sum(axis=0) / whole, (squares * per_day).sum(axis=0) / whole
        alike = np.clip((seen + taken) / (1 - 3 * taken), 0.0, _MOST_ALIKE)
    alike = np.where(np.isfinite(alike), alike, 0.0)
    wider: Floats = np.sqrt((1 + alike) / (1 - alike))
    return wider
