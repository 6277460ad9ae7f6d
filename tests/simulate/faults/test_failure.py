"""Bursts, outages and bad selectors fail the runs that they say, in the share that they say, and touch no other."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from scipy.stats import binomtest

from rpa_lab.simulate import BadSelector, FailureBurst, Fleet, Outage
from rpa_lab.simulate.faults.choice import KINDS
from tests.simulate.faults.fleets import assert_equal_but_for, calm_fleet, in_window, made, of, us

_BURST = FailureBurst(
    workflow_id="order_entry",
    node_id="enter order > save",
    onset_day=9 + 8 / 24,
    until_day=9 + 16 / 24,
    share=0.8,
    message="ApplicationError: SAP GUI: system is locked for maintenance",
)


@pytest.fixture(scope="module")
def calm() -> Fleet:
    return calm_fleet()


def _assert_failed_at(calm: Fleet, planted: Fleet, struck: pl.DataFrame, first: pl.DataFrame, message: str) -> None:
    """Those runs fail at these steps (execution_id, step_index), say so, and did what they did before up to there."""
    assert_equal_but_for(calm, planted, struck["execution_id"])
    assert set(struck["status"]) == {"failed"}
    assert set(struck["error_message"]) == {message}
    assert struck["error_details"].str.ends_with(message).all()
    steps = of(planted.steps, struck)
    last = steps.group_by("execution_id", maintain_order=True).last()
    assert set(last["status"]) == {"failed"}
    assert last.select("execution_id", "step_index").equals(of(first, struck).select("execution_id", "step_index"))
    same = ["execution_id", "node_id", "started_at", "completed_at", "retry_count"]
    until = of(calm.steps, struck).join(
        last.select("execution_id", last="step_index"),
        on="execution_id",
        how="left",
        validate="m:1",
        maintain_order="left",
    )
    assert_frame_equal(steps.select(same), until.filter(pl.col("step_index") <= pl.col("last")).select(same))


def test_a_burst_fails_its_share_of_the_runs_at_its_step(calm: Fleet) -> None:
    planted = made(_BURST)
    window = in_window(calm, "order_entry", _BURST.onset_day, _BURST.until_day)
    struck = planted.executions.filter(error_message=_BURST.message)
    assert set(struck["execution_id"]) <= set(window["execution_id"])
    reached = of(calm.steps, window).filter(node_id=_BURST.node_id)
    assert reached.height > 100
    assert binomtest(struck.height, reached.height, 0.8).pvalue > 0.001
    _assert_failed_at(calm, planted, struck, reached, _BURST.message)


def test_an_outage_fails_all_runs_that_reach_the_application_in_all_workflows_that_use_it(calm: Fleet) -> None:
    message = "ConnectionError: SAP GUI is unreachable"
    outage = Outage(application="SAP GUI", onset_day=9 + 8 / 24, until_day=9 + 11 / 24, message=message)
    planted = made(outage)
    users = ["order_entry", "vendor_onboarding", "payroll"]
    assert sorted(planted.truth["workflow_id"]) == sorted(users)
    windows = pl.concat([in_window(calm, name, outage.onset_day, outage.until_day) for name in users])
    uses = of(calm.steps, windows).filter(pl.col("application") == "SAP GUI")
    first = uses.group_by("execution_id", maintain_order=True).first()
    struck = planted.executions.filter(error_message=message)
    assert set(struck["execution_id"]) == set(first["execution_id"])
    assert struck["workflow_id"].n_unique() >= 2
    _assert_failed_at(calm, planted, struck, first, message)


def test_an_outage_may_be_partial_and_of_one_workflow(calm: Fleet) -> None:
    outage = Outage(
        application="Exchange",
        onset_day=2,
        until_day=9,
        message="ConnectionError: no route",
        share=0.4,
        workflow_ids=("order_entry",),
    )
    planted = made(outage)
    struck = planted.executions.filter(error_message="ConnectionError: no route")
    assert set(struck["workflow_id"]) == {"order_entry"}
    reached = in_window(calm, "order_entry", 2, 9).height  # its first step reads mail
    assert binomtest(struck.height, reached, 0.4).pvalue > 0.001


def test_a_selector_goes_bad_over_days_heals_mostly_and_fails_the_rest(calm: Fleet) -> None:
    node = "enter order > save"
    planted = made(BadSelector(workflow_id="order_entry", node_id=node, onset_day=5, share=0.4, ramp_days=8))
    key = ["execution_id", "step_index"]
    visits = of(calm.steps, in_window(calm, "order_entry", 5)).filter(node_id=node, status="completed")
    both = visits.join(planted.steps, on=key, how="inner", validate="1:1", maintain_order="left")
    struck = both.filter(pl.col("duration_ms_right") != pl.col("duration_ms"))
    assert_equal_but_for(calm, planted, struck["execution_id"])

    days = (both["started_at"] - calm.start).dt.total_microseconds() / 86_400_000_000 - 5
    share = (days / 8).clip(0, 1) * 0.4
    late = both.filter(days > 8)
    hit = late.filter(pl.col("duration_ms_right") != pl.col("duration_ms")).height
    assert binomtest(hit, late.height, 0.4).pvalue > 0.001
    assert abs(struck.height - share.sum()) < 4 * (share * (1 - share)).sum() ** 0.5  # type: ignore[operator]
    lost = struck.filter(status_right="failed")
    assert binomtest(lost.height, struck.height, 0.25).pvalue > 0.001

    healed = struck.filter((pl.col("status_right") == "completed") & (pl.col("retry_count") == 0))
    assert set(healed["retry_count_right"]) == {1}
    expected = 2 * us(healed) + 1_500_000 + 10_000_000  # a further attempt, a pause, and ten seconds in vain
    assert abs(us(healed["duration_ms_right"]) - expected).max() <= 1
    recovered = of(planted.recoveries, healed).filter(node_id=node)
    assert set(recovered["execution_id"]) == set(healed["execution_id"])
    assert set(recovered["status"]) == {"recovered"}
    assert (healed["confidence_score_right"] < healed["confidence_score"]).all()
    said = of(planted.executions, lost)["error_message"].unique().to_list()
    assert said == ["ElementNotFound: no element matches wnd[0]/tbar[0]/btn[11] after 10 s"]
    assert planted.truth["message"].to_list() == said
    assert of(planted.executions, lost)["status"].unique().to_list() == ["failed"]


def test_a_burst_shows_only_within_its_window(calm: Fleet) -> None:
    planted = made(_BURST)
    times = planted.executions.filter(error_message=_BURST.message)["started_at"]
    assert times.min() >= calm.start + timedelta(days=_BURST.onset_day)  # type: ignore[operator]
    assert times.max() < calm.start + timedelta(days=_BURST.until_day)  # type: ignore[operator]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_a_fault_needs_must_be_said(kind: str) -> None:
    """What a property of its base is called is no default."""
    fault: type[Any] = KINDS[kind]
    assert [one.name for one in fields(fault) if isinstance(one.default, property)] == []
    with pytest.raises(TypeError, match=r"missing .* required keyword-only"):
        fault()


def test_a_burst_without_its_message_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="'message'"):
        FailureBurst(workflow_id="order_entry", node_id="fetch order", onset_day=1, until_day=2, share=1.0)  # type: ignore[call-arg]
