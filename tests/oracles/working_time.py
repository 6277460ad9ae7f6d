"""Working time, minute by minute or piece by piece."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rpa_lab.storage.settings_calendar import Calendar

__all__ = ["Stretch", "busy_seconds", "minutes_of_work", "shifts", "worked_seconds"]

Stretch = tuple[datetime, datetime]


def shifts(calendar: Calendar, first: date, last: date, *, tz: str) -> list[Stretch]:
    """Each shift that begins on one of these days, by the zone's clock; they may overlap."""
    zone = ZoneInfo(calendar.tz or tz)
    found = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        for shift in calendar.shifts[day.weekday()] if day not in calendar.holidays else ():
            midnight = datetime.combine(day, time(0))
            begin, end = (
                (midnight + timedelta(minutes=at)).replace(tzinfo=zone).astimezone(UTC)
                for at in (shift.begin, shift.end)
            )
            found.append((begin, end))
    return found


def minutes_of_work(start: datetime, end: datetime, stretches: Iterable[Stretch]) -> int:
    """How many of the minutes that begin between two whole minutes lie in working time, one minute after the other."""
    stretches = list(stretches)
    worked, at = 0, start
    while at < end:
        worked += any(opens <= at < closes for opens, closes in stretches)
        at += timedelta(minutes=1)
    return worked


def worked_seconds(start: datetime, end: datetime, stretches: Sequence[Stretch] | None) -> float:
    """Working time between two instants, negative if the other comes first; without stretches all time is."""
    if end < start:
        return -worked_seconds(end, start, stretches)
    return busy_seconds([(start, end)], stretches)


def busy_seconds(intervals: Iterable[Stretch], stretches: Sequence[Stretch] | None) -> float:
    """How long at least one of the intervals is open in working time: piece by piece between all their edges."""
    intervals = list(intervals)
    edges = sorted({edge for pair in (*intervals, *(stretches or ())) for edge in pair})
    total = 0.0
    for begin, end in pairwise(edges):
        busy = any(a <= begin and end <= b for a, b in intervals)
        worked = stretches is None or any(a <= begin and end <= b for a, b in stretches)
        total += (end - begin).total_seconds() if busy and worked else 0.0
    return total
