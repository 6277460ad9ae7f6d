"""Success rates by group."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.analysis.rates import attempt_rates, with_first_attempt
from rpa_lab.inference.intervals import wilson_interval
from tests import oracles, strategies


@given(strategies.attempts(), st.data())
def test_rates_of_each_workflow_are_counted_one_by_one(executions: pl.DataFrame, data: st.DataObject) -> None:
    names = executions["execution_id"].to_list()
    tried = data.draw(st.lists(st.tuples(st.sampled_from(names or ["e"]), st.integers(0, 2)), max_size=12))
    steps = [{"execution_id": name, "retry_count": again} for name, again in tried]
    retried = pl.LazyFrame(
        {"execution_id": sorted({step["execution_id"] for step in steps if step["retry_count"]})},
        schema={"execution_id": pl.String},
    )
    table = attempt_rates(with_first_attempt(executions.lazy(), retried), by=["workflow_id"], tz="UTC").collect()

    assert sorted(table["workflow_id"]) == sorted(executions["workflow_id"].unique())
    for row in table.iter_rows(named=True):
        mine = executions.filter(workflow_id=row["workflow_id"]).to_dicts()
        ended = [run for run in mine if run["status"] != "running"]
        first = oracles.first_attempts(mine, steps)
        expected = oracles.success_rate([run["status"] for run in mine])
        assert row["ended"] == len(ended)
        assert row["running"] == len(mine) - len(ended)
        assert row["success_rate"] == (None if expected is None else pytest.approx(expected))
        assert row["first_attempts"] == len(first)
        assert row["first_attempt_rate"] == (pytest.approx(100 * len(first) / len(ended)) if ended else None)
        if ended:
            bounds = wilson_interval(len(first), len(ended))
            assert (row["first_attempt_low"], row["first_attempt_high"]) == pytest.approx(bounds, abs=1e-9)
