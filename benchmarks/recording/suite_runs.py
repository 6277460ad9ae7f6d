"""What the listener costs a real suite of Robot Framework: pairs of runs, with it and without it, in random order.

The suite (in `suite/`) waits as robots wait, at least 50 ms a keyword, and works a little: 1,000 steps in 8 tasks,
some 70 s a run. Of each pair the difference is taken in percent of the run without the listener; so what slows the
machine for longer than a pair counts little. Two intervals of 95 % are given for the mean of the pairs: by Student's t,
and by BCa bootstrap. The goal is held if the whole t interval lies below it, missed if none of it does, and undecided
else: then more pairs are needed, or a quieter machine.
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from benchmarks.recording.books import expect, stored, usual_environment
from benchmarks.recording.figures import Goal, heading, row

__all__ = ["robot"]

_SUITE = Path(__file__).parent / "suite"
_LISTENER = "rpa_lab.integrations.robotframework.Listener"
_MOST = 1.0
_TASKS, _INVOICES, _STEPS = 8, 25, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of the suite, seconds: by Robot Framework's own account, by the clock, and of CPU."""

    suite_s: float
    process_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The same suite with the listener and without it."""

    recorded: Run
    plain: Run


def robot(*, pairs: int = 5, seed: int = 1) -> list[Goal]:
    """Percent that the listener adds to the suite's time and to the process's, and the CPU that it takes."""
    if pairs < 2:
        raise ValueError(f"pairs is {pairs}, expected 2 or more: one difference has no interval")
    heading(
        f"A suite of Robot Framework with the listener and without it, {pairs} pairs",
        *("without", "with", "of it", "95 % by t", "by bootstrap"),
    )
    seen = list(_pairs(pairs, seed))
    steps, goals = _TASKS * _INVOICES * _STEPS, []
    for what, name in (("time of the suite, as it says itself", "suite_s"), ("time of the process", "process_s")):
        low, high = _show(f"{what}, mean", name, seen)
        goals.append(Goal(what=f"{what}, added at most", figure=high, low=low, most=_MOST, unit=" %"))
        row("", goal=goals[-1])
    _show("CPU of the process, mean", "cpu_s", seen)
    added = fmean(pair.recorded.cpu_s - pair.plain.cpu_s for pair in seen)
    row(
        "CPU that recording adds: in all, and of a core",
        f"{added * 1000:.0f} ms",
        f"{100 * added / fmean(pair.plain.process_s for pair in seen):.2f} %",
    )
    row(f"  for each of {steps:,} steps, the start of it all included", f"{added * 1e6 / steps:.0f} µs")
    return goals


def _pairs(pairs: int, seed: int) -> Iterator[Pair]:
    """Run them, and say of each what came out."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as bytecode:
        for recording in (True, False):
            _run(Path(bytecode), recording=recording, invoices=1)  # compiles what is imported
        for n in range(pairs):
            runs = {recording: _run(Path(bytecode), recording=recording) for recording in rng.sample((True, False), 2)}
            plain_s, recorded_s = runs[False].suite_s, runs[True].suite_s
            figures = (f"{plain_s:.2f} s", f"{recorded_s:.2f} s", f"{100 * (recorded_s / plain_s - 1):+.2f} %")
            row(f"pair {n + 1}, {'with' if next(iter(runs)) else 'without'} it first", *figures)
            yield Pair(recorded=runs[True], plain=runs[False])


def _show(what: str, name: str, pairs: list[Pair]) -> tuple[float, float]:
    """One line; the t interval of what is added, percent."""
    import numpy as np
    from scipy import stats

    plain = np.array([getattr(pair.plain, name) for pair in pairs])
    recorded = np.array([getattr(pair.recorded, name) for pair in pairs])
    added = 100 * (recorded - plain) / plain
    by_t = stats.ttest_1samp(added, 0).confidence_interval(0.95)
    again = stats.bootstrap((added,), np.mean, confidence_level=0.95, method="BCa", rng=np.random.default_rng(1))
    by_bootstrap = again.confidence_interval
    row(
        what,
        f"{plain.mean():.2f} s",
        f"{recorded.mean():.2f} s",
        f"{added.mean():+.2f} %",
        f"{by_t.low:+.2f} {by_t.high:+.2f}",
        f"{by_bootstrap.low:+.2f} {by_bootstrap.high:+.2f}",
    )
    return float(by_t.low), float(by_t.high)


def _run(bytecode: Path, *, recording: bool, invoices: int = _INVOICES) -> Run:
    """Run the suite in a process of its own; what was recorded must be what its output.xml says."""
    with tempfile.TemporaryDirectory() as folder:
        results, store = Path(folder, "results"), Path(folder, "store")
        command = [sys.executable, "-m", "robot", "--outputdir", str(results), "--log", "NONE", "--report", "NONE"]
        command += ["--variable", f"INVOICES:{invoices}"]
        command += ["--listener", f"{_LISTENER}:{store}"] if recording else []
        cpu_before, began = _cpu_of_children_s(), time.perf_counter()
        environment = usual_environment(bytecode)
        done = subprocess.run([*command, str(_SUITE)], env=environment, capture_output=True, text=True, check=False)
        process_s = time.perf_counter() - began
        cpu_s = _cpu_of_children_s() - cpu_before
        expect(done.returncode == 0 and not done.stderr, f"the suite failed:\n{done.stdout}{done.stderr}")
        if recording:
            held = {table: stored(store, table) for table in ("executions", "steps")}
            due = {"executions": 2 * _TASKS, "steps": _TASKS * invoices * _STEPS}  # a row as a task begins and ends
            expect(held == due, f"the store holds {held}, expected {due}")
            expect(_dropped(store) == 0, "something was dropped")
        return Run(suite_s=_suite_s(results / "output.xml"), process_s=process_s, cpu_s=cpu_s)


def _cpu_of_children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _suite_s(output: Path) -> float:
    from robot.api import ExecutionResult

    return float(ExecutionResult(str(output)).suite.elapsed_time.total_seconds())


def _dropped(store: Path) -> int:
    """What the collector counted as dropped, by the last row that it wrote of itself."""
    from pyarrow import parquet

    paths = list(store.glob("_journal/collector_health/day=*/f-*.parquet"))
    expect(bool(paths), "the collector said nothing of its counts")
    counts = [parquet.read_table(path).to_pydict() for path in paths]
    return sum(max(values) for one in counts for name, values in one.items() if name.startswith("dropped_"))
