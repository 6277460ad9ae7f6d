"""Why the mean duration of runs changed: from what it was, part by part, to what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import polars as pl

from rpa_lab.chart.notes import notes_beside
from rpa_lab.chart.theme import COLOURS, empty, finish, short
from rpa_lab.chart.ticks import nice_ticks
from rpa_lab.records import split_node_path
from rpa_lab.units import TimeUnit, duration_text, percent_text, time_unit

if TYPE_CHECKING:
    import altair as alt

__all__ = ["attribution_waterfall", "part_name"]

_WORDS: Final = {
    "time": ("takes longer", "takes less time"),
    "attempts": ("more attempts", "fewer attempts"),
}


def part_name(
    kind: str, node_id: str | None, change_ms: float, *, before: float | None, after: float | None, most: int = 34
) -> str:
    """A part of a change of durations as a reader sees it.

    Parameters
    ----------
    kind : str
        "attempts", "time", "waiting" or "mix".
    node_id : str or None
        The step's path; None for waiting and mix.
    change_ms : float
        What the part adds, ms.
    before, after : float or None
        As in `Attribution.parts`: of attempts, how many a run has; 0 where the step did not run at all.
    most : int
        How long the step's name may be.

    Returns
    -------
    str

    Examples
    --------
    >>> part_name("time", "form > submit", 9_800.0, before=1e4, after=2e4)
    'form › submit: takes longer'
    >>> part_name("attempts", "scan", 500.0, before=0.0, after=1.0)
    'scan: new step'
    """
    if node_id is None:
        more = "more" if change_ms > 0 else "less"
        return f"{more} waiting between steps" if kind == "waiting" else "other kinds of runs"
    name = short(" › ".join(split_node_path(node_id)[-2:]), most=most)
    if kind == "attempts" and before == 0:
        return f"{name}: new step"
    if kind == "attempts" and after == 0:
        return f"{name}: no longer run"
    longer, shorter = _WORDS.get(kind, (kind, kind))
    return f"{name}: {longer if change_ms > 0 else shorter}"


def attribution_waterfall(
    parts: pl.DataFrame,
    *,
    workflow_id: str,
    baseline_mean_ms: float,
    current_mean_ms: float,
    most: int = 8,
    longest: bool = False,
    versions: tuple[str, str] | None = None,
    significant: bool | None = True,
) -> alt.LayerChart:
    """The largest parts of a change one below the other, each beginning where the one above it ends.

    Parameters
    ----------
    parts : polars.DataFrame
        `Attribution.parts`: one row per part with ``kind``, ``node_id``, ``change_ms``, ``low_ms``, ``high_ms``,
        ``before``, ``after`` and ``notable``. The parts add up to the change.
    workflow_id : str
        Whose runs they are.
    baseline_mean_ms, current_mean_ms : float
        The mean duration before and after, ms.
    most : int
        How many parts to draw, at least 1; where there are more, the last one drawn is all others together.
    longest : bool
        Whether these are the longest runs only, as of `Attribution.tail`.
    versions : tuple of str, optional
        The versions that are held against each other, in place of what was before and what is now.
    significant : bool or None
        Whether the change as a whole is more than chance explains; None: undecided. The title says where it isn't.

    Returns
    -------
    altair.LayerChart

    Examples
    --------
    >>> parts = pl.DataFrame(
    ...     {
    ...         "kind": ["time", "waiting"],
    ...         "node_id": ["submit", None],
    ...         "change_ms": [9_800.0, 1_400.0],
    ...         "low_ms": [8_100.0, -200.0],
    ...         "high_ms": [11_500.0, 3_000.0],
    ...         "before": [24e3, 5e3],
    ...         "after": [33.8e3, 6.4e3],
    ...         "notable": [True, False],
    ...     }
    ... )
    >>> attribution_waterfall(parts, workflow_id="payroll", baseline_mean_ms=46e3, current_mean_ms=57.2e3).title.text
    'Runs take 11.2 s longer; 9.8 s of it because “submit” takes longer'
    """
    import altair as alt

    change_ms = current_mean_ms - baseline_mean_ms
    whose = f"{short(workflow_id)} · mean of the {'longest twentieth of the ' if longest else ''}runs that completed"
    ranked = parts.filter(pl.col("change_ms").is_not_null()).sort(
        pl.col("change_ms").abs(), "kind", "node_id", descending=[True, False, False]
    )
    if ranked.is_empty():
        return empty(title="There is no change to explain", subtitle=whose)
    unit = time_unit([*ranked["change_ms"].abs().head(1), abs(change_ms)])
    steps = _steps(ranked, most, unit)
    ends_named = ("mean before", "mean now") if versions is None else _mean_names(versions)
    rows = _with_means(steps, baseline_mean_ms, current_mean_ms, unit, names=ends_named)
    order = rows["name"].to_list()
    ends = pl.concat([rows[name] for name in ("from", "to", "low", "high")]).drop_nulls()
    least, largest = min(0.0, float(ends.min())), max(0.0, float(ends.max()))  # type: ignore[arg-type]
    width = (largest - least) or 1.0
    scale = alt.Scale(domain=[least - 0.02 * width, largest + 0.02 * width], nice=False)
    axis = alt.Axis(
        title=f"change of the mean ({unit.symbol})",
        values=nice_ticks(least, largest),
        labelExpr="datum.value === 0 ? '0' : format(datum.value, '+~f')",
        titleAnchor="start",
    )
    names = alt.Axis(title=None, labelLimit=360, labelOpacity=0.95, labelPadding=8, grid=False)
    base = alt.Chart(rows).encode(
        y=alt.Y("name:N", sort=order, axis=names, scale=alt.Scale(paddingInner=0.4, paddingOuter=0.3)),
        tooltip=[
            alt.Tooltip("full:N", title="part"),
            alt.Tooltip("figure:N", title="change"),
            alt.Tooltip("between:N", title="95 % interval"),
            alt.Tooltip("moved:N", title="before → now" if versions is None else " → ".join(versions)),
        ],
    )
    hue = alt.Color(
        "tone:N",
        scale=alt.Scale(domain=list(_TONES), range=list(_TONES.values())),
        legend=None,
    )
    pale = alt.condition(alt.datum.strong, alt.value(1.0), alt.value(0.4))
    x, end = alt.X("from:Q", axis=axis, scale=scale), alt.X("to:Q", axis=axis, scale=scale)
    zero = base.transform_filter(alt.datum.first).mark_rule(opacity=0.55, color="currentColor")
    links = base.transform_filter("datum.next != null").mark_rule(opacity=0.35, color="currentColor", strokeDash=[2, 2])
    bars = base.mark_bar(cornerRadius=1).encode(x=x, x2="to:Q", color=hue, opacity=pale)
    ranges = base.transform_filter("datum.low != null").mark_rule(strokeWidth=1.5, opacity=0.8, color="currentColor")
    caps = base.transform_filter("datum.low != null").mark_tick(
        thickness=1.5, size=8, opacity=0.8, color="currentColor"
    )
    layers = (
        zero.encode(
            x=alt.datum(0, type="quantitative", axis=axis, scale=scale), y=alt.value(0), y2=alt.value("height")
        ),
        links.encode(x=end, y2="next:N"),
        bars,
        ranges.encode(x=alt.X("low:Q", axis=axis, scale=scale), x2="high:Q"),
        *(caps.encode(x=alt.X(f"{name}:Q", axis=axis, scale=scale)) for name in ("low", "high")),
    )
    adds_up = f" · the {ranked.height:,} parts add up to the change" if ranked.height > 1 else ""
    subtitle = [whose, f"line: 95 % interval · pale: may be chance{adds_up}"]
    left: Any = alt.layer(*layers)
    chart = finish(
        left,
        notes_beside(rows),
        title=_title(ranked, change_ms, baseline_mean_ms, longest=longest, versions=versions, significant=significant),
        subtitle=subtitle,
        height=28 * rows.height + 10,
    )
    beside: alt.LayerChart = chart.resolve_axis(y="independent").properties(width=460)
    return beside


_TONES: Final = {"slower": COLOURS["strong"], "faster": COLOURS["data"], "mean": "#8a8a8a"}


def _steps(ranked: pl.DataFrame, most: int, unit: TimeUnit) -> pl.DataFrame:
    """One row per bar: name, full, from, to, low, high (in the unit), strong, note and the tooltip's texts."""
    shown = ranked if ranked.height <= most else ranked.head(max(most - 1, 1))
    rest = ranked.slice(shown.height)
    rows = []
    names: list[str] = []
    at_ms = 0.0
    columns = ("kind", "node_id", "change_ms", "low_ms", "high_ms", "before", "after", "notable")
    for kind, node_id, change, low, high, before, after, notable in shown.select(columns).rows():
        name = again = part_name(kind, node_id, change, before=before, after=after)
        while again in names:
            again = f"{name} ({names.count(name) + sum(one.startswith(f'{name} (') for one in names) + 1})"
        names.append(again)
        full = part_name(kind, node_id, change, before=before, after=after, most=200)
        bounds = None if low is None or high is None else (low, high)
        moved = _moved(kind, before, after)
        rows.append((again, full, *_bar(at_ms, change, bounds, unit), bool(notable), moved))
        at_ms += change
    if rest.height:
        change = float(rest["change_ms"].sum())
        name = f"other parts ({rest.height:,})"
        held = int(rest["notable"].sum())
        moved = f"{held:,} of them for sure, their sum has no interval" if held else ""
        rows.append((name, name, *_bar(at_ms, change, None, unit), False, moved))
    return pl.DataFrame(rows, schema=_BAR, orient="row")


_BAR: Final = {
    "name": pl.String,
    "full": pl.String,
    "from": pl.Float64,
    "to": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "tone": pl.String,
    "figure": pl.String,
    "between": pl.String,
    "strong": pl.Boolean,
    "moved": pl.String,
}


def _bar(
    at_ms: float, change_ms: float, bounds: tuple[float, float] | None, unit: TimeUnit
) -> tuple[float, float, float | None, float | None, str, str, str]:
    low, high = bounds if bounds is not None else (None, None)
    return (
        at_ms / unit.ms,
        (at_ms + change_ms) / unit.ms,
        None if low is None else (at_ms + low) / unit.ms,
        None if high is None else (at_ms + high) / unit.ms,
        "slower" if change_ms > 0 else "faster",
        f"{_signed(change_ms, unit)} {unit.symbol}",
        "" if low is None or high is None else f"{_signed(low, unit)} to {_signed(high, unit)}",
    )


def _mean_names(versions: tuple[str, str]) -> tuple[str, str]:
    first, second = (f"mean with {short(version, most=24)}" for version in versions)
    return (first, second) if first != second else (first, f"{second} (2)")


def _with_means(
    steps: pl.DataFrame, baseline_ms: float, current_ms: float, unit: TimeUnit, *, names: tuple[str, str]
) -> pl.DataFrame:
    """The bars between the mean before and the mean after, each with the name of the row below it."""
    change = current_ms - baseline_ms
    percent = f", {percent_text(abs(change) / baseline_ms)}" if baseline_ms else ""
    before, after = names
    first = (before, before, 0.0, 0.0, None, None, "mean", duration_text(baseline_ms), "", True, "")
    said = f"{duration_text(current_ms)} ({_signed(change, unit)} {unit.symbol}{percent})"
    last = (after, after, 0.0, change / unit.ms, None, None, "mean", said, "", True, "")
    ends = pl.DataFrame([first, last], schema=_BAR, orient="row")
    rows = pl.concat([ends.head(1), steps, ends.tail(1)])
    return rows.with_columns(
        next=pl.col("name").shift(-1),
        first=pl.int_range(pl.len()) == 0,
        note=pl.when(pl.col("between") != "").then(pl.format("{} ({})", "figure", "between")).otherwise("figure"),
    )


def _moved(kind: str, before: float | None, after: float | None) -> str:
    """What the part was before and is after, in words."""
    if before is None or after is None:
        return ""
    if kind == "attempts":
        return f"{before:.3g} → {after:.3g} attempts a run"
    each = " an attempt" if kind == "time" else " a run"
    return f"{duration_text(before)} → {duration_text(after)}{each}"


def _signed(ms: float, unit: TimeUnit) -> str:
    """A change in the axis' unit, with its sign."""
    value = ms / unit.ms
    size = abs(value)
    text = f"{size:,.0f}" if size >= 100 else f"{size:.1f}" if size >= 10 else f"{size:.2f}"
    return f"{'+' if value > 0 else '−'}{text}" if float(text.replace(",", "")) else "0"


def _title(
    ranked: pl.DataFrame,
    change_ms: float,
    baseline_ms: float,
    *,
    longest: bool,
    versions: tuple[str, str] | None,
    significant: bool | None,
) -> str:
    runs = "The longest runs" if longest else "Runs"
    as_before = "as long as before"
    if versions is not None:
        first, second = (short(version, most=24) for version in versions)
        runs, as_before = f"{runs} with {second}", f"as long as with {first}"
    notable = ranked.filter(pl.col("notable").fill_null(value=False))
    moved = f"{duration_text(abs(change_ms))} {'longer' if change_ms > 0 else 'less'}"
    if notable.is_empty():
        close = baseline_ms and abs(change_ms) / baseline_ms < 0.005
        return f"{runs} take {as_before if close else moved}; no part of it is surely more than chance"
    kind, node_id, part, before, after = notable.select("kind", "node_id", "change_ms", "before", "after").row(0)
    cause = _cause(kind, node_id, part, before, after)
    if not significant:
        doubt = "which may be chance" if significant is False else "chance or not"
        return (
            f"{runs} take {moved}, {doubt}; {cause}, which {'adds' if part > 0 else 'saves'} {duration_text(abs(part))}"
        )
    if 0 < part / (change_ms or -part) <= 1:
        return f"{runs} take {moved}; {duration_text(abs(part))} of it because {cause}"
    return f"{runs} take {moved}; {cause}, which {'adds' if part > 0 else 'saves'} {duration_text(abs(part))}"


def _cause(kind: str, node_id: str | None, change_ms: float, before: float | None, after: float | None) -> str:
    more = change_ms > 0
    if node_id is None:
        return (
            f"{'more' if more else 'less'} is waited between steps" if kind == "waiting" else "other kinds of runs came"
        )
    name = f"“{short(split_node_path(node_id)[-1], most=36)}”"
    if kind == "time":
        return f"{name} takes {'longer' if more else 'less time'}"
    if before == 0 or after == 0:
        return f"{name} is new" if before == 0 else f"{name} is gone"
    return f"{name} is tried {'more' if more else 'less'} often"
