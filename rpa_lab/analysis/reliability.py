"""How reliable workflows are: how often they succeed, why they fail, how soon they work again, what healing is worth.

Rates are of executions that ended: completed, failed, cancelled, abandoned; those that run stand beside. Their
intervals are those of `rpa_lab.analysis.rate_intervals`, as everywhere: from 10 days with runs on they count how much
days differ, below they speak of these runs only, and each says which. What is counted, and how, is said where it is
counted: in `rates`, `cases`, `outages`, `failures`, `messages`, `competing`, `recoveries` and `healing_trend`, all of
`rpa_lab.analysis`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import polars as pl

from rpa_lab.analysis.breakdown import GROUPS as PERFORMANCE_GROUPS
from rpa_lab.analysis.competing import TimeToCompletion, cumulative_incidence, median_time, watched
from rpa_lab.analysis.evidence import executions_of, failures_of, healing_of, recoveries_of, steps_span
from rpa_lab.analysis.failures import Failures, by_category, by_day_and_category, by_node
from rpa_lab.analysis.healing_trend import healing_trends
from rpa_lab.analysis.messages import message_templates
from rpa_lab.analysis.recoveries import Recoveries, recovery_rates
from rpa_lab.analysis.reliability_stats import ReliabilityStats
from rpa_lab.analysis.side_by_side import GROUPS as COLUMNS
from rpa_lab.analysis.side_by_side import TOGETHER, reliability_by
from rpa_lab.errors import InputError, quote, unknown_name
from rpa_lab.measures import local_times, status_counts
from rpa_lab.period import Period, Span, as_utc
from rpa_lab.storage.store import PeriodLike, TimeSeriesStore

__all__ = ["GROUPS", "ReliabilityAnalyzer", "ReliabilityStats"]

GROUPS: Final = {word: COLUMNS[column] for word, (table, column) in PERFORMANCE_GROUPS.items() if table == "executions"}
"""By what reliability can be broken down, in the words of performance: the columns that make a group."""

_TABLES = ("executions", "steps", "recoveries")


class ReliabilityAnalyzer:
    """Analyzes how reliable workflows are.

    Parameters
    ----------
    time_series_store : TimeSeriesStore
        Where the records are; its settings hold the user's rules for categories of failures.

    Examples
    --------
    >>> import tempfile
    >>> analyzer = ReliabilityAnalyzer(TimeSeriesStore(tempfile.mkdtemp()))
    >>> analyzer.breakdown(by="robot", period="2026-11").height
    0
    """

    def __init__(self, time_series_store: TimeSeriesStore) -> None:
        self.store = time_series_store
        self._read: tuple[tuple[object, ...], pl.DataFrame] | None = None

    def analyze_workflow(self, workflow_id: str, start_time: datetime, end_time: datetime) -> ReliabilityStats:
        """Analyze the reliability of a workflow.

        Parameters
        ----------
        workflow_id : str
            The workflow.
        start_time, end_time : datetime
            Half-open; naive ones are read in the store's zone.

        Returns
        -------
        ReliabilityStats

        Raises
        ------
        UnknownNameError
            If the store has no such workflow.
        """
        tz = self.store.tz
        return self.analyze(workflow_id, Period(as_utc(start_time, tz=tz), as_utc(end_time, tz=tz)))

    def analyze(self, workflow_id: str | None, period: PeriodLike = "30d") -> ReliabilityStats:
        """The same as `analyze_workflow`, for a `Period` or what one is made of; None means all workflows together."""
        span = self._span(workflow_id, period)
        during = steps_span(self.store, span, workflow_id=workflow_id)
        table = reliability_by(self.store, span, by=[TOGETHER], during=during, workflow_id=workflow_id)
        if table.is_empty():
            self.store.check_workflow(workflow_id)
        known = dict(table.row(0, named=True)) if table.height else _nothing(table)
        known["attempts_per_case"] = known.pop("attempts")
        del known[TOGETHER]
        return ReliabilityStats(
            workflow_id=workflow_id,
            time_period=str(span),
            tz=span.tz,
            **known,
            categories=by_category(self._failed(span, during, workflow_id).lazy()).collect(),
            warnings=(
                *self.store.warnings(span, tables=_TABLES),
                *self._step_warning(during, workflow_id, ended=known["ended"]),
                *_case_warnings(known),
            ),
        )

    def breakdown(
        self, workflow_id: str | None = None, *, by: str = "workflow", period: PeriodLike = "30d"
    ) -> pl.DataFrame:
        """Reliability side by side: by workflow, version, robot or host.

        Parameters
        ----------
        workflow_id : str, optional
            Only this workflow's runs; default all.
        by : str
            One of `GROUPS`; versions are told apart within their workflows.
        period : str, Period or Span
            By the start of the runs.

        Returns
        -------
        DataFrame
            One row per group, those with most ended runs first: its columns, then the figures of `ReliabilityStats`.

        Raises
        ------
        UnknownNameError
            If there is no such group, or the store has no such workflow.
        """
        if by not in GROUPS:
            raise unknown_name("reliability can't be broken down by", by, GROUPS)
        span = self._span(workflow_id, period)
        during = steps_span(self.store, span, workflow_id=workflow_id)
        table = reliability_by(self.store, span, by=GROUPS[by], during=during, workflow_id=workflow_id)
        if table.is_empty():
            self.store.check_workflow(workflow_id)
        return table.rename({"attempts": "attempts_per_case"})

    def failures(self, workflow_id: str | None = None, period: PeriodLike = "30d") -> Failures:
        """Why runs failed: by category, and by the step that failed.

        Parameters
        ----------
        workflow_id : str, optional
            Only this workflow's; default all.
        period : str, Period or Span
            By the start of the runs.

        Returns
        -------
        Failures

        Raises
        ------
        UnknownNameError
            If the store has no such workflow.
        InputError
            If a rule of the store's settings can't be understood.
        """
        span = self._span(workflow_id, period)
        during = steps_span(self.store, span, workflow_id=workflow_id)
        counts = self.store.collect(
            lambda: executions_of(self.store, span, workflow_id=workflow_id, columns=["status"]).select(status_counts())
        ).row(0, named=True)
        running = counts.pop("running")
        if not sum(counts.values()) + running:
            self.store.check_workflow(workflow_id)
        failed = self._failed(span, during, workflow_id).lazy()
        return Failures(
            workflow_id=workflow_id,
            time_period=str(span),
            tz=span.tz,
            ended=sum(counts.values()),
            failed=counts["failed"],
            cancelled=counts["cancelled"],
            abandoned=counts["abandoned"],
            running=running,
            categories=by_category(failed).collect(),
            nodes=by_node(failed).collect(),
            messages=message_templates(failed).collect(),
            warnings=self.store.warnings(span, tables=_TABLES),
        )

    def failed_runs(self, workflow_id: str | None = None, period: PeriodLike = "30d") -> pl.DataFrame:
        """The failed runs one by one, newest first; arguments as for `failures`.

        Returns
        -------
        DataFrame
            One row per failed run: its columns of the executions table, then node_id, action_type, application and
            target_element of the step that failed, last_node_id (where no step failed: the last one on record),
            recovery (``failed``, ``recovered``, ``elsewhere`` or ``none``), category, told_by (what decided it).
        """
        failed = self._failed_in(workflow_id, period)
        return failed.drop("step_id").sort("started_at", "execution_id", descending=True, nulls_last=True)

    def messages(self, workflow_id: str | None = None, period: PeriodLike = "30d") -> pl.DataFrame:
        """What failed runs say, grouped into templates; columns of `rpa_lab.analysis.messages.message_templates`."""
        return message_templates(self._failed_in(workflow_id, period).lazy()).collect()

    def failure_days(self, workflow_id: str | None = None, period: PeriodLike = "30d") -> pl.DataFrame:
        """Failures by day and category; columns of `rpa_lab.analysis.failures.by_day_and_category`."""
        failed = self._failed_in(workflow_id, period).lazy()
        return by_day_and_category(failed, tz=self.store.tz).collect()

    def time_to_completion(
        self, workflow_id: str, period: PeriodLike = "30d", *, level: float = 0.95
    ) -> TimeToCompletion:
        """How long a workflow's runs take to complete, those that fail, are cancelled or still run counted too.

        Parameters
        ----------
        workflow_id : str
            The workflow.
        period : str, Period or Span
            By the start of the runs.
        level : float
            Of the intervals, fraction above 0 and below 1.

        Returns
        -------
        TimeToCompletion

        Raises
        ------
        UnknownNameError
            If the store has no such workflow.
        """
        span = self._span(workflow_id, period)
        runs = self.store.collect(
            lambda: watched(executions_of(self.store, span, workflow_id=workflow_id), as_of=self.store.now)
        )
        if runs.is_empty():
            self.store.check_workflow(workflow_id)
        known = runs.filter(pl.col("time_ms").is_not_null())
        counts = known.select(status_counts()).row(0, named=True)
        curve = cumulative_incidence(known, level=level)
        median, low, high = median_time(curve)
        unknown = runs.height - known.height
        return TimeToCompletion(
            workflow_id=workflow_id,
            time_period=str(span),
            tz=span.tz,
            n=known.height,
            **counts,
            unknown=unknown,
            median_ms=median,
            median_low_ms=low,
            median_high_ms=high,
            curve=curve,
            level=level,
            warnings=(
                *self.store.warnings(span, tables=_TABLES[:1]),
                *([f"{unknown:,} runs are left out: nobody knows how long they took"] if unknown else []),
            ),
        )

    def recoveries(
        self, workflow_id: str | None = None, period: PeriodLike = "30d", *, level: float = 0.05
    ) -> Recoveries:
        """How self-healing went, what it cost, and which steps need it more and more.

        Parameters
        ----------
        workflow_id : str, optional
            Only this workflow's; default all.
        period : str, Period or Span
            By the start of the runs.
        level : float
            Which share of the steps named as rising may be false, fraction above 0 and below 1.

        Returns
        -------
        Recoveries

        Raises
        ------
        UnknownNameError
            If the store has no such workflow.
        """
        span = self._span(workflow_id, period)
        during = steps_span(self.store, span, workflow_id=workflow_id)
        tried = recoveries_of(self.store, span, during=during, workflow_id=workflow_id)
        if tried.is_empty():
            self.store.check_workflow(workflow_id)
        strategies, nodes, categories, together = (
            recovery_rates(tried.lazy(), by=by, tz=span.tz).collect()
            for by in (["strategy"], ["workflow_id", "node_id"], ["category"], [])
        )
        known = together.drop("runs", "median_cost_ms").row(0, named=True)
        return Recoveries(
            workflow_id=workflow_id,
            time_period=str(span),
            tz=span.tz,
            **known,
            strategies=strategies,
            nodes=nodes,
            categories=categories,
            failures=by_category(self._failed(span, during, workflow_id).lazy()).collect(),
            rising=healing_trends(self.healing_days(workflow_id, span).lazy(), level=level),
            warnings=self.store.warnings(span, tables=_TABLES),
        )

    def healing_days(self, workflow_id: str | None = None, period: PeriodLike = "30d") -> pl.DataFrame:
        """Visits of each step and those that needed self-healing, day by day.

        Columns of `rpa_lab.analysis.healing_trend.healing_by_day`; steps and recoveries count by their own start.
        """
        span = self._span(workflow_id, period)
        return self.store.collect(lambda: healing_of(self.store, span, workflow_id=workflow_id))

    def _step_warning(self, during: Span, workflow_id: str | None, *, ended: int) -> tuple[str, ...]:
        if not ended:
            return ()
        steps = self.store.collect(
            lambda: self.store.scan("steps", during, columns=["execution_id"], workflow_id=workflow_id).head(1)
        )
        said = "no steps are recorded, so that retries are unknown: the rate at the first attempt knows of re-runs only"
        return () if steps.height else (said,)

    def _failed_in(self, workflow_id: str | None, period: PeriodLike) -> pl.DataFrame:
        span = self._span(workflow_id, period)
        failed = self._failed(span, steps_span(self.store, span, workflow_id=workflow_id), workflow_id)
        if failed.is_empty():
            self.store.check_workflow(workflow_id)
        return failed

    def _failed(self, span: Span, during: Span, workflow_id: str | None) -> pl.DataFrame:
        """The failed runs, times in the period's zone; the last ones are kept while files and rules are the same.

        Their texts are most of what a report reads, and five of its parts are made of them.
        """
        files = self.store.fingerprint(during, tables=_TABLES)
        asked = (workflow_id, span, during, self.store.settings.failures, files)
        if self._read is None or self._read[0] != asked:
            failed = failures_of(self.store, span, during=during, workflow_id=workflow_id)
            self._read = asked, local_times(failed, tz=span.tz)
        return self._read[1]

    def _span(self, workflow_id: str | None, period: PeriodLike) -> Span:
        if workflow_id is not None and not isinstance(workflow_id, str):
            raise InputError(f"workflow_id is {quote(workflow_id)}, expected the name of a workflow, or None for all")
        return self.store.span(period)


def _nothing(table: pl.DataFrame) -> dict[str, Any]:
    """The figures of a period in which nothing ran: counts and sums are 0, everything else is unknown."""
    sums = ("operating_ms", "calendar_ms")
    return {name: 0 if kind == pl.Int64 or name in sums else None for name, kind in table.schema.items()}


def _case_warnings(facts: dict[str, Any]) -> tuple[str, ...]:
    said = {
        "cyclic": "{} cases consist of runs that repeat each other in a circle: the latest is taken for the last",
        "dangling": "{} cases begin with a re-run of an execution that is not on record: earlier attempts are unknown",
        "cases_before": "{} cases began before the period and were tried again in it: left out of the rate of cases",
    }
    return tuple(text.format(f"{facts[name]:,}") for name, text in said.items() if facts[name])
