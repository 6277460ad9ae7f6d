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
        self._busy = False
        self._after_flush: list[Callable[[], None]] = []
        # held while there is nothing to do: unlike an Event, a lock can be released within a signal handler
        self._asleep = threading.Lock()
        self._asleep.acquire()
        self._stopped = False
        self._failing = False
        self._dropped = 0  # as far as it was said
        self._dropping = False

    def start(self) -> None:
        """Start the thread, unless it runs: with the first record, so that a bot that records nothing has none."""
        if self.thread is not None or not self._starting.acquire(blocking=False):
            return  # another thread is at it, or a signal handler interrupted this one
        try:
            if self.thread is None and not self._stopped:
                self.thread = threading.Thread(target=self._keep_flushing, daemon=True, name="rpa-lab-flusher")
                with suppress(RuntimeError):  # the interpreter is ending: the flush at exit writes what there is
                    self.thread.start()
        finally:
            self._starting.release()

    def wake(self) -> None:
        """Many records wait: let the thread flush now."""
        with suppress(RuntimeError):  # it is awake already
            self._asleep.release()

    def flush(self, timeout: float | None = None) -> bool:
        """Write all that waits, in the calling thread; False if the disk refused, or another flush took too long."""
        if not self._flushing.acquire(timeout=-1 if timeout is None else timeout):
            return False
        try:
            return self._flush(final=False)
        finally:
            self._flushing.release()

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
            self.flusher.flush(self.buffer, final=final)
        except Exception as refusal:  # noqa: BLE001 - inside a bot nothing raises; it is said once an episode
            if not self._failing:
                _say("can't write to %s: %s; trying again", self.flusher.root, refusal)
            self._failing = True
            return False
        finally:
            self._busy = False
            self._say_drops()
            while self._after_flush:
                self._after_flush.pop()()
        if self._failing:
            _say("can write to %s again", self.flusher.root)
        self._failing = False
        return True

    def _say_drops(self) -> None:
        """One warning when records begin to be dropped; the next one after a flush without any."""
        dropped = sum(self.buffer.dropped.values())
        if dropped > self._dropped and not self._dropping:
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in self.buffer.dropped.items() if count)
            _say("records are being dropped (in all: %s); the store's collector_health counts them", reasons)
        self._dropping = dropped > self._dropped
        self._dropped = dropped


def _say(text: str, *values: object) -> None:
    with suppress(Exception):  # a handler of the bot's own may raise: that is nothing to a bot that records
        import logging  # only where something is to be said: a bot's start shall not wait for it

        from rpa_lab.journal.redact import redact

        logging.getLogger("rpa_lab").warning("%s", redact("rpa_lab: " + text % tuple(str(value) for value in values)))
