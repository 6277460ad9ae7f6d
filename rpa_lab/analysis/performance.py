"""How long a workflow's runs take, and which of its steps take the time.

Statistics cover every execution that ended, however it ended (`status="completed"` narrows); running ones stand beside
them. Quantiles are linearly interpolated, the standard deviation has ddof = 1, and no number comes without its `n`, nor
one that would be read as certain without its interval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from rpa_lab.analysis.breakdown import PerformanceBreakdown, grouping, performance_by
from rpa_lab.analysis.degradation import Degradation, degradation_between
from rpa_lab.analysis.history import HistoryAnalyzer
from rpa_lab.analysis.nodes import above_percentile, beside_waiting, time_by_node
from rpa_lab.analysis.waiting import Waiting, waiting_by_execution, waiting_row, waiting_summary
from rpa_lab.analysis.workflow_stats import PerformanceStats, duration_stats, stats_intervals
from rpa_lab.errors import InputError, quote, unknown_name
from rpa_lab.measures import FINISHED
from rpa_lab.period import Period, Span, as_utc, zone
from rpa_lab.storage.store import PeriodLike, TimeSeriesStore

__all__ = ["PerformanceAnalyzer", "PerformanceBreakdown", "PerformanceStats", "Waiting", "duration_stats"]

_NODE_COLUMNS = ("execution_id", "node_id", "action_type", "status", "duration_ms")
_STEP_TIMES = ("execution_id", "status", "started_at", "completed_at", "duration_ms")
_SLOWEST = 10
_CLOCK = timedelta(days=1)  # how far a step may begin before its run does, by another clock
_LONGEST_MS = 366 * 86_400_000.0


class PerformanceAnalyzer:
    """Analyzes workflow performance.

    Parameters
    ----------
    time_series_store : TimeSeriesStore
        Where the records are.
    """

    def __init__(self, time_series_store: TimeSeriesStore) -> None:
        self.store = time_series_store

    def analyze_workflow(
        self,
        workflow_id: str,
        start_time: datetime,
        end_time: datetime,
        *,
        status: str | None = None,
        intervals: bool = True,
        seed: int = 0,
    ) -> PerformanceStats:
        """Analyze performance for a workflow.

        Parameters
        ----------
        workflow_id : str
            The workflow.
        start_time, end_time : datetime
            Half-open; naive ones are read in the store's zone.
        status : str, optional
            Only executions that ended so, in the duration statistics.
        intervals : bool
            Whether to say how far each figure can be trusted.
        seed : int
            Of the intervals that resample days.

        Returns
        -------
        PerformanceStats

        Raises
        ------
        UnknownNameError
            If the store has no such workflow, or there is no such status.
        """
        tz = self.store.tz
        period = Period(as_utc(start_time, tz=tz), as_utc(end_time, tz=tz))
        return self.analyze(workflow_id, period, status=status, intervals=intervals, seed=seed)

    def analyze(
        self,
        workflow_id: str,
        period: PeriodLike,
        *,
        status: str | None = None,
        intervals: bool = True,
        seed: int = 0,
    ) -> PerformanceStats:
        """The same as `analyze_workflow`, for a `Period`, a `Span` or what a `Period` is made of."""
        _check(workflow_id, status=status)
        span = self.store.span(period)
        runs = self._rows("executions", span, ("started_at", "completed_at") if intervals else (), workflow_id)
        facts = duration_stats(runs.lazy(), status=status).collect().row(0, named=True)
        nodes = self.store.collect(self._nodes(workflow_id, span, lambda nodes: nodes))
        ended = sum(facts[name] for name in FINISHED)
        if not ended and not facts["running"]:
            self.store.check_workflow(workflow_id)
        return PerformanceStats(
            workflow_id=workflow_id,
            time_period=str(span),
            tz=span.tz,
            **facts,
            slowest_steps=nodes.head(_SLOWEST),
            **(stats_intervals(runs, tz=span.tz, status=status, seed=seed) if intervals else {}),
            warnings=(*self.store.warnings(span), *_untimed_warning(facts, status), *_overlap_warning(nodes)),
        )

    def breakdown(
        self,
        workflow_id: str | None = None,
        *,
        by: str | Sequence[str] = "step",
        period: PeriodLike | None = None,
        status: str | None = None,
        level: float = 0.95,
        seed: int = 0,
    ) -> PerformanceBreakdown:
        """Performance by step, version, robot, host, action, application or workflow, each with intervals.

        Parameters
        ----------
        workflow_id : str, optional
            The workflow; default all together.
        by : str or sequence of str
            One of `GROUPS`, or several of one table: ``("version", "host")``.
        period : str, Period or Span, optional
            Default all that the store holds.
        status : str, optional
            Only durations of executions (or steps) that ended so.
        level : float
            Of the intervals, fraction 0-1.
        seed : int
            Of the intervals that resample days.

        Returns
        -------
        PerformanceBreakdown

        Raises
        ------
        UnknownNameError
            If the store has no such workflow, or `by` is none of these.
        InputError
            If `by` mixes executions' and steps' columns.
        """
        _check(workflow_id, status=status)
        table, columns = grouping(by)
        span = self.store.span("all" if period is None else period)
        rows = self._rows(table, span, ("started_at", "completed_at", *columns), workflow_id)
        if rows.is_empty() and workflow_id is not None:
            self.store.check_workflow(workflow_id)
        return PerformanceBreakdown(
            workflow_id=workflow_id,
            by=by if isinstance(by, str) else ", ".join(by),
            time_period=str(span),
            tz=span.tz,
            level=level,
            table=performance_by(rows, by=columns, tz=span.tz, status=status, level=level, seed=seed),
            warnings=self.store.warnings(span, tables=[table]),
        )

    def identify_bottlenecks(
        self,
        workflow_id: str,
        threshold_percentile: float = 0.95,
        *,
        by: str = "mean_duration_ms",
        period: PeriodLike | None = None,
        waiting: bool = True,
    ) -> pl.DataFrame:
        """Identify bottleneck steps in a workflow, and waiting between them where it is one.

        Parameters
        ----------
        workflow_id : str
            The workflow.
        threshold_percentile : float
            Fraction 0-1: the nodes at or above this quantile over all nodes, at least the largest.
        by : str
            mean_duration_ms, p95_duration_ms, total_duration_ms, self_duration_ms or execution_share.
        period : str, Period or Span, optional
            Default all that the store holds.
        waiting : bool
            Whether time in which no step ran counts too, run by run: where it is no less than the nodes found.

        Returns
        -------
        DataFrame
            One row per node, largest value first, ties by node_id; columns of `rpa_lab.analysis.nodes.time_by_node`,
            then execution_share (fraction 0-1 of the executions' time; null where unknown) and waiting: true in the row
            of waiting, if there is one, whose node_id is "(waiting)".

        Raises
        ------
        UnknownNameError
            If the store has no such workflow, or `by` is none of these.
        InputError
            If the percentile isn't from 0 to 1.
        """
        span = self.store.span("all" if period is None else period)
        waits = self.store.collect(lambda: waiting_row(self._waiting(workflow_id, span))) if waiting else None
        share = waits["execution_share"].item() if waits is not None and waits.height else None

        def choose(nodes: pl.LazyFrame) -> pl.LazyFrame:
            beside = beside_waiting(nodes, waiting_share=share)
            return above_percentile(beside, by=by, threshold_percentile=threshold_percentile)

        found = self.store.collect(self._nodes(workflow_id, span, choose))
        if found.is_empty():
            self.store.check_workflow(workflow_id)
        if waits is None:
            return found
        least = pl.lit(found[by].min(), pl.Float64)
        among = waits.filter((pl.col(by) > 0) & (least.is_null() | (pl.col(by) >= least))).select(found.columns)
        return pl.concat([found, among]).sort(by, "node_id", descending=[True, False], nulls_last=True)

    def waiting(self, workflow_id: str, period: PeriodLike | None = None) -> Waiting:
        """How much of its runs' time a workflow waited.

        Parameters
        ----------
        workflow_id : str
            The workflow.
        period : str, Period or Span, optional
            Default all that the store holds.

        Returns
        -------
        Waiting

        Raises
        ------
        UnknownNameError
            If the store has no such workflow.
        """
        _check(workflow_id, status=None)
        span = self.store.span("all" if period is None else period)
        row = self.store.collect(lambda: waiting_summary(self._waiting(workflow_id, span))).row(0, named=True)
        if not row["n"] + row["without_steps"] + row["unknown"]:
            self.store.check_workflow(workflow_id)
        return Waiting(
            workflow_id=workflow_id, time_period=str(span), tz=span.tz, **row, warnings=self.store.warnings(span)
        )

    def detect_performance_degradation(
        self,
        workflow_id: str,
        baseline_period: timedelta,
        current_period: timedelta,
        threshold_percent: float = 20.0,
        *,
        as_of: datetime | None = None,
        seed: int = 0,
    ) -> Degradation | None:
        """Detect performance degradation compared to baseline.

        Parameters
        ----------
        workflow_id : str
            The workflow.
        baseline_period, current_period : timedelta
            How long: the current one ends now, the baseline where the current one begins.
        threshold_percent : float
            The increase of the mean duration of completed runs that is to be exceeded, percent.
        as_of : datetime, optional
            Where the current period ends; default the store's now.
        seed : int
            Of the test's days that change places.

        Returns
        -------
        Degradation or None
            Whenever the increase exceeds the threshold, significant or not; None where it doesn't, or where one side
            has no completed run (`compare_periods` has a result then too). Where it is sure and a level moved it says
            since when, and what was changed nearest to that day.

        Raises
        ------
        UnknownNameError
            If the store has no such workflow.
        InputError
            If a period or the threshold makes no sense.
        """
        found = self.compare_periods(
            workflow_id, baseline_period, current_period, threshold_percent, as_of=as_of, seed=seed
        )
        return found if found.exceeds_threshold else None

    def compare_periods(
        self,
        workflow_id: str,
        baseline_period: timedelta,
        current_period: timedelta,
        threshold_percent: float = 20.0,
        *,
        as_of: datetime | None = None,
        seed: int = 0,
    ) -> Degradation:
        """The same as `detect_performance_degradation`, with a result whatever it is."""
        _check(workflow_id, status=None)
        for name, length in (("baseline_period", baseline_period), ("current_period", current_period)):
            if not isinstance(length, timedelta) or length <= timedelta(0):
                raise InputError(f"{name} is {quote(length)}, expected a timedelta longer than 0")
        if not isinstance(threshold_percent, int | float) or not 0 <= threshold_percent < float("inf"):
            raise InputError(f"threshold_percent is {quote(threshold_percent)}, expected a number from 0 on")
        store = self.store if as_of is None else self.store.seen(tz=self.store.tz, as_of=as_of)
        try:
            since, until = store.now - current_period, store.now
            current, baseline = store.span(Period(since, until)), store.span(Period(since - baseline_period, since))
        except OverflowError:
            raise InputError("baseline_period and current_period reach back before the year 1") from None
        whole = Span(baseline.start, current.end, current.tz)
        runs = PerformanceAnalyzer(store)._rows("executions", whole, ("started_at",), workflow_id)
        if runs.is_empty():
            self.store.check_workflow(workflow_id)
        found = degradation_between(
            runs,
            workflow_id=workflow_id,
            baseline=baseline,
            current=current,
            threshold_percent=threshold_percent,
            seed=seed,
            warnings=store.warnings(whole, tables=["executions"]),
        )
        if found.increase_ms is None or found.increase_ms <= 0 or not found.significant:
            return found
        change = current.start.astimezone(zone(current.tz)).date()
        point = HistoryAnalyzer(store).change_point(workflow_id, whole, near=change, slower=True, seed=seed)
        return found if point is None else replace(found, began=point.on, nearest_change=point.nearest_change)

    def _rows(self, table: str, span: Span, columns: Sequence[str], workflow_id: str | None) -> pl.DataFrame:
        wanted = ["status", "duration_ms", *columns]
        return self.store.collect(lambda: self.store.scan(table, span, columns=wanted, workflow_id=workflow_id))

    def _waiting(self, workflow_id: str, span: Span) -> pl.LazyFrame:
        """One row per execution of a span; its steps are read to their end."""
        columns = ["execution_id", "status", "started_at", "duration_ms"]
        runs = self.store.scan("executions", span, columns=columns, workflow_id=workflow_id).collect()
        reach = pl.col("started_at") + pl.duration(microseconds=pl.col("duration_ms") * 1000)
        last = runs.filter(pl.col("duration_ms") < _LONGEST_MS).select(reach.max()).item()
        until = max(span.end, last + timedelta(microseconds=1)) if last else span.end
        steps = self.store.scan(
            "steps", Span(span.start - _CLOCK, until, span.tz), columns=_STEP_TIMES, workflow_id=workflow_id
        )
        return waiting_by_execution(runs.lazy(), steps)

    def _nodes(
        self, workflow_id: str, span: Span, choose: Callable[[pl.LazyFrame], pl.LazyFrame]
    ) -> Callable[[], pl.LazyFrame]:
        def query() -> pl.LazyFrame:
            steps = self.store.scan("steps", span, columns=_NODE_COLUMNS, workflow_id=workflow_id)
            return choose(time_by_node(steps))

        return query


def _check(workflow_id: object, *, status: str | None) -> None:
    if workflow_id is not None and not isinstance(workflow_id, str):
        raise InputError(f"workflow_id is {quote(workflow_id)}, expected the name of a workflow")
    if status is not None and status not in FINISHED:
        raise unknown_name("no execution ends as", status, FINISHED)


def _untimed_warning(facts: dict[str, Any], status: str | None) -> tuple[str, ...]:
    ended = sum(facts[name] for name in FINISHED) if status is None else facts[status]
    untimed = ended - facts["execution_count"]
    if not untimed:
        return ()
    how = "that ended" if status is None else f"that ended {status}"
    unknown = f"of {untimed:,} of the {ended:,} runs {how} it isn't known how long they took"
    return (f"{unknown}: execution_count and all durations are without them",)


def _overlap_warning(nodes: pl.DataFrame) -> tuple[str, ...]:
    count = nodes["overlaps"].max() if nodes.height else 0
    if not count:
        return ()
    return (
        f"in {count!s} executions steps ran side by side: their shares of the time are shares of work, not of waiting",
    )
