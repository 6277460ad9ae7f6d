"""How long until runs complete, where some never do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from rpa_lab.chart.theme import COLOURS, empty, finish, short
from rpa_lab.units import count_text, duration_text, percent_text, time_unit

if TYPE_CHECKING:
    import altair as alt

__all__ = ["completion_curve"]

_POINTS: Final = 400
_LAST_SHARE: Final = 0.005  # the axis ends where all but so many have ended: the last ones may take days


def completion_curve(curve: pl.DataFrame, *, median_ms: float | None, workflow_id: str, n: int) -> alt.LayerChart:
    """The share of runs that have completed, failed and been cancelled by each time since their start.

    Parameters
    ----------
    curve : polars.DataFrame
        `TimeToCompletion.curve`: ``time_ms``, ``completed_share``, ``completed_low``, ``completed_high``,
        ``failed_share``, ``cancelled_share``, ``in_progress``.
    median_ms : float or None
        By when half of all runs have completed, milliseconds.
    workflow_id : str
        Whose runs they are.
    n : int
        How many.

    Returns
    -------
    altair.LayerChart

    Examples
    --------
    >>> from rpa_lab.analysis.competing import cumulative_incidence
    >>> runs = pl.DataFrame({"time_ms": [1e3, 2e3, 3e3, 4e3], "cause": ["completed", "failed", *["completed"] * 2]})
    >>> completion_curve(cumulative_incidence(runs), median_ms=3e3, workflow_id="invoices", n=4).title.text
    'Half of all runs have completed after 3 s; 75 % do in the end'
    """
    import altair as alt

    subtitle = f"{short(workflow_id)} · {count_text(n, 'run')}, live ones up to now · band: 95 %, these runs only"
    if curve.is_empty():
        return empty(title="No run of known duration", subtitle=subtitle)
    title = _title(curve, median_ms)
    shown = _thinned(curve)
    unit = time_unit([shown["time_ms"][-1]])
    last = shown.row(-1, named=True)
    causes = [name for name in ("completed", "failed", "cancelled") if last[f"{name}_share"] > 0]
    drawn = shown.with_columns(
        t=pl.col("time_ms") / unit.ms,
        after=pl.Series([duration_text(ms) for ms in shown["time_ms"]], dtype=pl.String),
        **{name: _percents(shown[f"{name}_share"]) for name in causes},
    )
    end = float(drawn["t"][-1])
    axis = alt.Axis(title=f"time since the start ({unit.symbol})", grid=False, tickCount=8)
    x = alt.X("t:Q", axis=axis, scale=alt.Scale(domain=[0, end * 1.12 or 1.0], nice=False))
    scale = alt.Scale(domain=[0, 1])
    y_axis = alt.Axis(title="share of all runs", format="%", values=[0, 0.25, 0.5, 0.75, 1])
    tooltip = [alt.Tooltip("after:N", title="after"), *(alt.Tooltip(f"{name}:N", title=name) for name in causes)]
    base = alt.Chart(drawn).encode(x=x, tooltip=tooltip)
    band = base.mark_area(opacity=0.16, color=COLOURS["data"], interpolate="step-after").encode(
        y=alt.Y("completed_low:Q", axis=y_axis, scale=scale), y2="completed_high:Q"
    )
    layers: list[alt.Chart] = [band]
    for name in causes:
        colour = COLOURS["data"] if name == "completed" else COLOURS[name]
        y = alt.Y(f"{name}_share:Q", axis=y_axis, scale=scale)
        layers.append(base.mark_line(strokeWidth=2, color=colour, interpolate="step-after").encode(y=y))
    layers += _labels(last, causes, end, x=x, y_axis=y_axis, scale=scale)
    return finish(*layers, title=title, subtitle=subtitle)


def _labels(
    last: dict[str, float], causes: list[str], end: float, *, x: alt.X, y_axis: alt.Axis, scale: alt.Scale
) -> list[alt.Chart]:
    """The names of the lines at their ends, so far apart that none covers another."""
    import altair as alt

    placed: list[tuple[str, float]] = []
    for name in sorted(causes, key=lambda name: last[f"{name}_share"]):
        at = last[f"{name}_share"]
        placed.append((name, max(at, placed[-1][1] + 0.06) if placed else at))
    y = alt.Y("at:Q", axis=y_axis, scale=scale)
    return [
        alt.Chart(pl.DataFrame({"t": [end], "at": [at], "name": [name]}))
        .mark_text(align="left", dx=6, fontWeight=600, color=COLOURS["data"] if name == "completed" else COLOURS[name])
        .encode(x=x, y=y, text="name:N")
        for name, at in placed
    ]


def _thinned(curve: pl.DataFrame) -> pl.DataFrame:
    """Some hundred rows of the curve, from 0 to where nearly all have ended, evenly over time."""
    ended = curve.filter(pl.col("in_progress") <= _LAST_SHARE)
    end = float(ended["time_ms"][0]) if ended.height else float(curve["time_ms"][-1])
    part = curve.filter(pl.col("time_ms") <= end)
    shares = [f"{name}_share" for name in ("completed", "failed", "cancelled")]
    start = pl.DataFrame({name: [0.0] for name in ("time_ms", *shares)})
    columns = ["time_ms", *shares, "completed_low", "completed_high"]
    bucket = (pl.col("time_ms") / end * _POINTS).floor() if end > 0 else pl.lit(0.0)
    thin = part.group_by(bucket.alias("_bucket")).agg(pl.col(columns).last()).sort("time_ms").select(columns)
    return pl.concat([start, thin], how="diagonal").sort("time_ms", maintain_order=True)


def _percents(shares: pl.Series) -> pl.Series:
    return pl.Series([percent_text(share) for share in shares], dtype=pl.String)


def _title(curve: pl.DataFrame, median_ms: float | None) -> str:
    final = float(curve["completed_share"][-1])
    left = float(curve["in_progress"][-1])
    by_the_end = f"{percent_text(final)} by the longest seen"
    in_the_end = f"{percent_text(final)} do in the end" if left < 1e-9 else by_the_end
    if median_ms is None and left > 1 - 1e-9:
        return "Too early to tell: no run has ended yet"
    if median_ms is None and final + left >= 0.5:
        return f"Too early to tell how long half of the runs take: {by_the_end}"
    if median_ms is None:
        return f"Fewer than half of all runs complete: {percent_text(final)}"
    return f"Half of all runs have completed after {duration_text(median_ms)}; {in_the_end}"
