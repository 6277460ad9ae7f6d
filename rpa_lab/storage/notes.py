"""What somebody wants to be remembered, as a row of `changes`: a release, a new selector, a moved host."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Final
from uuid import uuid4

import polars as pl

from rpa_lab.errors import InputError, quote
from rpa_lab.period import as_utc

__all__ = ["note_row"]

_KIND: Final = re.compile(r"[^\W\d_][\w .-]{0,39}")
_LONGEST: Final = 2000
_TIME: Final = pl.Datetime("us", "UTC")


def note_row(
    text: str,
    *,
    at: date | str | None,
    now: datetime,
    tz: str,
    kind: str,
    workflow_id: str | None = None,
    version: str | None = None,
    host: str | None = None,
    author: str | None = None,
) -> pl.DataFrame:
    """One row of `changes`, under a new id.

    Parameters
    ----------
    text : str
        What was changed.
    at : datetime, date, str or None
        When it took effect; a date means its midnight. None: `now`.
    now : datetime
        The present, UTC.
    tz : str
        The zone in which dates and naive times are read.
    kind : str
        A short name.
    workflow_id : str, optional
        The workflow that it touches; default all.
    version, host, author : str, optional
        What it brought, the machine that it touches, who wrote it down.

    Returns
    -------
    DataFrame

    Raises
    ------
    InputError
        If the text is empty or has more than 2,000 characters, the kind is no short name, or something no text or time.

    Examples
    --------
    >>> from datetime import UTC
    >>> noon = datetime(2026, 11, 3, 12, tzinfo=UTC)
    >>> note_row("new selector", at="2026-11-03", now=noon, tz="Europe/Paris", kind="selector")["at"].item()
    datetime.datetime(2026, 11, 2, 23, 0, tzinfo=zoneinfo.ZoneInfo(key='UTC'))
    """
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"text is {quote(text)}, expected what was changed, such as 'new selector for the login page'")
    if len(text.strip()) > _LONGEST:
        raise InputError(
            f"text is {quote(text)}, of {len(text.strip()):,} characters; at most {_LONGEST:,} are kept: say what was "
            "changed, and where more can be read"
        )
    if not isinstance(kind, str) or not _KIND.fullmatch(kind.strip()):
        raise InputError(
            f"kind is {quote(kind)}, expected a short name such as 'release', 'selector', 'host' or 'note'"
        )
    names = {"workflow_id": workflow_id, "version": version, "host": host, "author": author}
    for name, value in names.items():
        if value is not None and (not isinstance(value, str) or not value.strip()):
            raise InputError(f"{name} is {quote(value)}, expected a name, or None")
    moment = now if at is None else _moment(at, tz=tz)
    row = {"change_id": uuid4().hex, "at": moment, "kind": kind.strip(), "text": text.strip(), **names}
    return pl.DataFrame([row], schema_overrides={"at": _TIME, **dict.fromkeys(names, pl.String)})


def _moment(at: date | str, *, tz: str) -> datetime:
    if isinstance(at, str):
        try:
            at = datetime.fromisoformat(at.strip())
        except ValueError:
            raise InputError(f"at is {quote(at)}, expected a time such as '2026-11-03 14:30', or a date") from None
    if not isinstance(at, date):
        raise InputError(f"at is {quote(at)}, expected a datetime, a date or ISO 8601 text")
    try:
        return as_utc(at, tz=tz)
    except OverflowError:
        raise InputError(f"at is {quote(at)}, which is out of range (years 1 to 9999)") from None
