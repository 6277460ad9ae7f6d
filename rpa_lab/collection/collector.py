"""What a bot talks to: `MetricsCollector`.

Recording never raises into the bot, never waits for a disk and never grows past its bound: what can't be kept is
counted (`stats`). A daemon thread writes what was recorded every `flush_interval_sec`; after `flush()` returned True
all of it is on disk, and a killed bot loses at most what came since the last finished flush.
"""

from __future__ import annotations

import concurrent.futures.thread  # noqa: F401 - what pyarrow brings needs it, and at exit it can't be imported any more
import os
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from time import perf_counter, time_ns
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from rpa_lab.collection import life
from rpa_lab.collection.background import Background
from rpa_lab.collection.buffer import SHORT, Buffer, Place, Record
from rpa_lab.collection.context import as_json
from rpa_lab.collection.flusher import Flusher
from rpa_lab.collection.hooks import Execution
from rpa_lab.collection.outcome import is_of_signal, text_of
from rpa_lab.collection.steps import Recovery, Step, new_step
from rpa_lab.errors import InputError, RpaLabError, StoreError, quote
from rpa_lab.journal.mode import checked_mode

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping, Sequence

    from rpa_lab.collection.watch import Watcher
    from rpa_lab.journal.redact import Redactor
    from rpa_lab.records import RecoveryMetrics, ResourceMetrics, StepMetrics

__all__ = ["CollectorStats", "MetricsCollector"]

_CLOSE_S: Final = 5.0
_TEXT: Final = 24_000  # characters of a text that are kept: a column has 20,000, and secrets are sought beyond its end
_JSON: Final = 1_000_000  # of a context, which is read as JSON before it is cut
_CONTEXTS: Final = ("context", "end_context")
_LARGE: Final = 2**64


class CollectorStats(dict[str, int]):
    """What a collector has counted: recorded, written, waiting, corrected, dropped, and dropped by reason."""


class MetricsCollector:
    """Collects metrics from workflow executions, inside the bot.

    Parameters
    ----------
    store : str or path
        Root folder of the store; made with the first flush.
    buffer_size : int
        As many waiting records wake the flusher early. Nothing is dropped for it.
    flush_interval_sec : float
        Seconds between flushes.
    max_bytes : int
        The bound of what may wait in memory or be in the middle of being written, some 75,000 records; beyond it the
        newest are dropped, and counted. A tenth is kept for how executions start and end, and for recoveries.
    max_rows : int, optional
        A bound by number too.
    robot_id : str, optional
        Who runs; default: the environment's ``RPA_LAB_ROBOT``, else the host's name.
    host : str, optional
        The machine; default: its name.
    workflow_version : str, optional
        The version of the workflows, where a start doesn't say its own.
    business_exceptions : exception type or tuple of these
        Exceptions that mean that the case broke a rule, rather than that the robot failed.
    redact : sequence of str or re.Pattern
        Regular expressions of what else is a secret here, such as ``"CUST-[0-9]{6}"``; passwords, tokens and the like
        are taken out in any case.
    mode : int, optional
        Permissions of the files that it makes, such as ``0o660``, folders the same with x wherever there is r; default:
        what the umask of the process leaves of 0640.
    strict : bool
        For tests: a record that would be dropped or corrected raises, in the thread that recorded it.

    Raises
    ------
    TypeError
        If `store` is no path, or `business_exceptions` has something else than exceptions.
    ValueError
        If a size or interval is no positive number.
    InputError
        If a pattern or the mode is none.

    Examples
    --------
    >>> import tempfile
    >>> with MetricsCollector(tempfile.mkdtemp()) as collector:
    ...     with collector.execution("invoices") as run:
    ...         with run.step("open_browser", action_type="click", target_element="#go"):
    ...             pass
    ...     collector.flush()
    True
    """

    _buffer: Buffer

    def __init__(
        self,
        store: str | os.PathLike[str] = "data/store",
        buffer_size: int = 1000,
        flush_interval_sec: float = 5.0,
        *,
        max_rows: int | None = None,
        max_bytes: int = 64 * 2**20,
        robot_id: str | None = None,
        host: str | None = None,
        workflow_version: str | None = None,
        business_exceptions: type[BaseException] | tuple[type[BaseException], ...] = (),
        redact: Sequence[str | re.Pattern[str]] = (),
        mode: int | None = None,
        strict: bool = False,
    ) -> None:
        if not isinstance(store, str | os.PathLike):
            raise TypeError(
                f"store is {store!r}, expected the folder of the store as str or path "
                f"(buffer_size is the second argument: MetricsCollector('data/store', 1000))"
            )
        if not str(store):
            raise ValueError("store is '', expected the folder of the store")
        for name, value in (
            ("buffer_size", buffer_size),
            ("flush_interval_sec", flush_interval_sec),
            ("max_rows", 1 if max_rows is None else max_rows),
            ("max_bytes", max_bytes),
        ):
            if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < float("inf"):
                raise ValueError(f"{name} is {value!r}, expected a positive number")
        self.store = Path(store).expanduser().absolute()
        self.buffer_size = int(buffer_size)
        self.flush_interval = float(flush_interval_sec)
        self.host = host or _host()
        self.robot_id = robot_id or os.environ.get("RPA_LAB_ROBOT") or self.host
        self.workflow_version = workflow_version
        self.business_exceptions = _exception_types(business_exceptions)
        self._bounds = {"max_rows": int(max_rows or max_bytes), "max_bytes": int(max_bytes)}
        self._mode = checked_mode(mode)
        self._redactor = _redactor(redact)
        self._strict = strict
        self._watchers: list[Watcher] = []
        self._begin()
        life.begun(self)

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

    def execution(
        self,
        workflow_id: str,
        *,
        execution_id: str | None = None,
        workflow_version: str | None = None,
        business_key: str | None = None,
        queued_at: datetime | None = None,
        rerun_of: str | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> Execution:
        """Record what happens within a ``with`` block, or a decorated function, as one execution.

        Parameters
        ----------
        workflow_id : str
            The workflow.
        execution_id : str, optional
            The run; default: a new random id.
        workflow_version, business_key, queued_at, rerun_of, context
            As for `record_execution_start`.

        Returns
        -------
        Execution
            A context manager and decorator. An exception is recorded with its type, message and traceback, and goes on
            unchanged.
        """
        return Execution(
            self,
            workflow_id,
            execution_id=execution_id,
            details={
                "workflow_version": workflow_version,
                "business_key": business_key,
                "queued_at": queued_at,
                "rerun_of": rerun_of,
                "context": context,
            },
        )

    def step(
        self,
        name: str,
        *,
        action_type: str | None = None,
        target_element: str | None = None,
        application: str | None = None,
    ) -> Step:
        """Record a ``with`` block, or a decorated function, as a step of the execution that is open where it runs.

        Parameters
        ----------
        name : str
            The step; within another one, `node_id` is the path of both names.
        action_type : str, optional
            What it does; default: its name.
        target_element, application : str, optional
            What it is done to, and in which application.

        Returns
        -------
        Step
            A context manager and decorator.
        """
        step = new_step(None, name, action_type=action_type, target_element=target_element, application=application)
        step._collector = self
        return step

    def recovery(self, step: Step | str, *, strategy: str) -> Recovery:
        """Record a ``with`` block as an attempt of the bot to heal a step by itself.

        Parameters
        ----------
        step : Step or str
            The step that is to be healed; where only its name is known, its `node_id`.
        strategy : str
            What is tried: ``alternative_selector``, ``wait_and_retry``, ``restart_application`` …

        Returns
        -------
        Recovery
            A context manager; the step lists it in `recoveries`, and its row bears the step's id.
        """
        return Recovery(self, None, step, strategy=strategy)

    def watch(self, watcher: Watcher) -> None:
        """Tell somebody of each execution that starts or ends in this process from now on."""
        if watcher not in self._watchers:
            self._watchers.append(watcher)

    def flush(self, timeout: float | None = None) -> bool:
        """Write all that was recorded so far, in the calling thread.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait for a flush that is under way in another thread; default: as long as it takes.

        Returns
        -------
        bool
            True once all of it is on disk; False if the disk refused. It is kept then, and tried again.
        """
        return self._background.flush(timeout)

    def close(self, timeout: float | None = None) -> bool:
        """Write what is left, and record no more. May be called again.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait for a flush that is under way in another thread; default: 5.

        Returns
        -------
        bool
            True if all that was recorded is on disk. What the disk refuses now is counted as dropped; what another
            thread is still writing after the timeout goes on waiting.
        """
        timeout = _CLOSE_S if timeout is None else max(timeout, 0.0)
        self._tell(lambda watcher: watcher.finish(timeout))
        self._watchers = []
        done = self._background.close(timeout)
        if done is not None:
            life.ended(self)
        return bool(done)

    def flush_on_sigterm(self) -> None:
        """Write what was recorded when the process is told to end (SIGTERM), then do what was done before.

        To be called in the main thread, once in a process; a handler that is there already is called afterwards, and
        otherwise the process ends by the signal as it would have.

        Raises
        ------
        ValueError
            If this is not the main thread.
        """
        life.flush_on_sigterm()

    def _after_fork(self) -> None:
        """Start anew in a forked child: what waits is the parent's to write."""
        self._begin()
        self._tell(lambda watcher: watcher.after_fork())

    def stats(self) -> CollectorStats:
        """What was counted so far: ``recorded = written + waiting + dropped``; what is being written is waiting.

        Examples
        --------
        >>> import tempfile
        >>> collector = MetricsCollector(tempfile.mkdtemp())
        >>> collector.record_execution_start("e1", "invoices")
        >>> collector.stats()["waiting"]
        1
        >>> collector.close()
        True
        """
        buffer, flusher = self._buffer, self._background.flusher
        written, dropped = flusher.written, dict(buffer.dropped)
        recorded = buffer.recorded  # last, so that what comes meanwhile is waiting
        return CollectorStats(
            recorded=recorded,
            written=written,
            waiting=recorded - written - sum(dropped.values()),
            corrected=flusher.corrected,
            dropped=sum(dropped.values()),
            **{f"dropped_{reason}": count for reason, count in dropped.items()},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"MetricsCollector({str(self.store)!r}, {self.stats()})"

    def _begin(self) -> None:
        """A new writer with an empty buffer: at first, and in a forked child."""
        if hasattr(self, "_buffer"):
            self._buffer.close()  # what an open execution still has in its hands takes the long way then
        self._buffer = Buffer(**self._bounds, many=self.buffer_size)
        self._take, self._keep = self._buffer.take, self._buffer.keep
        self._short = -1  # until the thread runs all take the long way
        who = {"robot_id": self.robot_id, "host": self.host}
        flusher = Flusher(self.store, **who, mode=self._mode, redactor=self._redactor)
        self._background = Background(self._buffer, flusher, interval_s=self.flush_interval)

    def _intake(self) -> tuple[Callable[[], Place], Callable[[Record], None]]:
        """How an execution takes a place for a step and keeps it; where nothing is to be kept unseen, there is none."""
        return (self._no_place if self._strict else self._take), self._keep

    def _no_place(self) -> Place:
        raise IndexError

    def _say(self, record: Record, *, vital: bool = False) -> None:
        """Keep a record of any size, or count why not."""
        record = _kept(record)
        before = sum(self._buffer.dropped.values())
        self._buffer.add(record, texts=_size(record), vital=vital)
        if self._strict:
            if wrong := self._background.encode():
                raise InputError(wrong[0])
            if sum(self._buffer.dropped.values()) > before:
                raise StoreError(f"a record was dropped: {self.stats()}")
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


def _kept(record: Record) -> Record:
    """What is kept of a record: as much of a text as will be read, and texts instead of foreign objects.

    So the bound holds for what the bot hands over, and nothing of the bot's is called, or changed, later.
    """
    return tuple(
        {name: _plain(said, most=_JSON if name in _CONTEXTS else _TEXT) for name, said in value.items()}
        if type(value) is dict
        else _plain(value)
        for value in record
    )


def _plain(value: Any, *, most: int = _TEXT) -> Any:
    if type(value) is str:
        return value if len(value) <= most else value[:most]
    if value is None or isinstance(value, bool | int | float | datetime):
        return value
    if type(value) is tuple:
        return tuple(map(_plain, value))
    if type(value) is bytes:
        return value[:most]
    return text_of(value)[:most]


def _size(value: Any) -> int:
    """Bytes of the texts in a record."""
    if isinstance(value, str | bytes):
        return sys.getsizeof(value) - 49
    if isinstance(value, int):
        return value.bit_length() // 8 if value > _LARGE or value < -_LARGE else 0
    if isinstance(value, tuple):
        return sum(map(_size, value))
    return sum(map(_size, value.values())) if isinstance(value, dict) else 0


def _redactor(patterns: Sequence[str | re.Pattern[str]]) -> Redactor | None:
    if not patterns:
        return None  # the usual one, which is loaded with the first flush
    from rpa_lab.journal.redact import Redactor

    return Redactor.also(patterns)


def _host() -> str:
    if hasattr(os, "uname"):
        return os.uname().nodename
    return os.environ.get("COMPUTERNAME", "unknown")


def _exception_types(said: Any) -> tuple[type[BaseException], ...]:
    types = (said,) if isinstance(said, type) else tuple(said) if isinstance(said, list | tuple | set) else (said,)
    for one in types:
        if not (isinstance(one, type) and issubclass(one, BaseException)):
            raise TypeError(f"business_exceptions has {one!r}, expected exception types such as ValueError")
    return types
