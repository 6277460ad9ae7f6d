"""What the machine and the bot's process tree used while executions ran: `ResourceCollector`.

A daemon thread samples once a second while at least one execution is open in this process, and once at the start and at
the end of each; while none is open it doesn't wake up at all. A sample is written once for each open execution, and
`shared_by` says how many those are, the one that starts or ends included: the figures are those of the process tree,
and which part of them is whose nobody knows.

At a sample a second the thread takes 0.1 % of a core, and 0.16 % with ten descendants on a host of 300 processes; the
bot's thread 0.001 ms at each start and end. `rpa_lab.collection.sampling` says when samples are taken, and what they
take on disk.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from rpa_lab.errors import InputError, quote

if TYPE_CHECKING:
    from rpa_lab.collection.collector import MetricsCollector
    from rpa_lab.collection.meter import Meter, Reading
    from rpa_lab.collection.sampling import Notice, Sampling
    from rpa_lab.records import ResourceMetrics

__all__ = ["ResourceCollector"]

_FRESH_S: Final = 0.1
_STALE_S: Final = 60.0
_AFTER_FAILURE_S: Final = 0.5
_MOST_NOTICES: Final = 10_000
_MOST_RUNNING: Final = 10_000


class ResourceCollector:
    """Samples CPU, memory, GPU and disk use while executions run, off the bot's thread, and never raises into it.

    Parameters
    ----------
    sample_interval_sec : float
        Seconds between two samples while an execution runs.
    collector : MetricsCollector, optional
        Tells when executions start and end in this process, and takes the samples. Without one nothing is recorded, and
        `get_current_metrics` still answers.
    longest_interval_sec : float
        An execution that has run for more than ten intervals is sampled each time a tenth of its time has passed, but
        at least every so many seconds. As long as `sample_interval_sec` or shorter: always at that interval.

    Attributes
    ----------
    errors : int
        How often a sample could not be taken or written, or an execution not be told of. Sampling goes on.

    Raises
    ------
    InputError
        If an interval is no positive number, or the collector none.

    Notes
    -----
    CPU use is that of this process and its descendants, browsers included; 100 is one core. Memory is their resident
    sets, pages that they share counted in each. Disk traffic is what they really read from disk and wrote to it; where
    the system doesn't count that by process (macOS), it is the whole machine's. GPU figures are the whole machine's
    too: the mean use of its GPUs, and their memory in use together; null without an NVIDIA driver. MB = 10**6 bytes.

    Examples
    --------
    >>> import tempfile
    >>> from rpa_lab import MetricsCollector
    >>> with MetricsCollector(tempfile.mkdtemp()) as collector, ResourceCollector(collector=collector) as resources:
    ...     with collector.execution("invoices"):
    ...         pass
    ...     resources.get_current_metrics().memory_mb > 1
    True
    """

    _thread: threading.Thread | None

    def __init__(
        self,
        sample_interval_sec: float = 1.0,
        collector: MetricsCollector | None = None,
        *,
        longest_interval_sec: float = 60.0,
    ) -> None:
        self.sample_interval_sec = _seconds("sample_interval_sec", sample_interval_sec)
        longest = _seconds("longest_interval_sec", longest_interval_sec)
        self.longest_interval_sec = max(longest, self.sample_interval_sec)
        if collector is not None and not hasattr(collector, "watch"):
            raise InputError(f"collector is {quote(collector)}, expected a MetricsCollector")
        self.collector = collector
        self.errors = 0
        self._active = False
        self._begin()

    def start(self) -> None:
        """Start collecting resource metrics: of executions that start from now on, and of those known to be open.

        Without a collector there is nobody to tell of executions: then this takes the reading with which the first
        `get_current_metrics` compares, and nothing is recorded. May be called again, also after `stop`.
        """
        if self._active:
            return
        self._active = True
        if self.collector is None:
            with suppress(Exception):  # the question itself will say what is wrong
                self._read()
            return
        self.collector.watch(self)
        for execution_id, workflow_id in list(self._running.items()):  # since an earlier start() and stop()
            self._tell(started=True, execution_id=execution_id, workflow_id=workflow_id)
        self._start_thread()

    def stop(self, timeout: float = 5.0) -> None:
        """Stop collecting resource metrics; executions that are still open get a last sample. May be called again.

        Parameters
        ----------
        timeout : float
            Seconds to wait for a reading that is under way.
        """
        self.finish(timeout)

    def get_current_metrics(self) -> ResourceMetrics:
        """Get current resource usage: at any time, from any thread, whether or not it was started.

        Returns
        -------
        ResourceMetrics
            CPU use and disk traffic since the last reading that is 0.1 to 60 seconds old; where there is none, the call
            takes one and waits for 0.1 s. It names the execution where exactly one is open, and isn't recorded.

        Raises
        ------
        psutil.Error
            If the system doesn't let this process read its own memory.

        Examples
        --------
        >>> now = ResourceCollector().get_current_metrics()
        >>> now.cpu_percent >= 0, now.memory_mb > 1, now.shared_by
        (True, True, 0)
        """
        from rpa_lab.collection.meter import sample

        if self._pid != os.getpid():  # without a collector nobody tells a forked child that it is one
            self.after_fork()
        now = self._read()
        while (since := self._earlier(now)) is None:
            time.sleep(_FRESH_S + 0.005)
            now = self._read()
        metrics = sample(since, now)
        running = list(self._running.items())
        if len(running) == 1:
            metrics.execution_id, metrics.workflow_id = running[0]
        metrics.shared_by = len(running)
        if self.collector is not None:
            metrics.host, metrics.robot_id = self.collector.host, self.collector.robot_id
        return metrics

    def execution_started(self, execution_id: str, workflow_id: str | None) -> None:
        """What the collector calls, in the bot's thread: an execution began."""
        try:
            known = execution_id if isinstance(execution_id, str) else str(execution_id)
            self._running[known] = workflow_id
            if len(self._running) > _MOST_RUNNING:
                with suppress(RuntimeError, StopIteration):  # another thread is at it
                    self._running.pop(next(iter(self._running)), None)
            self._tell(started=True, execution_id=known, workflow_id=workflow_id)
        except Exception:  # noqa: BLE001 - nothing here raises into the bot
            self.errors += 1

    def execution_ended(self, execution_id: str) -> None:
        """What the collector calls, in the bot's thread: an execution ended, known or not."""
        try:
            known = execution_id if isinstance(execution_id, str) else str(execution_id)
            self._running.pop(known, None)
            self._tell(started=False, execution_id=known)
        except Exception:  # noqa: BLE001 - nothing here raises into the bot
            self.errors += 1

    def finish(self, timeout: float) -> None:
        """What the collector calls when it closes: the last samples are taken in this thread, and none after them."""
        timeout = max(timeout, 0.0)
        until = time.monotonic() + timeout
        was_active, self._active = self._active, False
        _let_go(self._stopping)
        _let_go(self._asleep)
        if was_active and (self._sampling is not None or self._notices):  # else nothing ever ran
            self._sample_last(timeout)
        thread, self._thread = self._thread, None
        if thread is not None and thread.ident is not None and thread is not threading.current_thread():
            thread.join(max(until - time.monotonic(), 0.0))

    def after_fork(self) -> None:
        """What the collector calls in a forked child: what was open is the parent's; a thread starts when needed."""
        self._begin()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = "sampling" if self._active else "stopped"
        return f"ResourceCollector({self.sample_interval_sec}, collector={self.collector!r}, {state})"

    def _begin(self) -> None:
        """Nothing is open, read or running: at first, and in a forked child."""
        self._pid = os.getpid()
        self._running: dict[str, str | None] = {}  # as the bot says it, whether or not anything is sampled
        self._notices: deque[tuple[bool, str, str | None, float]] = deque()
        self._sampling: Sampling | None = None
        self._meter: Meter | None = None
        self._recent: deque[Reading] = deque(maxlen=2)  # by anybody, at least 0.1 s apart
        self._working = threading.RLock()
        self._busy = False
        self._starting = threading.Lock()
        self._asleep = _held()  # the thread's own; let go by a notice
        self._stopping = _held()  # likewise; let go by the end
        self._thread = None

    def _tell(self, *, started: bool, execution_id: str, workflow_id: str | None = None) -> None:
        if not self._active or self.collector is None:
            return
        if len(self._notices) >= _MOST_NOTICES * (1 if started else 2):  # a lost end would leave one open for ever
            self.errors += 1
            return
        self._notices.append((started, execution_id, workflow_id, time.monotonic()))
        if self._thread is None:
            self._start_thread()
        _let_go(self._asleep)

    def _start_thread(self) -> None:
        if not self._starting.acquire(blocking=False):
            return  # another thread is at it, or a signal handler interrupted this one
        try:
            if self._thread is None and self._active:
                self._asleep, self._stopping = _held(), _held()
                thread = threading.Thread(
                    target=self._keep_sampling,
                    args=(self._asleep, self._stopping),
                    daemon=True,
                    name="rpa-lab-resources",
                )
                with suppress(RuntimeError):  # no thread to be had, or the end: finish() samples what there is
                    thread.start()
                    self._thread = thread
        finally:
            self._starting.release()

    def _keep_sampling(self, asleep: threading.Lock, stopping: threading.Lock) -> None:
        while self._active and self._stopping is stopping:
            try:
                with self._working:
                    rest_s = self._sample()
                    distance_s = self._sampling.distance_s() if self._sampling else 0.0
            except Exception:  # noqa: BLE001 - a reading that fails is counted, and the next may go well
                self.errors += 1
                rest_s = distance_s = _AFTER_FAILURE_S
            # a notice may cut the rest short, but not the distance of two readings: only the end does
            if distance_s > 0 and stopping.acquire(timeout=distance_s):
                return
            if rest_s is None:
                asleep.acquire()
            elif rest_s > distance_s:
                asleep.acquire(timeout=min(rest_s - distance_s, threading.TIMEOUT_MAX))

    def _sample_last(self, timeout: float) -> None:
        if not self._working.acquire(timeout=timeout):
            self.errors += 1
            self._sampling = None  # what it holds open would stay so
            return
        try:
            self._sample(final=True)
        except Exception:  # noqa: BLE001 - nothing here raises into the bot
            self.errors += 1
        finally:
            self._working.release()

    def _sample(self, *, final: bool = False) -> float | None:
        """Read and write what is due; returns how many seconds nothing will be, None if until the next notice."""
        if self._busy:
            return None  # in a signal handler that interrupted this thread's own sampling, which goes on after it
        self._busy = True
        try:
            if self._sampling is None:
                self._sampling = self._new_sampling()
            self._sampling.take(self._said())
            self._sampling.sample(final=final)
            return self._sampling.rest_s()
        finally:
            self._busy = False

    def _new_sampling(self) -> Sampling:
        from rpa_lab.collection.sampling import Sampling  # brings psutil, here and not in the bot's thread

        return Sampling(
            self._read, self._record, interval_s=self.sample_interval_sec, longest_s=self.longest_interval_sec
        )

    def _said(self) -> Iterator[Notice]:
        from rpa_lab.collection.sampling import Notice

        while self._notices:
            yield Notice(*self._notices.popleft())

    def _record(self, metrics: ResourceMetrics) -> None:
        try:
            if self.collector is not None:
                self.collector.record_resource(metrics)
        except Exception:  # noqa: BLE001 - a strict collector raises, into nobody's face here
            self.errors += 1

    def _read(self) -> Reading:
        """A reading, in whichever thread: two at once do no harm, so there is no lock that one could wait for."""
        if self._meter is None:
            from rpa_lab.collection.meter import Meter

            self._meter = Meter()
        reading = self._meter.read()
        if not self._recent or reading.at_s - self._recent[-1].at_s >= _FRESH_S:
            self._recent.append(reading)
        return reading

    def _earlier(self, now: Reading) -> Reading | None:
        """The newest reading that is long enough ago to compare with, and not too long."""
        for earlier in reversed(list(self._recent)):
            if _FRESH_S <= now.at_s - earlier.at_s <= _STALE_S:
                return earlier
        return None


def _held() -> threading.Lock:
    """A lock that somebody waits for: unlike an Event, it can be let go within a signal handler."""
    lock = threading.Lock()
    lock.acquire()
    return lock


def _let_go(lock: threading.Lock) -> None:
    with suppress(RuntimeError):  # it is free already
        lock.release()


def _seconds(name: str, said: object) -> float:
    if not isinstance(said, int | float) or isinstance(said, bool) or not 0 < said < math.inf:
        hint = "; the collector is the second argument" if hasattr(said, "record_resource") else ""
        raise InputError(f"{name} is {quote(said)}, expected a positive number of seconds{hint}")
    return float(said)
