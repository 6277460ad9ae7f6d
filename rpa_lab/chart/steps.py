"""Where the time goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from rpa_lab.chart.theme import COLOURS, empty, finish, short
from rpa_lab.records import split_node_path
from rpa_lab.units import count_text, duration_text, percent_text

if TYPE_CHECKING:
    import altair as alt

__all__ = ["slowest_steps"]


def slowest_steps(nodes: pl.DataFrame, *, workflow_id: str, most: int = 12) -> alt.LayerChart:
    """The nodes of a workflow that take most of its time, longest first, each with its share, mean and n.

    Parameters
    ----------
    nodes : polars.DataFrame
        `PerformanceStats.slowest_steps`: one row per node with ``node_id``, ``n``, ``mean_duration_ms``,
        ``p95_duration_ms``, ``total_duration_ms`` and ``share`` (fraction 0-1 of the self time of all steps, also of
        those that are not in the frame).
    workflow_id : str
        Whose steps they are.
    most : int
        How many nodes to draw; the subtitle says what share of the time is left out.

    Returns
    -------
    altair.LayerChart

    Examples
    --------
    >>> nodes = pl.DataFrame(
    ...     {
    ...         "node_id": ["login", "export"],
    ...         "n": [10, 10],
    ...         "mean_duration_ms": [400.0, 1_200.0],
    ...         "p95_duration_ms": [500.0, 2_000.0],
    ...         "total_duration_ms": [4e3, 12e3],
    ...         "share": [0.25, 0.75],
    ...     }
    ... )
    >>> slowest_steps(nodes, workflow_id="invoices").title.text
    'One step, “export”, takes 75 % of the time'
    """
    import altair as alt

    ranked = nodes.filter(pl.col("share").is_not_null()).sort("share", "node_id", descending=[True, False])
    if ranked.is_empty():
        return empty(title=_title(ranked), subtitle=short(workflow_id))
    drawn = _labelled(ranked.head(most))
    axis = alt.Axis(title=None, labelLimit=330, labelOpacity=0.95, labelPadding=8, grid=False)
    base = alt.Chart(drawn).encode(
        y=alt.Y("step:N", sort=drawn["step"].to_list(), axis=axis, scale=alt.Scale(paddingInner=0.35)),
        tooltip=[
            alt.Tooltip("node_id:N", title="step"),
            alt.Tooltip("percent:N", title="share of step time"),
            alt.Tooltip("n:Q", title="times run", format=",d"),
            alt.Tooltip("mean:N", title="mean"),
            alt.Tooltip("p95:N", title="95th percentile"),
            alt.Tooltip("total:N", title="in all"),
        ],
    )
    top = float(drawn["share"][0]) or 1.0
    x = alt.X("share:Q", axis=None, scale=alt.Scale(domain=[0, top * 1.5], nice=False))
    bars = base.mark_bar(color=COLOURS["data"]).encode(x=x)
    text = base.mark_text(align="left", dx=6).encode(x=x, text="note:N")
    counted = count_text(int(drawn["n"].sum()), "step")
    rest = 1 - float(drawn["share"].sum())
    others = f"; all others take {percent_text(rest)}" if rest > 0.0005 else ""
    subtitle = f"{short(workflow_id)} · {counted} · share of the self time of all steps{others}"
    return finish(bars, text, title=_title(ranked), subtitle=subtitle, height=max(26 * drawn.height, 60))


def _labelled(nodes: pl.DataFrame) -> pl.DataFrame:
    """One row per node to draw: step (a short name, no two alike), note, the texts of the tooltip."""
    names: list[str] = []
    for node_id in nodes["node_id"]:
        name = again = _name(node_id)
        count = 1
        while again in names:
            count += 1
            again = f"{name} ({count})"
        names.append(again)
    rows = nodes.select("share", "n", "mean_duration_ms", "p95_duration_ms", "total_duration_ms").rows()
    shown = pl.DataFrame(
        [(percent_text(share), f"{n:,}", *map(duration_text, durations)) for share, n, *durations in rows],
        schema=dict.fromkeys(("percent", "count", "mean", "p95", "total"), pl.String),
        orient="row",
    )
    return (
        nodes.select("node_id", "n", "share")
        .hstack(shown)
        .with_columns(
            step=pl.Series(names, dtype=pl.String),
            note=pl.format("{} · mean {} · n {}", "percent", "mean", "count"),
        )
    )


def _name(node_id: str) -> str:
    """The innermost name of a node's path, with as much of what it is part of as fits."""
    return short(" › ".join(split_node_path(node_id)[-2:]), most=46)


def _title(ranked: pl.DataFrame) -> str:
    if ranked.is_empty() or not ranked["share"].sum():
        return "No time was spent in steps"
    first = float(ranked["share"][0])
    name = short(split_node_path(ranked["node_id"][0])[-1], most=36)
    if first >= 0.5 or ranked.height < 4:
        return f"One step, “{name}”, takes {percent_text(first)} of the time"
    half = min(int((ranked["share"].cum_sum() < 0.5).sum()) + 1, ranked.height)
    part = percent_text(float(ranked["share"].head(half).sum()))
    if half > 5:
        return f"The time is spread widely: {half} steps make up {part}, “{name}” leads with {percent_text(first)}"
    return f"{_NUMBERS[half]} steps take {part} of the time; “{name}” alone takes {percent_text(first)}"


_NUMBERS = {2: "Two", 3: "Three", 4: "Four", 5: "Five"}
