"""Streaks, outages, breakdowns, and how runs end."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

from tests.oracles.rows import Row, told_end

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["breakdown_times", "incidence", "outages", "recovery_savings", "streaks"]


def streaks(executions: Iterable[Row]) -> tuple[int, int, int, bool] | None:
    """The longest row of successes, of breakdowns, the last row and whether it is one of successes."""
    told = [run for run in executions if run["status"] in ("completed", "failed", "abandoned")]
    told.sort(key=lambda run: (told_end(run), run["execution_id"]))
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
    good = [told_end(run) for run in runs if run["status"] == "completed"]
    began: dict[datetime | None, datetime] = {}
    for run in runs:
        if run["status"] in ("failed", "abandoned"):
            restored = min((at for at in good if at >= told_end(run)), default=None)
            began[restored] = min(began.get(restored, told_end(run)), told_end(run))
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
            until = now if run["status"] == "running" else told_end(run)
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
