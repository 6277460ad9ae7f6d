"""Rollups say what the rows say, are made and removed with their files, and survive being deleted or damaged."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from rpa_lab.errors import UnknownNameError
from rpa_lab.journal.layout import ROLLUP, day_folder, generation_name, rollup_file, rollup_folder
from rpa_lab.period import Span
from rpa_lab.storage.compaction import compact_day
from rpa_lab.storage.rolled_up import RolledUp
from rpa_lab.storage.rollup import ROLLED, level_of, sweep_rollups
from rpa_lab.storage.snapshot import look
from rpa_lab.storage.store import TimeSeriesStore
from tests.storage.days import DAY, put
from tests.strategies import frame

_START = datetime(2026, 11, 3, tzinfo=UTC)
_DAY = timedelta(days=1)
_TWO_DAYS = Span(_START, _START + 2 * _DAY)


def _write_steps(root: Path, durations: list[float | None], *, day: date = DAY) -> None:
    at = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
    rows = [
        {
            "execution_id": "e",
            "workflow_id": "w",
            "node_id": "open",
            "action_type": "click",
            "started_at": at,
            "completed_at": at + timedelta(seconds=1),
            "duration_ms": duration,
            "status": "completed" if duration else "skipped",
            "step_index": index,
        }
        for index, duration in enumerate(durations)
    ]
    TimeSeriesStore(root, compact=False).write_frame("steps", frame("steps", rows))


def _write_runs(
    root: Path,
    ids: list[str],
    *,
    status: str = "completed",
    started: bool = True,
    at: datetime = _START + timedelta(hours=9),
) -> None:
    ended = status != "running"
    rows = [
        {
            "execution_id": name,
            "workflow_id": "w",
            "started_at": at if started else None,
            "completed_at": at + timedelta(seconds=2) if ended else None,
            "duration_ms": 2000.0 if ended else None,
            "status": status,
        }
        for name in ids
    ]
    TimeSeriesStore(root, compact=False).write_frame("executions", frame("executions", rows))


def _rolled(root: Path, span: Span, *, table: str = "steps", columns: tuple[str, ...] = ()) -> RolledUp:
    return TimeSeriesStore(root, compact=False).rolled_up(table, span, columns=columns)


def _days(rolled: RolledUp) -> list[date]:
    return [day for day, _ in rolled.files]


def _kept(root: Path, table: str = "steps") -> list[Path]:
    folder = rollup_folder(root, table, DAY)
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _seal(root: Path, table: str = "steps") -> str:
    return next(file.footer.seal for file in look(root, table, DAY).files if file.kind == "generation")


def test_a_full_compaction_leaves_a_rollup_under_its_seal(root: Path) -> None:
    _write_steps(root, [1.0, 2.0])
    compact_day(root, "steps", DAY, grace_s=0)
    assert _kept(root) == [rollup_file(root, "steps", DAY, _seal(root))]

    _write_steps(root, [4.0])
    compact_day(root, "steps", DAY, grace_s=0)  # the one before goes with its generation
    assert _kept(root) == [rollup_file(root, "steps", DAY, _seal(root))]


def test_steps_add_up_over_days_and_what_is_not_compacted_is_left_to_be_read(root: Path) -> None:
    _write_steps(root, [1.0, 2.0, None])
    compact_day(root, "steps", DAY, grace_s=0)
    _write_steps(root, [4.0, 6.0], day=DAY + _DAY)
    compact_day(root, "steps", DAY + _DAY, grace_s=0)
    _write_steps(root, [11.0], day=DAY + _DAY)
    rolled = _rolled(root, _TWO_DAYS, columns=("node_id",))

    assert _days(rolled) == [DAY, DAY + _DAY]
    moments = ["workflow_id", "node_id", "status", "rows", "n", "mean_ms", "m2", "min_ms", "max_ms"]
    assert rolled.summaries.select(moments).rows() == [
        ("w", "open", "completed", 4, 4, 3.25, 14.75, 1.0, 6.0),
        ("w", "open", "skipped", 1, 0, None, None, None, None),
    ]
    assert rolled.rest.collect()["duration_ms"].to_list() == [11.0]


def test_the_coarsest_level_that_tells_the_columns_apart_is_read(root: Path) -> None:
    _write_steps(root, [1.0, 2.0])
    compact_day(root, "steps", DAY, grace_s=0)
    by_workflow = _rolled(root, _TWO_DAYS, columns=("workflow_id",)).summaries
    by_node = _rolled(root, _TWO_DAYS, columns=("node_id",)).summaries
    assert by_workflow.equals(by_node.drop("node_id"))
    assert (level_of("steps", ["node_id", "status"]), level_of("steps", ["host"])) == (1, None)
    with pytest.raises(UnknownNameError, match="the rollups of executions have no column 'host'"):
        _rolled(root, _TWO_DAYS, table="executions", columns=("host",))


def test_a_begun_day_is_left_to_be_read(root: Path) -> None:
    for day in (DAY, DAY + _DAY):
        _write_steps(root, [1.0], day=day)
        compact_day(root, "steps", day, grace_s=0)
    morning = _START + _DAY / 3
    rolled = _rolled(root, Span(morning, morning + _DAY))

    assert rolled.files == ()
    assert rolled.rest.collect().height == 1
    assert rolled.summaries.is_empty()
    assert rolled.summaries.schema == _rolled(root, _TWO_DAYS).summaries.schema


def test_executions_are_rolled_up_where_one_file_is_the_day_and_all_have_ended(root: Path) -> None:
    one_day = Span(_START, _START + _DAY)
    _write_runs(root, ["a", "b"])
    assert _rolled(root, one_day, table="executions").files == ()  # not compacted: a late row may change them

    compact_day(root, "executions", DAY, grace_s=0)
    rolled = _rolled(root, one_day, table="executions")
    assert _days(rolled) == [DAY]
    assert rolled.rest.collect().is_empty()
    assert rolled.summaries.select("workflow_id", "status", "rows", "mean_ms").rows() == [("w", "completed", 2, 2000.0)]

    _write_runs(root, ["c"])
    assert _rolled(root, one_day, table="executions").files == ()


def test_an_execution_that_stands_in_two_days_keeps_both_from_being_rolled_up(root: Path) -> None:
    for n, ids in enumerate((["a", "b"], ["b"], ["c"])):
        _write_runs(root, ids, at=_START + n * _DAY + timedelta(hours=9))
        compact_day(root, "executions", DAY + n * _DAY, grace_s=0)
    rolled = _rolled(root, Span(_START, _START + 3 * _DAY), table="executions")
    assert _days(rolled) == [DAY + 2 * _DAY]
    assert sorted(rolled.rest.collect()["execution_id"]) == ["a", "b"]


@pytest.mark.parametrize(("status", "started"), [("running", True), ("completed", False)])
def test_days_with_halves_of_executions_are_left_to_be_read(root: Path, status: str, started: bool) -> None:
    _write_runs(root, ["a", "b"])
    _write_runs(root, ["half"], status=status, started=started)
    compact_day(root, "executions", DAY, grace_s=0)

    rolled = _rolled(root, Span(_START, _START + _DAY), table="executions")
    assert rolled.files == ()
    assert sorted(rolled.rest.collect()["execution_id"]) == ["a", "b", "half"]


def test_a_month_that_is_over_is_summed_up_once(root: Path) -> None:
    november, december = Span(_START, _START + 40 * _DAY), DAY + 35 * _DAY
    for day in (DAY, DAY + _DAY, december, december + _DAY):
        _write_steps(root, [float(day.day)], day=day)
        compact_day(root, "steps", day, grace_s=0)
    expected = _rolled(root, november).summaries
    assert expected["rows"].to_list() == [4]
    (kept,) = _months(root)
    assert kept.parent.name == "month=2026-11"  # the newest month goes on

    assert _rolled(root, november).summaries.equals(expected)
    assert _rolled(root, Span(_START + _DAY, _START + 40 * _DAY)).summaries["rows"].to_list() == [3]
    _write_steps(root, [100.0])
    compact_day(root, "steps", DAY, grace_s=0)
    assert _rolled(root, november).summaries["max_ms"].to_list() == [100.0]
    (other,) = _months(root)  # in place of the one whose files count no longer
    assert other != kept
    other.write_bytes(other.read_bytes()[:-20])
    assert _rolled(root, november).summaries["max_ms"].to_list() == [100.0]


def _months(root: Path) -> list[Path]:
    return sorted((root / ROLLUP / "steps").glob("month=*/*.parquet"))


def test_a_rollup_that_is_gone_or_damaged_is_made_anew(root: Path) -> None:
    _write_steps(root, [1.0, 2.0, 700.0])
    compact_day(root, "steps", DAY, grace_s=0)
    expected = _rolled(root, _TWO_DAYS).summaries
    (path,) = _kept(root)
    sound = path.read_bytes()

    path.unlink()
    assert _rolled(root, _TWO_DAYS).summaries.equals(expected)
    assert _kept(root) == [path]
    for damaged in (b"", sound[:-9], sound.replace(b"rpa_lab.rollup", b"rpa_lab.rollip"), _flipped(sound, 40)):
        path.write_bytes(damaged)
        assert _rolled(root, _TWO_DAYS).summaries.equals(expected)
        assert _rolled(root, _TWO_DAYS).summaries.equals(expected)  # now from the new one


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_damaged_files_are_left_out(root: Path) -> None:
    _write_steps(root, [1.0])
    _write_steps(root, [5.0])
    first, _ = sorted(day_folder(root, "steps", DAY).glob("f-*"))
    first.write_bytes(_flipped(first.read_bytes(), 60))
    compact_day(root, "steps", DAY, grace_s=0)

    assert _rolled(root, _TWO_DAYS).summaries["rows"].to_list() == [1]


def test_a_compacted_file_that_turns_out_to_be_damaged_is_left_out(root: Path) -> None:
    _write_steps(root, [1.0])
    compact_day(root, "steps", DAY, full=False, grace_s=0)
    _write_steps(root, [5.0], day=DAY + _DAY)
    compact_day(root, "steps", DAY + _DAY, full=False, grace_s=0)
    path = day_folder(root, "steps", DAY) / generation_name(1)
    path.write_bytes(_flipped(path.read_bytes(), 60))
    store = TimeSeriesStore(root, compact=False)

    assert store.attempt(lambda: store.rolled_up("steps", _TWO_DAYS).summaries)["rows"].to_list() == [1]
    assert store.warnings(_TWO_DAYS, tables=["steps"])


def test_sweeping_takes_what_is_dead_and_what_was_left_half_written(root: Path) -> None:
    _write_steps(root, [1.0])
    compact_day(root, "steps", DAY, grace_s=0)
    live = _kept(root)
    folder = rollup_folder(root, "steps", DAY)
    (folder / f"{'0' * 64}.parquet").write_bytes(b"")
    (folder / ".tmp-0123456789ab").write_bytes(b"")
    assert sweep_rollups(root, "steps", DAY) == 1
    os.utime(folder / ".tmp-0123456789ab", (0, 0))
    assert sweep_rollups(root, "steps", DAY) == 1
    assert _kept(root) == live
    assert sweep_rollups(root, "steps", DAY + _DAY) == 0


def test_a_store_that_may_not_be_written_is_summarised_all_the_same(root: Path) -> None:
    _write_steps(root, [1.0])
    compact_day(root, "steps", DAY, full=False, grace_s=0)
    (root / ROLLUP).write_text("where the folder should be")  # root may write everywhere, so permissions don't do

    assert _rolled(root, _TWO_DAYS).summaries["rows"].to_list() == [1]
    done = compact_day(root, "steps", DAY, grace_s=0)
    assert done.published


def test_a_copy_of_published_files_is_left_to_be_read(root: Path) -> None:
    _write_steps(root, [1.0, 3.0])
    compact_day(root, "steps", DAY, grace_s=0)
    (root / "_journal").rename(root.parent / "journal")
    rolled = _rolled(root, _TWO_DAYS)

    assert rolled.files == ()
    assert rolled.rest.collect()["duration_ms"].to_list() == [1.0, 3.0]


def test_tables_without_durations_have_no_rollups(root: Path) -> None:
    put(root, ["e"], seq=0)
    with pytest.raises(UnknownNameError, match="there are no rollups of 'resources'"):
        _rolled(root, _TWO_DAYS, table="resources")
    assert set(ROLLED) == {"executions", "steps"}


def test_what_is_rolled_up_and_the_rest_is_all_there_is(root: Path) -> None:
    _write_runs(root, ["a", "b"])
    compact_day(root, "executions", DAY, grace_s=0)
    _write_runs(root, ["c"], status="running", at=_START + _DAY + timedelta(hours=3))
    rolled = _rolled(root, _TWO_DAYS, table="executions")

    assert rolled.summaries["rows"].sum() == 2
    assert rolled.rest.collect()["execution_id"].to_list() == ["c"]
