from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

from rpa_lab import TimeSeriesStore
from rpa_lab.errors import DamageError, InputError, StoreError, UnknownNameError
from rpa_lab.journal.fragment import publish_fragment, read_sealed
from rpa_lab.journal.layout import Fragment, archive_folder, day_folder, generation_name, published_folder
from rpa_lab.schema import TABLES
from rpa_lab.storage import retention
from rpa_lab.storage.commit import commit
from rpa_lab.storage.compaction import compact, compact_day, publish
from rpa_lab.storage.publication import unpublish
from rpa_lab.storage.retention import archive_day, delete_day, retain
from rpa_lab.storage.snapshot import look
from tests.storage.days import DAY, WRITER, fragment_bytes, put, read_ids

AS_OF = datetime(2026, 11, 10, 15, tzinfo=UTC)


def _journal(root: Path, day: date = DAY) -> list[str]:
    return sorted(path.name for path in day_folder(root, "executions", day).iterdir())


def _archived(root: Path, day: date = DAY) -> list[str]:
    folder = archive_folder(root, "executions", day)
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def _published(root: Path, day: date = DAY) -> list[str]:
    return sorted(path.name for path in published_folder(root, "executions", day).iterdir())


def _flip(path: Path, *, at: float) -> None:
    data = bytearray(path.read_bytes())
    data[int(len(data) * at)] ^= 1
    path.write_bytes(data)


def test_an_archived_day_is_one_sealed_file_that_a_generation_without_rows_names(root: Path) -> None:
    put(root, ["a", "b"], seq=0)
    put(root, ["c"], seq=1)
    done = archive_day(root, "executions", DAY, grace_s=0)

    assert done.archive is not None
    assert (done.rows, _archived(root)) == (3, [done.archive.name])
    assert done.archive.name.startswith("a-00000001-")
    footer, rows = read_sealed(done.archive, TABLES["executions"])
    assert (footer.rows, rows["execution_id"].to_pylist()) == (3, ["a", "b", "c"])
    now = look(root, "executions", DAY)
    assert (now.head, now.keeps, now.archive, len(now.covers)) == (1, (), (done.archive.name,), 2)
    assert [(file.kind, file.footer.rows) for file in now.files] == [("generation", 0), ("archive", 3)]
    assert _journal(root) == [generation_name(1)]
    assert read_ids(root) == ["a", "b", "c"]


def test_archiving_again_changes_nothing(root: Path) -> None:
    put(root, ["a"], seq=0)
    first = archive_day(root, "executions", DAY, grace_s=0)
    again = archive_day(root, "executions", DAY, grace_s=0)

    assert (again.rows, again.archive) == (0, first.archive)
    assert _journal(root) == [generation_name(1)]


def test_a_day_that_is_not_there_has_nothing_to_leave(root: Path) -> None:
    assert archive_day(root, "executions", DAY).archive is None
    assert delete_day(root, "executions", DAY).rows == 0
    assert retain(root, {"executions": 1}).rows == 0
    assert not root.exists()


def test_late_fragments_stay_live_and_the_next_run_merges_them_into_a_new_file(root: Path) -> None:
    put(root, ["a"], seq=0, status="running")
    archive_day(root, "executions", DAY, grace_s=0)
    old = _archived(root)
    put(root, ["a", "b"], seq=1)
    assert [file.kind for file in look(root, "executions", DAY).files] == ["generation", "archive", "fragment"]
    rows = TimeSeriesStore(root).read("executions")
    assert rows.select("execution_id", "status").rows() == [("a", "completed"), ("b", "completed")]
    again = archive_day(root, "executions", DAY, grace_s=0)

    assert again.rows == 2
    assert len(_archived(root)) == 1
    assert _archived(root) != old
    assert read_ids(root) == ["a", "b"]  # one row each: the running one was folded in


@pytest.mark.parametrize("full", [True, False])
def test_a_compaction_of_late_fragments_carries_the_archive_on(root: Path, full: bool) -> None:
    put(root, ["a"], seq=0)
    archive_day(root, "executions", DAY, grace_s=0)
    archived = _archived(root)
    put(root, ["b"], seq=1)
    compact_day(root, "executions", DAY, full=full, grace_s=0)

    now = look(root, "executions", DAY)
    assert (list(now.archive), _archived(root), now.head) == (archived, archived, 2)
    assert read_ids(root) == ["a", "b"]
    if full:  # a later publication has the late rows alone
        path = published_folder(root, "executions", DAY) / "executions-00000002.parquet"
        assert pl.read_parquet(path)["execution_id"].to_list() == ["b"]


@pytest.mark.parametrize("end", [archive_day, delete_day])
def test_the_published_file_goes_and_does_not_come_back(root: Path, end: Any) -> None:
    put(root, ["a"], seq=0)
    compact_day(root, "executions", DAY, grace_s=600)
    assert _published(root) == ["executions-00000001.parquet"]
    end(root, "executions", DAY, grace_s=600)

    assert _published(root) == []
    compact_day(root, "executions", DAY, grace_s=0)
    assert _published(root) == []


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
    assert _published(root) == []


def test_a_publication_of_late_rows_alone_stays(root: Path) -> None:
    put(root, ["a"], seq=0)
    archive_day(root, "executions", DAY, grace_s=0)
    put(root, ["b"], seq=1)
    compact_day(root, "executions", DAY, grace_s=0)
    assert publish(root, "executions", DAY)
    unpublish(root, "executions", DAY, below=1)

    assert _published(root) == ["executions-00000002.parquet"]


def test_a_publication_that_cannot_be_reached_is_said(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    put(root, ["a"], seq=0)
    compact_day(root, "executions", DAY, grace_s=600)
    descriptor = os.open(published_folder(root, "executions", DAY).parent, os.O_RDONLY)
    real = fcntl.flock
    try:
        real(descriptor, fcntl.LOCK_EX)
        now = iter(range(0, 10_000, 20))
        monkeypatch.setattr("rpa_lab.storage.snapshot.time.monotonic", lambda: float(next(now)))
        with pytest.raises(StoreError, match="still has rows that are gone"):
            unpublish(root, "executions", DAY, below=9)
    finally:
        os.close(descriptor)


def test_what_is_deleted_is_gone_from_queries_archive_and_disk_and_its_fragments_stay_dead(root: Path) -> None:
    data = put(root, ["a"], seq=0)
    archive_day(root, "executions", DAY, grace_s=0)
    put(root, ["b"], seq=1)
    done = delete_day(root, "executions", DAY, grace_s=0)

    assert (done.rows, read_ids(root), _archived(root)) == (2, [], [])
    publish_fragment(day_folder(root, "executions", DAY), Fragment(WRITER, 0), data)  # a late retry
    assert read_ids(root) == []
    put(root, ["new"], seq=2)
    assert read_ids(root) == ["new"]
    assert delete_day(root, "executions", DAY, grace_s=0).rows == 1
    assert _journal(root) == [generation_name(3)]


def test_summaries_of_what_was_deleted_go_too(root: Path) -> None:
    put(root, ["a"], seq=0)
    compact_day(root, "executions", DAY, grace_s=0)
    assert len(list(root.glob("_rollup/executions/*/*.parquet"))) == 1
    delete_day(root, "executions", DAY, grace_s=0)
    assert list(root.glob("_rollup/executions/*/*.parquet")) == []


def test_deletion_covers_damaged_files_too(root: Path) -> None:
    put(root, ["a"], seq=0)
    (day_folder(root, "executions", DAY) / f"f-{WRITER}-00000001.parquet").write_bytes(b"no Parquet")
    put(root, ["b"], seq=2)
    _flip(day_folder(root, "executions", DAY) / f"f-{WRITER}-00000002.parquet", at=1 / 3)
    done = delete_day(root, "executions", DAY, grace_s=0)

    assert done.rows == 1  # what can't be read counts for nothing
    assert _journal(root) == [generation_name(1)]
    assert look(root, "executions", DAY).warnings == ()
    assert delete_day(root, "executions", DAY, grace_s=0).rows == 0


def test_a_day_of_damaged_fragments_only_is_deleted(root: Path) -> None:
    folder = day_folder(root, "executions", DAY)
    publish_fragment(folder, Fragment(WRITER, 0), b"no Parquet")

    assert archive_day(root, "executions", DAY, grace_s=0).archive is None
    assert _journal(root) == [f"f-{WRITER}-00000000.parquet"]
    delete_day(root, "executions", DAY, grace_s=0)
    assert _journal(root) == [generation_name(1)]


def test_a_damaged_fragment_is_not_archived_and_stays(root: Path) -> None:
    put(root, ["a"], seq=0)
    put(root, ["b"], seq=1)
    _flip(day_folder(root, "executions", DAY) / f"f-{WRITER}-00000001.parquet", at=1 / 3)
    archive_day(root, "executions", DAY, grace_s=0)

    assert read_ids(root) == ["a"]
    assert _journal(root) == [generation_name(1), f"f-{WRITER}-00000001.parquet"]
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
    before = _journal(root), _archived(root)

    for _ in range(2):  # the second time it is in quarantine
        with pytest.raises(DamageError, match=r"is damaged"):
            archive_day(root, "executions", DAY, grace_s=0)
    assert (_journal(root), _archived(root)) == before


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
    assert generation_name(1) in _journal(root)
    assert len(now.warnings) == 1
    assert read_ids(root) == ["d", "e2", "e3", "e4"]
    assert delete_day(root, "executions", DAY, grace_s=0).rows == 4
    assert _journal(root) == [generation_name(6)]


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
    assert _journal(root) == [generation_name(1)]


def test_a_newer_schema_is_not_archived_by_an_older_version(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(root, ["a"], seq=0)
    monkeypatch.setattr(retention, "SCHEMA_VERSION", 0)
    with pytest.raises(StoreError, match="upgrade rpa-lab"):
        archive_day(root, "executions", DAY)


def test_whole_utc_days_go_once_their_youngest_row_is_old_enough(root: Path) -> None:
    days = [date(2026, 11, 1) + timedelta(days=n) for n in range(10)]
    for day in days:
        put(root, [f"e{day}"], seq=0, day=day)
        os.utime(day_folder(root, "executions", day) / f"f-{WRITER}-00000000.parquet", (0, 0))  # no mtime decides
    counted = retain(root, {"executions": 7}, then="delete", dry_run=True, as_of=AS_OF)
    assert (counted.rows, counted.days, counted.dry_run) == (2, 2, True)
    assert read_ids(root, day=days[0]) == ["e2026-11-01"]
    seen: list[date] = []
    done = retain(
        root, {"executions": 7}, then="delete", as_of=AS_OF, grace_s=0, on_day=lambda ended: seen.append(ended.day)
    )

    assert (done.rows, done.days, done.warnings) == (2, 2, ())
    assert seen == days[:2]
    assert [day for day in days if read_ids(root, day=day)] == days[2:]  # 3 November's last row is 6.6 days old


def test_days_after_tomorrow_are_never_touched(root: Path) -> None:
    today = datetime.now(UTC).date()
    days = [today + timedelta(days=n) for n in (0, 3)]
    for day in days:
        put(root, [f"e{day}"], seq=0, day=day)
    later = datetime.now(UTC) + timedelta(days=400)

    assert retain(root, {"executions": 7}, then="delete", as_of=later, grace_s=0).rows == 1
    assert [day for day in days if read_ids(root, day=day)] == days[1:]


def test_only_tables_that_the_policy_names_are_touched(root: Path) -> None:
    put(root, ["a"], seq=0)
    assert retain(root, {"steps": 1, "changes": 1}, then="delete", as_of=AS_OF, grace_s=0).rows == 0
    assert read_ids(root) == ["a"]


@pytest.mark.parametrize(
    ("policy", "then", "error", "says"),
    [
        ({"executions": 1, "runs": 1}, "archive", UnknownNameError, "there is no table 'runs'.*executions"),
        (
            {"executions": 1, "steps": 0},
            "archive",
            InputError,
            "policy of steps is 0, expected a whole number of days, 1 to 36500",
        ),
        ({"steps": True}, "archive", InputError, "policy of steps is True"),
        ({"steps": 1.5}, "archive", InputError, "policy of steps is 1.5"),
        ({"steps": 10**9}, "archive", InputError, "1 to 36500"),
        ([("steps", 1)], "archive", InputError, "expected days by table"),
        ({"executions": 1}, "burn", InputError, "then is 'burn', expected 'archive' or 'delete'"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_before_anything_is_done(
    root: Path, policy: Any, then: Any, error: type[Exception], says: str
) -> None:
    put(root, ["a"], seq=0)
    with pytest.raises(error, match=says):
        retain(root, policy, then=then, as_of=AS_OF)
    assert read_ids(root) == ["a"]
    assert look(root, "executions", DAY).head == 0


@pytest.mark.parametrize(
    "place", ["_journal", "_journal/executions", "_archive", "_archive/executions", "_rollup/executions", "executions"]
)
@pytest.mark.parametrize("then", ["archive", "delete"])
def test_no_symbolic_link_is_followed(root: Path, tmp_path: Path, place: str, then: Any) -> None:
    put(root, ["a"], seq=0)
    compact_day(root, "executions", DAY, grace_s=600)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if (root / place).exists():
        (root / place).rename(elsewhere / "moved")
    else:
        (elsewhere / "moved").mkdir()
        (root / place).parent.mkdir(exist_ok=True)
    (root / place).symlink_to(elsewhere / "moved")
    before = sorted(elsewhere.rglob("*"))
    done = retain(root, {"executions": 1}, then=then, as_of=AS_OF, grace_s=0)

    assert done.rows == 0
    assert "is a symbolic link, and none is followed" in done.warnings[0]
    assert sorted(elsewhere.rglob("*")) == before


def test_a_linked_day_is_left_alone(root: Path, tmp_path: Path) -> None:
    put(root, ["a"], seq=0)
    folder = day_folder(root, "executions", DAY)
    folder.rename(tmp_path / "moved")
    folder.symlink_to(tmp_path / "moved")
    before = sorted(tmp_path.joinpath("moved").iterdir())

    assert retain(root, {"executions": 1}, then="delete", as_of=AS_OF, grace_s=0).rows == 0
    with pytest.raises(StoreError, match="symbolic link"):
        archive_day(root, "executions", DAY)
    assert sorted(tmp_path.joinpath("moved").iterdir()) == before


def test_a_copy_without_a_journal_is_only_read(root: Path) -> None:
    put(root, ["a"], seq=0)
    compact(root, grace_s=0)
    (root / "_journal").rename(root.parent / "away")
    with pytest.raises(StoreError, match="it is a copy"):
        retain(root, {"executions": 1}, then="delete", as_of=AS_OF)


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


def test_what_reads_back_other_than_it_was_written_ends_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(root, ["a"], seq=0)
    other = TABLES["executions"].arrow.empty_table()
    monkeypatch.setattr(retention, "read_sealed", lambda path, table: (None, other))
    with pytest.raises(StoreError, match="reads back other than it was written"):
        archive_day(root, "executions", DAY, grace_s=0)

    assert _archived(root) == []
    assert _journal(root) == [f"f-{WRITER}-00000000.parquet"]


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
    assert len(_archived(root)) == (1 if end is archive_day else 0)


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
    assert _published(root) != []

    assert retain(root, {"executions": 1}, then=then, as_of=AS_OF, grace_s=0).rows == 0
    assert _published(root) == []
    assert _journal(root) == [generation_name(2)]


def test_an_archive_file_of_a_run_that_died_goes_with_the_next(root: Path) -> None:
    put(root, ["a"], seq=0)
    folder = archive_folder(root, "executions", DAY)
    folder.mkdir(parents=True)
    (folder / "a-00000001-0123456789ab.parquet").write_bytes(fragment_bytes(["a"], seq=0)[:100])
    done = archive_day(root, "executions", DAY, grace_s=0)

    assert done.archive is not None
    assert _archived(root) == [done.archive.name]
    assert read_ids(root) == ["a"]


def test_the_archive_is_compressed_higher_than_a_generation(root: Path) -> None:
    put(root, [f"run {n * 7919 % 10_007}" for n in range(3_000)], seq=0)
    compact_day(root, "executions", DAY, grace_s=600)
    generation = day_folder(root, "executions", DAY) / generation_name(1)
    done = archive_day(root, "executions", DAY, grace_s=600)

    assert done.archive is not None
    assert done.archive.stat().st_size < generation.stat().st_size
    assert pq.read_metadata(done.archive).row_group(0).column(0).compression == "ZSTD"
