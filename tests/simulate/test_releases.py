"""Releases come to one host first, are written down, and change nothing."""

from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from rpa_lab.simulate import Fleet, fleet
from tests.simulate.faults.fleets import END


@pytest.fixture(scope="module")
def made() -> Fleet:
    return fleet(30, 6, 3, end=END, runs_per_day=200, faults=(), releases_per_month=6)


def test_a_runs_version_is_what_the_changes_say(made: Fleet) -> None:
    """Replayed by hand: for each run the newest release, by then, that had come to its host or to all."""
    assert made.changes.filter(pl.col("host").is_not_null()).height > 5
    first = dict(
        made.executions.filter(workflow_version=pl.col("workflow_version").first().over("workflow_id"))
        .group_by("workflow_id")
        .agg(pl.col("workflow_version").first())
        .iter_rows()
    )
    for workflow_id, notes in made.changes.partition_by("workflow_id", as_dict=True).items():
        runs = made.executions.filter(workflow_id=workflow_id[0]).sample(200, seed=1)
        for run in runs.iter_rows(named=True):
            seen = notes.filter(
                pl.col("at") <= run["started_at"], pl.col("host").is_null() | (pl.col("host") == run["host"])
            )
            expected = seen.sort("at")["version"].to_list()
            assert run["workflow_version"] == (expected[-1] if expected else first[workflow_id[0]])


def test_a_canary_comes_days_before_the_rest(made: Fleet) -> None:
    canaries = made.changes.filter(pl.col("host").is_not_null()).select("workflow_id", "version", "at", "host")
    both = canaries.join(
        made.changes.filter(pl.col("host").is_null()), on=["workflow_id", "version"], how="inner", validate="1:1"
    )
    ahead = (both["at_right"] - both["at"]).dt.total_hours()
    assert ahead.is_between(20, 4 * 24 + 2).all()
    for row in both.head(4).iter_rows(named=True):
        between = made.executions.filter(
            pl.col("workflow_id") == row["workflow_id"], pl.col("started_at").is_between(row["at"], row["at_right"])
        )
        assert set(between.filter(workflow_version=row["version"])["host"]) <= {row["host"]}
        assert between.filter(pl.col("workflow_version") != row["version"]).height > 0


def test_releases_change_no_row_but_the_version(made: Fleet) -> None:
    none = fleet(30, 6, 3, end=END, runs_per_day=200, faults=(), releases_per_month=0)
    assert none.changes.height == 0
    assert (
        none.executions.group_by("workflow_id").agg(pl.col("workflow_version").n_unique())["workflow_version"].max()
        == 1
    )
    ids = ["execution_id", "step_id", "recovery_id", "workflow_version"]  # they name the fleet that was asked for
    for table in ("executions", "steps", "recoveries"):
        frames = [getattr(fleet_, table) for fleet_ in (made, none)]
        frames = [frame.drop([name for name in ids if name in frame.columns]) for frame in frames]
        assert_frame_equal(*frames)


def test_the_number_of_releases_is_what_was_asked_for() -> None:
    counts = [fleet(30, 8, seed, end=END, faults=(), releases_per_month=0.5).changes.height for seed in range(12)]
    assert 0.25 * 8 < sum(counts) / 12 < 0.7 * 8
