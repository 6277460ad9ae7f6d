"""Imports files into a store, each once: all are read and checked before the first row is written.

The rows of a file are written under a name that follows from the importer, its version and options, the zone and the
file's bytes, so importing it again writes nothing, and importing it again after a crash writes what is missing.
Executions that the store holds from elsewhere (the same run in another file, or recorded by a listener) are left out,
steps and all.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa

from rpa_lab.integrations.source import MAX_BYTES, Importer, Parsed, Rows, Source, read_source
from rpa_lab.journal.encode import check
from rpa_lab.period import as_utc, zone
from rpa_lab.result import Result
from rpa_lab.schema import Table, table_named

if TYPE_CHECKING:
    from rpa_lab.storage.store import TimeSeriesStore

__all__ = ["Imported", "import_files"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported(Result):
    """What an import did.

    `executions` and `steps` count what the files hold; of these executions `already_there` were in the store before.
    `left_out` counts, in words, what the files hold and isn't imported; `corrected` the values that had to be cut,
    mapped or set to null. `tz` is the zone in which times without one were read, None if there were none. `read_as`
    says by file what the importer took for what, where it had to guess. After a `dry_run` nothing was written.
    """

    importer: str
    files: int
    executions: int
    executions_by_status: Mapping[str, int]
    steps: int
    steps_by_status: Mapping[str, int]
    already_there: int
    left_out: Mapping[str, int]
    corrected: int
    tz: str | None
    warnings: tuple[str, ...] = ()
    read_as: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    dry_run: bool = False

    def __str__(self) -> str:
        executions = f"{_count(self.executions, 'execution')}{_in_brackets(self.executions_by_status)}"
        said = [f"{executions} and {_count(self.steps, 'step')} from {_count(self.files, 'file')}"]
        if self.already_there:
            said.append(f"{self.already_there:,} of the executions there already")
        said.extend(f"{what}: {count:,} left out" for what, count in self.left_out.items() if count)
        if self.corrected:
            said.append(f"{_count(self.corrected, 'value')} corrected")
        if self.dry_run:
            said.append("nothing was written")
        return "; ".join(said)


def import_files(
    importer: Importer,
    paths: Iterable[str | os.PathLike[str]],
    store: TimeSeriesStore,
    *,
    tz: str | None = None,
    max_bytes: int = MAX_BYTES,
    dry_run: bool = False,
    on_file: Callable[[Path], None] | None = None,
    on_parsed: Callable[[Source, Parsed], None] | None = None,
) -> Imported:
    """Import files into a store; one malformed file among them, and nothing is imported.

    Parameters
    ----------
    importer : Importer
        Reads this kind of file.
    paths : iterable of str or path
        The files. No symbolic link is followed.
    store : TimeSeriesStore
        Where the rows go.
    tz : str, optional
        The zone in which times without one are read; default: the store's.
    max_bytes : int
        The most bytes that a file may have.
    dry_run : bool
        Read and check everything, and write nothing.
    on_file : callable, optional
        Called with each path before it is read.
    on_parsed : callable, optional
        Called with each file and its rows once they are found to be good.

    Returns
    -------
    Imported

    Raises
    ------
    SourceError
        If a file is malformed; names it, the place and what was expected.
    InputError
        If there is no such zone.

    Examples
    --------
    >>> import tempfile
    >>> from rpa_lab import TimeSeriesStore
    >>> from rpa_lab.integrations.robotframework import RobotFramework
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "output.xml").write_text('''<robot generator="Robot 7.5" schemaversion="5"><suite name="Orders">
    ... <test name="Ship"><kw name="Log" owner="BuiltIn"><arg>sent</arg>
    ... <status status="PASS" start="2026-11-03T08:00:00.5" elapsed="0.25"/></kw>
    ... <status status="PASS" start="2026-11-03T08:00:00" elapsed="1.5"/></test></suite></robot>''')
    >>> store = TimeSeriesStore(folder / "store")
    >>> print(import_files(RobotFramework(), [folder / "output.xml"], store, tz="Asia/Tokyo"))
    1 execution (1 completed) and 1 step from 1 file
    """
    name = tz or store.tz
    zone_info = zone(name)
    batches = []
    for path in _listed(paths):
        if on_file:
            on_file(path)
        source = read_source(path, max_bytes=max_bytes, tz=name)
        parsed = importer.parse(source)
        batches.append(_prepare(importer, source, parsed, tz=name, zone_info=zone_info))
        if on_parsed:
            on_parsed(source, parsed)
    already_there = sum(_write(batch, store, dry_run=dry_run) for batch in batches)  # all are good: the first write
    naive = sum(batch.naive for batch in batches)
    executions, steps = _by_status(batches, "executions"), _by_status(batches, "steps")
    return Imported(
        importer=importer.name,
        files=len(batches),
        executions=sum(executions.values()),
        executions_by_status=executions,
        steps=sum(steps.values()),
        steps_by_status=steps,
        already_there=already_there,
        left_out=dict(sum((Counter(batch.left_out) for batch in batches), Counter())),
        corrected=sum(batch.corrected for batch in batches),
        tz=name if naive else None,
        warnings=(*_zone_warnings(batches, name=name, asked=tz is not None), *_said_once(batches)),
        read_as={str(batch.path): dict(batch.read_as) for batch in batches if batch.read_as},
        dry_run=dry_run,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """One file's rows, checked and ready to be written."""

    path: Path
    writer: str
    tables: dict[str, pl.DataFrame]
    naive: int
    unclear: int
    corrected: int
    left_out: Mapping[str, int]
    warnings: tuple[str, ...]
    read_as: Mapping[str, str]


def _listed(paths: Iterable[str | os.PathLike[str]]) -> Iterator[Path]:
    return map(Path, [paths] if isinstance(paths, str | os.PathLike) else paths)


def _prepare(importer: Importer, source: Source, parsed: Parsed, *, tz: str, zone_info: tzinfo) -> _Batch:
    tables: dict[str, pl.DataFrame] = {}
    naive, unclear, corrected = parsed.naive, parsed.unclear, 0
    for name, rows in parsed.tables.items():
        table = table_named(name)
        columns: dict[str, Any] = _columns(rows)
        for column in [column.name for column in table.columns if column.kind == "time" and column.name in columns]:
            values = columns[column]
            if isinstance(values, pa.ChunkedArray):
                if values.type.tz is not None:
                    continue
                values = values.to_pylist()
            said = [at for at in values if isinstance(at, datetime) and at.tzinfo is None]
            naive += len(said)
            if name == "executions" and column == "started_at":
                unclear += sum(_is_unclear(at, zone_info) for at in said)
            columns[column] = [as_utc(at, tz=zone_info) if isinstance(at, datetime) else at for at in values]
        tables[name], wrong = _checked(source, table, columns)
        corrected += wrong
    return _Batch(
        path=source.path,
        writer=_writer(importer, source, parsed, tz=tz if naive else None),
        tables=tables,
        naive=naive,
        unclear=unclear,
        corrected=corrected,
        left_out=parsed.left_out,
        warnings=parsed.warnings,
        read_as=parsed.read_as,
    )


def _columns(rows: Rows | pl.DataFrame) -> dict[str, Any]:
    """The values by column: a frame's times as Arrow has them (a million datetimes are slow), all else as a list."""
    if not isinstance(rows, pl.DataFrame):
        return dict(rows)
    arrow = rows.to_arrow()
    return {
        name: arrow[name] if _is_checked_as_arrow(kind) else rows[name].to_list() for name, kind in rows.schema.items()
    }


def _is_checked_as_arrow(kind: pl.DataType) -> bool:
    return isinstance(kind, pl.Datetime | pl.String) or kind.is_numeric()


def _is_unclear(at: datetime, zone_info: tzinfo) -> bool:
    """Whether the zone's clock shows this time twice, or never."""
    local = at.replace(tzinfo=zone_info)
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


def _checked(source: Source, table: Table, columns: Rows) -> tuple[pl.DataFrame, int]:
    counts = {name: len(values) for name, values in columns.items()}
    if len(set(counts.values())) > 1:
        raise source.error(f"gave {table.name} with columns of different lengths: {counts}")
    checked = check(table, columns, next(iter(counts.values()), 0))
    if checked.problems:
        raise source.error(f"has {len(checked.problems)} bad {table.name}, the first: {checked.problems[0]}")
    rows = pl.DataFrame(checked.rows).select(pl.col(list(columns)))
    return _with_duration(rows) if "duration_ms" in table.names else rows, checked.corrected


def _with_duration(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with the time from start to end, where the importer speaks of no duration at all."""
    if "duration_ms" in rows.columns or not {"started_at", "completed_at"} <= set(rows.columns):
        return rows
    duration = (pl.col("completed_at") - pl.col("started_at")).dt.total_microseconds() / 1000
    return rows.with_columns(duration_ms=pl.when(duration >= 0).then(duration))


def _writer(importer: Importer, source: Source, parsed: Parsed, *, tz: str | None) -> str:
    """Who writes these rows: follows from all that they follow from."""
    about: list[object] = [importer.name, importer.version, dict(importer.options), tz]
    if parsed.identity:
        about.append(dict(parsed.identity))
    said = json.dumps(about, sort_keys=True)
    digest = blake2b(said.encode(), digest_size=8)
    digest.update(b"\0")
    digest.update(source.content)
    return "i" + digest.hexdigest()[:11]


def _write(batch: _Batch, store: TimeSeriesStore, *, dry_run: bool) -> int:
    """Write a file's rows, executions first; how many executions were there already.

    In this order, a crash between the two leaves executions that only a repetition of this very import completes; in
    the other it would leave steps that another importer, not finding their executions, would write a second time.
    """
    executions = batch.tables.get("executions", pl.DataFrame(schema={"execution_id": pl.String}))
    held = store.held_by_others(executions, writer=batch.writer) if executions.height else set()
    already_there = len(held)
    if dry_run:
        return already_there
    for name in sorted(batch.tables, key=lambda name: name != "executions"):
        rows = batch.tables[name]
        if held and "execution_id" in rows.columns:
            rows = rows.filter(~pl.col("execution_id").is_in(held))
        if rows.height:
            written = store.write_frame(name, rows, writer=batch.writer)
            already_there += written.already_there if name == "executions" else 0
    return already_there


def _by_status(batches: Iterable[_Batch], table: str) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for batch in batches:
        if table in batch.tables:
            counts.update(batch.tables[table]["status"].to_list())
    return dict(counts.most_common())


def _zone_warnings(batches: Iterable[_Batch], *, name: str, asked: bool) -> Iterator[str]:
    batches = list(batches)
    if not asked and any(batch.naive for batch in batches):
        yield f"the times in the files name no zone and were read in {name}, the store's; if that is wrong, pass a tz"
    if unclear := sum(batch.unclear for batch in batches):
        yield (
            f"{unclear:,} of the executions start in an hour that the clock of {name} repeats or skips; "
            "of a repeated one the first is assumed"
        )


def _said_once(batches: Iterable[_Batch]) -> Iterator[str]:
    """Each warning once, with the number of files that it is about."""
    batches = list(batches)
    said = Counter(text for batch in batches for text in dict.fromkeys(batch.warnings))
    for text, count in said.items():
        if count > 1:
            yield f"{text} (in {count:,} files)"
        else:
            names = [batch.path.name for batch in batches if text in batch.warnings]
            yield text if len(batches) == 1 else f"{text} ({names[0]})"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _in_brackets(counts: Mapping[str, int]) -> str:
    return f" ({', '.join(f'{count:,} {status}' for status, count in counts.items())})" if counts else ""
