from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

from rpa_lab.errors import UnknownNameError
from rpa_lab.journal.fragment import read_sealed
from rpa_lab.journal.layout import Fragment, day_folder, generation_name, published_folder
from rpa_lab.schema import TABLES
from rpa_lab.storage import compaction
from rpa_lab.storage.compaction import compact, compact_day, is_closed, publish, sorted_rows
from rpa_lab.storage.following import follow
from rpa_lab.storage.snapshot import look
from tests.storage.days import DAY, WRITER, put, read_ids


def _published(root: Path) -> list[Path]:
    return sorted(path for path in published_folder(root, "executions", DAY).iterdir())


def test_a_full_compaction_leaves_one_file_a_day_published(root: Path) -> None:
    for n in range(10):
        put(root, [f"e{n}"], seq=n)
    done = compact_day(root, "executions", DAY, grace_s=0)

    assert (done.generation, done.merged, done.published, done.removed) == (1, 10, True, 10)
    assert [path.name for path in _published(root)] == ["executions-00000001.parquet"]
    assert sorted(pl.read_parquet(_published(root)[0])["execution_id"]) == [f"e{n}" for n in range(10)]


def test_publication_follows_and_there_is_always_one_file(root: Path) -> None:
    for n in range(3):
        put(root, [f"e{n}"], seq=n)
        compact_day(root, "executions", DAY, grace_s=0)
        assert [path.name for path in _published(root)] == [f"executions-{n + 1:08d}.parquet"]
        assert pl.read_parquet(_published(root)[0]).height == n + 1
    again = compact_day(root, "executions", DAY, grace_s=0)

    assert (again.generation, again.merged, again.published) == (None, 0, True)


def test_an_unfinished_publication_is_finished_by_the_next(root: Path) -> None:
    put(root, ["e0"], seq=0)
    compact_day(root, "executions", DAY, grace_s=0)
    folder = published_folder(root, "executions", DAY)
    put(root, ["e1", "e2", "e3", "e4"], seq=1)  # so many that the first is merged with them
    compact_day(root, "executions", DAY, full=False, grace_s=0)
    head = day_folder(root, "executions", DAY) / generation_name(2)
    staging = root / "_publish" / "executions" / folder.name
    staging.mkdir(parents=True)
    os.link(head, staging / "executions-00000002.parquet")  # died before the folders changed places

    assert publish(root, "executions", DAY)
    assert [path.name for path in _published(root)] == ["executions-00000002.parquet"]
    assert not staging.exists()


def test_where_folders_cannot_change_places_files_do(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rpa_lab.storage.publication._exchange", lambda one, other: False)
    for n in range(3):
        put(root, [f"e{n}"], seq=n)
        compact_day(root, "executions", DAY, grace_s=0)
        assert [path.name for path in _published(root)] == [f"executions-{n + 1:08d}.parquet"]
        assert pl.read_parquet(_published(root)[0]).height == n + 1


def test_a_published_name_never_means_other_bytes(root: Path) -> None:
    seen: dict[str, int] = {}
    for n in range(5):
        put(root, [f"e{n}"], seq=n)
        compact_day(root, "executions", DAY, grace_s=0)
        for path in _published(root):
            assert seen.setdefault(path.name, path.stat().st_ino) == path.stat().st_ino
    assert len(seen) == 5


def test_a_file_that_may_not_be_linked_is_copied(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(root, ["e0"], seq=0)
    real = os.link

    def link(source: Any, target: Any, **more: Any) -> None:
        if "_publish" in str(target):
            raise PermissionError(1, "Operation not permitted")
        real(source, target, **more)

    monkeypatch.setattr(os, "link", link)
    assert compact_day(root, "executions", DAY, grace_s=0).published
    assert pl.read_parquet(_published(root)[0])["execution_id"].to_list() == ["e0"]


def test_executions_are_folded_and_rows_sorted_by_workflow_and_time(root: Path) -> None:
    put(root, ["b", "a"], seq=0, status="running")
    put(root, ["a"], seq=1, status="failed")
    compact_day(root, "executions", DAY, grace_s=0)

    rows = pl.read_parquet(_published(root)[0])
    assert rows.select("execution_id", "status").rows() == [("a", "failed"), ("b", "running")]
    assert rows["_start_seq"].to_list() == [1, 0]


def test_compacted_files_have_small_row_groups_and_no_byte_stream_split(root: Path) -> None:
    put(root, [f"e{n:06d}" for n in range(20_000)], seq=0)
    compact_day(root, "executions", DAY, grace_s=0)

    metadata = pq.read_metadata(_published(root)[0])
    assert [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)] == [6666, 6667, 6667]
    columns = [metadata.row_group(0).column(n) for n in range(metadata.num_columns)]
    encodings = {column.path_in_schema: set(column.encodings) for column in columns}
    assert "DELTA_BINARY_PACKED" in encodings["started_at"]
    assert "DELTA_BYTE_ARRAY" in encodings["execution_id"]
    assert not any("BYTE_STREAM_SPLIT" in used for used in encodings.values())
    assert {column.compression for column in columns} == {"ZSTD"}


def test_a_row_is_rewritten_a_few_times_only(root: Path) -> None:
    written = 0
    for n in range(256):
        put(root, [f"e{n}"], seq=n)
        if n % 4 == 3:
            compact_day(root, "executions", DAY, full=False, grace_s=0)
            head = look(root, "executions", DAY)
            written += next(file.footer.rows for file in head.files if file.kind == "generation")
    now = look(root, "executions", DAY)

    assert len(read_ids(root)) == 256
    assert written / 256 < 5  # merging all each time would be 32
    assert len(now.files) <= 8


def test_a_damaged_fragment_is_neither_merged_nor_covered(root: Path) -> None:
    put(root, ["good"], seq=0)
    put(root, ["bad"], seq=1)
    folder = day_folder(root, "executions", DAY)
    bad = folder / "f-0123456789ab-00000001.parquet"
    data = bytearray(bad.read_bytes())
    data[len(data) // 3] ^= 1  # its footer is sound
    bad.write_bytes(data)

    compact_day(root, "executions", DAY, grace_s=0)

    now = look(root, "executions", DAY)
    assert read_ids(root) == ["good"]
    assert bad.exists()
    assert Fragment(WRITER, 0) in now.covers
    assert Fragment(WRITER, 1) not in now.covers
    assert len(now.warnings) == 1


def test_nothing_is_built_upon_a_head_whose_seal_is_broken(root: Path) -> None:
    put(root, ["e0"], seq=0)
    compact_day(root, "executions", DAY, full=False, grace_s=10_000)
    head = day_folder(root, "executions", DAY) / generation_name(1)
    data = bytearray(head.read_bytes())
    data[60] ^= 1
    head.write_bytes(data)
    put(root, ["e1"], seq=1)

    assert compact_day(root, "executions", DAY, full=False, grace_s=0).generation is None
    assert look(root, "executions", DAY).head_damaged
    assert read_ids(root) == ["e0", "e1"]  # the fragment that the head covered is still there


def test_every_generation_is_sealed(root: Path) -> None:
    put(root, ["e0"], seq=0)
    compact_day(root, "executions", DAY, grace_s=0)

    footer, rows = read_sealed(day_folder(root, "executions", DAY) / generation_name(1), TABLES["executions"])
    assert (footer.rows, rows.num_rows) == (1, 1)


def test_a_day_is_closed_ten_minutes_after_its_end_and_its_last_fragment(root: Path) -> None:
    put(root, ["e"], seq=0)
    fragment = day_folder(root, "executions", DAY) / "f-0123456789ab-00000000.parquet"
    end = datetime(2026, 11, 4, tzinfo=UTC)

    def closed(*, at_min: float, fragment_min: float) -> bool:
        when = (end + timedelta(minutes=fragment_min)).timestamp()
        os.utime(fragment, (when, when))
        return is_closed(look(root, "executions", DAY), at=end + timedelta(minutes=at_min))

    assert closed(at_min=11, fragment_min=-5)
    assert not closed(at_min=9, fragment_min=-60)
    assert not closed(at_min=60, fragment_min=55)  # a late row reopens it


def test_the_whole_store_is_compacted_with_its_progress_said(root: Path) -> None:
    for day in (date(2026, 11, 2), DAY):
        put(root, [f"e{day}"], seq=0, day=day)
    seen: list[tuple[str, int, int]] = []
    done = compact(root, on_day=lambda day, n, of: seen.append((day.table, n, of)))

    assert [(day.table, day.day) for day in done] == [("executions", date(2026, 11, 2)), ("executions", DAY)]
    assert seen == [("executions", 1, 2), ("executions", 2, 2)]
    with pytest.raises(UnknownNameError, match="there is no table 'runs'"):
        compact(root, tables=["runs"])


def test_following_compacts_when_many_wait_and_publishes_closed_days(root: Path) -> None:
    put(root, ["old"], seq=0, day=date(2026, 11, 2))
    old = day_folder(root, "executions", date(2026, 11, 2)) / "f-0123456789ab-00000000.parquet"
    os.utime(old, (0, 0))
    today = datetime.now(UTC).date()
    for n in range(compaction.MANY):
        put(root, [f"e{n}"], seq=n, day=today)
    rounds = iter([False, False, True])
    days: list[tuple[date, int, bool]] = []
    follow(
        root,
        grace_s=0,
        every_s=0,
        on_day=lambda done: days.append((done.day, done.merged, done.published)),
        until=lambda: next(rounds),
    )

    assert days == [(date(2026, 11, 2), 1, True), (today, compaction.MANY, False)]


def test_rows_without_a_sort_column_are_kept() -> None:
    table = TABLES["collector_health"]
    assert sorted_rows(table, table.arrow.empty_table()).num_rows == 0


def test_many_compactors_and_writers_at_once_lose_nothing_and_count_nothing_twice(root: Path) -> None:
    stop = threading.Event()
    seen: list[int] = []
    failures: list[BaseException] = []

    def work(job: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                job()
            except BaseException as failure:
                failures.append(failure)

        return run

    def write(writer: str) -> None:
        for n in range(40):
            put(root, [f"{writer}-{n}"], seq=n, writer=writer)

    def compactor(full: bool) -> None:
        while not stop.is_set():
            compact_day(root, "executions", DAY, full=full, grace_s=0)

    def reader() -> None:
        while not stop.is_set():
            for _ in range(50):
                try:
                    ids = read_ids(root)
                    break
                except FileNotFoundError:
                    continue  # as a reader does
            assert len(ids) == len(set(ids))
            seen.append(len(ids))

    writers = [threading.Thread(target=work(partial(write, w))) for w in ("aaaaaaaaaaaa", "bbbbbbbbbbbb")]
    others = [threading.Thread(target=work(partial(compactor, full))) for full in (True, False, False)]
    others.append(threading.Thread(target=work(reader)))
    for thread in (*writers, *others):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in others:
        thread.join()

    assert failures == []
    assert seen == sorted(seen)
    compact_day(root, "executions", DAY, grace_s=0)
    assert len(read_ids(root)) == 80
    assert pl.read_parquet(_published(root)[0])["execution_id"].n_unique() == 80


@pytest.mark.parametrize("seed", range(3))
def test_a_compactor_that_is_killed_anywhere_is_finished_by_the_next(root: Path, seed: int) -> None:
    for n in range(60):
        put(root, [f"e{n}"], seq=n)
    code = (
        "import sys; from pathlib import Path; from datetime import date;"
        "from rpa_lab.storage.compaction import compact_day; print('ready', flush=True)\n"
        "while True:\n    compact_day(Path(sys.argv[1]), 'executions', date(2026, 11, 3), full=True, grace_s=0)"
    )
    victim = subprocess.Popen([sys.executable, "-c", code, str(root)], stdout=subprocess.PIPE)
    assert victim.stdout is not None
    victim.stdout.readline()
    time.sleep(0.02 * seed)
    victim.kill()
    victim.wait()
    victim.stdout.close()

    assert sorted(read_ids(root)) == sorted(f"e{n}" for n in range(60))
    compact_day(root, "executions", DAY, grace_s=0)
    assert sorted(read_ids(root)) == sorted(f"e{n}" for n in range(60))
    assert [path.name for path in _published(root)] == [f"executions-{look(root, 'executions', DAY).head:08d}.parquet"]


def test_a_day_that_cannot_be_published_does_not_stop_the_others(root: Path) -> None:
    for day in (date(2026, 11, 2), DAY):
        put(root, ["e"], seq=0, day=day)
    (root / "executions").mkdir()
    (root / "executions" / "day=2026-11-02").write_text("a file where a folder belongs")

    bad, good = compact(root, tables=["executions"], grace_s=0)

    assert (good.published, good.refused) == (True, None)
    assert not bad.published
    assert bad.refused is not None
    assert "day=2026-11-02" in bad.refused
