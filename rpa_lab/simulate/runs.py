"""The runs of one workflow as arrays: what is drawn before any fault is planted.

An array of n runs by k steps holds all steps that a run would have taken had it never stopped; `Runs.stop` says after
how many it did. So a fault changes the entries that it says and leaves all draws alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from rpa_lab.simulate.conditions import Conditions, day_factors
from rpa_lab.simulate.messages import FAILURES, Failure, failure_line, failure_trace
from rpa_lab.simulate.streams import stream

if TYPE_CHECKING:
    from rpa_lab.simulate.process import Process

__all__ = ["Message", "Runs", "dispatch", "draw_runs", "robots_needed"]

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]

_CASE_SD = 0.2
_FAILURE_DAY_SD = 0.4
_TAIL_SHARE, _TAIL_INDEX, _TAIL_SCALE, _TAIL_CAP = 0.012, 1.7, 4.0, 80.0
_MOST_RETRIES = 2
_BACKOFF_US = 1_500_000
_CANCELLED_SHARE = 0.004
_GAP_MS, _GAP_SPREAD = 12.0, 0.5
_MEAN_OVER_MEDIAN = 1.35
_UTILISATION = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a failed run says: in one line, in full, and of which kind; ``{key}`` stands for its case."""

    line: str
    trace: str
    exception_kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """One workflow's runs, in the order in which they were queued.

    `number`, `queued_us`, `started_us`, `robot`, `host`, `lines` (the size of its case), `stop`, `failure` and
    `cancelled` have one entry a run; `duration_us`, `retries`, `doubt` and `heal` also one a step; `gap_us` one more:
    before each step and after the last. `failure` is an index into `messages`, -1 where the run did not fail.
    """

    process: Process
    messages: tuple[Message, ...]
    number: Ints
    queued_us: Ints
    started_us: Ints
    robot: Ints
    host: Ints
    lines: Ints
    stop: Ints
    failure: Ints
    cancelled: Bools
    duration_us: Ints
    gap_us: Ints
    retries: Ints
    doubt: Floats
    heal: Floats

    def taken(self) -> Bools:
        """Which steps, of all that there could be, each run took."""
        return np.arange(self.duration_us.shape[1]) < self.stop[:, None]

    def step_ends(self) -> Ints:
        """When each step ended, microseconds since its run's start."""
        ends: Ints = np.cumsum(self.gap_us[:, :-1] + self.duration_us, axis=1)
        return ends

    def length_us(self) -> Ints:
        """How long each run took, microseconds."""
        last = self.stop[:, None] - 1
        lengths: Ints = (np.take_along_axis(self.step_ends(), last, axis=1) + self.gap_us[:, -1:])[:, 0]
        return lengths

    def where(self, keep: Bools) -> Runs:
        """The runs that are to be kept."""
        arrays = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("process", "messages")}
        return replace(self, **{name: array[keep] for name, array in arrays.items()})


def robots_needed(process: Process, *, runs_per_day: float) -> int:
    """How many robots keep a workflow's busiest hour at half their capacity.

    Parameters
    ----------
    process : Process
        The workflow.
    runs_per_day : float
        Runs of the average workflow on an average day.

    Returns
    -------
    int

    Examples
    --------
    >>> from rpa_lab.simulate.catalogue import CATALOGUE
    >>> robots_needed(CATALOGUE[0], runs_per_day=50), robots_needed(CATALOGUE[0], runs_per_day=3000)
    (1, 25)
    """
    weekdays = process.rhythm.weekdays
    busiest_day = runs_per_day * process.weight * max(weekdays) / (sum(weekdays) / 7)
    busiest_hour = busiest_day * float(process.rhythm.hour_shares().max())
    hours_of_work = busiest_hour * process.median_ms * _MEAN_OVER_MEDIAN / 3_600_000
    return max(1, math.ceil(hours_of_work / _UTILISATION))


def dispatch(queued_us: Ints, length_us: Ints, *, robots: int) -> Ints:
    """When each run starts if robots take turns and each does one run at a time.

    Parameters
    ----------
    queued_us : numpy.ndarray
        When each was queued, microseconds, ascending.
    length_us : numpy.ndarray
        How long each takes, microseconds.
    robots : int
        How many there are; run i is done by robot i modulo this.

    Returns
    -------
    numpy.ndarray
        Start times, microseconds, none before its run was queued.

    Examples
    --------
    >>> print(dispatch(np.array([0, 1, 2, 9]), np.array([5, 5, 5, 5]), robots=2))
    [0 1 5 9]

    References
    ----------
    The maximum form of the waiting-time recursion: Lindley (1952), doi:10.1017/S0305004100027638
    """
    turns = -(-len(queued_us) // robots)
    padding = turns * robots - len(queued_us)
    queued = np.pad(queued_us, (0, padding)).reshape(turns, robots)
    length = np.pad(length_us, (0, padding)).reshape(turns, robots)
    before = np.cumsum(length, axis=0) - length
    started: Ints = np.maximum.accumulate(queued - before, axis=0) + before
    return started.reshape(-1)[: len(queued_us)]


def draw_runs(
    process: Process,
    queued_us: Ints,
    *,
    seed: int,
    conditions: Conditions,
    days: int,
    day_sd: float,
    robots: int,
    first_host: int,
) -> Runs:
    """Draw all that happens in the runs of one workflow, apart from planted faults.

    Parameters
    ----------
    process : Process
        The workflow.
    queued_us : numpy.ndarray
        When its runs are queued, microseconds since 1970 UTC, ascending.
    seed : int
        The fleet's seed.
    conditions : Conditions
        The hosts.
    days : int
        UTC days that the fleet touches.
    day_sd : float
        Standard deviation of the logarithm of the day effect.
    robots : int
        How many robots run it.
    first_host : int
        The number of the first robot's host; the others follow in turn.

    Returns
    -------
    Runs
    """
    n, k = len(queued_us), len(process.nodes)
    actions = [node.action for node in process.nodes]
    number = np.arange(n, dtype=np.int64)
    robot = number % robots
    host = (first_host + robot) % len(conditions.hosts)

    rng = stream(seed, f"{process.workflow_id} days")
    of_day = day_factors(rng, queued_us, start_us=conditions.start_us, days=days, sd=day_sd)
    risk_of_day = day_factors(rng, queued_us, start_us=conditions.start_us, days=days, sd=_FAILURE_DAY_SD)

    rng = stream(seed, f"{process.workflow_id} durations")
    case = np.exp(rng.normal(0, _CASE_SD, n))
    factor = case * of_day * conditions.factor(host, queued_us)
    spread = np.asarray([action.spread for action in actions])
    median_us = np.asarray([node.median_ms for node in process.nodes]) * 1000
    own_us = np.exp(rng.normal(size=(n, k)) * spread) * median_us * factor[:, None] * _tail(rng, n, k)
    gap_us = np.exp(rng.normal(size=(n, k + 1)) * _GAP_SPREAD) * _GAP_MS * 1000

    rng = stream(seed, f"{process.workflow_id} outcomes")
    retry_rate = np.asarray([action.retry_rate for action in actions])
    again = rng.random((n, k))
    retries = (again < retry_rate).astype(np.int64) + (again < 0.25 * retry_rate)
    failure_rate = np.asarray([action.failure_rate for action in actions])
    fails = rng.random((n, k)) < failure_rate * risk_of_day[:, None]
    failed: Bools = np.any(fails, axis=1)
    stop = np.where(failed, fails.argmax(axis=1) + 1, k)
    messages, failure, wait_us, retried = _failures(process, stop - 1, failed, rng.random(n))
    cancelled = (rng.random(n) < _CANCELLED_SHARE) & ~failed
    stop = np.where(cancelled, 1 + (rng.random(n) * (k - 1)).astype(np.int64), stop)

    rows = np.flatnonzero(failed)
    retries[rows, stop[rows] - 1] = np.where(retried[rows], _MOST_RETRIES, 0)
    duration_us = own_us * (1 + retries) + _BACKOFF_US * retries
    duration_us[rows, stop[rows] - 1] += wait_us[rows] * (1 + retries[rows, stop[rows] - 1])

    rng = stream(seed, f"{process.workflow_id} screens")
    runs = Runs(
        process=process,
        messages=messages,
        number=number,
        queued_us=queued_us,
        started_us=queued_us,
        robot=robot,
        host=host,
        lines=np.maximum(1, np.rint(8 * case**2)).astype(np.int64),
        stop=stop,
        failure=failure,
        cancelled=cancelled,
        duration_us=np.maximum(1, np.rint(duration_us)).astype(np.int64),
        gap_us=np.rint(gap_us).astype(np.int64),
        retries=retries,
        doubt=np.abs(rng.normal(0, 0.02, (n, k))),
        heal=rng.random((n, k)),
    )
    return replace(runs, started_us=dispatch(queued_us, runs.length_us(), robots=robots))


def _tail(rng: np.random.Generator, n: int, k: int) -> Floats:
    """Factors that are 1 but for a few steps, whose excess is Pareto distributed."""
    factors = np.ones((n, k))
    struck = rng.random((n, k)) < _TAIL_SHARE
    excess = _TAIL_SCALE * rng.pareto(_TAIL_INDEX, int(struck.sum()))
    factors[struck] = np.minimum(1 + excess, _TAIL_CAP)
    return factors


def _failures(
    process: Process, at: Ints, failed: Bools, chance: Floats
) -> tuple[tuple[Message, ...], Ints, Floats, Bools]:
    """What each failed run says, how long it waited in vain in each attempt (µs), and whether it tried again."""
    messages: list[Message] = []
    failure = np.full(len(at), -1, np.int64)
    wait_us = np.zeros(len(at))
    retried = np.zeros(len(at), np.bool_)
    for place, node in enumerate(process.nodes):
        ways: tuple[Failure, ...] = FAILURES[node.action.family]
        weights = np.cumsum([way.weight for way in ways])
        rows = np.flatnonzero(failed & (at == place))
        way = np.searchsorted(weights / weights[-1], chance[rows], side="right")
        failure[rows] = len(messages) + way
        wait_us[rows] = np.asarray([w.wait_s * 1e6 for w in ways])[way]
        retried[rows] = np.asarray([w.retried for w in ways])[way]
        for one in ways:
            line = failure_line(one, node)
            trace = failure_trace(line, process, node)
            messages.append(Message(line=line, trace=trace, exception_kind=one.exception_kind))
    return tuple(messages), failure, wait_us, retried
