from __future__ import annotations

import logging
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rpa_lab import MetricsCollector, TimeSeriesStore
from rpa_lab.errors import InputError
from rpa_lab.records import RecoveryMetrics, ResourceMetrics, StepMetrics
from tests.collection.processes import run_python

AT = datetime(2026, 11, 3, 10, tzinfo=UTC)


def test_what_was_flushed_is_in_the_store(root: Path) -> None:
    collector = MetricsCollector(root, robot_id="r2", host="vm", workflow_version="1.0")
    collector.record_execution_start("e", "invoices", business_key="4711", context={"batch": 7})
    collector.record_step(execution_id="e", node_id="open", action_type="click", duration_ms=12.5)
    collector.record_step(
        StepMetrics("s", "e", "invoices", "close", "click", None, AT, AT, 1.0, "failed", 0.5, 2, "gone")
    )
    collector.record_recovery(RecoveryMetrics(None, "e", "invoices", "s", "close", "retry", AT, AT, 3.0, "recovered"))
    collector.record_resource(ResourceMetrics(AT, "invoices", "e", 50.0, 100.0))
    collector.record_execution_complete("e", "failed", "gone", context={"done": 0})
    assert collector.flush() is True

    store = TimeSeriesStore(root)
    run = store.read("executions").row(0, named=True)
    assert (run["status"], run["robot_id"], run["workflow_version"], run["steps_total"]) == ("failed", "r2", "1.0", 2)
    assert (run["context"], run["end_context"], run["error_message"]) == ('{"batch": 7}', '{"done": 0}', "gone")
    assert sorted(store.read("steps")["step_id"]) == ["e:0", "s"]
    assert store.read("recoveries")["strategy"].to_list() == ["retry"]
    assert store.read("resources")["host"].to_list() == ["vm"]
    assert collector.close()


@pytest.mark.parametrize("store", [1000, None, 5.0, ["data"]])
def test_a_store_that_is_no_path_is_said_at_once(store: Any) -> None:
    with pytest.raises(TypeError, match="expected the folder of the store"):
        MetricsCollector(store)


@pytest.mark.parametrize("wrong", [{"buffer_size": 0}, {"flush_interval_sec": -1}, {"max_rows": "many"}])
def test_a_bound_that_is_none_is_said_at_once(root: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected a positive number"):
        MetricsCollector(root, **wrong)


def test_nothing_touches_the_disk_before_the_first_record(root: Path) -> None:
    collector = MetricsCollector(root)

    assert not root.exists()
    assert collector._background.thread is None


def test_the_robot_is_named_by_argument_then_environment_then_host(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RPA_LAB_ROBOT", "from-environment")
    assert MetricsCollector(root).robot_id == "from-environment"
    assert MetricsCollector(root, robot_id="said").robot_id == "said"
    monkeypatch.delenv("RPA_LAB_ROBOT")
    assert MetricsCollector(root, host="vm-7").robot_id == "vm-7"


def test_the_thread_writes_within_the_interval_and_earlier_when_many_wait(root: Path) -> None:
    slow = MetricsCollector(root / "a", buffer_size=10, flush_interval_sec=3600)
    for n in range(10):
        slow.record_execution_start(f"e{n}", "w")
    quick = MetricsCollector(root / "b", flush_interval_sec=0.05)
    quick.record_execution_start("e", "w")
    until = time.monotonic() + 20
    while time.monotonic() < until and not (slow.stats()["written"] == 10 and quick.stats()["written"] == 1):
        time.sleep(0.02)

    assert slow.stats()["written"] == 10
    assert quick.stats()["written"] == 1
    assert slow.close()
    assert quick.close()


def test_a_disk_that_refuses_is_said_once_and_nothing_is_lost(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    collector = MetricsCollector(root, flush_interval_sec=3600)
    real = os.replace

    def refuse(source: Any, target: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    collector.record_execution_start("e", "w")
    assert [collector.flush() for _ in range(3)] == [False] * 3
    assert [record.levelname for record in caplog.records if "No space left" in record.message] == ["WARNING"]

    monkeypatch.setattr(os, "replace", real)
    assert collector.flush()
    assert TimeSeriesStore(root).read("executions").height == 1
    assert collector.close()


def test_a_logging_handler_that_raises_hurts_nobody(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise RuntimeError("no log")

    monkeypatch.setattr(logging.getLogger("rpa_lab"), "warning", refuse)
    monkeypatch.setattr(os, "replace", refuse)
    collector = MetricsCollector(root, max_rows=5, flush_interval_sec=3600)
    for n in range(10):
        collector.record_execution_start(str(n), "w")

    assert collector.flush() is False
    assert collector.close() is False
    assert collector.stats()["recorded"] == collector.stats()["dropped"] == 10


def test_closing_twice_is_closing_once_and_later_records_are_counted(root: Path) -> None:
    with MetricsCollector(root) as collector:
        collector.record_execution_start("e", "w")
    assert collector.close()
    collector.record_execution_start("late", "w")

    assert collector.stats()["dropped_closed"] == 1
    assert TimeSeriesStore(root).read("executions")["execution_id"].to_list() == ["e"]


def test_threads_record_side_by_side(root: Path) -> None:
    collector = MetricsCollector(root, buffer_size=200, flush_interval_sec=0.05)

    def bot(number: int) -> None:
        for n in range(200):
            with collector.execution("w", execution_id=f"{number}-{n}") as run, run.step("s"):
                pass

    threads = [threading.Thread(target=bot, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert collector.close()

    store = TimeSeriesStore(root)
    assert store.read("executions")["status"].to_list() == ["completed"] * 800
    assert store.read("steps").height == 800
    assert store.read("executions")["steps_total"].unique().to_list() == [1]


def test_recording_and_flushing_never_loads_polars_nor_an_import_pyarrow(root: Path) -> None:
    done = run_python(
        """
        import sys
        from rpa_lab import MetricsCollector
        collector = MetricsCollector(sys.argv[1])
        with collector.execution("w") as run, run.step("s"):
            pass
        early = "pyarrow" in sys.modules
        assert collector.flush()
        print(early, "pyarrow" in sys.modules, "polars" in sys.modules)
        """,
        root,
    )

    assert done.stdout.split() == ["False", "True", "False"], done.stderr


@pytest.mark.parametrize("wrong", [("ValueError",), "ValueError", 5, (ValueError, 5)])
def test_business_exceptions_are_exception_types(root: Path, wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"business_exceptions has .*expected exception types"):
        MetricsCollector(root, business_exceptions=wrong)
    assert MetricsCollector(root, business_exceptions=ValueError).business_exceptions == (ValueError,)


def test_what_is_remembered_of_ended_runs_is_bounded(root: Path) -> None:
    collector = MetricsCollector(root, max_bytes=10**9)
    for n in range(300):
        collector.record_execution_start(str(n), "w", context={"blob": "x" * 100_000})
        collector.record_execution_complete(str(n), "completed")
    assert collector.flush()

    assert collector._background.flusher._ledger._ended._characters <= 8_000_000
    assert TimeSeriesStore(root).read("executions").height == 300
    assert collector.close()


def test_what_is_dropped_is_said_once_an_episode(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    collector = MetricsCollector(root, max_rows=20, flush_interval_sec=3600)

    def flood() -> int:
        for _ in range(50):
            collector.record_step(execution_id="e", workflow_id="w", node_id="n", action_type="a")
        assert collector.flush()
        return sum("being dropped" in record.message for record in caplog.records)

    assert [flood(), flood()] == [1, 1]
    collector.flush()  # a flush without drops: the episode is over
    assert flood() == 2
    assert "queue_full 64" in caplog.records[0].message.replace("queue_full 32", "queue_full 64")
    assert collector.close()


def test_what_a_full_buffer_dropped_is_in_collector_health_with_the_next_flush(root: Path) -> None:
    collector = MetricsCollector(root, max_rows=20, flush_interval_sec=3600)
    for _ in range(50):
        collector.record_step(execution_id="e", workflow_id="w", node_id="n", action_type="a")
    assert collector.flush()

    row = TimeSeriesStore(root).read("collector_health").row(-1, named=True)
    assert (row["recorded"], row["written"], row["dropped_queue_full"]) == (50, 18, 32)
    assert collector.close()


def test_places_that_were_written_are_free_again(root: Path) -> None:
    collector = MetricsCollector(root, max_rows=20, flush_interval_sec=3600)
    for _ in range(10):
        for _ in range(18):
            collector.record_step(execution_id="e", workflow_id="w", node_id="n", action_type="a")
        assert collector.flush()

    assert (collector.stats()["written"], collector.stats()["dropped"]) == (180, 0)
    assert collector.close()


def test_a_watcher_is_told_of_each_start_and_end_and_of_the_close(root: Path) -> None:
    told: list[Any] = []

    class Watching:
        def execution_started(self, execution_id: str, workflow_id: str | None) -> None:
            told.append(("start", execution_id, workflow_id))

        def execution_ended(self, execution_id: str) -> None:
            told.append(("end", execution_id))

        def finish(self, timeout: float) -> None:
            collector.record_resource(ResourceMetrics(AT, "w", "e", 1.0, 2.0))
            told.append("finish")

        def after_fork(self) -> None:
            told.append("fork")

    collector = MetricsCollector(root)
    watching = Watching()
    collector.watch(watching)
    collector.watch(watching)
    with collector.execution("w", execution_id="e"):
        pass
    assert collector.close()

    assert told == [("start", "e", "w"), ("end", "e"), "finish"]
    assert TimeSeriesStore(root).read("resources").height == 1


def test_patterns_of_the_bots_own_are_taken_out_too(root: Path) -> None:
    with MetricsCollector(root, redact=[r"\bCUST-\d{6}\b"]) as collector:
        collector.record_execution_start("e", "w", context={"customer": "CUST-123456", "page": 7})
        collector.record_step(execution_id="e", node_id="open CUST-123456", action_type="a", target_element="CUST-1")

    store = TimeSeriesStore(root)
    assert store.read("executions")["context"].item() == '{"customer": "[redacted]", "page": 7}'
    assert store.read("steps").select("node_id", "target_element").row(0) == ("open [redacted]", "CUST-1")
    with pytest.raises(InputError, match="unterminated"):
        MetricsCollector(root, redact=["(CUST"])
