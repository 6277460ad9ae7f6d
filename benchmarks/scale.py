"""Whether it scales as it was meant to: a hundred times the load, ten times the history, a gigabyte a month.

The load that it was designed for is 1,000 executions and 10,000 steps an hour.

    python benchmarks/scale.py                          all of it (ten minutes, and the first time some more)
    python benchmarks/scale.py ingest history storage   only these parts
    python benchmarks/scale.py --folder DIR             where the simulated stores are kept
"""

from __future__ import annotations

import os
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.querying.contest import contest
from benchmarks.querying.engines import Asked
from benchmarks.querying.stores import END, MONTH_DAYS, cache_folder, month, sampled_month, year
from benchmarks.recording.books import expect
from benchmarks.recording.figures import Goal, heading, machine, row, summary
from rpa_lab.collection.collector import MetricsCollector
from rpa_lab.records import StepMetrics
from rpa_lab.storage.compaction import compact
from rpa_lab.storage.store import TimeSeriesStore

_TIMES, _EXECUTIONS, _STEPS_EACH = 100, 1_000, 10
_HOUR_S = 3600
_QUESTIONS = {
    "stats": "one workflow's runs",
    "bottlenecks": "one workflow's steps, by node",
    "hourly": "one workflow's runs, by hour",
    "all": "all workflows' steps, exact",
    "approximate": "all workflows' steps, within 0.8 %",
}


def main() -> None:
    parser = ArgumentParser(description="Whether it scales as it was meant to.")
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(_PARTS)}; default: all")
    parser.add_argument("--folder", help="where the simulated stores are kept (default: RPA_LAB_BENCH, or the cache)")
    said = parser.parse_args()
    if unknown := set(said.parts) - set(_PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(_PARTS)}")
    heading(machine())
    summary([goal for name in said.parts or _PARTS for goal in _PARTS[name](cache_folder(said.folder))])


def _ingest(_cache: Path) -> list[Goal]:
    """An hour's records at a hundred times the load, through one collector, and compacted."""
    executions = _EXECUTIONS * _TIMES
    steps = executions * _STEPS_EACH
    heading(f"An hour at {_TIMES} times the load: {executions:,} executions, {steps:,} steps", "CPU", "wall")
    with tempfile.TemporaryDirectory() as folder:
        began = _clocks()
        collector = MetricsCollector(folder, max_bytes=512 * 2**20)
        _record(collector, executions)
        expect(collector.close() is True, "the collector can't be closed")
        recorded = _clocks()
        compact(Path(folder), grace_s=0)
        done = _clocks()
        store = TimeSeriesStore(folder)
        stats = collector.stats()
        expect(stats["dropped"] == 0 and stats["corrected"] == 0, f"something was dropped or corrected: {stats}")
        for table, count in (("executions", executions), ("steps", steps)):
            expect(store.read(table, columns=["execution_id"]).height == count, f"{table}: not {count:,} rows")
    cpu, wall = ((at - start) for at, start in zip(done, began, strict=True))
    row("    recorded and flushed", *(f"{a - b:.1f} s" for a, b in zip(recorded, began, strict=True)))
    row("    compacted and published", *(f"{a - b:.1f} s" for a, b in zip(done, recorded, strict=True)))
    goals = [
        Goal(what=f"an hour at {_TIMES} times, {name}", figure=taken / _HOUR_S * 100, most=100, unit=" % of the hour")
        for name, taken in (("CPU time", cpu), ("wall time", wall))
    ]
    for goal in goals:
        row(f"    {goal.what}", f"{goal.figure:.2f} %", goal=goal)
    return goals


def _record(collector: MetricsCollector, executions: int) -> None:
    """Say it as a bot does; it waits where the buffer is half full, as an hour would have given it time."""
    now = datetime.now(UTC) - timedelta(minutes=10)
    second = timedelta(seconds=1)
    for n in range(executions):
        name, workflow = f"run-{n:08d}", f"workflow-{n % 50:02d}"
        collector.record_execution_start(name, workflow)
        for index in range(_STEPS_EACH):
            collector.record_step(
                StepMetrics(
                    None,
                    name,
                    workflow,
                    f"step {index}",
                    "click",
                    f"#field-{index}",
                    now,
                    now + second,
                    1000.0 + n % 997,
                    "completed",
                    0.97,
                    step_index=index,
                )
            )
        collector.record_execution_complete(name, "completed")
        if n % 10_000 == 9_999:
            expect(collector.flush() is True, "flush() is not True")


def _clocks() -> tuple[float, float]:
    """CPU seconds of this process, and of the wall."""
    return time.process_time(), time.perf_counter()


def _history(cache: Path) -> list[Goal]:
    goals = []
    for name, store, days in (
        ("a month at 1×", month(cache), MONTH_DAYS),
        ("a month at 10×", year(cache), 12 * MONTH_DAYS),
    ):
        heading(f"History: {name}, {_steps(store):,} steps", "first answer", "later ones")
        for question, named in _QUESTIONS.items():
            asked = Asked(question=question, folder=store.root, end=END, days=days, workflow_id="order_entry_unit_04")
            heat = contest(asked, ["rpa_lab"], rounds=3)["rpa_lab"]
            goals.append(Goal(what=f"{name}: {named}", figure=heat.first_s, most=5, unit=" s"))
            row(f"    {named}", f"{heat.first_s:.2f} s", f"{heat.median_s:.2f} s", goal=goals[-1])
    return goals


def _storage(cache: Path) -> list[Goal]:
    store = sampled_month(cache)
    heading("A month at 1×, all tables, samples of CPU and memory among them", "rows", "on disk")
    seen, total = set[int](), 0
    for place in sorted(path for path in store.root.iterdir() if path.is_dir()):
        used = 0
        for path in place.rglob("*"):
            status = os.lstat(path)
            if path.is_file() and status.st_ino not in seen:  # a published file is a link to its generation
                seen.add(status.st_ino)
                used += status.st_size
        total += used
        row(f"    {place.name}", "", f"{used / 1e6:,.0f} MB")
    for table in ("executions", "steps", "resources", "recoveries"):
        row(f"    {table}", f"{_rows(store, table):,}")
    goal = Goal(what="a month on disk", figure=total / 1e9, most=1, unit=" GB")
    row("    in all", "", f"{total / 1e6:,.0f} MB", goal=goal)
    return [goal]


def _steps(store: TimeSeriesStore) -> int:
    return _rows(store, "steps")


def _rows(store: TimeSeriesStore, table: str) -> int:
    from pyarrow import parquet

    return sum(parquet.read_metadata(path).num_rows for path in (store.root / table).glob("day=*/*.parquet"))


_PARTS: dict[str, Callable[[Path], list[Goal]]] = {"ingest": _ingest, "history": _history, "storage": _storage}

if __name__ == "__main__":
    main()
