from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rpa_lab.collection.buffer import Buffer, Record
from rpa_lab.collection.flusher import Flusher
from rpa_lab.collection.ledger import STEP_FIELDS

AT = datetime(2026, 11, 3, 10, tzinfo=UTC)
US = int(AT.timestamp() * 1_000_000)


@pytest.fixture
def buffer() -> Buffer:
    return Buffer(max_rows=1000, max_bytes=10**8)


@pytest.fixture
def flusher(root: Path) -> Flusher:
    return Flusher(root, robot_id="robot", host="vm")


def rows(root: Path, table: str) -> pl.DataFrame:
    files = sorted(root.glob(f"_journal/{table}/*/*.parquet"))
    return pl.read_parquet(files, glob=False)


def start(execution_id: str, *, at: int = US, began: float | None = 0.0, **more: Any) -> Record:
    return ("start", {"execution_id": execution_id, "workflow_id": "w", "started_at": at, **more}, began)


def complete(execution_id: str, *, monotonic: float = 1.0, **more: Any) -> Record:
    unsaid = dict.fromkeys(("started_at", "workflow_id", "completed_at", "duration_ms"))
    values = {"execution_id": execution_id, "status": "completed", **unsaid, **more}
    return ("complete", values, US + 5_000_000, monotonic)


def step(execution_id: str, **more: Any) -> Record:
    said = {"execution_id": execution_id, "node_id": "n", "action_type": "click", "status": "completed"}
    values = {**dict.fromkeys(STEP_FIELDS), **said, "duration_ms": 5.0, "retry_count": 0, **more}
    return ("step", US * 1000, *values.values())


def flush(flusher: Flusher, buffer: Buffer, *records: Record) -> None:
    for record in records:
        buffer.add(record)
    flusher.flush(buffer)


def test_an_end_repeats_all_that_its_start_said(root: Path, flusher: Flusher, buffer: Buffer) -> None:
    flush(flusher, buffer, start("e", business_key="4711", context='{"a": 1}'))
    flush(flusher, buffer, complete("e"))

    running, final = rows(root, "executions").sort("_seq").to_dicts()
    for name in ("workflow_id", "started_at", "robot_id", "host", "business_key", "context"):
        assert running[name] == final[name] is not None
    assert (running["status"], final["status"]) == ("running", "completed")


def test_durations_are_by_the_monotonic_clock_and_ends_agree_with_them(
    root: Path, flusher: Flusher, buffer: Buffer
) -> None:
    flush(flusher, buffer, start("e", began=7.0), complete("e", monotonic=7.0 + 1.234567))

    final = rows(root, "executions").row(1, named=True)
    assert final["duration_ms"] == 1234.567
    assert final["completed_at"] - final["started_at"] == timedelta(milliseconds=1234.567)


def test_steps_are_counted_in_the_order_in_which_they_were_said(root: Path, flusher: Flusher, buffer: Buffer) -> None:
    flush(flusher, buffer, start("e"), step("e"), step("e", status="error"))
    flush(flusher, buffer, step("e", status="skipped"), complete("e"))

    final = rows(root, "executions").filter(status="completed").row(0, named=True)
    assert (final["steps_total"], final["steps_completed"], final["steps_failed"]) == (3, 1, 1)
    assert rows(root, "steps")["step_index"].to_list() == [0, 1, 2]
    assert rows(root, "steps")["step_id"].null_count() == 3


def test_where_the_start_is_unknown_nothing_is_made_up(root: Path, flusher: Flusher, buffer: Buffer) -> None:
    flush(flusher, buffer, step("e", workflow_id="w"), step("e", workflow_id="w"), complete("e"))

    final = rows(root, "executions").row(0, named=True)
    assert final["started_at"] is None
    assert [final[f"steps_{what}"] for what in ("total", "completed", "failed")] == [None] * 3
    assert final["duration_ms"] is None
    assert rows(root, "steps")["step_index"].null_count() == 2
    assert rows(root, "steps")["step_id"].n_unique() == 2  # no index that another process could have given too


def test_an_end_that_knows_the_start_of_another_process_says_the_duration(
    root: Path, flusher: Flusher, buffer: Buffer
) -> None:
    flush(flusher, buffer, complete("e", started_at=AT, workflow_id="w"))

    final = rows(root, "executions").row(0, named=True)
    assert (final["started_at"], final["workflow_id"], final["duration_ms"]) == (AT, "w", 5000.0)


def test_a_repeated_end_is_whole(root: Path, flusher: Flusher, buffer: Buffer) -> None:
    flush(flusher, buffer, start("e"), step("e"), complete("e"), complete("e", monotonic=2.0, status="failed"))

    last = rows(root, "executions").row(2, named=True)
    assert (last["status"], last["steps_total"], last["started_at"]) == ("failed", 1, AT)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, (AT - timedelta(milliseconds=5), AT, 5.0)),
        ({"started_at": AT}, (AT, AT + timedelta(milliseconds=5), 5.0)),
        (
            {"started_at": AT, "completed_at": AT + timedelta(seconds=1), "duration_ms": None},
            (AT, AT + timedelta(seconds=1), 1000.0),
        ),
        ({"duration_ms": None}, (AT, AT, 0.0)),
        ({"duration_ms": float("nan")}, (AT, AT, None)),
    ],
)
def test_whichever_of_start_end_and_duration_is_missing_follows(
    root: Path, flusher: Flusher, buffer: Buffer, said: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    flush(flusher, buffer, start("e"), step("e", **said))

    row = rows(root, "steps").row(0, named=True)
    assert (row["started_at"], row["completed_at"], row["duration_ms"]) == expected
    assert row["workflow_id"] == "w"


def test_a_flush_that_failed_is_retried_under_the_same_names(
    root: Path, flusher: Flusher, buffer: Buffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.replace
    refusals = iter([False, True, True])  # the second fragment's publication is refused twice

    def replace(source: Any, target: Any) -> None:
        if "/f-" in str(target) and next(refusals, False):
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(OSError, match="No space"):
        flush(flusher, buffer, start("e"), step("e"))
    assert (flusher.written, flusher.waiting) == (1, 1)
    with pytest.raises(OSError, match="No space"):
        flush(flusher, buffer, step("e"))
    assert len(buffer) == 1  # nothing more is taken while the disk refuses
    flusher.flush(buffer)

    assert (flusher.written, flusher.waiting, len(buffer)) == (3, 0, 0)
    assert rows(root, "steps")["step_index"].to_list() == [0, 1]
    assert rows(root, "executions").height == 1


def test_what_cannot_be_written_at_the_end_is_counted(
    flusher: Flusher, buffer: Buffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="Read-only"):
        flush(flusher, buffer, start("e"), step("e"))
    flusher.give_up(buffer)

    assert buffer.dropped["flush_failed"] == buffer.recorded == 2
    assert flusher.waiting == 0


def test_a_record_that_cannot_be_understood_leaves_the_others(root: Path, flusher: Flusher, buffer: Buffer) -> None:
    flush(flusher, buffer, start("e"), ("step",), step("e", node_id=None), step("e"))

    assert buffer.dropped["invalid"] == 2
    assert rows(root, "steps").height == flusher.written - 1 == 1


def test_health_says_what_was_counted(root: Path, flusher: Flusher, buffer: Buffer) -> None:
    flush(flusher, buffer, start("e"))
    flush(flusher, buffer, step("e"))  # within a minute: nothing new to say
    flush(flusher, buffer, ("step",))  # a drop is said at once
    flusher.flush(buffer, final=True)

    said = rows(root, "collector_health").sort("recorded")
    assert said["recorded"].to_list() == [1, 3]
    assert said["written"].to_list() == [1, 2]
    assert said["dropped_invalid"].to_list() == [0, 1]
    assert said["writer"].unique().to_list() == [flusher.writer]


def test_a_long_run_is_seen_every_five_minutes(
    root: Path, flusher: Flusher, buffer: Buffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("rpa_lab.collection.flusher.time.monotonic", lambda: now[0])
    flush(flusher, buffer, start("e"))
    for _ in range(10):  # ten minutes in steps of one
        now[0] += 60.0
        flusher.flush(buffer)
    assert rows(root, "collector_health").height == 1 + 2

    flush(flusher, buffer, complete("e"))
    before = rows(root, "collector_health").height
    now[0] += 3600.0
    flusher.flush(buffer)
    assert rows(root, "collector_health").height - before <= 1  # the end's own counts, and then silence
    before = rows(root, "collector_health").height
    now[0] += 3600.0
    flusher.flush(buffer)
    assert rows(root, "collector_health").height == before
