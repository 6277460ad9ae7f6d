"""Several groups by several metrics, each held against one of them: what differs, by how much, and how surely.

Differences and ratios are arithmetic: of a p95 of 12 s and one of 10 s they are 2 s and 1.2. Whether days alone would
make them is said beside: by an interval, and by a p-value that is corrected for how many differences are looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final

import polars as pl

from rpa_lab.inference.shift import LEAST_A_SIDE
from rpa_lab.query.measure import measure_of
from rpa_lab.readable import figure_text
from rpa_lab.result import Result
from rpa_lab.units import count_text, percent_text

__all__ = ["COLUMNS", "Comparison", "against_first", "corrected"]

COLUMNS: Final = (
    *("metric", "group", "value", "n", "days", "difference", "difference_low", "difference_high"),
    *("ratio", "ratio_low", "ratio_high", "effect", "effect_low", "effect_high"),
    *("p_value", "q_value", "significant", "basis", "unit"),
)
"""Of a comparison's table; see `Comparison`."""

_TOLD: Final = 3
_OF_STEPS: Final = ("step", "action", "application", "node_id", "action_type", "target_element")
"""By what groups are of steps, so that a metric without a table is of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison(Result):
    """Groups compared: one row of `table` per metric and group, the group `against` which the others are held first.

    Attributes
    ----------
    by : str
        What makes a group: workflow, robot, period …
    groups : tuple of str
        In the order of the table.
    metrics : tuple of str
        As they were asked.
    against : str
        The group that the others are held against.
    time_period : str
        Half-open UTC bounds of all groups together.
    tz : str
        The zone whose days are meant.
    level : float
        Nominal coverage of the intervals; 1 - level is the false discovery rate. Fraction 0-1.
    counted : str
        Which rows the metrics are of.
    table : DataFrame
        metric, group, value and n (as a query gives them), days (on which the group ran); difference and ratio to the
        group compared against; effect (Cliff's delta: of values, of totals of days; of rates Cohen's h), each with _low
        and _high; p_value (two-sided, days exchanged), q_value (corrected by Benjamini and Hochberg over the whole
        table), significant (q ≤ 1 - level; null where undecided), basis ("days", "these runs only") of the intervals,
        and unit of values and differences (ms, percent, per h). What is unknown is null.
    warnings : tuple of str
        What makes it doubtful.
    """

    _table: ClassVar[str | None] = "table"

    by: str
    groups: tuple[str, ...]
    metrics: tuple[str, ...]
    against: str
    time_period: str
    tz: str
    level: float
    counted: str
    table: pl.DataFrame
    warnings: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What it says, in some sentences: how many differences are sure, and the surest, of these the largest ones."""
        known = self.table.filter(pl.col("group") != self.against, pl.col("q_value").is_not_null())
        undecided = self.table.height - len(self.metrics) - known.height
        tail = f" Undecided: {undecided:,}, of which too little is known." if undecided else ""
        if known.is_empty():
            return self._unknown()
        ratio = pl.when(pl.col("ratio") > 0).then(pl.col("ratio").log().abs())
        found = known.filter("significant").with_columns(effect_size=pl.col("effect").abs(), size=ratio)
        order = ["q_value", "effect_size", "size", "metric", "group"]
        found = found.sort(order, descending=[False, True, True, False, False], nulls_last=True)
        if found.is_empty():
            return (
                f"Nothing differs from {self.against} by more than chance explains "
                f"({count_text(known.height, 'difference')} looked at, {self.level * 100:g} %).{tail}"
            )
        base = dict(self.table.filter(group=self.against).select("metric", "value").iter_rows())
        table = self._of
        said = "; ".join(
            _told(
                row | {"words": measure_of(row["metric"], table=table).words},
                base[row["metric"]],
                against=self.against,
                level=self.level,
            )
            for row in found.head(_TOLD).to_dicts()
        )
        of = f"{found.height:,} of {count_text(known.height, 'difference')} from {self.against}"
        are = "is" if found.height == 1 else "are"
        surest = "" if found.height == 1 else "surest: " if found.height > _TOLD else ""
        return f"{of} {are} more than chance explains ({self.level * 100:g} %): {surest}{said}.{tail}"

    def __str__(self) -> str:
        return self.sentence

    @property
    def _of(self) -> str:
        """Of which table a metric is that doesn't say."""
        return "steps" if self.by in _OF_STEPS else "executions"

    def _unknown(self) -> str:
        """Why no difference has a p-value."""
        if not self.table["value"].count():
            return f"There is nothing to compare: no group has a value of {', '.join(self.metrics)}."
        empty = self.table.group_by("group", maintain_order=True).agg(pl.col("value").count())
        without = empty.filter(pl.col("value") == 0)["group"].to_list()
        if self.against in without:
            return f"Nothing can be held against {self.against}: it has no values."
        if len(without) == len(self.groups) - 1:
            return f"Only {self.against} has values: there is nothing to hold against it."
        if all(measure_of(metric, table=self._of).kind == "extreme" for metric in self.metrics):
            differ = "differs" if len(self.metrics) == 1 else "differ"
            return (
                f"Whether {', '.join(self.metrics)} {differ} by more than chance can't be told: days don't say how far "
                "a smallest or a greatest value can be trusted."
            )
        ends = self.table.select(least=pl.col("days").min(), most=pl.col("days").max()).row(0)
        days = dict.fromkeys(f"{end:,}" for end in ends)
        return (
            f"Whether anything differs from {self.against} can't be told: {LEAST_A_SIDE} days with runs a side are "
            f"needed, and there are {' to '.join(days)}."
        )


def against_first(values: pl.LazyFrame, *, first: str) -> pl.LazyFrame:
    """The values with their difference and ratio to those of the group compared against.

    Parameters
    ----------
    values : LazyFrame
        metric, group, value: one row for each pair of metric and group.
    first : str
        The group that the others are held against.

    Returns
    -------
    LazyFrame
        The same rows in the same order, with `difference` and `ratio` (null where the first one's value is 0).

    Examples
    --------
    >>> values = pl.LazyFrame({"metric": ["count"] * 2, "group": ["a", "b"], "value": [4.0, 6.0], "n": [4, 6]})
    >>> against_first(values, first="a").collect().select("difference", "ratio").rows()
    [(0.0, 1.0), (2.0, 1.5)]
    """
    base = values.filter(pl.col("group") == first).select("metric", _first="value")
    return (
        values.join(base, on="metric", how="left", validate="m:1", maintain_order="left")
        .with_columns(
            difference=pl.col("value") - pl.col("_first"),
            ratio=pl.when(pl.col("_first") != 0).then(pl.col("value") / pl.col("_first")),
        )
        .drop("_first")
    )


def corrected(table: pl.DataFrame, *, level: float) -> pl.DataFrame:
    """The table with q_value and significant: of all p-values in it, however many metrics and groups they are of.

    Parameters
    ----------
    table : DataFrame
        With p_value, null where there is none.
    level : float
        1 less the false discovery rate, fraction 0-1.

    Returns
    -------
    DataFrame

    Examples
    --------
    >>> corrected(pl.DataFrame({"p_value": [0.01, None, 0.04, 0.03]}), level=0.95)["q_value"].round(3).to_list()
    [0.03, None, 0.04, 0.04]

    References
    ----------
    Benjamini and Hochberg (1995), doi:10.1111/j.2517-6161.1995.tb02031.x
    """
    from scipy.stats import false_discovery_control

    known = table["p_value"].is_not_null()
    q_value = pl.Series("q_value", [None] * table.height, dtype=pl.Float64)
    if known.any():
        found = false_discovery_control(table["p_value"].filter(known).to_numpy())
        q_value = q_value.scatter(known.arg_true(), pl.Series(found, dtype=pl.Float64))
    return table.with_columns(q_value, significant=q_value <= 1 - level)


def _told(row: dict[str, Any], base: float, *, against: str, level: float) -> str:
    """One finding: "p95 duration of runs: vm-2 is 21 % above vm-1 (12.6 s against 10.4 s; 95 %: 12 to 30 %)"."""
    difference, unit = row["difference"], row["unit"]
    above = "above" if difference > 0 else "below"
    figures = f"{figure_text(row['value'], unit)} against {figure_text(base, unit)}"
    low, high = row["ratio_low"], row["ratio_high"]
    in_points = unit == "percent" or row["ratio"] is None or row["ratio"] <= 0
    if in_points:
        by = figure_text(abs(difference), "points" if unit == "percent" else unit)
        low, high = row["difference_low"], row["difference_high"]
    else:
        by = percent_text(abs(row["ratio"] - 1))
    if low is None:
        between = ""
    elif in_points:
        ends = [figure_text(end, "points" if unit == "percent" else unit) for end in (low, high)]
        between = f"; {level * 100:g} %: {ends[0]} to {ends[1]}"
    else:
        between = f"; {level * 100:g} %: {percent_text(low - 1)} to {percent_text(high - 1)}"
    return f"{row['words']}: {row['group']} is {by} {above} {against} ({figures}{between})"
