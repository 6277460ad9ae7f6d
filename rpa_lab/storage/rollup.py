"""Summaries kept beside files: what a day or a month says of durations, without reading its rows again.

A rollup bears the seal of the file that it summarises, or a hash of the seals of a month's files, and files never
change; so it is never stale, may be deleted at any time, and is made again when it is wanted. It has a row group for
each level of `ROLLED`: by workflow and status, of steps also by node. Which files may be added up is told by
`rpa_lab.storage.rolled_up`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date
from functools import cache
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from rpa_lab.errors import unknown_name
from rpa_lab.journal.fragment import Unreadable, make_folder, read_sealed, write_new
from rpa_lab.journal.layout import rollup_file, rollup_folder, rollup_month
from rpa_lab.schema import TABLES
from rpa_lab.storage.footers import Identity, identity_of, quarantine
from rpa_lab.storage.snapshot import LiveFile, look
from rpa_lab.storage.summary import merge, summarise

__all__ = [
    "COMPACTED",
    "ROLLED",
    "keep_rollup",
    "level_of",
    "nothing",
    "rows_by_workflow",
    "summary_of_file",
    "summary_of_month",
    "sweep_rollups",
]

ROLLED: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "executions": (("workflow_id", "status"),),
    "steps": (("workflow_id", "status"), ("workflow_id", "node_id", "status")),
}
"""The tables that have rollups, and the columns that each level of them is summarised by, the coarsest first."""
COMPACTED: Final = ("generation", "archive")
"""The kinds of files that are summarised one by one."""

_COUNTED: Final = ("workflow_id", "rows")
_VERSION: Final = b"2"
_VERSION_KEY: Final = b"rpa_lab.rollup"
_ABANDONED_TEMP_S: Final = 86_400
_REMEMBERED_BYTES: Final = 64 * 2**20
_Key = tuple[Identity, int, tuple[str, ...]]


class _Frames:
    """What was read of rollups and found sound: known as long as the file is the same, and there is room."""

    def __init__(self) -> None:
        self.known: dict[_Key, pl.DataFrame] = {}
        self._bytes = 0

    def keep(self, key: _Key, frame: pl.DataFrame) -> None:
        """Remember a frame; where there is no room, forget the others."""
        self._bytes += int(frame.estimated_size())
        if self._bytes > _REMEMBERED_BYTES:
            self.known, self._bytes = {}, int(frame.estimated_size())
        self.known[key] = frame


_frames = _Frames()


def level_of(table: str, columns: Sequence[str]) -> int | None:
    """The coarsest level of a table's rollups that tells these columns' values apart; None where none does.

    Raises
    ------
    UnknownNameError
        If the table has no rollups.

    Examples
    --------
    >>> level_of("steps", ["status"]), level_of("steps", ["node_id"]), level_of("steps", ["action_type"])
    (0, 1, None)
    """
    return next((n for n, by in enumerate(_levels(table)) if set(columns) <= set(by)), None)


def summary_of_file(root: Path, table: str, day: date, file: LiveFile, *, level: int, write: bool) -> pl.DataFrame:
    """A compacted file's summary: its rollup, else made of its rows.

    Parameters
    ----------
    root : Path
        The store.
    table, day, file
        Which file.
    level : int
        Of `ROLLED`.
    write : bool
        Whether to keep what had to be made.

    Returns
    -------
    DataFrame
        As `summary.summarise` gives, ordered by the level's columns.

    Raises
    ------
    Unreadable
        If the file is damaged; it is in quarantine then.
    FileNotFoundError
        If it is gone.
    """
    path = rollup_file(root, table, day, file.footer.seal)
    return _kept(path, table, level=level, write=write, make=lambda: _summaries(table, _rows(root, table, file)))


def rows_by_workflow(root: Path, table: str, day: date, file: LiveFile) -> list[tuple[str | None, int]]:
    """How many rows a compacted file has of each workflow, in the order in which they stand there."""
    kept = _read(rollup_file(root, table, day, file.footer.seal), table, 0, columns=_COUNTED)
    if kept is None:
        kept = summary_of_file(root, table, day, file, level=0, write=False)
    ordered = zip(kept["workflow_id"].to_list(), kept["rows"].to_list(), strict=True)  # as summaries are, and files
    return [(name, sum(rows for _, rows in some)) for name, some in groupby(ordered, key=itemgetter(0))]


def summary_of_month(
    root: Path, table: str, files: Sequence[tuple[date, LiveFile]], *, level: int, write: bool
) -> pl.DataFrame:
    """The summary of all files of a month: its rollup, else merged from theirs; arguments as for `summary_of_file`."""

    def make() -> list[pl.DataFrame]:
        merged = []
        for n, by in enumerate(_levels(table)):
            parts = [summary_of_file(root, table, day, file, level=n, write=write) for day, file in files]
            merged.append(merge(pl.concat(parts).lazy(), by=by).sort(by).collect())
        return merged

    key = blake2b(" ".join(sorted(file.footer.seal for _, file in files)).encode(), digest_size=32).hexdigest()
    path = rollup_month(root, table, files[0][0], key)
    made = not path.exists()
    kept = _kept(path, table, level=level, write=write, make=make)
    if made and write:
        with suppress(OSError):  # those of other seals are of files that count no longer
            for other in path.parent.iterdir():
                if other != path and not _is_being_written(other):
                    other.unlink(missing_ok=True)
    return kept


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
        files = [file for file in look(root, table, day).files if file.footer.rows]
        if len(files) == 1 and files[0].kind in COMPACTED:
            summary_of_file(root, table, day, files[0], level=0, write=True)


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


def _kept(path: Path, table: str, *, level: int, write: bool, make: Callable[[], list[pl.DataFrame]]) -> pl.DataFrame:
    """What a rollup says on a level; where there is none that can be trusted it is made, and kept."""
    kept = _read(path, table, level)
    if kept is not None:
        return kept
    made = make()
    if write:
        with suppress(OSError):  # a reader that may not write can still read
            _write(path, made)
    return made[level]


def _rows(root: Path, table: str, file: LiveFile) -> pa.Table:
    try:
        return read_sealed(file.path, TABLES[table])[1]
    except Unreadable as damage:
        with suppress(OSError):
            quarantine(root, file.path, str(damage))
        raise


def _summaries(table: str, rows: pa.Table) -> list[pl.DataFrame]:
    """A file's summary on each level; runs whose start is told elsewhere are ``running``, as they are not settled."""
    *coarser, finest = _levels(table)
    frame = pl.from_arrow(rows.select([*finest, "duration_ms", "started_at"]))
    if not isinstance(frame, pl.DataFrame):
        raise TypeError(f"expected a table of rows, not {type(frame).__name__}")
    lazy = frame.lazy()
    if table == "executions":
        startless = pl.col("started_at").is_null()
        lazy = lazy.with_columns(status=pl.when(startless).then(pl.lit("running")).otherwise("status"))
    fine = summarise(lazy, by=finest).sort(finest).collect()
    return [*(merge(fine.lazy(), by=by).sort(by).collect() for by in coarser), fine]


def _write(path: Path, summaries: Sequence[pl.DataFrame]) -> None:
    make_folder(path.parent)
    temp = path.with_name(f".tmp-{secrets.token_hex(6)}")
    levels = pl.concat(summaries[::-1], how="diagonal")[:0].to_arrow()  # the finest has all columns
    schema = levels.schema.with_metadata({_VERSION_KEY: _VERSION})
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, schema, compression="zstd", write_page_checksum=True) as writer:
        for summary in summaries:
            missing = [pl.lit(None, pl.String).alias(name) for name in schema.names if name not in summary.columns]
            rows = summary.with_columns(missing).select(schema.names).to_arrow().cast(schema)
            writer.write_table(rows, row_group_size=max(1, rows.num_rows))
    try:
        write_new(temp, sink.getvalue().to_pybytes())
        temp.replace(path)
    finally:
        temp.unlink(missing_ok=True)


def _read(path: Path, table: str, level: int, *, columns: Sequence[str] | None = None) -> pl.DataFrame | None:
    """A rollup's rows on a level; None where there is none, or none that can be trusted: it is made anew then."""
    expected = {name: kind for name, kind in nothing(table, level).schema.items() if not columns or name in columns}
    try:
        key = (identity_of(path), level, tuple(expected))
        if (remembered := _frames.known.get(key)) is not None:
            return remembered
        file = pq.ParquetFile(path, page_checksum_verification=True)
        if (file.schema_arrow.metadata or {}).get(_VERSION_KEY) != _VERSION:
            return None
        frame = pl.from_arrow(file.read_row_group(level, columns=list(expected), use_threads=False))
    except (pa.ArrowException, OSError, ValueError, pl.exceptions.PanicException):  # the last: text that is no UTF-8
        return None
    if not isinstance(frame, pl.DataFrame) or dict(frame.schema) != expected:
        return None
    _frames.keep(key, frame)
    return frame


@cache
def nothing(table: str, level: int) -> pl.DataFrame:
    """The summary of no rows on a level."""
    return _summaries(table, TABLES[table].arrow.empty_table())[level]


def _levels(table: str) -> tuple[tuple[str, ...], ...]:
    if table not in ROLLED:
        raise unknown_name("there are no rollups of", table, ROLLED)
    return ROLLED[table]


def _is_being_written(path: Path) -> bool:
    try:
        return path.name.startswith(".tmp-") and time.time() - path.lstat().st_mtime < _ABANDONED_TEMP_S
    except FileNotFoundError:
        return True
