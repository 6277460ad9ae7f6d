"""What is damaged is never archived, and deleted only where what covers it can be trusted."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from rpa_lab.errors import DamageError, StoreError
from rpa_lab.journal.fragment import publish_fragment
from rpa_lab.journal.layout import Fragment, archive_folder, day_folder, generation_name
from rpa_lab.schema import TABLES
from rpa_lab.storage import retention
from rpa_lab.storage.compaction import compact_day
from rpa_lab.storage.retention import archive_day, delete_day, retain
from rpa_lab.storage.snapshot import look
from tests.storage.days import DAY, WRITER, put, read_ids
from tests.storage.ended import AS_OF, archived_names, journal_names


def _flip(path: Path, *, at: float) -> None:
    data = bytearray(path.read_bytes())
    data[int(len(data) * at)] ^= 1
    path.write_bytes(data)


def test_deletion_covers_damaged_files_too(root: Path) -> None:
    put(root, ["a"], seq=0)
    (day_folder(root, "executions", DAY) / f"f-{WRITER}-00000001.parquet").write_bytes(b"no Parquet")
    put(root, ["b"], seq=2)
    _flip(day_folder(root, "executions", DAY) / f"f-{WRITER}-00000002.parquet", at=1 / 3)
    done = delete_day(root, "executions", DAY, grace_s=0)

    assert done.rows == 1  # what can't be read counts for nothing
    assert journal_names(root) == [generation_name(1)]
    assert look(root, "executions", DAY).warnings == ()
    assert delete_day(root, "executions", DAY, grace_s=0).rows == 0


def test_a_day_of_damaged_fragments_only_is_deleted(root: Path) -> None:
    folder = day_folder(root, "executions", DAY)
    publish_fragment(folder, Fragment(WRITER, 0), b"no Parquet")

    assert archive_day(root, "executions", DAY, grace_s=0).archive is None
    assert journal_names(root) == [f"f-{WRITER}-00000000.parquet"]
    delete_day(root, "executions", DAY, grace_s=0)
    assert journal_names(root) == [generation_name(1)]


def test_a_damaged_fragment_is_not_archived_and_stays(root: Path) -> None:
    put(root, ["a"], seq=0)
    put(root, ["b"], seq=1)
    _flip(day_folder(root, "executions", DAY) / f"f-{WRITER}-00000001.parquet", at=1 / 3)
    archive_day(root, "executions", DAY, grace_s=0)

    assert read_ids(root) == ["a"]
    assert journal_names(root) == [generation_name(1), f"f-{WRITER}-00000001.parquet"]
    assert len(look(root, "executions", DAY).warnings) == 1


@pytest.mark.parametrize("which", ["head", "kept", "archive"])
def test_nothing_is_archived_where_merged_rows_are_damaged(root: Path, which: str) -> None:
    put(root, ["x"], seq=9)
    archive_day(root, "executions", DAY, grace_s=0)
    put(root, ["a", "b", "c"], seq=0)
    compact_day(root, "executions", DAY, full=False, grace_s=0)
    put(root, ["d"], seq=1)
    compact_day(root, "executions", DAY, full=False, grace_s=0)
    now = look(root, "executions", DAY)
    head, kept = now.folder / generation_name(now.head), now.folder / generation_name(now.keeps[0])
    archive = archive_folder(root, "executions", DAY) / now.archive[0]
    _flip({"head": head, "kept": kept, "archive": archive}[which], at=1 / 3)
    before = journal_names(root), archived_names(root)

    for _ in range(2):  # the second time it is in quarantine
        with pytest.raises(DamageError, match=r"is damaged"):
            archive_day(root, "executions", DAY, grace_s=0)
    assert (journal_names(root), archived_names(root)) == before


def test_a_damaged_kept_generation_stays_kept_and_named(root: Path) -> None:
    """A compaction doesn't merge it, and does not forget it either: its rows are missing, and each reader is told."""
    put(root, ["a", "b", "c"], seq=0)
    compact_day(root, "executions", DAY, full=False, grace_s=0)
    put(root, ["d"], seq=1)
    compact_day(root, "executions", DAY, full=False, grace_s=0)
    _flip(day_folder(root, "executions", DAY) / generation_name(1), at=1 / 3)
    for seq, full in ((2, True), (3, True), (4, False)):
        put(root, [f"e{seq}"], seq=seq)
        compact_day(root, "executions", DAY, full=full, grace_s=0)

    now = look(root, "executions", DAY)
    assert 1 in now.keeps
    assert generation_name(1) in journal_names(root)
    assert len(now.warnings) == 1
    assert read_ids(root) == ["d", "e2", "e3", "e4"]
    assert delete_day(root, "executions", DAY, grace_s=0).rows == 4
    assert journal_names(root) == [generation_name(6)]


def test_a_day_with_a_damaged_head_is_left_and_said_while_the_others_go(root: Path) -> None:
    put(root, ["a"], seq=0)
    compact_day(root, "executions", DAY, grace_s=0)
    (day_folder(root, "executions", DAY) / generation_name(1)).write_bytes(b"no Parquet")
    put(root, ["b"], seq=0, day=date(2026, 11, 2))

    for then in ("archive", "delete"):
        done = retain(root, {"executions": 1}, then=then, as_of=AS_OF, grace_s=0)
        assert (done.rows, done.days) == (1, 1)
        assert done.warnings[0].startswith("executions 2026-11-03 stays: the highest generation in")
        assert len(done.warnings) == 1


def test_nothing_is_deleted_upon_a_head_whose_seal_is_broken(root: Path) -> None:
    """What it says it covers can't be trusted, and the next generation would carry that on."""
    put(root, ["a"], seq=0)
    compact_day(root, "executions", DAY, grace_s=0)
    _flip(day_folder(root, "executions", DAY) / generation_name(1), at=1 / 3)
    for _ in range(2):  # the second time it is in quarantine
        with pytest.raises(DamageError, match="is damaged"):
            delete_day(root, "executions", DAY, grace_s=0)
    assert journal_names(root) == [generation_name(1)]


def test_what_reads_back_other_than_it_was_written_ends_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(root, ["a"], seq=0)
    other = TABLES["executions"].arrow.empty_table()
    monkeypatch.setattr(retention, "read_sealed", lambda path, table: (None, other))
    with pytest.raises(StoreError, match="reads back other than it was written"):
        archive_day(root, "executions", DAY, grace_s=0)

    assert archived_names(root) == []
    assert journal_names(root) == [f"f-{WRITER}-00000000.parquet"]
