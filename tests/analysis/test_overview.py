from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.analysis.overview import by_day, by_workflow, distribution
from tests import oracles, strategies


@given(strategies.executions())
def test_workflows_side_by_side_are_the_naive_twins(executions: pl.DataFrame) -> None:
    table = by_workflow(executions.lazy()).collect()
    rows = executions.to_dicts()

    counts = Counter(row["workflow_id"] for row in rows)
    assert table["workflow_id"].to_list() == sorted(counts, key=lambda name: (-counts[name], name))
    for row in table.iter_rows(named=True):
        mine = [one for one in rows if one["workflow_id"] == row["workflow_id"]]
        values = oracles.duration_statistics(one["duration_ms"] for one in mine if one["status"] != "running")
        rate = oracles.success_rate(one["status"] for one in mine)
        assert row["executions"] == len(mine)
        assert row["success_rate"] == (None if rate is None else pytest.approx(rate))
        for name, twin in (("mean_ms", "mean"), ("p50_ms", "median"), ("p95_ms", "p95")):
            expected = values[twin]
            assert row[name] == (None if expected is None else pytest.approx(expected, rel=1e-9))
        assert row["last_started_at"] == max(one["started_at"] for one in mine)


@given(strategies.executions(), st.sampled_from(strategies.ZONES))
def test_days_begin_in_the_zone(executions: pl.DataFrame, tz: str) -> None:
    table = by_day(executions.lazy(), tz=tz).collect()
    expected = Counter(row["started_at"].astimezone(ZoneInfo(tz)).date() for row in executions.to_dicts())

    assert table["day"].to_list() == sorted(expected)
    counts = table.select(pl.col("day"), pl.sum_horizontal("completed", "failed", "cancelled", "abandoned", "running"))
    assert dict(counts.iter_rows()) == expected


def test_a_day_by_hand() -> None:
    at = datetime(2026, 11, 3, 10, tzinfo=UTC)
    runs = pl.LazyFrame(
        {
            "started_at": [at] * 4,
            "status": ["completed", "completed", "failed", "running"],
            "duration_ms": [10.0, 20.0, 90.0, None],
        }
    )
    row = by_day(runs, tz="UTC").collect().row(0, named=True)

    assert (row["day"], row["n"], row["mean_ms"], row["p50_ms"]) == (date(2026, 11, 3), 3, 40.0, 20.0)
    assert row["success_rate"] == pytest.approx(200 / 3)


@given(st.lists(strategies.durations_ms(), max_size=200))
def test_every_duration_lies_in_one_bin_of_the_histogram(values: list[float]) -> None:
    runs = pl.LazyFrame(
        {"status": ["completed"] * len(values), "duration_ms": values},
        schema={"status": pl.String, "duration_ms": pl.Float64},
    )
    bins = distribution(runs).collect()

    assert bins["n"].sum() == len(values)
    assert bins.height <= 40
    if not values:
        return
    assert (bins["from_ms"] < bins["to_ms"]).all()
    assert (bins["to_ms"].head(-1) <= bins["from_ms"].tail(-1) + 1e-9).all()
    slack = 1e-5 + max(values) * 1e-8
    assert bins["from_ms"][0] <= min(values) + slack
    assert bins["to_ms"][-1] >= max(values) - slack
    for low, high, n in bins.iter_rows():
        inside = sum(low - slack <= value < high + slack for value in values)
        surely = sum(low + slack < value < high - slack for value in values)
        assert surely <= n <= inside


def test_one_stuck_run_does_not_squeeze_the_others() -> None:
    values = [float(n % 100) for n in range(1000)] + [1e6]
    bins = distribution(pl.LazyFrame({"status": ["failed"] * 1001, "duration_ms": values})).collect()

    assert bins.height > 20
    assert bins["to_ms"][-1] == 1e6
    assert bins["n"][-1] <= 11  # what lies above the 99th percentile


def test_running_ones_are_in_no_histogram() -> None:
    assert distribution(pl.LazyFrame({"status": ["running"], "duration_ms": [5.0]})).collect().is_empty()
