"""A store to which things happened: what `tests.strategies.store_histories` draws, done for real."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rpa_lab.storage.compaction import compact_day
from rpa_lab.storage.retention import archive_day, delete_day
from rpa_lab.storage.snapshot import days_of
from rpa_lab.storage.store import TimeSeriesStore

__all__ = ["happen"]


def happen(root: Path, table: str, history: list[tuple[str, Any]]) -> TimeSeriesStore:
    """Let it all happen, in order; the store as its reader opens it."""
    store = TimeSeriesStore(root, as_of="2026-10-29T00:00:00Z", compact=False)
    for what, of in history:
        if what == "write":
            store.write_frame(table, of)
            continue
        for day in days_of(root, table) if of is None else [of]:
            match what:
                case "full" | "compact":
                    compact_day(root, table, day, full=what == "full", grace_s=0)
                case "archive":
                    archive_day(root, table, day, grace_s=0)
                case "delete":
                    delete_day(root, table, day, grace_s=0)
    return store
