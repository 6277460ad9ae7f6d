"""A fleet of robots at work, with known faults in it: frames of the store's tables, and the truth beside them.

Same arguments, same rows (with the same NumPy and Polars). Each workflow and each purpose draws from a stream of its
own, so that a further workflow, or a fault, leaves every other row as it was.
"""

from __future__ import annotations

import math
from dataclasses import astuple
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from rpa_lab.errors import InputError, quote
from rpa_lab.period import zone_name
from rpa_lab.simulate.calendar import arrivals, holidays
from rpa_lab.simulate.catalogue import processes
from rpa_lab.simulate.conditions import conditions
from rpa_lab.simulate.dispatch import robots_needed
from rpa_lab.simulate.draw import draw_runs
from rpa_lab.simulate.faults.choice import as_faults, default_faults
from rpa_lab.simulate.faults.truth import plant_all
from rpa_lab.simulate.flaws import Flaws, cut
from rpa_lab.simulate.local_time import local_time
from rpa_lab.simulate.releases import releases
from rpa_lab.simulate.simulated import Fleet
from rpa_lab.simulate.streams import digest, stream
from rpa_lab.simulate.world import Plan, World

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from rpa_lab.simulate.faults.fault import Fault
    from rpa_lab.simulate.process import Process
    from rpa_lab.simulate.runs import Runs

__all__ = ["VERSION", "fleet"]

VERSION = 2
"""Raised whenever the same arguments give other rows than before."""

_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def fleet(
    days: int = 30,
    workflows: int = 8,
    seed: int = 0,
    *,
    end: datetime | date | None = None,
    runs_per_day: float = 50,
    faults: str | Sequence[Fault | str | Mapping[str, object]] | None = None,
    closed: Collection[date] | None = None,
    hosts: int = 4,
    day_sd: float = 0.08,
    load_sd: float = 0.05,
    tz: str = "UTC",
    releases_per_month: float = 1.0,
    resources: bool = False,
    flaws: Flaws | None = None,
    on_workflow: Callable[[str, int, int], None] | None = None,
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
        Where it ends: an aware time, or a date's midnight in the zone. Default: today's.
    runs_per_day : float
        Executions of the average workflow on an average day; they range from a third of that to more than twice.
    faults : str, or sequence of faults, str or mapping, optional
        What to plant: those of `rpa_lab.simulate.faults`, or names such as ``"drift"`` or
        ``"drift,workflow_id=payroll,per_day=0.1"``, of which the seed chooses what isn't said; ``"all"`` is one of each
        kind. Default: a slow step and a failure burst. ``()`` plants none.
    closed : collection of date, optional
        Holidays. Default: those of TARGET, the euro's payment system.
    hosts : int
        Machines that the robots share.
    day_sd : float
        Standard deviation of the day effect, by workflow, on the logarithm of durations.
    load_sd : float
        The same for a host's load, which is correlated from hour to hour.
    tz : str
        The zone whose clock work follows.
    releases_per_month : float
        How many versions of a workflow are released in 30 days, on average. By itself none changes anything.
    resources : bool
        Whether CPU and memory are sampled; there are two to three times as many samples as steps.
    flaws : Flaws, optional
        What is wrong with the records: by default nothing.
    on_workflow : callable, optional
        Called with each workflow as it is drawn, how many are done, and how many there are.

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
    Fleet(3 workflows, 2,234 executions, 22,537 steps, 2 faults, 2026-10-26 to 2026-11-02)
    >>> simulated.truth["kind"].to_list()
    ['slow_step', 'failure_burst']
    """
    sds = (day_sd, load_sd)
    _check(days=days, workflows=workflows, seed=seed, runs_per_day=runs_per_day, hosts=hosts, sds=sds)
    if not 0 <= releases_per_month <= 1000:
        raise InputError(f"releases_per_month is {quote(releases_per_month)}, expected a number from 0 to 1000")
    tz, flaws = zone_name(tz), flaws or Flaws()
    until = _instant(end, tz=tz)
    start = until - timedelta(days=days)
    free = frozenset(closed) if closed is not None else _holidays(start, until)
    sizes = (days, seed, until, float(runs_per_day), hosts, float(day_sd), float(load_sd), float(releases_per_month))
    options: tuple[object, ...] = (VERSION, *sizes, tuple(sorted(free)), tz)
    machines = tuple(f"vm-rpa-{number + 1:02d}" for number in range(hosts))
    flaws.check(machines)
    here = local_time(tz, start, until)
    start_us, end_us = (start - _EPOCH) // _MICROSECOND, (until - _EPOCH) // _MICROSECOND

    def plan(number: int, process: Process) -> Plan:
        robots = robots_needed(process, runs_per_day=runs_per_day)
        on = tuple((number + robot) % hosts for robot in range(robots))
        return Plan(
            process=process,
            robots=tuple(f"{process.workflow_id}-bot-{robot + 1:02d}" for robot in range(robots)),
            hosts=on,
            releases=releases(process, seed=seed, here=here, hosts=on, per_month=releases_per_month),
            id_prefix=digest((*options, process.workflow_id), digits=8),
        )

    known = processes(workflows, seed=seed)
    world = World(
        seed=seed,
        start=start,
        start_us=start_us,
        end_us=end_us,
        days=days,
        closed=free,
        here=here,
        conditions=conditions(machines, seed=seed, start_us=start_us, hours=24 * days, load_sd=load_sd, tz=tz),
        plans={process.workflow_id: plan(number, process) for number, process in enumerate(known)},
    )
    wanted = default_faults(world) if faults is None else as_faults(faults, world)
    calm: dict[str, Runs] = {}
    for number, (name, one) in enumerate(world.plans.items()):
        if on_workflow:
            on_workflow(name, number, workflows)
        rng = stream(seed, f"{name} arrivals")
        rate = runs_per_day * one.process.weight
        queued = arrivals(rng, one.process.rhythm, start=start, end=until, runs_per_day=rate, closed=free, tz=tz)
        runs = draw_runs(one, queued, world=world, day_sd=day_sd, flaws=flaws)
        begun = runs.started_us < end_us
        calm[name] = runs.where(begun if flaws.running else begun & (runs.started_us + runs.length_us() <= end_us))
    struck, planted, truth = plant_all(wanted, calm, world)
    drawn = tuple(cut(runs, seed=seed, flaws=flaws, end_us=end_us) for runs in struck.values())
    return Fleet(
        drawn,
        world=world,
        faults=planted,
        truth=truth,
        flaws=flaws,
        resources=resources,
        writer=_writer(drawn, options=(*options, workflows, planted, astuple(flaws), resources)),
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


def _writer(drawn: Iterable[Runs], *, options: tuple[object, ...]) -> str:
    """Who wrote it: an importer's name, of the options and, as another NumPy may draw otherwise, of what was drawn."""
    seen = blake2b()
    for runs in drawn:
        for array in (runs.started_us, runs.length_us()):
            seen.update(array.astype("<i8").tobytes())
    return "i" + digest(("rpa_lab.simulate", options, seen.hexdigest()), digits=11)


def _instant(end: datetime | date | None, *, tz: str) -> datetime:
    if isinstance(end, datetime):
        if end.tzinfo is None:
            raise InputError(f"end {end:%Y-%m-%d %H:%M} has no time zone; pass an aware datetime or a date")
        return end.astimezone(UTC)
    zone = ZoneInfo(tz)
    day = end or datetime.now(zone).date()
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _holidays(start: datetime, end: datetime) -> frozenset[date]:
    return frozenset().union(*(holidays(year) for year in range(start.year, end.year + 1)))
