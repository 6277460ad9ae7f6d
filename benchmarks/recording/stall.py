"""How long a flush keeps the bot's own code from running, at worst: while that computes and never waits.

Python runs one thread at a time, so what the flusher does in Python is taken from everybody else. A caller counts how
many small pieces of work it gets done while another thread writes, and how many in the same time when none does; what
is missing is the time that it lost. Its longest gap is the longest time between two pieces. A bot that waits for a page
at that moment loses nothing. Other processes that want a core at the same time make both worse; the CPU time of the
writing thread, which the caller may lose at most, is told beside because it hardly depends on them.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.abc import MetaPathFinder
from pathlib import Path
from statistics import median

from benchmarks.recording.books import EXECUTION, WORKFLOW, expect, realistic_steps, recorder, settle, usual_environment
from benchmarks.recording.figures import Goal, heading, row
from rpa_lab.collection.collector import MetricsCollector

__all__ = ["stall"]

_LOOK = 1_000
_AFTER_S = 0.02
_SIZES = {1_000: 21, 10_000: 9, 50_000: 5}
"""Rows in the buffer, and how often that is measured."""
_MOST_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spin:
    """What a caller got done: pieces of work, in so many seconds, its longest gap, and what CPU time others used."""

    pieces: int
    seconds: float
    gap_s: float
    others_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbed:
    """A caller beside a thread that writes, and the same caller alone."""

    beside: Spin
    alone: Spin

    @property
    def lost_s(self) -> float:
        return self.beside.seconds - self.beside.pieces * self.alone.seconds / self.alone.pieces


def stall() -> list[Goal]:
    """Time lost per 1,000 rows and the longest gap, for small and large flushes, beside a peer; the first one apart."""
    heading(
        "A caller that computes while another thread writes (medians)",
        *("lost/1,000 rows", "most lost", "CPU/1,000 rows", "longest gap", "alone", "until written"),
    )
    goals = []
    steps = realistic_steps(max(_SIZES))
    for rows, times in _SIZES.items():
        seen = _flushes(steps[:rows], times)
        goal = Goal(
            what=f"a flush of {rows:,} rows",
            figure=median(one.lost_s for one in seen) * 1e6 / rows,
            most=3,
            unit=" ms per 1,000 rows",
        )
        goals.append(goal)
        _show(f"{goal.what}, {times} times", seen, rows, goal=goal)
    _show("peer: 10,000 records by logging's QueueListener, 5 times", [_logged(10_000) for _ in range(5)], 10_000)

    heading(
        "The first flush of a process, which imports pyarrow in the flusher's thread (3 processes, medians)",
        *("lost", "most lost", "CPU", "longest gap", "alone", "until written"),
    )
    with tempfile.TemporaryDirectory() as bytecode:
        for where, without in (("pandas is installed", ""), ("it is not", "pandas")):
            first = [_first_flush(Path(bytecode), without=without) for _ in range(4)][1:]  # the first one compiles
            _show(f"one execution, one step, where {where}", first, 1_000)
    return goals


def _show(what: str, seen: list[Disturbed], rows: int, *, goal: Goal | None = None) -> None:
    lost = [one.lost_s * 1e6 / rows for one in seen]
    row(
        what,
        f"{median(lost):.2f} ms",
        f"{max(lost):.2f} ms",
        f"{median(one.beside.others_s for one in seen) * 1e6 / rows:.2f} ms",
        f"{median(one.beside.gap_s for one in seen) * 1000:.1f} ms",
        f"{median(one.alone.gap_s for one in seen) * 1000:.1f} ms",
        f"{median(one.beside.seconds for one in seen) * 1000:,.0f} ms",
        goal=goal,
    )


def _flushes(steps: list[dict[str, object]], times: int) -> list[Disturbed]:
    """The last of these steps wakes the collector's thread, which writes them all; again and again."""
    rows = len(steps)
    seen: list[Disturbed] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        recorder(Path(folder), steps=rows * (times + 1), wake_at=rows) as collector,
    ):
        settle(collector, Path(folder), steps=0)  # how the execution began
        for n in range(times + 1):
            for step in steps:
                collector.record_step(**step)  # type: ignore[arg-type]
            written = 1 + rows * (n + 1)
            one = _disturbed(lambda written=written: collector.stats()["written"] >= written)  # type: ignore[misc]
            settle(collector, Path(folder), steps=rows * (n + 1))
            seen += [one] if n else []  # the first one is to warm up
    return seen


def _logged(rows: int) -> Disturbed:
    """The same with the standard library's logging, whose thread formats and writes a line for each record."""
    import threading

    from benchmarks.recording.peers import queued_logger, write_log

    with tempfile.TemporaryDirectory() as folder:
        waiting, logger = queued_logger()
        for n, step in enumerate(realistic_steps(rows)):
            more = {"workflow_id": WORKFLOW, "application": "sap", "started_us": n, "retry_count": 0, "step_index": n}
            logger.info("step", extra=step | more)
        writing = threading.Thread(target=write_log, args=(waiting, Path(folder) / "bot.log"))
        writing.start()
        one = _disturbed(lambda: not writing.is_alive())
        writing.join()
        expect((Path(folder) / "bot.log").read_text().count("\n") == rows, "the log lost something")
    return one


def _first_flush(bytecode: Path, *, without: str) -> Disturbed:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.recording.stall", folder, without],
            cwd=Path(__file__).parents[2],
            env=usual_environment(bytecode),
            stdout=subprocess.PIPE,
            check=True,
            timeout=_MOST_S,
        )
        said = json.loads(done.stdout)
    return Disturbed(beside=Spin(**said["beside"]), alone=Spin(**said["alone"]))


class _Hidden(MetaPathFinder):
    """Lets a package look as if it were not installed."""

    def __init__(self, name: str) -> None:
        self._name = name

    def find_spec(self, fullname: str, _path: object, _target: object = None) -> None:
        if fullname == self._name:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


def _first_flush_here(folder: Path, *, without: str) -> dict[str, dict[str, float]]:
    """In a process of its own: what the caller loses while the collector's thread writes for the first time."""
    expect("pyarrow" not in sys.modules, "pyarrow is there before anything was recorded")
    sys.meta_path.insert(0, _Hidden(without))
    collector = MetricsCollector(folder, flush_interval_sec=0.05)
    collector.record_execution_start(EXECUTION, WORKFLOW)
    collector.record_step(**realistic_steps(1)[0])
    one = _disturbed(lambda: collector.stats()["written"] == 2)
    expect("pyarrow" in sys.modules, "pyarrow was not imported")
    settle(collector, folder, steps=1)
    expect(collector.close(), "the collector can't be closed")
    return {name: asdict(spin) for name, spin in (("beside", one.beside), ("alone", one.alone))}


def _disturbed(written: Callable[[], bool]) -> Disturbed:
    """Work until it is written, then as long alone."""
    beside = _spin(written)
    until = time.perf_counter() + beside.seconds
    return Disturbed(beside=beside, alone=_spin(lambda: written() and time.perf_counter() >= until))


def _spin(done: Callable[[], bool]) -> Spin:
    """Work until it is done and a little longer: the writing thread has something left to do then."""
    pieces, gap, work, rest = 0, 0.0, 1, math.inf
    others = time.process_time() - time.thread_time()
    began = before = time.perf_counter()
    while before - began < min(rest, _MOST_S):
        work = work * 48271 % 2147483647
        pieces += 1
        now = time.perf_counter()
        if now - before > gap:
            gap = now - before
        before = now
        if not pieces % _LOOK and rest == math.inf and done():  # nothing here lets go of the interpreter by itself
            rest = now - began + _AFTER_S
    expect(rest < math.inf, f"it was not written within {_MOST_S:.0f} s")
    others_s = time.process_time() - time.thread_time() - others
    return Spin(pieces=pieces, seconds=before - began, gap_s=gap, others_s=others_s)


if __name__ == "__main__":
    print(json.dumps(_first_flush_here(Path(sys.argv[1]), without=sys.argv[2])))
