"""Samples of CPU and memory: when they are taken, and that each depends on its own run alone."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.simulate import Fleet, fleet
from rpa_lab.simulate.resources import sample_times
from tests.simulate.faults.fleets import END


@pytest.fixture(scope="module")
def made() -> Fleet:
    return fleet(7, 6, 2, end=END, runs_per_day=100, faults=(), resources=True)


@given(st.integers(1, 4 * 3600))
def test_samples_come_each_second_then_each_tenth_of_the_age_then_each_minute(seconds: int) -> None:
    at = sample_times(seconds * 1_000_000)
    assert (at[0], at[-1]) == (0, seconds * 1_000_000)
    gaps, ages = np.diff(at[:-1]), at[:-2]
    expected = np.clip(ages / 10, 1_000_000, 60_000_000)
    assert np.all(np.abs(gaps - expected) <= 1)
    assert 0 < at[-1] - at[-2] <= max(1_000_000, min(60_000_000, at[-2] / 10) + 1)


def test_each_run_is_sampled_from_its_start_to_its_end(made: Fleet) -> None:
    samples = made.resources.group_by("execution_id").agg(
        n=pl.len(), first=pl.col("timestamp").min(), last=pl.col("timestamp").max()
    )
    runs = made.executions.join(samples, on="execution_id", how="left", validate="1:1")
    assert (runs["first"] == runs["started_at"]).all()
    assert (runs["last"] == runs["completed_at"]).all()
    for row in runs.sample(200, seed=1).iter_rows(named=True):
        assert row["n"] == len(sample_times((row["completed_at"] - row["started_at"]) // timedelta(microseconds=1)))
    assert 2 < made.resources.height / made.steps.height < 4


def test_samples_of_a_run_resemble_their_neighbours_and_stay_within_bounds(made: Fleet) -> None:
    logs = made.resources.with_columns(
        cpu=pl.col("cpu_percent").log() - pl.col("cpu_percent").log().mean().over("workflow_id"),
    ).with_columns(before=pl.col("cpu").shift(1).over("execution_id"), far=pl.col("cpu").shift(12).over("execution_id"))
    assert logs.drop_nulls("before").select(pl.corr("cpu", "before")).item() == pytest.approx(0.85, abs=0.05)
    assert logs.drop_nulls("far").select(pl.corr("cpu", "far")).item() < 0.3
    assert made.resources["cpu_percent"].is_between(0, 400).all()
    assert made.resources["host_cpu_percent"].is_between(0, 100).all()
    assert (made.resources["memory_mb"] < made.resources["host_memory_mb"]).all()
    by_workflow = made.resources.group_by("workflow_id").agg(pl.col("memory_mb").mean())["memory_mb"]
    assert by_workflow.max() > 1.2 * by_workflow.min()  # type: ignore[operator]


def test_samples_draw_from_a_standard_normal_distribution() -> None:
    from scipy.stats import kstest

    from rpa_lab.simulate.resources import _draws

    number, place = (grid.reshape(-1) for grid in np.meshgrid(np.arange(2000), np.arange(20), indexing="ij"))
    draws = _draws("a name", number, place)
    assert kstest(draws, "norm").pvalue > 0.001
    square = draws.reshape(2000, 20)
    assert abs(np.corrcoef(square[:, 0], square[:, 1])[0, 1]) < 0.08
    assert abs(np.corrcoef(square[:-1, 3], square[1:, 3])[0, 1]) < 0.08
    assert abs(np.corrcoef(draws, _draws("another", number, place))[0, 1]) < 0.02
