from __future__ import annotations

import gc
import json
import os
import re
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab import MetricsCollector, TimeSeriesStore
from rpa_lab.errors import InputError, StoreError
from rpa_lab.records import Metrics, RecoveryMetrics, ResourceMetrics, StepMetrics
from tests import strategies

AT = datetime(2026, 11, 3, 10, tzinfo=UTC)


@given(st.lists(strategies.hostile_metrics(), max_size=8))
def test_no_record_however_hostile_raises_and_the_books_are_exact(
    tmp_path_factory: Any, records: list[Metrics]
) -> None:
    collector = MetricsCollector(tmp_path_factory.mktemp("store"), flush_interval_sec=3600)
    collector.record_execution_start("good", "w")
    for record in records:
        match record:
            case StepMetrics():
                collector.record_step(record)
            case RecoveryMetrics():
                collector.record_recovery(record)
            case ResourceMetrics():
                collector.record_resource(record)
            case _:
                collector.record_execution_start(record.execution_id, record.workflow_id, context=record.context)
                collector.record_execution_complete(record.execution_id, record.status, record.error_message)

    assert collector.flush()
    stats = collector.stats()
    assert stats["recorded"] == stats["written"] + stats["dropped"]
    store = TimeSeriesStore(collector.store)
    kept = {name: store.files(table=name) for name in ("executions", "steps", "resources", "recoveries")}
    assert sum(_rows_in(paths) for paths in kept.values()) == stats["written"]
    assert "good" in store.read("executions")["execution_id"]
    assert collector.close()


def _rows_in(paths: list[Path]) -> int:
    import pyarrow.parquet as pq

    return sum(pq.read_metadata(path).num_rows for path in paths)


@pytest.mark.parametrize("call", ["record_step", "record_recovery", "record_resource"])
def test_an_argument_of_a_wrong_type_is_counted(root: Path, call: str) -> None:
    collector = MetricsCollector(root)
    getattr(collector, call)({"no": "record"})

    assert collector.stats()["dropped_invalid"] == collector.stats()["recorded"] == 1


def test_what_a_bot_changes_after_saying_it_is_not_changed_in_the_record(root: Path) -> None:
    collector, context = MetricsCollector(root), {"items": [1]}
    collector.record_execution_start("e", "w", context=context)
    context["items"].append(2)
    collector.flush()

    assert TimeSeriesStore(root).read("executions")["context"].item() == '{"items": [1]}'
    collector.close()


@pytest.mark.parametrize("context", [{(1, 2): 3}, "hello", {"x": float("nan")}, {"deep": [{1: {2}}]}, 5])
def test_a_context_that_is_no_json_takes_nothing_along(root: Path, context: Any) -> None:
    collector = MetricsCollector(root)
    collector.record_execution_start("e", "w", context=context)
    collector.record_execution_complete("e", "completed", context=context)
    assert collector.close()

    row = TimeSeriesStore(root).read("executions").row(0, named=True)
    assert (row["status"], row["workflow_id"]) == ("completed", "w")
    assert row["started_at"] is not None
    assert json.loads(row["context"], parse_constant=pytest.fail) == json.loads(row["end_context"])


@pytest.mark.parametrize("status", [None, "running", "started", 5, "blue"])
def test_what_is_no_end_is_a_failure(root: Path, status: Any) -> None:
    collector = MetricsCollector(root)
    collector.record_execution_start("e", "w")
    collector.record_execution_complete("e", status)
    assert collector.close()

    assert TimeSeriesStore(root).read("executions")["status"].to_list() == ["failed"]
    assert collector.stats()["corrected"] == 1


def test_of_a_long_text_no_more_is_kept_than_will_be_read(root: Path) -> None:
    collector = MetricsCollector(root, max_bytes=2_000_000, flush_interval_sec=3600)
    for _ in range(10):
        collector.record_step(execution_id="e", node_id="n" * 1_000_000, action_type="click", workflow_id="w")
    assert collector.stats()["dropped"] == 0
    for _ in range(100):
        collector.record_step(execution_id="e", node_id="n" * 1_000_000, action_type="click", workflow_id="w")

    assert collector.stats()["dropped_queue_full"] == 110 - 2_000 // (
        1 + 27
    )  # of 2,222 places a tenth is kept; 24,000 characters fill 27
    assert collector.close()
    assert TimeSeriesStore(root).read("steps")["node_id"].str.len_chars().unique().to_list() == [500]


def test_numbers_of_numpy_and_times_as_text_are_understood(root: Path) -> None:
    import numpy as np

    collector = MetricsCollector(root)
    collector.record_execution_start("e", "w")
    collector.record_step(execution_id="e", node_id="n", action_type="a", duration_ms=np.int64(5000))  # type: ignore[arg-type]
    text: Any = "2026-11-03T10:00:00Z"
    collector.record_step(execution_id="e", node_id="n", action_type="a", started_at=text, duration_ms=1.0)
    assert collector.close()

    first, second = TimeSeriesStore(root).read("steps").sort("step_index").to_dicts()
    assert (first["completed_at"] - first["started_at"]).total_seconds() == 5.0
    assert second["started_at"] == datetime(2026, 11, 3, 10, tzinfo=UTC)


def test_step_indices_never_repeat(root: Path) -> None:
    collector = MetricsCollector(root)
    collector.record_execution_start("e", "w")
    collector.record_step(execution_id="e", node_id="a", action_type="a", step_index=1)
    collector.record_step(execution_id="e", node_id="b", action_type="a")
    collector.record_step(execution_id="e", node_id=None, action_type="a")
    collector.record_execution_start("e", "w")  # the same run said to start again
    collector.record_step(execution_id="e", node_id="c", action_type="a")
    collector.record_execution_complete("e", "completed")
    assert collector.close()

    store = TimeSeriesStore(root)
    assert sorted(store.read("steps")["step_id"]) == ["e:1", "e:2", "e:3"]
    assert store.read("executions")["steps_total"].to_list() == [3]


def calls_during(call: Callable[[], object]) -> set[str]:
    """The names of all functions that are called within a call, those in C too.

    The garbage collector waits: it would run the finalizers and callbacks of others in the midst of the call.
    """
    names: set[str] = set()

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        if event in ("call", "c_call"):
            names.add(frame.f_code.co_name if event == "call" else argument.__name__)

    gc.disable()
    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(None)
        gc.enable()
    return names - {"setprofile", "<lambda>"}


def test_recording_a_step_looks_at_a_clock_and_keeps_a_tuple_and_does_nothing_else(root: Path) -> None:
    collector = MetricsCollector(root, flush_interval_sec=3600)
    with collector.execution("w") as run:
        told = calls_during(
            lambda: collector.record_step(
                execution_id=run.execution_id, node_id="n", action_type="a", target_element="#go", duration_ms=1.0
            )
        )
        step = run.step("n", action_type="a", target_element="#go")
        entered = calls_during(step.__enter__)
        left = calls_during(lambda: step.__exit__(None, None, None))

    assert told == {"record_step", "time_ns", "len", "pop", "append"}
    assert entered == {"__enter__", "get", "set", "perf_counter"}
    assert left == {"__exit__", "reset", "perf_counter", "len", "pop", "append"}
    assert collector.close()
    assert TimeSeriesStore(root).read("steps").height == 2


def test_recording_goes_on_while_a_flush_is_under_way(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    collector, real = MetricsCollector(root, flush_interval_sec=3600), os.replace
    recorded: list[int] = []

    def slow(source: Any, target: Any) -> None:
        def bot() -> None:
            for n in range(100):
                collector.record_execution_start(f"meanwhile {n}", "w")
                collector.record_step(execution_id=f"meanwhile {n}", node_id="n", action_type="a")
                recorded.append(n)

        if not recorded:
            thread = threading.Thread(target=bot)
            thread.start()
            thread.join(timeout=30)
        real(source, target)

    monkeypatch.setattr(os, "replace", slow)
    collector.record_execution_start("e", "w")
    assert collector.flush()

    assert len(recorded) == 100
    assert collector.stats()["waiting"] == 200
    assert collector.close()
    assert TimeSeriesStore(root).read("executions").height == 101


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ({"duration_ms": float("nan")}, "steps, row 0: duration_ms is nan, expected a finite number of milliseconds"),
        ({"duration_ms": -1.0}, "steps, row 0: duration_ms is -1.0, expected"),
        ({"duration_ms": 1e30}, "steps, row 0: duration_ms is 1e+30, expected"),
        ({"status": "blue"}, "steps, row 0: status is 'blue', expected a status"),
        ({"node_id": None}, "steps: node_id is None, expected a string"),
        ({"retry_count": -3}, "steps, row 0: retry_count is -3, expected a whole number"),
        ({"target_element": "x" * 10_000}, "steps, row 0: target_element is 'xxx"),
        ({"workflow_id": None, "execution_id": "unknown"}, "steps, row 0: workflow_id is None, expected a string"),
    ],
)
def test_a_strict_collector_raises_where_another_counts(root: Path, call: dict[str, Any], said: str) -> None:
    good: dict[str, Any] = {"execution_id": "e", "workflow_id": "w", "node_id": "n", "action_type": "a"}
    with MetricsCollector(root / "strict", strict=True) as strict:
        strict.record_execution_start("e", "w")
        strict.record_step(**good)
        with pytest.raises(InputError, match=re.escape(said)):
            strict.record_step(**{**good, **call})
    with MetricsCollector(root / "usual") as usual:
        usual.record_step(**{**good, **call})
    assert usual.stats()["dropped_invalid"] + usual.stats()["corrected"] == 1
    assert strict.stats()["dropped_invalid"] + strict.stats()["corrected"] == 1
    assert strict.stats()["recorded"] == 3


def test_a_strict_collector_says_what_it_drops(root: Path) -> None:
    strict = MetricsCollector(root, strict=True, max_rows=10)
    with pytest.raises(InputError, match=r"context is \{1: nan\}, expected what JSON can hold"):
        strict.record_execution_start("e", "w", context={1: float("nan")})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="step_metrics is 5, expected a StepMetrics"):
        strict.record_step(5)  # type: ignore[arg-type]
    assert strict.close()
    with pytest.raises(StoreError, match="'dropped_closed': 1"):
        strict.record_execution_start("e", "w")
    assert strict.stats()["recorded"] == strict.stats()["dropped"] == 3


def test_starts_and_ends_that_were_told_later_are_kept_as_told(root: Path) -> None:
    with MetricsCollector(root) as collector:
        collector.record_execution_start("a", "w", started_at=AT)
        collector.record_execution_complete("a", "completed", completed_at=AT + timedelta(seconds=90))
        collector.record_execution_start("b", "w", started_at=AT)
        collector.record_execution_complete("b", "completed", duration_ms=1500.0)
        collector.record_execution_start("c", "w")
        collector.record_execution_complete("c", "completed", duration_ms=3.0)

    rows = {row["execution_id"]: row for row in TimeSeriesStore(root).read("executions").to_dicts()}
    assert (rows["a"]["started_at"], rows["a"]["duration_ms"]) == (AT, 90_000.0)
    assert rows["b"]["completed_at"] == AT + timedelta(milliseconds=1500)
    assert rows["c"]["completed_at"] - rows["c"]["started_at"] == timedelta(milliseconds=3)


def test_every_order_of_starts_and_ends_is_one_execution_each(root: Path) -> None:
    with MetricsCollector(root) as collector:
        collector.record_execution_complete("end first", "completed", workflow_id="w")
        collector.record_execution_start("end first", "w")
        collector.record_execution_complete("no start", "failed", "gone", workflow_id="w")
        collector.record_execution_start("three ends", "w")
        for status in ("completed", "cancelled", "failed"):
            collector.record_execution_complete("three ends", status)
        collector.record_execution_start("twice", "w")
        collector.record_execution_start("twice", "w")
        collector.record_execution_complete("twice", "completed")

    rows = TimeSeriesStore(root).read("executions").select("execution_id", "status")
    assert dict(rows.iter_rows()) == {
        "end first": "completed",
        "no start": "failed",
        "three ends": "failed",
        "twice": "completed",
    }


def test_recoveries_are_told_as_records_or_by_keywords(root: Path) -> None:
    with MetricsCollector(root) as collector:
        collector.record_execution_start("e", "w")
        collector.record_recovery(execution_id="e", node_id="n", strategy="retry", status="healed", duration_ms=5.0)
        collector.record_recovery(RecoveryMetrics("r", "e", "w", "s", "n", "restart", AT, AT, 3.0, "failed"))

    rows = TimeSeriesStore(root).read("recoveries").sort("strategy").to_dicts()
    assert [(row["workflow_id"], row["strategy"], row["status"]) for row in rows] == [
        ("w", "restart", "failed"),
        ("w", "retry", "recovered"),
    ]
    assert rows[1]["completed_at"] - rows[1]["started_at"] == timedelta(milliseconds=5)
