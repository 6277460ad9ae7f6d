"""What rollups know of a period's durations, and which rows they leave to be read.

Steps add up file by file, so each compacted file of a whole UTC day is taken from its rollup. Executions are folded,
and a late row changes an earlier one: taken are days that are one compacted file, in which every run has started and
ended, and none of whose ids stands in another file that the period's fold would read. All other rows are the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Final

import polars as pl

from rpa_lab.errors import unknown_name
from rpa_lab.period import Span
from rpa_lab.storage.progress import OnStep
from rpa_lab.storage.repeated import Repeated
from rpa_lab.storage.rollup import COMPACTED, ROLLED, level_of, nothing, summary_of_file, summary_of_month
from rpa_lab.storage.snapshot import Day, LiveFile
from rpa_lab.storage.summary import merge

__all__ = ["RolledUp", "summarised_days", "summed_up"]

Dated = tuple[date, LiveFile]
_AT_ONCE: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledUp:
    """The durations of a period: summed up as far as rollups know them, and the rows that they don't know.

    `summaries` has one row per group of a level of `rollup.ROLLED`, as `summary.merge` gives; `files` are those that it
    covers, by UTC day; `rest` are all other rows of the period, as a scan gives them.
    """

    table: str
    summaries: pl.DataFrame
    files: tuple[Dated, ...]
    rest: pl.LazyFrame


def summarised_days(table: str, looks: Iterable[Day], span: Span, *, known: Repeated | None) -> list[Dated]:
    """The files whose rollups count: those of whole days, each of whose rows is what a reader of the period sees.

    Parameters
    ----------
    table : str
        Which table.
    looks : iterable of Day
        The days that the period's rows come from.
    span : Span
        The period.
    known : Repeated, optional
        Of executions: what is known of all their files; where it isn't known, none counts.

    Returns
    -------
    list of (date, LiveFile)
    """
    found = list[Dated]()
    for now in looks:
        start = datetime(now.day.year, now.day.month, now.day.day, tzinfo=UTC)
        if start < span.start or start + timedelta(days=1) > span.end:
            continue
        some = [file for file in now.files if file.footer.rows]
        compacted = [file for file in some if file.kind in COMPACTED]
        if table == "executions":
            settled = known and len(some) == 1 and some[0].path not in known.within | known.unsettled
            compacted = compacted if settled else []
        found += [(now.day, file) for file in compacted]
    return found


def summed_up(
    root: Path,
    table: str,
    rolled: Sequence[Dated],
    *,
    held: Iterable[date],
    columns: Sequence[str],
    write: bool,
    on_part: OnStep | None = None,
) -> pl.DataFrame:
    """The sum of files' summaries, from those of months where all that a month holds is among them.

    Parameters
    ----------
    root : Path
        The store.
    table : str
        Which table.
    rolled : sequence of (date, LiveFile)
        The files, by day.
    held : iterable of date
        The days that the store holds: a month is summed up at once where all of them are among `rolled`.
    columns : sequence of str
        By which durations must be told apart.
    write : bool
        Whether to keep summaries that had to be made.
    on_part : callable, optional
        Called after each part, with how many there are.

    Returns
    -------
    DataFrame
        As `summary.merge` gives, by the columns of a level.

    Raises
    ------
    UnknownNameError
        If the rollups don't tell such a column's values apart.
    """
    level = level_of(table, columns)
    if level is None:
        known = ROLLED[table][-1]
        raise unknown_name(f"the rollups of {table} have no column", next(c for c in columns if c not in known), known)
    by = ROLLED[table][level]
    days = {day for day, _ in rolled}
    held = list(held)
    broken = {_month(day) for day in held if day not in days or day == max(held)}  # the newest month goes on
    months = [(month, list(files)) for month, files in groupby(rolled, key=lambda dated: _month(dated[0]))]
    parts = list[pl.DataFrame]()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for at, (month, files) in enumerate(months, 1):
            if month not in broken and len(files) > 1:
                parts.append(summary_of_month(root, table, files, level=level, write=write))
            else:
                read = partial(summary_of_file, root, table, level=level, write=write)
                parts += pool.map(lambda dated, read=read: read(*dated), files)
            if on_part:
                on_part(at, len(months))
    return merge(pl.concat(parts).lazy(), by=by).sort(by).collect() if parts else nothing(table, level)


def _month(day: date) -> date:
    return day.replace(day=1)
