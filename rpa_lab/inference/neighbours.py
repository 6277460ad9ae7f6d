"""How alike neighbouring days are: φ, of an autoregressive series the correlation of a day with the day before.

Days that are like the day before wander, and what wanders looks like levels that move. So φ must be known before
levels are, told by differences between days, and can be told again by what is left when levels are taken out.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["neighbours_alike", "new_each_day", "rest_alike"]

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
