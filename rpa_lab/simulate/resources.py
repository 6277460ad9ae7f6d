"""What robots use while they run: samples of CPU and memory, as a resource collector takes them.

A run is sampled at its start, at its end, and in between every second at first, later each time a tenth of its age
has passed, at most every minute: 6 samples for 5 seconds, 25 for 36. Within a run CPU and memory are autoregressive. A
robot is restarted once a day; memory that leaks is lost until then.

Each figure depends on the seed, the run's number and the sample's place alone, so that a run has the same ones
whichever others are made into rows along with it.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from rpa_lab.simulate.calendar import DAY_US, HOUR_US
from rpa_lab.simulate.columns import frame_of, only, times

if TYPE_CHECKING:
    from rpa_lab.simulate.runs import Floats, Ints, Leak, Runs
    from rpa_lab.simulate.world import World

__all__ = ["hours_leaked", "sample_times", "samples_of"]

_SECOND_US, _MINUTE_US = 1_000_000, 60_000_000
_PERSISTENCE = 0.85  # correlation of one sample with the next of its run
_CPU_SPREAD, _MEMORY_SPREAD = 0.45, 0.02
_RESTART_US, _APART_US = 2 * HOUR_US, 7 * _MINUTE_US


def sample_times(length_us: int) -> Ints:
    """When a run of a given length is sampled, since its start; the sample of its end comes last.

    Parameters
    ----------
    length_us : int
        Microseconds.

    Returns
    -------
    numpy.ndarray

    Examples
    --------
    >>> (sample_times(5_000_000) / 1e6).tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    """
    at, age = [], 0
    while age < length_us:
        at.append(age)
        age += min(_MINUTE_US, max(_SECOND_US, age // 10))
    return np.asarray([*at, length_us], np.int64)


def hours_leaked(leak: Leak, runs: Runs, which: Ints, at_us: Ints) -> Floats:
    """For how long a leak has gone on since the last restart of the robot: of these runs, by index, at these times.

    Parameters
    ----------
    leak : Leak
        Since when there is one.
    runs : Runs
        A workflow's.
    which : numpy.ndarray
        Indices of runs.
    at_us : numpy.ndarray
        A time for each, microseconds since 1970 UTC.

    Returns
    -------
    numpy.ndarray
        Hours; 0 in a run that doesn't leak.
    """
    phase_us = _RESTART_US + runs.robot[which] * _APART_US
    since_us = np.maximum((at_us - phase_us) // DAY_US * DAY_US + phase_us, leak.since_us)
    leaking = np.isin(runs.number, leak.numbers)[which]
    hours: Floats = np.where(leaking, np.maximum(0, at_us - since_us) / HOUR_US, 0.0)
    return hours


def samples_of(runs: Runs, executions: pl.DataFrame, started_us: Ints, *, world: World) -> pl.DataFrame:
    """One row per sample of a workflow's runs.

    Parameters
    ----------
    runs : Runs
        With whatever faults are planted in them.
    executions : DataFrame
        Their rows.
    started_us : numpy.ndarray
        Their starts as their hosts' clocks had them, microseconds since 1970 UTC.
    world : World
        Where they ran.

    Returns
    -------
    DataFrame
    """
    ended = runs.cut_us < 0
    length_us = np.where(ended, runs.length_us(), runs.cut_us)
    grid = sample_times(int(length_us.max(initial=0)))[:-1]
    counts = np.searchsorted(grid, length_us) + ended  # no sample of an end that nobody saw
    run = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(run)) - np.repeat(np.cumsum(counts) - counts, counts)
    last = ended[run] & (place == counts[run] - 1)
    age_us = np.where(last, length_us[run], grid[np.minimum(place, len(grid) - 1)] if len(grid) else 0)
    at_us = runs.started_us[run] + age_us

    name = runs.process.workflow_id
    usual = _draws(f"{world.seed} {name}", np.arange(2), np.zeros(2, np.int64))
    own = _autoregressive(_draws(f"{world.seed} {name} cpu", runs.number[run], place), run, place)
    busy = world.conditions.factor(runs.host[run], at_us)
    cpu = 34 * np.exp(0.35 * usual[0] + _CPU_SPREAD * own) * busy
    held = _autoregressive(_draws(f"{world.seed} {name} memory", runs.number[run], place), run, place)
    memory = 290 * np.exp(0.3 * usual[1] + _MEMORY_SPREAD * held) * (1 + 0.02 * np.log1p(age_us / _SECOND_US))
    for leak in runs.leaks:
        memory += leak.mb_per_hour * hours_leaked(leak, runs, run, at_us)
    others = np.exp(0.3 * _draws(f"{world.seed} {name} host", runs.number[run], place))
    read = 0.4 * np.exp(_draws(f"{world.seed} {name} disk", runs.number[run], place))
    return frame_of(
        "resources",
        timestamp=times(started_us[run] + age_us),
        workflow_id=pl.repeat(name, len(run), eager=True),
        execution_id=executions["execution_id"].gather(run),
        cpu_percent=pl.Series(np.round(np.minimum(cpu, 400), 1)),
        memory_mb=pl.Series(np.round(memory, 1)),
        disk_io_mb=only(place > 0, pl.Series(np.round(read, 2))),
        host=executions["host"].gather(run),
        robot_id=executions["robot_id"].gather(run),
        host_cpu_percent=pl.Series(np.round(np.minimum(cpu / 4 + 22 * busy**3 * others, 100), 1)),
        host_memory_mb=pl.Series(np.round(5200 * busy + memory, 0)),
        shared_by=pl.repeat(1, len(run), dtype=pl.Int64, eager=True),
    )


def _autoregressive(shocks: Floats, run: Ints, place: Ints) -> Floats:
    """x[t] = φ x[t-1] + √(1-φ²) shock[t] within each run, begun with its first shock."""
    values = shocks.copy()
    first = np.flatnonzero(place == 0)
    counts = np.diff(np.append(first, len(run)))
    scale = np.sqrt(1 - _PERSISTENCE**2)
    for step in range(1, int(counts.max(initial=1))):
        at = first[counts > step] + step
        values[at] = _PERSISTENCE * values[at - 1] + scale * shocks[at]
    return values


def _draws(name: str, number: Ints, place: Ints) -> Floats:
    """A standard normal draw for each pair of numbers, which depends on them and the name alone.

    The two halves of a mixed 64-bit counter (SplitMix64) give the two uniforms of the Box-Muller transform.
    """
    key = np.uint64(int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little"))
    with np.errstate(over="ignore"):
        mixed = (number.astype(np.uint64) << np.uint64(24)) + place.astype(np.uint64) + np.uint64(1)
        mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + key
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        mixed ^= mixed >> np.uint64(31)
    high, low = (mixed >> np.uint64(32)).astype(np.float64), (mixed & np.uint64(0xFFFFFFFF)).astype(np.float64)
    normal: Floats = np.sqrt(-2 * np.log((high + 1) / 2**32)) * np.cos(2 * np.pi * low / 2**32)
    return normal
