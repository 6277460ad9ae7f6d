"""A question as a value: which table, which rows, what of them.

It is checked when it is made, and equal to each that means the same. Without metrics its answer is rows (columns,
order, limit). With metrics it is a table of groups::

    Query.of(
        table="steps",
        filters={"status": ["completed", "failed"]},
        period="30d",
        group_by=["node_id", "hour_of_week"],
        metrics=["count", "p95", "avg(retry_count)"],
        order="-p95",
    )

has for each node and hour of the week n, count, p95_duration_ms, n_duration_ms, avg_retry_count, n_retry_count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Final, cast

from rpa_lab.errors import InputError, quote, unknown_name
from rpa_lab.filters import Filter, Filters, filters_of
from rpa_lab.period import Period, Span
from rpa_lab.query.bins import BINS, INTERVALS, START
from rpa_lab.query.metric import Metric, metric_of
from rpa_lab.schema import Table, table_named

__all__ = ["PeriodSaid", "Query"]

PeriodSaid = str | date | Period | Span | tuple[str | date, str | date]
"""What a period can be said as: ``"30d"``, ``"2026-11"``, ``"all"``, an ISO interval, a `Period`, or two bounds."""

_GROUPS: Final = ("name", "status", "count")
"""Kinds of columns of which many rows share a value."""
_COLUMNS_SAID: Final = "expected the name of a column, or a list of names"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question; made by `Query.of` of whatever says the same.

    Naive times and days are read in the zone of the store that is asked, so the same query can be put to any.
    """

    table: str = "executions"
    columns: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    period: Period = Period("all")  # noqa: RUF009 - never changed
    group_by: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    interval: str | None = None
    order: tuple[str, ...] = ()
    limit: int | None = None

    @classmethod
    def of(
        cls,
        *,
        table: str = "executions",
        columns: str | Sequence[str] = (),
        filters: Filters | None = None,
        period: PeriodSaid = "all",
        group_by: str | Sequence[str] = (),
        metrics: str | Sequence[str] = (),
        interval: str | None = None,
        order: str | Sequence[str] = (),
        limit: int | None = None,
    ) -> Query:
        """A question, of what is easily said.

        Parameters
        ----------
        table : str
            Of which table.
        columns : str or sequence of str
            Of rows: which columns; default all that users see.
        filters : mapping, optional
            Column to what is wanted of it; see `rpa_lab.filters.filters_of`.
        period : str, date, Period, Span or pair of bounds
            By the rows' own start; bounds are half-open, naive ones are read in the store's zone.
        group_by : str or sequence of str
            Of metrics: columns that repeat (names, statuses, counts), and ``hour``, ``day``, ``week`` (from Monday),
            ``weekday`` (1 is Monday), ``hour_of_week`` (0-167) in the store's zone. Bins without rows are left out.
        metrics : str or sequence of str
            ``"count"``, ``"p95"``, ``"avg(retry_count)"`` …; see `rpa_lab.query.metric` and
            `rpa_lab.measures.aggregation_named`. They cover all rows that the filters leave, skipped steps included.
        interval : str, optional
            Makes a time series of the metrics: ``"15min"``, ``"1h"``, ``"1d"``, ``"1w"`` …, whose begin is in `start`.
        order : str or sequence of str
            Columns of the answer, ``"-name"`` from the greatest down; missing values come last. Default: by time, or by
            group. What is equal by these follows in one order always.
        limit : int, optional
            At most so many rows of the answer.

        Returns
        -------
        Query

        Raises
        ------
        UnknownNameError
            If there is no such table, column, operator, aggregation or interval; lists those that exist.
        InputError
            If something else can't be asked.

        Examples
        --------
        >>> print(Query.of(metrics="p95", group_by="workflow_id", filters={"status": "completed"}))
        executions: p95(duration_ms) by workflow_id, where status eq 'completed'; period all
        """
        return cls(
            table=table,
            columns=_names("columns", columns),
            filters=filters_of(table, filters),
            period=_period(period),
            group_by=_names("group_by", group_by),
            metrics=_names("metrics", metrics),
            interval=interval,
            order=_names("order", order),
            limit=limit,
        )

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Query:
        """A question, of a mapping with the parameters of `of`, as JSON may hold them.

        Raises
        ------
        UnknownNameError
            If it has another key.
        InputError
            If it is no mapping, or something in it can't be asked.
        """
        if not isinstance(said, Mapping):
            raise InputError(f"query is {quote(said)}, expected a mapping or a Query")
        known = [field.name for field in fields(cls)]
        for name in said:
            if name not in known:
                raise unknown_name("a query has no field", name, known)
        return cls.of(**said)

    def __post_init__(self) -> None:
        schema = table_named(self.table)
        metrics = tuple(dict.fromkeys(str(metric_of(text, table=self.table)) for text in self.metrics))
        settled: dict[str, object] = {
            "filters": filters_of(self.table, self.filters),
            "metrics": metrics,
            "group_by": tuple(dict.fromkeys(_group(schema, name) for name in self.group_by)),
            "columns": tuple(dict.fromkeys(_column(schema, name) for name in self.columns)),
        }
        for name, value in settled.items():
            object.__setattr__(self, name, value)
        if metrics and self.columns:
            raise InputError("columns are of rows, and metrics of groups; expected one of the two")
        if not metrics and (self.group_by or self.interval is not None):
            raise InputError("group_by and interval need metrics, such as 'count'")
        if self.interval is not None and self.interval not in INTERVALS:
            raise unknown_name("there is no interval", self.interval, INTERVALS, most=len(INTERVALS))
        if self.limit is not None and (
            isinstance(self.limit, bool) or not isinstance(self.limit, int) or self.limit < 1
        ):
            raise InputError(f"limit is {quote(self.limit)}, expected a whole number from 1 on")
        object.__setattr__(self, "order", tuple(dict.fromkeys(self._ordered(name) for name in self.order)))

    @property
    def measured(self) -> tuple[Metric, ...]:
        """Its metrics."""
        return tuple(metric_of(text, table=self.table) for text in self.metrics)

    @property
    def groups(self) -> tuple[str, ...]:
        """The columns of an answer in groups that say which group."""
        return (*((START,) if self.interval else ()), *self.group_by)

    @property
    def answer(self) -> tuple[str, ...]:
        """The columns of its answer."""
        if not self.metrics:
            return self.columns or tuple(table_named(self.table).readable)
        names = [*self.groups, "n"]
        for metric in self.measured:
            names += ["hours"] if metric.is_rate else []
            names += [metric.name, metric.n_name]
        return tuple(dict.fromkeys(names))

    def __str__(self) -> str:
        what = ", ".join(self.metrics or self.columns) or "all columns"
        by = ", ".join((*((f"interval {self.interval}",) if self.interval else ()), *self.group_by))
        where = " and ".join(map(str, self.filters))
        order = ", ".join(self.order)
        words = f"{self.table}: {what}" + (f" by {by}" if by else "") + (f", where {where}" if where else "")
        rest = (f"; order {order}" if order else "") + (f"; limit {self.limit}" if self.limit else "")
        return f"{words}; period {self.period}{rest}"

    def _ordered(self, said: str) -> str:
        """An order as a column of the answer has it; a metric may be named as it was asked, rows by any column."""
        down, name = said.startswith("-"), said.removeprefix("-")
        known = self.answer if self.metrics else tuple(table_named(self.table).readable)
        if name in known:
            return said
        try:
            asked = metric_of(name, table=self.table)
        except (InputError, LookupError):
            asked = None
        if asked not in self.measured:
            raise unknown_name("order names no column of the answer:", name, known, most=len(known))
        return f"{'-' if down else ''}{asked.name}"


def _names(field: str, said: str | Sequence[str]) -> tuple[str, ...]:
    """Names as a tuple; a single one, which is a sequence of letters, is meant whole."""
    if isinstance(said, str):
        return (said,)
    if not isinstance(said, Sequence) or not all(isinstance(name, str) for name in said):
        raise InputError(f"{field} is {quote(said)}, {_COLUMNS_SAID}")
    return tuple(said)


def _column(schema: Table, name: str) -> str:
    if name not in schema.readable:
        raise unknown_name(f"{schema.name} has no column", name, schema.readable)
    return name


def _group(schema: Table, name: str) -> str:
    groups = [*BINS, *(one for one, column in schema.readable.items() if column.kind in _GROUPS)]
    if name in groups:
        return name
    if name in schema.readable:
        kind = schema.readable[name].kind
        raise InputError(
            f"group_by is {name!r} ({kind}), of which nearly every row has another; expected some of "
            f"{', '.join(groups)}"
        )
    raise unknown_name(f"{schema.name} can't be grouped by", name, groups, most=len(groups))


def _period(said: PeriodSaid) -> Period:
    if isinstance(said, list | tuple):
        if len(said) != 2:
            raise InputError(f"period is {quote(said)}, expected two bounds")
        start, end = (cast("str | date", _bound(each)) for each in said)
        return Period(start, end)
    return said if isinstance(said, Period) else Period(said)


def _bound(said: object) -> object:
    """A bound; a naive datetime as text, which is read in the zone of who is asked."""
    return said.isoformat() if isinstance(said, datetime) and said.tzinfo is None else said
