"""What changed from day to day: how long the runs of a day took, and how they ended.

Days are calendar days of the named zone. A day without runs is a gap in a line, never a zero and never bridged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from rpa_lab.chart.day_axis import at_midnight, day_axis, written
from rpa_lab.chart.theme import COLOURS, empty, finish, short
from rpa_lab.units import count_text, duration_text, percent_text, time_unit

if TYPE_CHECKING:
    from datetime import date

    import altair as alt

__all__ = ["FEW", "MOST_DAYS", "duration_band", "outcomes"]

FEW: Final = 20
"""Below so many runs the p95 of a day lies between its two longest runs; such days are drawn hollow."""

MOST_DAYS: Final = 1_100
"""A chart shows the last so many days."""

_STATUSES = ("completed", "failed", "cancelled", "abandoned")


def duration_band(days: pl.DataFrame, *, workflow_id: str, time_zone: str) -> alt.LayerChart:
    """Median and 95th percentile of the durations of each day's runs, with the band between them.

    Parameters
    ----------
    days : polars.DataFrame
        `Lab.daily`: one row per day with runs: ``day`` (Date), ``n`` (finished runs), ``p50_ms``, ``p95_ms``.
    workflow_id : str
        Whose runs they are.
    time_zone : str
        The zone in which a day begins.

    Returns
    -------
    altair.LayerChart

    Examples
    --------
    >>> from datetime import date
    >>> days = pl.DataFrame({"day": [date(2026, 11, 3)], "n": [40], "p50_ms": [6e3], "p95_ms": [18e3]})
    >>> duration_band(days, workflow_id="invoices", time_zone="UTC").title.text
    'The median run of the one day takes 6 s'
    """
    import altair as alt

    timed = days.filter(pl.col("p50_ms").is_not_null() & pl.col("p95_ms").is_not_null())
    if timed.is_empty():
        return empty(title=_band_title(timed), subtitle=_counted(timed, workflow_id, time_zone))
    unit = time_unit(timed["p95_ms"].to_list())
    drawn = _calendar(timed).select(
        "n",
        at=at_midnight(),
        day=written(),
        p50=pl.col("p50_ms") / unit.ms,
        p95=pl.col("p95_ms") / unit.ms,
        median=_texts("p50_ms"),
        slow=_texts("p95_ms"),
    )
    y_axis = alt.Axis(title=f"duration of a run ({unit.symbol})", tickCount=6)
    base = alt.Chart(drawn).encode(
        x=day_axis(drawn, time_zone),
        tooltip=[
            alt.Tooltip("day:N", title="day"),
            alt.Tooltip("n:Q", title="finished runs", format=",d"),
            alt.Tooltip("median:N", title="median"),
            alt.Tooltip("slow:N", title="95th percentile"),
        ],
    )
    y = alt.Y("p50:Q", axis=y_axis, scale=alt.Scale(zero=True))
    band = base.mark_area(opacity=0.16, color=COLOURS["data"]).encode(y=y, y2="p95:Q")
    layers = [band]
    present = base.transform_filter(alt.datum.n > 0)
    for name, colour in (("p95", COLOURS["strong"]), ("p50", COLOURS["data"])):
        layers.append(base.mark_line(strokeWidth=2, color=colour).encode(y=f"{name}:Q"))
        for few in (False, True):
            points = present.transform_filter(alt.datum.n < FEW if few else alt.datum.n >= FEW)
            mark = points.mark_point(size=26, filled=not few, opacity=1, color=colour)
            layers.append(mark.encode(y=f"{name}:Q"))
    layers += [
        base.mark_text(align="left", dx=8, dy=dy, fontWeight=600, color=colour)
        .transform_filter(alt.datum.day == _last(drawn))
        .encode(y=f"{name}:Q", text=alt.value(label))
        for name, label, colour, dy in (("p50", "median", COLOURS["data"], 5), ("p95", "p95", COLOURS["strong"], -5))
    ]
    few_days = int((timed["n"] < FEW).sum())
    hollow = f" · hollow: {count_text(few_days, 'day')} with fewer than {FEW} runs" if few_days else ""
    subtitle = f"{_counted(timed, workflow_id, time_zone)}{hollow}"
    return finish(*layers, title=_band_title(timed), subtitle=subtitle)


def outcomes(days: pl.DataFrame, *, workflow_id: str, time_zone: str) -> alt.LayerChart:
    """How the runs of each day ended, as stacked counts.

    Parameters
    ----------
    days : polars.DataFrame
        `Lab.daily`: one row per day with runs: ``day`` (Date), ``completed``, ``failed``, ``cancelled``, ``abandoned``.
    workflow_id : str
        Whose runs they are.
    time_zone : str
        The zone in which a day begins.

    Returns
    -------
    altair.LayerChart

    Examples
    --------
    >>> from datetime import date
    >>> days = pl.DataFrame(
    ...     {"day": [date(2026, 11, 3)], "completed": [38], "failed": [2], "cancelled": [0], "abandoned": [0]}
    ... )
    >>> outcomes(days, workflow_id="invoices", time_zone="UTC").title.text
    '2 of 40 runs did not complete (5.0 %)'
    """
    import altair as alt

    counted = days.with_columns(n=pl.sum_horizontal(_STATUSES)).filter(pl.col("n") > 0)
    if counted.is_empty():
        return empty(title=_outcomes_title(counted), subtitle=_counted(counted, workflow_id, time_zone))
    long = (
        counted.sort("day")
        .tail(MOST_DAYS)
        .unpivot(_STATUSES, index=["day", "n"], variable_name="status", value_name="runs")
        .filter(pl.col("runs") > 0)
        .select("status", "runs", "n", day=written(), at=at_midnight())
        .with_columns(
            order=pl.col("status").replace_strict({s: i for i, s in enumerate(_STATUSES)}, return_dtype=pl.Int8)
        )
        .sort("day", "order")
    )
    seen = [status for status in _STATUSES if status in set(long["status"])]
    colour = alt.Scale(domain=seen, range=[COLOURS[status] for status in seen])
    bars = (
        alt.Chart(long)
        .mark_bar()
        .encode(
            x=day_axis(long, time_zone, bars=True),
            y=alt.Y("runs:Q", stack="zero", axis=alt.Axis(title="runs", tickCount=5, tickMinStep=1, format=",d")),
            color=alt.Color("status:N", scale=colour, sort=seen),
            order=alt.Order("order:Q", sort="descending"),
            tooltip=[
                alt.Tooltip("day:N", title="day"),
                alt.Tooltip("status:N", title="ended"),
                alt.Tooltip("runs:Q", title="runs", format=",d"),
                alt.Tooltip("n:Q", title="of", format=",d"),
            ],
        )
    )
    subtitle = _counted(counted, workflow_id, time_zone)
    return finish(bars, title=_outcomes_title(counted), subtitle=subtitle, height=200)


def _calendar(days: pl.DataFrame) -> pl.DataFrame:
    """The last days with runs, and an empty row for each day between them, so that a line breaks there."""
    last = days.sort("day").tail(MOST_DAYS)
    if last.height < 2:
        return last
    return last.upsample("day", every="1d").tail(MOST_DAYS)


def _texts(column: str) -> pl.Expr:
    return pl.col(column).map_batches(
        lambda values: pl.Series([duration_text(ms) for ms in values], dtype=pl.String), return_dtype=pl.String
    )


def _last(drawn: pl.DataFrame) -> str:
    return str(drawn["day"][-1])


def _counted(days: pl.DataFrame, workflow_id: str, time_zone: str) -> str:
    text = f"{short(workflow_id)} · {count_text(int(days['n'].sum()), 'run')} on {count_text(days.height, 'day')}"
    if days.height > MOST_DAYS:
        text += f", the last {MOST_DAYS:,} drawn"
    return f"{text} · days in {time_zone}"


def _band_title(days: pl.DataFrame) -> str:
    if days.is_empty():
        return "No finished runs on any day"
    low, high = (duration_text(ms) for ms in (days["p50_ms"].min(), days["p50_ms"].max()))  # type: ignore[arg-type]
    if days.height == 1:
        return f"The median run of the one day takes {low}"
    by_day = f"{low} to {high} by day" if low != high else f"{low} on every day"
    firm = days.filter(pl.col("n") >= FEW).sort("p95_ms", "day").select("p95_ms", "day")
    if firm.is_empty():
        return f"The median run takes {by_day}"
    slow_ms: float
    slow_day: date
    slow_ms, slow_day = firm.row(-1)
    slow = f"{duration_text(slow_ms)} on {slow_day.day} {slow_day:%b}"
    return f"The median run takes {by_day}; the 95th percentile peaks at {slow}"


def _outcomes_title(days: pl.DataFrame) -> str:
    n = int(days["n"].sum())
    if not n:
        return "No run has ended"
    bad = days.select("day", bad=pl.col("n") - pl.col("completed")).sort("bad", "day")
    total = int(bad["bad"].sum())
    if not total:
        return f"All {n:,} runs completed" if n > 1 else "The one run completed"
    title = f"{total:,} of {count_text(n, 'run')} did not complete ({percent_text(total / n)})"
    day, most = bad.row(-1)
    if days.height > 1 and most > 1:
        title += f", {most:,} of them on {day.day} {day:%b}"
    return title
