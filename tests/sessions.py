"""What a bot says, call by call, and what must then be in the store: a naive twin of collector, store and fold.

A session is a list of calls, as `strategies.sessions` draws it: executions that overlap, steps told by keywords, as
records and as ``with`` blocks, ends that come twice or never, and flushes in between.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from rpa_lab import MetricsCollector, StepMetrics
from rpa_lab.collection.hooks import Execution

__all__ = ["Call", "Expected", "Kind", "Played", "play"]

Kind = Literal["start", "step", "record", "block", "end", "flush"]


class Failure(Exception):  # noqa: N818
    """What a bot raises within a block."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a bot: about which of its executions, and what it says."""

    kind: Kind
    run: int = 0
    says: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Expected:
    """What must be known of one execution."""

    workflow_id: str
    context: dict[str, Any]
    status: str = "running"
    error_message: str | None = None
    error_details: str | None = None
    end_context: dict[str, Any] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)
    steps_at_end: int | None = None


@dataclass(slots=True)
class Played:
    """What was said in all: executions by id, and how many records that were."""

    runs: dict[str, Expected] = field(default_factory=dict)
    records: int = 0


def play(collector: MetricsCollector, calls: list[Call], played: Played | None = None) -> Played:
    """Make the calls, after those that were played before; what must be in the store once all is flushed."""
    played = played or Played()
    for call in calls:
        if call.kind == "flush":
            assert collector.flush()
            continue
        played.records += 1
        execution_id, says = f"e{call.run}", call.says
        if call.kind == "start":
            collector.record_execution_start(execution_id, says["workflow_id"], context=says["context"])
            known = played.runs.setdefault(execution_id, Expected(says["workflow_id"], says["context"]))
            assert known.steps == []
            continue
        run = played.runs[execution_id]
        if call.kind == "end":
            collector.record_execution_complete(execution_id, **says)
            run.status = says["status"]
            run.error_message, run.error_details = says["error_message"], says["error_details"]
            run.end_context, run.steps_at_end = says["context"], len(run.steps)
            continue
        run.steps.append(_step(collector, call, execution_id, run))
    return played


def _step(collector: MetricsCollector, call: Call, execution_id: str, run: Expected) -> dict[str, Any]:
    said = dict(call.says)
    match call.kind:
        case "step":
            collector.record_step(execution_id=execution_id, **said)
        case "record":
            at = said["started_at"]
            values = {"target_element": None, "confidence_score": None, "error_details": None, **said}
            values |= {"execution_id": execution_id, "workflow_id": run.workflow_id, "step_id": None}
            collector.record_step(StepMetrics(**{"completed_at": at, "duration_ms": 0.0, **values}))
        case _:
            said.pop("started_at", None)
            name, details = said.pop("node_id"), said.pop("error_details", None)
            status = said.pop("status")
            step = Execution(collector, run.workflow_id, execution_id=execution_id, details={}).step(
                name, action_type=said["action_type"], target_element=said.get("target_element")
            )
            try:
                with step:
                    step.status = None if status == "failed" else status
                    if status == "failed":
                        raise Failure(details)
            except Failure:
                pass
    return dict(call.says)
