"""MTBF, MTTR and streaks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.analysis.outages import outages, streaks, time_between_breakdowns, with_mtbf_interval
from tests import oracles, strategies

NOW = datetime(2026, 10, 28, tzinfo=UTC)
W = ["workflow_id"]


@given(strategies.attempts())
def test_streaks_are_those_of_a_walk_in_order_of_time(executions: pl.DataFrame) -> None:
    got = {row[0]: row[1:] for row in streaks(executions.lazy(), by=W).collect().rows()}
    expected = {
        name: oracles.streaks(executions.filter(workflow_id=name).to_dicts())
        for name in executions["workflow_id"].unique()
    }

    assert got == {name: streak for name, streak in expected.items() if streak}


@given(strategies.attempts())
def test_outages_are_those_found_breakdown_by_breakdown(executions: pl.DataFrame) -> None:
    table = outages(executions.lazy(), by=W, until=NOW).collect()

    broken = executions.filter(pl.col("status").is_in(["failed", "abandoned"]))
    assert sorted(table["workflow_id"]) == sorted(broken["workflow_id"].unique())
    for row in table.iter_rows(named=True):
        closed, still = oracles.outages(executions.filter(workflow_id=row["workflow_id"]).to_dicts())
        lengths = [length / timedelta(milliseconds=1) for length in closed]
        assert (row["restorations"], row["unrestored"]) == (len(closed), len(still))
        assert row["mttr_ms"] == (pytest.approx(sum(lengths) / len(lengths)) if lengths else None)
        assert row["longest_outage_ms"] == (pytest.approx(max(lengths)) if lengths else None)
        since = [max(0.0, (NOW - began) / timedelta(milliseconds=1)) for began in still]
        assert row["unrestored_ms"] == (pytest.approx(max(since)) if since else None)


@given(strategies.attempts())
def test_an_outage_is_one_of_a_workflow_whatever_the_groups(executions: pl.DataFrame) -> None:
    table = outages(executions.lazy(), by=["robot_id"], until=NOW).collect()

    for row in table.iter_rows(named=True):
        mine = executions.filter(robot_id=row["robot_id"])
        found = [oracles.outages(mine.filter(workflow_id=name).to_dicts()) for name in mine["workflow_id"].unique()]
        assert row["restorations"] == sum(len(closed) for closed, _ in found)
        assert row["unrestored"] == sum(len(still) for _, still in found)


@given(strategies.attempts())
def test_operating_time_is_shared_by_the_breakdowns(executions: pl.DataFrame) -> None:
    table = time_between_breakdowns(executions.lazy(), by=W, as_of=NOW, until=NOW).collect()

    for row in table.iter_rows(named=True):
        mine = executions.filter(workflow_id=row["workflow_id"])
        broken, spent = oracles.breakdown_times(mine.to_dicts(), now=NOW)
        assert row["breakdowns"] == broken
        assert row["operating_ms"] == (None if spent is None else pytest.approx(spent, rel=1e-9, abs=1e-6))
        mtbf = None if spent is None or not broken else pytest.approx(spent / broken, rel=1e-9, abs=1e-6)
        assert row["mtbf_ms"] == mtbf
        starts = mine["started_at"].drop_nulls()
        if len(starts) and broken:
            seen = max(0.0, (NOW - min(starts)) / timedelta(milliseconds=1))
            assert row["calendar_mtbf_ms"] == pytest.approx(seen / broken)


@given(st.integers(0, 500), st.floats(1.0, 1e12))
def test_bounds_are_those_at_which_so_many_breakdowns_are_just_credible(breakdowns: int, operating_ms: float) -> None:
    groups = pl.DataFrame({"breakdowns": [breakdowns], "operating_ms": [operating_ms]})
    low, high = with_mtbf_interval(groups).select("mtbf_low_ms", "mtbf_high_ms").row(0)

    assert scipy.stats.poisson.cdf(breakdowns, operating_ms / low) == pytest.approx(0.025)
    if breakdowns:
        assert scipy.stats.poisson.sf(breakdowns - 1, operating_ms / high) == pytest.approx(0.025)
    else:
        assert high is None


def test_the_example_of_the_docstring_by_hand() -> None:
    hours, status = [9, 10, 11, 12], ["completed", "failed", "failed", "completed"]
    started = [datetime(2026, 10, 27, hour, tzinfo=UTC) for hour in hours]
    ended = [at + timedelta(minutes=5) for at in started]
    runs = pl.LazyFrame(
        {
            "execution_id": list("abcd"),
            "workflow_id": "w",
            "status": status,
            "started_at": started,
            "completed_at": ended,
            "last_seen_at": pl.Series([None] * 4, dtype=pl.Datetime("us", "UTC")),
            "duration_ms": 300_000.0,
        }
    )
    (outage,) = outages(runs, by=W, until=NOW).collect().to_dicts()
    (between,) = time_between_breakdowns(runs, by=W, as_of=NOW, until=NOW).collect().to_dicts()

    assert (outage["restorations"], outage["mttr_ms"]) == (1, 2 * 3_600_000.0)
    assert (between["breakdowns"], between["mtbf_ms"]) == (2, 600_000.0)
    assert between["calendar_mtbf_ms"] == 7.5 * 3_600_000
    assert streaks(runs, by=W).collect().row(0) == ("w", 1, 2, 1, True)


def test_where_no_run_says_how_long_it_took_the_time_between_breakdowns_is_unknown() -> None:
    none = pl.Series([None] * 2, dtype=pl.Datetime("us", "UTC"))
    runs = pl.LazyFrame(
        {"workflow_id": "w", "status": ["failed", "completed"], "duration_ms": pl.Series([None] * 2, dtype=pl.Float64)}
    ).with_columns(started_at=none, completed_at=none, last_seen_at=none)

    table = with_mtbf_interval(time_between_breakdowns(runs, by=W, as_of=NOW, until=NOW).collect())

    assert table.select("breakdowns", "operating_ms", "mtbf_ms", "mtbf_low_ms", "mtbf_high_ms").row(0) == (
        *(1, None, None, None, None),
    )


def test_a_clock_that_was_set_back_does_not_end_an_outage_before_it_began() -> None:
    minutes = [(0, -50, "failed", 10.0), (5, 6, "completed", 1.0), (180, 190, "completed", 10.0)]
    runs = pl.DataFrame(
        {
            "execution_id": ["a", "b", "c"],
            "workflow_id": ["w"] * 3,
            "status": [status for _, _, status, _ in minutes],
            "started_at": [NOW + timedelta(minutes=start) for start, *_ in minutes],
            "completed_at": [NOW + timedelta(minutes=end) for _, end, *_ in minutes],
            "duration_ms": [took * 60_000 for *_, took in minutes],
            "last_seen_at": pl.Series([None] * 3, dtype=pl.Datetime("us", "UTC")),
        }
    )

    # it failed after 10 minutes of its own clock, when b was done already: c is the next that completes
    assert outages(runs.lazy(), by=W, until=NOW + timedelta(days=1)).collect()["mttr_ms"].item() == 180 * 60_000
