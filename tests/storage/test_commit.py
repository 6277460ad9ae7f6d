from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from rpa_lab.journal import fragment
from rpa_lab.journal.fragment import publish_fragment
from rpa_lab.journal.layout import Fragment, day_folder, generation_name, parse_generation, parse_temp_target
from rpa_lab.schema import TABLES
from rpa_lab.storage import commit as protocol
from rpa_lab.storage import snapshot
from rpa_lab.storage.commit import Content, commit, remove_dead
from rpa_lab.storage.compaction import compact_day
from rpa_lab.storage.snapshot import Day, look
from tests.storage.days import DAY, WRITER, put, read_ids


def _folder(root: Path) -> Path:
    return day_folder(root, "executions", DAY)


def _names(root: Path) -> list[str]:
    return sorted(path.name for path in _folder(root).iterdir())


def test_the_temp_bears_its_target_and_is_there_before_the_listing(root: Path) -> None:
    put(root, ["e"], seq=0)
    seen: list[list[int | None]] = []

    def make(now: Day) -> Content | None:
        seen.append([parse_temp_target(name) for name in _names(root) if name.startswith(".tmp")])
        return None

    assert commit(root, "executions", DAY, make) is None
    assert seen == [[1]]
    assert _names(root) == ["f-0123456789ab-00000000.parquet"]


def test_who_comes_second_drops_its_work(root: Path) -> None:
    put(root, ["e0"], seq=0)
    put(root, ["e1"], seq=1)
    inner: list[int | None] = []

    def make(now: Day) -> Content | None:
        inner.append(compact_day(root, "executions", DAY, grace_s=0).generation)  # another one wins meanwhile
        rows = TABLES["executions"].arrow.empty_table()
        return Content(
            rows=rows, keeps=(), archive=(), covers=now.covers.plus([Fragment(WRITER, 0), Fragment(WRITER, 1)])
        )

    assert commit(root, "executions", DAY, make) is None
    assert inner == [1]
    assert read_ids(root) == ["e0", "e1"]
    assert _names(root) == [generation_name(1)]


def test_a_stale_compactor_whose_temp_was_swept_cannot_link_over_a_freed_name(root: Path) -> None:
    """It lists, sleeps; two generations are published and the first one removed, which frees its name."""
    put(root, ["e0"], seq=0)

    def make(now: Day) -> Content | None:
        for n in (1, 2):
            put(root, [f"e{n}"], seq=n)
            compact_day(root, "executions", DAY, grace_s=0)
        assert [name for name in _names(root) if parse_generation(name)] == [generation_name(2)]
        rows = TABLES["executions"].arrow.empty_table()
        return Content(rows=rows, keeps=(), archive=(), covers=now.covers.plus([Fragment(WRITER, 0)]))

    assert commit(root, "executions", DAY, make) is None
    assert read_ids(root) == ["e0", "e1", "e2"]
    assert _names(root) == [generation_name(2)]


def test_a_listing_that_shows_another_generation_than_the_temp_was_made_for_is_dropped(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(root, ["e0"], seq=0)
    real = snapshot.list_day
    calls: list[bool] = []

    def listing(folder: Path) -> list[str]:
        names = real(folder)
        if not calls:
            calls.append(True)
            compact_day(root, "executions", DAY, grace_s=0)
        return names

    monkeypatch.setattr(protocol, "list_day", listing)
    made: list[Day] = []
    assert commit(root, "executions", DAY, lambda now: made.append(now)) is None
    assert made == []
    assert read_ids(root) == ["e0"]


def test_the_order_on_disk(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """File fsync, folder fsync, link, folder fsync, unlink."""
    import stat

    put(root, ["e0"], seq=0)
    calls: list[str] = []
    real = {name: getattr(os, name) for name in ("fsync", "link", "unlink")}

    def fsync(descriptor: int) -> None:
        calls.append("fsync folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "fsync file")
        real["fsync"](descriptor)

    def link(source: Any, target: Any, **more: Any) -> None:
        calls.append("link")
        real["link"](source, target, **more)

    def unlink(path: Any, **more: Any) -> None:
        if not Path(path).name.startswith(".tmp"):
            calls.append("unlink")
        real["unlink"](path, **more)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "link", link)
    monkeypatch.setattr(os, "unlink", unlink)
    compact_day(root, "executions", DAY, full=False, grace_s=0)

    assert calls == ["fsync file", "fsync folder", "link", "fsync folder", "unlink"]


def test_what_is_dead_stays_for_the_grace(root: Path) -> None:
    put(root, ["e0"], seq=0)
    compact_day(root, "executions", DAY, grace_s=600)
    assert len(_names(root)) == 2

    assert remove_dead(root, "executions", DAY, grace_s=600) == 0
    assert remove_dead(root, "executions", DAY, grace_s=0) == 1
    assert _names(root) == [generation_name(1)]


def test_a_fragment_that_came_back_is_removed_again(root: Path) -> None:
    data = put(root, ["e0"], seq=0)
    compact_day(root, "executions", DAY, grace_s=0)
    publish_fragment(_folder(root), Fragment(WRITER, 0), data)

    assert compact_day(root, "executions", DAY, grace_s=0).removed == 1
    assert read_ids(root) == ["e0"]


def test_temps_go_before_anything_else_and_nothing_goes_if_one_cannot(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(root, ["e0"], seq=0)
    compact_day(root, "executions", DAY, grace_s=600)
    (_folder(root) / ".tmp-c-00000001-0123456789ab").write_bytes(b"")
    (_folder(root) / ".tmp-c-00000002-0123456789ab").write_bytes(b"")
    real = os.unlink

    def refuse(path: Any, **more: Any) -> None:
        if ".tmp-c-00000001" in str(path):
            raise PermissionError(13, "Permission denied")
        real(path, **more)

    monkeypatch.setattr(os, "unlink", refuse)
    with pytest.raises(PermissionError):
        remove_dead(root, "executions", DAY, grace_s=0)
    assert "f-0123456789ab-00000000.parquet" in _names(root)
    monkeypatch.undo()

    remove_dead(root, "executions", DAY, grace_s=0)
    assert _names(root) == [".tmp-c-00000002-0123456789ab", generation_name(1)]  # the later one may still be under way


def test_archive_files_that_nothing_names_go_and_named_ones_stay(root: Path) -> None:
    put(root, ["e0"], seq=0)
    archive = root / "_archive" / "executions" / "day=2026-11-03"
    archive.mkdir(parents=True)
    for name in (
        "a-00000001-0123456789ab.parquet",
        "a-00000001-ffffffffffff.parquet",
        "a-00000009-0123456789ab.parquet",
    ):
        (archive / name).write_bytes(b"")

    def make(now: Day) -> Content:
        rows = TABLES["executions"].arrow.empty_table()
        covers = now.covers.plus([Fragment(WRITER, 0)])
        return Content(rows=rows, keeps=(), archive=("a-00000001-0123456789ab.parquet",), covers=covers)

    assert commit(root, "executions", DAY, make) == 1
    (archive / "a-00000001-0123456789ab.parquet").write_bytes((_folder(root) / generation_name(1)).read_bytes())
    remove_dead(root, "executions", DAY, grace_s=0)

    assert sorted(path.name for path in archive.iterdir()) == [
        "a-00000001-0123456789ab.parquet",
        "a-00000009-0123456789ab.parquet",  # of a commit that is still under way
    ]


def test_what_reads_back_other_than_it_was_written_is_never_linked(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(root, ["e0"], seq=0)
    real = fragment.encode_parquet

    def flipped(*args: Any, **more: Any) -> bytes:
        data = bytearray(real(*args, **more))
        data[40] ^= 1
        return bytes(data)

    monkeypatch.setattr(protocol, "encode_parquet", flipped)
    with pytest.raises(OSError, match="reads back other than it was written"):
        compact_day(root, "executions", DAY, grace_s=0)

    assert _names(root) == ["f-0123456789ab-00000000.parquet"]
    assert look(root, "executions", DAY).head == 0


def test_a_day_that_is_not_there_is_left_alone(root: Path) -> None:
    assert commit(root, "executions", DAY, lambda now: None) is None
    assert remove_dead(root, "executions", DAY, grace_s=0) == 0
    assert not root.exists()
