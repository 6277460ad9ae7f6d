from __future__ import annotations

import os
import random
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rpa_lab.journal.encode import check, with_origin
from rpa_lab.journal.fragment import (
    Unreadable,
    check_seal,
    encode_parquet,
    fsync_folder,
    make_folder,
    publish_fragment,
    read_footer,
    read_sealed,
    write_new,
)
from rpa_lab.journal.layout import Fragment, fragment_name
from rpa_lab.schema import SCHEMA_VERSION, TABLES

TABLE = TABLES["executions"]
ORIGIN = Fragment("0123456789ab", 0)
AT = datetime(2026, 11, 3, 10, tzinfo=UTC)


def _rows(count: int = 3) -> pa.Table:
    columns = {
        "execution_id": [f"e{n}" for n in range(count)],
        "status": ["completed"] * count,
        "started_at": [AT] * count,
        "duration_ms": [float(n) for n in range(count)],
        "error_message": ["rpa_lab.seal " + "0" * 64] * count,  # text that looks like the seal must not mislead
    }
    return with_origin(TABLE, check(TABLE, columns, count).rows, ORIGIN)


@pytest.mark.parametrize("compacted", [False, True])
def test_rows_come_back_as_they_were(tmp_path: Path, compacted: bool) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(encode_parquet(TABLE, _rows(), compacted=compacted))

    footer, rows = read_sealed(path, TABLE)

    assert rows.equals(_rows())
    assert (footer.table, footer.version, footer.rows) == ("executions", SCHEMA_VERSION, 3)
    assert (footer.first, footer.last) == (AT, AT)
    assert read_footer(path) == footer == check_seal(path)


def test_any_parquet_reader_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(encode_parquet(TABLE, _rows(), compacted=True))

    assert pl.read_parquet(path)["execution_id"].to_list() == pq.read_table(path)["execution_id"].to_pylist()


def test_every_flipped_bit_is_found(tmp_path: Path) -> None:
    data = encode_parquet(TABLE, _rows())
    path = tmp_path / "x.parquet"
    choose = random.Random(7)
    bits = [choose.randrange(len(data) * 8) for _ in range(300)] + list(range((len(data) - 8) * 8, len(data) * 8))
    for bit in bits:
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        with pytest.raises(Unreadable):
            check_seal(path)


@pytest.mark.parametrize("length", [0, 1, 7, 8, 100, 1000, -1, -9])
def test_a_file_that_was_cut_short_is_unreadable(tmp_path: Path, length: int) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(encode_parquet(TABLE, _rows())[:length])

    for read in (read_footer, check_seal):
        with pytest.raises(Unreadable, match=r"x\.parquet"):
            read(path)


def test_a_foreign_parquet_file_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pl.DataFrame({"a": [1]}).write_parquet(path)

    with pytest.raises(Unreadable, match="no file of an rpa_lab store"):
        read_footer(path)


def test_what_is_no_file_is_unreadable_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.parquet")
    (tmp_path / "folder.parquet").mkdir()
    (tmp_path / "dangling.parquet").symlink_to("nowhere")

    for name in ("pipe", "folder", "dangling"):
        with pytest.raises(Unreadable, match="not a regular file"):
            check_seal(tmp_path / f"{name}.parquet")


def test_another_tables_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(encode_parquet(TABLE, _rows()))

    with pytest.raises(Unreadable, match="rows of executions"):
        read_sealed(path, TABLES["steps"])


def test_columns_that_an_older_file_lacks_are_null(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    older = _rows(1).drop_columns(["end_context", "_start_row"])
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, older.schema) as writer:
        writer.write_table(older)
        facts = {"table": "executions", "version": "1", "rows": "1", "first": "", "last": "", "seal": "0" * 64}
        writer.add_key_value_metadata({f"rpa_lab.{key}": value for key, value in facts.items()})
    path.write_bytes(_seal(sink.getvalue().to_pybytes()))

    _, rows = read_sealed(path, TABLE)

    assert rows.column_names == TABLE.arrow.names
    assert rows["end_context"].null_count == rows["_start_row"].null_count == 1
    assert rows["execution_id"].to_pylist() == ["e0"]


def _seal(data: bytes) -> bytes:
    from hashlib import blake2b

    digest = blake2b(data, digest_size=32).hexdigest().encode()
    head, _, tail = data.rpartition(b"0" * 64)
    return head + digest + tail


def test_a_fragment_is_published_under_its_name_and_nothing_else_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b" / "day=2026-11-03"
    data = encode_parquet(TABLE, _rows())

    publish_fragment(folder, ORIGIN, data)
    publish_fragment(folder, ORIGIN, data)  # a late retry

    assert [path.name for path in folder.iterdir()] == [fragment_name(ORIGIN)]
    assert (folder / fragment_name(ORIGIN)).read_bytes() == data


def test_files_and_folders_are_not_for_everybody(tmp_path: Path) -> None:
    publish_fragment(tmp_path / "day=2026-11-03", ORIGIN, b"x")

    assert stat.S_IMODE((tmp_path / "day=2026-11-03").stat().st_mode) & 0o027 == 0
    assert stat.S_IMODE((tmp_path / "day=2026-11-03" / fragment_name(ORIGIN)).stat().st_mode) & 0o137 == 0


def test_a_mode_is_exact_and_a_folder_stays_its_groups(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o2770)
    before = os.umask(0o077)
    try:
        publish_fragment(shared / "a" / "day=2026-11-03", ORIGIN, b"x", mode=0o664)
    finally:
        os.umask(before)

    assert stat.S_IMODE((shared / "a" / "day=2026-11-03" / fragment_name(ORIGIN)).stat().st_mode) == 0o664
    for folder in (shared / "a", shared / "a" / "day=2026-11-03"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o2775


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_publish_that_fails_leaves_nothing_visible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def refuse(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    make_folder(tmp_path / "day=2026-11-03")
    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(OSError, match="No space"):
        publish_fragment(tmp_path / "day=2026-11-03", ORIGIN, b"x")

    assert list((tmp_path / "day=2026-11-03").iterdir()) == []


def test_the_order_on_disk_is_file_then_name_then_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    real_fsync, real_replace = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        calls.append("fsync folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "fsync file")
        real_fsync(descriptor)

    def replace(source: Any, target: Any) -> None:
        calls.append("replace")
        real_replace(source, target)

    make_folder(tmp_path / "day=2026-11-03")
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    publish_fragment(tmp_path / "day=2026-11-03", ORIGIN, b"x")

    assert calls == ["fsync file", "replace", "fsync folder"]


def test_a_new_folder_is_made_durable_in_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr("rpa_lab.journal.fragment.fsync_folder", synced.append)

    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")

    assert synced == [tmp_path, tmp_path / "a"]
    assert (tmp_path / "a" / "b").is_dir()


def test_a_new_file_is_new(tmp_path: Path) -> None:
    write_new(tmp_path / "x", b"1")

    with pytest.raises(FileExistsError):
        write_new(tmp_path / "x", b"2")
    assert (tmp_path / "x").read_bytes() == b"1"
    fsync_folder(tmp_path)
