"""Which executions are open, when to look at the machine, and whose samples a reading gives.

Readings are at least 0.1 s apart, so that a burst of starts and ends costs no more than one reading, and a percentage
is of an interval that means something. A start's sample has the memory of that moment and the CPU use of the 0.1 s that
follow; an end's comes up to 0.1 s after the end. One that starts right after a reading begins with that. Each
execution's intervals join, from its start to its end, give or take 0.1 s.

An execution that runs for long is sampled more rarely: each time a tenth of the time that it has run has passed (the
youngest one's, where several run), and at least every minute. With a second between samples at first that makes 7 rows
for 5 seconds, 23 for 36, 40 for three minutes and 53 for ten. So 1,000 executions an hour take 0.21 GB a month once
compacted where each lasts 36 seconds, and 0.60 GB where each lasts ten minutes; a row a second throughout would take
0.25 and 3.6 GB (measured on simulated samples, one execution at a time in each process).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from rpa_lab.collection.meter import Reading, sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rpa_lab.records import ResourceMetrics

__all__ = ["MOST_OPEN", "Notice", "Sampling"]

MOST_OPEN: Final = 10_000
"""Executions that are sampled at a time; the oldest are forgotten first."""
_APART_S: Final = 0.1
_APART_EACH_S: Final = 0.001
"""As many seconds for each open execution lie between readings: at most 1,000 rows a second for what goes on."""
_APART_LAST_S: Final = 0.01
"""When sampling stops nobody waits 0.1 s: a tick of the system's clock must do."""
_SHARE: Final = 0.1


class Notice(NamedTuple):
    """What the bot said: an execution started (or ended) at a moment of the monotonic clock."""

    started: bool
    execution_id: str
    workflow_id: str | None
    at_s: float


class _Open:
    """An execution that is sampled.

    It is new until a reading `begun` its first interval; with the next one the sample of its start is written, and from
    then on `since` is the reading that its last sample ended with.
    """

    __slots__ = ("begun", "notice", "shared_at_end", "shared_at_start", "since")

    def __init__(self, notice: Notice, *, shared_by: int) -> None:
        self.notice = notice
        self.shared_at_start = self.shared_at_end = shared_by
        self.begun: Reading | None = None
        self.since: Reading | None = None

    @property
    def new(self) -> bool:
        return self.begun is None and self.since is None


class Sampling:
    """Turns notices of starts and ends, and readings, into samples; used by one thread at a time.

    Parameters
    ----------
    read : callable
        Takes a reading.
    write : callable
        Takes a finished sample; must not raise.
    interval_s, longest_s : float
        Seconds between samples at first, and at most.

    Examples
    --------
    >>> from rpa_lab.collection.meter import Meter
    >>> samples = []
    >>> sampling = Sampling(Meter().read, samples.append, interval_s=1, longest_s=60)
    >>> sampling.take([Notice(True, "e1", "invoices", time.monotonic())])
    >>> sampling.sample()
    >>> sampling.take([Notice(False, "e1", None, time.monotonic())])
    >>> sampling.sample(final=True)
    >>> [(one.execution_id, one.shared_by) for one in samples], sampling.rest_s()
    ([('e1', 1), ('e1', 1)], None)
    """

    def __init__(
        self,
        read: Callable[[], Reading],
        write: Callable[[ResourceMetrics], None],
        *,
        interval_s: float,
        longest_s: float,
    ) -> None:
        self._read = read
        self._write = write
        self._interval_s = interval_s
        self._longest_s = longest_s
        self._open: dict[str, _Open] = {}
        self._ended: list[_Open] = []  # whose last sample is still to be written
        self._last = read()
        self._sampled_s = self._last.at_s
        self._shared_by = 0  # the most that were open at once since the last samples

    def take(self, notices: Iterable[Notice]) -> None:
        """Take in what the bot said, in that order; ends of what isn't open, and second starts, mean nothing."""
        for notice in notices:
            one = self._open.get(notice.execution_id)
            if notice.started and one is None:
                self._open[notice.execution_id] = _Open(notice, shared_by=len(self._open) + 1)
                if len(self._open) > MOST_OPEN:
                    del self._open[next(iter(self._open))]
            elif not notice.started and one is not None:
                one.shared_at_end = len(self._open)
                self._ended.append(self._open.pop(notice.execution_id))
            self._shared_by = max(self._shared_by, len(self._open))

    def sample(self, *, final: bool = False) -> None:
        """Take a reading if one is due, and write the samples that end with it.

        Parameters
        ----------
        final : bool
            Whether sampling stops: what is open gets its last sample now, and nothing is open afterwards.
        """
        if final:
            for one in self._open.values():
                one.shared_at_end = len(self._open)
            self._ended += self._open.values()
            self._open.clear()
            time.sleep(max(self._last.at_s + _APART_LAST_S - time.monotonic(), 0.0))
        elif self.distance_s():
            return
        self._sample()
        if final and self._ended:  # what began with that reading needs another one
            time.sleep(_APART_LAST_S)
            self._sample()

    def rest_s(self) -> float | None:
        """Seconds until the next reading is due; None where nothing is open."""
        now_s = time.monotonic()
        if self._ended or any(one.since is None for one in self._open.values()):
            return self._last.at_s + self._apart_s - now_s
        return self._sampled_s + self._gap_s(now_s) - now_s if self._open else None

    def distance_s(self) -> float:
        """Seconds during which no other reading shall be taken."""
        return max(self._last.at_s + self._apart_s - time.monotonic(), 0.0)

    @property
    def _apart_s(self) -> float:
        return max(min(_APART_S, self._interval_s), _APART_EACH_S * len(self._open))

    def _gap_s(self, now_s: float) -> float:
        youngest = next(reversed(self._open.values()))
        return min(max(_SHARE * (now_s - youngest.notice.at_s), self._interval_s), self._longest_s)

    def _sample(self) -> None:
        now_s, last = time.monotonic(), self._last
        new = [one for one in (*self._ended, *self._open.values()) if one.new]
        due = bool(new or self._ended or (self._open and now_s >= self._sampled_s + self._gap_s(now_s)))
        if not due and not any(one.begun for one in self._open.values()):
            return
        ended, self._ended = self._ended, []  # lost where the reading fails: else they would add up
        self._sampled_s = now_s if due else self._sampled_s
        self._last = reading = self._read()
        for one in new:
            one.begun = last if one.notice.at_s < last.at_s + self._apart_s else reading
        for one in ended:
            if one.begun is reading:
                self._ended.append(one)
            else:
                self._write_end(one, reading)
        for one in self._open.values():
            if one.begun is not None and one.begun is not reading:
                self._write_start(one, one.begun, reading)
            elif due and one.since is not None:
                self._write_row(one, one.since, reading, shared_by=self._shared_by)
                one.since = reading
        self._shared_by = len(self._open)

    def _write_start(self, one: _Open, begun: Reading, reading: Reading) -> None:
        self._write_row(one, begun, reading, levels=begun, shared_by=one.shared_at_start)
        one.begun, one.since = None, reading

    def _write_end(self, one: _Open, reading: Reading) -> None:
        if one.begun is not None:
            begun = one.begun
            self._write_start(one, begun, reading)
            self._write_row(one, begun, reading, shared_by=one.shared_at_end, traffic=False)
        elif one.since is not None:
            self._write_row(one, one.since, reading, shared_by=one.shared_at_end)

    def _write_row(
        self,
        one: _Open,
        since: Reading,
        until: Reading,
        *,
        shared_by: int,
        levels: Reading | None = None,
        traffic: bool = True,
    ) -> None:
        """The sample between two readings; without its traffic where the sample before has the same interval."""
        metrics = sample(since, until, levels=levels)
        metrics.execution_id, metrics.workflow_id = one.notice.execution_id, one.notice.workflow_id
        metrics.shared_by = shared_by
        if not traffic and metrics.disk_io_mb is not None:
            metrics.disk_io_mb = 0.0
        self._write(metrics)
