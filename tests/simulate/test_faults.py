"""Each fault changes what it says, by its size, and nothing else."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from scipy.stats import binomtest

from rpa_lab.errors import InputError, UnknownNameError
from rpa_lab.simulate import FailureBurst, Fleet, SlowStep, fleet
from rpa_lab.simulate.calendar import holidays

if TYPE_CHECKING:
    from rpa_lab.simulate.faults import Fault

END = date(2026, 11, 2)
_TABLES = ("executions", "steps", "recoveries")
_SLOW = SlowStep(
    workflow_id="invoice_processing", node_id="post invoice > fill in", onset_day=12.5, until_day=20, factor=1.7
)
_BURST = FailureBurst(
    workflow_id="order_entry",
    node_id="enter order > save",
    onset_day=17 + 8 / 24,
    until_day=17 + 16 / 24,
    share=0.8,
    message="ApplicationError: SAP GUI: system is locked for maintenance",
)


def _made(*faults: Fault) -> Fleet:
    return fleet(days=28, workflows=3, seed=9, end=END, runs_per_day=100, faults=faults)


@pytest.fixture(scope="module")
def calm() -> Fleet:
    return _made()


def _within(fault: Fault, made: Fleet, *, host: str | None = None) -> pl.Series:
    """The executions that a fault is said to touch."""
    until = timedelta(days=fault.until_day or 10**4)
    everywhere = made.executions["host"].unique().to_list()
    touched = made.executions.filter(
        pl.col("workflow_id") == fault.workflow_id,
        pl.col("started_at") >= made.start + timedelta(days=fault.onset_day),
        pl.col("started_at") < made.start + until,
        pl.col("host").is_in([host] if host else everywhere),
    )
    return touched["execution_id"]


def _us(frame: pl.DataFrame) -> npt.NDArray[np.int64]:
    microseconds: npt.NDArray[np.int64] = np.rint(frame["duration_ms"].to_numpy() * 1000).astype(np.int64)
    return microseconds


@pytest.mark.parametrize("host", [None, "vm-rpa-02"])
def test_a_slow_step_takes_its_factor_longer_and_nothing_else_changes(calm: Fleet, host: str | None) -> None:
    fault = SlowStep(
        workflow_id=_SLOW.workflow_id, node_id=_SLOW.node_id, onset_day=12.5, until_day=20, factor=1.7, host=host
    )
    slow = _made(fault)
    touched = pl.col("execution_id").is_in(_within(fault, calm, host=host).to_list())
    assert 100 < calm.executions.filter(touched).height < calm.executions.height / 4
    for table in _TABLES:
        assert_frame_equal(getattr(calm, table).filter(~touched), getattr(slow, table).filter(~touched))
    before, after = calm.steps.filter(touched), slow.steps.filter(touched)
    times = ["started_at", "completed_at", "duration_ms"]
    assert_frame_equal(before.drop(times), after.drop(times))
    struck = (before["node_id"] == fault.node_id).to_numpy()
    expected = np.where(struck, np.rint(_us(before) * fault.factor), _us(before)).astype(np.int64)
    assert np.array_equal(_us(after), expected)
    runs_before, runs_after = calm.executions.filter(touched), slow.executions.filter(touched)
    assert_frame_equal(runs_before.drop(times[1:]), runs_after.drop(times[1:]))
    extra = pl.DataFrame({"execution_id": after["execution_id"], "us": expected - _us(before)})
    added = extra.group_by("execution_id", maintain_order=True).agg(pl.col("us").sum())
    assert np.array_equal(_us(runs_after) - _us(runs_before), added["us"].to_numpy())


def test_a_burst_fails_its_share_of_the_runs_at_its_step_and_nothing_else_changes(calm: Fleet) -> None:
    burst = _made(_BURST)
    window = pl.col("execution_id").is_in(_within(_BURST, calm).to_list())
    struck_ids = burst.executions.filter(error_message=_BURST.message)["execution_id"].to_list()
    struck = pl.col("execution_id").is_in(struck_ids)
    assert set(struck_ids) <= set(_within(_BURST, calm))
    for table in _TABLES:
        assert_frame_equal(getattr(calm, table).filter(~struck), getattr(burst, table).filter(~struck))
    reached = calm.steps.filter(window, node_id=_BURST.node_id).height
    assert reached > 100
    assert binomtest(len(struck_ids), reached, _BURST.share).pvalue > 0.01
    runs = burst.executions.filter(struck)
    assert set(runs["status"]) == {"failed"}
    last = burst.steps.filter(struck).group_by("execution_id", maintain_order=True).last()
    assert set(last["node_id"]) == {_BURST.node_id}
    assert set(last["status"]) == {"failed"}
    kept = calm.steps.filter(struck, pl.col("step_index") <= 7)
    same = ["execution_id", "node_id", "started_at", "completed_at", "retry_count"]
    assert_frame_equal(burst.steps.filter(struck).select(same), kept.select(same))


def test_faults_do_not_disturb_each_other(calm: Fleet) -> None:
    both, slow, burst = _made(_SLOW, _BURST), _made(_SLOW), _made(_BURST)
    for table in _TABLES:
        for workflow_id, alone in ((_SLOW.workflow_id, slow), (_BURST.workflow_id, burst), ("claims_intake", calm)):
            rows = pl.col("workflow_id") == workflow_id
            assert_frame_equal(getattr(both, table).filter(rows), getattr(alone, table).filter(rows))


def test_two_faults_of_one_workflow_add_up_in_either_order(calm: Fleet) -> None:
    second = SlowStep(workflow_id=_BURST.workflow_id, node_id="fetch order", onset_day=10, factor=3)
    one, other = _made(_BURST, second), _made(second, _BURST)
    for table in _TABLES:
        assert_frame_equal(getattr(one, table), getattr(other, table))
    fetched = pl.col("node_id") == "fetch order"
    late = fetched & (pl.col("started_at") >= calm.start + timedelta(days=10, minutes=1))
    slowed = (pl.col("workflow_id") == second.workflow_id) & late
    assert np.array_equal(_us(one.steps.filter(slowed)), 3 * _us(calm.steps.filter(slowed)))
    assert one.executions.filter(error_message=_BURST.message).height > 50


def test_the_truth_says_what_was_planted() -> None:
    truth = _made(_SLOW, _BURST).truth
    start = datetime(2026, 10, 5, tzinfo=UTC)
    rows = truth.to_dicts()
    assert truth.columns == ["kind", "workflow_id", "node_id", "onset", "until", "size", "scope", "message"]
    assert rows[0] == {
        "kind": "slow_step",
        "workflow_id": "invoice_processing",
        "node_id": "post invoice > fill in",
        "onset": start + timedelta(days=12, hours=12),
        "until": start + timedelta(days=20),
        "size": 1.7,
        "scope": "all runs",
        "message": None,
    }
    assert rows[1]["kind"] == "failure_burst"
    assert (rows[1]["size"], rows[1]["message"]) == (0.8, _BURST.message)
    assert rows[1]["onset"] == start + timedelta(days=17, hours=8)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("end", [END, date(2026, 12, 28), datetime(2026, 4, 9, 17, 20, tzinfo=UTC)])
def test_the_default_faults_are_one_of_each_kind_and_show(seed: int, end: date) -> None:
    made, calm = (fleet(seed=seed, end=end, faults=faults) for faults in (None, ()))
    slow, burst = made.truth.to_dicts()
    assert (slow["kind"], burst["kind"]) == ("slow_step", "failure_burst")
    assert slow["workflow_id"] != burst["workflow_id"]
    assert slow["onset"] == made.start + timedelta(days=18)
    day = burst["onset"].date()
    assert day not in holidays(day.year)
    assert burst["until"] - burst["onset"] == timedelta(hours=4)
    assert burst["until"].date() == day

    window = (pl.col("started_at") >= burst["onset"]) & (pl.col("started_at") < burst["until"])
    runs = made.executions.filter(window, workflow_id=burst["workflow_id"])
    assert runs.height >= 5
    assert runs.filter(error_message=burst["message"]).height >= 0.5 * runs.height
    node = (pl.col("workflow_id") == slow["workflow_id"]) & (pl.col("node_id") == slow["node_id"])
    late = node & (pl.col("started_at") >= slow["onset"] + timedelta(hours=1))
    ratio = made.steps.filter(late)["duration_ms"].median() / calm.steps.filter(late)["duration_ms"].median()  # type: ignore[operator]
    assert ratio == pytest.approx(1.8, abs=0.05)


@pytest.mark.parametrize("days", [1, 2, 7])
@pytest.mark.parametrize("workflows", [1, 2])
def test_small_fleets_have_default_faults_too(days: int, workflows: int) -> None:
    assert fleet(days=days, workflows=workflows, end=date(2026, 12, 26)).truth.height == 2


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        (
            SlowStep(workflow_id="order_entri", node_id="x", onset_day=0, factor=2),
            UnknownNameError,
            "no workflow 'order_entri'; did you mean 'order_entry'",
        ),
        (
            SlowStep(workflow_id="order_entry", node_id="fetch", onset_day=0, factor=2),
            UnknownNameError,
            "order_entry has no step 'fetch'",
        ),
        (
            SlowStep(workflow_id="order_entry", node_id="fetch order", onset_day=0, factor=2, host="vm-9"),
            UnknownNameError,
            "the fleet has no host 'vm-9'",
        ),
        (
            SlowStep(workflow_id="order_entry", node_id="fetch order", onset_day=30, factor=2),
            InputError,
            "onset_day is 30, expected 0 or more and less than days=30",
        ),
        (
            SlowStep(workflow_id="order_entry", node_id="fetch order", onset_day=3, until_day=3, factor=2),
            InputError,
            "until_day is 3, expected more than onset_day=3",
        ),
        (
            SlowStep(workflow_id="order_entry", node_id="fetch order", onset_day=3, factor=0),
            InputError,
            "factor is 0, expected more than 0",
        ),
        (
            FailureBurst(
                workflow_id="order_entry", node_id="fetch order", onset_day=3, until_day=4, share=80, message="x"
            ),
            InputError,
            "share is 80, expected a fraction",
        ),
    ],
)
def test_a_fault_that_could_not_show_is_refused(fault: Fault, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        fleet(end=END, faults=[fault])
