"""Summaries kept beside files: what a month of days says of durations, without reading the month again.

A rollup bears the seal of the file that it summarises, and a file never changes; so it is never stale, may be deleted
at any time, and is made again when it is wanted. It has one row per workflow (executions) or workflow and node
(steps), and status. Steps add up file by file. Executions don't, since a late row changes an earlier one: they are
summarised where one compacted file is the whole day and all its runs have ended; other days have to be scanned.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from rpa_lab.errors import StoreError, unknown_name
from rpa_lab.journal.fragment import Unreadable, make_folder, read_sealed, write_new
from rpa_lab.journal.layout import rollup_file, rollup_folder
from rpa_lab.period import Span
from rpa_lab.schema import TABLES
from rpa_lab.storage.footers import quarantine
from rpa_lab.storage.snapshot import LOOKS, Day, LiveFile, days_of, look
from rpa_lab.storage.summary import merge, summarise

__all__ = ["ROLLED", "RolledUp", "keep_rollup", "rolled_up", "sweep_rollups"]

ROLLED: Final[dict[str, tuple[str, ...]]] = {
    "executions": ("workflow_id", "status"),
    "steps": ("workflow_id", "node_id", "status"),
}
"""The tables that have rollups, and what each is summarised by."""

_COMPACTED: Final = ("generation", "archive")
_VERSION: Final = b"1"
_VERSION_KEY: Final = b"rpa_lab.rollup"
_ABANDONED_TEMP_S: Final = 86_400
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledUp:
    """What the summaries of a span's whole UTC days say, and what of the span they leave to be scanned."""

    table: str
    summaries: pl.DataFrame
    """One row per group of `ROLLED`, as `summary.merge` gives."""
    days: tuple[date, ...]
    """The days that they cover, of those that the store holds."""
    scan: tuple[Span, ...]
    """The rest of the span, in order: begun days, and days of executions that are not compacted or still run."""
    warnings: tuple[str, ...] = ()


def rolled_up(root: Path, table: str, span: Span, *, write: bool = True) -> RolledUp:
    """The durations of a span, from rollups as far as these reach.

    Parameters
    ----------
    root : Path
        The store.
    table : str
        ``"executions"`` or ``"steps"``.
    span : Span
        By the rows' own start.
    write : bool
        Whether to keep the rollups that had to be made.

    Returns
    -------
    RolledUp

    Raises
    ------
    UnknownNameError
        If the table has no rollups.
    StoreError
        If files went away under each of 50 attempts.
    """
    by = _groups(table)
    parts, days, scan, warnings = [_nothing(table)], list[date](), list[Span](), list[str]()
    for day in days_of(root, table):
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        if start + _DAY <= span.start or start >= span.end:
            continue
        whole = span.start <= start and start + _DAY <= span.end
        found = _of_day(root, table, day, write=write) if whole else None
        if found is None:
            scan.append(Span(max(start, span.start), min(start + _DAY, span.end), span.tz))
        else:
            parts.extend(found[0])
            days.append(day)
            warnings.extend(found[1])
    summaries = merge(pl.concat(parts).lazy(), by=by).sort(by).collect()
    return RolledUp(table=table, summaries=summaries, days=tuple(days), scan=_joined(scan), warnings=tuple(warnings))


def keep_rollup(root: Path, table: str, day: date) -> None:
    """Make the rollup of a day that is one compacted file, unless it is there, or the disk refuses.

    Parameters
    ----------
    root : Path
        The store.
    table, day
        Which day; a table without rollups gets none.
    """
    if table not in ROLLED:
        return
    with suppress(OSError, Unreadable):  # it saves time later, nothing more
        now = look(root, table, day)
        files = [file for file in now.files if file.footer.rows]
        if len(files) == 1 and files[0].kind in _COMPACTED:
            _of_compacted(root, table, now, files[0], write=True)


def sweep_rollups(root: Path, table: str, day: date) -> int:
    """Remove a day's rollups of files that count no longer, and what a killed process left half written.

    Parameters
    ----------
    root : Path
        The store.
    table, day
        Which day.

    Returns
    -------
    int
        How many files were removed.
    """
    folder = rollup_folder(root, table, day)
    try:
        listed = sorted(folder.iterdir())  # before the look: a rollup made meanwhile is of a file not known yet
    except (FileNotFoundError, NotADirectoryError):
        return 0
    now = look(root, table, day)
    if now.head_damaged:
        return 0
    live = {f"{file.footer.seal}.parquet" for file in now.files}
    dead = [path for path in listed if path.name not in live and not _is_being_written(path)]
    for path in dead:
        path.unlink(missing_ok=True)
    return len(dead)


def _of_day(root: Path, table: str, day: date, *, write: bool) -> tuple[list[pl.DataFrame], tuple[str, ...]] | None:
    """The summaries that make up a day; None where it must be scanned."""
    for _ in range(LOOKS):
        now = look(root, table, day)
        compacted = [file for file in now.files if file.kind in _COMPACTED and file.footer.rows]
        loose = [file for file in now.files if file.kind not in _COMPACTED]
        if table == "executions" and (loose or len(compacted) > 1):
            return None
        try:
            parts = [_of_compacted(root, table, now, file, write=write) for file in compacted]
            if loose:
                parts.append(_of_loose(root, table, loose))
        except (FileNotFoundError, Unreadable):
            continue  # compacted away meanwhile, or now in quarantine: the next look leaves it out
        if table == "executions" and any("running" in part["status"] for part in parts):
            return None
        return parts, now.warnings
    raise StoreError(f"the files of {table} {day} went away under each of {LOOKS} attempts to summarise them")


def _of_compacted(root: Path, table: str, now: Day, file: LiveFile, *, write: bool) -> pl.DataFrame:
    """A compacted file's summary: its rollup, else made of its rows, and kept."""
    path = rollup_file(root, table, now.day, file.footer.seal)
    kept = _read(path, table)
    if kept is not None:
        return kept
    made = _summary(table, _rows(root, table, file))
    if write:
        with suppress(OSError):  # a reader that may not write can still read
            _write(path, made)
    return made


def _of_loose(root: Path, table: str, files: Sequence[LiveFile]) -> pl.DataFrame:
    """The summary of files that come and go: many small ones, read together."""
    arrow = TABLES[table].arrow
    try:
        rows = pl.scan_parquet(
            [file.path for file in files],
            glob=False,
            hive_partitioning=False,
            schema=pl.Schema(arrow),
            missing_columns="insert",
            extra_columns="ignore",
        )
        return _summary(table, rows.select(_columns(table)).collect().to_arrow())
    except pl.exceptions.ComputeError:  # one of them is damaged: find it
        return _summary(table, pa.concat_tables([_rows(root, table, file) for file in files]))


def _rows(root: Path, table: str, file: LiveFile) -> pa.Table:
    try:
        return read_sealed(file.path, TABLES[table])[1]
    except Unreadable as damage:
        with suppress(OSError):
            quarantine(root, file.path, str(damage))
        raise


def _summary(table: str, rows: pa.Table) -> pl.DataFrame:
    """A file's summary; runs whose start is told elsewhere stand under the status ``running``, as not settled."""
    by = _groups(table)
    frame = pl.from_arrow(rows.select(_columns(table)))
    if not isinstance(frame, pl.DataFrame):
        raise TypeError(f"expected a table of rows, not {type(frame).__name__}")
    lazy = frame.lazy()
    if table == "executions":
        startless = pl.col("started_at").is_null()
        lazy = lazy.with_columns(status=pl.when(startless).then(pl.lit("running")).otherwise("status"))
    return summarise(lazy, by=by).sort(by).collect()


def _write(path: Path, summary: pl.DataFrame) -> None:
    make_folder(path.parent)
    temp = path.with_name(f".tmp-{secrets.token_hex(6)}")
    sink = pa.BufferOutputStream()
    arrow = summary.to_arrow().replace_schema_metadata({_VERSION_KEY: _VERSION})
    pq.write_table(arrow, sink, compression="zstd", write_page_checksum=True)
    try:
        write_new(temp, sink.getvalue().to_pybytes())
        temp.replace(path)
    finally:
        temp.unlink(missing_ok=True)


def _read(path: Path, table: str) -> pl.DataFrame | None:
    """A rollup's rows; None where there is none, or none that can be trusted: it is made anew then."""
    try:
        rows = pq.ParquetFile(path, page_checksum_verification=True).read()
        frame = pl.from_arrow(rows)
    except (pa.ArrowException, OSError, ValueError, pl.exceptions.PanicException):  # the last: text that is no UTF-8
        return None
    said = (rows.schema.metadata or {}).get(_VERSION_KEY)
    expected = _nothing(table).schema
    return frame if said == _VERSION and isinstance(frame, pl.DataFrame) and frame.schema == expected else None


@cache
def _nothing(table: str) -> pl.DataFrame:
    """The summary of no rows."""
    return _summary(table, TABLES[table].arrow.empty_table())


def _groups(table: str) -> tuple[str, ...]:
    if table not in ROLLED:
        raise unknown_name("there are no rollups of", table, ROLLED)
    return ROLLED[table]


def _columns(table: str) -> list[str]:
    return [*_groups(table), "duration_ms", "started_at"]


def _is_being_written(path: Path) -> bool:
    try:
        return path.name.startswith(".tmp-") and time.time() - path.lstat().st_mtime < _ABANDONED_TEMP_S
    except FileNotFoundError:
        return True


def _joined(spans: list[Span]) -> tuple[Span, ...]:
    """The same spans, those that touch as one."""
    joined: list[Span] = []
    for span in spans:
        if joined and joined[-1].end == span.start:
            joined[-1] = Span(joined[-1].start, span.end, span.tz)
        else:
            joined.append(span)
    return tuple(joined)
