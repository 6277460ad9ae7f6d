from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rpa_lab.errors import InputError
from rpa_lab.simulate import fleet
from rpa_lab.storage.store import TimeSeriesStore


def test_a_note_is_there_at_once_for_whoever_reads(root: Path) -> None:
    written = TimeSeriesStore(root).note(
        "  new selector ", workflow_id="payroll", kind="selector", version="2.4", host="vm-1", author="ops"
    )
    row = TimeSeriesStore(root).read("changes", "1d").row(0, named=True)

    assert row["change_id"] == written
    assert (row["workflow_id"], row["kind"], row["version"], row["host"], row["author"], row["text"]) == (
        "payroll",
        "selector",
        "2.4",
        "vm-1",
        "ops",
        "new selector",
    )
    assert abs(row["at"] - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (date(2026, 11, 3), datetime(2026, 11, 2, 23, tzinfo=UTC)),
        ("2026-11-03", datetime(2026, 11, 2, 23, tzinfo=UTC)),
        ("2026-11-03 14:30", datetime(2026, 11, 3, 13, 30, tzinfo=UTC)),
        (datetime(2026, 11, 3, 14, 30), datetime(2026, 11, 3, 13, 30, tzinfo=UTC)),  # noqa: DTZ001 - the store's zone
        ("2026-11-03T14:30+05:00", datetime(2026, 11, 3, 9, 30, tzinfo=UTC)),
    ],
)
def test_times_of_notes_are_read_in_the_zone_of_the_store(root: Path, at: Any, expected: datetime) -> None:
    store = TimeSeriesStore(root, tz="Europe/Paris")
    store.note("something", at=at)

    assert store.read("changes")["at"].to_list() == [expected]


def test_a_note_of_now_belongs_to_the_period_that_ends_now(root: Path) -> None:
    store = TimeSeriesStore(root, as_of=datetime(2026, 11, 3, tzinfo=UTC))
    store.note("something")

    assert store.read("changes", "1h").height == 1


def test_a_note_is_written_now_whatever_the_newest_run_is(root: Path) -> None:
    fleet(2, 1, 3, end=date(2026, 1, 10), faults=[]).write(root)
    store = TimeSeriesStore(root, as_of="latest")
    store.note("something")

    assert store.now < datetime(2026, 1, 11, tzinfo=UTC)
    (at,) = TimeSeriesStore(root).read("changes").filter(text="something")["at"]
    assert abs(at - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_note_as_long_as_notes_may_be_is_kept_whole(root: Path) -> None:
    store = TimeSeriesStore(root)
    store.note(f" {'x' * 2000} ", at="2026-11-03")

    assert store.read("changes")["text"].to_list() == ["x" * 2000]


def test_two_notes_of_the_same_are_two(root: Path) -> None:
    store = TimeSeriesStore(root)

    assert store.note("again", at="2026-11-03") != store.note("again", at="2026-11-03")
    assert store.read("changes").height == 2


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"text": " "}, "text is ' '"),
        ({"text": None}, "text is None"),
        ({"text": "x" * 2001}, "text is 'xxx.*of 2,001 characters; at most 2,000"),
        ({"text": "x", "kind": ""}, "kind is ''"),
        ({"text": "x", "kind": "a" * 41}, "kind is 'aaa"),
        ({"text": "x", "kind": "2\n"}, "kind is"),
        ({"text": "x", "workflow_id": ""}, "workflow_id is ''"),
        ({"text": "x", "version": 2.4}, "version is 2.4"),
        ({"text": "x", "at": "yesterday"}, "at is 'yesterday'"),
        ({"text": "x", "at": 3}, "at is 3"),
    ],
)
def test_what_is_no_note_is_refused_and_nothing_written(root: Path, said: dict[str, Any], named: str) -> None:
    store = TimeSeriesStore(root)

    with pytest.raises(InputError, match=named):
        store.note(**said)
    assert store.read("changes").is_empty()
