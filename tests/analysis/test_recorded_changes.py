from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.analysis.recorded_changes import (
    CHANGE_COLUMNS,
    FIRST_SEEN_COLUMNS,
    REACH_DAYS,
    first_seen,
    nearest_changes,
    recorded_changes,
)
from tests import oracles, strategies

START = datetime(2026, 11, 1, 9, tzinfo=UTC)


def _runs(rows: list[tuple[float, str, str]], workflow_id: str = "w") -> pl.LazyFrame:
    told = [
        {
            "execution_id": f"e{n}",
            "workflow_id": workflow_id,
            "started_at": START + timedelta(days=day),
            "workflow_version": version,
            "host": host,
        }
        for n, (day, version, host) in enumerate(rows)
    ]
    return strategies.frame("executions", told).select(FIRST_SEEN_COLUMNS).lazy()


def _changes(rows: list[dict[str, Any]]) -> pl.LazyFrame:
    told = [{"change_id": f"c{n}", "kind": "note", "text": f"text {n}"} | row for n, row in enumerate(rows)]
    return strategies.frame("changes", told).select(CHANGE_COLUMNS).lazy()


def test_what_the_records_begin_with_is_no_change() -> None:
    seen = first_seen(
        _runs([(0, "1", "a"), (0.9, "2", "a"), (1, "3", "b"), (6.9, "3", "c"), (7, "3", "d"), (9, "1", "a")])
    )

    assert sorted(seen.select("text").collect()["text"]) == ["d was first used", "version 3 went live"]


def test_each_workflow_has_a_beginning_of_its_own() -> None:
    runs = pl.concat([_runs([(0, "1", "a")]), _runs([(20, "1", "a"), (23, "2", "a")], "later")])

    assert first_seen(runs).collect().select("workflow_id", "version").rows() == [("later", "2")]


def test_a_version_that_was_written_down_is_told_once() -> None:
    seen = first_seen(_runs([(0, "1", "a"), (10, "2", "a"), (20, "3", "a")]))
    written = _changes([{"at": START + timedelta(days=9.5), "workflow_id": "w", "kind": "release", "version": "2"}])

    assert recorded_changes(written, seen).collect().select("kind", "version").rows() == [
        ("release", "2"),
        ("version", "3"),
    ]


def test_a_change_without_a_text_is_told_by_what_it_brought() -> None:
    nothing: dict[str, Any] = {"text": None, "at": START}
    rows = [nothing | {"kind": "release", "version": "2"}, nothing | {"host": "a"}, nothing]
    told = recorded_changes(_changes(rows), first_seen(_runs([]))).collect()

    assert sorted(told["text"]) == ["note", "note a", "release 2"]


def test_of_two_as_near_the_one_before_and_of_two_then_what_was_written() -> None:
    on = date(2026, 11, 15)
    points = pl.DataFrame({"workflow_id": ["w"], "on": [on], "earliest": [on], "latest": [on]})
    days = {"after": 16, "host first seen": 14, "version first seen": 14, "written": 14}
    kinds = {"host first seen": "host", "version first seen": "version"}

    for said in (days, {text: day for text, day in days.items() if text != "written"}):
        rows = [
            {"at": datetime(2026, 11, day, 9, tzinfo=UTC), "kind": kinds.get(text, "note"), "text": text}
            for text, day in said.items()
        ]
        changes = recorded_changes(_changes(rows), first_seen(_runs([]))).collect()
        found = nearest_changes(points, changes, tz="UTC").row(0, named=True)
        assert found["change_text"] == ("written" if "written" in said else "version first seen")
        assert found["change_days_away"] == -1.0


@given(
    st.lists(
        st.tuples(
            st.integers(-14 * 24, 14 * 24),
            st.sampled_from(["version", "host", "release", "note"]),
            st.sampled_from(["w", "other", None]),
        ),
        max_size=8,
    ),
    st.tuples(st.integers(0, 10), st.integers(0, 10)),
)
def test_the_nearest_change_is_that_of_a_plain_loop(
    told: list[tuple[int, str, str | None]], wide: tuple[int, int]
) -> None:
    on, noon = date(2026, 11, 15), datetime(2026, 11, 15, 12, tzinfo=UTC)
    rows = [
        {"at": noon + timedelta(hours=hours), "kind": kind, "workflow_id": of, "text": f"{n}"}
        for n, (hours, kind, of) in enumerate(told)
    ]
    earliest, latest = on - timedelta(days=wide[0]), on + timedelta(days=wide[1])
    points = pl.DataFrame({"workflow_id": ["w"], "on": [on], "earliest": [earliest], "latest": [latest]})
    changes = recorded_changes(_changes(rows), first_seen(_runs([]))).collect()

    found = nearest_changes(points, changes, tz="America/New_York").row(0, named=True)

    mine = [row for row in rows if row["workflow_id"] != "other"]
    zone = ZoneInfo("America/New_York")
    expected = oracles.nearest_change(on, (earliest, latest), mine, reach=REACH_DAYS, zone=zone)
    assert found["change_text"] == (expected and expected["text"])
    if expected:
        assert found["change_days_away"] == (expected["at"].astimezone(zone).date() - on).days
        assert found["change_workflow_id"] == expected["workflow_id"]
