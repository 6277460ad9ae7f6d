"""A day of executions to try the storage protocol on: fragments of one writer, and what a reader sees."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from rpa_lab.journal.encode import check, with_origin
from rpa_lab.journal.fragment import encode_parquet, publish_fragment
from rpa_lab.journal.layout import Fragment, day_folder
from rpa_lab.schema import TABLES
from rpa_lab.storage.snapshot import look

__all__ = ["DAY", "WRITER", "fragment_bytes", "put", "read_ids"]

DAY = date(2026, 11, 3)
WRITER = "0123456789ab"
_TABLE = TABLES["executions"]


def fragment_bytes(
    ids: list[str], *, seq: int, writer: str = WRITER, day: date = DAY, status: str = "completed"
) -> bytes:
    """A sealed fragment of some executions."""
    at = datetime(day.year, day.month, day.day, 10, tzinfo=UTC)
    columns = {
        "execution_id": ids,
        "workflow_id": ["w"] * len(ids),
        "started_at": [at] * len(ids),
        "status": [status] * len(ids),
    }
    return encode_parquet(_TABLE, with_origin(_TABLE, check(_TABLE, columns, len(ids)).rows, Fragment(writer, seq)))


def put(
    root: Path, ids: list[str], *, seq: int, writer: str = WRITER, day: date = DAY, status: str = "completed"
) -> bytes:
    """Publish a fragment of some executions; its bytes."""
    data = fragment_bytes(ids, seq=seq, writer=writer, day=day, status=status)
    publish_fragment(day_folder(root, "executions", day), Fragment(writer, seq), data)
    return data


def read_ids(root: Path, *, day: date = DAY) -> list[str]:
    """The executions that a reader sees, each as often as it is stored."""
    paths = [file.path for file in look(root, "executions", day).files]
    return sorted(pl.read_parquet(paths, glob=False)["execution_id"]) if paths else []
