"""Naive twins: what the package computes in Polars, said again over plain rows, slowly and obviously.

Nothing here calls the package's own statistics. Rows are dicts, as `DataFrame.to_dicts` gives them.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = [
    "END_GROUP",
    "START_GROUP",
    "bottlenecks",
    "duration_statistics",
    "durations_by_group",
    "durations_by_node",
    "fold",
    "joined_lifecycle",
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


def durations_by_group(rows: Iterable[Row], by: Sequence[str], quantiles: Sequence[float]) -> dict[Any, dict[str, Any]]:
    """Statistics of `duration_ms` by the values of some columns, from plain lists and NumPy; None where undefined."""
    groups: dict[Any, list[float | None]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in by), []).append(row["duration_ms"])
    found = {}
    for group, durations in groups.items():
        known = [ms for ms in durations if ms is not None]
        found[group] = {
            "rows": len(durations),
            "n": len(known),
            "sum_ms": float(np.sum(known)) if known else None,
            "mean_ms": float(np.mean(known)) if known else None,
            "std_ms": float(np.std(known, ddof=1)) if len(known) > 1 else None,
            "min_ms": min(known, default=None),
            "max_ms": max(known, default=None),
            **{f"p{q * 100:.10g}_ms": float(np.percentile(known, q * 100)) if known else None for q in quantiles},
        }
    return found
