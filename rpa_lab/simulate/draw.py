"""All that happens in the runs of one workflow, apart from planted faults, drawn at once with NumPy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rpa_lab.simulate.conditions import day_factors
from rpa_lab.simulate.dispatch import dispatch
from rpa_lab.simulate.messages import FAILURES, Failure, failure_line, failure_trace
from rpa_lab.simulate.process import MEDIAN_LINES
from rpa_lab.simulate.releases import version_of
from rpa_lab.simulate.runs import NO_CONFIDENCE, NO_DURATION, Bools, Floats, Ints, Message, Runs, Small, attempts_us
from rpa_lab.simulate.streams import stream

if TYPE_CHECKING:
    from rpa_lab.simulate.flaws import Flaws
    from rpa_lab.simulate.process import Process
    from rpa_lab.simulate.world import Plan, World

__all__ = ["draw_runs", "is_lucky"]

_CASE_SD = 0.2
_FAILURE_DAY_SD = 0.4
_TAIL_SHARE, _TAIL_INDEX, _TAIL_SCALE, _TAIL_CAP = 0.012, 1.7, 4.0, 80.0
_MOST_RETRIES = 2
_THIRD_ATTEMPT = 0.25  # of the visits that need a second one
_TROUBLED_SHARE, _TROUBLE_VISITS = 0.10, 3.0
_IN_TROUBLE, _OUT_OF_TROUBLE, _MOST_LIKELY = 14.5, 0.58, 0.6
_CANCELLED_SHARE = 0.004
_GAP_MS, _GAP_SPREAD, _WAIT_SPREAD = 12.0, 0.5, 1.0


def draw_runs(plan: Plan, queued_us: Ints, *, world: World, day_sd: float, flaws: Flaws | None = None) -> Runs:
    """Draw the runs of one workflow.

    Parameters
    ----------
    plan : Plan
        How it is run.
    queued_us : numpy.ndarray
        When its runs are queued, microseconds since 1970 UTC, ascending.
    world : World
        Where.
    day_sd : float
        Standard deviation of the logarithm of the day effect.
    flaws : Flaws, optional
        What the records are to lack.

    Returns
    -------
    Runs
    """
    process, seed, name = plan.process, world.seed, plan.process.workflow_id
    n, actions = len(queued_us), [node.action for node in process.nodes]
    number = np.arange(n, dtype=np.int64)
    robot = number % len(plan.robots)
    host = np.asarray(plan.hosts)[robot]

    rng = stream(seed, f"{name} days")
    day = world.here.day_of(queued_us)
    of_day = day_factors(rng, day, days=world.days, sd=day_sd)
    risk_of_day = day_factors(rng, day, days=world.days, sd=_FAILURE_DAY_SD)

    rng = stream(seed, f"{name} durations")
    case = np.exp(rng.normal(0, _CASE_SD, n))
    lines = np.maximum(1, np.rint(MEDIAN_LINES * case**2)).astype(np.int64)
    counts, node = _paths(process, lines)
    run = np.repeat(number, counts)
    factor: Floats = case * of_day * world.conditions.factor(host, queued_us)
    spread = np.asarray([action.spread for action in actions])[node]
    median_us = np.asarray([node.median_ms * 1000 for node in process.nodes])[node]
    own_us = np.exp(rng.normal(size=len(node)) * spread) * median_us * factor[run] * _tail(rng, len(node))
    wait_us = np.asarray([action.wait_ms * 1000 for action in actions])[node]
    gap_us = np.exp(rng.normal(size=len(node)) * _GAP_SPREAD) * _GAP_MS * 1000
    gap_us += np.exp(rng.normal(size=len(node)) * _WAIT_SPREAD) * wait_us * factor[run]
    tail_us = np.exp(rng.normal(size=n) * _GAP_SPREAD) * _GAP_MS * 1000

    taken = np.ones(len(node), np.bool_)
    for place, one in enumerate(process.nodes):
        if one.share < 1:
            taken[node == place] = is_lucky(process, number, place, share=one.share, seed=seed)
    rng = stream(seed, f"{name} outcomes")
    retries = _retries(rng, process, node, counts, risk_of_day)
    failure_rate = np.asarray([action.failure_rate for action in actions])[node]
    fails = (rng.random(len(node)) < failure_rate * risk_of_day[run]) & taken
    at = np.flatnonzero(fails)
    at = at[np.unique(run[at], return_index=True)[1]]
    first = np.cumsum(counts) - counts
    stop = counts.copy()
    failed = np.zeros(n, np.bool_)
    failed[run[at]] = True
    stop[run[at]] = at - first[run[at]] + 1
    messages, way, waited_us, retried = _failures(process, node[at], rng.random(n)[run[at]])
    failure = np.full(n, -1, np.int64)
    failure[run[at]] = way
    cancelled = (rng.random(n) < _CANCELLED_SHARE) & ~failed
    stop = np.where(cancelled, 1 + (rng.random(n) * (counts - 1)).astype(np.int64), stop)
    retries[at] = np.where(retried, _MOST_RETRIES, 0)
    duration_us = attempts_us(own_us, retries)
    duration_us[at] += waited_us * (1 + retries[at])

    rng = stream(seed, f"{name} screens")
    runs = Runs(
        process=process,
        robots=plan.robots,
        versions=plan.versions,
        messages=messages,
        number=number,
        queued_us=queued_us,
        started_us=queued_us,
        robot=robot,
        host=host,
        version=np.zeros(n, np.int64),
        lines=lines,
        stop=stop,
        failure=failure,
        cancelled=cancelled,
        tail_us=np.rint(tail_us).astype(np.int64),
        cut_us=np.full(n, -1, np.int64),
        counts=counts,
        node=node,
        taken=taken,
        gap_us=np.rint(gap_us).astype(np.int64),
        duration_us=np.maximum(1, np.rint(duration_us)).astype(np.int64),
        retries=retries,
        doubt=np.abs(rng.normal(0, 0.02, len(node))).astype(np.float32),
        heal=rng.random(len(node), np.float32),
        missing=_missing(name, len(node), seed=seed, flaws=flaws),
    )
    started_us = dispatch(queued_us, runs.length_us(), robots=len(plan.robots))
    return replace(runs, started_us=started_us, version=version_of(plan.releases, started_us, host))


def is_lucky(process: Process, number: Ints, place: int, *, share: float, seed: int) -> Bools:
    """Which runs, by number, take an optional step if such a share of them does: of a larger share, these and more.

    Parameters
    ----------
    process : Process
        The workflow.
    number : numpy.ndarray
        The runs' numbers.
    place : int
        The number of the step.
    share : float
        Fraction 0-1.
    seed : int
        The fleet's seed.

    Returns
    -------
    numpy.ndarray
    """
    chance = stream(seed, f"{process.workflow_id} {process.nodes[place].node_id} taken")
    lucky: Bools = chance.random(int(number.max(initial=-1)) + 1)[number] < share
    return lucky


def _paths(process: Process, lines: Ints) -> tuple[Ints, Small]:
    """How many visits the path of each run has, and the node of each visit."""
    n, k = len(lines), len(process.nodes)
    turns = np.ones((n, k), np.int64)
    block = np.zeros(k, np.int64)  # consecutive nodes of one loop share a number
    for place, node in enumerate(process.nodes):
        if node.lines_per_turn is not None:
            turns[:, place] = -(-lines // node.lines_per_turn)
        joined = place and node.lines_per_turn is not None
        joined = joined and process.nodes[place - 1].lines_per_turn == node.lines_per_turn
        block[place] = block[place - 1] + (not joined) if place else 0
    each = turns.reshape(-1)
    run, of_path = np.divmod(np.repeat(np.arange(n * k), each), k)
    if block[-1] < k - 1:  # a loop of several nodes: a, b, a, b instead of a, a, b, b
        turn = np.arange(len(run)) - np.repeat(np.cumsum(each) - each, each)
        of_path = of_path[np.lexsort((of_path, turn, block[of_path], run))]
    return turns.sum(axis=1), of_path.astype(np.int16)


def _retries(rng: np.random.Generator, process: Process, node: Small, counts: Ints, risk_of_day: Floats) -> Small:
    """How often each visit was tried again: seldom, but for a stretch of visits in which a troubled run is unsteady."""
    n = len(counts)
    troubled = rng.random(n) < _TROUBLED_SHARE * risk_of_day
    since = (rng.random(n) * counts).astype(np.int64)
    until = np.where(troubled, since + rng.geometric(1 / _TROUBLE_VISITS, n), since)
    position = np.arange(len(node)) - np.repeat(np.cumsum(counts) - counts, counts)
    unsteady = (position >= np.repeat(since, counts)) & (position < np.repeat(until, counts))
    rate = np.asarray([one.action.retry_rate for one in process.nodes])[node]
    rate = np.minimum(_MOST_LIKELY, rate * np.where(unsteady, _IN_TROUBLE, _OUT_OF_TROUBLE))
    again = rng.random(len(node))
    retries: Small = (again < rate).astype(np.int8) + (again < _THIRD_ATTEMPT * rate)
    return retries


def _tail(rng: np.random.Generator, count: int) -> Floats:
    """Factors that are 1 but for a few visits, whose excess is Pareto distributed."""
    factors = np.ones(count)
    struck = rng.random(count) < _TAIL_SHARE
    excess = _TAIL_SCALE * rng.pareto(_TAIL_INDEX, int(struck.sum()))
    factors[struck] = np.minimum(1 + excess, _TAIL_CAP)
    return factors


def _failures(process: Process, place: Small, chance: Floats) -> tuple[tuple[Message, ...], Ints, Floats, Bools]:
    """What each failed run says, how long it waited in vain in each attempt (µs), and whether it tried again."""
    messages: list[Message] = []
    failure = np.full(len(place), -1, np.int64)
    wait_us = np.zeros(len(place))
    retried = np.zeros(len(place), np.bool_)
    for number, node in enumerate(process.nodes):
        ways: tuple[Failure, ...] = FAILURES[node.action.family]
        weights = np.cumsum([way.weight for way in ways])
        rows = np.flatnonzero(place == number)
        way = np.searchsorted(weights / weights[-1], chance[rows], side="right")
        failure[rows] = len(messages) + way
        wait_us[rows] = np.asarray([w.wait_s * 1e6 for w in ways])[way]
        retried[rows] = np.asarray([w.retried for w in ways])[way]
        for one in ways:
            line = failure_line(one, node)
            trace = failure_trace(line, process, node)
            messages.append(Message(line=line, trace=trace, exception_kind=one.exception_kind))
    return tuple(messages), failure, wait_us, retried


def _missing(name: str, count: int, *, seed: int, flaws: Flaws | None) -> Small:
    """What the record of each visit is to lack, as bits."""
    missing = np.zeros(count, np.int8)
    if flaws is not None:
        rng = stream(seed, f"{name} missing")
        missing |= NO_DURATION * (rng.random(count) < flaws.null_durations)
        missing |= NO_CONFIDENCE * (rng.random(count) < flaws.null_confidence)
    return missing
