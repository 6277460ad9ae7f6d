"""An analyst's one object over a store: ask it, and get frames and results that show themselves."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

import polars as pl

from rpa_lab.analysis.before_after import periods_of, two_versions
from rpa_lab.analysis.overview import by_day, by_workflow, distribution
from rpa_lab.analysis.performance import PerformanceAnalyzer, PerformanceStats
from rpa_lab.errors import InputError, quote
from rpa_lab.measures import local_times
from rpa_lab.period import Period, Span
from rpa_lab.readable import table_html
from rpa_lab.storage.derive import with_merged_context
from rpa_lab.storage.store import PeriodLike, TimeSeriesStore

if TYPE_CHECKING:
    import altair as alt

    from rpa_lab.analysis.attribution.result import Attribution, Attributions
    from rpa_lab.analysis.breakdown import PerformanceBreakdown
    from rpa_lab.analysis.competing import TimeToCompletion
    from rpa_lab.analysis.degradation import Degradation
    from rpa_lab.analysis.failures import Failures
    from rpa_lab.analysis.history import ChangePoints, History, HistoryAnalyzer
    from rpa_lab.analysis.key_figures import KeyFigures
    from rpa_lab.analysis.kpis import KpiAnalyzer
    from rpa_lab.analysis.recoveries import Recoveries
    from rpa_lab.analysis.reliability import ReliabilityAnalyzer, ReliabilityStats
    from rpa_lab.analysis.waiting import Waiting
    from rpa_lab.filters import Filters
    from rpa_lab.integrations.export import Exported, Format
    from rpa_lab.query.comparison import Comparison
    from rpa_lab.query.durations import DurationTable
    from rpa_lab.query.engine import QueryEngine
    from rpa_lab.query.result import QueryResult

__all__ = ["Lab"]

_USUAL = "30d"
_ANY_TIME = datetime(9000, 1, 1, tzinfo=UTC)


class Lab:
    """What an analyst asks of a store.

    Periods are ``"30d"``, ``"2026-11"``, ``"2026-11-03"``, ``"all"``, an ISO interval, or a `Period`.

    Parameters
    ----------
    store : str, path or TimeSeriesStore
        The store: its folder, or ``s3://bucket/prefix`` of a copy that `rpa-lab push` made.
    tz : str, optional
        The zone in which days begin and times are shown; default: the store's, else UTC.
    as_of : datetime or "latest", optional
        What "now" is for relative periods; default the present. ``"latest"``: just after the newest start.

    Examples
    --------
    >>> import tempfile
    >>> lab = Lab(tempfile.mkdtemp())
    >>> lab.workflows("all").height
    0
    """

    def __init__(
        self,
        store: str | os.PathLike[str] | TimeSeriesStore = "data/store",
        *,
        tz: str | None = None,
        as_of: datetime | str | None = None,
    ) -> None:
        if isinstance(store, TimeSeriesStore):
            self.store = store if tz is None and as_of is None else store.seen(tz=tz, as_of=as_of)
        else:
            self.store = TimeSeriesStore(store, tz=tz, as_of=as_of)
        self._performance = PerformanceAnalyzer(self.store)

    @property
    def tz(self) -> str:
        """The zone in which days begin and times are shown."""
        return self.store.tz

    def span(self, period: PeriodLike = "30d") -> Span:
        """What a period means here: its UTC bounds and zone."""
        return self.store.span(period)

    def workflows(self, period: PeriodLike = "30d") -> pl.DataFrame:
        """The workflows side by side; columns of `rpa_lab.analysis.overview.by_workflow`."""
        columns = ["workflow_id", "status", "duration_ms", "started_at"]
        table = self.store.collect(
            lambda: by_workflow(self.store.scan("executions", self.span(period), columns=columns))
        )
        return local_times(table, tz=self.tz)

    def performance(
        self, workflow_id: str, period: PeriodLike = "30d", *, status: str | None = None
    ) -> PerformanceStats:
        """How long one workflow's runs take; arguments as for `PerformanceAnalyzer.analyze_workflow`."""
        return self._performance.analyze(workflow_id, period, status=status)

    def bottlenecks(
        self,
        workflow_id: str,
        period: PeriodLike = "30d",
        *,
        threshold_percentile: float = 0.95,
        by: str = "mean_duration_ms",
    ) -> pl.DataFrame:
        """The steps that take most of the time; arguments as for `PerformanceAnalyzer.identify_bottlenecks`."""
        return self._performance.identify_bottlenecks(workflow_id, threshold_percentile, by=by, period=period)

    def breakdown(
        self,
        workflow_id: str | None = None,
        period: PeriodLike = "30d",
        *,
        by: str | Sequence[str] = "step",
        status: str | None = None,
    ) -> PerformanceBreakdown:
        """Performance side by side, with intervals; arguments as for `PerformanceAnalyzer.breakdown`."""
        return self._performance.breakdown(workflow_id, by=by, period=period, status=status)

    def durations(
        self,
        table: str = "steps",
        period: PeriodLike = "30d",
        *,
        by: Sequence[str] = ("workflow_id",),
        quantiles: Sequence[float] = (0.5, 0.95, 0.99),
        approximate: bool = False,
    ) -> DurationTable:
        """Durations of months and years from summaries; see `rpa_lab.query.durations.duration_table`."""
        from rpa_lab.query.durations import duration_table

        return duration_table(self.store, table, period, by=by, quantiles=quantiles, approximate=approximate)

    def waiting(self, workflow_id: str, period: PeriodLike = "30d") -> Waiting:
        """How much of its runs' time a workflow waited between steps; see `PerformanceAnalyzer.waiting`."""
        return self._performance.waiting(workflow_id, period)

    def degradation(
        self,
        workflow_id: str,
        *,
        baseline: timedelta | str = "28d",
        current: timedelta | str = "7d",
        threshold_percent: float = 20.0,
    ) -> Degradation:
        """Whether a workflow became slower: its last days beside those before.

        Parameters
        ----------
        workflow_id : str
            The workflow.
        baseline, current : timedelta or str
            How long, such as ``"28d"``; the current period ends now, the baseline where that begins.
        threshold_percent : float
            The increase of the mean duration of completed runs that counts as degradation, percent.

        Returns
        -------
        Degradation
            Whatever it is; `PerformanceAnalyzer.detect_performance_degradation` has a result only where it exceeds the
            threshold.
        """
        lengths = (_length("baseline", baseline), _length("current", current))
        return self._performance.compare_periods(workflow_id, *lengths, threshold_percent)

    def attribution(
        self,
        workflow_id: str,
        baseline: PeriodLike | None = None,
        current: PeriodLike | None = None,
        *,
        by: str | None = None,
        versions: tuple[str, str] | None = None,
        period: PeriodLike | None = None,
    ) -> Attribution:
        """Why a workflow's runs take longer, and since when; or what another version makes of them.

        Parameters
        ----------
        workflow_id : str
            The workflow.
        baseline : str, Period or Span, optional
            Default: as long before the current period; a length alone ("28d") ends where that begins.
        current : str, Period or Span, optional
            Default: the last four whole weeks (of records that reach back less far, the second half against the first).
        by : str, optional
            Tell more slow runs apart from slower runs: "robot", "host" or "context.<key>".
        versions : tuple of str, optional
            In place of periods: the version to hold against, and the one to look at.
        period : str, Period or Span, optional
            Where runs of both versions are looked for; default: the last 30 days.

        Returns
        -------
        Attribution

        Raises
        ------
        InputError
            If periods are named beside versions, or a period without versions.
        """
        from rpa_lab.analysis.attribution.analyzer import AttributionAnalyzer

        analyzer = AttributionAnalyzer(self.store)
        if versions is not None:
            first, second = two_versions(versions, baseline=baseline, current=current)
            return analyzer.attribute_versions(
                workflow_id, first, second, period=_USUAL if period is None else period, by=by
            )
        if period is not None:
            raise InputError(f"period is {quote(period)} without versions; name baseline and current, or versions")
        before, now = periods_of(self.store, _USUAL, baseline=baseline, current=current)
        return analyzer.attribute(workflow_id, before, now, by=by)

    def attribution_chart(
        self,
        workflow_id: str,
        baseline: PeriodLike | None = None,
        current: PeriodLike | None = None,
        *,
        by: str | None = None,
        versions: tuple[str, str] | None = None,
        period: PeriodLike | None = None,
    ) -> alt.LayerChart:
        """The same drawn, part by part; see `rpa_lab.chart.waterfall.attribution_waterfall`."""
        from rpa_lab.report.comparison import waterfall

        return waterfall(self.attribution(workflow_id, baseline, current, by=by, versions=versions, period=period))

    def attributions(self, baseline: PeriodLike | None = None, current: PeriodLike | None = None) -> Attributions:
        """The same for each workflow, surest changes first; see `AttributionAnalyzer.attribute_all`."""
        from rpa_lab.analysis.attribution.analyzer import AttributionAnalyzer

        before, now = periods_of(self.store, _USUAL, baseline=baseline, current=current)
        return AttributionAnalyzer(self.store).attribute_all(before, now)

    def compare(
        self,
        by: str = "workflow",
        *,
        groups: Sequence[str] | None = None,
        period: PeriodLike = "30d",
        workflow_id: str | None = None,
        metrics: str | Sequence[str] | None = None,
        against: str | None = None,
        filters: Mapping[str, Any] | None = None,
        sides: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Comparison:
        """What differs between groups, and whether it is chance; arguments as for `ComparativeAnalyzer.compare`."""
        from rpa_lab.analysis.comparison import METRICS, ComparativeAnalyzer

        return ComparativeAnalyzer(self.store).compare(
            by,
            groups=groups,
            metrics=METRICS if metrics is None else metrics,
            period=period,
            against=against,
            workflow_id=workflow_id,
            filters=filters,
            sides=sides,
        )

    def history(self, workflow_id: str, period: PeriodLike = "90d") -> History:
        """A workflow day by day, and what happened beside it; see `HistoryAnalyzer.history`."""
        return self._history.history(workflow_id, period)

    def history_chart(self, workflow_id: str, period: PeriodLike = "90d") -> alt.LayerChart:
        """The same drawn: levels, and what happened on the same axis; see `rpa_lab.chart.history.history_timeline`."""
        from rpa_lab.chart.history import history_timeline

        found = self.history(workflow_id, period)
        moved = found.change_points.table
        return history_timeline(found.days, found.events, workflow_id=workflow_id, tz=found.tz, change_points=moved)

    def change_points(
        self, workflow_id: str | None = None, period: PeriodLike = "90d", *, steps: bool = True
    ) -> ChangePoints:
        """Since when workflows and their steps take longer; see `HistoryAnalyzer.change_points`."""
        return self._history.change_points(workflow_id, period, steps=steps)

    def note(
        self,
        text: str,
        *,
        workflow_id: str | None = None,
        at: date | str | None = None,
        kind: str = "note",
        version: str | None = None,
        host: str | None = None,
        author: str | None = None,
    ) -> str:
        """Write down a change, so that what happens afterwards can be held against it; see `TimeSeriesStore.note`."""
        return self.store.note(
            text, workflow_id=workflow_id, at=at, kind=kind, version=version, host=host, author=author
        )

    def reliability(self, workflow_id: str | None = None, period: PeriodLike = "30d") -> ReliabilityStats:
        """How reliable a workflow is, or all are together; see `ReliabilityAnalyzer.analyze`."""
        return self._reliability.analyze(workflow_id, period)

    def reliability_by(
        self, by: str = "workflow", period: PeriodLike = "30d", *, workflow_id: str | None = None
    ) -> pl.DataFrame:
        """Reliability side by side; arguments as for `ReliabilityAnalyzer.breakdown`."""
        return local_times(self._reliability.breakdown(workflow_id, by=by, period=period), tz=self.tz)

    def failures(self, workflow_id: str | None = None, period: PeriodLike = "30d") -> Failures:
        """Why runs failed, by category and by step; see `ReliabilityAnalyzer.failures`."""
        return self._reliability.failures(workflow_id, period)

    def failed_runs(self, workflow_id: str | None = None, period: PeriodLike = "30d") -> pl.DataFrame:
        """The failed runs one by one, newest first; columns of `ReliabilityAnalyzer.failed_runs`."""
        return self._reliability.failed_runs(workflow_id, period)

    def messages(self, workflow_id: str | None = None, period: PeriodLike = "30d") -> pl.DataFrame:
        """What failed runs say, grouped; columns of `rpa_lab.analysis.messages.message_templates`."""
        return self._reliability.messages(workflow_id, period)

    def time_to_completion(self, workflow_id: str, period: PeriodLike = "30d") -> TimeToCompletion:
        """How long runs take to complete, with those that fail or still run counted; see `ReliabilityAnalyzer`."""
        return self._reliability.time_to_completion(workflow_id, period)

    def recoveries(self, workflow_id: str | None = None, period: PeriodLike = "30d") -> Recoveries:
        """How self-healing went, and what it cost; see `ReliabilityAnalyzer.recoveries`."""
        return self._reliability.recoveries(workflow_id, period)

    def kpis(self, workflow_id: str | None = None, period: PeriodLike = "30d") -> KeyFigures:
        """Key figures of a workflow, or of all together; see `KpiAnalyzer.kpis`."""
        return self._kpis.kpis(workflow_id, period)

    def kpi_table(self, period: PeriodLike = "30d") -> pl.DataFrame:
        """Key figures of the workflows side by side; columns of `KpiAnalyzer.workflows`."""
        return local_times(self._kpis.workflows(period), tz=self.tz)

    def robots(self, period: PeriodLike = "30d") -> pl.DataFrame:
        """How busy each robot was; columns of `KpiAnalyzer.robots`."""
        return local_times(self._kpis.robots(period), tz=self.tz)

    def service_levels(self, period: PeriodLike = "30d") -> pl.DataFrame:
        """Which targets were kept; columns of `KpiAnalyzer.service_levels`."""
        return local_times(self._kpis.service_levels(period), tz=self.tz)

    def query(
        self,
        table: str = "executions",
        period: PeriodLike = "30d",
        *,
        metrics: str | Sequence[str] = (),
        group_by: str | Sequence[str] = (),
        filters: Filters | None = None,
        columns: str | Sequence[str] = (),
        interval: str | None = None,
        order: str | Sequence[str] = (),
        limit: int | None = None,
    ) -> QueryResult:
        """Ask whatever can be asked of a table; arguments as for `rpa_lab.query.query.Query.of`.

        Examples
        --------
        >>> import tempfile
        >>> lab = Lab(tempfile.mkdtemp())
        >>> lab.query("steps", "2026-11", metrics=["count", "p95"], filters={"status": "failed"}).table.row(0)
        (0, 0, None, 0)
        """
        from rpa_lab.query.query import Query

        asked = Query.of(
            table=table,
            period=period,
            metrics=metrics,
            group_by=group_by,
            filters=filters,
            columns=columns,
            interval=interval,
            order=order,
            limit=limit,
        )
        return self.engine.query(asked)

    def daily(self, workflow_id: str, period: PeriodLike = "30d") -> pl.DataFrame:
        """One workflow day by day; columns of `rpa_lab.analysis.overview.by_day`."""
        columns = ["status", "duration_ms", "started_at"]
        return self.store.collect(
            lambda: by_day(
                self.store.scan("executions", self.span(period), columns=columns, workflow_id=workflow_id), tz=self.tz
            )
        )

    def distribution(self, workflow_id: str, period: PeriodLike = "30d") -> pl.DataFrame:
        """How one workflow's durations are spread; columns of `rpa_lab.analysis.overview.distribution`."""
        columns = ["status", "duration_ms"]
        return self.store.collect(
            lambda: distribution(
                self.store.scan("executions", self.span(period), columns=columns, workflow_id=workflow_id)
            )
        )

    def executions(
        self, period: PeriodLike = "30d", *, workflow_id: str | None = None, columns: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Executions, ordered by time.

        Parameters
        ----------
        period : str, Period or Span
            By their start.
        workflow_id : str, optional
            Only this workflow's.
        columns : sequence of str, optional
            Which; default all.

        Returns
        -------
        DataFrame
            One row per execution, times in `tz`; `context` has what was said at the start and at the end, the end's
            word counting where both speak of the same key.
        """
        needed = columns if columns is None or "context" not in columns else [*columns, "end_context"]
        needed = needed if needed is None else list(dict.fromkeys(needed))
        rows = local_times(self.store.read("executions", period, workflow_id=workflow_id, columns=needed), tz=self.tz)
        if "context" in rows.columns:
            rows = with_merged_context(rows)
        return rows.select(columns) if columns is not None else rows

    def steps(
        self, period: PeriodLike = "30d", *, workflow_id: str | None = None, columns: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Steps, ordered by time: one row each, times in `tz`; arguments as for `executions`."""
        return local_times(self.store.read("steps", period, workflow_id=workflow_id, columns=columns), tz=self.tz)

    def scan(
        self,
        table: str,
        period: PeriodLike = "30d",
        *,
        columns: Sequence[str] | None = None,
        workflow_id: str | None = None,
    ) -> pl.LazyFrame:
        """A table's rows as a lazy frame, times in UTC; arguments as for `TimeSeriesStore.scan`."""
        return self.store.scan(table, period, columns=columns, workflow_id=workflow_id)

    def export(
        self,
        path: str | os.PathLike[str],
        period: PeriodLike = "30d",
        *,
        format: Format | None = None,  # noqa: A002 - what it is called everywhere
        workflow_id: str | None = None,
        force: bool = False,
    ) -> Exported:
        """Write executions and their steps as a log of events; arguments as for `export_events`.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> folder = Path(tempfile.mkdtemp())
        >>> Lab(folder / "store").export(folder / "events.xes.gz", "2026-11").format
        'xes'
        """
        from rpa_lab.integrations.export import export_events

        return export_events(self.store, path, format=format, period=period, workflow_id=workflow_id, force=force)

    @cached_property
    def engine(self) -> QueryEngine:
        """What answers queries, and remembers the answers."""
        from rpa_lab.query.engine import QueryEngine

        return QueryEngine(self.store)

    @cached_property
    def _history(self) -> HistoryAnalyzer:
        from rpa_lab.analysis.history import HistoryAnalyzer

        return HistoryAnalyzer(self.store)

    @cached_property
    def _reliability(self) -> ReliabilityAnalyzer:
        from rpa_lab.analysis.reliability import ReliabilityAnalyzer

        return ReliabilityAnalyzer(self.store)

    @cached_property
    def _kpis(self) -> KpiAnalyzer:
        from rpa_lab.analysis.kpis import KpiAnalyzer

        return KpiAnalyzer(self.store)

    def __repr__(self) -> str:
        return f"Lab({self.store.where!r}, tz={self.tz!r})"

    def _repr_html_(self) -> str:
        period = self.span("all")
        table = self.workflows("all")
        where = escape(self.store.where)
        if table.is_empty():
            return f"<p><b>Lab</b> over {where}: nothing recorded yet</p>"
        return f"<p><b>Lab</b> over {where}, {escape(period.describe())}</p>{table_html(table)}"


def _length(name: str, said: timedelta | str) -> timedelta:
    """How long "28d" is."""
    period = Period(said)
    if not period.is_relative:
        raise InputError(f"{name} is {quote(said)}, expected a length such as '28d'")
    return period.resolve(as_of=_ANY_TIME).length
