"""A day that is archived or deleted: what is left of it, by name, and when it is old enough."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from rpa_lab.journal.layout import archive_folder, day_folder, published_folder
from tests.storage.days import DAY

__all__ = ["AS_OF", "archived_names", "journal_names", "published_names"]

AS_OF = datetime(2026, 11, 10, 15, tzinfo=UTC)


def journal_names(root: Path, day: date = DAY) -> list[str]:
    return sorted(path.name for path in day_folder(root, "executions", day).iterdir())


def archived_names(root: Path, day: date = DAY) -> list[str]:
    folder = archive_folder(root, "executions", day)
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def published_names(root: Path, day: date = DAY) -> list[str]:
    return sorted(path.name for path in published_folder(root, "executions", day).iterdir())
