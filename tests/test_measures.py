from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab import measures
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
