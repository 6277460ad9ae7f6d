"""Which steps need self-healing more and more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from rpa_lab.chart.day_axis import at_midnight, day_axis, written
from rpa_lab.chart.days import MOST_DAYS
from rpa_lab.chart.theme import COLOURS, empty, finish, short
from rpa_lab.records import split_node_path
from rpa_lab.units import count_text, percent_text

if TYPE_CHECKING:
    import altair as alt

__all__ = ["healing_shares"]

_FEW: Final = 10
_HUES: Final = (COLOURS["strong"], COLOURS["data"], COLOURS["cancelled"], COLOURS["abandoned"])


def healing_shares(days: pl.DataFrame, trends: pl.DataFrame, *, scope: str, time_zone: str) -> alt.LayerChart:
    """How many of a step's visits needed self-healing, day by day, for the steps that need it more and more.

    Where no step does, the one with most visits healed is drawn.

    Parameters
    ----------
    days : polars.DataFrame
        `ReliabilityAnalyzer.healing_days`: ``workflow_id``, ``node_id``, ``day`` (Date), ``visits``, ``healed``.
    trends : polars.DataFrame
        `Recoveries.rising`: ``workflow_id``, ``node_id``, ``healed``, ``visits``, ``early_share``, ``late_share``,
        ``q_value``, ``rising``.
    scope : str
        Whose steps they are.
    time_zone : str
        The zone in which a day begins.

    Returns
    -------
    altair.LayerChart

    Examples
    --------
    >>> from datetime import date
    >>> from rpa_lab.analysis.healing_trend import healing_trends
    >>> on = pl.date_range(date(2026, 11, 1), date(2026, 11, 8), eager=True)
    >>> days = pl.DataFrame({"workflow_id": "w", "node_id": "click", "day": on, "visits": 50, "healed": range(8)})
    >>> healing_shares(days, healing_trends(days.lazy()), scope="w", time_zone="UTC").title.text
    ['One step needs healing more and more;', '“click” in 11 % of its visits, up from 3.0 %']
    """
    import altair as alt

    visits = int(days["visits"].sum()) if days.height else 0
    subtitle = f"{short(scope)} · {count_text(trends.height, 'step')} tested · {count_text(visits, 'visit')}"
    rising = trends.filter("rising").sort("q_value", "workflow_id", "node_id")
    most_healed = trends.sort("healed", "workflow_id", "node_id", descending=[True, False, False]).head(1)
    shown = rising.head(len(_HUES)) if rising.height else most_healed
    if shown.is_empty():
        return empty(title=_title(rising, trends), subtitle=f"{subtitle} · days in {time_zone}")
    names = _names(shown, many=trends["workflow_id"].n_unique() > 1)
    drawn = (
        days.join(shown.select("workflow_id", "node_id", step=names), on=["workflow_id", "node_id"], how="inner")
        .filter(pl.col("day").is_in(days["day"].unique().sort().tail(MOST_DAYS).implode()))
        .sort("step", "day")
        .with_columns(at=at_midnight(), share=pl.col("healed") / pl.col("visits"), few=pl.col("visits") < _FEW)
        .with_columns(day=written())
    )
    drawn = drawn.with_columns(percent=pl.Series([percent_text(share) for share in drawn["share"]], dtype=pl.String))
    hues = list(_HUES[: len(names)]) if rising.height else [COLOURS["data"]]
    legend = alt.Legend(labelLimit=340, columns=2)
    scale = alt.Scale(domain=names.to_list(), range=hues)
    colour = alt.Color("step:N", scale=scale, sort=None, legend=legend)
    axis = alt.Axis(title="visits that needed healing", format="%", tickCount=5)
    base = alt.Chart(drawn).encode(
        x=day_axis(drawn, time_zone),
        y=alt.Y("share:Q", axis=axis, scale=alt.Scale(zero=True)),
        color=colour,
        tooltip=[
            alt.Tooltip("step:N", title="step"),
            alt.Tooltip("day:N", title="day"),
            alt.Tooltip("percent:N", title="needed healing"),
            alt.Tooltip("healed:Q", title="visits healed", format=",d"),
            alt.Tooltip("visits:Q", title="of visits", format=",d"),
        ],
    )
    solid = base.transform_filter(alt.datum.few == False).mark_point(size=30, filled=True, opacity=1)  # noqa: E712
    hollow = base.transform_filter(alt.datum.few == True).mark_point(size=30, filled=False, opacity=1)  # noqa: E712
    n_few = int(drawn["few"].sum())
    if n_few:
        subtitle += f" · hollow: fewer than {_FEW} visits"
    lines = base.mark_line(strokeWidth=2, strokeJoin="round")
    return finish(lines, solid, hollow, title=_title(rising, trends), subtitle=subtitle, height=220)


def _names(shown: pl.DataFrame, *, many: bool) -> pl.Series:
    """Names of steps, with their workflow where there are several, no two alike."""
    names: list[str] = []
    for workflow, node in shown.select("workflow_id", "node_id").rows():
        step = short(" › ".join(split_node_path(node)[-2:]), most=40)
        name = f"{step} ({short(workflow, most=24)})" if many else step
        names.append(name if name not in names else f"{name} ({names.count(name) + 1})")
    return pl.Series(names, dtype=pl.String)


def _title(rising: pl.DataFrame, trends: pl.DataFrame) -> str:
    if trends.is_empty():
        return "No step needed healing often enough to tell a trend"
    if rising.is_empty():
        return "No step needs healing more and more"
    early, late = (percent_text(float(rising[name][0])) for name in ("early_share", "late_share"))
    name = short(split_node_path(rising["node_id"][0])[-1], most=36)
    change = f"“{name}” in {late} of its visits, up from {early}"
    steps = "One step needs" if rising.height == 1 else f"{rising.height} steps need"
    return f"{steps} healing more and more; {change}"
