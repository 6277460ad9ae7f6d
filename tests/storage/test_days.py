from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from rpa_lab.errors import StoreError
from rpa_lab.journal.root import open_root
from rpa_lab.storage.compaction import compact, compact_day
from rpa_lab.storage.days import days, state_of
from rpa_lab.storage.push import push
from rpa_lab.storage.retention import archive_day, delete_day
from tests.storage.days import DAY, put

LATER = datetime(2027, 1, 1, tzinfo=UTC)
COLUMNS = ["table", "day", "closed", "rows", "generation", "fragments", "published"]


def _rows(root: Path, *, at: datetime = LATER) -> list[tuple[object, ...]]:
    listed = days(root, at=at)
    assert listed.columns == [*COLUMNS, "archived"]
    return listed.select(COLUMNS).rows()


def test_a_day_goes_from_fragments_to_published_and_back_when_rows_come_late(root: Path) -> None:
    put(root, ["a", "b"], seq=0)
    put(root, ["c"], seq=1)
    assert _rows(root) == [("executions", DAY, True, 3, 0, 2, False)]

    compact(root, grace_s=0)
    assert _rows(root) == [("executions", DAY, True, 3, 1, 0, True)]

    put(root, ["late"], seq=2)
    assert _rows(root) == [("executions", DAY, True, 4, 1, 1, False)]
    compact_day(root, "executions", DAY, full=False, grace_s=0)  # two generations, none of them the whole day
    assert _rows(root) == [("executions", DAY, True, 4, 2, 0, False)]
    compact(root, grace_s=0)
    assert _rows(root) == [("executions", DAY, True, 4, 3, 0, True)]


def test_a_day_that_is_not_over_is_not_closed(root: Path) -> None:
    put(root, ["a"], seq=0)
    path = next((root / "_journal").glob("*/*/f-*"))
    os.utime(path, (0, 0))
    end = datetime(2026, 11, 4, tzinfo=UTC)
    closed = [days(root, at=end + timedelta(minutes=minutes))["closed"].item() for minutes in (-60, 9, 11)]
    assert closed == [False, False, True]


def test_archived_and_deleted_days_have_nothing_that_waits_to_be_published(root: Path) -> None:
    for n, day in enumerate((date(2026, 11, 1), date(2026, 11, 2))):
        put(root, [f"e{n}"], seq=0, day=day)
    compact(root, grace_s=0)
    archive_day(root, "executions", date(2026, 11, 1), grace_s=0)
    delete_day(root, "executions", date(2026, 11, 2), grace_s=0)

    assert _rows(root) == [
        ("executions", date(2026, 11, 1), True, 1, 2, 0, False),
        ("executions", date(2026, 11, 2), True, 0, 2, 0, False),
    ]
    assert days(root, at=LATER)["archived"].to_list() == [True, False]
    assert not state_of(root, "executions", date(2026, 11, 1)).waiting
    assert not state_of(root, "executions", date(2026, 11, 2)).waiting


def test_tables_and_days_are_in_order(root: Path) -> None:
    from rpa_lab import StepMetrics, TimeSeriesStore

    at = datetime(2026, 11, 2, tzinfo=UTC)
    TimeSeriesStore(root).write_metrics([StepMetrics("s", "e", "w", "n", "click", None, at, at, 1.0, "completed")])
    put(root, ["a"], seq=0, day=DAY)
    put(root, ["b"], seq=0, day=date(2026, 11, 1))
    assert [row[:2] for row in _rows(root)] == [
        ("executions", date(2026, 11, 1)),
        ("executions", DAY),
        ("steps", date(2026, 11, 2)),
    ]


def test_the_days_of_a_copy_are_closed_and_say_their_generation(root: Path, tmp_path: Path) -> None:
    open_root(root)
    put(root, ["a", "b"], seq=0)
    os.utime(next((root / "_journal").glob("*/*/f-*")), (0, 0))
    compact(root, grace_s=0)
    push(root, tmp_path / "copy")
    assert _rows(tmp_path / "copy") == [("executions", DAY, True, 2, 1, 0, True)]


def test_a_store_of_a_newer_format_is_refused(root: Path) -> None:
    open_root(root)
    (root / "_store.json").write_text('{"format": 99}')
    with pytest.raises(StoreError, match="says format 99"):
        days(root)
