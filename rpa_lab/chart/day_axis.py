"""The axis of charts over days: calendar days of a named zone, the same in every browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    import altair as alt

__all__ = ["at_midnight", "day_axis", "written"]


def written() -> pl.Expr:
    """The column `day` in words, for tooltips."""
    return pl.col("day").dt.strftime("%a %d %b %Y")


def at_midnight() -> pl.Expr:
    """The column `day` as Vega takes it: browsers read a date alone as UTC and show it as local time."""
    return pl.col("day").dt.strftime("%Y-%m-%dT00:00:00Z")


def day_axis(drawn: pl.DataFrame, time_zone: str, *, bars: bool = False, field: str = "at") -> alt.X:
    """The x axis of a chart whose rows are of days.

    Parameters
    ----------
    drawn : polars.DataFrame
        What is drawn: ``day``, each day's name or date; ``at`` (from `at_midnight`).
    time_zone : str
        The zone whose days they are; stands in the axis' title.
    bars : bool
        Whether bars of a day's width are drawn on it.
    field : str
        What says where a mark stands; of other marks than `drawn` where these share its axis.

    Returns
    -------
    altair.X
    """
    import altair as alt

    n_days = drawn["day"].n_unique()
    daily = alt.TimeIntervalStep(interval="day", step=1 if n_days < 9 else 2)  # else a few days get ticks at noon, too
    axis = alt.Axis(
        title=f"day ({time_zone})",
        grid=False,
        format="%d %b" if n_days < 300 else "%b %Y",
        labelOverlap=True,
        tickCount=daily if n_days < 18 else 8,
    )
    return alt.X(f"utcyearmonthdate({field}):T" if bars else f"{field}:T", axis=axis, scale=alt.Scale(type="utc"))
