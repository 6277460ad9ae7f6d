"""What a log of work is like, in a few figures: to hold a simulated fleet against logs of real work.

A log is one process: its cases (runs) and the visits of its activities (steps), each with start and end.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import polars as pl
from scipy.stats import chi2

__all__ = ["Figures", "figures_of"]

_LEAST_VISITS = 15
_LEAST_A_DAY = 8
_LEAST_DAYS = 4
_SOMETIMES = (0.05, 0.95)
_HOURS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A log's figures; None where it can't tell.

    Attributes
    ----------
    cases, visits : int
        How many.
    spread : float
        Standard deviation of a duration's logarithm: the median of the activities with 15 visits and more that vary.
    optional : float
        Fraction 0-1 of the activities that some cases take and some don't (5 to 95 %).
    repeated : float
        Fraction 0-1 of the cases that visit an activity more than once.
    turns : float
        Visits of an activity in the cases that repeat it, on average.
    waiting : float
        Fraction 0-1 of the cases' time in which none of their activities goes on.
    weekend : float
        Fraction 0-1 of the cases that begin on a Saturday or Sunday.
    eight_hours : float
        Fraction 0-1 of the cases that begin in the busiest eight hours of the day, by the clock of the zone.
    volume_sd : float
        Standard deviation of a working day's number of cases relative to its mean, beyond what chance makes it.
    day_sd, day_sd_most : float
        Standard deviation of the day effect on a duration's logarithm, beyond what chance makes it; and how large it
        may be (the upper end of a 95 % interval). Of the occasion where the log has such a column.
    neighbours : float
        Correlation of a visit's logarithmic duration, less its activity's mean, with that of the visit before it.
    """

    cases: int
    visits: int
    spread: float | None
    optional: float
    repeated: float
    turns: float | None
    waiting: float | None
    weekend: float
    eight_hours: float
    volume_sd: float | None
    day_sd: float | None
    day_sd_most: float | None
    neighbours: float | None

    @staticmethod
    def names() -> tuple[str, ...]:
        """The names of the figures that can be compared."""
        return tuple(field.name for field in fields(Figures))[2:]


def figures_of(log: pl.DataFrame, *, tz: str = "UTC") -> Figures:
    """The figures of one log.

    Parameters
    ----------
    log : DataFrame
        One row a visit: case, activity, start, end (aware times), and perhaps occasion: what cases were begun together.
    tz : str
        The zone in which its people work.

    Returns
    -------
    Figures

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> at = [datetime(2026, 11, 2, 9, minute, tzinfo=UTC) for minute in (0, 1, 2, 4)]
    >>> log = pl.DataFrame({"case": ["a", "a"], "activity": ["x", "x"], "start": at[::2], "end": at[1::2]})
    >>> found = figures_of(log)
    >>> found.repeated, found.turns, found.waiting
    (1.0, 2.0, 0.25)
    """
    local = log.with_columns(pl.col("start", "end").dt.convert_time_zone(tz))
    cases = _cases(local)
    visits = local.group_by("case", "activity").len()
    taken = visits.group_by("activity").agg(share=pl.len() / cases.height)["share"]
    again = visits.filter(pl.col("len") > 1)
    timed = local.with_columns(us=(pl.col("end") - pl.col("start")).dt.total_microseconds()).filter(pl.col("us") > 0)
    timed = timed.with_columns(log=pl.col("us").log()).with_columns(
        rest=pl.col("log") - pl.col("log").mean().over("activity")
    )
    day_sd, day_sd_most = _day_sd(timed)
    busy_us, all_us = int(cases["busy_us"].sum()), int(cases["us"].sum())
    hours = np.bincount(cases["start"].dt.hour().to_numpy(), minlength=24) / cases.height
    return Figures(
        cases=cases.height,
        visits=log.height,
        spread=_spread(timed),
        optional=float(taken.is_between(*_SOMETIMES).mean() or 0),  # type: ignore[arg-type]
        repeated=again["case"].n_unique() / cases.height,
        turns=_number(again["len"].mean()),
        waiting=1 - busy_us / all_us if busy_us else None,
        weekend=float((cases["start"].dt.weekday() > 5).mean() or 0),  # type: ignore[arg-type]
        eight_hours=float(np.convolve(np.tile(hours, 2), np.ones(_HOURS), "valid").max()),
        volume_sd=_volume_sd(cases),
        day_sd=day_sd,
        day_sd_most=day_sd_most,
        neighbours=_neighbours(timed),
    )


def _cases(log: pl.DataFrame) -> pl.DataFrame:
    """One row per case: start, us (from its start to its end), busy_us (in which an activity goes on)."""
    ordered = log.sort("case", "start", "end").with_columns(
        before=pl.col("end").cum_max().over("case").shift(1).over("case")
    )
    new_us = (pl.col("end") - pl.max_horizontal("start", "before")).dt.total_microseconds().clip(0)
    return ordered.group_by("case").agg(
        pl.col("start").min(),
        us=(pl.col("end").max() - pl.col("start").min()).dt.total_microseconds(),
        busy_us=new_us.sum(),
    )


def _spread(timed: pl.DataFrame) -> float | None:
    by_activity = timed.group_by("activity").agg(n=pl.len(), sd=pl.col("log").std())
    return _number(by_activity.filter(pl.col("n") >= _LEAST_VISITS, pl.col("sd") > 1e-6)["sd"].median())


def _volume_sd(cases: pl.DataFrame) -> float | None:
    working = cases.filter(pl.col("start").dt.weekday() <= 5)
    counts = working.group_by(pl.col("start").dt.date()).len()["len"].to_numpy().astype(np.float64)
    if len(counts) < _LEAST_DAYS:
        return None
    return float(np.sqrt(max(0.0, counts.var(ddof=1) - counts.mean())) / counts.mean())


def _day_sd(timed: pl.DataFrame) -> tuple[float | None, float | None]:
    """By analysis of variance: that between days less what the cases within one explain."""
    occasion = pl.col("occasion") if "occasion" in timed.columns else pl.col("start").dt.date()
    cases = timed.group_by("case").agg(pl.col("rest").mean(), day=occasion.first())
    days = cases.group_by("day").agg(mean=pl.col("rest").mean(), noise=pl.col("rest").var() / pl.len(), n=pl.len())
    days = days.filter(pl.col("n") >= _LEAST_A_DAY)
    if days.height < _LEAST_DAYS:
        return None, None
    between, noise = days["mean"].to_numpy().var(ddof=1), days["noise"].to_numpy().mean()
    most = between * (days.height - 1) / chi2.ppf(0.025, days.height - 1)
    return tuple(float(np.sqrt(max(0.0, variance - noise))) for variance in (between, most))  # type: ignore[return-value]


def _neighbours(timed: pl.DataFrame) -> float | None:
    pairs = timed.sort("case", "start").with_columns(before=pl.col("rest").shift(1).over("case")).drop_nulls("before")
    if pairs.height < _LEAST_VISITS or not pairs["rest"].std():
        return None
    return float(np.corrcoef(pairs["rest"].to_numpy(), pairs["before"].to_numpy())[0, 1])


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
