"""Who does which run, and when: robots take turns and do one run at a time; what comes while they are busy waits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from rpa_lab.simulate.process import Process

__all__ = ["dispatch", "robots_needed"]

_MEAN_OVER_MEDIAN = 1.35
_UTILISATION = 0.5


def robots_needed(process: Process, *, runs_per_day: float) -> int:
    """How many robots keep a workflow's busiest hour at half their capacity; two at least where much is run.

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
    (2, 22)
    """
    weekdays = process.rhythm.weekdays
    busiest_day = runs_per_day * process.weight * max(weekdays) / (sum(weekdays) / 7)
    busiest_hour = busiest_day * float(process.rhythm.hour_shares().max())
    hours_of_work = busiest_hour * process.median_ms * _MEAN_OVER_MEDIAN / 3_600_000
    least = 2 if process.weight >= 1 else 1
    return max(least, math.ceil(hours_of_work / _UTILISATION))


def dispatch(
    queued_us: npt.NDArray[np.int64], length_us: npt.NDArray[np.int64], *, robots: int
) -> npt.NDArray[np.int64]:
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
    started: npt.NDArray[np.int64] = np.maximum.accumulate(queued - before, axis=0) + before
    return started.reshape(-1)[: len(queued_us)]
