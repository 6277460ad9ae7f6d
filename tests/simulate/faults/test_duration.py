"""What takes longer takes longer by what was asked for, to the microsecond, and nothing else changes."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from rpa_lab.simulate import Drift, Fix, Fleet, LongerWaits, SlowStep
from tests.simulate.faults.fleets import assert_equal_but_for, calm_fleet, in_window, made, of, run_us, us

_NODE = "post invoice > fill in"
_TIMES = ["started_at", "completed_at", "duration_ms"]


@pytest.fixture(scope="module")
def calm() -> Fleet:
    return calm_fleet()


def _assert_scaled(calm: Fleet, planted: Fleet, touched: pl.DataFrame, node_id: str, factor: pl.Series) -> None:
    """Durations of the node's steps of those runs are those without the fault times the factor; all else is equal."""
    assert_equal_but_for(calm, planted, touched["execution_id"])
    before, after = of(calm.steps, touched), of(planted.steps, touched)
    assert_frame_equal(before.drop(_TIMES), after.drop(_TIMES))
    by_run = before.join(
        touched.select("execution_id", factor=factor),
        on="execution_id",
        how="left",
        validate="m:1",
        maintain_order="left",
    )
    struck = (before["node_id"] == node_id).to_numpy()
    expected = np.where(struck, np.rint(us(before) * by_run["factor"].to_numpy()), us(before)).astype(np.int64)
    assert np.array_equal(us(after), expected)
    runs_before, runs_after = of(calm.executions, touched), of(planted.executions, touched)
    assert_frame_equal(runs_before.drop(_TIMES[1:]), runs_after.drop(_TIMES[1:]))
    assert np.array_equal(us(runs_after) - us(runs_before), run_us(before, expected - us(before)))


@pytest.mark.parametrize("scope", ["all runs", "host", "robot", "version"])
def test_a_slow_step_takes_its_factor_longer_in_its_scope(calm: Fleet, scope: str) -> None:
    touched = in_window(calm, "invoice_processing", 8.5, 17)
    column = {"host": "host", "robot": "robot_id", "version": "workflow_version"}.get(scope)
    options: dict[str, str] = {}
    if column:
        (value,) = touched[column].value_counts(sort=True)[column].head(1)
        options = {scope: value}
        touched = touched.filter(pl.col(column) == value)
    fault = SlowStep(
        workflow_id="invoice_processing", node_id=_NODE, onset_day=8.5, until_day=17, factor=1.7, **options
    )
    planted = made(fault)
    assert 100 < touched.height < calm.executions.height / 4
    if column:
        assert touched.height < 0.9 * in_window(calm, "invoice_processing", 8.5, 17).height
    _assert_scaled(calm, planted, touched, _NODE, pl.Series(np.full(touched.height, 1.7)))
    (row,) = planted.truth.to_dicts()
    assert row["scope"] == (f"{scope} {options[scope]}" if column else "all runs")
    assert row["runs"] == touched.height


def test_a_drift_grows_by_its_fraction_a_day(calm: Fleet) -> None:
    touched = in_window(calm, "invoice_processing", 10)
    planted = made(Drift(workflow_id="invoice_processing", node_id=_NODE, onset_day=10, per_day=0.05))
    since = calm.start + timedelta(days=10)
    days = (touched["started_at"] - since).dt.total_microseconds() / 86_400_000_000
    _assert_scaled(calm, planted, touched, _NODE, 1 + 0.05 * days)


def test_a_fix_makes_its_step_faster_and_is_written_down(calm: Fleet) -> None:
    touched = in_window(calm, "invoice_processing", 12)
    planted = made(Fix(workflow_id="invoice_processing", node_id=_NODE, onset_day=12, percent=35))
    _assert_scaled(calm, planted, touched, _NODE, pl.Series(np.full(touched.height, 0.65)))
    noted = planted.changes.join(calm.changes, on="change_id", how="anti")
    assert noted.select("kind", "workflow_id", "at").rows() == [
        ("fix", "invoice_processing", calm.start + timedelta(days=12))
    ]
    assert_frame_equal(planted.changes.filter(pl.col("kind") != "fix"), calm.changes)


def test_longer_waits_lie_before_the_step_and_leave_steps_as_fast_as_ever(calm: Fleet) -> None:
    node = "enter order > type lines"
    touched = in_window(calm, "order_entry", 9)
    planted = made(LongerWaits(workflow_id="order_entry", node_id=node, onset_day=9, extra_ms=2500))
    assert_equal_but_for(calm, planted, touched["execution_id"])
    before, after = of(calm.steps, touched), of(planted.steps, touched)
    assert_frame_equal(before.drop(_TIMES[:2]), after.drop(_TIMES[:2]))
    later_us = (after["started_at"] - before["started_at"]).dt.total_microseconds()
    visits = before.select((pl.col("node_id") == node).cast(pl.Int64).cum_sum().over("execution_id"))["node_id"]
    assert visits.max() > 2  # type: ignore[operator]
    assert np.array_equal(later_us.to_numpy(), 2_500_000 * visits.to_numpy())
    runs_before, runs_after = of(calm.executions, touched), of(planted.executions, touched)
    longer = run_us(before, np.where(before["node_id"] == node, 2_500_000, 0).astype(np.int64))
    assert np.array_equal(us(runs_after) - us(runs_before), longer)
