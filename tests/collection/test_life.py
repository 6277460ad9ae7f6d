from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from rpa_lab import MetricsCollector, TimeSeriesStore
from rpa_lab.collection import life
from tests.collection.processes import run_python

ENDINGS = {
    # how the process ends: its code, and whether what wasn't flushed is written all the same
    "return": ("pass", 0, True),
    "sys.exit": ("sys.exit(3)", 3, True),
    "exception": ("raise ValueError('x')", 1, True),
    "SIGINT": ("os.kill(os.getpid(), signal.SIGINT); time.sleep(60)", -signal.SIGINT, True),
    "os._exit": ("os._exit(4)", 4, False),
    "SIGTERM": ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)", -signal.SIGTERM, False),
    "SIGTERM, asked for": (
        "collector.flush_on_sigterm(); os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)",
        -signal.SIGTERM,
        True,
    ),
    "SIGTERM, ignored before": (
        "signal.signal(15, signal.SIG_IGN); collector.flush_on_sigterm(); os.kill(os.getpid(), 15); os._exit(5)",
        5,
        True,
    ),
    "SIGTERM, handled before": (
        "signal.signal(15, lambda *_: os._exit(6)); collector.flush_on_sigterm(); os.kill(os.getpid(), 15); exit(8)",
        6,
        True,
    ),
}


def ids(root: Path) -> list[str]:
    return sorted(TimeSeriesStore(root).read("executions")["execution_id"])


@pytest.mark.parametrize("how", ENDINGS)
def test_what_is_written_when_a_process_ends(root: Path, how: str) -> None:
    code, returncode, all_written = ENDINGS[how]
    done = run_python(
        f"""
        import os, signal, sys, time
        from rpa_lab import MetricsCollector
        collector = MetricsCollector(sys.argv[1], flush_interval_sec=3600)
        collector.record_execution_start("flushed", "w")
        assert collector.flush()
        collector.record_execution_start("late", "w")
        {code}
        """,
        root,
    )

    assert done.returncode == returncode, done.stderr
    assert ids(root) == (["flushed", "late"] if all_written else ["flushed"])


def test_a_forgotten_collector_is_written_at_exit(root: Path) -> None:
    run_python(
        """
        import sys
        from rpa_lab import MetricsCollector
        collector = MetricsCollector(sys.argv[1], flush_interval_sec=3600)
        collector.record_execution_start("e", "w")
        del collector
        """,
        root,
    )

    assert ids(root) == ["e"]


@pytest.mark.parametrize("then", ["default", "handler"])
def test_sigterm_in_the_middle_of_a_flush_loses_nothing(root: Path, then: str) -> None:
    """The signal comes while the main thread's own flush is within the disk's call: first that flush ends."""
    done = run_python(
        """
        import os, signal, sys
        from rpa_lab import MetricsCollector
        if sys.argv[2] == "handler":
            signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
        collector = MetricsCollector(sys.argv[1], flush_interval_sec=3600)
        collector.flush_on_sigterm()
        for n in range(3):
            collector.record_execution_start(f"e{n}", "w")
        replace = os.replace
        def interrupted(source, target):
            if "/f-" in str(target):
                os.kill(os.getpid(), signal.SIGTERM)
                for _ in range(1000):
                    pass  # the handler runs here
                collector.record_execution_start("while it is handled", "w")
            replace(source, target)
        os.replace = interrupted
        collector.flush()
        os._exit(9)
        """,
        root,
        then,
    )

    assert done.returncode == (7 if then == "handler" else -signal.SIGTERM), done.stderr
    assert ids(root) == ["e0", "e1", "e2", "while it is handled"]


def test_a_process_that_survives_sigterm_goes_on_recording(root: Path) -> None:
    done = run_python(
        """
        import os, signal, sys
        from rpa_lab import MetricsCollector
        asked = []
        signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
        collector = MetricsCollector(sys.argv[1], flush_interval_sec=3600)
        collector.flush_on_sigterm()
        collector.flush_on_sigterm()
        collector.record_execution_start("before", "w")
        os.kill(os.getpid(), signal.SIGTERM)
        assert asked == [1]
        collector.record_execution_start("after", "w")
        """,
        root,
    )

    assert done.returncode == 0, done.stderr
    assert ids(root) == ["after", "before"]


def test_signals_are_handled_in_the_main_thread_only(root: Path) -> None:
    said: list[BaseException] = []

    def elsewhere() -> None:
        try:
            life.flush_on_sigterm()
        except ValueError as mistake:
            said.append(mistake)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()

    assert "main" in str(said[0])
    collector = MetricsCollector(root)
    assert not collector._background.after_own_flush(said.clear)
    assert said


def test_a_killed_bot_keeps_what_was_flushed(root: Path) -> None:
    done = run_python(
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
    done = run_python(
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


def test_a_child_that_is_forked_within_an_execution_records_its_steps_itself(root: Path) -> None:
    done = run_python(
        """
        import os, sys
        from rpa_lab import MetricsCollector
        collector = MetricsCollector(sys.argv[1], flush_interval_sec=3600)
        with collector.execution("w", execution_id="e") as run:
            with run.step("before"):
                pass
            child = os.fork()
            if not child:
                for _ in range(3):
                    with run.step("in the child"):
                        pass
                os._exit(0 if collector.close() and collector.stats()["written"] == 3 else 1)
            assert os.waitpid(child, 0)[1] == 0
            with run.step("after"):
                pass
        """,
        root,
    )

    assert done.returncode == 0, done.stderr
    steps = TimeSeriesStore(root).read("steps")
    assert sorted(steps["node_id"]) == ["after", "before", *["in the child"] * 3]
    assert set(steps["execution_id"]) == {"e"}
    assert steps["step_id"].n_unique() == 5
    assert TimeSeriesStore(root).read("executions")["steps_total"].to_list() == [2]


@pytest.mark.parametrize("used", ["polars", "nothing"])
def test_a_fork_in_mid_buffer_neither_hangs_nor_writes_anything_twice(root: Path, used: str) -> None:
    """The parent has used Polars, whose threads a child doesn't have, and forks while it records and flushes."""
    done = run_python(
        """
        import os, sys, threading, time, warnings
        warnings.simplefilter("ignore")
        if sys.argv[2] == "polars":
            import polars as pl
            frame = pl.DataFrame({"a": range(100_000)}).group_by(k=pl.col("a") % 7).agg(pl.col("a").sum())
        from rpa_lab import MetricsCollector
        collector = MetricsCollector(sys.argv[1], buffer_size=20, flush_interval_sec=0.01)
        stop = False
        def bot():
            n = 0
            while not stop:
                collector.record_step(execution_id="p", workflow_id="w", node_id="n", action_type="a", step_id=f"p{n}")
                n += 1
                if n % 50 == 0:
                    time.sleep(0.001)
        threads = [threading.Thread(target=bot)]
        for thread in threads:
            thread.start()
        children = []
        for number in range(6):
            time.sleep(0.03)
            child = os.fork()
            if not child:
                for n in range(30):
                    collector.record_step(execution_id="c", workflow_id="w", node_id="n", action_type="a",
                                          step_id=f"c{number}-{n}")
                good = collector.close() and collector.stats()["written"] == 30
                os._exit(0 if good else 1)
            children.append(child)
        codes = [os.waitpid(child, 0)[1] for child in children]
        stop = True
        for thread in threads:
            thread.join()
        assert collector.close()
        stats = collector.stats()
        assert stats["dropped"] == 0, stats
        assert codes == [0] * 6, codes
        print(stats["written"])
        """,
        root,
        used,
    )

    assert done.returncode == 0, done.stderr
    steps = TimeSeriesStore(root).read("steps")["step_id"]
    assert steps.n_unique() == steps.len() == int(done.stdout) + 6 * 30


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
    done = run_python(
        f"""
        import os, signal, sys, threading, time
        from rpa_lab import MetricsCollector
        collector = MetricsCollector(sys.argv[1], buffer_size=50, flush_interval_sec=0.01)
        signal.signal(signal.SIGALRM, lambda *_: {call})
        signal.setitimer(signal.ITIMER_REAL, 0.003, 0.003)
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
        if "flush" in sys.argv[2]:
            assert stats["written"] == n, (n, stats)
        print("done")
        """,
        root,
        call,
    )

    assert done.stdout.strip() == "done", done.stderr
