"""Success, and the attempts that make a case."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tests.oracles.rows import Row, time_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["cases", "cases_began", "first_attempts", "success_rate"]


def success_rate(statuses: Iterable[str]) -> float | None:
    """Completed among the ended (abandoned ones are ended), percent; None where none has ended."""
    ended = [status for status in statuses if status in ("completed", "failed", "cancelled", "abandoned")]
    return 100 * ended.count("completed") / len(ended) if ended else None


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
        ordered = sorted(
            (runs[one] for one in group if one in runs), key=lambda run: (time_of(run), run["execution_id"])
        )
        cyclic = any(_comes_back(run["execution_id"], runs) for run in ordered)
        states = {run["status"] for run in ordered}
        dangling = not cyclic and all(run["rerun_of"] is not None for run in ordered)
        found.append(
            {
                "ids": [run["execution_id"] for run in ordered],
                "workflow_id": ordered[0]["workflow_id"],
                "began_at": time_of(ordered[0]),
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
    near = [run for run in executions if start - reach <= time_of(run) < end + reach]
    found = [case for case in cases(near) if start <= case["began_at"] < end]
    return [case for case in found if workflow_id in (None, case["workflow_id"])]


def _comes_back(name: str, runs: Mapping[str, Row]) -> bool:
    at, steps = runs[name]["rerun_of"], 0
    while at in runs and steps <= len(runs):
        if at == name:
            return True
        at, steps = runs[at]["rerun_of"], steps + 1
    return bool(at == name)
