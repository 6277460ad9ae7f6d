"""One rate, one interval: the naive twin's, and the same wherever it is shown."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.analysis.kpis import KpiAnalyzer
from rpa_lab.analysis.performance import PerformanceAnalyzer
from rpa_lab.analysis.rate_intervals import rate_bounds, rate_intervals
from rpa_lab.analysis.reliability import ReliabilityAnalyzer
from rpa_lab.errors import InputError
from rpa_lab.inference.intervals import DAYS, THESE_RUNS, wilson_interval
from rpa_lab.simulate import Flaws, fleet
from rpa_lab.storage.store import TimeSeriesStore
from tests import oracles, strategies

if TYPE_CHECKING:
    from pathlib import Path

BOUNDS = ("low", "high", "basis")


@given(strategies.days_of_groups(), st.sampled_from([0.8, 0.95]))
def test_bounds_of_each_group_are_the_naive_twins(days: pl.DataFrame, level: float) -> None:
    rates = {"good": pl.col("good")}
    found = rate_intervals(days.lazy(), rates, of=pl.col("n"), day=pl.col("day"), by=["group"], level=level)
    table = {row.pop("group"): tuple(row.values()) for row in found.collect().to_dicts()}
    expected = {}
    for group in days["group"].unique():
        counts = days.filter(pl.col("group").eq_missing(pl.lit(group))).group_by("day").agg(pl.col("good", "n").sum())
        told = [(good, n) for good, n in counts.select("good", "n").rows() if n]
        if told:
            low, high, basis = oracles.rate_interval(told, level=level)
            expected[group] = (pytest.approx(low, abs=1e-6), pytest.approx(high, abs=1e-6), basis)

    assert table == expected


def test_neither_other_groups_nor_the_order_of_rows_nor_counting_before_matter_to_the_bit() -> None:
    rng = np.random.default_rng(3)
    n = 3000
    runs = pl.DataFrame(
        {
            "group": rng.integers(0, 3, n),
            "day": [date(2026, 11, 1) + timedelta(days=int(day)) for day in rng.integers(0, 28, n)],
            "good": rng.random(n) < 0.9,
        }
    )

    def bounds(rows: pl.DataFrame, good: pl.Expr, of: pl.Expr) -> pl.DataFrame:
        found = rate_intervals(rows.lazy(), {"good": good}, of=of, day=pl.col("day"), by=["group"])
        return found.collect().sort("group")

    whole = bounds(runs, pl.col("good"), pl.lit(value=True))
    counted = runs.group_by("group", "day").agg(n=pl.len(), good=pl.col("good").sum())

    assert set(whole["good_basis"]) == {DAYS}
    assert bounds(runs.sample(fraction=1.0, shuffle=True, seed=1), pl.col("good"), pl.lit(value=True)).equals(whole)
    assert bounds(counted, pl.col("good"), pl.col("n")).equals(whole)
    assert bounds(runs.filter(group=1), pl.col("good"), pl.lit(value=True)).equals(whole.filter(group=1))


def test_where_all_completed_or_none_days_show_no_difference() -> None:
    whole, group = np.full(40, 5.0), np.repeat([0, 1], 20)
    low, high, by_days = rate_bounds(np.repeat([0.0, 5.0], 20), whole, group=group)

    assert by_days.tolist() == [False, False]
    assert list(zip(low.tolist(), high.tolist(), strict=True)) == [
        pytest.approx(wilson_interval(good, 100)) for good in (0, 100)
    ]


def test_a_level_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="level is 95, expected a fraction between 0 and 1"):
        rate_bounds(np.ones(1), np.ones(1), group=np.zeros(1, np.int64), level=95)


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> TimeSeriesStore:
    """A month of three workflows, two of them with a promise, in a zone that is not UTC."""
    made = fleet(30, 3, 4, end=date(2026, 11, 3), faults="bad_selector", flaws=Flaws(running=True), runs_per_day=12)
    root: Path = tmp_path_factory.mktemp("month")
    store = TimeSeriesStore(root, as_of=made.end, tz="Asia/Tokyo")
    made.write(store)
    one = store.workflow_ids()[0]
    (root / "rpa_lab.toml").write_text(f'[[sla]]\nsuccess_rate = 98\n[[sla]]\nworkflow = "{one}"\nsuccess_rate = 90\n')
    return TimeSeriesStore(root, as_of=made.end, tz="Asia/Tokyo")


def _bounds(row: dict[str, Any], name: str) -> tuple[Any, ...]:
    return tuple(row[f"{name}_{end}"] for end in BOUNDS)


@pytest.mark.parametrize(("period", "basis"), [("all", DAYS), ("5d", THESE_RUNS)])
def test_one_success_rate_has_one_interval_wherever_it_is_shown(
    month: TimeSeriesStore, period: str, basis: str
) -> None:
    performance, reliability, kpis = PerformanceAnalyzer(month), ReliabilityAnalyzer(month), KpiAnalyzer(month)
    beside = {row["workflow_id"]: row for row in performance.breakdown(by="workflow", period=period).table.to_dicts()}
    groups = {row["workflow_id"]: row for row in reliability.breakdown(period=period).to_dicts()}
    levels = kpis.service_levels(period)
    promised = {
        (row["target"], row["workflow_id"]): (row["low"], row["high"], row["basis"]) for row in levels.to_dicts()
    }

    assert len(beside) == 3
    for name in [*beside, None]:
        stats = reliability.analyze(name, period).to_dict()
        expected = _bounds(stats, "success")
        figure = kpis.kpis(name, period).figure("success_rate")
        assert expected[2] == basis
        assert expected[0] < stats["success_rate"] < expected[1]
        assert (figure.low, figure.high, figure.basis) == expected
        assert promised["success rate ≥ 98 %", name] == expected
        if name is not None:
            alone = performance.analyze(name, period).success_rate_interval
            assert alone is not None
            assert (alone.low, alone.high, alone.basis) == expected
            assert _bounds(beside[name], "success_rate") == _bounds(groups[name], "success") == expected
    one = month.workflow_ids()[0]
    assert promised["success rate ≥ 90 %", one] == promised["success rate ≥ 98 %", one]


def test_every_rate_says_on_what_its_interval_rests(month: TimeSeriesStore) -> None:
    stats = ReliabilityAnalyzer(month).analyze(None, "all").to_dict()
    healed = ReliabilityAnalyzer(month).recoveries(period="all")
    figures = KpiAnalyzer(month).kpis(None, "all").figures
    rates = figures.filter(pl.col("low").is_not_null())

    assert [stats[f"{name}_basis"] for name in ("success", "first_attempt", "case")] == [DAYS] * 3
    assert healed.recovery_basis == DAYS
    assert set(healed.nodes["recovery_basis"]) <= {DAYS, THESE_RUNS}
    assert rates["name"].to_list() == ["success_rate", "straight_through", "step_retry_rate", "retry_rate"]
    assert set(rates["basis"]) == {DAYS}
    assert figures.filter(pl.col("low").is_null())["basis"].drop_nulls().is_empty()


def test_a_case_counts_for_the_day_on_which_it_began(month: TimeSeriesStore) -> None:
    stats = ReliabilityAnalyzer(month).analyze(None, "all")
    days = [(case["status"], case["began_at"]) for case in oracles.cases(month.read("executions").to_dicts())]
    counts: dict[date, list[int]] = {}
    for status, at in days:
        if status != "running":
            good, n = counts.setdefault((at + timedelta(hours=9)).date(), [0, 0])
            counts[(at + timedelta(hours=9)).date()] = [good + (status == "completed"), n + 1]
    expected = oracles.rate_interval([(good, n) for good, n in counts.values()], level=0.95)

    assert stats.case_low == pytest.approx(expected[0])
    assert stats.case_high == pytest.approx(expected[1])
    assert stats.case_basis == expected[2] == DAYS
