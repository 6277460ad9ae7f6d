"""What was promised and kept, and what was saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from rpa_lab.chart.theme import COLOURS, empty, finish, short
from rpa_lab.units import count_text, percent_text

if TYPE_CHECKING:
    import altair as alt

__all__ = ["hours_saved", "promises"]


def hours_saved(workflows: pl.DataFrame, *, period: str, most: int = 12) -> alt.LayerChart:
    """Hours of people's work that each workflow saved, most first, beside what its exceptions cost.

    Parameters
    ----------
    workflows : polars.DataFrame
        `KpiAnalyzer.workflows`: one row per workflow: ``workflow_id``, ``cases_completed``, ``hours_replaced``,
        ``exception_hours``, ``hours_saved``; workflows for which hours aren't known are told of, not drawn.
    period : str
        Of when they are, in words.
    most : int
        How many workflows to draw.

    Returns
    -------
    altair.LayerChart

    Examples
    --------
    >>> workflows = pl.DataFrame(
    ...     {
    ...         "workflow_id": ["invoices", "orders"],
    ...         "cases_completed": [100, 10],
    ...         "hours_replaced": [10.0, None],
    ...         "exception_hours": [1.0, None],
    ...         "hours_saved": [9.0, None],
    ...     }
    ... )
    >>> hours_saved(workflows, period="November 2026").title.text
    'invoices saved 9 hours of work'
    """
    import altair as alt

    known = workflows.filter(pl.col("hours_saved").is_not_null()).sort(
        "hours_saved", "workflow_id", descending=[True, False]
    )
    unknown = workflows.height - known.height
    cases = count_text(int(known["cases_completed"].sum()), "completed case")
    subtitle = f"{period} · {cases} of {count_text(known.height, 'workflow')}"
    if unknown:
        subtitle += f"; {count_text(unknown, 'workflow')} without minutes by hand in the settings"
    if known.height > most:
        subtitle += f" · the first {most} drawn"
    if known.is_empty():
        return empty(title="How much work was saved isn't known", subtitle=subtitle)
    drawn = known.head(most).with_columns(label=_labels("workflow_id"), note=_hours("hours_saved"))
    axis = alt.Axis(title=None, labelLimit=260, labelOpacity=0.95, grid=False)
    base = alt.Chart(drawn.select("label", "note", "hours_saved", "hours_replaced", "exception_hours")).encode(
        y=alt.Y("label:N", sort=drawn["label"].to_list(), axis=axis, scale=alt.Scale(paddingInner=0.35)),
        tooltip=[
            alt.Tooltip("label:N", title="workflow"),
            alt.Tooltip("hours_replaced:Q", title="hours by hand replaced", format=",.1f"),
            alt.Tooltip("exception_hours:Q", title="hours spent on exceptions", format=",.1f"),
            alt.Tooltip("hours_saved:Q", title="hours saved", format=",.1f"),
        ],
    )
    low = min(0.0, float(drawn["hours_saved"].min() or 0.0))  # type: ignore[arg-type]
    high = float(drawn["hours_replaced"].max() or 0.0)  # type: ignore[arg-type]
    scale = alt.Scale(domain=[low * 1.25, max(high, 1e-9) * 1.25], nice=False)
    x_axis = alt.Axis(title="hours of work", tickCount=6)
    replaced = base.mark_bar(color=COLOURS["data"], opacity=0.3).encode(
        x=alt.X("hours_replaced:Q", scale=scale, axis=x_axis)
    )
    saved = base.mark_bar(color=COLOURS["data"]).encode(x=alt.X("hours_saved:Q", scale=scale, axis=x_axis))
    text = base.mark_text(align="left", dx=6).encode(x=alt.X("hours_replaced:Q", scale=scale), text="note:N")
    pale = "pale: by hand before people's work on exceptions"
    return finish(
        replaced,
        saved,
        text,
        title=_saved_title(known),
        subtitle=[subtitle, pale],
        height=max(28 * drawn.height, 60),
    )


def promises(levels: pl.DataFrame, *, period: str) -> alt.LayerChart:
    """How far each promise was kept, with its interval, against the share that was promised.

    Parameters
    ----------
    levels : polars.DataFrame
        `KeyFigures.service_levels`, or rows of `KpiAnalyzer.service_levels`: ``target``, ``workflow_id``, ``share``,
        ``n``, ``breaches``, ``open``, ``kept_percent``, ``low``, ``high`` (percent), ``kept``.
    period : str
        Of when they are, in words.

    Returns
    -------
    altair.LayerChart

    Examples
    --------
    >>> levels = pl.DataFrame(
    ...     {
    ...         "target": ["p95 ≤ 4min"],
    ...         "workflow_id": [None],
    ...         "share": [95.0],
    ...         "n": [20],
    ...         "breaches": [2],
    ...         "open": [0],
    ...         "kept_percent": [90.0],
    ...         "low": [69.9],
    ...         "high": [97.2],
    ...         "kept": [False],
    ...     },
    ...     schema_overrides={"workflow_id": pl.String},
    ... )
    >>> promises(levels, period="November 2026").title.text
    'The one promise was broken: p95 ≤ 4min'
    """
    import altair as alt

    judged = levels.filter(pl.col("n") > 0)
    subtitle = f"{period} · share that kept it, 95 % interval of these runs, and (tick) the share that was promised"
    if judged.is_empty():
        return empty(title="No promise was to be kept", subtitle=subtitle)
    rows = judged.select("target", "workflow_id", "n", "breaches", "kept_percent").rows()
    labels = [short(f"{target} · {workflow}" if workflow else target) for target, workflow, *_ in rows]
    notes = [f"{percent_text(kept / 100)} · {breaches:,} of {n:,} broke it" for *_, n, breaches, kept in rows]
    drawn = judged.select("share", "n", "breaches", "open", "kept_percent", "low", "high", "kept").with_columns(
        label=pl.Series(_apart(labels)), note=pl.Series(notes)
    )
    least = min(float(drawn["low"].min() or 0), float(drawn["share"].min() or 0))  # type: ignore[arg-type]
    scale = alt.Scale(domain=[max(0.0, least - 2 - (100 - least) * 0.05), 100], nice=False, clamp=True)
    axis = alt.Axis(title=None, labelLimit=300, labelOpacity=0.95, grid=False)
    hue = alt.condition(alt.datum.kept, alt.value(COLOURS["data"]), alt.value(COLOURS["strong"]))
    base = alt.Chart(drawn).encode(
        y=alt.Y("label:N", sort=drawn["label"].to_list(), axis=axis),
        color=hue,
        tooltip=[
            alt.Tooltip("label:N", title="promise"),
            alt.Tooltip("share:Q", title="promised, percent"),
            alt.Tooltip("note:N", title="kept"),
            alt.Tooltip("open:Q", title="still open", format=",d"),
        ],
    )
    x_axis = alt.Axis(title="kept (percent)", tickCount=6)
    interval = base.mark_rule(strokeWidth=3, opacity=0.45).encode(
        x=alt.X("low:Q", scale=scale, axis=x_axis), x2="high:Q"
    )
    points = base.mark_point(filled=True, size=90, opacity=1).encode(x=alt.X("kept_percent:Q", scale=scale))
    promised = base.mark_tick(thickness=2, size=20, color="currentColor").encode(
        x=alt.X("share:Q", scale=scale), color=alt.value("currentColor")
    )
    text = base.mark_text(align="left", dx=8).encode(
        x=alt.value("width"), text="note:N", color=alt.value("currentColor")
    )
    title = _promises_title(judged)
    return finish(interval, promised, points, text, title=title, subtitle=subtitle, height=max(34 * drawn.height, 60))


def _labels(column: str) -> pl.Expr:
    return pl.col(column).map_batches(
        lambda names: pl.Series(_apart([short(name, most=36) for name in names]), dtype=pl.String),
        return_dtype=pl.String,
    )


def _apart(labels: list[str]) -> list[str]:
    """The labels, those that are alike numbered."""
    seen: dict[str, int] = {}
    apart = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        apart.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return apart


def _hours(column: str) -> pl.Expr:
    return pl.col(column).map_batches(
        lambda values: pl.Series([f"{_number(hours)} h" for hours in values], dtype=pl.String), return_dtype=pl.String
    )


def _number(hours: float) -> str:
    return f"{hours:,.0f}" if abs(hours) >= 10 else f"{hours:,.2g}"


def _saved_title(known: pl.DataFrame) -> str:
    total, name = float(known["hours_saved"].sum()), short(known["workflow_id"][0], most=36)
    if known.height == 1 and total > 0:
        return f"{name} saved {_number(total)} hours of work"
    if total <= 0:
        return f"The robots cost {_number(-total)} hours more than they saved"
    first = float(known["hours_saved"][0]) / total
    return f"The robots saved {_number(total)} hours of work; {percent_text(min(first, 1.0))} of that in {name}"


def _promises_title(judged: pl.DataFrame) -> str:
    broken = judged.filter(~pl.col("kept"))
    if judged.height == 1:
        name = short(judged["target"][0])
        return f"The one promise was {'broken' if broken.height else 'kept'}: {name}"
    if broken.is_empty():
        return f"All {judged.height} promises were kept"
    worst = broken.sort(pl.col("share") - pl.col("kept_percent"), "target", descending=[True, False]).row(0, named=True)
    return f"{broken.height} of {judged.height} promises were broken, most clearly “{short(worst['target'])}”"
