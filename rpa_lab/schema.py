"""The columns of every table, once: `docs/schema.md`, the files' Arrow schemas and all checks are made from them.

Columns are only ever added, at a table's end, nullable; a type never changes. Each addition raises `SCHEMA_VERSION`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import pyarrow as pa

from rpa_lab.errors import unknown_name

__all__ = ["SCHEMA_VERSION", "TABLES", "Column", "Kind", "Table", "table_named"]

SCHEMA_VERSION = 1

Kind = Literal["id", "name", "text", "json", "time", "duration", "number", "count", "status"]
"""How a column is checked and encoded.

id, name and text are strings: an *id* is mostly unique, a *name* repeats (and is dictionary-encoded), a *text* is free
and redacted. *json* is an object as a string, redacted by keys. *duration* is milliseconds: finite and not negative.
"""

_ARROW: dict[str, pa.DataType] = {
    "id": pa.string(),
    "name": pa.string(),
    "text": pa.string(),
    "json": pa.string(),
    "status": pa.string(),
    "time": pa.timestamp("us", tz="UTC"),
    "duration": pa.float64(),
    "number": pa.float64(),
    "count": pa.int64(),
}
_LIMITS = {"id": 500, "name": 500, "status": 50, "text": 20_000, "json": 20_000}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, how it is checked, whether it may be null, and what it means."""

    name: str
    kind: Kind
    doc: str
    nullable: bool = True

    @property
    def arrow_type(self) -> pa.DataType:
        """The Arrow type of its values."""
        return _ARROW[self.kind]

    @property
    def limit(self) -> int | None:
        """The most characters that a value may have; longer ones are cut and marked. None for what is no string."""
        return _LIMITS.get(self.kind)

    @property
    def hidden(self) -> bool:
        """Whether it is the store's own book-keeping, left out of what users see."""
        return self.name.startswith("_")


@dataclass(frozen=True, slots=True)
class Table:
    """One table: what a row is, its columns, and the times that say which UTC day a row belongs to."""

    name: str
    row: str
    columns: tuple[Column, ...]
    key: str | None
    day_of: tuple[str, ...]
    statuses: tuple[str, ...] = ()
    """What its column `status` may say when it is read, where it has one."""
    derived: tuple[Column, ...] = ()
    """Columns that no file has, and that follow when rows are read."""

    @property
    def arrow(self) -> pa.Schema:
        """The Arrow schema of its files."""
        return _arrow_schema(self.name)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns that users see."""
        return tuple(column.name for column in self.columns if not column.hidden)

    def __getitem__(self, name: str) -> Column:
        """The column of that name."""
        for column in self.columns:
            if column.name == name:
                return column
        raise unknown_name(f"{self.name} has no column", name, self.names)

    @property
    def readable(self) -> dict[str, Column]:
        """The columns that a question may name: those that users see, derived ones last."""
        return {column.name: column for column in (*self.columns, *self.derived) if not column.hidden}

    @property
    def time(self) -> str:
        """The column by which periods select rows."""
        return self.day_of[0]

    @property
    def sort(self) -> tuple[str, ...]:
        """The order of rows in a compacted file."""
        names = {column.name for column in self.columns}
        tie = ("execution_id", self.key, "step_index")
        return tuple(dict.fromkeys(c for c in ("workflow_id", self.time, *tie) if c in names))


def _required(name: str, kind: Kind, doc: str) -> Column:
    return Column(name, kind, doc, nullable=False)


_EXECUTIONS = Table(
    "executions",
    "a run of a workflow: one `running` row at its start, one final row at its end, folded into one",
    (
        _required("execution_id", "id", "Identifies the run."),
        Column("workflow_id", "name", "The workflow (process, robot task) that was run."),
        Column("started_at", "time", "When it started; null where the process that completed it never saw the start."),
        Column("completed_at", "time", "When it ended; null while it runs."),
        Column("duration_ms", "duration", "How long it ran, by a monotonic clock where the bot measured it."),
        _required("status", "status", "running, completed, failed or cancelled; abandoned is derived when read."),
        Column("steps_total", "count", "Steps that it recorded; null where unknown."),
        Column("steps_completed", "count", "Of these, completed."),
        Column("steps_failed", "count", "Of these, failed."),
        Column("error_message", "text", "Why it failed, in one line: the exception's type and message."),
        Column("context", "json", "What the bot said at the start."),
        Column("robot_id", "name", "Who ran it."),
        Column("host", "name", "The machine that it ran on."),
        Column("workflow_version", "name", "The version of the workflow."),
        Column("business_key", "id", "The case, order or invoice that it worked on."),
        Column("queued_at", "time", "When it was put into a queue, where there is one."),
        Column("rerun_of", "id", "The execution that this one repeats."),
        Column("exception_kind", "name", "application (the robot's world broke) or business (the case broke a rule)."),
        Column("error_details", "text", "The traceback, or whatever else the bot said of the failure."),
        Column("end_context", "json", "What the bot said at the end."),
        Column("_start_writer", "name", "Origin of the start group: the writer,"),
        Column("_start_seq", "count", "its fragment,"),
        Column("_start_row", "count", "and the row therein."),
        Column("_writer", "name", "Origin of the end group: the writer,"),
        Column("_seq", "count", "its fragment,"),
        Column("_row", "count", "and the row therein."),
    ),
    key="execution_id",
    day_of=("started_at", "completed_at"),
    statuses=("running", "completed", "failed", "cancelled", "abandoned"),
    derived=(Column("last_seen_at", "time", "The last sign of life of one that runs, or was abandoned; else null."),),
)

_STEPS = Table(
    "steps",
    "a finished step, all its attempts together",
    (
        Column("step_id", "id", "Identifies the step; null is read as `<execution_id>:<step_index>`."),
        _required("execution_id", "id", "The run that it belongs to."),
        _required("workflow_id", "name", "The workflow of that run."),
        _required("node_id", "name", "Which step of the workflow: its path of names, joined by ` > ` where nested."),
        _required("action_type", "name", "What it did: click, type, http_get …"),
        Column("target_element", "name", "What it did it to: a selector, a URL, a file."),
        _required("started_at", "time", "When its first attempt started."),
        _required("completed_at", "time", "When its last attempt ended."),
        Column("duration_ms", "duration", "From the one to the other, by a monotonic clock where the bot measured it."),
        _required("status", "status", "completed, failed or skipped."),
        Column("confidence_score", "number", "How sure the bot was of its target, fraction 0-1."),
        _required("retry_count", "count", "Attempts less one."),
        Column("error_details", "text", "Why it failed."),
        Column("step_index", "count", "Its place among the steps of the execution, from 0."),
        Column("application", "name", "The application or library that it used."),
    ),
    key="step_id",
    day_of=("started_at",),
    statuses=("completed", "failed", "skipped"),
)

_RESOURCES = Table(
    "resources",
    "a sample of the machine and of the bot's process tree",
    (
        _required("timestamp", "time", "When the sample was taken."),
        Column("workflow_id", "name", "The workflow that was running."),
        Column("execution_id", "id", "The run that was open."),
        _required("cpu_percent", "number", "CPU use of the bot's process tree; 100 is one core."),
        _required("memory_mb", "number", "Resident memory of the bot's process tree, MB."),
        Column("gpu_utilization", "number", "GPU use, percent 0-100; null without a GPU."),
        Column("gpu_memory_mb", "number", "GPU memory in use, MB; null without a GPU."),
        Column("disk_io_mb", "number", "Read and written since the last sample, MB."),
        Column("host", "name", "The machine."),
        Column("robot_id", "name", "The robot."),
        Column("host_cpu_percent", "number", "CPU use of the whole machine, percent 0-100."),
        Column("host_memory_mb", "number", "Memory in use on the whole machine, MB."),
        Column("shared_by", "count", "Executions that were open in the process; the sample stands once for each."),
    ),
    key=None,
    day_of=("timestamp",),
)

_RECOVERIES = Table(
    "recoveries",
    "one attempt of the bot to heal a step by itself",
    (
        Column("recovery_id", "id", "Identifies the attempt."),
        _required("execution_id", "id", "The run."),
        _required("workflow_id", "name", "Its workflow."),
        Column("step_id", "id", "The step that was to be healed."),
        _required("node_id", "name", "Its node."),
        _required("strategy", "name", "What was tried: alternative_selector, wait_and_retry, restart_application …"),
        _required("started_at", "time", "When it started."),
        _required("completed_at", "time", "When it ended."),
        Column("duration_ms", "duration", "How long it took."),
        _required("status", "status", "recovered or failed."),
        Column("confidence_score", "number", "How sure the bot was of the healed target, fraction 0-1."),
        Column("error_details", "text", "What had gone wrong."),
    ),
    key="recovery_id",
    day_of=("started_at",),
    statuses=("recovered", "failed"),
)

_CHANGES = Table(
    "changes",
    "something that somebody changed: a release, a new selector, a moved host",
    (
        _required("change_id", "id", "Identifies the change."),
        _required("at", "time", "When it took effect."),
        Column("workflow_id", "name", "The workflow that it touches; null for all."),
        _required("kind", "name", "release, selector, host, note …"),
        Column("version", "name", "The version that it brought."),
        Column("host", "name", "The machine that it touches; null for all."),
        Column("text", "text", "What was changed."),
        Column("author", "name", "Who wrote it down."),
    ),
    key="change_id",
    day_of=("at",),
)

_COLLECTOR_HEALTH = Table(
    "collector_health",
    "what a collector had counted since its process began",
    (
        _required("timestamp", "time", "When it counted."),
        _required("writer", "name", "The collector: random, new per process."),
        Column("host", "name", "Its machine."),
        Column("robot_id", "name", "Its robot."),
        Column("pid", "count", "Its process."),
        _required("recorded", "count", "Records that the bot handed over."),
        _required("written", "count", "Of these, on disk."),
        _required("dropped_queue_full", "count", "Dropped: the buffer was full."),
        _required("dropped_invalid", "count", "Dropped: a required value was missing or of a wrong type."),
        _required("dropped_too_large", "count", "Dropped: one record larger than the whole buffer."),
        _required("dropped_flush_failed", "count", "Dropped: could not be written before the process ended."),
        _required("dropped_closed", "count", "Dropped: recorded after close()."),
        _required("corrected", "count", "Values that were cut, mapped or set to null so that the rest could be kept."),
        Column("flush_ms", "duration", "How long the last flush took."),
    ),
    key=None,
    day_of=("timestamp",),
)

TABLES: dict[str, Table] = {
    table.name: table for table in (_EXECUTIONS, _STEPS, _RESOURCES, _RECOVERIES, _CHANGES, _COLLECTOR_HEALTH)
}


def table_named(name: str) -> Table:
    """The table of that name.

    Parameters
    ----------
    name : str
        For example ``"steps"``.

    Returns
    -------
    Table

    Raises
    ------
    UnknownNameError
        If there is none; lists those that exist.

    Examples
    --------
    >>> table_named("steps").time
    'started_at'
    """
    if name not in TABLES:
        raise unknown_name("there is no table", name, TABLES)
    return TABLES[name]


@cache
def _arrow_schema(table: str) -> pa.Schema:
    return pa.schema([pa.field(c.name, c.arrow_type, nullable=c.nullable) for c in TABLES[table].columns])
