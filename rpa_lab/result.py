"""What every result can do: become a frame, become plain data, show itself in a notebook."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta
from html import escape
from typing import Any, ClassVar

import polars as pl

__all__ = ["Result", "plain"]


class Result:
    """Base of the frozen dataclasses that analyses return.

    A subclass whose heart is a table names that field in `_table`; the other fields are its facts.
    """

    __slots__ = ()
    _table: ClassVar[str | None] = None

    def to_frame(self) -> pl.DataFrame:
        """The result's table; a result without one is one row of its facts."""
        if self._table is not None:
            table: pl.DataFrame = getattr(self, self._table)
            return table
        return pl.DataFrame([{k: v for k, v in self.to_dict().items() if not isinstance(v, list | dict)}])

    def to_dict(self) -> dict[str, Any]:
        """The result as plain data that JSON can hold; frames become lists of dicts, times ISO strings."""
        return {name: plain(value) for name, value in self._items()}

    def _repr_html_(self) -> str:
        facts = [(n, v) for n, v in self._items() if not isinstance(v, pl.DataFrame) and n != "warnings"]
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(name.replace('_', ' '))}</th>"
            f"<td style='text-align:right'>{escape(_shown(value))}</td></tr>"
            for name, value in facts
        )
        tables = "".join(
            f"<p><b>{escape(name.replace('_', ' '))}</b></p>{value._repr_html_()}"
            for name, value in self._items()
            if isinstance(value, pl.DataFrame)
        )
        warnings = "".join(f"<p>⚠ {escape(text)}</p>" for text in getattr(self, "warnings", ()))
        return f"<div><b>{escape(type(self).__name__)}</b><table>{rows}</table>{tables}{warnings}</div>"

    def _items(self) -> list[tuple[str, Any]]:
        if not is_dataclass(self):
            raise TypeError(f"{type(self).__name__} is no dataclass")
        return [(f.name, getattr(self, f.name)) for f in fields(self)]


def plain(value: object) -> Any:
    """A value as JSON can hold it: frames as lists of dicts, times as ISO strings, durations as milliseconds.

    Parameters
    ----------
    value : object
        A scalar, a frame, a dataclass or a container of these.

    Returns
    -------
    object
        Of dicts, lists, strings, numbers, booleans and None only.

    Examples
    --------
    >>> from datetime import datetime, timezone
    >>> plain({"at": datetime(2026, 11, 3, tzinfo=timezone.utc), "n": (1, 2)})
    {'at': '2026-11-03T00:00:00+00:00', 'n': [1, 2]}
    """
    match value:
        case pl.DataFrame():
            return [plain(row) for row in value.to_dicts()]
        case dict():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(item) for item in value]
        case datetime() | date():
            return value.isoformat()
        case timedelta():
            return value / timedelta(milliseconds=1)
        case float():
            return value if value == value and abs(value) != float("inf") else None
        case None | bool() | int() | str():
            return value
        case _ if is_dataclass(value):
            return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
        case _:
            return str(value)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.1f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "–" if value is None else str(value)
