"""What a bot talks to: `MetricsCollector`.

Recording never raises into the bot, never waits for a disk and never grows past its bound: what can't be kept is
counted (`stats`). A daemon thread writes what was recorded every `flush_interval_sec`; after `flush()` returned True
all of it is on disk, and a killed bot loses at most what came since the last finished flush.
"""

from __future__ import annotations

import atexit
import concurrent.futures.thread  # noqa: F401 - what pyarrow brings needs it, and at exit it can't be imported any more
import json
import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from rpa_lab.collection.buffer import Buffer
from rpa_lab.collection.flusher import Flusher
from rpa_lab.collection.hooks import Execution, Step

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from rpa_lab.records import RecoveryMetrics, ResourceMetrics, StepMetrics

__all__ = ["CollectorStats", "MetricsCollector"]

_BACKOFF_S: Final = (1.0, 60.0)
_CLOSE_S: Final = 5.0


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
    max_rows, max_bytes : int
        The bound of what may wait in memory; beyond it the newest records are dropped, and counted.
    robot_id : str, optional
        Who runs; default: the environment's ``RPA_LAB_ROBOT``, else the host's name.
    host : str, optional
        The machine; default: its name.
    workflow_version : str, optional
        The version of the workflows, where a start doesn't say its own.
    business_exceptions : exception type or tuple of these
        Exceptions that mean that the case broke a rule, rather than that the robot failed.

    Raises
    ------
    TypeError
        If `store` is no path.

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

    def __init__(
        self,
        store: str | os.PathLike[str] = "data/store",
        buffer_size: int = 1000,
        flush_interval_sec: float = 5.0,
        *,
        max_rows: int = 200_000,
        max_bytes: int = 64 * 2**20,
        robot_id: str | None = None,
        host: str | None = None,
        workflow_version: str | None = None,
        business_exceptions: type[BaseException] | tuple[type[BaseException], ...] = (),
    ) -> None:
        if not isinstance(store, str | os.PathLike):
            raise TypeError(
                f"store is {store!r}, expected the folder of the store as str or path "
                f"(buffer_size is the second argument: MetricsCollector('data/store', 1000))"
            )
        for name, value in (
            ("buffer_size", buffer_size),
            ("flush_interval_sec", flush_interval_sec),
            ("max_rows", max_rows),
            ("max_bytes", max_bytes),
        ):
            if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
                raise ValueError(f"{name} is {value!r}, expected a positive number")
        self.store = Path(store).absolute()
        self.buffer_size = int(buffer_size)
        self.flush_interval = float(flush_interval_sec)
        self.host = host or _host()
        self.robot_id = robot_id or os.environ.get("RPA_LAB_ROBOT") or self.host
        self.workflow_version = workflow_version
        self.business_exceptions = _exception_types(business_exceptions)
        self._bounds = {"max_rows": int(max_rows), "max_bytes": int(max_bytes)}
        self._begin()
        _COLLECTORS.add(self)
        _finish_with_child()

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
        """
        try:
            values = {
                "execution_id": execution_id,
                "workflow_id": workflow_id,
                "started_at": time.time_ns() // 1000,
                "monotonic_ns": time.perf_counter_ns(),
                "workflow_version": workflow_version or self.workflow_version,
                "business_key": business_key,
                "queued_at": queued_at,
                "rerun_of": rerun_of,
                "context": self._json(context),
            }
            self._add("start", values, texts=_length(values["context"]), vital=True)
        except Exception:  # noqa: BLE001 - recording never raises into the bot
            self._buffer.refuse("invalid")

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
        """
        try:
            values = {
                "execution_id": execution_id,
                "status": status,
                "now_us": time.time_ns() // 1000,
                "monotonic_ns": time.perf_counter_ns(),
                "error_message": error_message,
                "error_details": error_details,
                "exception_kind": exception_kind,
                "end_context": self._json(context),
                "started_at": started_at,
                "workflow_id": workflow_id,
            }
            texts = _length(error_message) + _length(error_details) + _length(values["end_context"])
            self._add("complete", values, texts=texts, vital=True)
        except Exception:  # noqa: BLE001 - recording never raises into the bot
            self._buffer.refuse("invalid")

    def record_step(
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
            said = (
                error_details,
                target_element,
                node_id,
                action_type,
                application,
                execution_id,
                step_id,
                workflow_id,
            )
            if step_metrics is None:
                values: Any = {
                    "execution_id": execution_id,
                    "node_id": node_id,
                    "action_type": action_type,
                    "target_element": target_element,
                    "duration_ms": duration_ms,
                    "status": status,
                    "started_at": started_at,
                    "completed_at": completed_at,
                    "confidence_score": confidence_score,
                    "retry_count": retry_count,
                    "error_details": error_details,
                    "step_id": step_id,
                    "step_index": step_index,
                    "workflow_id": workflow_id,
                    "application": application,
                    "now_us": time.time_ns() // 1000,
                }
            else:
                values = _fields(step_metrics)
                said = tuple(values.values())
            self._add("step", values, texts=sum(map(_length, said)))
        except Exception:  # noqa: BLE001 - recording never raises into the bot
            self._buffer.refuse("invalid")

    def record_recovery(self, recovery: RecoveryMetrics) -> None:
        """Record one attempt of the bot to heal a step by itself."""
        try:
            values = _fields(recovery)
            self._add("recovery", values, texts=sum(map(_length, values.values())), vital=True)
        except Exception:  # noqa: BLE001 - recording never raises into the bot
            self._buffer.refuse("invalid")

    def record_resource(self, sample: ResourceMetrics) -> None:
        """Record one sample of the machine."""
        try:
            self._add("resource", _fields(sample))
        except Exception:  # noqa: BLE001 - recording never raises into the bot
            self._buffer.refuse("invalid")

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
        return Step(self, None, name, action_type=action_type, target_element=target_element, application=application)

    def flush(self) -> bool:
        """Write all that was recorded so far, in the calling thread.

        Returns
        -------
        bool
            True once all of it is on disk; False if the disk refused. It is kept then, and tried again.
        """
        with self._flushing:
            return self._flush(final=False)

    def close(self, timeout: float = _CLOSE_S) -> bool:
        """Write what is left, and record no more. May be called again.

        Parameters
        ----------
        timeout : float
            Seconds to wait for a flush that is under way.

        Returns
        -------
        bool
            True if all that was recorded is on disk; what isn't is counted as dropped.
        """
        self._buffer.closed = True
        self._stopped = True
        self._poke()
        if not self._flushing.acquire(timeout=timeout):
            return False
        try:
            if self._busy:
                return False  # in a signal handler that interrupted a flush: the end of the process closes
            done = self._flush(final=True)
            if not done:
                self._flusher.give_up(self._buffer)
            _COLLECTORS.discard(self)
            return done
        finally:
            self._flushing.release()

    def stats(self) -> CollectorStats:
        """What was counted so far; ``recorded = written + waiting + dropped`` between flushes.

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
        dropped = dict(self._buffer.dropped)
        return CollectorStats(
            recorded=self._buffer.recorded,
            written=self._flusher.written,
            waiting=len(self._buffer) + self._flusher.waiting,
            corrected=self._flusher.corrected,
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
        self._buffer = Buffer(**self._bounds)
        self._flusher = Flusher(self.store, robot_id=self.robot_id, host=self.host)
        self._flushing = threading.RLock()  # a signal handler may flush within its own thread's flush
        self._starting = threading.Lock()
        self._busy = False
        # held while there is nothing to do: unlike an Event, a lock can be released within a signal handler
        self._asleep = threading.Lock()
        self._asleep.acquire()
        self._stopped = False
        self._flush_thread: threading.Thread | None = None
        self._warned = False

    def _add(self, kind: str, values: Any, *, texts: int = 0, vital: bool = False) -> None:
        self._buffer.add((kind, values), texts=texts, vital=vital)
        if self._flush_thread is None:
            self._start_thread()
        if len(self._buffer) >= self.buffer_size:
            self._poke()

    def _poke(self) -> None:
        with suppress(RuntimeError):  # it is awake already
            self._asleep.release()

    def _json(self, context: Mapping[str, Any] | None) -> str | None:
        """What was said as it is now: the bot may change its dictionary before it is written."""
        if not context:
            return None
        try:
            return json.dumps(dict(context), ensure_ascii=False, default=str, allow_nan=False)
        except (TypeError, ValueError, RecursionError):  # keys that are no text, numbers that are none, or no mapping
            self._flusher.corrected += 1
            return _json_of_anything(context)

    def _start_thread(self) -> None:
        if not self._starting.acquire(blocking=False):
            return  # another thread is at it, or a signal handler interrupted this one
        try:
            if self._flush_thread is None and not self._stopped:
                self._flush_thread = threading.Thread(target=self._keep_flushing, daemon=True, name="rpa-lab-flusher")
                with suppress(RuntimeError):  # the interpreter is ending: the flush at exit writes what there is
                    self._flush_thread.start()
        finally:
            self._starting.release()

    def _keep_flushing(self) -> None:
        failures = 0
        while True:
            if failures:
                first, most = _BACKOFF_S
                self._rest(min(first * 2 ** (failures - 1), most))
            else:
                self._asleep.acquire(timeout=self.flush_interval)
            if self._stopped:
                return
            with self._flushing:
                failures = 0 if self._flush(final=False) else failures + 1

    def _rest(self, seconds: float) -> None:
        """Wait while the disk refuses; a buffer that is full must not cut it short, an end may."""
        until = time.monotonic() + seconds
        while not self._stopped and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))

    def _flush(self, *, final: bool) -> bool:
        if self._busy:
            return False  # in a signal handler that interrupted this thread's own flush, which goes on after it
        self._busy = True
        try:
            self._flusher.flush(self._buffer, final=final)
        except Exception as refusal:  # noqa: BLE001 - inside a bot nothing raises; it is said once an episode
            if not self._warned:
                self._warned = True
                print(f"rpa_lab: can't write to {self.store}: {refusal}; trying again", file=sys.stderr)  # noqa: T201
            return False
        finally:
            self._busy = False
        self._warned = False
        return True


def _fields(record: StepMetrics | RecoveryMetrics | ResourceMetrics) -> dict[str, Any]:
    return {name: getattr(record, name) for name in type(record).__dataclass_fields__}


def _length(text: object) -> int:
    return len(text) if isinstance(text, str) else 0


def _host() -> str:
    if hasattr(os, "uname"):
        return os.uname().nodename
    return os.environ.get("COMPUTERNAME", "unknown")


def _json_of_anything(context: object) -> str:
    try:
        kept = dict(context) if hasattr(context, "keys") else {"_invalid": context}  # type: ignore[call-overload]
        return json.dumps(_plain(kept), ensure_ascii=False, default=str)
    except Exception:  # noqa: BLE001 - a foreign object may raise anything
        return json.dumps({"_invalid": f"<{type(context).__name__}>"})


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not -float("inf") < value < float("inf") else value


def _exception_types(said: Any) -> tuple[type[BaseException], ...]:
    types = (said,) if isinstance(said, type) else tuple(said) if isinstance(said, list | tuple | set) else (said,)
    for one in types:
        if not (isinstance(one, type) and issubclass(one, BaseException)):
            raise TypeError(f"business_exceptions has {one!r}, expected exception types such as ValueError")
    return types


_COLLECTORS: set[MetricsCollector] = set()  # those that are not closed: a forgotten one still writes what it has


@atexit.register
def _close_all() -> None:
    for collector in list(_COLLECTORS):
        collector.close()


def _after_fork_in_child() -> None:
    for collector in list(_COLLECTORS):
        collector._begin()  # what waits in the parent is the parent's to write
    util = sys.modules.get("multiprocessing.util")
    if util is not None:  # a process of multiprocessing clears what it inherits, then runs what was registered here
        util.register_after_fork(_close_all, lambda _: _finish_with_child())


def _finish_with_child() -> None:
    """Let a process of multiprocessing write what is left: those that are forked run no atexit."""
    process, util = sys.modules.get("multiprocessing.process"), sys.modules.get("multiprocessing.util")
    if process is not None and util is not None and process.parent_process() is not None and _COLLECTORS:
        util.Finalize(None, _close_all, exitpriority=10)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
