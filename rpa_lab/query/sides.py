"""What is held against what: sides of a comparison, and the rows that each of them has of a table.

A side is rows with something in common, in a period: a workflow, a version, the robots of a host, a month. Sides that
differ by one column's value are read at once. Steps know nothing of their robot; their executions do, and say it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import polars as pl

from rpa_lab.errors import unknown_name
from rpa_lab.filters import filters_of, matching
from rpa_lab.measures import local_day
from rpa_lab.period import Span
from rpa_lab.schema import table_named
from rpa_lab.storage.store import TimeSeriesStore

__all__ = ["DAY", "GROUP", "Side", "rows_of"]

GROUP: Final = "_group"
"""The column that says which side a row is of, by its number."""

DAY: Final = "_day"
"""The column that says on which day of the zone it was."""

_LATER: Final = timedelta(days=2)  # how long after its execution began a step may


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side: its name, its period, and what its rows have in common (see `rpa_lab.filters.filters_of`).

    `column` is the column whose value is the side's name, where it is that by which the sides differ.
    """

    name: str
    span: Span
    filters: Mapping[str, Any] = field(default_factory=dict)
    column: str | None = None


def rows_of(store: TimeSeriesStore, sides: Sequence[Side], table: str, columns: Sequence[str]) -> pl.LazyFrame:
    """The rows of all sides.

    Parameters
    ----------
    store : TimeSeriesStore
        Where they are.
    sides : sequence of Side
        Which.
    table : str
        Of which table.
    columns : sequence of str
        Which columns, beside `GROUP` (the number of the side) and `DAY`.

    Returns
    -------
    LazyFrame
        One row per row of the table and side that has it.

    Raises
    ------
    UnknownNameError
        If neither the table nor its executions have a column that a side is told by.
    """
    first, wanted = sides[0], [*dict.fromkeys(columns)]
    alike = all((side.column, side.span, side.filters) == (first.column, first.span, first.filters) for side in sides)
    if first.column is not None and alike:
        numbers = pl.LazyFrame(
            {first.column: [side.name for side in sides], GROUP: range(len(sides))},
            schema={first.column: pl.String, GROUP: pl.Int64},
        )
        rows = _scan(store, table, first.span, [*wanted, first.column], first.filters)
        return rows.join(numbers, on=first.column, how="inner", validate="m:1").select(GROUP, DAY, *wanted)
    parts = [
        _scan(store, table, side.span, wanted, _told(side)).with_columns(pl.lit(number, pl.Int64).alias(GROUP))
        for number, side in enumerate(sides)
    ]
    return pl.concat([part.select(GROUP, DAY, *wanted) for part in parts])


def _told(side: Side) -> dict[str, Any]:
    return {**side.filters, **({side.column: side.name} if side.column else {})}


def _scan(
    store: TimeSeriesStore, table: str, span: Span, columns: Sequence[str], filters: Mapping[str, Any]
) -> pl.LazyFrame:
    """A table's rows, with what their executions know of them."""
    schema = table_named(table)
    names = list(dict.fromkeys([*columns, *filters]))
    borrowed = [name for name in names if name not in schema.readable]
    if borrowed and "execution_id" not in schema.readable:
        raise unknown_name(f"{table} has no column", borrowed[0], schema.readable)
    if borrowed and table == "executions":
        raise unknown_name("executions has no column", borrowed[0], schema.readable)
    own = [name for name in names if name not in borrowed]
    at = pl.coalesce(*schema.day_of)
    read = list(dict.fromkeys([*own, *schema.day_of, *(["execution_id"] if borrowed else [])]))
    rows = matching(
        store.scan(table, span, columns=read),
        filters_of(table, {name: wanted for name, wanted in filters.items() if name in own}),
        tz=span.tz,
    ).with_columns(local_day(at, tz=span.tz).alias(DAY))
    if not borrowed:
        return rows
    earlier = Span(span.start - _LATER, span.end, span.tz)
    runs = matching(
        store.scan("executions", earlier, columns=["execution_id", *borrowed]),
        filters_of("executions", {name: wanted for name, wanted in filters.items() if name in borrowed}),
        tz=span.tz,
    )
    return rows.join(runs, on="execution_id", how="inner", validate="m:1")
