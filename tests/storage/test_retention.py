from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

from rpa_lab import TimeSeriesStore
from rpa_lab.errors import InputError, StoreError, UnknownNameError
from rpa_lab.journal.fragment import publish_fragment, read_sealed
from rpa_lab.journal.layout import Fragment, day_folder, generation_name, published_folder
from rpa_lab.schema import TABLES
from rpa_lab.storage import retention
from rpa_lab.storage.compaction import compact, compact_day
from rpa_lab.storage.retention import archive_day, delete_day, retain
from rpa_lab.storage.snapshot import look
from tests.storage.days import DAY, WRITER, put, read_ids
from tests.storage.ended import AS_OF, archived_names, journal_names, published_names


def test_an_archived_day_is_one_sealed_file_that_a_generation_without_rows_names(root: Path) -> None:
    put(root, ["a", "b"], seq=0)
    put(root, ["c"], seq=1)
    done = archive_day(root, "executions", DAY, grace_s=0)

    assert done.archive is not None
    assert (done.rows, archived_names(root)) == (3, [done.archive.name])
    assert done.archive.name.startswith("a-00000001-")
    footer, rows = read_sealed(done.archive, TABLES["executions"])
    assert (footer.rows, rows["execution_id"].to_pylist()) == (3, ["a", "b", "c"])
    now = look(root, "executions", DAY)
    assert (now.head, now.keeps, now.archive, len(now.covers)) == (1, (), (done.archive.name,), 2)
    assert [(file.kind, file.footer.rows) for file in now.files] == [("generation", 0), ("archive", 3)]
    assert journal_names(root) == [generation_name(1)]
    assert read_ids(root) == ["a", "b", "c"]


def test_archiving_again_changes_nothing(root: Path) -> None:
    put(root, ["a"], seq=0)
    first = archive_day(root, "executions", DAY, grace_s=0)
    again = archive_day(root, "executions", DAY, grace_s=0)

    assert (again.rows, again.archive) == (0, first.archive)
    assert journal_names(root) == [generation_name(1)]


def test_a_day_that_is_not_there_has_nothing_to_leave(root: Path) -> None:
    assert archive_day(root, "executions", DAY).archive is None
    assert delete_day(root, "executions", DAY).rows == 0
    assert retain(root, {"executions": 1}).rows == 0
    assert not root.exists()


def test_late_fragments_stay_live_and_the_next_run_merges_them_into_a_new_file(root: Path) -> None:
    put(root, ["a"], seq=0, status="running")
    archive_day(root, "executions", DAY, grace_s=0)
    old = archived_names(root)
    put(root, ["a", "b"], seq=1)
    assert [file.kind for file in look(root, "executions", DAY).files] == ["generation", "archive", "fragment"]
    rows = TimeSeriesStore(root).read("executions")
    assert rows.select("execution_id", "status").rows() == [("a", "completed"), ("b", "completed")]
    again = archive_day(root, "executions", DAY, grace_s=0)

    assert again.rows == 2
    assert len(archived_names(root)) == 1
    assert archived_names(root) != old
    assert read_ids(root) == ["a", "b"]  # one row each: the running one was folded in


@pytest.mark.parametrize("full", [True, False])
def test_a_compaction_of_late_fragments_carries_the_archive_on(root: Path, full: bool) -> None:
    put(root, ["a"], seq=0)
    archive_day(root, "executions", DAY, grace_s=0)
    archived = archived_names(root)
    put(root, ["b"], seq=1)
    compact_day(root, "executions", DAY, full=full, grace_s=0)

    now = look(root, "executions", DAY)
    assert (list(now.archive), archived_names(root), now.head) == (archived, archived, 2)
    assert read_ids(root) == ["a", "b"]
    if full:  # a later publication has the late rows alone
        path = published_folder(root, "executions", DAY) / "executions-00000002.parquet"
        assert pl.read_parquet(path)["execution_id"].to_list() == ["b"]


@pytest.mark.parametrize("end", [archive_day, delete_day])
def test_the_published_file_goes_and_does_not_come_back(root: Path, end: Any) -> None:
    put(root, ["a"], seq=0)
    compact_day(root, "executions", DAY, grace_s=600)
    assert published_names(root) == ["executions-00000001.parquet"]
    end(root, "executions", DAY, grace_s=600)

    assert published_names(root) == []
    compact_day(root, "executions", DAY, grace_s=0)
    assert published_names(root) == []


def test_what_is_deleted_is_gone_from_queries_archive_and_disk_and_its_fragments_stay_dead(root: Path) -> None:
    data = put(root, ["a"], seq=0)
    archive_day(root, "executions", DAY, grace_s=0)
    put(root, ["b"], seq=1)
    done = delete_day(root, "executions", DAY, grace_s=0)

    assert (done.rows, read_ids(root), archived_names(root)) == (2, [], [])
    publish_fragment(day_folder(root, "executions", DAY), Fragment(WRITER, 0), data)  # a late retry
    assert read_ids(root) == []
    put(root, ["new"], seq=2)
    assert read_ids(root) == ["new"]
    assert delete_day(root, "executions", DAY, grace_s=0).rows == 1
    assert journal_names(root) == [generation_name(3)]


def test_summaries_of_what_was_deleted_go_too(root: Path) -> None:
    put(root, ["a"], seq=0)
    compact_day(root, "executions", DAY, grace_s=0)
    assert len(list(root.glob("_rollup/executions/*/*.parquet"))) == 1
    delete_day(root, "executions", DAY, grace_s=0)
    assert list(root.glob("_rollup/executions/*/*.parquet")) == []


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


def test_the_archive_is_compressed_higher_than_a_generation(root: Path) -> None:
    put(root, [f"run {n * 7919 % 10_007}" for n in range(3_000)], seq=0)
    compact_day(root, "executions", DAY, grace_s=600)
    generation = day_folder(root, "executions", DAY) / generation_name(1)
    done = archive_day(root, "executions", DAY, grace_s=600)

    assert done.archive is not None
    assert done.archive.stat().st_size < generation.stat().st_size
    assert pq.read_metadata(done.archive).row_group(0).column(0).compression == "ZSTD"
