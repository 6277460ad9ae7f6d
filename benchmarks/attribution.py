"""What it costs to say why fifty workflows got slower: a month of 7.2 million steps against the month before.

Each time in a new process, so that nothing is warm but the files: seconds from the first import on, and the most memory
that the process ever held.

    python benchmarks/attribution.py                 makes the two months first, in the cache folder (a few minutes)
    python benchmarks/attribution.py --folder DIR    where the simulated stores are kept (default: RPA_LAB_BENCH)
    python benchmarks/attribution.py --store DIR     another store, whose two last months to 2026-11-01 are compared
"""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from benchmarks.querying.stores import END, MONTH_DAYS, cache_folder, two_months
from benchmarks.recording.figures import Goal, heading, machine, row, summary
from rpa_lab.period import Span
from rpa_lab.storage.store import TimeSeriesStore

_ROUNDS = 3
_CHILD = """
import json, resource, sys, time
began = time.perf_counter()
from datetime import datetime
from rpa_lab.analysis.attribution.analyzer import AttributionAnalyzer
from rpa_lab.storage.store import TimeSeriesStore
folder, *bounds = sys.argv[1:]
start, middle, end = (datetime.fromisoformat(bound) for bound in bounds)
from rpa_lab.period import Period
months = Period(start, middle), Period(middle, end)
found = AttributionAnalyzer(TimeSeriesStore(folder, as_of=end)).attribute_all(*months)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
sure = found.table.filter(found.table["significant"])
print(json.dumps([time.perf_counter() - began, peak, found.table.height, sure.height, found.sentence]))
"""


def main() -> None:
    parser = ArgumentParser(description="What attribution costs.")
    parser.add_argument("--store", help="a store with two months to 2026-11-01 (default: made and kept)")
    parser.add_argument("--folder", help="where the simulated stores are kept (default: RPA_LAB_BENCH, or the cache)")
    said = parser.parse_args()
    end = datetime(END.year, END.month, END.day, tzinfo=UTC)
    store = TimeSeriesStore(said.store, as_of=end) if said.store else two_months(cache_folder(said.folder))
    middle = end - timedelta(days=MONTH_DAYS)
    months = Span(middle - timedelta(days=MONTH_DAYS), middle, "UTC"), Span(middle, end, "UTC")
    counts = [store.count_stored("steps", month) for month in months]
    heading(machine())
    heading(f"All workflows, a month of {counts[1]:,} steps against one of {counts[0]:,}", "seconds", "peak memory")
    rounds = [_asked(store.root, months) for _ in range(_ROUNDS)]
    goals = [
        Goal(what="a month against the month before", figure=median(r[0] for r in rounds), most=10, unit=" s"),
        Goal(what="its peak memory", figure=max(r[1] for r in rounds) / 1e9, most=3, unit=" GB"),
    ]
    for seconds, peak, *_ in rounds:
        row("    a new process", f"{seconds:.1f} s", f"{peak / 1e6:,.0f} MB")
    _, _, workflows, sure, sentence = rounds[0]
    row(f"{sure} of {workflows} workflows changed for sure")
    print(f"  {sentence}")
    summary(goals)


def _asked(folder: Path, months: tuple[Span, Span]) -> list[float]:
    bounds = [at.isoformat() for at in (months[0].start, months[1].start, months[1].end)]
    done = subprocess.run([sys.executable, "-c", _CHILD, str(folder), *bounds], check=True, capture_output=True)
    answer: list[float] = json.loads(done.stdout)
    return answer


if __name__ == "__main__":
    main()
