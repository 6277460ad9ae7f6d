from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from rpa_lab import ExecutionMetrics, StepMetrics, TimeSeriesStore
from rpa_lab.errors import UnknownNameError
from rpa_lab.storage.compaction import compact
from rpa_lab.storage.retention import delete_day

AT = datetime(2026, 11, 3, 10, tzinfo=UTC)


@pytest.fixture
def store(root: Path) -> TimeSeriesStore:
    store = TimeSeriesStore(root)
    for n in range(12):
        _run(store, n, AT + timedelta(days=n))
    return store


def _run(store: TimeSeriesStore, n: int, at: datetime) -> None:
    step = StepMetrics(None, f"e{n}", "w", "n", "click", None, at, at, 1.0, "completed")
    store.write_metrics([ExecutionMetrics(f"e{n}", "w", at, at, 1.0, "completed", 1, 1, 0), step])


def test_it_is_the_same_for_whoever_asks_as_long_as_nothing_is_written(store: TimeSeriesStore) -> None:
    first = store.fingerprint("2026-11-05")
    assert len(first) == 32
    assert TimeSeriesStore(store.root, tz="UTC").fingerprint("2026-11-05") == first
    assert store.fingerprint("2026-11-05", tables=["steps"]) != store.fingerprint("2026-11-06", tables=["steps"])


def test_it_changes_with_each_row_that_a_query_of_the_period_would_read(store: TimeSeriesStore) -> None:
    steps, runs = (store.fingerprint("2026-11-10", tables=[name]) for name in ("steps", "executions"))
    _run(store, 100, datetime(2026, 11, 10, 23, tzinfo=UTC))
    assert store.fingerprint("2026-11-10", tables=["steps"]) != steps
    assert store.fingerprint("2026-11-10", tables=["executions"]) != runs


def test_rows_of_other_days_leave_it_alone(store: TimeSeriesStore) -> None:
    before = [store.fingerprint("2026-11-05", tables=[name]) for name in ("steps", "executions")]
    _run(store, 100, datetime(2026, 11, 10, tzinfo=UTC))
    assert [store.fingerprint("2026-11-05", tables=[name]) for name in ("steps", "executions")] == before


def test_an_execution_that_ends_on_another_day_changes_the_day_of_its_start(store: TimeSeriesStore) -> None:
    before = store.fingerprint("2026-11-05", tables=["executions"])
    row = {"execution_id": ["e2"], "status": ["failed"], "completed_at": [datetime(2026, 11, 6, 1, tzinfo=UTC)]}
    store.write_frame("executions", pl.DataFrame(row))
    assert store.fingerprint("2026-11-05", tables=["executions"]) != before


def test_a_sign_of_life_changes_it_for_executions_only(store: TimeSeriesStore) -> None:
    names = ("executions", "steps")
    before = {name: store.fingerprint("2026-11-05", tables=[name]) for name in names}
    row: dict[str, list[object]] = {"timestamp": [datetime(2026, 11, 20, tzinfo=UTC)], "writer": ["0123456789ab"]}
    counts = ("recorded", "written", "corrected", "dropped_queue_full", "dropped_invalid", "dropped_too_large")
    row |= {name: [0] for name in (*counts, "dropped_flush_failed", "dropped_closed")}
    TimeSeriesStore(store.root).write_frame("collector_health", pl.DataFrame(row))
    later = TimeSeriesStore(store.root, as_of=datetime(2026, 11, 21, tzinfo=UTC))
    assert later.fingerprint("2026-11-05", tables=["executions"]) != before["executions"]
    assert later.fingerprint("2026-11-05", tables=["steps"]) == before["steps"]


def test_compaction_and_deletion_change_it(store: TimeSeriesStore) -> None:
    written = store.fingerprint("2026-11-05", tables=["steps"])
    compact(store.root, grace_s=0)
    compacted = store.fingerprint("2026-11-05", tables=["steps"])
    assert compacted == store.fingerprint("2026-11-05", tables=["steps"]) != written
    delete_day(store.root, "steps", datetime(2026, 11, 5, tzinfo=UTC).date(), grace_s=0)
    assert store.fingerprint("2026-11-05", tables=["steps"]) not in (written, compacted)


def test_an_unknown_table_is_named(store: TimeSeriesStore) -> None:
    with pytest.raises(UnknownNameError, match="there is no table 'runs'"):
        store.fingerprint("all", tables=["runs"])
