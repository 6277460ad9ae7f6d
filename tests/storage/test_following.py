"""A compactor that follows a busy day keeps it small, and comes to rest when the day is over."""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from rpa_lab.journal.layout import day_folder, generation_name, published_folder
from rpa_lab.storage.compaction import Compacted, compact_day
from rpa_lab.storage.following import follow
from rpa_lab.storage.snapshot import look
from tests.storage.days import DAY, fragment_bytes, put

_WRITERS = 50


def _rounds(root: Path, count: int, *, grace_s: float = 0) -> list[Compacted]:
    left, done = iter(range(count)), list[Compacted]()
    follow(root, grace_s=grace_s, every_s=0, on_day=done.append, until=lambda: next(left, None) is None)
    return done


def test_fifty_writers_leave_few_live_files_and_rows_are_rewritten_a_few_times(root: Path) -> None:
    day = datetime.now(UTC).date() + timedelta(days=1)  # it won't close while this runs
    folder = day_folder(root, "executions", day)
    folder.mkdir(parents=True)
    live, rewrites, tick = list[int](), Counter[str](), 0

    def two_ticks_pass() -> bool:
        """Ten simulated seconds: each writer flushes twice; asked before each look of the compactor."""
        nonlocal tick
        for _ in range(2):
            for n in range(_WRITERS):
                data = fragment_bytes([f"{n}-{tick}"], seq=tick, writer=f"{n:012x}", day=day)
                (folder / f"f-{n:012x}-{tick:08d}.parquet").write_bytes(data)  # no fsync: the disk is not the point
            tick += 1
        live.append(len(look(root, "executions", day).files))
        return tick > 40

    def count(done: Compacted) -> None:
        assert done.generation is not None
        path = folder / generation_name(done.generation)
        rewrites.update(pq.read_table(path, columns=["execution_id"])["execution_id"].to_pylist())

    follow(root, grace_s=0, every_s=0, on_day=count, until=two_ticks_pass)

    assert len(rewrites) == 20 * 2 * _WRITERS
    assert max(live) <= 200
    assert max(rewrites.values()) <= 3  # 20 batches, and log4 of 20 is 2.2


def test_a_closed_day_is_published_even_where_nothing_is_left_to_merge(root: Path) -> None:
    put(root, ["e"], seq=0)
    os.utime(day_folder(root, "executions", DAY) / "f-0123456789ab-00000000.parquet", (0, 0))
    compact_day(root, "executions", DAY, full=False, grace_s=0)

    (done,) = _rounds(root, 3)
    assert (done.generation, done.published) == (None, True)
    assert [path.name for path in published_folder(root, "executions", DAY).iterdir()] == [
        "executions-00000001.parquet"
    ]


def test_what_died_within_the_grace_is_removed_by_a_later_round(root: Path) -> None:
    put(root, ["e"], seq=0)
    fragment = day_folder(root, "executions", DAY) / "f-0123456789ab-00000000.parquet"
    os.utime(fragment, (0, 0))

    assert [done.removed for done in _rounds(root, 2, grace_s=1000)] == [0]
    assert fragment.exists()
    assert _rounds(root, 1) == []  # nothing to merge any more
    assert not fragment.exists()


def test_a_day_at_rest_is_not_opened_again_until_something_comes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(root, ["e"], seq=0)
    folder = day_folder(root, "executions", DAY)
    os.utime(folder / "f-0123456789ab-00000000.parquet", (0, 0))
    compact_day(root, "executions", DAY, grace_s=0)
    os.utime(folder, (10**9, 10**9))
    looks: list[date] = []

    def counted(root: Path, table: str, day: date) -> object:
        looks.append(day)
        return look(root, table, day)

    monkeypatch.setattr("rpa_lab.storage.following.look", counted)
    assert _rounds(root, 5) == []
    assert looks == [DAY]

    left = iter(range(6))

    def until() -> bool:
        round_now = next(left)
        if round_now == 3:
            put(root, ["late"], seq=1)
            os.utime(folder / "f-0123456789ab-00000001.parquet", (0, 0))
        return round_now == 5

    done: list[Compacted] = []
    follow(root, grace_s=0, every_s=0, on_day=done.append, until=until)
    assert [(day.merged, day.published) for day in done] == [(2, True)]
