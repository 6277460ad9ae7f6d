"""With a real collector and store throughout; only failures of the machine are made up."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import psutil
import pytest

from rpa_lab import MetricsCollector, TimeSeriesStore
from rpa_lab.collection.meter import Meter
from rpa_lab.collection.resources import ResourceCollector
from rpa_lab.errors import InputError
from tests.collection.sampled import samples

BURN = "import os\nwhile sum(os.times()[:2]) < {}: pass\n"


@pytest.fixture
def collector(root: Path) -> Iterator[MetricsCollector]:
    collector = MetricsCollector(root, flush_interval_sec=3600, robot_id="r1", host="vm-1")
    yield collector
    collector.close()


def wait_until(holds: Callable[[], Any]) -> None:
    until = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


def recorded(collector: MetricsCollector, *, besides: int) -> int:
    """How many samples have reached the collector, which has so many other records."""
    return collector.stats()["recorded"] - besides


def test_an_execution_is_sampled_from_its_start_to_its_end(root: Path, collector: MetricsCollector) -> None:
    with ResourceCollector(0.2, collector), collector.execution("invoices", execution_id="e"):
        time.sleep(1)
        rss_mb = psutil.Process().memory_info().rss / 1e6
    collector.close()
    rows = samples(root)
    run = TimeSeriesStore(root).read("executions").row(0, named=True)

    assert set(rows["execution_id"]) == {"e"}
    assert rows.height >= 4
    assert rows.select("workflow_id", "robot_id", "host", "shared_by").unique().rows() == [
        ("invoices", "r1", "vm-1", 1)
    ]
    assert rows["timestamp"].is_unique().all()
    at = rows["timestamp"]
    assert (at[0] - run["started_at"]).total_seconds() < 0.3
    assert -0.11 < (at[-1] - run["completed_at"]).total_seconds() < 5
    for name in ("cpu_percent", "memory_mb", "disk_io_mb", "host_cpu_percent", "host_memory_mb"):
        assert rows[name].null_count() == 0, name
        assert rows[name].min() >= 0, name  # type: ignore[operator]
    assert rows["memory_mb"].median() == pytest.approx(rss_mb, rel=0.3)


def test_cpu_use_adds_up_to_what_the_kernel_counted_children_included(root: Path, collector: MetricsCollector) -> None:
    def used() -> float:
        each = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(one.ru_utime + one.ru_stime for one in each)

    with ResourceCollector(0.2, collector), collector.execution("w", execution_id="e"):
        before = used()
        own = time.process_time()
        while time.process_time() < own + 0.4:
            pass
        subprocess.run([sys.executable, "-c", BURN.format(0.8)], check=True)
        spent = used() - before
    collector.close()
    rows = samples(root, "e").with_columns(
        seconds=(pl.col("timestamp") - pl.col("timestamp").shift()).dt.total_milliseconds() / 1000
    )
    # a row is of the interval since the one before; the second one's began where the first one's, of 0.1 s, ended
    counted = (rows["cpu_percent"] * rows["seconds"]).sum() / 100

    assert spent >= 1.2
    assert 0.5 * spent <= counted <= 1.15 * spent + 0.15  # what a child used since the last look goes with it


def test_the_memory_of_children_counts_while_they_live(root: Path, collector: MetricsCollector) -> None:
    with ResourceCollector(0.1, collector), collector.execution("w", execution_id="e"):
        time.sleep(0.3)
        code = "held = b'x' * 150_000_000; print('ready', flush=True); input()"
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen([sys.executable, "-c", code], **pipes) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(0.5)
            child.communicate(b"\n")
        time.sleep(0.3)
    collector.close()
    memory = samples(root, "e")["memory_mb"].to_list()

    assert max(memory) - memory[0] > 140
    assert abs(memory[-1] - memory[0]) < 50


def test_nothing_is_sampled_while_nothing_runs(
    root: Path, collector: MetricsCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings, real = [], Meter.read

    def counted(meter: Meter) -> Any:
        readings.append(threading.current_thread().name)
        return real(meter)

    monkeypatch.setattr(Meter, "read", counted)
    with ResourceCollector(0.01, collector) as resources:
        wait_until(lambda: readings)
        time.sleep(0.3)
        assert len(readings) == 1  # that of start()
        with collector.execution("w"):
            wait_until(lambda: len(readings) > 5)
        wait_until(lambda: resources._sampling is not None and resources._sampling.rest_s() is None)
        idle = len(readings)
        time.sleep(0.3)
        assert len(readings) == idle
    assert set(readings) == {"rpa-lab-resources"}  # nothing in the bot's thread


def test_what_starts_or_ends_while_it_is_stopped_is_taken_up_again(root: Path, collector: MetricsCollector) -> None:
    resources = ResourceCollector(0.1, collector)
    resources.start()
    resources.start()
    collector.record_execution_start("goes on", "w")
    collector.record_execution_start("ends meanwhile", "w")
    time.sleep(0.3)
    resources.stop()
    resources.stop()
    collector.flush()
    before = samples(root)["execution_id"].value_counts(sort=True)
    assert dict(before.iter_rows()).keys() == {"goes on", "ends meanwhile"}
    time.sleep(0.3)
    collector.record_execution_complete("ends meanwhile", "completed")
    collector.record_execution_start("starts meanwhile", "w")
    collector.flush()
    assert samples(root).height == before["count"].sum()

    resources.start()
    time.sleep(0.3)
    collector.close()
    after, stopped = (dict(counts.iter_rows()) for counts in (samples(root)["execution_id"].value_counts(), before))
    assert after["ends meanwhile"] == stopped["ends meanwhile"]
    assert after["goes on"] >= stopped["goes on"] + 2
    assert after["starts meanwhile"] >= 2
    assert resources.errors == 0
    assert not [thread for thread in threading.enumerate() if thread.name == "rpa-lab-resources"]


def test_closing_the_collector_writes_the_last_samples(root: Path, collector: MetricsCollector) -> None:
    ResourceCollector(3600, collector).start()
    collector.record_execution_start("open", "w")
    assert collector.close()

    assert samples(root, "open").height == 2
    assert collector.stats()["dropped"] == 0


def test_readings_that_fail_are_counted_and_sampling_goes_on(
    root: Path, collector: MetricsCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failing = Meter.read, threading.Event()

    def read(meter: Meter) -> Any:
        if failing.is_set():
            raise psutil.AccessDenied(1)
        return real(meter)

    monkeypatch.setattr(Meter, "read", read)
    resources = ResourceCollector(0.02, collector)
    failing.set()
    resources.start()
    with collector.execution("w", execution_id="unlucky"):
        wait_until(lambda: resources.errors >= 3)
    failing.clear()
    with collector.execution("w", execution_id="lucky"):
        wait_until(lambda: recorded(collector, besides=3) >= 2)
    collector.close()

    assert samples(root, "lucky").height >= 2


def test_a_collector_that_refuses_records_is_no_error_in_the_bot(root: Path) -> None:
    collector = MetricsCollector(root, max_rows=10, flush_interval_sec=3600)
    root.write_text("no folder")  # the disk refuses
    with ResourceCollector(0.01, collector) as resources:
        collector.record_execution_start("e", "w")
        wait_until(lambda: collector.stats()["dropped_queue_full"] >= 3)
        collector.record_execution_complete("e", "completed")
    root.unlink()
    assert collector.close()

    assert resources.errors == 0
    assert TimeSeriesStore(root).read("executions")["status"].to_list() == ["completed"]


def test_a_strict_collector_gets_samples_that_it_finds_nothing_wrong_with(root: Path) -> None:
    collector = MetricsCollector(root, strict=True)
    with ResourceCollector(0.05, collector) as resources, collector.execution("w", execution_id="e"):
        time.sleep(0.2)
    assert collector.close()

    assert resources.errors == 0
    assert samples(root, "e").height >= 3


def test_an_id_that_is_no_text_raises_nothing(root: Path, collector: MetricsCollector) -> None:
    class Hostile:
        def __str__(self) -> str:
            raise ValueError("no name")

    hostile: Any = Hostile()
    with ResourceCollector(0.1, collector) as resources:
        resources.execution_started(hostile, "w")
        resources.execution_ended(hostile)
        number: Any = 5
        resources.execution_started(number, "w")
        resources.execution_ended(number)
    collector.close()

    assert resources.errors == 2
    assert samples(root)["execution_id"].to_list() == ["5", "5"]


def test_notices_that_nobody_takes_up_are_bounded(root: Path, collector: MetricsCollector) -> None:
    resources = ResourceCollector(3600, collector)
    resources.start()
    with resources._working:  # as if a reading took for ever
        for number in range(30_000):
            resources.execution_started(str(number), "w")
        assert len(resources._notices) == 10_000
        assert len(resources._running) == 10_000
        assert resources.errors == 20_000
    resources.stop()


def test_current_metrics_need_neither_a_collector_nor_a_start() -> None:
    resources = ResourceCollector()
    first = resources.get_current_metrics()
    until = time.process_time() + 0.3
    while time.process_time() < until:
        pass
    busy = resources.get_current_metrics()

    assert first.memory_mb == pytest.approx(psutil.Process().memory_info().rss / 1e6, rel=0.3)
    assert (first.execution_id, first.shared_by, first.host) == (None, 0, None)
    assert busy.cpu_percent > 20
    assert busy.timestamp > first.timestamp


def test_without_a_collector_starting_records_nothing_and_needs_no_thread() -> None:
    with ResourceCollector() as resources:
        resources.execution_started("e", "w")
        assert resources._thread is None
        assert not resources._notices
        assert resources.get_current_metrics().execution_id == "e"


def test_current_metrics_name_the_only_open_execution(root: Path, collector: MetricsCollector) -> None:
    with ResourceCollector(0.1, collector) as resources:
        collector.record_execution_start("a", "w")
        one = resources.get_current_metrics()
        collector.record_execution_start("b", "w")
        two = resources.get_current_metrics()
        collector.record_execution_complete("a", "completed")
        left = resources.get_current_metrics()

    assert (one.execution_id, one.workflow_id, one.shared_by, one.host, one.robot_id) == ("a", "w", 1, "vm-1", "r1")
    assert (two.execution_id, two.shared_by) == (None, 2)
    assert (left.execution_id, left.shared_by) == ("b", 1)


def test_many_threads_may_ask_at_once(root: Path, collector: MetricsCollector) -> None:
    failures: list[BaseException] = []

    def bot(number: int) -> None:
        try:
            for n in range(20):
                with collector.execution("w", execution_id=f"{number}-{n}"):
                    assert resources.get_current_metrics().memory_mb > 1
        except BaseException as failure:
            failures.append(failure)

    with ResourceCollector(0.05, collector) as resources:
        threads = [threading.Thread(target=bot, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    collector.close()

    assert not failures
    assert resources.errors == 0
    counts = samples(root)["execution_id"].value_counts()
    assert counts.height == 80
    assert counts["count"].min() >= 2  # type: ignore[operator]


@pytest.mark.parametrize("said", [0, -1, float("nan"), float("inf"), "1", None, True])
def test_an_interval_that_is_none_is_said_at_once(said: Any) -> None:
    with pytest.raises(InputError, match="expected a positive number of seconds"):
        ResourceCollector(said)
    with pytest.raises(InputError, match="longest_interval_sec"):
        ResourceCollector(longest_interval_sec=said)


def test_arguments_in_the_wrong_place_are_said_at_once(root: Path, collector: MetricsCollector) -> None:
    wrong: Any = collector
    with pytest.raises(InputError, match="the collector is the second argument"):
        ResourceCollector(wrong)
    path: Any = str(root)
    with pytest.raises(InputError, match="expected a MetricsCollector"):
        ResourceCollector(1.0, path)


def test_on_this_machine_gpu_figures_are_null_or_plausible(root: Path, collector: MetricsCollector) -> None:
    with ResourceCollector(0.1, collector) as resources, collector.execution("w"):
        now = resources.get_current_metrics()
    collector.close()
    rows = samples(root)

    driver = os.path.exists("/dev/nvidiactl")
    assert (now.gpu_utilization is None, now.gpu_memory_mb is None) == (not driver, not driver)
    assert rows["gpu_utilization"].null_count() == rows["gpu_memory_mb"].null_count() == (0 if driver else rows.height)
