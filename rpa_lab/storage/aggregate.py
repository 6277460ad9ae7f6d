"""One number per group: a metric's aggregate over the rows of a span that meet some filters, in one lazy plan."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from rpa_lab.errors import InputError, quote, unknown_name
from rpa_lab.filters import Filters, filters_of, matching
from rpa_lab.measures import aggregation_named, rate_per_hour
from rpa_lab.period import Span
from rpa_lab.schema import table_named
from rpa_lab.storage.reading import Reading
from rpa_lab.storage.rows import listed, scan_rows

__all__ = ["aggregated"]


def aggregated(
    reading: Reading,
    metric: str,
    aggregation: str,
    span: Span,
    *,
    group_by: Sequence[str],
    filters: Filters | None,
    as_of: datetime,
    tz: str,
) -> pl.DataFrame:
    """One row per group, ordered: the group's columns, `value`, `n`; see `TimeSeriesStore.aggregate`.

    Parameters
    ----------
    reading : Reading
        What finds the files.
    metric : str
        ``"table.column"``, or a column of executions.
    aggregation : str
        As `rpa_lab.measures.aggregation_named` knows it.
    span : Span
        By the rows' own start.
    group_by : sequence of str
        Columns of the same table.
    filters : mapping, optional
        See `rpa_lab.filters.filters_of`.
    as_of : datetime
        What "now" is, for which running executions still live.
    tz : str
        The zone in which the filters' naive times are read.

    Returns
    -------
    DataFrame

    Raises
    ------
    UnknownNameError
        If there is no such table, column, operator or aggregation.
    InputError
        If the column has no such aggregate, or a filter's value is none that its column could have.
    """
    if not isinstance(metric, str):
        raise InputError(f"metric is {quote(metric)}, expected 'table.column' or a column of executions")
    table, _, name = metric.rpartition(".")
    schema, by = table_named(table or "executions"), listed(group_by)
    made_by = aggregation_named(aggregation)
    if name not in schema.readable:
        raise unknown_name(f"{schema.name} has no column", name, schema.readable)
    column = schema.readable[name]
    made_by.check(schema, column)
    only = filters_of(schema.name, filters)
    needed = list(dict.fromkeys([name, *by, *(each.column for each in only)]))
    hours = pl.lit(span.length / timedelta(hours=1))

    def grouped() -> pl.LazyFrame:
        rows = matching(scan_rows(reading, schema.name, span, as_of=as_of, columns=needed), only, tz=tz)
        value, n = made_by.value(schema, column), made_by.n(schema, column)
        if made_by.name == "rate_per_hour":
            value = rate_per_hour(n, hours)
        if not by:
            return rows.select(value=value, n=n)
        return rows.group_by(by).agg(value=value, n=n).sort(*by, nulls_last=True)

    return reading.collect(grouped)
