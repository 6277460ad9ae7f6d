"""What a bot says of its work: one record class a table, and the words that they use.

Times are `datetime` objects; a naive one means local time, as in Python's own `astimezone()`. Durations are
milliseconds. A record is checked where it is written, not here, so that making one never fails inside a bot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "ExecutionMetrics",
    "Metrics",
    "RecoveryMetrics",
    "ResourceMetrics",
    "StepMetrics",
    "StepResult",
    "execution_status",
    "node_path",
    "recovery_status",
    "split_node_path",
    "step_status",
]


@dataclass(slots=True)
class ExecutionMetrics:
    """One run of a workflow; `status` is ``running``, ``completed``, ``failed`` or ``cancelled``."""

    table: ClassVar[str] = "executions"

    execution_id: str
    workflow_id: str
    started_at: datetime
    completed_at: datetime | None
    duration_ms: float | None
    status: str
    steps_total: int | None
    steps_completed: int | None
    steps_failed: int | None
    error_message: str | None = None
    context: dict[str, Any] = field(default_factory=dict)
    robot_id: str | None = field(default=None, kw_only=True)
    host: str | None = field(default=None, kw_only=True)
    workflow_version: str | None = field(default=None, kw_only=True)
    business_key: str | None = field(default=None, kw_only=True)
    queued_at: datetime | None = field(default=None, kw_only=True)
    rerun_of: str | None = field(default=None, kw_only=True)
    exception_kind: str | None = field(default=None, kw_only=True)
    error_details: str | None = field(default=None, kw_only=True)
    end_context: dict[str, Any] = field(default_factory=dict, kw_only=True)


class StepResult(NamedTuple):
    """How a step ended: its status and, where it failed, what the bot said of it."""

    status: str
    error_details: str | None


@dataclass(slots=True)
class StepMetrics:
    """One finished step, all its attempts together; `status` is ``completed``, ``failed`` or ``skipped``.

    `confidence_score` is a fraction 0-1; `retry_count` is the number of attempts less one. `step_id` may be None: the
    step is then known by its `step_index` within the execution.

    Examples
    --------
    >>> from datetime import datetime, timezone
    >>> at = datetime(2026, 11, 3, 10, tzinfo=timezone.utc)
    >>> step = StepMetrics(
    ...     "s1", "e1", "invoices", "open > click", "click", "#go", at, at, 12.5, "failed", 0.98, error_details="gone"
    ... )
    >>> step.execution_result
    StepResult(status='failed', error_details='gone')
    """

    table: ClassVar[str] = "steps"

    step_id: str | None
    execution_id: str
    workflow_id: str
    node_id: str
    action_type: str
    target_element: str | None
    started_at: datetime
    completed_at: datetime
    duration_ms: float
    status: str
    confidence_score: float | None = None
    retry_count: int = 0
    error_details: str | None = None
    step_index: int | None = field(default=None, kw_only=True)
    application: str | None = field(default=None, kw_only=True)

    @property
    def execution_result(self) -> StepResult:
        """The status, with the error's details where there are any."""
        return StepResult(self.status, self.error_details)


@dataclass(slots=True)
class ResourceMetrics:
    """One sample of the machine and the bot's process tree.

    `cpu_percent` is that of the process tree (100 = one core), `memory_mb` its resident set; `disk_io_mb` is read and
    written since the last sample. A value that can't be measured (no GPU) is None. `shared_by` counts the executions
    that were open in the process when the sample was taken.
    """

    table: ClassVar[str] = "resources"

    timestamp: datetime
    workflow_id: str | None
    execution_id: str | None
    cpu_percent: float
    memory_mb: float
    gpu_utilization: float | None = None
    gpu_memory_mb: float | None = None
    disk_io_mb: float | None = None
    host: str | None = field(default=None, kw_only=True)
    robot_id: str | None = field(default=None, kw_only=True)
    host_cpu_percent: float | None = field(default=None, kw_only=True)
    host_memory_mb: float | None = field(default=None, kw_only=True)
    shared_by: int | None = field(default=None, kw_only=True)


@dataclass(slots=True)
class RecoveryMetrics:
    """One attempt of the bot to heal a step by itself; `status` is ``recovered`` or ``failed``."""

    table: ClassVar[str] = "recoveries"

    recovery_id: str | None
    execution_id: str
    workflow_id: str
    step_id: str | None
    node_id: str
    strategy: str
    started_at: datetime
    completed_at: datetime
    duration_ms: float
    status: str
    confidence_score: float | None = None
    error_details: str | None = None


Metrics = ExecutionMetrics | StepMetrics | ResourceMetrics | RecoveryMetrics

_COMPLETED = ("completed", "complete", "success", "successful", "succeeded", "ok", "pass", "passed", "done", "finished")
_FAILED = ("failed", "fail", "failure", "error", "errored", "faulted", "exception", "timeout", "timed_out", "timedout")
_CANCELLED = ("cancelled", "canceled", "cancel", "aborted", "stopped", "skipped", "skip", "terminated", "killed")
_SKIPPED = ("skipped", "skip", "cancelled", "canceled", "ignored", "not_run")
_RUNNING = ("running", "started", "start", "in_progress", "inprogress", "active")
_RECOVERED = ("recovered", "healed", *_COMPLETED)


def _mapping(**aliases: tuple[str, ...]) -> dict[str, str]:
    return {alias: status for status, words in aliases.items() for alias in words}


_EXECUTION = _mapping(running=_RUNNING, completed=_COMPLETED, failed=_FAILED, cancelled=_CANCELLED)
_STEP = _mapping(completed=_COMPLETED, failed=_FAILED, skipped=_SKIPPED)
_RECOVERY = _mapping(recovered=_RECOVERED, failed=_FAILED)


def execution_status(said: object) -> str | None:
    """The status of an execution that a word means, or None if it means none.

    Examples
    --------
    >>> execution_status("Success"), execution_status("timed out"), execution_status("blue")
    ('completed', 'failed', None)
    """
    return _EXECUTION.get(_normal(said))


def step_status(said: object) -> str | None:
    """The status of a step that a word means, or None if it means none.

    Examples
    --------
    >>> step_status("PASS"), step_status("NOT RUN"), step_status(None)
    ('completed', 'skipped', None)
    """
    return _STEP.get(_normal(said))


def recovery_status(said: object) -> str | None:
    """The status of a recovery that a word means, or None if it means none.

    Examples
    --------
    >>> recovery_status("healed"), recovery_status("error")
    ('recovered', 'failed')
    """
    return _RECOVERY.get(_normal(said))


def _normal(said: object) -> str:
    return said.strip().lower().replace(" ", "_").replace("-", "_") if isinstance(said, str) else ""


def node_path(*names: str) -> str:
    r"""The `node_id` of a nested step: the names from the outermost in, joined by `` > ``.

    A ``>`` or backslash within a name is escaped by a backslash, so that the path can be split again.

    Examples
    --------
    >>> node_path("submit form", "click")
    'submit form > click'
    >>> print(node_path("a > b", "c"))
    a \> b > c
    """
    return " > ".join(name.replace("\\", "\\\\").replace(">", "\\>") for name in names)


def split_node_path(node_id: str) -> tuple[str, ...]:
    """The names in a `node_id`, outermost first; undoes `node_path`.

    Examples
    --------
    >>> split_node_path(node_path("a > b", "c"))
    ('a > b', 'c')
    """
    return tuple(re.sub(r"\\(.)", r"\1", name, flags=re.DOTALL) for name in node_id.split(" > "))
