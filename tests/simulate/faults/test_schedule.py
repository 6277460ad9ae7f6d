"""Stopped workflows, collisions and leaks: what runs, when it starts and what it holds, counted from the rows."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from rpa_lab.simulate import Fleet, MemoryLeak, ScheduleCollision, StoppedWorkflow
from tests.simulate.faults.fleets import TABLES, assert_equal_but_for, calm_fleet, in_window, made, of, us

_COLLIDING = ("bank_reconciliation", "payroll")


@pytest.fixture(scope="module")
def calm() -> Fleet:
    return calm_fleet()


def test_a_stopped_workflow_lacks_the_runs_of_its_window_and_nothing_else(calm: Fleet) -> None:
    missing = in_window(calm, "claims_intake", 12.25, 14)
    planted = made(StoppedWorkflow(workflow_id="claims_intake", onset_day=12.25, until_day=14))
    assert missing.height > 100
    for table in TABLES:
        frame: pl.DataFrame = getattr(calm, table)
        rest = frame.filter(~pl.col("execution_id").is_in(missing["execution_id"].implode()))
        assert_frame_equal(rest, getattr(planted, table))
    (row,) = planted.truth.to_dicts()
    assert (row["runs"], row["true_shift_ms"]) == (missing.height, None)


def test_a_collision_makes_workflows_wait_for_each_others_robots(calm: Fleet) -> None:
    planted = made(ScheduleCollision(workflow_ids=_COLLIDING, onset_day=8, until_day=16, hour=3, factor=1.2))
    touched = pl.concat([in_window(calm, name, 8, 16) for name in _COLLIDING])
    assert_equal_but_for(calm, planted, touched["execution_id"])
    runs = of(planted.executions, touched)
    assert runs["queued_at"].dt.hour().unique().to_list() == [3]
    assert runs["queued_at"].dt.date().equals(of(calm.executions, touched)["queued_at"].dt.date())
    robots = calm.executions.filter(workflow_id="bank_reconciliation")
    assert set(runs["robot_id"]) == set(robots["robot_id"])
    assert set(runs["host"]) <= set(robots["host"])
    assert runs.group_by("robot_id").agg(pl.col("workflow_id").n_unique())["workflow_id"].max() == 2
    for _, one in runs.sort("started_at").group_by("robot_id", maintain_order=True):
        assert (one["started_at"].shift(-1) >= one["completed_at"]).drop_nulls().all()

    free: dict[str, object] = {}  # the naive twin: in the order of the queue, robots take turns
    names = sorted(set(robots["robot_id"]))
    queue = runs.sort("queued_at").iter_rows(named=True)
    for number, run in enumerate(queue):
        robot = names[number % len(names)]
        began = max(run["queued_at"], free.get(robot, run["queued_at"]))
        assert (run["robot_id"], run["started_at"]) == (robot, began)
        free[robot] = run["completed_at"]

    steps, before = of(planted.steps, touched), of(calm.steps, touched)
    assert np.array_equal(us(steps), np.rint(us(before) * 1.2))
    assert_frame_equal(
        steps.drop("started_at", "completed_at", "duration_ms"),
        before.drop("started_at", "completed_at", "duration_ms"),
    )
    waits = [(frame["started_at"] - frame["queued_at"]).dt.total_microseconds() for frame in (touched, runs)]
    assert waits[1].mean() > 3 * waits[0].mean()  # type: ignore[operator]
    completed = runs.join(touched, on="execution_id", how="inner", validate="1:1").filter(status="completed")
    wait = pl.col("started_at") - pl.col("queued_at") - (pl.col("started_at_right") - pl.col("queued_at_right"))
    for row in planted.truth.iter_rows(named=True):
        later = completed.filter(workflow_id=row["workflow_id"]).select(wait.dt.total_microseconds().mean()).item()
        assert row["true_queue_shift_ms"] == pytest.approx(later / 1000, abs=0.01)


def test_a_leak_grows_with_the_time_since_the_robots_last_restart() -> None:
    calm = calm_fleet(resources=True)
    leak = MemoryLeak(workflow_id="claims_intake", onset_day=10, until_day=15, mb_per_hour=40)
    planted = made(leak, resources=True)
    for table in TABLES:
        assert_frame_equal(getattr(calm, table), getattr(planted, table))
    assert_frame_equal(
        calm.resources.drop("memory_mb", "host_memory_mb"), planted.resources.drop("memory_mb", "host_memory_mb")
    )
    more = planted.resources["memory_mb"] - calm.resources["memory_mb"]
    window = in_window(calm, "claims_intake", 10, 15)["execution_id"]
    inside = planted.resources["execution_id"].is_in(window.implode())
    assert more.filter(~inside).abs().max() == 0

    samples = planted.resources.filter(inside).with_columns(lost=more.filter(inside))
    onset = calm.start + timedelta(days=10)
    for (robot,), own in samples.group_by("robot_id"):
        number = int(str(robot).rsplit("-", 1)[1]) - 1
        restart = pl.duration(hours=2, minutes=7 * number)  # each day, robot by robot
        since = pl.max_horizontal((pl.col("timestamp") - restart).dt.truncate("1d") + restart, pl.lit(onset))
        hours = own.select((pl.col("timestamp") - since).dt.total_microseconds() / 3_600_000_000)["timestamp"]
        assert (own["lost"] - 40 * hours).abs().max() < 0.11  # type: ignore[operator]
        assert hours.max() > 10  # type: ignore[operator]


def test_a_leak_may_slow_steps_by_what_was_lost_when_their_run_started(calm: Fleet) -> None:
    leak = MemoryLeak(workflow_id="claims_intake", onset_day=10, mb_per_hour=100, slowdown_per_gb=0.5)
    planted = made(leak)
    touched = in_window(calm, "claims_intake", 10)
    assert_equal_but_for(calm, planted, touched["execution_id"])
    steps, before = of(planted.steps, touched), of(calm.steps, touched)
    ratio = steps["duration_ms"] / before["duration_ms"]
    assert ratio.min() >= 1 - 1e-6  # type: ignore[operator]
    assert 1 + 0.5 * 0.1 * 18 < ratio.max() <= 1 + 0.5 * 0.1 * 24 + 1e-4  # type: ignore[operator]
    by_run = (
        ratio.to_frame("ratio")
        .with_columns(steps["execution_id"])
        .group_by("execution_id")
        .agg(spread=pl.col("ratio").max() - pl.col("ratio").min())
    )
    assert by_run["spread"].max() < 1e-3  # type: ignore[operator]
