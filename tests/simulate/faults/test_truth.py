"""The truth about each kind of fault, held against the rows with it and without it."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from rpa_lab.simulate import Fleet, NullFix, SlowStep
from rpa_lab.simulate.faults.choice import KINDS
from tests.simulate.faults.fleets import TABLES, assert_equal_but_for, calm_fleet, made, of


@pytest.fixture(scope="module")
def calm() -> Fleet:
    return calm_fleet()


@pytest.mark.parametrize("kind", list(KINDS))
def test_each_kind_shifts_the_mean_of_the_runs_in_its_scope_by_what_the_truth_says(calm: Fleet, kind: str) -> None:
    planted = made(kind)
    assert set(planted.truth["kind"]) == {kind}
    scope = []
    for row in planted.truth.iter_rows(named=True):
        until = row["until"] or calm.end + timedelta(days=1)
        runs = calm.executions.filter(
            pl.col("workflow_id") == row["workflow_id"],
            pl.col("started_at") >= row["onset"],
            pl.col("started_at") < until,
        )
        scope.append(runs["execution_id"])
        both = runs.join(planted.executions, on="execution_id", how="inner", validate="1:1")
        both = both.filter(pl.col("status") == "completed", pl.col("status_right") == "completed")
        shift = (both["duration_ms_right"] - both["duration_ms"]).mean()
        assert row["runs"] == runs.height
        assert row["true_shift_ms"] == (None if shift is None else pytest.approx(shift, abs=0.001))
    assert_equal_but_for(calm, planted, pl.concat(scope))
    changed = [not getattr(calm, table).equals(getattr(planted, table)) for table in TABLES]
    assert any(changed) == (kind != "null_fix")


def test_the_shift_has_the_sign_of_what_was_planted(calm: Fleet) -> None:
    slower = {
        "slow_step", "longer_waits", "more_retries", "new_step", "mix_shift", "drift", "memory_leak", "bad_selector",
        "schedule_collision",
    }  # fmt: skip
    for kind in KINDS:
        shifts = made(kind).truth["true_shift_ms"].drop_nulls()
        if kind in slower:
            assert (shifts > 0).all(), kind
        elif kind == "fix":
            assert (shifts < 0).all()
        else:
            assert (shifts == 0).all(), kind


def test_a_null_fix_comes_after_the_slowest_day_and_changes_no_row(calm: Fleet) -> None:
    planted = made(NullFix(workflow_id="order_entry"))
    for table in TABLES:
        assert_frame_equal(getattr(calm, table), getattr(planted, table))
    (row,) = planted.truth.to_dicts()
    assert (row["size"], row["true_shift_ms"]) == (0.0, 0.0)
    (change,) = planted.changes.filter(kind="fix").to_dicts()
    assert (change["at"], change["workflow_id"]) == (row["onset"], "order_entry")
    runs = calm.executions.filter(workflow_id="order_entry", status="completed")
    days = (
        runs.with_columns(day=pl.col("started_at").dt.date())
        .group_by("day")
        .agg(slow=pl.col("duration_ms").log().mean(), n=pl.len())
        .filter(pl.col("n") >= 5)
        .sort("day")
        .filter(pl.col("day").is_between(calm.start.date() + timedelta(days=5), calm.start.date() + timedelta(days=15)))
    )
    peak = days.sort("slow").row(-1, named=True)
    assert row["onset"].date() == peak["day"] + timedelta(days=1)
    later = days.filter(pl.col("day") > peak["day"])["slow"]
    assert later.mean() < peak["slow"]


def test_things_get_better_after_a_null_fix_by_themselves() -> None:
    """What a naive look would take for its effect: the week after the peak against the day of it, over workflows."""
    better = []
    for name in ("order_entry", "invoice_processing", "claims_intake", "bank_reconciliation", "vendor_onboarding"):
        planted = made(NullFix(workflow_id=name))
        onset = planted.truth["onset"].item()
        runs = planted.executions.filter(workflow_id=name, status="completed")
        age = pl.col("started_at") - onset
        day = runs.filter(age < timedelta(0), age >= timedelta(days=-1))["duration_ms"].log().mean()
        week = runs.filter(age >= timedelta(0), age < timedelta(days=7))["duration_ms"].log().mean()
        better.append(1 - math.exp(week - day))  # type: ignore[operator, arg-type]
    assert min(better) > 0
    assert np.mean(better) > 0.05


def test_faults_do_not_disturb_each_other(calm: Fleet) -> None:
    slow = SlowStep(workflow_id="order_entry", node_id="fetch order", onset_day=10, factor=3)
    drift = "drift,workflow_id=claims_intake"
    both, one, other = made(slow, drift), made(slow), made(drift)
    for table in TABLES:
        for workflow_id, alone in (("order_entry", one), ("claims_intake", other), ("payroll", calm)):
            rows = pl.col("workflow_id") == workflow_id
            assert_frame_equal(getattr(both, table).filter(rows), getattr(alone, table).filter(rows))
    assert both.truth["fault"].to_list() == [0, 1]
    assert both.truth.drop("fault").equals(pl.concat([one.truth, other.truth]).drop("fault"))


def test_two_faults_of_one_workflow_add_up_in_either_order(calm: Fleet) -> None:
    slow = SlowStep(workflow_id="order_entry", node_id="fetch order", onset_day=10, factor=3)
    burst = "failure_burst,workflow_id=order_entry,node_id=enter order > save,share=1"
    one, other = made(burst, slow), made(slow, burst)
    for table in TABLES:
        assert_frame_equal(getattr(one, table), getattr(other, table))
    assert of(one.steps, one.executions.filter(pl.col("error_message").str.contains("maintenance"))).height > 50
