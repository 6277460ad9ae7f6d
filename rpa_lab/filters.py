"""Typed filters: which rows are meant, said as data and never as code.

``{"status": ["failed", "cancelled"], "duration_ms": {"gt": 5000}}`` means rows whose status is one of the two and whose
duration is over 5 s. Columns are those that users see; every value is checked against its column before anything is
read. ``ne`` is all that ``eq`` leaves out, so it keeps the rows without a value; a missing value is neither less nor
greater than anything, and contains nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from numbers import Real
from typing import Any, Final, Literal, get_args

import polars as pl

from rpa_lab.errors import InputError, quote, unknown_name
from rpa_lab.period import as_utc
from rpa_lab.schema import Column, Table, table_named

__all__ = ["Filter", "Filters", "Operator", "filter_of", "filters_of", "matching", "operators_of"]

Operator = Literal["eq", "ne", "lt", "le", "gt", "ge", "in", "contains", "prefix"]
"""How a column's value is held against the one that is wanted."""

Scalar = str | int | float | datetime | None
_EQUALITY: Final[tuple[Operator, ...]] = ("eq", "ne", "in")
_ORDER: Final[tuple[Operator, ...]] = ("lt", "le", "gt", "ge")
_TEXT: Final[tuple[Operator, ...]] = ("contains", "prefix")
_YEARS: Final = (1900, 2300)  # wider than what a store may hold, and never beyond what a datetime can


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """One condition on one column; made by `filters_of`, which checks it.

    Equal conditions are equal filters: times are UTC or (in the zone of who asks) naive, numbers are float, counts int,
    the values of ``in`` are sorted and each there once.
    """

    column: str
    op: Operator
    value: Scalar | tuple[Scalar, ...]

    def matches(self, *, tz: str = "UTC") -> pl.Expr:
        """Whether a row meets the condition; null counts as no.

        Parameters
        ----------
        tz : str
            The zone in which naive times are read.

        Returns
        -------
        polars.Expr
        """
        column = pl.col(self.column)
        if isinstance(self.value, tuple):
            known = [_utc(value, tz) for value in self.value if value is not None]
            found = column.is_in(known) if known else pl.lit(value=False)
            return found | column.is_null() if None in self.value else found
        if self.value is None:
            return column.is_null() if self.op == "eq" else column.is_not_null()
        return _COMPARED[self.op](column, _utc(self.value, tz))

    def __str__(self) -> str:
        return f"{self.column} {self.op} {self.value!r}"


Filters = Mapping[str, Any] | Sequence[Filter]
"""Column to what is wanted of it (see `filters_of`), or filters that were made before."""

_COMPARED: Final[dict[str, Callable[[pl.Expr, Any], pl.Expr]]] = {
    "eq": pl.Expr.eq,  # not eq_missing: Parquet statistics don't serve that, and null is no match either way
    "ne": pl.Expr.ne_missing,
    "lt": pl.Expr.lt,
    "le": pl.Expr.le,
    "gt": pl.Expr.gt,
    "ge": pl.Expr.ge,
    "contains": lambda column, value: column.str.contains(value, literal=True),
    "prefix": lambda column, value: column.str.starts_with(value),
}


def filters_of(table: str, said: Filters | None) -> tuple[Filter, ...]:
    """What somebody said of the rows that they want, checked and in one order.

    Parameters
    ----------
    table : str
        Of which table.
    said : mapping or sequence of Filter, optional
        Column to the value that it must have, a list (tuple, set) of those that it may have, or a mapping of operators
        to values: eq, ne, in for any column; lt, le, gt, ge for times, durations (ms), numbers and counts; contains and
        prefix (literal, case counts) for text. None means null. Times are aware datetimes, or dates, naive datetimes
        and ISO 8601 text, which are read in the zone of who asks. All conditions have to hold. Default: none.

    Returns
    -------
    tuple of Filter
        The same conditions make equal tuples, however they were said.

    Raises
    ------
    UnknownNameError
        If there is no such table, column, operator or status; lists those that exist.
    InputError
        If a value is none that the column could have.

    Examples
    --------
    >>> for each in filters_of("steps", {"status": ["failed"], "duration_ms": {"gt": 5000}}):
    ...     print(each)
    duration_ms gt 5000.0
    status eq 'failed'
    """
    schema = table_named(table)
    if said is None:
        return ()
    if isinstance(said, Mapping):
        conditions = [(name, op, value) for name, wanted in said.items() for op, value in _operators(wanted)]
    elif isinstance(said, Sequence) and all(isinstance(each, Filter) for each in said):
        conditions = [(each.column, each.op, each.value) for each in said]
    else:
        raise InputError(f"filters are {quote(said)}, expected a mapping of columns to what is wanted of them")
    try:
        found = {_filter(schema, name, op, value) for name, op, value in conditions}
    except InputError as mistake:
        raise InputError(f"filters are {quote(said)}: {mistake}") from None
    return tuple(sorted(found, key=lambda each: (each.column, each.op, repr(each.value))))


def filter_of(table: str, column: str, op: str, value: Any) -> Filter:
    """One condition, checked.

    Parameters
    ----------
    table, column : str
        Of which column.
    op : str
        One of `Operator`.
    value : object
        What the column's value is held against; see `filters_of`.

    Returns
    -------
    Filter

    Raises
    ------
    UnknownNameError
        If there is no such table, column, operator or status.
    InputError
        If the value is none that the column could have.

    Examples
    --------
    >>> print(filter_of("steps", "duration_ms", "gt", 5000))
    duration_ms gt 5000.0
    """
    return _filter(table_named(table), column, op, value)


def operators_of(column: Column) -> tuple[Operator, ...]:
    """By what a column's values can be held against others.

    Examples
    --------
    >>> operators_of(table_named("steps").readable["status"])
    ('eq', 'ne', 'in')
    """
    match column.kind:
        case "status":
            return _EQUALITY
        case "id" | "name" | "text" | "json":
            return (*_EQUALITY, *_TEXT)
        case _:
            return (*_EQUALITY, *_ORDER)


def matching(rows: pl.LazyFrame, filters: Sequence[Filter], *, tz: str = "UTC") -> pl.LazyFrame:
    """Those rows that meet all conditions.

    Parameters
    ----------
    rows : LazyFrame
        Of the table that the filters were checked against.
    filters : sequence of Filter
        From `filters_of`.
    tz : str
        The zone in which their naive times are read.

    Returns
    -------
    LazyFrame

    Examples
    --------
    >>> rows = pl.LazyFrame({"host": ["vm-1", "vm-2", None]})
    >>> matching(rows, filters_of("executions", {"host": {"ne": "vm-1"}})).collect()["host"].to_list()
    ['vm-2', None]
    """
    return rows.filter(*(each.matches(tz=tz) for each in filters)) if filters else rows


def _operators(wanted: Any) -> list[tuple[Any, Any]]:
    """What is wanted of one column as operators and values."""
    if isinstance(wanted, Mapping):
        if not wanted:
            raise InputError(
                f"filters have no operator in {quote(wanted)}; expected one of {', '.join(get_args(Operator))}"
            )
        return list(wanted.items())
    return [("in" if isinstance(wanted, list | tuple | set | frozenset) else "eq", wanted)]


def _filter(schema: Table, name: str, op: Any, value: Any) -> Filter:
    columns = schema.readable
    if name not in columns:
        raise unknown_name(f"{schema.name} has no column", name, columns)
    column = columns[name]
    operators = operators_of(column)
    if op not in operators:
        known = op in get_args(Operator)
        what = f"{schema.name}.{name} ({column.kind}) has no operator" if known else "there is no operator"
        raise unknown_name(what, op, operators if known else get_args(Operator))
    if op == "in":
        return _any_of(schema, column, value)
    if value is None and op not in _EQUALITY:
        raise InputError(f"{name} {op} None asks nothing; expected a value, or eq or ne")
    return Filter(column=name, op=op, value=_value(schema, column, value))


def _any_of(schema: Table, column: Column, values: Any) -> Filter:
    if not isinstance(values, list | tuple | set | frozenset):
        raise InputError(f"{column.name} in {quote(values)}, expected a list of values")
    checked = {_value(schema, column, value) for value in values}
    if len(checked) == 1:
        return Filter(column=column.name, op="eq", value=checked.pop())
    # naive and aware times can't be compared, but their texts can
    return Filter(column=column.name, op="in", value=tuple(sorted(checked, key=lambda v: (v is not None, repr(v)))))


def _value(schema: Table, column: Column, value: Any) -> Scalar:
    """A value in the one form that its column has it in."""
    if value is None:
        return None
    match column.kind:
        case "time":
            checked: Scalar = _time(value)
        case "count":
            checked = _whole(value)
        case "duration" | "number":
            checked = _number(value)
        case _:
            checked = str(value) if isinstance(value, str) and _is_unicode(value) else None
            if checked is not None and column.kind == "status" and checked not in schema.statuses:
                raise unknown_name(f"{schema.name} have no status", value, schema.statuses)
    if checked is None:
        raise InputError(
            f"{schema.name}.{column.name} is held against {quote(value)}, expected {_expected(schema, column)}"
        )
    return checked


def _expected(schema: Table, column: Column) -> str:
    match column.kind:
        case "time":
            return f"a date, a datetime or ISO 8601 text, of a year from {_YEARS[0]} to {_YEARS[1] - 1}"
        case "count":
            return "a whole number"
        case "duration" | "number":
            return "a finite number"
        case "status":
            return f"one of {', '.join(schema.statuses)}"
        case _:
            return "text"


def _time(value: Any) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if not isinstance(value, date) or not _YEARS[0] <= value.year < _YEARS[1]:
        return None
    moment = value if isinstance(value, datetime) else datetime.combine(value, time(0))
    return moment.astimezone(UTC) if moment.tzinfo else moment


def _whole(value: Any) -> int | None:
    if not _is_number(value) or not -(2**63) <= value < 2**63:
        return None
    whole = int(value)
    return whole if whole == value else None


def _number(value: Any) -> float | None:
    if not _is_number(value):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which no file holds
        return False
    return True


def _utc(value: Scalar, tz: str) -> Scalar:
    return as_utc(value, tz=tz) if isinstance(value, datetime) else value
