"""How long a workflow's runs take, and which of its steps take the time.

Statistics cover every execution that ended, however it ended (`status="completed"` narrows); running ones stand beside
them. Quantiles are linearly interpolated, the standard deviation has ddof = 1, and no number comes without its `n`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

import polars as pl

from rpa_lab.analysis.nodes import above_percentile, time_by_node
from rpa_lab.errors import InputError, quote, unknown_name
from rpa_lab.measures import FINISHED, finished, quantile, status_counts, std, success_rate
from rpa_lab.period import Period, Span, as_utc
from rpa_lab.result import Result
from rpa_lab.storage.store import PeriodLike, TimeSeriesStore

__all__ = ["PerformanceAnalyzer", "PerformanceStats", "duration_stats"]

_NODE_COLUMNS = ("execution_id", "node_id", "action_type", "status", "duration_ms")
_SLOWEST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceStats(Result):
    """Performance of one workflow in one period.

    Durations are milliseconds, over `execution_count` executions that ended with a known duration; None where there are
    none (the standard deviation: fewer than two). `slowest_steps` has one row per node, most self time first: see
    `rpa_lab.analysis.nodes.time_by_node`. `success_rate` is percent 0-100.
    """

    _table: ClassVar[str | None] = "slowest_steps"

    workflow_id: str
    time_period: str
    tz: str
    execution_count: int
    completed: int
    failed: int
    cancelled: int
    abandoned: int
    running: int
    success_rate: float | None
    avg_duration_ms: float | None
    median_duration_ms: float | None
    p95_duration_ms: float | None
    p99_duration_ms: float | None
    min_duration_ms: float | None
    max_duration_ms: float | None
    std_dev_ms: float | None
    slowest_steps: pl.DataFrame
    warnings: tuple[str, ...] = ()


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
        self, workflow_id: str, start_time: datetime, end_time: datetime, *, status: str | None = None
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
        return self.analyze(workflow_id, period, status=status)

    def analyze(self, workflow_id: str, period: PeriodLike, *, status: str | None = None) -> PerformanceStats:
        """The same as `analyze_workflow`, for a `Period`, a `Span` or what a `Period` is made of."""
        if not isinstance(workflow_id, str):
            raise InputError(f"workflow_id is {quote(workflow_id)}, expected the name of a workflow")
        if status is not None and status not in FINISHED:
            raise unknown_name("no execution ends as", status, FINISHED)
        span = self.store.span(period)
        facts = self.store.collect(
            lambda: duration_stats(
                self.store.scan("executions", span, columns=["status", "duration_ms"], workflow_id=workflow_id),
                status=status,
            )
        ).row(0, named=True)
        nodes = self.store.collect(self._nodes(workflow_id, span, lambda nodes: nodes))
        ended = sum(facts[name] for name in FINISHED)
        if not ended and not facts["running"]:
            self._check_known(workflow_id)
        return PerformanceStats(
            workflow_id=workflow_id,
            time_period=str(span),
            tz=span.tz,
            **facts,
            slowest_steps=nodes.head(_SLOWEST),
            warnings=(*self.store.warnings(span), *_overlap_warning(nodes)),
        )

    def identify_bottlenecks(
        self,
        workflow_id: str,
        threshold_percentile: float = 0.95,
        *,
        by: str = "mean_duration_ms",
        period: PeriodLike | None = None,
    ) -> pl.DataFrame:
        """Identify bottleneck steps in a workflow.

        Parameters
        ----------
        workflow_id : str
            The workflow.
        threshold_percentile : float
            Fraction 0-1: the nodes at or above this quantile over all nodes, at least the largest.
        by : str
            mean_duration_ms, p95_duration_ms, total_duration_ms or self_duration_ms.
        period : str, Period or Span, optional
            Default all that the store holds.

        Returns
        -------
        DataFrame
            One row per node, largest value first, ties by node_id; columns of `rpa_lab.analysis.nodes.time_by_node`.

        Raises
        ------
        UnknownNameError
            If the store has no such workflow, or `by` is none of these.
        InputError
            If the percentile isn't from 0 to 1.
        """
        span = self.store.span("all" if period is None else period)
        found = self.store.collect(
            self._nodes(
                workflow_id, span, lambda n: above_percentile(n, by=by, threshold_percentile=threshold_percentile)
            )
        )
        if found.is_empty():
            self._check_known(workflow_id)
        return found

    def _nodes(
        self, workflow_id: str, span: Span, choose: Callable[[pl.LazyFrame], pl.LazyFrame]
    ) -> Callable[[], pl.LazyFrame]:
        def query() -> pl.LazyFrame:
            steps = self.store.scan("steps", span, columns=_NODE_COLUMNS, workflow_id=workflow_id)
            return choose(time_by_node(steps))

        return query

    def _check_known(self, workflow_id: str) -> None:
        known = self.store.collect(lambda: self.store.scan("executions", columns=["workflow_id"]).unique())
        names = known["workflow_id"].drop_nulls().to_list()
        if workflow_id not in names:
            raise unknown_name("the store has no workflow", workflow_id, names)


def duration_stats(executions: pl.LazyFrame, *, status: str | None = None) -> pl.LazyFrame:
    """Statistics of the durations of executions that ended, and how many ended how.

    Parameters
    ----------
    executions : LazyFrame
        status, duration_ms.
    status : str, optional
        Only those that ended so, in the duration statistics; the counts are of all.

    Returns
    -------
    LazyFrame
        One row: completed, failed, cancelled, abandoned, running, success_rate (percent), execution_count, and
        avg_, median_, p95_, p99_, min_, max_duration_ms, std_dev_ms.

    Examples
    --------
    >>> runs = pl.LazyFrame({"status": ["completed", "failed", "running"], "duration_ms": [10.0, 20.0, None]})
    >>> duration_stats(runs).collect().select("execution_count", "median_duration_ms", "success_rate").row(0)
    (2, 15.0, 50.0)
    """
    counted = finished() if status is None else pl.col("status") == status
    duration = pl.col("duration_ms").filter(counted)
    named = pl.when(counted).then(pl.col("duration_ms")).alias("_counted_ms")
    return executions.with_columns(named).select(
        *status_counts(),
        success_rate(),
        execution_count=duration.count().cast(pl.Int64),
        avg_duration_ms=duration.mean(),
        median_duration_ms=quantile(0.5, "_counted_ms"),
        p95_duration_ms=quantile(0.95, "_counted_ms"),
        p99_duration_ms=quantile(0.99, "_counted_ms"),
        min_duration_ms=duration.min(),
        max_duration_ms=duration.max(),
        std_dev_ms=std("_counted_ms"),
    )


def _overlap_warning(nodes: pl.DataFrame) -> tuple[str, ...]:
    count = nodes["overlaps"].max() if nodes.height else 0
    if not count:
        return ()
    return (
        f"in {count!s} executions steps ran side by side: their shares of the time are shares of work, not of waiting",
    )
