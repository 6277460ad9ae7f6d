"""`ArchiveStorage`: old days out of the live store, smaller, and answering queries as before.

An archived day is one file under `_archive`, recompressed, checked row by row before its source goes. Whatever reads
the store still finds its rows; scripts over the published tables don't.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from itertools import count
from typing import Any, Final

import polars as pl

from rpa_lab.errors import DamageError, InputError, quote, unknown_name
from rpa_lab.filters import Filters, filters_of, matching
from rpa_lab.journal.layout import ARCHIVE, Fragment
from rpa_lab.period import Period, Span, as_utc
from rpa_lab.schema import Table, table_named
from rpa_lab.storage.compaction import GRACE_S
from rpa_lab.storage.derive import with_step_id
from rpa_lab.storage.fit import fit
from rpa_lab.storage.reading import Reading
from rpa_lab.storage.retention import Then, archive_day, refuse_copy, retain
from rpa_lab.storage.snapshot import look
from rpa_lab.storage.store import TimeSeriesStore

__all__ = ["ArchiveStorage"]

_FOLD_REACH: Final = timedelta(days=2)


class ArchiveStorage:
    """The archive of a store, and the policy that fills it.

    Parameters
    ----------
    storage_path : str or path
        The store's root folder; the archive lies therein.
    grace_s : float
        Seconds that replaced files stay on disk for who is reading them; the next run removes them.

    Examples
    --------
    >>> import tempfile
    >>> archive = ArchiveStorage(tempfile.mkdtemp())
    >>> run = {"execution_id": "e", "workflow_id": "w", "started_at": datetime(2026, 8, 3, 9), "status": "completed"}
    >>> path = archive.archive_data([run], date(2026, 8, 3), table="executions")
    >>> archive.query_archive(date(2026, 8, 1), date(2026, 9, 1))["execution_id"].to_list()
    ['e']
    """

    def __init__(self, storage_path: str | os.PathLike[str] = "data/store", *, grace_s: float = GRACE_S) -> None:
        self._store = TimeSeriesStore(storage_path, compact=False)
        self._reading = Reading(self._store.root, compact=False)
        self._grace_s = grace_s
        self.storage_path = self._store.storage_path
        self.archive_path = self.storage_path / ARCHIVE

    def archive_data(self, data: pl.DataFrame | Sequence[Mapping[str, Any]], archive_date: date, *, table: str) -> str:
        """Archive a UTC day of a table, after writing those of the given rows that the store doesn't hold.

        Parameters
        ----------
        data : DataFrame or sequence of mappings
            Rows of that day, as `TimeSeriesStore.read` gives them; naive times are read in the store's zone. Empty:
            what the store holds.
        archive_date : date or datetime
            The UTC day; of an aware datetime its day in UTC, of a naive one its date.
        table : str
            Which table.

        Returns
        -------
        str
            The path of the day's archive file. A later run may replace it.

        Raises
        ------
        InputError
            If a row lies on another day, isn't fit to be kept, or is in the store with other values; if there is
            nothing to archive, or the day is after tomorrow. Nothing was written then.
        UnknownNameError
            If there is no such table or column.
        StoreError
            If files of the day are damaged, or a folder is a symbolic link; the day stays as it is.
        """
        schema, day = table_named(table), _utc_day(archive_date)
        latest = datetime.now(UTC).date() + timedelta(days=1)
        if day > latest:
            raise InputError(f"archive_date is {day}, expected a day up to {latest}")
        refuse_copy(self.storage_path)
        rows = self._rows(schema, data)
        _refuse_other_days(schema, rows, day)
        missing = self._not_held(schema, rows, day)
        if missing.height:
            self._store.write_frame(table, missing, writer=self._writer(table, missing, day))
        done = archive_day(self.storage_path, table, day, grace_s=self._grace_s)
        if done.archive is None:
            raise InputError(f"{table} has no rows on {day}, and none were given: there is nothing to archive")
        return str(done.archive)

    def query_archive(
        self,
        start_date: date,
        end_date: date,
        filters: Filters | None = None,
        *,
        table: str = "executions",
    ) -> pl.DataFrame:
        """The archived rows of a range; those that are still live are left out.

        Parameters
        ----------
        start_date, end_date : date or datetime
            Half-open; dates and naive times are read in the store's zone.
        filters : mapping, optional
            Column to the value that it must have, a list of values that it may have, or operators; see
            `rpa_lab.filters.filters_of`.
        table : str
            Which table.

        Returns
        -------
        DataFrame
            One row per execution, step, sample …, ordered by time; columns as `TimeSeriesStore.read` has them.

        Raises
        ------
        UnknownNameError
            If there is no such table, column or operator.
        InputError
            If a filter's value is none that its column could have.
        """
        schema, only = table_named(table), filters_of(table, filters)
        tz = self._store.tz
        span = Period(as_utc(start_date, tz=tz), as_utc(end_date, tz=tz)).resolve(tz=tz)

        def archived() -> pl.LazyFrame:
            rows = self._reading.rows(table, span, as_of=self._store.now, kind="archive")
            public = [name for name in rows.collect_schema().names() if not name.startswith("_")]
            rows = matching(rows, only, tz=tz)
            order = [name for name in (schema.time, schema.key, "execution_id") if name and name in schema.names]
            return rows.select(public).sort(*dict.fromkeys(order), maintain_order=True)

        return self._reading.collect(archived)

    def apply_retention_policy(
        self,
        policy: Mapping[str, int],
        *,
        then: Then = "archive",
        dry_run: bool = False,
        as_of: datetime | str | None = None,
    ) -> int:
        """Archive or delete what is older than its table's retention period; completes what a killed run began.

        Parameters
        ----------
        policy : mapping of str to int
            Days by table, for example ``{"steps": 90, "executions": 365}``. Tables that it doesn't name (insights,
            alerts, baselines …) are left alone. UTC days go whole, once their youngest row could be that old.
        then : "archive" or "delete"
            What becomes of them. What is deleted is deleted from the archive too.
        dry_run : bool
            Whether to count only.
        as_of : datetime, ISO 8601 string or "latest", optional
            What "now" is, as for `TimeSeriesStore`; default the present.

        Returns
        -------
        int
            Rows that left the live store; with ``then="delete"`` those that left the archive too.

        Raises
        ------
        UnknownNameError
            If the policy names a table that there isn't; lists those that exist.
        InputError
            If a period is no number of days, or `then` is neither word.
        DamageError
            If days could not go, for damage or a symbolic link; all the others have gone.
        """
        now = TimeSeriesStore(self.storage_path, as_of=as_of, compact=False).now
        done = retain(self.storage_path, policy, then=then, dry_run=dry_run, as_of=now, grace_s=self._grace_s)
        if done.warnings:
            more = f" (and {len(done.warnings) - 1} more days)" if len(done.warnings) > 1 else ""
            raise DamageError(f"{done.warnings[0]}{more}; {done.rows} rows of the other days have left")
        return done.rows

    def __repr__(self) -> str:
        return f"ArchiveStorage({str(self.storage_path)!r})"

    def _rows(self, schema: Table, data: pl.DataFrame | Sequence[Mapping[str, Any]]) -> pl.DataFrame:
        """The rows as the store would keep them: checked, redacted, in its public columns."""
        columns = _columns(schema, data, tz=self._store.tz)
        for name in columns:
            if name not in schema.names:
                raise unknown_name(f"{schema.name} has no column", name, schema.names)
        if schema.name == "steps" and len(data) and not {"step_id", "step_index"} & set(columns):
            raise InputError("steps has neither step_id nor step_index; expected one of them, to tell the steps apart")
        checked = fit(schema, columns, count=len(data))
        return pl.DataFrame(checked.rows, schema=_public(schema))

    def _not_held(self, schema: Table, rows: pl.DataFrame, day: date) -> pl.DataFrame:
        """Those of the rows that the store doesn't hold; refuses one that it holds with other values."""
        if rows.is_empty():
            return rows
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        reach = _FOLD_REACH if schema.name == "executions" else timedelta(0)
        held = self._store.read(schema.name, Span(start - reach, start + timedelta(days=1) + reach))
        held = held.select(schema.names)
        if schema.name == "executions":
            held = held.with_columns(status=pl.col("status").replace("abandoned", "running"))
        mine = (with_step_id(rows.lazy()).collect() if schema.name == "steps" else rows).with_row_index("_at")
        names = list(schema.names)
        nth = pl.int_range(pl.len()).over(names).alias("_nth")
        new = mine.with_columns(nth).join(
            held.with_columns(nth), on=[*names, "_nth"], how="anti", nulls_equal=True, maintain_order="left"
        )
        if schema.key is not None:
            other = new.join(held, on=schema.key, how="semi", maintain_order="left")
            if other.height:
                raise InputError(
                    f"row {other['_at'][0]}: {schema.name} has {schema.key} {quote(other[schema.key][0])} already, "
                    f"with other values, and records are never changed; to archive {day} as it is, give no rows"
                )
        return rows[new["_at"]]

    def _writer(self, table: str, rows: pl.DataFrame, day: date) -> str:
        """An importer's identity that follows from the rows; another one where retention has deleted them before."""
        content, covers = rows.write_ndjson().encode(), look(self.storage_path, table, day).covers
        named = (
            "i" + blake2b(f"archive_data {table} {attempt}\n".encode() + content, digest_size=8).hexdigest()[:11]
            for attempt in count()
        )
        return next(writer for writer in named if Fragment(writer, 0) not in covers)


def _utc_day(archive_date: date) -> date:
    if isinstance(archive_date, datetime):
        return (archive_date.astimezone(UTC) if archive_date.tzinfo else archive_date).date()
    if not isinstance(archive_date, date):
        raise InputError(f"archive_date is {quote(archive_date)}, expected a date or datetime")
    return archive_date


def _columns(schema: Table, data: pl.DataFrame | Sequence[Mapping[str, Any]], *, tz: str) -> dict[str, Any]:
    """The rows by column, naive times read in the zone; what is derived when rows are read is undone."""
    columns: dict[str, Any]
    if isinstance(data, pl.DataFrame):
        arrow = data.to_arrow()
        columns = {name: arrow[name] for name in arrow.column_names}
        naive = [name for name, kind in data.schema.items() if isinstance(kind, pl.Datetime) and kind.time_zone is None]
        columns |= {name: data[name].to_list() for name in naive}
    else:
        for at, row in enumerate(data):
            if not isinstance(row, Mapping):
                raise InputError(f"data[{at}] is {quote(row)}, expected a mapping of columns to values")
        names = dict.fromkeys(name for row in data for name in row)
        columns = {name: [row.get(name) for row in data] for name in names}
    for name, values in columns.items():
        if isinstance(values, list) and name in schema.names and schema[name].kind == "time":
            columns[name] = [as_utc(at, tz=tz) if isinstance(at, datetime) else at for at in values]
    if schema.name == "executions":
        columns.pop("last_seen_at", None)
        if "status" in columns:
            said = columns["status"] if isinstance(columns["status"], list) else columns["status"].to_pylist()
            columns["status"] = ["running" if status == "abandoned" else status for status in said]
    return columns


def _public(schema: Table) -> pl.Schema:
    whole = pl.Schema(schema.arrow)
    return pl.Schema({name: whole[name] for name in schema.names})


def _refuse_other_days(schema: Table, rows: pl.DataFrame, day: date) -> None:
    outside = rows.with_row_index("_at").filter(pl.coalesce(*schema.day_of).dt.date() != day)
    if outside.height:
        at = outside.select(pl.coalesce(*schema.day_of)).item(0, 0)
        raise InputError(
            f"row {outside['_at'][0]}: {schema.time} is {at:%Y-%m-%d %H:%M} UTC, expected a time on {day}"
            f"{f' (and {outside.height - 1} more such rows)' if outside.height > 1 else ''}; nothing was written"
        )
