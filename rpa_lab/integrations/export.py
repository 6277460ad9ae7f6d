"""A store's executions out again, as a log of events that process-mining tools take: XES, CSV or Parquet.

Day by day, so that a year fits where a day does; and into the file's place at once, whole, or not at all.
"""

from __future__ import annotations

import gzip
import io
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import IO, Any, Final, Literal, Protocol, cast

import polars as pl
import pyarrow.parquet as pq

from rpa_lab import __version__
from rpa_lab.errors import InputError, quote
from rpa_lab.integrations.export_rows import table, traces
from rpa_lab.period import EVER, Span
from rpa_lab.result import Result
from rpa_lab.storage.store import PeriodLike, TimeSeriesStore

__all__ = ["FORMATS", "Exported", "Format", "export_events"]

Format = Literal["xes", "csv", "parquet"]
FORMATS: Final[tuple[Format, ...]] = ("xes", "csv", "parquet")

_REACH: Final = timedelta(days=2)
_HEADER: Final = f"""<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1849.2016" xes.features="" xmlns="http://www.xes-standard.org/">
  <extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
  <extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
  <extension name="Lifecycle" prefix="lifecycle" uri="http://www.xes-standard.org/lifecycle.xesext"/>
  <extension name="Organizational" prefix="org" uri="http://www.xes-standard.org/org.xesext"/>
  <global scope="trace">
    <string key="concept:name" value=""/>
  </global>
  <global scope="event">
    <string key="concept:name" value=""/>
    <date key="time:timestamp" value="1970-01-01T00:00:00.000+00:00"/>
    <string key="lifecycle:transition" value="complete"/>
  </global>
  <classifier name="Activity" scope="event" keys="concept:name"/>
  <string key="lifecycle:model" value="standard"/>
  <string key="creator" value="rpa-lab {__version__}"/>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported(Result):
    """What an export wrote; `left_out` counts, in words, what of the period isn't in the file."""

    path: str
    format: Format
    period: str
    executions: int
    steps: int
    bytes: int
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        said = [f"{self.executions:,} executions and {self.steps:,} steps of {self.period} in {self.path}"]
        said.extend(f"{what}: {count:,} left out" for what, count in self.left_out.items() if count)
        return "; ".join(said)


def export_events(
    store: TimeSeriesStore,
    path: str | os.PathLike[str],
    *,
    format: Format | None = None,  # noqa: A002 - what it is called everywhere
    period: PeriodLike = "all",
    workflow_id: str | None = None,
    force: bool = False,
    on_day: Callable[[date, int, int], None] | None = None,
) -> Exported:
    """Write the executions of a period, with their steps, as a log of events.

    Parameters
    ----------
    store : TimeSeriesStore
        Where they are.
    path : str or path
        The file; gzipped if its name ends with ``.gz``.
    format : str, optional
        ``"xes"``, ``"csv"`` or ``"parquet"``; default: what the file's name says.
    period : str, Period or Span
        By the start of executions; their steps come along to the last.
    workflow_id : str, optional
        Only this workflow's.
    force : bool
        Whether a file of that name may be replaced.
    on_day : callable, optional
        Called with each day, its number and how many there are, before it is written.

    Returns
    -------
    Exported

    Raises
    ------
    InputError
        If the file is there already, or the format can't be told.

    Examples
    --------
    >>> import tempfile
    >>> store = TimeSeriesStore(tempfile.mkdtemp())
    >>> export_events(store, Path(tempfile.mkdtemp()) / "events.xes").executions
    0
    """
    target = Path(path)
    format = _format(target, format)  # noqa: A001
    if not force and target.exists():
        raise InputError(f"{target} is there already; expected a new file, or force (--force) to replace it")
    span = store.span(period)
    days = _days(store, span, workflow_id)
    homes = _homes(store, span, workflow_id)
    executions = steps = without = 0
    with _placed(target, force=force) as file, _opened(file, format) as writer:
        if not days:  # a file without rows still has its columns
            writer.add(*(store.read(name, span).clear() for name in ("executions", "steps")))
        for number, day in enumerate(days, 1):
            if on_day:
                on_day(day, number, len(days))
            runs, theirs = _rows_of(store, _within(day, span), homes, workflow_id)
            writer.add(runs, theirs)
            executions, steps = executions + runs.height, steps + theirs.height
            without += runs.filter(~pl.col("execution_id").is_in(theirs["execution_id"].unique().implode())).height
    empty = 0 if format == "xes" else without
    return Exported(
        path=str(target),
        format=format,
        period=span.describe(),
        executions=executions - empty,
        steps=steps,
        bytes=target.stat().st_size,
        left_out={"executions without steps, which a table of events can't hold": empty} if empty else {},
    )


def _format(target: Path, said: str | None) -> Format:
    name = target.name.removesuffix(".gz")
    found = said if said is not None else name.rpartition(".")[2]
    for each in FORMATS:
        if each == found:
            if each == "parquet" and target.name.endswith(".gz"):
                raise InputError(
                    f"{target} is to be gzipped, expected a Parquet file as it is: it is compressed within"
                )
            return each
    raise InputError(f"format is {quote(found)}, expected xes, csv or parquet")


def _days(store: TimeSeriesStore, span: Span, workflow_id: str | None) -> list[date]:
    """The UTC days on which executions of a span began."""
    at = pl.coalesce("started_at", "completed_at").dt.date().alias("day")

    def query() -> pl.LazyFrame:
        columns = ["started_at", "completed_at"]
        return store.scan("executions", span, columns=columns, workflow_id=workflow_id).select(at).unique().sort("day")

    return store.collect(query)["day"].to_list()


def _homes(store: TimeSeriesStore, span: Span, workflow_id: str | None) -> pl.DataFrame:
    """Where the steps of each execution lie: execution_id, first, last."""
    reaching = Span(max(span.start - _REACH, EVER.start), EVER.end)
    at = pl.col("started_at")

    def query() -> pl.LazyFrame:
        steps = store.scan("steps", reaching, columns=["execution_id", "started_at"], workflow_id=workflow_id)
        return steps.group_by("execution_id").agg(first=at.min(), last=at.max())

    return store.collect(query)


def _rows_of(
    store: TimeSeriesStore, span: Span, homes: pl.DataFrame, workflow_id: str | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The executions that began in a span, as they were said, and all their steps."""
    derived = pl.when(pl.col("status") == "abandoned").then(pl.lit("running")).otherwise("status")
    runs = store.read("executions", span, workflow_id=workflow_id).with_columns(status=derived)
    of_runs = homes.join(runs.select("execution_id"), on="execution_id", how="semi")
    first, last = of_runs["first"].min(), of_runs["last"].max()
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        return runs, store.read("steps", Span(span.start, span.end)).clear()
    reach = Span(first, last + timedelta(microseconds=1))
    ids = runs.select("execution_id", _run=pl.int_range(pl.len())).lazy()

    def query() -> pl.LazyFrame:
        steps = store.scan("steps", reach).join(ids, on="execution_id", how="inner", validate="m:1")
        return steps.sort("_run", "started_at", "step_index", "completed_at", "step_id").drop("_run")

    return runs, store.collect(query)


def _within(day: date, span: Span) -> Span:
    start = datetime.combine(day, time(0), UTC)
    return Span(max(start, span.start), min(start + timedelta(days=1), span.end))


class _Writer(Protocol):
    def add(self, executions: pl.DataFrame, steps: pl.DataFrame) -> None: ...
    def close(self) -> None: ...


class _Xes:
    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        file.write(_HEADER.encode())

    def add(self, executions: pl.DataFrame, steps: pl.DataFrame) -> None:
        for text in traces(executions, steps):
            self.file.write(text.encode())

    def close(self) -> None:
        self.file.write(b"</log>\n")


class _Csv:
    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.begun = file, False

    def add(self, executions: pl.DataFrame, steps: pl.DataFrame) -> None:
        text = io.BytesIO()
        table(executions, steps, text=True).write_csv(text, include_header=not self.begun, quote_style="non_numeric")
        self.file.write(text.getvalue())
        self.begun = True

    def close(self) -> None:
        pass


class _Parquet:
    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.writer: Any = None

    def add(self, executions: pl.DataFrame, steps: pl.DataFrame) -> None:
        rows = table(executions, steps, text=False).to_arrow(compat_level=pl.CompatLevel.oldest())
        if self.writer is None:
            self.writer = pq.ParquetWriter(self.file, rows.schema, compression="zstd")
        self.writer.write_table(rows)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


_WRITERS: Final[Mapping[Format, Callable[[IO[bytes]], _Writer]]] = {"xes": _Xes, "csv": _Csv, "parquet": _Parquet}


@contextmanager
def _opened(file: IO[bytes], format: Format) -> Iterator[_Writer]:  # noqa: A002
    writer = _WRITERS[format](file)
    yield writer
    writer.close()


@contextmanager
def _placed(target: Path, *, force: bool) -> Iterator[IO[bytes]]:
    """A file that takes the target's place when all is written, and is gone where something went wrong."""
    temp = target.with_name(f".{target.name[:100]}.{secrets.token_hex(6)}")
    try:
        with open(temp, "xb") as raw:
            if target.name.endswith(".gz"):
                with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
                    yield cast("IO[bytes]", packed)
            else:
                yield raw
            raw.flush()
            os.fsync(raw.fileno())
        if force:
            temp.replace(target)
        else:
            _link(temp, target)
    finally:
        with suppress(FileNotFoundError):
            temp.unlink()


def _link(temp: Path, target: Path) -> None:
    """Give the file its name, unless somebody has taken that meanwhile."""
    try:
        os.link(temp, target)
    except FileExistsError:
        raise InputError(f"{target} is there already; expected a new file, or force (--force) to replace it") from None
    except OSError:  # a file system without links
        temp.replace(target)
