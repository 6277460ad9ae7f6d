"""Key figures of robots: how much they do, how busy they are, how long work takes, how well it goes, what it saves.

==================  =================================================================================================
figure              definition
==================  =================================================================================================
throughput          executions that completed within the period / hours of the period: completions, as in queueing
utilisation         robots' busy time / their available time; both in working time where there is a calendar. ISO
                    22400-2 calls this *allocation efficiency* (actual unit busy time / planned busy time). A robot
                    is available for the whole period, as its licence is, whenever it was first seen in it
in progress         mean number of executions at work: L = λ·W, throughput × handling time, by Little's law
AHT                 average handling time, as contact centres call it: mean duration of the executions that ended;
                    per case the durations of all its attempts, re-runs included, added up
queue wait          from queued to started, in working time where there is a calendar
retry rate          steps that took more than one attempt / steps; executions with such a step / executions
cases               `rpa_lab.analysis.cases`: attempts up to 30 days before and after the period are in them
straight through    cases that completed in their one execution without a retry or a recovery / cases that ended: the
                    *first pass yield* of ISO 22400-2. People's hands leave no record here: what a person did before
                    or after a run isn't known
service levels      `rpa_lab.analysis.service_levels`
hours saved, ROI    `rpa_lab.analysis.savings`
==================  =================================================================================================

An execution belongs to the period in which it started, a case to that in which its first attempt did; throughput and
busy time, which are about the period itself, also take what began up to two days before it. A period that isn't over
ends now.

References
----------
ISO 22400-2:2014, *Key performance indicators for manufacturing operations management*. Little (1961),
doi:10.1287/opre.9.3.383. Cleveland (2012), *Call Center Management on Fast Forward*, for handling times and levels of
service. van der Aalst (2016), *Process Mining*, doi:10.1007/978-3-662-49851-4, for cases and their times.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import polars as pl

from rpa_lab.analysis.at_work import at_work, busy_time, work_by_workflow
from rpa_lab.analysis.busy_hours import busy_by_hour_of_week
from rpa_lab.analysis.cases import began_in
from rpa_lab.analysis.evidence import cases_of, chains_of, retried, steps_span
from rpa_lab.analysis.figures import HOUR_MS, Asked, key_figures, percent_of, with_rates
from rpa_lab.analysis.key_figures import KeyFigures
from rpa_lab.analysis.savings import FleetCost, fleet_cost, with_savings, with_total_savings
from rpa_lab.analysis.service_levels import OUTCOMES, judged, service_levels
from rpa_lab.analysis.working_time import working_time
from rpa_lab.analysis.workload import count_cases, count_runs, count_steps, each_and_all, marked
from rpa_lab.errors import InputError, quote
from rpa_lab.period import Span
from rpa_lab.storage.settings import Settings
from rpa_lab.storage.store import PeriodLike, TimeSeriesStore

__all__ = ["KpiAnalyzer"]

_REACH = timedelta(days=2)
_RUN_COLUMNS = (
    "execution_id",
    "workflow_id",
    "status",
    "queued_at",
    "started_at",
    "completed_at",
    "duration_ms",
    "last_seen_at",
)
_WORK_COLUMNS = (
    "workflow_id",
    "status",
    "started_at",
    "completed_at",
    "duration_ms",
    "last_seen_at",
    "robot_id",
    "host",
)
_COLUMNS = (
    "workflow_id",
    *("executions", "completed", "failed", "cancelled", "abandoned", "running", "ended", "success_rate"),
    *("completed_within", "per_hour", "completed_in_hours", "per_working_hour", "work_ms", "in_progress"),
    *("robots", "busy_ms", "busy_in_hours_ms", "utilisation"),
    *("aht_n", "aht_ms", "aht_median_ms", "cases", "cases_completed", "cases_running", "case_aht_n", "case_aht_ms"),
    *("wait_n", "wait_mean_ms", "wait_p50_ms", "wait_p95_ms", "negative_waits"),
    *("straight_through", "straight_through_percent"),
    *("steps", "retried_steps", "step_retry_percent", "retried", "retry_percent"),
    *("sla_n", "sla_breaches"),
    *("hours_replaced", "exception_hours", "hours_saved", "benefit", "cost", "roi_percent"),
    *("unplaced", "without_robot"),
)
_TARGETS = {"target": pl.Int64, "workflow_id": pl.String}
_NO_OUTCOME = [pl.lit(0, pl.Int64).alias(name) for name in OUTCOMES]


class KpiAnalyzer:
    """Computes the key figures of a store's robots, by what its `rpa_lab.toml` sets.

    Parameters
    ----------
    time_series_store : TimeSeriesStore
        Where the records are.
    """

    def __init__(self, time_series_store: TimeSeriesStore) -> None:
        self.store = time_series_store

    def kpis(self, workflow_id: str | None = None, period: PeriodLike = "30d") -> KeyFigures:
        """The key figures of one workflow, or of all together.

        Parameters
        ----------
        workflow_id : str, optional
            Which; default all.
        period : str, Period or Span
            Executions that started in it.

        Returns
        -------
        KeyFigures

        Raises
        ------
        UnknownNameError
            If the store has no such workflow.
        InputError
            If `rpa_lab.toml` can't be understood.

        Examples
        --------
        >>> import tempfile
        >>> KpiAnalyzer(TimeSeriesStore(tempfile.mkdtemp())).kpis(period="2026-11").executions
        0
        """
        if not (workflow_id is None or isinstance(workflow_id, str)):
            raise InputError(f"workflow_id is {quote(workflow_id)}, expected the name of a workflow, or None for all")
        asked = self._asked(period, workflow_id=workflow_id)
        of_chains = chains_of(self.store, asked.span)
        table, cost = self._table(asked, of_chains)
        if workflow_id is not None and not table.filter(asked.is_it)["executions"].sum():
            self.store.check_workflow(workflow_id)
        return key_figures(
            table,
            asked=asked,
            cost=cost,
            levels=self._levels(asked, of_chains),
            robots=self._robots(asked),
            warnings=(
                *self.store.warnings(asked.span, tables=("executions", "steps", "recoveries")),
                *(_left_out(table, asked.settings) if workflow_id is None else ()),
            ),
        )

    def workflows(self, period: PeriodLike = "30d") -> pl.DataFrame:
        """The key figures of all workflows side by side, those with most executions first.

        Parameters
        ----------
        period : str, Period or Span
            Executions that started in it.

        Returns
        -------
        DataFrame
            One row per workflow: workflow_id; executions, completed, failed, cancelled, abandoned, running, ended,
            success_rate (percent); completed_within (the period, whenever it began), per_hour, completed_in_hours (of
            work), per_working_hour; work_ms (at work within the period), in_progress (executions, on average); robots,
            busy_ms, busy_in_hours_ms, utilisation (percent of the available time of the robots that ran it); aht_n,
            aht_ms, aht_median_ms; cases (that have ended), cases_completed, cases_running, case_aht_n, case_aht_ms;
            wait_n, wait_mean_ms, wait_p50_ms, wait_p95_ms, negative_waits; straight_through (cases),
            straight_through_percent; steps, retried_steps, step_retry_percent, retried (executions), retry_percent;
            sla_n, sla_breaches (of all targets together); hours_replaced, exception_hours, hours_saved, benefit, cost,
            roi_percent (null where a setting is missing); unplaced (executions of which it isn't known when they were
            at work), without_robot.
        """
        asked = self._asked(period)
        of_chains = chains_of(self.store, asked.span)
        table, _ = self._table(asked, of_chains)
        broken = (
            self._levels(asked, of_chains, side_by_side=True)
            .filter(pl.col("workflow_id").is_not_null())
            .group_by("workflow_id")
            .agg(sla_n=pl.col("n").sum(), sla_breaches=pl.col("breaches").sum())
        )
        return (
            table.filter(pl.col("workflow_id").is_not_null())
            .join(broken, on="workflow_id", how="left", validate="1:1")
            .with_columns(pl.col("sla_n", "sla_breaches").fill_null(0))
            .select(_COLUMNS)
            .sort("executions", "workflow_id", descending=[True, False])
        )

    def robots(self, period: PeriodLike = "30d") -> pl.DataFrame:
        """The robots side by side, the busiest first.

        Parameters
        ----------
        period : str, Period or Span
            In which they were at work.

        Returns
        -------
        DataFrame
            One row per robot (where a robot has no name: per machine): robot, executions, busy_ms, busy_in_hours_ms,
            utilisation (percent of the whole period's working time), first_seen_at, last_seen_at (UTC, within the
            period), seen_percent (the time between them, of the period).
        """
        return self._robots(self._asked(period))

    def busy_hours(self, period: PeriodLike = "30d") -> pl.DataFrame:
        """How busy each robot is by hour of the week, in the store's zone.

        Parameters
        ----------
        period : str, Period or Span
            In which they were at work.

        Returns
        -------
        DataFrame
            Columns of `rpa_lab.analysis.busy_hours.busy_by_hour_of_week`.
        """
        asked = self._asked(period)
        return self.store.collect(
            lambda: busy_by_hour_of_week(self._work(asked), within=asked.within, tz=asked.span.tz)
        )

    def service_levels(self, period: PeriodLike = "30d") -> pl.DataFrame:
        """Each target of `rpa_lab.toml`: of one workflow, or for each workflow and (workflow_id null) for all of these.

        Parameters
        ----------
        period : str, Period or Span
            Executions that started in it.

        Returns
        -------
        DataFrame
            Columns of `rpa_lab.analysis.service_levels.service_levels`.
        """
        asked = self._asked(period)
        return self._levels(asked, chains_of(self.store, asked.span), side_by_side=True)

    def _asked(self, period: PeriodLike, *, workflow_id: str | None = None) -> Asked:
        span, settings = self.store.span(period), self.store.settings
        until = max(span.start, min(span.end, self.store.now))
        within = Span(span.start, until, span.tz)
        working = working_time(settings.calendar, within)
        return Asked(
            workflow_id=workflow_id,
            span=span,
            within=within,
            now=self.store.now,
            settings=settings,
            working=working,
        )

    def _table(self, asked: Asked, of_chains: pl.DataFrame) -> tuple[pl.DataFrame, FleetCost]:
        """One row per workflow, and one of all together, whose workflow_id is null; and what the fleet cost."""
        during = steps_span(self.store, asked.span, workflow_id=asked.workflow_id)

        def counted() -> pl.LazyFrame:
            mine, tz = asked.workflow_id, asked.span.tz
            again = retried(self.store, during, workflow_id=mine)
            healed = self.store.scan("recoveries", during, columns=["execution_id"], workflow_id=mine).unique()
            runs = marked(self._runs(asked), retried=again, working=asked.working)
            of_cases = self._cases(asked, of_chains, touched=pl.concat([again, healed]))
            columns = ["workflow_id", "status", "retry_count", "started_at"]
            steps = self.store.scan("steps", asked.span, columns=columns, workflow_id=asked.workflow_id)
            parts = [
                each_and_all(partial(count_cases, tz=tz), of_cases),
                each_and_all(partial(count_steps, tz=tz), steps),
                each_and_all(partial(work_by_workflow, working=asked.working), self._work(asked)),
            ]
            table = each_and_all(partial(count_runs, tz=tz), runs)
            for part in parts:
                table = table.join(part, on="workflow_id", how="full", coalesce=True, nulls_equal=True)
            return table.with_columns(
                pl.col(pl.Int64).fill_null(0), pl.col("work_ms", "busy_ms", "busy_in_hours_ms").fill_null(0.0)
            )

        table = self.store.collect(counted)
        each, every = (table.filter(pl.col("workflow_id").is_null() == is_all) for is_all in (False, True))
        robots, busy_ms = every.select("robots", "busy_ms").row(0) if every.height else (0, 0.0)
        cost = fleet_cost(asked.settings.cost, robots=robots, busy_hours=busy_ms / HOUR_MS, hours=asked.hours)
        each = with_savings(each, asked.settings.cost, cost=cost.cost)
        every = with_total_savings(every, each, asked.settings.cost, cost=cost.cost)
        return with_rates(pl.concat([every, each.select(every.columns)]), asked), cost

    def _runs(self, asked: Asked) -> pl.LazyFrame:
        return self.store.scan("executions", asked.span, columns=_RUN_COLUMNS, workflow_id=asked.workflow_id)

    def _cases(self, asked: Asked, of_chains: pl.DataFrame, *, touched: pl.LazyFrame | None = None) -> pl.LazyFrame:
        """The cases that began in the period."""
        mine = asked.workflow_id
        of_cases = cases_of(self.store, asked.span, workflow_id=mine, of_chains=of_chains, touched=touched)
        return of_cases.filter(began_in(asked.span))

    def _work(self, asked: Asked) -> pl.LazyFrame:
        reaching = Span(asked.span.start - _REACH, asked.span.end, asked.span.tz)
        executions = self.store.scan("executions", reaching, columns=_WORK_COLUMNS)
        return at_work(executions, within=asked.within, now=asked.now, working=asked.working)

    def _robots(self, asked: Asked) -> pl.DataFrame:
        def busy() -> pl.LazyFrame:
            work = self._work(asked)
            if asked.workflow_id is not None:
                work = work.filter(pl.col("workflow_id") == asked.workflow_id)
            return busy_time(work, by=["robot"], working=asked.working)

        seen_ms = (pl.col("last_seen_at") - pl.col("first_seen_at")).dt.total_microseconds() / 1_000
        return (
            self.store.collect(busy)
            .with_columns(
                utilisation=percent_of(pl.col("busy_in_hours_ms"), pl.lit(asked.working_hours * HOUR_MS)),
                seen_percent=percent_of(seen_ms, pl.lit(asked.hours * HOUR_MS)),
            )
            .sort("busy_ms", "robot", descending=[True, False])
        )

    def _levels(self, asked: Asked, of_chains: pl.DataFrame, *, side_by_side: bool = False) -> pl.DataFrame:
        """Each target with the workflow that it is of, else for what is asked; side by side also for each workflow."""
        targets = asked.settings.sla
        mine = {
            number: target.workflow_id or asked.workflow_id
            for number, target in enumerate(targets)
            if asked.workflow_id is None or target.workflow_id in (None, asked.workflow_id)
        }
        whole = pl.DataFrame({"target": list(mine), "workflow_id": list(mine.values())}, schema=_TARGETS)
        if not mine:
            return service_levels(whole.with_columns(pl.lit(None, pl.Date).alias("day"), *_NO_OUTCOME), targets)

        def counted() -> pl.LazyFrame:
            return judged(
                targets,
                executions=self._runs(asked),
                cases=self._cases(asked, of_chains),
                now=asked.now,
                working=asked.working,
                tz=asked.calendar_tz,
                day_tz=asked.span.tz,
            )

        each = self.store.collect(counted)
        counts = whole.join(each.drop("workflow_id"), on="target", how="left", validate="1:m")
        counts = counts.with_columns(pl.col(OUTCOMES).fill_null(0))
        if side_by_side:
            of_all = [number for number in mine if targets[number].workflow_id is None]
            counts = pl.concat([counts, each.filter(pl.col("target").is_in(of_all)).select(counts.columns)])
        return service_levels(counts, targets)


def _left_out(table: pl.DataFrame, settings: Settings) -> tuple[str, ...]:
    """What the settings say of workflows that had no executions: a misspelt name would be passed over in silence."""
    known = set(table.filter(pl.col("executions") > 0)["workflow_id"].drop_nulls())
    named = {
        "sla": {target.workflow_id for target in settings.sla if target.workflow_id},
        "cost.manual_minutes": {name for name, _ in settings.cost.manual_minutes.by_workflow},
        "cost.exception_minutes": {name for name, _ in settings.cost.exception_minutes.by_workflow},
    }
    return tuple(
        f"rpa_lab.toml: {place} names {quote(name)}, which has no executions in this period"
        for place, names in named.items()
        for name in sorted(names - known)
    )
