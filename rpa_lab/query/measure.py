"""What a comparison measures of each side: a query's metric, of all rows or of those that ended in one way.

``"p95"`` is that of all that finished; ``"p95 of completed"`` leaves out runs that failed, since failing early isn't
faster.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from rpa_lab.errors import InputError, quote, unknown_name
from rpa_lab.query.metric import Metric, metric_of, table_of

__all__ = ["Measure", "measure_of"]

_OF: Final = re.compile(r"(.+?)\s+of\s+(\w+)\s*")
_ROWS: Final = {"executions": "runs", "resources": "samples"}
_WORDS: Final = {
    "avg": "mean {}",
    "median": "median {}",
    "p50": "median {}",
    "sum": "total {}",
    "std": "spread of {}",
    "min": "least {}",
    "max": "greatest {}",
    "count": "number",
    "rate_per_hour": "number per hour",
}
_TOTALS: Final = ("count", "sum", "rate_per_hour")


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric as it was asked for, and the status that its rows must have (None: any)."""

    name: str
    metric: Metric
    status: str | None

    @property
    def kind(self) -> Literal["mean", "rate", "quantile", "total", "extreme"]:
        """How far it can be trusted is told by this."""
        aggregation = self.metric.aggregation
        if aggregation.name in _TOTALS:
            return "total"
        if aggregation.name == "success_rate":
            return "rate"
        if aggregation.fraction is not None:
            return "quantile"
        return "extreme" if aggregation.name in ("min", "max") else "mean"

    @property
    def unit(self) -> str:
        """Of its values: ms, percent, per h, or empty."""
        if self.metric.aggregation.name == "rate_per_hour":
            return "per h"
        if self.kind == "rate":
            return "percent"
        column = self.metric.column
        is_time = column is not None and column.kind == "duration" and self.metric.aggregation.name != "count"
        return "ms" if is_time else ""

    @property
    def words(self) -> str:
        """What it is, for people: mean duration of completed runs."""
        name, column = self.metric.aggregation.name, self.metric.column
        rows = " ".join(filter(None, (self.status, _ROWS.get(self.metric.table.name, self.metric.table.name))))
        if self.kind == "rate":
            return f"success rate of {rows}"
        of = "" if column is None else column.name.removesuffix("_ms").replace("_", " ")
        what = _WORDS.get(name, f"{name} {{}}").format(of).strip()
        return f"{what} of {rows}"

    @property
    def sample(self) -> tuple[str, str, str | None] | None:
        """Of which values it is: table, column, status; None where it counts rows."""
        if self.metric.column is None or self.metric.aggregation.name in ("count", "rate_per_hour"):
            return None
        return self.metric.table.name, self.metric.column.name, self.status


def measure_of(text: str, *, table: str = "executions") -> Measure:
    """The measure that a word means.

    Parameters
    ----------
    text : str
        A metric as for `rpa_lab.query.query.Query.of`, with ``of`` and a status after it where only such rows are
        meant: ``"p95"``, ``"avg(steps.retry_count)"``, ``"p95 of completed"``.
    table : str
        Of which table's rows where it doesn't say.

    Returns
    -------
    Measure

    Raises
    ------
    UnknownNameError
        If there is no such aggregation, column or status.
    InputError
        If it is no metric, or no number.

    Examples
    --------
    >>> measure_of("p95 of completed").words, measure_of("count", table="steps").words
    ('p95 duration of completed runs', 'number of steps')
    """
    found = _OF.fullmatch(text) if isinstance(text, str) else None
    said, status = (found[1], found[2]) if found else (text, None)
    of_table = table_of(said, otherwise=table)
    metric = metric_of(said, table=of_table)
    if not metric.is_number:
        raise InputError(f"metric {quote(text)} is no number, expected some that can be compared")
    if status is not None and status not in metric.table.statuses:
        raise unknown_name(f"{of_table} have no status", status, metric.table.statuses)
    return Measure(text, metric, status)
