"""The clock on the wall: where the days and hours of a time zone lie in UTC, over the changes of the clock too.

In Europe/Berlin eight in the morning is 07:00 UTC on 24 October 2026, and 06:00 UTC on the day before the clock was
changed. An hour that the clock skips is worked an hour later; one that comes twice is worked twice as long, at half the
pace.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from rpa_lab.period import zone_name

__all__ = ["LocalTime", "local_time"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LocalTime:
    """The local days that a span of time touches, and where their hours lie.

    Attributes
    ----------
    tz : str
        The zone.
    days : tuple of date
        The local days, in order.
    midnights_us : numpy.ndarray
        When each of them begins, and when the one after the last does; microseconds since 1970 UTC, as all times here.
    hours_us : numpy.ndarray
        One row a day, one column an hour by the clock: when that hour begins.
    lengths_us : numpy.ndarray
        How long it lasts: one hour, or two where it comes twice.
    """

    tz: str
    days: tuple[date, ...]
    midnights_us: npt.NDArray[np.int64]
    hours_us: npt.NDArray[np.int64]
    lengths_us: npt.NDArray[np.int64]

    def day_of(self, at_us: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The number of the local day of each of these times, an index into `days`."""
        day = np.searchsorted(self.midnights_us, at_us, side="right") - 1
        return np.clip(day, 0, len(self.days) - 1).astype(np.int64)


@lru_cache(maxsize=16)
def local_time(tz: str, start: datetime, end: datetime) -> LocalTime:
    """The local days from one time to another.

    Parameters
    ----------
    tz : str
        A zone of the IANA database.
    start, end : datetime
        Aware bounds, half-open.

    Returns
    -------
    LocalTime

    Examples
    --------
    >>> noon = datetime(2026, 10, 24, 12, tzinfo=UTC)
    >>> here = local_time("Europe/Berlin", noon, noon + timedelta(days=2))
    >>> [str(day) for day in here.days], np.diff(here.midnights_us).tolist()[1] / 3_600_000_000
    (['2026-10-24', '2026-10-25', '2026-10-26'], 25.0)
    """
    zone = ZoneInfo(zone_name(tz))
    first, last = start.astimezone(zone).date(), (end - _MICROSECOND).astimezone(zone).date()
    days = tuple(first + timedelta(days=i) for i in range((last - first).days + 1))
    hours = [[_on_the_clock(day, hour, zone) for hour in range(24)] for day in days]
    return LocalTime(
        tz=tz,
        days=days,
        midnights_us=np.asarray([_us(_on_the_clock(day, 0, zone)) for day in (*days, last + timedelta(days=1))]),
        hours_us=np.asarray([[_us(at) for at in row] for row in hours], np.int64),
        lengths_us=np.asarray([[_lasts(at, zone) // _MICROSECOND for at in row] for row in hours], np.int64),
    )


def _on_the_clock(day: date, hour: int, zone: ZoneInfo) -> datetime:
    """When the clock first shows that hour; an hour that it skips counts from when it would have come."""
    return datetime(day.year, day.month, day.day, hour, tzinfo=zone).astimezone(UTC)


def _lasts(at: datetime, zone: ZoneInfo) -> timedelta:
    again = (at + _HOUR).astimezone(zone)
    return 2 * _HOUR if again.replace(tzinfo=None) == at.astimezone(zone).replace(tzinfo=None) else _HOUR


def _us(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND
