from __future__ import annotations

import fcntl
import os
import threading
from datetime import date
from pathlib import Path

import pytest

from rpa_lab.journal.fragment import Unreadable, publish_fragment
from rpa_lab.journal.layout import Fragment, day_folder, fragment_name, generation_name
from rpa_lab.storage.compaction import compact_day
from rpa_lab.storage.footers import footer_of
from rpa_lab.storage.snapshot import days_of, facts_of, list_day, locked, look
from tests.storage.days import DAY, fragment_bytes, put, read_ids


def test_all_fragments_count_where_nothing_was_compacted(root: Path) -> None:
    for seq in range(3):
        put(root, [f"e{seq}"], seq=seq)
    now = look(root, "executions", DAY)

    assert [file.kind for file in now.files] == ["fragment"] * 3
    assert (now.head, now.keeps, now.archive, len(now.covers)) == (0, (), (), 0)


def test_what_a_generation_covers_counts_no_more_even_if_it_comes_back(root: Path) -> None:
    data = put(root, ["e0"], seq=0)
    put(root, ["e1"], seq=1)
    compact_day(root, "executions", DAY, grace_s=0)
    put(root, ["e2"], seq=2)
    publish_fragment(day_folder(root, "executions", DAY), Fragment("0123456789ab", 0), data)  # a late retry

    now = look(root, "executions", DAY)
    assert [file.path.name for file in now.files] == [generation_name(1), "f-0123456789ab-00000002.parquet"]
    assert read_ids(root) == ["e0", "e1", "e2"]


def test_kept_generations_count(root: Path) -> None:
    put(root, [f"e{n}" for n in range(20)], seq=0)
    compact_day(root, "executions", DAY, full=False, grace_s=0)
    put(root, ["later"], seq=1)
    compact_day(root, "executions", DAY, full=False, grace_s=0)

    now = look(root, "executions", DAY)
    assert (now.head, now.keeps) == (2, (1,))
    assert len(read_ids(root)) == 21


def test_temps_and_strangers_are_never_read(root: Path) -> None:
    put(root, ["e"], seq=0)
    folder = day_folder(root, "executions", DAY)
    for name in (".tmp-f-0123456789ab-00000001-0123456789ab", ".tmp-c-00000001-0123456789ab", "notes.txt", "x.parquet"):
        (folder / name).write_bytes(b"half")

    assert read_ids(root) == ["e"]
    assert look(root, "executions", DAY).warnings == ()


def test_a_damaged_file_is_left_out_by_name_and_said(root: Path) -> None:
    put(root, ["good"], seq=0)
    put(root, ["bad"], seq=1)
    bad = day_folder(root, "executions", DAY) / fragment_name(Fragment("0123456789ab", 1))
    os.truncate(bad, 100)

    now = look(root, "executions", DAY)
    assert read_ids(root) == ["good"]
    assert now.warnings == ("2026-11-03: 1 of 2 files are damaged and left out (see _quarantine.jsonl)",)
    assert bad.name in (root / "_quarantine.jsonl").read_text()
    assert look(root, "executions", DAY).warnings == now.warnings
    assert (root / "_quarantine.jsonl").read_text().count("\n") == 1  # said once
    assert bad.exists()


def test_a_file_that_was_put_right_counts_again(root: Path) -> None:
    data = put(root, ["e"], seq=0)
    path = day_folder(root, "executions", DAY) / fragment_name(Fragment("0123456789ab", 0))
    path.write_bytes(data[:50])
    assert read_ids(root) == []

    path.write_bytes(data)
    assert read_ids(root) == ["e"]


def test_where_the_head_is_damaged_the_highest_readable_one_counts(root: Path) -> None:
    put(root, ["e0"], seq=0)
    compact_day(root, "executions", DAY, grace_s=10_000)
    put(root, ["e1"], seq=1)
    compact_day(root, "executions", DAY, grace_s=10_000)
    os.truncate(day_folder(root, "executions", DAY) / generation_name(2), 100)

    now = look(root, "executions", DAY)
    assert now.head_damaged
    assert now.head == 1
    assert read_ids(root) == ["e0", "e1"]  # the fragment is still there: its remover waits for the grace
    assert compact_day(root, "executions", DAY, grace_s=0).generation is None
    assert compact_day(root, "executions", DAY, grace_s=0).removed == 0


def test_a_generation_without_its_facts_is_damaged(root: Path) -> None:
    folder = day_folder(root, "executions", DAY)
    folder.mkdir(parents=True)
    (folder / generation_name(1)).write_bytes(fragment_bytes(["e"], seq=0))

    with pytest.raises(Unreadable, match="keeps, names and covers"):
        facts_of(folder / generation_name(1))
    assert look(root, "executions", DAY).head_damaged


def test_a_footer_is_read_again_when_the_file_is_another(root: Path) -> None:
    path = root / "x.parquet"
    root.mkdir()
    path.write_bytes(fragment_bytes(["a"], seq=0))
    assert footer_of(path).rows == 1
    path.unlink()
    path.write_bytes(fragment_bytes(["a", "b"], seq=0))

    assert footer_of(path).rows == 2


def test_days_are_folders_and_no_links(root: Path) -> None:
    put(root, ["e"], seq=0)
    table = root / "_journal" / "executions"
    (table / "day=2026-11-05").symlink_to(table / "day=2026-11-03")
    (table / "day=2026-11-07").write_text("a file")
    (table / "day=2026-99-99").mkdir()

    assert days_of(root, "executions") == [date(2026, 11, 3)]
    assert days_of(root, "steps") == []
    assert days_of(root / "nowhere", "steps") == []


def test_a_copy_without_a_journal_is_read_from_its_published_files(root: Path, tmp_path: Path) -> None:
    put(root, ["e0", "e1"], seq=0)
    compact_day(root, "executions", DAY)
    copy = tmp_path / "copy"
    copy.mkdir()
    (root / "executions").rename(copy / "executions")

    assert days_of(copy, "executions") == [DAY]
    assert read_ids(copy) == ["e0", "e1"]


def test_a_listing_waits_for_a_remover_only_a_moment(root: Path) -> None:
    put(root, ["e"], seq=0)
    folder = day_folder(root, "executions", DAY)
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        assert list_day(folder) == [fragment_name(Fragment("0123456789ab", 0))]
        with locked(folder, exclusive=False, wait=0.01) as held:
            assert not held
    finally:
        os.close(descriptor)
    with locked(folder, exclusive=True, wait=0.01) as held:
        assert held


def test_a_listing_without_the_lock_waits_until_the_folder_has_settled(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(root, ["e"], seq=0)
    folder = day_folder(root, "executions", DAY)
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    real = os.listdir
    listings: list[list[str]] = []

    def listdir(path: Path) -> list[str]:
        names = real(path)
        if not listings:  # something is published while the first listing is under way
            publish_fragment(folder, Fragment("0123456789ab", 1), fragment_bytes(["f"], seq=1))
        listings.append(names)
        return names

    monkeypatch.setattr(os, "listdir", listdir)
    try:
        names = list_day(folder)
    finally:
        os.close(descriptor)

    assert len(names) == 2
    assert len(listings) == 2  # the first one was not trusted


def test_a_reader_starts_over_where_a_file_goes_between_listing_and_opening(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(3):
        put(root, [f"e{n}"], seq=n)
    real = list_day
    done: list[bool] = []

    def listing(folder: Path) -> list[str]:
        names = real(folder)
        if not done:
            done.append(True)
            monkeypatch.undo()
            compact_day(root, "executions", DAY, grace_s=0)
            monkeypatch.setattr("rpa_lab.storage.snapshot.list_day", listing)
        return names

    monkeypatch.setattr("rpa_lab.storage.snapshot.list_day", listing)
    now = look(root, "executions", DAY)

    assert now.head == 1
    assert [file.kind for file in now.files] == ["generation"]


def test_two_threads_may_look_at_once(root: Path) -> None:
    put(root, ["e"], seq=0)
    seen: list[int] = []
    threads = [threading.Thread(target=lambda: seen.append(len(look(root, "executions", DAY).files))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == [1] * 8
