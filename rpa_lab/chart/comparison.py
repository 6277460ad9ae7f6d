"""Groups held against one of them: how far each differs, and how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from rpa_lab.chart.notes import notes_beside
from rpa_lab.chart.theme import COLOURS, empty, finish, short
from rpa_lab.chart.ticks import nice_ticks
from rpa_lab.column_names import heading
from rpa_lab.units import TimeUnit, count_text, duration_text, number_text, percent_text, time_unit

if TYPE_CHECKING:
    import altair as alt

__all__ = ["comparison_intervals"]


def comparison_intervals(
    table: pl.DataFrame,
    *,
    metric: str,
    by: str,
    against: str,
    unit: str = "ms",
    label: str = "",
    ratios: bool = False,
    most: int = 20,
) -> alt.LayerChart:
    """How far each group differs from the one that they are compared against, largest difference first.

    Parameters
    ----------
    table : polars.DataFrame
        `Comparison.table`: one row per metric and group with ``metric``, ``group``, ``value``, ``n``, ``days``,
        ``difference`` and ``ratio`` with their ``…_low`` and ``…_high``, ``q_value``, ``significant``.
    metric : str
        Which metric to draw.
    by : str
        What the groups are: ``"workflow"``, ``"workflow_version"``, ``"robot"``, ``"period"`` …
    against : str
        The group that they are compared against.
    unit : str
        Of the metric: ``"ms"``, ``"percent"`` (0-100; differences are percent points) or ``""``.
    label : str
        The metric in words; its own name where nothing is said.
    ratios : bool
        Whether to draw ratios in place of differences.
    most : int
        How many groups to draw.

    Returns
    -------
    altair.LayerChart

    Examples
    --------
    >>> table = pl.DataFrame(
    ...     {
    ...         "metric": ["mean_duration", "mean_duration"],
    ...         "group": ["2.3", "2.4"],
    ...         "value": [46e3, 57e3],
    ...         "n": [900, 880],
    ...         "days": [28, 28],
    ...         "difference": [0.0, 11e3],
    ...         "difference_low": [None, 9e3],
    ...         "difference_high": [None, 13e3],
    ...         "ratio": [1.0, 1.24],
    ...         "ratio_low": [None, 1.19],
    ...         "ratio_high": [None, 1.29],
    ...         "q_value": [None, 0.001],
    ...         "significant": [None, True],
    ...     }
    ... )
    >>> comparison_intervals(table, metric="mean_duration", by="workflow_version", against="2.3").title.text
    'Mean duration: “2.4” is 11 s above “2.3”'
    """
    import altair as alt

    name = label or heading(metric)
    what = "ratio" if ratios else "difference"
    of = table.filter(pl.col("metric") == metric)
    base_row = of.filter(pl.col("group") == against)
    others = of.filter(pl.col("group").ne_missing(against) & pl.col(what).is_not_null())
    subtitle = _subtitle(base_row, by, against, unit)
    if others.is_empty():
        return empty(title=f"{_capital(name)}: there is nothing to compare", subtitle=subtitle)
    size = (pl.col(what).log() if ratios else pl.col(what)).abs()
    ranked = others.sort(pl.col("significant").fill_null(value=False), size, "group", descending=[True, True, False])
    drawn, scaled = _rows(ranked.head(most), what, unit)
    zero = 1.0 if ratios else 0.0
    ends = pl.concat([drawn[column] for column in ("value", "low", "high")]).drop_nulls()
    least, largest = min(zero, float(ends.min())), max(zero, float(ends.max()))  # type: ignore[arg-type]
    width = (largest - least) or 1.0
    scale = alt.Scale(domain=[least - 0.04 * width, largest + 0.04 * width], nice=False, zero=False)
    axis = alt.Axis(
        title=_axis_title(name, against, unit, scaled, ratios=ratios),
        values=nice_ticks(least, largest),
        labelExpr="format(datum.value, '~f') + ' ×'"
        if ratios
        else "datum.value === 0 ? '0' : format(datum.value, '+~f')",
        titleAnchor="start",
    )
    labels = alt.Axis(title=None, labelLimit=330, labelOpacity=0.95, labelPadding=8, grid=False)
    base = alt.Chart(drawn).encode(
        y=alt.Y("name:N", sort=drawn["name"].to_list(), axis=labels, scale=alt.Scale(padding=0.3)),
        tooltip=[
            alt.Tooltip("group:N", title=by.replace("_", " ")),
            alt.Tooltip("own:N", title=name),
            alt.Tooltip("figure:N", title=what),
            alt.Tooltip("between:N", title="95 % interval"),
            alt.Tooltip("q:N", title="q (corrected p)"),
            alt.Tooltip("n:Q", title="n", format=",d"),
            alt.Tooltip("days:Q", title="days", format=",d"),
        ],
    )
    colour = alt.condition(alt.datum.strong, alt.value(COLOURS["strong"]), alt.value(COLOURS["data"]))
    pale = alt.condition(alt.datum.strong, alt.value(1.0), alt.value(0.55))
    x = alt.X("value:Q", axis=axis, scale=scale)
    line = base.transform_filter("datum.low != null").mark_rule()
    dots = [
        base.transform_filter(alt.datum.strong if strong else "!datum.strong")
        .mark_point(size=75, filled=strong, opacity=1, strokeWidth=2)
        .encode(x=x, color=colour)
        for strong in (True, False)
    ]
    layers = (
        base.mark_rule(opacity=0.55, color="currentColor").encode(
            x=alt.datum(zero, type="quantitative", axis=axis, scale=scale), y=alt.value(0), y2=alt.value("height")
        ),
        line.encode(
            x=alt.X("low:Q", axis=axis, scale=scale),
            x2="high:Q",
            color=colour,
            opacity=pale,
            strokeWidth=alt.condition(alt.datum.strong, alt.value(2.5), alt.value(1.5)),
        ),
        *dots,
    )
    hint = "line: 95 % interval · filled: holds after correction for the size of the table"
    left_out = f" · {ranked.height - drawn.height} more not drawn" if ranked.height > drawn.height else ""
    left: Any = alt.layer(*layers)
    chart = finish(
        left,
        notes_beside(drawn),
        title=_title(ranked, _capital(name), against, unit, what),
        subtitle=[subtitle, f"{hint}{left_out}"],
        height=max(28 * drawn.height, 60),
    )
    beside: alt.LayerChart = chart.resolve_axis(y="independent").properties(width=460)
    return beside


def _rows(ranked: pl.DataFrame, what: str, unit: str) -> tuple[pl.DataFrame, TimeUnit | None]:
    """One row per group to draw, and the unit of time of its figures."""
    columns = (what, f"{what}_low", f"{what}_high")
    values = ranked.select(columns)
    in_time = unit == "ms" and what == "difference"
    scaled = time_unit([abs(value) for row in values.rows() for value in row if value is not None]) if in_time else None
    by = scaled.ms if scaled else 1.0
    names: list[str] = []
    texts = []
    for group, own, n, days, value, low, high, q in ranked.select(
        "group", "value", "n", "days", *columns, "q_value"
    ).rows():
        name = again = short("not known" if group is None else str(group), most=40)
        while again in names:
            again = f"{name} ({sum(one == name or one.startswith(f'{name} (') for one in names) + 1})"
        names.append(again)
        between = "" if low is None or high is None else f"{_figure(low, by, what)} to {_figure(high, by, what)}"
        sign = "×" if what == "ratio" else scaled.symbol if scaled else "points" if unit == "percent" else ""
        figure = f"{_figure(value, by, what)} {sign}".strip()
        counted = f"n {n:,}" + ("" if days is None else f", {count_text(days, 'day')}")
        bounds = f" ({between})" if between else ""
        q_text = "" if q is None else "< 0.001" if q < 0.001 else f"{q:.3f}"
        texts.append((again, _own(own, unit), figure, between, q_text, f"{figure}{bounds} · {counted}"))
    schema = dict.fromkeys(("name", "own", "figure", "between", "q", "note"), pl.String)
    drawn = ranked.select(
        pl.col("group").fill_null("not known"),
        "n",
        "days",
        value=pl.col(columns[0]) / by,
        low=pl.col(columns[1]) / by,
        high=pl.col(columns[2]) / by,
        strong=pl.col("significant").fill_null(value=False),
    )
    return drawn.hstack(pl.DataFrame(texts, schema=schema, orient="row")), scaled


def _figure(value: float, by: float, what: str) -> str:
    if what == "ratio":
        return f"{value:.2f}"
    size = abs(value) / by
    text = f"{size:,.0f}" if size >= 100 else f"{size:.1f}" if size >= 10 else f"{size:.2f}"
    return f"{'+' if value > 0 else '−'}{text}" if float(text.replace(",", "")) else "0"


def _own(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    return (
        duration_text(value) if unit == "ms" else percent_text(value / 100) if unit == "percent" else number_text(value)
    )


def _subtitle(base_row: pl.DataFrame, by: str, against: str, unit: str) -> str:
    group = f"compared by {by.replace('_', ' ')} against “{short(against, most=36)}”"
    if base_row.is_empty():
        return group
    value, n, days = base_row.select("value", "n", "days").row(0)
    counted = f"n {n or 0:,}" + ("" if days is None else f" on {count_text(days, 'day')}")
    return f"{group}: {_own(value, unit)}, {counted}"


def _axis_title(name: str, against: str, unit: str, scaled: TimeUnit | None, *, ratios: bool) -> str:
    if ratios:
        return f"{name} ÷ that of “{short(against, most=30)}”"
    symbol = scaled.symbol if scaled else "percent points" if unit == "percent" else ""
    return f"{name} − that of “{short(against, most=30)}”{f' ({symbol})' if symbol else ''}"


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


def _title(ranked: pl.DataFrame, name: str, against: str, unit: str, what: str) -> str:
    sure = ranked.filter(pl.col("significant").fill_null(value=False))
    other = f"“{short(against, most=28)}”"
    if sure.is_empty():
        if ranked.height == 1:
            group = short(str(ranked["group"][0] or "not known"), most=28)
            return f"{name}: “{group}” and {other} don't differ surely"
        return f"{name}: none of {ranked.height:,} differs surely from {other}"
    group, value = sure.select("group", what).row(0)
    who = f"“{short(str(group or 'not known'), most=28)}”"
    if what == "ratio":
        said = f"{who} is {value:.2f} × {other}"
    else:
        far = abs(value)
        size = (
            duration_text(far)
            if unit == "ms"
            else f"{number_text(far)} {'points' if unit == 'percent' else ''}".strip()
        )
        said = f"{who} is {size} {'above' if value > 0 else 'below'} {other}"
    return (
        f"{name}: {said}"
        if ranked.height == 1
        else f"{name}: {said}; {sure.height:,} of {ranked.height:,} differ surely"
    )
