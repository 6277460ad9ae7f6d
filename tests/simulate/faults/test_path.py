"""More retries, a new step and a mix shift: other steps, or the same ones more often, each as fast as ever."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from scipy.stats import binomtest

from rpa_lab.simulate import Fleet, MixShift, MoreRetries, NewStep
from tests.simulate.faults.fleets import assert_equal_but_for, calm_fleet, in_window, made, of, us

_OWN = ["node_id", "duration_ms", "retry_count", "confidence_score", "status", "error_details"]


@pytest.fixture(scope="module")
def calm() -> Fleet:
    return calm_fleet()


def test_retries_come_in_their_share_of_the_visits_and_cost_one_attempt_each(calm: Fleet) -> None:
    node = "enter order > type header"
    touched = in_window(calm, "order_entry", 6.5)
    planted = made(MoreRetries(workflow_id="order_entry", node_id=node, onset_day=6.5, share=0.3))
    visits = of(calm.steps, touched).filter(pl.col("node_id") == node, pl.col("status") == "completed")
    both = visits.join(
        planted.steps, on=["execution_id", "step_index"], how="inner", validate="1:1", maintain_order="left"
    )
    more = both["retry_count_right"] - both["retry_count"]
    assert set(more) == {0, 1}
    assert binomtest(int(more.sum()), both.height, 0.3).pvalue > 0.001
    assert_equal_but_for(calm, planted, both.filter(more == 1)["execution_id"])
    first = both.filter((more == 1) & (both["retry_count"] == 0))
    assert first.height > 100
    twice = 2 * us(first) + 1_500_000  # the pause between attempts is 1.5 s
    assert np.abs(us(first["duration_ms_right"]) - twice).max() <= 1
    others = (pl.col("node_id") != node) & (pl.col("workflow_id") == "order_entry")
    assert_frame_equal(calm.steps.filter(others).select(_OWN), planted.steps.filter(others).select(_OWN))


def test_a_new_step_comes_once_a_run_right_after_another_and_leaves_all_others_alone(calm: Fleet) -> None:
    after = "enter order > type lines"
    touched = in_window(calm, "order_entry", 10, 18)
    planted = made(
        NewStep(workflow_id="order_entry", node_id="four eyes", after=after, onset_day=10, until_day=18, median_ms=3000)
    )
    assert_equal_but_for(calm, planted, touched["execution_id"])
    steps = of(planted.steps, touched).with_columns(
        before=pl.col("node_id").shift(1).over("execution_id"), next=pl.col("node_id").shift(-1).over("execution_id")
    )
    new = steps.filter(node_id="four eyes")
    assert (new["before"] == after).all()
    assert (new["next"] != after).all()
    completed = touched.filter(status="completed")["execution_id"]
    assert set(completed) <= set(new["execution_id"])
    assert new["execution_id"].n_unique() == new.height
    before, rest = of(calm.steps, touched), steps.filter(pl.col("node_id") != "four eyes")
    assert_frame_equal(before.select(_OWN), rest.select(_OWN))
    counts = steps.group_by("execution_id", maintain_order=True).agg(pl.col("step_index"))
    assert all(index == list(range(len(index))) for index in counts["step_index"].to_list())
    runs = of(planted.executions, touched).join(touched, on="execution_id", how="left", validate="1:1")
    longer = runs["steps_total"] - runs["steps_total_right"]
    assert set(longer) <= {0, 1}
    assert longer.sum() == new.height
    logs = np.log(us(new) / 3_000_000)
    assert abs(logs.mean()) < 4 * logs.std() / np.sqrt(len(logs))
    assert logs.std() == pytest.approx(0.45, rel=0.15)


def test_a_mix_shift_makes_more_runs_take_the_step_and_no_step_slower(calm: Fleet) -> None:
    node = "read invoice"  # 55 % take it
    touched = in_window(calm, "invoice_processing", 10)
    planted = made(MixShift(workflow_id="invoice_processing", node_id=node, onset_day=10, share=0.9))

    def taking(fleet: Fleet) -> pl.Series:
        return of(fleet.steps, touched).filter(node_id=node)["execution_id"]

    had, have = taking(calm), taking(planted)
    assert set(had) < set(have)
    reached = of(calm.steps, touched).filter(node_id="find purchase order")["execution_id"]
    assert binomtest(len(set(reached) & set(have)), len(reached), 0.9).pvalue > 0.001
    assert binomtest(len(set(reached) & set(had)), len(reached), 0.55).pvalue > 0.001
    new = pl.Series(sorted(set(have) - set(had)))
    assert_equal_but_for(calm, planted, new)
    before, after = of(calm.steps, new), of(planted.steps, new)
    assert_frame_equal(before.select(_OWN), after.filter(pl.col("node_id") != node).select(_OWN))
    usual, shifted = calm.steps.filter(node_id=node), after.filter(node_id=node)
    logs, logs_then = np.log(us(shifted)), np.log(us(usual))
    error = np.hypot(logs.std() / np.sqrt(len(logs)), logs_then.std() / np.sqrt(len(logs_then)))
    assert abs(logs.mean() - logs_then.mean()) < 4 * error + 0.05  # the days' own effects stay
    (row,) = planted.truth.to_dicts()
    assert row["true_shift_ms"] > 500
