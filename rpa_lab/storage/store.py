"""The store as its users see it: write records and frames, read exact rows, whatever is being compacted meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import polars as pl

from rpa_lab.errors import InputError, StoreError, quote, unknown_name
from rpa_lab.filters import Filters
from rpa_lab.journal.layout import parse_fragment
from rpa_lab.period import Span, zone_name
from rpa_lab.records import Metrics
from rpa_lab.schema import TABLES, table_named
from rpa_lab.storage.aggregate import aggregated
from rpa_lab.storage.fit import fit_frame, fit_records
from rpa_lab.storage.notes import note_row
from rpa_lab.storage.reading import Reading
from rpa_lab.storage.remote import RemoteReading, bucket_of, local_path
from rpa_lab.storage.rolled_up import RolledUp
from rpa_lab.storage.rows import listed, read_rows, read_tables, scan_rows
from rpa_lab.storage.settings import Settings
from rpa_lab.storage.snapshot import LiveFile
from rpa_lab.storage.times import PeriodLike, as_of_said, now_of, span_between, span_of
from rpa_lab.storage.writing import Writing, Written

__all__ = ["PeriodLike", "TimeSeriesStore", "Written"]

_RECORDED = ("executions", "steps", "resources", "recoveries")

T = TypeVar("T")


class TimeSeriesStore:
    """A store of metrics: Parquet files by table and UTC day.

    Parameters
    ----------
    storage_path : str or path
        Its root folder; made with the first write. Or ``s3://bucket/prefix``: a copy that `rpa-lab push` made, to read.
    tz : str, optional
        The zone in which days begin and naive times are read; default: the store's ``rpa_lab.toml``, else UTC.
    as_of : datetime or "latest", optional
        What "now" is for relative periods; default the present. ``"latest"``: just after the newest start,
        or the end of what ran then.
    compact : bool
        Whether a query that would read more than 64 small files of a day compacts that day first.
    storage_options : mapping of str to str, optional
        Of a bucket: aws_access_key_id, aws_secret_access_key, aws_session_token, aws_region, aws_endpoint_url. Default:
        the environment variables of these names in capitals, or the usual files.

    Examples
    --------
    >>> import tempfile
    >>> store = TimeSeriesStore(tempfile.mkdtemp())
    >>> store.read("executions").height
    0
    """

    def __init__(
        self,
        storage_path: str | os.PathLike[str] = "data/store",
        *,
        tz: str | None = None,
        as_of: datetime | str | None = None,
        compact: bool = True,
        storage_options: Mapping[str, str] | None = None,
    ) -> None:
        if not isinstance(storage_path, str | os.PathLike):
            raise TypeError(f"storage_path is {quote(storage_path)}, expected the folder of the store as str or path")
        folder = local_path(storage_path)
        self.where = str(folder.absolute()) if folder else os.fspath(storage_path).rstrip("/")
        self._folder = folder.absolute() if folder else None
        self._storage_options = storage_options
        if tz is not None:
            tz = zone_name(tz)
        self._tz = tz
        if self._folder:
            self._reading = Reading(self._folder, compact=compact)
        else:
            self._reading = RemoteReading(bucket_of(self.where, storage_options=storage_options))
        self._as_of = as_of_said(as_of, tz=lambda: self.tz)

    @property
    def root(self) -> Path:
        """Its root folder.

        Raises
        ------
        StoreError
            If it is a copy in a bucket, which has none and can't be written.
        """
        if self._folder is None:
            raise StoreError(f"{self.where} is a copy in a bucket, which can only be read; expected a store's folder")
        return self._folder

    @property
    def storage_path(self) -> Path:
        """Its root folder, as it is called in the constructor."""
        return self.root

    @cached_property
    def _writing(self) -> Writing:
        return Writing(self.root)

    @property
    def tz(self) -> str:
        """The name of the zone in which days begin and naive times are read."""
        return self._tz or self._reading.settings().tz

    @property
    def settings(self) -> Settings:
        """What its owner set in ``rpa_lab.toml``."""
        return self._reading.settings()

    @property
    def now(self) -> datetime:
        """What relative periods count back from, UTC."""
        return now_of(self._reading, self._as_of)

    def seen(self, *, tz: str | None = None, as_of: datetime | str | None = None) -> TimeSeriesStore:
        """The same store with another zone, and another present, or the default ones."""
        return TimeSeriesStore(
            self.where, tz=tz, as_of=as_of, compact=self._reading.compact, storage_options=self._storage_options
        )

    def span(self, period: PeriodLike = "all") -> Span:
        """What a period means here.

        Parameters
        ----------
        period : str, Period or Span
            ``"all"`` means the UTC days that the store holds.

        Returns
        -------
        Span
        """
        return span_of(period, self._reading, as_of=self._as_of, tz=self.tz)

    def write_metrics(self, metrics: Iterable[Metrics]) -> Written:
        """Write records, all of them or (where one is not fit to be kept) none.

        Parameters
        ----------
        metrics : iterable of ExecutionMetrics, StepMetrics, ResourceMetrics or RecoveryMetrics
            A step without id and index gets its index within this call.

        Returns
        -------
        Written

        Raises
        ------
        InputError
            If something isn't such a record, or lacks what is required.
        """
        checked = fit_records(metrics)
        rows = sum(self._writing.publish(table, good, writer=None)[0] for table, good in checked)
        return Written(rows=rows, already_there=0, corrected=sum(good.corrected for _, good in checked))

    def write_frame(self, table: str, frame: pl.DataFrame, *, writer: str | None = None) -> Written:
        """Write a frame's rows: checked and redacted as a bot's records are, all of them or none.

        Parameters
        ----------
        table : str
            Which table.
        frame : DataFrame
            Its public columns; those left out are null. Naive times are read in the store's zone. Steps need `step_id`
            or `step_index`.
        writer : str, optional
            An importer's identity, ``i`` and 11 hex digits that follow from the content: what that writer has already
            written to a table and day is left as it is and counted as already there.

        Returns
        -------
        Written

        Raises
        ------
        InputError
            If a row isn't fit to be kept; nothing was written then.
        UnknownNameError
            If there is no such table or column.
        """
        schema = table_named(table)
        if writer is not None and parse_fragment(f"f-{writer}-00000000.parquet") is None:
            raise InputError(f"writer is {quote(writer)}, expected 'i' and 11 hex digits")
        checked = fit_frame(schema, frame, tz=lambda: self.tz)
        rows, there = self._writing.publish(schema, checked, writer=writer)
        return Written(rows=rows, already_there=there, corrected=checked.corrected)

    def note(
        self,
        text: str,
        *,
        workflow_id: str | None = None,
        at: date | str | None = None,
        kind: str = "note",
        version: str | None = None,
        host: str | None = None,
        author: str | None = None,
    ) -> str:
        """Write down what somebody changed: a row of `changes`, there for every query at once.

        Parameters
        ----------
        text : str
            What was changed.
        workflow_id : str, optional
            The workflow that it touches; default all. It need not have run yet.
        at : datetime, date or str, optional
            When it took effect; naive times are read in the store's zone, a date means its midnight. Default: now; in a
            store that is seen as of a given time that time.
        kind : str
            A short name: release, selector, host, note …
        version, host : str, optional
            The version that it brought; the only machine that it touches.
        author : str, optional
            Who wrote it down.

        Returns
        -------
        str
            The change's id.

        Raises
        ------
        InputError
            If the text is empty or has more than 2,000 characters, or the kind is no short name; nothing was written
            then.

        Examples
        --------
        >>> import tempfile
        >>> store = TimeSeriesStore(tempfile.mkdtemp())
        >>> change_id = store.note("new selector for the login page", workflow_id="payroll", kind="selector")
        >>> store.read("changes", columns=["kind", "workflow_id"]).row(0)
        ('selector', 'payroll')
        """
        now = datetime.now(UTC)
        if self._as_of != "latest":  # the newest run is no time at which anybody writes
            now = min(now, self.now - timedelta(microseconds=1))  # before the end of "the last 30 days"
        names = {"workflow_id": workflow_id, "version": version, "host": host, "author": author}
        row = note_row(text, at=at, now=now, tz=self.tz, kind=kind, **names)
        self.write_frame("changes", row)
        return str(row["change_id"].item())

    def scan(
        self,
        table: str,
        period: PeriodLike = "all",
        *,
        columns: Sequence[str] | None = None,
        workflow_id: str | None = None,
    ) -> pl.LazyFrame:
        """A table's rows as a lazy frame; nothing but names and footers is read yet.

        It stays valid for ten minutes; after that files may have been compacted away (FileNotFoundError): call again.

        Parameters
        ----------
        table : str
            For example ``"steps"``.
        period : str, Period or Span
            By the rows' own start; of executions, after folding.
        columns : sequence of str, optional
            Which; default all that users see.
        workflow_id : str, optional
            Only this workflow's.

        Returns
        -------
        LazyFrame
            One row per execution, step, sample … In no particular order.

        Raises
        ------
        UnknownNameError
            If there is no such table or column.
        """
        span = self.span(period)
        return scan_rows(self._reading, table, span, as_of=self.now, columns=columns, workflow_id=workflow_id)

    def read(
        self,
        table: str,
        period: PeriodLike = "all",
        *,
        columns: Sequence[str] | None = None,
        workflow_id: str | None = None,
    ) -> pl.DataFrame:
        """A table's rows, ordered by time; arguments as for `scan`.

        Unlike a lazy frame it starts over where a file was compacted away meanwhile, and leaves out by name a file that
        turns out to be damaged.

        Returns
        -------
        DataFrame
        """
        span = self.span(period)
        return read_rows(self._reading, table, span, as_of=self.now, columns=columns, workflow_id=workflow_id)

    def collect(self, query: Callable[[], pl.LazyFrame]) -> pl.DataFrame:
        """Collect a query over this store's scans, anew where its files went or turned out to be damaged.

        Parameters
        ----------
        query : callable
            Makes the lazy frame, from `scan`; called again for each attempt.

        Returns
        -------
        DataFrame

        Raises
        ------
        StoreError
            If the files went under each of 50 attempts.
        """
        return self._reading.collect(query)

    def attempt(self, work: Callable[[], T]) -> T:
        """Do some work over this store's scans and files, anew where these went or turned out to be damaged.

        Parameters
        ----------
        work : callable
            It may collect several scans, of one `rolled_up` for example; called again for each attempt.

        Returns
        -------
        object
            What `work` returns.

        Raises
        ------
        StoreError
            If the files went under each of 50 attempts.
        """
        return self._reading.attempt(work)

    def rolled_up(self, table: str, period: PeriodLike = "all", *, columns: Sequence[str] = ()) -> RolledUp:
        """The durations of a period as far as summaries beside the files know them, and the rows that they don't know.

        Parameters
        ----------
        table : str
            ``"executions"`` or ``"steps"``.
        period : str, Period or Span
            By the rows' own start.
        columns : sequence of str, optional
            Those by which they are to be told apart: workflow_id, status, of steps also node_id.

        Returns
        -------
        RolledUp
            Of a copy in a bucket, which has no summaries, all rows are left.

        Raises
        ------
        UnknownNameError
            If the table has no such summaries.

        Examples
        --------
        >>> import tempfile
        >>> TimeSeriesStore(tempfile.mkdtemp()).rolled_up("steps").summaries.height
        0
        """
        return self._reading.rolled_up(table, self.span(period), columns=listed(columns), as_of=self.now)

    def count_stored(self, table: str, period: PeriodLike = "all") -> int:
        """How many rows the files behind a period have: no fewer than it has itself; nothing but footers is read.

        Examples
        --------
        >>> import tempfile
        >>> TimeSeriesStore(tempfile.mkdtemp()).count_stored("steps")
        0
        """
        return sum(file.footer.rows for file in self._live(period, table_named(table).name))

    def files(self, period: PeriodLike = "all", *, table: str | None = None) -> list[Path]:
        """The files whose rows count right now.

        Parameters
        ----------
        period : str, Period or Span
            Of the UTC days that it touches.
        table : str, optional
            Default all.

        Returns
        -------
        list of Path
        """
        self.root  # noqa: B018 - a bucket's files have no paths: that is an error
        return [file.path for file in self._live(period, table)]

    def uris(self, period: PeriodLike = "all", *, table: str | None = None) -> list[str]:
        """The files whose rows count right now, as any Parquet reader takes them: paths, or ``s3://`` URIs.

        Parameters
        ----------
        period : str, Period or Span
            Of the UTC days that it touches.
        table : str, optional
            Default all.

        Returns
        -------
        list of str
        """
        return [self._reading.source(file) for file in self._live(period, table)]

    def fingerprint(self, period: PeriodLike = "all", *, tables: Sequence[str] | None = None) -> str:
        """The identity of the files whose rows a query of this period reads.

        It is the same as long as these rows are the same; another one means that they may have changed.

        Parameters
        ----------
        period : str, Period or Span
            Which.
        tables : sequence of str, optional
            Those that the query reads; default all. Executions bring along the health rows that say whether one that
            runs still lives, up to now.

        Returns
        -------
        str
            32 hex digits.

        Raises
        ------
        UnknownNameError
            If there is no such table.

        Examples
        --------
        >>> import tempfile
        >>> store = TimeSeriesStore(tempfile.mkdtemp())
        >>> store.fingerprint("2026-11") == store.fingerprint("2026-11", tables=["steps"])
        True
        """
        return self._reading.fingerprint(TABLES if tables is None else tables, self.span(period), as_of=self.now)

    def warnings(
        self, period: PeriodLike = "all", *, tables: Sequence[str] = ("executions", "steps")
    ) -> tuple[str, ...]:
        """What is wrong with the files behind a period: damage that was left out.

        Parameters
        ----------
        period : str, Period or Span
            Which.
        tables : sequence of str
            Of which tables.

        Returns
        -------
        tuple of str
            Empty where nothing is.
        """
        span = self.span(period)
        return tuple(
            f"{name} {warning}"
            for name in tables
            for day in self._reading.looks(name, span)
            for warning in day.warnings
        )

    def query_range(
        self,
        start_time: datetime,
        end_time: datetime,
        workflow_id: str | None = None,
        metric_types: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Metrics within a time range, of several tables in one frame.

        Parameters
        ----------
        start_time, end_time : datetime
            Half-open; naive ones are read in the store's zone.
        workflow_id : str, optional
            Only this workflow's.
        metric_types : sequence of str, optional
            Names of tables; default executions, steps, resources and recoveries.

        Returns
        -------
        DataFrame
            First column `metric_type`, the table's name; then the columns of all of them, null where a table lacks one.

        Raises
        ------
        UnknownNameError
            If a metric type is no table.
        """
        span = span_between(start_time, end_time, tz=self.tz)
        tables = _RECORDED if metric_types is None else listed(metric_types)
        return read_tables(self._reading, tables, span, as_of=self.now, workflow_id=workflow_id)

    def aggregate(
        self,
        metric: str,
        aggregation: str,
        group_by: Sequence[str],
        start_time: datetime,
        end_time: datetime,
        filters: Filters | None = None,
    ) -> pl.DataFrame:
        """Aggregate a metric with grouping.

        Parameters
        ----------
        metric : str
            ``"table.column"``, or a column of executions.
        aggregation : str
            avg (or mean), sum, count, min, max, median, std, a percentile such as p95, success_rate (of ``"status"``),
            rate_per_hour (values per hour of the range); missing values are left out. See
            `rpa_lab.measures.aggregation_named`.
        group_by : sequence of str
            Columns of the same table.
        start_time, end_time : datetime
            Half-open; naive ones are read in the store's zone.
        filters : mapping, optional
            Column to the value that it must have, a list of values that it may have, or operators; see
            `rpa_lab.filters.filters_of`.

        Returns
        -------
        DataFrame
            One row per group, ordered: the group's columns, `value`, and `n`, the values that went into it.

        Raises
        ------
        UnknownNameError
            If there is no such table, column, operator or aggregation.
        InputError
            If the column has no such aggregate, or a filter's value is none that its column could have.
        """
        span = span_between(start_time, end_time, tz=self.tz)
        return aggregated(
            self._reading,
            metric,
            aggregation,
            span,
            group_by=group_by,
            filters=filters,
            as_of=self.now,
            tz=self.tz,
        )

    def workflow_ids(self) -> list[str]:
        """The names of the workflows of which it holds executions, in order."""
        names = self.collect(lambda: self.scan("executions", columns=["workflow_id"]).unique())["workflow_id"]
        return sorted(names.drop_nulls())

    def check_workflow(self, workflow_id: str | None) -> None:
        """Refuse the name of a workflow that it doesn't hold; None means all, and is never refused.

        Raises
        ------
        UnknownNameError
            If it has no such workflow; lists those that it has.
        """
        if workflow_id is not None and workflow_id not in (known := self.workflow_ids()):
            raise unknown_name("the store has no workflow", workflow_id, known)

    def held_by_others(self, executions: pl.DataFrame, *, writer: str) -> set[str]:
        """Those of some executions that the store holds already, from another writer.

        Parameters
        ----------
        executions : DataFrame
            execution_id, started_at (aware).
        writer : str
            Whose rows don't count.

        Returns
        -------
        set of str
            Their ids.
        """
        return self._reading.foreign(executions, writer=writer)

    def __repr__(self) -> str:
        return f"TimeSeriesStore({self.where!r}, tz={self.tz!r})"

    def _live(self, period: PeriodLike, table: str | None) -> list[LiveFile]:
        span = self.span(period)
        tables = [table_named(table).name] if table else list(TABLES)
        return [file for name in tables for day in self._reading.looks(name, span) for file in day.files]
