"""How the values of results and the columns of frames read to people, told by their names (see `column_names`).

95000 reads "1 min 35 s" where it is `mean_ms`, 97.35 reads "97.3 %" where it is `success_rate`, and 0.0076 reads
"0.0076" where it is `p_value`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from html import escape
from math import isfinite
from typing import Any, Final, Protocol, runtime_checkable

import polars as pl

from rpa_lab.column_names import bounds_of, heading, unit_of
from rpa_lab.errors import InputError, quote
from rpa_lab.period import Period, Span
from rpa_lab.units import count_text, duration_text, name_text, number_text, percent_text

__all__ = [
    "Bounded",
    "bases_text",
    "between_text",
    "column_texts",
    "figure_text",
    "heading",
    "interval_text",
    "period_text",
    "speaks_of",
    "table_html",
    "value_text",
]

_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_ROWS: Final = 20
_COLUMNS: Final = 12
_LONGEST: Final = 160
_LISTED: Final = 4
_BEYOND_FRAMES = 2**63
_OF_UNIT: Final = ("value", "low", "high")
_DIFFERENCES: Final = ("difference", "difference_low", "difference_high")
"""Columns in the unit that each row says, where it says one; the difference of two percentages is of points."""


@runtime_checkable
class Bounded(Protocol):
    """An interval with what it rests on, as `rpa_lab.inference.intervals.Interval` is one."""

    low: float | None
    high: float | None
    level: float
    basis: str
    days: int
    doubt: str | None


def value_text(value: object, unit: str = "") -> str:
    """A value as a reader sees it.

    Parameters
    ----------
    value : object
        A dash where it is None.
    unit : str
        As `column_names.unit_of` gives it.

    Returns
    -------
    str

    Examples
    --------
    >>> value_text(0.0076), value_text(7.6e-3, "ms"), value_text(0.0737, "fraction"), value_text(2, "weekday")
    ('0.0076', '0.0076 ms', '7.4 %', 'Tue')
    """
    if isinstance(value, int) and abs(value) >= _BEYOND_FRAMES:
        return quote(value)  # no table holds it, and no float: it is told, and cut
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _figure(value, unit)
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}" if value.second else f"{value:%Y-%m-%d %H:%M}"
        case date():
            return value.isoformat()
        case timedelta():
            return duration_text(value / timedelta(milliseconds=1))
        case Span():
            return value.describe()
        case Bounded():
            return interval_text(value, unit)
        case Mapping():
            return ", ".join(f"{key}: {value_text(item)}" for key, item in value.items()) or "–"
        case list() | tuple() | set() | frozenset():
            items = list(value)
            more = f" and {len(items) - _LISTED:,} more" if len(items) > _LISTED else ""
            return ", ".join(value_text(item, unit) for item in items[:_LISTED]) + more or "–"
        case _:
            return str(value)


def figure_text(value: float | None, unit: str) -> str:
    """A key figure with its unit: of `rpa_lab.analysis.key_figures.Figure`.

    Examples
    --------
    >>> figure_text(95_000.0, "ms"), figure_text(3.25, "per h"), figure_text(None, "h")
    ('1 min 35 s', '3.25 per h', 'unknown')
    """
    if value is None:
        return "unknown"
    return value_text(value, unit) if unit in ("", "ms", "percent") else f"{number_text(value)} {unit}"


def interval_text(interval: Bounded, unit: str = "") -> str:
    """An interval in words: its bounds, its level, and of what it speaks; or why it isn't known."""
    if interval.low is None or interval.high is None:
        return f"unknown: {interval.doubt}"
    about = speaks_of(interval.basis, interval.days)
    return between_text(interval.low, interval.high, unit, level=interval.level, about=about)


def between_text(low: float, high: float, unit: str = "", *, level: float, about: str = "") -> str:
    """Bounds in words, with their level (fraction 0-1) and what they speak of.

    Examples
    --------
    >>> between_text(69.9, 97.2, "percent", level=0.95, about="these runs only")
    '70 % to 97.2 % · 95 %, these runs only'
    """
    said = ", ".join(filter(None, (value_text(level, "level"), about)))
    return f"{value_text(low, unit)} to {value_text(high, unit)} · {said}"


def speaks_of(basis: str, days: int | None = None) -> str:
    """Of what an interval speaks, by its basis (see `rpa_lab.inference.intervals`).

    Examples
    --------
    >>> speaks_of("days", 31), speaks_of("these runs only")
    ('the long run (31 days)', 'these runs only')
    """
    if basis != "days":
        return basis
    return "the long run" if days is None else f"the long run ({count_text(days, 'day')})"


def bases_text(bases: Iterable[str | None]) -> str:
    """Of what the intervals of a table speak, all together.

    Examples
    --------
    >>> bases_text(["days", None, "days"]), bases_text(["these runs only", "days"])
    ('the long run', 'the long run, or these runs only where fewer than 10 days have runs')
    """
    known = sorted({basis for basis in bases if basis is not None})
    if len(known) > 1:
        return f"{speaks_of(known[0])}, or {', '.join(known[1:])} where fewer than 10 days have runs"
    return speaks_of(known[0]) if known else "nothing"


def period_text(said: str, *, tz: str) -> str:
    """A period that a result gives in UTC, described in its zone; other text as it is.

    Examples
    --------
    >>> period_text("2026-10-31T23:00:00Z/2026-11-30T23:00:00Z", tz="Europe/Paris")
    '1 November 2026 to 30 November 2026 (Europe/Paris)'
    """
    try:
        return Period(said).resolve(tz=tz).describe()
    except InputError:
        return said


def column_texts(frame: pl.DataFrame, *, most: int | None = None) -> dict[str, list[str]]:
    """The cells of a frame as a reader sees them, by column.

    A time that the clock shows twice, and that would be read as another one of its column, has its offset from UTC.

    Parameters
    ----------
    frame : DataFrame
        Its columns' names say the units of their values; where it has `value` and `unit`, each row has its own.
    most : int, optional
        How many rows; default all.

    Returns
    -------
    dict
        Of each column its texts.

    Examples
    --------
    >>> column_texts(pl.DataFrame({"weekday": [1, 7], "success_rate": [97.35, None]}))
    {'weekday': ['Mon', 'Sun'], 'success_rate': ['97.3 %', '–']}
    """
    rows = frame if most is None else frame.head(most)
    return {name: _texts(rows, name) for name in rows.columns}


def table_html(frame: pl.DataFrame, *, source: str = "") -> str:
    """A frame as a table for a notebook: intervals below what they bound, as many rows and columns as can be read.

    Parameters
    ----------
    frame : DataFrame
        See `column_texts`.
    source : str
        What has all of it, where something is left out.

    Returns
    -------
    str
        HTML, with every text escaped.
    """
    if frame.is_empty():
        return "<p style='opacity:.75'>none</p>"
    texts = column_texts(frame, most=_ROWS)
    bounds = {name: found for name in frame.columns if (found := bounds_of(name, frame.columns))}
    within = {part for found in bounds.values() for part in found} | ({"unit"} if "value" in frame.columns else set())
    shown = [name for name in frame.columns if name not in within]
    left_out, shown = shown[_COLUMNS:], shown[:_COLUMNS]
    about = {text for name in shown if len(bounds.get(name, ())) > 2 for text in texts[bounds[name][2]]} - {"–"}
    below = {name: _bounds_texts(texts, bounds[name], said=len(about) > 1) for name in shown if name in bounds}
    wraps = {name: "" if frame[name].dtype in (pl.String, pl.List) else ";white-space:nowrap" for name in shown}
    sides = {name: "right" if frame[name].dtype.is_numeric() else "left" for name in shown}
    head = "".join(
        f"<th style='text-align:{sides[name]}'>{escape(heading(name, frame.columns))}</th>" for name in shown
    )
    body = "".join(
        "<tr>"
        + "".join(
            f"<td style='text-align:{sides[name]};vertical-align:top{wraps[name]}'>{escape(_cut(texts[name][row]))}"
            f"{_small(below[name][row]) if name in below else ''}</td>"
            for name in shown
        )
        + "</tr>"
        for row in range(min(frame.height, _ROWS))
    )
    more = [f"{frame.height - _ROWS:,} more rows"] if frame.height > _ROWS else []
    more += [f"{count_text(len(left_out), 'more column')}: {', '.join(map(heading, left_out))}"] if left_out else []
    notes = [f"Intervals speak of {speaks_of(about.pop())}."] if len(about) == 1 else []
    notes += [f"… and {'; '.join(more)}{f' ({source} has all)' if source else ''}"] if more else []
    said = "".join(f"<p style='opacity:.75;margin:.3em 0'>{escape(note)}</p>" for note in notes)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f"<div style='overflow-x:auto'>{table}</div>{said}"


def _figure(value: float, unit: str) -> str:
    if not isfinite(value):
        return f"{value:g}"
    match unit:
        case "ms":
            return duration_text(value)
        case "percent":
            return percent_text(value / 100)
        case "fraction":
            return percent_text(value)
        case "level":
            return f"{value * 100:g} %"
        case "weekday":
            return _WEEKDAYS[int(value) - 1]
        case "hour_of_week":
            return f"{_WEEKDAYS[int(value) // 24]} {int(value) % 24:02}:00"
        case _:
            return f"{value:,}" if isinstance(value, int) else number_text(value)


def _texts(rows: pl.DataFrame, name: str) -> list[str]:
    column = rows[name]
    if name in (*_OF_UNIT, *_DIFFERENCES) and {"value", "unit"} <= set(rows.columns):
        pairs = rows.select(name, "unit").rows()
        missing = "unknown" if name == "value" else "–"
        told = {"percent": "points"} if name in _DIFFERENCES else {}
        return [missing if value is None else figure_text(value, told.get(unit, unit)) for value, unit in pairs]
    if isinstance(column.dtype, pl.Datetime):
        return _moments(column.to_list())
    if column.dtype == pl.String and name.endswith("_id"):
        return [value_text(None if value is None else name_text(value)) for value in column]
    unit = unit_of(name, rows.columns)
    return [value_text(value, unit) for value in column.to_list()]


def _moments(times: list[datetime | None]) -> list[str]:
    texts = [value_text(at) for at in times]
    offsets: dict[str, set[Any]] = defaultdict(set)
    for at, text in zip(times, texts, strict=True):
        offsets[text].add(None if at is None else at.utcoffset())
    return [
        f"{text} {_offset(at)}" if at is not None and len(offsets[text]) > 1 else text
        for at, text in zip(times, texts, strict=True)
    ]


def _offset(at: datetime) -> str:
    said = f"{at:%z}"
    return f"{said[:3]}:{said[3:5]}"


def _bounds_texts(texts: Mapping[str, list[str]], names: tuple[str, ...], *, said: bool) -> list[str]:
    """The bounds of each row; and of what they speak, where that is `said` of each."""
    low, high, *basis = names
    about = texts[basis[0]] if basis and said else [""] * len(texts[low])
    return [
        "" if "–" in (one, other) else f"{one} to {other}{f', {speaks_of(rests)}' if rests not in ('', '–') else ''}"
        for one, other, rests in zip(texts[low], texts[high], about, strict=True)
    ]


def _small(text: str) -> str:
    return f"<br><small style='opacity:.75'>{escape(text)}</small>" if text else ""


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
