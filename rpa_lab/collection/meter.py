"""Readings of the machine and of the bot's process tree, and the sample that lies between two of them.

A reading has levels (memory) and counts that only grow (CPU time, bytes); a sample has the later reading's levels and
what the counts grew by. Values are rounded to what they mean (CPU to 0.1 %, memory to 0.1 MB, traffic to 0.001 MB, the
host's memory to 1 MB, time to a millisecond), which makes them four times smaller on disk. MB = 10**6 bytes.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import psutil

from rpa_lab.collection.gpu import Gpu
from rpa_lab.collection.process_tree import ProcessTree
from rpa_lab.records import ResourceMetrics

if TYPE_CHECKING:
    from rpa_lab.collection.gpu import GpuUse
    from rpa_lab.collection.process_tree import TreeUse

__all__ = ["HostUse", "Meter", "Reading", "sample"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MB: Final = 1_000_000
_MOST_PERCENT: Final = 100.0 * (os.cpu_count() or 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostUse:
    """What the whole machine has used: seconds of all its cores, busy and in all, and bytes of memory now."""

    busy_s: float
    total_s: float
    memory_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read at one moment: `at_s` on the monotonic clock, `at_ms` since 1970 UTC."""

    at_s: float
    at_ms: int
    tree: TreeUse
    host: HostUse | None
    gpu: GpuUse


class Meter:
    """Reads the process tree, the host and the GPUs.

    Examples
    --------
    >>> meter = Meter()
    >>> first, second = meter.read(), meter.read()
    >>> sample(first, second).memory_mb > 1
    True
    """

    def __init__(self) -> None:
        self._tree = ProcessTree()
        self._gpu = Gpu()

    def read(self) -> Reading:
        """All of it now.

        Raises
        ------
        psutil.Error
            If this very process can't be read. What else can't be is None.
        """
        gpu, host, tree = self._gpu.read(), _host(), self._tree.look()
        return Reading(at_s=time.monotonic(), at_ms=time.time_ns() // 1_000_000, tree=tree, host=host, gpu=gpu)


def sample(since: Reading, until: Reading, *, levels: Reading | None = None) -> ResourceMetrics:
    """The sample between two readings.

    Parameters
    ----------
    since, until : Reading
        The interval that CPU use and disk traffic are of.
    levels : Reading, optional
        Whose time, memory and GPU figures the sample has; default: those of `until`.

    Returns
    -------
    ResourceMetrics
        Of no execution yet. CPU use is within 0 and 100 for each core.
    """
    at = levels or until
    seconds = until.at_s - since.at_s
    cpu_percent = 100 * (until.tree.cpu_s - since.tree.cpu_s) / seconds if seconds > 0 else 0.0
    known = since.tree.disk_bytes is not None and until.tree.disk_bytes is not None
    traffic = (until.tree.disk_bytes or 0) - (since.tree.disk_bytes or 0)
    return ResourceMetrics(
        timestamp=_EPOCH + timedelta(milliseconds=at.at_ms),
        workflow_id=None,
        execution_id=None,
        cpu_percent=round(min(max(cpu_percent, 0.0), _MOST_PERCENT), 1),
        memory_mb=round(at.tree.memory_bytes / _MB, 1),
        gpu_utilization=None if at.gpu.utilization is None else round(at.gpu.utilization, 1),
        gpu_memory_mb=None if at.gpu.memory_bytes is None else float(round(at.gpu.memory_bytes / _MB)),
        disk_io_mb=round(max(traffic, 0) / _MB, 3) if known else None,
        host_cpu_percent=_busy_percent(since.host, until.host),
        host_memory_mb=None if at.host is None else float(round(at.host.memory_bytes / _MB)),
    )


def _busy_percent(since: HostUse | None, until: HostUse | None) -> float | None:
    if since is None or until is None or until.total_s <= since.total_s:
        return None  # the system counts in ticks of 10 ms: within one, nobody knows
    return round(min(max(100 * (until.busy_s - since.busy_s) / (until.total_s - since.total_s), 0.0), 100.0), 1)


def _host() -> HostUse | None:
    """The host; None where a sandbox hides it."""
    try:
        times, memory = psutil.cpu_times(), psutil.virtual_memory()
    except Exception:  # noqa: BLE001 - each system fails in its own way, and the tree's figures must not go along
        return None
    # Linux counts guests' time in user and nice already; waiting for a disk is idleness
    total_s = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    idle_s = times.idle + getattr(times, "iowait", 0.0)
    return HostUse(busy_s=total_s - idle_s, total_s=total_s, memory_bytes=memory.total - memory.available)
