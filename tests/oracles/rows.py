"""Rows as plain dicts, and when the run of one began and ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

__all__ = ["LONG_AGO", "Row", "run_began", "run_ended", "run_until", "time_of", "told_end"]

Row = dict[str, Any]
LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


def time_of(run: Row) -> datetime:
    """When a run began, or else ended; where neither is known, before all others."""
    at: datetime = run["started_at"] or run["completed_at"] or LONG_AGO
    return at


def told_end(run: Row) -> datetime:
    """When a run ended, or else was last seen, or else began."""
    at: datetime = run_ended(run) or run["last_seen_at"] or run["started_at"]
    return at


def run_began(run: Row) -> datetime | None:
    """When a run began, if need be told from its end and its duration."""
    if run["started_at"]:
        begun: datetime = run["started_at"]
        return begun
    if run["completed_at"] and run["duration_ms"] is not None:
        found: datetime = run["completed_at"] - timedelta(milliseconds=run["duration_ms"])
        return found
    return None


def run_ended(run: Row) -> datetime | None:
    """When a run ended, told from its duration where its end is missing or lies before its start."""
    done: datetime | None = run["completed_at"]
    if run["started_at"] and run["duration_ms"] is not None and (not done or done < run["started_at"]):
        done = run["started_at"] + timedelta(milliseconds=run["duration_ms"])
    return done


def run_until(run: Row, *, now: datetime) -> datetime | None:
    """Until when a run was at work."""
    if run["status"] == "running":
        return now
    if run["status"] == "abandoned":
        seen: datetime | None = run["last_seen_at"]
        return seen
    return run_ended(run)
