"""What changed, and when: levels that moved, and what somebody or a robot's records say was changed about then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from rpa_lab.result import Result

__all__ = ["ChangePoint", "RecordedChange"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedChange(Result):
    """Something that was changed: a release, a moved host, or what somebody wrote down.

    Attributes
    ----------
    at : datetime
        When it took effect, UTC.
    kind : str
        "version" and "host": first seen in executions; else the kind of a row of `changes`: release, selector, note …
    workflow_id : str or None
        The workflow that it touches; None for all.
    version, host : str or None
        What it brought or touched.
    text : str
        What was changed, such as "version 2.4 went live".
    days_away : float or None
        How many days after the change point it came (negative: before); None where there is none to count from.
    """

    at: datetime
    kind: str
    workflow_id: str | None
    version: str | None
    host: str | None
    text: str
    days_away: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePoint(Result):
    """A day from which on durations have another level.

    Attributes
    ----------
    workflow_id : str
        The workflow.
    node_id : str or None
        The step; None: the workflow's executions.
    on : date
        The first day of the new level, in the zone `tz`.
    earliest, latest : date
        Between which days it lies (95 %).
    before_ms, after_ms : float
        The levels: typical durations (ms) up to the next change point on either side.
    change_percent, low_percent, high_percent : float
        How much longer runs take since, percent, with its 95 % interval.
    tz : str
        The zone whose days these are.
    nearest_change : RecordedChange or None
        What was changed nearest to it; None where nothing was within reach.
    """

    workflow_id: str
    node_id: str | None
    on: date
    earliest: date
    latest: date
    before_ms: float
    after_ms: float
    change_percent: float
    low_percent: float
    high_percent: float
    tz: str
    nearest_change: RecordedChange | None = None
