"""The samples that a collector of resources left in a store."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from rpa_lab import TimeSeriesStore

__all__ = ["samples"]


def samples(root: Path, execution_id: str | None = None) -> pl.DataFrame:
    rows = TimeSeriesStore(root).read("resources").sort("timestamp")
    return rows if execution_id is None else rows.filter(execution_id=execution_id)
