"""Sides held against the first, measure by measure: intervals, effect sizes and p-values, all by days.

Sides of one period are paired: days are drawn for both at once, and exchange labels. Sides of different periods are
drawn independently, and exchange whole days. From 10 days with runs a side on intervals speak of the long run, or are
unknown; below, they speak of these runs only. From 5 days a side on there is a p-value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from rpa_lab.inference.differences import Bounds, correlation_by_days, difference_by_days, difference_of_bounds
from rpa_lab.inference.effect import cohens_h, delta_of_placements, placements, placements_of_both
from rpa_lab.inference.intervals import DAYS, THESE_RUNS, mean_bounds, order_ranks, wilson_bounds
from rpa_lab.inference.permutation import LEAST_WAYS, Exchanges, exchanges, p_values, p_values_of_runs, side_by_side
from rpa_lab.inference.resampling import LEAST_DAYS, RESAMPLES, rate_by_days, resampled_days, share_by_days
from rpa_lab.inference.shift import LEAST_A_SIDE, ROUNDS
from rpa_lab.query.day_cells import Cells, Sample
from rpa_lab.query.measure import Measure
from rpa_lab.query.within_days import variance_of_shares, variance_of_values

__all__ = ["Against", "Held"]

_MOST_ROUNDS: Final = 19_999
_STREAMS: Final = 1_000_003  # apart, so that two periods of as many days don't draw the same ones

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Against:
    """Of one measure what is known of each side but the first; NaN what isn't."""

    difference: Bounds
    ratio: Bounds
    effect: Floats
    effect_bounds: Bounds
    p_value: Floats
    basis: list[str | None]


@dataclass(slots=True)
class Held:
    """The days of a comparison, and what is drawn and exchanged of them; each once.

    Attributes
    ----------
    dates : numpy.ndarray
        The number of each day, in order.
    periods : tuple of int
        The number of each side's period; the first side is the one that the others are held against.
    hypotheses : int
        How many differences are tested in all: there have to be ways enough for the correction.
    level : float
        Nominal coverage of the intervals, and 1 less the false discovery rate; fraction 0-1.
    seed : int
        Same days and seed, same result.
    """

    dates: Ints
    periods: tuple[int, ...]
    hypotheses: int
    level: float
    seed: int
    least_p: float = 0.0
    _drawn: dict[tuple[int, bytes], Floats] = field(default_factory=dict)
    _exchanges: dict[tuple[bytes, bytes], Exchanges] = field(default_factory=dict)
    _effects: dict[tuple[str, str, str | None], tuple[Floats, Bounds]] = field(default_factory=dict)

    def against_first(self, measure: Measure, cells: Cells, sample: Sample | None) -> Against:
        """All that days say of a measure."""
        sides = len(self.periods)
        whole = cells.whole if measure.kind == "total" and cells.whole is not None else cells.ran
        days = (whole > 0).sum(axis=0)
        long_run = self._of_days(measure, cells, sample)
        rests = (np.minimum(days, days[0]) >= LEAST_DAYS)[1:]  # where many days leave it open, so do runs
        runs = long_run if rests.all() else self._of_runs(measure, cells, sample)
        unknown = np.full(sides - 1, np.nan)
        bounds = [  # all three of one basis
            Bounds(*(np.where(rests, a, b) for a, b in zip(ours, theirs, strict=True)))
            for ours, theirs in zip(long_run, runs, strict=True)
        ]
        basis = [
            None if np.isnan(low) else DAYS if long else THESE_RUNS
            for low, long in zip(bounds[0].low, rests, strict=True)
        ]
        effect, effect_bounds = unknown, Bounds(unknown, unknown)
        if measure.kind == "rate":
            rate = np.arcsin(np.sqrt(cells.value / 100))
            effect, effect_bounds = 2 * (rate[1:] - rate[0]), bounds[2]
        elif measure.kind == "total" and cells.part is not None:
            effect, effect_bounds = self._delta_of_days(cells)
        elif sample is not None and measure.sample is not None:
            if measure.sample not in self._effects:
                self._effects[measure.sample] = self._delta_of_runs(sample)
            effect, effect_bounds = self._effects[measure.sample]
        p_value = self._p_values(measure, cells, sample, whole)
        return Against(bounds[0], bounds[1], effect, effect_bounds, p_value, basis)

    def _of_days(self, measure: Measure, cells: Cells, sample: Sample | None) -> list[Bounds]:
        """By days: intervals of the difference, of the ratio, and of a rate of its h."""
        unknown = np.full(len(self.periods) - 1, np.nan)
        if measure.kind in ("mean", "total") and cells.part is not None and cells.whole is not None:
            return [*self._drawn_differences(cells.part * cells.scale, cells.whole), Bounds(unknown, unknown)]
        if measure.kind == "rate":
            return self._added(cells.value, _rates(cells, level=self.level), self._correlation(cells.part, cells.whole))
        if measure.kind == "quantile" and sample is not None:
            fraction, counts = measure.metric.aggregation.fraction or 0.5, sample.counts()
            below = np.stack([_below(sample, group, fraction) for group in range(len(self.periods))], axis=1)
            low, high = np.full((2, len(self.periods)), np.nan)
            for period in set(self.periods):
                mine = np.flatnonzero(np.array(self.periods) == period)
                drawn = self._days_drawn(period, _some(counts[:, mine]))
                shares = share_by_days(drawn, below[:, mine], counts[:, mine], level=self.level)
                low[mine], high[mine] = _order_statistics(sample, mine, *shares)
            return self._added(cells.value, Bounds(low, high), self._correlation(below, counts))
        return [Bounds(unknown, unknown)] * 3

    def _of_runs(self, measure: Measure, cells: Cells, sample: Sample | None) -> list[Bounds]:
        """The same as if runs were independent: of these runs only."""
        unknown = Bounds(*np.full((2, len(self.periods)), np.nan))
        found = unknown
        if measure.kind == "rate":
            found = _wilson(cells, level=self.level)
        elif sample is not None and measure.metric.aggregation.name == "avg":
            found = _means(sample, level=self.level)
        elif sample is not None and measure.kind == "quantile":
            fraction = measure.metric.aggregation.fraction or 0.5
            count = np.diff(sample.first)
            ranks = order_ranks(count, fraction, level=self.level)
            found = _at_ranks(sample, np.arange(len(count)), *ranks)
        return self._added(cells.value, found, 0.0)

    def _added(self, value: Floats, bounds: Bounds, correlation: Floats | float) -> list[Bounds]:
        """Intervals of two figures made one of their difference, one of their ratio, and one of their rates' h."""
        base, one = value[:1], value[1:]
        theirs, ours = Bounds(bounds.low[:1], bounds.high[:1]), Bounds(bounds.low[1:], bounds.high[1:])
        difference = difference_of_bounds(one, ours, base, theirs, correlation=correlation)
        with np.errstate(invalid="ignore", divide="ignore"):
            logs = [Bounds(np.log(each.low), np.log(each.high)) for each in (ours, theirs)]
            log_ratio = difference_of_bounds(np.log(one), logs[0], np.log(base), logs[1], correlation=correlation)
            fractions = [Bounds(each.low / 100, each.high / 100) for each in (ours, theirs)]
            h = cohens_h(one / 100, fractions[0], base / 100, fractions[1], correlation=correlation)[1]
        with np.errstate(over="ignore"):
            low, high = np.exp(log_ratio.low), np.exp(log_ratio.high)
        known = np.isfinite(high)
        return [difference, Bounds(np.where(known, low, np.nan), np.where(known, high, np.nan)), h]

    def _drawn_differences(self, part: Floats, whole: Floats) -> tuple[Bounds, Bounds]:
        low, high, ratio_low, ratio_high = np.full((4, len(self.periods) - 1), np.nan)
        there = {period: _some(whole[:, np.array(self.periods) == period]) for period in set(self.periods)}
        base_drawn = self._days_drawn(self.periods[0], there[self.periods[0]])
        for period in set(self.periods):
            mine = 1 + np.flatnonzero(np.array(self.periods[1:]) == period)
            drawn = self._days_drawn(period, there[period])
            found = difference_by_days(
                drawn, part[:, mine], whole[:, mine], base_drawn, part[:, :1], whole[:, :1], level=self.level
            )
            (low[mine - 1], high[mine - 1]), (ratio_low[mine - 1], ratio_high[mine - 1]) = found
        return Bounds(low, high), Bounds(ratio_low, ratio_high)

    def _days_drawn(self, period: int, there: Bools) -> Floats:
        key = period, there.tobytes()
        if key not in self._drawn:
            drawn = np.zeros((RESAMPLES, len(there)))
            if there.any():
                drawn[:, there] = resampled_days(int(there.sum()), seed=self.seed + _STREAMS * period)
            self._drawn[key] = drawn
        return self._drawn[key]

    def _correlation(self, part: Floats | None, whole: Floats | None) -> Floats | float:
        if part is None or whole is None:
            return 0.0
        found = correlation_by_days(part[:, 1:], whole[:, 1:], part[:, :1], whole[:, :1])
        return np.where(self._paired(), found, 0.0)

    def _paired(self) -> Bools:
        paired: Bools = np.array(self.periods[1:]) == self.periods[0]
        return paired

    def _delta_of_days(self, cells: Cells) -> tuple[Floats, Bounds]:
        """Cliff's delta of days' totals per hour."""
        assert cells.part is not None and cells.whole is not None  # noqa: PT018 - else there is nothing to add up
        with np.errstate(invalid="ignore", divide="ignore"):
            per_hour = cells.part / cells.whole
        there = cells.whole > 0
        base = np.sort(per_hour[there[:, 0], 0])
        found = np.full((3, len(self.periods) - 1), np.nan)
        for side, paired in enumerate(self._paired(), start=1):
            own = per_hour[there[:, side], side]
            if not len(own) or not len(base):
                continue
            ours, theirs = np.zeros(len(there)), np.zeros(len(there))
            ours[there[:, side]] = placements(own, base)
            theirs[there[:, 0]] = -placements(per_hour[there[:, 0], 0], np.sort(own))
            counts = there[:, side].astype(np.float64), there[:, 0].astype(np.float64)
            found[:, side - 1] = delta_of_placements(
                ours, counts[0], theirs, counts[1], paired=bool(paired), level=self.level
            )
        return found[0], Bounds(found[1], found[2])

    def _delta_of_runs(self, sample: Sample) -> tuple[Floats, Bounds]:
        """Cliff's delta of values; by days where there are enough of these."""
        found = np.full((3, len(self.periods) - 1), np.nan)
        counts = sample.counts()
        days = (counts > 0).sum(axis=0)
        base = sample.values[sample.of(0)]
        for side, paired in enumerate(self._paired(), start=1):
            own = sample.values[sample.of(side)]
            if not len(own) or not len(base):
                continue
            ours, theirs = placements_of_both(own, base)
            theirs = -theirs
            if min(days[0], days[side]) >= LEAST_DAYS:
                sums = sample.by_day(side, ours), counts[:, side], sample.by_day(0, theirs), counts[:, 0]
                found[:, side - 1] = delta_of_placements(*sums, paired=bool(paired), level=self.level)
            else:
                alone = ours, np.ones(len(ours)), theirs, np.ones(len(theirs))
                found[:, side - 1] = delta_of_placements(*alone, paired=False, level=self.level)
        return found[0], Bounds(found[1], found[2])

    def _p_values(self, measure: Measure, cells: Cells, sample: Sample | None, whole: Floats) -> Floats:
        sides = len(self.periods)
        found = np.full(sides - 1, np.nan)
        fraction = measure.metric.aggregation.fraction
        if (cells.part is None) and not (fraction is not None and sample is not None):
            return found
        days = (whole > 0).sum(axis=0)
        alike: dict[int, tuple[Exchanges, list[int]]] = {}
        for side in range(1, sides):
            if min(days[0], days[side]) >= LEAST_A_SIDE:
                ways = self._ways(whole[:, side], whole[:, 0])
                alike.setdefault(id(ways), (ways, []))[1].append(side)
        for ways, group in alike.values():
            mine = np.array(group)
            if fraction is not None and sample is not None:
                pairs = [_below_pooled(sample, side, fraction) for side in group]
                part, base = (np.stack([pair[place] for pair in pairs], axis=1) for place in (0, 1))
                of = sample.counts()
                sums = part, of[:, mine], base, of[:, :1]
                variance: Floats | float = variance_of_shares(*sums)
            elif cells.part is not None and cells.whole is not None:
                sums = cells.part[:, mine], cells.whole[:, mine], cells.part[:, :1], cells.whole[:, :1]
                variance = _variance(measure, cells, sample, group)
            found[mine - 1] = p_values(ways.rows, *sums, variance=variance)
            if ways.together:
                found[mine - 1] = np.maximum(found[mine - 1], p_values_of_runs(*sums, variance=variance))
            self.least_p = max(self.least_p, ways.least_p)
        return found

    def _ways(self, whole: Floats, base: Floats) -> Exchanges:
        """The exchanges of two sides; those that ran on the same days share them."""
        together = side_by_side(whole, base)
        key = (((whole > 0) | (base > 0)).tobytes(), b"") if together else (whole.tobytes(), base.tobytes())
        if key not in self._exchanges:
            enough = int(np.ceil(self.hypotheses / (1 - self.level)))
            self._exchanges[key] = exchanges(
                self.dates,
                whole,
                base,
                seed=self.seed,
                rounds=int(np.clip(enough, ROUNDS, _MOST_ROUNDS)),
                least_ways=max(LEAST_WAYS, enough),
            )
        return self._exchanges[key]


def _some(counts: Floats) -> Bools:
    """On which days any of the sides has something."""
    there: Bools = counts.max(axis=1) > 0
    return there


def _rates(cells: Cells, *, level: float) -> Bounds:
    """Success rates, percent, of the sides whose days tell how much they differ."""
    assert cells.part is not None
    low, high = np.full((2, cells.ran.shape[1]), np.nan)
    day, side = np.nonzero(cells.ran * ((cells.ran > 0).sum(axis=0) >= LEAST_DAYS))  # of fewer nobody asks
    order = np.argsort(side, kind="stable")
    day, side = day[order], side[order]
    sides, group = np.unique(side, return_inverse=True)
    if len(sides):
        completed, ended = cells.part[day, side] / 100, cells.ran[day, side]
        low[sides], high[sides] = (100 * each for each in rate_by_days(completed, ended, group=group, level=level))
    alike = (cells.value == 0) | (cells.value == 100)
    crowded, critical = _crowded(cells, level=level)
    of_all = wilson_bounds(cells.value / 100, np.maximum(cells.n, 1) / crowded, critical=critical)
    return Bounds(*(np.where(alike, 100 * both, own) for both, own in zip(of_all, (low, high), strict=True)))


def _crowded(cells: Cells, *, level: float) -> tuple[float, float]:
    """How much more failures vary by days than of independent runs, and the t of so many days.

    A side of which nothing failed doesn't know; the sides together do, each around its own rate. NaN where none does.
    """
    from scipy.special import stdtrit

    assert cells.part is not None
    rate, days = np.nan_to_num(cells.value / 100), int((cells.ran.sum(axis=1) > 0).sum())
    by_chance = float((cells.ran.sum(axis=0) * rate * (1 - rate)).sum())
    if by_chance <= 0 or days < LEAST_DAYS:
        return np.nan, np.nan
    rest = (cells.part / 100 - rate * cells.ran).sum(axis=1)
    more = float((rest**2).sum()) * days / (days - 1) / by_chance
    return max(more, 1.0), float(stdtrit(days - 1, (1 + level) / 2))


def _variance(measure: Measure, cells: Cells, sample: Sample | None, sides: Sequence[int]) -> Floats | float:
    """Of single runs within days, of each side and the first together; 0 of totals, which know no runs but days."""
    if measure.kind == "rate" and cells.part is not None:
        completed, mine = cells.part / 100, list(sides)
        return 100**2 * variance_of_shares(completed[:, mine], cells.ran[:, mine], completed[:, :1], cells.ran[:, :1])
    if measure.kind == "mean" and sample is not None:
        is_std = measure.metric.aggregation.name == "std"
        return variance_of_values(sample, sides, std=cells.value if is_std else None)
    return 0.0


def _wilson(cells: Cells, *, level: float) -> Bounds:
    n = np.maximum(cells.n, 1)
    low, high = wilson_bounds(cells.value / 100, n, critical=NormalDist().inv_cdf((1 + level) / 2))
    return Bounds(100 * low, 100 * high)


def _means(sample: Sample, *, level: float) -> Bounds:
    n = np.diff(sample.first)
    group = np.repeat(np.arange(len(n)), n)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(group, sample.values, minlength=len(n)) / n
        rest = sample.values - mean[group]
        std = np.sqrt(np.bincount(group, rest * rest, minlength=len(n)) / (n - 1))
        skewness = np.where(std > 0, np.bincount(group, rest * rest * rest, minlength=len(n)) / n / std**3, 0.0)
    return Bounds(*mean_bounds(n, mean, np.where(std > 0, std, np.nan), skewness, level=level))


def _order_statistics(sample: Sample, groups: Ints, low: Floats, high: Floats) -> Bounds:
    """The values below which shares of the runs lie, between two runs as far as the share says."""
    n = np.diff(sample.first)[groups]
    with np.errstate(invalid="ignore"):
        places = [np.nan_to_num(share * n) - 0.5 for share in (low, high)]
    known = (places[0] >= 0) & (places[1] <= n - 1) & (n > 0)
    if not len(sample.values):
        return Bounds(*np.full((2, len(groups)), np.nan))
    found = []
    for place in places:
        lower = np.where(known, np.floor(place), 0).astype(np.int64)
        at = np.where(known, sample.first[groups] + lower, 0)
        upper = np.minimum(at + 1, len(sample.values) - 1)
        found.append(sample.values[at] + (place - lower) * (sample.values[upper] - sample.values[at]))
    return Bounds(*(np.where(known, values, np.nan) for values in found))


def _at_ranks(sample: Sample, groups: Ints, low: Ints, high: Ints) -> Bounds:
    """The values of these ranks (from 1), where both are there."""
    n = np.diff(sample.first)[groups]
    known = (low >= 1) & (high <= n) & (high >= 1)
    if not len(sample.values):
        return Bounds(*np.full((2, len(groups)), np.nan))
    places = [sample.first[groups] + rank - 1 for rank in (low, high)]
    values = [np.where(known, sample.values[np.where(known, place, 0)], np.nan) for place in places]
    return Bounds(*values)


def _below(sample: Sample, group: int, fraction: float) -> Floats:
    """By day how many of a side's values lie below its quantile; of equal ones the part that makes the share right."""
    values = sample.values[sample.of(group)]
    if not len(values):
        return np.zeros(sample.days)
    return _below_quantile(sample, [group], float(np.quantile(values, fraction)), fraction)[0]


def _below_pooled(sample: Sample, side: int, fraction: float) -> list[Floats]:
    """By day how many of a side's and of the first one's values lie below the quantile of both together."""
    both = np.concatenate([sample.values[sample.of(group)] for group in (side, 0)])
    return _below_quantile(sample, [side, 0], float(np.quantile(both, fraction)), fraction)


def _below_quantile(sample: Sample, groups: Sequence[int], at: float, fraction: float) -> list[Floats]:
    values = [sample.values[sample.of(group)] for group in groups]
    less = [int(np.searchsorted(each, at, side="left")) for each in values]
    upto = [int(np.searchsorted(each, at, side="right")) for each in values]
    equal = sum(upto) - sum(less)
    part = float(np.clip((fraction * sum(map(len, values)) - sum(less)) / equal, 0.0, 1.0)) if equal else 0.0
    return [sample.by_rank(*each, part) for each in zip(groups, less, upto, strict=True)]
