"""The words and figures of the performance report: what `PerformanceStats` says, and how far it is to be trusted.

A quantile of few runs is little more than their longest one. Order statistics give a two-sided 95 % interval for the
quantile q only from the n on at which q^n ≤ 2.5 %: 72 runs for the 95th percentile, 368 for the 99th. Below that the
report says so, beside the figure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from rpa_lab.chart.theme import short
from rpa_lab.inference.intervals import DAYS, runs_needed
from rpa_lab.report.block import Column, Kpi, Kpis, Table, Text
from rpa_lab.report.model import Provenance, Report, ReportPeriod
from rpa_lab.units import count_text, duration_text, percent_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rpa_lab.analysis.performance import PerformanceStats
    from rpa_lab.inference.intervals import Interval
    from rpa_lab.period import Span
    from rpa_lab.storage.store import TimeSeriesStore

__all__ = [
    "begin",
    "busiest",
    "doubts",
    "key_figures",
    "last_seen",
    "statistics",
    "steps_table",
    "summary",
]


def busiest(workflows: pl.DataFrame) -> str | None:
    """The workflow with most executions.

    Parameters
    ----------
    workflows : polars.DataFrame
        `Lab.workflows`: ``workflow_id``, ``executions``.

    Returns
    -------
    str or None
        The first by name among equals; None where there is none.

    Examples
    --------
    >>> import polars as pl
    >>> busiest(pl.DataFrame({"workflow_id": ["b", "a", "c"], "executions": [5, 5, 1]}))
    'a'
    """
    ranked = workflows.sort("executions", "workflow_id", descending=[True, False])
    return str(ranked["workflow_id"][0]) if ranked.height else None


def begin(stats: PerformanceStats, *, store: TimeSeriesStore, span: Span) -> Report:
    """The report before its first section: title, summary, doubts and provenance.

    Parameters
    ----------
    stats : PerformanceStats
        Of one workflow.
    store : TimeSeriesStore
        Where they come from: `Lab.store`.
    span : Span
        The period that they cover: `Lab.span`.

    Returns
    -------
    Report
    """
    return Report(
        title=f"Performance of {short(stats.workflow_id, most=120)}",
        summary=summary(stats),
        period=ReportPeriod.of(span),
        provenance=Provenance.of(store, n=_ended(stats) + stats.running),
        warnings=doubts(stats),
    )


def last_seen(workflows: pl.DataFrame, workflow_id: str) -> Text:
    """Where to look, when nothing of a workflow ended in the period.

    Parameters
    ----------
    workflows : polars.DataFrame
        `Lab.workflows` of all time: ``workflow_id``, ``executions``, ``last_started_at``.
    workflow_id : str
        The workflow.

    Returns
    -------
    Text

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> import polars as pl
    >>> at = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)
    >>> runs = pl.DataFrame({"workflow_id": ["a"], "executions": [7], "last_started_at": [at]})
    >>> last_seen(runs, "a").text
    'The store holds 7 runs of this workflow; the newest started on 3 November 2026 at 09:30. Choose a longer period.'
    """
    found = workflows.filter(pl.col("workflow_id") == workflow_id).select("executions", "last_started_at").rows()
    if not found or found[0][1] is None:
        return Text(text="The store holds no run of this workflow whose start is known.")
    n, at = found[0]
    runs = count_text(n, "run")
    return Text(
        text=f"The store holds {runs} of this workflow; the newest started on {at.day} {at:%B %Y} at {at:%H:%M}. "
        "Choose a longer period."
    )


def summary(stats: PerformanceStats) -> str:
    """What the statistics say, in a sentence or two.

    Parameters
    ----------
    stats : PerformanceStats
        Of one workflow.

    Returns
    -------
    str
    """
    ended = _ended(stats)
    still = f" {count_text(stats.running, 'run is', 'runs are')} still running." if stats.running else ""
    if not ended:
        return f"No run of this workflow ended in this period.{still}"
    share = percent_text(stats.completed / ended)
    completed = (
        "It completed." if ended == stats.completed == 1 else f"{share} of {count_text(ended, 'run')} completed."
    )
    n, half, tail = stats.execution_count, duration_text(stats.median_duration_ms), duration_text(stats.p95_duration_ms)
    if n == 0:
        return f"No run of this workflow has a known duration. {completed}{still}"
    if n == 1:
        return f"The one run took {half}. {completed}{still}"
    if n < runs_needed(0.95):
        longest = duration_text(stats.max_duration_ms)
        return f"Half of the runs took under {half}, the longest {longest}. {completed}{still}"
    return f"Half of the runs took under {half}, one in twenty more than {tail}. {completed}{still}"


def key_figures(stats: PerformanceStats) -> Kpis:
    """The figures at the top of the report, each with what it was counted from.

    Parameters
    ----------
    stats : PerformanceStats
        Of one workflow.

    Returns
    -------
    Kpis
    """
    ended, n = _ended(stats), stats.execution_count
    bad = [f"{count:,} {name}" for name, count in _not_completed(stats) if count]
    timed = count_text(n, "finished run")
    few = n < runs_needed(0.95)
    return Kpis(
        tiles=(
            Kpi(
                label="Runs ended",
                value=ended,
                unit="count",
                note=f"{stats.running:,} still running" if stats.running else "none still running",
            ),
            Kpi(
                label="Success rate",
                value=stats.success_rate,
                unit="percent",
                note=", ".join(bad) or (f"all {ended:,} completed" if ended else "nothing ended"),
            ),
            Kpi(
                label="Median duration",
                value=stats.median_duration_ms,
                unit="ms",
                note=_between(stats.median_interval) or f"of {timed}",
            ),
            Kpi(
                label="95th percentile",
                value=stats.p95_duration_ms,
                unit="ms",
                note=f"of only {timed}: not firm" if few and n else _between(stats.p95_interval) or f"of {timed}",
            ),
        )
    )


def doubts(stats: PerformanceStats) -> tuple[str, ...]:
    """What a reader should be wary of: damaged data first, then figures that rest on too little.

    Parameters
    ----------
    stats : PerformanceStats
        Of one workflow.

    Returns
    -------
    tuple of str
        One sentence each.
    """
    n, ended = stats.execution_count, _ended(stats)
    said = list(stats.warnings)
    unfirm = [
        f"the {name} ({runs_needed(q)} needed)" for name, q in _QUANTILES if 0 < n < runs_needed(q)
    ]  # fmt: skip
    if unfirm:
        said.append(
            f"{count_text(n, 'finished run is', 'finished runs are')} too few for a 95 % interval of "
            f"{' and '.join(unfirm)}: read {'them' if len(unfirm) > 1 else 'it'} as a rough guide."
        )
    if ended > n:
        said.append(f"{count_text(ended - n, 'run')} of {ended:,} ended without a known duration.")
    if stats.abandoned:
        said.append(
            f"{count_text(stats.abandoned, 'run')} never reported an end, and the recording bot fell silent: "
            "counted as abandoned."
        )
    return tuple(said)


def statistics(stats: PerformanceStats) -> Table:
    """Every duration statistic, with its n and how firm it is.

    Parameters
    ----------
    stats : PerformanceStats
        Of one workflow.

    Returns
    -------
    Table
    """
    n = stats.execution_count
    doubtful = {name: f"not firm: {runs_needed(q)} runs needed" for name, q in _QUANTILES if 0 < n < runs_needed(q)}
    values = (
        ("shortest", stats.min_duration_ms),
        ("median", stats.median_duration_ms),
        ("mean", stats.avg_duration_ms),
        ("95th percentile", stats.p95_duration_ms),
        ("99th percentile", stats.p99_duration_ms),
        ("longest", stats.max_duration_ms),
        ("standard deviation", stats.std_dev_ms),
    )
    intervals = _intervals(stats)
    columns = [Column(name="statistic", label="statistic"), Column(name="duration_ms", label="duration", unit="ms")]
    rows: list[list[str | float | None]] = [[name, value] for name, value in values]
    if intervals:
        columns += [Column(name=f"{end}_ms", label=f"at {end}", unit="ms") for end in ("least", "most")]
        for row in rows:
            found = intervals.get(str(row[0]))
            row += [found.low, found.high] if found else [None, None]
    columns.append(Column(name="n", label="runs", unit="count"))
    rows = [[*row, n] for row in rows]
    if doubtful:
        columns.append(Column(name="doubt", label="doubt"))
        rows = [[*row, doubtful.get(str(row[0]), "")] for row in rows]
    note = "Every run that ended, however it ended. Quantiles are interpolated; the standard deviation has n - 1."
    return Table(
        title="Duration of a run",
        columns=tuple(columns),
        rows=tuple(map(tuple, rows)),
        note=f"{note} {_basis(intervals)}".strip(),
    )


def steps_table(stats: PerformanceStats) -> Table:
    """The slowest steps, most time first, their full names in it.

    Parameters
    ----------
    stats : PerformanceStats
        Of one workflow.

    Returns
    -------
    Table
    """
    columns = ("node_id", "action_type", "n", "mean_duration_ms", "p95_duration_ms", "total_duration_ms", "share")
    return Table.from_frame(
        stats.slowest_steps.select(columns),
        title="The steps that take most time",
        labels={
            "node_id": "step",
            "action_type": "action",
            "mean_duration_ms": "mean",
            "p95_duration_ms": "p95",
            "total_duration_ms": "in all",
            "share": "share",
        },
        note=(
            "A step's duration includes the steps within it; its share counts its own time only. "
            f"The p95 is not firm where n is below {runs_needed(0.95)}."
        ),
    )


def _intervals(stats: PerformanceStats) -> dict[str, Interval]:
    """The intervals that have bounds, by the name of their statistic."""
    named = {
        "mean": stats.avg_interval,
        "median": stats.median_interval,
        "95th percentile": stats.p95_interval,
        "99th percentile": stats.p99_interval,
    }
    return {name: interval for name, interval in named.items() if interval is not None and interval.known}


def _between(interval: Interval | None) -> str:
    if interval is None or interval.low is None or interval.high is None:
        return ""
    return f"{interval.level * 100:g} %: {duration_text(interval.low)} to {duration_text(interval.high)}"


def _basis(intervals: Mapping[str, Interval]) -> str:
    """What the bounds speak of, in a sentence."""
    if not intervals:
        return ""
    first = next(iter(intervals.values()))
    level = f"The bounds hold the true value in {first.level * 100:g} % of such reports"
    if all(interval.basis == DAYS for interval in intervals.values()):
        return (
            f"{level}: they speak of the long run, as far as {count_text(first.days, 'day')} tell how much days differ."
        )
    return f"{level} if runs don't depend on their day: they speak of these runs only."


_QUANTILES = (("median", 0.5), ("95th percentile", 0.95), ("99th percentile", 0.99))


def _ended(stats: PerformanceStats) -> int:
    return stats.completed + stats.failed + stats.cancelled + stats.abandoned


def _not_completed(stats: PerformanceStats) -> tuple[tuple[str, int], ...]:
    return (("failed", stats.failed), ("cancelled", stats.cancelled), ("abandoned", stats.abandoned))
