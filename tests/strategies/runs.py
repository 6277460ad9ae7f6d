"""Executions that belong together: with their steps, retries, robots and recoveries, over one period or two."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
from hypothesis import strategies as st

from tests.strategies.frames import frame, row_of
from tests.strategies.records import NODES, RESULTS, WORKFLOWS, execution_metrics, recovery_metrics, step_metrics
from tests.strategies.times import FIRST, durations_ms, moments
from tests.strategies.values import hostile_text, rarely

__all__ = [
    "attempts",
    "recoveries_of_runs",
    "runs_of_two_periods",
    "runs_with_steps",
    "told_runs",
    "watched_runs",
    "worked_runs",
]

_RUN_TEXTS = (
    "workflow_id",
    "robot_id",
    "host",
    "business_key",
    "error_message",
    "error_details",
    "context",
    "rerun_of",
)
_STEP_TEXTS = ("step_id", "node_id", "action_type", "target_element", "error_details", "application")


@st.composite
def runs_with_steps(draw: st.DrawFn) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A few runs and their steps: nested, side by side, beyond the run's ends; all times whole milliseconds."""
    runs, steps = [], []
    for number in range(draw(st.integers(1, 4))):
        started_at, took = FIRST + timedelta(hours=number), draw(st.none() | st.integers(0, 60))
        run: dict[str, Any] = {"execution_id": f"e{number}", "workflow_id": WORKFLOWS[0], "duration_ms": took}
        run |= {"status": draw(st.sampled_from([*RESULTS, "running"])), "started_at": started_at}
        if draw(rarely()):
            run |= {"started_at": None, "completed_at": started_at}
        runs.append(run)
        for index in range(draw(st.integers(0, 6))):
            since, length = draw(st.integers(-10, 70)), draw(st.integers(0, 30))
            begun = started_at + timedelta(milliseconds=since)
            step: dict[str, Any] = {"execution_id": f"e{number}", "workflow_id": WORKFLOWS[0]}
            step |= {"node_id": draw(st.sampled_from(NODES)), "step_id": f"e{number}:{index}", "step_index": index}
            step |= {"action_type": "click", "retry_count": 0}
            step |= {"started_at": begun, "completed_at": begun + timedelta(milliseconds=length)}
            step |= {"duration_ms": None if draw(rarely()) else length}
            steps.append(step | {"status": draw(st.sampled_from(["completed", "completed", "failed", "skipped"]))})
    return frame("executions", runs), frame("steps", steps)


@st.composite
def told_runs(draw: st.DrawFn) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Executions, running ones among them, and their steps: any text that may be stored in any field of text."""
    records = draw(st.lists(execution_metrics(), max_size=6, unique_by=lambda run: run.execution_id))
    runs, steps = [], []
    for record in records:
        row = row_of(record)
        row["execution_id"] += draw(st.just("") | hostile_text())  # what is cut at the end still differs
        for name in draw(st.lists(st.sampled_from(_RUN_TEXTS), max_size=3, unique=True)):
            row[name] = draw(hostile_text())
        runs.append(row)
        for index in range(draw(st.integers(0, 4))):
            step = row_of(draw(step_metrics(execution_id=row["execution_id"], workflow_id=row["workflow_id"])))
            step["step_index"] = index
            for name in draw(st.lists(st.sampled_from(_STEP_TEXTS), max_size=3, unique=True)):
                step[name] = draw(hostile_text())
            steps.append(step)
    frames = frame("executions", _encodable(runs)), frame("steps", _encodable(steps))
    return frames[0].unique("execution_id", maintain_order=True), frames[1]


@st.composite
def attempts(draw: st.DrawFn, *, max_size: int = 14, workflows: int = 2) -> pl.DataFrame:
    """Executions as they are read, abandoned ones among them; some repeat others, themselves, or one that is not there.

    Chains branch, join and go in circles; a few runs end at the same moment, or have no start or no duration.
    """
    n = draw(st.integers(0, max_size))
    names = [f"e{number}" for number in range(n)]
    rows = []
    for name in names:
        started_at, duration = draw(moments()), draw(durations_ms(most=1e6))
        status = draw(st.sampled_from([*RESULTS, "completed", "running", "abandoned"]))
        ended = started_at + timedelta(milliseconds=duration)
        over = status in RESULTS
        rows.append(
            {
                "execution_id": name,
                "workflow_id": draw(st.sampled_from(WORKFLOWS[:workflows])),
                "started_at": None if over and draw(rarely()) else started_at,
                "completed_at": ended if over else None,
                "duration_ms": duration if over and not draw(rarely()) else None,
                "status": status,
                "rerun_of": draw(st.none() | st.sampled_from([*names, "gone"])),
                "robot_id": draw(st.sampled_from(["robot-1", "robot-2"])),
                "last_seen_at": None if over else ended,
            }
        )
    seen = pl.DataFrame(
        {"last_seen_at": [row.pop("last_seen_at") for row in rows]}, schema={"last_seen_at": pl.Datetime("us", "UTC")}
    )
    return frame("executions", rows).hstack(seen)


@st.composite
def recoveries_of_runs(draw: st.DrawFn, *, max_size: int = 12) -> pl.DataFrame:
    """Recoveries of the runs that `attempts` names, each at a time of its own, and of one that isn't there."""
    records = draw(st.lists(recovery_metrics(), max_size=max_size))
    rows = []
    for number, record in enumerate(records):
        row = row_of(record)
        row["recovery_id"] = f"r{number}"
        row["execution_id"] = draw(st.sampled_from(["e0", "e1", "e2", "e3", "gone"]))
        row["started_at"] += timedelta(microseconds=number)
        rows.append(row)
    return frame("recoveries", rows)


def watched_runs(*, min_size: int = 0, max_size: int = 30) -> st.SearchStrategy[list[tuple[float, str]]]:
    """Times and how each run ended, or that it was censored; with ties."""
    times = st.integers(0, 12).map(float) | st.floats(0, 1e6, allow_nan=False)
    ends = st.sampled_from(["completed", "completed", "failed", "cancelled", "censored"])
    return st.lists(st.tuples(times, ends), min_size=min_size, max_size=max_size)


@st.composite
def worked_runs(draw: st.DrawFn, *, max_size: int = 12, derived: bool = True) -> pl.DataFrame:
    """Folded executions of few robots that overlap, wait in queues and repeat each other, with all that may be missing.

    With `derived`, abandoned ones are among them, and `last_seen_at` says until when they lived.
    """
    count = draw(st.integers(0, max_size))
    rows = []
    for number in range(count):
        begun, took = draw(moments()), draw(durations_ms())
        status = draw(st.sampled_from([*RESULTS, "completed", "completed", "running", *(["abandoned"] * derived)]))
        ended = status in RESULTS
        known = draw(st.sampled_from(["all", "all", "all", "no duration", "no end", "no start"])) if ended else "all"
        waited = draw(st.none() | st.sampled_from([-1, 0, 60, 300, 7200, 90_000]))
        rows.append(
            {
                "execution_id": f"e{number}",
                "workflow_id": draw(st.sampled_from(WORKFLOWS[:2])),
                "status": status,
                "queued_at": None if waited is None else begun - timedelta(seconds=waited),
                "started_at": None if known == "no start" else begun,
                "completed_at": begun + timedelta(milliseconds=took) if ended and known != "no end" else None,
                "duration_ms": took if ended and known != "no duration" else None,
                "rerun_of": draw(st.none() | st.none() | st.integers(0, count).map("e{}".format)),
                "robot_id": draw(st.sampled_from(["robot-1", "robot-1", "robot-2", None])),
                "host": draw(st.sampled_from(["vm-1", None])),
                "last_seen_at": begun + timedelta(milliseconds=took) if not ended else None,
            }
        )
    runs = frame("executions", [{name: row[name] for name in row if name != "last_seen_at"} for row in rows])
    if not derived:
        return runs
    seen = pl.Series("last_seen_at", [row["last_seen_at"] for row in rows], dtype=pl.Datetime("us", "UTC"))
    return runs.with_columns(seen)


@st.composite
def runs_of_two_periods(draw: st.DrawFn) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A few runs and their steps in November 2026 and a few in January 2027; steps are tried up to four times."""
    runs, steps = [], []
    for side in range(2):
        its_runs, its_steps = draw(runs_with_steps())
        tries = draw(st.lists(st.integers(0, 3), min_size=its_steps.height, max_size=its_steps.height))
        later = pl.col("started_at", "completed_at") + timedelta(days=60 * side)
        named = pl.format("{}-{}", pl.lit(side), pl.col("execution_id")).alias("execution_id")
        runs.append(its_runs.with_columns(named, later))
        steps.append(
            its_steps.with_columns(named, later, step_id=pl.lit(None, pl.String)).with_columns(
                pl.Series("retry_count", tries, dtype=its_steps.schema["retry_count"])
            )
        )
    return pl.concat(runs), pl.concat(steps)


def _encodable(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows without lone surrogates, which no frame can hold."""
    return [
        {
            name: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
            for name, value in row.items()
        }
        for row in rows
    ]
