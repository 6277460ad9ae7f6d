"""What waits in memory to be written: bounded by rows and bytes, and every drop counted.

``recorded = drained + waiting + refused`` holds at any moment. The newest record is dropped when the buffer is full; a
tenth of the bound is kept free for executions and recoveries, so that a flood of steps can't hide how a run ended.

The bound is a stock of places. A record takes one and its place is given back once it is on disk (`release`), so what
is being written counts too. Taking a place and keeping a record are one call each into C (`take`, `keep`), hence
atomic: recording needs no lock, whatever other threads, signal handlers or the flusher do. A place stands for
`ROW_BYTES`; a record whose texts have more than 500 characters takes as many more as they fill.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Literal

__all__ = ["REASONS", "ROW_BYTES", "SHORT", "Buffer", "Reason", "Record"]

Reason = Literal["queue_full", "invalid", "too_large", "flush_failed", "closed"]
REASONS: Final[tuple[Reason, ...]] = ("queue_full", "invalid", "too_large", "flush_failed", "closed")
Record = tuple[Any, ...]
"""What was said: its kind first (``"start"``, ``"step"`` …), then its values."""

Place = Literal[True] | None
"""Room for a record; True for the one with which many wait."""

SHORT: Final = 500
"""Texts of a record that have at most so many characters together are part of its fixed size."""
ROW_BYTES: Final = 900
"""What a record with short texts takes: some 300 bytes for the tuple and its numbers, and the texts."""
_LONG: Final = "long"  # marks a record that is stored with the number of places that it takes beyond its own


class Buffer:
    """Records that wait for the flusher.

    Parameters
    ----------
    max_rows : int
        The most records that may wait or be in the middle of being written.
    max_bytes : int
        The most bytes that they may take: `ROW_BYTES` each, and texts of more than 500 characters on top.
    many : int, optional
        As many records are many: `take` says so, once.

    Attributes
    ----------
    drained : int
        Records that were taken out so far.
    lost : int
        Of these, dropped.
    take : callable
        Takes a place for one record with short texts; raises IndexError where none is left. Returns None, or True
        where many wait since the last `release`.
    keep : callable
        Keeps a record whose place was taken.

    Examples
    --------
    >>> buffer = Buffer(max_rows=10, max_bytes=1_000_000)
    >>> for n in range(20):
    ...     buffer.add(("step", n))
    >>> len(buffer), buffer.recorded, buffer.dropped["queue_full"]
    (9, 20, 11)
    >>> buffer.add(("complete", "the end"), vital=True)
    >>> [values for _, values in buffer.drain(100)][-2:]
    [8, 'the end']
    """

    def __init__(self, *, max_rows: int, max_bytes: int, many: int | None = None) -> None:
        units = max_bytes // ROW_BYTES
        places = max(min(max_rows, units), 1)
        self.max_bytes = max_bytes
        self.dropped: dict[Reason, int] = dict.fromkeys(REASONS, 0)
        self.closed = False
        self.drained = self.lost = self._refused = 0
        self._out = self._long_out = 0  # drained and not released: records, and places of their long texts
        self._records: deque[Record] = deque()
        # three stocks: places for any record, for executions and recoveries only, and for long texts only
        self._reserve: list[Place] = [None] * (places // 10)
        self._free: list[Place] = [None] * (places - len(self._reserve))
        self._room: list[Place] = [None] * max(units - places, 0)
        self._full = (len(self._room), len(self._reserve))
        self._half = (len(self._free) // 2, len(self._room) // 2)
        self._many = None if many is None else max(min(many, self._half[0]), 1)
        self._mark()
        self._lock = threading.Lock()
        self._late: deque[Callable[[], None]] = deque()  # changes of the counts that are still to be made
        self.take = self._free.pop
        self.keep = self._records.append

    def __len__(self) -> int:
        return len(self._records)

    @property
    def is_crowded(self) -> bool:
        """Whether more than half of the room is taken."""
        return len(self._free) < self._half[0] or len(self._room) < self._half[1]

    @property
    def recorded(self) -> int:
        """Records that were handed over, whatever became of them."""
        return self.drained + len(self._records) + self._refused

    def add(self, record: Record, *, texts: int = 0, vital: bool = False) -> None:
        """Keep a record, or count why not.

        Parameters
        ----------
        record : tuple
            What was said.
        texts : int
            Bytes of its texts together.
        vital : bool
            Whether it may use the last tenth of the room.
        """
        more = -(-texts // ROW_BYTES) if texts > SHORT else 0
        if self.closed:
            self.refuse("closed")
        elif more >= self.max_bytes // ROW_BYTES:
            self.refuse("too_large")
        elif not self._take(more, vital=vital):
            self.refuse("queue_full")
        else:
            self.keep((_LONG, more, record) if more else record)

    def refuse(self, reason: Reason) -> None:
        """Count a record that was never fit to be kept."""

        def count() -> None:
            self._refused += 1
            self.dropped[reason] += 1

        self._one_at_a_time(count)

    def count_dropped(self, reason: Reason, rows: int) -> None:
        """Count records that were drained and then lost."""

        def count() -> None:
            self.dropped[reason] += rows
            self.lost += rows

        if rows:
            self._one_at_a_time(count)

    def drain(self, most: int) -> list[Record]:
        """Take out what waits, in the order in which it came; its places stay taken until `release`.

        Parameters
        ----------
        most : int
            How many records at the most.

        Returns
        -------
        list of tuple
        """
        records: list[Record] = []
        try:
            while len(records) < most and self._records:
                record = self._records.popleft()
                if record[0] is _LONG:
                    self._long_out += record[1]
                    record = record[2]
                records.append(record)
        finally:
            self.drained += len(records)
            self._out += len(records)
        return records

    def release(self) -> None:
        """Give back the places of all that was drained: it is on disk, or counted as dropped."""
        places, self._out, self._long_out = self._out + self._long_out, 0, 0
        if not self.closed:
            self._give_back(places)

    def close(self) -> None:
        """Keep no more records: what comes now is counted as dropped."""
        self.closed = True
        self._free.clear()
        self._reserve.clear()
        self._room.clear()

    def _take(self, more: int, *, vital: bool) -> bool:
        """Take a place, and as many more for long texts."""
        usual = (self._free, self._reserve) if vital else (self._free,)
        for taken in range(1 + more):  # one by one: other threads take places all the while
            if not _take_of((self._room, *usual) if taken else usual):
                self._give_back(taken)
                return False
        return True

    def _give_back(self, places: int) -> None:
        """Fill the two smaller stocks first; what is taken from one and given to another is the same in all."""
        for stock, full in zip((self._room, self._reserve), self._full, strict=True):
            some = max(min(places, full - len(stock)), 0)
            stock.extend([None] * some)
            places -= some
        self._free.extend([None] * places)
        self._mark()

    def _mark(self) -> None:
        """Let the place at which many will be waiting say so."""
        if self._many is not None:
            with suppress(IndexError):  # there are not so many places
                self._free[-self._many] = True

    def _one_at_a_time(self, change: Callable[[], None]) -> None:
        """Make a change of the counts, or leave it to whoever is making one: nobody ever waits.

        Who is making one may be another thread, or this very thread, interrupted by the signal handler that calls.
        """
        self._late.append(change)
        while self._late and self._lock.acquire(blocking=False):
            try:
                while self._late:
                    self._late.popleft()()
            finally:
                self._lock.release()


def _take_of(stocks: tuple[list[Place], ...]) -> bool:
    for stock in stocks:
        with suppress(IndexError):
            stock.pop()
            return True
    return False
