"""What our own export adds to a log, so that an import of it gives the very executions and steps.

Process mining knows cases and events; an execution of ours has more columns than that. Each goes along under its own
name after ``rpa:``, on the case or on the event. Null is left out. In XES a text with characters that XML can't hold is
written as JSON, under ``rpa:json:``. In CSV a text that a spreadsheet might take for a formula has an apostrophe before
it, as has one that begins with an apostrophe, and one that is empty: ``=1+1`` is ``'=1+1`` and ``'a`` is ``''a``.
"""

from __future__ import annotations

import json
from typing import Final

import polars as pl

from rpa_lab.errors import quote
from rpa_lab.integrations.event_table import EventTable
from rpa_lab.integrations.event_times import read_times
from rpa_lab.integrations.source import Parsed, Source
from rpa_lab.integrations.xes import CASE
from rpa_lab.schema import TABLES, Column

__all__ = ["FORMULA", "JSON", "OURS", "columns_of", "guarded", "is_own", "read"]

OURS: Final = "rpa:"
JSON: Final = "rpa:json:"
FORMULA: Final = r"^(?:$|[=+\-@\t\r\n'])"
"""What a text begins with that is written with an apostrophe before it."""


def columns_of(table: str) -> tuple[Column, ...]:
    """The columns of a table that go along: all that users see."""
    return tuple(column for column in TABLES[table].columns if not column.hidden)


def guarded(text: pl.Expr) -> pl.Expr:
    """A text for CSV that no spreadsheet takes for a formula, and that an import gives back as it was.

    Examples
    --------
    >>> pl.DataFrame({"said": ["=1+1", "it's", "'", ""]}).select(guarded(pl.col("said")))["said"].to_list()
    ["'=1+1", "it's", "''", "'"]
    """
    return pl.when(~text.str.contains(FORMULA)).then(text).otherwise("'" + text)


def is_own(table: EventTable) -> bool:
    """Whether our export wrote this log."""
    names = table.cases.columns if table.cases is not None else table.events.columns
    return all(CASE + OURS + each in names or CASE + JSON + each in names for each in ("execution_id", "status"))


def read(source: Source, table: EventTable) -> Parsed:
    """The executions and steps of a log that our export wrote.

    Parameters
    ----------
    source : Source
        The file.
    table : EventTable
        What it holds.

    Returns
    -------
    Parsed

    Raises
    ------
    SourceError
        If somebody changed it so that a value isn't what it was; names the line where that is known.
    """
    if table.cases is None:
        cases = table.events.select(pl.col(f"^{CASE}.*$")).with_columns(_at=table.at)
        cases = cases.unique(CASE + OURS + "execution_id", keep="first", maintain_order=True)
        cases, at = cases.drop("_at"), cases["_at"]
    else:
        cases, at = table.cases, pl.Series("at", range(1, table.cases.height + 1), dtype=pl.Int64)
    unit = table.unit if table.cases is None else "trace"
    executions = _rows(source, "executions", cases, at, unit=unit, prefix=CASE, blank=table.kind == "csv")
    finished = pl.Series([], dtype=pl.Boolean)
    if OURS + "node_id" in table.events.columns or JSON + "node_id" in table.events.columns:
        finished = (
            table.events.select(pl.col(f"^{OURS}(json:)?node_id$"))
            .select(pl.any_horizontal(pl.all().is_not_null()))
            .to_series()
        )
    events, at = table.events.filter(finished), table.at.filter(finished)
    if table.events.height and not finished.any():
        raise source.error(
            "is an export of rpa-lab without the rpa: attributes of its events, expected both or neither"
        )
    steps = _rows(source, "steps", events, at, unit=table.unit, prefix="", blank=table.kind == "csv")
    steps = _with_cases(source, steps, events)
    derived = pl.format("{}:{}", "execution_id", "step_index")
    steps = steps.with_columns(step_id=pl.when(~pl.col("step_id").eq_missing(derived)).then("step_id"))
    tables = {"executions": executions, "steps": steps}
    kept = {"events outside of a case"}
    return Parsed(
        tables={name: rows for name, rows in tables.items() if rows.height},
        left_out={what: count for what, count in table.left_out.items() if what in kept},
        read_as={"workflow": "as exported", "columns": "an export of rpa-lab: each column under its own name"},
    )


def _rows(
    source: Source, name: str, rows: pl.DataFrame, at: pl.Series, *, unit: str, prefix: str, blank: bool
) -> pl.DataFrame:
    placed = EventTable(kind="xes", events=rows, at=at, unit=unit)  # type: ignore[arg-type]
    columns = []
    for column in columns_of(name):
        said = _said(source, placed, prefix, column.name, blank=blank)
        columns.append(_typed(source, placed, said.alias(column.name), column))
    return pl.DataFrame(columns)


def _with_cases(source: Source, steps: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """The steps with what XES says of their case only."""
    at = pl.Series("at", range(1, events.height + 1), dtype=pl.Int64)
    placed = EventTable(kind="xes", events=events, at=at)
    of_case = [
        _said(source, placed, CASE, name, blank=False).alias("_" + name) for name in ("execution_id", "workflow_id")
    ]
    return (
        pl.concat([steps, pl.DataFrame(of_case)], how="horizontal")
        .with_columns(
            execution_id=pl.coalesce("execution_id", "_execution_id"),
            workflow_id=pl.coalesce("workflow_id", "_workflow_id"),
        )
        .select(steps.columns)
    )


def _said(source: Source, placed: EventTable, prefix: str, name: str, *, blank: bool) -> pl.Series:
    """A column's texts, as they were before they were made fit for the file."""
    nothing = pl.Series([None], dtype=pl.String).extend_constant(None, placed.events.height)[1:]
    said = placed.events.get_column(prefix + OURS + name, default=nothing)
    if blank:
        guard = said.str.contains(FORMULA).fill_null(value=False)
        said = pl.select(pl.when(guard).then(said.str.slice(1)).otherwise(said)).to_series()
    encoded = placed.events.get_column(prefix + JSON + name, default=None)
    if encoded is not None:
        decoded = pl.Series([_decoded(source, placed, row, text) for row, text in enumerate(encoded)], dtype=pl.String)
        said = pl.select(pl.coalesce(decoded, said)).to_series()
    return said


def _decoded(source: Source, placed: EventTable, row: int, text: str | None) -> str | None:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, str):
        raise source.error(
            f"has {quote(text)} under {JSON}, expected a string as JSON", line=placed.line(row), unit=placed.unit
        )
    return value


def _typed(source: Source, placed: EventTable, said: pl.Series, column: Column) -> pl.Series:
    if column.kind == "time":
        table = EventTable(kind=placed.kind, events=said.to_frame(), at=placed.at, unit=placed.unit)
        return read_times(source, table, column.name).at.alias(column.name)
    if column.kind not in ("duration", "number", "count"):
        return said
    kind = pl.Int64 if column.kind == "count" else pl.Float64
    value = said.cast(kind, strict=False)
    wrong = value.is_null() & said.is_not_null()
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        what = f"{quote(said[row])} is no {'whole ' if column.kind == 'count' else ''}number"
        raise source.error(what, line=placed.line(row), column=OURS + column.name, unit=placed.unit)
    return value
