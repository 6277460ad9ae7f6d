"""What makes runs of one day, or of one host, resemble each other, so that they are not independent.

A step's time is its own times the factors below: the host's (constant), the load's (by host and hour, correlated from
hour to hour), the day's (by workflow). With a day effect of 5 %, two weeks without any change differ by some
0.05 × √(2/7) = 2.7 % in their means, however many runs a day has.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from rpa_lab.simulate.calendar import HOUR_US, OFFICE_HOURS
from rpa_lab.simulate.streams import stream

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Conditions", "conditions", "day_factors"]

_HOST_SD = 0.08
_PERSISTENCE = 0.8  # correlation of a host's load from one hour to the next
_BUSY_SHARE = 0.10  # how much slower the busiest hour of the day is than midnight


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """The hosts of a fleet and how slow each was at each hour.

    `log_factor` has one row a host and one column an hour since `start_us`, microseconds since 1970 UTC.
    """

    hosts: tuple[str, ...]
    start_us: int
    log_factor: npt.NDArray[np.float64]

    def factor(self, host: npt.NDArray[np.int64], at_us: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """How much slower than average each of these hosts, by number, was at each of these times."""
        hour = np.clip((at_us - self.start_us) // HOUR_US, 0, self.log_factor.shape[1] - 1)
        return np.exp(self.log_factor[host, hour])


def conditions(
    hosts: Sequence[str], *, seed: int, start_us: int, hours: int, load_sd: float, tz: str = "UTC"
) -> Conditions:
    """Draw the hosts' speeds and loads.

    Parameters
    ----------
    hosts : sequence of str
        Their names.
    seed : int
        The fleet's seed.
    start_us : int
        Where the first hour begins, microseconds since 1970 UTC.
    hours : int
        How many hours.
    load_sd : float
        Standard deviation of the logarithm of the load's factor, which is an autoregressive process of order 1.
    tz : str
        The zone in which people keep office hours, and machines are busier for it.

    Returns
    -------
    Conditions

    Examples
    --------
    >>> calm = conditions(["vm-rpa-01"], seed=0, start_us=0, hours=24, load_sd=0)
    >>> midnight, ten = calm.factor(np.array([0, 0]), np.array([0, 10 * HOUR_US]))
    >>> print(f"{np.log(ten / midnight):.2f}")
    0.10
    """
    rows = []
    for host in hosts:
        rng = stream(seed, f"{host} load")
        speed = rng.normal(0, _HOST_SD)
        shocks = rng.normal(0, load_sd, hours)
        rows.append(speed + _autoregressive(shocks))
    shares = OFFICE_HOURS.hour_shares()
    busy = _BUSY_SHARE * shares / shares.max()
    zone = ZoneInfo(tz)
    by_hour = busy[[datetime.fromtimestamp((start_us + i * HOUR_US) / 1e6, zone).hour for i in range(hours)]]
    return Conditions(hosts=tuple(hosts), start_us=start_us, log_factor=np.asarray(rows) + by_hour)


def day_factors(
    rng: np.random.Generator, day: npt.NDArray[np.int64], *, days: int, sd: float
) -> npt.NDArray[np.float64]:
    """One factor a day, looked up for each of these days.

    Parameters
    ----------
    rng : numpy.random.Generator
        Where they are drawn from.
    day : numpy.ndarray
        Numbers of local days, 0 for the fleet's first.
    days : int
        The fleet's length; one that is cut by either end counts too.
    sd : float
        Standard deviation of the factors' logarithms.

    Returns
    -------
    numpy.ndarray
        Of the shape of `day`.
    """
    factors: npt.NDArray[np.float64] = np.exp(rng.normal(0, sd, days + 2))
    return factors[day]


def _autoregressive(shocks: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """x[t] = φ x[t-1] + √(1-φ²) shock[t], whose standard deviation is that of the shocks."""
    values = np.empty_like(shocks)
    value = shocks[0]
    scale = np.sqrt(1 - _PERSISTENCE**2)
    for hour, shock in enumerate(shocks):
        value = value if hour == 0 else _PERSISTENCE * value + scale * shock
        values[hour] = value
    return values
