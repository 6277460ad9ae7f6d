"""When robots are busy, and which of them.

Both charts draw busy time as the share of the time that there was: what is idle is as much to see as what is busy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from rpa_lab.chart.theme import COLOURS, empty, finish, short
from rpa_lab.units import count_text, percent_text

if TYPE_CHECKING:
    import altair as alt

__all__ = ["busy_robots", "busy_week"]

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LONG_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def busy_week(hours: pl.DataFrame, *, time_zone: str) -> alt.LayerChart:
    """How busy all robots together are by hour of the week, as a heat map of seven days by 24 hours.

    Parameters
    ----------
    hours : polars.DataFrame
        `KpiAnalyzer.busy_hours`: one row per robot and hour of the week: ``robot``, ``weekday`` (1-7), ``hour`` (0-23),
        ``busy_ms``, ``available_ms``.
    time_zone : str
        Whose clock is meant.

    Returns
    -------
    altair.LayerChart

    Examples
    --------
    >>> hours = pl.DataFrame(
    ...     {"robot": "r", "weekday": [1, 2], "hour": [9, 9], "busy_ms": [9e5, 18e5], "available_ms": [36e5, 36e5]}
    ... )
    >>> print(*busy_week(hours, time_zone="UTC").title.text)
    Robots are busiest on Tuesday from 9 to 10 (50 %); over the week they are busy 38 % of the time
    """
    import altair as alt

    robots = hours["robot"].n_unique()
    subtitle = f"{count_text(robots, 'robot')} · busy time, percent of the time that there was · hours in {time_zone}"
    whole = _busy(hours, by=["weekday", "hour"])
    if whole.is_empty():
        return empty(title="No robot was at work", subtitle=subtitle)
    drawn = whole.with_columns(
        day=pl.col("weekday").replace_strict(dict(enumerate(_DAYS, start=1)), return_dtype=pl.String),
        text=pl.when(pl.col("share") >= 0.005)
        .then((pl.col("share") * 100).round().cast(pl.Int64).cast(pl.String))
        .otherwise(pl.lit("")),
    ).select("day", "hour", "share", "text", percent=_percents("share"))
    top = float(drawn["share"].max() or 0.0) or 1.0  # type: ignore[arg-type]
    base = alt.Chart(drawn).encode(
        x=alt.X("hour:O", axis=alt.Axis(title=f"hour of the day ({time_zone})", labelAngle=0, grid=False)),
        y=alt.Y("day:N", sort=list(_DAYS), axis=alt.Axis(title=None, grid=False)),
        tooltip=[
            alt.Tooltip("day:N", title="day"),
            alt.Tooltip("hour:O", title="from hour"),
            alt.Tooltip("percent:N", title="busy"),
        ],
    )
    cells = base.mark_rect(color=COLOURS["data"], cornerRadius=2).encode(opacity=_strength(top))
    numbers = base.mark_text(fontSize=10).encode(
        text="text:N",
        color=alt.condition(alt.datum.share > 0.62 * top, alt.value("white"), alt.value("currentColor")),
    )
    return finish(cells, numbers, title=_busiest(whole), subtitle=subtitle, height=7 * 28)


def busy_robots(hours: pl.DataFrame, *, time_zone: str, most: int = 15) -> alt.LayerChart:
    """How busy each robot is by hour of the week, the busiest first.

    Parameters
    ----------
    hours : polars.DataFrame
        As of `busy_week`.
    time_zone : str
        Whose clock is meant.
    most : int
        How many robots to draw.

    Returns
    -------
    altair.LayerChart

    Examples
    --------
    >>> hours = pl.DataFrame(
    ...     {"robot": ["a", "b"], "weekday": 1, "hour": 9, "busy_ms": [9e5, 36e5], "available_ms": [36e5, 36e5]}
    ... )
    >>> busy_robots(hours, time_zone="UTC").title.text
    'b is the busiest robot (100 % of the time), a the idlest (25 %)'
    """
    import altair as alt

    ranked = _busy(hours, by=["robot"]).sort("share", "robot", descending=[True, False])
    left = f", the {most} busiest drawn" if ranked.height > most else ""
    subtitle = f"{count_text(ranked.height, 'robot')}{left} · each column is an hour of the week · hours in {time_zone}"
    if ranked.is_empty():
        return empty(title="No robot was at work", subtitle=subtitle)
    shown = ranked.head(most).with_columns(
        label=pl.Series([f"{short(name, most=30)}" for name in ranked.head(most)["robot"]], dtype=pl.String)
    )
    drawn = (
        _busy(hours, by=["robot", "weekday", "hour"])
        .join(shown.select("robot", "label"), on="robot", how="inner", validate="m:1")
        .with_columns(
            at=(pl.col("weekday").cast(pl.Int64) - 1) * 24 + pl.col("hour"),
            day=pl.col("weekday").replace_strict(dict(enumerate(_DAYS, start=1)), return_dtype=pl.String),
        )
        .filter(pl.col("share") > 0)
        .select("label", "at", "day", "hour", "share", to=pl.col("at") + 1, percent=_percents("share"))
    )
    top = float(drawn["share"].max() or 0.0) or 1.0  # type: ignore[arg-type]
    weeks = alt.Axis(
        title=None,
        values=[24 * day + 12 for day in range(7)],
        labelExpr=f"{list(_DAYS)!r}[floor(datum.value / 24)]",
        grid=False,
    )
    scale = alt.Scale(domain=[0, 168], nice=False)
    names = shown["label"].to_list()
    rows = alt.Y("label:N", sort=names, axis=alt.Axis(title=None, labelLimit=220), scale=alt.Scale(paddingInner=0.15))
    cells = (
        alt.Chart(drawn)
        .mark_rect(color=COLOURS["data"])
        .encode(
            x=alt.X("at:Q", scale=scale, axis=weeks),
            x2="to:Q",
            y=rows,
            opacity=_strength(top),
            tooltip=[
                alt.Tooltip("label:N", title="robot"),
                alt.Tooltip("day:N", title="day"),
                alt.Tooltip("hour:Q", title="from hour"),
                alt.Tooltip("percent:N", title="busy"),
            ],
        )
    )
    midnights = (
        alt.Chart(pl.DataFrame({"at": [24 * day for day in range(8)]}))
        .mark_rule(color="currentColor", opacity=0.15)
        .encode(x=alt.X("at:Q", scale=scale, axis=weeks))
    )
    shares = (
        alt.Chart(shown.select("label", percent=_percents("share"), at=pl.lit(168)))
        .mark_text(align="left", dx=6)
        .encode(x=alt.X("at:Q", scale=scale), y=rows, text="percent:N")
    )
    return finish(midnights, cells, shares, title=_extremes(ranked), subtitle=subtitle, height=max(22 * len(names), 60))


def _busy(hours: pl.DataFrame, *, by: list[str]) -> pl.DataFrame:
    return (
        hours.group_by(by)
        .agg(pl.col("busy_ms", "available_ms").sum())
        .filter(pl.col("available_ms") > 0)
        .with_columns(share=pl.col("busy_ms") / pl.col("available_ms"))
        .sort(by)
    )


def _strength(top: float) -> alt.Opacity:
    import altair as alt

    legend = alt.Legend(title=None, format=".0%", orient="top", symbolType="square", values=[top / 4, top / 2, top])
    return alt.Opacity("share:Q", scale=alt.Scale(domain=[0, top], range=[0.04, 1]), legend=legend)


def _percents(column: str) -> pl.Expr:
    return pl.col(column).map_batches(
        lambda values: pl.Series([percent_text(share) for share in values], dtype=pl.String), return_dtype=pl.String
    )


def _busiest(whole: pl.DataFrame) -> str:
    total = float(whole["busy_ms"].sum()) / float(whole["available_ms"].sum())
    if not total:
        return "Robots were idle"
    first = whole.sort("share", "weekday", "hour", descending=[True, False, False]).row(0, named=True)
    when = f"{_LONG_DAYS[first['weekday'] - 1]} from {first['hour']} to {first['hour'] + 1}"
    busiest = f"Robots are busiest on {when} ({percent_text(first['share'])})"
    return f"{busiest}; over the week they are busy {percent_text(total)} of the time"


def _extremes(ranked: pl.DataFrame) -> str:
    name, share = ranked.select("robot", "share").row(0)
    last, least = ranked.select("robot", "share").row(-1)
    if ranked.height == 1:
        return f"{short(name, most=30)} is busy {percent_text(share)} of the time"
    if percent_text(share) == percent_text(least):
        return f"All {ranked.height} robots are equally busy ({percent_text(share)} of the time)"
    return (
        f"{short(name, most=30)} is the busiest robot ({percent_text(share)} of the time), "
        f"{short(last, most=30)} the idlest ({percent_text(least)})"
    )
