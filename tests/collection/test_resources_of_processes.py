"""Bots that end, fork or get signals while their resources are sampled."""

from __future__ import annotations

from pathlib import Path

import pytest

from rpa_lab import TimeSeriesStore
from tests.collection.processes import run_python
from tests.collection.sampled import samples


@pytest.mark.parametrize("ending", ["pass", "sys.exit(3)", "raise ValueError('x')"])
def test_a_bot_that_just_ends_keeps_its_samples_and_never_loads_polars(root: Path, ending: str) -> None:
    done = run_python(
        f"""
        import sys
        from rpa_lab import MetricsCollector
        from rpa_lab.collection.resources import ResourceCollector
        early = "psutil" in sys.modules
        collector = MetricsCollector(sys.argv[1], flush_interval_sec=3600)
        resources = ResourceCollector(collector=collector)
        resources.start()
        with collector.execution("w", execution_id="done"):
            pass
        collector.record_execution_start("open", "w")
        resources.get_current_metrics()
        print(early, *(name in sys.modules for name in ("polars", "numpy", "pandas")))
        {ending}
        """,
        root,
    )

    assert done.stdout.split() == ["False"] * 4, done.stderr
    assert sorted(samples(root)["execution_id"]) == ["done", "done", "open", "open"]


def test_a_forked_child_samples_its_own_executions_and_not_its_parents(root: Path) -> None:
    done = run_python(
        """
        import os, sys, threading, time
        from rpa_lab import MetricsCollector
        from rpa_lab.collection.resources import ResourceCollector
        collector = MetricsCollector(sys.argv[1], flush_interval_sec=3600)
        resources = ResourceCollector(0.05, collector)
        resources.start()
        collector.record_execution_start("parent", "w")
        time.sleep(0.3)
        child = os.fork()
        if not child:
            assert threading.active_count() == 1
            held = b"x" * 100_000_000
            with collector.execution("w", execution_id="child"):
                assert resources.get_current_metrics().execution_id == "child"
                time.sleep(0.3)
            os._exit(0 if collector.close() and not resources.errors else 1)
        assert os.waitpid(child, 0)[1] == 0
        collector.record_execution_complete("parent", "completed")
        collector.close()
        sys.exit(resources.errors)
        """,
        root,
    )

    assert done.returncode == 0, done.stderr
    rows = samples(root)
    child, parent = rows.filter(execution_id="child"), rows.filter(execution_id="parent")
    assert child.height >= 2
    assert parent.height >= 4
    assert set(child["shared_by"]) == set(parent["shared_by"]) == {1}
    assert child["memory_mb"].min() > 100  # type: ignore[operator]
    assert len({path.name[2:14] for path in TimeSeriesStore(root).files(table="resources")}) == 2


@pytest.mark.parametrize("call", ["collector.close()", "resources.stop()", "resources.get_current_metrics()"])
def test_a_signal_handler_may_stop_close_and_ask(root: Path, call: str) -> None:
    """Many signals while the main thread starts and ends executions: nothing hangs, and nothing fails."""
    done = run_python(
        f"""
        import signal, sys, time
        from rpa_lab import MetricsCollector
        from rpa_lab.collection.resources import ResourceCollector
        collector = MetricsCollector(sys.argv[1])
        resources = ResourceCollector(0.01, collector)
        resources.start()
        resources.get_current_metrics()
        signal.signal(signal.SIGALRM, lambda *_: {call})
        signal.setitimer(signal.ITIMER_REAL, 0.03, 0.03)
        until = time.monotonic() + 1.5
        n = 0
        while time.monotonic() < until:
            with collector.execution("w", execution_id=str(n)):
                resources.get_current_metrics()
            resources.start()
            n += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        collector.close()
        print("done", resources.errors)
        """,
        root,
    )

    assert done.stdout.split() == ["done", "0"], done.stderr
