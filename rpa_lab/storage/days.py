"""Which days a store has, and how far each one is: what a batch job looks at before it starts.

A day is done for batch scripts when it is *closed* (its UTC end and its last rows are more than ten minutes old) and
*published* (the table's file holds each of its rows). Late rows reopen it, and its generation grows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import polars as pl

from rpa_lab.journal.layout import JOURNAL, parse_published, published_folder, published_name
from rpa_lab.journal.root import check_format
from rpa_lab.schema import TABLES
from rpa_lab.storage.compaction import is_closed
from rpa_lab.storage.snapshot import Day, LiveFile, days_of, look

__all__ = ["DayState", "days", "state_of"]

_SCHEMA = {
    "table": pl.String,
    "day": pl.Date,
    "closed": pl.Boolean,
    "rows": pl.Int64,
    "generation": pl.Int64,
    "fragments": pl.Int64,
    "published": pl.Boolean,
    "archived": pl.Boolean,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DayState:
    """How far one table's UTC day is."""

    table: str
    day: date
    closed: bool
    rows: int
    """As they are stored: an execution that is not folded yet counts once for its start and once for its end."""
    generation: int
    """The highest; 0 where nothing was compacted yet."""
    fragments: int
    """Small files that wait for compaction."""
    published: bool
    """Whether the published table holds every row of it."""
    archived: bool
    """Whether rows of it are in the archive, which no published table shows."""
    waiting: bool
    """Whether the published table lacks rows that a compaction would put there; archived ones it never holds."""


def days(root: Path, *, at: datetime | None = None) -> pl.DataFrame:
    """Every table's days.

    Parameters
    ----------
    root : Path
        The store; of a copy without journal, its published files count.
    at : datetime, optional
        When; default the present.

    Returns
    -------
    DataFrame
        One row per table and UTC day, ordered: table, day, closed, rows (as stored), generation, fragments (small files
        that wait for compaction), published (whether the table's file holds every row), archived (whether rows of it
        are in the archive, and so in no published file). One whose rows were deleted has no rows.

    Raises
    ------
    StoreError
        If the store was written by a newer rpa_lab.

    Examples
    --------
    >>> days(Path("nowhere")).height
    0
    """
    check_format(root)
    states = [state_of(root, table, day, at=at) for table in TABLES for day in days_of(root, table)]
    rows = [[getattr(state, name) for name in _SCHEMA] for state in states]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row").sort("table", "day")


def state_of(root: Path, table: str, day: date, *, at: datetime | None = None) -> DayState:
    """How far one table's UTC day is; arguments as for `days`."""
    now = look(root, table, day)
    copy = not (root / JOURNAL).is_dir()
    archived = any(file.kind == "archive" for file in now.files)
    live = [file for file in now.files if file.kind != "archive" and file.footer.rows]
    shown = bool(live) and (copy or _is_published(root, now, live))
    return DayState(
        table=table,
        day=day,
        closed=copy or is_closed(now, at=at),
        rows=sum(file.footer.rows for file in now.files),
        generation=_published_number(table, now) if copy else now.head,
        fragments=len(now.fragments),
        published=shown and not archived,
        archived=archived,
        waiting=bool(live) and not shown,
    )


def _is_published(root: Path, now: Day, live: list[LiveFile]) -> bool:
    """Whether the live rows are the head's alone, and that is what the table's folder shows."""
    whole = [file.kind for file in live] == ["generation"] and not now.head_damaged
    return whole and (published_folder(root, now.table, now.day) / published_name(now.table, now.head)).is_file()


def _published_number(table: str, now: Day) -> int:
    return max((parse_published(table, file.path.name) or 0 for file in now.files), default=0)
