"""A table's rows as users ask for them: public columns, of one workflow, in order of time; or several tables in one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from rpa_lab.errors import unknown_name
from rpa_lab.period import Span
from rpa_lab.schema import table_named
from rpa_lab.storage.reading import Reading

__all__ = ["listed", "read_rows", "read_tables", "scan_rows"]


def scan_rows(
    reading: Reading,
    table: str,
    span: Span,
    *,
    as_of: datetime,
    columns: Sequence[str] | None = None,
    workflow_id: str | None = None,
) -> pl.LazyFrame:
    """The rows of a span, in no particular order; see `TimeSeriesStore.scan`.

    Parameters
    ----------
    reading : Reading
        What finds the files.
    table : str
        Its name.
    span : Span
        By the rows' own start.
    as_of : datetime
        What "now" is, for which running executions still live.
    columns : sequence of str, optional
        Which; default all that users see.
    workflow_id : str, optional
        Only this workflow's.

    Returns
    -------
    LazyFrame

    Raises
    ------
    UnknownNameError
        If there is no such table or column.
    """
    rows = reading.rows(table, span, as_of=as_of)
    if workflow_id is not None:
        table_named(table)["workflow_id"]  # says so where the table has none
        rows = rows.filter(pl.col("workflow_id") == workflow_id)
    public = [name for name in rows.collect_schema().names() if not name.startswith("_")]
    wanted = listed(columns) if columns is not None else public
    for name in wanted:
        if name not in public:
            raise unknown_name(f"{table} has no column", name, public)
    return rows.select(wanted)


def read_rows(
    reading: Reading,
    table: str,
    span: Span,
    *,
    as_of: datetime,
    columns: Sequence[str] | None = None,
    workflow_id: str | None = None,
) -> pl.DataFrame:
    """The rows of a span, ordered by time; arguments as for `scan_rows`."""
    schema = table_named(table)

    def rows() -> pl.LazyFrame:
        everything = scan_rows(reading, table, span, as_of=as_of, workflow_id=workflow_id)
        order = [name for name in (schema.time, schema.key, "execution_id") if name and name in schema.names]
        ordered = everything.sort(*dict.fromkeys(order), maintain_order=True)
        return ordered if columns is None else ordered.select(listed(columns))

    if columns is not None:
        scan_rows(reading, table, span, as_of=as_of, columns=columns)  # says at once which column doesn't exist
    return reading.collect(rows)


def read_tables(
    reading: Reading, tables: Sequence[str], span: Span, *, as_of: datetime, workflow_id: str | None
) -> pl.DataFrame:
    """The rows of several tables in one frame: first `metric_type`, the table's name, then the columns of all."""
    frames = [
        read_rows(reading, name, span, as_of=as_of, workflow_id=workflow_id).select(
            pl.lit(name).alias("metric_type"), pl.all()
        )
        for name in tables
    ]
    return pl.concat(frames, how="diagonal") if frames else pl.DataFrame(schema={"metric_type": pl.String})


def listed(names: Sequence[str]) -> list[str]:
    """The names as a list; a single one, which is a sequence of letters, is meant whole."""
    return [names] if isinstance(names, str) else list(names)
