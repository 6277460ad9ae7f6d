"""What became of a workflow, and what happened beside it: levels day by day, and events on the same axis of time."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from rpa_lab.chart.day_axis import at_midnight, day_axis, written
from rpa_lab.chart.days import FEW, MOST_DAYS
from rpa_lab.chart.events import AXIS, STEP, along_axis, lane_layers, lane_marks
from rpa_lab.chart.lanes import place_names
from rpa_lab.chart.theme import COLOURS, empty, finish, short
from rpa_lab.chart.ticks import nice_ticks
from rpa_lab.records import split_node_path
from rpa_lab.units import TimeUnit, count_text, duration_text, percent_text, time_unit

if TYPE_CHECKING:
    import altair as alt

__all__ = ["history_timeline"]

_LEVELS: Final = 210  # pixels, of the upper part
_ROW: Final = 19  # of each row of a lane
_GAP: Final = 16  # between the upper part and the lanes
_MOST_EVENTS: Final = 800

_POINT: Final = "change point"
_DRIFT: Final = "drift"


def history_timeline(
    days: pl.DataFrame,
    events: pl.DataFrame,
    *,
    workflow_id: str,
    tz: str,
    change_points: pl.DataFrame | None = None,
) -> alt.LayerChart:
    """The level of each day's runs with the levels fitted to them, where these change, and what happened when.

    Parameters
    ----------
    days : polars.DataFrame
        `History.days`: one row per day with runs: ``date``, ``level_ms`` (a typical duration), ``n``, ``segment_ms``
        (the fitted level; null where none was fitted).
    events : polars.DataFrame
        `History.events`: ``at`` and ``until`` (null: at once), ``kind``, ``node_id``, ``text``.
    workflow_id : str
        Whose history it is.
    tz : str
        The zone in which a day begins.
    change_points : polars.DataFrame, optional
        `ChangePoints.table`: ``node_id`` (null: the whole run), ``on``, ``earliest``, ``latest``, ``change_percent``.
        Drawn in place of the events of that kind, which don't say how exactly the day is known.

    Returns
    -------
    altair.LayerChart

    Examples
    --------
    >>> days = pl.DataFrame({"date": [date(2026, 11, 3)], "level_ms": [6e3], "n": [40], "segment_ms": [6e3]})
    >>> none = pl.DataFrame(schema={"at": pl.Datetime("us", "UTC"), "until": pl.Datetime("us", "UTC")} | _TEXTS)
    >>> history_timeline(days, none, workflow_id="invoices", tz="UTC").title.text
    'A run takes about 6 s, on the one day'
    """
    import altair as alt

    known = days.filter(pl.col("level_ms").is_not_null()).sort("date").tail(MOST_DAYS)
    points = _points(events, change_points, tz)
    subtitle = _subtitle(known, workflow_id, tz)
    if known.is_empty():
        return empty(title="No day with a run whose duration is known", subtitle=subtitle)
    first, last = known["date"][0], known["date"][-1]
    points = points.filter(pl.col("on").is_between(first, last))
    shown = _within(events.filter(pl.col("kind") != _POINT), first, last, tz).with_columns(
        pl.col("text").str.strip_prefix(f"{workflow_id} ")  # it stands above all of them
    )
    slow = shown.filter((pl.col("kind") == _DRIFT) & pl.col("node_id").is_null())
    whole, of_steps = points.filter(pl.col("node_id").is_null()), points.filter(pl.col("node_id").is_not_null())
    marks, lane_rows = lane_marks(pl.concat([_as_events(of_steps), shown.tail(_MOST_EVENTS)]), first=first, last=last)
    unit = time_unit(known["level_ms"].to_list())
    height = _LEVELS + (_GAP + _ROW * len(lane_rows) if lane_rows else 0)
    drawn = _calendar(known, whole["on"], unit)
    levels = _levels(drawn, whole, tz, unit)
    hollow = bool((known["n"] < FEW).any())
    notes = ["dots: days", "line: fitted level", *([f"hollow: fewer than {FEW} runs"] if hollow else [])]
    if of_steps.height:
        notes.append(f"diamonds: {_of_steps(of_steps)}")
    if whole.height:
        notes.append("shaded: when it changed, 95 %")
    if shown.height > _MOST_EVENTS:
        notes.append(f"the last {_MOST_EVENTS} events")
    layers: list[Any] = [alt.layer(*levels)]
    if lane_rows:
        below = lane_layers(marks, lane_rows, top=_LEVELS + _GAP, bottom=height, days=drawn, tz=tz)
        layers.append(alt.layer(*below))
    chart = finish(*layers, title=_title(known, points, slow), subtitle=[subtitle, " · ".join(notes)], height=height)
    separate: alt.LayerChart = chart.resolve_scale(y="independent", color="independent", shape="independent")
    return separate


_TEXTS: Final = dict.fromkeys(("kind", "node_id", "text"), pl.String)


def _levels(drawn: pl.DataFrame, points: pl.DataFrame, tz: str, unit: TimeUnit) -> list[alt.Chart | alt.LayerChart]:
    """The upper part: each day's level, the fitted one, and where that changes."""
    import altair as alt

    values = pl.concat([drawn["level"], drawn["segment"]]).drop_nulls()
    least, largest = float(values.min()), float(values.max())  # type: ignore[arg-type]
    domain, cut = _domain(least, largest)
    axis = alt.Axis(
        title=f"duration of a run ({unit.symbol}){', not from 0' if cut else ''}", values=nice_ticks(*domain, about=5)
    )
    scale = alt.Scale(domain=domain, range=[_LEVELS, 0], nice=False, zero=False)
    x = day_axis(drawn, tz)
    base = alt.Chart(drawn).encode(
        x=x,
        tooltip=[
            alt.Tooltip("day:N", title="day"),
            alt.Tooltip("typical:N", title="typical run"),
            alt.Tooltip("fitted:N", title="fitted level"),
            alt.Tooltip("n:Q", title="runs", format=",d"),
        ],
    )
    layers: list[alt.Chart | alt.LayerChart] = []
    if points.height:
        layers += _change_marks(points, drawn, tz)
    y = alt.Y("level:Q", axis=axis, scale=scale)
    present = base.transform_filter("datum.n > 0")
    size = 26 if drawn.height <= 120 else 12
    for few in sorted(set((drawn["n"].filter(drawn["n"] > 0) < FEW).to_list())):
        some = present.transform_filter(alt.datum.n < FEW if few else alt.datum.n >= FEW)
        layers.append(some.mark_point(size=size, filled=not few, opacity=0.65, color=COLOURS["data"]).encode(y=y))
    if not drawn["segment"].count():
        return layers
    fitted = base.transform_filter("datum.segment != null")
    layers.append(
        fitted.mark_line(strokeWidth=2.5, interpolate="step-after", color=COLOURS["strong"]).encode(
            y=alt.Y("segment:Q", axis=axis, scale=scale)
        )
    )
    return layers


def _change_marks(points: pl.DataFrame, drawn: pl.DataFrame, tz: str) -> list[alt.Chart | alt.LayerChart]:
    """A band from the earliest to the latest day, a rule at the day itself, and the change in words above it."""
    import altair as alt

    width = max(drawn.height - 1, 1)
    first = drawn["date"][0]
    ends = [(along_axis(at, first, width),) * 2 + (text,) for at, text in points.select("on", "label").rows()]
    places, _ = place_names(ends, width=AXIS, rows=3)
    moment = "%Y-%m-%dT00:00:00Z"
    last = drawn["date"][-1]
    rows = points.select(
        day=pl.col("on").dt.strftime("%a %d %b %Y"),
        at=pl.col("on").dt.strftime(moment),
        begin=pl.col("earliest").clip(lower_bound=first).dt.strftime(moment),
        end=pl.min_horizontal(pl.col("latest") + pl.duration(days=1), pl.lit(last)).dt.strftime(moment),
        between=pl.format("{} to {}", pl.col("earliest").dt.to_string(), pl.col("latest").dt.to_string()),
        label=pl.col("label"),
        change=pl.col("change"),
        top=pl.Series([8 + 14 * place.row for place in places], dtype=pl.Int64),
        side=pl.Series([place.side for place in places], dtype=pl.String),
    )
    base = alt.Chart(rows).encode(
        tooltip=[
            alt.Tooltip("change:N", title="change"),
            alt.Tooltip("day:N", title="first day of the new level"),
            alt.Tooltip("between:N", title="between (95 %)"),
        ]
    )
    x, y2 = day_axis(drawn, tz), alt.value(_LEVELS)
    band = base.mark_rect(opacity=0.14, color=COLOURS["strong"])
    begin = day_axis(drawn, tz, field="begin")
    rule = base.mark_rule(strokeDash=[4, 3], strokeWidth=1.5, opacity=0.8, color=COLOURS["strong"])
    layers: list[alt.Chart | alt.LayerChart] = [
        band.encode(x=begin, x2="end:T", y=alt.value(0), y2=y2),
        rule.encode(x=x, y=alt.value(0), y2=y2),
    ]
    for side in sorted(set(rows["side"]) - {""}):
        text = base.transform_filter(alt.datum.side == side).mark_text(
            align="left" if side == "right" else "right", dx=6 if side == "right" else -6, fontWeight=600
        )
        layers.append(text.encode(x=x, y=alt.Y("top:Q", scale=None, axis=None), text="label:N"))
    return layers


def _points(events: pl.DataFrame, change_points: pl.DataFrame | None, tz: str) -> pl.DataFrame:
    """One row per change point: node_id, on, earliest, latest, label (short), change (in words)."""
    if change_points is None:
        on = pl.col("at").dt.convert_time_zone(tz).dt.date()
        text = pl.col("text")
        return events.filter(pl.col("kind") == _POINT).select(
            "node_id", on=on, earliest=on, latest=on, label=text.str.slice(0, 30), change=text
        )
    percents = pl.Series([_signed(percent) for percent in change_points["change_percent"]], dtype=pl.String)
    levels = [
        f"{sign}: {duration_text(before)} → {duration_text(after)}"
        for sign, before, after in zip(percents, change_points["before_ms"], change_points["after_ms"], strict=True)
    ]
    return change_points.select(
        "node_id", "on", "earliest", "latest", label=percents, change=pl.Series(levels, dtype=pl.String)
    ).sort("on")


def _within(events: pl.DataFrame, first: date, last: date, tz: str) -> pl.DataFrame:
    """The events from the first day to the last, by the clock of the zone: at, until (naive), kind, node_id, text."""
    begin, end = datetime.combine(first, time(0)), datetime.combine(last + timedelta(days=1), time(0))
    local = [pl.col(name).dt.convert_time_zone(tz).dt.replace_time_zone(None) for name in ("at", "until")]
    return (
        events.with_columns(*local)
        .filter((pl.col("at") < end) & (pl.coalesce("until", "at") >= begin))
        .with_columns(pl.col("at").clip(lower_bound=begin), pl.col("until").clip(upper_bound=end))
        .sort("at", "kind", "text")
        .select(*_EVENT)
    )


def _as_events(of_steps: pl.DataFrame) -> pl.DataFrame:
    """The change points of steps as marks of a lane, named by step and size."""
    names = [short(split_node_path(node_id)[-1], most=24) for node_id in of_steps["node_id"]]
    return of_steps.with_columns(_step=pl.Series(names, dtype=pl.String)).select(
        at=pl.col("on").cast(pl.Datetime("us")),
        until=pl.lit(None, dtype=pl.Datetime("us")),
        kind=pl.lit(STEP),
        node_id="node_id",
        text="change",
        label=pl.format("{} {}", "_step", "label"),
    )


_EVENT: Final = (
    pl.col("at", "until").cast(pl.Datetime("us")),
    pl.col("kind", "node_id", "text"),
    pl.lit(None, dtype=pl.String).alias("label"),
)


def _calendar(known: pl.DataFrame, changes: pl.Series, unit: TimeUnit) -> pl.DataFrame:
    """A row for each day, also for those without runs, over which a level holds until it changes."""
    every = known.upsample("date", every="1d") if known.height > 1 else known
    part = every["date"].search_sorted(changes).to_list() if changes.len() else []
    level_number = pl.Series(range(every.height)).is_in(part).cum_sum() if part else pl.lit(0)
    held = every.with_columns(_level=level_number).select(
        pl.col("segment_ms").forward_fill().backward_fill().over("_level")
    )["segment_ms"]
    texts = {
        name: pl.Series([duration_text(ms) for ms in values], dtype=pl.String)
        for name, values in (("typical", every["level_ms"]), ("fitted", held))
    }
    return every.select("date", day="date").with_columns(
        at=at_midnight(),
        day=written(),
        n=every["n"].fill_null(0),
        level=every["level_ms"] / unit.ms,
        segment=held / unit.ms,
        **texts,
    )


def _domain(least: float, largest: float) -> tuple[list[float], bool]:
    """From 0 where that leaves half of the height for what differs, else from just below the least; whether cut."""
    if largest <= 0 or least < largest / 2:
        return [min(0.0, least), (largest or 1.0) * 1.25], False
    room = (largest - least) or largest * 0.1
    return [max(0.0, least - 0.15 * room), largest + 0.3 * room], True


def _signed(percent: float | None) -> str:
    if percent is None:
        return "changed"
    return f"{'+' if percent > 0 else '−'}{percent_text(abs(percent) / 100)}"


def _subtitle(known: pl.DataFrame, workflow_id: str, tz: str) -> str:
    n = int(known["n"].sum()) if known.height else 0
    return f"{short(workflow_id)} · {count_text(n, 'run')} on {count_text(known.height, 'day')} · days in {tz}"


def _title(known: pl.DataFrame, points: pl.DataFrame, slow: pl.DataFrame) -> str:
    whole = points.filter(pl.col("node_id").is_null()).sort("on")
    if known.height == 1:
        return f"A run takes about {duration_text(known['level_ms'][0])}, on the one day"
    of_steps = points.filter(pl.col("node_id").is_not_null())
    if whole.is_empty():
        beside = f", but {_of_steps(of_steps)}" if of_steps.height else ""
        if slow.height:
            begin, end, text = slow.select("at", "until", "text").row(0)
            return f"Whole runs {text}, from {begin.day} {begin:%B} to {end.day} {end:%B}{beside}"
        return f"No change of whole runs is found in {count_text(known.height, 'day')}{beside}"
    on: date = whole["on"][-1]
    change = whole["change"][-1]
    since = f"{on.day} {on:%B}"
    if whole.height == 1:
        return f"Whole runs changed level once, on {since}; {change}"
    times = "twice" if whole.height == 2 else f"{whole.height} times"
    return f"Whole runs changed level {times}; last on {since}, {change}"


def _of_steps(points: pl.DataFrame) -> str:
    """How many changes there are of how many steps."""
    steps = points["node_id"].n_unique()
    return f"{count_text(points.height, 'change')} of {'one step' if steps == 1 else f'{steps} steps'}"
