"""What others offer for saying a step, each as its own documentation sets it up for a program that must not wait.

Their threads sleep while a call is timed, as ours does; afterwards each must have kept every step.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from logging.handlers import QueueHandler, QueueListener
from pathlib import Path
from queue import SimpleQueue

import structlog
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Tracer
from prometheus_client import CollectorRegistry, Counter, Histogram

from benchmarks.recording.books import EXECUTION, WORKFLOW, expect
from benchmarks.recording.calls import SAID, Work

__all__ = ["json_structlog", "prometheus", "queued_logger", "queued_logging", "span_3", "span_12", "write_log"]

_NEVER_MS = 3_600_000
_FIELDS = (
    *("execution_id", "workflow_id", "node_id", "action_type", "target_element", "application"),
    *("started_us", "duration_ms", "status", "confidence_score", "retry_count", "step_index"),
)


@contextmanager
def queued_logging(folder: Path, steps: int) -> Iterator[Work]:
    """The standard library's logging: records into a queue, written by a listener's thread."""
    path = folder / "bot.log"
    waiting, logger = queued_logger()

    def work(durations: Sequence[float]) -> None:
        execution_id, workflow_id, status, confidence = EXECUTION, WORKFLOW, "completed", 0.97
        node_id, action_type, target, application, started = SAID
        for duration_ms in durations:
            logger.info(
                "step",
                extra={
                    "execution_id": execution_id,
                    "workflow_id": workflow_id,
                    "node_id": node_id,
                    "action_type": action_type,
                    "target_element": target,
                    "application": application,
                    "started_us": started,
                    "duration_ms": duration_ms,
                    "status": status,
                    "confidence_score": confidence,
                    "retry_count": 0,
                    "step_index": 0,
                },
            )

    yield work
    write_log(waiting, path)
    expect(path.read_text().count("\n") == steps, "the log lost something")


def queued_logger() -> tuple[SimpleQueue[logging.LogRecord], logging.Logger]:
    """A queue, and the one logger of the bot, whose records go there."""
    waiting: SimpleQueue[logging.LogRecord] = SimpleQueue()
    logger = logging.getLogger("bot")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.handlers = [QueueHandler(waiting)]
    return waiting, logger


def write_log(waiting: SimpleQueue[logging.LogRecord], path: Path) -> None:
    """Write the records that wait, in the listener's thread."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s " + " ".join(f"%({name})s" for name in _FIELDS)))
    listener = QueueListener(waiting, handler)
    listener.start()
    listener.stop()
    handler.close()


@contextmanager
def json_structlog(folder: Path, steps: int) -> Iterator[Work]:
    """Structlog has no thread of its own: it renders and writes each line in the caller's."""
    path = folder / "bot.jsonl"
    with path.open("w", encoding="utf-8") as file:
        log = structlog.wrap_logger(
            structlog.WriteLogger(file),
            processors=[
                structlog.contextvars.merge_contextvars,
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso"),
                structlog.processors.JSONRenderer(),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
            cache_logger_on_first_use=True,
        )

        def work(durations: Sequence[float]) -> None:
            execution_id, workflow_id, status, confidence = EXECUTION, WORKFLOW, "completed", 0.97
            node_id, action_type, target, application, started = SAID
            for duration_ms in durations:
                log.info(
                    "step",
                    execution_id=execution_id,
                    workflow_id=workflow_id,
                    node_id=node_id,
                    action_type=action_type,
                    target_element=target,
                    application=application,
                    started_us=started,
                    duration_ms=duration_ms,
                    status=status,
                    confidence_score=confidence,
                    retry_count=0,
                    step_index=0,
                )

        yield work
    expect(path.read_text().count("\n") == steps, "structlog lost something")


@contextmanager
def prometheus(_folder: Path, steps: int) -> Iterator[Work]:
    """Counts and buckets by label: no record of the single step."""
    registry = CollectorRegistry()
    labels = ("workflow_id", "node_id", "status")
    seconds = Histogram("step_seconds", "How long steps take.", labels, registry=registry)
    count = Counter("steps", "Steps that ended.", labels, registry=registry)

    def work(durations: Sequence[float]) -> None:
        workflow_id, status = WORKFLOW, "completed"
        node_id, _, _, _, _ = SAID
        for duration_ms in durations:
            seconds.labels(workflow_id, node_id, status).observe(duration_ms / 1000)
            count.labels(workflow_id, node_id, status).inc()

    yield work
    found = registry.get_sample_value("steps_total", dict(zip(labels, (WORKFLOW, SAID[0], "completed"), strict=True)))
    expect(found == steps, "prometheus_client lost something")


class _Counting(SpanExporter):
    """An exporter that costs nothing: it counts."""

    def __init__(self) -> None:
        self.spans = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.spans += len(spans)
        return SpanExportResult.SUCCESS


@contextmanager
def _tracer(steps: int) -> Iterator[Tracer]:
    exporter = _Counting()
    provider = TracerProvider(shutdown_on_exit=False)
    room = steps + 1  # a full queue would wake its thread, and drop
    provider.add_span_processor(
        BatchSpanProcessor(exporter, max_queue_size=room, max_export_batch_size=room, schedule_delay_millis=_NEVER_MS)
    )
    yield provider.get_tracer("bot")
    expect(provider.force_flush() and exporter.spans == steps, "OpenTelemetry lost something")
    provider.shutdown()


@contextmanager
def span_12(_folder: Path, steps: int) -> Iterator[Work]:
    """A span with what a step's row says."""
    with _tracer(steps) as tracer:

        def work(durations: Sequence[float]) -> None:
            execution_id, workflow_id, status, confidence = EXECUTION, WORKFLOW, "completed", 0.97
            node_id, action_type, target, application, started = SAID
            for duration_ms in durations:
                with tracer.start_as_current_span(
                    action_type,
                    attributes={
                        "execution_id": execution_id,
                        "workflow_id": workflow_id,
                        "node_id": node_id,
                        "action_type": action_type,
                        "target_element": target,
                        "application": application,
                        "started_us": started,
                        "duration_ms": duration_ms,
                        "status": status,
                        "confidence_score": confidence,
                        "retry_count": 0,
                        "step_index": 0,
                    },
                ):
                    pass

        yield work


@contextmanager
def span_3(_folder: Path, steps: int) -> Iterator[Work]:
    """A span with as many attributes as the step beside it has arguments."""
    with _tracer(steps) as tracer:

        def work(durations: Sequence[float]) -> None:
            node_id, action_type, target, _, _ = SAID
            for _ in durations:
                with tracer.start_as_current_span(
                    action_type, attributes={"node_id": node_id, "action_type": "type", "target_element": target}
                ):
                    pass

        yield work
