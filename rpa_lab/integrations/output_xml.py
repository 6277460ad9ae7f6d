"""Is this a Robot Framework output that may be handed on to a parser? Where not: which line, and what was expected.

One pass of expat, before Robot Framework sees the file: no document type (and so no entity that grows), no tree deeper
than a limit, the right root, and statuses and times that can be read.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NoReturn
from xml.parsers import expat

from rpa_lab.errors import SourceError, quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rpa_lab.integrations.source import Source

__all__ = ["Outline", "outline"]

_STATUSES = frozenset({"PASS", "FAIL", "SKIP", "NOT RUN", "NOT_RUN", "NOT SET"})
_LEGACY_TIME = re.compile(r"\d{8} \d{2}:\d{2}:\d{2}\.\d{1,6}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """What the pass saw: schema number, who wrote the file, and where each kind of child (parent, child) came first."""

    schema: int
    generator: str
    first_line: Mapping[tuple[str, str], int]


def outline(source: Source, *, max_depth: int) -> Outline:
    """Check an output file before it is parsed.

    Parameters
    ----------
    source : Source
        The file.
    max_depth : int
        How many elements may lie within each other.

    Returns
    -------
    Outline

    Raises
    ------
    SourceError
        If it is no XML, has a document type, another root than ``<robot>``, too deep a tree, or a status or time that
        can't be read; names the line.
    """
    check = _Check(source, max_depth)
    if not source.content.strip():
        raise source.error("is empty, expected the output.xml of Robot Framework")
    try:
        check.parser.Parse(source.content, True)
    except SourceError:
        raise
    except expat.ExpatError as mistake:
        what = expat.ErrorString(mistake.code)
        raise source.error(f"is no complete XML: {what}, expected output.xml", line=mistake.lineno) from None
    except (LookupError, ValueError) as mistake:  # an encoding that expat or Python doesn't know
        raise source.error(f"is in an unreadable encoding: {mistake}") from None
    return Outline(schema=check.schema, generator=check.generator, first_line=check.first_line)


class _Check:
    """Expat's handlers, and what they have seen so far."""

    def __init__(self, source: Source, max_depth: int) -> None:
        self.source, self.max_depth = source, max_depth
        self.schema, self.generator = 0, ""
        self.first_line: dict[tuple[str, str], int] = {}
        self.open: list[str] = []
        self.parser = expat.ParserCreate()
        self.parser.StartDoctypeDeclHandler = self.doctype
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end

    def doctype(self, *_: object) -> None:
        self.stop("has a DOCTYPE, which Robot Framework never writes; expected <robot>")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if not self.open:
            self.root(tag, attributes)
        elif tag == "status":
            self.status(attributes)
        self.first_line.setdefault((self.open[-1] if self.open else "", tag), self.parser.CurrentLineNumber)
        self.open.append(tag)
        if len(self.open) > self.max_depth:
            self.stop(f"nests <{tag}> deeper than {self.max_depth} elements, expected at most that many")

    def end(self, _: str) -> None:
        self.open.pop()

    def root(self, tag: str, attributes: dict[str, str]) -> None:
        if tag != "robot":
            self.stop(f"has the root element <{tag[:80]}>, expected <robot>, the output.xml of Robot Framework")
        version = attributes.get("schemaversion", "0")  # there is none before Robot Framework 3.2
        if not (version.isascii() and version.isdigit() and len(version) < 5):
            self.stop(f"has schemaversion {quote(version)}, expected a number")
        self.schema, self.generator = int(version), attributes.get("generator", "")

    def status(self, attributes: dict[str, str]) -> None:
        status = attributes.get("status")
        if status not in _STATUSES and self.open[-1] != "suite":
            self.stop(f"has status {quote(status)}, expected PASS, FAIL, SKIP or NOT RUN")
        for name in ("start", "starttime", "endtime"):
            text = attributes.get(name, "N/A")
            if text and text != "N/A" and not _is_time(text, legacy=name != "start"):
                self.stop(f"has {name} {quote(text)}, expected a time as Robot Framework writes it")
        if "elapsed" in attributes and not _is_seconds(attributes["elapsed"]):
            self.stop(f"has elapsed {quote(attributes['elapsed'])}, expected seconds")

    def stop(self, what: str) -> NoReturn:
        raise self.source.error(what, line=self.parser.CurrentLineNumber)


def _is_time(text: str, *, legacy: bool) -> bool:
    if legacy:
        if not _LEGACY_TIME.fullmatch(text):
            return False
        text = f"{text[:4]}-{text[4:6]}-{text[6:8]}T{text[9:17]}"
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_seconds(text: str) -> bool:
    try:
        return math.isfinite(float(text)) and abs(float(text)) < 1e9
    except ValueError:
        return False
