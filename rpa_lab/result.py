"""What every result can do: become a frame, become plain data, show itself in a notebook."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta
from html import escape
from typing import Any, ClassVar, Final

import polars as pl

from rpa_lab.column_names import bounds_of, heading, unit_of
from rpa_lab.readable import (
    Bounded,
    between_text,
    interval_text,
    period_text,
    speaks_of,
    table_html,
    value_text,
)
from rpa_lab.units import name_text

__all__ = ["Result", "plain"]

_SHORT: Final = 24
_WHOLE_LINE: Final = " style='grid-column:1/-1'"
_AT_THE_HEAD: Final = ("workflow_id", "time_period", "tz", "warnings")


class Result:
    """Base of the frozen dataclasses that analyses return.

    A subclass whose heart is a table names that field in `_table`; the other fields are its facts. As text it is its
    sentence, if it has one; so is a result within a result.
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

    @property
    def sentence(self) -> str:
        """What it says, in a sentence or two; empty where its figures speak for themselves."""
        return ""

    def __str__(self) -> str:
        return self.sentence or repr(self)

    def _repr_html_(self) -> str:
        items = dict(self._items())
        facts = {n: v for n, v in items.items() if n not in _AT_THE_HEAD and not isinstance(v, pl.DataFrame)}
        below = _bounds(facts)
        folded = {name for parts, _ in below.values() for name in parts}
        texts = {
            name: _fact(name, value, items)
            for name, value in facts.items()
            if name not in folded and not self._is_said_by(value)
        }
        shown = "".join(
            f"<div{_WHOLE_LINE if len(text) > _SHORT else ''}><span style='opacity:.75'>{escape(heading(name, items))}"
            f"</span> <b>{escape(text)}</b>{_small(below[name][1]) if name in below else ''}</div>"
            for name, text in texts.items()
        )
        tables = "".join(
            f"<p style='margin:1em 0 .3em'><b>{escape(heading(name))}</b></p>{table_html(value, source=f'.{name}')}"
            for name, value in items.items()
            if isinstance(value, pl.DataFrame)
        )
        sentence = f"<p>{escape(self.sentence)}</p>" if self.sentence else ""
        warnings = "".join(f"<p>⚠ {escape(text)}</p>" for text in items.get("warnings", ()))
        grid = "display:grid;grid-template-columns:repeat(auto-fill,minmax(17em,1fr));gap:.3em 1.5em;margin:.5em 0"
        return (
            f"<div><b>{escape(type(self).__name__)}</b>{escape(_head(items))}{sentence}"
            f"<div style='{grid}'>{shown}</div>{tables}{warnings}</div>"
        )

    def _is_said_by(self, value: object) -> bool:
        """Whether a part of it has the sentence that stands above all."""
        return isinstance(value, Result) and bool(self.sentence) and value.sentence == self.sentence

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


def _head(items: dict[str, Any]) -> str:
    """Whose result it is, and of when."""
    said = []
    if "workflow_id" in items:
        workflow = items["workflow_id"]
        said.append("all workflows" if workflow is None else name_text(str(workflow)))
    if "time_period" in items:
        said.append(period_text(str(items["time_period"]), tz=str(items.get("tz", "UTC"))))
    return "".join(f" · {text}" for text in said)


def _fact(name: str, value: object, items: dict[str, Any]) -> str:
    if name.endswith("_period") and isinstance(value, str):
        return period_text(value, tz=str(items.get("tz", "UTC")))
    if isinstance(value, Result) and not value.sentence:
        return f"see .{name}"
    return value_text(value, unit_of(name, items))


def _bounds(facts: dict[str, Any]) -> dict[str, tuple[tuple[str, ...], str]]:
    """Of each fact that has an interval, the fields that hold it, and its words."""
    found: dict[str, tuple[tuple[str, ...], str]] = {}
    for name, value in facts.items():
        if isinstance(value, Bounded):
            stem = name.removesuffix("_interval")
            of = next((one for one in (stem, f"{stem}_ms", f"{stem}_duration_ms") if one in facts), None)
            if of is not None:
                found[of] = (name,), interval_text(value, unit_of(of))
        elif names := bounds_of(name, facts):
            low, high, *basis = names
            if facts[low] is None or facts[high] is None:
                found[name] = names, ""
                continue
            about = speaks_of(str(facts[basis[0]])) if basis else facts.get("about", "")
            level = facts.get("level", 0.95)
            found[name] = names, between_text(facts[low], facts[high], unit_of(name, facts), level=level, about=about)
    return found


def _small(text: str) -> str:
    return f"<br><small style='opacity:.75'>{escape(text)}</small>" if text else ""
