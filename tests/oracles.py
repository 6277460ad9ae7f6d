"""Naive twins: what the package computes in Polars, said again over plain rows, slowly and obviously.

Nothing here calls the package's own statistics. Rows are dicts, as `DataFrame.to_dicts` gives them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = [
    "END_GROUP",
    "START_GROUP",
    "bottlenecks",
    "breakdown_times",
    "cases",
    "duration_statistics",
    "durations_by_node",
    "first_attempts",
    "fold",
    "incidence",
    "joined_lifecycle",
    "outages",
    "recovery_savings",
    "self_time_by_node",
    "streaks",
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


def first_attempts(executions: Iterable[Row], steps: Iterable[Row]) -> set[str]:
    """The executions that completed without a retry and repeat no other."""
    again = {step["execution_id"] for step in steps if step["retry_count"] > 0}
    return {
        run["execution_id"]
        for run in executions
        if run["status"] == "completed" and run["rerun_of"] is None and run["execution_id"] not in again
    }


def cases(executions: Iterable[Row]) -> list[Row]:
    """The attempts that `rerun_of` connects, one row per case: ids in order of time, how the last one ended."""
    runs = {run["execution_id"]: run for run in executions}
    near: dict[str, set[str]] = defaultdict(set)
    for run in runs.values():
        if run["rerun_of"] is not None:
            near[run["execution_id"]].add(run["rerun_of"])
            near[run["rerun_of"]].add(run["execution_id"])
    found, done = [], set()
    for name in runs:
        if name in done:
            continue
        group, ahead = {name}, [name]
        while ahead:
            for other in near[ahead.pop()] - group:
                group.add(other)
                ahead.append(other)
        done |= group
        ordered = sorted((runs[one] for one in group if one in runs), key=lambda run: (_when(run), run["execution_id"]))
        cyclic = any(_comes_back(run["execution_id"], runs) for run in ordered)
        dangling = not cyclic and all(run["rerun_of"] is not None for run in ordered)
        found.append(
            {
                "ids": [run["execution_id"] for run in ordered],
                "workflow_id": ordered[0]["workflow_id"],
                "began_at": _when(ordered[0]),
                "status": ordered[-1]["status"],
                "cyclic": cyclic,
                "dangling": dangling,
            }
        )
    return found


def _when(run: Row) -> datetime:
    at: datetime = run["started_at"] or run["completed_at"] or _LONG_AGO
    return at


def _comes_back(name: str, runs: Mapping[str, Row]) -> bool:
    at, steps = runs[name]["rerun_of"], 0
    while at in runs and steps <= len(runs):
        if at == name:
            return True
        at, steps = runs[at]["rerun_of"], steps + 1
    return bool(at == name)


def _ended(run: Row) -> datetime:
    at: datetime = run["completed_at"] or run["last_seen_at"] or run["started_at"]
    return at


def streaks(executions: Iterable[Row]) -> tuple[int, int, int, bool] | None:
    """The longest row of successes, of breakdowns, the last row and whether it is one of successes."""
    told = [run for run in executions if run["status"] in ("completed", "failed", "abandoned")]
    told.sort(key=lambda run: (_ended(run), run["execution_id"]))
    rows: list[list[bool]] = []
    for run in told:
        good = run["status"] == "completed"
        if rows and rows[-1][0] == good:
            rows[-1].append(good)
        else:
            rows.append([good])
    if not rows:
        return None
    longest = [max((len(row) for row in rows if row[0] is good), default=0) for good in (True, False)]
    return longest[0], longest[1], len(rows[-1]), rows[-1][0]


def outages(executions: Iterable[Row]) -> tuple[list[timedelta], list[datetime]]:
    """How long one workflow's outages that ended lasted; since when it is out, if it is."""
    runs = list(executions)
    good = [_ended(run) for run in runs if run["status"] == "completed"]
    began: dict[datetime | None, datetime] = {}
    for run in runs:
        if run["status"] in ("failed", "abandoned"):
            restored = min((at for at in good if at >= _ended(run)), default=None)
            began[restored] = min(began.get(restored, _ended(run)), _ended(run))
    closed = sorted(restored - since for restored, since in began.items() if restored is not None)
    return closed, [since for restored, since in began.items() if restored is None]


def breakdown_times(executions: Iterable[Row], *, now: datetime) -> tuple[int, float]:
    """How many runs broke down, and how long all of them have been at work, ms."""
    broken, spent = 0, 0.0
    for run in executions:
        broken += run["status"] in ("failed", "abandoned")
        if run["duration_ms"] is not None:
            spent += run["duration_ms"]
        elif run["started_at"] is not None:
            until = now if run["status"] == "running" else _ended(run)
            spent += max(0.0, (until - run["started_at"]) / timedelta(milliseconds=1))
    return broken, spent


def incidence(runs: Iterable[tuple[float, str]], *, cause: str) -> dict[float, Fraction]:
    """The share of runs that ended in one way, at each time that something happened: Aalen-Johansen, in fractions."""
    watched = list(runs)
    left, share, curve = Fraction(1), Fraction(0), {}
    for time in sorted({time for time, _ in watched}):
        at_risk = sum(1 for other, _ in watched if other >= time)
        ends = Counter(how for other, how in watched if other == time and how != "censored")
        share += left * Fraction(ends[cause], at_risk)
        left *= 1 - Fraction(sum(ends.values()), at_risk)
        curve[time] = share
    return curve


def recovery_savings(recoveries: Iterable[Row], executions: Iterable[Row]) -> dict[str, float]:
    """By run that completed after a successful recovery: the time from its start to the first of these, ms."""
    runs = {run["execution_id"]: run for run in executions}
    saved: dict[str, float] = {}
    for recovery in sorted(recoveries, key=lambda one: one["started_at"]):
        name = recovery["execution_id"]
        run = runs.get(name)
        if run and recovery["status"] == "recovered" and run["status"] == "completed" and name not in saved:
            saved[name] = max(0.0, (recovery["started_at"] - run["started_at"]) / timedelta(milliseconds=1))
    return saved
