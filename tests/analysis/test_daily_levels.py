from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import groupby
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given

from rpa_lab.analysis.daily_levels import (
    EXECUTION_COLUMNS,
    STEP_COLUMNS,
    days_that_count,
    levels_of_executions,
    levels_of_steps,
)
from tests import oracles, strategies


def _runs(rows: list[tuple[datetime, str, float | None]]) -> pl.LazyFrame:
    told = [
        {"execution_id": f"e{n}", "workflow_id": "w", "started_at": at, "status": status, "duration_ms": ms}
        for n, (at, status, ms) in enumerate(rows)
    ]
    return strategies.frame("executions", told).select(EXECUTION_COLUMNS).lazy()


def test_six_runs_by_hand() -> None:
    morning, midnight = datetime(2026, 11, 3, 9, tzinfo=UTC), datetime(2026, 11, 3, 23, 30, tzinfo=UTC)
    runs = _runs(
        [
            (morning, "completed", 100.0),
            (morning, "completed", 400.0),
            (morning, "failed", 9.0),  # failing early isn't faster
            (morning, "completed", None),
            (midnight, "completed", 50.0),  # the next day in Paris
            (midnight, "running", None),
        ]
    )

    levels = levels_of_executions(runs, tz="Europe/Paris").sort("date").collect()

    assert levels["date"].to_list() == [date(2026, 11, 3), date(2026, 11, 4)]
    assert levels["level"].exp().to_list() == pytest.approx([200.0, 50.0])  # the geometric mean
    assert levels["n"].to_list() == [2, 1]
    assert levels["node_id"].to_list() == [None, None]


def test_retries_make_no_attempt_slower() -> None:
    at = datetime(2026, 11, 3, 9, tzinfo=UTC)
    steps = pl.LazyFrame(
        {
            "workflow_id": "w",
            "status": ["completed", "completed", "skipped"],
            "started_at": at,
            "duration_ms": [300.0, 300.0, 1.0],
            "node_id": ["once", "thrice", "once"],
            "retry_count": [None, 2, 0],
        },
        schema_overrides={"retry_count": pl.Int64},
    ).select(STEP_COLUMNS)

    levels = levels_of_steps(steps, tz="UTC").sort("node_id").collect()

    assert levels["level"].exp().to_list() == pytest.approx([300.0, 100.0])


@given(strategies.steps(min_size=1))
def test_levels_are_those_of_a_plain_loop(steps: pl.DataFrame) -> None:
    zone = ZoneInfo("Europe/Paris")
    rows = [
        (
            row["workflow_id"],
            row["node_id"],
            row["started_at"].astimezone(zone).date(),
            row["duration_ms"] / (1 + row["retry_count"]),
        )
        for row in steps.with_columns(pl.col("retry_count").fill_null(0)).iter_rows(named=True)
        if row["status"] == "completed" and row["duration_ms"] is not None and row["started_at"] is not None
    ]
    expected = {
        key: (oracles.winsorised_level(row[3] for row in mine), len(rows_of))
        for key, group in groupby(sorted(rows), key=lambda row: row[:3])
        for rows_of in [list(group)]
        for mine in [rows_of]
    }

    found = levels_of_steps(steps.select(STEP_COLUMNS).lazy(), tz="Europe/Paris").collect()

    got = {(w, node, day): (level, n) for w, node, day, level, n in found.iter_rows()}
    assert got.keys() == expected.keys()
    for key, (level, n) in expected.items():
        assert got[key] == (pytest.approx(level, abs=1e-8), n)


def test_a_day_with_less_than_a_fifth_of_the_usual_runs_does_not_count() -> None:
    days = [date(2026, 11, day) for day in (1, 2, 3, 4)]
    levels = pl.DataFrame({"workflow_id": "w", "date": days, "level": 1.0, "n": [10, 10, 2, 1]})
    levels = levels.with_columns(node_id=pl.lit(None, pl.String))

    assert days_that_count(levels)["counts"].to_list() == [True, True, True, False]  # of 6, as usual: 1.2
