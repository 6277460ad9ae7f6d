"""Small logs of events as text, and what is read of them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from rpa_lab.integrations.event_log import EventLog
from rpa_lab.integrations.source import Parsed, Source

__all__ = ["at", "parsed", "rows"]


def parsed(text: str | bytes, *, name: str = "orders.csv", tz: str = "UTC", **how: Any) -> Parsed:
    content = text if isinstance(text, bytes) else text.encode()
    return EventLog(**how).parse(Source(path=Path(name), content=content, tz=tz))


def rows(found: Parsed, table: str, *names: str) -> list[Any]:
    frame = found.tables[table]
    assert isinstance(frame, pl.DataFrame)
    picked = frame.select(names).rows()
    return [row[0] for row in picked] if len(names) == 1 else picked


def at(hour: int, minute: int = 0, *, day: int = 3) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)
