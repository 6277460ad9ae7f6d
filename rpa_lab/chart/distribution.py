"""How long the runs take, and how much they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from rpa_lab.chart.theme import COLOURS, empty, finish, short
from rpa_lab.units import TimeUnit, count_text, duration_text, time_unit

if TYPE_CHECKING:
    import altair as alt

__all__ = ["FIRM", "duration_distribution"]

FIRM: Final = 72
"""From so many runs on, order statistics bound the p95 from both sides with 95 % confidence (0.95^72 ≤ 2.5 %)."""


def duration_distribution(
    bins: pl.DataFrame, *, median_ms: float | None, p95_ms: float | None, workflow_id: str
) -> alt.LayerChart:
    """Histogram of the durations of one workflow's runs, with its median and its 95th percentile marked.

    A last bin that is more than three times as wide as the first holds the long tail: it isn't drawn, since it would
    squeeze all others, and the subtitle says what it holds. The title speaks of the p95 from `FIRM` runs on.

    Parameters
    ----------
    bins : polars.DataFrame
        `Lab.distribution`: one row per bin that isn't empty, ascending: ``from_ms``, ``to_ms``, ``n``.
    median_ms, p95_ms : float or None
        Quantiles of the same runs, milliseconds.
    workflow_id : str
        Whose runs they are.

    Returns
    -------
    altair.LayerChart

    Examples
    --------
    >>> bins = pl.DataFrame({"from_ms": [0.0, 10e3], "to_ms": [10e3, 20e3], "n": [60, 20]})
    >>> duration_distribution(bins, median_ms=6_000.0, p95_ms=18_000.0, workflow_id="invoices").title.text
    'Half of the runs take under 6 s; one in twenty takes more than 18 s'
    """
    import altair as alt

    n = int(bins["n"].sum())
    if not n:
        return empty(title="No finished runs, so no durations", subtitle=short(workflow_id))
    shown, left_out = _without_tail(bins)
    unit = time_unit([shown["to_ms"][-1]])
    drawn = _in_unit(shown, unit)
    axis = alt.Axis(title=f"duration of a run ({unit.symbol})", grid=False, tickCount=8)
    bars = (
        alt.Chart(drawn)
        .mark_bar(binSpacing=1, color=COLOURS["data"])
        .encode(
            x=alt.X("start:Q", axis=axis, scale=alt.Scale(zero=False, nice=False)),
            x2="end:Q",
            y=alt.Y("n:Q", axis=alt.Axis(title="runs", tickCount=5, tickMinStep=1, format=",d")),
            y2=alt.datum(0),
            tooltip=[alt.Tooltip("range:N", title="duration"), alt.Tooltip("n:Q", title="runs", format=",d")],
        )
    )
    low, high = float(drawn["start"][0]), float(drawn["end"][-1])
    rules = [
        layer
        for name, ms, dy in (("median", median_ms, -19), ("p95" if n >= FIRM else "p95 (not firm)", p95_ms, -4))
        if ms is not None and low <= ms / unit.ms <= high
        for layer in _mark(name, ms, unit=unit, leftwards=ms / unit.ms > low + 0.7 * (high - low), dy=dy)
    ]
    subtitle = f"{short(workflow_id)} · {count_text(n, 'finished run')}{left_out}"
    return finish(bars, *rules, title=_title(n, median_ms, p95_ms), subtitle=subtitle)


def _title(n: int, median_ms: float | None, p95_ms: float | None) -> str:
    half, tail = duration_text(median_ms), duration_text(p95_ms)
    if n == 1:
        return f"The one run took {half}"
    if n < FIRM:
        return f"Half of the {n} runs take under {half}; there are too few to tell how long the slowest take"
    if half == tail:
        return f"The runs take about {half}"
    return f"Half of the runs take under {half}; one in twenty takes more than {tail}"


def _without_tail(bins: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """The bins to draw, and what to say of the one left out."""
    start, end, n = bins.select("from_ms", "to_ms", "n").row(-1)
    widths = bins["to_ms"] - bins["from_ms"]
    if bins.height < 2 or float(widths[-1]) <= 3 * float(widths[0]):
        return bins, ""
    longer = f"{count_text(n, 'run')} of {duration_text(start)} to {duration_text(end)}"
    return bins.head(-1), f" · axis cut, not drawn: {longer}"


def _in_unit(bins: pl.DataFrame, unit: TimeUnit) -> pl.DataFrame:
    """The bins in the axis' unit, one row each: start, end, n, range (text)."""
    edges = bins.select("from_ms", "to_ms").rows()
    texts = [f"{duration_text(start)} to {duration_text(end)}" for start, end in edges]
    return bins.select(
        start=pl.col("from_ms") / unit.ms,
        end=pl.col("to_ms") / unit.ms,
        n=pl.col("n"),
        range=pl.Series(texts, dtype=pl.String),
    )


def _mark(name: str, ms: float, *, unit: TimeUnit, leftwards: bool, dy: int) -> list[alt.Chart]:
    """A vertical line at a quantile, and its label above the plot."""
    import altair as alt

    mark = alt.Chart(pl.DataFrame({"at": [ms / unit.ms], "label": [f"{name} {duration_text(ms)}"]}))
    return [
        mark.mark_rule(strokeDash=[4, 3], strokeWidth=1.5, color=COLOURS["strong"]).encode(x="at:Q"),
        mark.mark_text(
            baseline="bottom", align="right" if leftwards else "left", dx=4 if leftwards else -4, dy=dy, fontWeight=600
        ).encode(x="at:Q", y=alt.value(0), text="label:N"),
    ]
