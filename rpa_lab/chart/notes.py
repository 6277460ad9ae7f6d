"""Figures beside the rows of a chart, in a column of their own at its right, as wide as they need it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import altair as alt
    import polars as pl

__all__ = ["notes_beside"]


def notes_beside(rows: pl.DataFrame) -> alt.Chart:
    """A layer that draws nothing but the labels of a second axis of the same rows.

    It is laid over the layers of the rows with ``resolve_axis(y="independent")``: however narrow the page is, the plot
    gives way to the figures, not the figures to the plot.

    Parameters
    ----------
    rows : polars.DataFrame
        One row per row of the chart, in order: ``name``, on the chart's axis; ``note``, our own words; ``strong``,
        whether it is to stand out.

    Returns
    -------
    altair.Chart
    """
    import altair as alt

    last = max(rows.height - 1, 1)
    strong = [number for number, one in enumerate(rows["strong"]) if one]
    number = f"round(datum.index * {last})"
    axis = alt.Axis(
        orient="right",
        title=None,
        grid=False,
        labelExpr=f"{json.dumps(rows['note'].to_list())}[{number}]",
        labelOpacity={"condition": {"test": f"indexof({strong}, {number}) >= 0", "value": 1}, "value": 0.7},
        labelLimit=330,
        labelPadding=10,
    )
    y = alt.Y("name:N", sort=rows["name"].to_list(), axis=axis)
    nothing = alt.Chart(rows.select("name")).mark_point(opacity=0, tooltip=None)
    layer: alt.Chart = nothing.encode(y=y)
    return layer
