from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.analysis.group_intervals import STATISTICS, interval_of, intervals_by, timed_runs
from rpa_lab.inference.intervals import DAYS, THESE_RUNS, mean_bounds, order_ranks, wilson_interval
from rpa_lab.inference.resampling import mean_by_days, rate_by_days, resampled_days, share_by_days
from tests import strategies

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)


def _runs(seed: int, *, days: int, per_day: int, group: str = "g") -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    n = days * per_day
    return pl.DataFrame(
        {
            "group": [group] * n,
            "status": rng.choice(["completed", "failed"], n, p=[0.9, 0.1]).tolist(),
            "duration_ms": rng.lognormal(6, 0.5, n).round(3),
            "started_at": [AT + timedelta(days=number % days, minutes=number) for number in range(n)],
            "completed_at": [AT + timedelta(days=number % days, minutes=number + 1) for number in range(n)],
        }
    )


def _row(runs: pl.DataFrame, *, tz: str = "UTC", seed: int = 0) -> dict[str, Any]:
    return intervals_by(timed_runs(runs.lazy(), by=[], tz=tz).collect(), by=[], seed=seed).row(0, named=True)


def test_on_fewer_than_10_days_they_are_of_these_runs_only() -> None:
    runs = _runs(1, days=9, per_day=50)
    row, values = _row(runs), np.sort(runs["duration_ms"].to_numpy())
    n, std = len(values), values.std(ddof=1)
    skewness = ((values - values.mean()) ** 3).mean() / std**3

    assert row["days"] == 9
    assert {row[f"{name}_ms_basis"] for name in STATISTICS[:-1]} == {THESE_RUNS}
    expected = [float(bound) for bound in mean_bounds(n, values.mean(), std, skewness)]
    assert [row["mean_ms_low"], row["mean_ms_high"]] == pytest.approx(expected)
    for name, quantile in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        low, high = (int(rank) for rank in order_ranks(n, quantile))
        assert (row[f"{name}_ms_low"], row[f"{name}_ms_high"]) == (values[low - 1], values[high - 1])
    completed = runs.filter(status="completed").height
    assert (row["success_rate_low"], row["success_rate_high"]) == pytest.approx(wilson_interval(completed, n))


def test_from_10_days_on_days_are_resampled() -> None:
    runs = _runs(1, days=10, per_day=40)
    row = _row(runs, seed=3)
    by_day = runs.group_by(pl.col("started_at").dt.date()).agg(
        sum=pl.col("duration_ms").sum(), n=pl.len(), completed=(pl.col("status") == "completed").sum()
    )
    day = by_day.sort("started_at").select("sum", "n", "completed").cast(pl.Float64).to_numpy()
    mean = mean_by_days(resampled_days(10, seed=3), day[:, [0]], day[:, [1]])
    rate = rate_by_days(day[:, 2], day[:, 1], group=np.zeros(10, np.int64))

    assert [row[f"{name}_basis"] for name in ("mean_ms", "p50_ms", "p95_ms", "success_rate")] == [DAYS] * 4
    assert [row["mean_ms_low"], row["mean_ms_high"]] == pytest.approx([float(bound[0]) for bound in mean])
    assert [row["success_rate_low"], row["success_rate_high"]] == pytest.approx([100 * float(b[0]) for b in rate])
    assert row["p99_ms_basis"] in (DAYS, None)


@pytest.mark.parametrize(("quantile", "name"), [(0.5, "p50"), (0.95, "p95")])
def test_a_quantiles_interval_is_that_of_the_share_below_it_read_back(quantile: float, name: str) -> None:
    runs = _runs(2, days=16, per_day=30)
    row, values = _row(runs, seed=3), np.sort(runs["duration_ms"].to_numpy())
    by_day = runs.group_by(pl.col("started_at").dt.date()).agg(
        below=(pl.col("duration_ms") < np.quantile(values, quantile)).sum(), n=pl.len()
    )
    day = by_day.sort("started_at").select("below", "n").cast(pl.Float64).to_numpy()
    low, high = (float(b[0]) for b in share_by_days(resampled_days(16, seed=3), day[:, [0]], day[:, [1]]))
    n = len(values)

    # at least the lower share of the runs takes no longer than the lower bound …
    assert row[f"{name}_ms_low"] == max(value for rank, value in enumerate(values, 1) if rank <= low * n)
    assert row[f"{name}_ms_high"] == min(value for rank, value in enumerate(values, 1) if rank > high * n + 1 - 1e-9)


def test_days_that_never_failed_say_nothing_of_how_days_differ() -> None:
    row = _row(_runs(1, days=20, per_day=5).with_columns(status=pl.lit("completed")))

    assert (row["mean_ms_basis"], row["success_rate_basis"]) == (DAYS, THESE_RUNS)
    assert (row["success_rate_low"], row["success_rate_high"]) == pytest.approx(wilson_interval(100, 100))


@given(strategies.executions(), st.sampled_from(["host", "workflow_id"]), st.sampled_from(strategies.ZONES))
def test_a_group_has_the_intervals_that_it_has_alone(executions: pl.DataFrame, by: str, tz: str) -> None:
    together = intervals_by(timed_runs(executions.lazy(), by=[by], tz=tz).collect(), by=[by])
    ended = executions.filter(pl.col("status") != "running")

    assert together.height == ended[by].n_unique()
    for row in together.iter_rows(named=True):
        mine = ended.filter(pl.col(by).eq_missing(pl.lit(row[by])))
        assert _row(mine, tz=tz) == {name: value for name, value in row.items() if name != by}


def test_neither_the_order_of_rows_nor_other_groups_matter_to_the_bit() -> None:
    runs = pl.concat([_runs(number, days=14 + number, per_day=9, group=f"g{number}") for number in range(3)])
    one, other = (
        intervals_by(timed_runs(frame.lazy(), by=["group"], tz="UTC").collect(), by=["group"])
        for frame in (runs, runs.sample(fraction=1.0, shuffle=True, seed=5))
    )

    assert one.equals(other)
    assert one["days"].to_list() == [14, 15, 16]
    for number in range(3):
        alone = _row(runs.filter(group=f"g{number}"))
        assert one.row(number, named=True) == {"group": f"g{number}"} | alone


def test_days_are_those_of_the_zone() -> None:
    runs = _runs(1, days=1, per_day=2).with_columns(
        started_at=pl.Series([datetime(2026, 11, 2, 23, 30, tzinfo=UTC), datetime(2026, 11, 3, 0, 30, tzinfo=UTC)])
    )

    assert [_row(runs, tz=tz)["days"] for tz in ("UTC", "Europe/Paris", "America/New_York")] == [2, 1, 1]


@pytest.mark.parametrize("days", [5, 20])
@pytest.mark.parametrize("took", [50.0, 0.1])
def test_runs_that_all_take_as_long_do_not_say_how_much_runs_differ(days: int, took: float) -> None:
    row = _row(_runs(1, days=days, per_day=100).with_columns(duration_ms=pl.lit(took)))
    mean = interval_of(row, "mean", runs=days * 100, alike=True)

    assert (mean.low, mean.high) == (None, None)
    assert mean.doubt == f"all {days * 100:,} runs took equally long, which doesn't say how much runs differ"
    for name in ("p50", "p95", "p99"):  # ranks of runs promise no more than that
        assert (row[f"{name}_ms_low"], row[f"{name}_ms_high"]) == (took, took)


def test_days_that_are_all_alike_leave_the_interval_to_their_runs() -> None:
    runs = _runs(1, days=20, per_day=2).sort("started_at").with_columns(duration_ms=pl.Series([10.0, 30.0] * 20))
    row = _row(runs)

    assert row["mean_ms_basis"] == THESE_RUNS
    assert row["mean_ms_low"] < 20.0 < row["mean_ms_high"]


def test_only_days_with_a_duration_that_counts_make_an_interval_speak_of_the_long_run() -> None:
    runs = _runs(1, days=31, per_day=20).with_columns(
        status=pl.when((pl.col("started_at").dt.day() < 9) & (pl.int_range(pl.len()) % 5 == 0))
        .then(pl.lit("failed"))
        .otherwise(pl.lit("completed"))
    )
    failed = runs.filter(status="failed")
    row = intervals_by(timed_runs(runs.lazy(), by=[], tz="UTC", status="failed").collect(), by=[]).row(0, named=True)
    alone = _row(failed)
    mean, rate = (interval_of(row, name, runs=failed.height) for name in ("mean", "success_rate"))

    assert failed["started_at"].dt.date().n_unique() < 14
    assert (row["days"], row["timed_days"]) == (31, failed["started_at"].dt.date().n_unique())
    assert (mean.basis, mean.days) == (THESE_RUNS, row["timed_days"])
    assert (rate.basis, rate.days) == (DAYS, 31)
    for name in ("mean", "p50"):
        assert row[f"{name}_ms_basis"] == THESE_RUNS
        assert (row[f"{name}_ms_low"], row[f"{name}_ms_high"]) == (alone[f"{name}_ms_low"], alone[f"{name}_ms_high"])


def test_what_did_not_end_or_has_no_duration_counts_where_it_should() -> None:
    runs = _runs(1, days=3, per_day=4).with_columns(
        status=pl.Series(["running", "failed"] + ["completed"] * 10),
        duration_ms=pl.Series([None, None] + [7.0] * 10),
    )
    timed = timed_runs(runs.lazy(), by=[], tz="UTC").collect()
    row = intervals_by(timed, by=[]).row(0, named=True)

    assert (timed.height, timed["duration_ms"].count()) == (11, 10)
    assert (row["success_rate_low"], row["success_rate_high"]) == pytest.approx(wilson_interval(10, 11))


def test_of_no_runs_nothing_is_known() -> None:
    none = _runs(1, days=1, per_day=1).clear()
    row = _row(none)

    assert (row.pop("days"), row.pop("timed_days")) == (0, 0)
    assert set(row.values()) == {None}
    assert intervals_by(timed_runs(none.lazy(), by=["group"], tz="UTC").collect(), by=["group"]).is_empty()
    assert str(interval_of(_row(none), "success_rate", runs=0)) == "unknown: no run ended"


@pytest.mark.parametrize(
    ("statistic", "runs", "doubt"),
    [
        ("p95", 71, "71 of the 72 runs that an interval needs at least"),
        ("p99", 367, "367 of the 368 runs that an interval needs at least"),
        ("mean", 1, "1 of the 2 runs that an interval needs at least"),
    ],
)
def test_an_interval_that_there_is_not_says_why(statistic: str, runs: int, doubt: str) -> None:
    row = _row(_runs(1, days=1, per_day=runs))
    found = interval_of(row, statistic, runs=runs)

    assert (found.low, found.high, found.doubt) == (None, None, doubt)
    assert found.basis == THESE_RUNS
    enough = interval_of(_row(_runs(1, days=1, per_day=runs + 1)), statistic, runs=runs + 1)
    assert (enough.known, enough.doubt, enough.runs, enough.days) == (True, None, runs + 1, 1)
