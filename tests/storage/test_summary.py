"""Summaries against NumPy: merged in any order and grouping, and quantiles within their bounds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.errors import InputError
from rpa_lab.storage.summary import ACCURACY, bounds_of, bucket, buckets_of, locate, merge, quantile_from, summarise
from tests.strategies import durations_ms

_BY = ["workflow_id"]
_ROWS = st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.none() | durations_ms()), max_size=40)


def _frame(rows: Sequence[tuple[str | None, float | None]]) -> pl.LazyFrame:
    names, values = [name for name, _ in rows], [None if ms is None else round(ms, 3) for _, ms in rows]
    return pl.LazyFrame(
        {"workflow_id": names, "duration_ms": values}, schema={"workflow_id": pl.String, "duration_ms": pl.Float64}
    )


def _values(rows: Sequence[tuple[str | None, float | None]], name: str | None) -> list[float]:
    return [round(ms, 3) for one, ms in rows if one == name and ms is not None]


def _check(summaries: pl.DataFrame, rows: Sequence[tuple[str | None, float | None]]) -> None:
    assert sorted(summaries["workflow_id"], key=str) == sorted({name for name, _ in rows}, key=str)
    for row in summaries.iter_rows(named=True):
        values = _values(rows, row["workflow_id"])
        assert row["rows"] == sum(name == row["workflow_id"] for name, _ in rows)
        assert row["n"] == len(values) == sum(row["counts"])
        assert row["buckets"] == sorted(set(row["buckets"]))
        if not values:
            assert (row["mean_ms"], row["m2"], row["min_ms"], row["max_ms"]) == (None, None, None, None)
            continue
        scale = max(values) ** 2 * len(values)
        assert row["mean_ms"] == pytest.approx(np.mean(values), rel=1e-9, abs=1e-12)
        assert row["m2"] == pytest.approx(np.var(values) * len(values), rel=1e-9, abs=1e-12 * scale)
        assert (row["min_ms"], row["max_ms"]) == (min(values), max(values))


@given(_ROWS)
def test_a_summary_is_numpys(rows: list[tuple[str | None, float | None]]) -> None:
    _check(summarise(_frame(rows), by=_BY).collect(), rows)


@given(_ROWS, st.data())
def test_merging_in_any_order_and_grouping_is_the_summary_of_all(
    rows: list[tuple[str | None, float | None]], data: st.DataObject
) -> None:
    where = [data.draw(st.integers(0, 3)) for _ in rows]
    parts = [summarise(_frame([row for row, at in zip(rows, where, strict=True) if at == n]), by=_BY) for n in range(4)]
    a, b, c, d = data.draw(st.permutations(parts))
    at_once = merge(pl.concat([a, b, c, d]), by=_BY).collect()
    in_pairs = merge(pl.concat([merge(pl.concat([a, b]), by=_BY), merge(pl.concat([c, d]), by=_BY)]), by=_BY).collect()

    _check(at_once, rows)
    _check(in_pairs, rows)
    histogram = ["workflow_id", "rows", "n", "min_ms", "max_ms", "buckets", "counts"]
    assert at_once.select(histogram).sort("workflow_id").equals(in_pairs.select(histogram).sort("workflow_id"))


@given(st.lists(durations_ms(), min_size=1, max_size=60), st.floats(0, 1))
def test_the_quantile_lies_within_its_bounds_and_the_estimate_is_as_near_as_it_says(
    durations: list[float], q: float
) -> None:
    rows = [("a", ms) for ms in durations]
    values = _values(rows, "a")
    row = quantile_from(summarise(_frame(rows), by=_BY), q, by=_BY).collect().row(0, named=True)
    true = float(np.percentile(values, q * 100))
    slack = 1e-9 * max(1.0, true)

    assert row["n"] == len(values)
    assert row["low_ms"] - slack <= true <= row["high_ms"] + slack
    assert abs(row["value_ms"] - true) <= ACCURACY * true + slack


@given(st.lists(durations_ms(), min_size=1, max_size=60), st.floats(0, 1))
def test_reading_only_the_buckets_that_are_located_gives_the_exact_quantile(durations: list[float], q: float) -> None:
    rows = [("a", ms) for ms in durations]
    values = _values(rows, "a")
    found = locate(summarise(_frame(rows), by=_BY), q, by=_BY).collect().row(0, named=True)
    buckets = dict(zip(values, pl.DataFrame({"duration_ms": values}).select(bucket()).to_series(), strict=True))
    lower = sorted(ms for ms in values if buckets[ms] == found["lower_bucket"])[found["lower_rank"]]
    upper = sorted(ms for ms in values if buckets[ms] == found["upper_bucket"])[found["upper_rank"]]

    exact = lower + found["weight"] * (upper - lower)
    assert exact == pytest.approx(np.percentile(values, q * 100), rel=1e-9, abs=1e-9)


@given(st.integers(0, 2**45))
def test_a_bucket_holds_its_values_and_is_as_narrow_as_promised(micros: int) -> None:
    low, high = bounds_of()
    found = pl.DataFrame({"duration_ms": [micros / 1000]}).select(bucket()).select("bucket", low=low, high=high)
    number, low_ms, high_ms = found.row(0)
    low_us, high_us = round(low_ms * 1000), round(high_ms * 1000)

    assert low_us <= micros <= high_us
    assert high_us - low_us + 1 <= max(1, low_us / 64)
    exponent = max(0, int(micros).bit_length() - 7)  # another way to the same number
    assert number == exponent * 64 + (micros >> exponent)
    assert math.floor(low_us) == (micros >> exponent) << exponent


@given(st.lists(st.integers(0, 2**45) | st.integers(0, 300), min_size=1, max_size=20))
def test_an_arrays_buckets_are_those_of_a_column(micros: list[int]) -> None:
    durations = [us / 1000 for us in micros]
    expected = pl.DataFrame({"duration_ms": durations}).select(bucket()).to_series().to_list()
    assert buckets_of(np.array(durations)).tolist() == expected


def test_what_has_no_durations_has_no_quantile() -> None:
    summaries = summarise(_frame([("a", None), ("b", 2.0)]), by=_BY)
    assert quantile_from(summaries, 0.5, by=_BY).collect()["workflow_id"].to_list() == ["b"]
    assert summaries.collect().filter(pl.col("workflow_id") == "a")["buckets"].to_list() == [[]]


def test_a_quantile_that_is_no_fraction_is_refused() -> None:
    with pytest.raises(InputError, match="q is 95, expected a fraction from 0 to 1"):
        quantile_from(summarise(_frame([]), by=_BY), 95, by=_BY)
