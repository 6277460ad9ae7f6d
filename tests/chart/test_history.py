"""The chart of what became of a workflow, and what happened beside it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.chart.history import history_timeline
from rpa_lab.chart.lanes import Placed, place_names
from rpa_lab.report.block import Chart

if TYPE_CHECKING:
    import altair as alt

    from tests.chart.conftest import Draw

_FIRST = date(2026, 10, 1)
_HOSTILE = ["<b>x</b>", "${alert(1)}", "datum.n", "%Y", "a\nb", "'); alert(1); ('", "\\", "a/0"]
_POINT: dict[str, Any] = {
    "workflow_id": pl.String,
    "node_id": pl.String,
    **dict.fromkeys(("on", "earliest", "latest"), pl.Date),
    **dict.fromkeys(("before_ms", "after_ms", "change_percent"), pl.Float64),
}
_EVENT: dict[str, Any] = {
    **dict.fromkeys(("at", "until"), pl.Datetime("us", "UTC")),
    **dict.fromkeys(("kind", "node_id", "text"), pl.String),
}


def _on(day: int) -> date:
    return _FIRST + timedelta(days=day)


def _days(n: int, *, changed: int) -> pl.DataFrame:
    """Days of which each seventh has no run, and whose level is 25 % higher from one on."""
    at = [number for number in range(n) if number % 7 != 6]
    level = [50e3 if number >= changed else 40e3 for number in at]
    return pl.DataFrame(
        {"date": [_on(number) for number in at], "level_ms": level, "n": 30, "segment_ms": level}
    ).with_columns(level_ms=pl.col("level_ms") * (1 + 0.02 * (pl.int_range(pl.len()) % 3 - 1)))


def _points(*days: int, node_id: str | None = None) -> pl.DataFrame:
    rows = [("w", node_id, _on(day), _on(day - 1), _on(day + 1), 40e3, 50e3, 25.0) for day in days]
    return pl.DataFrame(rows, schema=_POINT, orient="row")


def _events(*events: tuple[int, int, str, str]) -> pl.DataFrame:
    """Each with its day, how many hours it lasts (0: at once), its kind and its text; at nine by UTC."""
    rows = [
        (at, at + timedelta(hours=hours) if hours else None, kind, None, text)
        for day, hours, kind, text in events
        for at in [datetime.combine(_on(day), time(9), UTC)]
    ]
    return pl.DataFrame(rows, schema=_EVENT, orient="row")


def _draw(days: pl.DataFrame, events: pl.DataFrame, **said: Any) -> alt.LayerChart:
    return history_timeline(days, events, **({"workflow_id": "payroll", "tz": "UTC"} | said))


def _data(chart: alt.LayerChart, column: str) -> list[dict[str, Any]]:
    """The rows of the chart's data that have such a column."""
    found = [rows for rows in chart.to_dict()["datasets"].values() if rows and column in rows[0]]
    return [row for rows in found for row in rows]


def test_levels_change_points_and_events_share_one_axis(draw: Draw) -> None:
    events = _events((9, 0, "version", "version 2.4 went live"), (3, 5, "outage", "out"), (20, 0, "note", "new portal"))
    points = pl.concat([_points(10), _points(10, node_id="form > submit")])
    chart = _draw(_days(30, changed=10), events, change_points=points)

    assert Chart.of(chart).title == "Whole runs changed level once, on 11 October; +25 %: 40 s → 50 s"
    assert "diamonds: 1 change of one step" in str(chart.to_dict()["title"])
    svg = draw(chart)
    for said in ("version 2.4 went live", "5 h", "new portal", "submit +25 %", "versions", "outages", "notes", "steps"):
        assert f">{said}</text>" in svg
    (band,) = _data(chart, "begin")
    assert (band["begin"][:10], band["at"][:10], band["end"][:10]) == ("2026-10-10", "2026-10-11", "2026-10-13")


def test_changes_of_whole_runs_and_of_steps_are_counted_apart() -> None:
    steps = [_points(5, 12, node_id="login"), _points(9, node_id="submit")]
    both = _draw(_days(30, changed=10), _events(), change_points=pl.concat([_points(10, 20), *steps]))
    only_steps = _draw(_days(30, changed=40), _events(), change_points=pl.concat(steps))

    assert Chart.of(both).title.startswith("Whole runs changed level twice; last on 21 October")
    assert "diamonds: 3 changes of 2 steps" in str(both.to_dict()["title"])
    assert Chart.of(only_steps).title == "No change of whole runs is found in 26 days, but 3 changes of 2 steps"


def test_a_slow_move_is_a_change_too(draw: Draw) -> None:
    events = _events((5, 24 * 12, "drift", "moved slowly by +67 %"))
    of_step = events.with_columns(node_id=pl.lit("login"))

    assert Chart.of(_draw(_days(30, changed=40), events, change_points=_points())).title == (
        "Whole runs moved slowly by +67 %, from 6 October to 18 October"
    )
    chart = _draw(_days(30, changed=40), of_step, change_points=_points())
    assert Chart.of(chart).title == "No change of whole runs is found in 26 days"
    assert "drifts" in draw(chart)


def test_a_level_holds_over_days_without_runs_until_it_changes() -> None:
    chart = _draw(_days(15, changed=13), _events(), change_points=_points(13))
    fitted = {row["at"][:10]: (row["n"], row["segment"]) for row in _data(chart, "segment")}

    assert fitted["2026-10-07"] == (0, 40.0)
    assert fitted["2026-10-14"] == (0, 50.0)  # the day of the change, without a run
    assert fitted["2026-10-13"] == (30, 40.0)


def test_an_event_stands_where_the_zones_clock_shows_it() -> None:
    late = _events((5, 16, "version", "v"))
    chart = _draw(_days(30, changed=40), late, tz="Asia/Tokyo")
    (mark,) = _data(chart, "what")

    assert (mark["at"], mark["end"]) == ("2026-10-06T18:00:00Z", "2026-10-07T10:00:00Z")
    assert mark["when"] == "Tue 06 Oct 2026 18:00 to Wed 07 Oct 10:00"


def test_events_outside_of_the_days_are_not_drawn() -> None:
    events = _events((-3, 0, "note", "before"), (-1, 60, "outage", "over the beginning"), (40, 0, "note", "after"))
    (mark,) = _data(_draw(_days(30, changed=40), events), "what")
    assert (mark["what"], mark["at"][:10]) == ("over the beginning", "2026-10-01")


def test_without_a_table_change_points_are_read_from_the_events(draw: Draw) -> None:
    events = _events((10, 0, "change point", "runs take 25 % longer"))
    chart = _draw(_days(30, changed=10), events)
    assert Chart.of(chart).title == "Whole runs changed level once, on 11 October; runs take 25 % longer"
    draw(chart)


@pytest.mark.parametrize("days", [1, 2, 7, 365, 1_500])
def test_few_and_many_days_are_drawn(days: int, draw: Draw) -> None:
    chart = _draw(_days(days, changed=10_000), _events())
    if days == 1:
        assert Chart.of(chart).title == "A run takes about 39.2 s, on the one day"
    else:
        assert Chart.of(chart).title.startswith("No change of whole runs is found in")
    draw(chart)


def test_no_days_are_said(draw: Draw) -> None:
    assert "nothing to draw" in draw(_draw(_days(5, changed=9).clear(), _events()))


def test_two_hundred_events_are_all_drawn_and_as_many_named_as_fit(draw: Draw) -> None:
    events = _events(*((number % 300, 0, "note", f"something happened, number {number}") for number in range(200)))
    chart = _draw(_days(365, changed=100), events, change_points=_points(100, 101, 102))
    marks = _data(chart, "what")

    assert len(marks) == 200
    assert 5 <= sum(bool(mark["side"]) for mark in marks) < 40
    assert len({mark["row"] for mark in marks}) <= 4
    assert "notes (200)" in draw(chart)


def test_what_people_wrote_is_only_text(draw: Draw) -> None:
    for name in _HOSTILE:
        events = _events((3, 0, name, name), (5, 0, name, name))
        svg = draw(_draw(_days(30, changed=9), events, change_points=_points(9, node_id=name), workflow_id=name))
        assert "<b>" not in svg


def test_marks_that_come_close_take_the_next_row_and_at_the_end_the_left_side() -> None:
    marks = [(10.0, 10.0, "version 2.3"), (40.0, 40.0, "version 2.4"), (690.0, 690.0, "2.5"), (41.0, 41.0, "x" * 90)]
    places, used = place_names(marks, width=700)

    assert places == [
        Placed(row=0, side="right"),
        Placed(row=1, side="right"),
        Placed(row=0, side="left"),
        Placed(row=2, side=""),  # no room for its name, and on both rows it would cover one
    ]
    assert used == [0, 1, 2]


@given(
    st.lists(st.tuples(st.floats(0, 600), st.floats(0, 100), st.text("abc ", max_size=40)), max_size=40),
    st.integers(1, 3),
)
def test_no_name_runs_into_another_name_or_mark_or_beyond_the_axis(
    marks: list[tuple[float, float, str]], rows: int
) -> None:
    at = [(begin, begin + length, name) for begin, length, name in marks]
    places, used = place_names(at, width=700, rows=rows)
    spans = []
    for (begin, end, name), place in zip(at, places, strict=True):
        assert place.row in used
        long = 5.8 * len(name) + 9
        if place.side == "left":
            spans.append((place.row, begin - long, end, True))
        else:
            spans.append((place.row, begin, end + (long if place.side else 0), bool(place.side)))
    assert all(span[1] > -1e-6 and span[2] < 701 for span in spans if span[3])
    for number, (row, begin, end, named) in enumerate(spans):
        for other_row, other_begin, other_end, other_named in spans[:number]:
            if row == other_row and (named or other_named):
                assert end <= other_begin or begin >= other_end
