"""How fast a month of a large fleet is simulated straight into a store, and in how much memory.

50 workflows, some 26,000 executions and 240,000 steps a day, 30 days, one fault of each kind: 7.2 million steps, drawn,
made into rows day by day, checked, redacted, written as sealed Parquet with every fsync. Each part runs in a process of
its own, whose peak memory is read from the system. Figures depend on the machine.

    python benchmarks/simulate.py                    both
    python benchmarks/simulate.py steps resources    only these: without samples of CPU and memory, and with them
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from rpa_lab.simulate import fleet
from rpa_lab.simulate.catalogue import average_runs
from rpa_lab.storage.store import TimeSeriesStore

PARTS = ("steps", "resources")
GOAL_S, GOAL_GB = 120, 4
EXECUTIONS_PER_DAY, WORKFLOWS = 26_000, 50


def main() -> None:
    print(f"{'':12} {'rows':>12} {'drawn':>8} {'written':>9} {'in all':>8} {'peak':>8} {'on disk':>9}")
    for part in sys.argv[1:] or PARTS:
        with multiprocessing.get_context("spawn").Pool(1) as own:  # a fork would share this process's peak
            own.apply(measure, (part,))
    print(f"{'goal':12} {'7,200,000':>12} {'':8} {'':9} {GOAL_S:>6} s {GOAL_GB:>5} GB")


def measure(part: str) -> None:
    began = time.perf_counter()
    made = fleet(
        30,
        WORKFLOWS,
        1,
        end=date(2026, 11, 30),
        runs_per_day=average_runs(EXECUTIONS_PER_DAY, workflows=WORKFLOWS, seed=1),
        faults=["all"],
        resources=part == "resources",
    )
    drawn = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        counts = made.write(TimeSeriesStore(folder))
        done = time.perf_counter()
        disk = sum(path.stat().st_size for path in Path(folder).rglob("*.parquet"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(
        f"{part:12} {counts[part].rows:>12,} {drawn - began:>6.1f} s {done - drawn:>7.1f} s {done - began:>6.1f} s "
        f"{peak / 1e9:>5.2f} GB {disk / 1e6:>6,.0f} MB",
        flush=True,
    )


if __name__ == "__main__":
    main()
