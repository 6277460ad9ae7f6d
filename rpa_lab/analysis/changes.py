"""What changed, and when: levels that moved, and what somebody or a robot's records say was changed about then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, ClassVar, Final

import polars as pl

from rpa_lab.result import Result

__all__ = ["ChangePoint", "ChangePoints", "RecordedChange", "first_used", "points_of", "since_text", "went_live"]

_SAID: Final = 3
_LONGEST: Final = 80  # characters of what somebody wrote; a note may have thousands
_QUOTE: Final = '"'


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedChange(Result):
    """Something that was changed: a release, a moved host, or what somebody wrote down.

    Attributes
    ----------
    at : datetime
        When it took effect, in the zone whose days are counted.
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

    @property
    def sentence(self) -> str:
        """What was changed, and when."""
        return f"{_day_text(self.at.date())}: {_cut(self.text)}."


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
        Between which days it lies.
    before_ms, after_ms : float
        The levels: typical durations (ms) up to the next change point on either side.
    change_percent, low_percent, high_percent : float
        How much longer runs take since, percent, with its interval.
    tz : str
        The zone whose days these are.
    level : float
        Of both intervals, fraction 0-1.
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
    level: float = 0.95
    nearest_change: RecordedChange | None = None

    @property
    def sentence(self) -> str:
        """What moved, by how much, and since when."""
        take = "take" if self.node_id is None else "takes"
        size = f"{_longer(self.change_percent)} ({self.low_percent:+.0f} to {self.high_percent:+.0f} %)"
        sure = (
            ""
            if self.earliest == self.latest
            else f" ({self.level * 100:g} %: {_day_text(self.earliest)} to {_day_text(self.latest)})"
        )
        since = since_text(self.on, self.nearest_change)
        first, _, rest = since.partition(",")
        return f"{_what(self.workflow_id, self.node_id)} {take} {size} {first}{sure}{',' if rest else ''}{rest}."


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePoints(Result):
    """Days from which on workflows and steps have another level.

    Attributes
    ----------
    workflow_id : str or None
        The workflow; None: all.
    time_period : str
        Half-open UTC bounds.
    tz : str
        The zone whose days these are.
    level : float
        Of the intervals, fraction 0-1.
    false_alarms_per_year : float
        How often a year a change point is called where there is none: in a workflow's executions; and as often again in
        all of its steps together.
    reach_days : int
        How many days away a recorded change may be.
    table : DataFrame
        One row per change point, by workflow, step and day: workflow_id, node_id (null: executions), on (the first day
        of the new level), earliest, latest (between which it lies), before_ms, after_ms (typical durations),
        change_percent, low_percent, high_percent; change_at (in `tz`), change_kind, change_text, change_days_away (days
        after `on`, negative: before), change_workflow_id, change_version, change_host of what was changed nearest to
        it, null where nothing was within reach; days_before, days_after (with runs, of either level).
    drifts : DataFrame
        One row per series that moved slowly and has no such day: workflow_id, node_id, since, until, change_percent
        (over that time).
    warnings : tuple of str
        What makes it doubtful, or why there is nothing.
    """

    _table: ClassVar[str | None] = "table"

    workflow_id: str | None
    time_period: str
    tz: str
    level: float
    false_alarms_per_year: float
    reach_days: int
    table: pl.DataFrame
    drifts: pl.DataFrame
    warnings: tuple[str, ...] = ()

    @property
    def points(self) -> tuple[ChangePoint, ...]:
        """The rows of its table, as values."""
        return tuple(points_of(self.table, tz=self.tz, level=self.level))

    @property
    def sentence(self) -> str:
        """What moved in workflows as wholes, at once or slowly; where none did, in steps; of none, that nothing did.

        A step that moved slowly is told before a day of its whole workflow that the slow move explains better.
        """
        points, slow = self.points, self.drifts.rows(named=True)
        whole = [point for point in points if point.node_id is None]
        of_whole = [_of_drift(row) for row in slow if row["node_id"] is None or _explains(row, whole)]
        of_steps = [_of_drift(row) for row in slow if row["node_id"] is not None]
        told = [_of_point(point) for point in whole] + of_whole
        moved = bool(told)
        told = sorted(told or [_of_point(point) for point in points] + of_steps, key=lambda item: item[:2])
        if not told and self.warnings:
            return ""
        none = "No workflow's level moved."
        if self.workflow_id is not None:
            none = f"The level of {self.workflow_id} as a whole didn't move."
        more = f"And {len(told) - _SAID} more." if len(told) > _SAID else ""
        return " ".join(filter(None, ["" if moved else none, *(text for *_, text in told[:_SAID]), more]))


def points_of(beside: pl.DataFrame, *, tz: str, level: float) -> Iterator[ChangePoint]:
    """Rows of change points beside what was changed, as values."""
    for row in beside.iter_rows(named=True):
        change = None
        if row["change_at"] is not None:
            change = RecordedChange(
                at=row["change_at"],
                kind=row["change_kind"],
                workflow_id=row["change_workflow_id"],
                version=row["change_version"],
                host=row["change_host"],
                text=row["change_text"],
                days_away=row["change_days_away"],
            )
        own = {name: row[name] for name in _POINT_FIELDS}
        yield ChangePoint(**own, tz=tz, level=level, nearest_change=change)


_POINT_FIELDS: Final = tuple(
    one.name for one in fields(ChangePoint) if one.name not in ("tz", "level", "nearest_change")
)


def since_text(on: date, change: RecordedChange | None = None, *, aside: bool = False) -> str:
    """Since when, and what was changed about then: neighbours in time, no cause.

    Parameters
    ----------
    on : date
        The first day of the new level.
    change : RecordedChange, optional
        What was changed nearest to it, with `days_away`.
    aside : bool
        Whether that stands in brackets, for a list whose commas part other things.

    Returns
    -------
    str

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> live = RecordedChange(
    ...     at=datetime(2026, 11, 3, 9, tzinfo=UTC),
    ...     kind="version",
    ...     workflow_id="payroll",
    ...     version="2.4",
    ...     host=None,
    ...     text="version 2.4 went live",
    ...     days_away=0.0,
    ... )
    >>> since_text(date(2026, 11, 3), live)
    'since 3 November, when version 2.4 went live'
    >>> since_text(date(2026, 11, 3), live, aside=True)
    'since 3 November (when version 2.4 went live)'
    >>> from dataclasses import replace
    >>> since_text(date(2026, 11, 5), replace(live, kind="note", version=None, text="new selector", days_away=-2.0))
    'since 5 November, 2 days after "new selector"'
    """
    since = f"since {_day_text(on)}"
    if change is None or change.days_away is None:
        return since
    said, days = _clause(change), round(abs(change.days_away))
    if days:
        beside = f"{days} {'day' if days == 1 else 'days'} {'after' if change.days_away < 0 else 'before'} {said}"
    else:
        beside = f"{'the day of' if said.startswith(_QUOTE) else 'when'} {said}"
    return f"{since} ({beside})" if aside else f"{since}, {beside}"


def went_live(version: str) -> str:
    """How it is said that a version was first seen."""
    return f"version {version} went live"


def first_used(host: str) -> str:
    """How it is said that a host was first seen."""
    return f"{host} was first used"


def _clause(change: RecordedChange) -> str:
    """What happened, with a verb; or, in quotes, what somebody wrote."""
    if change.kind in ("version", "release") and change.version and change.workflow_id is not None:
        return f"version {change.version} came to {change.host}" if change.host else went_live(change.version)
    if change.host and change.text == first_used(change.host):
        return change.text
    return f"{_QUOTE}{_cut(change.text)}{_QUOTE}"


def _cut(text: str) -> str:
    """One line of what somebody wrote."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1].rstrip()}…"


def _of_point(point: ChangePoint) -> tuple[str, date, str]:
    """Of which workflow it is, when it was, and what it says."""
    return point.workflow_id, point.on, point.sentence


def _of_drift(row: Mapping[str, Any]) -> tuple[str, date, str]:
    """The same of a slow move."""
    what = _what(row["workflow_id"], row["node_id"])
    between = f"from {_day_text(row['since'])} to {_day_text(row['until'])}"
    text = f"{what} came to take {_longer(row['change_percent'])}, little by little {between}."
    return row["workflow_id"], row["since"], text


def _explains(drift: Mapping[str, Any], points: Sequence[ChangePoint]) -> bool:
    """Whether a workflow moved, it is told, on a day of a slow move of its step in the same direction."""
    return any(
        point.workflow_id == drift["workflow_id"]
        and drift["since"] <= point.on <= drift["until"]
        and point.change_percent * drift["change_percent"] > 0
        for point in points
    )


def _what(workflow_id: str, node_id: str | None) -> str:
    return f"Runs of {workflow_id}" if node_id is None else f"{node_id} in {workflow_id}"


def _longer(percent: float) -> str:
    return f"{abs(percent):.0f} % {'longer' if percent >= 0 else 'less long'}"


def _day_text(day: date) -> str:
    return f"{day.day} {day:%B}"
