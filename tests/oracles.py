"""Naive twins: what the package computes in Polars, said again over plain rows, slowly and obviously.

Nothing here calls the package's own statistics. Rows are dicts, as `DataFrame.to_dicts` gives them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from itertools import pairwise, permutations
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from rpa_lab.storage.settings_calendar import Calendar
    from rpa_lab.storage.settings_targets import SlaTarget

__all__ = [
    "END_GROUP",
    "START_GROUP",
    "bin_of",
    "bootstrap_t",
    "bottlenecks",
    "breakdown_times",
    "busy_seconds",
    "cases",
    "cases_began",
    "cliffs_delta",
    "compared",
    "difference_bootstrap",
    "duration_parts",
    "duration_statistics",
    "durations_by_group",
    "durations_by_node",
    "exchanged_p_value",
    "first_attempts",
    "fold",
    "grouped",
    "hodges_lehmann",
    "hours_in",
    "incidence",
    "joined_lifecycle",
    "kept_promises",
    "measured",
    "meets",
    "minutes_of_work",
    "outages",
    "rate_interval",
    "recovery_savings",
    "self_time_by_node",
    "shapley_of_durations",
    "shifts",
    "streaks",
    "success_rate",
    "value_by_node",
    "waiting_ms",
    "worked_seconds",
    "workload",
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
    """The attempts that `rerun_of` connects, one row per case: ids in order of time, and how it ended."""
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
        states = {run["status"] for run in ordered}
        dangling = not cyclic and all(run["rerun_of"] is not None for run in ordered)
        found.append(
            {
                "ids": [run["execution_id"] for run in ordered],
                "workflow_id": ordered[0]["workflow_id"],
                "began_at": _when(ordered[0]),
                "status": next((word for word in ("completed", "running") if word in states), ordered[-1]["status"]),
                "cyclic": cyclic,
                "dangling": dangling,
                "attempts": ordered,
                "repeated": len(group) > 1 or any(run["rerun_of"] is not None for run in ordered),
            }
        )
    return found


def cases_began(executions: Iterable[Row], *, start: datetime, end: datetime, workflow_id: str | None) -> list[Row]:
    """Of all executions there are the cases of a period: attempts within 30 days around it, the first within it."""
    reach = timedelta(days=30)
    near = [run for run in executions if start - reach <= _when(run) < end + reach]
    found = [case for case in cases(near) if start <= case["began_at"] < end]
    return [case for case in found if workflow_id in (None, case["workflow_id"])]


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


def _told_end(run: Row) -> datetime:
    at: datetime = _ended(run) or run["last_seen_at"] or run["started_at"]
    return at


def streaks(executions: Iterable[Row]) -> tuple[int, int, int, bool] | None:
    """The longest row of successes, of breakdowns, the last row and whether it is one of successes."""
    told = [run for run in executions if run["status"] in ("completed", "failed", "abandoned")]
    told.sort(key=lambda run: (_told_end(run), run["execution_id"]))
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
    good = [_told_end(run) for run in runs if run["status"] == "completed"]
    began: dict[datetime | None, datetime] = {}
    for run in runs:
        if run["status"] in ("failed", "abandoned"):
            restored = min((at for at in good if at >= _told_end(run)), default=None)
            began[restored] = min(began.get(restored, _told_end(run)), _told_end(run))
    closed = sorted(restored - since for restored, since in began.items() if restored is not None)
    return closed, [since for restored, since in began.items() if restored is None]


def breakdown_times(executions: Iterable[Row], *, now: datetime) -> tuple[int, float | None]:
    """How many runs broke down, and how long all of them have been at work, ms; None where that is known of none."""
    broken, spent = 0, list[float]()
    for run in executions:
        broken += run["status"] in ("failed", "abandoned")
        if run["duration_ms"] is not None:
            spent.append(run["duration_ms"])
        elif run["started_at"] is not None:
            until = now if run["status"] == "running" else _told_end(run)
            spent.append(max(0.0, (until - run["started_at"]) / timedelta(milliseconds=1)))
    return broken, sum(spent) if spent else None


def incidence(runs: Iterable[tuple[float, str]], *, cause: str) -> dict[float, Fraction]:
    """The share of runs that ended in one way, at each time that something happened: Aalen-Johansen, in fractions."""
    watched = list(runs)
    left, share, curve = Fraction(1), Fraction(0), {}
    for at in sorted({at for at, _ in watched}):
        at_risk = sum(1 for other, _ in watched if other >= at)
        ends = Counter(how for other, how in watched if other == at and how != "censored")
        share += left * Fraction(ends[cause], at_risk)
        left *= 1 - Fraction(sum(ends.values()), at_risk)
        curve[at] = share
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


Stretch = tuple[datetime, datetime]


def shifts(calendar: Calendar, first: date, last: date, *, tz: str) -> list[Stretch]:
    """Each shift that begins on one of these days, by the zone's clock; they may overlap."""
    zone = ZoneInfo(calendar.tz or tz)
    found = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        for shift in calendar.shifts[day.weekday()] if day not in calendar.holidays else ():
            midnight = datetime.combine(day, time(0))
            begin, end = (
                (midnight + timedelta(minutes=at)).replace(tzinfo=zone).astimezone(UTC)
                for at in (shift.begin, shift.end)
            )
            found.append((begin, end))
    return found


def minutes_of_work(start: datetime, end: datetime, stretches: Iterable[Stretch]) -> int:
    """How many of the minutes that begin between two whole minutes lie in working time, one minute after the other."""
    stretches = list(stretches)
    worked, at = 0, start
    while at < end:
        worked += any(opens <= at < closes for opens, closes in stretches)
        at += timedelta(minutes=1)
    return worked


def worked_seconds(start: datetime, end: datetime, stretches: Sequence[Stretch] | None) -> float:
    """Working time between two instants, negative if the other comes first; without stretches all time is."""
    if end < start:
        return -worked_seconds(end, start, stretches)
    return busy_seconds([(start, end)], stretches)


def busy_seconds(intervals: Iterable[Stretch], stretches: Sequence[Stretch] | None) -> float:
    """How long at least one of the intervals is open in working time: piece by piece between all their edges."""
    intervals = list(intervals)
    edges = sorted({edge for pair in (*intervals, *(stretches or ())) for edge in pair})
    total = 0.0
    for begin, end in pairwise(edges):
        busy = any(a <= begin and end <= b for a, b in intervals)
        worked = stretches is None or any(a <= begin and end <= b for a, b in stretches)
        total += (end - begin).total_seconds() if busy and worked else 0.0
    return total


def workload(
    everything: Sequence[Row],
    *,
    workflow_id: str | None,
    retried: set[str],
    recovered: set[str],
    start: datetime,
    end: datetime,
    now: datetime,
    stretches: Sequence[Stretch] | None,
) -> dict[str, Any]:
    """What is counted of one workflow's executions (None: of all) for key figures; they may begin before the period."""
    runs = [run for run in everything if workflow_id in (None, run["workflow_id"])]
    of_period = [run for run in runs if start <= (run["started_at"] or run["completed_at"] or _LONG_AGO) < end]
    ended = [run for run in of_period if run["status"] != "running"]
    durations = duration_statistics(run["duration_ms"] for run in ended)
    queued = [run for run in of_period if run["queued_at"] and run["started_at"]]
    waits = [max(0.0, worked_seconds(run["queued_at"], run["started_at"], stretches)) * 1000 for run in queued]
    waited = duration_statistics(waits)
    began = cases_began(everything, start=start, end=end, workflow_id=workflow_id)
    over = [case for case in began if case["status"] != "running"]
    tries = [[run for run in case["attempts"] if run["status"] != "running"] for case in over]
    handling = [sum(run["duration_ms"] for run in runs) for runs in tries if all(_timed(run) for run in runs)]
    straight = [
        case
        for case in over
        if case["status"] == "completed" and not case["repeated"] and case["ids"][0] not in retried | recovered
    ]
    until = max(start, min(end, now))
    placed: dict[str, list[Stretch]] = defaultdict(list)
    work_ms, unplaced, nameless, done = 0.0, 0, 0, []
    for run in runs:
        begun, over_at = _began(run), _until(run, now=now)
        if begun is None or over_at is None:
            unplaced += start <= (run["started_at"] or run["completed_at"] or _LONG_AGO) < until
            continue
        if run["status"] == "completed" and start <= over_at < until:
            done.append(over_at)
        if begun >= until or over_at < start:
            continue
        interval = (max(begun, start), min(over_at, until))
        work_ms += max(0.0, (interval[1] - interval[0]).total_seconds()) * 1000
        robot = run["robot_id"] or run["host"]
        nameless += robot is None
        if robot is not None:
            placed[robot].append(interval)
    return {
        "executions": len(of_period),
        "ended": len(ended),
        "aht_n": durations["n"],
        "aht_ms": durations["mean"],
        "aht_median_ms": durations["median"],
        "wait_n": len(waits),
        "wait_mean_ms": waited["mean"],
        "wait_p50_ms": waited["median"],
        "wait_p95_ms": waited["p95"],
        "negative_waits": sum(run["started_at"] < run["queued_at"] for run in queued),
        "retried": sum(run["execution_id"] in retried for run in ended),
        "cases": len(over),
        "cases_completed": sum(case["status"] == "completed" for case in over),
        "cases_running": len(began) - len(over),
        "case_aht_n": len(handling),
        "case_aht_ms": sum(handling) / len(handling) if handling else None,
        "straight_through": len(straight),
        "completed_within": len(done),
        "completed_in_hours": sum(
            stretches is None or any(opens <= at <= closes for opens, closes in stretches) for at in done
        ),
        "work_ms": work_ms,
        "unplaced": unplaced,
        "without_robot": nameless,
        "robots": len(placed),
        "busy_ms": sum(busy_seconds(intervals, None) for intervals in placed.values()) * 1000,
        "busy_in_hours_ms": sum(busy_seconds(intervals, stretches) for intervals in placed.values()) * 1000,
    }


def kept_promises(
    target: SlaTarget,
    runs: Sequence[Row],
    began: Sequence[Row],
    *,
    workflow_id: str,
    now: datetime,
    stretches: Sequence[Stretch] | None,
    tz: str,
) -> dict[str, int]:
    """How many of one workflow's runs or cases (as `cases` has them) met, broke, may still meet a target, or can't."""
    promise: Any = target.promise
    counts = dict.fromkeys(("met", "breaches", "open", "unjudged"), 0)
    kind = type(promise).__name__
    measure = getattr(promise, "measure", kind)
    if measure in ("turnaround", "CompletedBy"):
        for case in [case for case in began if case["workflow_id"] == workflow_id]:
            counts[_delivery(case["attempts"], promise, now=now, stretches=stretches, tz=tz)] += 1
        return counts
    for run in [run for run in runs if run["workflow_id"] == workflow_id]:
        running, completed = run["status"] == "running", run["status"] == "completed"
        if measure == "Completes":
            outcome = "met" if completed else "open" if running else "breaches"
        elif measure == "queue_wait":
            known = run["queued_at"] and run["started_at"]
            wait = worked_seconds(run["queued_at"], run["started_at"], stretches) if known else None
            outcome = "unjudged" if wait is None else "met" if wait * 1000 <= promise.limit_ms else "breaches"
        else:
            taken = run["duration_ms"]
            last = now if running else run["last_seen_at"] if run["status"] == "abandoned" else None
            if taken is None and last and run["started_at"]:
                taken = (last - run["started_at"]) / timedelta(milliseconds=1)
            if taken is None:
                outcome = "unjudged"
            elif taken > promise.limit_ms:
                outcome = "breaches"
            else:
                outcome = "met" if completed else "open" if running else "unjudged"
        counts[outcome] += 1
    return counts


def _delivery(case: Sequence[Row], promise: Any, *, now: datetime, stretches: Sequence[Stretch] | None, tz: str) -> str:
    completions = [_ended(run) for run in case if run["status"] == "completed"]
    known = [at for at in completions if at]
    if completions and not known:
        return "unjudged"
    delivered = min(known) if known else None
    queued = min((run["queued_at"] for run in case if run["queued_at"]), default=None)
    started = min((run["started_at"] for run in case if run["started_at"]), default=None)
    at = delivered or now
    if hasattr(promise, "clock"):
        since = queued or started
        if since is None:
            return "unjudged"
        zone = ZoneInfo(tz)
        day = since.astimezone(zone).date()
        dues = [
            datetime.combine(day + timedelta(days=later), promise.clock).replace(tzinfo=zone).astimezone(UTC)
            for later in (0, 1)
        ]
        kept = at <= (dues[0] if dues[0] > since else dues[1])
    elif queued is None:
        return "unjudged"
    else:
        kept = worked_seconds(queued, at, stretches) * 1000 <= promise.limit_ms
    return "breaches" if not kept else "met" if delivered else "open"


def _timed(run: Row) -> bool:
    return run["duration_ms"] is not None


def _began(run: Row) -> datetime | None:
    if run["started_at"]:
        begun: datetime = run["started_at"]
        return begun
    if run["completed_at"] and run["duration_ms"] is not None:
        found: datetime = run["completed_at"] - timedelta(milliseconds=run["duration_ms"])
        return found
    return None


def _ended(run: Row) -> datetime | None:
    done: datetime | None = run["completed_at"]
    if run["started_at"] and run["duration_ms"] is not None and (not done or done < run["started_at"]):
        done = run["started_at"] + timedelta(milliseconds=run["duration_ms"])
    return done


def _until(run: Row, *, now: datetime) -> datetime | None:
    if run["status"] == "running":
        return now
    if run["status"] == "abandoned":
        seen: datetime | None = run["last_seen_at"]
        return seen
    return _ended(run)


def bootstrap_t(
    of_days: Sequence[Any], drawn: Any, *, scale: Callable[[float], float], slope: Callable[[float], float]
) -> tuple[float, float]:
    """The bounds of a 95 % interval of the mean over all values, on some scale, by drawing whole days of values.

    `of_days` has each day's values, `drawn` a row per resample: how often each day is drawn. The standard error is that
    of a ratio estimator over the days drawn; `slope` is the derivative of `scale`.
    """

    def estimate(days: list[Any]) -> tuple[float, float]:
        total = sum(len(day) for day in days)
        mean = sum(float(np.sum(day)) for day in days) / total
        squares = sum((float(np.sum(day)) - mean * len(day)) ** 2 for day in days)
        return mean, (squares * len(days) / (len(days) - 1)) ** 0.5 / total

    mean, error = estimate(list(of_days))
    studentised = []
    for row in drawn:
        again, its_error = estimate([day for day, times in zip(of_days, row, strict=True) for _ in range(int(times))])
        studentised.append((scale(again) - scale(mean)) / (its_error * slope(again)))
    ordered = sorted(studentised)
    least, most = (ordered[round(tail * (len(ordered) + 1)) - 1] for tail in (0.025, 0.975))
    return scale(mean) - most * error * slope(mean), scale(mean) - least * error * slope(mean)


def waiting_ms(run: Row, steps: Iterable[Row]) -> int | None:
    """In how many milliseconds of a run no step of it runs, times being whole ones; None where it can't be told."""
    if run["started_at"] is None or run["duration_ms"] is None:
        return None
    mine = [step for step in steps if step["execution_id"] == run["execution_id"] and step["status"] != "skipped"]
    if not mine:
        return None
    idle = set(range(round(run["duration_ms"])))
    for step in mine:
        since = round((step["started_at"] - run["started_at"]).total_seconds() * 1000)
        took = step["duration_ms"]
        if took is None:
            took = (step["completed_at"] - step["started_at"]).total_seconds() * 1000
        idle -= set(range(since, since + round(took)))
    return len(idle)


def hodges_lehmann(baseline: Iterable[float], current: Iterable[float]) -> float:
    """The median of all differences between a current and a baseline value."""
    before = list(baseline)
    return float(np.median([now - then for now in current for then in before]))


def cliffs_delta(baseline: Iterable[float], current: Iterable[float]) -> float:
    """Of all pairs, the share in which the current value is greater less that in which it is smaller."""
    before = list(baseline)
    signs = [(now > then) - (now < then) for now in current for then in before]
    return sum(signs) / len(signs)


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


def rate_interval(days: Sequence[tuple[int, int]], *, level: float) -> tuple[float, float, str]:
    """Of days with so many good ones of so many: Wilson's bounds in percent of as many as differ as these days do.

    Below 10 days, and of all or none, Wilson's of what was counted.
    """
    from scipy import stats

    good, n = sum(day[0] for day in days), sum(day[1] for day in days)
    share = Fraction(good, n)
    z, worth, basis = float(stats.norm.ppf((1 + level) / 2)), float(n), "these runs only"
    if len(days) >= 10 and 0 < good < n:
        basis = "days"
        squares = sum((part - share * whole) ** 2 for part, whole in days)
        variance = squares * Fraction(len(days), len(days) - 1) / n**2
        if variance * n > share * (1 - share):
            worth = float(share * (1 - share) / variance)
            z = float(stats.t.ppf((1 + level) / 2, len(days) - 1))
    rate = float(share)
    middle, reach = rate + z * z / (2 * worth), z * (rate * (1 - rate) / worth + z * z / (4 * worth**2)) ** 0.5
    scale = 1 + z * z / worth
    return 100 * (middle - reach) / scale, 100 * (middle + reach) / scale, basis


def duration_parts(runs: Iterable[Row], steps: Iterable[Row]) -> dict[str, Any]:
    """What the mean duration (ms) of completed runs is made of, as fractions: ``D``, ``f`` and ``m`` by node, ``g``.

    `m` is missing for a node that was never tried; everything but ``D`` where there is no run.
    """
    took = {
        run["execution_id"]: Fraction(round(run["duration_ms"] * 1000), 1000)
        for run in runs
        if run["status"] == "completed" and run["duration_ms"] is not None
    }
    mine = [step for step in steps if step["execution_id"] in took and step["status"] != "skipped"]
    attempts: dict[str, int] = defaultdict(int)
    own: dict[str, Fraction] = defaultdict(Fraction)
    for step in mine:
        attempts[step["node_id"]] += 1 + step["retry_count"]
    for (_, node), value in self_time_by_node(mine).items():
        own[node] += Fraction(round(max(value or 0.0, 0.0) * 1000), 1000)
    if not took:
        return {"D": None}
    n = len(took)
    return {
        "D": sum(took.values()) / n,
        "f": {node: Fraction(count, n) for node, count in attempts.items()},
        "m": {node: own[node] / count for node, count in attempts.items()},
        "g": (sum(took.values()) - sum(own.values())) / n,
    }


def shapley_of_durations(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[tuple[str, str | None], Fraction]:
    """What each change moves D = Σ f m + g by, on average over all orders in which the changes could have come.

    Both sides as `duration_parts` gives them. Each f, each m and g is a change of its own: ("attempts", node), ("time",
    node) and ("waiting", None). A node that one side doesn't have has f = 0 there, and the other's m.
    """
    nodes = sorted(before["f"].keys() | now["f"].keys())
    sides = [
        {("attempts", node): side["f"].get(node, Fraction(0)) for node in nodes}
        | {("time", node): side["m"].get(node, other["m"].get(node)) for node in nodes}
        | {("waiting", None): side["g"]}
        for side, other in ((before, now), (now, before))
    ]

    def mean(values: Mapping[Any, Fraction]) -> Fraction:
        products = (values["attempts", node] * values["time", node] for node in nodes)
        return sum(products, start=values["waiting", None])

    moved: dict[tuple[str, str | None], Fraction] = dict.fromkeys(sides[0], Fraction(0))
    orders = list(permutations(sides[0]))
    for order in orders:
        values = dict(sides[0])
        for change in order:
            earlier = mean(values)
            values[change] = sides[1][change]
            moved[change] += mean(values) - earlier
    return {change: total / len(orders) for change, total in moved.items()}


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


def difference_bootstrap(
    drawn: Iterable[Sequence[float]],
    days: Sequence[tuple[float, float]],
    base: Sequence[tuple[float, float]],
    *,
    level: float,
) -> tuple[float, float]:
    """The bootstrap-t interval of Σ a / Σ b of days less that of the same days of a base, resample by resample."""

    def difference_and_error(chosen: Sequence[int]) -> tuple[float, float]:
        ratios = [sum(of[day][0] for day in chosen) / sum(of[day][1] for day in chosen) for of in (days, base)]
        totals = [sum(of[day][1] for day in chosen) for of in (days, base)]
        squares = 0.0
        for day in chosen:
            rests = [of[day][0] - ratio * of[day][1] for of, ratio in zip((days, base), ratios, strict=True)]
            squares += (rests[0] / totals[0] - rests[1] / totals[1]) ** 2
        count = len(days)
        return ratios[0] - ratios[1], (squares * count / (count - 1)) ** 0.5

    seen, error = difference_and_error(range(len(days)))
    studentised = []
    for counts in drawn:
        again, its_error = difference_and_error([day for day, n in enumerate(counts) for _ in range(int(n))])
        studentised.append((again - seen) / its_error)
    studentised.sort()
    tail, known = (1 - level) / 2, len(studentised)
    least, most = (studentised[round(q * (known + 1)) - 1] for q in (tail, 1 - tail))
    return seen - most * error, seen - least * error


def exchanged_p_value(
    days: Sequence[tuple[float, float]], base: Sequence[tuple[float, float]], *, variance: float = 0.0
) -> float:
    """In what share of all ways to exchange two groups' labels, day by day, their means differ as much, studentised."""

    def studentised(flips: int) -> float:
        sides: tuple[list[tuple[float, float]], list[tuple[float, float]]] = ([], [])
        for day in range(len(days)):
            pair = (days[day], base[day]) if not flips >> day & 1 else (base[day], days[day])
            sides[0].append(pair[0])
            sides[1].append(pair[1])
        totals = [sum(n for _, n in side) for side in sides]
        means = [sum(a for a, _ in side) / total for side, total in zip(sides, totals, strict=True)]
        squares = sum(
            (
                (sides[0][day][0] - means[0] * sides[0][day][1]) / totals[0]
                - (sides[1][day][0] - means[1] * sides[1][day][1]) / totals[1]
            )
            ** 2
            for day in range(len(days))
        )
        squares = max(squares, variance / totals[0] + variance / totals[1])
        return float(abs(means[0] - means[1]) / squares**0.5)

    ways = [studentised(flips) for flips in range(2 ** len(days))]
    return sum(way >= ways[0] * (1 - 1e-9) for way in ways) / len(ways)


def winsorised_level(durations_ms: Iterable[float]) -> float:
    """The mean of log durations, the shortest and the longest tenth of them as long as those at its edge."""
    logs = np.log(np.maximum(list(durations_ms), 0.001))
    return float(np.mean(np.clip(logs, np.percentile(logs, 10), np.percentile(logs, 90))))


def closest_places(values: Sequence[float], *, shortest: int) -> list[list[int]]:
    """For each number of cuts where to cut a series so that squared distances from its parts' means are least."""
    away = {
        (start, end): float(np.var(values[start:end])) * (end - start)
        for end in range(shortest, len(values) + 1)
        for start in range(end - shortest + 1)
    }
    ends: dict[int, tuple[float, list[int]]] = {end: (away[0, end], []) for end in range(shortest, len(values) + 1)}
    found = []
    while len(values) in ends:
        found.append(ends[len(values)][1])
        ends = {
            end: min((ends[start][0] + away[start, end], [*ends[start][1], start]) for start in starts)
            for end in range(shortest, len(values) + 1)
            if (starts := [start for start in ends if start <= end - shortest])
        }
    return found


def unlikely(values: Sequence[float], places: Sequence[int]) -> float:
    """Twice the negative log likelihood of days between cuts, each of which keeps something of the day before."""
    bounds = [0, *places, len(values)]
    rest = [v - np.mean(values[a:b]) for a, b in pairwise(bounds) for v in values[a:b]]
    kept = min(sum(one * next_ for one, next_ in pairwise(rest)) / sum(v * v for v in rest), 0.8)
    squares = rest[0] ** 2 + sum((after - kept * day) ** 2 for day, after in pairwise(rest))
    return float(len(rest) * np.log((squares + (kept * rest[-1]) ** 2) / len(rest)))


def nearest_change(
    on: date, between: tuple[date, date], changes: Iterable[Row], *, reach: int, zone: ZoneInfo
) -> Row | None:
    """What was changed the fewest days away; before rather than after; what was written, then versions, then hosts."""
    ranked = []
    for change in changes:
        day = change["at"].astimezone(zone).date()
        away = (day - on).days
        if abs(away) <= reach or between[0] <= day <= between[1]:
            order = {"version": 1, "host": 2}.get(change["kind"], 0)
            ranked.append(((abs(away), away > 0, order, change["at"], change["kind"], change["text"]), change))
    return min(ranked, key=lambda pair: pair[0])[1] if ranked else None
