"""How a bot's process ends, forks and is told to stop: what has been recorded is written, and only once.

- At exit every collector that is still open is closed, in the thread that ends the interpreter.
- A fork waits for a flush that is under way: a child whose parent's thread was in the middle of an import, or held a
  lock of a library, would wait for it for ever.
- A forked child starts with an empty buffer and a writer of its own: what waited in the parent is the parent's.
- A process of `multiprocessing` runs no atexit where it was forked; its own finalizers are used.
- SIGTERM ends a process without any of this, unless `flush_on_sigterm` was called.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rpa_lab.collection.collector import MetricsCollector

__all__ = ["begun", "ended", "flush_on_sigterm"]

_PATIENCE_S: Final = 5.0  # for a flush that is under way in another thread
_HELD: dict[int, list[MetricsCollector]] = {}  # by the thread that is forking: those whose flushes wait for it
_COLLECTORS: set[MetricsCollector] = set()  # those that are not closed: a forgotten one still writes what it has


def begun(collector: MetricsCollector) -> None:
    """Let a collector be closed with the process."""
    _COLLECTORS.add(collector)
    _finish_with_child()


def ended(collector: MetricsCollector) -> None:
    """A collector is closed: there is nothing left to do at the end."""
    _COLLECTORS.discard(collector)


def flush_on_sigterm() -> None:
    """Write what all collectors of the process have recorded when SIGTERM comes, then do what was done before.

    What was done before may be another handler, which is called, or the end of the process by that very signal.

    Raises
    ------
    ValueError
        If this is not the main thread: only there Python lets a signal be handled.
    """
    if threading.current_thread() is not threading.main_thread():
        raise ValueError("flush_on_sigterm was called in another thread than the main one, where signals are handled")
    import signal  # where it is asked for: no other bot's start shall wait for it

    before = signal.getsignal(signal.SIGTERM)
    if isinstance(before, _Sigterm):
        return
    signal.signal(signal.SIGTERM, _Sigterm(before))


class _Sigterm:
    """The handler, which knows the one before it."""

    def __init__(self, before: object) -> None:
        self.before = before

    def __call__(self, number: int, frame: FrameType | None) -> None:
        for collector in list(_COLLECTORS):
            if collector._background.after_own_flush(lambda: self(number, None)):
                return  # this signal interrupted the main thread's own flush: first that goes on, then this
            collector.flush(timeout=_PATIENCE_S)
        import signal

        if callable(self.before):
            self.before(number, frame)
        elif self.before != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)


@atexit.register
def _close_all() -> None:
    for collector in list(_COLLECTORS):
        with suppress(BaseException):  # one that can't be closed must not keep the others from it
            collector.close()


def _before_fork() -> None:
    _HELD[threading.get_ident()] = [each for each in list(_COLLECTORS) if each._background.pause(timeout=_PATIENCE_S)]


def _after_fork_in_parent() -> None:
    for collector in _HELD.pop(threading.get_ident(), []):
        collector._background.resume()


def _after_fork_in_child() -> None:
    _HELD.clear()
    for collector in list(_COLLECTORS):
        collector._after_fork()
    util = sys.modules.get("multiprocessing.util")
    if util is not None:  # a process of multiprocessing clears what it inherits, then runs what was registered here
        util.register_after_fork(_close_all, lambda _: _finish_with_child())


def _finish_with_child() -> None:
    """Let a process of multiprocessing write what is left: those that are forked run no atexit."""
    process, util = sys.modules.get("multiprocessing.process"), sys.modules.get("multiprocessing.util")
    if process is not None and util is not None and process.parent_process() is not None and _COLLECTORS:
        util.Finalize(None, _close_all, exitpriority=10)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
