"""Filters, bins and aggregates, row by row."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from tests.oracles.rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["bin_of", "compared", "grouped", "hours_in", "measured", "meets"]


def meets(row: Row, filters: Mapping[str, Any], zone: ZoneInfo) -> bool:
    """Whether a row meets every condition; ``ne`` is all that ``eq`` isn't, else nothing is true of a missing value."""
    return all(
        _holds(op, row[name], wanted, zone)
        for name, said in filters.items()
        for op, wanted in (
            said.items() if isinstance(said, dict) else [("in" if isinstance(said, list | tuple | set) else "eq", said)]
        )
    )


def bin_of(name: str, at: datetime, zone: ZoneInfo) -> Any:
    """The bin that a moment lies in: hour and intervals as the moment (UTC) of their start."""
    local = at.astimezone(zone)
    match name:
        case "day":
            return local.date()
        case "week":
            return local.date() - timedelta(days=local.weekday())
        case "weekday":
            return local.isoweekday()
        case "hour_of_week":
            return local.weekday() * 24 + local.hour
        case "1d" | "1w":
            first: date = local.date() - timedelta(days=local.weekday() if name == "1w" else 0)
            return datetime.combine(first, time(0), tzinfo=zone).astimezone(UTC)
    minutes = 60 if name == "hour" else int(name.rstrip("minh")) * (60 if name.endswith("h") else 1)
    back = (local.hour * 60 + local.minute) % minutes
    start = at.replace(second=0, microsecond=0) - timedelta(minutes=back)
    while start.astimezone(zone).utcoffset() != local.utcoffset():
        start += timedelta(minutes=1)  # until the clock was set
    return start


def hours_in(names: Sequence[str], start: datetime, end: datetime, zone: ZoneInfo) -> dict[tuple[Any, ...], float]:
    """How many hours of a span of whole minutes lie in each combination of bins, counted minute by minute."""
    minutes: dict[tuple[Any, ...], int] = defaultdict(int)
    for number in range((end - start) // timedelta(minutes=1)):
        minutes[tuple(bin_of(name, start + timedelta(minutes=number), zone) for name in names)] += 1
    return {key: count / 60 for key, count in minutes.items()}


def measured(aggregation: str, rows: Sequence[Row], column: str | None) -> tuple[Any, int]:
    """What an aggregation makes of a group of rows, and of how many rows or values."""
    if aggregation == "success_rate":
        ended = [row["status"] for row in rows if row["status"] not in ("running", "skipped")]
        good = [status for status in ended if status in ("completed", "recovered")]
        return (100 * len(good) / len(ended) if ended else None), len(ended)
    if column is None:
        return len(rows), len(rows)
    values = [row[column] for row in rows if row[column] is not None]
    if aggregation == "count":
        return len(values), len(values)
    if aggregation == "sum":
        return sum(values), len(values)
    if not values:
        return None, 0
    match aggregation:
        case "avg" | "mean":
            return float(np.mean(values)), len(values)
        case "min":
            return min(values), len(values)
        case "max":
            return max(values), len(values)
        case "median":
            return float(np.median(values)), len(values)
        case "std":
            return (float(np.std(values, ddof=1)) if len(values) > 1 else None), len(values)
    return float(np.percentile(values, float(aggregation.removeprefix("p")))), len(values)


def grouped(rows: Iterable[Row], bins: Sequence[str], columns: Sequence[str], zone: ZoneInfo) -> dict[Any, list[Row]]:
    """The rows by the bins of their time (where they have no start: of their end) and by columns, in this order."""
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        at = row.get("started_at") or row.get("completed_at") or row.get("timestamp")
        if at is None:
            raise ValueError(f"{row} has no time")
        groups[*(bin_of(name, at, zone) for name in bins), *(row[name] for name in columns)].append(row)
    return dict(groups)


def compared(
    sides: Sequence[Sequence[Row]], aggregation: str, column: str | None, *, hours: Sequence[float]
) -> list[tuple[Any, int, Any, Any]]:
    """Of each side its value and n, and what that is more than the first side's, and how many times as much."""
    values = []
    for rows, length in zip(sides, hours, strict=True):
        if aggregation == "rate_per_hour":
            n = len(rows) if column is None else sum(row[column] is not None for row in rows)
            values.append((n / length, n))
        else:
            values.append(measured(aggregation, rows, column))
    base = values[0][0]
    found = []
    for value, n in values:
        known = value is not None and base is not None
        found.append((value, n, value - base if known else None, value / base if known and base else None))
    return found


def _holds(op: str, value: Any, wanted: Any, zone: ZoneInfo) -> bool:
    if op == "in":
        return any(_holds("eq", value, each, zone) for each in wanted)
    if op == "ne":
        return not _holds("eq", value, wanted, zone)
    if value is None or wanted is None:
        return op == "eq" and value is None and wanted is None
    if isinstance(value, datetime):
        wanted = _moment(wanted, zone)
    if op in ("contains", "prefix"):
        return any(value[at : at + len(wanted)] == wanted for at in range(len(value) + 1 if op == "contains" else 1))
    if value == wanted:
        return op in ("eq", "le", "ge")
    return op in (("lt", "le") if value < wanted else ("gt", "ge")) if op != "eq" else False


def _moment(said: Any, zone: ZoneInfo) -> datetime:
    at = datetime.fromisoformat(said) if isinstance(said, str) else said
    at = at if isinstance(at, datetime) else datetime.combine(at, time(0))
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
