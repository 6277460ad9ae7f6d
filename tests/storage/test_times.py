from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rpa_lab import TimeSeriesStore
from rpa_lab.errors import InputError
from tests.storage.runs import AT, execution, step


def test_relative_periods_count_back_from_as_of(root: Path) -> None:
    TimeSeriesStore(root).write_metrics([execution("old", AT - timedelta(days=3)), execution("new", AT)])

    def ids(as_of: Any) -> list[str]:
        return TimeSeriesStore(root, as_of=as_of).read("executions", "2d")["execution_id"].to_list()

    assert ids("latest") == ["new"]
    assert ids(AT - timedelta(days=2)) == ["old"]
    assert ids("2026-11-01T12:00:00+00:00") == ["old"]
    assert TimeSeriesStore(root, as_of="latest").now == AT + timedelta(seconds=5, microseconds=1)  # when it ended
    assert abs(TimeSeriesStore(root).now - datetime.now(UTC)) <= timedelta(minutes=1)
    with pytest.raises(InputError, match="as_of is 'newest', expected 'latest' or an ISO 8601 time"):
        TimeSeriesStore(root, as_of="newest")


def test_the_newest_start_is_at_most_tomorrow(root: Path) -> None:
    store = TimeSeriesStore(root, as_of="latest")
    assert abs(store.now - datetime.now(UTC)) <= timedelta(minutes=1)  # an empty store: the present
    store.write_metrics([execution("future", datetime.now(UTC) + timedelta(days=300))])

    assert store.now - datetime.now(UTC) <= timedelta(days=1, minutes=1)


@pytest.mark.parametrize(
    ("runs", "latest"),
    [
        ([(0, 60)], 60),
        ([(0, None)], 0),
        ([(0, 90), (60, 61)], 90),
        ([(-1440, 120), (60, None)], 120),  # it began the day before
        ([(0, 60), (30, -200)], 60),  # its clock was set back
        ([(0, 7 * 1440)], 1440),  # at most a day later, however long
    ],
)
def test_the_latest_is_when_what_began_last_had_ended(
    root: Path, runs: list[tuple[int, int | None]], latest: int
) -> None:
    minute = timedelta(minutes=1)
    rows = [
        {
            "execution_id": f"e{number}",
            "workflow_id": "w",
            "started_at": AT + start * minute,
            "completed_at": None if end is None else AT + end * minute,
            "status": "running" if end is None else "completed",
        }
        for number, (start, end) in enumerate(runs)
    ]
    TimeSeriesStore(root).write_frame(
        "executions", pl.DataFrame(rows, schema_overrides={"completed_at": pl.Datetime("us", "UTC")})
    )

    assert TimeSeriesStore(root, as_of="latest").now == AT + latest * minute + timedelta(microseconds=1)


def test_all_is_what_the_store_holds(root: Path) -> None:
    store = TimeSeriesStore(root)
    store.write_metrics([execution("a", AT), step("a", AT + timedelta(days=2))])

    assert str(store.span("all")) == "2026-11-03T00:00:00Z/2026-11-06T00:00:00Z"
