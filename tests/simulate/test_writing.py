"""A fleet in a store: what is read is what was simulated, and writing it again changes nothing."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from rpa_lab.simulate import Fleet, fleet
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
