"""Naive twins: what the package computes in Polars, said again over plain rows, slowly and obviously.

Nothing here calls the package's own statistics. Rows are dicts, as `DataFrame.to_dicts` gives them.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from zoneinfo import ZoneInfo

__all__ = [
    "END_GROUP",
    "START_GROUP",
    "bin_of",
    "bottlenecks",
    "duration_statistics",
    "durations_by_node",
    "fold",
    "grouped",
    "hours_in",
    "joined_lifecycle",
    "measured",
    "meets",
    "self_time_by_node",
    "success_rate",
    "value_by_node",
]

Row = dict[str, Any]

START_GROUP = (
    "workflow_id",
    "started_at",
    "robot_id",
    "host",
    "workflow_version",
    "business_key",
    "queued_at",
    "rerun_of",
    "context",
    "_start_writer",
    "_start_seq",
    "_start_row",
)
END_GROUP = (
    "status",
    "completed_at",
    "duration_ms",
    "steps_total",
    "steps_completed",
    "steps_failed",
    "error_message",
    "error_details",
    "exception_kind",
    "end_context",
    "_writer",
    "_seq",
    "_row",
)
_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


def fold(rows: Iterable[Row]) -> dict[str, Row]:
    """One row per execution, by its id: the start group of one row and the end group of one row, each taken whole."""
    of_execution: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        of_execution[row["execution_id"]].append(row)
    folded = {}
    for execution_id, candidates in of_execution.items():
        start, end = candidates[0], candidates[0]
        for row in candidates[1:]:
            start = row if _start_rank(row) > _start_rank(start) else start
            end = row if _end_rank(row) > _end_rank(end) else end
        folded[execution_id] = (
            {"execution_id": execution_id}
            | {name: start[name] for name in START_GROUP}
            | {name: end[name] for name in END_GROUP}
        )
    return folded


def duration_statistics(durations_ms: Iterable[float | None]) -> dict[str, float | int | None]:
    """n, mean, median, p90, p95, p99, std (ddof 1), min and max of the known durations; None where undefined."""
    values = np.array([ms for ms in durations_ms if ms is not None], dtype=np.float64)
    if not len(values):
        return {"n": 0} | dict.fromkeys(("mean", "median", "p90", "p95", "p99", "std", "min", "max"))
    return {
        "n": len(values),
        "mean": float(np.mean(values)),
        "median": float(np.median(values)),
        "p90": float(np.percentile(values, 90)),
        "p95": float(np.percentile(values, 95)),
        "p99": float(np.percentile(values, 99)),
        "std": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "min": float(np.min(values)),
        "max": float(np.max(values)),
    }


def success_rate(statuses: Iterable[str]) -> float | None:
    """Completed among the ended (abandoned ones are ended), percent; None where none has ended."""
    ended = [status for status in statuses if status in ("completed", "failed", "cancelled", "abandoned")]
    return 100 * ended.count("completed") / len(ended) if ended else None


def durations_by_node(steps: Iterable[Row]) -> dict[str, list[float]]:
    """The known durations (ms) of the steps of each node that were really done, skipped ones left out."""
    values: dict[str, list[float]] = defaultdict(list)
    for step in steps:
        if step["status"] != "skipped" and step["duration_ms"] is not None:
            values[step["node_id"]].append(step["duration_ms"])
    return dict(values)


def value_by_node(steps: Iterable[Row], *, by: str) -> dict[str, float]:
    """Per node its ``mean_``, ``p95_``, ``max_`` or ``total_duration_ms``."""
    statistic = {"mean_duration_ms": "mean", "p95_duration_ms": "p95", "max_duration_ms": "max"}
    values = {}
    for node, durations in durations_by_node(steps).items():
        value = sum(durations) if by == "total_duration_ms" else duration_statistics(durations)[statistic[by]]
        values[node] = float(value or 0.0)
    return values


def bottlenecks(values: Mapping[str, float], *, threshold_percentile: float = 0.95) -> list[str]:
    """The nodes at or above that quantile over nodes, greatest first, equal ones by name."""
    if not values:
        return []
    least = min(float(np.quantile(list(values.values()), threshold_percentile)), max(values.values()))
    return sorted((node for node, value in values.items() if value >= least), key=lambda node: (-values[node], node))


def self_time_by_node(steps: Iterable[Row]) -> dict[tuple[str, str], float | None]:
    """Per execution and node: its steps' time (ms) less that of the nodes directly below; None where it is unknown."""
    total: dict[tuple[str, str], float | None] = {}
    for step in steps:
        place = (step["execution_id"], step["node_id"])
        known = total.get(place)
        total[place] = known if step["duration_ms"] is None else (known or 0.0) + step["duration_ms"]
    own = dict(total)
    for (execution_id, node_id), spent in total.items():
        above = (execution_id, node_id.rpartition(" > ")[0])
        before = own.get(above)
        if before is not None and spent is not None:
            own[above] = before - spent
    return own


def _start_rank(row: Row) -> tuple[Any, ...]:
    rank = (row["started_at"] is not None, row["_start_writer"], row["_start_seq"], row["_start_row"])
    return (*rank, *_ties(row, START_GROUP, ("_start_writer", "_start_seq", "_start_row")))


def _end_rank(row: Row) -> tuple[Any, ...]:
    ended = row["status"] in ("completed", "failed", "cancelled")
    rank = (ended, row["completed_at"] or _LONG_AGO, row["_writer"], row["_seq"], row["_row"])
    return (*rank, *_ties(row, END_GROUP, ("completed_at", "_writer", "_seq", "_row")))


def _ties(row: Row, group: tuple[str, ...], rank: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    """What tells rows of one origin apart (a writer numbers its fragments by day): the group's other values in turn."""
    return ((False,) if row[name] is None else (True, row[name]) for name in group if name not in rank)


def joined_lifecycle(events: Iterable[Row]) -> tuple[list[tuple[Row | None, Row]], int]:
    """Each completion with the start that it completes, and how many starts nothing completes.

    Events have case, activity, instance, lifecycle ("start" or "complete") and end, their time; of one time the starts
    come first. A queue for each case, activity and instance.
    """
    open_starts: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    pairs: list[tuple[Row | None, Row]] = []
    for event in sorted(events, key=lambda event: (event["end"], event["lifecycle"] != "start", event["row"])):
        queue = open_starts[event["case"], event["activity"], event["instance"]]
        if event["lifecycle"] == "start":
            queue.append(event)
        else:
            pairs.append((queue.pop(0) if queue else None, event))
    return pairs, sum(map(len, open_starts.values()))


def meets(row: Row, filters: Mapping[str, Any], zone: ZoneInfo) -> bool:
    """Whether a row meets every condition; ``ne`` is all that ``eq`` isn't, else nothing is true of a missing value."""
    return all(
        _holds(op, row[name], wanted, zone)
        for name, said in filters.items()
        for op, wanted in (
            said.items() if isinstance(said, dict) else [("in" if isinstance(said, list | tuple | set) else "eq", said)]
        )
    )


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
