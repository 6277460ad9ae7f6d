from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any

import numpy as np
import polars as pl
import pytest

from rpa_lab.analysis.degradation import Degradation, degradation_between
from rpa_lab.period import Period, Span
from tests import strategies

NOW = datetime(2026, 11, 30, tzinfo=UTC)


def _runs(before: dict[int, list[float]], now: dict[int, list[float]], **said: Any) -> pl.DataFrame:
    """Completed runs: by how many days before NOW they started (at 9 o'clock that day), and how long they took."""
    rows = [
        {"status": "completed", "duration_ms": ms, "started_at": NOW - timedelta(days=ago) + timedelta(hours=9)} | said
        for side in (before, now)
        for ago, durations in side.items()
        for ms in durations
    ]
    return strategies.frame("executions", rows).select("status", "duration_ms", "started_at")


def _compare(
    runs: pl.DataFrame,
    *,
    baseline: float = 28,
    current: float = 7,
    at: datetime = NOW,
    tz: str = "UTC",
    threshold: float = 20.0,
) -> Degradation:
    change = at - timedelta(days=current)
    return degradation_between(
        runs,
        workflow_id="w",
        baseline=Span(change - timedelta(days=baseline), change, tz),
        current=Span(change, at, tz),
        threshold_percent=threshold,
    )


def _days(first: int, last: int, *, mean: float, sd: float = 3.0, seed: int = 0, per_day: int = 5) -> dict[int, Any]:
    rng = np.random.default_rng(seed)
    return {ago: (mean + rng.normal(0, sd) + rng.normal(0, 1, per_day)).tolist() for ago in range(last, first - 1, -1)}


def test_six_runs_by_hand() -> None:
    found = _compare(_runs({10: [100.0, 200.0], 9: [150.0]}, {2: [150.0, 210.0], 1: [180.0]}))

    assert (found.baseline_mean_ms, found.current_mean_ms) == (150.0, 180.0)
    assert (found.increase_ms, found.increase_percent) == pytest.approx((30.0, 20.0))
    assert not found.exceeds_threshold  # 20 % is not more than 20 %
    assert (found.baseline_runs, found.current_runs, found.baseline_days, found.current_days) == (3, 3, 2, 2)
    assert found.cliffs_delta == pytest.approx((0 + 3 + 1) / 9)
    assert found.effect == "medium"
    assert (found.significant, found.p_value, found.shift_ms, found.shift_interval) == (None, None, None, None)


def test_of_few_days_it_is_undecided_and_says_so() -> None:
    found = _compare(_runs(_days(8, 30, mean=100), _days(1, 4, mean=200, seed=1)))

    assert found.exceeds_threshold
    assert found.significant is None
    (warning,) = found.warnings
    assert warning.startswith("undecided: 5 days a side are needed to tell a change from chance")
    assert warning.endswith("the baseline has 23 and the current period 4")
    assert "Undecided whether that is more than chance: 5 days a side are needed" in str(found)


def test_a_slowdown_beyond_chance_is_significant() -> None:
    found = _compare(_runs(_days(8, 35, mean=100), _days(1, 7, mean=130, seed=1)))

    assert found.exceeds_threshold
    assert found.significant is True
    assert found.p_value is not None
    assert found.p_value < 0.01
    assert found.shift_interval is not None
    assert found.shift_interval.low is not None
    assert found.shift_interval.high is not None
    assert found.shift_interval.low <= 30 <= found.shift_interval.high
    assert (found.shift_interval.days, found.shift_interval.runs, found.shift_interval.basis) == (35, 175, "days")
    assert (found.same_weekdays, found.block_days, found.effect) == (True, 2, "large")
    assert found.sentence.startswith("Runs of w took 29.2 % longer (129 ms; ")
    assert "35 runs on 7 days) than in the baseline" in found.sentence
    assert "more than chance explains" in found.sentence
    assert json.loads(json.dumps(found.to_dict()))["shift_interval"]["days"] == 35


def test_days_that_differ_as_much_anyway_are_not_significant() -> None:
    found = _compare(_runs(_days(8, 35, mean=100, sd=40), _days(1, 7, mean=125, sd=40, seed=4)), threshold=5.0)

    assert found.exceeds_threshold
    assert found.significant is False
    assert "no sure slowdown" in found.sentence


def test_one_stuck_run_exceeds_the_threshold_and_is_no_slowdown() -> None:
    now = _days(1, 7, mean=98, seed=1)
    now[3].append(9_000.0)
    found = _compare(_runs(_days(8, 35, mean=100), now))

    assert found.exceeds_threshold
    assert found.significant is False
    assert any("few runs or few days make the difference" in warning for warning in found.warnings) == (
        found.shift_ms is not None and found.shift_ms < 0
    )


def test_a_speedup_is_no_degradation() -> None:
    found = _compare(_runs(_days(8, 35, mean=130), _days(1, 7, mean=100, seed=1)))

    assert found.p_value is not None
    assert found.p_value < 0.01
    assert (found.exceeds_threshold, found.significant) == (False, False)
    assert "less long" in found.sentence


def test_only_completed_runs_have_a_say_and_failures_stand_beside() -> None:
    good = _runs(_days(8, 35, mean=100), _days(1, 7, mean=100, seed=1))
    bad = _runs({20: [9_000.0] * 35}, {2: [1.0] * 140}, status="failed")
    found, calm = _compare(pl.concat([good, bad])), _compare(good)

    assert (found.baseline_failure_share, found.current_failure_share) == pytest.approx((35 / 175, 140 / 175))
    assert (calm.baseline_failure_share, calm.current_failure_share) == (0.0, 0.0)
    assert found.shift_ms == calm.shift_ms
    assert (found.baseline_mean_ms, found.current_runs) == (calm.baseline_mean_ms, 35)


@pytest.mark.parametrize(
    ("before", "now", "missing"),
    [({}, {2: [1.0]}, "baseline"), ({9: [1.0]}, {}, "current period"), ({}, {}, "baseline and the current period")],
)
def test_a_side_without_runs_cant_be_compared(before: Any, now: Any, missing: str) -> None:
    found = _compare(_runs(before, now))

    assert (found.increase_percent, found.exceeds_threshold, found.significant) == (None, False, None)
    assert found.warnings == (f"no completed run with a known duration in the {missing}",)
    assert str(found) == f"Runs of w can't be compared: {found.warnings[0]}."


def test_from_nothing_any_increase_is_infinite() -> None:
    found = _compare(_runs({9: [0.0]}, {2: [1.0]}))
    assert (found.increase_percent, found.exceeds_threshold) == (inf, True)
    assert found.to_dict()["increase_percent"] is None
    assert _compare(_runs({9: [0.0]}, {2: [0.0]})).increase_percent == 0.0


def test_an_infinite_increase_is_said_in_words_and_is_null_in_json() -> None:
    found = _compare(_runs({9: [0.0]}, {2: [1.0]}))

    assert found.sentence.startswith(
        "Runs of w took longer (1 ms; 1 run on 1 day) than in the baseline (0 ms; 1 run on"
    )
    assert "inf" not in found.sentence
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["increase_percent"] is None


@pytest.mark.parametrize(("hour", "days", "runs"), [(6, (6, 6), (6, 6)), (12, (5, 5), (6, 5)), (18, (6, 5), (6, 5))])
def test_a_day_that_is_cut_belongs_to_the_side_that_has_more_of_it(
    hour: int, days: tuple[int, int], runs: tuple[int, int]
) -> None:
    """A run at 9 o'clock each day but the last; periods of six days begin and end at some hour."""
    each = _runs({ago: [10.0] for ago in range(1, 20)}, {})
    found = _compare(each, baseline=6, current=6, at=NOW + timedelta(hours=hour))

    assert (found.baseline_days, found.current_days) == days
    assert (found.baseline_runs, found.current_runs) == runs


def test_days_are_those_of_the_zone() -> None:
    late = _runs({}, {ago: [10.0] for ago in range(1, 4)}).with_columns(
        pl.col("started_at") + pl.Series([timedelta(hours=14), timedelta(0), timedelta(0)])
    )  # 23 o'clock UTC, which is the next day in Paris, and the same as the second one's

    at = Period("2026-11-27/2026-11-30").resolve(tz="Europe/Paris").end
    assert _compare(late, current=3, at=at, tz="Europe/Paris").current_days == 2
    assert _compare(late, current=3).current_days == 3


def test_a_day_of_25_hours_is_one_day() -> None:
    """Clocks in Paris went back on 25 October 2026."""
    span = Period("2026-10-19/2026-10-31").resolve(tz="Europe/Paris")
    at = [span.start + timedelta(hours=hour) for hour in range(12 * 24 + 1)]
    runs = pl.DataFrame({"status": "completed", "duration_ms": 10.0, "started_at": at})
    change = Period("2026-10-25").resolve(tz="Europe/Paris").start
    found = degradation_between(
        runs,
        workflow_id="w",
        baseline=Span(span.start, change, span.tz),
        current=Span(change, span.end, span.tz),
        threshold_percent=20.0,
    )

    assert (found.baseline_days, found.current_days, found.current_runs) == (6, 6, 145)
    assert (found.shift_ms, found.p_value) == (0.0, 1.0)


def test_of_a_threshold_is_only_spoken_where_runs_took_longer() -> None:
    slower = _compare(_runs(_days(8, 35, mean=100), _days(1, 7, mean=110)))
    faster = _compare(_runs(_days(8, 35, mean=130), _days(1, 7, mean=100)))

    assert ", not above the threshold of 20 %. The typical day" in slower.sentence
    assert "% less long" in faster.sentence
    assert "threshold" not in faster.sentence


def test_different_days_of_the_week_are_doubted() -> None:
    runs = _runs(_days(6, 10, mean=100), _days(1, 5, mean=130, seed=1))
    found = _compare(runs, baseline=5, current=5)

    assert found.warnings == (
        "the periods hold different days of the week, and too few weeks to compare like with like",
    )
    assert _compare(_runs(_days(8, 14, mean=100), _days(1, 7, mean=130)), baseline=7, current=7).warnings == ()


def test_the_order_of_rows_is_no_matter_to_the_bit() -> None:
    runs = _runs(_days(8, 35, mean=100), _days(1, 7, mean=130, seed=1))
    assert _compare(runs) == _compare(runs.sample(fraction=1.0, shuffle=True, seed=3))
