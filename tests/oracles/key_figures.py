"""What is counted for key figures and promises."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tests.oracles.attempts import cases_began
from tests.oracles.durations import duration_statistics
from tests.oracles.rows import LONG_AGO, Row, run_began, run_ended, run_until
from tests.oracles.working_time import Stretch, busy_seconds, worked_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpa_lab.storage.settings_targets import SlaTarget

__all__ = ["kept_promises", "workload"]


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
    of_period = [run for run in runs if start <= (run["started_at"] or run["completed_at"] or LONG_AGO) < end]
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
        begun, over_at = run_began(run), run_until(run, now=now)
        if begun is None or over_at is None:
            unplaced += start <= (run["started_at"] or run["completed_at"] or LONG_AGO) < until
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
    completions = [run_ended(run) for run in case if run["status"] == "completed"]
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
