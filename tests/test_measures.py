from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab import measures
from rpa_lab.errors import InputError, UnknownNameError
from rpa_lab.schema import TABLES
from tests import oracles, strategies

VALUES = st.lists(strategies.durations_ms() | st.none(), max_size=40)


def _one(values: list[float | None], expression: pl.Expr) -> float | None:
    result: float | None = (
        pl.DataFrame({"duration_ms": values}, schema={"duration_ms": pl.Float64}).select(expression).item()
    )
    return result


@given(VALUES, st.floats(0, 1))
def test_quantiles_are_numpys(values: list[float | None], q: float) -> None:
    known = [value for value in values if value is not None]
    expected = float(np.quantile(known, q)) if known else None

    assert _one(values, measures.quantile(q)) == (
        None if expected is None else pytest.approx(expected, rel=1e-9, abs=1e-9)
    )


@given(VALUES)
def test_the_standard_deviation_is_numpys_with_ddof_1(values: list[float | None]) -> None:
    expected = oracles.duration_statistics(values)["std"]

    assert _one(values, measures.std()) == (None if expected is None else pytest.approx(expected, rel=1e-9, abs=1e-6))


@given(st.lists(st.sampled_from([*measures.FINISHED, "running"]), max_size=30))
def test_the_success_rate_is_over_what_ended(statuses: list[str]) -> None:
    frame = pl.DataFrame({"status": statuses}, schema={"status": pl.String})
    row = frame.select(measures.success_rate(), *measures.status_counts()).row(0, named=True)
    expected = oracles.success_rate(statuses)

    assert row["success_rate"] == (None if expected is None else pytest.approx(expected))
    assert {name: row[name] for name in (*measures.FINISHED, "running")} == {
        name: statuses.count(name) for name in (*measures.FINISHED, "running")
    }
    assert frame.select(measures.finished().sum()).item() == len(statuses) - statuses.count("running")


STEPS = TABLES["steps"]


def _aggregated(name: str, column: str, values: list[int | float | None]) -> tuple[object, int]:
    made_by, of = measures.aggregation_named(name), STEPS.readable[column]
    frame = pl.DataFrame({column: values}, schema={column: pl.Schema(STEPS.arrow)[column]})
    row = frame.select(value=made_by.value(STEPS, of), n=made_by.n(STEPS, of)).row(0)
    return row[0], row[1]


@given(VALUES, st.sampled_from(["count", "sum", "avg", "mean", "min", "max", "median", "std", "p1", "p50", "p99.9"]))
def test_aggregations_are_numpys(values: list[float | None], name: str) -> None:
    rows = [{"duration_ms": value} for value in values]
    value, n = oracles.measured(name, rows, "duration_ms")
    got, of = _aggregated(name, "duration_ms", values)

    assert got == (None if value is None else pytest.approx(value, rel=1e-9, abs=1e-6))
    assert of == n


def test_sums_of_counts_stay_whole_and_never_wrap_round() -> None:
    assert _aggregated("sum", "retry_count", [2**53, 1]) == (2**53 + 1, 2)
    assert _aggregated("sum", "retry_count", [2**62, 2**62]) == (None, 2)
    assert _aggregated("avg", "retry_count", [2**62, 2**62]) == (float(2**62), 2)
    assert _aggregated("sum", "retry_count", [None]) == (0, 0)


def test_percentiles_have_one_name_each() -> None:
    names = {name: measures.aggregation_named(name) for name in ("p5", "p05", "p5.0", "p99.9", "median", "mean")}
    assert names["p5"] == names["p05"] == names["p5.0"] == measures.Aggregation("p5", 0.05)
    assert names["p99.9"] == measures.Aggregation("p99.9", 0.999)
    assert (names["median"].name, names["median"].fraction) == ("median", 0.5)
    assert names["mean"] == measures.aggregation_named("avg")
    for name in ("p0", "p00.0", "p100", "p99.99", "p-1", "P95", "p", "p9 5", "", "p٩٥"):
        with pytest.raises(UnknownNameError, match="there is no aggregation"):
            measures.aggregation_named(name)
    with pytest.raises(InputError, match="aggregation is 95"):
        measures.aggregation_named(95)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("table", "statuses", "rate", "tried"),
    [
        ("executions", ["completed", "failed", "cancelled", "abandoned", "running"], 25.0, 4),
        ("steps", ["completed", "failed", "skipped"], 50.0, 2),
        ("steps", ["skipped"], None, 0),
        ("recoveries", ["recovered", "failed", "failed", "failed"], 25.0, 4),
    ],
)
def test_each_table_has_its_own_success(table: str, statuses: list[str], rate: float | None, tried: int) -> None:
    made_by = measures.aggregation_named("success_rate")
    frame = pl.DataFrame({"status": statuses})

    assert set(statuses) <= set(TABLES[table].statuses)
    assert frame.select(made_by.value(TABLES[table], None)).item() == rate
    assert frame.select(made_by.n(TABLES[table], None)).item() == tried


def test_statuses_that_have_ended_are_those_of_the_schema() -> None:
    assert set(TABLES["executions"].statuses) == {*measures.FINISHED, "running"}


def test_sums_and_means_are_the_same_to_the_bit_in_any_order() -> None:
    rng = np.random.default_rng(0)
    values = np.round(rng.lognormal(6, 1, 20_000), 3)
    runs = pl.DataFrame({"robot_id": rng.integers(0, 5, 20_000), "duration_ms": values})
    figures = [
        shuffled.lazy()
        .group_by("robot_id")
        .agg(measures.total(), measures.mean().alias("mean_ms"))
        .sort("robot_id")
        .collect()
        for shuffled in (runs.sample(fraction=1, shuffle=True, seed=seed) for seed in range(5))
    ]

    assert all(figure.equals(figures[0]) for figure in figures)
    exact = sum(Fraction(round(ms * 1000), 1000) for ms in runs.filter(robot_id=0)["duration_ms"])
    assert figures[0]["duration_ms"][0] == float(exact)


def test_all_times_of_a_frame_are_shown_in_the_zone_and_nothing_else_is_touched() -> None:
    at = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    rows = pl.DataFrame({"a": [at], "b": [at + timedelta(hours=1)], "n": [1]})

    shown = measures.local_times(rows, tz="Europe/Paris")

    assert [(time.hour, time.utcoffset()) for time in shown.select("a", "b").row(0)] == [
        (2, timedelta(hours=2)),
        (2, timedelta(hours=1)),
    ]
    assert shown["a"][0].astimezone(UTC) == at
    assert measures.local_times(rows.select("n"), tz="Europe/Paris").equals(rows.select("n"))
