"""Which stretch of time is meant: half-open, from a start that belongs to it to an end that doesn't.

A `Period` is what somebody says ("30d", "2026-11"); a `Span` is what it means in UTC once it is known when "now" is and
in which zone a day begins: ``Period("2026-11-03").resolve(tz="Europe/Paris")`` is 24 hours from 2026-11-02 23:00 UTC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from rpa_lab.errors import InputError, quote

__all__ = ["EVER", "Period", "Span", "as_utc", "before", "this_minute", "zone", "zone_name"]

_UNITS = {
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_RELATIVE = re.compile(r"(\d{1,6})\s*(min|h|d|w)")
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_DURATION = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_OFFSET = re.compile(r"UTC([+-])(\d{2}):(\d{2})")
_EXPECTED = (
    "expected '30d', '24h', '2w', '90min', '2026-11', '2026-11-03', 'all', an ISO interval "
    "such as '2026-11-03/2026-11-10', or two bounds"
)


@dataclass(frozen=True, slots=True)
class Span:
    """A resolved period: UTC bounds, half-open, and the zone in which its days are meant.

    Examples
    --------
    >>> print(Period("2026-11-03").resolve())
    2026-11-03T00:00:00Z/2026-11-04T00:00:00Z
    """

    start: datetime
    end: datetime
    tz: str = "UTC"

    def __contains__(self, at: datetime) -> bool:
        return self.start <= at < self.end

    def __str__(self) -> str:
        return f"{_iso(self.start)}/{_iso(self.end)}"

    @property
    def length(self) -> timedelta:
        """From start to end."""
        return self.end - self.start

    def describe(self) -> str:
        """The span in words, in its own zone, for titles.

        Examples
        --------
        >>> Period("2026-11").resolve(tz="Europe/Paris").describe()
        '1 November 2026 to 30 November 2026 (Europe/Paris)'
        """
        zone_info = zone(self.tz)
        first, last = self.start.astimezone(zone_info), self.end.astimezone(zone_info)
        if first.time() == last.time() == time(0):
            last_day = (last - timedelta(days=1)).date()
            words = _day(first.date()) if first.date() == last_day else f"{_day(first.date())} to {_day(last_day)}"
        else:
            words = f"{_day(first.date())} {first:%H:%M} to {_day(last.date())} {last:%H:%M}"
        return f"{words} ({self.tz})"


EVER: Final = Span(datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
"""What "all" means where no store narrows it to the days that it holds."""


class Period:
    """A stretch of time as somebody says it.

    Parameters
    ----------
    start : str, date, datetime, timedelta or Period
        Alone: a date (that day), ``"30d"``, ``"24h"``, ``"2w"``, ``"90min"`` (back from now), a `timedelta` (the same),
        ``"2026-11"``, ``"2026-11-03"``, ``"all"``, or an ISO interval (``"2026-11-03/2026-11-10"``,
        ``"2026-11-03T08:00Z/PT4H"``).
    end : str, date or datetime, optional
        With it, both are bounds; the end does not belong to the period. A `datetime` must have a time zone; dates and
        strings without one are read in the zone given to `resolve`.

    Raises
    ------
    InputError
        If it can't be understood, or its end isn't after its start.

    Examples
    --------
    >>> from datetime import datetime, timezone
    >>> now = datetime(2026, 11, 3, 12, tzinfo=timezone.utc)
    >>> print(Period("24h").resolve(as_of=now))
    2026-11-02T12:00:00Z/2026-11-03T12:00:00Z
    >>> print(Period("2026-11-01/P7D").resolve(tz="Asia/Tokyo"))
    2026-10-31T15:00:00Z/2026-11-07T15:00:00Z
    """

    __slots__ = ("_back", "_days", "_end", "_start", "_text")

    def __init__(
        self, start: str | date | timedelta | Period | Span = "30d", end: str | date | timedelta | None = None
    ) -> None:
        self._back: timedelta | None = None
        self._start: date | None = None
        self._end: date | timedelta | None = None
        self._days = 0
        if end is not None:
            self._text = f"{_shown(start)}/{_shown(end)}"
            self._bounds(start, end)
        elif isinstance(start, Period):
            self._back, self._start, self._end = start._back, start._start, start._end
            self._days, self._text = start._days, start._text
        elif isinstance(start, Span):
            self._start, self._end, self._text = start.start, start.end, str(start)
        elif isinstance(start, timedelta):
            if start <= timedelta(0):
                raise InputError(f"period {quote(start)} is not positive; {_EXPECTED}")
            self._back, self._text = start, f"last {start}"
        elif isinstance(start, str):
            self._text = start.strip()
            self._parse(self._text)
        elif isinstance(start, date) and not isinstance(start, datetime):
            self._text, self._start, self._end = start.isoformat(), start, _later(str(start), start, 1)
        elif isinstance(start, datetime):
            raise InputError(f"period {quote(start)} has one bound only; {_EXPECTED}")
        else:
            raise InputError(f"period {quote(start)} can't be understood; {_EXPECTED}")

    def _parse(self, text: str) -> None:
        if text == "all":
            return
        if found := _RELATIVE.fullmatch(text):
            self._back = int(found[1]) * _UNITS[found[2]]
            if not self._back:
                raise InputError(f"period {quote(text)} is empty; {_EXPECTED}")
        elif found := _MONTH.fullmatch(text):
            try:
                self._start = date(int(found[1]), int(found[2]), 1)
            except ValueError:
                raise InputError(f"period {quote(text)} names no month; {_EXPECTED}") from None
            self._end = _later(text, self._start, 31).replace(day=1)
        elif "/" in text:
            first, _, last = text.partition("/")
            self._bounds(first, last)
        else:
            self._start = _bound("period", text)
            if isinstance(self._start, datetime):
                raise InputError(f"period {quote(text)} has one bound only; {_EXPECTED}")
            self._end = _later(text, self._start, 1)

    def _bounds(self, start: object, end: object) -> None:
        duration = _DURATION.fullmatch(end) if isinstance(end, str) else None
        self._start = _bound("period start", start)
        if duration and any(duration.groups()):
            weeks, days, hours, minutes, seconds = (int(part or 0) for part in duration.groups())
            self._days = 7 * weeks + days
            try:
                self._end = timedelta(hours=hours, minutes=minutes, seconds=seconds)
            except OverflowError:
                raise _out_of_range(self._text) from None
        elif isinstance(end, timedelta):
            self._days, self._end = end.days, end - timedelta(days=end.days)
        else:
            self._end = _bound("period end", end)
        if isinstance(self._end, timedelta) or _is_aware(self._start) == _is_aware(self._end):
            self.resolve()  # says at once where the end isn't after the start, if that doesn't depend on the zone

    @property
    def is_all(self) -> bool:
        """Whether it is ``"all"``: everything that a store holds."""
        return self._back is None and self._start is None

    @property
    def is_relative(self) -> bool:
        """Whether it counts back from now."""
        return self._back is not None

    def resolve(self, *, as_of: datetime | None = None, tz: str | tzinfo = "UTC") -> Span:
        """The UTC bounds that are meant.

        Parameters
        ----------
        as_of : datetime, optional
            What "now" is for a relative period; default the end of the present minute.
        tz : str or tzinfo
            The zone in which days and months begin, and naive bounds are read.

        Returns
        -------
        Span
            ``"all"`` gives `EVER`.

        Raises
        ------
        InputError
            If the zone is unknown or the end isn't after the start.
        """
        zone_info = zone(tz)
        name = getattr(zone_info, "key", None) or str(tz)
        try:
            start, end = self._utc(as_of, zone_info)
        except OverflowError:
            raise _out_of_range(self._text) from None
        if end <= start:
            raise InputError(f"period {quote(self._text)} ends at {_iso(end)}, not after its start {_iso(start)}")
        return Span(start, end, name)

    def _utc(self, as_of: datetime | None, zone_info: tzinfo) -> tuple[datetime, datetime]:
        if self._back is not None:
            now = as_utc(as_of, tz=zone_info) if as_of else this_minute()
            return now - self._back, now
        if self._start is None or self._end is None:
            return EVER.start, EVER.end
        start = as_utc(self._start, tz=zone_info)
        if not isinstance(self._end, timedelta):
            return start, as_utc(self._end, tz=zone_info)
        if not self._days:
            return start, start + self._end
        # 7 days later is the same time of day, also where the clock changes; 168 hours later is not
        local = start.astimezone(zone_info).replace(tzinfo=None)
        return start, as_utc(local + timedelta(days=self._days), tz=zone_info) + self._end

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Period({self._text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Period) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        return (self._back, type(self._start), self._start, type(self._end), self._end, self._days)


def before(span: Span) -> Span:
    """The period right before another, as long by its zone's clock.

    Parameters
    ----------
    span : Span
        The later one.

    Returns
    -------
    Span

    Raises
    ------
    InputError
        If it began before the year 1.

    Examples
    --------
    >>> print(before(Period("2026-11-08/2026-11-15").resolve(tz="Europe/Paris")))
    2026-10-31T23:00:00Z/2026-11-07T23:00:00Z
    """
    zone_info = zone(span.tz)
    start, end = (at.astimezone(zone_info).replace(tzinfo=None) for at in (span.start, span.end))
    try:
        # 7 days before it is the same time of day, also where the clock changes
        return Span(as_utc(start - (end - start), tz=zone_info), span.start, span.tz)
    except OverflowError:
        raise _out_of_range(str(span)) from None


def this_minute() -> datetime:
    """The end of the present minute, UTC: "now" for relative periods.

    Whole minutes let the same question be answered from a cache; the minute's end lets it count what ran just now.

    Returns
    -------
    datetime

    Examples
    --------
    >>> this_minute().second
    0
    """
    return datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)


def zone(tz: str | tzinfo) -> tzinfo:
    """The time zone of that name.

    Parameters
    ----------
    tz : str or tzinfo
        An IANA name such as ``"Europe/Paris"``, or ``"UTC+05:30"``; a `tzinfo` is given back as it is.

    Returns
    -------
    tzinfo

    Raises
    ------
    InputError
        If there is no such zone.

    Examples
    --------
    >>> zone("Europe/Paris")
    zoneinfo.ZoneInfo(key='Europe/Paris')
    """
    if isinstance(tz, tzinfo):
        return tz
    try:
        if fixed := _OFFSET.fullmatch(tz):  # as Python itself names a fixed offset
            offset = timedelta(hours=int(fixed[2]), minutes=int(fixed[3]))
            return timezone(-offset if fixed[1] == "-" else offset)
        return ZoneInfo(tz)
    except (ValueError, OSError, TypeError, KeyError):  # any of these, by how the name is wrong
        raise InputError(f"tz {quote(tz)} is no time zone; expected an IANA name such as 'Europe/Paris'") from None


def zone_name(tz: str | tzinfo) -> str:
    """The IANA name of a zone, by which frames can be shown in it.

    Raises
    ------
    InputError
        If it has none: a fixed offset, or whatever this machine's own zone is.

    Examples
    --------
    >>> zone_name(ZoneInfo("Europe/Paris"))
    'Europe/Paris'
    """
    name = getattr(zone(tz), "key", None)
    if name is None or name in ("localtime", "Factory"):
        raise InputError(f"tz {quote(tz)} has no IANA name; expected one such as 'Europe/Paris' or 'Etc/GMT-5'")
    return str(name)


def as_utc(at: date | str, *, tz: str | tzinfo = "UTC") -> datetime:
    """A date or time as an aware UTC datetime.

    Parameters
    ----------
    at : date, datetime or str
        A date means its midnight; text is ISO 8601. Where the clock repeats an hour the first is meant; where it skips
        one, the time that the clock would have shown.
    tz : str or tzinfo
        The zone in which a date or a naive datetime is read.

    Returns
    -------
    datetime
        Aware, UTC.

    Examples
    --------
    >>> from datetime import date
    >>> as_utc(date(2026, 11, 3), tz="Europe/Paris").isoformat()
    '2026-11-02T23:00:00+00:00'
    """
    if isinstance(at, str):
        at = _bound("time", at)
    if not isinstance(at, date):
        raise InputError(f"time {quote(at)} can't be understood; expected a date, a datetime or ISO 8601 text")
    moment = at if isinstance(at, datetime) else datetime.combine(at, time(0))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone(tz))
    return moment.astimezone(UTC)


def _bound(name: str, value: object) -> date:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InputError(
                f'{name} {value:%Y-%m-%d %H:%M} has no time zone; pass an aware datetime or Period("{value:%Y-%m-%d}")'
            )
        return value
    if isinstance(value, date):
        return value
    if isinstance(value, str):
        text = value.strip()
        try:
            is_day = re.fullmatch(r"\d{4}-\d{2}-\d{2}", text)
            return date.fromisoformat(text) if is_day else datetime.fromisoformat(text)
        except ValueError:
            pass
    raise InputError(f"{name} {quote(value)} can't be understood; {_EXPECTED}")


def _later(text: str, day: date, days: int) -> date:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        raise _out_of_range(text) from None


def _out_of_range(text: str) -> InputError:
    return InputError(f"period {quote(text)} is out of range (years 1 to 9999); {_EXPECTED}")


def _is_aware(bound: date) -> bool:
    return isinstance(bound, datetime) and bound.tzinfo is not None


def _shown(bound: object) -> str:
    return bound.isoformat() if isinstance(bound, date) else str(bound)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def _day(at: date) -> str:
    return f"{at.day} {at:%B} {at.year}"
