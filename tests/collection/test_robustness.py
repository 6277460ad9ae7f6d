"""What a bot must never feel, whatever it hands over and whenever it is interrupted: faults that were once there."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from rpa_lab import MetricsCollector, TimeSeriesStore
from rpa_lab.collection.hooks import Execution
from tests.collection.processes import run_python


@pytest.fixture
def collector(root: Path) -> Iterator[MetricsCollector]:
    with MetricsCollector(root, flush_interval_sec=3600) as collector:
        yield collector


class Hostile:
    """Raises whatever is asked of it."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    def __len__(self) -> int:
        raise RuntimeError("no length")

    def __bool__(self) -> bool:
        raise RuntimeError("neither")


def steps_of(collector: MetricsCollector) -> list[dict[str, Any]]:
    assert collector.flush()
    return TimeSeriesStore(collector.store).read("steps").sort("step_index").to_dicts()


@pytest.mark.parametrize("bad", [1762164000.5, "yesterday", Hostile(), -1e400, b"x"])
@pytest.mark.parametrize("field", ["started_at", "completed_at"])
def test_a_time_that_is_none_costs_nothing_but_itself(collector: MetricsCollector, bad: Any, field: str) -> None:
    for n in range(50):
        collector.record_step(execution_id="e", workflow_id="w", node_id=f"n{n}", action_type="a")
    collector.record_step(execution_id="e", workflow_id="w", node_id="bad", action_type="a", **{field: bad})
    if field == "started_at":
        collector.record_execution_start("e2", "w", started_at=bad)
    else:
        collector.record_execution_complete("e2", "completed", workflow_id="w", completed_at=bad)

    assert len(steps_of(collector)) == 51
    assert TimeSeriesStore(collector.store).read("executions")["execution_id"].to_list() == ["e2"]
    assert (collector.stats()["dropped"], collector.stats()["corrected"]) == (0, 2)


def test_too_many_open_files_at_the_first_flush_lose_nothing(root: Path) -> None:
    done = run_python(
        """
        import os, resource, sys
        from rpa_lab import MetricsCollector
        collector = MetricsCollector(sys.argv[1], flush_interval_sec=3600)
        for n in range(100):
            collector.record_execution_start(str(n), "w")
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/dev/fd")) - 1, hard))
        refused = collector.flush()
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        stats = collector.stats()
        print(refused, stats["recorded"] - stats["written"] - stats["waiting"] - stats["dropped"], collector.flush())
        """,
        root,
    )

    assert done.stdout.split() == ["False", "0", "True"], done.stderr
    assert TimeSeriesStore(root).read("executions").height == 100


@pytest.mark.parametrize("where", ["record", "flush"])
def test_a_watchdog_of_the_bots_own_reaches_the_bot_and_the_books_hold(root: Path, where: str) -> None:
    done = run_python(
        """
        import signal, sys, time
        from rpa_lab import MetricsCollector
        def bark(number, frame):
            raise TimeoutError("too slow")
        signal.signal(signal.SIGALRM, bark)
        collector = MetricsCollector(sys.argv[1], flush_interval_sec=3600, max_bytes=2**30)
        collector.record_execution_start("e", "w")
        collector.flush()
        said = 0
        for _ in range(20):
            try:
                if sys.argv[2] == "record":
                    signal.setitimer(signal.ITIMER_REAL, 0.005)
                    until = time.monotonic() + 0.5
                    while time.monotonic() < until:
                        collector.record_step(execution_id="e", node_id="n", action_type="a", duration_ms=1.0)
                else:
                    for n in range(3000):
                        collector.record_step(execution_id="e", node_id="n", action_type="a", target_element=str(n))
                    signal.setitimer(signal.ITIMER_REAL, 0.004)
                    collector.flush()
                    time.sleep(0.05)
            except TimeoutError:
                said += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        collector.close()
        stats = collector.stats()
        print(said, stats["recorded"] - stats["written"] - stats["dropped"], stats["dropped_invalid"])
        """,
        root,
        where,
    )

    assert done.stdout.split() == ["20", "0", "0"], done.stdout + done.stderr


def test_where_no_thread_can_be_started_the_next_record_tries_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    collector = MetricsCollector(root, flush_interval_sec=0.02)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        collector.record_execution_start("e", "w")
        collector.record_step(execution_id="e", node_id="n", action_type="a")
    assert collector._background.thread is None
    collector.record_step(execution_id="e", node_id="n", action_type="a")
    assert collector._background.thread is not None
    assert collector.close()
    assert TimeSeriesStore(root).read("steps").height == 2


def test_an_object_that_raises_more_than_an_exception_stops_no_thread(root: Path) -> None:
    class Cancelled(BaseException):
        pass

    class Odd(dict[str, str]):
        def __str__(self) -> str:
            raise Cancelled

    collector = MetricsCollector(root, flush_interval_sec=3600)
    collector.record_execution_start("e", "w")
    collector.record_step(execution_id="e", node_id=Odd(), action_type="a")  # type: ignore[arg-type]
    collector.record_step(execution_id="e", node_id="n", action_type="a")
    assert collector.flush()

    assert collector.stats()["dropped_invalid"] + collector.stats()["corrected"] >= 1
    assert "n" in TimeSeriesStore(root).read("steps")["node_id"]
    assert collector.close()


@pytest.mark.parametrize(
    "call",
    [
        lambda run: run.step("s", target_element=Hostile()),
        lambda run: run.step("s", action_type=Hostile()),
        lambda run: run.step("s", application=Hostile()),
        lambda run: run.step(Hostile()),
        lambda run: Execution(run._collector, "w", execution_id=Hostile(), details={}),  # type: ignore[arg-type]
    ],
)
def test_no_value_however_hostile_raises_out_of_a_block(collector: MetricsCollector, call: Any) -> None:
    with collector.execution("w") as run, call(run):
        pass

    assert collector.flush()
    assert collector.stats()["waiting"] == 0


def test_a_block_that_is_entered_within_itself_raises_nothing(collector: MetricsCollector) -> None:
    with collector.execution("w") as run:
        step = run.step("s")
        with pytest.raises(KeyError, match="mine"), step, step:
            raise KeyError("mine")
        with run, run:
            pass
        run.recovery(run.step("not entered"), strategy="retry").__enter__().__exit__(None, None, None)

    assert collector.flush()


def test_a_step_that_is_entered_again_is_another_one(collector: MetricsCollector) -> None:
    with collector.execution("w", execution_id="e") as run:
        step = run.step("submit")
        for attempt in range(3):
            try:
                with step:
                    with run.recovery(step, strategy="retry"):
                        pass
                    if attempt < 2:
                        raise LookupError
            except LookupError:
                pass

    rows = steps_of(collector)
    assert [row["status"] for row in rows] == ["failed", "failed", "completed"]
    assert len({row["step_id"] for row in rows}) == 3


def test_a_context_without_a_truth_value_takes_nothing_along(collector: MetricsCollector) -> None:
    with collector.execution("w", execution_id="e", context=Hostile()) as run:  # type: ignore[arg-type]
        run.context = Hostile()  # type: ignore[assignment]

    assert collector.flush()
    assert TimeSeriesStore(collector.store).read("executions")["status"].to_list() == ["completed"]


def test_what_consumes_a_decorated_generator_is_no_part_of_it(collector: MetricsCollector) -> None:
    @collector.step("pages")
    def pages() -> Generator[int, str, str]:
        sent = ""
        for number in range(3):
            with collector.step("load"):
                sent = (yield number) or sent
        return sent

    with collector.execution("w", execution_id="e") as run:
        generator = pages()
        assert next(generator) == 0
        with run.step("handle"):
            pass
        with pytest.raises(LookupError):
            generator.throw(LookupError)
        both = zip(pages(), pages(), strict=True)
        assert next(both) == (0, 0)
        with run.step("between"):
            pass
        two = pages()
        assert [next(two), two.send("a"), two.send("b")] == [0, 1, 2]
        with pytest.raises(StopIteration) as end:
            two.send("c")
        assert end.value.value == "c"
        for _ in pages():
            break
        del both

    rows = steps_of(collector)
    assert {row["node_id"] for row in rows} == {"pages", "pages > load", "handle", "between"}
    by_node = {name: [row["status"] for row in rows if row["node_id"] == name] for name in ("pages", "handle")}
    assert by_node["handle"] == ["completed"]
    assert sorted(by_node["pages"]) == ["completed"] * 4 + ["failed"]


def test_a_step_belongs_to_an_execution_of_its_own_collector(root: Path) -> None:
    with MetricsCollector(root / "a") as one, MetricsCollector(root / "b") as other:
        with one.execution("w"), other.step("x"), one.step("y"):
            pass
        assert one.flush()

    assert TimeSeriesStore(root / "a").read("steps")["node_id"].to_list() == ["y"]
    assert other.stats()["dropped_invalid"] == 1


def test_one_table_that_cannot_be_written_stops_no_other(root: Path) -> None:
    collector = MetricsCollector(root, flush_interval_sec=3600)
    (root / "_journal").mkdir(parents=True)
    (root / "_journal" / "executions").write_text("a file")
    with collector.execution("w") as run, run.step("s"):
        pass
    assert collector.flush() is False
    assert TimeSeriesStore(root).read("steps").height == 1

    (root / "_journal" / "executions").unlink()
    assert collector.flush()
    assert collector.close()
    assert TimeSeriesStore(root).read("executions")["status"].to_list() == ["completed"]


def test_the_books_add_up_while_a_flush_is_under_way(root: Path) -> None:
    collector = MetricsCollector(root, buffer_size=100, flush_interval_sec=0.001)
    stop = threading.Event()

    def bot() -> None:
        while not stop.is_set():
            collector.record_step(execution_id="e", workflow_id="w", node_id="n", action_type="a")

    thread = threading.Thread(target=bot)
    thread.start()
    try:
        for _ in range(3000):
            stats = collector.stats()
            assert stats["recorded"] == stats["written"] + stats["waiting"] + stats["dropped"]
            assert stats["waiting"] >= 0
    finally:
        stop.set()
        thread.join()
    assert collector.close()
    assert collector.stats()["waiting"] == 0


def test_a_watcher_that_raises_keeps_nobody_from_being_written(root: Path) -> None:
    class Raising:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

    with MetricsCollector(root) as collector:
        collector.watch(Raising())
        with collector.execution("w"):
            pass
    assert collector.stats()["written"] == 2


def test_room_for_texts_is_made_by_flushing_early(root: Path) -> None:
    collector = MetricsCollector(root, flush_interval_sec=3600, max_bytes=8 * 2**20)
    for n in range(250):  # more than half of the room, and far from the number that wakes the thread
        collector.record_step(
            execution_id="e", workflow_id="w", node_id=f"n{n}", action_type="a", error_details="x" * 20_000
        )
    until = time.monotonic() + 30
    while collector.stats()["written"] < 100 and time.monotonic() < until:
        time.sleep(0.01)

    assert collector.stats()["written"] >= 100
    assert collector.close()
    assert collector.stats()["dropped"] == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"store": ""}, "store is ''"),
        ({"flush_interval_sec": float("inf")}, "flush_interval_sec is inf"),
        ({"buffer_size": float("inf")}, "buffer_size is inf"),
        ({"max_bytes": float("nan")}, "max_bytes is nan"),
    ],
)
def test_an_option_that_makes_no_sense_is_said_at_once(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        MetricsCollector(**options)
