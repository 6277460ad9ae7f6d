from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rpa_lab.errors import InputError, StoreError
from rpa_lab.journal.layout import published_folder
from rpa_lab.journal.root import open_root
from rpa_lab.storage.compaction import compact, compact_day
from rpa_lab.storage.push import push
from rpa_lab.storage.remote import bucket_of
from rpa_lab.storage.retention import archive_day, delete_day
from tests.storage.days import DAY, put

BEFORE = date(2026, 11, 2)


@pytest.fixture
def two_days(root: Path) -> Path:
    """A store of two published days; nothing of it is younger than ten minutes."""
    open_root(root)
    (root / "rpa_lab.toml").write_text('tz = "Europe/Paris"\n')
    put(root, ["e0", "e1"], seq=0, day=BEFORE)
    put(root, ["e2"], seq=0, day=DAY)
    compact(root, grace_s=0)
    return root


@pytest.fixture(params=["bucket", "folder", "file url"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Each kind of place that a store is pushed to."""
    if request.param == "bucket":
        uri: str = request.getfixturevalue("bucket")
        return uri
    folder = tmp_path / "a copy"
    return str(folder) if request.param == "folder" else folder.as_uri()


def _names(target: str) -> list[str]:
    """What lies there."""
    from pyarrow.fs import FileSelector, FileType, LocalFileSystem

    if target.startswith("s3://"):
        place = bucket_of(target)
        files, path = place.files, place.path
    else:
        path = target.removeprefix("file://").replace("%20", " ")
        files = LocalFileSystem()
    found = files.get_file_info(FileSelector(path, recursive=True))
    return sorted(entry.path.removeprefix(f"{path}/") for entry in found if entry.type == FileType.File)


def _age(root: Path, day: date, *, hours: float) -> None:
    """Make a day's fragments look as old as that, so that it is closed."""
    at = datetime.now(UTC).timestamp() - 3600 * hours
    for path in (root / "_journal").glob(f"*/day={day}/f-*"):
        os.utime(path, (at, at))


def test_published_files_of_closed_days_and_the_settings_arrive(two_days: Path, target: str) -> None:
    seen: list[tuple[str, date, int, int]] = []
    done = push(two_days, target, on_day=lambda *said: seen.append(said))

    assert (done.copied, done.already_there, done.removed, done.warnings) == (2, 0, 0, ())
    assert done.bytes == sum(path.stat().st_size for path in two_days.glob("executions/*/*"))
    assert _names(target) == [
        "_store.json",
        "executions/day=2026-11-02/executions-00000001.parquet",
        "executions/day=2026-11-03/executions-00000001.parquet",
        "rpa_lab.toml",
    ]
    assert seen == [("executions", BEFORE, 1, 2), ("executions", DAY, 2, 2)]


def test_only_what_is_new_is_sent_and_the_older_file_of_a_day_goes(two_days: Path, target: str) -> None:
    push(two_days, target)
    again = push(two_days, target)
    assert (again.copied, again.already_there, again.removed, again.bytes) == (0, 2, 0, 0)

    put(two_days, ["late"], seq=1, day=BEFORE)
    _age(two_days, BEFORE, hours=1)
    compact_day(two_days, "executions", BEFORE, grace_s=0)
    third = push(two_days, target)
    assert (third.copied, third.already_there, third.removed) == (1, 1, 1)
    assert "executions/day=2026-11-02/executions-00000002.parquet" in _names(target)
    assert "executions/day=2026-11-02/executions-00000001.parquet" not in _names(target)


def test_a_file_that_was_damaged_there_is_sent_again(two_days: Path, target: str) -> None:
    push(two_days, target)
    name = "executions/day=2026-11-03/executions-00000001.parquet"
    if target.startswith("s3://"):
        place = bucket_of(target)
        with place.files.open_output_stream(f"{place.path}/{name}") as file:
            file.write(b"PAR1 half of it")
    else:
        (Path(target.removeprefix("file://").replace("%20", " ")) / name).write_bytes(b"PAR1 half of it")

    again = push(two_days, target)
    assert (again.copied, again.already_there) == (1, 1)
    assert push(two_days, target).copied == 0


def test_days_that_are_open_or_wait_for_compaction_are_left_out(two_days: Path, tmp_path: Path) -> None:
    today = datetime.now(UTC).date()
    put(two_days, ["now"], seq=0, day=today)
    put(two_days, ["late"], seq=1, day=BEFORE)
    _age(two_days, BEFORE, hours=1)
    put(two_days, ["just now"], seq=1, day=DAY)  # reopens the day
    done = push(two_days, tmp_path / "copy")

    assert done.copied == 0
    assert done.warnings == (
        "executions 2026-11-02 was left out: rows of it are not published; run rpa-lab compact first",
    )


def test_another_stores_files_are_never_overwritten(two_days: Path, tmp_path: Path, target: str) -> None:
    other = tmp_path / "other"
    open_root(other)
    put(other, ["theirs"], seq=0, day=DAY)
    compact(other, grace_s=0)
    push(other, target)
    with pytest.raises(StoreError, match=r"2026-11-03/executions-00000001\.parquet is another store's file"):
        push(two_days, target)


def test_a_newer_file_there_is_left_alone_and_named(two_days: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    push(two_days, copy)
    folder = copy / "executions/day=2026-11-03"
    (folder / "executions-00000001.parquet").rename(folder / "executions-00000007.parquet")
    done = push(two_days, copy)

    assert done.already_there == 1
    assert len(done.warnings) == 1
    assert "executions-00000007.parquet is newer than the store's executions-00000001.parquet" in done.warnings[0]
    assert [path.name for path in folder.iterdir()] == ["executions-00000007.parquet"]


def test_a_damaged_file_of_ours_is_never_sent(two_days: Path, tmp_path: Path) -> None:
    path = published_folder(two_days, "executions", DAY) / "executions-00000001.parquet"
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)
    done = push(two_days, tmp_path / "copy")

    assert done.copied == 1
    assert "executions 2026-11-03 was left out: it is damaged" in done.warnings[0]
    assert _names(str(tmp_path / "copy")) == [
        "_store.json",
        "executions/day=2026-11-02/executions-00000001.parquet",
        "rpa_lab.toml",
    ]


def test_what_reads_back_other_than_it_was_sent_is_an_error_and_goes(
    two_days: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rpa_lab.storage import push as pushing

    def half(path: Path, data: bytes) -> None:
        path.write_bytes(data[: len(data) // 2] if data.startswith(b"PAR1") else data)

    monkeypatch.setattr(pushing, "write_new", half)  # a disk that loses what it took
    with pytest.raises(StoreError, match=r"reads back other than it was sent \(\d+ of \d+ bytes\)"):
        push(two_days, tmp_path / "copy")
    assert not list((tmp_path / "copy").glob("executions/*/*"))


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("ftp://host/x", "'ftp://host/x' is no place for a store; expected a folder, file:///folder or s3://bucket"),
        ("s3://", "names no bucket"),
    ],
)
def test_what_is_no_place_is_said(two_days: Path, target: str, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        push(two_days, target)


def test_a_store_is_never_pushed_into_itself_or_into_one_that_bots_write_to(two_days: Path, tmp_path: Path) -> None:
    for inside in (two_days, two_days / "copy", two_days.parent):
        with pytest.raises(InputError, match="overlaps the store"):
            push(two_days, inside)
    other = tmp_path / "other"
    put(other, ["e"], seq=0)
    with pytest.raises(InputError, match="is a store that bots write to"):
        push(two_days, other)


def test_a_target_that_refuses_is_an_error_that_names_it(two_days: Path, bucket: str) -> None:
    missing = "s3://no-such-bucket-at-all/x"
    with pytest.raises(StoreError, match="no-such-bucket-at-all"):
        push(two_days, missing)


def test_a_plain_glob_over_a_copy_is_every_row_once(two_days: Path, tmp_path: Path) -> None:
    push(two_days, tmp_path / "copy")
    rows: Any = pl.read_parquet(tmp_path / "copy/executions/**/*.parquet")
    assert sorted(rows["execution_id"]) == ["e0", "e1", "e2"]


def test_days_that_were_archived_or_deleted_are_said(two_days: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    push(two_days, str(copy))
    archive_day(two_days, "executions", BEFORE, grace_s=0)
    delete_day(two_days, "executions", DAY, grace_s=0)

    assert push(two_days, str(copy)).warnings == (
        f"executions {DAY} was deleted here and is still in the copy; remove it there",
        "1 archived days of executions are not sent",
    )
    assert push(two_days, str(tmp_path / "another")).warnings == ("1 archived days of executions are not sent",)
