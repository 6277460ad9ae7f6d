"""The events of an XES file (IEEE 1849), read as a stream: what is kept of an element is its text, never the element.

No document type is let in (so there is no entity that grows), no tree deeper than a limit, and no more events, keys or
characters than a limit. Attributes of the case are named ``case:…``, as PM4Py names the columns of a log that it
writes as CSV; so the same log gives the same table from either file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, NoReturn
from xml.parsers import expat

import polars as pl

from rpa_lab.errors import SourceError, quote
from rpa_lab.integrations.event_table import MAX_ROWS, MAX_VALUES, EventTable
from rpa_lab.integrations.source import MAX_BYTES, Source
from rpa_lab.integrations.unpack import pieces

__all__ = ["CASE", "read_xes"]

CASE: Final = "case:"
"""What the name of a case's column begins with."""

_CHUNK: Final = 20_000
_MAX_DEPTH: Final = 60
_MAX_KEYS: Final = 1_000
_MAX_TEXT: Final = 200_000
_VALUES: Final = frozenset({"string", "date", "int", "float", "boolean", "id"})
_HOLDERS: Final = frozenset({"list", "container"})
_OUTSIDE, _EMPTY = "events outside of a case", "cases without events"
_NESTED, _LISTS = "attributes of attributes", "lists of attributes"
_NUMBER, _LINE = "\0case", "\0line"


def read_xes(
    source: Source, *, max_bytes: int = MAX_BYTES, max_rows: int = MAX_ROWS, max_values: int = MAX_VALUES
) -> EventTable:
    """The events of an XES file.

    Parameters
    ----------
    source : Source
        The file, gzipped or not.
    max_bytes, max_rows, max_values : int
        The most bytes, unpacked, and events that it may have; values are events times keys.

    Returns
    -------
    EventTable
        With `cases`: one row per case.

    Raises
    ------
    SourceError
        If it is no XES, or exceeds a limit; names the line.

    Examples
    --------
    >>> from pathlib import Path
    >>> log = b'''<log><trace><string key="concept:name" value="7"/>
    ... <event><string key="concept:name" value="pay"/></event></trace></log>'''
    >>> read_xes(Source(path=Path("log.xes"), content=log)).events.to_dicts()
    [{'concept:name': 'pay', 'case:concept:name': '7'}]
    """
    log = _Log(source, max_rows, max_values)
    try:
        for piece in pieces(source, max_bytes=max_bytes):
            log.parser.Parse(piece, False)
        log.parser.Parse(b"", True)
    except SourceError:
        raise
    except expat.ExpatError as mistake:
        if not log.begun and not source.content.strip():
            raise source.error("is empty, expected XES") from None
        what = expat.ErrorString(mistake.code)
        raise source.error(f"is no complete XML: {what}, expected XES", line=mistake.lineno) from None
    except (LookupError, ValueError) as mistake:  # an encoding that expat or Python doesn't know
        raise source.error(f"is in an unreadable encoding: {mistake}") from None
    return log.table()


class _Rows:
    """Rows of text by column, kept as Arrow and not as objects of Python."""

    def __init__(self) -> None:
        self.waiting: list[dict[str, str]] = []
        self.chunks: list[pl.DataFrame] = []
        self.count = 0

    def add(self, row: dict[str, str]) -> None:
        self.waiting.append(row)
        self.count += 1
        if len(self.waiting) >= _CHUNK:
            self._keep()

    def frame(self, schema: Iterable[str]) -> pl.DataFrame:
        self._keep()
        frame = pl.concat(self.chunks, how="diagonal") if self.chunks else pl.DataFrame()
        missing = [pl.lit(None, pl.String).alias(name) for name in schema if name not in frame.columns]
        return frame.with_columns(missing) if self.count else pl.DataFrame(schema=dict.fromkeys(schema, pl.String))

    def _keep(self) -> None:
        if self.waiting:
            names = dict.fromkeys(name for row in self.waiting for name in row)
            columns = {name: [row.get(name) for row in self.waiting] for name in names}
            self.chunks.append(pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String)))
            self.waiting = []


class _Log:
    """Expat's handlers, and what they have seen so far."""

    def __init__(self, source: Source, max_rows: int, max_values: int) -> None:
        self.source, self.max_rows, self.max_values = source, max_rows, max_values
        self.open: list[str] = []
        self.begun = False
        self.events, self.cases = _Rows(), _Rows()
        self.event: dict[str, str] = {}
        self.case: dict[str, str] = {}
        self.in_case = 0
        self.keys: set[str] = set()
        self.left_out: Counter[str] = Counter()
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self.doctype
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end

    def doctype(self, *_: object) -> None:
        self.stop("has a DOCTYPE, which no XES file needs; expected <log>")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(":")[2]
        parent = self.open[-1] if self.open else ""
        if not self.begun and tag != "log":
            self.stop(f"has the root element <{tag[:80]}>, expected <log>, as XES has it")
        self.begun = True
        if tag == "trace" and parent == "log":
            self.case, self.in_case = {_NUMBER: str(self.cases.count)}, 0
        elif tag == "event" and parent in ("trace", "log"):
            self.event = {_NUMBER: str(self.cases.count), _LINE: str(self.parser.CurrentLineNumber)}
        elif parent in ("event", "trace") and tag in _VALUES:
            self.attribute(self.event if parent == "event" else self.case, tag, attributes)
        elif tag in _HOLDERS and parent in ("event", "trace"):
            self.left_out[_LISTS] += 1
        elif tag in _VALUES and parent in _VALUES:
            self.left_out[_NESTED] += 1
        self.open.append(tag)
        if len(self.open) > _MAX_DEPTH:
            self.stop(f"nests <{tag[:80]}> deeper than {_MAX_DEPTH} elements, expected at most that many")

    def end(self, _: str) -> None:
        tag = self.open.pop()
        parent = self.open[-1] if self.open else ""
        if tag == "event" and parent == "log":
            self.left_out[_OUTSIDE] += 1
        elif tag == "event" and parent == "trace":
            self.in_case += 1
            self.events.add(self.event)
            if self.events.count * len(self.keys) > self.max_values:
                self.stop(f"has more than {self.max_values:,} values (events times keys), expected at most that many")
            if self.events.count > self.max_rows:
                self.stop(f"has more than {self.max_rows:,} events, expected at most that many")
        elif tag == "trace" and parent == "log":
            self.left_out[_EMPTY] += not self.in_case
            self.cases.add(self.case)
            if self.cases.count > self.max_rows:
                self.stop(f"has more than {self.max_rows:,} cases, expected at most that many")

    def attribute(self, row: dict[str, str], tag: str, said: dict[str, str]) -> None:
        key, value = said.get("key"), said.get("value")
        if not key or value is None:
            self.stop(f"has a <{tag}> without {'a value' if key else 'a key'}, expected both")
        if key in row:
            self.stop(f"says {quote(key)} twice of one event or case, expected it once")
        if len(value) > _MAX_TEXT:
            self.stop(f"has {len(value):,} characters in {quote(key)}, expected at most {_MAX_TEXT:,}")
        row[key] = value
        self.keys.add(key)
        if len(self.keys) > _MAX_KEYS:
            self.stop(f"has more than {_MAX_KEYS:,} different keys, expected at most that many")

    def stop(self, what: str) -> NoReturn:
        raise self.source.error(what, line=self.parser.CurrentLineNumber)

    def table(self) -> EventTable:
        """All that was read; the attributes of a case stand on each of its events."""
        if not self.cases.count:
            raise self.source.error("holds no <trace>, expected one for each case")
        events, cases = self.events.frame([_NUMBER, _LINE]), self.cases.frame([_NUMBER])
        cases = cases.rename({name: CASE + name for name in cases.columns if name != _NUMBER})
        twice = next((name for name in events.columns if name in cases.columns and name != _NUMBER), None)
        if twice is not None:
            raise self.source.error(
                f"says {quote(twice)} of events, which is also how an attribute of its cases is called"
            )
        whole = events.join(cases, on=_NUMBER, how="left", maintain_order="left", validate="m:1")
        return EventTable(
            kind="xes",
            events=whole.drop(_NUMBER, _LINE),
            at=whole[_LINE].cast(pl.Int64).alias("at"),
            cases=cases.drop(_NUMBER),
            left_out=dict(self.left_out),
        )
