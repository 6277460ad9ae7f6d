"""A fleet in a store: what is read is what was simulated, day by day, and writing it again changes nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from rpa_lab.simulate import Flaws, Fleet, fleet
from rpa_lab.simulate.flaws import everyday_flaws
from rpa_lab.storage.store import TimeSeriesStore

if TYPE_CHECKING:
    from pathlib import Path

END = date(2026, 11, 2)
_TABLES = ("executions", "steps", "recoveries")


@pytest.fixture(scope="module")
def made() -> Fleet:
    return fleet(days=3, workflows=3, seed=2, end=END)


def _files(root: Path) -> dict[str, int]:
    return {str(path.relative_to(root)): path.stat().st_mtime_ns for path in root.rglob("f-*.parquet")}


def test_what_is_read_is_what_was_simulated(made: Fleet, tmp_path: Path) -> None:
    store = TimeSeriesStore(tmp_path / "store")
    counts = made.write(store)
    for table in _TABLES:
        simulated: pl.DataFrame = getattr(made, table)
        if table == "steps":
            simulated = simulated.with_columns(step_id=pl.format("{}:{}", "execution_id", "step_index"))
        key = [column for column in ("execution_id", "step_index", "recovery_id") if column in simulated.columns]
        read = store.read(table).select(simulated.columns)
        assert_frame_equal(read.sort(key), simulated.sort(key))
        assert (counts[table].rows, counts[table].already_there, counts[table].corrected) == (simulated.height, 0, 0)


def test_the_same_fleet_written_twice_changes_nothing(made: Fleet, tmp_path: Path) -> None:
    store = TimeSeriesStore(tmp_path / "store")
    made.write(store)
    before = _files(store.root)
    again = fleet(days=3, workflows=3, seed=2, end=END).write(store)
    assert _files(store.root) == before
    for table in _TABLES:
        assert (again[table].rows, again[table].already_there) == (0, getattr(made, table).height)


def test_the_same_fleet_with_other_faults_is_left_out_whole(made: Fleet, tmp_path: Path) -> None:
    store = TimeSeriesStore(tmp_path / "store")
    made.write(store)
    before = _files(store.root)
    calm = fleet(days=3, workflows=3, seed=2, end=END, faults=())
    counts = calm.write(store)
    assert calm.writer != made.writer
    assert _files(store.root) == before
    for table in _TABLES:
        assert (counts[table].rows, counts[table].already_there) == (0, getattr(calm, table).height)


def test_another_seed_is_added(made: Fleet, tmp_path: Path) -> None:
    store = TimeSeriesStore(tmp_path / "store")
    other = fleet(days=3, workflows=3, seed=3, end=END)
    made.write(store)
    other.write(store)
    assert store.read("executions").height == made.executions.height + other.executions.height


_ALL = ("executions", "steps", "recoveries", "resources", "changes", "collector_health")


@pytest.mark.parametrize("skew", [0.0, -40.0, 7200.0])
def test_days_that_are_written_one_by_one_are_the_frames_whatever_runs_over_midnight(
    tmp_path: Path, skew: float
) -> None:
    """Work around midnight, clocks that are off, and all that can be wrong: the days add up to the frames."""
    made = fleet(
        4,
        4,
        5,
        end=datetime(2026, 11, 2, 1, 30, tzinfo=UTC),
        runs_per_day=500,
        faults=["all"],
        resources=True,
        flaws=Flaws(running=True, abandoned=0.01, lost_minutes=0.01, clock_skew_sec={"vm-rpa-02": skew}),
    )
    store = TimeSeriesStore(tmp_path / "store", as_of="latest")
    seen: list[tuple[date, int, int]] = []
    counts = made.write(store, on_day=lambda day, n, of: seen.append((day, n, of)))
    assert [entry[0] for entry in seen] == sorted({entry[0] for entry in seen})
    assert [entry[1] for entry in seen] == list(range(len(seen)))
    assert len({entry[2] for entry in seen}) == 1
    for table in _ALL:
        simulated: pl.DataFrame = getattr(made, table)
        assert counts[table].rows == simulated.height, table
        assert simulated.height > 0 or table == "collector_health", table
        if table == "steps":
            simulated = simulated.with_columns(step_id=pl.format("{}:{}", "execution_id", "step_index"))
        order = [
            name
            for name in ("timestamp", "execution_id", "step_index", "recovery_id", "change_id")
            if name in simulated.columns
        ]
        read = store.read(table).select(simulated.columns)
        if table == "executions":
            read = read.with_columns(pl.col("status").replace("abandoned", "running"))
        assert_frame_equal(read.sort(order), simulated.sort(order), check_exact=True)
    late = made.steps.join(
        made.executions.select("execution_id", run="started_at"), on="execution_id", how="left", validate="m:1"
    )
    assert late.filter(pl.col("started_at").dt.date() != pl.col("run").dt.date()).height > 0


def test_a_store_says_running_of_what_is_at_work_and_abandoned_of_what_was_killed(tmp_path: Path) -> None:
    made = fleet(
        2,
        5,
        8,
        end=datetime(2026, 11, 3, 10, 30, tzinfo=UTC),
        runs_per_day=900,
        flaws=Flaws(running=True, abandoned=0.01),
    )
    store = TimeSeriesStore(tmp_path / "store", as_of=made.end)
    made.write(store)
    read = store.read("executions").filter(pl.col("status").is_in(["running", "abandoned"]))
    old = pl.col("started_at") < made.end - timedelta(minutes=15)
    assert set(read.filter(old)["status"]) == {"abandoned"}
    assert set(read.filter(~old)["status"]) == {"running"}
    assert read.filter(old).height > 20
    assert read.filter(~old).height > 2
    days_later = TimeSeriesStore(store.root, as_of=made.end + timedelta(days=1)).read("executions")
    assert days_later.filter(status="running").height == 0


def test_a_messy_fleet_written_twice_changes_nothing(tmp_path: Path) -> None:
    store = TimeSeriesStore(tmp_path / "store")
    options = {"end": END, "runs_per_day": 200, "resources": True, "flaws": everyday_flaws(4)}
    made = fleet(3, 4, 2, **options)  # type: ignore[arg-type]
    first = made.write(store)
    before = _files(store.root)
    again = fleet(3, 4, 2, **options).write(store)  # type: ignore[arg-type]
    assert _files(store.root) == before
    assert {name: (one.rows, one.already_there) for name, one in again.items()} == {
        name: (0, one.rows) for name, one in first.items()
    }


def test_a_path_is_as_good_as_a_store(made: Fleet, tmp_path: Path) -> None:
    by_text, by_path = made.write(str(tmp_path / "0")), made.write(tmp_path / "1")
    for number, written in enumerate((by_text, by_path)):
        read = TimeSeriesStore(tmp_path / f"{number}").read("executions")
        assert written["executions"].rows == read.height == made.executions.height > 0
