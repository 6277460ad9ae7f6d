"""Polars expressions with a meaning, each once: analysers, the engine and roll-ups all use these.

`aggregation_named` gives those that a question can name: ``"p95"`` is the 95th percentile. Each says of how many values
it is made. Over nothing a sum is 0 and everything else is null.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import polars as pl

from rpa_lab.errors import InputError, quote, unknown_name
from rpa_lab.schema import Column, Table

__all__ = [
    "AGGREGATIONS",
    "FINISHED",
    "NUMBERS",
    "Aggregation",
    "aggregation_named",
    "finished",
    "in_zone",
    "local_day",
    "local_times",
    "mean",
    "quantile",
    "rate_per_hour",
    "seen_at",
    "status_counts",
    "std",
    "success_rate",
    "total",
    "tried",
]

FINISHED: Final = ("completed", "failed", "cancelled", "abandoned")
"""The statuses of an execution that has ended, one way or another."""

AGGREGATIONS: Final = ("count", "sum", "avg", "min", "max", "median", "std", "success_rate", "rate_per_hour")
"""The aggregations by name, beside the percentiles: ``"p50"``, ``"p99.9"``, any above 0 and below 100."""

NUMBERS: Final = ("duration", "number", "count")
"""The kinds of columns that can be added up."""

_ALIASES: Final = {"mean": "avg"}
_PERCENTILE: Final = re.compile(r"p([0-9]{1,2}(?:\.[0-9])?)")
_SUCCESS: Final = {
    "executions": ("completed", FINISHED),
    "steps": ("completed", ("completed", "failed")),
    "recoveries": ("recovered", ("recovered", "failed")),
}
"""By table: which status is success, among which. A skipped step wasn't tried: it neither succeeded nor failed."""


@dataclass(frozen=True, slots=True)
class Aggregation:
    """What many values become: one number, or for ``min`` and ``max`` one of the values. See `aggregation_named`."""

    name: str
    fraction: float | None = None
    """Of a percentile: 0.95 of p95."""

    @property
    def of_rows(self) -> bool:
        """Whether it may be asked without a column, of the rows themselves."""
        return self.name in ("count", "success_rate", "rate_per_hour")

    def check(self, table: Table, column: Column | None) -> None:
        """Refuse what makes no sense: the average of texts, the success rate of samples.

        Raises
        ------
        InputError
            If the column (None: the rows) has no such thing; says of which it can be asked.
        """
        if self.name == "success_rate":
            if table.name not in _SUCCESS or column not in (None, table.readable["status"]):
                raise InputError(
                    f"success_rate is of the status of {', '.join(_SUCCESS)}, not of {_place(table, column)}"
                )
        elif column is None:
            if not self.of_rows:
                raise InputError(f"{self.name} is of a column, such as {self.name}({_example(table)})")
        elif self.name not in ("count", "min", "max", "rate_per_hour") and column.kind not in NUMBERS:
            numbers = [name for name, one in table.readable.items() if one.kind in NUMBERS]
            raise InputError(
                f"{_place(table, column)} ({column.kind}), expected a column of numbers for {self.name!r}: "
                f"{', '.join(numbers) or 'there is none'}"
            )

    def value(self, table: Table, column: Column | None) -> pl.Expr:
        """The aggregate; of ``rate_per_hour`` what has still to be divided by hours."""
        if column is None or self.name == "success_rate":
            return success_rate(table.name) if self.name == "success_rate" else pl.len().cast(pl.Int64)
        if self.fraction is not None:
            return quantile(self.fraction, column.name)
        values = pl.col(column.name)
        match self.name:
            case "sum" if column.kind == "count":  # an Int64 would wrap round; what doesn't fit into one is null
                return values.cast(pl.Int128).sum().cast(pl.Int64, strict=False)
            case "sum" if column.kind == "duration":
                return total(column.name)
            case "avg" if column.kind == "duration":
                return mean(column.name)
            case "sum":
                return values.sum()
            case "avg":
                return values.mean()
            case "min":
                return values.min()
            case "max":
                return values.max()
            case "std":
                return std(column.name)
            case _:
                return values.count().cast(pl.Int64)

    def n(self, table: Table, column: Column | None) -> pl.Expr:
        """How many rows or values it is made of."""
        if self.name == "success_rate":
            return tried(table.name).sum().cast(pl.Int64)
        return (pl.len() if column is None else pl.col(column.name).count()).cast(pl.Int64)


def aggregation_named(name: str) -> Aggregation:
    """The aggregation of that name.

    Parameters
    ----------
    name : str
        One of `AGGREGATIONS`, ``mean`` for avg, or a percentile, linearly interpolated: ``p95``, ``p99.9``. count, sum,
        avg … are of a column's values, those missing left out; std has ddof 1. count alone counts rows; success_rate is
        percent 0-100; rate_per_hour is rows (of a column: values) per hour of the period, or of the bin.

    Returns
    -------
    Aggregation

    Raises
    ------
    UnknownNameError
        If there is none; lists those that exist.

    Examples
    --------
    >>> aggregation_named("p99.9").fraction
    0.999
    >>> aggregation_named("mean").name
    'avg'
    """
    if not isinstance(name, str):
        raise InputError(f"aggregation is {quote(name)}, expected a name such as 'avg' or 'p95'")
    name = _ALIASES.get(name, name)
    if name == "median":
        return Aggregation("median", 0.5)
    if name in AGGREGATIONS:
        return Aggregation(name)
    found = _PERCENTILE.fullmatch(name)
    if found is None or not float(found[1]):
        known = (*AGGREGATIONS, *_ALIASES, "p50", "p90", "p95", "p99", "p99.9")
        raise unknown_name("there is no aggregation", name, known, most=len(known))
    percent = Decimal(found[1])
    return Aggregation(f"p{float(percent):g}", float(percent / 100))


def finished() -> pl.Expr:
    """Whether an execution has ended."""
    return pl.col("status").is_in(FINISHED)


def seen_at() -> pl.Expr:
    """When an execution, or a step, belongs in time: when it started; where nobody saw its start, when it ended."""
    return pl.coalesce("started_at", "completed_at")


def local_day(at: str | pl.Expr = "started_at", *, tz: str) -> pl.Expr:
    """The date that the calendar on the wall shows at a time.

    Parameters
    ----------
    at : str or polars.Expr
        A time with its zone.
    tz : str
        The zone in which days begin.

    Returns
    -------
    polars.Expr

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> late = pl.lit(datetime(2026, 11, 3, 23, 30, tzinfo=UTC))
    >>> pl.select(local_day(late, tz="Europe/Paris")).item()
    datetime.date(2026, 11, 4)
    """
    return _values(at).dt.convert_time_zone(tz).dt.date()


def local_times(rows: pl.DataFrame, *, tz: str) -> pl.DataFrame:
    """The same rows, their times shown in a zone.

    Parameters
    ----------
    rows : DataFrame
        Whatever times it has, in UTC.
    tz : str
        The zone.

    Returns
    -------
    DataFrame

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> rows = pl.DataFrame({"at": [datetime(2026, 11, 3, 23, 30, tzinfo=UTC)], "n": [1]})
    >>> local_times(rows, tz="Europe/Paris")["at"].dt.hour().item()
    0
    """
    times = [name for name, kind in rows.schema.items() if isinstance(kind, pl.Datetime)]
    return rows.with_columns(pl.col(times).dt.convert_time_zone(tz)) if times else rows


def in_zone(naive: pl.Expr, tz: str) -> pl.Expr:
    """Naive times read in a zone as `as_utc` reads them: of a repeated hour the first, a skipped one goes on."""
    read = naive.dt.replace_time_zone(tz, ambiguous="earliest", non_existent="null")
    day = pl.duration(days=1)
    as_the_day_before = (naive - day).dt.replace_time_zone(tz, ambiguous="earliest", non_existent="null") + day
    return pl.coalesce(read, as_the_day_before)


def tried(table: str = "executions") -> pl.Expr:
    """Whether a row can have succeeded: an execution that has ended, a step that wasn't skipped, any recovery."""
    return pl.col("status").is_in(_SUCCESS[table][1])


def success_rate(table: str = "executions") -> pl.Expr:
    """Completed executions, percent 0-100 of those that ended; null where none has.

    Parameters
    ----------
    table : str
        Of steps: completed ones, of those that weren't skipped. Of recoveries: those that healed their step.

    Returns
    -------
    polars.Expr

    Examples
    --------
    >>> pl.DataFrame({"status": ["completed", "failed", "running"]}).select(success_rate()).item()
    50.0
    """
    succeeded = (pl.col("status") == _SUCCESS[table][0]).sum().cast(pl.Float64)
    of = tried(table).sum()
    return pl.when(of > 0).then(succeeded / of * 100).alias("success_rate")


def rate_per_hour(n: pl.Expr, hours: pl.Expr) -> pl.Expr:
    """So many per hour; null where there was no time at all.

    Parameters
    ----------
    n : polars.Expr
        How many.
    hours : polars.Expr
        In how many hours, as they really passed: a day on which clocks change has 23 or 25.

    Returns
    -------
    polars.Expr

    Examples
    --------
    >>> pl.select(rate_per_hour(pl.lit(50), pl.lit(25.0))).item()
    2.0
    """
    return pl.when(hours > 0).then(n / hours)


def status_counts() -> list[pl.Expr]:
    """How many executions there are of each status, one column each."""
    return [(pl.col("status") == status).sum().cast(pl.Int64).alias(status) for status in (*FINISHED, "running")]


def quantile(q: float, column: str = "duration_ms") -> pl.Expr:
    """A quantile, linearly interpolated between order statistics (type 7, NumPy's default).

    Parameters
    ----------
    q : float
        Fraction 0-1.
    column : str
        Of which column; nulls are left out.

    Returns
    -------
    polars.Expr

    Examples
    --------
    >>> pl.DataFrame({"duration_ms": [1.0, 2.0, 4.0]}).select(quantile(0.75)).item()
    3.0

    References
    ----------
    Hyndman and Fan (1996), doi:10.1080/00031305.1996.10473566
    """
    return pl.col(column).quantile(q, interpolation="linear")


def total(column: str | pl.Expr = "duration_ms") -> pl.Expr:
    """The sum of durations (ms), exact in the microseconds in which they are stored.

    Numbers with a point add up to something a little different in every order; whole ones don't, so that neither the
    order of rows nor the number of threads shows, to the bit. The same is true of `mean`.

    Examples
    --------
    >>> pl.DataFrame({"duration_ms": [0.1] * 10}).select(total()).item()
    1.0
    """
    return _microseconds(_values(column)).sum() / 1_000


def mean(column: str | pl.Expr = "duration_ms") -> pl.Expr:
    """The mean of durations (ms), as exact as `total`; null over none."""
    values = _values(column)
    return pl.when(values.count() > 0).then(total(values) / values.count())


def std(column: str = "duration_ms") -> pl.Expr:
    """The sample standard deviation (ddof = 1); null for fewer than two values. Its last bits depend on rows' order."""
    return pl.col(column).std(ddof=1)


def _values(column: str | pl.Expr) -> pl.Expr:
    return pl.col(column) if isinstance(column, str) else column


def _microseconds(durations: pl.Expr) -> pl.Expr:
    return (durations * 1_000).round().cast(pl.Int64)  # an Int64 holds 292,000 years of them


def _place(table: Table, column: Column | None) -> str:
    return f"the rows of {table.name}" if column is None else f"{table.name}.{column.name}"


def _example(table: Table) -> str:
    numbers = [name for name, column in table.readable.items() if column.kind in NUMBERS]
    return numbers[0] if numbers else table.time
