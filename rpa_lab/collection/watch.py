"""Who wants to know when executions start and end in this process: `MetricsCollector.watch` takes a `Watcher`."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Watcher"]


class Watcher(Protocol):
    """What a collector tells of the executions of its process.

    It is told in the bot's own thread, from any thread and even within a signal handler: each method but `finish` must
    return at once, take no lock that another thread may hold for long, and not raise.
    """

    def execution_started(self, execution_id: str, workflow_id: str | None) -> None:
        """An execution began; the same one may begin again."""

    def execution_ended(self, execution_id: str) -> None:
        """An execution ended; perhaps one whose start nobody told of, or for the second time."""

    def finish(self, timeout: float) -> None:
        """The collector is closing: record what is still to be recorded within so many seconds, and stop."""

    def after_fork(self) -> None:
        """In a forked child: the threads are gone, and the executions that were open are the parent's."""
