"""The calls by which a bot tells what it does: each puts a tuple into a queue, and never raises, waits or formats.

What takes longer than that happens in the collector's own thread. Records with long texts, values of other types and
starts and ends take a longer way, which cuts what will not be read and counts what can't be kept.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter, time_ns
from typing import TYPE_CHECKING, Any

from rpa_lab.collection.buffer import SHORT, Buffer, Place, Record
from rpa_lab.collection.context import as_json
from rpa_lab.collection.outcome import is_of_signal
from rpa_lab.collection.record import kept, size_of
from rpa_lab.errors import InputError, RpaLabError, StoreError, quote

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from rpa_lab.collection.background import Background
    from rpa_lab.collection.watch import Watcher
    from rpa_lab.records import RecoveryMetrics, ResourceMetrics, StepMetrics

__all__ = ["Recording"]


class Recording:
    """What `MetricsCollector` is told; the buffer, the thread and the watchers are its own."""

    buffer_size: int
    workflow_version: str | None
    _background: Background
    _buffer: Buffer
    _keep: Callable[[Record], None]
    _short: int  # texts longer than this take the long way
    _strict: bool
    _take: Callable[[], Place]
    _watchers: list[Watcher]

    def record_execution_start(
        self,
        execution_id: str,
        workflow_id: str,
        *,
        workflow_version: str | None = None,
        business_key: str | None = None,
        queued_at: datetime | None = None,
        rerun_of: str | None = None,
        context: Mapping[str, Any] | None = None,
        started_at: datetime | None = None,
    ) -> None:
        """Record the start of a workflow execution.

        Parameters
        ----------
        execution_id, workflow_id : str
            The run, and the workflow that it runs.
        workflow_version, business_key, rerun_of : str, optional
            The workflow's version; the case that is worked on; the execution that this one repeats.
        queued_at : datetime, optional
            When it was put into a queue.
        context : mapping, optional
            Whatever else should be known of the start; stored as JSON.
        started_at : datetime, optional
            When it started; default: now, and then its duration is measured by a monotonic clock.
        """
        try:
            values = {
                "execution_id": execution_id,
                "workflow_id": workflow_id,
                "started_at": time_ns() // 1000 if started_at is None else started_at,
                "workflow_version": workflow_version or self.workflow_version,
                "business_key": business_key,
                "queued_at": queued_at,
                "rerun_of": rerun_of,
                "context": self._json(context),
            }
            began = perf_counter() if started_at is None else None
            self._say(("start", values, began), vital=True)
        except Exception as mistake:  # noqa: BLE001 - recording never raises into the bot
            self._refuse(mistake)
        self._tell(lambda watcher: watcher.execution_started(execution_id, workflow_id))

    def record_execution_complete(
        self,
        execution_id: str,
        status: str,
        error_message: str | None = None,
        *,
        error_details: str | None = None,
        exception_kind: str | None = None,
        context: Mapping[str, Any] | None = None,
        started_at: datetime | None = None,
        workflow_id: str | None = None,
        completed_at: datetime | None = None,
        duration_ms: float | None = None,
    ) -> None:
        """Record the completion of a workflow execution.

        Parameters
        ----------
        execution_id : str
            The run.
        status : str
            ``completed``, ``failed`` or ``cancelled``; usual other words for these are understood.
        error_message, error_details : str, optional
            Why it failed: in one line, and at length.
        exception_kind : str, optional
            ``application`` or ``business``.
        context : mapping, optional
            Whatever else should be known of the end; stored as JSON.
        started_at : datetime, optional
            Where another process recorded the start: when that was.
        workflow_id : str, optional
            Where another process recorded the start: the workflow.
        completed_at : datetime, optional
            When it ended; default: now.
        duration_ms : float, optional
            How long it took, milliseconds; default: what was measured since the start.
        """
        try:
            values = {
                "execution_id": execution_id,
                "status": status,
                "error_message": error_message,
                "error_details": error_details,
                "exception_kind": exception_kind,
                "end_context": self._json(context),
                "started_at": started_at,
                "workflow_id": workflow_id,
                "completed_at": completed_at,
                "duration_ms": duration_ms,
            }
            record = ("complete", values, time_ns() // 1000, perf_counter())
            self._say(record, vital=True)
        except Exception as mistake:  # noqa: BLE001 - recording never raises into the bot
            self._refuse(mistake)
        self._tell(lambda watcher: watcher.execution_ended(execution_id))

    def record_step(  # noqa: C901 - in one piece: calls would cost the bot as much as all that it does
        self,
        step_metrics: StepMetrics | None = None,
        *,
        execution_id: str | None = None,
        node_id: str | None = None,
        action_type: str | None = None,
        target_element: str | None = None,
        duration_ms: float | None = None,
        status: str = "completed",
        started_at: datetime | None = None,
        completed_at: datetime | None = None,
        confidence_score: float | None = None,
        retry_count: int = 0,
        error_details: str | None = None,
        step_id: str | None = None,
        step_index: int | None = None,
        workflow_id: str | None = None,
        application: str | None = None,
    ) -> None:
        """Record metrics for a finished step: a `StepMetrics`, or its fields as keywords.

        Parameters
        ----------
        step_metrics : StepMetrics, optional
            The whole record; then the keywords are not read.
        execution_id, node_id, action_type : str
            The run, the step of the workflow, and what it did.
        target_element, application : str, optional
            What it was done to, and in which application.
        duration_ms : float, optional
            Milliseconds.
        status : str
            ``completed``, ``failed`` or ``skipped``.
        started_at, completed_at : datetime, optional
            Whichever is left out follows from the others, or is now.
        confidence_score : float, optional
            Fraction 0-1.
        retry_count : int
            Attempts less one.
        error_details : str, optional
            Why it failed.
        step_id, step_index, workflow_id : optional
            Default: none, counted, and that of the execution.
        """
        try:
            if step_metrics is not None:
                if self._strict and not hasattr(step_metrics, "node_id"):
                    raise TypeError(f"step_metrics is {quote(step_metrics)}, expected a StepMetrics")
                execution_id, workflow_id = step_metrics.execution_id, step_metrics.workflow_id
                node_id, action_type = step_metrics.node_id, step_metrics.action_type
                target_element, application = step_metrics.target_element, step_metrics.application
                started_at, completed_at = step_metrics.started_at, step_metrics.completed_at
                duration_ms, status = step_metrics.duration_ms, step_metrics.status
                confidence_score, retry_count = step_metrics.confidence_score, step_metrics.retry_count
                error_details = step_metrics.error_details
                step_id, step_index = step_metrics.step_id, step_metrics.step_index
            now = time_ns() if started_at is None or duration_ms is None else None
            if (
                workflow_id is None
                and application is None
                and error_details is None
                and started_at is None
                and completed_at is None
                and step_index is None
                and step_id is None
            ):
                record: Record = (
                    "step",
                    now,
                    execution_id,
                    node_id,
                    action_type,
                    target_element,
                    duration_ms,
                    status,
                    confidence_score,
                    retry_count,
                )
            else:
                record = (
                    "step",
                    now,
                    execution_id,
                    node_id,
                    action_type,
                    target_element,
                    duration_ms,
                    status,
                    confidence_score,
                    retry_count,
                    started_at,
                    completed_at,
                    error_details,
                    step_id,
                    step_index,
                    workflow_id,
                    application,
                )
            try:
                texts = len(execution_id) + len(node_id) + len(action_type) + len(status)  # type: ignore[arg-type] # caught
                if target_element is not None:
                    texts += len(target_element)
                if workflow_id is not None:
                    texts += len(workflow_id)
                if application is not None:
                    texts += len(application)
                if error_details is not None:
                    texts += len(error_details)
                if step_id is not None:
                    texts += len(step_id)
            except TypeError:  # something else than a text
                texts = SHORT + 1
            if texts > self._short:
                self._say(record)
                return
            try:
                take = self._take
                many = take()
            except IndexError:  # no place left, which the long way counts
                self._say(record)
                return
            keep = self._keep
            keep(record)
            if many:
                self._background.wake()
        except Exception as mistake:  # noqa: BLE001 - recording never raises into the bot
            self._refuse(mistake)

    def record_recovery(
        self,
        recovery: RecoveryMetrics | None = None,
        *,
        execution_id: str | None = None,
        node_id: str | None = None,
        strategy: str | None = None,
        status: str | None = None,
        duration_ms: float | None = None,
        started_at: datetime | None = None,
        completed_at: datetime | None = None,
        confidence_score: float | None = None,
        error_details: str | None = None,
        recovery_id: str | None = None,
        step_id: str | None = None,
        workflow_id: str | None = None,
    ) -> None:
        """Record one attempt of the bot to heal a step by itself: a `RecoveryMetrics`, or its fields as keywords.

        Parameters
        ----------
        recovery : RecoveryMetrics, optional
            The whole record; then the keywords are not read.
        execution_id, node_id, strategy : str
            The run, the step of the workflow, and what was tried.
        status : str
            ``recovered`` or ``failed``.
        duration_ms : float, optional
            Milliseconds.
        started_at, completed_at : datetime, optional
            Whichever is left out follows from the others, or is now.
        confidence_score : float, optional
            How sure the bot was of the healed target, fraction 0-1.
        error_details : str, optional
            What had gone wrong.
        recovery_id, step_id, workflow_id : str, optional
            Default: none, none, and that of the execution.
        """
        try:
            if recovery is None:
                values = {
                    "execution_id": execution_id,
                    "node_id": node_id,
                    "strategy": strategy,
                    "status": status,
                    "duration_ms": duration_ms,
                    "started_at": started_at,
                    "completed_at": completed_at,
                    "confidence_score": confidence_score,
                    "error_details": error_details,
                    "recovery_id": recovery_id,
                    "step_id": step_id,
                    "workflow_id": workflow_id,
                    "now_us": time_ns() // 1000,
                }
            else:
                values = _fields(recovery)
            self._say(("recovery", values), vital=True)
        except Exception as mistake:  # noqa: BLE001 - recording never raises into the bot
            self._refuse(mistake)

    def record_resource(self, sample: ResourceMetrics) -> None:
        """Record one sample of the machine."""
        try:
            self._say(("resource", _fields(sample)))
        except Exception as mistake:  # noqa: BLE001 - recording never raises into the bot
            self._refuse(mistake)

    def _say(self, record: Record, *, vital: bool = False) -> None:
        """Keep a record of any size, or count why not."""
        record = kept(record)
        before = sum(self._buffer.dropped.values())
        self._buffer.add(record, texts=size_of(record), vital=vital)
        if self._strict:
            if wrong := self._background.encode():
                raise InputError(wrong[0])
            if sum(self._buffer.dropped.values()) > before:
                counts = {f"dropped_{reason}": count for reason, count in self._buffer.dropped.items()}
                raise StoreError(f"a record was dropped: {counts}")
        self._short = -1 if self._strict or not self._background.start() else SHORT
        if len(self._buffer) >= self.buffer_size or self._buffer.is_crowded:
            self._background.wake()

    def _say_step(self, record: Record) -> None:
        """The long way of a step that was a block; never raises, as `record_step`."""
        try:
            self._say(record)
        except Exception as mistake:  # noqa: BLE001 - recording never raises into the bot
            self._refuse(mistake)

    def _tell(self, what: Callable[[Watcher], None]) -> None:
        for watcher in self._watchers:
            try:
                what(watcher)
            except Exception as mistake:  # who watches must not hurt the bot either
                if is_of_signal(mistake):
                    raise

    def _refuse(self, mistake: Exception) -> None:
        """Count a record that can't even be kept; a strict collector raises, and a watchdog's exception goes on."""
        if is_of_signal(mistake):
            raise mistake
        if not (self._strict and isinstance(mistake, RpaLabError)):  # which was counted where it was raised
            self._buffer.refuse("invalid")
        if self._strict:
            raise mistake

    def _json(self, context: Mapping[str, Any] | None) -> str | None:
        text, changed = as_json(context)
        if changed and self._strict:
            self._buffer.refuse("invalid")
            raise InputError(f"context is {quote(context)}, expected what JSON can hold")
        self._background.flusher.corrected += changed
        return text


def _fields(record: StepMetrics | RecoveryMetrics | ResourceMetrics) -> dict[str, Any]:
    return {name: getattr(record, name) for name in type(record).__dataclass_fields__}
