"""Where the level of a daily series moves: stretches of days, and between them days on which another level begins.

A series is made comparable first: what weekdays do is taken out, and bad days become like those around them, as seen
from its noise, which differences between neighbouring days tell, since a moved level spoils only one of them. Then a
new level is worth its place only if the series becomes so much likelier: n ln(s² (1 - φ²)) must fall by more than a
penalty, where s² is the mean squared distance of its n days from their levels, and φ how much of it a day keeps of the
day before. 20 days at 1.0 above 20 at 0.0 have s² = 0.5² about them, and 0.5² + 0.5² about one level, where φ is 0.5:
40 × ln(0.5 × 0.75 / 0.25) = 16.

Days that are like the day before wander, and what wanders looks like levels: but it is as likely without them, since φ
says it too. With and without a level φ is its own, of what is left there. To the first order that is as if each level
cost (1 + φ) / (1 - φ) times as much: the variance of a mean of many days, in that of as many independent ones.
Intervals are so much more cautious; there the φ of `neighbours_alike` counts if it is larger.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from rpa_lab.inference.dating import likely
from rpa_lab.inference.neighbours import neighbours_alike, new_each_day
from rpa_lab.inference.resampling import RESAMPLES

__all__ = [
    "LEAST_DAYS",
    "SHORTEST",
    "Ramp",
    "Steady",
    "between_places",
    "ramp_instead",
    "ratio_between",
    "steady",
    "weekdays",
    "where_levels_move",
]

SHORTEST: Final = 5
"""So many days with runs a level lasts at least: what is shorter is an incident."""

LEAST_DAYS: Final = 14
"""From so many days with runs on a series is looked at."""

WEEKS_TO_KNOW: Final = 3
"""From so many weeks on it is known what weekdays do."""

_WINDOW = 7
_SLOWLY = 14
_CLEARLY = 7.0  # in twice the logarithm of a likelihood
_CUTS = 8
_LEAST_LEFT = 0.5  # of the noise's variance: no number of levels explains more of it than the rest
_KNOTS = 60
_MOST = 3.0  # noises from the days around it: what is farther off is an incident
_LEAST_NOISE = 1e-3  # on a logarithm: 0.1 %
_NORMAL_MAD = 1.4826022185056018  # the standard deviation of a normal distribution in median absolute deviations
_MEDIAN_COST = np.pi / 2  # the variance of a median in that of a mean

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """A series without its weekdays and incidents.

    Attributes
    ----------
    levels : numpy.ndarray
        One a day.
    noise : float
        Their standard deviation from day to day.
    alike : float
        How much of its distance from the level a day keeps of the day before: 0 (nothing) to 0.8.
    """

    levels: Floats
    noise: float
    alike: float = 0.0

    @property
    def caution(self) -> float:
        """By how much the variance of a mean of days is larger than that of independent days."""
        return (1 + self.alike) / (1 - self.alike)


def steady(values: Floats, weekday: Ints) -> Steady:
    """Take out of a series what weekdays and incidents do.

    Parameters
    ----------
    values : numpy.ndarray
        One a day, in order, on a logarithm.
    weekday : numpy.ndarray
        Which day of the week each is, 0-6.

    Returns
    -------
    Steady

    Examples
    --------
    >>> days = np.arange(56)
    >>> week = np.where(days % 7 < 5, 0.0, 0.5) + np.random.default_rng(0).normal(0, 0.02, 56)
    >>> week[10] = 9.0  # one bad day
    >>> cleaned = steady(week, days % 7)
    >>> print(f"{week.std():.2f} {cleaned.levels.std():.2f} {cleaned.noise:.2f}")
    1.19 0.02 0.02

    References
    ----------
    Rousseeuw and Croux (1993), doi:10.1080/01621459.1993.10476408, for the scale Qn; von Neumann (1941),
    doi:10.1214/aoms/1177731677, for noise by differences; Hampel (1974), doi:10.1080/01621459.1974.10482962, for
    what is far from the median of its neighbours; James and Stein (1961) for shrinking the weekdays.
    """
    values = values - weekdays(values, weekday)
    noise = max(_noise(values), _LEAST_NOISE)
    around = _around(values)
    levels = np.where(np.abs(values - around) > _MOST * noise, around, values)
    return Steady(levels=levels, noise=noise, alike=neighbours_alike(levels))


def where_levels_move(series: Steady, *, penalty: float) -> list[int]:
    """The places at which another level begins, in order.

    Parameters
    ----------
    series : Steady
        From `steady`.
    penalty : float
        By how much twice the logarithm of the likelihood must rise for one more level.

    Returns
    -------
    list of int
        None of them within `SHORTEST` of either end or of each other; empty for fewer than `LEAST_DAYS` days.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(0, 0.1, 40)
    >>> moved = steady(np.repeat([0.0, 0.5], 20) + noise, np.arange(40) % 7)
    >>> where_levels_move(moved, penalty=10)
    [20]

    References
    ----------
    Chakar, Lebarbier, Lévy-Leduc and Robin (2017), doi:10.3150/15-BEJ782, for levels of days that keep something of the
    day before; Auger and Lawrence (1989), doi:10.1007/BF02458835, and Celisse, Marot, Pierre-Jean and Rigaill (2018),
    doi:10.1016/j.csda.2018.07.002; with ruptures: Truong, Oudre and Vayatis (2020),
    doi:10.1016/j.sigpro.2019.107299, by its exact search for so many cuts (that for a penalty, PELT, drops
    places too early where levels have a least length).
    """
    n = len(series.levels)
    if n < LEAST_DAYS:
        return []
    from ruptures import KernelCPD

    centred = (series.levels - np.median(series.levels)) / series.noise
    most = n // SHORTEST - 1
    cheapest, best, tried = _unlikely(series.levels, []), list[int](), 0
    floor = n * float(np.log(_LEAST_LEFT * series.noise**2))
    while tried < most and (not tried or floor + penalty * (tried + 1) < cheapest):  # so much more cuts cost at least
        search = KernelCPD(kernel="linear", min_size=SHORTEST).fit(centred[:, None])
        upto = min(most, max(_CUTS, 2 * tried))
        search.predict(n_bkps=upto)
        for cuts in range(tried + 1, upto + 1):
            places = [int(place) for place in search.predict(n_bkps=cuts)[:-1]]
            cost = _unlikely(series.levels, places) + penalty * cuts
            if cost < cheapest:
                cheapest, best = cost, places
        tried = upto
    return best


def between_places(levels: Floats, place: int, *, level: float = 0.95, caution: float = 1.0) -> tuple[int, int]:
    """Between which places of a stretch with one moved level it lies.

    Those are given at which the squared distances from the two levels, in units of the noise within them, are larger
    than at the best place by no more than a quantile of the likelihood ratio's distribution (`dating.likely`).

    Parameters
    ----------
    levels : numpy.ndarray
        One a day, from the place before to the place after it.
    place : int
        Where the new level begins.
    level : float
        Nominal coverage, fraction 0-1.
    caution : float
        `Steady.caution`.

    Returns
    -------
    tuple of int
        The first and the last such place.

    Examples
    --------
    >>> between_places(np.array([0.0, 0.1, 0.0, 0.1, 0.0, 0.1, 0.6, 1.1, 1.0, 1.1, 1.0, 1.1]), 6)
    (6, 7)

    References
    ----------
    Siegmund (1988), Confidence sets in change-point problems, doi:10.2307/1403360; Hansen (2000),
    doi:10.1111/1468-0262.00124, for the distribution.
    """
    n = len(levels)
    left = np.arange(1, n)
    sums = np.cumsum(levels - levels.mean())[:-1]
    gained = sums**2 * n / (left * (n - left))  # squared distances saved by two levels instead of one
    within = float(((levels - levels.mean()) ** 2).sum() - gained[place - 1])
    variance = max(within / max(n - 2, 1), _LEAST_NOISE**2)
    near = np.flatnonzero((gained[place - 1] - gained) / variance <= likely(level) * caution) + 1
    return min(int(near[0]), place), max(int(near[-1]), place)


def ratio_between(
    before: Floats, after: Floats, *, level: float = 0.95, seed: int = 0, caution: float = 1.0
) -> tuple[float, float]:
    """Bounds of the difference between two levels, by the bootstrap-t over days.

    Parameters
    ----------
    before, after : numpy.ndarray
        Of each day of either level, on a logarithm.
    level : float
        Nominal coverage, fraction 0-1.
    seed : int
        Of the days drawn again.
    caution : float
        `Steady.caution`: days drawn one by one know nothing of their neighbours.

    Returns
    -------
    tuple of float
        On the same logarithm; both the difference itself where days of a level are alike.

    Examples
    --------
    >>> low, high = ratio_between(np.tile([0.0, 0.1], 10), np.tile([0.5, 0.6], 10))
    >>> print(f"{low:.2f} {high:.2f}")
    0.47 0.53

    References
    ----------
    Efron and Tibshirani (1993), An Introduction to the Bootstrap, section 16.2, doi:10.1201/9780429246593
    """
    apart = float(after.mean() - before.mean())
    means, errors = zip(*(_drawn(days, seed=[seed, place]) for place, days in enumerate((before, after))), strict=True)
    error = float(np.hypot(*(days.std(ddof=1) / np.sqrt(len(days)) for days in (before, after))))
    if error <= _LEAST_NOISE**2:
        return apart, apart
    with np.errstate(divide="ignore", invalid="ignore"):
        away = (means[1] - means[0] - apart) / np.hypot(*errors)
    tail = (1 - level) / 2
    least, most = np.quantile(away[np.isfinite(away)], [tail, 1 - tail])
    error *= float(np.sqrt(caution))
    return apart - float(most) * error, apart - float(least) * error


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """A level that moves from day to day from the place `first` to the place `last`, by `moved` in all."""

    first: int
    last: int
    moved: float


def ramp_instead(series: Steady, places: list[int], *, penalty: float) -> Ramp | None:
    """What says more of a series than levels that move on one day each: one that moves slowly, over two weeks at least.

    Parameters
    ----------
    series : Steady
        From `steady`.
    places : list of int
        From `where_levels_move`.
    penalty : float
        What each place costs: `where_levels_move`.

    Returns
    -------
    Ramp or None
        None where levels that move at once say as much.

    Examples
    --------
    >>> days = np.arange(60)
    >>> noise = np.random.default_rng(0).normal(0, 0.05, 60)
    >>> slowly = steady(np.clip(days - 20, 0, None) * 0.02 + noise, days % 7)
    >>> ramp_instead(slowly, where_levels_move(slowly, penalty=10), penalty=10).first in range(16, 25)
    True
    """
    if not places:
        return None
    levels = series.levels - series.levels.mean()
    n = len(levels)
    knots = np.unique(np.linspace(0, n - 1, min(n, _KNOTS)).astype(np.int64))
    first, last = (side.ravel() for side in np.meshgrid(knots, knots, indexing="ij"))
    long = last - first >= _SLOWLY
    if not long.any():
        return None
    first, last = first[long], last[long]
    shapes = np.clip((np.arange(n) - first[:, None]) / (last - first)[:, None], 0.0, 1.0)
    shapes -= shapes.mean(axis=1, keepdims=True)
    sizes = (shapes**2).sum(axis=1)
    best = int(np.argmax((shapes @ levels) ** 2 / sizes))
    moved = float(shapes[best] @ levels / sizes[best])
    saved = _unlikely(levels, places) - _unlikely(levels - moved * shapes[best], [])
    if saved + penalty * (len(places) - 1) <= _CLEARLY:
        return None
    return Ramp(first=int(first[best]), last=int(last[best]), moved=moved)


def _unlikely(levels: Floats, places: list[int]) -> float:
    """Twice the negative log likelihood of levels between places, of days that keep something of the day before."""
    rest = np.concatenate([part - part.mean() for part in np.split(levels, places)])
    return len(levels) * float(np.log(max(new_each_day(rest), _LEAST_NOISE**2)))


def _drawn(days: Floats, *, seed: list[int]) -> tuple[Floats, Floats]:
    """The mean and its standard error in each resample of days."""
    drawn = days[np.random.default_rng(seed).integers(0, len(days), (RESAMPLES, len(days)))]
    return drawn.mean(axis=1), drawn.std(axis=1, ddof=1) / np.sqrt(len(days))


def _noise(values: Floats) -> float:
    """The standard deviation from one day to the next but for moved levels: Qn; of days mostly alike, by mean sizes."""
    from statsmodels.robust.scale import qn_scale

    apart = np.diff(values)
    if len(apart) < 2:
        return 0.0
    robust = float(qn_scale(apart) / np.sqrt(2))
    return robust if robust > _LEAST_NOISE else float(np.abs(apart).mean() * np.sqrt(np.pi) / 2)


def _around(values: Floats) -> Floats:
    """The median of each day and the three on either side, as if the series were mirrored at its ends."""
    from scipy.ndimage import median_filter

    around: Floats = median_filter(values, size=_WINDOW, mode="reflect")
    return around


def weekdays(values: Floats, weekday: Ints) -> Floats:
    """What its weekday adds to each day: its usual distance from the days around it, less what is noise."""
    if len(values) < WEEKS_TO_KNOW * _WINDOW:
        return np.zeros_like(values)
    away = values - _around(values)
    known = [(away[weekday == day], weekday == day) for day in range(_WINDOW)]
    usual = np.zeros_like(values)
    for these, where in known:
        if len(these) >= WEEKS_TO_KNOW:
            usual[where] = np.median(these)
    usual -= usual.mean()
    rest = away - usual
    spread = _NORMAL_MAD * float(np.median(np.abs(rest - np.median(rest))))
    by_chance = _MEDIAN_COST * spread**2 * (_WINDOW - 1) / len(values)  # so much of it would be there without any
    seen = float(np.mean(usual**2))
    return usual * max(0.0, 1 - by_chance / seen) if seen > 0 else usual
