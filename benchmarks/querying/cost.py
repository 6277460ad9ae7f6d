"""What an answer costs as the data grows: a small table, and its chart."""

from __future__ import annotations

from pathlib import Path

import altair as alt
import polars as pl

__all__ = ["draw"]

_COLOURS = {"DuckDB, exact": "#8a8f98", "rpa_lab, exact": "#1f5fbf", "rpa_lab, approximate (0.8 %)": "#e07b00"}


def draw(costs: pl.DataFrame, path: Path) -> None:
    """Draw how seconds grow with data, as SVG or PNG by the path's ending.

    `costs` has one row per engine and size: engine, months, steps, seconds.
    """
    sizes = sorted(costs["months"].unique())
    x = alt.X(
        "months:Q",
        title="Data, months (7.5 million steps each)",
        axis=alt.Axis(values=sizes, grid=False),
        scale=alt.Scale(domain=[0, sizes[-1]]),
    )
    y = alt.Y("seconds:Q", title="Time to answer, seconds", scale=alt.Scale(domainMin=0, nice=True))
    engines = alt.Scale(domain=list(_COLOURS), range=list(_COLOURS.values()))
    colour = alt.Color("engine:N", scale=engines, legend=None)
    base = alt.Chart(costs.to_arrow()).encode(x=x, y=y, color=colour)
    lines = base.mark_line(strokeWidth=2.5) + base.mark_point(filled=True, size=60, opacity=1)
    label = pl.format("{}: {} s", "engine", pl.col("seconds").round_sig_figs(2))
    last = costs.filter(pl.col("months") == sizes[-1]).with_columns(label=label)
    named = alt.Chart(last.to_arrow()).encode(x=x, y=y, color=colour, text="label:N")
    names = named.mark_text(align="left", dx=10, fontSize=12, fontWeight="bold")
    title = alt.TitleParams(
        "Time to answer as data grows",
        subtitle=[
            "n, mean, standard deviation, median, p95 and p99 of step durations for each of 50 workflows;",
            "the same Parquet files, warm, two cores, best of several",
        ],
        anchor="start",
        fontSize=17,
        subtitleFontSize=12,
        subtitleColor="#555",
        subtitlePadding=6,
        offset=18,
    )
    chart = (lines + names).properties(width=480, height=300, title=title, padding=16)
    chart = chart.configure(font="Helvetica, Arial, sans-serif", background="white").configure_view(stroke=None)
    look = {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "titlePadding": 10}
    chart = chart.configure_axis(**look, gridColor="#ececec", domain=False, ticks=False, labelPadding=6)
    chart.save(str(path), scale_factor=2)
