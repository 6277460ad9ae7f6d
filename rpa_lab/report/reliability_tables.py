"""The tables of the reliability report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from rpa_lab.chart.theme import short
from rpa_lab.readable import bases_text
from rpa_lab.report.block import Table
from rpa_lab.units import count_text, name_text

if TYPE_CHECKING:
    from rpa_lab.analysis.failures import Failures
    from rpa_lab.analysis.recoveries import Recoveries

__all__ = ["causes_table", "groups_table", "messages_table", "steps_table", "strategies_table", "trends_table"]

_SHOWN: Final = 12


def groups_table(groups: pl.DataFrame, *, of: str = "workflow_id", label: str = "workflow") -> Table:
    """Reliability side by side.

    Parameters
    ----------
    groups : polars.DataFrame
        `ReliabilityAnalyzer.breakdown`.
    of : str
        The column that names a group.
    label : str
        Its heading.

    Returns
    -------
    Table
    """
    shown = groups.select(
        _named(of),
        "ended",
        "success_rate",
        "success_low",
        "success_high",
        "first_attempt_rate",
        "mtbf_ms",
        "mttr_ms",
    )
    labels = {
        of: label,
        "ended": "runs",
        "success_rate": "success rate",
        "success_low": "at least",
        "success_high": "at most",
        "first_attempt_rate": "first attempt",
        "mtbf_ms": "MTBF",
        "mttr_ms": "MTTR",
    }
    return Table.from_frame(
        shown,
        title=f"By {label}",
        labels=labels,
        units=dict.fromkeys(("success_rate", "success_low", "success_high", "first_attempt_rate"), "percent"),
        note=f"Bounds are 95 % intervals; they speak of {bases_text(groups['success_basis'])}. MTBF: time of operation "
        "between breakdowns. MTTR: from a breakdown to the end of the next run that completes, nights and weekends "
        "included.",
    )


def causes_table(failures: Failures) -> Table:
    """Why runs failed, and where self-healing was tried; abandoned and cancelled runs in the note.

    Parameters
    ----------
    failures : Failures
        Of one workflow, or of all.

    Returns
    -------
    Table
    """
    columns = ("category", "failures", "share", "lost_ms", "nodes", "recovery_tried", "not_tried")
    shown = failures.categories.select(columns).with_columns(_names("category"))
    labels = {
        "category": "cause",
        "lost_ms": "time lost",
        "nodes": "steps",
        "recovery_tried": "healing tried",
        "not_tried": "not tried",
    }
    beside = f"{failures.abandoned:,} abandoned and {failures.cancelled:,} cancelled runs are not among them."
    note = f"Each failed run has one cause. Healing was tried where it was at the step that failed. {beside}"
    return Table.from_frame(shown, title="Causes", labels=labels, note=note)


def messages_table(messages: pl.DataFrame, *, most: int = _SHOWN) -> Table:
    """What failed runs say, most frequent first.

    Parameters
    ----------
    messages : polars.DataFrame
        `Failures.messages`.
    most : int
        How many to show.

    Returns
    -------
    Table
    """
    shown = messages.head(most).select(
        pl.Series("template", [_said(text) for text in messages["template"].head(most)], dtype=pl.String),
        _names("category"),
        "failures",
        "share",
        pl.col("last_seen").dt.strftime("%d %b %H:%M").fill_null("–"),
        nodes=pl.col("nodes").list.len().cast(pl.Int64),
    )
    rest = int(messages["failures"].slice(most).sum())
    more = f" {count_text(messages.height - most, 'other template')} with {rest:,} failures." if rest else ""
    labels = {"template": "what they say", "category": "cause", "last_seen": "last", "nodes": "steps"}
    note = f"Numbers, ids, names in quotes, paths and addresses are taken out.{more}"
    return Table.from_frame(shown, title="Messages that mean the same", labels=labels, note=note)


def steps_table(failures: Failures, *, most: int = _SHOWN) -> Table:
    """The steps at which most runs fail.

    Parameters
    ----------
    failures : Failures
        Of one workflow, or of all.
    most : int
        How many to show.

    Returns
    -------
    Table
    """
    shown = failures.nodes.head(most).select(
        _named("workflow_id"), pl.col("node_id").fill_null("(no step failed)"), _names("category"), "failures", "share"
    )
    if failures.workflow_id is not None:
        shown = shown.drop("workflow_id")
    labels = {"workflow_id": "workflow", "node_id": "step", "category": "cause"}
    return Table.from_frame(shown, title="Where runs fail", labels=labels, note="Share of all failures.")


def strategies_table(found: Recoveries) -> Table:
    """How each way of healing did.

    Parameters
    ----------
    found : Recoveries
        Of one workflow, or of all.

    Returns
    -------
    Table
    """
    shown = found.strategies.select(
        "strategy",
        "attempts",
        "recovery_rate",
        _interval("recovery_low", "recovery_high").alias("interval"),
        "median_cost_ms",
        "saved_ms",
    )
    labels = {
        "recovery_rate": "healed",
        "interval": "95 % interval",
        "median_cost_ms": "median time",
        "saved_ms": "saved, estimate",
    }
    return Table.from_frame(
        shown,
        title="Ways of healing",
        labels=labels,
        units={"recovery_rate": "percent"},
        note="Saved: of runs that completed after being healed, the time up to the first healing, as if they would "
        "have failed there and been repeated once. An assumption, not a measurement.",
    )


def trends_table(found: Recoveries, *, most: int = 8) -> Table:
    """The steps that need self-healing more and more first, then the others by how sure a rise is.

    Parameters
    ----------
    found : Recoveries
        Of one workflow, or of all.
    most : int
        How many to show.

    Returns
    -------
    Table
    """
    shown = found.rising.head(most).select(
        _named("workflow_id"),
        "node_id",
        "visits",
        "healed",
        "early_share",
        "late_share",
        "q_value",
    )
    if found.workflow_id is not None:
        shown = shown.drop("workflow_id")
    tested = count_text(found.rising.height, "step was", "steps were")
    labels = {
        "workflow_id": "workflow",
        "node_id": "step",
        "early_share": "first half",
        "late_share": "second half",
        "q_value": "false alarms",
    }
    return Table.from_frame(
        shown,
        title="Steps that are healed",
        labels=labels,
        units=dict.fromkeys(("early_share", "late_share", "q_value"), "fraction"),
        note="Share of visits that needed healing, in the first and the second half of the days. False alarms: their "
        f"share among the steps down to this one (q); rises up to 5 % are named. {tested} tested.",
    )


def _said(template: str | None) -> str:
    return "(nothing said)" if template is None or not template.strip() else short(template, most=110)


def _named(column: str) -> pl.Expr:
    """Names, also those that are blank."""
    name = pl.col(column)
    return pl.when(name.str.strip_chars() == "").then(pl.lit(name_text(""))).otherwise(name).alias(column)


def _names(column: str) -> pl.Expr:
    return pl.col(column).str.replace_all("_", " ", literal=True)


def _interval(low: str, high: str) -> pl.Expr:
    """Two columns of percent as one text; a dash where nothing is known."""
    return pl.format("{} to {} %", pl.col(low).round(1), pl.col(high).round(1)).fill_null("–")
