"""Records of each kind, as a bot hands them over."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st

from rpa_lab.records import ExecutionMetrics, Metrics, RecoveryMetrics, ResourceMetrics, StepMetrics, node_path
from tests.strategies.times import durations_ms, moments
from tests.strategies.values import hostile_values, json_objects, words

__all__ = [
    "NODES",
    "RESULTS",
    "WORKFLOWS",
    "execution_metrics",
    "hostile_metrics",
    "recovery_metrics",
    "resource_metrics",
    "step_metrics",
]

WORKFLOWS = ("invoices", "payroll", "Überweisungen")
NODES = (
    "open browser",
    node_path("submit form"),
    node_path("submit form", "type"),
    node_path("submit form", "type", "find"),
    node_path("submit form", "click"),
    node_path("a > b"),
    node_path("a > b", "c"),
    "close",
)
"""Nodes of a workflow: nested ones, and one whose name holds the separator."""
RESULTS = ("completed", "failed", "cancelled")


@st.composite
def execution_metrics(draw: st.DrawFn, *, execution_id: str | None = None) -> ExecutionMetrics:
    """A valid execution, running or ended."""
    started_at = draw(moments())
    running = draw(st.booleans())
    duration = draw(durations_ms())
    done, failed = draw(st.integers(0, 30)), draw(st.integers(0, 5))
    status = "running" if running else draw(st.sampled_from(RESULTS))
    return ExecutionMetrics(
        execution_id if execution_id is not None else draw(_ids("e")),
        draw(st.sampled_from(WORKFLOWS)),
        started_at,
        None if running else started_at + timedelta(milliseconds=duration),
        None if running else duration,
        status,
        None if running else done + failed,
        None if running else done,
        None if running else failed,
        draw(words()) if status == "failed" else None,
        draw(json_objects()),
        robot_id=draw(st.none() | st.sampled_from(["robot-1", "robot-2"])),
        host=draw(st.none() | st.sampled_from(["vm-1", "vm-2"])),
        workflow_version=draw(st.none() | st.sampled_from(["1.0", "1.1"])),
        business_key=draw(st.none() | words()),
        queued_at=draw(st.none() | st.just(started_at - timedelta(seconds=1))),
        exception_kind=draw(st.sampled_from(["application", "business"])) if status == "failed" else None,
        error_details=draw(words(max_size=200)) if status == "failed" else None,
        end_context={} if running else draw(json_objects()),
    )


@st.composite
def step_metrics(
    draw: st.DrawFn, *, execution_id: str | None = None, workflow_id: str | None = None, step_index: int | None = None
) -> StepMetrics:
    """A valid, finished step."""
    started_at, duration = draw(moments()), draw(durations_ms())
    status = draw(st.sampled_from(["completed", "failed", "skipped"]))
    return StepMetrics(
        draw(st.none() | _ids("s")),
        execution_id if execution_id is not None else draw(_ids("e")),
        workflow_id if workflow_id is not None else draw(st.sampled_from(WORKFLOWS)),
        draw(st.sampled_from(NODES)),
        draw(st.sampled_from(["click", "type", "http_get"])),
        draw(st.none() | st.sampled_from(["#go", "https://example.org/?q=1"])),
        started_at,
        started_at + timedelta(milliseconds=duration),
        duration,
        status,
        draw(st.none() | st.floats(0, 1)),
        draw(st.integers(0, 3)),
        draw(words()) if status == "failed" else None,
        step_index=step_index,
        application=draw(st.none() | st.sampled_from(["browser", "sap"])),
    )


@st.composite
def resource_metrics(draw: st.DrawFn) -> ResourceMetrics:
    """A valid sample of the machine, on half of the machines without a GPU."""
    amounts = st.floats(0, 1e5, allow_nan=False)
    gpu = draw(st.booleans())
    return ResourceMetrics(
        timestamp=draw(moments()),
        workflow_id=draw(st.none() | st.sampled_from(WORKFLOWS)),
        execution_id=draw(st.none() | _ids("e")),
        cpu_percent=draw(amounts),
        memory_mb=draw(amounts),
        gpu_utilization=draw(st.floats(0, 100)) if gpu else None,
        gpu_memory_mb=draw(amounts) if gpu else None,
        disk_io_mb=draw(st.none() | amounts),
    )


@st.composite
def recovery_metrics(draw: st.DrawFn) -> RecoveryMetrics:
    """A valid attempt to heal a step."""
    started_at, duration = draw(moments()), draw(durations_ms())
    return RecoveryMetrics(
        draw(st.none() | _ids("r")),
        draw(_ids("e")),
        draw(st.sampled_from(WORKFLOWS)),
        draw(st.none() | _ids("s")),
        draw(st.sampled_from(NODES)),
        draw(st.sampled_from(["alternative_selector", "wait_and_retry"])),
        started_at,
        started_at + timedelta(milliseconds=duration),
        duration,
        draw(st.sampled_from(["recovered", "failed"])),
        draw(st.none() | st.floats(0, 1)),
        draw(st.none() | words()),
    )


@st.composite
def hostile_metrics(draw: st.DrawFn) -> Metrics:
    """A record of any kind, one or more of whose fields hold something hostile."""
    record: Metrics = draw(execution_metrics() | step_metrics() | resource_metrics() | recovery_metrics())
    names = st.sampled_from(list(type(record).__dataclass_fields__))
    for name in draw(st.lists(names.filter(lambda name: name != "table"), min_size=1, max_size=4, unique=True)):
        setattr(record, name, draw(hostile_values()))
    return record


def _ids(letter: str) -> st.SearchStrategy[str]:
    return st.integers(0, 10**6).map(lambda number: f"{letter}{number}")
