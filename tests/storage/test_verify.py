from __future__ import annotations

import os
import random
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from rpa_lab import ExecutionMetrics, StepMetrics, TimeSeriesStore
from rpa_lab.errors import StoreError
from rpa_lab.journal.layout import Fragment, day_folder, fragment_name, generation_name, published_folder
from rpa_lab.journal.root import open_root
from rpa_lab.storage.compaction import compact, compact_day
from rpa_lab.storage.verify import verify
from tests.storage.days import DAY, WRITER, put, read_ids

AT = datetime(2026, 11, 3, 10, tzinfo=UTC)


@pytest.fixture
def store(root: Path) -> Path:
    """Two days: one compacted and published, one of two fragments."""
    open_root(root)
    put(root, ["a", "b"], seq=0, day=date(2026, 11, 2))
    compact_day(root, "executions", date(2026, 11, 2), grace_s=0)
    put(root, ["c"], seq=0)
    put(root, ["d"], seq=1)
    return root


def _flip(path: Path, at: int, bit: int = 1) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= bit
    path.unlink()  # a published file is a link to its generation
    path.write_bytes(data)


def _fragment(root: Path, seq: int) -> Path:
    return day_folder(root, "executions", DAY) / fragment_name(Fragment(WRITER, seq))


def test_a_sound_store_has_nothing_to_say(store: Path) -> None:
    seen: list[tuple[str, date, int, int]] = []
    found = verify(store, on_day=lambda *said: seen.append(said))

    assert found.ok
    assert (found.files, found.rows) == (4, 4)
    assert found.tables.rows() == [("executions", 2, 4, _size(store), 3, 4)]
    frames = (found.damaged, found.quarantined, found.left_over, found.repeated_steps, found.orphans)
    assert [frame.height for frame in frames] == [0] * 5
    assert seen == [("executions", date(2026, 11, 2), 1, 2), ("executions", DAY, 2, 2)]
    assert found.to_dict()["damaged"] == []
    assert found.to_frame().equals(found.tables)


def _size(root: Path) -> int:
    """What the files take on disk: a published file is its generation under a second name."""
    return sum(path.stat().st_size for path in root.glob("_journal/executions/**/*.parquet"))


def test_every_single_flipped_bit_is_found(store: Path) -> None:
    random.seed(20261103)
    path = _fragment(store, 0)
    data = path.read_bytes()
    for _ in range(60):
        at, bit = random.randrange(len(data)), 1 << random.randrange(8)
        path.write_bytes(data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :])
        found = verify(store)
        assert found.damaged.select("file", "live").rows() == [(str(path.relative_to(store)), True)], (at, bit)
    path.write_bytes(data)
    assert verify(store).ok


@pytest.mark.parametrize("size", [0, 4, 100, 1000])
def test_a_file_that_was_cut_short_is_found(store: Path, size: int) -> None:
    os.truncate(_fragment(store, 1), size)
    assert verify(store).damaged["file"].to_list() == [str(_fragment(store, 1).relative_to(store))]
    assert read_ids(store) == ["c"]


def test_what_is_damaged_is_left_out_from_then_on_until_it_is_put_right(store: Path) -> None:
    path = _fragment(store, 0)
    sound = path.read_bytes()
    _flip(path, len(sound) // 3)

    for _ in range(2):  # written down once
        found = verify(store)
        assert found.quarantined.select("file", "state").rows() == [(str(path.relative_to(store)), "damaged")]
    assert (store / "_quarantine.jsonl").read_text().count("\n") == 1
    assert read_ids(store) == ["d"]
    assert found.rows == 3

    path.write_bytes(sound)
    found = verify(store)
    assert found.ok
    assert found.quarantined["state"].to_list() == ["put right"]
    assert read_ids(store) == ["c", "d"]
    path.unlink()
    assert verify(store).quarantined["state"].to_list() == ["gone"]


def test_damage_that_costs_no_row_is_told_from_damage_that_does(store: Path) -> None:
    published = published_folder(store, "executions", date(2026, 11, 2)) / "executions-00000001.parquet"
    _flip(published, 50)
    found = verify(store)

    assert not found.ok
    assert found.damaged.select("file", "live").rows() == [(str(published.relative_to(store)), False)]
    assert found.rows == 4
    generation = day_folder(store, "executions", date(2026, 11, 2)) / generation_name(1)
    _flip(generation, 50)
    assert sorted(verify(store).damaged["live"].to_list()) == [False, True]


def test_what_is_left_over_is_named(store: Path) -> None:
    folder = day_folder(store, "executions", DAY)
    covered = _fragment(store, 0).read_bytes()
    compact_day(store, "executions", DAY, grace_s=10_000)
    put(store, ["e"], seq=2)
    compact_day(store, "executions", DAY, full=False, grace_s=0)  # leaves the published file behind
    _fragment(store, 0).write_bytes(covered)  # a late retry
    (folder / ".tmp-f-0123456789ab-00000009-0123456789ab").write_bytes(b"half")
    (folder / "notes.txt").write_text("mine")
    (store / "executions" / "somewhere").symlink_to(store)
    (store / "executions" / "day=2026-13-01").mkdir()
    left = dict(verify(store).left_over.select("file", "what").rows())

    place = "_journal/executions/day=2026-11-03"
    assert left == {
        f"{place}/{fragment_name(Fragment(WRITER, 0))}": (
            "merged into c-00000002.parquet; removed at the next compaction"
        ),
        f"{place}/.tmp-f-0123456789ab-00000009-0123456789ab": "temp of a writer or compactor that is at work, or died",
        f"{place}/notes.txt": "not a file of the store",
        "executions/day=2026-11-03/executions-00000001.parquet": (
            "published, but c-00000002.parquet is newer; rpa-lab compact publishes it"
        ),
        "executions/somewhere": "symbolic link, not followed",
        "executions/day=2026-13-01": "not a day of the store",
    }
    assert verify(store).ok


def test_replaced_generations_wait_for_removal(store: Path) -> None:
    compact_day(store, "executions", DAY, grace_s=10_000)
    put(store, ["e"], seq=2)
    compact_day(store, "executions", DAY, grace_s=10_000)
    what = verify(store).left_over.filter(pl.col("file").str.ends_with("c-00000001.parquet"))["what"].to_list()
    assert what == ["replaced by c-00000002.parquet"]


def test_repeated_steps_and_steps_without_their_execution_are_named(root: Path) -> None:
    store = TimeSeriesStore(root)

    def step(name: str | None, run: str, index: int | None = None) -> StepMetrics:
        return StepMetrics(name, run, "w", "n", "click", None, AT, AT, 1.0, "completed", step_index=index)

    store.write_metrics([ExecutionMetrics("e", "w", AT, AT, 1.0, "completed", 0, 0, 0)])
    store.write_metrics([step("s", "e"), step("t", "e"), step("s", "alone"), step(None, "e", 3)])
    store.write_metrics([step("s", "e"), step("e:3", "alone"), step(None, "e", 4)])
    found = verify(root)

    assert found.repeated_steps.rows() == [("s", 3), ("e:3", 2)]
    assert found.orphans.rows() == [("alone", 2, AT)]
    assert found.ok  # worth knowing, but nothing is damaged


def test_what_is_no_file_at_all_is_damage_and_stops_nothing(store: Path) -> None:
    folder = day_folder(store, "executions", DAY)
    os.mkfifo(folder / fragment_name(Fragment(WRITER, 7)))
    (folder / fragment_name(Fragment(WRITER, 8))).mkdir()
    (folder / fragment_name(Fragment(WRITER, 9))).symlink_to("nowhere")
    found = verify(store)

    assert [Path(file).name[-16:] for file in found.damaged["file"]] == [
        "00000007.parquet",
        "00000008.parquet",
        "00000009.parquet",
    ]
    assert set(found.damaged["reason"]) == {"not a regular file"}


def test_a_copy_without_journal_is_verified_too(store: Path, tmp_path: Path) -> None:
    from rpa_lab.storage.push import push

    for path in store.glob("_journal/*/*/f-*"):
        os.utime(path, (0, 0))
    compact(store, grace_s=0)
    copy = tmp_path / "copy"
    push(store, copy)
    assert (verify(copy).ok, verify(copy).rows) == (True, 4)
    _flip(next((copy / "executions/day=2026-11-03").iterdir()), 60)
    found = verify(copy)
    assert found.damaged["live"].to_list() == [True]
    assert TimeSeriesStore(copy).read("executions")["execution_id"].to_list() == ["a", "b"]


def test_where_there_is_no_store_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no store"):
        verify(tmp_path)
