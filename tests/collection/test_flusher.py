from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from rpa_lab.collection.buffer import Buffer
from rpa_lab.collection.flusher import Flusher
from tests.collection.said import complete, flush, rows, start, step


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


def test_a_bot_that_says_nothing_leaves_nothing(root: Path, flusher: Flusher, buffer: Buffer) -> None:
    flusher.flush(buffer, final=True)

    assert not root.exists()
