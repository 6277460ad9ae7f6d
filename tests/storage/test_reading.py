from __future__ import annotations

import io
import itertools
import random
from pathlib import Path

import polars as pl
import pytest

from rpa_lab import TimeSeriesStore
from rpa_lab.errors import StoreError
from rpa_lab.journal.layout import day_folder
from rpa_lab.storage import reading
from rpa_lab.storage.compaction import MANY, compact, compact_day
from rpa_lab.storage.snapshot import look
from tests.storage.days import DAY, put
from tests.storage.runs import IMPORTER, execution, frame


def test_executions_held_from_elsewhere_are_named(root: Path) -> None:
    store = TimeSeriesStore(root)
    store.write_frame("executions", frame("ours"), writer=IMPORTER)
    store.write_frame("executions", frame("theirs"), writer="ifffffffffff")
    store.write_metrics([execution("live")])
    compact(root, grace_s=0)

    asked = frame("ours", "theirs", "live", "nobody").select("execution_id", "started_at")
    assert store.held_by_others(asked, writer=IMPORTER) == {"theirs", "live"}
    assert store.held_by_others(asked.clear(), writer=IMPORTER) == set()


def test_a_lazy_frame_stays_valid_for_the_grace(root: Path) -> None:
    for n in range(3):
        put(root, [f"e{n}"], seq=n)
    lazy = TimeSeriesStore(root).scan("executions")
    compact(root)

    assert lazy.collect().height == 3


def test_a_read_starts_over_where_files_were_compacted_away(root: Path) -> None:
    for n in range(3):
        put(root, [f"e{n}"], seq=n)
    store = TimeSeriesStore(root)
    attempts: list[int] = []

    def query() -> pl.LazyFrame:
        lazy = store.scan("executions")
        if not attempts:
            compact_day(root, "executions", DAY, grace_s=0)
        attempts.append(1)
        return lazy

    assert store.collect(query).height == 3
    assert len(attempts) == 2


def test_a_read_gives_up_with_an_error_that_says_why(root: Path) -> None:
    put(root, ["e"], seq=0)
    store, seq = TimeSeriesStore(root), itertools.count(1)

    def query() -> pl.LazyFrame:
        lazy = store.scan("executions")
        for path in store.files():
            path.unlink()
        put(root, ["e"], seq=next(seq))
        return lazy

    with pytest.raises(StoreError, match="went away under each of 50 attempts"):
        store.collect(query)


def test_damage_inside_a_file_is_found_when_it_is_read_and_the_rest_is_returned(root: Path) -> None:
    put(root, ["good"], seq=0)
    put(root, ["bad"] * 50, seq=1)
    path = day_folder(root, "executions", DAY) / "f-0123456789ab-00000001.parquet"
    data = bytearray(path.read_bytes())
    choose = random.Random(3)
    for at in range(4, 400):
        data[at] = choose.randrange(256)  # the pages; the footer stays as it was
    path.write_bytes(data)
    store = TimeSeriesStore(root)

    assert store.read("executions")["execution_id"].to_list() == ["good"]
    assert store.warnings() == ("executions 2026-11-03: 1 of 2 files are damaged and left out (see _quarantine.jsonl)",)
    assert store.warnings("2026-11-05") == ()


def test_many_small_files_are_compacted_before_they_are_read_at_most_once_a_minute(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(first: int) -> None:
        for n in range(first, first + 70):
            put(root, [f"e{n}"], seq=n)

    fill(0)
    aloof, store = TimeSeriesStore(root, compact=False), TimeSeriesStore(root)
    assert aloof.read("executions").height == 70
    assert len(aloof.files()) == 70
    assert store.read("executions").height == 70
    assert len(store.files()) == 1
    fill(70)
    assert store.read("executions").height == 140
    assert len(store.files()) == 71  # within the minute
    monkeypatch.setattr(reading, "_COMPACT_EVERY_S", 0.0)
    assert store.read("executions").height == 140
    assert len(store.files()) <= 2


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stderr", "shows"), [(_Terminal(), True), (io.StringIO(), False)], ids=["terminal", "file"])
def test_who_waits_at_a_terminal_for_a_compaction_sees_it(
    root: Path, monkeypatch: pytest.MonkeyPatch, stderr: io.StringIO, shows: bool
) -> None:
    for n in range(MANY + 1):
        put(root, [f"e{n}"], seq=n)
    monkeypatch.setattr("sys.stderr", stderr)
    monkeypatch.setenv("TERM", "xterm")

    assert TimeSeriesStore(root).read("executions", str(DAY)).height == MANY + 1
    assert look(root, "executions", DAY).head == 1
    assert (f"compacting executions {DAY}" in stderr.getvalue()) == shows
    assert bool(stderr.getvalue()) == shows
