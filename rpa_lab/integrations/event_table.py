"""A log's events as they stand in its file: one row each, all values text, and where each row stood.

CSV is read by the standard library, strictly and piece by piece, because an error has to name its line: Polars fills a
row that is too short with nulls, without a word. Parquet is read by Polars. XES is another file's matter (`xes`).
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import polars as pl

from rpa_lab.errors import InputError, SourceError, quote
from rpa_lab.integrations.source import MAX_BYTES, Source
from rpa_lab.integrations.unpack import pieces

__all__ = ["MAX_ROWS", "MAX_VALUES", "EventTable", "Kind", "kind_of", "read_csv", "read_parquet"]

MAX_ROWS: Final = 5_000_000
"""The most events that are read unless somebody says otherwise."""

MAX_VALUES: Final = 60_000_000
"""The most values, rows times columns: a blank one costs memory too."""

Kind = Literal["csv", "parquet", "xes"]

_CHUNK: Final = 50_000
_MAX_COLUMNS: Final = 1_000
_SEPARATORS: Final = ",;\t|"
_MARKS: Final = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EventTable:
    """What a log's file holds.

    `events` has one row per event and a column of text for each of the file's; columns of the case are named
    ``case:…``, as PM4Py has it. `at` says on which line (or row, `unit`) each began. `cases`, of XES only, has one row
    per case, those without events among them. A blank is null, but in XES and Parquet, which tell them apart.
    """

    kind: Kind
    events: pl.DataFrame
    at: pl.Series
    unit: Literal["line", "row"] = "line"
    cases: pl.DataFrame | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)

    def line(self, row: int) -> int:
        """Where the event of this index stands in the file."""
        return int(self.at[row])


def kind_of(source: Source, start: bytes) -> Kind:
    """What kind of log begins like this.

    Parameters
    ----------
    source : Source
        The file, for its name.
    start : bytes
        Its first bytes, unpacked.

    Returns
    -------
    str

    Raises
    ------
    SourceError
        If it is of no kind that can be read.

    Examples
    --------
    >>> from pathlib import Path
    >>> kind_of(Source(path=Path("log"), content=b""), b"<?xml version='1.0'?>")
    'xes'
    """
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith(b"PK"):
        raise source.error("is a ZIP archive (or an Excel workbook), expected CSV, Parquet or XES, as it is or gzipped")
    suffixes = source.path.suffixes
    if ".xes" in suffixes or start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<":
        return "xes"
    if ".parquet" in suffixes:
        raise source.error("doesn't begin like a Parquet file, expected one by its name")
    return "csv"


def read_csv(
    source: Source,
    *,
    encoding: str | None = None,
    separator: str | None = None,
    max_bytes: int = MAX_BYTES,
    max_rows: int = MAX_ROWS,
    max_values: int = MAX_VALUES,
) -> EventTable:
    r"""The rows of a CSV file with a header line.

    Parameters
    ----------
    source : Source
        The file, gzipped or not.
    encoding : str, optional
        Default: what its byte order mark says, else UTF-8.
    separator : str, optional
        What stands between two fields; default: the one of comma, semicolon, tab and ``|`` that its header has most of.
    max_bytes, max_rows, max_values : int
        The most that it may have, unpacked; values are rows times columns.

    Returns
    -------
    EventTable

    Raises
    ------
    SourceError
        If it is malformed; names the line.
    InputError
        If there is no such encoding, or the separator isn't one character.

    Examples
    --------
    >>> from pathlib import Path
    >>> table = read_csv(Source(path=Path("log.csv"), content=b"case;activity\n7;pay\n7;ship"))
    >>> table.events.rows(), table.at.to_list()
    ([('7', 'pay'), ('7', 'ship')], [2, 3])
    """
    content = b"".join(pieces(source, max_bytes=max_bytes))
    encoding = _encoding(content, encoding)
    if b"\0" in content and not encoding.startswith(("utf-16", "utf-32", "utf_16", "utf_32")):
        line = content.count(b"\n", 0, content.index(b"\0")) + 1
        raise source.error("holds a NUL character, expected the text of a CSV file", line=line)
    lines: list[int] = []
    chunks = []
    try:
        records = _records(source, content, encoding=encoding, separator=separator)
        first = next(records, None)
        if first is None:
            raise source.error("is empty, expected a line with the names of its columns, and events")
        names = _header(source, first[1], line=first[0])
        while chunk := list(itertools.islice(records, _CHUNK)):
            for line, fields in chunk:
                if len(fields) != len(names):
                    raise source.error(f"has {_fields(len(fields))}, expected {len(names)} as in the header", line=line)
                lines.append(line)
            if len(lines) > max_rows:
                raise source.error(f"has more than {max_rows:,} rows, expected at most that many")
            if len(lines) * len(names) > max_values:
                raise source.error(f"has more than {max_values:,} fields, expected at most that many")
            columns = zip(*(fields for _, fields in chunk), strict=True)
            chunks.append(pl.DataFrame(dict(zip(names, columns, strict=True)), schema=dict.fromkeys(names, pl.String)))
    except UnicodeDecodeError:
        raise _undecodable(source, content, encoding) from None
    if not chunks:
        raise source.error("has a header and no events, expected at least one")
    events = pl.concat(chunks).with_columns(pl.when(pl.all() != "").then(pl.all()))
    unnamed = [name for name in names if name.startswith("\0")]
    return EventTable(
        kind="csv",
        events=events.drop(unnamed),
        at=pl.Series("at", lines, dtype=pl.Int64),
        left_out={"columns without a name": len(unnamed)},
    )


def read_parquet(
    source: Source, *, max_bytes: int = MAX_BYTES, max_rows: int = MAX_ROWS, max_values: int = MAX_VALUES
) -> EventTable:
    """The rows of a Parquet file; times become ISO 8601 text, in UTC where they have a zone.

    Parameters
    ----------
    source : Source
        The file.
    max_bytes, max_rows, max_values : int
        The most that it may have, unpacked; values are rows times columns.

    Returns
    -------
    EventTable

    Raises
    ------
    SourceError
        If it is damaged, too large, or has columns that are no plain values.
    """
    import pyarrow.parquet as pq

    content = b"".join(pieces(source, max_bytes=max_bytes))
    try:
        about = pq.ParquetFile(io.BytesIO(content)).metadata
        size = sum(about.row_group(number).total_byte_size for number in range(about.num_row_groups))
        if about.num_rows > max_rows:
            raise source.error(f"has {about.num_rows:,} rows, expected at most {max_rows:,}")
        if about.num_rows * about.num_columns > max_values:
            raise source.error(f"has {about.num_rows * about.num_columns:,} values, expected at most {max_values:,}")
        if size > max_bytes:
            raise source.error(f"unpacks to {size:,} bytes, expected at most {max_bytes:,}")
        rows = pl.read_parquet(io.BytesIO(content))
    except SourceError:
        raise
    except (OSError, ValueError, pl.exceptions.PolarsError) as mistake:
        said = str(mistake).strip().partition("\n")[0] or type(mistake).__name__
        raise source.error(f"is a damaged Parquet file: {said[:200]}") from None
    if rows.is_empty():
        raise source.error("has no rows, expected events")
    nested = [name for name, kind in rows.schema.items() if kind.is_nested() or kind in (pl.Binary, pl.Object)]
    return EventTable(
        kind="parquet",
        events=rows.drop(nested).select(
            _as_text(name, kind) for name, kind in rows.schema.items() if name not in nested
        ),
        at=pl.Series("at", range(1, rows.height + 1), dtype=pl.Int64),
        unit="row",
        left_out={"columns that are no plain values": len(nested)},
    )


def _as_text(name: str, kind: pl.DataType) -> pl.Expr:
    values = pl.col(name)
    if isinstance(kind, pl.Datetime):
        text = (values.dt.convert_time_zone("UTC") if kind.time_zone else values).dt.strftime("%Y-%m-%dT%H:%M:%S%.6f")
        return (text + "Z" if kind.time_zone else text).alias(name)
    return values.cast(pl.String)


def _encoding(content: bytes, said: str | None) -> str:
    if said is None:
        return next((encoding for mark, encoding in _MARKS if content.startswith(mark)), "utf-8")
    try:
        b"a".decode(said)
        "a".encode(said)
    except (LookupError, ValueError) as mistake:
        if isinstance(mistake, LookupError):
            raise InputError(f"encoding is {quote(said)}, expected one such as utf-8 or cp1252") from None
    return "utf-8-sig" if said.lower().replace("_", "-") in ("utf-8", "utf8") else said.lower()


def _records(
    source: Source, content: bytes, *, encoding: str, separator: str | None
) -> Iterator[tuple[int, list[str]]]:
    """The records that aren't blank, each with the line on which it begins."""
    text = io.TextIOWrapper(io.BytesIO(content), encoding=encoding, newline="")
    if separator is None:
        separator = _separator(source, _first_line(text))
        text = io.TextIOWrapper(io.BytesIO(content), encoding=encoding, newline="")
    elif len(separator) != 1 or separator in '\r\n"':
        raise InputError(f"separator is {quote(separator)}, expected one character such as ';'")
    reader = csv.reader(text, delimiter=separator, strict=True)
    begins = 1
    try:
        for fields in reader:
            if len(fields) > 1 or "".join(fields).strip():
                yield begins, fields
            begins = reader.line_num + 1
    except csv.Error as mistake:
        raise source.error(_what_is_wrong(str(mistake)), line=begins) from None


def _what_is_wrong(said: str) -> str:
    if said.startswith("unexpected end of data"):
        return "opens a quote that is never closed, expected a closing one"
    if "expected after" in said:
        return "goes on after a closing quote, expected a separator there"
    if said.startswith("field larger"):
        return f"has a field of more than {csv.field_size_limit():,} characters, expected a closing quote before"
    return f"can't be read as CSV: {said}"


def _first_line(text: io.TextIOWrapper) -> str:
    return next((line for line in text if line.strip()), "")


def _separator(source: Source, header: str) -> str:
    outside = "".join(header.split('"')[::2])
    counts = {each: outside.count(each) for each in _SEPARATORS}
    most = max(counts.values())
    candidates = [each for each, count in counts.items() if count == most]
    if most and len(candidates) > 1:
        raise source.error(
            f"has a header that {' or '.join(map(repr, candidates))} might separate; say which (--separator)"
        )
    return candidates[0]


def _header(source: Source, fields: list[str], *, line: int) -> list[str]:
    names = [field.strip() or f"\0{number}" for number, field in enumerate(fields, 1)]
    if len(names) > _MAX_COLUMNS:
        raise source.error(f"has {len(names):,} columns, expected at most {_MAX_COLUMNS:,}", line=line)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise source.error(f"names the column {quote(twice)} twice, expected each once", line=line)
    return names


def _fields(count: int) -> str:
    return f"{count} field{'' if count == 1 else 's'}"


def _undecodable(source: Source, content: bytes, encoding: str) -> SourceError:
    """The error that names the first line which isn't in the encoding."""
    line, said = 1, ""
    try:
        content.decode(encoding)
    except UnicodeDecodeError as mistake:
        line, said = content.count(b"\n", 0, mistake.start) + 1, f" (byte 0x{content[mistake.start]:02x})"
    shown = encoding.removesuffix("-sig").upper()
    return source.error(
        f"is not in {shown}{said}; expected {shown}, or another encoding to be named (--encoding)", line=line
    )
