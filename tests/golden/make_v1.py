"""Makes `tests/golden/v1`, a store as schema version 1 wrote it, which every later version must read.

    .venv/bin/python tests/golden/make_v1.py

It is kept as it was made: run this only with a version of the package that still writes version 1, into an empty place.
"""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from rpa_lab import ExecutionMetrics, RecoveryMetrics, ResourceMetrics, StepMetrics, TimeSeriesStore
from rpa_lab.schema import SCHEMA_VERSION, TABLES
from rpa_lab.storage.compaction import compact_day
from rpa_lab.storage.retention import archive_day

PLACE = Path(__file__).with_name("v1")
DAYS = (date(2026, 8, 3), date(2026, 11, 2), date(2026, 11, 3))
"""One that was archived, one that is published, and one of fragments."""


def records(day: date) -> list[ExecutionMetrics | StepMetrics | RecoveryMetrics | ResourceMetrics]:
    """What a bot said on a day: a run that failed at its second step, and what it tried."""
    at = datetime(day.year, day.month, day.day, 9, 30, tzinfo=UTC)
    run = f"run-{day:%m%d}"
    return [
        ExecutionMetrics(
            run, "invoices", at, at + timedelta(seconds=5), 5000.0, "failed", 2, 1, 1, "Überfällig", {"queue": "a"}
        ),
        StepMetrics(
            "one", run, "invoices", "open", "click", "#go", at, at + timedelta(seconds=1), 1000.0, "completed", 0.5
        ),
        StepMetrics(
            None, run, "invoices", "read", "ocr", None, at, at + timedelta(seconds=4), 4000.0, "failed", step_index=1
        ),
        RecoveryMetrics(
            None, run, "invoices", None, "read", "wait_and_retry", at, at + timedelta(seconds=1), 1000.0, "failed"
        ),
        ResourceMetrics(at, "invoices", run, 12.5, 256.0, shared_by=1),
    ]


def main() -> None:
    """Write the store."""
    if SCHEMA_VERSION != 1:
        sys.exit(f"this package writes schema version {SCHEMA_VERSION}; only version 1 can make this store")
    if PLACE.exists():
        sys.exit(f"{PLACE} is there already, and is kept as it was made")
    store = TimeSeriesStore(PLACE, compact=False)
    for day in DAYS:
        store.write_metrics(records(day))
        counted = {column.name: [7] for column in TABLES["collector_health"].columns if column.kind == "count"}
        at = datetime(day.year, day.month, day.day, 10, tzinfo=UTC)
        store.write_frame("collector_health", pl.DataFrame(counted | {"timestamp": [at], "writer": ["0123456789ab"]}))
        note = {"change_id": [f"note-{day:%m%d}"], "at": [at]}
        store.write_frame("changes", pl.DataFrame(note | {"kind": ["release"], "version": ["2.1"]}))
    for table in TABLES:
        archive_day(PLACE, table, DAYS[0], grace_s=0)
        compact_day(PLACE, table, DAYS[1], grace_s=0)
    shutil.rmtree(PLACE / "_rollup", ignore_errors=True)  # may be made anew at any time


if __name__ == "__main__":
    main()
