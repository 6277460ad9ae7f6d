"""What each side has on each day: sums and counts whose ratio is the side's value, and the values themselves.

A mean is Σ values / Σ runs, a success rate 100 × Σ completed / Σ ended, a count its days' counts over their hours times
all hours: a day of the period without a run has hours, and counts as 0. So all of these are ratios of sums over days,
and what days do to them can be seen by drawing or exchanging days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from rpa_lab.measures import rate_per_hour, total
from rpa_lab.period import Span
from rpa_lab.query.bins import hours_in
from rpa_lab.query.measure import Measure
from rpa_lab.query.recorded import common
from rpa_lab.query.sides import DAY, GROUP

__all__ = ["Cells", "Sample", "hours_by_day", "influences", "of_measure", "sample_of"]

_STATUS: Final = "status"

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sample:
    """The values of all sides, sorted within each; side g has those from `first[g]` to `first[g + 1]`."""

    values: Floats
    day: Ints
    first: Ints
    days: int

    def of(self, group: int) -> slice:
        """Where a side's values stand."""
        return slice(int(self.first[group]), int(self.first[group + 1]))

    def by_day(self, group: int, weights: Floats) -> Floats:
        """The sums of what a side's values weigh, by day."""
        return np.bincount(self.day[self.of(group)], weights, minlength=self.days).astype(np.float64)

    def by_rank(self, group: int, less: int, upto: int, part: float) -> Floats:
        """By day how many of a side's values are among its `less` smallest, and the part of those up to `upto`."""
        days = self.day[self.of(group)]
        below, equal = (np.bincount(some, minlength=self.days) for some in (days[:less], days[less:upto]))
        found: Floats = below + part * equal
        return found

    def std(self) -> Floats:
        """The standard deviation of each side, ddof = 1: the same to the last bit in whichever order rows were read."""
        spread = np.full(len(self.first) - 1, np.nan)
        for group in range(len(spread)):
            values = self.values[self.of(group)]
            if len(values) > 1:
                spread[group] = values.std(ddof=1)
        return spread

    def counts(self) -> Floats:
        """How many values each side has on each day: one row per day, one column per side."""
        sides = len(self.first) - 1
        group = np.repeat(np.arange(sides), np.diff(self.first))
        cells = np.bincount(self.day * sides + group, minlength=self.days * sides)
        return cells.reshape(self.days, sides).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Cells:
    """A measure of all sides: its value and n as a query gives them, and the sums over days whose ratio it is.

    `part` and `whole` have one row per day and one column per side, None where days can't tell; the ratio of their sums
    times `scale` is the value. `ran` says how many rows or values there were.
    """

    value: Floats
    n: Ints
    ran: Floats
    part: Floats | None
    whole: Floats | None
    scale: Floats | float = 1.0


def hours_by_day(spans: Sequence[Span], dates: pl.Series, *, recorded: Span) -> Floats:
    """How many hours of each day lie in each of several periods, as far as they are recorded: one column each."""
    found = np.zeros((len(dates), len(spans)))
    for number, span in enumerate(spans):
        within = common(span, recorded)
        if within is not None:
            hours = hours_in(["day"], within)
            joined = pl.DataFrame({"day": dates}).join(
                hours, on="day", how="left", validate="1:1", maintain_order="left"
            )
            found[:, number] = joined["hours"].fill_null(0.0).to_numpy()
    return found


def of_measure(
    rows: pl.DataFrame,
    measure: Measure,
    sample: Sample | None,
    *,
    dates: pl.Series,
    spans: Sequence[Span],
    hours: Floats | None,
) -> Cells:
    """A measure of all sides, whole and by day.

    Parameters
    ----------
    rows : DataFrame
        `GROUP`, `DAY` and what the measure reads, of all sides.
    measure : Measure
        Which.
    sample : Sample, optional
        From `sample_of`.
    dates : Series
        The days, in order; every row is of one of these.
    spans : sequence of Span
        The period of each side.
    hours : numpy.ndarray, optional
        From `hours_by_day`, one column per side; needed by totals.

    Returns
    -------
    Cells
    """
    metric, sides = measure.metric, len(spans)
    counted = rows.lazy() if measure.status is None else rows.lazy().filter(pl.col(_STATUS) == measure.status)
    plans = [
        counted.group_by(GROUP).agg(value=metric.value(), n=metric.n()),
        counted.group_by(GROUP, DAY).agg(n=metric.n(), part=_part(measure)),
    ]
    whole, by_day = pl.collect_all(plans)
    values = pl.DataFrame({GROUP: range(sides)}, schema={GROUP: pl.Int64}).join(
        whole.with_columns(pl.col("value").cast(pl.Float64)), on=GROUP, how="left", validate="1:1"
    )
    values = values.sort(GROUP).with_columns(pl.col("n").fill_null(0))
    if metric.is_rate:
        lengths = pl.Series([span.length / timedelta(hours=1) for span in spans])
        values = values.with_columns(value=rate_per_hour(pl.col("n"), pl.lit(lengths)))
    if measure.kind == "total":
        nothing = pl.when(pl.col("n") == 0).then(0.0).otherwise("value")
        values = values.with_columns(value=nothing)
    value = values["value"].fill_null(np.nan).to_numpy().astype(np.float64)
    if metric.aggregation.name == "std" and sample is not None:
        value = np.where(np.isnan(value), np.nan, sample.std())
    if hours is not None:  # none of a period that isn't recorded is unknown, not nothing
        value = np.where((values["n"].to_numpy() == 0) & (hours.sum(axis=0) == 0), np.nan, value)
    at = by_day[DAY].to_physical().to_numpy(), by_day[GROUP].to_numpy()
    place = np.searchsorted(dates.to_physical().to_numpy(), at[0]), at[1]
    ran, part = np.zeros((len(dates), sides)), np.zeros((len(dates), sides))
    ran[place] = by_day["n"].to_numpy()
    part[place] = by_day["part"].fill_null(np.nan).to_numpy()
    if measure.kind in ("extreme", "quantile") or not np.isfinite(part).all():
        return Cells(value, values["n"].to_numpy(), ran, None, None)
    if measure.kind == "rate":
        return Cells(value, values["n"].to_numpy(), ran, 100 * part, ran)
    if measure.kind == "total":
        assert hours is not None
        whole_hours = np.array([span.length / timedelta(hours=1) for span in spans]) if metric.is_rate else 1.0
        return Cells(value, values["n"].to_numpy(), ran, part, hours, hours.sum(axis=0) / whole_hours)
    if metric.aggregation.name == "std":
        return Cells(value, values["n"].to_numpy(), ran, None if sample is None else _spread(sample, value), ran)
    return Cells(value, values["n"].to_numpy(), ran, part, ran)


def sample_of(rows: pl.DataFrame, measure: Measure, *, dates: pl.Series, sides: int) -> Sample | None:
    """The values that a measure is of; None where it counts rows, or some aren't finite."""
    if measure.sample is None or measure.metric.column is None:
        return None
    name = measure.metric.column.name
    counted = rows if measure.status is None else rows.filter(pl.col(_STATUS) == measure.status)
    known = counted.select(GROUP, DAY, pl.col(name).cast(pl.Float64).alias("value")).drop_nulls("value")
    # each side by itself, which takes a third of the time that a sort by both takes
    known = known.group_by(GROUP).agg(pl.all().sort_by("value")).sort(GROUP).explode(DAY, "value")
    values = known["value"].to_numpy()
    if not np.isfinite(values).all():
        return None
    day = np.searchsorted(dates.to_physical().to_numpy(), known[DAY].to_physical().to_numpy())
    first = np.searchsorted(known[GROUP].to_numpy(), np.arange(sides + 1))
    return Sample(values, day.astype(np.int64), first.astype(np.int64), len(dates))


def _part(measure: Measure) -> pl.Expr:
    """What is added up of a day: values, rows, or those that succeeded."""
    metric = measure.metric
    match measure.kind:
        case "rate":
            return (metric.value() / 100 * metric.n()).round().fill_null(0.0)
        case "total" if metric.aggregation.name != "sum":
            return metric.n().cast(pl.Float64)
        case "total" | "mean" if metric.column is not None:
            exact = metric.column.kind == "duration"
            return (total(metric.column.name) if exact else pl.col(metric.column.name).sum()).cast(pl.Float64)
        case _:
            return pl.lit(0.0)


def influences(sample: Sample, std: Floats) -> Floats:
    """Of each value what it adds to its side's standard deviation, so that their mean is that; 0 where that is 0."""
    found = np.zeros(len(sample.values))
    for group, spread in enumerate(std):
        values = sample.values[sample.of(group)]
        if len(values) and spread > 0:
            squares = (values - values.mean()) ** 2
            found[sample.of(group)] = spread + (squares - squares.mean()) / (2 * spread)
    return found


def _spread(sample: Sample, std: Floats) -> Floats:
    """By day what a side's values add to its standard deviation."""
    found = influences(sample, std)
    return np.stack([sample.by_day(side, found[sample.of(side)]) for side in range(len(std))], axis=1)
