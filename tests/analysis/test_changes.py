from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from rpa_lab.analysis.changes import ChangePoint, RecordedChange, since_text

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
    ],
)
def test_what_was_changed_is_said_as_a_neighbour_in_time(change: RecordedChange | None, said: str) -> None:
    assert since_text(ON, change) == said


def test_a_change_point_says_what_moved_by_how_much_and_since_when() -> None:
    assert POINT.sentence == (
        "Runs of payroll take 41 % longer (+36 to +46 %) since 3 November, when version 2.4 went live."
    )
    vague = replace(POINT, node_id="Submit", latest=date(2026, 11, 5), change_percent=-12.0, nearest_change=None)
    assert vague.sentence == (
        "Submit in payroll takes 12 % less long (+36 to +46 %) since 3 November (95 %: 3 November to 5 November)."
    )
    assert "(50 %: 3 November to 5 November)" in replace(vague, level=0.5).sentence
