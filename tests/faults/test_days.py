"""Clocks that jump, late rows of days that were archived or deleted, days in the future, links in the root."""

from __future__ import annotations

import os
import stat
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rpa_lab.errors import StoreError
from rpa_lab.journal.fragment import publish_fragment
from rpa_lab.journal.layout import Fragment
from rpa_lab.storage.commit import remove_dead
from rpa_lab.storage.compaction import compact, compact_day
from rpa_lab.storage.retention import archive_day, delete_day, retain
from tests.faults.rows import DAY, TABLE, WRITER, folder_of, names_in, published_ids, put, read_ids


def test_a_clock_that_goes_back_removes_nothing_early(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    put(root, ["s0"], seq=0)
    compact_day(root, TABLE, DAY, grace_s=600)
    monkeypatch.setattr(time, "time", lambda: real() - 86_400)
    put(root, ["s1"], seq=1)
    compact_day(root, TABLE, DAY, grace_s=0)

    assert len(names_in(folder_of(root))) == 4  # what was published "tomorrow" is no judge yet
    assert read_ids(root) == published_ids(root) == ["s0", "s1"]
    monkeypatch.undo()
    assert remove_dead(root, TABLE, DAY, grace_s=0) == 3
    assert read_ids(root) == ["s0", "s1"]


def test_a_clock_that_goes_forward_removes_only_what_is_dead(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    put(root, ["s0"], seq=0)
    compact_day(root, TABLE, DAY, grace_s=600)
    put(root, ["s1"], seq=1)
    monkeypatch.setattr(time, "time", lambda: real() + 10 * 86_400)
    compact_day(root, TABLE, DAY, full=False, grace_s=600)

    assert read_ids(root) == ["s0", "s1"]
    compact_day(root, TABLE, DAY, grace_s=600)
    assert read_ids(root) == published_ids(root) == ["s0", "s1"]


def test_late_rows_of_an_archived_day_count_beside_it(root: Path) -> None:
    put(root, ["s0"], seq=0)
    archive_day(root, TABLE, DAY, grace_s=0)
    for n in range(1, 4):
        put(root, [f"s{n}"], seq=n)
        assert read_ids(root) == [f"s{m}" for m in range(n + 1)]
        compact_day(root, TABLE, DAY, grace_s=0)
        assert read_ids(root) == [f"s{m}" for m in range(n + 1)]
        assert published_ids(root) == [f"s{m}" for m in range(1, n + 1)]
    archive_day(root, TABLE, DAY, grace_s=0)
    assert (read_ids(root), published_ids(root)) == (["s0", "s1", "s2", "s3"], [])


def test_late_rows_of_a_deleted_day_live_until_the_next_run(root: Path) -> None:
    put(root, ["s0"], seq=0)
    compact_day(root, TABLE, DAY, grace_s=0)
    delete_day(root, TABLE, DAY, grace_s=0)
    put(root, ["s1"], seq=1)
    compact_day(root, TABLE, DAY, grace_s=0)
    assert read_ids(root) == published_ids(root) == ["s1"]

    delete_day(root, TABLE, DAY, grace_s=0)
    assert read_ids(root) == published_ids(root) == []


@pytest.mark.parametrize("compacted", [False, True])
def test_a_late_retry_of_a_deleted_row_does_not_bring_it_back(root: Path, *, compacted: bool) -> None:
    data = put(root, ["s0"], seq=0)
    if compacted:
        compact_day(root, TABLE, DAY, grace_s=0)
    delete_day(root, TABLE, DAY, grace_s=0)
    publish_fragment(folder_of(root), Fragment(WRITER, 0), data)

    assert read_ids(root) == []
    compact_day(root, TABLE, DAY, grace_s=0)
    assert read_ids(root) == published_ids(root) == []


def test_a_day_in_the_future_is_kept_and_never_removed(root: Path) -> None:
    future = datetime.now(UTC).date() + timedelta(days=400)
    put(root, ["s0"], seq=0, day=future)
    compact(root, tables=[TABLE], grace_s=0)
    far = datetime.now(UTC) + timedelta(days=4000)
    for then in ("archive", "delete"):
        assert retain(root, {TABLE: 1}, then=then, as_of=far, grace_s=0).rows == 0
    assert read_ids(root, day=future) == published_ids(root, day=future) == ["s0"]


def test_a_root_that_is_a_link_is_the_store_it_points_to(root: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(root)
    put(root, ["s0"], seq=0)
    put(link, ["s1"], seq=1)
    compact_day(link, TABLE, DAY, grace_s=0)
    assert read_ids(root) == read_ids(link) == published_ids(root) == ["s0", "s1"]


@pytest.mark.parametrize("place", ["_journal/steps/day=2026-11-03", "_journal/steps", "steps", "_archive"])
def test_nothing_is_removed_through_a_link_within_the_root(place: str, root: Path, tmp_path: Path) -> None:
    put(root, ["s0"], seq=0)
    compact_day(root, TABLE, DAY, grace_s=0)
    (root / "_archive").mkdir(exist_ok=True)
    elsewhere = tmp_path / "elsewhere"
    (root / place).rename(elsewhere)
    (root / place).symlink_to(elsewhere)
    before = sorted(str(path) for path in elsewhere.rglob("*"))
    for end in (archive_day, delete_day):
        with pytest.raises(StoreError, match="symbolic link"):
            end(root, TABLE, DAY, grace_s=0)
    assert sorted(str(path) for path in elsewhere.rglob("*")) == before


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="it looks up descriptors in /proc")
def test_an_archive_file_is_on_disk_before_a_generation_names_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(root, ["s0"], seq=0)
    compact_day(root, TABLE, DAY, grace_s=0)
    calls: list[str] = []
    real = {name: getattr(os, name) for name in ("fsync", "link", "unlink")}

    def fsync(descriptor: int) -> None:
        calls.append(f"fsync {_kind(os.readlink(f'/proc/self/fd/{descriptor}'), os.fstat(descriptor).st_mode)}")
        real["fsync"](descriptor)

    def link(source: Any, target: Any, **more: Any) -> None:
        calls.append("link")
        real["link"](source, target, **more)

    def unlink(path: Any, **more: Any) -> None:
        if not Path(path).name.startswith(".tmp"):
            calls.append(f"unlink {_kind(str(path), 0)}")
        real["unlink"](path, **more)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "link", link)
    monkeypatch.setattr(os, "unlink", unlink)
    archive_day(root, TABLE, DAY, grace_s=0)

    link_at, file_at = calls.index("link"), calls.index("fsync archive file")
    assert file_at < calls.index("fsync archive folder", file_at) < link_at
    published_at = calls.index("unlink published file")
    assert link_at < calls.index("fsync day folder", link_at) < published_at
    assert published_at < calls.index("unlink day file")


def _kind(path: str, mode: int) -> str:
    place = "archive" if "/_archive/" in path else "day" if "/_journal/" in path else "published"
    return f"{place} {'folder' if stat.S_ISDIR(mode) else 'file'}"
