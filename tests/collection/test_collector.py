from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab import MetricsCollector, TimeSeriesStore
from rpa_lab.records import Metrics, RecoveryMetrics, ResourceMetrics, StepMetrics
from tests import strategies

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
    assert collector._flush_thread is None


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


def test_a_disk_that_refuses_is_said_once_and_nothing_is_lost(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    collector = MetricsCollector(root, flush_interval_sec=3600)
    real = os.replace

    def refuse(source: Any, target: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    collector.record_execution_start("e", "w")
    assert [collector.flush() for _ in range(3)] == [False] * 3
    assert capsys.readouterr().err.count("No space left") == 1

    monkeypatch.setattr(os, "replace", real)
    assert collector.flush()
    assert TimeSeriesStore(root).read("executions").height == 1
    assert collector.close()


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


def _run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("ending", ["pass", "sys.exit(3)", "raise ValueError('x')"])
def test_a_clean_exit_writes_what_is_left(root: Path, ending: str) -> None:
    _run(
        f"""
        import sys
        from rpa_lab import MetricsCollector
        collector = MetricsCollector(sys.argv[1], flush_interval_sec=3600)
        collector.record_execution_start("e", "w")
        del collector
        {ending}
        """,
        root,
    )

    assert TimeSeriesStore(root).read("executions")["execution_id"].to_list() == ["e"]


def test_a_killed_bot_keeps_what_was_flushed(root: Path) -> None:
    done = _run(
        """
        import os, signal, sys
        from rpa_lab import MetricsCollector
        collector = MetricsCollector(sys.argv[1], flush_interval_sec=3600)
        collector.record_execution_start("flushed", "w")
        assert collector.flush()
        collector.record_execution_start("lost", "w")
        os.kill(os.getpid(), signal.SIGKILL)
        """,
        root,
    )

    assert done.returncode == -9
    assert TimeSeriesStore(root).read("executions")["execution_id"].to_list() == ["flushed"]


def test_a_forked_child_writes_its_own_records_and_not_its_parents(root: Path) -> None:
    done = _run(
        """
        import os, sys
        from rpa_lab import MetricsCollector
        collector = MetricsCollector(sys.argv[1], flush_interval_sec=3600)
        collector.record_execution_start("parent", "w")
        child = os.fork()
        if not child:
            collector.record_execution_start("child", "w")
            os._exit(0 if collector.flush() else 1)
        assert os.waitpid(child, 0)[1] == 0
        """,
        root,
    )

    assert done.returncode == 0, done.stderr
    assert sorted(TimeSeriesStore(root).read("executions")["execution_id"]) == ["child", "parent"]
    assert len({path.name[2:14] for path in TimeSeriesStore(root).files(table="executions")}) == 2


def test_recording_and_flushing_never_loads_polars_nor_an_import_pyarrow(root: Path) -> None:
    done = _run(
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


@pytest.mark.parametrize("start_method", ["fork", "spawn", "forkserver"])
def test_a_process_of_multiprocessing_writes_what_is_left(root: Path, tmp_path: Path, start_method: str) -> None:
    (tmp_path / "bot.py").write_text(
        textwrap.dedent(
            """
            import multiprocessing, sys
            from concurrent.futures import ProcessPoolExecutor
            from rpa_lab import MetricsCollector

            def work(root, number):
                collector = MetricsCollector(root, flush_interval_sec=3600)
                with collector.execution("w", execution_id=f"own {number}"):
                    pass

            def inherited(number):
                with COLLECTOR.execution("w", execution_id=f"inherited {number}"):
                    pass

            if __name__ == "__main__":
                context = multiprocessing.get_context(sys.argv[2])
                COLLECTOR = MetricsCollector(sys.argv[1], flush_interval_sec=3600)
                jobs = [context.Process(target=work, args=(sys.argv[1], n)) for n in range(2)]
                if sys.argv[2] == "fork":
                    jobs += [context.Process(target=inherited, args=(n,)) for n in range(2)]
                for job in jobs:
                    job.start()
                for job in jobs:
                    job.join()
                with ProcessPoolExecutor(1, mp_context=context) as pool:
                    pool.submit(work, sys.argv[1], "pool").result()
            """
        )
    )
    command = [sys.executable, str(tmp_path / "bot.py"), str(root), start_method]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 0, done.stderr
    expected = {"own 0", "own 1", "own pool"} | ({"inherited 0", "inherited 1"} if start_method == "fork" else set())
    runs = TimeSeriesStore(root).read("executions")
    assert set(runs["execution_id"]) == expected
    assert set(runs["status"]) == {"completed"}


@pytest.mark.parametrize(
    "call", ["collector.flush()", "collector.record_execution_start('h', 'w')", "collector.close()"]
)
def test_a_signal_handler_may_record_flush_and_close(root: Path, call: str) -> None:
    """Many signals while the main thread records and flushes: nothing hangs, nothing is lost uncounted."""
    done = _run(
        f"""
        import os, signal, sys, threading, time
        from rpa_lab import MetricsCollector
        collector = MetricsCollector(sys.argv[1], buffer_size=50, flush_interval_sec=0.01)
        signal.signal(signal.SIGALRM, lambda *_: {call})
        signal.setitimer(signal.ITIMER_REAL, 0.03, 0.03)
        until = time.monotonic() + 1.5
        n = 0
        while time.monotonic() < until:
            collector.record_execution_start(str(n), "w")
            n += 1
            if n % 100 == 0:
                collector.flush()
        signal.setitimer(signal.ITIMER_REAL, 0)
        collector.close()
        stats = collector.stats()
        assert stats["recorded"] == stats["written"] + stats["dropped"], stats
        print("done")
        """,
        root,
    )

    assert done.stdout.strip() == "done", done.stderr


@pytest.mark.parametrize("wrong", [("ValueError",), "ValueError", 5, (ValueError, 5)])
def test_business_exceptions_are_exception_types(root: Path, wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"business_exceptions has .*expected exception types"):
        MetricsCollector(root, business_exceptions=wrong)
    assert MetricsCollector(root, business_exceptions=ValueError).business_exceptions == (ValueError,)


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


def test_long_names_count_against_the_bound_too(root: Path) -> None:
    collector = MetricsCollector(root, max_bytes=2_000_000, flush_interval_sec=3600)
    for _ in range(10):
        collector.record_step(execution_id="e", node_id="n" * 1_000_000, action_type="click", workflow_id="w")

    assert collector.stats()["dropped_queue_full"] == 9
    assert collector.close()


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


def test_what_is_remembered_of_ended_runs_is_bounded(root: Path) -> None:
    collector = MetricsCollector(root, max_bytes=10**9)
    for n in range(300):
        collector.record_execution_start(str(n), "w", context={"blob": "x" * 100_000})
        collector.record_execution_complete(str(n), "completed")
    assert collector.flush()

    assert collector._flusher._ended._characters <= 8_000_000
    assert TimeSeriesStore(root).read("executions").height == 300
    assert collector.close()
