"""Faults by name, by text and by file; those chosen show, and those that could not show are refused."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rpa_lab.errors import InputError, UnknownNameError
from rpa_lab.simulate import (
    BadSelector,
    Drift,
    FailureBurst,
    Fix,
    LongerWaits,
    MemoryLeak,
    MixShift,
    MoreRetries,
    NewStep,
    NullFix,
    Outage,
    ScheduleCollision,
    SlowStep,
    StoppedWorkflow,
    fleet,
)
from rpa_lab.simulate.calendar import holidays
from rpa_lab.simulate.faults.choice import KINDS, read_faults

END = date(2026, 11, 2)
_SLOW = SlowStep(workflow_id="order_entry", node_id="fetch order", onset_day=3, factor=2)
_BURST = FailureBurst(
    workflow_id="order_entry", node_id="fetch order", onset_day=3, until_day=4, share=0.5, message="x"
)


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


def test_all_is_one_of_each_kind_each_on_a_workflow_of_its_own_where_there_are_enough() -> None:
    made = fleet(14, 16, 2, end=END, faults="all")
    assert [fault.kind for fault in made.faults] == list(KINDS)
    own = made.truth.filter(pl.col("kind") != "outage")
    assert own["workflow_id"].n_unique() == own.height


def test_what_a_text_says_is_so_and_the_rest_is_chosen() -> None:
    made = fleet(20, 6, 2, end=END, faults=["slow_step, workflow_id=payroll, factor=2.5, host=vm-rpa-02", "slow_step"])
    said, chosen = made.faults
    assert isinstance(said, SlowStep)
    assert isinstance(chosen, SlowStep)
    assert (said.workflow_id, said.factor, said.host, said.onset_day) == ("payroll", 2.5, "vm-rpa-02", 12)
    assert chosen.workflow_id != "payroll"
    again = fleet(20, 6, 2, end=END, faults=[said, chosen])
    assert again.writer == made.writer
    collision = "schedule_collision,workflow_ids=payroll+order_entry,hour=4"
    (two,) = fleet(20, 6, 2, end=END, faults=[collision]).faults
    assert isinstance(two, ScheduleCollision)
    assert (two.workflow_ids, two.hour) == (("payroll", "order_entry"), 4)


def test_a_step_that_is_named_finds_its_workflow() -> None:
    (fault,) = fleet(20, 8, 2, end=END, faults=["drift,node_id=run payroll"]).faults
    assert fault.workflows(None) == ("payroll",)  # type: ignore[arg-type]


def test_a_file_says_faults_as_tables(tmp_path: Path) -> None:
    path = tmp_path / "faults.toml"
    path.write_text(
        '[[fault]]\nkind = "outage"\napplication = "CRM"\nworkflow_ids = ["customer_address_change"]\n\n'
        '[[fault]]\nkind = "drift"\nper_day = 0.1\n'
    )
    outage, drift = fleet(20, 8, 2, end=END, faults=read_faults(path)).faults
    assert isinstance(outage, Outage)
    assert (outage.application, outage.workflow_ids) == ("CRM", ("customer_address_change",))
    assert isinstance(drift, Drift)
    assert drift.per_day == 0.1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[fault]\n", "is no TOML file"),
        ("[[faults]]\nkind = 'drift'\n", r"has \['faults'\], expected tables \[\[fault\]\]"),
        ("[[fault]]\nper_day = 1\n", "expected tables"),
        ("fault = [1]\n", "expected tables"),
    ],
)
def test_a_file_that_says_something_else_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "faults.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=said) as caught:
        read_faults(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        ("slow_stp", UnknownNameError, "there is no fault 'slow_stp'; did you mean 'slow_step'"),
        ("slow_step,node=x", UnknownNameError, "slow_step has no field 'node'; did you mean 'node_id'"),
        ("slow_step,factor", InputError, "'factor' has no '='"),
        ("slow_step,factor=fast", InputError, "slow_step: factor is 'fast', expected a number"),
        ("schedule_collision,hour=2.5", InputError, "hour is '2.5', expected a whole number"),
        ({"kind": "slow_step", "host": 3}, InputError, "slow_step: host is 3, expected a text"),
        ({"kind": "outage", "workflow_ids": 3}, InputError, "outage: workflow_ids is 3, expected a list of texts"),
        ("slow_step,node_id=nowhere", InputError, "no workflow of the fleet has a step 'nowhere'"),
        ("outage,application=SAP", UnknownNameError, "the fleet uses no application 'SAP'"),
        (42, InputError, "faults has 42, expected a fault"),
        (replace(_SLOW, workflow_id="order_entri"), UnknownNameError, "no workflow 'order_entri'; did you mean"),
        (replace(_SLOW, node_id="fetch"), UnknownNameError, "order_entry has no step 'fetch'"),
        (replace(_SLOW, host="vm-9"), UnknownNameError, "the fleet has no host 'vm-9'"),
        (replace(_SLOW, robot="r2"), UnknownNameError, "order_entry has no robot 'r2'"),
        (replace(_SLOW, version="9.9.9"), UnknownNameError, "order_entry has no version '9.9.9'"),
        (replace(_SLOW, onset_day=30), InputError, "onset_day is 30, expected 0 or more and less than days=30"),
        (replace(_SLOW, onset_day=float("nan")), InputError, "onset_day is nan"),
        (replace(_SLOW, until_day=3), InputError, "until_day is 3, expected more than onset_day=3"),
        (replace(_SLOW, factor=0), InputError, "factor is 0, expected more than 0 and less than 1000"),
        (replace(_BURST, share=80), InputError, "share is 80, expected a fraction, more than 0 and at most 1"),
        (Drift(workflow_id="order_entry", node_id="fetch order", onset_day=3, per_day=-1), InputError, "per_day is -1"),
        (
            LongerWaits(workflow_id="order_entry", node_id="fetch order", onset_day=3, extra_ms=float("inf")),
            InputError,
            "extra_ms is inf",
        ),
        (MoreRetries(workflow_id="order_entry", node_id="fetch order", onset_day=3, share=0), InputError, "share is 0"),
        (
            MixShift(workflow_id="order_entry", node_id="fetch order", onset_day=3, share=0.9),
            InputError,
            "which each run of order_entry takes; expected an optional step: read order form, ask for credit release",
        ),
        (
            MixShift(workflow_id="order_entry", node_id="read order form", onset_day=3, share=0.4),
            InputError,
            "share is 0.4, expected more than 0.45 and at most 1",
        ),
        (
            NewStep(workflow_id="order_entry", node_id="fetch order", onset_day=3, after="fetch order", median_ms=5),
            InputError,
            "which order_entry has; expected a new name",
        ),
        (
            NewStep(workflow_id="order_entry", node_id="a > ", onset_day=3, after="fetch order", median_ms=5),
            InputError,
            "node_id is 'a > '",
        ),
        (
            NewStep(workflow_id="order_entry", node_id="new", onset_day=3, after="fetch", median_ms=5),
            UnknownNameError,
            "order_entry has no step 'fetch'",
        ),
        (
            NewStep(
                workflow_id="order_entry",
                node_id="new",
                onset_day=3,
                after="fetch order",
                median_ms=5,
                action_type="fly",
            ),
            UnknownNameError,
            "there is no action_type 'fly'",
        ),
        (
            BadSelector(workflow_id="order_entry", node_id="check customer", onset_day=3, share=0.5),
            InputError,
            "which finds nothing on a screen; expected one of",
        ),
        (
            BadSelector(workflow_id="order_entry", node_id="enter order > save", onset_day=3, share=0.5, ramp_days=-1),
            InputError,
            "ramp_days is -1",
        ),
        (
            Outage(application="SAP GUI", onset_day=1, until_day=2, message="x", workflow_ids=("claims_intake",)),
            UnknownNameError,
            "claims_intake uses no application 'SAP GUI'",
        ),
        (
            ScheduleCollision(workflow_ids=("payroll",), onset_day=1),
            InputError,
            "workflow_ids are \\('payroll',\\), expected two or more",
        ),
        (
            ScheduleCollision(workflow_ids=("payroll", "order_entry"), onset_day=1, hour=24),
            InputError,
            "hour is 24, expected a whole number from 0 to 23",
        ),
        (MemoryLeak(workflow_id="payroll", onset_day=1, mb_per_hour=0), InputError, "mb_per_hour is 0"),
        (
            MemoryLeak(workflow_id="payroll", onset_day=1, mb_per_hour=1, slowdown_per_gb=-1),
            InputError,
            "slowdown_per_gb is -1",
        ),
        (StoppedWorkflow(workflow_id="payroll", onset_day=-1), InputError, "onset_day is -1"),
        (Fix(workflow_id="payroll", node_id="run payroll", onset_day=1, percent=100), InputError, "percent is 100"),
        (NullFix(workflow_id="payroll", until_day=3), InputError, "null_fix has until_day and no onset_day"),
    ],
)
def test_a_fault_that_could_not_show_is_refused(fault: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        fleet(end=END, faults=[fault])


def test_every_kind_can_be_chosen_from_its_fields_alone() -> None:
    for kind, one in KINDS.items():
        names = {field.name for field in fields(one)}
        assert names >= {"onset_day", "until_day"}, kind
        (fault,) = fleet(6, 6, 1, end=END, faults=[{"kind": kind, "onset_day": 2.0}]).faults
        assert fault.onset_day == 2.0
