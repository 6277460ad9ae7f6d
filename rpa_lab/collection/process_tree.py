"""What a process and its descendants (browsers, drivers, OCR) have used so far.

The figures of `TreeUse` that count up never fall, though processes come and go: what an exited process had used stays
in the sum. On Linux a process inherits the CPU time and the disk traffic of children that it waited for, so even one
that lived between two looks is counted in full; of others, what they had used by the last look. A process that was once
seen in the tree stays in it, also when its parent is gone (a browser whose driver was killed).

Asking psutil for all descendants reads every process of the host: 0.9 ms with 73 of them, 3.5 ms with 300. A look lists
the ids instead (0.04 and 0.14 ms) and asks only new ones for their parent; all are read at first and once a minute.
What slips through for up to a minute is a child that got the id of a process that ended since the last look.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ProcessTree", "TreeUse"]

_SCAN_EVERY_S: Final = 60.0
_CLOCKS_DIFFER_S: Final = 2.0
"""The start of the system, and with it the start of each process, is known to a second."""
_COUNTS_DISK: Final = hasattr(psutil.Process, "io_counters")
"""Whether the system counts each process's disk traffic; macOS doesn't."""
_INHERITS_DISK: Final = sys.platform == "linux"
"""Whether a process's disk traffic has that of the children that it waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeUse:
    """What a process tree has used.

    `cpu_s` (user and system) and `disk_bytes` (read and written) count up; `memory_bytes` is resident now, pages that
    processes share counted in each. Where the system doesn't count a process's disk traffic (macOS), `disk_bytes` is
    the whole machine's; None where that is unknown too.
    """

    cpu_s: float
    memory_bytes: int
    disk_bytes: int | None
    processes: int


class _Member(NamedTuple):
    """A process of the tree, as it was at a look."""

    process: psutil.Process
    created_s: float
    """When it began, seconds since 1970."""
    own_s: float
    inherited_s: float
    """CPU time of children that it waited for, and of theirs."""
    disk_bytes: int | None
    memory_bytes: int

    @property
    def cpu_s(self) -> float:
        return self.own_s + self.inherited_s


class _Look(NamedTuple):
    """All that the next look needs of this one."""

    wall_s: float
    scanned_s: float
    """When all processes of the host were last asked for their parents."""
    pids: frozenset[int]
    members: dict[int, _Member]
    lost_s: float
    """CPU time that no process reports any more."""
    lost_bytes: int
    use: TreeUse


_NEVER: Final = _Look(
    0.0, float("-inf"), frozenset(), {}, 0.0, 0, TreeUse(cpu_s=0, memory_bytes=0, disk_bytes=0, processes=0)
)


class ProcessTree:
    """The process that runs this, and its descendants.

    A look changes nothing until it is complete, so two at once (in two threads, or in a signal handler within the
    other) do no harm.

    Examples
    --------
    >>> tree = ProcessTree()
    >>> before = tree.look()
    >>> spent = sum(n * n for n in range(100_000))
    >>> tree.look().cpu_s > before.cpu_s > 0
    True
    """

    def __init__(self) -> None:
        self._root = psutil.Process()
        self._last: _Look | None = None

    def look(self) -> TreeUse:
        """What the tree has used up to now.

        Raises
        ------
        psutil.Error
            If this very process can't be read. One of the others never is an error.
        """
        before = self._last or _NEVER
        now_s, wall_s = time.monotonic(), time.time()
        pids = frozenset(psutil.pids())
        scan = now_s - before.scanned_s >= _SCAN_EVERY_S or 2 * len(pids - before.pids) > len(pids)
        known = before.members
        found = {self._root.pid: self._root} | {pid: one.process for pid, one in known.items() if pid in pids}
        found |= self._descendants(found, pids) if scan else _children(found, pids - before.pids)
        root = self._read_root(known.get(self._root.pid))
        members = {self._root.pid: root}
        for pid, process in found.items():
            if pid != self._root.pid and (member := _read(process, known.get(pid))) is not None:
                members[pid] = member
        lost_s, lost_bytes = _lost(known, members)
        lost_s, lost_bytes = lost_s + before.lost_s, lost_bytes + before.lost_bytes
        for one in (members[pid] for pid in members.keys() - known.keys()):
            if one.created_s < before.wall_s - _CLOCKS_DIFFER_S:  # found late: what it had used by then isn't new
                lost_s, lost_bytes = lost_s - one.cpu_s, lost_bytes - (one.disk_bytes or 0)
        traffic = None if _COUNTS_DISK else _traffic_of_host()
        if root.disk_bytes is not None:
            traffic = lost_bytes + sum(one.disk_bytes or 0 for one in members.values())
        use = TreeUse(
            cpu_s=max(lost_s + sum(one.cpu_s for one in members.values()), before.use.cpu_s),
            memory_bytes=sum(one.memory_bytes for one in members.values()),
            disk_bytes=None if traffic is None else max(traffic, before.use.disk_bytes or 0),
            processes=len(members),
        )
        self._last = _Look(wall_s, now_s if scan else before.scanned_s, pids, members, lost_s, lost_bytes, use)
        return use

    def _descendants(self, found: Mapping[int, psutil.Process], pids: frozenset[int]) -> dict[int, psutil.Process]:
        try:
            return {process.pid: process for process in self._root.children(recursive=True)}
        except psutil.Error:  # some process of the host can't be read by us: ask each alone
            return _children(found, pids - found.keys())

    def _read_root(self, known: _Member | None) -> _Member:
        times = os.times()
        return _Member(
            self._root,
            0.0,
            time.process_time(),  # to the microsecond, where the system tells of other processes in ticks of 10 ms
            times.children_user + times.children_system,
            _traffic(self._root, known),
            self._root.memory_info().rss,
        )


def _children(found: Mapping[int, psutil.Process], new: frozenset[int]) -> dict[int, psutil.Process]:
    """Those of the new processes that descend from one which was found."""
    parents: dict[int, tuple[psutil.Process, int]] = {}
    for pid in new:
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            parents[pid] = process, process.ppid()
    children: dict[int, psutil.Process] = {}
    while ours := [pid for pid, (_, parent) in parents.items() if parent in found or parent in children]:
        children |= {pid: parents.pop(pid)[0] for pid in ours}  # a new one's parent may be new itself
    return children


def _read(process: psutil.Process, known: _Member | None) -> _Member | None:
    """The process now; None if it is gone. One that can't be read for now has used what it had used before."""
    try:
        times = process.cpu_times()
        own_s, inherited_s = times.user + times.system, times.children_user + times.children_system
        if known is not None and own_s < known.own_s:
            return None  # no process's time falls: the id was given to another one
        created_s = known.created_s if known else process.create_time()
        return _Member(process, created_s, own_s, inherited_s, _traffic(process, known), process.memory_info().rss)
    except (psutil.ZombieProcess, psutil.AccessDenied):
        return known and known._replace(memory_bytes=0)
    except psutil.Error:
        return None


def _traffic(process: psutil.Process, known: _Member | None) -> int | None:
    """Bytes that the process has read from disk and written to it; None where nobody counts them."""
    if not _COUNTS_DISK:
        return None
    try:
        counted = process.io_counters()
    except (psutil.Error, OSError, RuntimeError, ValueError):  # RuntimeError, ValueError: the kernel doesn't count
        return known.disk_bytes if known else None
    return int(counted.read_bytes + counted.write_bytes)


def _traffic_of_host() -> int | None:
    counted = psutil.disk_io_counters()
    return None if counted is None else counted.read_bytes + counted.write_bytes


def _lost(known: Mapping[int, _Member], members: Mapping[int, _Member]) -> tuple[float, int]:
    """CPU seconds and bytes that processes had used which are gone, and that no parent inherited."""
    gone = [one for pid, one in known.items() if pid not in members]
    if not gone:
        return 0.0, 0
    pairs = [(one, known.get(pid)) for pid, one in members.items()]
    inherited_s = sum(one.inherited_s - (before.inherited_s if before else 0) for one, before in pairs)
    # what a parent inherited isn't told apart from what it did itself: at most that is missing, in this one interval
    inherited = sum((one.disk_bytes or 0) - ((before.disk_bytes or 0) if before else 0) for one, before in pairs)
    return (
        max(sum(one.cpu_s for one in gone) - inherited_s, 0.0),
        max(sum(one.disk_bytes or 0 for one in gone) - (inherited if _INHERITS_DISK else 0), 0),
    )
