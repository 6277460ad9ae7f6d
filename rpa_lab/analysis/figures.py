"""From what was counted to key figures: their values, and the notes that say what is in them, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import polars as pl

from rpa_lab.analysis.key_figures import Figure, KeyFigures
from rpa_lab.analysis.savings import FleetCost
from rpa_lab.analysis.working_time import WorkingTime
from rpa_lab.measures import FINISHED
from rpa_lab.period import Span
from rpa_lab.storage.settings import Settings

__all__ = ["HOUR_MS", "Asked", "key_figures", "percent_of", "with_rates"]

HOUR_MS = 3_600_000
_STATUSES = (*FINISHED, "running")
_NO_QUEUE = "no execution says when it was queued (queued_at)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked: of one workflow (None: of all), in a span; and by what it is answered.

    `within` is the part of the span that lies before `now`.
    """

    workflow_id: str | None
    span: Span
    within: Span
    now: datetime
    settings: Settings
    working: WorkingTime

    @property
    def is_it(self) -> pl.Expr:
        """Whether a row is that of the workflow; of all together: that without one."""
        return pl.col("workflow_id").eq_missing(pl.lit(self.workflow_id, pl.String))

    @property
    def hours(self) -> float:
        """Hours of the period so far."""
        return self.within.length.total_seconds() / 3600

    @property
    def working_hours(self) -> float:
        """Working hours of the period so far."""
        return self.working.of_ms(self.within) / HOUR_MS

    @property
    def calendar_tz(self) -> str:
        """Whose clock working days follow."""
        calendar = self.settings.calendar
        return (calendar.tz if calendar else None) or self.span.tz


def percent_of(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    """A part, percent of a whole; null where there is no whole."""
    return pl.when(whole > 0).then(part / whole * 100)


def with_rates(counted: pl.DataFrame, asked: Asked) -> pl.DataFrame:
    """The counts of each workflow with the rates that follow from them; see `KpiAnalyzer.workflows`."""
    hours, working_hours = pl.lit(asked.hours), pl.lit(asked.working_hours)
    available_ms = pl.col("robots") * working_hours * HOUR_MS
    return counted.with_columns(
        success_rate=percent_of(pl.col("completed"), pl.col("ended")),
        per_hour=pl.when(hours > 0).then(pl.col("completed_within") / hours),
        per_working_hour=pl.when(working_hours > 0).then(pl.col("completed_in_hours") / working_hours),
        in_progress=pl.when(hours > 0).then(pl.col("work_ms") / HOUR_MS / hours),
        utilisation=percent_of(pl.col("busy_in_hours_ms"), available_ms),
        step_retry_percent=percent_of(pl.col("retried_steps"), pl.col("steps")),
        retry_percent=pl.when(pl.col("steps") > 0).then(percent_of(pl.col("retried"), pl.col("ended"))),
        straight_through_percent=percent_of(pl.col("straight_through"), pl.col("cases")),
    )


def key_figures(
    table: pl.DataFrame,
    *,
    asked: Asked,
    cost: FleetCost,
    levels: pl.DataFrame,
    robots: pl.DataFrame,
    warnings: tuple[str, ...],
) -> KeyFigures:
    """The key figures of what is asked.

    Parameters
    ----------
    table : DataFrame
        One row per workflow, and one of all together, as `with_rates` makes them.
    asked : Asked
        What is asked.
    cost : FleetCost
        What the fleet cost.
    levels, robots : DataFrame
        For the result.
    warnings : tuple of str
        What is known to be wrong already.

    Returns
    -------
    KeyFigures
    """
    mine = table.filter(asked.is_it)
    numbers = {name for name, kind in table.schema.items() if kind == pl.Int64}
    nothing: dict[str, Any] = {name: 0 if name in numbers else None for name in table.columns}
    row = mine.row(0, named=True) if mine.height else nothing
    figures = [*_flow(row, asked), *_robots(row, robots, asked), *_times(row, asked), *_quality(row)]
    figures += _money(row, table, asked, cost)
    return KeyFigures(
        workflow_id=asked.workflow_id,
        time_period=str(asked.span),
        tz=asked.span.tz,
        has_calendar=not asked.working.is_all,
        hours=asked.hours,
        working_hours=asked.working_hours,
        executions=row["executions"],
        **{status: row[status] for status in _STATUSES},
        cases=row["cases"],
        cases_completed=row["cases_completed"],
        cases_running=row["cases_running"],
        figures=_frame(figures),
        service_levels=levels,
        robots=robots,
        warnings=(*warnings, *_doubts(row, asked)),
    )


def _flow(row: Mapping[str, Any], asked: Asked) -> list[Figure]:
    done, in_hours = row["completed_within"], row["completed_in_hours"]
    figures = [
        Figure(
            name="throughput",
            label="Completed per hour",
            value=row["per_hour"],
            unit="per h",
            n=done,
            note=f"completed within the period's {asked.hours:,.1f} hours, also what began up to two days before",
        )
    ]
    if not asked.working.is_all:
        note = f"completed in its {asked.working_hours:,.1f} working hours; {done - in_hours:,} outside them"
        value = row["per_working_hour"]
        label = "Completed per working hour"
        figures.append(
            Figure(name="throughput_in_hours", label=label, value=value, unit="per h", n=in_hours, note=note)
        )
    return figures


def _robots(row: Mapping[str, Any], robots: pl.DataFrame, asked: Asked) -> list[Figure]:
    outside_ms = (row["busy_ms"] or 0.0) - (row["busy_in_hours_ms"] or 0.0)
    note = "of working time" if not asked.working.is_all else "of the whole period, nights included; no calendar is set"
    if outside_ms > 0:
        note += f"; {outside_ms / HOUR_MS:,.1f} busy hours outside it"
    if partly := int((robots["seen_percent"] < 50).sum()):
        note += (
            f"; {partly} of {robots.height} robots were seen in less than half of the period, and count for all of it"
        )
    if not row["robots"]:
        note = "no execution names a robot or a host" if row["without_robot"] else "no robot was at work"
    what = "Robots' time that was used" if asked.workflow_id is None else "Its robots' time that it used"
    return [
        Figure(name="utilisation", label=what, value=row["utilisation"], unit="percent", n=row["robots"], note=note),
        Figure(
            name="in_progress",
            label="Executions at work, on average",
            value=row["in_progress"],
            unit="executions",
            n=row["executions"],
            note="at any time of the period, nights included",
        ),
    ]


def _times(row: Mapping[str, Any], asked: Asked) -> list[Figure]:
    untimed = row["ended"] - row["aht_n"]
    several = row["cases"] - row["case_aht_n"]
    known = f"known of {row['wait_n']:,} of {row['executions']:,} executions" if row["wait_n"] else _NO_QUEUE
    if row["wait_n"] and not asked.working.is_all:
        known += "; in working time"
    times = [
        ("aht", "Handling time, mean", row["aht_ms"], row["aht_n"], _of_unknown(untimed, "ended executions")),
        ("aht_median", "Handling time, median", row["aht_median_ms"], row["aht_n"], ""),
        ("case_aht", "Handling time of a case", row["case_aht_ms"], row["case_aht_n"], _of_unknown(several, "cases")),
        ("queue_wait", "Wait in the queue, mean", row["wait_mean_ms"], row["wait_n"], known),
        ("queue_wait_median", "Wait in the queue, median", row["wait_p50_ms"], row["wait_n"], known),
        ("queue_wait_p95", "Wait in the queue, p95", row["wait_p95_ms"], row["wait_n"], known),
    ]
    return [
        Figure(name=name, label=label, value=value, unit="ms", n=n, note=note) for name, label, value, n, note in times
    ]


def _quality(row: Mapping[str, Any]) -> list[Figure]:
    no_steps = "" if row["steps"] else "no steps are recorded"
    live = f"{row['running']:,} that run are not in it" if row["running"] else ""
    return [
        _rate(
            row,
            "success_rate",
            "Completed",
            part="completed",
            whole=row["ended"],
            of="of the executions that ended",
            doubt=live,
        ),
        _rate(
            row,
            "straight_through",
            "Straight through",
            part="straight_through",
            whole=row["cases"],
            of="cases completed at once, without retry, recovery or re-run",
            doubt="no steps are recorded, so that retries are unknown" if no_steps else "",
        ),
        _rate(
            row,
            "step_retry_rate",
            "Steps retried",
            part="retried_steps",
            whole=row["steps"],
            of="skipped ones left out",
            doubt=no_steps,
        ),
        _rate(
            row,
            "retry_rate",
            "Executions with a retry",
            part="retried",
            whole=row["ended"] if row["steps"] else 0,
            of="of those that ended",
            doubt=no_steps,
        ),
    ]


def _money(row: Mapping[str, Any], table: pl.DataFrame, asked: Asked, cost: FleetCost) -> list[Figure]:
    rates = asked.settings.cost
    currency = rates.currency or "currency units"
    each = table.filter((pl.col("cases") > 0) & pl.col("workflow_id").is_not_null())
    if asked.workflow_id is not None:
        each = each.filter(pl.col("workflow_id") == asked.workflow_id)
    by_hand = _missing(each, "hours_replaced", "cost.manual_minutes")
    exceptions = _missing(each, "exception_hours", "cost.exception_minutes")
    saved = "; ".join(filter(None, (by_hand, exceptions)))
    wage = "" if rates.employee_per_hour is not None else "set cost.employee_per_hour in rpa_lab.toml"
    benefit = "; ".join(filter(None, (saved, wage)))
    cost_note = cost.note if asked.workflow_id is None else f"its share, by time at work, of the fleet's; {cost.note}"
    roi = "; ".join(filter(None, (benefit, "" if cost.cost is not None else cost.note)))
    others = row["cases"] - row["cases_completed"]
    return [
        Figure(
            name="hours_replaced",
            label="Hours of work by hand replaced",
            value=row["hours_replaced"],
            unit="h",
            n=row["cases_completed"],
            note=by_hand or "completed cases × manual minutes",
        ),
        Figure(
            name="hours_saved",
            label="Hours saved",
            value=row["hours_saved"],
            unit="h",
            n=row["cases"],
            note=saved or f"less people's work on {others:,} cases that didn't complete",
        ),
        Figure(name="benefit", label="Benefit", value=row["benefit"], unit=currency, n=row["cases"], note=benefit),
        Figure(name="cost", label="Cost of robots", value=row["cost"], unit=currency, n=row["robots"], note=cost_note),
        Figure(
            name="roi",
            label="Return on investment",
            value=row["roi_percent"],
            unit="percent",
            n=row["cases"],
            note=roi or "of running costs; what was spent on building the robots counts as far as it is in them",
        ),
    ]


def _rate(row: Mapping[str, Any], name: str, label: str, *, part: str, whole: int, of: str, doubt: str = "") -> Figure:
    note = "; ".join(filter(None, (of, doubt)))
    value = row[part] / whole * 100 if whole else None
    bounds = {end: row[f"{name}_{end}"] if whole else None for end in ("low", "high", "basis")}
    return Figure(name=name, label=label, value=value, unit="percent", n=whole, note=note, **bounds)


def _of_unknown(count: int, what: str) -> str:
    return f"{count:,} {what} of unknown duration are not in it" if count else ""


def _missing(each: pl.DataFrame, column: str, setting: str) -> str:
    """Which setting is missing, and for which workflows, where for some it is known."""
    unknown = each.filter(pl.col(column).is_null())["workflow_id"].sort()
    if unknown.is_empty():
        return ""
    if unknown.len() == each.height:
        return f"set {setting} in rpa_lab.toml"
    names = ", ".join(unknown.head(5)) + (" …" if unknown.len() > 5 else "")
    return f"without {unknown.len()} of {each.height} workflows, for which {setting} isn't set: {names}"


def _doubts(row: Mapping[str, Any], asked: Asked) -> tuple[str, ...]:
    said = {
        "unplaced": "of {:,} executions start or end is unknown: busy times are without them",
        "without_robot": "{:,} executions name no robot and no host: busy times are without them",
        "negative_waits": "{:,} executions started before they were queued (clocks differ): their waits count as 0",
    }
    doubts = [text.format(row[name]) for name, text in said.items() if row[name]]
    if asked.within.end < asked.span.end:
        doubts.append(f"the period isn't over: figures are those until {asked.within.end:%Y-%m-%d %H:%M} UTC")
    return tuple(doubts)


def _frame(figures: list[Figure]) -> pl.DataFrame:
    kinds = {"value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "n": pl.Int64}
    schema = {field.name: kinds.get(field.name, pl.String()) for field in fields(Figure)}
    return pl.DataFrame(
        [tuple(getattr(figure, name) for name in schema) for figure in figures], schema=schema, orient="row"
    )
