"""When work arrives: by hour of the day, by day of the week, and hardly at all on holidays.

A workflow of 100 runs on an average day that keeps office hours has 134 on a Tuesday, 7 on a Sunday and 7 on a holiday.
Hours and days are those of a time zone, UTC unless another is named: work follows the clock on the wall.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rpa_lab.simulate.local_time import local_time

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = [
    "AROUND_THE_CLOCK",
    "DAY_US",
    "HOUR_US",
    "NIGHTLY",
    "OFFICE_HOURS",
    "Rhythm",
    "arrivals",
    "holidays",
    "volume",
]

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_VOLUME_SD = 0.12


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How a workflow's runs spread over the hours of a day and the days of a week; weights, of any sum.

    `hours` starts at midnight, `weekdays` on Monday. On a holiday `holiday` takes the weekday's place.
    """

    hours: tuple[float, ...]
    weekdays: tuple[float, ...]
    holiday: float

    def hour_shares(self) -> npt.NDArray[np.float64]:
        """Fraction of a day's runs in each of its 24 hours."""
        hours = np.asarray(self.hours, np.float64)
        shares: npt.NDArray[np.float64] = hours / hours.sum()
        return shares

    def busiest(self, hours: int) -> int:
        """The first of the given number of consecutive hours, within one day, that hold most of its runs.

        Examples
        --------
        >>> OFFICE_HOURS.busiest(4)
        8
        """
        return int(np.argmax(np.convolve(self.hour_shares(), np.ones(hours), "valid")))


OFFICE_HOURS = Rhythm(
    hours=(0, 0, 0, 0, 0, 0.2, 1, 4, 8, 10, 10, 8, 5, 7, 8, 7, 5, 3, 1, 0.5, 0.2, 0, 0, 0),
    weekdays=(5.5, 5, 4.8, 5, 5.2, 0.4, 0.25),
    holiday=0.25,
)
NIGHTLY = Rhythm(
    hours=(2, 6, 9, 8, 5, 2, 0.5, 0.2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.2, 0.5, 1, 1.5),
    weekdays=(3.5, 5, 5, 5, 5, 4, 1),
    holiday=2,
)
AROUND_THE_CLOCK = Rhythm(
    hours=(2, 1.5, 1.2, 1, 1.2, 1.8, 3, 5, 7, 8, 8.5, 8, 7, 7.5, 8, 7.5, 7, 6, 5.5, 5, 4.5, 4, 3, 2.5),
    weekdays=(5, 5, 4.8, 4.9, 5.2, 3.6, 3),
    holiday=2.5,
)


def holidays(year: int) -> frozenset[date]:
    """The days on which TARGET, the euro's payment system, is closed, weekends apart.

    Parameters
    ----------
    year : int
        In the Gregorian calendar.

    Returns
    -------
    frozenset of date
        New Year, Good Friday, Easter Monday, Labour Day, 25 and 26 December.

    Examples
    --------
    >>> print(*sorted(holidays(2026)))
    2026-01-01 2026-04-03 2026-04-06 2026-05-01 2026-12-25 2026-12-26

    References
    ----------
    Easter by the anonymous Gregorian algorithm: Meeus (1991), Astronomical Algorithms, chapter 8.
    """
    century, rest = divmod(year, 100)
    golden = year % 19
    epact = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - epact - rest % 4) % 7
    month, day = divmod(epact + weekday - 7 * ((golden + 11 * epact + 22 * weekday) // 451) + 114, 31)
    easter = date(year, month, day + 1)
    moving = (easter - timedelta(days=2), easter + timedelta(days=1))
    return frozenset((date(year, 1, 1), *moving, date(year, 5, 1), date(year, 12, 25), date(year, 12, 26)))


def volume(rhythm: Rhythm, days: Collection[date], *, closed: Collection[date]) -> npt.NDArray[np.float64]:
    """How busy each day is expected to be, relative to the average day of an ordinary week.

    Parameters
    ----------
    rhythm : Rhythm
        The workflow's.
    days : collection of date
        The days asked for.
    closed : collection of date
        Those that are holidays.

    Returns
    -------
    numpy.ndarray
        One factor a day.

    Examples
    --------
    >>> print(*volume(OFFICE_HOURS, [date(2026, 4, 2), date(2026, 4, 3)], closed=holidays(2026)).round(2))
    1.34 0.07
    """
    mean = sum(rhythm.weekdays) / 7
    weights = [rhythm.holiday if day in closed else rhythm.weekdays[day.weekday()] for day in days]
    return np.asarray(weights, np.float64) / mean


def arrivals(
    rng: np.random.Generator,
    rhythm: Rhythm,
    *,
    start: datetime,
    end: datetime,
    runs_per_day: float,
    closed: Collection[date],
    tz: str = "UTC",
) -> npt.NDArray[np.int64]:
    """The times at which runs are queued: a Poisson process whose rate follows the rhythm.

    The rate of each day is also multiplied by a factor of its own (standard deviation 12 %): no two Tuesdays are alike.

    Parameters
    ----------
    rng : numpy.random.Generator
        Where the draws come from.
    rhythm : Rhythm
        The workflow's.
    start, end : datetime
        Aware bounds, half-open.
    runs_per_day : float
        Runs on the average day of an ordinary week.
    closed : collection of date
        Holidays.
    tz : str
        The zone whose hours and days the rhythm means.

    Returns
    -------
    numpy.ndarray
        Microseconds since 1970 UTC, ascending.
    """
    here = local_time(tz, start, end)
    rates = runs_per_day * volume(rhythm, here.days, closed=closed) * np.exp(rng.normal(0, _VOLUME_SD, len(here.days)))
    counts = rng.poisson(rates)
    count = int(counts.sum())
    day = np.repeat(np.arange(len(here.days)), counts)
    hour = np.searchsorted(np.cumsum(rhythm.hour_shares())[:-1], rng.random(count), side="right")
    within = (rng.random(count) * here.lengths_us[day, hour]).astype(np.int64)
    times = np.sort(here.hours_us[day, hour] + within)
    bounds = [(bound - _EPOCH) // timedelta(microseconds=1) for bound in (start, end)]
    return times[(times >= bounds[0]) & (times < bounds[1])]
