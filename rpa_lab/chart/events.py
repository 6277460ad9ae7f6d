"""Events on lanes below a chart over days: one lane for each kind, names beside the marks where there is room."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from rpa_lab.chart.day_axis import day_axis
from rpa_lab.chart.lanes import place_names
from rpa_lab.chart.theme import COLOURS, short
from rpa_lab.units import duration_text

if TYPE_CHECKING:
    import altair as alt

__all__ = ["AXIS", "STEP", "along_axis", "lane_layers", "lane_marks"]

AXIS: Final = 640
"""How long the axis is for which names are placed, pixels."""

STEP: Final = "change of a step"
"""The kind of an event that is the change of a step's level."""

_OTHER: Final = "other"
_MANY: Final = 10  # from so many events on a lane says their number
_LANES: Final = {
    STEP: ("steps", "#8d7aa8", "diamond"),
    "drift": ("drifts", "#8d7aa8", "stroke"),
    "version": ("versions", "#4f9484", "triangle-up"),
    "release": ("releases", "#4f9484", "triangle-right"),
    "host": ("hosts", "#dba13a", "square"),
    "outage": ("outages", COLOURS["failed"], "square"),
    _OTHER: ("notes", "#7d7d7d", "circle"),
}
"""Each lane's name, colour and mark, from the top."""


def lane_marks(events: pl.DataFrame, *, first: date, last: date) -> tuple[pl.DataFrame, list[str]]:
    """Where each event stands.

    Parameters
    ----------
    events : polars.DataFrame
        ``at`` and ``until`` (by the clock that the axis shows), ``kind``, ``node_id``, ``text``, and ``label``: what
        stands beside the mark; null where that is the text itself.
    first, last : date
        The axis' first and last day.

    Returns
    -------
    polars.DataFrame
        One row per event: where its mark is, and on which side of it its name.
    list of str
        The rows of the lanes, from the top: the lane's name, a line feed, and the row's number within the lane.
    """
    lane = pl.when(pl.col("kind").is_in([*_LANES])).then("kind").otherwise(pl.lit(_OTHER))
    longest_first = events.with_columns(lane=lane).sort(
        pl.col("until") - pl.col("at"), "at", "text", descending=[True, False, False], nulls_last=True
    )
    marks: list[tuple[str | None, ...]] = []
    rows: list[str] = []
    for key, of in longest_first.partition_by("lane", as_dict=True, maintain_order=True).items():
        found, used = _marks_of_lane(str(key[0]), of, first=first, last=last)
        marks += found
        rows += used
    order = [name for name, _, _ in _LANES.values()]
    columns = ("at", "end", "text_at", "lane", "row", "side", "name", "what", "when", "kind")
    drawn = pl.DataFrame(marks, schema=dict.fromkeys(columns, pl.String), orient="row")
    of_row = dict(drawn.select("row", "lane").rows())
    return drawn, sorted(rows, key=lambda row: (order.index(of_row[row]), rows.index(row)))


def _marks_of_lane(
    lane: str, events: pl.DataFrame, *, first: date, last: date
) -> tuple[list[tuple[str | None, ...]], list[str]]:
    held = events.rows(named=True)
    days = (last - first).days or 1
    ends = [
        (along_axis(row["at"], first, days), along_axis(row["until"] or row["at"], first, days), _name(row))
        for row in held
    ]
    places, used = place_names(ends, width=AXIS, rows=3 if lane == _OTHER else 2)
    name = _LANES[lane][0] if lane != _OTHER or events["kind"].n_unique() > 1 else _plural(held[0]["kind"])
    name = name if len(held) < _MANY else f"{name} ({len(held):,})"
    marks: list[tuple[str | None, ...]] = [
        (
            _iso(row["at"]),
            None if row["until"] is None else _iso(row["until"]),
            _iso(row["at"] if place.side == "left" else row["until"] or row["at"]),
            _LANES[lane][0],
            f"{name}\n{used.index(place.row)}",
            place.side,
            said,
            _what(row),
            _when(row["at"], row["until"], whole_day=lane == STEP),
            row["kind"],
        )
        for row, place, (_, _, said) in zip(held, places, ends, strict=True)
    ]
    return marks, [f"{name}\n{number}" for number in range(len(used))]


def lane_layers(
    marks: pl.DataFrame, rows: list[str], *, top: int, bottom: int, days: pl.DataFrame, tz: str
) -> list[alt.Chart | alt.LayerChart]:
    """The lanes as layers of a chart over days.

    Parameters
    ----------
    marks, rows
        From `lane_marks`.
    top, bottom : int
        Between which heights they lie, pixels from the top of the plot.
    days : polars.DataFrame
        What the chart above them draws, for `day_axis`.
    tz : str
        The zone in which a day begins.

    Returns
    -------
    list of altair.Chart
    """
    import altair as alt

    axis = alt.Axis(
        title=None,
        labelExpr="split(datum.value, '\\n')[1] === '0' ? split(datum.value, '\\n')[0] : ''",
        labelOpacity=0.95,
        grid=True,
        gridOpacity=0.06,
        orient="left",
        labelOverlap=False,
    )
    names, hues, shapes = map(list, zip(*_LANES.values(), strict=True))
    base = alt.Chart(marks).encode(
        x=day_axis(days, tz),
        y=alt.Y("row:N", axis=axis, scale=alt.Scale(domain=rows, range=[top, bottom], type="band"), sort=None),
        color=alt.Color("lane:N", scale=alt.Scale(domain=names, range=hues), legend=None),
        tooltip=[
            alt.Tooltip("what:N", title="what"),
            alt.Tooltip("when:N", title="when"),
            alt.Tooltip("kind:N", title="kind"),
        ],
    )
    shape = alt.Shape("lane:N", scale=alt.Scale(domain=names, range=shapes), legend=None)
    layers: list[alt.Chart | alt.LayerChart] = []
    if marks["end"].count():  # a layer without rows makes a browser complain
        stretches = base.transform_filter("datum.end != null")
        layers.append(stretches.mark_rule(strokeWidth=5, opacity=0.5).encode(x2="end:T"))
    layers.append(base.mark_point(size=34, filled=True, opacity=0.9).encode(shape=shape))
    for side in sorted(set(marks["side"]) - {""}):
        text = base.transform_filter(alt.datum.side == side).mark_text(
            align="left" if side == "right" else "right", dx=7 if side == "right" else -7, fontSize=10.5
        )
        anchor = day_axis(days, tz, field="text_at")
        layers.append(text.encode(x=anchor, text="name:N", color=alt.value("currentColor")))
    return layers


def along_axis(at: date, first: date, days: int) -> float:
    """Where a moment stands on an axis of so many days from the first one on, pixels."""
    moment = at if isinstance(at, datetime) else datetime.combine(at, time(0))
    return (moment - datetime.combine(first, time(0))) / timedelta(days=1) / days * AXIS


def _plural(kind: str) -> str:
    return short(kind if kind.endswith("s") else f"{kind}s", most=16)


def _name(row: dict[str, Any]) -> str:
    """What stands beside a mark."""
    if row["label"] is not None:
        return str(row["label"])
    if row["kind"] == "outage" and row["until"] is not None:
        return duration_text((row["until"] - row["at"]) / timedelta(milliseconds=1))
    return short(str(row["text"] or row["kind"]), most=36)


def _what(row: dict[str, Any]) -> str:
    step = "" if row["node_id"] is None else f"{short(row['node_id'], most=80)}: "
    return f"{step}{short(str(row['text'] or row['kind']), most=160)}"


def _when(at: datetime, until: datetime | None, *, whole_day: bool) -> str:
    begin = f"{at:%a %d %b %Y}" if whole_day else f"{at:%a %d %b %Y %H:%M}"
    if until is None:
        return begin
    return f"{begin} to {until:%H:%M}" if until.date() == at.date() else f"{begin} to {until:%a %d %b %H:%M}"


def _iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}Z"
