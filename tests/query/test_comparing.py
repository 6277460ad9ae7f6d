"""Tests of sides held against the first: figures, intervals, p-values, and what is said of their doubts."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rpa_lab.errors import InputError, UnknownNameError
from rpa_lab.period import Span
from rpa_lab.query.comparing import compared, measures_named
from rpa_lab.query.comparison import COLUMNS, corrected
from rpa_lab.query.measure import measure_of
from rpa_lab.query.sides import DAY, GROUP
from tests import oracles, strategies

START = datetime(2026, 11, 2, tzinfo=UTC)
ALL = ("success_rate", "avg", "p50 of completed", "p95", "std", "count", "rate_per_hour", "sum", "min", "max")
SAID = {"p50 of completed": ("p50", "duration_ms", "completed"), "success_rate": ("success_rate", None, None)}
SAID |= {name: (name, None, None) for name in ("count", "rate_per_hour")}


def _span(days: float, *, after: float = 0) -> Span:
    return Span(START + timedelta(days=after), START + timedelta(days=after + days))


def _rows(values: np.ndarray, *, group: int, status: str = "completed", first: int = 0) -> pl.DataFrame:
    """Executions of a group: one row of `values` per day, one column per run."""
    days, runs = values.shape
    return pl.DataFrame(
        {GROUP: [group] * values.size, DAY: np.repeat(np.arange(first, first + days), runs), "status": status}
    ).with_columns(
        (pl.lit(START.date()) + pl.duration(days=pl.col(DAY))).cast(pl.Date).alias(DAY),
        pl.Series("duration_ms", values.ravel()),
    )


def _table(rows: pl.DataFrame, spans: list[Span], metrics: tuple[str, ...], *, seed: int = 0) -> pl.DataFrame:
    names = [str(number) for number in range(len(spans))]
    measures = [measure_of(metric) for metric in metrics]
    return compared({"executions": rows}, spans, measures, names=names, recorded=_span(200), seed=seed)[0]


@given(strategies.compared_rows(), st.integers(0, 3))
def test_whatever_rows_there_are_figures_are_right_and_bounds_hold_them(rows: pl.DataFrame, seed: int) -> None:
    table = _table(rows, [_span(14)] * 3, ALL, seed=seed)

    assert table.columns == list(COLUMNS)
    assert table.select("metric", "group").rows() == [(metric, str(group)) for metric in ALL for group in range(3)]
    sides = [rows.filter(pl.col(GROUP) == group).to_dicts() for group in range(3)]
    for metric in ALL:
        name, column, status = SAID.get(metric, (metric, "duration_ms", None))
        counted = [[row for row in side if status in (None, row["status"])] for side in sides]
        expected = oracles.compared(counted, name, column, hours=[14 * 24] * 3)
        for row, (value, n, difference, ratio) in zip(table.filter(metric=metric).to_dicts(), expected, strict=True):
            assert row["n"] == n
            for got, wanted in ((row["value"], value), (row["difference"], difference), (row["ratio"], ratio)):
                assert got == (None if wanted is None else pytest.approx(wanted, rel=1e-9, abs=1e-9))
    _is_coherent(table)
    again = _table(rows.sample(fraction=1, shuffle=True, seed=1), [_span(14)] * 3, ALL, seed=seed)
    assert again.equals(table)  # to the last bit, in whichever order rows were read


def _is_coherent(table: pl.DataFrame) -> None:
    days_of_first = dict(table.filter(pl.col("group") == table["group"].first()).select("metric", "days").rows())
    for row in table.to_dicts():
        first = row["group"] == table["group"][0]
        if row["basis"] == "these runs only":
            assert min(row["days"], days_of_first[row["metric"]]) < 10
        for name in ("difference", "ratio", "effect"):
            low, high = row[f"{name}_low"], row[f"{name}_high"]
            assert (low is None) == (high is None)
            if low is not None:
                assert not first
                assert math.isfinite(low)
                assert math.isfinite(high)
                assert low <= high + 1e-9
        assert (row["basis"] is None) == (row["difference_low"] is None)
        assert (row["q_value"] is None) == (row["p_value"] is None) == (row["significant"] is None)
        if row["p_value"] is not None:
            assert not first
            assert 0 < row["p_value"] <= row["q_value"] <= 1
        if row["effect"] is not None:
            assert abs(row["effect"]) <= (math.pi if row["metric"] == "success_rate" else 1) + 1e-9


def test_a_robot_that_is_slower_on_the_same_days_is_found_though_days_differ_more() -> None:
    rng = np.random.default_rng(0)
    day = rng.lognormal(0, 0.3, (28, 1))
    base, same, slow = (factor * 1000 * day * rng.lognormal(0, 0.1, (28, 5)) for factor in (1.0, 1.0, 1.1))
    rows = pl.concat(_rows(values, group=group) for group, values in enumerate((base, same, slow)))
    table = _table(rows, [_span(28)] * 3, ("avg", "p50", "count", "success_rate"))
    found = {(row["metric"], row["group"]): row for row in table.to_dicts()}

    for metric in ("avg", "p50"):
        assert found[metric, "2"]["significant"]
        assert not found[metric, "1"]["significant"]
        assert found[metric, "2"]["ratio_low"] < 1.1 < found[metric, "2"]["ratio_high"]
        assert found[metric, "2"]["ratio_low"] > 1.03
        assert found[metric, "2"]["basis"] == "days"
    taken = [values.ravel().tolist() for values in (base, slow)]
    assert found["avg", "2"]["effect"] == pytest.approx(oracles.cliffs_delta(*taken))
    assert found["count", "2"]["p_value"] == 1
    assert found["success_rate", "2"]["basis"] is None  # all completed: how failures crowd on days nobody knows
    p_values = table["p_value"]
    again = corrected(pl.DataFrame({"p_value": p_values}), level=0.95)
    assert again["q_value"].to_list() == table["q_value"].to_list()


def test_the_same_of_periods_that_draw_and_exchange_days_of_their_own() -> None:
    rng = np.random.default_rng(1)
    before, now = (1000 * rng.lognormal(0, 0.05, (28, 1)) * rng.lognormal(0, 0.1, (28, 5)) for _ in range(2))
    spans = [_span(28), _span(28, after=28)]
    calm = _table(pl.concat([_rows(before, group=0), _rows(now, group=1, first=28)]), spans, ("avg", "p95"))
    slower = _table(pl.concat([_rows(before, group=0), _rows(1.2 * now, group=1, first=28)]), spans, ("avg", "p95"))

    assert not calm["significant"].any()
    assert slower.filter(group="1")["significant"].all()
    low, high = slower.filter(metric="avg", group="1").select("ratio_low", "ratio_high").row(0)
    assert low < 1.2 * calm.filter(metric="avg", group="1")["ratio"].item() < high


def test_a_count_has_days_without_runs_and_periods_of_other_length_differ_per_day_only_if_they_do() -> None:
    one = np.full((28, 2), 5.0)
    rows = pl.concat([_rows(one[:21:1], group=0), _rows(one[:7], group=1, first=28)])
    spans = [_span(28), _span(7, after=28)]
    table = _table(rows, spans, ("count", "rate_per_hour"))

    assert table["value"].to_list() == pytest.approx([42, 14, 42 / 672, 14 / 168])
    assert table["days"].to_list() == [21, 7, 21, 7]
    even = _table(pl.concat([_rows(one, group=0), _rows(one[:7], group=1, first=28)]), spans, ("count",))
    assert even["difference"].to_list() == [0.0, -42.0]
    assert even["p_value"].to_list() == [None, 1.0]
    assert even["effect"].to_list() == [None, 0.0]


def test_below_ten_days_intervals_speak_of_these_runs_and_below_five_nothing_is_decided() -> None:
    rng = np.random.default_rng(2)
    for days, decided in ((9, True), (4, False)):
        values = 100 * rng.lognormal(0, 0.1, (2, days, 30))
        rows = pl.concat([_rows(values[0], group=0), _rows(values[1], group=1)])
        table, doubts = compared(
            {"executions": rows},
            [_span(days)] * 2,
            [measure_of("avg")],
            names=["a", "b"],
            recorded=_span(days),
        )
        row = table.row(1, named=True)

        assert row["basis"] == "these runs only"
        assert (row["p_value"] is not None) == decided
        assert any(text.startswith("fewer than 10 days with runs of a, b") for text in doubts)
        assert any(text.startswith("fewer than 5 days") for text in doubts) != decided
        assert row["difference_low"] < row["difference"] < row["difference_high"]


def test_what_ten_days_leave_open_no_interval_of_these_runs_pretends_to_know() -> None:
    rng = np.random.default_rng(4)
    before, now = (1000 * rng.lognormal(0, 0.05, (14, 1)) * rng.lognormal(0, 0.1, (14, 20)) for _ in range(2))
    now[5] *= 8  # the one day that makes the 95th percentile
    rows = pl.concat([_rows(before, group=0), _rows(now, group=1, first=14)])
    row = _table(rows, [_span(14), _span(14, after=14)], ("p95", "p50")).filter(group="1").to_dicts()

    assert row[0]["ratio"] > 5
    assert not row[0]["significant"]
    assert row[0]["basis"] is row[0]["difference_low"] is row[0]["ratio_high"] is None
    assert row[1]["basis"] == "days"


def test_a_group_without_a_failure_has_an_interval_by_days_the_wider_the_more_failures_crowd_on_days() -> None:
    def widths(failed_on: list[int]) -> float:
        failed = [_rows(np.ones((1, 1)), group=0, first=day, status="failed") for day in failed_on]
        rows = pl.concat([_rows(np.ones((20, 19)), group=0), *failed, _rows(np.ones((20, 2)), group=1)])
        row = _table(rows, [_span(20)] * 2, ("success_rate",)).row(1, named=True)
        assert row["basis"] == "days"
        assert row["difference_low"] < 0 < row["difference"] < row["difference_high"]
        return float(row["difference_high"] - row["difference_low"])

    assert widths([3] * 5 + [7] * 5) > 1.5 * widths(list(range(0, 20, 2)))


def test_a_small_group_whose_days_are_even_because_nothing_failed_is_no_finding() -> None:
    failed = [_rows(np.ones((1, 2)), group=0, first=day, status="failed") for day in range(0, 28, 2)]
    rows = pl.concat([_rows(np.ones((28, 19)), group=0), *failed, _rows(np.ones((28, 1)), group=1)])
    p_value = _table(rows, [_span(28)] * 2, ("success_rate",)).row(1, named=True)["p_value"]

    assert p_value > 0.2  # none of 28 where 28 of 560 failed; by Fisher's test 0.63


@pytest.mark.parametrize("metric", ["avg", "p90", "std"])
def test_a_small_group_among_the_same_jobs_every_day_is_no_more_certain_than_independent_runs(metric: str) -> None:
    rng, bound = np.random.default_rng(6), 0
    for _ in range(20):
        taken = 1000 * rng.lognormal(0, 0.8, 40) * rng.lognormal(0, 0.1, (28, 40))
        few = rng.random((28, 40)) < 0.08
        rows = _rows(taken, group=0).with_columns(pl.Series(GROUP, few.ravel().astype(np.int64)))
        p_value = _table(rows, [_span(28)] * 2, (metric,)).row(1, named=True)["p_value"]

        counted = taken
        if metric == "p90":
            counted = (taken < np.quantile(taken, 0.9)).astype(np.float64)
        if metric == "std":
            counted = np.empty_like(taken)
            for side in (few, ~few):
                squares, std = (taken[side] - taken[side].mean()) ** 2, taken[side].std(ddof=1)
                counted[side] = std + (squares - squares.mean()) / (2 * std)
        variance = counted.var(axis=1, ddof=1).mean() * (1 / few.sum() + 1 / (~few).sum())
        of_runs = 2 * stats.norm.sf(abs(counted[few].mean() - counted[~few].mean()) / np.sqrt(variance))
        assert p_value >= of_runs * (1 - 1e-6)
        bound += p_value == pytest.approx(of_runs)
    assert bound > 2


def test_values_that_are_not_finite_are_told_and_nothing_is_inferred_of_them() -> None:
    values = np.full((14, 2), 5.0)
    values[3, 1] = math.inf
    rows = pl.concat([_rows(values, group=0), _rows(np.full((14, 2), 6.0), group=1)])
    table = _table(rows, [_span(14)] * 2, ("p50", "count"))

    assert table["value"].to_list()[:2] == [5.0, 6.0]
    assert table.filter(metric="p50")["p_value"].null_count() == 2
    assert table.filter(metric="count")["p_value"].null_count() == 1


def test_what_makes_periods_unlike_is_said() -> None:
    values = np.random.default_rng(3).lognormal(0, 0.1, (40, 3))
    rows = pl.concat([_rows(values[:14], group=0), _rows(values[14:24], group=1, first=10)])
    _, doubts = compared(
        {"executions": rows},
        [_span(14), _span(10, after=10)],
        [measure_of("count"), measure_of("max")],
        names=["a", "b"],
        recorded=_span(60),
    )

    for said in (
        "the periods overlap",
        "the periods are of 10 to 14 days: count",
        "different days of the week",
        "max: ",
    ):
        assert any(text.startswith(said) or said in text for text in doubts), said


def test_what_cannot_be_measured_is_said() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'completed'"):
        measure_of("p95 of complete")
    with pytest.raises(InputError, match="is no number"):
        measure_of("max(started_at)")
    with pytest.raises(InputError, match="metrics are empty"):
        measures_named([])
    assert [measure.name for measure in measures_named([measure_of("avg"), measure_of("avg")])] == ["avg"]
    assert measure_of("avg(steps.retry_count)").unit == ""
    assert [measure_of(name).unit for name in ("p95", "success_rate", "rate_per_hour", "count(duration_ms)")] == [
        "ms",
        "percent",
        "per h",
        "",
    ]


def test_days_of_two_periods_are_drawn_apart_and_totals_have_bounds_in_their_own_unit() -> None:
    rng = np.random.default_rng(4)
    values = np.concatenate([100 * rng.lognormal(0, 0.2, (5, 4)), 100 * rng.lognormal(0, 0.2, (9, 4))])
    one = pl.concat([_rows(values, group=0), _rows(values, group=1, first=14)])
    more = one.filter((pl.col(GROUP) == 0) | (pl.int_range(pl.len()) % 3 > 0))
    spans = [_span(14), _span(14, after=14)]
    same, fewer = _table(one, spans, ("avg", "count")), _table(more, spans, ("avg", "count", "rate_per_hour"))

    low, high = same.filter(metric="avg", group="1").select("difference_low", "difference_high").row(0)
    assert low < -5 < 5 < high  # the same values on other days are no evidence of being the same
    for metric in ("count", "rate_per_hour"):
        row = fewer.filter(metric=metric, group="1").row(0, named=True)
        assert row["difference_low"] < row["difference"] < row["difference_high"] < 0
        assert row["ratio_low"] < row["ratio"] < row["ratio_high"] < 1
