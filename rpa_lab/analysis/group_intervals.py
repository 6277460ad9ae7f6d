"""The intervals of a whole table's figures at once: mean, median, p95, p99 and success rate of each group of runs.

From 10 days with runs on, two working weeks, days are resampled and the interval speaks of the long run; below, it
speaks of these runs only. Those are the days that a figure rests on: 19 failed runs on 7 days of a month say nothing of
the other days. What can't be bounded is null: a 95th percentile needs 72 runs, a 99th 368, whatever the method, and the
mean of runs that all took equally long says nothing of how much runs differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from rpa_lab.analysis.rate_intervals import numbered_groups, rate_bounds
from rpa_lab.inference.intervals import (
    DAYS,
    THESE_RUNS,
    Interval,
    mean_bounds,
    order_ranks,
    runs_needed,
)
from rpa_lab.inference.resampling import LEAST_DAYS, mean_by_days, resampled_days, share_by_days
from rpa_lab.measures import finished, local_day, seen_at

__all__ = ["METHODS", "QUANTILES", "STATISTICS", "interval_of", "intervals_by", "timed_runs"]

QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
STATISTICS: Final = ("mean", *QUANTILES, "success_rate")
"""Of what there are intervals; durations' columns end in ``_ms``."""

METHODS: Final = {
    "mean": {DAYS: "bootstrap-t", THESE_RUNS: "t, corrected for skewness"},
    **{name: {DAYS: "bootstrap-t of the share below", THESE_RUNS: "order statistics"} for name in QUANTILES},
    "success_rate": {DAYS: "Wilson with design effect", THESE_RUNS: "Wilson"},
}
"""By statistic and basis."""

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]


def timed_runs(rows: pl.LazyFrame, *, by: Sequence[str], tz: str, status: str | None = None) -> pl.LazyFrame:
    """What intervals need of executions or steps that ended.

    Parameters
    ----------
    rows : LazyFrame
        status, duration_ms, started_at, completed_at and the columns of `by`.
    by : sequence of str
        What makes a group.
    tz : str
        The zone in which days begin.
    status : str, optional
        Only durations of those that ended so.

    Returns
    -------
    LazyFrame
        One row per run that ended, in an order that follows from the rows alone: the columns of `by`, day (Date; null
        where it never said a time), duration_ms (null where it doesn't count), completed.
    """
    counted = finished() if status is None else pl.col("status") == status
    return (
        rows.filter(finished())
        .select(
            *by,
            day=local_day(seen_at(), tz=tz),
            duration_ms=pl.when(counted).then(pl.col("duration_ms")),
            completed=pl.col("status") == "completed",
        )
        .sort(*by, "duration_ms", "day", "completed")
    )


def intervals_by(runs: pl.DataFrame, *, by: Sequence[str], level: float = 0.95, seed: int = 0) -> pl.DataFrame:
    """The intervals of each group.

    Parameters
    ----------
    runs : DataFrame
        From `timed_runs`, with the same `by`.
    by : sequence of str
        What makes a group; none: all runs are one.
    level : float
        Nominal coverage, fraction 0-1.
    seed : int
        Of the resamples: same runs and seed, same bounds.

    Returns
    -------
    DataFrame
        One row per group: the columns of `by`, days (on which a run that has ended began), and for each statistic
        (mean_ms, p50_ms, p95_ms, p99_ms, success_rate) ``…_low``, ``…_high`` and ``…_basis`` ("days" or "these runs
        only"); all three null where it can't be bounded.

    Examples
    --------
    >>> from datetime import date, timedelta
    >>> days = [date(2026, 11, 1) + timedelta(days=number % 20) for number in range(200)]
    >>> took = [100.0 + number % 7 for number in range(200)]
    >>> runs = pl.DataFrame({"day": days, "duration_ms": took, "completed": [True] * 200}).sort("duration_ms")
    >>> found = intervals_by(runs, by=[]).row(0, named=True)
    >>> found["mean_ms_basis"], found["p99_ms_basis"], found["success_rate_basis"]
    ('days', None, 'these runs only')
    """
    numbered = runs.with_columns(_group=numbered_groups(runs, by))
    groups = _Groups.of(numbered)
    days = (
        numbered.group_by("_group", "day").agg(pl.len().alias("ended"), pl.col("completed").sum()).sort("_group", "day")
    )
    table = runs.select(by).unique(maintain_order=True) if by else pl.DataFrame({"_all": [0]})
    if not groups.count:
        table = table.clear() if by else table
    found = {"mean_ms": _means(groups, level=level, seed=seed)}
    for name, quantile in QUANTILES.items():
        found[f"{name}_ms"] = _quantiles(groups, quantile, level=level, seed=seed)
    found["success_rate"] = _rates(days, level=level)
    ended_on = np.bincount(days["_group"].to_numpy(), minlength=groups.count)
    columns = [
        pl.Series(name, values, dtype=pl.Int64) for name, values in (("days", ended_on), ("timed_days", groups.days))
    ]
    for name, bounds in found.items():
        columns += bounds.columns(name)
    if not groups.count and not by:
        columns = [column.extend_constant(0 if column.dtype == pl.Int64 else None, 1) for column in columns]
    return table.with_columns(columns).drop("_all", strict=False)


def interval_of(
    row: dict[str, object], statistic: str, *, runs: int, alike: bool = False, level: float = 0.95
) -> Interval:
    """One statistic's interval, from a row of `intervals_by`.

    Parameters
    ----------
    row : dict
        The row, by column.
    statistic : str
        One of `STATISTICS`.
    runs : int
        How many runs it rests on.
    alike : bool
        Whether all of these took equally long.
    level : float
        What was asked for.

    Returns
    -------
    Interval
    """
    column, days_in = (statistic, "days") if statistic == "success_rate" else (f"{statistic}_ms", "timed_days")
    low, high, basis, days = (row[name] for name in (f"{column}_low", f"{column}_high", f"{column}_basis", days_in))
    assumed = DAYS if isinstance(days, int) and days >= LEAST_DAYS else THESE_RUNS
    return Interval(
        low=low if isinstance(low, float) else None,
        high=high if isinstance(high, float) else None,
        level=level,
        method=METHODS[statistic][str(basis or assumed)],
        basis=str(basis or assumed),
        runs=runs,
        days=days if isinstance(days, int) else 0,
        doubt=None if low is not None else _doubt(statistic, runs=runs, alike=alike, level=level),
    )


def _doubt(statistic: str, *, runs: int, alike: bool, level: float) -> str:
    needed = runs_needed(QUANTILES[statistic], level=level) if statistic in QUANTILES else 2
    if statistic == "success_rate":
        return "no run ended"
    if runs < needed:
        return f"{runs:,} of the {needed:,} runs that an interval needs at least"
    if alike:
        return f"all {runs:,} runs took equally long, which doesn't say how much runs differ"
    return f"{runs:,} runs on days this unlike don't bound it"


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Lower and upper bounds by group, NaN where unknown, and whether each rests on days."""

    low: Floats
    high: Floats
    by_days: npt.NDArray[np.bool_]

    def columns(self, name: str) -> list[pl.Series]:
        known = np.isfinite(self.low) & np.isfinite(self.high)
        basis = np.where(self.by_days, DAYS, THESE_RUNS)
        ends = [
            pl.Series(f"{name}_{end}", np.where(known, values, np.nan), dtype=pl.Float64).fill_nan(None)
            for end, values in (("low", self.low), ("high", self.high))
        ]
        said = pl.Series(f"{name}_basis", basis, dtype=pl.String)
        return [*ends, said.zip_with(pl.Series(known, dtype=pl.Boolean), pl.Series([None], dtype=pl.String))]


@dataclass(frozen=True, slots=True)
class _Groups:
    """The durations of all groups as arrays: sorted within each group, and where each group begins."""

    count: int
    durations: Floats
    group: Ints  # of each duration
    cell: Ints  # group and day of each duration, as a number
    n: Ints  # durations by group
    first: Ints  # where a group's durations begin
    days: Ints  # by group: those with a duration
    first_cell: Ints

    @staticmethod
    def of(runs: pl.DataFrame) -> _Groups:
        timed = runs.filter(pl.col("duration_ms").is_not_null())
        place = pl.col("day").rank("dense").over("_group").fill_null(0).cast(pl.Int64)
        day = timed.select(place - place.min().over("_group")).to_series().to_numpy()
        group = timed["_group"].to_numpy()
        count = int(runs["_group"].to_numpy().max()) + 1 if runs.height else 0
        days = np.zeros(count, np.int64)
        np.maximum.at(days, group, day + 1)
        first_cell = _starts(days)
        n = np.bincount(group, minlength=count).astype(np.int64)
        return _Groups(
            count=count,
            durations=timed["duration_ms"].to_numpy(),
            group=group,
            cell=first_cell[group] + day,
            n=n,
            first=_starts(n),
            days=days,
            first_cell=first_cell,
        )

    def alike(self) -> Iterator[tuple[int, Ints, Ints]]:
        """The groups of each number of days from 14 on, and their cells: one row per day, one column per group."""
        for days in np.unique(self.days[self.days >= LEAST_DAYS]):
            which = np.flatnonzero(self.days == days)
            yield int(days), which, self.first_cell[which] + np.arange(days)[:, None]

    def by_cell(self, values: Floats | None = None) -> Floats:
        """Durations, or values beside them, summed by group and day."""
        return np.bincount(self.cell, values, minlength=int(self.days.sum())).astype(np.float64)

    def by_group(self, values: Floats) -> Floats:
        """The same by group."""
        return np.bincount(self.group, values, minlength=self.count).astype(np.float64)

    def all_equal(self) -> npt.NDArray[np.bool_]:
        """Of which groups all durations are the same, or there are none."""
        if not len(self.durations):
            return np.ones(self.count, np.bool_)
        last = (self.first + self.n - 1).clip(0)
        least = self.durations[self.first.clip(0, len(self.durations) - 1)]
        alike: npt.NDArray[np.bool_] = (self.n == 0) | (least == self.durations[last])
        return alike


def _starts(sizes: Ints) -> Ints:
    """Where each part begins, of parts of these sizes in a row."""
    return np.cumsum(sizes) - sizes


def _means(groups: _Groups, *, level: float, seed: int) -> _Bounds:
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = groups.by_group(groups.durations) / groups.n
        rest = groups.durations - mean[groups.group]
        std = np.sqrt(groups.by_group(rest**2) / (groups.n - 1))
        skewness = np.where(std > 0, groups.by_group(rest**3) / groups.n / std**3, 0.0)
    low, high = mean_bounds(groups.n, mean, std, skewness, level=level)
    low = np.maximum(low, 0.0)
    by_days = np.zeros(groups.count, np.bool_)
    sums, counts = groups.by_cell(groups.durations), groups.by_cell()
    for days, which, cells in groups.alike():
        bounds = mean_by_days(resampled_days(days, seed=seed), sums[cells], counts[cells], level=level)
        differ = bounds[0] != bounds[1]  # else these days show no difference at all: bounds are of these runs only
        low[which], high[which] = (
            np.where(differ, ours, runs[which]) for ours, runs in zip(bounds, (low, high), strict=True)
        )
        by_days[which] = differ
    unknown = (groups.n < 2) | groups.all_equal()
    return _Bounds(np.where(unknown, np.nan, low), np.where(unknown, np.nan, high), by_days)


def _quantiles(groups: _Groups, quantile: float, *, level: float, seed: int) -> _Bounds:
    low_rank, high_rank = order_ranks(groups.n, quantile, level=level)
    by_days = np.zeros(groups.count, np.bool_)
    below, counts = groups.by_cell(_below(groups, quantile)), groups.by_cell()
    for days, which, cells in groups.alike():
        shares = share_by_days(resampled_days(days, seed=seed), below[cells], counts[cells], level=level)
        # a bound that is a whole number of runs but for rounding is that number
        low_rank[which] = np.floor(shares[0] * groups.n[which] + 1e-9).astype(np.int64)
        high_rank[which] = np.ceil(shares[1] * groups.n[which] - 1e-9).astype(np.int64) + 1
        by_days[which] = True
    enough = groups.n >= runs_needed(quantile, level=level)
    bounded = enough & (low_rank >= 1) & (high_rank <= groups.n)
    if not len(groups.durations):
        return _Bounds(np.full(groups.count, np.nan), np.full(groups.count, np.nan), by_days)
    low, high = (groups.durations[np.where(bounded, groups.first + rank - 1, 0)] for rank in (low_rank, high_rank))
    return _Bounds(np.where(bounded, low, np.nan), np.where(bounded, high, np.nan), by_days)


def _below(groups: _Groups, quantile: float) -> Floats:
    """Which durations lie below their group's quantile, 1 or 0; of equal ones the part that makes the share right."""
    place = groups.first + (groups.n - 1).clip(0) * quantile
    floor = np.floor(place).astype(np.int64)
    last = len(groups.durations) - 1
    if last < 0:
        return groups.durations
    lower, upper = groups.durations[floor.clip(0, last)], groups.durations[(floor + 1).clip(0, last)]
    value = (lower + (place - floor) * (upper - lower))[groups.group]
    less, equal = (groups.durations < value).astype(np.float64), (groups.durations == value).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        part = (quantile * groups.n - groups.by_group(less)) / groups.by_group(equal)
    shares: Floats = less + equal * np.clip(np.nan_to_num(part), 0.0, 1.0)[groups.group]
    return shares


def _rates(days: pl.DataFrame, *, level: float) -> _Bounds:
    """Of the runs that ended and completed, by group and day."""
    part, whole = (days[name].cast(pl.Float64).to_numpy() for name in ("completed", "ended"))
    return _Bounds(*rate_bounds(part, whole, group=days["_group"].to_numpy(), level=level))
