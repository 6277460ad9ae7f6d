"""What is wrong with the records, not with the robots: runs that never end, clocks that are off, data that is missing.

``Flaws(running=True, abandoned=0.001)`` leaves the runs that are at work when the fleet's time ends as ``running``
rows, and of every thousand runs one is killed midway: its row says ``running`` for ever, its steps stop. Runs that
flaws leave alone are recorded as without them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from rpa_lab.errors import InputError, quote, unknown_name
from rpa_lab.simulate.streams import stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpa_lab.simulate.runs import Bools, Ints, Runs

__all__ = ["Flaws", "cut", "everyday_flaws", "is_killed", "is_lost", "skew_us"]

_MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaws:
    """What is wrong with a fleet's records. By default nothing is.

    Attributes
    ----------
    running : bool
        Whether runs that are still at work at the fleet's end are there, as running ones. Otherwise they are left out.
    abandoned : float
        Fraction 0-1 of the runs that are killed midway.
    clock_skew_sec : mapping of str to float
        By how much the clock of a host is ahead, or (negative) behind. Durations stay right; `queued_at` is said by the
        queue, whose clock is right.
    lost_minutes : float
        Fraction 0-1 of the minutes of a host of which all steps that began in them are lost.
    null_durations, null_confidence : float
        Fraction 0-1 of the steps whose duration, or confidence, was not said.

    Examples
    --------
    >>> Flaws(abandoned=0.001, clock_skew_sec={"vm-rpa-02": -3.5}).clock_skew_sec
    {'vm-rpa-02': -3.5}
    """

    running: bool = False
    abandoned: float = 0.0
    clock_skew_sec: Mapping[str, float] = field(default_factory=dict)
    lost_minutes: float = 0.0
    null_durations: float = 0.0
    null_confidence: float = 0.0

    def check(self, hosts: Sequence[str]) -> None:
        """Refuse what makes no sense.

        Raises
        ------
        InputError
            If a share is no fraction, or a clock no number of seconds within a day.
        UnknownNameError
            If the fleet has no such host.
        """
        for name in ("abandoned", "lost_minutes", "null_durations", "null_confidence"):
            share = getattr(self, name)
            if not 0 <= share <= 1:
                raise InputError(f"{name} is {quote(share)}, expected a fraction from 0 to 1")
        for host, seconds in self.clock_skew_sec.items():
            if host not in hosts:
                raise unknown_name("clock_skew_sec: the fleet has no host", host, hosts)
            if not (math.isfinite(seconds) and abs(seconds) < 86_400):
                raise InputError(f"clock_skew_sec of {host} is {quote(seconds)}, expected seconds, less than a day")


def everyday_flaws(hosts: int) -> Flaws:
    """Flaws as one meets them: a few of each kind, and the clock of the last host 2.5 seconds ahead.

    Parameters
    ----------
    hosts : int
        How many hosts the fleet has.

    Returns
    -------
    Flaws
    """
    return Flaws(
        running=True,
        abandoned=0.0005,
        clock_skew_sec={f"vm-rpa-{hosts:02d}": 2.5},
        lost_minutes=0.0005,
        null_durations=0.0005,
        null_confidence=0.01,
    )


def skew_us(flaws: Flaws, hosts: Sequence[str]) -> Ints:
    """By how much the clock of each host is ahead, microseconds."""
    return np.asarray([round(flaws.clock_skew_sec.get(host, 0) * 1e6) for host in hosts], np.int64)


def is_killed(runs: Runs, *, seed: int, flaws: Flaws) -> tuple[Bools, Ints]:
    """Which runs were killed, and how long after their start.

    Parameters
    ----------
    runs : Runs
        With whatever faults are planted in them.
    seed : int
        The fleet's seed.
    flaws : Flaws
        How many are.

    Returns
    -------
    tuple of numpy.ndarray
    """
    rng = stream(seed, f"{runs.process.workflow_id} killed")
    chance, when = rng.random((int(runs.number.max(initial=-1)) + 1, 2))[runs.number].T
    return chance < flaws.abandoned, (when * runs.length_us()).astype(np.int64)


def cut(runs: Runs, *, seed: int, flaws: Flaws, end_us: int) -> Runs:
    """The runs, with the time after which nothing more is heard of those that were killed or are still at work.

    Parameters
    ----------
    runs : Runs
        With whatever faults are planted in them.
    seed : int
        The fleet's seed.
    flaws : Flaws
        What is wrong.
    end_us : int
        The fleet's end, microseconds since 1970 UTC.

    Returns
    -------
    Runs
    """
    cut_us = runs.cut_us.copy()
    if flaws.running:
        left_us = end_us - runs.started_us
        cut_us = np.where(runs.length_us() > left_us, left_us, cut_us)
    if flaws.abandoned:
        killed, after_us = is_killed(runs, seed=seed, flaws=flaws)
        cut_us = np.where(killed & ((cut_us < 0) | (after_us < cut_us)), after_us, cut_us)
    return replace(runs, cut_us=cut_us)


def is_lost(host: Ints, at_us: Ints, *, seed: int, flaws: Flaws, hosts: Sequence[str], start_us: int) -> Bools:
    """Which steps were lost with the minute of their host in which they began.

    Parameters
    ----------
    host : numpy.ndarray
        The number of the host of each step.
    at_us : numpy.ndarray
        When it began.
    seed : int
        The fleet's seed.
    flaws : Flaws
        How many minutes are lost.
    hosts : sequence of str
        The hosts' names.
    start_us : int
        The fleet's start.

    Returns
    -------
    numpy.ndarray
    """
    minute = np.maximum(0, (at_us - start_us) // _MINUTE_US)
    minutes = int(minute.max(initial=0)) + 1
    lost = [stream(seed, f"{name} lost minutes").random(minutes) < flaws.lost_minutes for name in hosts]
    return np.asarray(lost)[host, minute]
