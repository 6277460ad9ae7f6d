from __future__ import annotations

from datetime import date, timedelta
from math import expm1, log

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rpa_lab.analysis.changepoints import Found, moved_levels
from rpa_lab.analysis.daily_levels import EXECUTION_COLUMNS, days_that_count, levels_of_executions
from tests import strategies

FIRST = date(2026, 9, 1)


def _series(
    values: np.ndarray, *, node_id: str | None = None, workflow_id: str = "w", n: list[int] | None = None
) -> pl.DataFrame:
    days = len(values)
    return pl.DataFrame(
        {
            "workflow_id": [workflow_id] * days,
            "node_id": pl.Series([node_id] * days, dtype=pl.String),
            "date": [FIRST + timedelta(days=day) for day in range(days)],
            "level": values,
            "n": [20] * days if n is None else n,
            "spread": [0.3] * days,
        }
    )


def _found(*series: pl.DataFrame) -> Found:
    return moved_levels(days_that_count(pl.concat(series)))


def _moved(by: float, *, at: int = 40, days: int = 80, sd: float = 0.05, seed: int = 0) -> np.ndarray:
    return 9.0 + np.random.default_rng(seed).normal(0, sd, days) + np.where(np.arange(days) < at, 0.0, by)


@given(strategies.slowed_workflows(), st.integers(0, 99))
@settings(max_examples=30)
def test_the_day_and_size_are_found_in_whatever_order_and_unit_runs_come(
    slowed: tuple[pl.DataFrame, date], seed: int
) -> None:
    runs, onset = slowed
    shuffled = runs.select(EXECUTION_COLUMNS).sample(fraction=1.0, shuffle=True, seed=seed)
    slower_clock = shuffled.with_columns(pl.col("duration_ms") * 1000)

    here, there, scaled = (
        moved_levels(days_that_count(levels_of_executions(each.select(EXECUTION_COLUMNS).lazy(), tz="UTC").collect()))
        for each in (runs, shuffled, slower_clock)
    )

    assert here.points.equals(there.points)
    days = here.points.select("on", "earliest", "latest")
    assert scaled.points.select(days.columns).equals(days)
    nearest = here.points.filter((pl.col("on") - pl.lit(onset)).dt.total_days().abs() <= 1)
    assert nearest.height == 1
    assert scaled.points["before_ms"].to_list() == pytest.approx(
        [1000 * ms for ms in here.points["before_ms"]], rel=1e-6
    )


def test_a_level_that_moved_is_told_with_its_day_its_size_and_both_levels() -> None:
    row = _found(_series(_moved(log(1.5), seed=2))).points.row(0, named=True)

    assert (row["on"], row["earliest"], row["latest"]) == (FIRST + timedelta(days=40),) * 3
    assert row["low_percent"] < 50 < row["high_percent"]
    assert row["change_percent"] == pytest.approx(50, abs=3)
    assert row["before_ms"] == pytest.approx(np.exp(9.0), rel=0.02)
    assert row["after_ms"] / row["before_ms"] == pytest.approx(1 + row["change_percent"] / 100)
    assert (row["days_before"], row["days_after"]) == (40, 40)


def test_a_workflow_takes_its_day_from_the_step_that_says_it_more_exactly() -> None:
    blurred = _moved(0.2, at=40, sd=0.12, seed=1)
    alone = _found(_series(blurred)).points
    beside = _found(_series(blurred), _series(_moved(0.9, at=40), node_id="submit")).points

    whole = beside.filter(pl.col("node_id").is_null())
    step = beside.filter(node_id="submit")
    assert alone["on"].item() != FIRST + timedelta(days=40)  # else this shows nothing
    assert whole.select("on", "earliest", "latest").rows() == step.select("on", "earliest", "latest").rows()
    assert whole["on"].item() == FIRST + timedelta(days=40)


def test_it_does_not_take_the_day_of_a_step_that_moved_the_other_way_or_long_before() -> None:
    blurred = _moved(0.2, at=40, sd=0.12, seed=1)
    alone = _found(_series(blurred)).points["on"].item()
    for other in (_moved(-0.9, at=40), _moved(0.9, at=10)):
        beside = _found(_series(blurred), _series(other, node_id="submit")).points
        assert beside.filter(pl.col("node_id").is_null())["on"].item() == alone


def test_a_step_among_many_must_move_more() -> None:
    small = _moved(0.1, at=30, days=60, sd=0.1, seed=1)
    alone = _found(_series(small, node_id="a"))
    quiet = [_series(_moved(0.0, days=60, seed=seed), node_id=f"quiet {seed}") for seed in range(10, 40)]

    assert alone.points.height == 1
    assert _found(_series(small, node_id="a"), *quiet).points.filter(node_id="a").is_empty()


def test_a_days_few_runs_say_from_which_day_off_on_it_was_slower() -> None:
    values, n = _moved(0.6, at=40), [20] * 80
    for few in range(5, 80, 7):  # as few runs as on a Sunday
        n[few] = 1
    n[39], n[38], n[40] = 1, 20, 1
    row = _found(_series(values, n=n)).points.row(0, named=True)

    assert row["on"] == FIRST + timedelta(days=40)  # 41 is the first that counts
    assert row["earliest"] == FIRST + timedelta(days=39)


def test_a_slow_move_has_no_day() -> None:
    values = 9 + np.random.default_rng(0).normal(0, 0.05, 90) + np.clip(np.arange(90) - 30, 0, 45) * 0.02
    found = _found(_series(values))

    drift = found.drifts.row(0, named=True)
    assert found.points.is_empty()
    assert abs((drift["since"] - FIRST).days - 30) <= 6
    assert abs((drift["until"] - FIRST).days - 75) <= 6
    assert drift["change_percent"] == pytest.approx(100 * expm1(0.9), rel=0.15)
    assert found.fitted["segment_ms"].is_sorted()


def test_series_that_are_too_short_are_counted_and_no_error() -> None:
    found = _found(_series(_moved(0.5, at=6, days=13)), _series(_moved(0.0), node_id="long"))

    assert found.looked_at == {False: (1, 0), True: (1, 1)}
    assert found.points.is_empty()
    nothing = moved_levels(days_that_count(_series(np.zeros(0))))
    assert (nothing.points.height, nothing.drifts.height, nothing.fitted.height) == (0, 0, 0)


def test_fitted_levels_are_those_before_and_after() -> None:
    found = _found(_series(_moved(0.5)))
    row = found.points.row(0, named=True)

    assert found.fitted["segment_ms"].unique().sort().to_list() == pytest.approx([row["before_ms"], row["after_ms"]])


def _wandering(alike: float, *, seed: int, days: int = 90) -> np.ndarray:
    chance, levels = np.random.default_rng(seed).normal(0, 0.1, days), np.full(days, 9.0)
    for day in range(1, days):
        levels[day] += alike * (levels[day - 1] - 9) + chance[day]
    return levels


def test_levels_that_wander_are_hardly_ever_said_to_have_moved_and_it_is_warned_of() -> None:
    calm, wandering = (
        _found(*(_series(_wandering(alike, seed=seed), workflow_id=f"w{seed}") for seed in range(60)))
        for alike in (0.0, 0.6)
    )

    years = 60 * 90 / 365
    assert calm.points.height <= 3
    assert not calm.warnings
    assert wandering.points.height / years < 6  # 19 if days were taken to be independent
    assert "of 60 workflows are much like the day before" in wandering.warnings[0]


def test_what_is_found_in_a_workflow_depends_on_no_other_nor_on_its_steps() -> None:
    mine = _series(_wandering(0.4, seed=1) + np.where(np.arange(90) < 50, 0.0, 0.6))
    others = [_series(_wandering(0.9, seed=seed), workflow_id=f"other {seed}") for seed in range(5)]
    step = _series(_wandering(0.9, seed=9), node_id="submit")

    alone, beside, stepped = (_found(mine, *rest).points for rest in ([], others, [step]))

    assert alone.height == 1
    assert beside.filter(workflow_id="w").equals(alone)
    assert stepped.filter(pl.col("node_id").is_null()).height == 1


def test_what_no_step_says_alone_all_of_them_say_together() -> None:
    rng = np.random.default_rng(5)
    hit = {"alone": 0, "together": 0}
    for _ in range(30):
        moved = np.where(np.arange(80) < 40, 0.0, 0.2)
        day = rng.normal(0, 0.03, 80) + moved
        whole = _series(9 + day + rng.normal(0, 0.12, 80))
        steps = [_series(5 + day + rng.normal(0, 0.12, 80), node_id=f"s{number}") for number in range(10)]
        for name, series in (("alone", [whole]), ("together", [whole, *steps])):
            on = _found(*series).points.filter(pl.col("node_id").is_null())["on"].to_list()
            hit[name] += any(abs((one - FIRST).days - 40) <= 1 for one in on)

    assert hit["together"] >= 27
    assert hit["alone"] < 24


def test_weekdays_are_those_of_the_calendar_where_days_are_missing() -> None:
    ran = [day for day in range(110) if day % 7 != 4 and day not in (9, 10, 25, 26, 27, 66, 94)]
    weekly = np.array([0.4 if day % 7 < 2 else 0.0 for day in ran])
    values = _moved(0.3, at=60, days=110, seed=7)[ran] + weekly
    series = _series(values).with_columns(date=pl.Series([FIRST + timedelta(days=day) for day in ran]))

    row = _found(series).points.row(0, named=True)

    assert row["on"] == FIRST + timedelta(days=61)  # no run on the 60th
    assert row["high_percent"] - row["low_percent"] < 9  # 20 and more if it were told by the row
