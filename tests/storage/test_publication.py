from __future__ import annotations

import os
from pathlib import Path

import pytest

from rpa_lab.errors import StoreError
from rpa_lab.journal.layout import published_folder
from rpa_lab.storage.compaction import compact_day, publish
from rpa_lab.storage.publication import unpublish
from rpa_lab.storage.retention import archive_day
from tests.storage.days import DAY, put
from tests.storage.ended import published_names


def test_a_publication_of_late_rows_alone_stays(root: Path) -> None:
    put(root, ["a"], seq=0)
    archive_day(root, "executions", DAY, grace_s=0)
    put(root, ["b"], seq=1)
    compact_day(root, "executions", DAY, grace_s=0)
    assert publish(root, "executions", DAY)
    unpublish(root, "executions", DAY, below=1)

    assert published_names(root) == ["executions-00000002.parquet"]


def test_a_publication_that_cannot_be_reached_is_said(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    put(root, ["a"], seq=0)
    compact_day(root, "executions", DAY, grace_s=600)
    descriptor = os.open(published_folder(root, "executions", DAY).parent, os.O_RDONLY)
    real = fcntl.flock
    try:
        real(descriptor, fcntl.LOCK_EX)
        now = iter(range(0, 10_000, 20))
        monkeypatch.setattr("rpa_lab.storage.snapshot.time.monotonic", lambda: float(next(now)))
        with pytest.raises(StoreError, match="still has rows that are gone"):
            unpublish(root, "executions", DAY, below=9)
    finally:
        os.close(descriptor)
