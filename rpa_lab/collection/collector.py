"""What a bot talks to: `MetricsCollector`.

Recording never raises into the bot, never waits for a disk and never grows past its bound: what can't be kept is
counted (`stats`). A daemon thread writes what was recorded every `flush_interval_sec`; after `flush()` returned True
all of it is on disk, and a killed bot loses at most what came since the last finished flush.
"""

from __future__ import annotations

import concurrent.futures.thread  # noqa: F401 - what pyarrow brings needs it, and at exit it can't be imported any more
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from rpa_lab.collection import life
from rpa_lab.collection.background import Background
from rpa_lab.collection.buffer import Buffer, Place, Record
from rpa_lab.collection.flusher import Flusher
from rpa_lab.collection.hooks import Execution
from rpa_lab.collection.recording import Recording
from rpa_lab.collection.steps import Recovery, Step, new_step
from rpa_lab.journal.mode import checked_mode

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from rpa_lab.collection.watch import Watcher
    from rpa_lab.journal.redact import Redactor

__all__ = ["CollectorStats", "MetricsCollector"]

_CLOSE_S: Final = 5.0


class CollectorStats(dict[str, int]):
    """What a collector has counted: recorded, written, waiting, corrected, dropped, and dropped by reason."""


class MetricsCollector(Recording):
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
