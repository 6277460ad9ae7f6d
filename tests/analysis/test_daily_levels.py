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
    levels_of_all_steps,
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

    got = {
        (w, node, day): (level, n)
        for w, node, day, level, n in found.select("workflow_id", "node_id", "date", "level", "n").iter_rows()
    }
    assert got.keys() == expected.keys()
    for key, (level, n) in expected.items():
        assert got[key] == (pytest.approx(level, abs=1e-8), n)


def test_a_day_with_less_than_a_fifth_of_the_usual_runs_does_not_count() -> None:
    days = [date(2026, 11, day) for day in (1, 2, 3, 4)]
    levels = pl.DataFrame({"workflow_id": "w", "date": days, "level": 1.0, "n": [10, 10, 2, 1]})
    levels = levels.with_columns(node_id=pl.lit(None, pl.String))

    assert days_that_count(levels)["counts"].to_list() == [True, True, True, False]  # of 6, as usual: 1.2


def test_all_steps_together_by_hand() -> None:
    """Two steps, as usual e^1 and e^3 ms; the second day both are slower by 0.3, on the third only the second ran."""
    days = [date(2026, 11, day) for day in (1, 2, 3)]
    whole, first, second = (
        pl.DataFrame(
            {"workflow_id": "w", "node_id": pl.Series([node] * len(level), dtype=pl.String), "date": on, "level": level}
        ).with_columns(n=pl.Series(n, dtype=pl.Int64), spread=pl.lit(spread))
        for node, on, level, n, spread in (
            (None, days, [8.0, 8.3, 7.0], [10, 10, 5], 0.3),
            ("a", days[:2], [1.0, 1.6], [10, 10], 0.1),
            ("b", days, [3.0, 3.3, 2.9], [20, 20, 5], 0.4),
        )
    )

    told = levels_of_all_steps(days_that_count(pl.concat([whole, first, second])))

    weight = {"a": 10 / (0.1**2 + 0.2**2), "b": 20 / (0.4**2 + 0.2**2)}
    total = sum(weight.values())
    by_chance = (weight["a"] / total) ** 2 * 0.1**2 / 10 + (weight["b"] / total) ** 2 * 0.4**2 / 20
    assert told["date"].to_list() == days
    assert told["level"].to_list() == pytest.approx(
        [-0.3 * weight["a"] / total, (0.3 * weight["a"] + 0.3 * weight["b"]) / total, -0.1]
    )
    assert told["within"].to_list() == pytest.approx(
        [by_chance + 0.2**2 / 10, by_chance + 0.2**2 / 10, 0.4**2 / 5 + 0.2**2 / 5]
    )
    assert told["counts"].to_list() == [True, True, True]


def test_which_steps_ran_and_how_long_they_are_makes_no_day_slower() -> None:
    days = [date(2026, 11, 1 + day) for day in range(20)]
    parts = [(None, range(20), 9.0), ("short", range(20), 2.0), ("long", range(0, 20, 2), 9.0)]
    levels = pl.concat(
        [
            pl.DataFrame(
                {"date": [days[day] for day in on], "level": level, "n": 10, "spread": 0.3, "workflow_id": "w"}
            ).with_columns(node_id=pl.lit(node, pl.String))
            for node, on, level in parts
        ]
    )

    assert levels_of_all_steps(days_that_count(levels))["level"].to_list() == pytest.approx([0.0] * 20)


def test_a_day_far_off_counts_as_one_so_far_and_a_day_without_a_run_that_completed_not_at_all() -> None:
    days = [date(2026, 11, 1 + day) for day in range(9)]
    step = pl.DataFrame({"date": days, "level": [2.0] * 8 + [9.0], "n": 10, "spread": 0.15}).with_columns(
        workflow_id=pl.lit("w"), node_id=pl.lit("a")
    )
    whole = step[1:].with_columns(node_id=pl.lit(None, pl.String))

    told = levels_of_all_steps(days_that_count(pl.concat([whole, step])))

    assert told["date"].to_list() == days[1:]
    assert told["level"].to_list() == pytest.approx([0.0] * 7 + [2.5 * 0.25])


def test_spread_is_that_of_the_middle_of_a_day() -> None:
    at = datetime(2026, 11, 3, 9, tzinfo=UTC)
    runs = _runs([(at, "completed", 10 ** (number / 10)) for number in range(11)])

    day = levels_of_executions(runs, tz="UTC").collect()

    assert day["spread"].item() == pytest.approx(0.8 * 2.302585 / 2.563103, abs=1e-6)
