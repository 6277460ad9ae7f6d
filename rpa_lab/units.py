"""How figures and names are said to people: 830 ms, 42.3 s, 1 min 35 s; 97.3 %; 4,310 runs.

A sentence says a duration in up to two units (`duration_text`); an axis and a table column have one unit for all of
their values (`time_unit`), chosen so that a typical one has one to three digits before the point.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "TimeUnit",
    "count_text",
    "duration_text",
    "name_text",
    "names_text",
    "number_text",
    "percent_text",
    "time_unit",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeUnit:
    """A unit of time: its symbol, and how many milliseconds it has."""

    symbol: str
    ms: float


_UNITS = (
    TimeUnit(symbol="ms", ms=1.0),
    TimeUnit(symbol="s", ms=1_000.0),
    TimeUnit(symbol="min", ms=60_000.0),
    TimeUnit(symbol="h", ms=3_600_000.0),
)


def time_unit(typical_ms: Iterable[float | None]) -> TimeUnit:
    """The unit in which an axis or a column should show these durations.

    Parameters
    ----------
    typical_ms : iterable of float or None
        Durations in milliseconds; the largest one decides. Missing ones are passed over.

    Returns
    -------
    TimeUnit
        Milliseconds up to 1 s, seconds up to 3 min, minutes up to 3 h, else hours.

    Examples
    --------
    >>> time_unit([250.0, None]).symbol, time_unit([95_000.0]).symbol, time_unit([]).symbol
    ('ms', 's', 's')
    """
    largest = max((value for value in typical_ms if value is not None), default=1_000.0)
    for unit, limit_ms in zip(_UNITS, (1_000.0, 180_000.0, 10_800_000.0), strict=False):
        if largest < limit_ms:
            return unit
    return _UNITS[-1]


def duration_text(ms: float | None) -> str:
    """A duration as a sentence says it, with three significant digits or two units.

    Parameters
    ----------
    ms : float or None
        Milliseconds; None is a dash.

    Returns
    -------
    str

    Examples
    --------
    >>> [duration_text(ms) for ms in (0.42, 830.0, 42_300.0, -95_000.0, 7_500_000.0, None)]
    ['0.42 ms', '830 ms', '42.3 s', '-1 min 35 s', '2 h 5 min', '–']
    """
    if ms is None:
        return "–"
    if ms < 0:
        return f"-{duration_text(-ms)}"
    if ms < 999.5:
        return f"{ms:.3g} ms"
    if ms < 59_950:
        return f"{ms / 1_000:.3g} s"
    seconds = round(ms / 1_000)
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s" if seconds else f"{minutes} min"
    hours, minutes = divmod(round(ms / 60_000), 60)
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"


def percent_text(fraction: float | None) -> str:
    """A fraction as a percentage that never rounds something to nothing, or almost all to all.

    Parameters
    ----------
    fraction : float or None
        0-1; None is a dash.

    Returns
    -------
    str

    Examples
    --------
    >>> [percent_text(f) for f in (0.0, 0.0004, 0.021, 0.384, 0.9996, 1.0, 1.896, None)]
    ['0 %', '< 0.1 %', '2.1 %', '38 %', '> 99.9 %', '100 %', '190 %', '–']
    """
    if fraction is None:
        return "–"
    percent = fraction * 100
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:.0f} %" if 9.95 <= percent <= 90 or percent == 0 or percent >= 100 else f"{percent:.1f} %"


def count_text(n: int, one: str, many: str | None = None) -> str:
    """A count with its noun.

    Parameters
    ----------
    n : int
        How many.
    one, many : str
        The noun for one; for any other count, by default with an ``s``.

    Returns
    -------
    str

    Examples
    --------
    >>> count_text(1, "run"), count_text(4310, "run"), count_text(0, "day")
    ('1 run', '4,310 runs', '0 days')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def number_text(value: float) -> str:
    """A number with four digits, whole from 10,000 on, never with an exponent.

    Parameters
    ----------
    value : float
        Of whatever unit.

    Returns
    -------
    str

    Examples
    --------
    >>> [number_text(value) for value in (0.0076, 15.2236, 27_230.4, 3.9e-13, float("inf"))]
    ['0.0076', '15.22', '27,230', '< 0.0001', 'inf']
    """
    if value and abs(value) < 5e-5:
        return "< 0.0001" if value > 0 else "> -0.0001"
    return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def name_text(name: str) -> str:
    """A name, also where it is blank.

    Parameters
    ----------
    name : str
        Of a workflow, step, robot …

    Returns
    -------
    str

    Examples
    --------
    >>> name_text("invoices"), name_text(" ")
    ('invoices', '(no name)')
    """
    return name if name.strip() else "(no name)"


def names_text(names: Sequence[str], noun: str, *, most: int = 3) -> str:
    """A list of names as a sentence says it: the first ones, and how many more.

    Parameters
    ----------
    names : sequence of str
        At least one.
    noun : str
        For one more of them.
    most : int
        How many to name.

    Returns
    -------
    str

    Examples
    --------
    >>> names_text(["a", "b"], "workflow"), names_text(list("abcde"), "workflow")
    ('a and b', 'a, b, c and 2 more workflows')
    """
    said = [name_text(name) for name in names[:most]]
    if len(names) > most:
        return f"{', '.join(said)} and {count_text(len(names) - most, f'more {noun}')}"
    return " and ".join([", ".join(said[:-1]), said[-1]] if said[1:] else said)
