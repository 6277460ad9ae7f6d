"""Property 8: for any executions, the success rate is completed / ended × 100.

Of one workflow, of all side by side and of all together; before and after compaction; whatever runs say, and however
their rows come in.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.analysis.reliability import ReliabilityAnalyzer
from rpa_lab.storage.compaction import compact
from rpa_lab.storage.store import TimeSeriesStore
from tests import oracles, strategies

NOW = datetime(2026, 11, 5, tzinfo=UTC)


@given(strategies.executions(), strategies.steps(), st.integers(0, 12))
def test_the_success_rate_is_completed_of_those_that_ended(
    tmp_path_factory: Any, executions: pl.DataFrame, steps: pl.DataFrame, cut: int
) -> None:
    root = tmp_path_factory.mktemp("store")
    store = TimeSeriesStore(root, as_of=NOW)
    for part in (executions[:cut], executions[cut:]):
        if part.height:
            store.write_frame("executions", part)
    store.write_frame("steps", steps)
    # nobody has heard of their collectors since, so whatever was running has been abandoned
    rows = [row | {"status": row["status"].replace("running", "abandoned")} for row in executions.to_dicts()]
    first = oracles.first_attempts(rows, steps.to_dicts())

    for compacted in (False, True):
        if compacted:
            compact(root, grace_s=0)
        analyzer = ReliabilityAnalyzer(store)
        table = analyzer.breakdown(period="2026-10")
        assert sorted(table["workflow_id"]) == sorted(executions["workflow_id"].unique())
        for row in table.iter_rows(named=True):
            mine = [run for run in rows if run["workflow_id"] == row["workflow_id"]]
            expected = pytest.approx(oracles.success_rate([run["status"] for run in mine]))
            assert row["success_rate"] == expected
            smooth = [run for run in mine if run["execution_id"] in first]
            assert row["first_attempt_rate"] == pytest.approx(100 * len(smooth) / len(mine))
            assert row["first_attempt_rate"] <= row["success_rate"]
            assert row["success_low"] <= row["success_rate"] <= row["success_high"]
        if table.height:
            alone = analyzer.analyze(table["workflow_id"][0], "2026-10")
            assert alone.success_rate == pytest.approx(table["success_rate"][0])
        together = analyzer.analyze(None, "2026-10")
        rate = oracles.success_rate([run["status"] for run in rows])
        assert together.success_rate == (None if rate is None else pytest.approx(rate))
        assert together.ended == len(rows)
