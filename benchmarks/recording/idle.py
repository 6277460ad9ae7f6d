"""What the collector's thread uses of a core at 10,000 steps and 1,000 executions an hour.

Twice: an hour's flushes are extrapolated from some made one after the other (CPU time of the whole process, hence with
the threads of pyarrow), and a process of a real minute is compared with one that does the same and records nothing. The
real one is dearer: after five seconds of sleep nothing is in the caches any more. The first flush, which imports
pyarrow, is over before a minute begins.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from benchmarks.recording.books import WORKFLOW, expect, realistic_steps, settle, stored
from benchmarks.recording.figures import Goal, heading, row
from rpa_lab.collection.collector import MetricsCollector

__all__ = ["idle"]

_STEPS_AN_HOUR = 10_000
_STEPS_A_RUN = 10
_INTERVAL_S = 5.0
_MOST = 0.1


def idle(*, flushes: int = 144, seconds: float = 60.0) -> list[Goal]:
    """Percent of a core, flushes one after the other and in real time."""
    heading(f"{_STEPS_AN_HOUR:,} steps and {_STEPS_AN_HOUR // _STEPS_A_RUN:,} executions an hour", "CPU", "of a core")
    cpu_s, rows = _one_after_the_other(flushes)
    percent = 100 * cpu_s / flushes / _INTERVAL_S
    goals = [Goal(what="flushes one after the other", figure=percent, most=_MOST, unit=" % of a core")]
    row(
        f"{flushes} flushes of {rows / flushes:.1f} rows, one after the other",
        *(f"{cpu_s / flushes * 1000:.2f} ms each", f"{percent:.3f} %"),
        goal=goals[0],
    )

    recording, silent = _in_real_time(seconds)
    added = recording["process_s"] - silent["process_s"]
    percent = 100 * added / seconds
    goals.append(Goal(what="in real time", figure=percent, most=_MOST, unit=" % of a core"))
    row(
        f"a real process of {seconds:.0f} s, {recording['flushes']:.0f} flushes: all that recording adds",
        *(f"{added * 1000:.0f} ms", f"{percent:.3f} %"),
        goal=goals[1],
    )
    for what, used in (
        ("  its collector's thread alone", recording["thread_s"]),
        ("  the process, by its own clock", recording["process_s"]),
        ("  the same, by psutil (in ticks of 10 ms)", recording["psutil_s"]),
        ("  one that records nothing, by its own clock", silent["process_s"]),
        ("  the same, by psutil", silent["psutil_s"]),
    ):
        row(what, f"{used * 1000:.0f} ms", f"{100 * used / seconds:.3f} %")
    return goals


def _one_after_the_other(flushes: int) -> tuple[float, int]:
    """CPU seconds of these flushes, and the rows that they wrote."""
    with tempfile.TemporaryDirectory() as folder:
        collector = MetricsCollector(folder, buffer_size=10**9, flush_interval_sec=3600.0)
        due = _STEPS_AN_HOUR * _INTERVAL_S / 3600
        bot = _Bot(collector)
        bot.until(_STEPS_A_RUN)
        settle(collector, Path(folder), steps=_STEPS_A_RUN)
        before, cpu_s = collector.stats()["written"], 0.0
        for n in range(flushes):
            bot.until(_STEPS_A_RUN + round(due * (n + 1)))
            began = time.process_time()
            flushed = collector.flush()
            cpu_s += time.process_time() - began
            expect(flushed is True, "flush() is not True")
        rows = collector.stats()["written"] - before
        bot.end()
        settle(collector, Path(folder), steps=bot.steps)
        expect(collector.close(), "the collector can't be closed")
    return cpu_s, rows


class _Bot:
    """Runs one execution after the other, of ten steps each; without a collector it only keeps count."""

    def __init__(self, collector: MetricsCollector | None) -> None:
        self.steps = 0
        self._collector = collector
        self._said = realistic_steps(1_000)

    def until(self, steps: int) -> None:
        """Say steps until there are so many."""
        while self.steps < steps:
            run, step = f"run-{self.steps // _STEPS_A_RUN}", self._said[self.steps % len(self._said)]
            if self._collector is not None:
                if self.steps % _STEPS_A_RUN == 0:
                    self.end()
                    self._collector.record_execution_start(run, WORKFLOW)
                self._collector.record_step(**step | {"execution_id": run})
            self.steps += 1

    def end(self) -> None:
        """The execution that is open has ended."""
        if self._collector is not None and self.steps:
            self._collector.record_execution_complete(f"run-{(self.steps - 1) // _STEPS_A_RUN}", "completed")


def _in_real_time(seconds: float) -> tuple[dict[str, float], dict[str, float]]:
    """What a process that records uses, and what one uses that doesn't; both run at the same time."""
    with tempfile.TemporaryDirectory() as folder:
        running = [
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.recording.idle", str(seconds), *where],
                cwd=Path(__file__).parents[2],
                stdout=subprocess.PIPE,
            )
            for where in ([folder], [])
        ]
        said = [process.communicate(timeout=seconds + 60)[0] for process in running]
    expect(not any(process.returncode for process in running), "one of the processes failed")
    recording, silent = (json.loads(one) for one in said)
    return recording, silent


def _a_while(seconds: float, folder: Path | None) -> dict[str, float]:
    """In a process of its own: a bot at its usual pace."""
    collector = MetricsCollector(folder) if folder is not None else None
    bot = _Bot(collector)
    bot.until(_STEPS_A_RUN)
    if collector is not None and folder is not None:
        settle(collector, folder, steps=_STEPS_A_RUN)
    before = {"process_s": time.process_time(), "psutil_s": _by_psutil(), "thread_s": _of_flusher()}
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        bot.until(_STEPS_A_RUN + int(passed * _STEPS_AN_HOUR / 3600))
        time.sleep(0.36)
    after = {"process_s": time.process_time(), "psutil_s": _by_psutil(), "thread_s": _of_flusher()}
    used = {name: after[name] - before[name] for name in before}
    if collector is None or folder is None:
        return used
    flushes = len(list(folder.glob("_journal/steps/day=*/f-*.parquet"))) - 1
    expect(stored(folder, "steps") > _STEPS_A_RUN, "the collector's thread wrote nothing")
    bot.end()
    settle(collector, folder, steps=bot.steps)
    expect(collector.close(), "the collector can't be closed")
    return used | {"flushes": flushes}


def _by_psutil() -> float:
    times = psutil.Process(os.getpid()).cpu_times()
    return float(times.user + times.system)


def _of_flusher() -> float:
    """CPU seconds of the collector's thread; NaN where the system doesn't say."""
    for thread in threading.enumerate():
        if thread.name == "rpa-lab-flusher" and thread.ident is not None and hasattr(time, "pthread_getcpuclockid"):
            return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
    return float("nan")


if __name__ == "__main__":
    print(json.dumps(_a_while(float(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)))
