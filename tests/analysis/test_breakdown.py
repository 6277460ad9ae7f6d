from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from rpa_lab.analysis.breakdown import GROUPS, grouping, performance_by
from rpa_lab.errors import InputError, UnknownNameError
from tests import oracles, strategies

_STATISTICS = {"mean_ms": "mean", "std_ms": "std", "min_ms": "min", "p50_ms": "median", "p95_ms": "p95"} | {
    "p99_ms": "p99",
    "max_ms": "max",
}


def _check(table: pl.DataFrame, rows: pl.DataFrame, by: str, *, status: str | None = None) -> None:
    ended = [row for row in rows.to_dicts() if row["status"] not in ("running", "skipped")]
    groups = {row[by] for row in ended}
    assert table.height == len(groups)
    assert set(table[by]) == groups
    for row in table.iter_rows(named=True):
        mine = [one for one in ended if one[by] == row[by]]
        counted = [one["duration_ms"] for one in mine if status in (None, one["status"])]
        twin = oracles.duration_statistics(counted)
        assert (row["ended"], row["n"]) == (len(mine), twin["n"])
        assert row["success_rate"] == pytest.approx(oracles.success_rate(one["status"] for one in mine))
        for ours, theirs in _STATISTICS.items():
            expected = twin[theirs]
            assert row[ours] == (None if expected is None else pytest.approx(expected, rel=1e-9, abs=1e-6)), ours
        assert row["days"] == len({one["started_at"].date() for one in mine})
        for name in ("mean_ms", "p50_ms", "p95_ms", "success_rate"):
            bounds = (row[f"{name}_low"], row[f"{name}_high"])
            assert (None in bounds) == (bounds == (None, None)) == (row[f"{name}_basis"] is None)
            if None not in bounds:
                assert bounds[0] - 1e-9 <= row[name] <= bounds[1] + 1e-9


@given(
    strategies.executions(max_size=20),
    st.sampled_from(["workflow", "version", "robot", "host"]),
    st.none() | st.sampled_from(strategies.RESULTS),
)
def test_groups_of_executions_are_the_naive_twins(executions: pl.DataFrame, by: str, status: str | None) -> None:
    column = GROUPS[by][1]
    _check(performance_by(executions, by=[column], tz="UTC", status=status), executions, column, status=status)


@given(strategies.steps(), st.sampled_from(["step", "action", "application"]))
def test_groups_of_steps_are_the_naive_twins(steps: pl.DataFrame, by: str) -> None:
    column = GROUPS[by][1]
    _check(performance_by(steps, by=[column], tz="UTC"), steps, column)


@given(strategies.executions(max_size=20))
def test_groups_by_two_columns_are_the_same_as_by_their_pair(executions: pl.DataFrame) -> None:
    by = ["workflow_version", "host"]
    pairs = executions.with_columns(pair=pl.concat_str(pl.col(by).fill_null("none"), separator="|"))
    one = performance_by(executions, by=by, tz="UTC").with_columns(
        pair=pl.concat_str(pl.col(by).fill_null("none"), separator="|")
    )
    other = performance_by(pairs, by=["pair"], tz="UTC")

    assert_frame_equal(one.drop(by).sort("pair").select(other.columns), other.sort("pair"))


def test_most_runs_come_first() -> None:
    runs = pl.DataFrame(
        {"robot_id": ["b", "a", "c", "c", None], "status": ["completed"] * 5, "duration_ms": [1.0] * 5},
    ).with_columns(started_at=pl.datetime(2026, 11, 3, time_zone="UTC"), completed_at=None)

    table = performance_by(runs, by=["robot_id"], tz="UTC")
    assert table["robot_id"].to_list() == ["c", None, "a", "b"]
    assert table["ended"].to_list() == [2, 1, 1, 1]


@pytest.mark.parametrize("by", [["version", "step"], [], ["host", "host"]])
def test_columns_of_two_tables_are_refused(by: list[str]) -> None:
    with pytest.raises(InputError, match="several of one table"):
        grouping(by)


def test_an_unknown_group_lists_those_that_exist() -> None:
    with pytest.raises(
        UnknownNameError, match=r"can't be broken down by 'robots'; did you mean 'robot'\? It has: action"
    ):
        grouping("robots")


@given(st.integers(1, 400), st.integers(0, 10**6))
def test_bounds_of_quantiles_are_durations_of_the_group(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    runs = pl.DataFrame({"host": ["h"] * n, "status": ["completed"] * n, "duration_ms": rng.lognormal(5, 1, n)})
    runs = runs.with_columns(
        started_at=pl.lit("2026-11-01T00:00Z").str.to_datetime("%Y-%m-%dT%H:%M%#z", time_zone="UTC")
        + pl.Series(rng.integers(0, 20, n)) * pl.duration(days=1)
    ).with_columns(completed_at="started_at")
    row: dict[str, Any] = performance_by(runs, by=["host"], tz="UTC").row(0, named=True)
    values = set(runs["duration_ms"].to_list())

    for name in ("p50_ms", "p95_ms", "p99_ms"):
        low, high = row[f"{name}_low"], row[f"{name}_high"]
        assert low is None or (low in values and high in values and low <= row[name] <= high)
