"""What goes when, whoever else is at work, and wherever a run dies."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from rpa_lab.errors import StoreError
from rpa_lab.journal.layout import archive_folder, generation_name
from rpa_lab.storage import retention
from rpa_lab.storage.commit import commit
from rpa_lab.storage.compaction import compact_day
from rpa_lab.storage.publication import unpublish
from rpa_lab.storage.retention import archive_day, delete_day, retain
from rpa_lab.storage.snapshot import look
from tests.storage.days import DAY, fragment_bytes, put, read_ids
from tests.storage.ended import AS_OF, archived_names, journal_names, published_names


@pytest.mark.parametrize("end", [archive_day, delete_day])
def test_the_published_file_goes_even_if_somebody_compacts_late_rows_meanwhile(
    root: Path, end: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the link and the removal two tiers of late rows are made, so that no publication is possible."""
    put(root, ["a"], seq=0)
    compact_day(root, "executions", DAY, grace_s=600)
    real = unpublish

    def meanwhile(*args: Any, **more: Any) -> None:
        put(root, ["b", "c", "d"], seq=1)
        compact_day(root, "executions", DAY, full=False, grace_s=600)
        put(root, ["e"], seq=2)
        compact_day(root, "executions", DAY, full=False, grace_s=600)
        real(*args, **more)

    monkeypatch.setattr(retention, "unpublish", meanwhile)
    end(root, "executions", DAY, grace_s=600)

    assert look(root, "executions", DAY).keeps != ()
    assert published_names(root) == []


def test_the_archive_is_on_disk_before_the_link_and_the_link_before_anything_goes(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(root, ["a"], seq=0)
    compact_day(root, "executions", DAY, grace_s=600)
    (root / "_archive/executions").mkdir(parents=True)
    calls: list[str] = []
    real = {name: getattr(os, name) for name in ("fsync", "link", "unlink", "mkdir")}

    def what(path: Any) -> str:
        path = Path(path)
        place = path.relative_to(root).parts[0] if path.is_relative_to(root) else str(path)
        return f"{place} {'folder' if path.is_dir() else path.name[:2]}"

    def fsync(descriptor: int) -> None:
        calls.append(f"fsync {what(os.readlink(f'/proc/self/fd/{descriptor}'))}")
        real["fsync"](descriptor)

    def noted(name: str, at: int) -> Any:
        def call(*paths: Any, **more: Any) -> None:
            if not Path(paths[at]).name.startswith(".tmp"):
                calls.append(f"{name} {what(paths[at])}")
            real[name](*paths, **more)

        return call

    monkeypatch.setattr(os, "fsync", fsync)
    for name, at in (("link", 1), ("unlink", 0), ("mkdir", 0)):
        monkeypatch.setattr(os, name, noted(name, at))
    archive_day(root, "executions", DAY, grace_s=0)

    assert calls[:11] == [
        "mkdir _archive da",
        "fsync _archive folder",  # the day's entry
        "fsync _archive a-",
        "fsync _archive folder",
        "fsync _journal .t",
        "fsync _journal folder",
        "link _journal c-",
        "fsync _journal folder",
        "unlink executions ex",
        "fsync executions folder",
        "fsync _journal folder",
    ]
    assert sorted(calls[11:13]) == ["unlink _journal c-", "unlink _journal f-"]
    assert all(call.startswith("unlink _rollup ") for call in calls[13:])


@pytest.mark.parametrize("end", [archive_day, delete_day])
def test_who_loses_the_link_does_it_again(root: Path, end: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    put(root, ["a"], seq=0)
    lost: list[int] = []

    def beaten(root: Path, table: str, day: date, real_make: Any) -> int | None:
        if len(lost) < 2:
            put(root, [f"late {len(lost)}"], seq=len(lost) + 1)
            lost.append(1)

            def make(now: Any) -> Any:
                content = real_make(now)
                compact_day(root, "executions", DAY, grace_s=0)  # somebody else commits in the meantime
                return content

            return commit(root, table, day, make)
        return commit(root, table, day, real_make)

    monkeypatch.setattr(retention, "commit", beaten)
    done = end(root, "executions", DAY, grace_s=0)

    assert done.rows == 3
    assert read_ids(root) == (["a", "late 0", "late 1"] if end is archive_day else [])
    assert len(archived_names(root)) == (1 if end is archive_day else 0)


def test_a_day_that_others_never_leave_in_peace_is_an_error(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(root, ["a"], seq=0)
    monkeypatch.setattr(retention, "commit", lambda *args: None)
    with pytest.raises(StoreError, match="somebody else changed"):
        delete_day(root, "executions", DAY)
    assert read_ids(root) == ["a"]


@pytest.mark.parametrize("then", ["archive", "delete"])
def test_a_run_that_died_after_its_link_is_completed_by_the_next(
    root: Path, then: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(root, ["a"], seq=0)
    compact_day(root, "executions", DAY, grace_s=600)

    def die(*args: Any, **more: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(retention, "unpublish", die)
    with pytest.raises(KeyboardInterrupt):
        retain(root, {"executions": 1}, then=then, as_of=AS_OF, grace_s=0)
    monkeypatch.undo()
    assert published_names(root) != []

    assert retain(root, {"executions": 1}, then=then, as_of=AS_OF, grace_s=0).rows == 0
    assert published_names(root) == []
    assert journal_names(root) == [generation_name(2)]


def test_an_archive_file_of_a_run_that_died_goes_with_the_next(root: Path) -> None:
    put(root, ["a"], seq=0)
    folder = archive_folder(root, "executions", DAY)
    folder.mkdir(parents=True)
    (folder / "a-00000001-0123456789ab.parquet").write_bytes(fragment_bytes(["a"], seq=0)[:100])
    done = archive_day(root, "executions", DAY, grace_s=0)

    assert done.archive is not None
    assert archived_names(root) == [done.archive.name]
    assert read_ids(root) == ["a"]
