from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from rpa_lab.analysis.changes import ChangePoint, ChangePoints, RecordedChange, since_text

ON = date(2026, 11, 3)
LIVE = RecordedChange(
    at=datetime(2026, 11, 3, 9, tzinfo=UTC),
    kind="release",
    workflow_id="payroll",
    version="2.4",
    host=None,
    text="payroll 2.4 on all hosts",
    days_away=0.0,
)
POINT = ChangePoint(
    workflow_id="payroll",
    node_id=None,
    on=ON,
    earliest=ON,
    latest=ON,
    before_ms=100.0,
    after_ms=141.0,
    change_percent=41.0,
    low_percent=36.0,
    high_percent=46.0,
    tz="UTC",
    nearest_change=LIVE,
)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (None, "since 3 November"),
        (LIVE, "since 3 November, when version 2.4 went live"),
        (replace(LIVE, host="vm-3"), "since 3 November, when version 2.4 came to vm-3"),
        (replace(LIVE, days_away=-1.0), "since 3 November, 1 day after version 2.4 went live"),
        (replace(LIVE, days_away=2.0), "since 3 November, 2 days before version 2.4 went live"),
        (replace(LIVE, workflow_id=None, text="SAP"), 'since 3 November, the day of "SAP"'),
        (replace(LIVE, kind="note", version=None, text="x", days_away=-3.0), 'since 3 November, 3 days after "x"'),
        (
            replace(LIVE, kind="host", version=None, host="vm-3", text="vm-3 was first used"),
            "since 3 November, when vm-3 was first used",
        ),
        (
            replace(LIVE, kind="host", version=None, host="vm-3", text="more memory"),
            'since 3 November, the day of "more memory"',
        ),
        (replace(LIVE, days_away=None), "since 3 November"),
        (
            replace(LIVE, kind="note", version=None, text="line one\n\n" + "x" * 560),
            f'since 3 November, the day of "line one {"x" * 70}…"',
        ),
    ],
)
def test_what_was_changed_is_said_as_a_neighbour_in_time(change: RecordedChange | None, said: str) -> None:
    assert since_text(ON, change) == said


def test_within_a_list_it_stands_in_brackets_and_parts_nothing_by_a_comma() -> None:
    assert since_text(ON, LIVE, aside=True) == "since 3 November (when version 2.4 went live)"
    assert since_text(ON, replace(LIVE, days_away=2.0), aside=True) == (
        "since 3 November (2 days before version 2.4 went live)"
    )
    assert since_text(ON, aside=True) == "since 3 November"


def test_a_change_point_says_what_moved_by_how_much_and_since_when() -> None:
    assert POINT.sentence == (
        "Runs of payroll take 41 % longer (+36 to +46 %) since 3 November, when version 2.4 went live."
    )
    vague = replace(POINT, node_id="Submit", latest=date(2026, 11, 5), change_percent=-12.0, nearest_change=None)
    assert vague.sentence == (
        "Submit in payroll takes 12 % less long (+36 to +46 %) since 3 November (95 %: 3 November to 5 November)."
    )
    assert "(50 %: 3 November to 5 November)" in replace(vague, level=0.5).sentence


def _found(*points: ChangePoint, drifts: list[tuple[object, ...]]) -> ChangePoints:
    rows = [
        {name: getattr(point, name) for name in ("workflow_id", "node_id", "on", "earliest", "latest", "before_ms")}
        | {name: getattr(point, name) for name in ("after_ms", "change_percent", "low_percent", "high_percent")}
        for point in points
    ]
    names = ("at", "kind", "text", "workflow_id", "version", "host", "days_away")
    texts = dict.fromkeys(("workflow_id", "node_id"), pl.String)
    dates = dict.fromkeys(("since", "until"), pl.Date)
    return ChangePoints(
        workflow_id="payroll",
        time_period="",
        tz="UTC",
        level=0.95,
        false_alarms_per_year=0.25,
        reach_days=7,
        table=pl.DataFrame(rows).with_columns(**{f"change_{name}": None for name in names}),
        drifts=pl.DataFrame(drifts, schema=texts | dates | {"change_percent": pl.Float64}, orient="row"),
    )


def test_a_slow_move_is_told_before_the_day_that_it_explains() -> None:
    point = replace(POINT, nearest_change=None)
    slow = (date(2026, 10, 20), date(2026, 11, 10))
    moved = "Runs of payroll take 41 % longer (+36 to +46 %) since 3 November."
    submit = "Submit in payroll came to take 60 % longer, little by little from 20 October to 10 November."

    assert _found(point, drifts=[("payroll", "Submit", *slow, 60.4)]).sentence == f"{submit} {moved}"
    for other in (("payroll", "Submit", *slow, -60.4), ("payroll", "Submit", slow[0], date(2026, 11, 2), 60.4)):
        assert _found(point, drifts=[other]).sentence == moved  # the other way, or over before that day
    assert _found(point, drifts=[("unknown", "Submit", *slow, 60.4)]).sentence == moved


def test_slow_moves_are_told_where_no_level_moved_at_once() -> None:
    slow = (date(2026, 10, 20), date(2026, 11, 10))
    step = replace(POINT, node_id="Login", nearest_change=None)

    assert _found(drifts=[("payroll", None, *slow, -12.2), ("payroll", "Submit", *slow, 60.4)]).sentence == (
        "Runs of payroll came to take 12 % less long, little by little from 20 October to 10 November."
    )
    assert _found(step, drifts=[("payroll", "Submit", *slow, 60.4)]).sentence == (
        "The level of payroll as a whole didn't move. "
        "Submit in payroll came to take 60 % longer, little by little from 20 October to 10 November. "
        "Login in payroll takes 41 % longer (+36 to +46 %) since 3 November."
    )


def test_what_was_changed_is_dated_by_the_clock_of_its_zone() -> None:
    paris = datetime(2026, 11, 3, 0, 30, tzinfo=ZoneInfo("Europe/Paris"))
    assert replace(LIVE, at=paris).sentence == "3 November: payroll 2.4 on all hosts."
    assert replace(LIVE, at=paris.astimezone(UTC)).sentence == "2 November: payroll 2.4 on all hosts."
    assert replace(LIVE, text="x" * 500).sentence == f"3 November: {'x' * 79}…."
