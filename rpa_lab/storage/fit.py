"""What is fit to be kept: records or a frame's rows, checked and redacted as a bot's are; all of them, or an error."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import polars as pl

from rpa_lab.errors import InputError, quote, unknown_name
from rpa_lab.journal.encode import Checked, check
from rpa_lab.measures import in_zone
from rpa_lab.records import Metrics
from rpa_lab.schema import TABLES, Table

__all__ = ["fit", "fit_frame", "fit_records"]


def fit(table: Table, columns: Mapping[str, Any], *, count: int) -> Checked:
    """The rows as they are kept, if all of them are fit to be.

    Raises
    ------
    InputError
        If one lacks what is required; names the first, and how many there are.
    """
    checked = check(table, columns, count)
    if checked.problems:
        more = f" (and {len(checked.problems) - 1} more such rows)" if len(checked.problems) > 1 else ""
        raise InputError(f"{table.name} {checked.problems[0]}{more}; nothing was written")
    return checked


def fit_records(metrics: Iterable[Metrics]) -> list[tuple[Table, Checked]]:
    """Records of any kinds as rows, by table; a step without id and index gets its index within them.

    Raises
    ------
    InputError
        If something isn't such a record, or lacks what is required.
    """
    columns: dict[str, dict[str, list[Any]]] = {}
    for at, record in enumerate(metrics):
        if not isinstance(record, Metrics):
            raise InputError(f"metrics[{at}] is {quote(record)}, expected one of rpa_lab.records")
        names = type(record).__dataclass_fields__
        table = columns.setdefault(record.table, {name: [] for name in names})
        for name in names:
            table[name].append(getattr(record, name))
    if "steps" in columns:
        _count_steps(columns["steps"])
    counts = {name: len(next(iter(values.values()))) for name, values in columns.items()}
    return [(TABLES[name], fit(TABLES[name], values, count=counts[name])) for name, values in columns.items()]


def fit_frame(table: Table, frame: pl.DataFrame, *, tz: Callable[[], str]) -> Checked:
    """A frame's rows; `tz` is asked for the zone of naive times, and for nothing else.

    Raises
    ------
    InputError
        If it is no frame, its steps can't be told apart, or a row lacks what is required.
    UnknownNameError
        If the table has no such column.
    """
    if not isinstance(frame, pl.DataFrame):
        raise InputError(f"frame is a {type(frame).__module__}.{type(frame).__name__}, expected a Polars DataFrame")
    for name in frame.columns:
        if name not in table.names:
            raise unknown_name(f"{table.name} has no column", name, table.names)
    if table.name == "steps" and not {"step_id", "step_index"} & set(frame.columns):
        raise InputError("steps has neither step_id nor step_index; expected one of them, to tell the steps apart")
    naive = [name for name, kind in frame.schema.items() if kind == pl.Datetime and kind.time_zone is None]  # type: ignore[attr-defined]
    if naive:
        frame = frame.with_columns(in_zone(pl.col(naive), tz()))
    arrow = frame.to_arrow()
    return fit(table, {name: arrow[name] for name in arrow.column_names}, count=frame.height)


def _count_steps(columns: dict[str, list[Any]]) -> None:
    """Give each step that has neither id nor index its place within the call."""
    counts: dict[Any, int] = {}
    pairs = zip(columns["execution_id"], columns["step_id"], columns["step_index"], strict=True)
    for at, (execution_id, step_id, index) in enumerate(list(pairs)):
        if step_id is None and index is None:
            columns["step_index"][at] = counts.get(execution_id, 0)
        counts[execution_id] = counts.get(execution_id, 0) + 1
