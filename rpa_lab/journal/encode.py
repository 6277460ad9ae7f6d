"""Rows to Arrow: checked, cut, redacted. Every row that enters a store, from wherever, passes `check`.

One bad value never takes its row along, nor one bad row its batch: what can't be kept is set to null and counted
(`corrected`); a row that lacks a required value is left out and named (`problems`). A NaN, infinite or negative
duration is null; a text longer than its limit is cut and marked; a status that nobody knows is ``failed``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from rpa_lab.errors import quote
from rpa_lab.journal.layout import Fragment
from rpa_lab.journal.redact import HOUSE, MARK, Redactor
from rpa_lab.records import execution_status, recovery_status, step_status
from rpa_lab.schema import Column, Table

__all__ = ["Checked", "Problem", "check", "epoch_us", "split_by_day", "to_micros", "with_origin", "wrong_values"]

_CUT: Final = "… [cut]"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_NO_DURATION_MS: Final = 1e12  # thirty years
_EARLIEST, _LATEST = 0, (datetime(2200, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND
_STATUS_OF: dict[str, Callable[[object], str | None]] = {
    "executions": execution_status,
    "steps": step_status,
    "recoveries": recovery_status,
}
_DEFAULTS = {"retry_count": 0}
_FREE = ("target_element",)  # a name as far as it repeats, and as free as any text
_PLAIN_ID = r"^(?:[0-9a-fA-F:.-]*|[0-9A-Za-z]{1,12}(?:[-_./][0-9]{1,12}){0,3})$"  # hexadecimal, or a word and numbers
_PARSED = 1_000_000  # characters of JSON that are read to find the secrets in it


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row can't be kept: which row, which field, its value and what was expected."""

    row: int
    field: str
    value: str
    expected: str

    def __str__(self) -> str:
        return f"row {self.row}: {self.field} is {self.value}, expected {self.expected}"


@dataclass(frozen=True, slots=True)
class Checked:
    """Rows fit to be written, and what had to be done to them.

    `kept` has the index, in what was given, of each row of `rows`; `corrections` counts, by column, the values that
    were cut, mapped or set to null.
    """

    rows: pa.Table
    kept: list[int]
    problems: tuple[Problem, ...]
    corrections: Mapping[str, int]

    @property
    def corrected(self) -> int:
        """How many values were corrected in all."""
        return sum(self.corrections.values())


def epoch_us(at: datetime) -> int:
    """Microseconds since 1970 UTC; a naive time is local.

    Examples
    --------
    >>> epoch_us(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    return ((at if at.tzinfo else at.astimezone()) - _EPOCH) // _MICROSECOND


def check(
    table: Table,
    columns: Mapping[str, Sequence[Any] | pa.Array | pa.ChunkedArray],
    count: int,
    *,
    redactor: Redactor = HOUSE,
) -> Checked:
    """The rows as an Arrow table of the schema's public columns.

    Parameters
    ----------
    table : Table
        Where they are to be written.
    columns : mapping of str to sequence or Arrow array
        Values by column; those left out are null. Times are `datetime` (naive means local), or integers: microseconds
        since 1970 UTC.
    count : int
        How many rows there are.
    redactor : Redactor
        Takes the secrets out of all that is text; default: by the usual patterns.

    Returns
    -------
    Checked

    Examples
    --------
    >>> from rpa_lab.schema import TABLES
    >>> at = [1_000_000] * 2
    >>> names = {"writer": ["0123456789ab", None]}
    >>> counts = {c.name: [0, 0] for c in TABLES["collector_health"].columns if c.kind == "count"}
    >>> checked = check(TABLES["collector_health"], {"timestamp": at, **names, **counts}, 2)
    >>> checked.rows.num_rows, str(checked.problems[0])
    (1, 'row 1: writer is None, expected a string')
    """
    corrections: dict[str, int] = {}
    arrays: dict[str, pa.Array] = {}
    for column in table.columns:
        if column.hidden:
            continue
        given = columns.get(column.name)
        if given is None:
            array, wrong = pa.nulls(count, column.arrow_type), 0
        else:
            array, wrong = _to_arrow(given, column)
            array, more = _clean(array, column, table, redactor)
            wrong += more
        if column.name in _DEFAULTS and array.null_count:
            array = array.fill_null(_DEFAULTS[column.name])
        arrays[column.name] = array
        if wrong:
            corrections[column.name] = wrong
    keep, problems = _complete(table, arrays, columns, count)
    rows = pa.table(arrays, schema=pa.schema([table.arrow.field(name) for name in arrays])) if not problems else None
    if rows is None:
        mask = pa.array(keep, pa.bool_())
        rows = pa.table({name: array.filter(mask) for name, array in arrays.items()})
        rows = rows.cast(pa.schema([table.arrow.field(name) for name in arrays]))
    kept = [i for i, good in enumerate(keep) if good] if problems else list(range(count))
    return Checked(rows, kept, tuple(problems), corrections)


def wrong_values(
    table: Table, checked: Checked, columns: Mapping[str, Sequence[Any] | pa.Array | pa.ChunkedArray]
) -> Iterator[Problem]:
    """What was wrong with the rows that were given to `check`: why some can't be kept, and what had to be corrected.

    Of a column that has several corrected values the first row stands for all.
    """
    yield from checked.problems
    for name in checked.corrections:
        if name not in {problem.field for problem in checked.problems}:
            most = table[name].limit
            at_most = f" of at most {most:,} characters" if most and table[name].kind != "status" else ""
            yield Problem(0, name, quote(_item(columns[name], 0)), _expected(table[name]) + at_most)


def split_by_day(table: Table, rows: pa.Table) -> Iterator[tuple[date, pa.Table]]:
    """The rows of each UTC day, in the order of days."""
    time = rows[table.day_of[0]]
    for other in table.day_of[1:]:
        time = pc.coalesce(time, rows[other])
    days = pc.cast(time, pa.date32())
    distinct = sorted(pc.unique(days).to_pylist())
    for day in distinct:
        yield day, rows if len(distinct) == 1 else rows.filter(pc.equal(days, pa.scalar(day, pa.date32())))


def with_origin(table: Table, rows: pa.Table, fragment: Fragment) -> pa.Table:
    """The rows in the full schema: where it has hidden origin columns, both groups came from this fragment."""
    if any(column.hidden for column in table.columns):
        count = rows.num_rows
        writer = pa.repeat(pa.scalar(fragment.writer, pa.string()), count)
        seq = pa.repeat(pa.scalar(fragment.seq, pa.int64()), count)
        row = pa.array(range(count), pa.int64())
        for prefix in ("_start", ""):
            for name, values in (("writer", writer), ("seq", seq), ("row", row)):
                rows = rows.append_column(f"{prefix}_{name}", values)
    return rows.select(table.arrow.names).cast(table.arrow)


def _complete(
    table: Table, arrays: Mapping[str, pa.Array], given: Mapping[str, Any], count: int
) -> tuple[list[bool], list[Problem]]:
    """Which rows have all that is required, and what the others lack."""
    required = [column for column in table.columns if not column.nullable and arrays[column.name].null_count]
    untimed = pa.nulls(count, pa.timestamp("us", tz="UTC"))
    for name in table.day_of:
        untimed = pc.coalesce(untimed, arrays[name])
    if not required and not untimed.null_count:
        return [], []
    keep, problems = [True] * count, []
    lacking = [(column.name, arrays[column.name], _expected(column)) for column in required]
    lacking.append((" or ".join(table.day_of), untimed, "a time from 1970 to 2199"))
    for name, array, expected in lacking:
        for row in pc.indices_nonzero(array.is_null()).to_pylist():
            if keep[row]:
                keep[row] = False
                said = given.get(name)
                problems.append(Problem(row, name, quote(None if said is None else _item(said, row)), expected))
    return keep, problems


def _item(values: Any, row: int) -> object:
    value = values[row]
    return value.as_py() if isinstance(value, pa.Scalar) else value


def _expected(column: Column) -> str:
    match column.kind:
        case "time":
            return "a time from 1970 to 2199"
        case "number":
            return "a finite number"
        case "duration":
            return "a finite number of milliseconds, not negative"
        case "status":
            return "a status that docs/schema.md names"
        case "count":
            return "a whole number, not negative"
        case _:
            return "a string"


def _to_arrow(values: Sequence[Any] | pa.Array | pa.ChunkedArray, column: Column) -> tuple[pa.Array, int]:
    """The values in the column's type; those that don't fit are null, and counted."""
    target = column.arrow_type
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if isinstance(values, pa.Array):
        if column.kind == "time" and pa.types.is_date(values.type):
            values = values.cast(pa.timestamp("us"))
        try:
            array = values.cast(target, safe=not pa.types.is_timestamp(values.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            values = values.to_pylist()
        else:
            return array, 0
    convert = _CONVERT[column.kind]
    if column.kind != "json":
        try:
            if column.kind == "time":  # whole microseconds, as a collector hands them over
                return pa.array(values, pa.int64()).cast(target), 0
            return pa.array(values, target), 0
        except Exception:  # noqa: BLE001, S110 - one of them doesn't fit, or is foreign: one by one, below
            pass
    wrong = 0
    out: list[object] = []
    for value in values:
        try:
            converted = None if value is None else convert(value)
        except BaseException as odd:  # a foreign object's __str__ or __float__ may raise anything
            if isinstance(odd, KeyboardInterrupt | SystemExit):
                raise
            converted = None
        wrong += converted is None and value is not None
        out.append(converted)
    return pa.array(out, target), wrong


def to_micros(value: object) -> int | None:
    """A time as microseconds since 1970 UTC, of a `datetime`, ISO 8601 text or such a number; None if it is none."""
    if isinstance(value, datetime):
        return epoch_us(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value if _EARLIEST <= value < _LATEST else None
    return epoch_us(datetime.fromisoformat(value)) if isinstance(value, str) else None


def _string(value: object) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text.encode("utf-8", "replace").decode("utf-8")


def _json(value: object) -> str:
    """An object as JSON; a string is taken to be JSON already."""
    return _string(value if isinstance(value, str | bytes) else json.dumps(value, ensure_ascii=False, default=str))


def _number(value: object) -> float | None:
    number = float(value)  # type: ignore[arg-type]
    return number if math.isfinite(number) else None


def _count(value: object) -> int | None:
    number = int(value)  # type: ignore[call-overload]
    return number if -(2**63) <= number < 2**63 else None


_CONVERT: dict[str, Callable[[Any], object]] = {
    "id": _string,
    "name": _string,
    "text": _string,
    "status": _string,
    "json": _json,
    "time": to_micros,
    "duration": _number,
    "number": _number,
    "count": _count,
}


def _clean(array: pa.Array, column: Column, table: Table, redactor: Redactor) -> tuple[pa.Array, int]:
    """The column with what its kind forbids set to null, cut, mapped or redacted; and how many values that were."""
    match column.kind:
        case "time":
            micros = array.cast(pa.int64())
            return _null_where(array, pc.or_(pc.less(micros, _EARLIEST), pc.greater_equal(micros, _LATEST)))
        case "duration":
            good = pc.and_(pc.greater_equal(array, 0), pc.less(array, _NO_DURATION_MS))  # a NaN is neither
            array, wrong = _null_where(array, pc.invert(good))
            return pc.round(array, ndigits=3), wrong
        case "number":
            return _null_where(array, pc.invert(pc.is_finite(array)))
        case "count":
            return _null_where(array, pc.less(array, 0))
        case "id" if not redactor.patterns and _is_plain(array, column):
            return array, 0
        case "status":
            return _map_unique(array, lambda said: _status(said, table))
        case _:
            return _map_unique(array, lambda said: _text(said, column, redactor))


def _is_plain(array: pa.Array, column: Column) -> bool:
    """Whether nothing has to be done to any of the ids, most of which are unique: looked at in C, all at once."""
    longest = pc.max(pc.utf8_length(array)).as_py() or 0
    if longest > (column.limit or longest):
        return False
    return pc.all(pc.match_substring_regex(array, _PLAIN_ID)).as_py() is not False


def _null_where(array: pa.Array, bad: pa.Array) -> tuple[pa.Array, int]:
    wrong = pc.sum(bad).as_py() or 0
    return (pc.if_else(bad, pa.scalar(None, array.type), array) if wrong else array), wrong


def _map_unique(array: pa.Array, change: Callable[[str], tuple[str, bool]]) -> tuple[pa.Array, int]:
    """Each distinct string changed once; `change` also says whether that counts as a correction."""
    encoded = array.dictionary_encode()
    changed = [change(said) for said in encoded.dictionary.to_pylist()]
    wrong = [i for i, (_, corrected) in enumerate(changed) if corrected]
    count = pc.sum(pc.is_in(encoded.indices, pa.array(wrong, pa.int32()))).as_py() if wrong else 0
    dictionary = pa.array([text for text, _ in changed], pa.string())
    return dictionary.take(encoded.indices), count or 0


def _status(said: str, table: Table) -> tuple[str, bool]:
    meant = _STATUS_OF[table.name](said)
    return meant or "failed", meant is None


def _text(said: str, column: Column, redactor: Redactor) -> tuple[str, bool]:
    limit = column.limit or len(said)
    clean = said.replace("\0", "\ufffd")
    match column.kind:
        case "json":
            return _json_text(clean, limit, redactor)
        case "id":
            clean = redactor.ident(clean, most=limit)
        case "name" if column.name not in _FREE:
            clean = redactor.name(clean, most=limit)
        case _:
            clean = redactor.text(clean, most=limit)
    is_cut = len(said) > limit or len(clean) > limit
    return _cut(clean, limit) if is_cut else clean, is_cut or "\0" in said


def _cut(clean: str, limit: int) -> str:
    """The beginning of a text that is too long, without the half of a mark: written again, it stays the same."""
    kept = clean[: limit - len(_CUT)]
    begun = kept.rfind(MARK[0], -2 * len(MARK))
    if begun >= 0 and MARK[:-1].startswith(kept[begun : begun + len(MARK) - 1]) and MARK[-1] not in kept[begun:]:
        kept = kept[:begun]
    return kept + _CUT


def _json_text(said: str, limit: int, redactor: Redactor) -> tuple[str, bool]:
    """JSON without its secrets; what is too long becomes an object that holds its beginning."""
    clean, is_whole = redactor.json_part(said[:_PARSED], most=limit)
    if is_whole and len(clean) <= limit and len(said) <= _PARSED:
        return clean, False
    beginning = redactor.text(clean[: limit // 2])  # as it will be read, if it is written again
    while len(short := json.dumps({"_cut": beginning}, ensure_ascii=False)) > limit:
        beginning = redactor.text(beginning[: len(beginning) * 3 // 4])
    return short, True
