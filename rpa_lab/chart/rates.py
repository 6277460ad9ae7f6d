"""How often workflows succeed, in the end and at the first attempt, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from rpa_lab.chart.theme import COLOURS, empty, finish, short
from rpa_lab.readable import bases_text
from rpa_lab.units import count_text, percent_text

if TYPE_CHECKING:
    import altair as alt

__all__ = ["success_rates"]

_FEW = 20


def success_rates(groups: pl.DataFrame, *, of: str = "workflow_id", most: int = 20) -> alt.LayerChart:
    """Success rates with their intervals, lowest first, and the first-attempt rates beside them.

    Groups of fewer than 20 runs come last: the title speaks of them only where there are no others.

    Parameters
    ----------
    groups : polars.DataFrame
        `ReliabilityAnalyzer.breakdown`: one row per group with ``ended``, ``success_rate``, ``success_low``,
        ``success_high``, ``success_basis``, ``first_attempt_rate`` (percent 0-100) and the column `of`.
    of : str
        The column that names a group.
    most : int
        How many groups to draw: those with the lowest rates.

    Returns
    -------
    altair.LayerChart

    Examples
    --------
    >>> groups = pl.DataFrame(
    ...     {
    ...         "workflow_id": ["a", "b"],
    ...         "ended": [200, 100],
    ...         "success_rate": [99.0, 91.0],
    ...         "success_low": [96.4, 83.8],
    ...         "success_high": [99.7, 95.2],
    ...         "success_basis": ["days", "these runs only"],
    ...         "first_attempt_rate": [95.0, 80.0],
    ...     }
    ... )
    >>> success_rates(groups).title.text
    '“b” succeeds least often: 91.0 % of 100 runs'
    """
    import altair as alt

    few = pl.col("ended") < _FEW  # one failed run of one is no finding
    known = groups.filter(pl.col("success_rate").is_not_null()).sort(few, "success_rate", "ended", of)
    n = int(known["ended"].sum())
    if known.is_empty():
        return empty(title="No run has ended", subtitle="0 runs that ended")
    about = bases_text(known["success_basis"])
    subtitle = f"{count_text(n, 'run')} that ended · line: 95 % interval, {about} · hollow: first attempt"
    drawn = _labelled(known.head(most), of)
    least = float(min(drawn["success_low"].min(), drawn["first_attempt_rate"].min()))  # type: ignore[type-var, arg-type]
    scale = alt.Scale(domain=[max(0.0, least - 3), 100], nice=False)
    axis = alt.Axis(title="percent of the runs that ended", tickCount=6)
    names = alt.Axis(title=None, labelLimit=330, labelOpacity=0.95, labelPadding=8, grid=False)
    base = alt.Chart(drawn).encode(
        y=alt.Y("name:N", sort=drawn["name"].to_list(), axis=names),
        tooltip=[
            alt.Tooltip("name:N", title="runs of"),
            alt.Tooltip("ended:Q", title="runs that ended", format=",d"),
            alt.Tooltip("rate:N", title="success rate"),
            alt.Tooltip("between:N", title="95 % interval"),
            alt.Tooltip("first:N", title="at the first attempt"),
        ],
    )
    x = alt.X("success_rate:Q", axis=axis, scale=scale)
    line = base.mark_rule(strokeWidth=2, opacity=0.5, color=COLOURS["data"])
    layers = (
        line.encode(x=alt.X("success_low:Q", axis=axis, scale=scale), x2="success_high:Q"),
        base.mark_point(filled=False, size=60, opacity=1, color=COLOURS["data"]).encode(
            x=alt.X("first_attempt_rate:Q", axis=axis, scale=scale)
        ),
        base.mark_point(filled=True, size=80, opacity=1, color=COLOURS["data"]).encode(x=x),
    )
    return finish(*layers, title=_title(known, of), subtitle=subtitle, height=max(26 * drawn.height, 60))


def _labelled(groups: pl.DataFrame, of: str) -> pl.DataFrame:
    names: list[str] = []
    for value in groups[of]:
        name = short("not known" if value is None else value, most=46)
        names.append(name if name not in names else f"{name} ({names.count(name) + 1})")
    columns = ("ended", "success_rate", "success_low", "success_high", "first_attempt_rate")
    texts = [
        (percent_text(rate / 100), f"{low:.1f} to {high:.1f} %", percent_text(first / 100))
        for _, rate, low, high, first in groups.select(columns).rows()
    ]
    schema = dict.fromkeys(("rate", "between", "first"), pl.String)
    return (
        groups.select(columns)
        .hstack(pl.DataFrame(texts, schema=schema, orient="row"))
        .with_columns(name=pl.Series(names, dtype=pl.String))
    )


def _title(known: pl.DataFrame, of: str) -> str:
    name, rate, ended = known.select(of, "success_rate", "ended").row(0)
    what = f"“{short(name, most=36)}”" if name is not None else "What is not known"
    share = f"{percent_text(rate / 100)} of {count_text(ended, 'run')}"
    if known.height == 1:
        return f"{what} succeeds in {share}"
    if known["success_rate"].n_unique() == 1:
        return f"All succeed equally often: {percent_text(rate / 100)}"
    return f"{what} succeeds least often: {share}"
