"""A fleet of robots at work, with known faults in it: frames of the store's tables, and the truth beside them.

Same arguments, same bytes (with the same NumPy and Polars). Each workflow and each purpose draws from a stream of its
own, so that a further workflow, or a fault, leaves every other row as it was.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING

import polars as pl

from rpa_lab.errors import InputError, quote
from rpa_lab.simulate.calendar import arrivals, holidays
from rpa_lab.simulate.catalogue import processes
from rpa_lab.simulate.conditions import conditions
from rpa_lab.simulate.faults import Fault, check_faults, default_faults, truth_of
from rpa_lab.simulate.rows import Rows, rows_of
from rpa_lab.simulate.runs import draw_runs, robots_needed
from rpa_lab.simulate.streams import digest, stream
from rpa_lab.storage.store import Written

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rpa_lab.simulate.process import Process
    from rpa_lab.storage.store import TimeSeriesStore

__all__ = ["VERSION", "Fleet", "fleet"]

VERSION = 1
"""Raised whenever the same arguments give other rows than before."""

_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Fleet:
    """What a simulated fleet left behind.

    `executions`, `steps` and `recoveries` have the public columns of the store's tables. `truth` has one row per
    planted fault (see `rpa_lab.simulate.faults.truth_of`). `start` and `end` bound the time in which runs were queued;
    those that would have been done by the end without faults are there. `writer` says to a store who wrote it.
    """

    executions: pl.DataFrame
    steps: pl.DataFrame
    recoveries: pl.DataFrame
    truth: pl.DataFrame
    seed: int
    start: datetime
    end: datetime
    writer: str

    def __repr__(self) -> str:
        return (
            f"Fleet({self.executions['workflow_id'].n_unique()} workflows, {self.executions.height:,} executions, "
            f"{self.steps.height:,} steps, {self.truth.height} faults, {self.start:%Y-%m-%d} to {self.end:%Y-%m-%d})"
        )

    def write(self, store: TimeSeriesStore) -> dict[str, Written]:
        """Write the frames into a store; the same fleet written again changes nothing.

        An execution that the store already holds from elsewhere (the same fleet with other faults) is left out, whole.

        Parameters
        ----------
        store : TimeSeriesStore
            Where to.

        Returns
        -------
        dict of str to Written
            By table: rows written, and rows that were there already.
        """
        held = store.held_by_others(self.executions.select("execution_id", "started_at"), writer=self.writer)
        ours = ~pl.col("execution_id").is_in(sorted(held))
        counts = {}
        for table, frame in (("executions", self.executions), ("steps", self.steps), ("recoveries", self.recoveries)):
            rows = frame.filter(ours) if held else frame
            day = rows["started_at"].dt.date()
            # a UTC day at a time, as the store keeps them: millions of steps at once would need twice the memory
            written = [
                store.write_frame(table, rows.filter(day == one), writer=self.writer) for one in day.unique().sort()
            ]
            counts[table] = Written(
                rows=sum(part.rows for part in written),
                already_there=sum(part.already_there for part in written) + frame.height - rows.height,
                corrected=sum(part.corrected for part in written),
            )
        return counts


def fleet(
    days: int = 30,
    workflows: int = 8,
    seed: int = 0,
    *,
    end: datetime | date | None = None,
    runs_per_day: float = 50,
    faults: Sequence[Fault] | None = None,
    closed: Collection[date] | None = None,
    hosts: int = 4,
    day_sd: float = 0.05,
    load_sd: float = 0.05,
) -> Fleet:
    """Simulate a fleet of robots: what they ran, how long each step took, what failed and why.

    Work arrives by hour of the day, weekday and holiday; robots take turns and do one run at a time. Step times are
    log-normal with a Pareto tail, and slowed by the host, its load, and the day: runs of one day resemble each other.

    Parameters
    ----------
    days : int
        Length, in days of 24 hours.
    workflows : int
        How many different ones; a further one changes nothing in the others.
    seed : int
        Not negative.
    end : datetime or date, optional
        Where it ends: an aware time, or a date's midnight UTC. Default: today's.
    runs_per_day : float
        Executions of the average workflow on an average day; they range from a third of that to more than twice.
    faults : sequence of SlowStep or FailureBurst, optional
        What to plant; default one of each, of the seed's choice. ``()`` plants none.
    closed : collection of date, optional
        Holidays. Default: those of TARGET, the euro's payment system.
    hosts : int
        Machines that the robots share.
    day_sd : float
        Standard deviation of the day effect, by workflow, on the logarithm of durations.
    load_sd : float
        The same for a host's load, which is correlated from hour to hour.

    Returns
    -------
    Fleet

    Raises
    ------
    InputError
        If an argument makes no sense.
    UnknownNameError
        If a fault names a workflow, step or host that the fleet doesn't have.

    Examples
    --------
    >>> from datetime import date
    >>> simulated = fleet(days=7, workflows=3, seed=1, end=date(2026, 11, 2))
    >>> simulated
    Fleet(3 workflows, 2,216 executions, 20,337 steps, 2 faults, 2026-10-26 to 2026-11-02)
    >>> simulated.truth["kind"].to_list()
    ['slow_step', 'failure_burst']
    """
    _check(days=days, workflows=workflows, seed=seed, runs_per_day=runs_per_day, hosts=hosts, sds=(day_sd, load_sd))
    until = _instant(end)
    start = until - timedelta(days=days)
    free = frozenset(closed) if closed is not None else _holidays(start, until)
    machines = tuple(f"vm-rpa-{number + 1:02d}" for number in range(hosts))
    known = processes(workflows, seed=seed)
    planted = (
        tuple(faults) if faults is not None else default_faults(known, seed=seed, start=start, days=days, closed=free)
    )
    check_faults(planted, known, days=days, hosts=machines)

    start_us, until_us = (start - _EPOCH) // _MICROSECOND, (until - _EPOCH) // _MICROSECOND
    hosts_then = conditions(machines, seed=seed, start_us=start_us, hours=24 * days, load_sd=load_sd)
    world = (VERSION, days, seed, until, float(runs_per_day), tuple(sorted(free)), hosts, float(day_sd), float(load_sd))

    def simulate(number: int, process: Process) -> Rows:
        rng = stream(seed, f"{process.workflow_id} arrivals")
        rate = runs_per_day * process.weight
        queued = arrivals(rng, process.rhythm, start=start, end=until, runs_per_day=rate, closed=free)
        robots = robots_needed(process, runs_per_day=runs_per_day)
        runs = draw_runs(
            process,
            queued,
            seed=seed,
            conditions=hosts_then,
            days=days,
            day_sd=day_sd,
            robots=robots,
            first_host=number,
        )
        runs = runs.where(runs.started_us + runs.length_us() <= until_us)
        for fault in planted:
            if fault.workflow_id == process.workflow_id:
                runs = fault.plant(runs, seed=seed, start_us=start_us, hosts=machines)
        return rows_of(runs, hosts=machines, id_prefix=digest((*world, process.workflow_id), digits=8))

    rows = [simulate(number, process) for number, process in enumerate(known)]
    executions = pl.concat([one.executions for one in rows])
    return Fleet(
        executions=executions,
        steps=pl.concat([one.steps for one in rows], rechunk=False),
        recoveries=pl.concat([one.recoveries for one in rows]),
        truth=truth_of(planted, start=start),
        seed=seed,
        start=start,
        end=until,
        writer=_writer(executions, options=(*world, workflows, planted)),
    )


def _check(*, days: int, workflows: int, seed: int, runs_per_day: float, hosts: int, sds: tuple[float, float]) -> None:
    whole = {
        "days": (days, 1, 3660),
        "workflows": (workflows, 1, 1000),
        "seed": (seed, 0, 2**63),
        "hosts": (hosts, 1, 1000),
    }
    for name, (value, low, high) in whole.items():
        if type(value) is not int or not low <= value <= high:  # not True either
            raise InputError(f"{name} is {quote(value)}, expected a whole number from {low} to {high}")
    if not (math.isfinite(runs_per_day) and runs_per_day > 0):
        raise InputError(f"runs_per_day is {quote(runs_per_day)}, expected a number greater than 0")
    for name, sd in zip(("day_sd", "load_sd"), sds, strict=True):
        if not 0 <= sd <= 1:
            raise InputError(f"{name} is {quote(sd)}, expected a number from 0 to 1")


def _writer(executions: pl.DataFrame, *, options: tuple[object, ...]) -> str:
    """Who wrote it: an importer's name, of the options and, as another NumPy may draw otherwise, of what was drawn."""
    drawn = executions.select("started_at", "completed_at").cast(pl.Int64).to_numpy().tobytes()
    return "i" + digest(("rpa_lab.simulate", options, blake2b(drawn).hexdigest()), digits=11)


def _instant(end: datetime | date | None) -> datetime:
    if end is None:
        return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if isinstance(end, datetime):
        if end.tzinfo is None:
            raise InputError(f"end {end:%Y-%m-%d %H:%M} has no time zone; pass an aware datetime or a date")
        return end.astimezone(UTC)
    return datetime(end.year, end.month, end.day, tzinfo=UTC)


def _holidays(start: datetime, end: datetime) -> frozenset[date]:
    return frozenset().union(*(holidays(year) for year in range(start.year, end.year + 1)))
