"""What happens to a store: rows that are written, days that are compacted, archived, deleted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from tests.strategies.frames import frame, row_of
from tests.strategies.records import RESULTS, WORKFLOWS, execution_metrics, step_metrics
from tests.strategies.times import DAYS, FIRST
from tests.strategies.values import rarely

__all__ = ["store_histories", "storings"]


@st.composite
def storings(draw: st.DrawFn) -> list[tuple[int, str, int]]:
    """How rows come to lie in a store: so many are written, and then this is done with the n-th of five days."""
    done = st.sampled_from(["nothing", "tiered", "full", "archive"])
    return draw(st.lists(st.tuples(st.integers(1, 8), done, st.integers(0, DAYS - 1)), min_size=1, max_size=8))


@st.composite
def store_histories(draw: st.DrawFn, table: str) -> list[tuple[str, Any]]:
    """What happened to a store: frames of executions or steps that were written, days compacted, archived, deleted.

    Executions are few and told of more than once, over several days; some of their rows lack the start, the workflow or
    the end. Steps have ties, unknown durations, and a name that sorts first and last.
    """
    write = st.lists(_run_row() if table == "executions" else _step_row(), min_size=2, max_size=12)
    days = st.integers(0, DAYS - 1).map(lambda day: (FIRST + timedelta(days=day)).date())
    change = st.tuples(st.sampled_from(["full", "compact", "archive", "archive", "delete"]), days)
    written = write.map(lambda rows: ("write", frame(table, _counted(rows))))
    compacted = st.just(("full", None))
    rounds = st.lists(st.tuples(written, compacted | compacted | change), min_size=1, max_size=2)
    late = st.lists(written | change, max_size=1)
    return [event for events in draw(rounds) for event in events] + draw(late)


@st.composite
def _run_row(draw: st.DrawFn) -> dict[str, Any]:
    row = row_of(draw(execution_metrics(execution_id=draw(st.sampled_from([f"e{n}" for n in range(14)])))))
    odd = st.integers(0, 15).map(lambda drawn: drawn == 15)
    if row["status"] == "running" and not draw(odd):
        end = row["started_at"] + timedelta(milliseconds=250)
        row |= {"status": draw(st.sampled_from(RESULTS)), "completed_at": end, "duration_ms": 250.0}
    row["workflow_id"] = draw(st.sampled_from([*WORKFLOWS, *WORKFLOWS, None]))
    row["duration_ms"] = None if draw(rarely()) else row["duration_ms"]
    if row["status"] != "running" and draw(odd):
        row["started_at"] = None
    return row


@st.composite
def _step_row(draw: st.DrawFn) -> dict[str, Any]:
    row = row_of(draw(step_metrics()))
    row["workflow_id"] = draw(st.sampled_from([*WORKFLOWS, "", "~"]))
    row["duration_ms"] = None if draw(rarely()) else row["duration_ms"]
    return row


def _counted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row | {"step_index": at} if "step_index" in row else row for at, row in enumerate(rows)]
