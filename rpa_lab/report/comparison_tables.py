"""The tables of the comparison report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from rpa_lab.chart.theme import short
from rpa_lab.chart.waterfall import part_name
from rpa_lab.inference.intervals import DAYS
from rpa_lab.measures import aggregation_named
from rpa_lab.readable import speaks_of
from rpa_lab.records import split_node_path
from rpa_lab.report.block import Column, Table
from rpa_lab.report.figures import UNITS, in_unit, signed_text, typical_unit
from rpa_lab.units import TimeUnit, duration_text, name_text, number_text, time_unit

if TYPE_CHECKING:
    from rpa_lab.analysis.attribution.analyzer import Attribution, Attributions
    from rpa_lab.analysis.attribution.tail import TailAttribution
    from rpa_lab.analysis.history import ChangePoints
    from rpa_lab.query.comparison import Comparison

__all__ = [
    "change_points_table",
    "differences_tables",
    "kinds_tables",
    "metric_words",
    "parts_table",
    "strata_table",
    "workflows_table",
]

_MOST: Final = 20
_MOST_PARTS: Final = 10
_MOST_SAID: Final = 80
_KINDS: Final = {"ms": "durations", "percent": "rates"}
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
    name, _, inner = base.partition("(")
    asked = aggregation_named(name.strip())
    column = inner.rstrip(") ").rpartition(".")[2] or ("" if asked.of_rows else "duration_ms")
    if not column:
        words = {"count": "number of runs"}.get(asked.name, asked.name.replace("_", " "))
    else:
        percentile = "median" if asked.fraction == 0.5 else f"{100 * (asked.fraction or 0):g}th percentile of"
        word = _NAMES.get(asked.name, asked.name) if asked.fraction is None else percentile
        words = f"{word} {column.removesuffix('_ms').replace('_', ' ')}"
    return f"{words} ({which})" if of else words


def parts_table(found: Attribution | TailAttribution, *, title: str = "The parts of the change") -> Table:
    """Every part of a change, the largest first, with its interval.

    Parameters
    ----------
    found : Attribution or TailAttribution
        Of one workflow, or of its longest runs.
    title : str
        Of the table.

    Returns
    -------
    Table
    """
    ends = [found.change_low_ms, found.change_high_ms]
    sure = None not in ends and (min(ends) > 0 or max(ends) < 0)  # type: ignore[type-var, operator]
    parts = found.parts.with_columns(sure=found.sure).head(_MOST_PARTS)
    versions = found.compared_versions
    unit = time_unit([abs(change) for change in (found.change_ms, *parts["change_ms"].head(1)) if change is not None])
    rows = [
        (
            part_name(kind, node, change, before=before, after=after, most=120),
            change,
            _between(low, high, unit=unit),
            share if sure else None,
            _moved(kind, before, after),
            "yes" if is_sure else "in these runs" if notable and found.basis != DAYS else "–",
        )
        for kind, node, change, low, high, share, before, after, notable, is_sure in parts.select(
            "kind", "node_id", "change_ms", "low_ms", "high_ms", "share", "before", "after", "notable", "sure"
        ).rows()
    ]
    columns = (
        Column(name="part", label="part"),
        Column(name="change_ms", label="change", unit="ms", symbol=unit.symbol, signed=True),
        _interval(found.level, unit.symbol),
        Column(name="share", label="of the change", unit="fraction"),
        Column(
            name="moved",
            label="before → now"
            if versions is None
            else f"with {' → '.join(short(name, most=20) for name in versions)}",
        ),
        Column(name="sure", label="sure"),
    )
    left_out = found.parts.height - len(rows)
    more = f" The {left_out:,} smallest parts are not shown." if left_out > 0 else ""
    about = "the long run" if found.basis == DAYS else speaks_of(found.basis)
    return Table(
        title=title,
        columns=columns,
        rows=tuple(rows),
        note=f"Of a run's mean duration. The intervals speak of {about}. A part is sure where it differs from 0 after "
        f"correction for the number of parts; where the change itself is not sure, five times as surely.{more}",
    )


def strata_table(strata: pl.DataFrame, *, label: str, sides: tuple[str, str] = ("before", "now")) -> Table:
    """Runs told apart: how many of each kind there were, how long they took, and what that makes of the change.

    Parameters
    ----------
    strata : polars.DataFrame
        `Attribution.strata`, or `Attribution.versions`.
    label : str
        What a kind is, in words.
    sides : tuple of str
        What the sides are called: `Attribution.side_names`.

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
        "runs_before": f"runs {sides[0]}",
        "runs_after": f"runs {sides[1]}",
        "mean_before_ms": f"mean {sides[0]}",
        "mean_after_ms": f"mean {sides[1]}",
        "mix_ms": "by the mix",
        "inner_ms": "by themselves",
    }
    return Table.from_frame(
        shown,
        title=f"By {label}",
        labels=labels,
        note="Mean durations. By the mix: what the change owes to more or fewer runs of that kind; by themselves: what "
        "it owes to their taking longer or less. Together they add up to the change.",
    )


def kinds_tables(found: Attribution) -> tuple[Table, ...]:
    """What kinds of runs make of the change, as far as they were told apart: by what was asked for, and by version.

    Parameters
    ----------
    found : Attribution
        Of one workflow.

    Returns
    -------
    tuple of Table
        A workflow of one version has no table of versions.
    """
    label, (before, now) = str(found.by).removeprefix("context."), (short(name, most=24) for name in found.side_names)
    by_kind = () if found.strata is None else (strata_table(found.strata, label=label, sides=(before, now)),)
    by_version = (strata_table(found.versions, label="version"),) if found.versions.height > 1 else ()
    return by_kind + by_version


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
    return tuple(_of_unit(found, found.table.filter(pl.col("unit") == unit), unit, title) for unit in units)


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
            f"{signed_text(f'{low:.3g}', low)} to {signed_text(f'{high:.3g}', high)}",
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
        Column(name="change_percent", label="change", unit="percent", signed=True),
        _interval(found.level, "%"),
        Column(name="near", label="changed about then"),
    )
    return Table(
        title="Changes of level",
        columns=columns,
        rows=tuple(rows),
        note="Levels are robust means of a day's runs, so they differ from plain means. What was changed about then is "
        "the nearest release, host or note: a neighbour in time.",
    )


def workflows_table(found: Attributions, *, most: int = _MOST) -> Table:
    """What changed in each workflow, sure changes first.

    Parameters
    ----------
    found : Attributions
        Of all workflows.
    most : int
        How many to show.

    Returns
    -------
    Table
    """
    shown = found.table.head(most)
    unit = typical_unit(shown["change_ms"].to_list())
    rows = [
        (
            name_text(workflow),
            before,
            after,
            change,
            _between(low, high, unit=unit),
            p,
            q,
            runs_before + runs_after,
            "–" if kind is None else part_name(kind, node, part, before=None, after=None, most=60),
        )
        for workflow, before, after, change, low, high, p, q, runs_before, runs_after, kind, node, part in shown.select(
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
        ).rows()
    ]
    columns = (
        Column(name="workflow", label="workflow"),
        Column(name="before_ms", label="before", unit="ms"),
        Column(name="after_ms", label="now", unit="ms"),
        Column(name="change_ms", label="change", unit="ms", symbol=unit.symbol, signed=True),
        _interval(found.level, unit.symbol),
        Column(name="p_value", label="p"),
        Column(name="q_value", label="q"),
        Column(name="n", label="runs", unit="count"),
        Column(name="part", label="largest part"),
    )
    left_out = found.table.height - len(rows)
    more = f" {left_out:,} more are not shown." if left_out > 0 else ""
    return Table(
        title="All workflows",
        columns=columns,
        rows=tuple(rows),
        note="Means of the runs that completed. p is that of a workflow asked for by itself; q is corrected for the "
        f"number of workflows (Benjamini-Hochberg) and never less: a change is sure where it is at most "
        f"{(1 - found.level) * 100:g} %.{more}",
    )


def _of_unit(found: Comparison, table: pl.DataFrame, unit: str, title: str) -> Table:
    known = unit if unit in UNITS else ""
    others = table.filter(pl.col("group") != found.against)
    in_time = typical_unit(others["difference"].to_list()) if unit == "ms" else None
    columns = ("value", "difference", "difference_low", "difference_high", "p_value", "q_value", "n", "days")
    rows = [
        (
            metric_words(metric),
            name_text(group),
            value,
            None if group == found.against else difference,
            _between(low, high, unit=in_time, digits=1 if unit == "percent" else None),
            *held,
        )
        for metric, group, value, difference, low, high, *held in table.select("metric", "group", *columns).rows()
    ]
    symbol = in_time.symbol if in_time is not None else "points" if unit == "percent" else ""
    heads = (
        Column(name="metric", label="what"),
        Column(name="group", label=found.by.removeprefix("workflow_").replace("_", " ")),
        Column(name="value", label="value" if known or not unit else f"value ({unit})", unit=known),
        Column(
            name="difference",
            label="difference (points)" if unit == "percent" else "difference",
            unit="points" if unit == "percent" else known,
            symbol=symbol if in_time is not None else "",
            signed=True,
        ),
        _interval(found.level, symbol),
        Column(name="p_value", label="p"),
        Column(name="q_value", label="q"),
        Column(name="n", label="n", unit="count"),
        Column(name="days", label="days", unit="count"),
    )
    points = " Differences of rates are percent points." if unit == "percent" else ""
    return Table(
        title=f"{title}: {_KINDS.get(unit, 'numbers')}",
        columns=heads,
        rows=tuple(rows),
        note=f"Differences are to {name_text(found.against)}.{points} q is p corrected for all rows of the comparison "
        "(Benjamini-Hochberg).",
    )


def _between(low: float | None, high: float | None, *, unit: TimeUnit | None, digits: int | None = None) -> str:
    """An interval in words, in the unit of a column of durations; a dash where it isn't known."""
    if low is None or high is None:
        return "–"
    if unit is not None:
        return " to ".join(signed_text(in_unit(end, unit), end) for end in (low, high))
    ends = [number_text(end) if digits is None else f"{end:.{digits}f}" for end in (low, high)]
    return " to ".join(signed_text(text, end) for text, end in zip(ends, (low, high), strict=True))


def _interval(level: float, symbol: str = "") -> Column:
    return Column(name="interval", label=f"{level * 100:g} % interval{f' ({symbol})' if symbol else ''}")


def _moved(kind: str, before: float | None, after: float | None) -> str:
    """What a part was and is: attempts per run, or a duration."""
    if kind == "mix":
        return "–"
    text = number_text if kind == "attempts" else duration_text
    ends = ["–" if value is None else text(value) for value in (before, after)]
    return " → ".join(ends) + (" a run" if kind == "attempts" else "")


def _neighbour(text: str | None, days: float | None) -> str:
    if not text:
        return "–"
    away, said = round(days or 0), short(text, most=_MOST_SAID)
    if not away:
        return said
    return f"{said} ({abs(away)} {'day' if abs(away) == 1 else 'days'} {'after' if away > 0 else 'before'})"
