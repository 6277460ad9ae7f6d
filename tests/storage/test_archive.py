from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from rpa_lab import ArchiveStorage, Lab, StepMetrics, TimeSeriesStore
from rpa_lab.errors import DamageError, InputError, StoreError, UnknownNameError
from rpa_lab.journal.layout import archive_folder, day_folder, generation_name
from rpa_lab.simulate import fleet
from rpa_lab.storage.compaction import compact, compact_day
from rpa_lab.storage.snapshot import look
from tests.storage.days import DAY, put, read_ids

AT = datetime(2026, 11, 3, 9, tzinfo=UTC)


def _run(name: str, **more: Any) -> dict[str, Any]:
    return {"execution_id": name, "workflow_id": "w", "started_at": AT, "status": "completed", **more}


def _step(index: int | None, **more: Any) -> StepMetrics:
    at = more.pop("at", AT)
    return StepMetrics(None, "e", "w", "n", "click", None, at, at, 1.0, "completed", None, 0, None, step_index=index)


def test_given_rows_come_back_from_the_archive_and_from_queries(root: Path) -> None:
    archive = ArchiveStorage(root)
    rows = [_run("a", duration_ms=12.5, context={"order": 1}), _run("b", error_message="Überlauf", status="failed")]
    path = archive.archive_data(rows, DAY, table="executions")

    assert Path(path).parent == archive_folder(root, "executions", DAY)
    assert Path(path).is_relative_to(archive.archive_path)
    back = archive.query_archive(DAY, DAY + timedelta(days=1))
    assert back.select("execution_id", "duration_ms", "context", "error_message").rows() == [
        ("a", 12.5, '{"order": 1}', None),
        ("b", None, None, "Überlauf"),
    ]
    assert_frame_equal(back, TimeSeriesStore(root).read("executions"))
    assert Lab(root).executions("all").height == 2


def test_what_the_store_holds_is_not_written_again(root: Path) -> None:
    store, archive = TimeSeriesStore(root), ArchiveStorage(root, grace_s=0)
    fleet(days=3, workflows=2, seed=3, runs_per_day=8).write(store)
    compact(root, grace_s=0)
    for table in ("executions", "steps", "recoveries"):
        before = store.read(table)
        day = before["started_at"].dt.date().to_list()[before.height // 2]
        rows = before.filter(pl.col("started_at").dt.date() == day)
        path = archive.archive_data(rows, day, table=table)

        assert rows.height > (0 if table == "recoveries" else 5)
        assert pl.read_parquet(path, glob=False).height == rows.height
        assert_frame_equal(store.read(table), before)
        assert archive.archive_data(rows, day, table=table) == path


def test_rows_of_no_id_are_told_apart_by_all_their_values_and_their_number(root: Path) -> None:
    sample = {"timestamp": AT, "cpu_percent": 1.0, "memory_mb": 2.0}
    archive = ArchiveStorage(root)
    archive.archive_data([sample], DAY, table="resources")
    archive.archive_data([sample, sample, {**sample, "gpu_utilization": 3.0}], DAY, table="resources")

    rows = archive.query_archive(DAY, DAY + timedelta(days=1), table="resources")
    assert sorted(rows["gpu_utilization"].to_list(), key=str) == [3.0, None, None]


def test_steps_without_an_id_are_held_by_their_index(root: Path) -> None:
    store, archive = TimeSeriesStore(root), ArchiveStorage(root)
    store.write_metrics([_step(0), _step(1)])
    archive.archive_data(store.read("steps"), DAY, table="steps")
    assert store.read("steps")["step_id"].to_list() == ["e:0", "e:1"]
    archive.archive_data(store.read("steps").drop("step_id"), DAY, table="steps")
    assert store.read("steps")["step_id"].to_list() == ["e:0", "e:1"]

    with pytest.raises(InputError, match="neither step_id nor step_index"):
        archive.archive_data(store.read("steps").drop("step_id", "step_index"), DAY, table="steps")


def test_a_row_that_the_store_holds_with_other_values_is_refused(root: Path) -> None:
    put(root, ["a"], seq=0)
    archive = ArchiveStorage(root)
    with pytest.raises(InputError, match=r"row 1: executions has execution_id 'a' already, with other values"):
        archive.archive_data([_run("b"), _run("a", status="failed")], DAY, table="executions")
    late = [_run("a", started_at=AT + timedelta(days=1))]
    with pytest.raises(InputError, match="already, with other values"):  # a run is one row, whichever its day
        archive.archive_data(late, DAY + timedelta(days=1), table="executions")
    assert read_ids(root) == ["a"]
    assert look(root, "executions", DAY).head == 0


def test_a_silent_run_is_archived_as_running(root: Path) -> None:
    put(root, ["a"], seq=0, status="running")
    store = TimeSeriesStore(root)
    rows = store.read("executions")
    assert rows["status"].to_list() == ["abandoned"]
    ArchiveStorage(root).archive_data(rows, DAY, table="executions")

    assert read_ids(root) == ["a"]
    assert_frame_equal(store.read("executions"), rows)


def test_rows_of_another_day_are_an_error_and_nothing_is_written(root: Path) -> None:
    midnight = datetime(2026, 11, 4, tzinfo=UTC)
    archive = ArchiveStorage(root)
    with pytest.raises(InputError, match=r"row 1: started_at is 2026-11-04 00:00 UTC, expected a time on 2026-11-03"):
        archive.archive_data([_run("a"), _run("b", started_at=midnight)], DAY, table="executions")
    with pytest.raises(InputError, match="nothing was written"):
        archive.archive_data([_run("a"), {"execution_id": "b"}], DAY, table="executions")
    assert not root.exists()

    just = midnight - timedelta(microseconds=1)
    archive.archive_data([_run("a", started_at=just)], DAY, table="executions")
    assert read_ids(root) == ["a"]


def test_naive_times_are_read_in_the_stores_zone(root: Path) -> None:
    root.mkdir()
    (root / "rpa_lab.toml").write_text('tz = "Europe/Paris"\n', encoding="utf-8")
    naive = datetime(2026, 11, 4, 0, 30)  # noqa: DTZ001 - half an hour to midnight UTC
    archive = ArchiveStorage(root)
    archive.archive_data([_run("a", started_at=naive)], DAY, table="executions")
    archive.archive_data(pl.DataFrame([_run("b", started_at=naive)]), DAY, table="executions")

    back = archive.query_archive(date(2026, 11, 4), date(2026, 11, 5))
    assert back["started_at"].to_list() == [datetime(2026, 11, 3, 23, 30, tzinfo=UTC)] * 2


@pytest.mark.parametrize(
    "said",
    [
        DAY,
        datetime(2026, 11, 3),  # noqa: DTZ001 - a date, as the caller says it
        datetime(2026, 11, 4, 1, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_a_day_may_be_said_as_date_or_time(root: Path, said: date) -> None:
    put(root, ["a"], seq=0)
    assert (
        ArchiveStorage(root)
        .archive_data([], said, table="executions")
        .startswith(str(archive_folder(root, "executions", DAY)))
    )


def test_days_that_cannot_be_archived_are_refused(root: Path) -> None:
    archive = ArchiveStorage(root)
    with pytest.raises(InputError, match="executions has no rows on 2026-11-03, and none were given"):
        archive.archive_data([], DAY, table="executions")
    with pytest.raises(InputError, match="archive_date is 2190-01-01, expected a day up to"):
        archive.archive_data([], date(2190, 1, 1), table="executions")
    with pytest.raises(InputError, match="archive_date is '2026-11-03', expected a date"):
        archive.archive_data([], "2026-11-03", table="executions")  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="there is no table 'runs'"):
        archive.archive_data([], DAY, table="runs")
    with pytest.raises(UnknownNameError, match="executions has no column 'duration'"):
        archive.archive_data([_run("a", duration=1)], DAY, table="executions")
    with pytest.raises(InputError, match=r"data\[0\] is 'a', expected a mapping"):
        archive.archive_data(["a"], DAY, table="executions")  # type: ignore[list-item]
    assert not root.exists()


def test_rows_that_were_deleted_come_back_when_given_again(root: Path) -> None:
    archive = ArchiveStorage(root, grace_s=0)
    for _ in range(3):
        archive.archive_data([_run("a")], DAY, table="executions")
        assert archive.query_archive(DAY, DAY + timedelta(days=1))["execution_id"].to_list() == ["a"]
        as_of = datetime(2026, 11, 10, tzinfo=UTC)
        assert archive.apply_retention_policy({"executions": 1}, then="delete", as_of=as_of) == 1
        assert TimeSeriesStore(root).read("executions").is_empty()


def test_rows_that_were_written_by_a_call_that_died_are_not_written_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rpa_lab.storage import archive as module

    def die(*args: Any, **more: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "archive_day", die)
    with pytest.raises(KeyboardInterrupt):
        ArchiveStorage(root).archive_data([_run("a")], DAY, table="executions")
    monkeypatch.undo()
    assert read_ids(root) == ["a"]
    ArchiveStorage(root).archive_data([_run("a")], DAY, table="executions")

    assert read_ids(root) == ["a"]
    assert [file.kind for file in look(root, "executions", DAY).files] == ["generation", "archive"]


def test_a_query_sees_archived_rows_only_between_its_bounds_and_filters(root: Path) -> None:
    for n in range(4):
        put(root, [f"a{n}", f"b{n}"], seq=0, day=date(2026, 11, 1) + timedelta(days=n))
    archive = ArchiveStorage(root)
    for n in range(3):
        archive.archive_data([], date(2026, 11, 1 + n), table="executions")
    put(root, ["late"], seq=1, day=date(2026, 11, 2))

    def ids(*args: Any, **more: Any) -> list[str]:
        return archive.query_archive(*args, **more)["execution_id"].to_list()

    assert sorted(ids(date(2026, 11, 1), date(2026, 12, 1))) == ["a0", "a1", "a2", "b0", "b1", "b2"]
    assert sorted(ids(date(2026, 11, 2), datetime(2026, 11, 3, tzinfo=UTC))) == ["a1", "b1"]
    assert ids(date(2026, 11, 1), date(2026, 12, 1), {"execution_id": "b1"}) == ["b1"]
    assert sorted(ids(date(2026, 11, 1), date(2026, 12, 1), {"execution_id": ["b1", "a0", "late", "a3"]})) == [
        "a0",
        "b1",
    ]
    assert ids(date(2026, 11, 1), date(2026, 12, 1), {"workflow_id": None}) == []
    assert ids(date(2026, 11, 1), date(2026, 12, 1), {"execution_id": {"prefix": "b", "ne": "b1"}}) == ["b0", "b2"]
    with pytest.raises(UnknownNameError, match="there is no operator 'like'"):
        ids(date(2026, 11, 1), date(2026, 12, 1), {"execution_id": {"like": "b%"}})
    with pytest.raises(UnknownNameError, match="executions has no column 'worklfow'; did you mean 'workflow_id'"):
        ids(date(2026, 11, 1), date(2026, 12, 1), {"worklfow": "w"})
    with pytest.raises(InputError, match="not after its start"):
        ids(date(2026, 11, 2), date(2026, 11, 2))


def test_all_of_a_simulated_store_reads_the_same_when_half_of_it_is_archived(root: Path) -> None:
    store = TimeSeriesStore(root)
    fleet(days=6, workflows=3, seed=11, runs_per_day=10).write(store)
    compact(root, grace_s=0)
    tables = ("executions", "steps", "resources", "recoveries")
    before = {table: store.read(table) for table in tables}
    workflow = before["executions"]["workflow_id"][0]
    lab = Lab(store)
    performance = lab.performance(workflow, "all")
    newest = before["executions"]["started_at"].max()
    assert isinstance(newest, datetime)
    archive = ArchiveStorage(root, grace_s=0)
    policy = dict.fromkeys(tables, 3)
    moved = archive.apply_retention_policy(policy, as_of=newest)

    old = {
        t: f.filter(
            pl.col(f.columns[0] if t == "resources" else "started_at").dt.date() < newest.date() - timedelta(days=3)
        )
        for t, f in before.items()
    }
    assert moved == sum(frame.height for frame in old.values()) > 50
    assert archive.apply_retention_policy(policy, as_of=newest) == 0
    for table in tables:
        assert_frame_equal(store.read(table), before[table])
        back = archive.query_archive(date(2020, 1, 1), date(2100, 1, 1), table=table)
        assert_frame_equal(back, old[table], check_row_order=table != "resources")
    again = Lab(root).performance(workflow, "all")
    assert (again.execution_count, again.p95_duration_ms) == (performance.execution_count, performance.p95_duration_ms)


def test_a_damaged_archive_file_is_left_out_by_name_and_the_rest_is_returned(root: Path) -> None:
    for n, day in enumerate((date(2026, 11, 2), DAY)):
        put(root, [f"e{n}"], seq=0, day=day)
        path = Path(ArchiveStorage(root, grace_s=0).archive_data([], day, table="executions"))
    path.write_bytes(path.read_bytes()[:-9])
    store = TimeSeriesStore(root)

    assert store.read("executions")["execution_id"].to_list() == ["e0"]
    assert len(store.warnings("all", tables=("executions",))) == 1
    put(root, ["late"], seq=1)
    with pytest.raises(DamageError, match=r"executions 2026-11-03 stays: a-00000001-.* is damaged; 0 rows"):
        ArchiveStorage(root).apply_retention_policy({"executions": 1}, as_of=datetime(2026, 11, 10, tzinfo=UTC))
    assert path.exists()


def test_a_dry_run_counts_and_changes_nothing(root: Path) -> None:
    put(root, ["a"], seq=0, status="running")
    put(root, ["a", "b"], seq=1)
    archive = ArchiveStorage(root, grace_s=0)
    before = sorted(root.rglob("*"))
    for then in ("archive", "delete"):
        assert archive.apply_retention_policy({"executions": 1}, then=then, dry_run=True, as_of="2026-11-10") == 2
    assert sorted(root.rglob("*")) == before

    assert archive.apply_retention_policy({"executions": 1}, as_of="2026-11-10") == 2
    for then, rows in (("archive", 0), ("delete", 2)):
        assert archive.apply_retention_policy({"executions": 1}, then=then, dry_run=True, as_of="2026-11-10") == rows  # type: ignore[arg-type]


def test_replaced_files_stay_for_the_grace_and_go_with_the_next_run(root: Path) -> None:
    put(root, ["a"], seq=0)
    ArchiveStorage(root).archive_data([], DAY, table="executions")
    folder = day_folder(root, "executions", DAY)
    assert len(list(folder.iterdir())) == 2
    ArchiveStorage(root, grace_s=0).archive_data([], DAY, table="executions")
    assert [path.name for path in folder.iterdir()] == [generation_name(1)]


def test_a_copy_of_published_files_is_not_written_to(root: Path) -> None:
    put(root, ["a"], seq=0)
    compact_day(root, "executions", DAY, grace_s=0)
    (root / "_journal").rename(root.parent / "away")
    with pytest.raises(StoreError, match="it is a copy"):
        ArchiveStorage(root).archive_data([_run("b")], DAY, table="executions")
    assert not (root / "_journal").exists()
