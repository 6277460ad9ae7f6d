"""From a table's rows to the answer of a query: rows in order, or groups with their metrics. One lazy plan each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from rpa_lab.filters import matching
from rpa_lab.measures import rate_per_hour
from rpa_lab.period import Span
from rpa_lab.query.bins import BINS, START, begin, column_of, hours_in, label
from rpa_lab.query.query import Query
from rpa_lab.schema import Table, table_named

__all__ = ["RUNNING", "columns_read", "grouped", "in_order", "listed"]

RUNNING: Final = "_running"
"""A hidden column of answers over executions: how many of a group (of rows: whether this one) still run."""

_AT: Final = "_at"


def columns_read(query: Query) -> list[str]:
    """The columns that have to be read to answer a query."""
    schema = table_named(query.table)
    needed = [each.column for each in query.filters]
    if query.metrics:
        needed += [name for metric in query.measured for name in metric.columns]
        needed += [name for name in query.group_by if name not in BINS]
        needed += schema.day_of if _bins(query) else ()
    else:
        needed += [*query.answer, *_down(query.order), *_tie_breakers(schema)]
    needed += ["status"] if query.table == "executions" else []
    return list(dict.fromkeys(needed or [schema.time]))


def listed(rows: pl.LazyFrame, query: Query, *, tz: str) -> pl.LazyFrame:
    """The rows that a query without metrics asks for, in its order.

    Parameters
    ----------
    rows : LazyFrame
        The table's rows of the period, `columns_read` of them.
    query : Query
        What is asked.
    tz : str
        The zone in which naive times of its filters are read.

    Returns
    -------
    LazyFrame
        One row per row of the table: the columns of `query.answer`; of executions also `RUNNING`.
    """
    schema = table_named(query.table)
    found = matching(rows, query.filters, tz=tz)
    order = _down(query.order) or dict.fromkeys(_tie_breakers(schema), False)
    # what is equal in all of these looks the same in the answer
    found = _sorted(found, order, [*_tie_breakers(schema), *query.answer], query.limit)
    running = [_is_running()] if query.table == "executions" else []
    return found.select(*query.answer, *running)


def grouped(rows: pl.LazyFrame, query: Query, *, span: Span) -> pl.LazyFrame:
    """The groups that a query with metrics asks for, in its order.

    Parameters
    ----------
    rows : LazyFrame
        The table's rows of the period, `columns_read` of them.
    query : Query
        What is asked.
    span : Span
        The period, with the zone in which bins are meant and naive times are read.

    Returns
    -------
    LazyFrame
        One row per group, without groups one row in all: the columns of `query.answer`; of executions also `RUNNING`.
    """
    found = matching(rows, query.filters, tz=span.tz)
    bins = _bins(query)
    if bins:
        at = pl.coalesce(*table_named(query.table).day_of)
        found = found.with_columns(at.alias(_AT)).with_columns(
            **{column_of(name): label(name, pl.col(_AT), span=span) for name in bins}
        )
    measured = [metric for metric in query.measured if not metric.is_rate]
    made = {"n": pl.len().cast(pl.Int64)}
    made |= {metric.name: metric.value() for metric in measured}
    made |= {metric.n_name: metric.n() for metric in query.measured}
    if query.table == "executions":
        made[RUNNING] = (pl.col("status") == "running").sum().cast(pl.Int64)
    groups = list(query.groups)
    table = found.group_by(groups).agg(**made) if groups else found.select(**made)
    table = _with_rates(table, query, bins, span)
    if query.interval is not None:
        table = table.with_columns(begin(query.interval, pl.col(START), tz=span.tz).alias(START))
    running = [RUNNING] if query.table == "executions" else []
    return in_order(table, query).select(*query.answer, *running)


def in_order(groups: pl.LazyFrame, query: Query) -> pl.LazyFrame:
    """The groups in the order that a query asks for, equal ones by what they are groups of."""
    return _sorted(groups, _down(query.order), query.groups, None)


def _with_rates(table: pl.LazyFrame, query: Query, bins: Sequence[str], span: Span) -> pl.LazyFrame:
    rates = [metric for metric in query.measured if metric.is_rate]
    if not rates:
        return table
    if bins:
        table = table.join(
            hours_in(bins, span).lazy(), on=[column_of(name) for name in bins], how="left", validate="m:1"
        )
    else:
        table = table.with_columns(hours=pl.lit(span.length.total_seconds() / 3600))
    return table.with_columns(
        **{metric.name: rate_per_hour(pl.col(metric.n_name), pl.col("hours")) for metric in rates}
    )


def _sorted(rows: pl.LazyFrame, order: dict[str, bool], ties: Sequence[str], limit: int | None) -> pl.LazyFrame:
    """Rows in an order (column: whether from the greatest down), ties by the columns named after."""
    by = order | {name: False for name in ties if name not in order}
    if by:
        rows = rows.sort(*by, descending=list(by.values()), nulls_last=True)
    return rows if limit is None else rows.head(limit)


def _down(order: Sequence[str]) -> dict[str, bool]:
    return {name.removeprefix("-"): name.startswith("-") for name in order}


def _tie_breakers(schema: Table) -> list[str]:
    names = (schema.time, schema.key, "execution_id", "step_index")
    return [name for name in dict.fromkeys(names) if name and name in schema.readable]


def _bins(query: Query) -> list[str]:
    return [*([query.interval] if query.interval else []), *(name for name in query.group_by if name in BINS)]


def _is_running() -> pl.Expr:
    return (pl.col("status") == "running").cast(pl.Int64).alias(RUNNING)
