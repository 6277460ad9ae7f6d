"""The interval of a rate, wherever one is shown: of runs that completed, cases, promises kept, steps healed.

From 10 days on it counts how much days differ, and speaks of the long run; below it is Wilson's, of these runs only.
A workflow that completes 90 of 100 runs a day, every day for 20 days, has a success rate of 88.6 to 91.2 %; one that
completes 100 and 80 by turns has the same rate, and its interval reaches from 84.2 to 93.8 %.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from rpa_lab.errors import InputError, quote
from rpa_lab.inference.intervals import DAYS, THESE_RUNS, wilson_bounds
from rpa_lab.inference.resampling import LEAST_DAYS, rate_by_days

__all__ = ["numbered_groups", "rate_bounds", "rate_intervals", "with_bounds"]

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]


def rate_intervals(
    rows: pl.LazyFrame,
    rates: Mapping[str, pl.Expr],
    *,
    of: pl.Expr,
    day: pl.Expr,
    by: Sequence[str],
    level: float = 0.95,
) -> pl.LazyFrame:
    """The intervals of rates of groups of rows.

    Parameters
    ----------
    rows : LazyFrame
        What is counted: runs, cases, steps …, or counts of them.
    rates : mapping of str to polars.Expr
        By name: which rows count (true or false), or how many a row counts for; none that `of` doesn't.
    of : polars.Expr
        Of which rows, or how many; the same for all of these rates.
    day : polars.Expr
        Whose day a row is, as `rpa_lab.measures.local_day` says it. Rows without one are a day of their own.
    by : sequence of str
        What makes a group; one column or more.
    level : float
        Nominal coverage, fraction above 0 and below 1.

    Returns
    -------
    LazyFrame
        One row per group with a row that counts: the columns of `by`, and for each rate ``…_low`` and ``…_high``
        (percent 0-100) and ``…_basis`` ("days" or "these runs only").

    Raises
    ------
    InputError
        If the level isn't between 0 and 1.

    Examples
    --------
    >>> from datetime import date, timedelta
    >>> runs = pl.LazyFrame({"host": "h", "day": [date(2026, 11, 1 + n) for n in range(20)], "good": [100, 80] * 10})
    >>> found = rate_intervals(runs, {"success": pl.col("good")}, of=pl.lit(100), day=pl.col("day"), by=["host"])
    >>> found.with_columns(pl.col(pl.Float64).round(1)).collect().row(0)
    ('h', 84.2, 93.8, 'days')
    """
    _check(level)
    counts = [pl.col(f"_{number}_part").sum().cast(pl.Float64) for number in range(len(rates))]
    parts = {f"_{number}_part": part for number, part in enumerate(rates.values())}
    days = (
        rows.select(*by, _day=day, _whole=of, **parts)
        .group_by(*by, "_day")
        .agg(pl.col("_whole").sum().cast(pl.Float64), *counts)
        .filter(pl.col("_whole") > 0)
        .sort(*by, "_day")
    )
    kinds = rows.select(by).collect_schema()
    schema = {**kinds, **{name: kind for rate in rates for name, kind in _columns(rate).items()}}
    found = partial(_of_groups, by=list(by), rates=list(rates), level=level)
    return days.map_batches(
        found,
        predicate_pushdown=False,
        projection_pushdown=False,
        slice_pushdown=False,
        schema=schema,
    )


def with_bounds(groups: pl.LazyFrame, bounds: pl.LazyFrame, *, by: Sequence[str]) -> pl.LazyFrame:
    """The groups with the columns of `rate_intervals`; these are null where nothing counts."""
    return groups.join(bounds, on=list(by), how="left", nulls_equal=True, validate="1:1", maintain_order="left")


def rate_bounds(part: Floats, whole: Floats, *, group: Ints, level: float = 0.95) -> tuple[Floats, Floats, Flags]:
    """The same of arrays: one place per group and day.

    Parameters
    ----------
    part, whole : numpy.ndarray
        How many count, of how many (more than none), that day.
    group : numpy.ndarray
        The number of its group, from 0 on without a gap.
    level : float
        Nominal coverage, fraction 0-1.

    Returns
    -------
    tuple of numpy.ndarray
        Of each group the lower and upper bound, percent 0-100, and whether they rest on days. Where all count, or none,
        days show no difference at all, and these bounds are of these runs only, however many days there are.
    """
    _check(level)
    counted, of, days = np.bincount(group, part), np.bincount(group, whole), np.bincount(group)
    by_days = (days >= LEAST_DAYS) & (counted > 0) & (counted < of)
    alone = wilson_bounds(counted / of, of, critical=NormalDist().inv_cdf((1 + level) / 2))
    differing = rate_by_days(part, whole, group=group, level=level)
    low, high = (np.where(by_days, ours, plain) * 100 for ours, plain in zip(differing, alone, strict=True))
    return low, high, by_days


def numbered_groups(rows: pl.DataFrame, by: Sequence[str]) -> Ints:
    """The number of each row's group, rows of a group standing together; without `by` all are one."""
    keys = rows.select(pl.struct(by).rle_id() if by else pl.repeat(0, pl.len(), dtype=pl.UInt32))
    return keys.to_series().to_numpy().astype(np.int64)


def _of_groups(days: pl.DataFrame, *, by: list[str], rates: list[str], level: float) -> pl.DataFrame:
    """The bounds of each group of sorted days."""
    group = numbered_groups(days, by)
    columns: list[pl.Series] = []
    for number, rate in enumerate(rates):
        part, whole = (days[name].to_numpy() for name in (f"_{number}_part", "_whole"))
        low, high, by_days = rate_bounds(part, whole, group=group, level=level)
        basis = np.where(by_days, DAYS, THESE_RUNS)
        columns += [
            pl.Series(name, values, dtype=kind)
            for (name, kind), values in zip(_columns(rate).items(), (low, high, basis), strict=True)
        ]
    return days.select(by).unique(maintain_order=True).with_columns(columns)


def _columns(rate: str) -> dict[str, pl.DataType]:
    return {f"{rate}_low": pl.Float64(), f"{rate}_high": pl.Float64(), f"{rate}_basis": pl.String()}


def _check(level: float) -> None:
    if not 0 < level < 1:
        raise InputError(f"level is {quote(level)}, expected a fraction between 0 and 1")
