"""How large a difference is, whatever the unit: Cliff's delta and Cohen's h, with intervals that count how days differ.

Cliff's delta is how often a run of the one group takes longer than one of the other, less how often it takes less
long: of 1, 2 and 3 ms against 2 and 4 ms it is (4 - 1) / 6 = 0.5. For counts a day is what is compared, not a run.
Cohen's h is the difference of two rates where both ends of the scale are stretched: 98 against 99 % is as far (0.08) as
50 against 54.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from rpa_lab.inference.differences import Bounds, difference_of_bounds
from rpa_lab.inference.intervals import wilson_bounds

__all__ = ["cohens_h", "delta_of_placements", "placements", "placements_of_both"]

_NOTHING: Final = 1e-12

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]


def placements(values: Floats, among: Floats) -> Floats:
    """Of each value, which part of others is less, less which part is more: their mean is Cliff's delta.

    Parameters
    ----------
    values : numpy.ndarray
        Whose places are asked.
    among : numpy.ndarray
        The others, sorted; at least one.

    Returns
    -------
    numpy.ndarray
        From -1 to 1.

    Examples
    --------
    >>> placements(np.array([2.0, 4.0]), np.array([1.0, 2.0, 3.0])).round(3).tolist()
    [0.0, 1.0]
    """
    less, not_more = np.searchsorted(among, values, side="left"), np.searchsorted(among, values, side="right")
    found: Floats = (less + not_more) / len(among) - 1.0
    return found


def placements_of_both(values: Floats, others: Floats) -> tuple[Floats, Floats]:
    """The placements of values among others, and of these among the values, of one search.

    Parameters
    ----------
    values, others : numpy.ndarray
        Both sorted, and not empty; it is fast where there are few values.

    Returns
    -------
    tuple of numpy.ndarray

    Examples
    --------
    >>> ours, theirs = placements_of_both(np.array([2.0, 4.0]), np.array([1.0, 2.0, 3.0]))
    >>> ours.round(3).tolist(), theirs.tolist()
    ([0.0, 1.0], [-1.0, -0.5, 0.0])
    """
    less, not_more = np.searchsorted(others, values, side="left"), np.searchsorted(others, values, side="right")
    size = len(others) + 1
    # others[i] is greater than the values with not_more <= i, and not less than those with less <= i
    below = np.cumsum(np.bincount(not_more, minlength=size))[:-1]
    upto = np.cumsum(np.bincount(less, minlength=size))[:-1]
    return (less + not_more) / len(others) - 1.0, (below + upto) / len(values) - 1.0


def delta_of_placements(
    part: Floats, whole: Floats, base_part: Floats, base_whole: Floats, *, paired: bool, level: float = 0.95
) -> tuple[float, float, float]:
    """Cliff's delta with its interval by days: of the placements' sums, each day's runs together.

    The standard error is DeLong's, of days instead of runs; the bounds are Wilson's of as many independent values as
    would vary as much, so that they stay within -1 and 1 and are known also where each value is the greater one.

    Parameters
    ----------
    part, whole : numpy.ndarray
        By day: the sum of the `placements` of its values among the base group's, and how many these are.
    base_part, base_whole : numpy.ndarray
        The same of the base group: its values' placements among the group's, the other way round (times -1).
    paired : bool
        Whether a day is the same day for both.
    level : float
        Nominal coverage, fraction 0-1.

    Returns
    -------
    tuple of float
        Delta, lower and upper bound; NaN where a group has no values.

    Examples
    --------
    >>> tens, halves = np.full(12, 10.0), np.array([4.0, 6.0] * 6)
    >>> delta, low, high = delta_of_placements(halves, tens, halves, tens, paired=True)
    >>> print(f"{delta:.2f} {low:.2f} {high:.2f}")
    0.50 0.36 0.62

    References
    ----------
    Cliff (1993), doi:10.1037/0033-2909.114.3.494; DeLong, DeLong and Clarke-Pearson (1988), doi:10.2307/2531595;
    Obuchowski (1997), Nonparametric analysis of clustered ROC curve data, doi:10.2307/2533958
    """
    from scipy.special import stdtrit

    days = int((whole > 0).sum()), int((base_whole > 0).sum())
    if not min(days):
        return np.nan, np.nan, np.nan
    delta = float(np.clip(part.sum() / whole.sum(), -1.0, 1.0))  # which a rounding may pass
    if min(days) < 2:
        return delta, np.nan, np.nan
    rest = (part - delta * whole) / whole.sum() * np.sqrt(days[0] / (days[0] - 1))
    base_rest = (base_part - delta * base_whole) / base_whole.sum() * np.sqrt(days[1] / (days[1] - 1))
    square = float((rest**2).sum() + (base_rest**2).sum() + (2 * (rest * base_rest).sum() if paired else 0.0))
    share = (1 + delta) / 2
    spread = share * (1 - share)
    # at an end of the scale nothing varies; then days count as values
    worth = spread / (square / 4) if square > _NOTHING and spread > _NOTHING else float(min(days))
    low, high = wilson_bounds(share, worth, critical=stdtrit(min(days) - 1, (1 + level) / 2))
    return delta, float(2 * low - 1), float(2 * high - 1)


def cohens_h(
    rate: Floats, bounds: Bounds, base: Floats, base_bounds: Bounds, *, correlation: Floats | float = 0.0
) -> tuple[Floats, Bounds]:
    """Cohen's h of rates, with its interval by square and add.

    Parameters
    ----------
    rate, base : numpy.ndarray
        Fractions 0-1.
    bounds, base_bounds : Bounds
        Their intervals.
    correlation : numpy.ndarray
        Of their errors.

    Returns
    -------
    tuple of numpy.ndarray and Bounds
        Radians, from -π to π.

    Examples
    --------
    >>> known = Bounds(np.array([0.5]), np.array([0.5]))
    >>> h, _ = cohens_h(np.array([0.75]), Bounds(np.array([0.7]), np.array([0.8])), np.array([0.5]), known)
    >>> h.round(3)
    array([0.524])

    References
    ----------
    Cohen (1988), Statistical Power Analysis for the Behavioral Sciences, chapter 6, doi:10.4324/9780203771587
    """
    found = difference_of_bounds(
        _arcsine(rate),
        Bounds(_arcsine(bounds.low), _arcsine(bounds.high)),
        _arcsine(base),
        Bounds(_arcsine(base_bounds.low), _arcsine(base_bounds.high)),
        correlation=correlation,
    )
    return _arcsine(rate) - _arcsine(base), found


def _arcsine(rate: Floats) -> Floats:
    turned: Floats = 2 * np.arcsin(np.sqrt(np.clip(rate, 0.0, 1.0)))
    return turned
