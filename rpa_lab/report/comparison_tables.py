"""The tables of the comparison report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from rpa_lab.chart.waterfall import part_name
from rpa_lab.inference.intervals import DAYS
from rpa_lab.query.metric import metric_of, table_of
from rpa_lab.readable import speaks_of
from rpa_lab.records import split_node_path
from rpa_lab.report.block import UNITS, Column, Table
from rpa_lab.units import duration_text, name_text, number_text

if TYPE_CHECKING:
    from rpa_lab.analysis.attribution import Attribution
    from rpa_lab.analysis.history import ChangePoints
    from rpa_lab.query.comparison import Comparison

__all__ = [
    "change_points_table",
    "differences_tables",
    "metric_words",
    "parts_table",
    "strata_table",
    "workflows_table",
]

_MOST: Final = 20
_NAMES: Final = {"avg": "mean", "std": "standard deviation", "sum": "total", "min": "least", "max": "greatest"}


def metric_words(metric: str) -> str:
    """A metric in words.

    Parameters
    ----------
    metric : str
        As queries and comparisons have it: ``"avg"``, ``"p95(steps.duration_ms)"``, ``"p95 of completed"``.

    Returns
    -------
    str

    Examples
    --------
    >>> metric_words("avg"), metric_words("p95 of completed"), metric_words("success_rate")
    ('mean duration', '95th percentile of duration (completed)', 'success rate')
    """
    base, of, which = metric.partition(" of ")
    asked = metric_of(base, table=table_of(base))
    name, column = asked.aggregation.name, asked.column
    if column is None:
        words = {"count": "number of runs"}.get(name, name.replace("_", " "))
    else:
        fraction = asked.aggregation.fraction
        percentile = f"{100 * fraction:g}th percentile of" if fraction not in (None, 0.5) else "median"
        word = _NAMES.get(name, name) if fraction is None else percentile
        words = f"{word} {column.name.removesuffix('_ms').replace('_', ' ')}"
    return f"{words} ({which})" if of else words


def parts_table(found: Attribution, *, title: str = "The parts of the change") -> Table:
    """Every part of a change, the largest first, with its interval.

    Parameters
    ----------
    found : Attribution
        Of one workflow, or its tail.
    title : str
        Of the table.

    Returns
    -------
    Table
    """
    rows = [
        (
            part_name(kind, node, change, before=before, after=after, most=120),
            change,
            low,
            high,
            share,
            _moved(kind, before),
            _moved(kind, after),
            "yes" if notable else "may be chance",
        )
        for kind, node, change, low, high, share, before, after, notable in found.parts.head(_MOST)
        .select("kind", "node_id", "change_ms", "low_ms", "high_ms", "share", "before", "after", "notable")
        .rows()
    ]
    columns = (
        Column(name="part", label="part"),
        Column(name="change_ms", label="change", unit="ms"),
        Column(name="low_ms", label="at least", unit="ms"),
        Column(name="high_ms", label="at most", unit="ms"),
        Column(name="share", label="of the change", unit="fraction"),
        Column(name="before", label="before"),
        Column(name="after", label="after"),
        Column(name="notable", label="holds"),
    )
    left_out = found.parts.height - len(rows)
    more = f" The {left_out:,} smallest parts are not shown." if left_out > 0 else ""
    about = "the long run" if found.basis == DAYS else speaks_of(found.basis)
    return Table(
        title=title,
        columns=columns,
        rows=tuple(rows),
        note=f"Of a run's mean duration. Bounds are {found.level * 100:g} % intervals; they speak of {about}. A part "
        f"holds where it differs from 0 after correction for the number of parts.{more}",
    )


def strata_table(strata: pl.DataFrame, *, label: str) -> Table:
    """Runs told apart: how many of each kind there were, how long they took, and what that makes of the change.

    Parameters
    ----------
    strata : polars.DataFrame
        `Attribution.strata`, or `Attribution.versions`.
    label : str
        What a kind is, in words.

    Returns
    -------
    Table
    """
    first = strata.columns[0]
    named = pl.col(first).fill_null("not known").alias(first)
    shown = strata.with_columns(named).select(
        first, "runs_before", "runs_after", "mean_before_ms", "mean_after_ms", "mix_ms", "inner_ms"
    )
    labels = {
        first: label,
        "runs_before": "runs before",
        "runs_after": "runs now",
        "mean_before_ms": "mean before",
        "mean_after_ms": "mean now",
        "mix_ms": "by the mix",
        "inner_ms": "by themselves",
    }
    return Table.from_frame(
        shown,
        title=f"By {label}",
        labels=labels,
        note="By the mix: what the change owes to more or fewer runs of that kind; by themselves: what it owes to "
        "their taking longer or less. Together they add up to the change.",
    )


def differences_tables(found: Comparison, *, title: str) -> tuple[Table, ...]:
    """The groups side by side: a table for each unit, with differences, intervals and corrected p-values.

    Parameters
    ----------
    found : Comparison
        Of any groups and metrics.
    title : str
        What is compared; each table's title begins with it.

    Returns
    -------
    tuple of Table
    """
    units = found.table["unit"].unique(maintain_order=True).to_list()
    return tuple(_of_unit(found, found.table.filter(pl.col("unit").eq_missing(unit)), unit, title) for unit in units)


def change_points_table(found: ChangePoints, *, most: int = _MOST) -> Table:
    """Since when levels have changed, and what was changed about then.

    Parameters
    ----------
    found : ChangePoints
        Of one workflow, or of all.
    most : int
        How many to show: the last ones.

    Returns
    -------
    Table
    """
    shown = found.table.sort("on", "workflow_id", "node_id", nulls_last=False).tail(most)
    rows = [
        (
            "whole runs" if node is None else name_text(" › ".join(split_node_path(node))),
            on.isoformat(),
            on.isoformat() if earliest == latest else f"{earliest} to {latest}",
            before,
            after,
            percent,
            low,
            high,
            _neighbour(text, days),
        )
        for node, on, earliest, latest, before, after, percent, low, high, text, days in shown.select(
            "node_id",
            "on",
            "earliest",
            "latest",
            "before_ms",
            "after_ms",
            "change_percent",
            "low_percent",
            "high_percent",
            "change_text",
            "change_days_away",
        ).rows()
    ]
    columns = (
        Column(name="of", label="of"),
        Column(name="on", label="since"),
        Column(name="between", label="between (95 %)"),
        Column(name="before_ms", label="before", unit="ms"),
        Column(name="after_ms", label="after", unit="ms"),
        Column(name="change_percent", label="change", unit="percent"),
        Column(name="low_percent", label="at least", unit="percent"),
        Column(name="high_percent", label="at most", unit="percent"),
        Column(name="near", label="what was changed about then"),
    )
    return Table(
        title="Changes of level",
        columns=columns,
        rows=tuple(rows),
        note="Levels are robust means of a day's runs, so they differ from plain means. What was changed about then is "
        "the nearest release, host or note: a neighbour in time.",
    )


def workflows_table(table: pl.DataFrame, *, most: int = _MOST) -> Table:
    """What changed in each workflow, sure changes first.

    Parameters
    ----------
    table : polars.DataFrame
        `Attributions.table`.
    most : int
        How many to show.

    Returns
    -------
    Table
    """
    rows = [
        (
            name_text(workflow),
            before,
            after,
            change,
            low,
            high,
            p,
            q,
            runs_before + runs_after,
            "–" if kind is None else part_name(kind, node, part, before=None, after=None, most=60),
        )
        for workflow, before, after, change, low, high, p, q, runs_before, runs_after, kind, node, part in table.head(
            most
        )
        .select(
            "workflow_id",
            "baseline_mean_ms",
            "current_mean_ms",
            "change_ms",
            "change_low_ms",
            "change_high_ms",
            "p_value",
            "q_value",
            "baseline_runs",
            "current_runs",
            "kind",
            "node_id",
            "part_ms",
        )
        .rows()
    ]
    columns = (
        Column(name="workflow", label="workflow"),
        Column(name="before_ms", label="mean before", unit="ms"),
        Column(name="after_ms", label="mean now", unit="ms"),
        Column(name="change_ms", label="change", unit="ms"),
        Column(name="low_ms", label="at least", unit="ms"),
        Column(name="high_ms", label="at most", unit="ms"),
        Column(name="p_value", label="p"),
        Column(name="q_value", label="q"),
        Column(name="n", label="runs", unit="count"),
        Column(name="part", label="largest part"),
    )
    left_out = table.height - len(rows)
    more = f" {left_out:,} more are not shown." if left_out > 0 else ""
    return Table(
        title="All workflows",
        columns=columns,
        rows=tuple(rows),
        note="q is p corrected for the number of workflows (Benjamini-Hochberg): a change is sure where it is at "
        f"most 5 %.{more}",
    )


def _of_unit(found: Comparison, table: pl.DataFrame, unit: str | None, title: str) -> Table:
    columns = ("value", "difference", "difference_low", "difference_high", "ratio", "p_value", "q_value", "n", "days")
    rows = [
        (
            metric_words(metric),
            name_text(str(group or "not known")),
            value,
            *([None] * 4 if group == found.against else held),
        )
        + (p, q, n, days)
        for metric, group, value, *held, p, q, n, days in table.select("metric", "group", *columns).rows()
    ]
    known = unit if unit in UNITS else ""
    heads = (
        Column(name="metric", label="what"),
        Column(name="group", label=found.by.replace("_", " ")),
        Column(name="value", label="value" if known or not unit else f"value ({unit})", unit=known or ""),
        Column(name="difference", label="difference", unit=known or ""),
        Column(name="difference_low", label="at least", unit=known or ""),
        Column(name="difference_high", label="at most", unit=known or ""),
        Column(name="ratio", label="ratio"),
        Column(name="p_value", label="p"),
        Column(name="q_value", label="q"),
        Column(name="n", label="n", unit="count"),
        Column(name="days", label="days", unit="count"),
    )
    points = " Differences are percent points." if unit == "percent" else ""
    kind = {"ms": "durations", "percent": "rates"}.get(unit or "", "numbers")
    return Table(
        title=f"{title}: {kind}",
        columns=heads,
        rows=tuple(rows),
        note=f"Differences are to {name_text(found.against)}; bounds are {found.level * 100:g} % intervals. q is p "
        f"corrected for all rows of the comparison (Benjamini-Hochberg).{points}",
    )


def _moved(kind: str, value: float | None) -> str:
    """What a part was or is: attempts per run, or a duration."""
    if value is None:
        return "–"
    return f"{number_text(value)} a run" if kind == "attempts" else duration_text(value)


def _neighbour(text: str | None, days: float | None) -> str:
    if not text:
        return "–"
    away = round(days or 0)
    if not away:
        return text
    return f"{text} ({abs(away)} {'day' if abs(away) == 1 else 'days'} {'after' if away > 0 else 'before'})"
