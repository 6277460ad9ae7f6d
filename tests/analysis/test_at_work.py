"""Which executions were under way, and how long robots were busy."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.analysis.at_work import at_work, busy_time, work_by_workflow
from rpa_lab.analysis.working_time import WorkingTime, working_time
from rpa_lab.period import Span
from rpa_lab.storage.settings_calendar import Calendar
from tests import oracles, strategies

START, END = datetime(2026, 10, 24, tzinfo=UTC), datetime(2026, 10, 26, tzinfo=UTC)


@given(strategies.worked_runs(), st.none() | strategies.calendars(), strategies.moments())
def test_busy_time_is_the_union_of_a_robots_executions(
    runs: pl.DataFrame, calendar: Calendar | None, now: datetime
) -> None:
    within = Span(START, max(START, min(END, now)))
    working = working_time(calendar, within)
    work = at_work(runs.lazy(), within=within, now=now, working=working)
    by_robot = busy_time(work, by=["robot"], working=working).collect()
    by_workflow = work_by_workflow(work, working=working).collect()

    stretches = oracles.shifts(calendar, date(2026, 10, 18), date(2026, 11, 4), tz="UTC") if calendar else None

    def twin(workflow_id: str | None) -> dict[str, Any]:
        how: dict[str, Any] = {"start": START, "end": END, "now": now, "retried": set(), "recovered": set()}
        return oracles.workload(runs.to_dicts(), workflow_id=workflow_id, stretches=stretches, **how)

    whole = twin(None)
    assert by_robot["busy_ms"].sum() == pytest.approx(whole["busy_ms"], abs=1e-3)
    assert by_robot["busy_in_hours_ms"].sum() == pytest.approx(whole["busy_in_hours_ms"], abs=1e-3)
    assert by_robot.height == whole["robots"]
    for row in by_workflow.to_dicts():
        expected = twin(row["workflow_id"])
        for name in ("work_ms", "busy_ms", "busy_in_hours_ms", "robots", "unplaced", "without_robot"):
            assert row[name] == pytest.approx(expected[name], abs=1e-3)
        assert (row["completed_within"], row["completed_in_hours"]) == (
            expected["completed_within"],
            expected["completed_in_hours"],
        )


@given(strategies.worked_runs())
def test_no_robot_is_busy_longer_than_the_period(runs: pl.DataFrame) -> None:
    within = Span(START, END)
    work = at_work(runs.lazy(), within=within, now=END, working=WorkingTime())
    table = busy_time(work, by=["robot"], working=WorkingTime()).collect()
    assert (table["busy_ms"] <= (END - START) / timedelta(milliseconds=1)).all()
    assert table["busy_ms"].equals(table["busy_in_hours_ms"].rename("busy_ms"))


def test_running_ones_are_at_work_until_now_and_abandoned_ones_until_they_were_last_seen() -> None:
    begun = START + timedelta(hours=1)
    runs = strategies.frame(
        "executions",
        [
            {"execution_id": "a", "workflow_id": "w", "status": "running", "started_at": begun, "robot_id": "r1"},
            {"execution_id": "b", "workflow_id": "w", "status": "abandoned", "started_at": begun, "robot_id": "r2"},
        ],
    ).with_columns(last_seen_at=pl.lit(begun + timedelta(minutes=7)))
    work = at_work(runs.lazy(), within=Span(START, END), now=begun + timedelta(hours=2), working=WorkingTime())
    assert busy_time(work, by=["robot"], working=WorkingTime()).collect()["busy_ms"].to_list() == [7_200_000, 420_000]


def test_a_clock_that_was_set_back_makes_no_negative_time() -> None:
    runs = strategies.frame(
        "executions",
        [
            {
                "execution_id": "a",
                "workflow_id": "w",
                "status": "completed",
                "started_at": START + timedelta(hours=2),
                "completed_at": START + timedelta(hours=1, minutes=10),
                "duration_ms": 600_000.0,
                "robot_id": "r",
            }
        ],
    ).with_columns(last_seen_at=pl.lit(None, pl.Datetime("us", "UTC")))
    work = at_work(runs.lazy(), within=Span(START, END), now=END, working=WorkingTime())
    assert work_by_workflow(work, working=WorkingTime()).collect()["work_ms"].item() == 600_000


def test_a_period_has_its_start_and_not_its_end() -> None:
    def run(name: str, *, until: datetime) -> dict[str, object]:
        begun = until - timedelta(minutes=10)
        told = {"started_at": begun, "completed_at": until, "duration_ms": 600_000.0, "robot_id": name}
        return {"execution_id": name, "workflow_id": "w", "status": "completed", **told}

    runs = strategies.frame("executions", [run("at start", until=START), run("at end", until=END)])
    work = at_work(
        runs.with_columns(last_seen_at=pl.lit(None, pl.Datetime("us", "UTC"))).lazy(),
        within=Span(START, END),
        now=END,
        working=WorkingTime(),
    )
    assert dict(work.select("robot", "completed").collect().rows()) == {"at start": True, "at end": False}
    assert busy_time(work, by=["robot"], working=WorkingTime()).collect()["busy_ms"].to_list() == [600_000, 0]
