"""Tables of records as they are stored or read."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import polars as pl
from hypothesis import strategies as st

from rpa_lab.records import Metrics
from rpa_lab.schema import TABLES
from tests.strategies.records import WORKFLOWS, execution_metrics, recovery_metrics, resource_metrics, step_metrics
from tests.strategies.values import rarely

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["execution_rows", "executions", "frame", "recoveries", "resources", "row_of", "steps"]


def frame(table: str, rows: Sequence[Mapping[str, Any]], *, hidden: bool = False) -> pl.DataFrame:
    """Rows as a frame with the table's columns and types; what a row doesn't have is null."""
    return pl.DataFrame(rows, schema=_schema(table, hidden=hidden))


@st.composite
def executions(draw: st.DrawFn, *, min_size: int = 0, max_size: int = 12) -> pl.DataFrame:
    """A folded frame of executions: one row each, running ones among them, a few without a duration."""
    records = draw(
        st.lists(execution_metrics(), min_size=min_size, max_size=max_size, unique_by=lambda run: run.execution_id)
    )
    rows = [row_of(record) for record in records]
    for row in rows:
        row["duration_ms"] = None if draw(rarely()) else row["duration_ms"]
    return frame("executions", rows)


@st.composite
def execution_rows(draw: st.DrawFn, *, min_size: int = 0, max_size: int = 16) -> pl.DataFrame:
    """Unfolded rows of few executions, in any order, with their hidden origins.

    Starts, ends, repeated ends, ends of processes that never saw the start, and rows that were folded before (whose two
    origins differ). A row's values tell it from every other, so that a fold which mixes two rows is found out.
    """
    rows = []
    for number in range(draw(st.integers(min_size, max_size))):
        row = row_of(draw(execution_metrics(execution_id=draw(st.sampled_from(["e1", "e2", "e3"])))))
        origin = {"writer": draw(st.sampled_from(["aaaaaaaaaaaa", "bbbbbbbbbbbb"])), "seq": draw(st.integers(0, 2))}
        folded = draw(rarely())
        row |= {
            "workflow_version": f"start {number}",
            "error_details": f"end {number}",
            "_start_writer": "cccccccccccc" if folded else origin["writer"],
            "_start_seq": 0 if folded else origin["seq"],
            "_start_row": number,
            "_writer": origin["writer"],
            "_seq": origin["seq"],
            "_row": number,
        }
        if row["status"] != "running" and draw(st.booleans()):
            row["started_at"] = None
        rows.append(row)
    return frame("executions", draw(st.permutations(rows)), hidden=True)


@st.composite
def steps(draw: st.DrawFn, *, min_size: int = 0, max_size: int = 20) -> pl.DataFrame:
    """A frame of steps of few executions and nodes, a few without a duration."""
    rows = []
    for index in range(draw(st.integers(min_size, max_size))):
        execution = draw(st.sampled_from(["e1", "e2", "e3"]))
        workflow = WORKFLOWS[0] if execution != "e3" else WORKFLOWS[1]
        row = row_of(draw(step_metrics(execution_id=execution, workflow_id=workflow, step_index=index)))
        row["step_id"] = f"s{index}"
        row["duration_ms"] = None if draw(rarely()) else row["duration_ms"]
        rows.append(row)
    return frame("steps", rows)


@st.composite
def resources(draw: st.DrawFn, *, min_size: int = 0, max_size: int = 12) -> pl.DataFrame:
    """A frame of samples of the machine."""
    records = draw(st.lists(resource_metrics(), min_size=min_size, max_size=max_size))
    return frame("resources", [row_of(record) for record in records])


def row_of(record: Metrics) -> dict[str, Any]:
    """A record as a row of its table."""
    known = {column.name: column for column in TABLES[record.table].columns}
    row = {name: getattr(record, name) for name in type(record).__dataclass_fields__ if name in known}
    return {
        name: json.dumps(value, ensure_ascii=False) if known[name].kind == "json" else value
        for name, value in row.items()
    }


@st.composite
def recoveries(draw: st.DrawFn, *, min_size: int = 0, max_size: int = 12) -> pl.DataFrame:
    """A frame of attempts to heal steps."""
    records = draw(st.lists(recovery_metrics(), min_size=min_size, max_size=max_size))
    return frame(
        "recoveries", [row_of(record) | {"recovery_id": f"r{number}"} for number, record in enumerate(records)]
    )


@cache
def _schema(table: str, *, hidden: bool) -> pl.Schema:
    described = TABLES[table]
    names = [column.name for column in described.columns] if hidden else list(described.names)
    whole = pl.Schema(described.arrow)
    return pl.Schema({name: whole[name] for name in names})
