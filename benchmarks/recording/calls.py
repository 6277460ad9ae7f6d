"""What one call costs the bot that makes it, beside what it would cost to append a tuple to a deque and no more.

Each round measures every contender once, each round beginning with another one; a contender's ratio is the median of
its ratios to deques that were measured just before and after it, with as many steps. What follows later in a thread of
its own (a flush, an export, the writing of a log) is kept out of the timed part for all of them alike: queues have room
for the whole round, their threads sleep, and what waits in them is written and counted after the clock was stopped.
That clock is the CPU time of the calling thread, so what else the machine does counts little. Garbage is collected
before each measurement, and as usual in it.
"""

from __future__ import annotations

import gc
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from benchmarks.recording.books import EXECUTION, WORKFLOW, expect, recorder
from benchmarks.recording.figures import Goal, heading, row
from rpa_lab.collection.collector import MetricsCollector
from rpa_lab.collection.hooks import Execution
from rpa_lab.records import StepMetrics

__all__ = ["SAID", "Ready", "Work", "calls"]

Work = Callable[[Sequence[float]], None]
"""Says one step of each of these durations."""
Ready = Callable[[Path, int], AbstractContextManager[Work]]
"""Sets a contender up in a folder, for so many steps; at the end it must have kept them all."""

SAID = ("post_invoice > type_amount", "type_amount", "#main input[name=amount]", "sap", 1_793_700_000_000_000)
_COLUMNS = ("median", "best", "× deque", "lowest-highest")
_WARM = 2_000
_FEW = 1_000
_DEQUE = "deque.append of a tuple with 13 values"
_KEYWORDS = "record_step with 6 keywords"
_WITH_STEP = "with run.step"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """Somebody who keeps a step; `steps` are those of one round, `most` the goal as a multiple of the deque."""

    name: str
    ready: Ready
    steps: int
    most: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Nanoseconds a step: of a contender in one round, and of the deque beside it."""

    own: float
    deque: float


def calls(*, rounds: int = 7, steps: int = 100_000) -> list[Goal]:
    """Nanoseconds a step of each contender, and the goals of ours."""
    ours, peers = _ours(steps), _peers(steps // 5)
    taken = _taken([*ours, *peers], rounds)
    heading(
        f"One step, in the thread that says it: {rounds} rounds of {steps:,} ({steps // 5:,} of the peers)", *_COLUMNS
    )
    goals = _show(taken, most={contender.name: contender.most for contender in ours})
    with_step = [one.own for one in taken[_WITH_STEP]]
    for span in (peer.name for peer in peers if "span" in peer.name):
        share = median(own / of.own for own, of in zip(with_step, taken[span], strict=True))
        goal = Goal(what=f"with run.step, of {span}", figure=share, most=1 / 20, unit="") if "12" in span else None
        goals += [goal] if goal else []
        row(f"with run.step, of {span}", f"1/{1 / share:.1f}", goal=goal)

    heading(f"The same {_FEW:,} at a time, with a flush in between, after which Python has tuples at hand", *_COLUMNS)
    _show(_between_flushes(), most={})
    return goals


def _taken(contenders: list[Contender], rounds: int) -> dict[str, list[Taken]]:
    """What each took, round by round."""
    durations = [20 + n % 997 / 8 for n in range(max(contender.steps for contender in contenders))]
    taken: dict[str, list[Taken]] = {contender.name: [] for contender in contenders}
    for number in range(rounds):
        first = number * 5 % len(contenders)
        for contender in contenders[first:] + contenders[:first]:
            these = durations[: contender.steps]
            before, own, after = (_nanoseconds(ready, these) for ready in (_deque, contender.ready, _deque))
            taken[contender.name].append(Taken(own=own, deque=(before + after) / 2))
    return taken


def _show(taken: dict[str, list[Taken]], *, most: dict[str, float | None]) -> list[Goal]:
    """A line for each contender; the goals of those that have one."""
    goals = []
    for name, rounds in taken.items():
        own, ratios = [one.own for one in rounds], [one.own / one.deque for one in rounds]
        bound = most.get(name)
        goal = None if bound is None else Goal(what=name, figure=median(ratios), most=bound, unit=" × deque")
        goals += [goal] if goal else []
        figures = (f"{median(own):,.0f} ns", f"{min(own):,.0f} ns", f"{median(ratios):.2f}")
        row(name, *figures, f"{min(ratios):.1f}-{max(ratios):.1f}", goal=goal)
    return goals


def _between_flushes(rounds: int = 100) -> dict[str, list[Taken]]:
    """What the deque and our two ways took of a bot's usual number of steps, emptied and flushed in between."""
    kept: deque[tuple[object, ...]] = deque()
    taken: dict[str, list[Taken]] = {name: [] for name in (_DEQUE, _KEYWORDS, _WITH_STEP)}
    durations = [20.0] * _FEW
    with (
        tempfile.TemporaryDirectory() as folder,
        recorder(Path(folder), steps=2 * _FEW * rounds) as collector,
        collector.execution(WORKFLOW) as run,
    ):
        for _ in range(rounds):
            beside = _timed(_append_to(kept), durations)
            kept.clear()
            taken[_DEQUE].append(Taken(own=beside, deque=beside))
            for name, work in ((_KEYWORDS, _record_with(collector)), (_WITH_STEP, _enter_within(run))):
                taken[name].append(Taken(own=_timed(work, durations), deque=beside))
                expect(collector.flush(), "flush() is not True")
    return taken


def _nanoseconds(ready: Ready, durations: list[float]) -> float:
    with tempfile.TemporaryDirectory() as folder, ready(Path(folder), _WARM + len(durations)) as work:
        gc.collect()
        work([20.0] * _WARM)
        return _timed(work, durations)


def _timed(work: Work, durations: list[float]) -> float:
    began = time.thread_time_ns()
    work(durations)
    return (time.thread_time_ns() - began) / len(durations)


def _ours(steps: int) -> list[Contender]:
    return [
        Contender(name=_DEQUE, ready=_deque, steps=steps),
        Contender(name="the empty loop, which is part of all", ready=_nothing, steps=steps),
        Contender(name=_KEYWORDS, ready=_keywords, steps=steps, most=3.5),
        Contender(name="record_step with 12 keywords", ready=_all_keywords, steps=steps),
        Contender(name="record_step of a StepMetrics that is there", ready=_ready_record, steps=steps),
        Contender(name="StepMetrics(...) and record_step of it", ready=_new_record, steps=steps),
        Contender(name="StepMetrics(...) alone", ready=_only_new, steps=steps),
        Contender(name=_WITH_STEP, ready=_with_step, steps=steps, most=7),
        Contender(name="with run.step within another one", ready=_nested_step, steps=steps),
    ]


def _peers(steps: int) -> list[Contender]:
    from benchmarks.recording import peers

    return [
        Contender(name="logging, 12 fields, QueueHandler", ready=peers.queued_logging, steps=steps),
        Contender(name="structlog, 12 fields, JSON to a file at once", ready=peers.json_structlog, steps=steps),
        Contender(name="prometheus_client, histogram and counter", ready=peers.prometheus, steps=steps),
        Contender(name="OpenTelemetry span, 12 attributes, batched", ready=peers.span_12, steps=steps),
        Contender(name="OpenTelemetry span, 3 attributes, batched", ready=peers.span_3, steps=steps),
    ]


@contextmanager
def _deque(_folder: Path, steps: int) -> Iterator[Work]:
    kept: deque[tuple[object, ...]] = deque()
    yield _append_to(kept)
    expect(len(kept) == steps, "the deque lost something")


def _append_to(kept: deque[tuple[object, ...]]) -> Work:
    def work(durations: Sequence[float]) -> None:
        execution_id, workflow_id, status, retry_count, confidence = EXECUTION, WORKFLOW, "completed", 0, 0.97
        node_id, action_type, target, application, started = SAID
        error_details, step_id = None, None
        for duration_ms in durations:
            kept.append(
                (
                    execution_id,
                    workflow_id,
                    node_id,
                    action_type,
                    target,
                    application,
                    started,
                    duration_ms,
                    status,
                    confidence,
                    retry_count,
                    error_details,
                    step_id,
                )
            )

    return work


@contextmanager
def _nothing(_folder: Path, _steps: int) -> Iterator[Work]:
    def work(durations: Sequence[float]) -> None:
        for _ in durations:
            pass

    yield work


@contextmanager
def _keywords(folder: Path, steps: int) -> Iterator[Work]:
    with recorder(folder, steps=steps) as collector:
        yield _record_with(collector)


def _record_with(collector: MetricsCollector) -> Work:
    def work(durations: Sequence[float]) -> None:
        execution_id, confidence = EXECUTION, 0.97
        node_id, action_type, target, _, _ = SAID
        for duration_ms in durations:
            collector.record_step(
                execution_id=execution_id,
                node_id=node_id,
                action_type=action_type,
                target_element=target,
                duration_ms=duration_ms,
                confidence_score=confidence,
            )

    return work


@contextmanager
def _all_keywords(folder: Path, steps: int) -> Iterator[Work]:
    with recorder(folder, steps=steps) as collector:
        started = datetime.now(UTC)

        def work(durations: Sequence[float]) -> None:
            execution_id, workflow_id, status, retry_count = EXECUTION, WORKFLOW, "failed", 1
            node_id, action_type, target, application, _ = SAID
            error_details, step_id, started_at = "ElementNotFound: it did not show within 20 s", "s-4711", started
            for duration_ms in durations:
                collector.record_step(
                    execution_id=execution_id,
                    workflow_id=workflow_id,
                    node_id=node_id,
                    action_type=action_type,
                    target_element=target,
                    application=application,
                    started_at=started_at,
                    duration_ms=duration_ms,
                    status=status,
                    retry_count=retry_count,
                    error_details=error_details,
                    step_id=step_id,
                )

        yield work


@contextmanager
def _ready_record(folder: Path, steps: int) -> Iterator[Work]:
    with recorder(folder, steps=steps) as collector:
        at = datetime.now(UTC)
        node_id, action_type, target, _, _ = SAID
        step = StepMetrics(None, EXECUTION, WORKFLOW, node_id, action_type, target, at, at, 20.0, "completed", 0.97)

        def work(durations: Sequence[float]) -> None:
            for _ in durations:
                collector.record_step(step)

        yield work


@contextmanager
def _new_record(folder: Path, steps: int) -> Iterator[Work]:
    with recorder(folder, steps=steps) as collector:
        at = datetime.now(UTC)

        def work(durations: Sequence[float]) -> None:
            execution_id, workflow_id, status, confidence, started, completed = _of_record(at)
            node_id, action_type, target, _, _ = SAID
            for duration_ms in durations:
                collector.record_step(
                    StepMetrics(
                        None,
                        execution_id,
                        workflow_id,
                        node_id,
                        action_type,
                        target,
                        started,
                        completed,
                        duration_ms,
                        status,
                        confidence,
                    )
                )

        yield work


@contextmanager
def _only_new(_folder: Path, _steps: int) -> Iterator[Work]:
    at = datetime.now(UTC)

    def work(durations: Sequence[float]) -> None:
        execution_id, workflow_id, status, confidence, started, completed = _of_record(at)
        node_id, action_type, target, _, _ = SAID
        for duration_ms in durations:
            StepMetrics(
                None,
                execution_id,
                workflow_id,
                node_id,
                action_type,
                target,
                started,
                completed,
                duration_ms,
                status,
                confidence,
            )

    yield work


def _of_record(at: datetime) -> tuple[str, str, str, float, datetime, datetime]:
    return EXECUTION, WORKFLOW, "completed", 0.97, at, at


@contextmanager
def _with_step(folder: Path, steps: int) -> Iterator[Work]:
    with recorder(folder, steps=steps) as collector, collector.execution(WORKFLOW) as run:
        yield _enter_within(run)


@contextmanager
def _nested_step(folder: Path, steps: int) -> Iterator[Work]:
    with (
        recorder(folder, steps=steps + 1) as collector,
        collector.execution(WORKFLOW) as run,
        run.step("post_invoice"),
    ):
        yield _enter_within(run)


def _enter_within(run: Execution) -> Work:
    def work(durations: Sequence[float]) -> None:
        _, name, target, _, _ = SAID
        for _ in durations:
            with run.step(name, action_type="type", target_element=target):
                pass

    return work
