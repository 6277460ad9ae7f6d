"""The thread that writes what a bot recorded: wakes every few seconds, backs off while the disk refuses, ends in order.

Nothing here is called by the bot's own code but `start` and `wake`, which never wait. A flush is done by one thread at
a time: this one, or whoever calls `flush`, `close` or ends the process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from rpa_lab.collection.buffer import Buffer
from rpa_lab.collection.flusher import Flusher
from rpa_lab.collection.outcome import is_of_signal, said_of

__all__ = ["Background"]

_BACKOFF_S: Final = (1.0, 60.0)


class Background:
    """Flushes one buffer through one flusher.

    Parameters
    ----------
    buffer : Buffer
        Where records wait.
    flusher : Flusher
        Writes them.
    interval_s : float
        Seconds between flushes.
    """

    def __init__(self, buffer: Buffer, flusher: Flusher, *, interval_s: float) -> None:
        self.buffer = buffer
        self.flusher = flusher
        self.thread: threading.Thread | None = None
        self._interval_s = interval_s
        self._flushing = threading.RLock()  # a signal handler may flush within its own thread's flush
        self._starting = threading.Lock()
        self._flushers: set[int] = set()  # threads that are within flush()
        self._busy = False
        self._after_flush: list[Callable[[], None]] = []
        # held while there is nothing to do: unlike an Event, a lock can be released within a signal handler
        self._asleep = threading.Lock()
        self._asleep.acquire()
        self._stopped = False
        self._failing = False
        self._dropped = 0  # as far as it was said
        self._dropping = False

    def start(self) -> bool:
        """Start the thread, unless it runs: with the first record, so that a bot that records nothing has none.

        Returns
        -------
        bool
            Whether it runs; where a system has no thread left, the next record tries again.
        """
        if self.thread is not None and self.thread.is_alive():
            return True
        if not self._starting.acquire(blocking=False):
            return False  # another thread is at it, or a signal handler interrupted this one
        try:
            if not self._stopped:
                thread = threading.Thread(target=self._keep_flushing, daemon=True, name="rpa-lab-flusher")
                thread.start()
                self.thread = thread
        except RuntimeError:  # no thread is to be had, or the process ends: the flush at exit writes what there is
            return False
        finally:
            self._starting.release()
        return self.thread is not None

    def wake(self) -> None:
        """Many records wait: let the thread flush now."""
        with suppress(RuntimeError):  # it is awake already
            self._asleep.release()

    def flush(self, timeout: float | None = None) -> bool:
        """Write all that waits, in the calling thread; False if the disk refused, or another flush took too long."""
        thread = threading.get_ident()
        if thread in self._flushers:
            return False  # in a signal handler that interrupted this very call, which goes on after it
        self._flushers.add(thread)
        try:
            if not self._flushing.acquire(timeout=-1 if timeout is None else max(timeout, 0)):
                return False
            try:
                return self._flush(final=False)
            finally:
                self._flushing.release()
        finally:
            self._flushers.discard(thread)
            while self._after_flush:
                self._after_flush.pop()()

    def encode(self) -> list[str]:
        """Check what waits, without writing it; what is wrong with it."""
        with self._flushing:
            return self.flusher.encode(self.buffer, explain=True)

    def close(self, timeout: float) -> bool | None:
        """Write what is left and keep no more.

        Returns
        -------
        bool or None
            Whether all is on disk; None if a flush that is under way didn't end in time, or is this thread's own.
        """
        self.buffer.close()
        self._stopped = True
        self.wake()
        if not self._flushing.acquire(timeout=timeout):
            return None
        try:
            if self._busy:
                return None  # in a signal handler that interrupted a flush: the end of the process closes
            done = self._flush(final=True)
            if not done:
                self.flusher.give_up(self.buffer)
            return done
        finally:
            self._flushing.release()

    def pause(self, timeout: float) -> bool:
        """Wait for a flush that is under way, and let none begin until `resume`; False if that took too long."""
        return self._flushing.acquire(timeout=timeout)

    def resume(self) -> None:
        """Let flushes begin again; in the thread that paused them."""
        self._flushing.release()

    def after_own_flush(self, then: Callable[[], None]) -> bool:
        """Whether a signal interrupted the calling thread in the middle of a flush; `then` is called after that."""
        if not self._flushing.acquire(blocking=False):
            return False
        try:
            if self._busy:
                self._after_flush.append(then)
            return self._busy
        finally:
            self._flushing.release()

    def _keep_flushing(self) -> None:
        failures = 0
        while True:
            if failures:
                first, most = _BACKOFF_S
                self._rest(min(first * 2 ** (failures - 1), most))
            else:
                self._asleep.acquire(timeout=self._interval_s)
            if self._stopped:
                return
            try:
                with self._flushing:
                    failures = 0 if self._flush(final=False) else failures + 1
            except BaseException:  # noqa: BLE001 - whatever a foreign object raised: this thread goes on
                failures += 1

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
            self.flusher.flush(self.buffer, final=final)
        except Exception as refusal:  # inside a bot nothing raises; it is said once an episode
            if is_of_signal(refusal):
                raise
            failing, self._failing = self._failing, True
            if not failing:
                _say("can't write to %s: %s; trying again", self.flusher.root, said_of(refusal)[0])
            return False
        finally:
            self._busy = False
            self._say_drops()
        failing, self._failing = self._failing, False
        if failing:
            _say("can write to %s again", self.flusher.root)
        return True

    def _say_drops(self) -> None:
        """One warning when records begin to be dropped; the next one after a flush without any."""
        dropped, before, dropping = sum(self.buffer.dropped.values()), self._dropped, self._dropping
        self._dropped, self._dropping = dropped, dropped > before  # first: who hears the warning may record, too
        if self._dropping and not dropping:
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in self.buffer.dropped.items() if count)
            why = f" ({self.flusher.why})" if self.flusher.why and self.buffer.dropped["invalid"] else ""
            _say("records are being dropped: %s%s; the store's collector_health counts them", reasons, why)


def _say(text: str, *values: object) -> None:
    with suppress(Exception):  # a handler of the bot's own may raise: that is nothing to a bot that records
        import logging  # only where something is to be said: a bot's start shall not wait for it

        from rpa_lab.journal.redact import redact

        logging.getLogger("rpa_lab").warning("%s", redact("rpa_lab: " + text % tuple(str(value) for value in values)))
