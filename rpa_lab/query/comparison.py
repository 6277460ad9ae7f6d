"""Several workflows by several metrics, each against the first workflow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import polars as pl

from rpa_lab.query.metric import Metric
from rpa_lab.result import Result

__all__ = ["Comparison", "against_first", "long"]

_ADDED_UP: Final = ("count", "sum", "rate_per_hour")  # over nothing these are 0, and everything else is unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison(Result):
    """Workflows compared: `table` has one row per metric and workflow, in the order in which these were given.

    metric, workflow_id, value, n (rows or values it is made of), difference (value less the first workflow's) and ratio
    (value by the first workflow's; null where that is 0). What is unknown is null.
    """

    _table: ClassVar[str | None] = "table"

    workflow_ids: tuple[str, ...]
    metrics: tuple[str, ...]
    time_period: str
    tz: str
    table: pl.DataFrame
    warnings: tuple[str, ...] = ()


def long(groups: pl.DataFrame, metric: Metric, *, name: str, workflow_ids: Sequence[str]) -> pl.DataFrame:
    """One metric of an answer by workflow: metric, workflow_id, value, n; those without any row are there as well."""
    nothing = 0.0 if metric.aggregation.name in _ADDED_UP else None
    values = groups.select("workflow_id", value=pl.col(metric.name).cast(pl.Float64), n=pl.col(metric.n_name))
    return (
        pl.DataFrame({"workflow_id": workflow_ids}, schema={"workflow_id": pl.String})
        .join(values, on="workflow_id", how="left", validate="1:1", maintain_order="left")
        .with_columns(value=pl.when(pl.col("n").is_null()).then(pl.lit(nothing)).otherwise("value"))
        .select(pl.lit(name).alias("metric"), "workflow_id", "value", pl.col("n").fill_null(0))
    )


def against_first(values: pl.LazyFrame, *, first: str) -> pl.LazyFrame:
    """The values with their difference and ratio to those of the first workflow.

    Parameters
    ----------
    values : LazyFrame
        metric, workflow_id, value, n: one row for each pair of metric and workflow.
    first : str
        The workflow that the others are held against.

    Returns
    -------
    LazyFrame
        The same rows in the same order, with `difference` and `ratio`.

    Examples
    --------
    >>> values = pl.LazyFrame({"metric": ["count"] * 2, "workflow_id": ["a", "b"], "value": [4.0, 6.0], "n": [4, 6]})
    >>> against_first(values, first="a").collect().select("difference", "ratio").rows()
    [(0.0, 1.0), (2.0, 1.5)]
    """
    base = values.filter(pl.col("workflow_id") == first).select("metric", _first="value")
    return (
        values.join(base, on="metric", how="left", validate="m:1", maintain_order="left")
        .with_columns(
            difference=pl.col("value") - pl.col("_first"),
            ratio=pl.when(pl.col("_first") != 0).then(pl.col("value") / pl.col("_first")),
        )
        .drop("_first")
    )
