"""What became of a workflow: its level day by day, and on the same axis what moved it and what was changed.

"Since when?" is answered by `HistoryAnalyzer.change_points`; `History` puts beside it the versions and hosts first
seen, what somebody wrote down, and outages (`rpa_lab.analysis.events`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import ClassVar, Final, NamedTuple

import polars as pl

from rpa_lab.analysis.changepoints import FALSE_ALARMS_PER_YEAR, Found, moved_levels
from rpa_lab.analysis.changes import ChangePoint, ChangePoints, points_of
from rpa_lab.analysis.daily_levels import (
    EXECUTION_COLUMNS,
    STEP_COLUMNS,
    days_that_count,
    levels_of_executions,
    levels_of_steps,
)
from rpa_lab.analysis.events import OUTAGE_COLUMNS, events_of, long_outages
from rpa_lab.analysis.explaining import explaining
from rpa_lab.analysis.recorded_changes import (
    CHANGE_COLUMNS,
    FIRST_SEEN_COLUMNS,
    REACH_DAYS,
    first_seen,
    nearest_changes,
    recorded_changes,
)
from rpa_lab.errors import InputError, quote
from rpa_lab.inference.segments import LEAST_DAYS
from rpa_lab.period import Span, as_utc, zone
from rpa_lab.result import Result
from rpa_lab.storage.store import PeriodLike, TimeSeriesStore

__all__ = ["ChangePoints", "History", "HistoryAnalyzer"]

_TABLES: Final = ("executions", "steps", "changes")
_DAYS_AT_ONCE: Final = 14  # of steps, so that a year of millions never lies in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class History(Result):
    """A workflow day by day, and what happened.

    Attributes
    ----------
    workflow_id : str
        The workflow.
    time_period : str
        Half-open UTC bounds.
    tz : str
        The zone whose days these are.
    days : DataFrame
        One row per day with completed runs enough: date, level_ms (its typical duration), n (completed runs),
        segment_ms (the level that it belongs to, days of the week apart; null where there are too few days to know).
    events : DataFrame
        What happened, in order of time: at, until (in `tz`; null: a moment, or an outage that lasts), kind
        ("version", "host", "change point", "drift", "outage", or that of a note), node_id (null: the whole workflow),
        text.
    change_points : ChangePoints
        Of its executions and steps.
    warnings : tuple of str
        What makes it doubtful.
    """

    _table: ClassVar[str | None] = "events"

    workflow_id: str
    time_period: str
    tz: str
    days: pl.DataFrame
    events: pl.DataFrame
    change_points: ChangePoints
    warnings: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What moved its level."""
        return self.change_points.sentence


class HistoryAnalyzer:
    """Says since when workflows take longer, and what happened about then.

    Parameters
    ----------
    time_series_store : TimeSeriesStore
        Where the records are.

    Examples
    --------
    >>> import tempfile
    >>> from datetime import date
    >>> from rpa_lab.simulate import SlowStep, fleet
    >>> store = TimeSeriesStore(tempfile.mkdtemp(), as_of="latest")
    >>> slow = SlowStep(workflow_id="order_entry", node_id="fetch order", onset_day=30, factor=3)
    >>> written = fleet(60, 1, 7, end=date(2026, 11, 2), faults=[slow]).write(store)
    >>> change_id = store.note("moved to the new portal", at=date(2026, 10, 3), workflow_id="order_entry")
    >>> print(HistoryAnalyzer(store).change_points("order_entry").sentence)
    Runs of order_entry take 12 % longer (+5 to +20 %) since 3 October (95 %: 3 October to 5 October),
    the day of "moved to the new portal".
    """

    def __init__(self, time_series_store: TimeSeriesStore) -> None:
        self.store = time_series_store

    def change_points(
        self,
        workflow_id: str | None = None,
        period: PeriodLike = "90d",
        *,
        steps: bool = True,
        level: float = 0.95,
        seed: int = 0,
    ) -> ChangePoints:
        """The days from which on workflows, and their steps, have another level.

        Parameters
        ----------
        workflow_id : str, optional
            The workflow; default all.
        period : str, Period or Span
            Which days are looked at.
        steps : bool
            Whether steps are looked at too; they also say a workflow's day more exactly.
        level : float
            Of the intervals, fraction 0-1.
        seed : int
            Of the days drawn again for a change's size.

        Returns
        -------
        ChangePoints
            Empty, with a warning, where there are too few days.

        Raises
        ------
        UnknownNameError
            If the store has no such workflow.
        """
        return self._look(workflow_id, period, steps=steps, level=level, seed=seed).told

    def change_point(
        self,
        workflow_id: str,
        period: PeriodLike,
        *,
        node_id: str | None = None,
        near: date | None = None,
        slower: bool = False,
        level: float = 0.95,
        seed: int = 0,
    ) -> ChangePoint | None:
        """The change point that best explains why a period's later part differs from its earlier one.

        Parameters
        ----------
        workflow_id : str
            The workflow.
        period : str, Period or Span
            Both parts.
        node_id : str, optional
            The step; default the executions.
        near : date, optional
            Where the later part begins: of a level that moved long before or after it only a part explains the
            difference. Default: the largest change.
        slower : bool
            Whether only those count since which runs take longer.
        level : float
            Of the intervals, fraction 0-1.
        seed : int
            Of the days drawn again.

        Returns
        -------
        ChangePoint or None
            None where no level moved.

        Raises
        ------
        UnknownNameError
            If the store has no such workflow.
        """
        _check(workflow_id, level=level)
        span = self.store.span(period)
        whole = self._levels_of_executions(span, workflow_id)
        if (
            node_id is None
            and moved_levels(self._counted([whole], workflow_id), level=level, seed=seed).points.is_empty()
        ):
            return None
        # steps say the day more exactly, and take most of the time: not where nothing moved
        levels = self._counted([whole, *self._levels_of_steps(span, workflow_id)], workflow_id)
        found = moved_levels(levels, level=level, seed=seed)
        mine = found.points.filter(pl.col("node_id").eq_missing(pl.lit(node_id, pl.String)))
        best = explaining(mine, span=span, near=near, slower=slower)
        if best.is_empty():
            return None
        beside = nearest_changes(best, self._changes(span, workflow_id), tz=span.tz)
        return next(points_of(beside, tz=span.tz, level=level))

    def history(self, workflow_id: str, period: PeriodLike = "90d", *, level: float = 0.95, seed: int = 0) -> History:
        """A workflow's levels day by day, and what happened: versions, hosts, notes, outages and change points.

        Parameters
        ----------
        workflow_id : str
            The workflow.
        period : str, Period or Span
            Which days.
        level : float
            Of the intervals, fraction 0-1.
        seed : int
            Of the days drawn again for a change's size.

        Returns
        -------
        History

        Raises
        ------
        UnknownNameError
            If the store has no such workflow.
        """
        span, levels, found, changes, told = self._look(workflow_id, period, steps=True, level=level, seed=seed)
        until = min(span.end, self.store.now)

        def outages() -> pl.LazyFrame:
            runs = self.store.scan("executions", span, columns=OUTAGE_COLUMNS, workflow_id=workflow_id)
            return long_outages(runs, until=until)

        fitted = found.fitted.filter(pl.col("node_id").is_null()).select("date", "segment_ms")
        days = (
            levels.filter(pl.col("node_id").is_null() & pl.col("counts"))
            .select("date", pl.col("level").exp().alias("level_ms"), "n")
            .join(fitted, on="date", how="left", validate="1:1")
            .sort("date")
        )
        return History(
            workflow_id=workflow_id,
            time_period=str(span),
            tz=span.tz,
            days=days,
            events=events_of(told, changes=changes, outages=self.store.collect(outages), span=span),
            change_points=told,
            warnings=told.warnings,
        )

    def _look(self, workflow_id: str | None, period: PeriodLike, *, steps: bool, level: float, seed: int) -> _Looked:
        """Where levels moved in a period, beside what was changed about then."""
        _check(workflow_id, level=level)
        span = self.store.span(period)
        levels, changes = self._levels(span, workflow_id, steps=steps), self._changes(span, workflow_id)
        found = moved_levels(levels, level=level, seed=seed)
        beside = nearest_changes(found.points, changes, tz=span.tz)
        last = ("days_before", "days_after", "change_workflow_id", "change_version", "change_host")
        told = ChangePoints(
            workflow_id=workflow_id,
            time_period=str(span),
            tz=span.tz,
            level=level,
            false_alarms_per_year=FALSE_ALARMS_PER_YEAR,
            reach_days=REACH_DAYS,
            table=beside.select(pl.exclude(last), *last),
            drifts=found.drifts,
            warnings=(*_few_days(found), *found.warnings, *self.store.warnings(span, tables=_TABLES)),
        )
        return _Looked(span, levels, found, changes, told)

    def _levels(self, span: Span, workflow_id: str | None, *, steps: bool) -> pl.DataFrame:
        """The daily levels that count."""
        of_steps = self._levels_of_steps(span, workflow_id) if steps else []
        return self._counted([self._levels_of_executions(span, workflow_id), *of_steps], workflow_id)

    def _levels_of_executions(self, span: Span, workflow_id: str | None) -> pl.DataFrame:
        def runs() -> pl.LazyFrame:
            rows = self.store.scan("executions", span, columns=EXECUTION_COLUMNS, workflow_id=workflow_id)
            return levels_of_executions(rows, tz=span.tz)

        return self.store.collect(runs)

    def _levels_of_steps(self, span: Span, workflow_id: str | None) -> list[pl.DataFrame]:
        """Some weeks at a time."""

        def attempts(piece: Span) -> pl.LazyFrame:
            rows = self.store.scan("steps", piece, columns=STEP_COLUMNS, workflow_id=workflow_id)
            return levels_of_steps(rows, tz=span.tz)

        return [self.store.collect(partial(attempts, piece)) for piece in _pieces(span)]

    def _counted(self, parts: list[pl.DataFrame], workflow_id: str | None) -> pl.DataFrame:
        found = days_that_count(pl.concat(parts))
        if found.is_empty():
            self.store.check_workflow(workflow_id)
        return found

    def _changes(self, span: Span, workflow_id: str | None) -> pl.DataFrame:
        """What was changed from a week before a period to a week after it, in workflows or in all."""
        store, reach = self.store, timedelta(days=REACH_DAYS + 1)
        whole = store.span("all")
        until = min(span.end + reach, store.now)
        if not whole.start < until:
            until = whole.end
        mine = pl.col("workflow_id").is_null() | (
            pl.lit(value=True) if workflow_id is None else pl.col("workflow_id") == workflow_id
        )

        def changes() -> pl.LazyFrame:
            ever = Span(whole.start, until, span.tz)
            runs = store.scan("executions", ever, columns=FIRST_SEEN_COLUMNS, workflow_id=workflow_id)
            written = store.scan("changes", ever, columns=CHANGE_COLUMNS).filter(mine)
            return recorded_changes(written, first_seen(runs)).filter(pl.col("at") >= span.start - reach)

        return store.collect(changes)


class _Looked(NamedTuple):
    span: Span
    levels: pl.DataFrame
    found: Found
    changes: pl.DataFrame
    told: ChangePoints


def _pieces(span: Span) -> Iterator[Span]:
    """The span cut at midnights of its zone."""
    zone_info = zone(span.tz)
    start = span.start
    while start < span.end:
        cut = as_utc(start.astimezone(zone_info).date() + timedelta(days=_DAYS_AT_ONCE), tz=span.tz)
        end = min(cut, span.end)
        yield Span(start, end, span.tz)
        start = end


def _few_days(found: Found) -> tuple[str, ...]:
    """That a series was too short, and what it would need."""
    series, long_enough = found.looked_at[False]
    steps, steps_long_enough = found.looked_at[True]
    need = f"{LEAST_DAYS} days with completed runs are needed"
    if not series:
        return (f"no completed run with a known duration; {need} to see a level move",)
    if not long_enough:
        short = "the workflow has" if series == 1 else f"each of the {series:,} workflows has"
        return (f"{short} fewer than the {LEAST_DAYS} days with completed runs that are needed to see a level move",)
    said = []
    if long_enough < series:
        said.append(f"{series - long_enough:,} of {series:,} workflows were not looked at: {need}")
    if steps_long_enough < steps:
        said.append(f"{steps - steps_long_enough:,} of {steps:,} steps were not looked at: {need}")
    return tuple(said)


def _check(workflow_id: object, *, level: float) -> None:
    if workflow_id is not None and not isinstance(workflow_id, str):
        raise InputError(f"workflow_id is {quote(workflow_id)}, expected the name of a workflow")
    if not isinstance(level, int | float) or not 0 < level < 1:
        raise InputError(f"level is {quote(level)}, expected a fraction between 0 and 1")
