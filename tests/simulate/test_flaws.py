"""Flaws are in the records alone: what they leave in is what there is without them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from scipy.stats import binomtest

from rpa_lab.errors import UnknownNameError
from rpa_lab.simulate import Flaws, Fleet, fleet
from rpa_lab.simulate.flaws import everyday_flaws

_MORNING = datetime(2026, 11, 2, 10, 30, tzinfo=UTC)
_TIMES = ["started_at", "completed_at"]


def _made(flaws: Flaws | None = None, *, end: datetime = _MORNING) -> Fleet:
    return fleet(5, 5, 8, end=end, runs_per_day=700, faults=(), flaws=flaws)


@pytest.fixture(scope="module")
def clean() -> Fleet:
    return _made()


def test_runs_that_are_at_work_at_the_end_are_running_with_the_steps_that_they_have_made(clean: Fleet) -> None:
    made = _made(Flaws(running=True))
    running = made.executions.filter(status="running")
    assert running.height > 5
    assert_frame_equal(made.executions.filter(pl.col("status") != "running"), clean.executions)
    assert running["started_at"].min() > clean.end - timedelta(minutes=10)  # type: ignore[operator]
    unknown = ["completed_at", "duration_ms", "steps_total", "steps_failed", "error_message", "end_context"]
    assert running.select(pl.col(unknown).null_count().sum()).row(0) == (running.height,) * len(unknown)
    steps = made.steps.join(running, on="execution_id", how="semi")
    assert steps["completed_at"].max() <= made.end  # type: ignore[operator]
    finished = made.steps.join(running, on="execution_id", how="anti", maintain_order="left")
    assert_frame_equal(finished, clean.steps)
    health = made.collector_health
    assert health["timestamp"].max() == made.end
    assert health["timestamp"].min() > running["started_at"].min()  # type: ignore[operator]
    assert set(health["timestamp"].diff().drop_nulls()) <= {timedelta(minutes=5)}


def test_killed_runs_are_running_for_ever_and_their_steps_stop(clean: Fleet) -> None:
    made = _made(Flaws(abandoned=0.03))
    killed = made.executions.filter(status="running")
    assert binomtest(killed.height, made.executions.height, 0.03).pvalue > 0.001
    others = pl.col("execution_id").is_in(killed["execution_id"].implode())
    assert_frame_equal(made.executions.filter(~others), clean.executions.filter(~others))
    assert_frame_equal(made.steps.filter(~others), clean.steps.filter(~others))
    ids = ["execution_id", "step_index"]
    kept, all_of_them = made.steps.filter(others), clean.steps.filter(others)
    assert_frame_equal(kept, all_of_them.join(kept, on=ids, how="semi", maintain_order="left"))
    counts = kept.group_by("execution_id").agg(pl.col("step_index").max() + 1, n=pl.len())
    assert (counts["step_index"] == counts["n"]).all()
    assert 0.3 < kept.height / all_of_them.height < 0.7
    assert made.collector_health.height == 0


def test_a_clock_that_is_ahead_shifts_what_its_host_says_and_no_duration(clean: Fleet) -> None:
    made = _made(Flaws(clock_skew_sec={"vm-rpa-02": -7.25}))
    on = clean.executions.filter(host="vm-rpa-02")["execution_id"].implode()
    shift = pl.when(pl.col("execution_id").is_in(on)).then(pl.duration(milliseconds=-7250)).otherwise(pl.duration())
    assert clean.executions.filter(host="vm-rpa-02").height > 100
    for table in ("executions", "steps", "recoveries"):
        expected = getattr(clean, table).with_columns(pl.col(_TIMES) + shift)
        assert_frame_equal(getattr(made, table), expected)


def test_lost_minutes_take_all_steps_of_a_host_that_began_in_them(clean: Fleet) -> None:
    made = _made(Flaws(lost_minutes=0.02))
    assert_frame_equal(made.executions, clean.executions)
    hosts = clean.executions.select("execution_id", "host")
    key = ["execution_id", "step_index"]
    kept = clean.steps.join(made.steps, on=key, how="semi", maintain_order="left")
    assert_frame_equal(made.steps, kept)
    lost = clean.steps.join(made.steps, on=key, how="anti").join(hosts, on="execution_id", how="left", validate="m:1")
    assert 0.01 < lost.height / clean.steps.height < 0.03
    gone = lost.select("host", pl.col("started_at").dt.truncate("1m")).unique()
    there = made.steps.join(hosts, on="execution_id", how="left", validate="m:1").select(
        "host", pl.col("started_at").dt.truncate("1m")
    )
    assert there.join(gone, on=["host", "started_at"], how="semi").height == 0


@pytest.mark.parametrize(
    ("option", "column"), [("null_durations", "duration_ms"), ("null_confidence", "confidence_score")]
)
def test_values_that_were_not_said_are_null_in_their_share_and_the_others_are_the_same(
    clean: Fleet, option: str, column: str
) -> None:
    made = _made(Flaws(**{option: 0.05}))  # type: ignore[arg-type]
    known = clean.steps[column].is_not_null()
    missing = made.steps[column].is_null() & known
    assert binomtest(int(missing.sum()), int(known.sum()), 0.05).pvalue > 0.001
    assert_frame_equal(made.steps.filter(~missing), clean.steps.filter(~missing))
    assert_frame_equal(made.steps.drop(column), clean.steps.drop(column))


def test_everyday_flaws_are_of_every_kind() -> None:
    flaws = everyday_flaws(3)
    assert np.all([getattr(flaws, name) for name in Flaws.__dataclass_fields__])
    made = fleet(2, 2, end=date(2026, 11, 4), hosts=3, flaws=flaws)
    assert made.flaws.clock_skew_sec == {"vm-rpa-03": 2.5}


def test_a_host_that_does_not_exist_is_named() -> None:
    with pytest.raises(UnknownNameError, match="clock_skew_sec: the fleet has no host 'vm-9'"):
        fleet(2, 2, end=date(2026, 11, 2), flaws=Flaws(clock_skew_sec={"vm-9": 1}))
