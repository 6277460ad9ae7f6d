"""``[calendar]`` of a store's settings: when work is done.

::

    [calendar]
    workdays = "mon-fri"                        # or ["mon", "tue", "sat"]; default Monday to Friday
    hours = ["08:00-12:00", "13:00-18:00"]      # one shift or several; default the whole day, "00:00-24:00"
    holidays = [2026-12-25, 2026-12-26]         # days on which no shift begins
    tz = "Europe/Paris"                         # whose clock is meant; default the store's tz

    [calendar.hours]                            # or, instead of workdays and hours, shifts by day
    mon-thu = "08:00-18:00"
    fri = "08:00-14:00"
    sun = "22:00-06:00"                         # a night shift belongs to the day on which it begins
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from rpa_lab.storage.settings_values import Section

__all__ = ["Calendar", "Shift", "calendar_of"]

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_KEYS: Final = ("workdays", "hours", "holidays", "tz")
_DAY_MINUTES: Final = 24 * 60
_DAYS_EXPECTED: Final = "days such as 'mon', 'mon-fri' or ['mon', 'wed']"
_HOURS_EXPECTED: Final = "hours such as '08:00-18:00', '22:00-06:00' or '00:00-24:00'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """When a shift begins and ends, minutes on the clock after the midnight before; a night shift ends after 1440."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The shifts that begin on each day of the week, Monday first, but for holidays; `tz` None is the store's."""

    shifts: tuple[tuple[Shift, ...], ...]
    holidays: tuple[date, ...] = ()
    tz: str | None = None


def calendar_of(section: Section) -> Calendar:
    """The calendar that a table says.

    Raises
    ------
    InputError
        If its days or hours can't be understood.

    Examples
    --------
    >>> said = {"workdays": "sat", "hours": "22:00-06:00"}
    >>> calendar_of(Section("rpa_lab.toml", "calendar", said)).shifts[5]
    (Shift(begin=1320, end=1800),)
    """
    section.only(_KEYS)
    by_day: dict[str, tuple[Shift, ...]] = {}
    if isinstance(section.said.get("hours"), Mapping):
        if "workdays" in section.said:
            raise section.wrong("workdays", "nothing beside hours by day, which say already what the workdays are")
        hours = section.inner("hours")
        for key in hours.said:
            for day in _days(hours, key, [key]):
                if day in by_day:
                    raise hours.wrong(key, f"hours for each day once; {day} has some already")
                by_day[day] = _shifts(hours, key)
    else:
        shifts = _shifts(section, "hours") if "hours" in section.said else (Shift(begin=0, end=_DAY_MINUTES),)
        said = section.texts("workdays") or ("mon-fri",)
        by_day = dict.fromkeys(_days(section, "workdays", said), shifts)
    return Calendar(
        shifts=tuple(by_day.get(day, ()) for day in _DAYS), holidays=_holidays(section), tz=section.zone("tz")
    )


def _days(section: Section, key: str, said: tuple[str, ...] | list[str]) -> list[str]:
    """The days that words such as "mon-fri" mean; "sat-mon" goes over the week's end."""
    found: list[str] = []
    for words in said:
        first, _, last = words.lower().replace(" ", "").partition("-")
        ends = [word[:3] for word in (first, last or first)]
        if not all(word in _DAYS for word in ends) or len(first) < 3:
            raise section.wrong(key, _DAYS_EXPECTED, value=words)
        at, until = (_DAYS.index(word) for word in ends)
        found += [_DAYS[(at + step) % 7] for step in range((until - at) % 7 + 1)]
    return found


def _shifts(section: Section, key: str) -> tuple[Shift, ...]:
    return tuple(_shift(section, key, words) for words in section.texts(key))


def _shift(section: Section, key: str, words: str) -> Shift:
    begin, _, end = (_minute(part) for part in words.replace(" ", "").replace("–", "-").partition("-"))
    if begin is None or end is None or begin in (end, _DAY_MINUTES):
        raise section.wrong(key, _HOURS_EXPECTED, value=words)
    return Shift(begin=begin, end=end if end > begin else end + _DAY_MINUTES)


def _minute(clock: str) -> int | None:
    hour, colon, minute = clock.partition(":")
    if not (colon and hour.isdecimal() and minute.isdecimal() and len(hour) <= 2 and len(minute) == 2):
        return None
    total = int(hour) * 60 + int(minute)
    return total if int(minute) < 60 and total <= _DAY_MINUTES else None


def _holidays(section: Section) -> tuple[date, ...]:
    said = section.said.get("holidays", [])
    if not isinstance(said, list):
        raise section.wrong("holidays", "a list of dates such as [2026-12-25, 2026-12-26]")
    return tuple(sorted({_holiday(section, one) for one in said}))


def _holiday(section: Section, said: object) -> date:
    if isinstance(said, date) and not isinstance(said, datetime):
        return said
    try:
        return date.fromisoformat(said) if isinstance(said, str) else date.fromisoformat("")
    except ValueError:
        raise section.wrong("holidays", "dates such as 2026-12-25", value=said) from None
