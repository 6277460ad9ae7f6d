"""On which day a level moved, told by days that are known unequally well.

A day with two runs says less of its level than one with twenty, and still says something: each day's distances from
the level before and the one after count as much as the day is known, and a day that is far from both says neither. So
the days off, on which something was changed and hardly anything ran, are heard too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["AROUND", "Dated", "likely", "moved_at"]

AROUND: Final = 12
"""So many days before and after a place at most is the same move told more exactly."""

_TIMES = 3
_FAR = 3.0  # noises beyond both levels: what is farther off says no more
_LEAST_DAYS = 3  # of either level
_LEAST_NOISE = 0.02  # of a day, on a logarithm
_NORMAL_MAD = 1.4826022185056018  # the standard deviation of a normal distribution in median absolute deviations

Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """A level moved at `place`, or at one from `first` to `last`, by `signal` of a day's noises."""

    place: int
    first: int
    last: int
    signal: float


def moved_at(
    levels: Floats, within: Floats, place: int, *, counts: Bools, level: float = 0.95, caution: float = 1.0
) -> Dated | None:
    """Where, near a place, one level gives way to another.

    It is the place k with the largest sum over the days from k on of ((y - a)² - (y - b)²) / v: a and b are the means
    of the days before and after, v is the variance of a day, of what differs between days and of what its runs do.
    Distances beyond both levels by three noises and more count as three.

    Parameters
    ----------
    levels : numpy.ndarray
        One a day, in order, on a logarithm, of a stretch with one moved level.
    within : numpy.ndarray
        The variance of each that its runs bring with them: less of many.
    place : int
        Where about the new level begins.
    counts : numpy.ndarray
        Which days have runs enough to say how much days differ.
    level : float
        Nominal coverage, fraction 0-1.
    caution : float
        By how much days' likeness to their neighbours makes it less certain (`Steady.caution`).

    Returns
    -------
    Dated or None
        None where a level has less than three days, or less than three that count; where the levels move elsewhere,
        more than `AROUND` days away.

    Examples
    --------
    >>> levels = np.array([0.0, 0.1, 0.0, 0.1, 0.0, 0.1, 0.9, 1.1, 1.0, 1.1, 1.0, 1.1])
    >>> within = np.array([0.01] * 6 + [0.2] + [0.01] * 5)  # of the first day after hardly a run is known
    >>> dated = moved_at(levels, within, 7, counts=within < 0.1)
    >>> dated.place, dated.first, dated.last
    (6, 6, 7)

    References
    ----------
    Hinkley (1970), Inference about the change-point in a sequence of random variables, doi:10.1093/biomet/57.1.1;
    Huber (1964), doi:10.1214/aoms/1177703732, for bounding what one day says.
    """
    n = len(levels)
    sides = (counts[:place], counts[place:])
    if min(place, n - place) < _LEAST_DAYS or min(int(side.sum()) for side in sides) < _LEAST_DAYS:
        return None
    about, here = place, slice(_LEAST_DAYS, n - _LEAST_DAYS + 1)
    variance = _between(levels, within, place, counts=counts) + within
    for _ in range(_TIMES):
        before, after = _mean(levels[:place], variance[:place]), _mean(levels[place:], variance[place:])
        most = _FAR * np.sqrt(variance) + abs(after - before)
        apart = np.clip(levels - before, -most, most) ** 2 - np.clip(levels - after, -most, most) ** 2
        said = np.cumsum((apart / variance)[::-1])[::-1]
        best = here.start + int(np.argmax(said[here]))
        if best == place:
            break
        place = best
    if abs(place - about) > AROUND:
        return None
    near = np.flatnonzero((said[place] - said)[1:] <= likely(level) * caution) + 1
    return Dated(
        place=place,
        first=min(int(near[0]), place),
        last=max(int(near[-1]), place),
        signal=float((after - before) / np.sqrt(np.median(variance[counts]))),
    )


def likely(level: float) -> float:
    """How far a place's likelihood lies below the best one's, at most, with so much probability.

    The quantile of P(x) = (1 - e^(-x/2))².

    Examples
    --------
    >>> print(f"{likely(0.95):.2f}")
    7.35

    References
    ----------
    Siegmund (1988), Confidence sets in change-point problems, doi:10.2307/1403360; Hansen (2000),
    doi:10.1111/1468-0262.00124, for the distribution.
    """
    return float(-2 * np.log(1 - np.sqrt(level)))


def _between(levels: Floats, within: Floats, place: int, *, counts: Bools) -> float:
    """The variance of days beside what their runs bring with them."""
    parts = [(levels[:place], counts[:place]), (levels[place:], counts[place:])]
    rest = np.concatenate([mine[these] - mine[these].mean() for mine, these in parts])
    spread = _NORMAL_MAD * float(np.median(np.abs(rest - np.median(rest))))
    return max(spread**2 - float(np.median(within[counts])), _LEAST_NOISE**2)


def _mean(levels: Floats, variance: Floats) -> float:
    return float(np.average(levels, weights=1 / variance))
