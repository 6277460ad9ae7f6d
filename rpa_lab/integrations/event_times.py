"""A log's times: text in, UTC out; what can't be read, or could be read in two ways, is refused with its line.

ISO 8601 in its usual forms, with ``/`` for ``-`` if need be, and seconds, milliseconds or microseconds since 1970
(10, 13 or 16 digits). ``2026-11-03 10:00:00+01:00`` is 09:00 UTC. ``03/11/2026`` is refused: it is a day in March to
some and in November to others, unless the caller names the format.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timezone
from typing import Final

import polars as pl

from rpa_lab.errors import InputError, quote
from rpa_lab.integrations.event_table import EventTable
from rpa_lab.integrations.source import Source
from rpa_lab.measures import in_zone
from rpa_lab.period import zone

__all__ = ["Times", "read_times", "repeated_hours"]

_ISO: Final = (
    r"^\s*(?P<day>\d{4}[-/]\d{2}[-/]\d{2})"
    r"(?:[T ](?P<minute>\d{2}:\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?)?"
    r"\s*(?P<zone>[Zz]|UTC|[+-]\d{2}(?::?\d{2})?)?\s*$"
)
_SINCE_1970: Final = r"^\s*(\d{10}|\d{13}|\d{16})\s*$"
_UTC_US: Final = pl.Datetime("us", "UTC")
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_EXPECTED: Final = "expected ISO 8601, such as 2026-11-30T14:05:00+01:00"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Times:
    """A column's times in UTC.

    `later` is the other reading of a time that the zone's clock shows twice; elsewhere it is the same. `naive` counts
    those that named no zone.
    """

    at: pl.Series
    later: pl.Series
    naive: int


def read_times(source: Source, table: EventTable, column: str, *, time_format: str | None = None) -> Times:
    r"""The times of a column.

    Parameters
    ----------
    source : Source
        The file; its `tz` is the zone of times that name none.
    table : EventTable
        What it holds.
    column : str
        Which column.
    time_format : str, optional
        How the times are written, in the letters of `strftime`; default ISO 8601.

    Returns
    -------
    Times
        Null where the column is blank.

    Raises
    ------
    SourceError
        If one is no time, or some name a zone and others don't.
    InputError
        If the format is none.

    Examples
    --------
    >>> from pathlib import Path
    >>> from rpa_lab.integrations.event_table import read_csv
    >>> source = Source(path=Path("log.csv"), content=b"end,n\n2026-11-03 10:00:00+01:00,1", tz="Asia/Tokyo")
    >>> read_times(source, read_csv(source), "end").at.item().isoformat()
    '2026-11-03T09:00:00+00:00'
    """
    text = table.events[column]
    read = pl.DataFrame({"text": text}).with_columns(text=pl.when(pl.col("text").str.strip_chars() != "").then("text"))
    read = read.select("text", *(_formatted(time_format) if time_format else _iso()))
    known = read.select(pl.col("text").is_null() | pl.col("local").is_not_null()).to_series()
    if not known.all():
        row = int(known.arg_min() or 0)
        expected = f"expected it as {time_format}" if time_format else _EXPECTED
        raise source.error(
            f"{quote(text[row])} is no date ({expected})", line=table.line(row), column=column, unit=table.unit
        )
    naive = read.select(pl.col("text").is_not_null() & pl.col("offset").is_null()).to_series()
    aware = read["offset"].is_not_null()
    if naive.any() and aware.any():
        other, row = sorted((int(naive.arg_max() or 0), int(aware.arg_max() or 0)))
        says, before = ("names no zone", "does") if naive[row] else ("names a zone", "names none")
        raise source.error(
            f"{quote(text[row])} {says}, {quote(text[other])} of {table.unit} {table.line(other)} {before}; "
            "expected a zone on all or on none",
            line=table.line(row),
            column=column,
            unit=table.unit,
        )
    if naive.any():
        at, later = (read.select(_read_in(source.tz, late=late)).to_series() for late in (False, True))
    else:
        at = later = read.select((pl.col("local") - pl.col("offset")).dt.replace_time_zone("UTC")).to_series()
    strange = ((at < _FIRST) | (at >= _LAST)).fill_null(value=False)
    if strange.any():
        row = int(strange.arg_max() or 0)
        raise source.error(
            f"{quote(text[row])} is out of range (expected 1970 to 2199)",
            line=table.line(row),
            column=column,
            unit=table.unit,
        )
    return Times(at=at.cast(_UTC_US), later=later.cast(_UTC_US), naive=int(naive.sum()))


def repeated_hours(starts: pl.Series, *, tz: str) -> int:
    """How many of these times (UTC) the clock of a zone shows twice.

    Examples
    --------
    >>> starts = pl.Series([datetime(2026, 10, 25, 0, 30), datetime(2026, 10, 25, 3)]).dt.replace_time_zone("UTC")
    >>> repeated_hours(starts, tz="Europe/Paris")
    1
    """
    if isinstance(zone(tz), timezone):
        return 0
    local = starts.dt.convert_time_zone(tz).dt.replace_time_zone(None)
    first = local.dt.replace_time_zone(tz, ambiguous="earliest")
    return int((first != local.dt.replace_time_zone(tz, ambiguous="latest")).sum())


def _iso() -> list[pl.Expr]:
    """The time that each text shows, and its offset from UTC: null where it names none."""
    part = pl.col("text").str.extract_groups(_ISO).struct
    day, minute = part.field("day").str.replace_all("/", "-"), part.field("minute").fill_null("00:00")
    second, fraction = part.field("second").fill_null("00"), part.field("fraction").fill_null("") + "000000"
    shown = day + "T" + minute + ":" + second + "." + fraction.str.slice(0, 6)
    calendar = shown.str.to_datetime("%Y-%m-%dT%H:%M:%S%.6f", time_unit="us", strict=False)
    number = pl.col("text").str.extract(_SINCE_1970)
    unit = pl.when(number.str.len_chars() == 10).then(1_000_000).when(number.str.len_chars() == 13).then(1_000)
    since_1970 = (number.cast(pl.Int64, strict=False) * unit.otherwise(1)).cast(pl.Datetime("us"))
    name = part.field("zone")
    minutes = name.str.slice(1, 2).cast(pl.Int64, strict=False) * 60 + (
        name.str.replace(":", "").str.slice(3, 2).cast(pl.Int64, strict=False).fill_null(0)
    )
    known = minutes.is_between(0, 15 * 60)
    signed = pl.when(name.str.starts_with("-")).then(-minutes).otherwise(minutes)
    offset = pl.when(name.is_in(["Z", "z", "UTC"]) | number.is_not_null()).then(0).when(known).then(signed)
    local = pl.when(name.is_null() | offset.is_not_null()).then(calendar)
    return [pl.coalesce(local, since_1970).alias("local"), pl.duration(minutes=offset).alias("offset")]


def _formatted(time_format: str) -> list[pl.Expr]:
    """The same by a format; of one with an offset Polars gives UTC."""
    none = pl.lit(None, pl.Duration("us"))
    text = pl.col("text").str.strip_chars()
    if any(each in time_format for each in ("%z", "%:z", "%#z")):
        local = text.str.to_datetime(time_format, time_unit="us", strict=False, time_zone="UTC")
        return [local.dt.replace_time_zone(None).alias("local"), pl.duration(minutes=0).alias("offset")]
    if "%" not in time_format:
        raise InputError(f"time_format is {quote(time_format)}, expected one such as '%d/%m/%Y %H:%M:%S'")
    return [text.str.to_datetime(time_format, time_unit="us", strict=False).alias("local"), none.alias("offset")]


def _read_in(tz: str, *, late: bool) -> pl.Expr:
    info, local = zone(tz), pl.col("local")
    if isinstance(info, timezone):  # a fixed offset, which Polars knows no zone for
        return (local - info.utcoffset(None)).dt.replace_time_zone("UTC")
    read = in_zone(local, tz)
    if late:
        read = pl.coalesce(local.dt.replace_time_zone(tz, ambiguous="latest", non_existent="null"), read)
    return read.dt.convert_time_zone("UTC")
