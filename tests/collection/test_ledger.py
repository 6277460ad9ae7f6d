from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rpa_lab.collection.buffer import Buffer
from rpa_lab.collection.flusher import Flusher
from tests.collection.said import AT, complete, flush, rows, start, step


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
