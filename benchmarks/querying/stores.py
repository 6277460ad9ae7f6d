"""The stores that the queries are measured on, made once into a cache folder: a simulated month, and a year of it.

The month has 50 workflows, some 26,000 executions and 240,000 steps a day. The year is that month twelve times over,
each time 30 days earlier and with ids of its own: 86 million steps. Both are compacted and published, as a store is
after `rpa-lab compact`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.progress import Progress

from rpa_lab.period import Span
from rpa_lab.simulate import fleet
from rpa_lab.simulate.catalogue import average_runs
from rpa_lab.storage.compaction import compact, compact_day
from rpa_lab.storage.store import TimeSeriesStore

__all__ = ["END", "MONTH_DAYS", "cache_folder", "last_days", "month", "sampled_month", "two_months", "year"]

END = date(2026, 11, 1)
"""The first day that has no rows any more."""
MONTH_DAYS = 30

_WORKFLOWS, _RUNS_A_DAY, _SEED = 50, 26_000, 1
_TABLES = ("executions", "steps")
_TIMES = {"executions": ("started_at", "completed_at", "queued_at"), "steps": ("started_at", "completed_at")}
_IDS = {"executions": ("execution_id", "rerun_of"), "steps": ("execution_id",)}
_DERIVED = {"executions": "last_seen_at", "steps": "step_id"}


def cache_folder(said: str | None = None) -> Path:
    """Where the stores are kept: what is said, else ``RPA_LAB_BENCH``, else a folder of the system's cache."""
    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rpa_lab" / "bench"
    return Path(said or os.environ.get("RPA_LAB_BENCH") or usual)


def last_days(days: int) -> Span:
    """The last so many days of either store."""
    end = datetime(END.year, END.month, END.day, tzinfo=UTC)
    return Span(end - timedelta(days=days), end)


def month(cache: Path) -> TimeSeriesStore:
    """The month, made now if it isn't there."""
    return _once(cache / "month", _make_month)


def two_months(cache: Path) -> TimeSeriesStore:
    """Two such months in a row, made now if they aren't there: some minutes, and 4 GB of memory."""
    return _once(cache / "two", lambda folder: _make_month(folder, days=2 * MONTH_DAYS))


def sampled_month(cache: Path) -> TimeSeriesStore:
    """The month with samples of CPU and memory, made now if it isn't there: a minute or two, and 4 GB of memory."""
    return _once(cache / "sampled-month", lambda folder: _make_month(folder, resources=True))


def year(cache: Path) -> TimeSeriesStore:
    """The year, made now if it isn't there: some minutes, and 3 GB of disk."""
    source = month(cache)
    return _once(cache / "year", lambda folder: _make_year(folder, source))


def _once(folder: Path, make: Callable[[Path], None]) -> TimeSeriesStore:
    if not folder.is_dir():
        begun = folder.with_name(f".{folder.name}-begun")  # what was killed half-way is begun again
        shutil.rmtree(begun, ignore_errors=True)
        begun.mkdir(parents=True)
        make(begun)
        begun.rename(folder)
    return TimeSeriesStore(folder, as_of=datetime(END.year, END.month, END.day, tzinfo=UTC))


def _make_month(folder: Path, *, days: int = MONTH_DAYS, resources: bool = False) -> None:
    print(f"making {days} days of {_WORKFLOWS} workflows in {folder.parent} (once, a minute)", flush=True)
    runs = average_runs(_RUNS_A_DAY, workflows=_WORKFLOWS, seed=_SEED)
    made = fleet(days, _WORKFLOWS, _SEED, end=END, runs_per_day=runs, faults=["all"], resources=resources)
    made.write(TimeSeriesStore(folder))
    compact(folder, grace_s=0)


def _make_year(folder: Path, source: TimeSeriesStore) -> None:
    store = TimeSeriesStore(folder, compact=False)
    with Progress(console=Console(stderr=True)) as bar:
        for turn, table, day in bar.track(list(_turns()), description="a year of it (once, some minutes)"):
            start = datetime(day.year, day.month, day.day, tzinfo=UTC)
            rows = source.read(table, Span(start, start + timedelta(days=1)))
            store.write_frame(table, _shifted(rows, table, turn))
            compact_day(folder, table, day - timedelta(days=MONTH_DAYS * turn), grace_s=0)


def _turns() -> Iterator[tuple[int, str, date]]:
    for turn in range(12):
        for table in _TABLES:
            for back in range(MONTH_DAYS, 0, -1):
                yield turn, table, END - timedelta(days=back)


def _shifted(rows: pl.DataFrame, table: str, turn: int) -> pl.DataFrame:
    """The rows so many months earlier, as those of other executions."""
    earlier = pl.col(_TIMES[table]) - pl.duration(days=MONTH_DAYS * turn)
    own = [(pl.lit(f"{turn:x}-") + pl.col(name)).alias(name) for name in _IDS[table]]
    return rows.drop(_DERIVED[table]).with_columns(earlier, *own)
