"""Intervals, tests and effects, by drawing, pairing and counting everything."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = [
    "bootstrap_t",
    "cliffs_delta",
    "closest_places",
    "difference_bootstrap",
    "exchanged_p_value",
    "hodges_lehmann",
    "rate_interval",
    "unlikely",
    "winsorised_level",
]


def bootstrap_t(
    of_days: Sequence[Any], drawn: Any, *, scale: Callable[[float], float], slope: Callable[[float], float]
) -> tuple[float, float]:
    """The bounds of a 95 % interval of the mean over all values, on some scale, by drawing whole days of values.

    `of_days` has each day's values, `drawn` a row per resample: how often each day is drawn. The standard error is that
    of a ratio estimator over the days drawn; `slope` is the derivative of `scale`.
    """

    def estimate(days: list[Any]) -> tuple[float, float]:
        total = sum(len(day) for day in days)
        mean = sum(float(np.sum(day)) for day in days) / total
        squares = sum((float(np.sum(day)) - mean * len(day)) ** 2 for day in days)
        return mean, (squares * len(days) / (len(days) - 1)) ** 0.5 / total

    mean, error = estimate(list(of_days))
    studentised = []
    for row in drawn:
        again, its_error = estimate([day for day, times in zip(of_days, row, strict=True) for _ in range(int(times))])
        studentised.append((scale(again) - scale(mean)) / (its_error * slope(again)))
    ordered = sorted(studentised)
    least, most = (ordered[round(tail * (len(ordered) + 1)) - 1] for tail in (0.025, 0.975))
    return scale(mean) - most * error * slope(mean), scale(mean) - least * error * slope(mean)


def hodges_lehmann(baseline: Iterable[float], current: Iterable[float]) -> float:
    """The median of all differences between a current and a baseline value."""
    before = list(baseline)
    return float(np.median([now - then for now in current for then in before]))


def cliffs_delta(baseline: Iterable[float], current: Iterable[float]) -> float:
    """Of all pairs, the share in which the current value is greater less that in which it is smaller."""
    before = list(baseline)
    signs = [(now > then) - (now < then) for now in current for then in before]
    return sum(signs) / len(signs)


def rate_interval(days: Sequence[tuple[int, int]], *, level: float) -> tuple[float, float, str]:
    """Of days with so many good ones of so many: Wilson's bounds in percent of as many as differ as these days do.

    Below 10 days, and of all or none, Wilson's of what was counted.
    """
    from scipy import stats

    good, n = sum(day[0] for day in days), sum(day[1] for day in days)
    share = Fraction(good, n)
    z, worth, basis = float(stats.norm.ppf((1 + level) / 2)), float(n), "these runs only"
    if len(days) >= 10 and 0 < good < n:
        basis = "days"
        squares = sum((part - share * whole) ** 2 for part, whole in days)
        variance = squares * Fraction(len(days), len(days) - 1) / n**2
        if variance * n > share * (1 - share):
            worth = float(share * (1 - share) / variance)
            z = float(stats.t.ppf((1 + level) / 2, len(days) - 1))
    rate = float(share)
    middle, reach = rate + z * z / (2 * worth), z * (rate * (1 - rate) / worth + z * z / (4 * worth**2)) ** 0.5
    scale = 1 + z * z / worth
    return 100 * (middle - reach) / scale, 100 * (middle + reach) / scale, basis


def difference_bootstrap(
    drawn: Iterable[Sequence[float]],
    days: Sequence[tuple[float, float]],
    base: Sequence[tuple[float, float]],
    *,
    level: float,
) -> tuple[float, float]:
    """The bootstrap-t interval of Σ a / Σ b of days less that of the same days of a base, resample by resample."""

    def difference_and_error(chosen: Sequence[int]) -> tuple[float, float]:
        ratios = [sum(of[day][0] for day in chosen) / sum(of[day][1] for day in chosen) for of in (days, base)]
        totals = [sum(of[day][1] for day in chosen) for of in (days, base)]
        squares = 0.0
        for day in chosen:
            rests = [of[day][0] - ratio * of[day][1] for of, ratio in zip((days, base), ratios, strict=True)]
            squares += (rests[0] / totals[0] - rests[1] / totals[1]) ** 2
        count = len(days)
        return ratios[0] - ratios[1], (squares * count / (count - 1)) ** 0.5

    seen, error = difference_and_error(range(len(days)))
    studentised = []
    for counts in drawn:
        again, its_error = difference_and_error([day for day, n in enumerate(counts) for _ in range(int(n))])
        studentised.append((again - seen) / its_error)
    studentised.sort()
    tail, known = (1 - level) / 2, len(studentised)
    least, most = (studentised[round(q * (known + 1)) - 1] for q in (tail, 1 - tail))
    return seen - most * error, seen - least * error


def exchanged_p_value(
    days: Sequence[tuple[float, float]], base: Sequence[tuple[float, float]], *, variance: float = 0.0
) -> float:
    """In what share of all ways to exchange two groups' labels, day by day, their means differ as much, studentised."""

    def studentised(flips: int) -> float:
        sides: tuple[list[tuple[float, float]], list[tuple[float, float]]] = ([], [])
        for day in range(len(days)):
            pair = (days[day], base[day]) if not flips >> day & 1 else (base[day], days[day])
            sides[0].append(pair[0])
            sides[1].append(pair[1])
        totals = [sum(n for _, n in side) for side in sides]
        means = [sum(a for a, _ in side) / total for side, total in zip(sides, totals, strict=True)]
        squares = sum(
            (
                (sides[0][day][0] - means[0] * sides[0][day][1]) / totals[0]
                - (sides[1][day][0] - means[1] * sides[1][day][1]) / totals[1]
            )
            ** 2
            for day in range(len(days))
        )
        squares = max(squares, variance / totals[0] + variance / totals[1])
        return float(abs(means[0] - means[1]) / squares**0.5)

    ways = [studentised(flips) for flips in range(2 ** len(days))]
    return sum(way >= ways[0] * (1 - 1e-9) for way in ways) / len(ways)


def winsorised_level(durations_ms: Iterable[float]) -> float:
    """The mean of log durations, the shortest and the longest tenth of them as long as those at its edge."""
    logs = np.log(np.maximum(list(durations_ms), 0.001))
    return float(np.mean(np.clip(logs, np.percentile(logs, 10), np.percentile(logs, 90))))


def closest_places(values: Sequence[float], *, shortest: int) -> list[list[int]]:
    """For each number of cuts where to cut a series so that squared distances from its parts' means are least."""
    away = {
        (start, end): float(np.var(values[start:end])) * (end - start)
        for end in range(shortest, len(values) + 1)
        for start in range(end - shortest + 1)
    }
    ends: dict[int, tuple[float, list[int]]] = {end: (away[0, end], []) for end in range(shortest, len(values) + 1)}
    found = []
    while len(values) in ends:
        found.append(ends[len(values)][1])
        ends = {
            end: min((ends[start][0] + away[start, end], [*ends[start][1], start]) for start in starts)
            for end in range(shortest, len(values) + 1)
            if (starts := [start for start in ends if start <= end - shortest])
        }
    return found


def unlikely(values: Sequence[float], places: Sequence[int]) -> float:
    """Twice the negative log likelihood of days between cuts, each of which keeps something of the day before."""
    bounds = [0, *places, len(values)]
    rest = [v - np.mean(values[a:b]) for a, b in pairwise(bounds) for v in values[a:b]]
    kept = min(sum(one * next_ for one, next_ in pairwise(rest)) / sum(v * v for v in rest), 0.8)
    squares = rest[0] ** 2 + sum((after - kept * day) ** 2 for day, after in pairwise(rest))
    return float(len(rest) * np.log((squares + (kept * rest[-1]) ** 2) / len(rest)))
