"""What a query asks of each group of rows, as a word: ``"count"``, ``"p95"``, ``"avg(retry_count)"``.

The grammar is an aggregation, and in brackets the column that it is of: ``aggregation(column)``. Without brackets
count, success_rate and rate_per_hour are of the rows, everything else of ``duration_ms``. A column may bear its table,
``p95(steps.duration_ms)``. Nothing else is understood: there are no operators, and nothing is evaluated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import polars as pl

from rpa_lab.errors import InputError, quote, unknown_name
from rpa_lab.measures import NUMBERS, Aggregation, aggregation_named
from rpa_lab.schema import Column, Table, table_named

__all__ = ["Metric", "metric_of", "table_of"]

_GRAMMAR: Final = re.compile(r"\s*([\w.]+)\s*(?:\(\s*(?:(\w+)\.)?(\w+)\s*\))?\s*")
_USUAL: Final = "duration_ms"


@dataclass(frozen=True, slots=True)
class Metric:
    """An aggregation of a column's values, or (column None) of rows."""

    table: Table
    aggregation: Aggregation
    column: Column | None

    def __str__(self) -> str:
        """As a query has it: ``p95(duration_ms)``."""
        return self.aggregation.name if self.column is None else f"{self.aggregation.name}({self.column.name})"

    @property
    def name(self) -> str:
        """The column of the answer: ``p95_duration_ms``."""
        return self.aggregation.name if self.column is None else f"{self.aggregation.name}_{self.column.name}"

    @property
    def n_name(self) -> str:
        """The column of the answer that says of how many rows (``n``) or values (``n_duration_ms``) it is made."""
        if self.aggregation.name == "success_rate":
            return "n_success_rate"
        if self.aggregation.name == "count" and self.column is not None:
            return self.name
        return "n" if self.column is None else f"n_{self.column.name}"

    @property
    def is_rate(self) -> bool:
        """Whether it is per hour."""
        return self.aggregation.name == "rate_per_hour"

    @property
    def is_number(self) -> bool:
        """Whether it is a number, and not the least or greatest of texts or times."""
        return self.aggregation.name not in ("min", "max") or (self.column is not None and self.column.kind in NUMBERS)

    @property
    def columns(self) -> tuple[str, ...]:
        """What it reads."""
        if self.aggregation.name == "success_rate":
            return ("status",)
        return () if self.column is None else (self.column.name,)

    def value(self) -> pl.Expr:
        """The aggregate of a group; of a rate what has still to be divided by hours."""
        return self.aggregation.value(self.table, self.column)

    def n(self) -> pl.Expr:
        """How many rows or values of a group it is made of."""
        return self.aggregation.n(self.table, self.column)


@lru_cache(maxsize=1_000)
def metric_of(text: str, *, table: str) -> Metric:
    """The metric that a word means.

    Parameters
    ----------
    text : str
        For example ``"p95"`` or ``"avg(retry_count)"``.
    table : str
        Of which table's rows.

    Returns
    -------
    Metric

    Raises
    ------
    UnknownNameError
        If there is no such aggregation or column.
    InputError
        If it is no metric, is of another table, or the column has no such aggregation.

    Examples
    --------
    >>> metric_of("p95", table="steps").name
    'p95_duration_ms'
    """
    schema = table_named(table)
    name, of_table, column = _parts(text)
    if of_table not in (None, table):
        raise InputError(f"metric {quote(text)} is of {of_table}, but the query is of {table}")
    aggregation = aggregation_named(name)
    columns = schema.readable
    if column is None and not aggregation.of_rows and _USUAL in columns:
        column = _USUAL
    if column is not None and column not in columns:
        raise unknown_name(f"{table} has no column", column, columns)
    found = columns[column] if column is not None else None
    aggregation.check(schema, found)
    return Metric(schema, aggregation, None if aggregation.name == "success_rate" else found)


def table_of(text: str, *, otherwise: str = "executions") -> str:
    """The table that a metric names; executions, or another one that is meant, where it names none.

    Examples
    --------
    >>> table_of("p95(steps.duration_ms)"), table_of("success_rate"), table_of("p95", otherwise="steps")
    ('steps', 'executions', 'steps')
    """
    return table_named(_parts(text)[1] or otherwise).name


def _parts(text: str) -> tuple[str, str | None, str | None]:
    found = _GRAMMAR.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise InputError(f"metric is {quote(text)}, expected for example 'count', 'p95' or 'avg(retry_count)'")
    return found[1], found[2], found[3]
