"""What waits in memory to be written: bounded by rows and bytes, and every drop counted.

``recorded = drained + waiting + dropped`` holds at any moment. The newest record is dropped when the buffer is full; a
tenth of the bound is kept free for executions and recoveries, so that a flood of steps can't hide how a run ended.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Literal

__all__ = ["Buffer", "Reason", "Record"]

Reason = Literal["queue_full", "invalid", "too_large", "flush_failed", "closed"]
Record = tuple[str, Any]
"""What was said ("start", "complete", "step", "recovery", "resource") and its values."""

_SMALL = 500
_ROW_BYTES = 1000


class Buffer:
    """Records that wait for the flusher.

    Parameters
    ----------
    max_rows : int
        The most records that may wait.
    max_bytes : int
        The most bytes that they may take: 1,000 a record, and what texts have beyond 500 characters.

    Examples
    --------
    >>> buffer = Buffer(max_rows=10, max_bytes=1_000_000)
    >>> for n in range(20):
    ...     buffer.add(("step", n))
    >>> len(buffer), buffer.recorded, buffer.dropped["queue_full"]
    (9, 20, 11)
    >>> buffer.add(("complete", "the end"), vital=True)
    >>> [values for _, values in buffer.drain()][-2:]
    [8, 'the end']
    """

    __slots__ = (
        "_busy",
        "_bytes",
        "_late",
        "_lock",
        "_records",
        "closed",
        "dropped",
        "max_bytes",
        "max_rows",
        "recorded",
    )

    def __init__(self, *, max_rows: int, max_bytes: int) -> None:
        self.max_rows = max_rows
        self.max_bytes = max_bytes
        self.recorded = 0
        self.dropped: dict[Reason, int] = dict.fromkeys(
            ("queue_full", "invalid", "too_large", "flush_failed", "closed"), 0
        )
        self.closed = False
        self._records: deque[Record] = deque()
        self._bytes = 0
        self._lock = threading.RLock()  # held for an append or a swap, never for I/O
        # a signal handler may record while its own thread is in the middle of recording: such calls wait here
        self._late: deque[Callable[[], None]] = deque()
        self._busy = False

    def __len__(self) -> int:
        return len(self._records)

    def add(self, record: Record, *, texts: int = 0, vital: bool = False) -> None:
        """Keep a record, or count why not.

        Parameters
        ----------
        record : tuple
            What was said.
        texts : int
            Characters of its long texts together.
        vital : bool
            Whether it may use the last tenth of the room.
        """
        size = _ROW_BYTES + max(texts - _SMALL, 0)
        self._one_at_a_time(lambda: self._take(record, size, 1.0 if vital else 0.9))

    def refuse(self, reason: Reason) -> None:
        """Count a record that was never fit to be kept."""

        def count() -> None:
            self.recorded += 1
            self.dropped[reason] += 1

        self._one_at_a_time(count)

    def count_dropped(self, reason: Reason, rows: int) -> None:
        """Count records that were drained and then lost."""

        def count() -> None:
            self.dropped[reason] += rows

        self._one_at_a_time(count)

    def drain(self) -> deque[Record]:
        """Take all that waits, in the order in which it came."""
        with self._lock:
            if self._busy:  # in a signal handler that interrupted a record: nothing can be taken now
                return deque()
            records, self._records, self._bytes = self._records, deque(), 0
        return records

    def _take(self, record: Record, size: int, share: float) -> None:
        self.recorded += 1
        if self.closed:
            self.dropped["closed"] += 1
        elif size > self.max_bytes:
            self.dropped["too_large"] += 1
        elif len(self._records) >= share * self.max_rows or self._bytes + size > share * self.max_bytes:
            self.dropped["queue_full"] += 1
        else:
            self._records.append(record)
            self._bytes += size

    def _one_at_a_time(self, change: Callable[[], None]) -> None:
        with self._lock:
            self._late.append(change)
            if self._busy:  # in a signal handler, within this very method: what it interrupted does it next
                return
            self._busy = True
            try:
                while self._late:
                    self._late.popleft()()
            finally:
                self._busy = False
