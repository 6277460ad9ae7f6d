"""The store as its users see it: write records and frames, read exact rows, whatever is being compacted meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

import polars as pl

from rpa_lab.errors import InputError, StoreError, quote, unknown_name
from rpa_lab.filters import Filters, filters_of, matching
from rpa_lab.journal.layout import parse_fragment
from rpa_lab.measures import aggregation_named, rate_per_hour
from rpa_lab.period import Period, Span, as_utc, this_minute, zone_name
from rpa_lab.records import Metrics
from rpa_lab.schema import TABLES, table_named
from rpa_lab.storage.notes import note_row
from rpa_lab.storage.reading import Reading
from rpa_lab.storage.remote import RemoteReading, bucket_of, local_path
from rpa_lab.storage.rolled_up import RolledUp
from rpa_lab.storage.settings import Settings
from rpa_lab.storage.writing import Writing, Written, count_steps, fit

__all__ = ["PeriodLike", "TimeSeriesStore", "Written", "in_zone"]

_RECORDED = ("executions", "steps", "resources", "recoveries")

PeriodLike = str | Period | Span
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
        self._as_of = self._checked_as_of(as_of)

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
        if isinstance(self._as_of, datetime):
            return self._as_of
        present = this_minute()
        if self._as_of is None:
            return present
        newest = self._reading.newest()
        return min(newest + timedelta(microseconds=1), present + timedelta(days=1)) if newest else present

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
        period = period if isinstance(period, Period) else Period(period)
        if not period.is_all:
            return period.resolve(as_of=self.now if period.is_relative else None, tz=self.tz)
        days = [day for table in TABLES for day in self._reading.days(table)]
        today = self.now.date()
        first, last = (min(days), max(days)) if days else (today, today)
        return Span(_midnight(first), _midnight(last + timedelta(days=1)), self.tz)

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
        columns: dict[str, dict[str, list[Any]]] = {}
        for at, record in enumerate(metrics):
            if not isinstance(record, Metrics):
                raise InputError(f"metrics[{at}] is {quote(record)}, expected one of rpa_lab.records")
            names = type(record).__dataclass_fields__
            table = columns.setdefault(record.table, {name: [] for name in names})
            for name in names:
                table[name].append(getattr(record, name))
        if "steps" in columns:
            count_steps(columns["steps"])
        counts = {name: len(next(iter(values.values()))) for name, values in columns.items()}
        checked = {name: fit(TABLES[name], values, count=counts[name]) for name, values in columns.items()}
        rows = sum(self._writing.publish(TABLES[name], good, writer=None)[0] for name, good in checked.items())
        return Written(rows=rows, already_there=0, corrected=sum(good.corrected for good in checked.values()))

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
        if not isinstance(frame, pl.DataFrame):
            raise InputError(f"frame is a {type(frame).__module__}.{type(frame).__name__}, expected a Polars DataFrame")
        for name in frame.columns:
            if name not in schema.names:
                raise unknown_name(f"{table} has no column", name, schema.names)
        if table == "steps" and not {"step_id", "step_index"} & set(frame.columns):
            raise InputError("steps has neither step_id nor step_index; expected one of them, to tell the steps apart")
        if writer is not None and parse_fragment(f"f-{writer}-00000000.parquet") is None:
            raise InputError(f"writer is {quote(writer)}, expected 'i' and 11 hex digits")
        naive = [name for name, kind in frame.schema.items() if kind == pl.Datetime and kind.time_zone is None]  # type: ignore[attr-defined]
        if naive:
            frame = frame.with_columns(in_zone(pl.col(naive), self.tz))
        arrow = frame.to_arrow()
        checked = fit(schema, {name: arrow[name] for name in arrow.column_names}, count=frame.height)
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
        rows = self._reading.rows(table, self.span(period), as_of=self.now)
        if workflow_id is not None:
            table_named(table)["workflow_id"]  # says so where the table has none
            rows = rows.filter(pl.col("workflow_id") == workflow_id)
        public = [name for name in rows.collect_schema().names() if not name.startswith("_")]
        wanted = _listed(columns) if columns is not None else public
        for name in wanted:
            if name not in public:
                raise unknown_name(f"{table} has no column", name, public)
        return rows.select(wanted)

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
        schema = table_named(table)
        span = self.span(period)

        def rows() -> pl.LazyFrame:
            everything = self.scan(table, span, workflow_id=workflow_id)
            order = [name for name in (schema.time, schema.key, "execution_id") if name and name in schema.names]
            ordered = everything.sort(*dict.fromkeys(order), maintain_order=True)
            return ordered if columns is None else ordered.select(_listed(columns))

        if columns is not None:
            self.scan(table, span, columns=columns)  # says at once which column doesn't exist
        return self.collect(rows)

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
        return self._reading.rolled_up(table, self.span(period), columns=_listed(columns), as_of=self.now)

    def count_stored(self, table: str, period: PeriodLike = "all") -> int:
        """How many rows the files behind a period have: no fewer than it has itself; nothing but footers is read.

        Examples
        --------
        >>> import tempfile
        >>> TimeSeriesStore(tempfile.mkdtemp()).count_stored("steps")
        0
        """
        days = self._reading.looks(table_named(table).name, self.span(period))
        return sum(file.footer.rows for day in days for file in day.files)

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
        span = self.span(period)
        tables = [table_named(table).name] if table else list(TABLES)
        self.root  # noqa: B018 - a bucket's files have no paths: that is an error
        return [file.path for name in tables for day in self._reading.looks(name, span) for file in day.files]

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
        span = self.span(period)
        tables = [table_named(table).name] if table else list(TABLES)
        looks = [day for name in tables for day in self._reading.looks(name, span)]
        return [self._reading.source(file) for day in looks for file in day.files]

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
        span = self._between(start_time, end_time)
        types = _RECORDED if metric_types is None else _listed(metric_types)
        frames = [self.read(name, span, workflow_id=workflow_id) for name in types]
        parts = [f.select(pl.lit(name).alias("metric_type"), pl.all()) for name, f in zip(types, frames, strict=True)]
        return pl.concat(parts, how="diagonal") if parts else pl.DataFrame(schema={"metric_type": pl.String})

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
        if not isinstance(metric, str):
            raise InputError(f"metric is {quote(metric)}, expected 'table.column' or a column of executions")
        table, _, name = metric.rpartition(".")
        schema, group_by = table_named(table or "executions"), _listed(group_by)
        made_by = aggregation_named(aggregation)
        if name not in schema.readable:
            raise unknown_name(f"{schema.name} has no column", name, schema.readable)
        column = schema.readable[name]
        made_by.check(schema, column)
        span, only = self._between(start_time, end_time), filters_of(schema.name, filters)
        needed = list(dict.fromkeys([name, *group_by, *(each.column for each in only)]))
        hours = pl.lit(span.length / timedelta(hours=1))

        def grouped() -> pl.LazyFrame:
            rows = matching(self.scan(schema.name, span, columns=needed), only, tz=self.tz)
            value, n = made_by.value(schema, column), made_by.n(schema, column)
            if made_by.name == "rate_per_hour":
                value = rate_per_hour(n, hours)
            if not group_by:
                return rows.select(value=value, n=n)
            return rows.group_by(group_by).agg(value=value, n=n).sort(*group_by, nulls_last=True)

        return self.collect(grouped)

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

    def _checked_as_of(self, as_of: datetime | str | None) -> datetime | Literal["latest"] | None:
        if as_of is None or as_of == "latest":
            return "latest" if as_of else None
        if isinstance(as_of, str):
            try:
                as_of = datetime.fromisoformat(as_of)
            except ValueError:
                raise InputError(f"as_of is {quote(as_of)}, expected 'latest' or an ISO 8601 time") from None
        return as_utc(as_of, tz=self.tz)

    def _between(self, start: datetime, end: datetime) -> Span:
        return Period(as_utc(start, tz=self.tz), as_utc(end, tz=self.tz)).resolve(tz=self.tz)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _listed(names: Sequence[str]) -> list[str]:
    """The names as a list; a single one, which is a sequence of letters, is meant whole."""
    return [names] if isinstance(names, str) else list(names)


def in_zone(naive: pl.Expr, tz: str) -> pl.Expr:
    """Naive times read in a zone as `as_utc` reads them: of a repeated hour the first, a skipped one goes on."""
    read = naive.dt.replace_time_zone(tz, ambiguous="earliest", non_existent="null")
    day = pl.duration(days=1)
    as_the_day_before = (naive - day).dt.replace_time_zone(tz, ambiguous="earliest", non_existent="null") + day
    return pl.coalesce(read, as_the_day_before)
