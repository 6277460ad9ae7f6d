"""From live files to rows: what `TimeSeriesStore` reads, exact whatever is being compacted meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

import polars as pl

from rpa_lab.errors import StoreError
from rpa_lab.journal.fragment import Unreadable, check_seal
from rpa_lab.journal.root import check_format
from rpa_lab.period import Span
from rpa_lab.schema import TABLES, Table, table_named
from rpa_lab.storage.compaction import MANY, compact_day
from rpa_lab.storage.derive import all_ended, with_state, with_step_id
from rpa_lab.storage.fold import fold
from rpa_lab.storage.footers import quarantine
from rpa_lab.storage.progress import shown
from rpa_lab.storage.repeated import Repeated, repeated_in
from rpa_lab.storage.rolled_up import RolledUp, summarised_days, summed_up
from rpa_lab.storage.settings import Settings, read_settings
from rpa_lab.storage.snapshot import LOOKS, Day, Kind, LiveFile, days_of, look

__all__ = ["Reading", "open_files"]

_FOLD_REACH = timedelta(days=2)
_DAY = timedelta(days=1)
_COMPACT_EVERY_S = 60.0
T = TypeVar("T")


class Reading:
    """Finds the files that count, and makes lazy frames of them."""

    def __init__(self, root: Path, *, compact: bool) -> None:
        self.root = root
        self.compact = compact
        self._compacted_at: dict[tuple[str, date], float] = {}

    def days(self, table: str) -> list[date]:
        """The UTC days that a table has; refuses a store of a newer format."""
        check_format(self.root)
        return days_of(self.root, table)

    def look(self, table: str, day: date) -> Day:
        """One table's UTC day as it is now."""
        return look(self.root, table, day)

    def settings(self) -> Settings:
        """What the store's owner set."""
        return read_settings(self.root)

    def source(self, file: LiveFile) -> str:
        """By what any Parquet reader finds a file: its path, or its URI."""
        return str(file.path)

    def fingerprint(self, tables: Iterable[str], span: Span, *, as_of: datetime) -> str:
        """The identity of the files behind a span's rows of some tables."""
        behind = {
            (source, day.day): day
            for table in tables
            for source, within in _behind(table_named(table).name, span, as_of)
            for day in self.looks(source, within)
        }
        state = blake2b(digest_size=16)
        for (source, day), now in sorted(behind.items(), key=lambda entry: entry[0]):
            seals = sorted(file.footer.seal for file in now.files)
            state.update(" ".join([source, str(day), *seals, "\n"]).encode())
        return state.hexdigest()

    def looks(self, table: str, span: Span) -> list[Day]:
        """The UTC days that a span touches, as they are now; those of many small files are compacted first."""
        first, last = span.start.date(), (span.end - timedelta(microseconds=1)).date()
        looks = []
        for day in self.days(table):
            if first <= day <= last:
                now = look(self.root, table, day)
                if len(now.fragments) > MANY and self._may_compact(table, day):
                    with (
                        suppress(OSError),
                        shown(f"compacting {table} {day}") as on_file,
                    ):  # a full disk hinders no reading
                        compact_day(self.root, table, day, full=False, on_file=on_file)
                    now = look(self.root, table, day)
                looks.append(now)
        return looks

    def stored(self, table: str, span: Span, *, kind: Kind | None = None) -> pl.LazyFrame:
        """All rows of the days that a span touches, as they were written: unfolded, with hidden columns."""
        return self._open(TABLES[table], self._files(table, span, kind=kind))

    def rows(self, table: str, span: Span, *, as_of: datetime, kind: Kind | None = None) -> pl.LazyFrame:
        """The rows of a span, as users see them and with hidden columns.

        Parameters
        ----------
        table : str
            Its name.
        span : Span
            By the rows' own start; of executions, after folding.
        as_of : datetime
            What "now" is, for which running executions still live.
        kind : str, optional
            Of which files only, for example ``"archive"``.

        Returns
        -------
        LazyFrame
            One row per execution, step, sample …

        Raises
        ------
        UnknownNameError
            If there is no such table.
        """
        table = table_named(table).name
        if table == "executions":
            files = self._files(table, _reaching(span), kind=kind)
            return self.runs(files, span, as_of=as_of)
        return self._rows_within(table, self._files(table, span, kind=kind), span)

    def runs(self, files: Sequence[LiveFile], span: Span, *, as_of: datetime) -> pl.LazyFrame:
        """The executions of a span, of all the files that may hold rows of them."""
        known = self._repeated(files)
        if known is None:
            folded = fold(self._open(TABLES["executions"], files))
        else:
            alone = self._open(TABLES["executions"], [file for file in files if file.path not in known.within])
            several = self._open(TABLES["executions"], [file for file in files if file.path in known.within])
            folded = pl.concat([alone, fold(several, repeated=known.ids)]) if known.within else alone
        within = folded.filter(_within(pl.coalesce(*TABLES["executions"].day_of), span))
        if known and not known.running:
            return all_ended(within)
        _, (_, alive) = _behind("executions", span, as_of)
        health = self.stored("collector_health", alive)
        return with_state(within, health.select("writer", "timestamp"), as_of=as_of)

    def newest(self) -> datetime | None:
        """The newest start of any execution, or what ended after it, up to a day; None where none has a start.

        Only what began on that day and the one before it is looked at: all that lasts longer goes on far beyond.
        """
        newest: datetime | None = None
        ends: list[datetime] = []
        for day in reversed(self.days("executions")):
            start, end = self.collect(partial(self._edges, day)).row(0)
            ends += [end] if end is not None else []
            if newest is not None:
                break
            newest = start
        return None if newest is None else min(max(newest, *ends), newest + _DAY) if ends else newest

    def _edges(self, day: date) -> pl.LazyFrame:
        files = self.look("executions", day).files
        return self._open(TABLES["executions"], files).select(pl.col("started_at", "completed_at").max())

    def foreign(self, executions: pl.DataFrame, *, writer: str) -> set[str]:
        """The ids of those executions (execution_id, started_at) that another writer has written."""
        if executions.is_empty():
            return set()
        start, end = executions.select(pl.col("started_at").min(), pl.col("started_at").max().alias("end")).row(0)
        ids = executions.select("execution_id").lazy()
        other = (pl.col("_writer") != writer) | (pl.col("_start_writer") != writer)

        def query() -> pl.LazyFrame:
            rows = self.stored("executions", _reaching(Span(start, end + timedelta(microseconds=1))))
            return rows.filter(other).select("execution_id").join(ids, on="execution_id", how="semi").unique()

        return set(self.collect(query)["execution_id"])

    def rolled_up(self, table: str, span: Span, *, columns: Sequence[str], as_of: datetime) -> RolledUp:
        """The durations of a span as rollups know them, by some columns, and the rows that they don't know of."""
        looks = self.looks(table, _reaching(span) if table == "executions" else span)
        files = [file for day in looks for file in day.files]
        known = self._repeated(files) if table == "executions" else None
        rolled = summarised_days(table, looks, span, known=known)
        paths = {file.path for _, file in rolled}
        others = [file for file in files if file.path not in paths]
        held = [day for day in self.days(table) if rolled]
        with shown(f"summarising {table}", after_s=2) as on_part:
            summaries = summed_up(
                self.root,
                table,
                rolled,
                held=held,
                columns=columns,
                write=os.access(self.root, os.W_OK),
                on_part=on_part,
            )
        rest = self.runs(others, span, as_of=as_of) if table == "executions" else self._rows_within(table, others, span)
        return RolledUp(table=table, summaries=summaries, files=tuple(rolled), rest=rest)

    def collect(self, query: Callable[[], pl.LazyFrame]) -> pl.DataFrame:
        """Collect a query, made anew where its files went or turned out to be damaged."""
        return self.attempt(lambda: query().collect())

    def attempt(self, work: Callable[[], T]) -> T:
        """Do some work over files, anew where these went or turned out to be damaged."""
        for _ in range(LOOKS):
            try:
                return work()
            except (FileNotFoundError, Unreadable):
                continue  # compacted away between the look and the reading, or in quarantine now
            except pl.exceptions.ComputeError:
                if not self._quarantine_damaged():
                    raise
        raise StoreError(f"the files of {self.root} went away under each of {LOOKS} attempts to read them")

    def _files(self, table: str, span: Span, *, kind: Kind | None = None) -> list[LiveFile]:
        files = [file for day in self.looks(table, span) for file in day.files if kind in (None, file.kind)]
        if table != "executions":  # a file that lies outside the span holds nothing of it
            files = [file for file in files if not _outside(file, span)]
        return files

    def _rows_within(self, table: str, files: Sequence[LiveFile], span: Span) -> pl.LazyFrame:
        rows = self._open(TABLES[table], files).filter(_within(pl.col(TABLES[table].time), span))
        return with_step_id(rows) if table == "steps" else rows

    def _repeated(self, files: Sequence[LiveFile]) -> Repeated | None:
        return repeated_in(files, read=partial(self._open, TABLES["executions"]))

    def _open(self, table: Table, files: Sequence[LiveFile]) -> pl.LazyFrame:
        return open_files(table, [self.source(file) for file in files])

    def _may_compact(self, table: str, day: date) -> bool:
        since = time.monotonic() - self._compacted_at.get((table, day), float("-inf"))
        if not self.compact or since < _COMPACT_EVERY_S or not os.access(self.root, os.W_OK):
            return False
        self._compacted_at[table, day] = time.monotonic()
        return True

    def _quarantine_damaged(self) -> bool:
        """Check every live file's seal; whether one was damaged, and is now left out by name."""
        found = False
        for table in TABLES:
            for day in self.days(table):
                for file in look(self.root, table, day).files:
                    try:
                        check_seal(file.path)
                    except FileNotFoundError:
                        continue
                    except Unreadable as damage:
                        quarantine(self.root, file.path, str(damage))
                        found = True
        return found


def open_files(table: Table, sources: list[str], *, storage_options: Mapping[str, str] | None = None) -> pl.LazyFrame:
    """The rows of some files in the table's present schema, whatever version wrote them."""
    schema = pl.Schema(table.arrow)
    if not sources:
        return pl.LazyFrame(schema=schema)
    return pl.scan_parquet(
        sources,
        glob=False,
        hive_partitioning=False,
        schema=schema,
        missing_columns="insert",
        extra_columns="ignore",
        storage_options=dict(storage_options or {}),
    )


def _behind(table: str, span: Span, as_of: datetime) -> list[tuple[str, Span]]:
    """The tables, and of these the spans, that the rows of a span come from."""
    if table != "executions":
        return [(table, span)]
    alive = Span(span.start - _FOLD_REACH, max(as_of, span.start))  # whether one still lives, its collector says later
    return [(table, _reaching(span)), ("collector_health", alive)]


def _within(at: pl.Expr, span: Span) -> pl.Expr:
    return (at >= span.start) & (at < span.end)


def _outside(file: LiveFile, span: Span) -> bool:
    first, last = file.footer.first, file.footer.last
    return first is not None and last is not None and (last < span.start or first >= span.end)


def _reaching(span: Span) -> Span:
    return Span(span.start - _FOLD_REACH, span.end + _FOLD_REACH, span.tz)
