"""Faults that can be planted in a fleet: each with an onset, a size and a scope, and each leaving all else as it was.

``SlowStep(workflow_id="payroll", node_id="run payroll", onset_day=20, factor=1.8)`` makes that step of each run that
starts on the fleet's twenty-first day or later take 1.8 times as long; the same seed without it gives the same rows but
for these durations and the times within the run that follow from them. No run starts later for it, as if another robot
had stepped in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import polars as pl

from rpa_lab.errors import InputError, unknown_name
from rpa_lab.simulate.calendar import DAY_US
from rpa_lab.simulate.messages import failure_trace
from rpa_lab.simulate.runs import Bools, Message, Runs
from rpa_lab.simulate.streams import digest, stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rpa_lab.simulate.process import Process

__all__ = ["FailureBurst", "Fault", "SlowStep", "check_faults", "default_faults", "truth_of"]

_TIME = pl.Datetime("us", "UTC")
_TRUTH = pl.Schema(
    {
        "kind": pl.String(),
        "workflow_id": pl.String(),
        "node_id": pl.String(),
        "onset": _TIME,
        "until": _TIME,
        "size": pl.Float64(),
        "scope": pl.String(),
        "message": pl.String(),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowStep:
    """A step takes `factor` times as long, in the runs that start at the onset or later.

    `onset_day` and `until_day` count days from the fleet's start (20.5 is noon of the twenty-first; None: to the end).
    With `host`, only runs on that host are slow.
    """

    workflow_id: str
    node_id: str
    onset_day: float
    factor: float
    until_day: float | None = None
    host: str | None = None

    @property
    def size(self) -> float:
        """The factor."""
        return self.factor

    @property
    def message(self) -> None:
        """Nothing is said: a slow step raises no error."""
        return

    def plant(self, runs: Runs, *, seed: int, start_us: int, hosts: Sequence[str]) -> Runs:  # noqa: ARG002
        """The runs with the fault in them."""
        place = _place(runs.process, self.node_id)
        struck = _in_scope(self, runs, start_us=start_us, hosts=hosts)
        durations = runs.duration_us.copy()
        durations[struck, place] = np.rint(durations[struck, place] * self.factor).astype(np.int64)
        return replace(runs, duration_us=durations)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureBurst:
    """A share of the runs that start in a window fail at one step, all with the same message.

    `share` is a fraction 0-1 of the runs that reach the step. The window is given in days from the fleet's start;
    with `host`, only runs on that host fail.
    """

    workflow_id: str
    node_id: str
    onset_day: float
    until_day: float
    share: float
    message: str
    host: str | None = None

    @property
    def size(self) -> float:
        """The share."""
        return self.share

    def plant(self, runs: Runs, *, seed: int, start_us: int, hosts: Sequence[str]) -> Runs:
        """The runs with the fault in them."""
        place = _place(runs.process, self.node_id)
        chance = stream(seed, f"{self.workflow_id} {digest(self, digits=16)}").random(len(runs.number))
        reached = runs.stop > place
        struck = _in_scope(self, runs, start_us=start_us, hosts=hosts) & reached & (chance < self.share)
        trace = failure_trace(self.message, runs.process, runs.process.nodes[place])
        said = Message(line=self.message, trace=trace, exception_kind="application")
        return replace(
            runs,
            messages=(*runs.messages, said),
            stop=np.where(struck, place + 1, runs.stop),
            failure=np.where(struck, len(runs.messages), runs.failure),
            cancelled=runs.cancelled & ~struck,
        )


Fault: TypeAlias = SlowStep | FailureBurst


def default_faults(
    processes: Sequence[Process], *, seed: int, start: datetime, days: int, closed: Iterable[date]
) -> tuple[Fault, ...]:
    """What `fleet` plants unless told otherwise: a step that slows down, and a burst of failures.

    The step, one of the longest of a workflow with many runs, takes 1.8 times as long after three fifths of the time.
    The burst hits another workflow for the four busiest hours of a working day, after three quarters of the time; 80 %
    of the runs fail.

    Parameters
    ----------
    processes : sequence of Process
        The fleet's workflows.
    seed : int
        Chooses among them.
    start : datetime
        The fleet's start, aware.
    days : int
        Its length.
    closed : iterable of date
        Holidays, on which no burst is planted if another day is to be had.

    Returns
    -------
    tuple of Fault
    """
    rng = stream(seed, "default faults")
    busy = sorted(processes, key=lambda process: -process.weight)[: max(2, len(processes) // 2)]
    order = rng.permutation(len(busy)).tolist()
    slow, bursting = busy[order[0]], busy[order[-1]]
    longest = sorted(slow.nodes, key=lambda node: -node.median_ms)[:3]
    slowed = longest[int(rng.integers(len(longest)))]
    outside = [node for node in bursting.nodes if node.action.family in ("screen", "service", "program")]
    failing = outside[int(rng.integers(len(outside)))]

    free = frozenset(closed)
    first = start.astimezone(UTC).date()
    later = [*range(int(0.75 * days), days), *range(int(0.75 * days) - 1, -1, -1)]
    least = 0.8 * max(bursting.rhythm.weekdays)
    working = (
        day
        for day in later
        if (on := first + timedelta(days=day)) not in free and bursting.rhythm.weekdays[on.weekday()] > least
    )
    day = next(working, later[0])
    midnight = datetime(first.year, first.month, first.day, tzinfo=UTC) - start
    onset = max(0.0, day + (bursting.rhythm.busiest(4) * 3600 + midnight.total_seconds()) / 86_400)
    return (
        SlowStep(workflow_id=slow.workflow_id, node_id=slowed.node_id, onset_day=int(0.6 * days), factor=1.8),
        FailureBurst(
            workflow_id=bursting.workflow_id,
            node_id=failing.node_id,
            onset_day=onset,
            until_day=onset + 4 / 24,
            share=0.8,
            message=f"ConnectionError: {failing.application} answered 503 Service Unavailable (maintenance)",
        ),
    )


def check_faults(faults: Sequence[Fault], processes: Sequence[Process], *, days: int, hosts: Sequence[str]) -> None:
    """Refuse faults that could not show.

    Parameters
    ----------
    faults : sequence of Fault
        What is to be planted.
    processes : sequence of Process
        The fleet's workflows.
    days : int
        Its length.
    hosts : sequence of str
        Its hosts.

    Raises
    ------
    UnknownNameError
        If the fleet has no such workflow, step or host.
    InputError
        If the window lies outside the fleet's time, or the size makes no sense.
    """
    by_id = {process.workflow_id: process for process in processes}
    for fault in faults:
        if fault.workflow_id not in by_id:
            raise unknown_name("the fleet has no workflow", fault.workflow_id, by_id)
        _place(by_id[fault.workflow_id], fault.node_id)
        if fault.host is not None and fault.host not in hosts:
            raise unknown_name("the fleet has no host", fault.host, hosts)
        if not 0 <= fault.onset_day < days:
            raise InputError(f"onset_day is {fault.onset_day!r}, expected 0 or more and less than days={days}")
        if fault.until_day is not None and not fault.until_day > fault.onset_day:
            raise InputError(f"until_day is {fault.until_day!r}, expected more than onset_day={fault.onset_day!r}")
        if isinstance(fault, SlowStep) and not 0 < fault.factor < 1000:
            raise InputError(f"factor is {fault.factor!r}, expected more than 0 and less than 1000")
        if isinstance(fault, FailureBurst) and not 0 < fault.share <= 1:
            raise InputError(f"share is {fault.share!r}, expected a fraction, more than 0 and at most 1")


def truth_of(faults: Sequence[Fault], *, start: datetime) -> pl.DataFrame:
    """One row per fault: kind, workflow_id, node_id, onset, until, size, scope, message.

    Parameters
    ----------
    faults : sequence of Fault
        What was planted.
    start : datetime
        The fleet's start, aware.

    Returns
    -------
    polars.DataFrame
        `until` is null for a fault that lasts to the end; `size` is a factor for a slow step, and a fraction 0-1 of
        runs for a failure burst; `scope` says which runs: ``all runs`` or those on one host.

    Examples
    --------
    >>> slow = SlowStep(workflow_id="payroll", node_id="run payroll", onset_day=1.5, factor=2)
    >>> truth_of([slow], start=datetime(2026, 11, 1, tzinfo=UTC)).row(0)[:4]
    ('slow_step', 'payroll', 'run payroll', datetime.datetime(2026, 11, 2, 12, 0, tzinfo=zoneinfo.ZoneInfo(key='UTC')))
    """
    rows = [
        {
            "kind": "slow_step" if isinstance(fault, SlowStep) else "failure_burst",
            "workflow_id": fault.workflow_id,
            "node_id": fault.node_id,
            "onset": start + timedelta(days=fault.onset_day),
            "until": None if fault.until_day is None else start + timedelta(days=fault.until_day),
            "size": float(fault.size),
            "scope": "all runs" if fault.host is None else f"host {fault.host}",
            "message": fault.message,
        }
        for fault in faults
    ]
    return pl.DataFrame(rows, schema=_TRUTH)


def _place(process: Process, node_id: str) -> int:
    names = [node.node_id for node in process.nodes]
    if node_id not in names:
        raise unknown_name(f"{process.workflow_id} has no step", node_id, names, most=20)
    return names.index(node_id)


def _in_scope(fault: Fault, runs: Runs, *, start_us: int, hosts: Sequence[str]) -> Bools:
    since = start_us + round(fault.onset_day * DAY_US)
    struck: Bools = runs.started_us >= since
    if fault.until_day is not None:
        struck &= runs.started_us < start_us + round(fault.until_day * DAY_US)
    if fault.host is not None:
        struck &= runs.host == hosts.index(fault.host)
    return struck
