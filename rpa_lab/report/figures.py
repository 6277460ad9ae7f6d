"""How a report's figures read: a tile's with its unit, a column's all in one, a difference with its sign."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final

from rpa_lab.units import TimeUnit, duration_text, number_text, percent_text, time_unit

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["TIME_UNITS", "UNITS", "Cell", "in_unit", "signed_text", "typical_unit", "value_text"]

UNITS: Final = ("", "ms", "percent", "fraction", "count", "points")
"""The units of figures: none, milliseconds, percent 0-100, fraction 0-1, a count, percent points."""

TIME_UNITS: Final = {unit.symbol: unit for unit in (time_unit([ms]) for ms in (1.0, 1e3, 1e6, 1e9))}
"""The units of time by their symbols."""

Cell = str | int | float | bool | None


def value_text(value: Cell, unit: str = "") -> str:
    """A figure as a reader sees it.

    Parameters
    ----------
    value : str, int, float, bool or None
        None is a dash.
    unit : str
        One of `UNITS`.

    Returns
    -------
    str

    Examples
    --------
    >>> value_text(95_000.0, "ms"), value_text(97.35, "percent"), value_text(4310, "count"), value_text(None, "ms")
    ('1 min 35 s', '97.3 %', '4,310', '–')
    """
    if value is None:
        return "–"
    if isinstance(value, str | bool):
        return str(value)
    match unit:
        case "ms":
            return duration_text(value)
        case "percent":
            return percent_text(value / 100)
        case "fraction":
            return percent_text(value)
        case "points":
            return f"{value:.1f}"
        case _:
            return f"{value:,}" if isinstance(value, int) else number_text(value)


def signed_text(text: str, value: Cell) -> str:
    """The text of a difference, with its sign, unless it reads as nothing.

    Examples
    --------
    >>> signed_text("3.72 s", 3_720.0), signed_text("-4.3", -4.3), signed_text("-0.00", -0.2), signed_text("–", None)
    ('+3.72 s', '−4.3', '0.00', '–')
    """
    if not isinstance(value, int | float) or not any(digit in text for digit in "123456789"):
        return text.removeprefix("-")
    return f"+{text}" if value > 0 else text.replace("-", "−", 1)


def typical_unit(cells: Sequence[Cell]) -> TimeUnit:
    """The unit of the middle one of a column's durations (ms): the largest would squeeze the others to 0.01."""
    values = [abs(float(cell)) for cell in cells if isinstance(cell, int | float)]
    return time_unit([median(values)] if values else [])


def in_unit(value: Cell, unit: TimeUnit) -> str:
    """A duration (ms) in a column's unit, without its symbol."""
    if not isinstance(value, int | float):
        return value_text(value)
    scaled = value / unit.ms
    size = abs(scaled)
    return f"{scaled:,.0f}" if size >= 100 else f"{scaled:.1f}" if size >= 10 else f"{scaled:.2f}"
