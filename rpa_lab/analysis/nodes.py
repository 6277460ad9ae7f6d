"""Where a workflow's time goes: its steps, grouped by node.

A step within a step is counted once: *self* time is a node's own time less that of its direct children. Of a `form`
that takes 10 s and holds a `submit` of 7 s, 3 s are the form's own; shares are shares of self time, and add up to 1.
Where steps of one execution run side by side, those within another may take longer than it together: then none of its
time is its own, and `overlaps` counts the executions in which that was so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from rpa_lab.errors import InputError, quote, unknown_name
from rpa_lab.measures import mean, quantile, total

__all__ = [
    "RANKINGS",
    "above_percentile",
    "beside_waiting",
    "recorded_parents",
    "self_time_by_run",
    "time_by_node",
]

RANKINGS: Final = ("mean_duration_ms", "p95_duration_ms", "total_duration_ms", "self_duration_ms", "execution_share")
"""By what bottlenecks can be ranked."""

_SEPARATOR = " > "
_ROUNDING_MS = 0.1  # durations are stored rounded to a microsecond, and a step may hold many
_COLUMNS = (
    "node_id",
    "action_type",
    "n",
    "failed",
    "mean_duration_ms",
    "p95_duration_ms",
    "total_duration_ms",
    "self_duration_ms",
    "share",
    "overlaps",
)


def time_by_node(steps: pl.LazyFrame) -> pl.LazyFrame:
    """Time by node, most self time first.

    Parameters
    ----------
    steps : LazyFrame
        One workflow's steps: execution_id, node_id, action_type, status, duration_ms. Skipped ones took no time and are
        left out.

    Returns
    -------
    LazyFrame
        One row per node: node_id, action_type (the most frequent), n, failed, mean_duration_ms, p95_duration_ms,
        total_duration_ms, self_duration_ms, share (fraction 0-1 of all self time; null where there is none), overlaps.

    Examples
    --------
    >>> steps = pl.LazyFrame(
    ...     {
    ...         "execution_id": ["e", "e"],
    ...         "node_id": ["form > submit", "form"],
    ...         "action_type": ["click", "fill"],
    ...         "status": ["completed", "completed"],
    ...         "duration_ms": [7.0, 10.0],
    ...     }
    ... )
    >>> time_by_node(steps).collect().select("node_id", "self_duration_ms", "share").rows()
    [('form > submit', 7.0, 0.7), ('form', 3.0, 0.3)]
    """
    ran = steps.filter(pl.col("status") != "skipped")
    nodes = ran.group_by("node_id").agg(
        action_type=pl.col("action_type").mode().sort().first(),
        n=pl.col("duration_ms").count().cast(pl.Int64),
        failed=(pl.col("status") == "failed").sum().cast(pl.Int64),
        mean_duration_ms=mean(),
        p95_duration_ms=quantile(0.95),
        total_duration_ms=total(),
    )
    every = total("self_duration_ms")
    return (
        nodes.join(_self_time(ran), on="node_id", how="left", validate="1:1")
        .with_columns(share=pl.when(every > 0).then(pl.col("self_duration_ms") / every))
        .select(*_COLUMNS)
        .sort("self_duration_ms", "node_id", descending=[True, False])
    )


def above_percentile(nodes: pl.LazyFrame, *, by: str, threshold_percentile: float) -> pl.LazyFrame:
    """The nodes whose value is at or above a quantile over nodes, largest first; at least the largest.

    Parameters
    ----------
    nodes : LazyFrame
        From `time_by_node`.
    by : str
        One of `RANKINGS`.
    threshold_percentile : float
        Fraction 0-1.

    Returns
    -------
    LazyFrame
        Rows of `nodes`; ties by node_id.

    Raises
    ------
    UnknownNameError
        If `by` is no ranking.
    InputError
        If the percentile isn't from 0 to 1.
    """
    if by not in RANKINGS:
        raise unknown_name("bottlenecks can't be ranked by", by, RANKINGS)
    if not isinstance(threshold_percentile, int | float) or not 0 <= threshold_percentile <= 1:
        raise InputError(f"threshold_percentile is {quote(threshold_percentile)}, expected a fraction from 0 to 1")
    value = pl.col(by)
    return nodes.filter((value >= quantile(threshold_percentile, by)) | (value == value.max())).sort(
        by, "node_id", descending=[True, False]
    )


def beside_waiting(nodes: pl.LazyFrame, *, waiting_share: float | None) -> pl.LazyFrame:
    """The nodes with what part of the executions' time each took.

    Parameters
    ----------
    nodes : LazyFrame
        From `time_by_node`.
    waiting_share : float, optional
        What part of the executions' time no step ran, fraction 0-1; None where that is unknown.

    Returns
    -------
    LazyFrame
        Rows of `nodes`, with execution_share (fraction 0-1: of the time in which some step ran, the node's `share`, so
        that with waiting they add up to 1; null where unknown) and waiting (false).

    Examples
    --------
    >>> nodes = pl.LazyFrame({"node_id": ["open", "submit"], "share": [0.25, 0.75]})
    >>> beside_waiting(nodes, waiting_share=0.2).collect()["execution_share"].round(3).to_list()
    [0.2, 0.6]
    """
    busy = pl.lit(None if waiting_share is None else 1 - waiting_share, pl.Float64)
    return nodes.with_columns(execution_share=pl.col("share") * busy, waiting=pl.lit(value=False))


def recorded_parents(nodes: pl.LazyFrame) -> pl.LazyFrame:
    """Of which nodes self time differs from own time: those recorded both themselves and with children.

    Parameters
    ----------
    nodes : LazyFrame
        workflow_id, node_id; any number of rows each.

    Returns
    -------
    LazyFrame
        workflow_id, node_id: the parents and their children.

    Examples
    --------
    >>> nodes = pl.LazyFrame({"workflow_id": ["w"] * 4, "node_id": ["form", "form > submit", "menu > open", "close"]})
    >>> recorded_parents(nodes).sort("node_id").collect()["node_id"].to_list()
    ['form', 'form > submit']
    """
    place = ["workflow_id", "node_id"]
    distinct = nodes.select(place).unique()
    children = distinct.filter(_is_within()).with_columns(_parent=_parent())
    inside = children.join(distinct, left_on=["workflow_id", "_parent"], right_on=place, how="semi")
    parents = inside.select("workflow_id", node_id="_parent")
    return pl.concat([parents, inside.select(place)]).unique()


def self_time_by_run(ran: pl.LazyFrame, *, run: str = "execution_id", also: Sequence[pl.Expr] = ()) -> pl.LazyFrame:
    """The self time of each node in each run.

    A child counts only against a parent that was recorded in the same run, with a duration: a run that was cut off has
    children whose parents never ended.

    Parameters
    ----------
    ran : LazyFrame
        Steps that weren't skipped: the column `run`, node_id, duration_ms.
    run : str
        The column that says which run.
    also : sequence of polars.Expr
        What else is to be known of the steps of each run and node: aggregates, with names of their own.

    Returns
    -------
    LazyFrame
        One row per run and node: run, node_id, self_duration_ms (never negative; null where no duration is known),
        overlap (whether its children took longer than it), and what was asked for besides.

    Examples
    --------
    >>> steps = pl.LazyFrame({"execution_id": ["e"] * 2, "node_id": ["f > g", "f"], "duration_ms": [7.0, 10.0]})
    >>> self_time_by_run(steps).sort("node_id").collect().rows()
    [('e', 'f', 3.0, False), ('e', 'f > g', 7.0, False)]
    """
    place = [run, "node_id"]
    spent = ran.group_by(place).agg(pl.when(pl.col("duration_ms").count() > 0).then(total()).alias("_own_ms"), *also)
    within = (
        spent.filter(_is_within())
        .select(run, _parent().alias("node_id"), "_own_ms")
        .group_by(place)
        .agg(_within_ms=total("_own_ms"))
    )
    own = pl.col("_own_ms") - pl.col("_within_ms").fill_null(0.0)
    named = [expression.meta.output_name() for expression in also]
    return spent.join(within, on=place, how="left", validate="1:1").select(
        *place,
        own.clip(lower_bound=0.0).alias("self_duration_ms"),
        (own < -_ROUNDING_MS).fill_null(value=False).alias("overlap"),
        *named,
    )


def _self_time(ran: pl.LazyFrame) -> pl.LazyFrame:
    """One row per node: node_id, self_duration_ms, overlaps."""
    return (
        self_time_by_run(ran)
        .group_by("node_id")
        .agg(self_duration_ms=total("self_duration_ms"), overlaps=pl.col("overlap").sum().cast(pl.Int64))
    )


def _is_within() -> pl.Expr:
    return pl.col("node_id").str.contains(_SEPARATOR, literal=True)


def _parent() -> pl.Expr:
    names = pl.col("node_id").str.split(_SEPARATOR)
    return names.list.head(names.list.len() - 1).list.join(_SEPARATOR)
